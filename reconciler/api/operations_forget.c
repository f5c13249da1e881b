/* operations_forget.c: a source lets a resource go. */
#include "reconciler/api/operation.h"

static OperationStep forget(OperationContext *context, Call *call, Kind kind, const char *name,
                            const char *actor)
{
    g_autoptr(GError) error = NULL;
    World *world = context->world;
    const Resource *resource = world_resource(world, kind, view_from(name));
    g_autofree char *owner = resource ? g_strdup(resource->owner) : NULL;
    if (!resource_forget(world, kind, view_from(name), context->now_ms, &error))
        return call_fail_error(call, error);
    bool is_changed = *owner != '\0';
    if (is_changed) {
        context->resources_changed = true;
        g_autofree char *reason = g_strdup_printf("let go by source %s", owner);
        world_change(world, &(ChangeRecord){.kind = kind,
                                            .name = view_from(name),
                                            .at_ms = context->now_ms,
                                            .owner = view_from(owner),
                                            .actor = view_from(actor),
                                            .action = CHANGE_FORGET,
                                            .reason = view_from(reason)});
    }
    json_t *body = json_pack("{s:b}", "changed", is_changed);
    json_set_text(body, "owner", owner);
    return call_done(call, body);
}

OperationStep forget_step(OperationContext *context, Call *call)
{
    const char *kind_text = NULL, *name = NULL, *actor = NULL;
    Kind kind = KIND_COUNT;
    if (!request_string(call, "kind", &kind_text) || !request_string(call, "name", &name) ||
        !request_string(call, "actor", &actor))
        return STEP_DONE;
    if (!kind_text || !name || !kind_from_name(view_from(kind_text), &kind))
        return call_fail(call, FAULT_INVALID, "kind and name of a resource are expected");
    if (kind == KIND_JOB)
        return call_fail(call, FAULT_INVALID,
                         "a Job is its runs, and what ran stays: remove its manifest (onDelete: keep)");
    return forget(context, call, kind, name, actor);
}
