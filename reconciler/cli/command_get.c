#include "reconciler/cli/listing.h"
#include "reconciler/cli/lookup.h"
#include "reconciler/cli/options.h"
#include "reconciler/cli/report.h"
#include "reconciler/world/record.h"
#include "spec/base/diagnostic.h"

#define LIMIT_DEFAULT 100
#define PAGE          1000 /* jobs of one answer */

static int list_kinds(void)
{
    g_autoptr(GString) out = g_string_new("jobs\nruns\n");
    for (int kind = 0; kind < KIND_COUNT; kind++)
        if (kind != KIND_JOB)
            g_string_append_printf(out, "%s\n", kind_plural((Kind)kind));
    output_string(out);
    return EXIT_OK;
}

/* Prints what was asked for; whole is what json and yaml show. */
static int print_list(const Options *options, const json_t *whole, GString *table)
{
    OutputFormat format = output_format(options->output);
    if (format == OUTPUT_JSON)
        output_json(whole);
    else if (format == OUTPUT_YAML)
        output_yaml(whole);
    else
        output_string(table);
    return EXIT_OK;
}

/* ---- jobs
 * ---------------------------------------------------------------------------------------------------------
 */

/* "RUNNING,failed" → ["RUNNING","FAILED"]; NULL with error. */
static json_t *parse_states(const char *text, GError **error)
{
    g_autofree char *upper = g_ascii_strup(text, -1);
    g_auto(GStrv) words = g_strsplit(upper, ",", -1);
    const char *names[JOB_STATE_COUNT + 1] = {NULL};
    json_t *states = json_array();
    for (int state = 0; state < JOB_STATE_COUNT; state++)
        names[state] = job_state_name((JobState)state);
    for (char **word = words; *word; word++) {
        if (g_strv_contains(names, *word)) {
            json_array_append_new(states, json_string(*word));
            continue;
        }
        const char *nearest = suggest_nearest(view_from(*word), names);
        g_autofree char *all = g_strjoinv(", ", (char **)(uintptr_t)names);
        g_set_error(error, CLI_ERROR, EXIT_ERROR, "--status \"%s\" is no state of a job%s%s%s (%s)", *word,
                    nearest ? "; did you mean " : "", nearest ? nearest : "", nearest ? "?" : "", all);
        json_decref(states);
        return NULL;
    }
    return states;
}

static json_t *jobs_request(const Options *options, const char *array, GError **error)
{
    int64_t before_ms = 0, after_ms = 0;
    if (!option_time("created-before", options->created_before, &before_ms, error) ||
        !option_time("created-after", options->created_after, &after_ms, error))
        return NULL;
    json_t *request = json_pack("{s:s*,s:s*,s:s*,s:s*,s:s*,s:s*}", "queue", options->queue, "name",
                                options->name, "definition", options->definition, "shareIdentifier",
                                options->share_identifier, "run", options->run, "array", array);
    if (before_ms)
        json_object_set_new(request, "createdBefore", json_integer(before_ms));
    if (after_ms)
        json_object_set_new(request, "createdAfter", json_integer(after_ms));
    if (options->status) {
        json_t *states = parse_states(options->status, error);
        if (!states) {
            json_decref(request);
            return NULL;
        }
        json_object_set_new(request, "status", states);
    }
    return request;
}

/* Pages until limit. */
static json_t *fetch_jobs(Session *session, json_t *request, int64_t limit, GError **error)
{
    json_t *all = json_array();
    while (true) {
        int64_t left = limit - (int64_t)json_array_size(all);
        json_object_set_new(request, "limit", json_integer(MIN(left, PAGE)));
        json_t *answer = backend_call(session->backend, "jobs", json_incref(request), error);
        if (!answer) {
            json_decref(all);
            return NULL;
        }
        json_array_extend(all, json_object_get(answer, "jobs"));
        json_t *next = json_incref(json_object_get(answer, "next"));
        json_decref(answer);
        if (!next || (int64_t)json_array_size(all) >= limit) {
            json_decref(next);
            return all;
        }
        json_object_set_new(request, "before", next);
    }
}

static int get_jobs(const Options *options, Session *session, const char *array)
{
    g_autoptr(GError) error = NULL;
    int64_t limit = LIMIT_DEFAULT;
    if (!option_integer("limit", options->limit, 1, 10000000, &limit, &error))
        return report_error(error);
    json_t *request = jobs_request(options, array, &error);
    json_t *jobs = request ? fetch_jobs(session, request, limit, &error) : NULL;
    json_decref(request);
    if (!jobs)
        return report_error(error);
    ListStyle style = list_style(options->output);
    g_autoptr(GString) table = g_string_new(NULL);
    list_jobs(jobs, &style, table);
    bool is_cut = (int64_t)json_array_size(jobs) == limit;
    json_t *whole = json_pack("{s:o}", "jobs", jobs);
    int code = print_list(options, whole, table);
    json_decref(whole);
    if (is_cut && !options->limit)
        report_note("the newest %d are shown; --limit N shows more", LIMIT_DEFAULT);
    return code;
}

