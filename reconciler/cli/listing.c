#include "reconciler/cli/listing.h"
#include "reconciler/world/drift.h"

#include "spec/base/units.h"

ListStyle list_style(const char *output_option)
{
    return (ListStyle){
        .is_wide = output_format(output_option) == OUTPUT_WIDE,
        .is_colored = output_colored(stdout),
        .now_ms = g_get_real_time() / 1000,
    };
}

const char *member_text(const json_t *object, const char *member)
{
    const char *text = json_string_value(json_object_get(object, member));
    return text ? text : "";
}

int64_t member_integer(const json_t *object, const char *member)
{
    return json_integer_value(json_object_get(object, member));
}

static void cell_integer(Table *table, int64_t value)
{
    table_cell_take(table, integer_human(value));
}

/* How long ago; -o wide tells the time itself in a column of its own where there is one. */
static void cell_age(Table *table, int64_t at_ms, const ListStyle *style)
{
    table_cell_take(table, time_between(at_ms, style->now_ms));
}

static void cell_number(Table *table, const json_t *value)
{
    if (json_is_real(value))
        table_cell_take(table, g_strdup_printf("%g", json_real_value(value)));
    else
        cell_integer(table, json_integer_value(value));
}

static void cell_joined(Table *table, const json_t *list)
{
    g_autoptr(GString) text = g_string_new(NULL);
    size_t index;
    json_t *item;
    json_array_foreach(list, index, item) g_string_append_printf(
        text, "%s%s", index ? "," : "", json_is_string(item) ? json_string_value(item) : "");
    table_cell(table, text->str);
}

static int64_t count_of(const json_t *counts, const char *state)
{
    return member_integer(counts, state);
}

static int64_t waiting_of(const json_t *counts)
{
    return count_of(counts, "SUBMITTED") + count_of(counts, "PENDING") + count_of(counts, "RUNNABLE");
}

static int64_t running_of(const json_t *counts)
{
    return count_of(counts, "STARTING") + count_of(counts, "RUNNING");
}

/* ---- resources
 * ---------------------------------------------------------------------------------------------------- */

static const Column queue_columns[] = {
    {"NAME", ALIGN_LEFT, COLUMN_ALWAYS},      {"STATE", ALIGN_LEFT, COLUMN_ALWAYS},
    {"PRIORITY", ALIGN_RIGHT, COLUMN_ALWAYS}, {"WAITING", ALIGN_RIGHT, COLUMN_ALWAYS},
    {"RUNNING", ALIGN_RIGHT, COLUMN_ALWAYS},  {"STATUS", ALIGN_LEFT, COLUMN_ALWAYS},
    {"OWNER", ALIGN_LEFT, COLUMN_WIDE},       {"AGE", ALIGN_RIGHT, COLUMN_ALWAYS},
    {"REASON", ALIGN_LEFT, COLUMN_WIDE},
};

static void row_queue(Table *table, const json_t *item, const ListStyle *style)
{
    const json_t *spec = json_object_get(item, "spec");
    const json_t *counts = json_object_get(json_object_get(item, "live"), "counts");
    const char *state = member_text(spec, "state");
    table_cell(table, member_text(item, "name"));
    table_cell(table, *state ? state : "ENABLED");
    cell_integer(table, member_integer(spec, "priority"));
    cell_integer(table, waiting_of(counts));
    cell_integer(table, running_of(counts));
    table_cell(table, member_text(item, "status"));
    table_cell(table, member_text(item, "owner"));
    cell_age(table, member_integer(item, "createdAt"), style);
    table_cell(table, member_text(item, "statusReason"));
}

static const Column environment_columns[] = {
    {"NAME", ALIGN_LEFT, COLUMN_ALWAYS},      {"PROVIDER", ALIGN_LEFT, COLUMN_ALWAYS},
    {"STATE", ALIGN_LEFT, COLUMN_ALWAYS},     {"VCPUS", ALIGN_RIGHT, COLUMN_ALWAYS},
    {"FREE", ALIGN_RIGHT, COLUMN_ALWAYS},     {"DESIRED", ALIGN_RIGHT, COLUMN_ALWAYS},
    {"MAXVCPUS", ALIGN_RIGHT, COLUMN_ALWAYS}, {"INSTANCES", ALIGN_RIGHT, COLUMN_ALWAYS},
    {"RUNNING", ALIGN_RIGHT, COLUMN_ALWAYS},  {"STATUS", ALIGN_LEFT, COLUMN_ALWAYS},
    {"TODAY", ALIGN_RIGHT, COLUMN_WIDE},      {"THIS MONTH", ALIGN_RIGHT, COLUMN_WIDE},
    {"OWNER", ALIGN_LEFT, COLUMN_WIDE},       {"AGE", ALIGN_RIGHT, COLUMN_ALWAYS},
    {"REASON", ALIGN_LEFT, COLUMN_WIDE},
};

