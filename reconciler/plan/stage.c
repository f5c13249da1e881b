#include "reconciler/plan/stage.h"
#include "reconciler/plan/change.h"
#include "reconciler/plan/recorded.h"

static bool stage_rename(const Stage *stage, const Change *change, GError **error)
{
    ResourceRename rename = {.kind = change->kind,
                             .from = view_from(change->formerly),
                             .to = view_from(change->name),
                             .key = change->former_key,
                             .new_key = change->run_key};
    return resource_rename(stage->world, &rename, stage->now_ms, error);
}

static bool stage_put(const Stage *stage, const Change *change, GError **error)
{
    const Manifest *manifest = change->manifest;
    if (change->formerly && !stage_rename(stage, change, error))
        return false;
    if (!change->formerly && !digest_is_zero(&change->former_key))
        runs_rekey(stage->world, change->kind, view_from(change->name), &change->former_key,
                   &change->run_key);
    if (change->kind == KIND_JOB)
        return true;
    ResourceChange put = {
        .manifest = manifest, .owner = stage->owner, .is_new_revision = change->is_new_revision};
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

static ChangeAction recorded_action(ActionType action)
{
    switch (action) {
    case ACTION_CREATE: return CHANGE_CREATE;
    case ACTION_UPDATE: return CHANGE_UPDATE;
    case ACTION_REPLACE: return CHANGE_REPLACE;
    case ACTION_DELETE: return CHANGE_DELETE;
    case ACTION_RUN: break;
    }
    g_assert_not_reached();
}

/* For history. What a create sets is what the resource has, less what changed later: 100,000 creates need no
 * copy of it. Of a Job there are only runs, and these are kept as such. */
static void record_change(const Stage *stage, const Change *change)
{
    if ((stage->apply_id == 0 && !stage->actor) || change->kind == KIND_JOB)
        return;
    g_autoptr(GString) fields = g_string_new(NULL);
    bool is_create = change->action == ACTION_CREATE;
    if (!is_create && change->manifest)
        recorded_fields(change->fields, change->manifest->metadata, fields);
    world_change(stage->world, &(ChangeRecord){.kind = change->kind,
                                               .name = view_from(change->name),
                                               .at_ms = stage->now_ms,
                                               .apply_id = stage->apply_id,
                                               .owner = view_from(stage->owner),
                                               .actor = view_from(stage->actor),
                                               .action = recorded_action(change->action),
                                               .reason = is_create ? VIEW("") : view_from(change->reason),
                                               .fields = {fields->str, fields->len}});
}

bool stage_change(const Stage *stage, const Change *change, GError **error)
{
    bool is_run = change->action == ACTION_RUN;
    if (change->action == ACTION_DELETE)
        stage_delete(stage, change);
    else if (!is_run && !stage_put(stage, change, error))
        return false;
    if (!is_run) {
        record_change(stage, change);
        return true;
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
        if (!resource || resource->kept)
            continue;
        resource_set_kept(stage->world, note->kind, name, stage->now_ms);
        if (stage->apply_id)
            world_change(stage->world, &(ChangeRecord){.kind = note->kind,
                                                       .name = name,
                                                       .at_ms = stage->now_ms,
                                                       .apply_id = stage->apply_id,
                                                       .owner = view_from(stage->owner),
                                                       .action = CHANGE_KEEP,
                                                       .reason = view_from(note->message)});
    }
}
