/* operations_timeline.c: `timeline`: which attempts ran where, from one time to another. Read from the store
 * by the time at which they ended; what runs is among them since its start is committed. */
#include "reconciler/api/job_view.h"
#include "reconciler/api/peer.h"

#define SPAN_DEFAULT_MS INT64_C(3600000)
#define LIMIT_DEFAULT   2000
#define LIMIT_MAX       10000

typedef struct {
    int64_t from_ms, to_ms, limit;
    const char *queue, *environment; /* of the request; NULL: all */
    const Call *call;
    json_t *attempts;
    bool is_whole;
} Timeline;

static void timeline_free(void *data)
{
    Timeline *timeline = data;
    json_decref(timeline->attempts);
    g_free(timeline);
}

static const char *state_of(const AttemptRecord *attempt)
{
    if (!attempt->stopped_ms)
        return job_state_name(JOB_RUNNING);
    return job_state_name(attempt->exit_code == 0 ? JOB_SUCCEEDED : JOB_FAILED);
}

static json_t *attempt_json(const AttemptRecord *attempt, const StoredJob *job)
{
    char id[JOB_NAME_TEXT];
    json_t *object = json_object();
    job_ref_text(&job->job.id, attempt->index, id);
    json_set_text(object, "jobId", id);
    json_set_view(object, "jobName", job->job.name);
    json_set_view(object, "queue", job->job.queue);
    json_set_number(object, "attempt", attempt->attempt);
    json_set_text(object, "state", state_of(attempt));
    json_set_time(object, "startedAt", attempt->started_ms);
    json_set_time(object, "stoppedAt", attempt->stopped_ms);
    if (attempt->stopped_ms)
        job_view_set_exit(object, attempt);
    json_set_view(object, "statusReason", attempt->status_reason);
    json_set_view(object, "environment", attempt->environment);
    json_set_view(object, "instance", attempt->host);
    return object;
}

static bool is_asked(const Timeline *timeline, const AttemptRecord *attempt, const StoredJob *job)
{
    g_autofree char *queue = g_strndup(job->job.queue.data, job->job.queue.len);
    return (!timeline->queue || strcmp(queue, timeline->queue) == 0) &&
           (!timeline->environment || view_is(attempt->environment, timeline->environment)) &&
           call_sees_queue(timeline->call, queue);
}

static bool add_attempt(const AttemptRecord *attempt, const StoredJob *job, void *data)
{
    Timeline *timeline = data;
    if (!job || !is_asked(timeline, attempt, job))
        return true;
    if ((int64_t)json_array_size(timeline->attempts) >= timeline->limit)
        return false;
    json_array_append_new(timeline->attempts, attempt_json(attempt, job));
    return true;
}

void timeline_gather(StoreReader *reader, Call *call)
{
    Timeline *timeline = call->state;
    g_autoptr(GError) error = NULL;
    timeline->call = call;
    if (!store_reader_ran(reader, timeline->from_ms, timeline->to_ms, add_attempt, timeline,
                          &timeline->is_whole, &error))
        call->gather_error = g_strdup(error->message);
}

/* False: the call has failed. */
static bool read_request(const OperationContext *context, Call *call, Timeline *timeline)
{
    timeline->to_ms = context->now_ms + 1;
    timeline->limit = LIMIT_DEFAULT;
    if (!request_integer(call, "to", &timeline->to_ms))
        return false;
    timeline->from_ms = timeline->to_ms - SPAN_DEFAULT_MS;
    if (!request_integer(call, "from", &timeline->from_ms) ||
        !request_integer(call, "limit", &timeline->limit) ||
        !request_string(call, "queue", &timeline->queue) ||
        !request_string(call, "environment", &timeline->environment))
        return false;
    if (timeline->from_ms >= 0 && timeline->from_ms < timeline->to_ms && timeline->limit > 0 &&
        timeline->limit <= LIMIT_MAX)
        return true;
    call_fail(call, FAULT_INVALID,
              "from and to: times in milliseconds since 1970 are expected, from before to; limit: a number "
              "from 1 to %d",
              LIMIT_MAX);
    return false;
}

OperationStep timeline_step(OperationContext *context, Call *call)
{
    Timeline *timeline = call->state;
    if (!timeline) {
        call->state = timeline = g_new0(Timeline, 1);
        call->state_free = timeline_free;
        timeline->attempts = json_array();
        return read_request(context, call, timeline) ? STEP_GATHER : STEP_DONE;
    }
    if (call->gather_error)
        return call_fail(call, FAULT_INTERNAL, "%s", call->gather_error);
    return call_done(call, json_pack("{s:I,s:I,s:b,s:O}", "from", (json_int_t)timeline->from_ms, "to",
                                     (json_int_t)timeline->to_ms, "isWhole", timeline->is_whole, "attempts",
                                     timeline->attempts));
}
