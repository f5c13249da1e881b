#include <poll.h>
#include "reconciler/cli/listing.h"
#include "reconciler/cli/job_log.h"
#include "reconciler/cli/lookup.h"
#include "reconciler/cli/options.h"
#include "reconciler/cli/report.h"
#include "reconciler/cli/server_access.h"

#define POLL_MS         20000
#define FAR_LOOK_MS     2000 /* CloudWatch does not tell when there is more */
#define OFFLINE_LOOK_MS 500  /* without a daemon nothing tells that the state moved on */
#define JUST_NOW_MS     10000

typedef struct {
    Invocation *invocation;
    Session session;
    char *id;
    int64_t attempt; /* 0: the newest */
    int64_t node;    /* of a multinode job; -1: its main one */
    JobLog *log;     /* NULL: nothing to read yet */
    int64_t shown;   /* attempt that log is of */
    bool closed;     /* nobody reads standard output */
    GError *error;   /* the log cannot be read */
} Follower;

/* ---- which file
 * --------------------------------------------------------------------------------------------------- */

static const json_t *find_attempt(const json_t *job, int64_t number)
{
    const json_t *attempts = json_object_get(job, "attempts"), *found = NULL;
    size_t index;
    json_t *attempt;
    json_array_foreach(attempts, index, attempt)
    {
        if (number == 0 || member_integer(attempt, "attempt") == number)
            found = attempt; /* of 0: the last */
    }
    return found;
}

static bool is_final(const json_t *job)
{
    const char *status = member_text(job, "status");
    return strcmp(status, "SUCCEEDED") == 0 || strcmp(status, "FAILED") == 0;
}

static bool is_array_parent(const json_t *job)
{
    const json_t *array = json_object_get(job, "arrayProperties");
    return array && !json_object_get(array, "index");
}

static int no_log(const json_t *job, int64_t attempt)
{
    const char *id = member_text(job, "jobId"), *reason = member_text(job, "statusReason");
    if (attempt)
        return report_failure(EXIT_NOT_FOUND, "job %s has no attempt %" G_GINT64_FORMAT, id, attempt);
    if (is_final(job))
        return report_failure(EXIT_NOT_FOUND, "job %s never started%s%s", id, *reason ? ": " : "", reason);
    return report_failure(EXIT_NOT_FOUND, "job %s has not started yet (%s); logs -f waits for it", id,
                          member_text(job, "status"));
}

/* Where a daemon elsewhere has it. NULL with error. */
static char *stream_of(const Follower *follower, const json_t *job, int64_t number, GError **error)
{
    g_autofree char *id = follower->node >= 0 ? g_strdup_printf("%s#%" G_GINT64_FORMAT,
                                                                member_text(job, "jobId"), follower->node)
                                              : g_strdup(member_text(job, "jobId"));
    json_t *answer =
        backend_call(follower->session.backend, "describejobs", json_pack("{s:[s]}", "jobs", id), error);
    const json_t *detail = json_array_get(json_object_get(answer, "jobs"), 0);
    const json_t *ended = json_array_get(json_object_get(detail, "attempts"), (size_t)number - 1);
    const json_t *container = json_object_get(ended ? ended : detail, "container");
    char *stream = g_strdup(json_string_value(json_object_get(container, "logStreamName")));
    json_decref(answer);
    if (answer && !stream)
        g_set_error(error, CLI_ERROR, EXIT_NOT_FOUND,
                    "%s has no log of attempt %" G_GINT64_FORMAT " of job %s",
                    server_url(follower->invocation->options.server), number, id);
    return stream;
}

static JobLog *open_log(const Follower *follower, const json_t *job, const json_t *attempt, GError **error)
{
    if (!server_url(follower->invocation->options.server))
        return job_log_open(follower->invocation->host, attempt, error);
    g_autofree char *stream = stream_of(follower, job, member_integer(attempt, "attempt"), error);
    return stream ? job_log_open_server(follower->session.backend, stream) : NULL;
}

/* ---- once
 * ---------------------------------------------------------------------------------------------------------
 */

/* It started, wherever its log is; a daemon elsewhere names it only then. */
static bool has_log(const Follower *follower, const json_t *attempt)
{
    if (server_url(follower->invocation->options.server))
        return member_integer(attempt, "startedAt") > 0;
    return *member_text(attempt, "logPath") || *member_text(attempt, "task");
}

