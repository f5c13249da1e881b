/* operations_progress.c: the long poll behind `apply --wait`, and the entry of `apply` itself. */
#include "reconciler/api/progress.h"
#include "reconciler/source/location.h"

#define PENDING_MAX 100

/* The engine carries an apply out (reconcile_apply.c); what can be refused without looking is refused here.
 */
OperationStep apply_step(OperationContext *context, Call *call)
{
    (void)context;
    const char *source = NULL, *text = NULL;
    bool destroy = false;
    int64_t number = 0;
    if (!request_string(call, "source", &source) || !request_string(call, "sourceName", &text) ||
        !request_string(call, "provider", &text) || !request_integer(call, "allowDeletes", &number) ||
        !request_string(call, "commit", &text) || !request_string(call, "planId", &text) ||
        !request_string(call, "only", &text) || !request_string(call, "actor", &text) ||
        !request_boolean(call, "destroy", &destroy))
        return STEP_DONE;
    if (!request_first_run(call))
        return STEP_DONE;
    const json_t *upload = json_object_get(call->request, "upload");
    if (upload && (!json_is_object(upload) || source))
        return call_fail(call, FAULT_INVALID,
                         "upload: the manifests of a source that is not here, without source");
    bool is_place = upload || (source && (g_path_is_absolute(source) || repo_location_is(source)));
    if (!destroy && !is_place)
        return call_fail(call, FAULT_INVALID, "source: an absolute path or a git location is expected");
    return STEP_APPLY;
}

static size_t add_pending(const World *world, const char *owner, json_t *array)
{
    size_t pending = 0;
    for (const Resource *at = NULL; (at = world_resource_next(world, at));) {
        bool is_moving = at->phase != RESOURCE_ACTIVE || (at->environment && at->environment->unmade);
        if (!is_moving || strcmp(at->owner, owner) != 0)
            continue;
        if (pending++ >= PENDING_MAX)
            continue;
        g_autofree char *reason = resource_pending_reason(world, at);
        json_array_append_new(array, json_pack("{s:s,s:s,s:s}", "kind", kind_name(at->kind), "name", at->name,
                                               "reason", reason ? reason : ""));
    }
    return pending;
}

static bool is_done(const ApplyRecord *apply, const ProgressTrack *track, bool jobs)
{
    switch (apply->state) {
    case APPLY_STAGING:
    case APPLY_ACTIVE: return false;
    case APPLY_SUPERSEDED:
    case APPLY_STATE_REFUSED:
    case APPLY_STATE_BROKEN:
    case APPLY_STATE_NOTED:
    case APPLY_FAILED: return true;
    case APPLY_CONVERGED: return !jobs || progress_track_unfinished(track) == 0;
    }
    g_assert_not_reached();
}

static ProgressTrack *track_of(const OperationContext *context, const ApplyRecord *apply)
{
    ProgressTrack *track = g_hash_table_lookup(context->tracks, &apply->id);
    if (!track) {
        track = progress_track_new(apply);
        g_hash_table_insert(context->tracks, g_memdup2(&apply->id, sizeof apply->id), track);
    }
    return track;
}

void progress_gather(StoreReader *reader, Call *call)
{
    progress_query_run(call->state, reader, &call->gather_error);
}

/* Asks the store for what has left memory, at most once between two commits: what is not found final there is
 * not durable yet. */
static OperationStep progress_ask(OperationContext *context, Call *call, ProgressTrack *track)
{
    ProgressQuery *query = progress_track_update(track, context->world, context->now_ms);
    bool asked = call->phase == 1 && call->asked == context->facts->commits;
    if (!query || asked) {
        progress_query_free(query);
        return STEP_DONE;
    }
    call->phase = 1;
    call->asked = context->facts->commits;
    call->state = query;
    call->state_free = progress_query_free;
    return STEP_GATHER;
}

static void progress_take(OperationContext *context, Call *call, ProgressTrack *track)
{
    ProgressQuery *query = call->state;
    if (!query)
        return;
    progress_track_take(track, query, context->world, context->now_ms);
    progress_query_free(query);
    call->state = NULL;
}

static OperationStep progress_answer(OperationContext *context, Call *call, const ApplyRecord *apply,
                                     ProgressTrack *track)
{
    int64_t since = 0;
    const char *want = NULL;
    if (!request_integer(call, "since", &since) || !request_string(call, "want", &want))
        return STEP_DONE;
    json_t *body = json_object(), *pending = json_array();
    g_autofree char *owner = g_strndup(apply->owner.data, apply->owner.len);
    size_t pending_len = apply->state == APPLY_CONVERGED ? 0 : add_pending(context->world, owner, pending);
    progress_track_note(track, apply->state, pending_len, context->now_ms);
    progress_track_waits(track, context->world, context->now_ms);
    bool done = is_done(apply, track, want && strcmp(want, "jobs") == 0);
    bool late = context->offline || context->now_ms >= call->deadline_ms;
    if (!done && !late && progress_track_version(track) <= since) {
        bool many = progress_track_unfinished(track) > WAIT_EAGER_MAX ||
                    world_resources_len(context->world) > WAIT_EAGER_MAX;
        call->not_before_ms = context->now_ms + (many ? WAIT_LAZY_MS : 0);
        json_decref(body);
        json_decref(pending);
        return STEP_WAIT;
    }
    json_set_number(body, "since", progress_track_version(track));
    json_set_text(body, "state", apply_state_name(apply->state));
    json_set_view(body, "message", apply->message);
    json_object_set_new(body, "done", json_boolean(done));
    json_object_set_new(body, "pending", pending);
    progress_track_json(track, context->world, context->facts->state_dir, since, body);
    return call_done(call, body);
}

/* False: the call has failed. */
static bool expect_runs(const OperationContext *context, Call *call, ProgressTrack *track)
{
    const json_t *runs = json_object_get(call->request, "runs"), *id;
    bool valid = !runs || json_is_array(runs);
    size_t index;
    json_array_foreach(runs, index, id)
    {
        valid = valid && json_is_string(id);
        if (valid)
            progress_track_expect(track, context->world, view_from(json_string_value(id)));
    }
    if (!valid)
        call_fail(call, FAULT_INVALID, "runs: a list of ids is expected");
    return valid;
}

OperationStep progress_step(OperationContext *context, Call *call)
{
    int64_t id = 0;
    if (!request_deadline(context, call) || !request_integer(call, "applyId", &id))
        return STEP_DONE;
    const ApplyRecord *apply = world_apply(context->world, id);
    if (!apply)
        return call_fail(call, FAULT_NOT_FOUND, "there is no apply %" G_GINT64_FORMAT, id);
    if (call->gather_error)
        return call_fail(call, FAULT_INTERNAL, "%s", call->gather_error);
    ProgressTrack *track = track_of(context, apply);
    if (!expect_runs(context, call, track))
        return STEP_DONE;
    progress_take(context, call, track);
    if (progress_ask(context, call, track) == STEP_GATHER)
        return STEP_GATHER;
    return progress_answer(context, call, apply, track);
}
