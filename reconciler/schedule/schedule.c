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
        walk->stays_awake = true;
        walk_drop(pass, walk);
        return;
    }
    if (result == PLACE_FULL && !is_gang) {
        Capacity misfit = pass_misfit(pass, walk, group);
        misfits_add(&walk->misfits, group->kind, &misfit, pass->arena);
    }
    if (result == PLACE_HELD) {
        walk->held_tries++;
        pass->held_tries++;
    }
    if (result == PLACE_CONSUMABLE || result == PLACE_CLOSED) {
        misfits_add_all(&walk->misfits, group->kind, pass->arena);
        misfits_add_all(&walk->unmet, group->kind, pass->arena);
    }
    if (waits && !is_gang && walk->grows)
        provided = demand_add(pass, walk, group, walk->shares[0]->current.left);
    if (waits)
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
        walk->stays_awake = true;
        if (result == PLACE_NOW)
            walk_placed(pass, walk, 1);
        else
            step_failed(pass, walk, group, result, true);
        return;
    }
    int64_t left_e4 = MIN(walk->shares[0]->left_e4, walk->left_e4);
    result = place_find(pass, walk, group, left_e4, step_most(pass, walk), &place);
    g_assert(result != PLACE_NOW || !walk->is_left_out);
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

/* Those that were opened and have work left; a heap: whose head is first. */
typedef struct {
    QueueWalk **heap;
    size_t len, max;
} Level;

static void level_sift(Level *level)
{
    QueueWalk **heap = level->heap, *moved = heap[0];
    size_t parent = 0;
    for (size_t child = 1; child < level->len; parent = child, child = 2 * parent + 1) {
        if (child + 1 < level->len && walk_before(heap[child + 1], heap[child]))
            child++;
        if (!walk_before(heap[child], moved))
            break;
        heap[parent] = heap[child];
    }
    heap[parent] = moved;
}

static void level_push(Pass *pass, Level *level, QueueWalk *walk)
{
    level->heap = pass_grow(pass, level->heap, level->len, &level->max, sizeof *level->heap);
    size_t child = level->len++;
    for (size_t parent; child > 0 && walk_before(walk, level->heap[parent = (child - 1) / 2]); child = parent)
        level->heap[child] = level->heap[parent];
    level->heap[child] = walk;
}

static bool is_full(const Pass *pass)
{
    return pass->decisions->starts >= pass->options->placements_max;
}

/* is_over: only to see that it places nothing. */
static void level_open(Pass *pass, Level *level, Queue *queue, bool is_over)
{
    QueueWalk *walk = arena_new0(pass->arena, QueueWalk);
    bool has_work = walk_init(pass, walk, queue);
    walk->is_left_out = is_over;
    if (queue == pass->needed)
        pass->needed = NULL;
    if (queue->spec->time_limits_len > 0) {
        pass->limited =
            pass_grow(pass, pass->limited, pass->limited_len, &pass->limited_max, sizeof *pass->limited);
        pass->limited[pass->limited_len++] = walk;
    }
    if (has_work)
        level_push(pass, level, walk);
}

static bool leaves_out(const Capacity *least, const Queue *queue, const void *data)
{
    Pass *pass = (Pass *)(uintptr_t)data; /* findings are noted in it */
    size_t len;
    if (!queue)
        return pass_fits_nowhere(pass, least);
    Environment *const *environments = queue_environments(pass->world, queue, &len);
    for (size_t i = 0; i < len; i++)
        if (environments[i] && room_may_take(pass, pass_room(pass, environments[i]), least))
            return false;
    return true;
}

/* Whether neither next nor any queue behind it can place or need anything: capacity only shrinks in a pass.
 */
static bool pass_is_over(Pass *pass, Queue *next)
{
    const Queue *needed = pass->needed;
    if (!pass->is_over && (!needed || (needed->rests && leaves_out(&needed->least, needed, pass)))) {
        pass->needed = queue_order_find(pass->world, next, leaves_out, pass);
        pass->is_over = !pass->needed;
    }
    return pass->is_over;
}

/* Whether none of those that are open can place or need anything any more. Else what they place may be in the
 * way of a head that was not asked yet, and has to be kept from it. */
static bool level_is_spent(Pass *pass, const Level *level)
{
    for (size_t i = 0; i < level->len; i++) {
        QueueWalk *walk = level->heap[i];
        walk->is_spent = walk->is_spent || leaves_out(&walk->queue->least, walk->queue, pass);
        if (!walk->is_spent)
            return false;
    }
    return true;
}

/* All it has was tried or covered by what was. What time alone may change is asked in every pass. */
static void walk_ended(Pass *pass, const QueueWalk *walk)
{
    Queue *queue = walk->queue;
    if (queue->head && !walk->stays_awake && queue->spec->time_limits_len == 0)
        queue_rest(pass->world, queue);
}

/* One step of the first of those that are open. */
static void level_step(Pass *pass, Level *level)
{
    step(pass, level->heap[0]);
    if (!walk_first(level->heap[0])) {
        walk_ended(pass, level->heap[0]);
        level->heap[0] = level->heap[--level->len];
    }
    if (level->len > 1)
        level_sift(level);
}

static bool opens_next(const Level *level, const Queue *queue)
{
    if (level->len == 0)
        return true;
    const GroupCursor *first = &level->heap[0]->shares[0]->current;
    return queue_is_before(queue, first->front, first->item.job->sequence);
}

/* From *queue on those of one priority; *queue is then the first of the next. Each is opened when its head's
 * turn has come, and none where nothing more can come of it: an end on a full machine with a thousand queues
 * asks the one that goes next. */
static void level_run(Pass *pass, Queue **queue)
{
    int64_t priority = (*queue)->spec->priority;
    Level level = {0};
    while (!is_full(pass)) {
        for (; *queue && (*queue)->spec->priority == priority && opens_next(&level, *queue);
             *queue = queue_order_next(*queue)) {
            bool is_over = pass_is_over(pass, *queue) && level_is_spent(pass, &level);
            if (is_over && !pass->options->check_skipped)
                break;
            level_open(pass, &level, *queue, is_over);
        }
        if (level.len == 0)
            break;
        level_step(pass, &level);
    }
    if (pass->is_over && level.len == 0 && !pass->options->check_skipped)
        *queue = NULL;
    bool is_left = level.len > 0 || (*queue && (*queue)->spec->priority == priority);
    pass->decisions->is_full = pass->decisions->is_full || is_left;
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

/* Those with work were opened, for they never rest, unless the pass was full before their turn came. */
static void all_limits(Pass *pass)
{
    size_t len;
    Queue *const *queues = world_limited_queues(pass->world, &len);
    for (size_t i = 0; i < pass->limited_len; i++)
        limits_run(pass, pass->limited[i]->queue, pass->limited[i]);
    for (size_t i = 0; i < len && !pass->decisions->is_full; i++)
        if (queues[i]->groups == 0)
            limits_run(pass, queues[i], NULL);
}

void schedule_run(World *world, const ScheduleOptions *options, Arena *arena, Decisions *ret_decisions)
{
    *ret_decisions = (Decisions){.wake_ms = INT64_MAX};
    if (world_runnable_len(world) == 0)
        return;
    Pass pass;
    pass_init(&pass, world, options, arena, ret_decisions);
    Queue *queue = queue_order_first(world);
    while (queue && !is_full(&pass))
        level_run(&pass, &queue);
    ret_decisions->is_full = ret_decisions->is_full || queue;
    all_limits(&pass);
    pass_end(&pass);
}