static void cell_optional(Table *table, const json_t *value)
{
    if (value)
        cell_number(table, value);
    else
        table_cell(table, NULL);
}

static void cell_spent(Table *table, const json_t *live, const char *window)
{
    const json_t *money = json_object_get(live, "money");
    table_cell_take(table, money ? budget_text(json_object_get(money, window), member_text(money, "currency"))
                                 : NULL);
}

/* Why it is not VALID, else why it buys nothing. */
static void cell_refusal(Table *table, const json_t *item, const json_t *live)
{
    const char *reason = member_text(item, "statusReason");
    const json_t *unmet = json_array_get(json_object_get(live, "unmet"), 0);
    table_cell(table, *reason ? reason : member_text(unmet, "text"));
}

static void row_environment(Table *table, const json_t *item, const ListStyle *style)
{
    const json_t *live = json_object_get(item, "live");
    table_cell(table, member_text(item, "name"));
    table_cell(table, member_text(live, "provider"));
    table_cell(table, member_text(live, "state"));
    cell_number(table, json_object_get(live, "usedVcpus"));
    cell_optional(table, json_object_get(live, "freeVcpus"));
    cell_optional(table, json_object_get(live, "desiredvCpus"));
    cell_integer(table, member_integer(live, "maxvCpus"));
    cell_optional(table, json_object_get(live, "instanceCount"));
    cell_integer(table, member_integer(live, "launches"));
    table_cell(table, member_text(item, "status"));
    cell_spent(table, live, "day");
    cell_spent(table, live, "month");
    table_cell(table, member_text(item, "owner"));
    cell_age(table, member_integer(item, "createdAt"), style);
    cell_refusal(table, item, live);
}

static const Column definition_columns[] = {
    {"NAME", ALIGN_LEFT, COLUMN_ALWAYS},   {"REVISION", ALIGN_RIGHT, COLUMN_ALWAYS},
    {"STATUS", ALIGN_LEFT, COLUMN_ALWAYS}, {"OWNER", ALIGN_LEFT, COLUMN_WIDE},
    {"AGE", ALIGN_RIGHT, COLUMN_ALWAYS},   {"DIGEST", ALIGN_LEFT, COLUMN_WIDE},
};

static void row_definition(Table *table, const json_t *item, const ListStyle *style)
{
    table_cell(table, member_text(item, "name"));
    cell_integer(table, member_integer(item, "revision"));
    table_cell(table, member_text(item, "status"));
    table_cell(table, member_text(item, "owner"));
    cell_age(table, member_integer(item, "updatedAt"), style);
    table_cell_take(table, g_strndup(member_text(item, "digest"), 12));
}

static const Column run_owner_columns[] = {
    {"NAME", ALIGN_LEFT, COLUMN_ALWAYS},     {"RUNS", ALIGN_RIGHT, COLUMN_ALWAYS},
    {"LAST RUN", ALIGN_LEFT, COLUMN_ALWAYS}, {"STARTED", ALIGN_RIGHT, COLUMN_ALWAYS},
    {"OWNER", ALIGN_LEFT, COLUMN_WIDE},
};

static const json_t *newest_run(const json_t *runs)
{
    const json_t *newest = NULL;
    size_t index;
    json_t *run;
    json_array_foreach(runs, index, run)
    {
        if (!newest || member_integer(run, "number") > member_integer(newest, "number"))
            newest = run;
    }
    return newest;
}

static void row_run_owner(Table *table, const json_t *item, const ListStyle *style)
{
    const json_t *runs = json_object_get(item, "runs"), *newest = newest_run(runs);
    table_cell(table, member_text(item, "name"));
    cell_integer(table, (int64_t)json_array_size(runs));
    table_cell(table, member_text(newest, "state"));
    cell_age(table, member_integer(newest, "createdAt"), style);
    table_cell(table, member_text(item, "owner"));
}

static const Column plain_columns[] = {
    {"NAME", ALIGN_LEFT, COLUMN_ALWAYS}, {"STATUS", ALIGN_LEFT, COLUMN_ALWAYS},
    {"OWNER", ALIGN_LEFT, COLUMN_WIDE},  {"AGE", ALIGN_RIGHT, COLUMN_ALWAYS},
    {"REASON", ALIGN_LEFT, COLUMN_WIDE},
};

static void row_plain(Table *table, const json_t *item, const ListStyle *style)
{
    table_cell(table, member_text(item, "name"));
    table_cell(table, member_text(item, "status"));
    table_cell(table, member_text(item, "owner"));
    cell_age(table, member_integer(item, "createdAt"), style);
    table_cell(table, member_text(item, "statusReason"));
}

