/* job_log.c: see job_log.h. */
#include "reconciler/cli/job_log.h"
#include "reconciler/cli/log_tail.h"
#include "reconciler/cli/output.h"

#define LOG_GROUP  "/aws/batch/job"
#define LATE_LOOKS 4 /* CloudWatch has what a task printed a moment later */
#define LATE_US    1000000

struct JobLog {
    const Host *host;
    char *path;
    LogTail *tail; /* of a file; NULL: it is far */
    CloudLog *far;
    Backend *server; /* NULL: it is of this machine, or of CloudWatch */
    char *stream, *token;
    bool has_printed, is_closed;
};

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

static bool open_far(JobLog *log, const json_t *attempt, GError **error)
{
    const json_t *place = json_object_get(attempt, "log");
    const CloudLogPlace far = {text_of(place, "region"), text_of(place, "group"), text_of(place, "stream")};
    if (!place) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_NOSYS,
                    "what %s prints is sent where the logConfiguration of its definition says: look there",
                    text_of(attempt, "task"));
        return false;
    }
    log->far = log->host->log_open(&far, error);
    return log->far || log->server;
}

JobLog *job_log_open(const Host *host, const json_t *attempt, GError **error)
{
    g_autoptr(JobLog) log = g_new0(JobLog, 1);
    log->host = host;
    log->path = g_strdup(text_of(attempt, "logPath"));
    if (*log->path)
        log->tail = log_tail_new(log->path);
    else if (!open_far(log, attempt, error))
        return NULL;
    return g_steal_pointer(&log);
}

JobLog *job_log_open_server(Backend *backend, const char *stream)
{
    JobLog *log = g_new0(JobLog, 1);
    log->server = backend;
    log->stream = g_strdup(stream);
    return log;
}

void job_log_free(JobLog *log)
{
    if (!log)
        return;
    log_tail_free(log->tail);
    g_free(log->stream);
    g_free(log->token);
    if (log->far)
        log->host->log_close(log->far);
    g_free(log->path);
    g_free(log);
}

static void print_line(View text, void *data)
{
    JobLog *log = data;
    log->has_printed = true;
    if (!log->is_closed)
        log->is_closed = !output_write(text.data, text.len) || !output_write("\n", 1);
}

/* Page by page, up to one that has nothing more: its token is the one that was sent. */
static bool copy_server(JobLog *log, GError **error)
{
    bool is_more = true;
    while (is_more && !log->is_closed) {
        json_t *request = json_pack("{s:s,s:s,s:b,s:s*}", "logGroupName", LOG_GROUP, "logStreamName",
                                    log->stream, "startFromHead", true, "nextToken", log->token);
        json_t *answer = backend_call(log->server, "getlogevents", request, error);
        const json_t *events = json_object_get(answer, "events"), *event;
        size_t i;
        if (!answer)
            return false;
        json_array_foreach(events, i, event) print_line(view_from(text_of(event, "message")), log);
        is_more = g_strcmp0(log->token, text_of(answer, "nextForwardToken")) != 0;
        g_free(log->token);
        log->token = g_strdup(text_of(answer, "nextForwardToken"));
        json_decref(answer);
    }
    return true;
}

JobLogResult job_log_copy(JobLog *log, GError **error)
{
    if (log->server && !copy_server(log, error))
        return JOB_LOG_FAILED;
    if (log->server)
        return log->is_closed ? JOB_LOG_CLOSED : JOB_LOG_GOES_ON;
    if (log->tail)
        return log_tail_copy(log->tail) ? JOB_LOG_GOES_ON : JOB_LOG_CLOSED;
    if (!log->host->log_read(log->far, print_line, log, error))
        return JOB_LOG_FAILED;
    return log->is_closed ? JOB_LOG_CLOSED : JOB_LOG_GOES_ON;
}

JobLogResult job_log_finish(JobLog *log, GError **error)
{
    JobLogResult result = job_log_copy(log, error);
    for (int i = 0; log->far && result == JOB_LOG_GOES_ON && i < LATE_LOOKS; i++) {
        g_usleep(LATE_US);
        log->has_printed = false;
        result = job_log_copy(log, error);
        if (!log->has_printed && i > 0)
            break; /* it has been quiet for a while */
    }
    return result;
}

int job_log_fd(const JobLog *log)
{
    return log->tail ? log_tail_fd(log->tail) : -1;
}

bool job_log_is_far(const JobLog *log)
{
    return log->far != NULL;
}

bool job_log_exists(const JobLog *log)
{
    return log->far || log->server || log_tail_printed(log->tail) ||
           g_file_test(log->path, G_FILE_TEST_EXISTS);
}
