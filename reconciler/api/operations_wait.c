/* operations_wait.c: long polls over jobs and events. */
#include "reconciler/api/job_lookup.h"
#include "reconciler/api/peer.h"
#include "reconciler/world/event_json.h"

/* ---- wait: `since` is a digest of the states that the caller has seen
 * --------------------------------------------------- */

static void lookup_free(void *data)
{
    job_lookup_free(data);
}

static int64_t states_digest(const JobLookup *lookup)
{
    uint64_t digest = 0xcbf29ce484222325u; /* FNV-1a */
    for (guint i = 0; i < lookup->jobs->len; i++)
        digest = (digest ^ (uint64_t)g_array_index(lookup->jobs, NamedJob, i).state) * 0x100000001b3u;
    return (int64_t)(digest >> 1) | 1;
}

static json_t *named_json(const NamedJob *named)
{
    char text[JOB_NAME_TEXT];
    job_ref_text(&named->id, named->index, text);
    json_t *object = json_object();
    json_set_text(object, "jobId", text);
    json_set_text(object, "jobName", named->name);
    json_set_text(object, "status", job_state_name(named->state));
    json_set_text(object, "statusReason", named->status_reason);
    if (named->final && named->exit_code >= 0)
        json_set_number(object, "exitCode", named->exit_code);
    return object;
}

static OperationStep wait_answer(Call *call, const JobLookup *lookup, int64_t digest)
{
    json_t *body = json_object(), *array = json_array();
    for (guint i = 0; i < lookup->jobs->len; i++)
        json_array_append_new(array, named_json(&g_array_index(lookup->jobs, NamedJob, i)));
    json_set_number(body, "since", digest);
    json_object_set_new(body, "done", json_boolean(lookup->unfinished == 0));
    json_object_set_new(body, "jobs", array);
    return call_done(call, body);
}

static OperationStep wait_begin(Call *call)
{
    const json_t *list = json_object_get(call->request, "jobs"), *item;
    size_t i;
    if (!json_is_array(list) || json_array_size(list) > WAIT_JOBS_MAX)
        return call_fail(call, FAULT_INVALID, "jobs: a list of at most %d job ids is expected",
                         WAIT_JOBS_MAX);
    JobLookup *lookup = job_lookup_new();
    call->state = lookup;
    call->state_free = lookup_free;
    json_array_foreach(list, i, item)
    {
        if (!job_lookup_add(lookup, json_string_value(item)))
            return call_fail(call, FAULT_NOT_FOUND, "there is no job \"%s\"",
                             json_is_string(item) ? json_string_value(item) : "");
    }
    return STEP_AGAIN;
}

void wait_gather(StoreReader *reader, Call *call)
{
    job_lookup_gather(call->state, reader, &call->gather_error);
}

OperationStep wait_step(OperationContext *context, Call *call)
{
    int64_t since = 0;
    if (!request_deadline(context, call) || !request_integer(call, "since", &since))
        return STEP_DONE;
    bool first = !call->state;
    if (first && wait_begin(call) == STEP_DONE)
        return STEP_DONE;
    JobLookup *lookup = call->state;
    bool lazy = lookup->jobs->len > WAIT_EAGER_MAX;
    if (first && lazy)
        lookup->answer_at_ms = context->now_ms + WAIT_LAZY_ANSWER_MS;
    char text[JOB_NAME_TEXT];
    if (call->gather_error)
        return call_fail(call, FAULT_INTERNAL, "%s", call->gather_error);
    job_lookup_update(lookup, context->world);
    const char *unknown = call->phase ? job_lookup_unknown(lookup, text) : NULL;
    if (!unknown)
        unknown = call_hidden_job(call, context->world, lookup, text);
    if (unknown)
        return call_fail(call, FAULT_NOT_FOUND, "there is no job \"%s\"", unknown);
    bool late = context->offline || context->now_ms >= call->deadline_ms;
    /* What is final in memory is asked of the store again after each commit, until it is final there too. */
    if (lookup->missing && (call->phase == 0 || (call->asked != context->facts->commits &&
                                                 (late || context->now_ms >= call->not_before_ms)))) {
        call->phase = 1;
        call->asked = context->facts->commits;
        call->not_before_ms = context->now_ms + (lazy ? WAIT_LAZY_MS : 0);
        return STEP_GATHER;
    }
    lookup->unfinished += lookup->missing;
    int64_t digest = states_digest(lookup);
    bool news = digest != since && (lazy ? context->now_ms >= lookup->answer_at_ms : lookup->missing == 0);
    if (!late && lookup->unfinished && !news) {
        if (call->not_before_ms <= context->now_ms)
            call->not_before_ms = context->now_ms + (lazy ? WAIT_LAZY_MS : 0);
        return STEP_WAIT;
    }
    return wait_answer(call, lookup, digest);
}