typedef void (*RowFunc)(Table *table, const json_t *item, const ListStyle *style);

static void list_rows(const Column *columns, size_t columns_len, RowFunc row, const json_t *items,
                      const ListStyle *style, GString *out)
{
    g_autoptr(Table) table = table_new(columns, columns_len);
    size_t index;
    json_t *item;
    json_array_foreach(items, index, item) row(table, item, style);
    table_render(table, style->is_wide, style->is_colored, out);
}

#define LIST_ROWS(columns, row, items, style, out)                                                           \
    list_rows(columns, G_N_ELEMENTS(columns), row, items, style, out)

void list_resources(Kind kind, const json_t *items, const ListStyle *style, GString *out)
{
    switch (kind) {
    case KIND_JOB_QUEUE: LIST_ROWS(queue_columns, row_queue, items, style, out); return;
    case KIND_COMPUTE_ENVIRONMENT: LIST_ROWS(environment_columns, row_environment, items, style, out); return;
    case KIND_JOB_DEFINITION: LIST_ROWS(definition_columns, row_definition, items, style, out); return;
    case KIND_PIPELINE:
    case KIND_JOB: LIST_ROWS(run_owner_columns, row_run_owner, items, style, out); return;
    case KIND_SCHEDULING_POLICY:
    case KIND_CONSUMABLE_RESOURCE:
    case KIND_COUNT: LIST_ROWS(plain_columns, row_plain, items, style, out); return;
    }
}

/* ---- jobs, runs, events
 * ------------------------------------------------------------------------------------------- */

static const Column job_columns[] = {
    {"ID", ALIGN_LEFT, COLUMN_ALWAYS},       {"NAME", ALIGN_LEFT, COLUMN_ALWAYS},
    {"QUEUE", ALIGN_LEFT, COLUMN_ALWAYS},    {"STATUS", ALIGN_LEFT, COLUMN_ALWAYS},
    {"DONE", ALIGN_RIGHT, COLUMN_ALWAYS},    {"AGE", ALIGN_RIGHT, COLUMN_ALWAYS},
    {"RAN", ALIGN_RIGHT, COLUMN_ALWAYS},     {"TRIES", ALIGN_RIGHT, COLUMN_WIDE},
    {"DEFINITION", ALIGN_LEFT, COLUMN_WIDE}, {"REASON", ALIGN_LEFT, COLUMN_WIDE},
};

/* Of an array: "7/100"; else nothing. */
static char *array_done(const json_t *job)
{
    const json_t *array = json_object_get(job, "arrayProperties");
    const json_t *summary = json_object_get(array, "statusSummary");
    if (!summary)
        return NULL;
    return g_strdup_printf("%" G_GINT64_FORMAT "/%" G_GINT64_FORMAT,
                           count_of(summary, "SUCCEEDED") + count_of(summary, "FAILED"),
                           member_integer(array, "size"));
}

static void row_job(Table *table, const json_t *job, const ListStyle *style)
{
    int64_t started = member_integer(job, "startedAt"), stopped = member_integer(job, "stoppedAt");
    const char *waiting = member_text(job, "waiting");
    const json_t *attempts = json_object_get(job, "attempts"); /* of one whole job: a list */
    table_cell(table, member_text(job, "jobId"));
    table_cell(table, member_text(job, "jobName"));
    table_cell(table, member_text(job, "queue"));
    table_cell(table, member_text(job, "status"));
    table_cell_take(table, array_done(job));
    cell_age(table, member_integer(job, "createdAt"), style);
    table_cell_take(table, time_between(started, stopped ? stopped : style->now_ms));
    cell_integer(table,
                 json_is_array(attempts) ? (int64_t)json_array_size(attempts) : json_integer_value(attempts));
    table_cell(table, member_text(job, "definition"));
    table_cell(table, *waiting ? waiting : member_text(job, "statusReason"));
}

void list_jobs(const json_t *jobs, const ListStyle *style, GString *out)
{
    LIST_ROWS(job_columns, row_job, jobs, style, out);
}

static const Column run_columns[] = {
    {"RUN", ALIGN_LEFT, COLUMN_ALWAYS},   {"NUMBER", ALIGN_RIGHT, COLUMN_ALWAYS},
    {"STATE", ALIGN_LEFT, COLUMN_ALWAYS}, {"STEPS", ALIGN_RIGHT, COLUMN_ALWAYS},
    {"AGE", ALIGN_RIGHT, COLUMN_ALWAYS},  {"TOOK", ALIGN_RIGHT, COLUMN_ALWAYS},
    {"ID", ALIGN_LEFT, COLUMN_WIDE},      {"REASON", ALIGN_LEFT, COLUMN_WIDE},
};

