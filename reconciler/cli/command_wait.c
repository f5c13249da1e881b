#include "reconciler/cli/follow.h"
#include "reconciler/cli/listing.h"
#include "reconciler/cli/options.h"
#include "reconciler/cli/report.h"

static const Column columns[] = {
    {"ID", ALIGN_LEFT, COLUMN_ALWAYS},     {"NAME", ALIGN_LEFT, COLUMN_ALWAYS},
    {"STATUS", ALIGN_LEFT, COLUMN_ALWAYS}, {"EXIT", ALIGN_RIGHT, COLUMN_ALWAYS},
    {"REASON", ALIGN_LEFT, COLUMN_ALWAYS},
};

static void print_jobs(const Options *options, const json_t *answer)
{
    g_autoptr(Table) table = table_new(columns, G_N_ELEMENTS(columns));
    OutputFormat format = output_format(options->output);
    size_t index;
    json_t *job;
    if (format == OUTPUT_JSON || format == OUTPUT_YAML) {
        json_t *whole = json_pack("{s:O}", "jobs", json_object_get(answer, "jobs"));
        format == OUTPUT_JSON ? output_json(whole) : output_yaml(whole);
        json_decref(whole);
        return;
    }
    json_array_foreach(json_object_get(answer, "jobs"), index, job)
    {
        const json_t *code = json_object_get(job, "exitCode");
        table_cell(table, member_text(job, "jobId"));
        table_cell(table, member_text(job, "jobName"));
        table_cell(table, member_text(job, "status"));
        table_cell_take(table,
                        code ? g_strdup_printf("%" JSON_INTEGER_FORMAT, json_integer_value(code)) : NULL);
        table_cell(table, member_text(job, "statusReason"));
    }
    g_autoptr(GString) out = g_string_new(NULL);
    table_render(table, format == OUTPUT_WIDE, output_colored(stdout), out);
    output_string(out);
}

static int wait_with(Invocation *invocation, Session *session, json_t *ids, int64_t timeout_ms)
{
    FollowOptions follow = {.timeout_ms = timeout_ms, .want = WANT_JOBS, .what = "wait"};
    json_t *answer = NULL;
    int code = follow_jobs(invocation, session, ids, &follow, &answer);
    if (answer)
        print_jobs(&invocation->options, answer);
    json_decref(answer);
    return code;
}

/* Jobs that have ended need no reconciler: the store can tell. Returns -1 when it takes a wait; ids then
 * holds whole ids. */
static int look_first(Invocation *invocation, json_t **ret_ids)
{
    g_auto(Session) session = {0};
    g_autoptr(GError) error = NULL;
    if (!session_open_here(invocation, BACKEND_READ, &session, &error))
        return report_error(error);
    json_t *ids = session_job_ids(&session, invocation->arguments, &error);
    json_t *answer = ids ? backend_call(session.backend, "wait",
                                        json_pack("{s:O,s:i}", "jobs", ids, "timeoutMs", 0), &error)
                         : NULL;
    int code = answer ? -1 : report_error(error);
    if (json_is_true(json_object_get(answer, "done")))
        code = wait_with(invocation, &session, ids, 0);
    json_decref(answer);
    *ret_ids = ids;
    return session_close(&session, code);
}

static int run(Invocation *invocation)
{
    g_auto(Session) session = {0};
    g_autoptr(GError) error = NULL;
    int64_t timeout_ms = 0;
    json_t *ids = NULL;
    if (!option_duration("timeout", invocation->options.timeout, &timeout_ms, &error))
        return report_error(error);
    int code = look_first(invocation, &ids);
    if (code < 0) {
        if (session_open_here(invocation, BACKEND_HOST, &session, &error))
            code = session_close(&session, wait_with(invocation, &session, ids, timeout_ms));
        else
            code = session_fail(invocation, error, NULL);
    }
    json_decref(ids);
    return code;
}

static const OptionSpec options[] = {
    OPTION_TIMEOUT,
    OPTION_OUTPUT,
};

const Command command_wait = {
    .name = "wait",
    .group = GROUP_JOBS,
    .arguments = "JOB…",
    .summary = "wait until jobs have ended",
    .description = "Waits until every JOB (an id, the first four or more digits of one, or ID:INDEX) has "
                   "ended, then prints how. Where "
                   "no daemon runs it hosts the reconciler meanwhile, so that what waits gets started. "
                   "Ctrl-C ends the waiting, never "
                   "a job.",
    .examples = "muster wait 5b0c\tone job\n"
                "muster wait $(muster submit --file jobs.jsonl) --timeout 2h\tall that were submitted",
    .options = options,
    .options_len = G_N_ELEMENTS(options),
    .argument = ARGUMENT_JOB,
    .min_arguments = 1,
    .max_arguments = -1,
    .exits = EXITS(EXIT_REFUSED) | EXITS(EXIT_TIMED_OUT) | EXITS(EXIT_NOT_FOUND) | EXITS(EXIT_WORK_FAILED),
    .run = run,
};
