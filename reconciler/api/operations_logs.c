/* operations_logs.c: CloudWatch Logs' GetLogEvents for the streams that DescribeJobs names: files of this
 * machine. Their lines have no times of their own: each has that of its attempt's start. */
#include "reconciler/api/job_view.h"
#include "reconciler/api/log_window.h"
#include "reconciler/api/peer.h"
#include "spec/base/units.h"

#define GROUP          "/aws/batch/job"
#define EVENTS_MAX     10000 /* CloudWatch Logs: of an answer */
#define HTTP_BAD       400
#define TOKEN_FORWARD  "f/"
#define TOKEN_BACKWARD "b/"

typedef struct {
    const char *stream; /* of the request */
    char *state_dir;
    JobRef job;
    int64_t attempt;
    LogRange range;
    LogWindow window;
    bool is_found;
    int64_t started_ms;
} LogQuery;

static void query_free(void *data)
{
    LogQuery *query = data;
    log_window_clear(&query->window);
    g_free(query->state_dir);
    g_free(query);
}

/* In the form of JSON 1.1: its clients read the type out of the body. */
static OperationStep fail(Call *call, const char *type, const char *message)
{
    operation_result_clear(&call->result);
    call->result = (OperationResult){.http_status = HTTP_BAD,
                                     .body = json_pack("{s:s,s:s}", "__type", type, "message", message),
                                     .error_type = type};
    return STEP_DONE;
}

/* ---- the request ---- */

/* "NAME/default/UUID.ATTEMPT", "NAME/default/UUID.INDEX.ATTEMPT". */
static bool parse_stream(LogQuery *query)
{
    const char *slash = strrchr(query->stream, '/'), *id = slash ? slash + 1 : query->stream;
    int64_t index = NOT_A_CHILD;
    g_auto(GStrv) parts = g_strsplit(id, ".", 4);
    guint len = g_strv_length(parts);
    if (!slash || len < 2 || len > 3 || !job_ref_parse(parts[0], &query->job) || query->job.node >= 0 ||
        query->job.index != NOT_A_CHILD || !integer_parse(view_from(parts[len - 1]), &query->attempt))
        return false;
    if (len == 3 && (!integer_parse(view_from(parts[1]), &index) || index < 0 || index > INT32_MAX))
        return false;
    query->job.index = (int32_t)index;
    return true;
}

static bool parse_token(const char *token, LogRange *range)
{
    bool is_forward = g_str_has_prefix(token, TOKEN_FORWARD);
    if (!is_forward && !g_str_has_prefix(token, TOKEN_BACKWARD))
        return false;
    range->backward = !is_forward;
    return integer_parse(view_from(token + strlen(TOKEN_FORWARD)), &range->at) && range->at >= 0;
}

/* NULL: it is good; else what is wrong. */
static const char *parse_request(Call *call, LogQuery *query)
{
    const char *group = NULL, *token = NULL;
    int64_t limit = EVENTS_MAX;
    bool from_head = false;
    if (!request_string(call, "logGroupName", &group) || !request_string(call, "nextToken", &token) ||
        !request_string(call, "logStreamName", &query->stream) || !request_integer(call, "limit", &limit) ||
        !request_boolean(call, "startFromHead", &from_head))
        return "a member is of another type";
    if (!group && !request_string(call, "logGroupIdentifier", &group))
        return "logGroupIdentifier: a string is expected";
    if (!group || !query->stream)
        return "logGroupName and logStreamName are expected";
    if (limit < 1 || limit > EVENTS_MAX)
        return "limit: 1 to 10000 are possible";
    query->range = (LogRange){.at = from_head ? 0 : -1, .backward = !from_head, .limit = (size_t)limit};
    if (token && !parse_token(token, &query->range))
        return "nextToken: not a token of ours";
    return NULL;
}

static bool is_our_group(const json_t *request)
{
    const char *group = json_string_value(json_object_get(request, "logGroupName"));
    if (!group)
        group = json_string_value(json_object_get(request, "logGroupIdentifier"));
    return group && (strcmp(group, GROUP) == 0 || g_str_has_suffix(group, ":log-group:" GROUP));
}

/* ---- the file ---- */

