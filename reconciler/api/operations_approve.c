/* operations_approve.c: `approve`: a plan that waits is carried out. */
#include "reconciler/api/operation.h"

#define PLAN_ID_SHORT 8 /* as plans and status show it */
/* A daemon that has just begun makes the plan again before it can be approved. */
#define LOAD_PATIENCE_MS 30000

static bool is_plan_id(const char *text)
{
    size_t len = text ? strlen(text) : 0;
    return len >= PLAN_ID_SHORT && len <= (size_t)2 * DIGEST_BYTES && strspn(text, "0123456789abcdef") == len;
}

/* It waited when the state was hosted last, and whoever hosts now has not looked at its source. */
static bool is_to_be_made(const World *world, const char *plan_id)
{
    json_t *sources = sources_setting(world), *source;
    const char *name;
    bool found = false;
    json_object_foreach(sources, name, source)
    {
        const char *id = json_string_value(json_object_get(json_object_get(source, "waiting"), "planId"));
        found = found ||
                (id && g_str_has_prefix(id, plan_id) && !json_is_true(json_object_get(source, "followed")));
    }
    json_decref(sources);
    return found;
}

/* What waits is made by the process that follows the source, and is not kept. */
OperationStep pending_step(OperationContext *context, Call *call)
{
    const char *source = NULL;
    if (!request_string(call, "source", &source))
        return STEP_DONE;
    json_t *plan = source && context->pending ? context->pending(source, context->pending_data) : NULL;
    json_t *body = json_object();
    if (plan)
        json_object_set(body, "plan", plan);
    return call_done(call, body);
}

/* The engine looks for it and carries it out (reconcile_approval.c). */
OperationStep approve_step(OperationContext *context, Call *call)
{
    const char *plan_id = NULL;
    int64_t allow_deletes = 0;
    if (!request_string(call, "planId", &plan_id) || !request_integer(call, "allowDeletes", &allow_deletes) ||
        !request_first_run(call))
        return STEP_DONE;
    if (!is_plan_id(plan_id))
        return call_fail(call, FAULT_INVALID,
                         "planId: the id of a plan is expected, at least its first %d characters (0-9, a-f)",
                         PLAN_ID_SHORT);
    if (allow_deletes < 0)
        return call_fail(call, FAULT_INVALID, "allowDeletes: a number from 0 up is expected");
    if (!call->deadline_ms)
        call->deadline_ms = context->now_ms + LOAD_PATIENCE_MS;
    bool may_wait = !context->offline && context->now_ms < call->deadline_ms;
    return may_wait && is_to_be_made(context->world, plan_id) ? STEP_WAIT : STEP_APPLY;
}
