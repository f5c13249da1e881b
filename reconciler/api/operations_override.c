/* operations_override.c: a field holds another value for a while. */
#include "reconciler/api/operation.h"
#include "reconciler/world/override.h"

typedef struct {
    const char *kind_text, *name, *field, *reason, *actor;
    Kind kind;
    int64_t for_ms;
    bool clear;
} Request;

static bool read_request(Call *call, Request *request)
{
    if (!request_string(call, "kind", &request->kind_text) || !request_string(call, "name", &request->name) ||
        !request_string(call, "field", &request->field) ||
        !request_string(call, "reason", &request->reason) ||
        !request_string(call, "actor", &request->actor) ||
        !request_integer(call, "forMs", &request->for_ms) || !request_boolean(call, "clear", &request->clear))
        return false;
    if (request->kind_text && request->name && kind_from_name(view_from(request->kind_text), &request->kind))
        return true;
    call_fail(call, FAULT_INVALID, "kind and name of a resource are expected");
    return false;
}

static OperationStep set(OperationContext *context, Call *call, const Request *request)
{
    g_autoptr(GError) error = NULL;
    json_t *value = json_object_get(call->request, "value");
    if (!request->field || !(json_is_string(value) || json_is_integer(value)))
        return call_fail(call, FAULT_INVALID, "a field and its value are expected");
    int64_t for_ms = CLAMP(request->for_ms, 0, OVERRIDE_LONGEST_MS + 1);
    Override override = {.kind = request->kind,
                         .name = (char *)(uintptr_t)request->name,
                         .field = (char *)(uintptr_t)request->field,
                         .value = value,
                         .until_ms = context->now_ms + for_ms,
                         .reason = (char *)(uintptr_t)request->reason,
                         .actor = (char *)(uintptr_t)(request->actor ? request->actor : "")};
    if (!override_set(context->world, &override, context->now_ms, &error))
        return call_fail_error(call, error);
    return call_done(call, json_pack("{s:I}", "until", (json_int_t) override.until_ms));
}

OperationStep override_step(OperationContext *context, Call *call)
{
    Request request = {.kind = KIND_COUNT};
    if (!read_request(call, &request))
        return STEP_DONE;
    if (!request.clear)
        return set(context, call, &request);
    View name = view_from(request.name);
    if (!world_resource(context->world, request.kind, name))
        return call_fail(call, FAULT_NOT_FOUND, "there is no %s \"%s\"", kind_name(request.kind),
                         request.name);
    size_t cleared = override_clear(context->world, request.kind, name, request.field,
                                    request.actor ? request.actor : "", context->now_ms);
    return call_done(call, json_pack("{s:I}", "cleared", (json_int_t)cleared));
}

json_t *json_overrides(const World *world, Kind kind, const char *name)
{
    json_t *array = json_array();
    if (world_override_due_ms(world) == 0)
        return array;
    g_autoptr(GPtrArray) overrides = world_overrides(world);
    for (guint i = 0; i < overrides->len; i++) {
        const Override *override = overrides->pdata[i];
        if (name && (override->kind != kind || strcmp(override->name, name) != 0))
            continue;
        json_t *object = json_object();
        json_set_text(object, "kind", kind_name(override->kind));
        json_set_text(object, "name", override->name);
        json_set_text(object, "field", override->field);
        json_object_set(object, "value", override->value);
        json_set_time(object, "since", override->since_ms);
        json_set_time(object, "until", override->until_ms);
        json_set_text(object, "reason", override->reason);
        json_set_text(object, "actor", override->actor);
        json_array_append_new(array, object);
    }
    return array;
}
