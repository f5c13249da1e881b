/* describe.c: one job or resource in sections (listing.h). */
#include "reconciler/cli/listing.h"
#include "spec/base/units.h"

static void field(GString *out, const char *label, const char *value)
{
    if (!value || !*value)
        return;
    g_autofree char *shown = printable(value);
    g_string_append_printf(out, "%-14s %s\n", label, shown);
}

static void field_state(GString *out, const char *label, const char *state, const ListStyle *style)
{
    g_autofree char *shown = colored(state, state_color(state), style->is_colored);
    if (*state)
        g_string_append_printf(out, "%-14s %s\n", label, shown);
}

static void field_time(GString *out, const char *label, int64_t at_ms, const ListStyle *style)
{
    g_autofree char *at = time_local(at_ms);
    g_autofree char *ago = time_between(at_ms, style->now_ms);
    if (at_ms)
        g_string_append_printf(out, "%-14s %s (%s ago)\n", label, at, ago);
}

static void section(GString *out, const char *title)
{
    g_string_append_printf(out, "\n%s:\n", title);
}

static void yaml_section(GString *out, const char *title, const json_t *value)
{
    if (!json_object_size(value) && !json_array_size(value))
        return;
    section(out, title);
    yaml_append(value, 2, out);
}

/* ---- jobs
 * ---------------------------------------------------------------------------------------------------------
 */

static void job_head(const json_t *job, const ListStyle *style, GString *out)
{
    field(out, "Job:", member_text(job, "jobName"));
    field(out, "Id:", member_text(job, "jobId"));
    field_state(out, "Status:", member_text(job, "status"), style);
    field(out, "Reason:", member_text(job, "statusReason"));
    field(out, "Waiting:", member_text(job, "waiting"));
    field(out, "Queue:", member_text(job, "queue"));
    field(out, "Definition:", member_text(job, "definition"));
    field(out, "Run:", member_text(job, "run"));
    field(out, "Step:", member_text(job, "step"));
    field_time(out, "Created:", member_integer(job, "createdAt"), style);
    field_time(out, "Started:", member_integer(job, "startedAt"), style);
    field_time(out, "Stopped:", member_integer(job, "stoppedAt"), style);
    field(out, "Log:", member_text(job, "logPath"));
}

static void job_array(const json_t *array, GString *out)
{
    const char *state;
    json_t *count;
    if (!array)
        return;
    section(out, "Array");
    g_string_append_printf(out, "  size: %" G_GINT64_FORMAT "\n", member_integer(array, "size"));
    if (json_object_get(array, "index"))
        g_string_append_printf(out, "  index: %" G_GINT64_FORMAT "\n", member_integer(array, "index"));
    json_object_foreach(json_object_get(array, "statusSummary"), state, count)
    {
        if (json_integer_value(count))
            g_string_append_printf(out, "  %s: %" JSON_INTEGER_FORMAT "\n", state, json_integer_value(count));
    }
}

static void job_dependencies(const json_t *list, GString *out)
{
    size_t index;
    json_t *item;
    if (!json_array_size(list))
        return;
    section(out, "Depends on");
    json_array_foreach(list, index, item)
    {
        const char *id = member_text(item, "jobId"), *type = member_text(item, "type");
        g_string_append_printf(out, "  %s%s%s\n", *id ? id : "the child before it", *type ? " " : "", type);
    }
}

static const Column attempt_columns[] = {
    {"ATTEMPT", ALIGN_RIGHT, COLUMN_ALWAYS},    {"STARTED", ALIGN_LEFT, COLUMN_ALWAYS},
    {"RAN", ALIGN_RIGHT, COLUMN_ALWAYS},        {"EXIT", ALIGN_RIGHT, COLUMN_ALWAYS},
    {"ENVIRONMENT", ALIGN_LEFT, COLUMN_ALWAYS}, {"REASON", ALIGN_LEFT, COLUMN_ALWAYS},
    {"LOG", ALIGN_LEFT, COLUMN_ALWAYS},
};

static void attempt_row(Table *table, const json_t *attempt, const ListStyle *style)
{
    int64_t started = member_integer(attempt, "startedAt"), stopped = member_integer(attempt, "stoppedAt");
    const json_t *code = json_object_get(attempt, "exitCode");
    const char *reason = member_text(attempt, "reason");
    table_cell_take(table, integer_human(member_integer(attempt, "attempt")));
    table_cell_take(table, time_local(started));
    table_cell_take(table, time_between(started, stopped ? stopped : style->now_ms));
    table_cell_take(table, code ? g_strdup_printf("%" JSON_INTEGER_FORMAT, json_integer_value(code)) : NULL);
    table_cell(table, member_text(attempt, "environment"));
    table_cell(table, *reason ? reason : member_text(attempt, "statusReason"));
    table_cell(table, member_text(attempt, "logPath"));
}

