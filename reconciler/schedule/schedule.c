#include "reconciler/schedule/schedule.h"
#include "reconciler/schedule/hold.h"

void pass_init(Pass *pass, World *world, const ScheduleOptions *options, Arena *arena, Decisions *decisions)
{
    *pass = (Pass){.world = world,
                   .options = options,
                   .now_ms = options->now_ms,
                   .arena = arena,
                   .decisions = decisions,
                   .rooms = arena_new0_n(arena, Room *, world_environment_slots(world) + 1),
                   .machine = world_local_instance(world),
                   .machine_fleet = environment_fleet(world, NULL)};
}

/* Arena blocks do not grow in place; doubling keeps the copies at twice the result. */
void *pass_grow(Pass *pass, void *array, size_t len, size_t *max, size_t size)
{
    if (len < *max)
        return array;
    *max = *max ? 2 * *max : 16;
    void *grown = arena_alloc_raw(pass->arena, *max * size);
    if (len > 0)
        memcpy(grown, array, len * size);
    return grown;
}

void pass_record(Pass *pass, const Placement *placement)
{
    Decisions *decisions = pass->decisions;
    decisions->placements = pass_grow(pass, decisions->placements, decisions->placements_len,
                                      &pass->placements_max, sizeof *decisions->placements);
    decisions->placements[decisions->placements_len++] = *placement;
    decisions->starts += (size_t)placement->count;
}

/* ---- one step of one queue ---- */

static bool step_gang(Pass *pass, QueueWalk *walk, PlaceResult *ret_result)
{
    const GroupCursor *cursor = &walk->shares[0]->current;
    if (world_kind(pass->world, cursor->group->kind)->nodes == 1)
        return false;
    *ret_result = gang_place(pass, walk, cursor);
    return true;
}

static int64_t step_most(const Pass *pass, const QueueWalk *walk)
{
    const GroupCursor *cursor = &walk->shares[0]->current;
    int64_t most = MIN(walk_run(walk), cursor->item.runnable);
    most =
        MIN(most, (int64_t)MIN(pass->options->placements_max - pass->decisions->starts, (size_t)INT32_MAX));
    return pass->options->bulk_max > 0 ? MIN(most, pass->options->bulk_max) : most;
}

static void step_failed(Pass *pass, QueueWalk *walk, RunnableGroup *group, PlaceResult result, bool is_gang)
{
    bool waits = result == PLACE_FULL || result == PLACE_HELD, provided = false;
    if (result != PLACE_SHARE && pass_parks(pass, walk, group)) {
        walk_drop(pass, walk);
        return;
    }
    if (result == PLACE_FULL && !is_gang)
        misfits_add(&walk->misfits, group->kind, &group->need, pass->arena);
    if (result == PLACE_HELD)
        walk->held_tries++;
    if (result == PLACE_CONSUMABLE || result == PLACE_CLOSED) {
        misfits_add_all(&walk->misfits, group->kind, pass->arena);
        misfits_add_all(&walk->unmet, group->kind, pass->arena);
    }
    if (waits && !is_gang && walk->grows)
        provided = demand_add(pass, walk, group, walk->shares[0]->current.left);
    if (waits && !is_gang)
        hold_add(pass, walk, group, provided);
    walk->is_over = walk->queue->spec->strict_order && result != PLACE_SHARE;
    walk_drop(pass, walk);
}

static void step(Pass *pass, QueueWalk *walk)
{
    GroupCursor *cursor = &walk->shares[0]->current;
    RunnableGroup *group = cursor->group;
    PlaceResult result;
    Place place;
    if (step_gang(pass, walk, &result)) {
        if (result == PLACE_NOW)
            walk_placed(pass, walk, 1);
        else
            step_failed(pass, walk, group, result, true);
        return;
    }
    int64_t left_e4 = MIN(walk->shares[0]->left_e4, walk->left_e4);
    result = place_find(pass, walk, group, left_e4, step_most(pass, walk), &place);
    if (result != PLACE_NOW) {
        step_failed(pass, walk, group, result, false);
        return;
    }
    place_take(pass, walk, group, &place);
    pass_record(pass, &(Placement){.job = cursor->item.job,
                                   .index = cursor->item.index,
                                   .count = (int32_t)place.count,
                                   .node = NOT_A_NODE,
                                   .environment = place.room->environment,
                                   .instance = place.instance});
    walk_placed(pass, walk, place.count);
}

/* ---- queues of one priority ---- */

static bool walk_before(const QueueWalk *a, const QueueWalk *b)
{
    return cursor_before(&a->shares[0]->current, &b->shares[0]->current);
}

static void walks_sift(QueueWalk **heap, size_t len, size_t parent)
{
    QueueWalk *moved = heap[parent];
    for (size_t child = 2 * parent + 1; child < len; parent = child, child = 2 * parent + 1) {
        if (child + 1 < len && walk_before(heap[child + 1], heap[child]))
            child++;
        if (!walk_before(heap[child], moved))
            break;
        heap[parent] = heap[child];
    }
    heap[parent] = moved;
}

static bool is_full(const Pass *pass)
{
    return pass->decisions->starts >= pass->options->placements_max;
}

static void level_run(Pass *pass, Queue *const *queues, size_t len)
{
    QueueWalk *walks = arena_new0_n(pass->arena, QueueWalk, len);
    QueueWalk **heap = arena_new0_n(pass->arena, QueueWalk *, len);
    size_t heap_len = 0;
    for (size_t i = 0; i < len; i++)
        if (queues[i]->groups > 0 && walk_init(pass, &walks[i], queues[i]))
            heap[heap_len++] = &walks[i];
    for (size_t at = heap_len / 2; at > 0; at--)
        walks_sift(heap, heap_len, at - 1);
    while (heap_len > 0 && !is_full(pass)) {
        step(pass, heap[0]);
        if (!walk_first(heap[0]))
            heap[0] = heap[--heap_len];
        if (heap_len > 1)
            walks_sift(heap, heap_len, 0);
    }
    pass->decisions->is_full = pass->decisions->is_full || heap_len > 0;
    for (size_t i = 0; i < len; i++)
        limits_run(pass, queues[i], walks[i].queue ? &walks[i] : NULL);
}

/* ---- the whole ---- */

static void pass_end(Pass *pass)
{
    for (size_t i = pass->coming_len; i > 0; i--) {
        const ComingUse *use = &pass->coming[i - 1];
        instance_give_many(use->instance, use->need, use->count);
    }
    holds_end(pass);
}

void schedule_run(World *world, const ScheduleOptions *options, Arena *arena, Decisions *ret_decisions)
{
    size_t len;
    *ret_decisions = (Decisions){.wake_ms = INT64_MAX};
    if (world_runnable_len(world) == 0)
        return;
    Pass pass;
    pass_init(&pass, world, options, arena, ret_decisions);
    Queue *const *queues = world_queues(world, &len);
    for (size_t first = 0, next; first < len; first = next) {
        for (next = first + 1; next < len && queues[next]->spec->priority == queues[first]->spec->priority;
             next++)
            ;
        if (!is_full(&pass))
            level_run(&pass, queues + first, next - first);
        else
            ret_decisions->is_full = true;
    }
    pass_end(&pass);
}