static const AttemptRecord *attempt_of(const JobView *view, const LogQuery *query)
{
    for (guint i = 0; i < view->attempt_records->len; i++) {
        const AttemptRecord *attempt = &g_array_index(view->attempt_records, AttemptRecord, i);
        if (attempt->attempt == query->attempt)
            return attempt;
    }
    return NULL;
}

/* An index is a child's, and of a multinode job a node's: the job knows which. */
static bool load(StoreReader *reader, const LogQuery *query, JobView **ret_view, GError **error)
{
    const JobRef *job = &query->job;
    if (!job_view_load(reader, &job->id, job->index, -1, VIEW_ATTEMPTS, ret_view, error))
        return false;
    return *ret_view || job->index == NOT_A_CHILD ||
           job_view_load(reader, &job->id, NOT_A_CHILD, job->index, VIEW_ATTEMPTS, ret_view, error);
}

void getlogevents_gather(StoreReader *reader, Call *call)
{
    LogQuery *query = call->state;
    g_autoptr(JobView) view = NULL;
    g_autoptr(GError) error = NULL;
    bool is_read = load(reader, query, &view, &error);
    bool is_seen = view && call_sees_queue(call, view->queue);
    const AttemptRecord *attempt = is_seen ? attempt_of(view, query) : NULL;
    g_autofree char *stream =
        attempt && !attempt_is_elsewhere(attempt) ? job_view_stream(view, attempt) : NULL;
    if (is_read && stream && strcmp(stream, query->stream) == 0) {
        g_autofree char *path =
            attempt_log_path(query->state_dir, &query->job.id, query->job.index, (int32_t)query->attempt);
        query->is_found = true;
        query->started_ms = attempt->started_ms ? attempt->started_ms : attempt->intended_ms;
        query->range.path = path;
        query->range.is_closed = attempt->stopped_ms > 0;
        is_read = log_window_read(&query->range, &query->window, &error);
        query->range.path = NULL;
    }
    if (!is_read)
        call->gather_error = g_strdup(error->message);
}

/* ---- the answer ---- */

static bool is_within(const Call *call, int64_t at_ms)
{
    const json_t *start = json_object_get(call->request, "startTime"),
                 *end = json_object_get(call->request, "endTime");
    return (!json_is_integer(start) || at_ms >= json_integer_value(start)) &&
           (!json_is_integer(end) || at_ms < json_integer_value(end));
}

static OperationStep answer(Call *call, const LogQuery *query)
{
    const LogWindow *window = &query->window;
    json_t *events = json_array();
    g_autofree char *forward = g_strdup_printf(TOKEN_FORWARD "%" G_GINT64_FORMAT, window->to);
    g_autofree char *backward = g_strdup_printf(TOKEN_BACKWARD "%" G_GINT64_FORMAT, window->from);
    for (guint i = 0; i < window->lines->len && is_within(call, query->started_ms); i++)
        json_array_append_new(events, json_pack("{s:I,s:s,s:I}", "timestamp", (json_int_t)query->started_ms,
                                                "message", window->lines->pdata[i], "ingestionTime",
                                                (json_int_t)query->started_ms));
    return call_done(call, json_pack("{s:o,s:s,s:s}", "events", events, "nextForwardToken", forward,
                                     "nextBackwardToken", backward));
}

static OperationStep begin(OperationContext *context, Call *call)
{
    LogQuery *query = g_new0(LogQuery, 1);
    call->state = query;
    call->state_free = query_free;
    query->state_dir = g_strdup(context->facts->state_dir);
    const char *fault = parse_request(call, query);
    if (fault)
        return fail(call, "InvalidParameterException", fault);
    if (!is_our_group(call->request))
        return fail(call, "ResourceNotFoundException", "The specified log group does not exist.");
    if (!parse_stream(query))
        return fail(call, "ResourceNotFoundException", "The specified log stream does not exist.");
    return STEP_GATHER;
}

OperationStep getlogevents_step(OperationContext *context, Call *call)
{
    if (!call->state)
        return begin(context, call);
    const LogQuery *query = call->state;
    if (call->gather_error)
        return call_fail(call, FAULT_INTERNAL, "%s", call->gather_error);
    if (!query->is_found)
        return fail(call, "ResourceNotFoundException", "The specified log stream does not exist.");
    return answer(call, query);
}