static void job_attempts(const json_t *attempts, const ListStyle *style, GString *out)
{
    g_autoptr(Table) table = table_new(attempt_columns, G_N_ELEMENTS(attempt_columns));
    size_t index;
    json_t *attempt;
    if (!json_array_size(attempts))
        return;
    section(out, "Attempts");
    json_array_foreach(attempts, index, attempt) attempt_row(table, attempt, style);
    table_render(table, style->is_wide, style->is_colored, out);
}

void describe_job(const json_t *job, const ListStyle *style, GString *out)
{
    job_head(job, style, out);
    job_array(json_object_get(job, "arrayProperties"), out);
    job_dependencies(json_object_get(job, "dependsOn"), out);
    job_attempts(json_object_get(job, "attempts"), style, out);
    yaml_section(out, "Container", json_object_get(job, "container"));
    yaml_section(out, "Retry strategy", json_object_get(job, "retryStrategy"));
    yaml_section(out, "Timeout", json_object_get(job, "timeout"));
}

/* ---- steps of a pipeline */

static const Column step_columns[] = {
    {"STEP", ALIGN_LEFT, COLUMN_ALWAYS},      {"STATUS", ALIGN_LEFT, COLUMN_ALWAYS},
    {"CHILDREN", ALIGN_LEFT, COLUMN_ALWAYS},  {"ATTEMPTS", ALIGN_RIGHT, COLUMN_ALWAYS},
    {"STARTED", ALIGN_LEFT, COLUMN_ALWAYS},   {"RAN", ALIGN_RIGHT, COLUMN_ALWAYS},
    {"WAITS FOR", ALIGN_LEFT, COLUMN_ALWAYS}, {"REASON", ALIGN_LEFT, COLUMN_ALWAYS},
    {"JOB", ALIGN_LEFT, COLUMN_WIDE},
};

/* "16 of 24, 3 running, 1 failed" */
static char *children_text(const json_t *step)
{
    const json_t *counts = json_object_get(step, "counts");
    int64_t size = member_integer(step, "size"), failed = member_integer(counts, "FAILED");
    int64_t running = member_integer(counts, "STARTING") + member_integer(counts, "RUNNING");
    if (!size)
        return NULL;
    g_autoptr(GString) text = g_string_new(NULL);
    g_string_append_printf(text, "%" G_GINT64_FORMAT " of %" G_GINT64_FORMAT,
                           member_integer(counts, "SUCCEEDED"), size);
    if (running)
        g_string_append_printf(text, ", %" G_GINT64_FORMAT " running", running);
    if (failed)
        g_string_append_printf(text, ", %" G_GINT64_FORMAT " failed", failed);
    return g_string_free(g_steal_pointer(&text), FALSE);
}

static char *names_text(const json_t *names)
{
    g_autoptr(GString) text = g_string_new(NULL);
    json_t *name;
    size_t i;
    json_array_foreach(names, i, name)
        g_string_append_printf(text, "%s%s", text->len ? ", " : "", json_string_value(name));
    return text->len ? g_string_free(g_steal_pointer(&text), FALSE) : NULL;
}

static void step_row(Table *table, const json_t *step, const ListStyle *style)
{
    int64_t started = member_integer(step, "startedAt"), stopped = member_integer(step, "stoppedAt");
    const char *reason = member_text(step, "statusReason"), *waiting = member_text(step, "waiting");
    table_cell(table, member_text(step, "name"));
    table_cell(table, member_text(step, "status"));
    table_cell_take(table, children_text(step));
    table_cell_take(table, json_object_get(step, "size") || !started
                               ? NULL
                               : integer_human(member_integer(step, "attempts")));
    table_cell_take(table, time_local(started));
    table_cell_take(table, time_between(started, stopped ? stopped : style->now_ms));
    table_cell_take(table, names_text(json_object_get(step, "waitsFor")));
    bool is_good = started && strcmp(member_text(step, "status"), "SUCCEEDED") == 0;
    table_cell(table, is_good ? NULL : *reason ? reason : *waiting ? waiting : NULL);
    table_cell(table, member_text(step, "jobId"));
}