static void row_run(Table *table, const json_t *run, const ListStyle *style)
{
    int64_t steps = member_integer(run, "steps");
    int64_t created = member_integer(run, "createdAt"), stopped = member_integer(run, "stoppedAt");
    table_cell_take(table, g_strdup_printf("%s/%s", member_text(run, "kind"), member_text(run, "name")));
    cell_integer(table, member_integer(run, "number"));
    table_cell(table, member_text(run, "state"));
    if (steps > 0 && strcmp(member_text(run, "state"), "WAITING") != 0)
        table_cell_take(table, g_strdup_printf("%" G_GINT64_FORMAT "/%" G_GINT64_FORMAT,
                                               steps - member_integer(run, "unfinished"), steps));
    else
        table_cell(table, NULL); /* of what has ended, describe counts them */
    cell_age(table, created, style);
    table_cell_take(table, time_between(created, stopped ? stopped : style->now_ms));
    table_cell(table, member_text(run, "id"));
    table_cell(table, member_text(run, "statusReason"));
}

void list_runs(const json_t *runs, const ListStyle *style, GString *out)
{
    LIST_ROWS(run_columns, row_run, runs, style, out);
}

/* Events come one by one while they are followed, so their columns have fixed widths and no head. */
void list_events(const json_t *events, const ListStyle *style, GString *out)
{
    size_t index;
    json_t *event;
    json_array_foreach(events, index, event)
    {
        g_autofree char *at = time_local(member_integer(event, "at"));
        g_autofree char *subject = printable(member_text(event, "subject"));
        g_autofree char *message = printable(member_text(event, "message"));
        g_string_append_printf(out, "%s  %-18s  %s", at, member_text(event, "type"), subject);
        if (json_object_get(event, "first"))
            g_string_append_printf(out, "[%" G_GINT64_FORMAT "-%" G_GINT64_FORMAT "]",
                                   member_integer(event, "first"), member_integer(event, "last"));
        if (style->is_wide)
            g_string_append_printf(out, "  #%" G_GINT64_FORMAT, member_integer(event, "sequence"));
        g_string_append_printf(out, "%s%s\n", *message ? "  " : "", message);
    }
}

/* ---- status
 * ------------------------------------------------------------------------------------------------------- */

static const Column status_queue_columns[] = {
    {"QUEUE", ALIGN_LEFT, COLUMN_ALWAYS},     {"STATE", ALIGN_LEFT, COLUMN_ALWAYS},
    {"PRIORITY", ALIGN_RIGHT, COLUMN_ALWAYS}, {"WAITING", ALIGN_RIGHT, COLUMN_ALWAYS},
    {"RUNNING", ALIGN_RIGHT, COLUMN_ALWAYS},  {"ENVIRONMENTS", ALIGN_LEFT, COLUMN_ALWAYS},
};

static void row_status_queue(Table *table, const json_t *queue, const ListStyle *style)
{
    const json_t *counts = json_object_get(queue, "counts");
    (void)style;
    table_cell(table, member_text(queue, "name"));
    table_cell(table, member_text(queue, "state"));
    cell_integer(table, member_integer(queue, "priority"));
    cell_integer(table, waiting_of(counts));
    cell_integer(table, running_of(counts));
    cell_joined(table, json_object_get(queue, "environments"));
}

static const Column status_environment_columns[] = {
    {"ENVIRONMENT", ALIGN_LEFT, COLUMN_ALWAYS}, {"PROVIDER", ALIGN_LEFT, COLUMN_ALWAYS},
    {"STATE", ALIGN_LEFT, COLUMN_ALWAYS},       {"STATUS", ALIGN_LEFT, COLUMN_ALWAYS},
    {"VCPUS", ALIGN_RIGHT, COLUMN_ALWAYS},      {"MAXVCPUS", ALIGN_RIGHT, COLUMN_ALWAYS},
    {"RUNNING", ALIGN_RIGHT, COLUMN_ALWAYS},
};

static void row_status_environment(Table *table, const json_t *environment, const ListStyle *style)
{
    (void)style;
    table_cell(table, member_text(environment, "name"));
    table_cell(table, member_text(environment, "provider"));
    table_cell(table, member_text(environment, "state"));
    table_cell(table, member_text(environment, "status"));
    cell_number(table, json_object_get(environment, "usedVcpus"));
    cell_integer(table, member_integer(environment, "maxvCpus"));
    cell_integer(table, member_integer(environment, "launches"));
}

static const Column status_source_columns[] = {
    {"SOURCE", ALIGN_LEFT, COLUMN_ALWAYS},   {"STATE", ALIGN_LEFT, COLUMN_ALWAYS},
    {"REVISION", ALIGN_LEFT, COLUMN_ALWAYS}, {"FOLLOWED", ALIGN_LEFT, COLUMN_ALWAYS},
    {"SINCE", ALIGN_RIGHT, COLUMN_ALWAYS},   {"PATH", ALIGN_LEFT, COLUMN_ALWAYS},
};

