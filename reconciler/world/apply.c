/* Applies: the newest of each owner decides; older ones of this process stay for those who wait on them. */
#include "reconciler/world/state.h"

/* Superseded, failed and converged applies beyond so many leave memory, oldest first. */
#define APPLIES_MAX 256

static int apply_key_compare(const TreeNode *node, const void *key)
{
    int64_t left = TREE_ENTRY(node, ApplyEntry, by_id)->record.id, right = *(const int64_t *)key;
    return (left > right) - (left < right);
}

static int apply_compare(const TreeNode *a, const TreeNode *b)
{
    return apply_key_compare(a, &TREE_ENTRY(b, ApplyEntry, by_id)->record.id);
}

static void free_text(View view)
{
    g_free((char *)(uintptr_t)view.data);
}

static View copy_text(View view)
{
    return (View){view_dup(view), view.len};
}

static void apply_free(ApplyEntry *entry)
{
    ApplyRecord *record = &entry->record;
    free_text(record->owner);
    free_text(record->source_path);
    free_text(record->revision);
    free_text(record->plan_id);
    free_text(record->message);
    free_text(record->summary);
    free_text(record->actor);
    free_text(record->author);
    free_text(record->signature);
    g_free(entry);
}

void applies_init(World *world)
{
    tree_init(&world->applies, apply_compare);
}

void applies_clear(World *world)
{
    for (TreeNode *node = tree_first(&world->applies); node; node = tree_first(&world->applies)) {
        tree_remove(&world->applies, node);
        apply_free(TREE_ENTRY(node, ApplyEntry, by_id));
    }
}

static void apply_touch(World *world, ApplyEntry *entry)
{
    if (entry->is_dirty || world_is_quiet(world))
        return;
    entry->is_dirty = true;
    g_queue_push_tail_link(&world->dirty_applies, &entry->dirty);
}

static ApplyEntry *apply_add(World *world, const ApplyRecord *record)
{
    ApplyEntry *entry = g_new0(ApplyEntry, 1);
    entry->record = *record;
    entry->record.owner = copy_text(record->owner);
    entry->record.source_path = copy_text(record->source_path);
    entry->record.revision = copy_text(record->revision);
    entry->record.plan_id = copy_text(record->plan_id);
    entry->record.message = copy_text(record->message);
    entry->record.summary = copy_text(record->summary);
    entry->record.actor = copy_text(record->actor);
    entry->record.author = copy_text(record->author);
    entry->record.signature = copy_text(record->signature);
    entry->record.is_new = false;
    entry->dirty.data = entry;
    tree_insert(&world->applies, &entry->by_id);
    return entry;
}

static ApplyEntry *apply_find(const World *world, int64_t id)
{
    TreeNode *node = tree_find(&world->applies, &id, apply_key_compare);
    return node ? TREE_ENTRY(node, ApplyEntry, by_id) : NULL;
}

const ApplyRecord *world_apply(const World *world, int64_t id)
{
    ApplyEntry *entry = apply_find(world, id);
    return entry ? &entry->record : NULL;
}

const ApplyRecord *world_apply_next(const World *world, int64_t after_id)
{
    int64_t from = after_id + 1;
    TreeNode *node = tree_lower_bound(&world->applies, &from, apply_key_compare);
    return node ? &TREE_ENTRY(node, ApplyEntry, by_id)->record : NULL;
}

const ApplyRecord *world_apply_newest(const World *world, const char *owner)
{
    for (TreeNode *node = tree_last(&world->applies); node; node = tree_prev(node)) {
        const ApplyRecord *record = &TREE_ENTRY(node, ApplyEntry, by_id)->record;
        if (view_is(record->owner, owner))
            return record;
    }
    return NULL;
}

static bool apply_is_open(ApplyState state)
{
    return state == APPLY_STAGING || state == APPLY_ACTIVE;
}

static void applies_trim(World *world)
{
    TreeNode *next;
    for (TreeNode *node = tree_first(&world->applies); node && tree_len(&world->applies) > APPLIES_MAX;
         node = next) {
        next = tree_next(node);
        ApplyEntry *entry = TREE_ENTRY(node, ApplyEntry, by_id);
        g_autofree char *owner = view_dup(entry->record.owner);
        if (entry->is_dirty || world_apply_newest(world, owner) == &entry->record)
            continue;
        tree_remove(&world->applies, node);
        apply_free(entry);
    }
}

int64_t apply_begin(World *world, const ApplyRecord *record, int64_t now_ms)
{
    ApplyRecord fresh = *record;
    fresh.id = ++world->apply_id;
    fresh.created_ms = now_ms;
    fresh.ended_ms = 0;
    for (const ApplyRecord *older = world_apply_next(world, 0); older;
         older = world_apply_next(world, older->id))
        if (view_equal(older->owner, record->owner) && apply_is_open(older->state))
            apply_set(world, older->id, APPLY_SUPERSEDED, "a newer apply took its place", now_ms);
    ApplyEntry *entry = apply_add(world, &fresh);
    entry->is_new = true;
    apply_touch(world, entry);
    applies_trim(world);
    return fresh.id;
}

void apply_set(World *world, int64_t id, ApplyState state, const char *message, int64_t now_ms)
{
    static const char *const types[] = {"apply.staging",    "apply.active", "apply.converged",
                                        "apply.superseded", "apply.failed", "apply.refused",
                                        "apply.broken",     "apply.noted"};
    ApplyEntry *entry = apply_find(world, id);
    if (!entry)
        return;
    ApplyRecord *record = &entry->record;
    bool moved = record->state != state;
    if (!moved && view_is(record->message, message))
        return;
    View text = copy_text(view_from(message));
    free_text(record->message);
    record->message = text;
    record->state = state;
    if (!apply_is_open(state) && record->ended_ms == 0)
        record->ended_ms = now_ms;
    apply_touch(world, entry);
    if (!moved)
        return;
    g_autofree char *subject = g_strdup_printf("source " VIEW_FMT, VIEW_ARG(record->owner));
    g_autofree char *owner = view_dup(record->owner), *revision = view_dup(record->revision),
                    *plan_id = view_dup(record->plan_id), *summary = view_dup(record->summary),
                    *details = event_plan_details(plan_id, summary);
    EventOrigin origin = {owner, revision, details};
    world_event_of(world, &origin, types[state], subject, message, now_ms);
}

/* Like an event it goes straight into the batch: nobody waits on it, and what is in force is of another. */
int64_t apply_note(World *world, const ApplyRecord *record, int64_t now_ms)
{
    if (world_is_quiet(world))
        return 0;
    ApplyRecord fresh = *record;
    fresh.id = ++world->apply_id;
    fresh.created_ms = fresh.ended_ms = now_ms;
    fresh.is_new = true;
    batch_put_apply(world_batch(world), &fresh);
    return fresh.id;
}

void world_change(World *world, const ChangeRecord *record)
{
    if (!world_is_quiet(world))
        batch_put_change(world_batch(world), record);
}

bool apply_restore(World *world, const ApplyRecord *record)
{
    apply_add(world, record);
    world->apply_id = MAX(world->apply_id, record->id);
    return true;
}
