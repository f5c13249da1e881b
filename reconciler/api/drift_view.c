/* drift_view.c: what was changed outside, as JSON. */
#include "reconciler/api/operation.h"
#include "reconciler/world/drift.h"

#define SHOWN_MAX 1000

static json_t *drift_object(const World *world, const Drift *drift)
{
    const Resource *resource = world_resource(world, drift->kind, view_from(drift->name));
    DriftMode mode = drift_mode(view_from(resource->metadata));
    json_t *object = json_object();
    json_set_text(object, "kind", kind_name(drift->kind));
    json_set_text(object, "name", drift->name);
    json_set_text(object, "mode", drift_mode_name(mode));
    json_set_time(object, "since", drift->since_ms);
    json_set_time(object, "seen", drift->seen_ms);
    json_object_set_new(object, "fields", drift_fields_shown(drift->fields));
    json_set_number(object, "corrections", drift->corrections);
    int64_t due_ms = drift_due_ms(world, resource);
    json_set_time(object, "nextCorrectionAt", due_ms > 0 ? due_ms : 0);
    json_set_text(object, "problem", drift->problem);
    return object;
}

json_t *json_drift(const World *world, Kind kind, const char *name)
{
    json_t *array = json_array();
    const Drift *one = name ? world_drift(world, kind, view_from(name)) : NULL;
    if (one)
        json_array_append_new(array, drift_object(world, one));
    for (const Drift *drift = NULL;
         !name && json_array_size(array) < SHOWN_MAX && (drift = world_drift_next(world, drift));)
        json_array_append_new(array, drift_object(world, drift));
    return array;
}