static void row_status_source(Table *table, const json_t *source, const ListStyle *style)
{
    table_cell(table, member_text(source, "name"));
    const char *state = member_text(source, "state"),
               *remote = member_text(json_object_get(source, "remote"), "state");
    bool is_remote = strcmp(state, "ok") == 0 && *remote && strcmp(remote, "ok") != 0;
    table_cell(table, is_remote ? remote : state);
    table_cell_take(table, g_strndup(member_text(source, "revision"), 12));
    table_cell(table, json_is_true(json_object_get(source, "followed")) ? "yes" : "no");
    cell_age(table, member_integer(source, "since"), style);
    table_cell(table, member_text(source, "path"));
}

static const Column status_destination_columns[] = {
    {"TOLD", ALIGN_LEFT, COLUMN_ALWAYS},      {"STATE", ALIGN_LEFT, COLUMN_ALWAYS},
    {"WAITING", ALIGN_RIGHT, COLUMN_ALWAYS},  {"DELIVERED", ALIGN_RIGHT, COLUMN_ALWAYS},
    {"GIVEN UP", ALIGN_RIGHT, COLUMN_ALWAYS}, {"DROPPED", ALIGN_RIGHT, COLUMN_ALWAYS},
    {"LAST", ALIGN_RIGHT, COLUMN_ALWAYS},     {"HOW", ALIGN_LEFT, COLUMN_ALWAYS},
    {"PLACE", ALIGN_LEFT, COLUMN_WIDE},
};

static void cell_count(Table *table, const json_t *object, const char *member)
{
    table_cell_take(table, g_strdup_printf("%" G_GINT64_FORMAT, member_integer(object, member)));
}

static void row_status_destination(Table *table, const json_t *destination, const ListStyle *style)
{
    bool is_failing = member_integer(destination, "failingSince") > 0;
    table_cell(table, member_text(destination, "name"));
    table_cell(table, is_failing                                              ? "failing"
                      : json_is_true(json_object_get(destination, "refuses")) ? "refuses"
                                                                              : "ok");
    cell_count(table, destination, "pending");
    cell_count(table, destination, "delivered");
    cell_count(table, destination, "givenUp");
    cell_count(table, destination, "dropped");
    cell_age(table, member_integer(destination, "deliveredAt"), style);
    table_cell(table, member_text(destination, "kind"));
    table_cell(table, member_text(destination, "place"));
}

/* Why the last try failed. */
static void status_destination(const json_t *destination, const ListStyle *style, GString *out)
{
    int64_t since_ms = member_integer(destination, "failingSince");
    g_autofree char *error = printable(member_text(destination, "error"));
    if (!*error)
        return;
    g_string_append_printf(out, "  %s: %s", member_text(destination, "name"), error);
    if (since_ms) {
        g_autofree char *since = time_between(since_ms, style->now_ms);
        g_string_append_printf(out, " (for %s; it is tried again)", since);
    }
    g_string_append_c(out, '\n');
}

static const Column status_apply_columns[] = {
    {"APPLY", ALIGN_RIGHT, COLUMN_ALWAYS}, {"SOURCE", ALIGN_LEFT, COLUMN_ALWAYS},
    {"STATE", ALIGN_LEFT, COLUMN_ALWAYS},  {"REVISION", ALIGN_LEFT, COLUMN_WIDE},
    {"AGE", ALIGN_RIGHT, COLUMN_ALWAYS},   {"MESSAGE", ALIGN_LEFT, COLUMN_ALWAYS},
};

static void row_status_apply(Table *table, const json_t *apply, const ListStyle *style)
{
    cell_integer(table, member_integer(apply, "id"));
    table_cell(table, member_text(apply, "owner"));
    table_cell(table, member_text(apply, "state"));
    table_cell_take(table, g_strndup(member_text(apply, "revision"), 12));
    cell_age(table, member_integer(apply, "createdAt"), style);
    table_cell(table, member_text(apply, "message"));
}

static void status_backup(const json_t *status, const ListStyle *style, GString *out)
{
    const json_t *backup = json_object_get(status, "backup"), *restored = json_object_get(status, "restored");
    int64_t made_ms = member_integer(backup, "madeAt");
    g_autofree char *age = time_between(made_ms, style->now_ms),
                    *place = printable(member_text(backup, "place")),
                    *error = printable(member_text(backup, "error")),
                    *from = printable(member_text(restored, "from")),
                    *of = time_local(member_integer(restored, "standsFor"));
    if (restored)
        g_string_append_printf(
            out, "restored from %s, the state of %s: what is there of it is not known yet\n", from, of);
    if (backup)
        g_string_append_printf(out, "backup: %s, %s%s%s\n", place, made_ms ? "made " : "none was made yet",
                               made_ms ? age : "", made_ms ? " ago" : "");
    if (*error)
        g_string_append_printf(out, "  the last one was not made: %s\n", error);
}