/* ---- events
 * ---------------------------------------------------------------------------------------------------------------
 */

#define EVENTS_MAX 1000

typedef struct {
    uint64_t after, last;
    uint64_t before; /* 0: those after `after`, oldest first; else newest first */
    size_t limit;
    json_t *events;
} EventsState;

static void events_free(void *data)
{
    EventsState *state = data;
    json_decref(state->events);
    g_free(state);
}

static bool add_event(const EventRecord *event, void *data)
{
    EventsState *state = data;
    json_array_append_new(state->events, event_json(event));
    state->last = MAX(state->last, event->sequence);
    return true;
}

void events_gather(StoreReader *reader, Call *call)
{
    EventsState *state = call->state;
    g_autoptr(GError) error = NULL;
    bool ok = state->before
                  ? store_reader_events_before(reader, state->before, state->limit, add_event, state, &error)
                  : store_reader_events(reader, state->after, state->limit, add_event, state, &error);
    if (!ok)
        call->gather_error = g_strdup(error->message);
}

static OperationStep events_begin(Call *call)
{
    int64_t after = 0, before = 0, limit = EVENTS_MAX;
    if (!request_integer(call, "after", &after) || !request_integer(call, "before", &before) ||
        !request_integer(call, "limit", &limit))
        return STEP_DONE;
    if (before < 0 || (before && json_object_get(call->request, "after")))
        return call_fail(call, FAULT_INVALID,
                         "before: a sequence from 1 up is expected, and no \"after\" beside it");
    if (after < 0 || limit < 1 || limit > EVENTS_MAX)
        return call_fail(call, FAULT_INVALID, "after must not be negative, limit must be 1 to %d",
                         EVENTS_MAX);
    EventsState *state = g_new0(EventsState, 1);
    *state = (EventsState){.after = (uint64_t)after,
                           .before = (uint64_t)before,
                           .last = (uint64_t)after,
                           .limit = (size_t)limit,
                           .events = json_array()};
    call->state = state;
    call->state_free = events_free;
    return STEP_GATHER;
}

OperationStep events_step(OperationContext *context, Call *call)
{
    if (!request_deadline(context, call))
        return STEP_DONE;
    if (!call->state) {
        call->asked = context->facts->durable_events;
        return events_begin(call);
    }
    EventsState *state = call->state;
    if (call->gather_error)
        return call_fail(call, FAULT_INTERNAL, "%s", call->gather_error);
    if (json_array_size(state->events) == 0 && !state->before && !context->offline &&
        context->now_ms < call->deadline_ms) {
        if (context->facts->durable_events <= call->asked)
            return STEP_WAIT;
        call->asked = context->facts->durable_events;
        return STEP_GATHER;
    }
    return call_done(call, json_pack("{s:O,s:I}", "events", state->events, "last", (json_int_t)state->last));
}

/* ---- changes: that something is durable which was not ---- */

/* Counted by each process from its begin: another one, and one that was told by another, is news as well. */
OperationStep changes_step(OperationContext *context, Call *call)
{
    int64_t after = -1;
    if (!request_deadline(context, call) || !request_integer(call, "after", &after))
        return STEP_DONE;
    int64_t now = (int64_t)context->facts->commits;
    if (now == after && !context->offline && context->now_ms < call->deadline_ms)
        return STEP_WAIT;
    return call_done(call, json_pack("{s:I}", "commits", (json_int_t)now));
}