/* One job: its row, and the rows of an array's children where asked for by --status or the like. */
static int get_job(const Options *options, Session *session, const char *id)
{
    g_autoptr(GError) error = NULL;
    json_t *job = lookup_job(session, id, &error);
    if (!job)
        return report_error(error);
    bool is_parent = json_object_get(json_object_get(job, "arrayProperties"), "statusSummary") != NULL;
    if (is_parent && options->status) {
        g_autofree char *whole_id = g_strdup(member_text(job, "jobId"));
        json_decref(job);
        return get_jobs(options, session, whole_id);
    }
    ListStyle style = list_style(options->output);
    g_autoptr(GString) table = g_string_new(NULL);
    json_t *list = json_pack("[O]", job);
    list_jobs(list, &style, table);
    int code = print_list(options, job, table);
    json_decref(list);
    json_decref(job);
    return code;
}

/* ---- the rest
 * ----------------------------------------------------------------------------------------------------- */

static int get_runs(const Options *options, Session *session, const char *name)
{
    g_autoptr(GError) error = NULL;
    json_t *runs = lookup_runs(session, name, &error);
    if (!runs)
        return report_error(error);
    ListStyle style = list_style(options->output);
    g_autoptr(GString) table = g_string_new(NULL);
    list_runs(runs, &style, table);
    json_t *whole = json_pack("{s:o}", "runs", runs);
    int code = print_list(options, whole, table);
    json_decref(whole);
    return code;
}

static int get_resources(const Options *options, Session *session, Kind kind, const char *name)
{
    g_autoptr(GError) error = NULL;
    json_t *items = lookup_items(session, kind, name, &error);
    if (!items)
        return report_error(error);
    ListStyle style = list_style(options->output);
    g_autoptr(GString) table = g_string_new(NULL);
    list_resources(kind, items, &style, table);
    json_t *whole = name ? json_incref(json_array_get(items, 0)) : json_pack("{s:O}", "items", items);
    int code = print_list(options, whole, table);
    json_decref(whole);
    json_decref(items);
    return code;
}

static int get_found(const Options *options, Session *session, const Lookup *lookup)
{
    switch (lookup->type) {
    case LOOKUP_RUNS: return get_runs(options, session, lookup->name);
    case LOOKUP_JOBS:
        if (!lookup->name)
            return get_jobs(options, session, NULL);
        if (lookup_is_id(lookup->name))
            return get_job(options, session, lookup->name);
        return get_resources(options, session, KIND_JOB, lookup->name);
    case LOOKUP_RESOURCE: return get_resources(options, session, lookup->kind, lookup->name);
    }
    g_assert_not_reached();
}

static int run(Invocation *invocation)
{
    g_auto(Session) session = {0};
    g_autoptr(GError) error = NULL;
    Lookup lookup;
    kinds_init();
    if (!invocation->arguments_len)
        return list_kinds();
    if (!lookup_parse(invocation->arguments, invocation->arguments_len, &lookup, &error) ||
        !session_open_here(invocation, BACKEND_READ, &session, &error))
        return report_error(error);
    int code = get_found(&invocation->options, &session, &lookup);
    if (code == EXIT_OK)
        backend_note_age(session.backend);
    return session_close(&session, code);
}

static const OptionSpec options[] = {
    OPTION_OUTPUT,
    {"queue", 0, OPTION_TEXT, OPTION(queue), "Q", "jobs of this queue", NULL},
    {"status", 0, OPTION_TEXT, OPTION(status), "S,…",
     "jobs in these states; with an array's id: its children", NULL},
    {"name", 0, OPTION_TEXT, OPTION(name), "NAME",
     "jobs of this name, in any case; a trailing * matches the rest", NULL},
    {"definition", 0, OPTION_TEXT, OPTION(definition), "D",
     "jobs of this definition: NAME, NAME*, NAME:REVISION or its ARN", NULL},
    {"share-identifier", 0, OPTION_TEXT, OPTION(share_identifier), "S", "jobs of this share", NULL},
    {"created-before", 0, OPTION_TEXT, OPTION(created_before), "TIME",
     "jobs submitted before TIME: 2026-07-20T14:00Z, or 2h for two hours ago", NULL},
    {"created-after", 0, OPTION_TEXT, OPTION(created_after), "TIME", "jobs submitted after TIME", NULL},
    {"run", 0, OPTION_TEXT, OPTION(run), "ID", "jobs of this run", NULL},
    {"limit", 0, OPTION_TEXT, OPTION(limit), "N", "at most so many jobs, the newest (default 100)", NULL},
};

const Command command_get = {
    .name = "get",
    .group = GROUP_LOOKING,
    .arguments = "[KIND [NAME]]",
    .summary = "list what is: jobs, runs, queues, environments, …",
    .description = "Lists the resources of a kind, or one of them. Kinds may be written in any form: "
                   "JobQueue, job-queues, jq. "
                   "Without KIND it lists the kinds.\n\n"
                   "jobs are the jobs that were submitted, newest first; runs are the runs of Job and "
                   "Pipeline manifests. A job is "
                   "named by its id or the first four or more digits of it.",
    .examples = "muster get queues\tall queues\n"
                "muster get environments -o wide\twhat each holds, has free and has spent\n"
                "muster get jobs --queue high --status RUNNABLE,RUNNING\twhat waits and runs\n"
                "muster get jobs 5b0c --status FAILED\tthe children of an array that failed\n"
                "muster get jq high -o yaml\tone of them, whole",
    .options = options,
    .options_len = G_N_ELEMENTS(options),
    .argument = ARGUMENT_KIND,
    .min_arguments = 0,
    .max_arguments = 2,
    .exits = EXITS(EXIT_NOT_FOUND),
    .run = run,
};