static int no_file(const json_t *job, const json_t *attempt)
{
    if (member_integer(attempt, "startedAt"))
        return report_failure(EXIT_NOT_FOUND, "%s: the log is gone", member_text(attempt, "logPath"));
    const char *reason = member_text(attempt, "reason"); /* the container's, which says more */
    return report_failure(EXIT_NOT_FOUND, "attempt %" G_GINT64_FORMAT " of job %s never started: %s",
                          member_integer(attempt, "attempt"), member_text(job, "jobId"),
                          *reason ? reason : member_text(attempt, "statusReason"));
}

static int print_once(const Follower *follower, const json_t *job)
{
    const json_t *attempt = find_attempt(job, follower->attempt);
    int64_t stopped_ms = member_integer(attempt, "stoppedAt");
    g_autoptr(GError) error = NULL;
    if (!has_log(follower, attempt))
        return no_log(job, follower->attempt);
    g_autoptr(JobLog) log = open_log(follower, job, attempt, &error);
    if (!log)
        return report_error(error);
    bool is_fresh = stopped_ms && g_get_real_time() / 1000 - stopped_ms < JUST_NOW_MS;
    JobLogResult result = is_fresh ? job_log_finish(log, &error) : job_log_copy(log, &error);
    if (result == JOB_LOG_FAILED)
        return report_error(error);
    if (!job_log_exists(log))
        return no_file(job, attempt);
    return EXIT_OK;
}

/* ---- following
 * ---------------------------------------------------------------------------------------------------- */

static bool take(Follower *follower, JobLogResult result)
{
    follower->closed = result == JOB_LOG_CLOSED;
    return result == JOB_LOG_GOES_ON;
}

static bool copy_more(void *data)
{
    Follower *follower = data;
    return !follower->log || take(follower, job_log_copy(follower->log, &follower->error));
}

/* Nothing comes any more: what is on its way yet. */
static bool copy_rest(Follower *follower)
{
    return !follower->log || take(follower, job_log_finish(follower->log, &follower->error));
}

/* The attempt to show has changed: finish the old one's file, begin with the new one's. */
static bool follow_attempt(Follower *follower, const json_t *job)
{
    const json_t *attempt = find_attempt(job, follower->attempt);
    int64_t number = member_integer(attempt, "attempt");
    bool is_elsewhere = !*member_text(attempt, "logPath") && *member_text(attempt, "task") && follower->log &&
                        !job_log_is_far(follower->log);
    if (has_log(follower, attempt) && (number != follower->shown || is_elsewhere)) {
        if (!copy_rest(follower))
            return false;
        if (follower->shown && !is_elsewhere)
            report_note("attempt %" G_GINT64_FORMAT " of job %s", number, follower->id);
        backend_set_watch(follower->session.backend, NULL);
        job_log_free(follower->log);
        follower->log = open_log(follower, job, attempt, &follower->error);
        if (!follower->log)
            return false;
        follower->shown = number;
        if (job_log_fd(follower->log) >= 0) {
            ClientWatch watch = {job_log_fd(follower->log), copy_more, follower};
            backend_set_watch(follower->session.backend, &watch);
        }
    }
    return copy_more(follower);
}

/* Nobody answers: look again when the file grows, or a little later. False on a signal. */
static bool pause_offline(Follower *follower)
{
    struct pollfd fds[] = {
        {.fd = interrupt_fd(follower->invocation->interrupt), .events = POLLIN},
        {.fd = follower->log ? job_log_fd(follower->log) : -1, .events = POLLIN},
    };
    poll(fds, G_N_ELEMENTS(fds), OFFLINE_LOOK_MS);
    return fds[0].revents == 0;
}

/* Waits until the job's state differs from *since. */
static bool wait_change(Follower *follower, json_int_t *since, GError **error)
{
    bool is_far = follower->log && job_log_is_far(follower->log);
    json_t *request = json_pack("{s:[s],s:I,s:I}", "jobs", follower->id, "since", *since, "timeoutMs",
                                (json_int_t)(is_far ? FAR_LOOK_MS : POLL_MS));
    json_t *answer = backend_call(follower->session.backend, "wait", request, error);
    if (!answer)
        return false;
    *since = member_integer(answer, "since");
    json_decref(answer);
    if (backend_is_offline(follower->session.backend) && !pause_offline(follower)) {
        g_set_error(error, CLIENT_ERROR, CLIENT_ERROR_INTERRUPTED, "interrupted");
        return false;
    }
    return true;
}