static void status_head(const json_t *status, const ListStyle *style, GString *out)
{
    g_autofree char *up = time_between(member_integer(status, "startedAt"), style->now_ms);
    const json_t *instance = json_object_get(status, "instance");
    if (member_integer(status, "pid"))
        g_string_append_printf(out, "muster %s %s, pid %" G_GINT64_FORMAT " on %s, up %s\n",
                               member_text(status, "version"), member_text(status, "mode"),
                               member_integer(status, "pid"), member_text(status, "host"), up);
    else
        g_string_append(
            out, "nothing hosts this state directory: nothing new starts (muster serve, apply or wait)\n");
    if (*member_text(status, "stateDir"))
        g_string_append_printf(out, "state directory: %s\n", member_text(status, "stateDir"));
    if (*member_text(status, "refusal"))
        g_string_append_printf(out, "changes are refused: %s\n", member_text(status, "refusal"));
    status_backup(status, style, out);
    if (json_number_value(json_object_get(instance, "vcpus")) > 0) {
        g_autofree char *memory = integer_human(member_integer(instance, "memoryMib"));
        g_string_append_printf(out, "this machine: %g vCPU, %s MiB, %" G_GINT64_FORMAT " GPU\n",
                               json_number_value(json_object_get(instance, "vcpus")), memory,
                               member_integer(instance, "gpus"));
    }
    if (*member_text(instance, "notice"))
        g_string_append_printf(out, "  # %s\n", member_text(instance, "notice"));
    g_autofree char *unfinished =
        integer_human(member_integer(json_object_get(status, "jobs"), "unfinished"));
    g_string_append_printf(out, "jobs not finished: %s\n", unfinished);
}

static void status_section(const json_t *status, const char *member, const Column *columns, size_t len,
                           RowFunc row, const ListStyle *style, GString *out)
{
    const json_t *items = json_object_get(status, member);
    if (!json_array_size(items))
        return;
    g_string_append_c(out, '\n');
    list_rows(columns, len, row, items, style, out);
    int64_t omitted = member_integer(json_object_get(status, "omitted"), member);
    g_autofree char *more = integer_human(omitted);
    if (omitted > 0)
        g_string_append_printf(out, "… and %s more (muster get %s)\n", more, member);
}

/* What is wrong with a source's remote, and for how long it has had what is not in force. */
static void status_remote(const json_t *source, const ListStyle *style, GString *out)
{
    const json_t *remote = json_object_get(source, "remote");
    const char *name = member_text(source, "name");
    int64_t behind = member_integer(remote, "behindSince"), checked = member_integer(remote, "checkedAt");
    if (*member_text(remote, "message")) {
        g_autofree char *message = printable(member_text(remote, "message"));
        g_string_append_printf(out, "  %s: %s\n", name, message);
        g_autofree char *ago = checked ? time_between(checked, style->now_ms) : NULL;
        if (ago && strcmp(member_text(remote, "state"), "unreachable") == 0)
            g_string_append_printf(out, "  %s: its remote answered last %s ago\n", name, ago);
    }
    if (behind) {
        g_autofree char *time = time_between(behind, style->now_ms);
        g_string_append_printf(out, "  %s: %s behind its remote, which is at %.12s\n", name, time,
                               member_text(remote, "head"));
    }
}

/* When a webhook came last, and when one was refused after that. */
static void status_webhook(const json_t *source, const ListStyle *style, GString *out)
{
    const json_t *webhook = json_object_get(source, "webhook");
    const char *name = member_text(source, "name");
    int64_t accepted = member_integer(webhook, "acceptedAt"), refused = member_integer(webhook, "refusedAt");
    if (accepted) {
        g_autofree char *ago = time_between(accepted, style->now_ms),
                        *ref = printable(member_text(webhook, "ref"));
        g_string_append_printf(
            out, "  %s: a webhook came last %s ago (%s%s%s%s)\n", name, ago, member_text(webhook, "form"),
            *ref ? ", " : "", ref,
            *ref && !json_is_true(json_object_get(webhook, "isFollowed")) ? ", not followed" : "");
    }
    if (refused > accepted) {
        g_autofree char *ago = time_between(refused, style->now_ms),
                        *reason = printable(member_text(webhook, "refused"));
        g_string_append_printf(out, "  %s: a webhook was refused %s ago: %s\n", name, ago, reason);
    }
}

