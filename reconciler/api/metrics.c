/* metrics.c: see metrics.h. */
#include "reconciler/api/metrics.h"
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define PREFIX "muster_"

/* ---- the format ---- */

/* A backslash, a quote and a line's end are written with a backslash before them. */
static void append_label(GString *out, const char *name, const char *value)
{
    g_string_append_printf(out, "%s=\"", name);
    for (const char *byte = value; *byte; byte++) {
        if (*byte == '\n')
            g_string_append(out, "\\n");
        else if (*byte == '\\' || *byte == '"')
            g_string_append_printf(out, "\\%c", *byte);
        else
            g_string_append_c(out, *byte);
    }
    g_string_append_c(out, '"');
}

static void family(GString *out, const char *name, const char *type, const char *help)
{
    g_string_append_printf(out, "# HELP " PREFIX "%s %s\n# TYPE " PREFIX "%s %s\n", name, help, name, type);
}

/* Up to two labels; value in thousandths. */
static void sample(GString *out, const char *name, const char *const labels[4], int64_t value_e3)
{
    uint64_t absolute = value_e3 < 0 ? 0 - (uint64_t)value_e3 : (uint64_t)value_e3;
    g_string_append_printf(out, PREFIX "%s", name);
    for (size_t i = 0; i < 4 && labels[i]; i += 2) {
        g_string_append_c(out, i ? ',' : '{');
        append_label(out, labels[i], labels[i + 1]);
    }
    g_string_append_printf(out, "%s %s%" G_GUINT64_FORMAT, labels[0] ? "}" : "", value_e3 < 0 ? "-" : "",
                           absolute / 1000);
    if (absolute % 1000)
        g_string_append_printf(out, ".%03u", (unsigned)(absolute % 1000));
    g_string_append_c(out, '\n');
}

static void single(GString *out, const char *name, const char *type, const char *help, int64_t value_e3)
{
    static const char *const none[4] = {NULL};
    family(out, name, type, help);
    sample(out, name, none, value_e3);
}

/* ---- what status has ---- */

static const char *text_of(const json_t *object, const char *member)
{
    const char *text = json_string_value(json_object_get(object, member));
    return text ? text : "";
}

static bool has(const json_t *object, const char *member, int64_t *ret_value)
{
    const json_t *value = json_object_get(object, member);
    *ret_value = json_integer_value(value);
    return json_is_integer(value);
}

/* One sample of each source for which it is known. */
typedef struct {
    const char *name, *help, *part, *member;
    int64_t scale_e3; /* to seconds */
} SourceFigure;

static void source_figure(GString *out, const json_t *sources, const SourceFigure *figure)
{
    size_t i;
    json_t *source;
    family(out, figure->name, "gauge", figure->help);
    json_array_foreach(sources, i, source)
    {
        int64_t value;
        const char *const labels[4] = {"source", text_of(source, "name")};
        if (has(json_object_get(source, figure->part), figure->member, &value))
            sample(out, figure->name, labels, value * figure->scale_e3);
    }
}

/* 1 for the state that it is in, 0 for the others; one that is not among them is told all the same. */
static void state_samples(GString *out, const char *name, const char *source, const char *state,
                          const char *const *states)
{
    bool is_known = false;
    for (const char *const *one = states; *one; one++) {
        const char *const labels[4] = {"source", source, "state", *one};
        bool is_it = strcmp(state, *one) == 0;
        sample(out, name, labels, is_it ? 1000 : 0);
        is_known |= is_it;
    }
    const char *const labels[4] = {"source", source, "state", state};
    if (!is_known)
        sample(out, name, labels, 1000);
}

/* part NULL: of the source itself. */
static void source_states(GString *out, const json_t *sources, const char *name, const char *help,
                          const char *part, const char *const *states)
{
    size_t i;
    json_t *source;
    family(out, name, "gauge", help);
    json_array_foreach(sources, i, source)
    {
        const json_t *of = part ? json_object_get(source, part) : source;
        if (of)
            state_samples(out, name, text_of(source, "name"), text_of(of, "state"), states);
    }
}

