/* operations_suspend.c: `suspend` and `resume`: whether the clock starts a pipeline, and whether what is new
 * in a source is carried out. */
#include "reconciler/api/operation.h"
#include "reconciler/world/suspension.h"

json_t *json_suspension(const World *world, const char *source, int64_t now_ms)
{
    g_autoptr(Suspension) suspension = world_suspension(world, source, now_ms);
    if (!suspension)
        return NULL;
    json_t *object = json_object();
    json_set_time(object, "since", suspension->since_ms);
    json_set_time(object, "until", suspension->until_ms);
    json_set_text(object, "reason", suspension->reason);
    json_set_text(object, "actor", suspension->actor);
    return object;
}

/* ---- pipelines ---- */

static OperationStep suspend_pipeline(OperationContext *context, Call *call, const char *name,
                                      bool is_suspended)
{
    View key = view_from(name);
    const Resource *pipeline = world_resource(context->world, KIND_PIPELINE, key);
    if (!pipeline)
        return call_fail(call, FAULT_NOT_FOUND, "there is no Pipeline \"%s\"", name);
    bool was = pipeline_is_suspended(context->world, key);
    pipeline_suspend(context->world, key, is_suspended);
    if (was != is_suspended) {
        g_autofree char *subject = g_strdup_printf("Pipeline/%s", name);
        world_event_of(context->world, &(EventOrigin){.source = pipeline->owner},
                       is_suspended ? "pipeline.suspended" : "pipeline.resumed", subject, "",
                       context->now_ms);
    }
    return call_done(call, json_pack("{s:s,s:s,s:b,s:b,s:I}", "kind", "Pipeline", "name", name, "suspended",
                                     is_suspended, "changed", was != is_suspended, "schedules",
                                     (json_int_t)pipeline_schedules_len(pipeline)));
}

/* ---- sources ---- */

/* It was followed or applied here. */
static bool source_is_known(const World *world, const char *name)
{
    json_t *sources = sources_setting(world);
    bool is_known = json_object_get(sources, name) != NULL || world_apply_newest(world, name) != NULL;
    json_decref(sources);
    return is_known;
}

typedef struct {
    const char *source, *reason, *actor;
    int64_t for_ms, until_ms;
    bool is_suspended;
} Request;

static OperationStep suspend_source(OperationContext *context, Call *call, const Request *request)
{
    World *world = context->world;
    g_autoptr(GError) error = NULL;
    const char *actor = request->actor ? request->actor : "";
    bool changed = true;
    if (!source_is_known(world, request->source))
        return call_fail(call, FAULT_NOT_FOUND,
                         "there is no source \"%s\" here; muster status and muster "
                         "history show those that there are",
                         request->source);
    int64_t for_ms = CLAMP(request->for_ms, 0, SUSPENSION_LONGEST_MS + 1);
    Suspension suspension = {.source = (char *)(uintptr_t)request->source,
                             .until_ms = for_ms ? context->now_ms + for_ms : request->until_ms,
                             .reason = (char *)(uintptr_t)request->reason,
                             .actor = (char *)(uintptr_t)actor};
    if (!request->is_suspended)
        changed = source_resume(world, request->source, actor, context->now_ms);
    else if (!source_suspend(world, &suspension, context->now_ms, &error))
        return call_fail_error(call, error);
    json_t *body = json_pack("{s:s,s:s,s:b,s:b}", "kind", "source", "name", request->source, "suspended",
                             request->is_suspended, "changed", changed);
    if (request->is_suspended)
        json_set_time(body, "until", suspension.until_ms);
    return call_done(call, body);
}

/* ---- which of them ---- */

/* Only a name was given: a pipeline of that name, else a source; where both are there, the one that is
 * suspended, to be resumed, and without a reason a pipeline, to be suspended. */
static OperationStep suspend_named(OperationContext *context, Call *call, const char *name, Request *request)
{
    const World *world = context->world;
    bool is_pipeline = world_resource(world, KIND_PIPELINE, view_from(name)) != NULL,
         is_source = source_is_known(world, name);
    g_autoptr(Suspension) suspension = world_suspension(world, name, context->now_ms);
    if (is_pipeline && is_source && !request->is_suspended) {
        bool is_paused = pipeline_is_suspended(world, view_from(name));
        if (is_paused && suspension)
            return call_fail(call, FAULT_INVALID,
                             "a pipeline and a source of the name %s are suspended: write Pipeline/%s or "
                             "source/%s",
                             name, name, name);
        is_pipeline = is_paused || !suspension;
    }
    request->source = name;
    if (request->reason ? is_source : !is_pipeline && is_source)
        return suspend_source(context, call, request);
    if (!is_pipeline && !is_source)
        return call_fail(call, FAULT_NOT_FOUND, "there is no Pipeline and no source \"%s\"", name);
    if (request->reason)
        return call_fail(call, FAULT_INVALID, "Pipeline/%s is suspended without a reason and a time", name);
    return suspend_pipeline(context, call, name, request->is_suspended);
}

OperationStep suspend_step(OperationContext *context, Call *call)
{
    const char *pipeline = NULL, *name = NULL;
    Request request = {.is_suspended = true};
    if (!request_string(call, "pipeline", &pipeline) || !request_string(call, "name", &name) ||
        !request_string(call, "source", &request.source) ||
        !request_string(call, "reason", &request.reason) || !request_string(call, "actor", &request.actor) ||
        !request_integer(call, "forMs", &request.for_ms) ||
        !request_integer(call, "until", &request.until_ms) ||
        !request_boolean(call, "suspended", &request.is_suspended))
        return STEP_DONE;
    if (request.source)
        return suspend_source(context, call, &request);
    if (pipeline)
        return suspend_pipeline(context, call, pipeline, request.is_suspended);
    if (name)
        return suspend_named(context, call, name, &request);
    return call_fail(call, FAULT_INVALID, "the name of a source or of a pipeline is expected");
}
