/* command_cancel.c: cancel and terminate: one operation each, the same otherwise. */
#include "reconciler/cli/listing.h"
#include "reconciler/cli/report.h"
#include "reconciler/cli/session.h"

static int print_ended(const json_t *answer)
{
    g_autoptr(GString) out = g_string_new(NULL);
    size_t index;
    json_t *job;
    json_array_foreach(json_object_get(answer, "jobs"), index, job)
        g_string_append_printf(out, "%s %s\n", member_text(job, "jobId"), member_text(job, "status"));
    output_string(out);
    return EXIT_OK;
}

static int end_jobs(Invocation *invocation, const char *operation, const char *reason)
{
    g_auto(Session) session = {0};
    g_autoptr(GError) error = NULL;
    if (!session_open_here(invocation, BACKEND_COMMIT, &session, &error))
        return session_fail(invocation, error, NULL);
    json_t *ids = session_job_ids(&session, invocation->arguments, &error);
    json_t *answer = NULL;
    if (ids)
        answer = backend_call(session.backend, operation,
                              json_pack("{s:o,s:s}", "jobs", ids, "reason", reason), &error);
    int code = answer ? print_ended(answer)
                      : session_fail(invocation, error,
                                     "whether it was carried out is not known: muster get jobs shows it");
    json_decref(answer);
    if (code == EXIT_OK && strcmp(operation, "terminate") == 0 && backend_hosts(session.backend))
        report_note("what runs is stopped when something hosts %s: muster serve, apply or wait",
                    session.state_dir);
    return session_close(&session, code);
}

static int run_cancel(Invocation *invocation)
{
    const char *reason = invocation->options.reason;
    return end_jobs(invocation, "cancel", reason ? reason : "Cancelled by muster cancel");
}

static int run_terminate(Invocation *invocation)
{
    const char *reason = invocation->options.reason;
    return end_jobs(invocation, "terminate", reason ? reason : "Terminated by muster terminate");
}

static const OptionSpec options[] = {
    {"reason", 0, OPTION_TEXT, OPTION(reason), "R", "becomes the job's statusReason", NULL},
};

const Command command_cancel = {
    .name = "cancel",
    .group = GROUP_JOBS,
    .arguments = "JOB…",
    .summary = "cancel jobs that have not started",
    .description = "Jobs that are SUBMITTED, PENDING or RUNNABLE fail with the reason; what is STARTING or "
                   "RUNNING goes on (terminate "
                   "stops it). An array is cancelled with all its children that have not started; ID:INDEX "
                   "cancels one child.",
    .examples = "muster cancel 5b0c\ta job or a whole array\n"
                "muster cancel 5b0c:17 --reason 'bad shard'\tone child",
    .options = options,
    .options_len = G_N_ELEMENTS(options),
    .argument = ARGUMENT_JOB,
    .min_arguments = 1,
    .max_arguments = -1,
    .exits = EXITS(EXIT_REFUSED) | EXITS(EXIT_NOT_FOUND),
    .run = run_cancel,
};

const Command command_terminate = {
    .name = "terminate",
    .group = GROUP_JOBS,
    .arguments = "JOB…",
    .summary = "end jobs, those that run too",
    .description = "Jobs that have not started are cancelled; what runs gets SIGTERM, and SIGKILL when it "
                   "has not ended 30 s later. "
                   "A terminated job is FAILED with the reason and is not retried.",
    .examples = "muster terminate 5b0c --reason 'wrong input'\ta job or a whole array\n"
                "muster terminate 5b0c:17\tone child",
    .options = options,
    .options_len = G_N_ELEMENTS(options),
    .argument = ARGUMENT_JOB,
    .min_arguments = 1,
    .max_arguments = -1,
    .exits = EXITS(EXIT_REFUSED) | EXITS(EXIT_NOT_FOUND),
    .run = run_terminate,
};