static void sources_text(GString *out, const json_t *sources)
{
    static const char *const states[] = {"ok", "broken", "refused", "waiting", NULL}, *const remotes[] = {
                                                                                          "ok", "held",
                                                                                          "unreachable",
                                                                                          NULL};
    static const SourceFigure figures[] = {
        {"source_behind_seconds", "For how long the remote has had what is not in force.", "remote",
         "behindSeconds", 1000},
        {"source_head_checked_timestamp_seconds", "When the remote answered last.", "remote", "checkedAt", 1},
        {"source_webhook_accepted_timestamp_seconds", "When a webhook was taken last.", "webhook",
         "acceptedAt", 1},
        {"source_webhook_refused_timestamp_seconds", "When a webhook was refused last.", "webhook",
         "refusedAt", 1},
    };
    source_states(out, sources, "source_state", "How a source stands.", NULL, states);
    source_states(out, sources, "source_remote_state", "How the remote of a source stands.", "remote",
                  remotes);
    for (size_t i = 0; i < G_N_ELEMENTS(figures); i++)
        source_figure(out, sources, &figures[i]);
}

static void queues_text(GString *out, const json_t *queues)
{
    static const char *const statuses[] = {"SUBMITTED", "PENDING",   "RUNNABLE", "STARTING",
                                           "RUNNING",   "SUCCEEDED", "FAILED"};
    size_t i;
    json_t *queue;
    family(out, "queue_jobs", "gauge", "Jobs of a queue by status.");
    json_array_foreach(queues, i, queue)
    {
        const json_t *counts = json_object_get(queue, "counts");
        for (size_t state = 0; state < G_N_ELEMENTS(statuses); state++) {
            const char *const labels[4] = {"queue", text_of(queue, "name"), "status", statuses[state]};
            sample(out, "queue_jobs", labels,
                   json_integer_value(json_object_get(counts, statuses[state])) * 1000);
        }
    }
}

char *metrics_text(const json_t *status, int64_t now_ms)
{
    GString *out = g_string_new(NULL);
    const json_t *loop = json_object_get(status, "loop");
    const char *const version[4] = {"version", text_of(status, "version")};
    int64_t value;
    family(out, "build_info", "gauge", "The version that runs.");
    sample(out, "build_info", version, 1000);
    single(out, "time_seconds", "gauge", "The clock of what is told here.", now_ms);
    if (has(status, "startedAt", &value))
        single(out, "start_time_seconds", "gauge", "When it started.", value);
    if (has(status, "committedAt", &value))
        single(out, "committed_timestamp_seconds", "gauge", "When the state was committed last.", value);
    single(out, "store_refuses", "gauge", "1 while the state cannot be written.",
           *text_of(status, "refusal") ? 1000 : 0);
    single(out, "loop_longest_seconds", "gauge", "The longest that the loop did not look for what arrives.",
           (int64_t)(json_number_value(json_object_get(loop, "longestMs")) + 0.5));
    if (has(json_object_get(status, "backup"), "madeAt", &value))
        single(out, "backup_timestamp_seconds", "gauge", "When the last backup was made.", value);
    has(json_object_get(status, "omitted"), "held", &value);
    single(out, "held_tasks", "gauge", "Tasks of jobs that the state, which was restored, does not know.",
           (value + (int64_t)json_array_size(json_object_get(status, "held"))) * 1000);
    if (has(loop, "over5Ms", &value))
        single(out, "loop_over_5ms_total", "counter", "How often that was more than 5 ms.", value * 1000);
    if (has(json_object_get(status, "jobs"), "unfinished", &value))
        single(out, "jobs_unfinished", "gauge", "Jobs that have not ended.", value * 1000);
    sources_text(out, json_object_get(status, "sources"));
    queues_text(out, json_object_get(status, "queues"));
    return g_string_free(out, FALSE);
}
