/* newer.c: what is newer than what an environment's machines are made from: told with when it is taken. It is
 * no change of the plan, but comes with one. */
#include "reconciler/plan/change.h"
#include "reconciler/world/pins.h"

const char *newer_of(const PlanActual *actual, View name)
{
    for (guint i = 0; actual->newer && i < actual->newer->len; i++) {
        const PlanNote *note = actual->newer->pdata[i];
        if (view_is(name, note->name))
            return note->message;
    }
    return NULL;
}

static RefreshMode mode_of(View spec)
{
    g_autoptr(ComputeEnvironmentSpec) decoded = compute_environment_spec_decode(spec, NULL);
    return decoded ? decoded->refresh : REFRESH_ON_COMMIT;
}

bool newer_is_taken(const Change *change)
{
    return change->action == ACTION_UPDATE && change->manifest &&
           !digest_equal(&change->before, &change->after) &&
           mode_of(change->manifest->spec) != REFRESH_MANUAL;
}

static const Change *change_of(const Plan *plan, const char *name)
{
    for (guint i = 0; i < plan->changes->len; i++) {
        const Change *change = plan->changes->pdata[i];
        if (change->kind == KIND_COMPUTE_ENVIRONMENT && strcmp(change->name, name) == 0)
            return change;
    }
    return NULL;
}

/* New string. */
static char *becomes(const Plan *plan, const PlanActual *actual, const ResourceRecord *resource,
                     const char *name)
{
    const Change *change = change_of(plan, name);
    const Manifest *manifest =
        plan->desired ? manifest_set_find(plan->desired, resource->kind, resource->name) : NULL;
    View spec = manifest             ? manifest->spec
                : resource->spec.len ? resource->spec
                : actual->spec       ? actual->spec(resource->kind, resource->name, actual->data)
                                     : VIEW("");
    if (change && change->action == ACTION_DELETE)
        return g_strdup("goes with it");
    if (change && change->action == ACTION_REPLACE)
        return g_strdup("taken with its replacement");
    if (change && newer_is_taken(change))
        return g_strdup("taken with this plan's change of it");
    return pins_become(mode_of(spec), name);
}

void note_newer(Plan *plan, const PlanActual *actual, const PlanOptions *options)
{
    for (guint i = 0; actual->newer && i < actual->newer->len; i++) {
        const PlanNote *note = actual->newer->pdata[i];
        View name = view_from(note->name);
        const ResourceRecord *resource = actual_find(actual, KIND_COMPUTE_ENVIRONMENT, name);
        if (!resource || !view_is(resource->owner, options->source_name) ||
            !only_selects(options->only, KIND_COMPUTE_ENVIRONMENT, name))
            continue;
        g_autofree char *what = becomes(plan, actual, resource, note->name);
        g_ptr_array_add(plan->newer, plan_note_new(KIND_COMPUTE_ENVIRONMENT, name,
                                                   g_strdup_printf("%s; %s", note->message, what)));
    }
}