/* Who lets it rest, until when and why, and what it would bring. */
static void status_suspended(const json_t *source, const ListStyle *style, GString *out)
{
    const json_t *suspended = json_object_get(source, "suspended");
    const char *name = member_text(source, "name");
    int64_t until_ms = member_integer(suspended, "until");
    if (!suspended)
        return;
    g_autofree char *since = time_between(member_integer(suspended, "since"), style->now_ms),
                    *until = until_ms ? time_local(until_ms) : NULL,
                    *reason = printable(member_text(suspended, "reason")),
                    *actor = printable(member_text(suspended, "actor"));
    g_string_append_printf(out, "  %s: suspended for %s, until %s: %s%s%s%s\n", name, since,
                           until ? until : "it is resumed", reason, *actor ? " (by " : "", actor,
                           *actor ? ")" : "");
    if (*member_text(source, "newest")) {
        g_autofree char *newest = printable(member_text(source, "newest")),
                        *revision = printable(member_text(source, "revision"));
        g_string_append_printf(out, "  %s: its newest revision %.12s is not carried out; %.12s is in force\n",
                               name, newest, *revision ? revision : "none");
    }
    g_string_append_printf(out, "    to go on: muster resume source/%s\n", name);
}

#define STATUS_SECTION(member, columns, row)                                                                 \
    status_section(status, member, columns, G_N_ELEMENTS(columns), row, style, out)

static void list_drift_line(const json_t *one, const char *text, GString *out)
{
    g_autofree char *safe = printable(text);
    g_string_append_printf(out, "  %s/%s  %s\n", member_text(one, "kind"), member_text(one, "name"), safe);
}

/* A line for each field, one for what is done about it, and what is wrong with that. */
void list_drift(const json_t *drift, GString *out)
{
    size_t index, i;
    json_t *one, *field;
    json_array_foreach(drift, index, one)
    {
        json_array_foreach(json_object_get(one, "fields"), i, field)
        {
            g_autofree char *words = drift_field_words(field);
            list_drift_line(one, words, out);
        }
        g_autofree char *since = time_local(member_integer(one, "since")),
                        *seen = time_local(member_integer(one, "seen"));
        bool is_left = strcmp(member_text(one, "mode"), "warn") == 0;
        g_string_append_printf(out, "    since %s, last seen %s; %s\n", since, seen,
                               is_left                                    ? "left so (muster/drift: warn)"
                               : json_object_get(one, "nextCorrectionAt") ? "to be put back"
                                                                          : "stays so");
        if (*member_text(one, "problem")) {
            g_autofree char *problem = printable(member_text(one, "problem"));
            g_string_append_printf(out, "    %s\n", problem);
        }
    }
}

void list_newer(const json_t *newer, GString *out)
{
    size_t index;
    json_t *one;
    json_array_foreach(newer, index, one)
    {
        g_autofree char *message = printable(member_text(one, "message")),
                        *becomes = printable(member_text(one, "becomes"));
        g_string_append_printf(out, "  %s/%s  %s; %s\n", member_text(one, "kind"), member_text(one, "name"),
                               message, becomes);
    }
}

/* Each is a sentence: what it is about is read whole. */
void list_overrides(const json_t *overrides, GString *out)
{
    size_t index;
    json_t *one;
    json_array_foreach(overrides, index, one)
    {
        const json_t *value = json_object_get(one, "value");
        g_autofree char *until = time_local(member_integer(one, "until")),
                        *reason = printable(member_text(one, "reason")),
                        *actor = printable(member_text(one, "actor")),
                        *number = g_strdup_printf("%" JSON_INTEGER_FORMAT, json_integer_value(value));
        const char *text = json_string_value(value);
        g_string_append_printf(out, "  %s/%s  %s is %s until %s: %s%s%s%s\n", member_text(one, "kind"),
                               member_text(one, "name"), member_text(one, "field"), text ? text : number,
                               until, reason, *actor ? " (by " : "", actor, *actor ? ")" : "");
    }
}

char *summary_text(const json_t *summary)
{
    int64_t replace = member_integer(summary, "replace"), run = member_integer(summary, "run");
    g_autoptr(GString) out = g_string_new(NULL);
    g_string_append_printf(
        out, "%" G_GINT64_FORMAT " to add, %" G_GINT64_FORMAT " to change, %" G_GINT64_FORMAT " to destroy",
        member_integer(summary, "create") + replace, member_integer(summary, "update"),
        member_integer(summary, "delete") + replace);
    if (run)
        g_string_append_printf(out, ", %" G_GINT64_FORMAT " to run", run);
    return g_string_free(g_steal_pointer(&out), FALSE);
}

