/* operations_refresh.c: what an environment's machines are made from: what is newer, and that it is taken. */
#include "reconciler/api/operation.h"
#include "reconciler/world/pins.h"

OperationStep refresh_step(OperationContext *context, Call *call)
{
    g_autoptr(GError) error = NULL;
    const char *name = NULL, *actor = NULL;
    if (!request_string(call, "name", &name) || !request_string(call, "actor", &actor))
        return STEP_DONE;
    if (!name)
        return call_fail(call, FAULT_INVALID, "the name of an environment is expected");
    if (!pins_refresh(context->world, view_from(name), actor ? actor : "", context->now_ms, &error))
        return call_fail_error(call, error);
    g_autofree char *newer = pins_newer(context->world, name);
    json_t *answer = json_object();
    json_set_text(answer, "newer", newer);
    return call_done(call, answer);
}

json_t *json_newer(const World *world)
{
    json_t *array = json_array();
    for (const Environment *at = NULL; (at = world_environment_next(world, at));) {
        g_autofree char *newer = at->pins.is_outdated ? pins_newer(world, at->resource->name) : NULL;
        if (!newer)
            continue;
        g_autofree char *becomes = pins_become(at->spec->refresh, at->resource->name);
        json_t *object = json_object(), *pins = pins_json(world, at->resource->name);
        json_set_text(object, "kind", kind_name(at->resource->kind));
        json_set_text(object, "name", at->resource->name);
        json_set_text(object, "message", newer);
        json_set_text(object, "becomes", becomes);
        json_set_time(object, "since", json_integer_value(json_object_get(pins, "newerSince")));
        json_decref(pins);
        json_array_append_new(array, object);
    }
    return array;
}