static void pipeline_steps(const json_t *item, const ListStyle *style, GString *out)
{
    const json_t *steps = json_object_get(item, "steps"), *run = json_object_get(item, "run");
    json_t *step;
    size_t i;
    g_autoptr(Table) table = table_new(step_columns, G_N_ELEMENTS(step_columns));
    if (!json_array_size(steps))
        return;
    if (run)
        g_string_append_printf(out, "\nSteps of run %" G_GINT64_FORMAT " (%s):\n",
                               member_integer(run, "number"), member_text(run, "state"));
    else
        section(out, "Steps");
    json_array_foreach(steps, i, step) step_row(table, step, style);
    table_render(table, style->is_wide, style->is_colored, out);
}

static void pipeline_schedules(const json_t *item, GString *out)
{
    json_t *schedule;
    size_t i;
    if (!json_array_size(json_object_get(item, "schedules")))
        return;
    section(out, json_is_true(json_object_get(item, "suspended")) ? "Schedules (suspended)" : "Schedules");
    json_array_foreach(json_object_get(item, "schedules"), i, schedule)
    {
        g_autofree char *next = time_local(member_integer(schedule, "nextAt"));
        const char *fault = member_text(schedule, "fault");
        g_string_append_printf(out, "  %s  %s  %s%s\n", member_text(schedule, "schedule"),
                               member_text(schedule, "timeZone"),
                               *fault ? "" : "next: ", *fault ? fault : next);
    }
}

/* ---- resources
 * ---------------------------------------------------------------------------------------------------- */

/* What machines are made from, and what would be taken now. */
static void list_pins(const json_t *pins, GString *out)
{
    const json_t *newest = json_object_get(pins, "newest");
    const char *reference;
    json_t *value;
    if (json_object_size(json_object_get(pins, "pinned")) > 0)
        section(out, "Instances are made from");
    json_object_foreach(json_object_get(pins, "pinned"), reference, value)
    {
        const char *now = member_text(newest, reference);
        g_autofree char *what = printable(reference), *is = printable(json_string_value(value)),
                        *would = printable(now);
        bool is_newer = *now && strcmp(now, json_string_value(value)) != 0;
        g_string_append_printf(out, "  %s: %s%s%s\n", what, is, is_newer ? " → " : "", is_newer ? would : "");
    }
    if (member_integer(pins, "newerSince")) {
        g_autofree char *since = time_local(member_integer(pins, "newerSince"));
        g_string_append_printf(out, "    what is newer: since %s\n", since);
    }
}

void describe_resource(const json_t *item, const ListStyle *style, GString *out)
{
    const char *owner = member_text(item, "owner");
    const json_t *runs = json_object_get(item, "runs");
    g_autofree char *place =
        g_strdup_printf("%s:%" G_GINT64_FORMAT, member_text(item, "file"), member_integer(item, "line"));
    g_string_append_printf(out, "%s/%s\n", member_text(item, "kind"), member_text(item, "name"));
    field(out, "Owner:", *owner ? owner : "none: unmanaged");
    field_state(out, "Status:", member_text(item, "status"), style);
    field(out, "Reason:", member_text(item, "statusReason"));
    field(out, "Manifest:", *member_text(item, "file") ? place : "");
    if (member_integer(item, "revision"))
        g_string_append_printf(out, "%-14s %" G_GINT64_FORMAT "\n",
                               "Revision:", member_integer(item, "revision"));
    field(out, "Digest:", member_text(item, "digest"));
    field_time(out, "Created:", member_integer(item, "createdAt"), style);
    field_time(out, "Updated:", member_integer(item, "updatedAt"), style);
    if (json_is_true(json_object_get(item, "kept")))
        field(out,
              "Kept:", *owner ? "its manifest is gone, muster/prune is \"false\"" : "let go (muster forget)");
    if (json_array_size(json_object_get(item, "drift")))
        section(out, "Changed outside");
    list_drift(json_object_get(item, "drift"), out);
    if (json_array_size(json_object_get(item, "overrides")))
        section(out, "Overridden for now");
    list_overrides(json_object_get(item, "overrides"), out);
    list_pins(json_object_get(item, "pins"), out);
    yaml_section(out, "Metadata", json_object_get(item, "metadata"));
    yaml_section(out, "Spec", json_object_get(item, "spec"));
    if (strcmp(member_text(item, "kind"), kind_name(KIND_COMPUTE_ENVIRONMENT)) == 0)
        describe_environment_live(json_object_get(item, "live"), style, out);
    else
        yaml_section(out, "Live", json_object_get(item, "live"));
    pipeline_schedules(item, out);
    pipeline_steps(item, style, out);
    if (json_array_size(runs)) {
        section(out, "Runs");
        list_runs(runs, style, out);
    }
}
