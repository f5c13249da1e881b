#include "reconciler/stage.h"
#include "reconciler/plan/change.h"

static bool stage_put(const Stage *stage, const Change *change, GError **error)
{
    const Manifest *manifest = change->manifest;
    ResourceChange put = {.manifest = manifest, .owner = stage->owner};
    /* What was being deleted when the plan was made may be gone by now. */
    if (change->action != ACTION_REPLACE || !world_resource(stage->world, manifest->kind, manifest->name))
        return resource_put(stage->world, &put, stage->now_ms, error);
    resource_replace(stage->world, &put, stage->now_ms);
    return true;
}

/* onDelete of what the manifest was when it ran. */
static void stage_delete(const Stage *stage, const Change *change)
{
    View name = view_from(change->name);
    const Resource *resource = world_resource(stage->world, change->kind, name);
    g_autoptr(GPtrArray) runs = g_ptr_array_new();
    for (Run *run = world_run_newest(stage->world, change->kind, name); run; run = world_run_before(run))
        if (strcmp(run->owner, stage->owner) == 0 && (run->state == RUN_WAITING || run->state == RUN_RUNNING))
            g_ptr_array_insert(runs, 0, run); /* the oldest first */
    for (guint i = 0; i < runs->len; i++) {
        Run *run = runs->pdata[i];
        RunRecord record = {.kind = run->kind, .spec = view_from(run->spec)};
        OnDelete on_delete = run_on_delete(&record);
        if (on_delete != ON_DELETE_KEEP)
            run_end(stage->world, run, on_delete == ON_DELETE_CANCEL ? END_CANCEL : END_TERMINATE,
                    "The manifest was deleted", stage->now_ms, stage->stops);
    }
    if (resource)
        resource_delete(stage->world, change->kind, name, stage->now_ms);
}

bool stage_change(const Stage *stage, const Change *change, GError **error)
{
    switch (change->action) {
    case ACTION_CREATE:
    case ACTION_UPDATE:
    case ACTION_REPLACE: return stage_put(stage, change, error);
    case ACTION_DELETE: stage_delete(stage, change); return true;
    case ACTION_RUN: break;
    }
    RunStart start = {.owner = stage->owner,
                      .kind = change->kind,
                      .name = view_from(change->name),
                      .spec = change->manifest->spec,
                      .key = change->run_key,
                      .record_only = change->recorded};
    return run_start(stage->world, &start, stage->rng, stage->now_ms, error) != NULL;
}

void stage_kept(const Stage *stage, const Plan *plan)
{
    for (guint i = 0; i < plan->kept->len; i++) {
        const PlanNote *note = plan->kept->pdata[i];
        View name = view_from(note->name);
        const Resource *resource =
            note->kind < KIND_COUNT ? world_resource(stage->world, note->kind, name) : NULL;
        if (resource && !resource->kept)
            resource_set_kept(stage->world, note->kind, name, stage->now_ms);
    }
}