/* The plan that waits, and how to let it go on. */
static void status_waiting(const json_t *waiting, const ListStyle *style, GString *out)
{
    g_autofree char *since = time_between(member_integer(waiting, "since"), style->now_ms);
    g_autofree char *summary = summary_text(json_object_get(waiting, "summary"));
    g_autofree char *revision = printable(member_text(waiting, "revision"));
    int64_t deletes = member_integer(waiting, "allowDeletes");
    g_string_append_printf(out, "    plan %.8s of revision %.12s waits for %s: %s\n",
                           member_text(waiting, "planId"), revision, since, summary);
    g_string_append_printf(out, "    to apply it: muster approve %.8s", member_text(waiting, "planId"));
    if (deletes)
        g_string_append_printf(out, " --allow-deletes %" G_GINT64_FORMAT, deletes);
    if (json_is_true(json_object_get(waiting, "firstRun")))
        g_string_append(out, " --first-run start (or record: its jobs are taken as done)");
    g_string_append_c(out, '\n');
}

static void status_wait(const json_t *wait, GString *out)
{
    g_autofree char *what = printable(member_text(wait, "what"));
    int64_t launches = member_integer(wait, "launches");
    g_string_append_printf(out, "  %s", what);
    if (launches > 1)
        g_string_append_printf(out, " (%" G_GINT64_FORMAT " of them)", launches);
    g_string_append_c(out, '\n');
}

static void status_reason(const json_t *item, GString *out)
{
    g_autofree char *reason = printable(member_text(item, "statusReason"));
    if (*reason)
        g_string_append_printf(out, "  %s: %s\n", member_text(item, "name"), reason);
}

/* What runs and is nobody's since the state was restored, and how to end it. */
static void status_held(const json_t *status, const ListStyle *style, GString *out)
{
    const json_t *held = json_object_get(status, "held");
    int64_t omitted = member_integer(json_object_get(status, "omitted"), "held");
    size_t index;
    json_t *one;
    if (json_array_size(held) == 0)
        return;
    g_string_append(out, "\nHeld: tasks that run, of jobs that the restored state does not know:\n");
    json_array_foreach(held, index, one)
    {
        g_autofree char *ago = time_between(member_integer(one, "since"), style->now_ms),
                        *task = printable(member_text(one, "task")),
                        *job = printable(member_text(one, "job"));
        const char *environment = member_text(one, "environment");
        g_string_append_printf(out, "  job %s, attempt %" G_GINT64_FORMAT ", in %s, found %s ago%s: %s\n",
                               *job ? job : "?", member_integer(one, "attempt"), environment, ago,
                               json_is_true(json_object_get(one, "stopping")) ? ", being ended" : "", task);
        if (*job)
            g_string_append_printf(out, "    to end it: muster terminate %s\n", job);
        else
            g_string_append_printf(out, "    to end it: aws ecs stop-task --cluster muster-%s --task %s\n",
                                   environment, task);
    }
    if (omitted > 0)
        g_string_append_printf(out, "… and %" G_GINT64_FORMAT " more\n", omitted);
}

void list_status(const json_t *status, const ListStyle *style, GString *out)
{
    size_t index;
    json_t *source;
    status_head(status, style, out);
    STATUS_SECTION("sources", status_source_columns, row_status_source);
    json_array_foreach(json_object_get(status, "sources"), index, source)
    {
        g_autofree char *message = printable(member_text(source, "message"));
        if (*message)
            g_string_append_printf(out, "  %s: %s\n", member_text(source, "name"), message);
        status_remote(source, style, out);
        status_webhook(source, style, out);
        status_suspended(source, style, out);
        const json_t *waiting = json_object_get(source, "waiting");
        if (waiting)
            status_waiting(waiting, style, out);
    }
    STATUS_SECTION("destinations", status_destination_columns, row_status_destination);
    json_array_foreach(json_object_get(status, "destinations"), index, source)
        status_destination(source, style, out);
    if (json_array_size(json_object_get(status, "drift")))
        g_string_append(out, "\nChanged outside:\n");
    list_drift(json_object_get(status, "drift"), out);
    if (json_array_size(json_object_get(status, "newer")))
        g_string_append(out, "\nNewer than what is in force:\n");
    list_newer(json_object_get(status, "newer"), out);
    if (json_array_size(json_object_get(status, "overrides")))
        g_string_append(out, "\nOverridden for now:\n");
    list_overrides(json_object_get(status, "overrides"), out);
    STATUS_SECTION("queues", status_queue_columns, row_status_queue);
    STATUS_SECTION("environments", status_environment_columns, row_status_environment);
    json_array_foreach(json_object_get(status, "environments"), index, source) status_reason(source, out);
    if (json_array_size(json_object_get(status, "waits")))
        g_string_append(out, "\nJobs that are being started wait for:\n");
    json_array_foreach(json_object_get(status, "waits"), index, source) status_wait(source, out);
    status_held(status, style, out);
    STATUS_SECTION("runs", run_columns, row_run);
    STATUS_SECTION("applies", status_apply_columns, row_status_apply);
}