static int follow_end(const Follower *follower, const GError *error)
{
    if (follower->closed)
        return EXIT_OK;
    if (follower->error)
        return report_error(follower->error);
    return session_fail(follower->invocation, error, NULL);
}

static int follow(Follower *follower)
{
    g_autoptr(GError) error = NULL;
    json_int_t since = 0;
    while (true) {
        json_t *job = lookup_node(&follower->session, follower->id, follower->node, &error);
        if (!job)
            return follow_end(follower, error);
        bool is_over = is_final(job) || (follower->attempt &&
                                         member_integer(find_attempt(job, follower->attempt), "stoppedAt"));
        bool goes_on = follow_attempt(follower, job) && (!is_over || copy_rest(follower));
        int code = is_over && !follower->shown ? no_log(job, follower->attempt) : EXIT_OK;
        json_decref(job);
        if (!goes_on)
            return follow_end(follower, NULL);
        if (is_over)
            return code;
        if (!wait_change(follower, &since, &error))
            return follow_end(follower, error);
    }
}

/* ---- the command
 * -------------------------------------------------------------------------------------------------- */

static int show(Follower *follower)
{
    const Invocation *invocation = follower->invocation;
    g_autoptr(GError) error = NULL;
    json_t *job = lookup_node(&follower->session, invocation->arguments[0], follower->node, &error);
    if (!job)
        return report_error(error);
    follower->id = g_strdup(member_text(job, "jobId"));
    int code;
    if (is_array_parent(job))
        code = report_failure(EXIT_ERROR, "%s is an array: name one of its children, as %s:0", follower->id,
                              invocation->arguments[0]);
    else if (invocation->options.follow)
        code = follow(follower);
    else
        code = print_once(follower, job);
    json_decref(job);
    return code;
}

static int run(Invocation *invocation)
{
    Follower follower = {.invocation = invocation, .node = -1};
    g_autoptr(GError) error = NULL;
    if (invocation->options.follow)
        invocation_interrupt(invocation);
    if (!option_integer("attempt", invocation->options.attempt, 1, INT32_MAX, &follower.attempt, &error) ||
        !option_integer("node", invocation->options.node, 0, INT32_MAX, &follower.node, &error) ||
        !session_open_here(invocation, BACKEND_READ, &follower.session, &error))
        return report_error(error);
    if (invocation->options.follow && backend_is_offline(follower.session.backend))
        backend_note_age(follower.session.backend);
    int code = show(&follower);
    backend_set_watch(follower.session.backend, NULL);
    job_log_free(follower.log);
    g_clear_error(&follower.error);
    g_free(follower.id);
    code = session_close(&follower.session, code);
    session_clear(&follower.session);
    return code;
}

static const OptionSpec options[] = {
    {"follow", 'f', OPTION_FLAG, OPTION(follow), NULL, "go on until the job has ended; waits for its start",
     NULL},
    {"attempt", 0, OPTION_TEXT, OPTION(attempt), "N", "of this attempt (default: the newest)", NULL},
    {"node", 0, OPTION_TEXT, OPTION(node), "N", "of this node of a multinode job (default: its main one)",
     NULL},
};

const Command command_logs = {
    .name = "logs",
    .group = GROUP_JOBS,
    .arguments = "JOB",
    .summary = "what a job printed",
    .description =
        "Prints the log of a job's newest attempt: its standard output and standard error, as "
        "they were written. With -f "
        "it follows the file until the job has ended, from one attempt to the next, and waits for "
        "a job that has not "
        "started. A child of an array is named ID:INDEX; --node names a node of a multinode job. "
        "What a job on AWS printed is read from "
        "CloudWatch Logs, with "
        "the credentials of this shell; it is there some seconds later. With --server it is what the "
        "daemon has of it.",
    .examples = "muster logs 5b0c\tall of it\n"
                "muster logs 5b0c:17 -f\ta child, as it runs\n"
                "muster logs 5b0c --attempt 1\twhy the first try failed",
    .options = options,
    .options_len = G_N_ELEMENTS(options),
    .argument = ARGUMENT_JOB,
    .min_arguments = 1,
    .max_arguments = 1,
    .exits = EXITS(EXIT_NOT_FOUND),
    .run = run,
};
