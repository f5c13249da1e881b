/* walk.c: who is next in a queue: shares by use, groups by their heads. */
#include "reconciler/schedule/pass.h"
#include "spec/base/units.h"

/* ---- order ---- */

static bool head_before(uint64_t front_a, uint64_t sequence_a, int32_t index_a, uint64_t front_b,
                        uint64_t sequence_b, int32_t index_b)
{
    if (front_a != front_b)
        return front_a > front_b;
    return sequence_a != sequence_b ? sequence_a < sequence_b : index_a < index_b;
}

/* An item is in one group only, and (job, index) names it. */
bool cursor_before(const GroupCursor *a, const GroupCursor *b)
{
    return head_before(a->front, a->item.job->sequence, a->item.index, b->front, b->item.job->sequence,
                       b->item.index);
}

static AdvancedGroup place_in_order(GroupCursor *cursor)
{
    return (AdvancedGroup){.front = cursor->front,
                           .sequence = cursor->item.job->sequence,
                           .priority = cursor->group->priority,
                           .index = cursor->item.index,
                           .cursor = cursor};
}

static bool advanced_before(const AdvancedGroup *a, const AdvancedGroup *b)
{
    if (a->priority != b->priority)
        return a->priority > b->priority;
    return head_before(a->front, a->sequence, a->index, b->front, b->sequence, b->index);
}

static bool share_before(const ShareWalk *a, const ShareWalk *b)
{
    if (a->turn != b->turn)
        return a->turn;
    if (a->walk->queue->fair && a->key != b->key)
        return a->key < b->key;
    if (a->current.item.job != b->current.item.job)
        return cursor_before(&a->current, &b->current);
    return strcmp(a->share->identifier, b->share->identifier) < 0;
}

/* ---- a share's groups ---- */

static bool share_skips(const Capacity *least, uint64_t kinds, const void *data)
{
    const ShareWalk *at = data;
    const QueueWalk *walk = at->walk;
    if (walk->limits_shares && least->vcpus_e4 > MIN(at->left_e4, walk->left_e4))
        return true;
    return misfits_cover(&walk->misfits, least, kinds) &&
           (!walk->grows || misfits_cover(&walk->unmet, least, kinds));
}

/* Kinds that have no bit of their own are looked at one by one. */
static bool group_skipped(const ShareWalk *at, const RunnableGroup *group)
{
    const QueueWalk *walk = at->walk;
    if (walk->limits_shares && group->need.vcpus_e4 > MIN(at->left_e4, walk->left_e4))
        return true;
    return misfits_cover_kind(&walk->misfits, &group->need, group->kind) &&
           (!walk->grows || misfits_cover_kind(&walk->unmet, &group->need, group->kind));
}

/* For tests: every group, and those that the trees leave out are tried. */
static bool check_skipped(const Capacity *least, uint64_t kinds, const void *data)
{
    (void)least;
    (void)kinds;
    (void)data;
    return false;
}

static void check_misfit(const ShareWalk *at, const RunnableGroup *group)
{
    Place place;
    int64_t left_e4 = MIN(at->left_e4, at->walk->left_e4);
    if (at->pass->options->check_skipped && world_kind(at->pass->world, group->kind)->nodes == 1)
        g_assert(place_find(at->pass, at->walk, group, left_e4, 1, &place) != PLACE_NOW);
}

/* The next group of the tree that may still be placed; what was looked up before may not be any more. */
static RunnableGroup *share_peek(ShareWalk *at)
{
    GroupSkip skip = at->pass->options->check_skipped ? check_skipped : share_skips;
    while (!at->at_end && (!at->peeked || group_skipped(at, at->peeked))) {
        if (at->peeked)
            check_misfit(at, at->peeked);
        at->peeked = share_group_next(at->share, at->last, skip, at);
        at->last = at->peeked;
        at->at_end = !at->peeked;
    }
    return at->peeked;
}

static bool cursor_open(GroupCursor *cursor, RunnableGroup *group)
{
    *cursor = (GroupCursor){.group = group, .left = group->jobs};
    return runnable_group_item(group, &cursor->at, &cursor->item, &cursor->front);
}

#define ADVANCED_CHILDREN ((size_t)4) /* two cache lines */

static void advanced_push(Pass *pass, ShareWalk *at, const GroupCursor *cursor)
{
    GroupCursor *kept = at->spare ? at->spare : arena_new0(pass->arena, GroupCursor);
    *kept = *cursor;
    at->spare = NULL;
    AdvancedGroup entry = place_in_order(kept);
    at->advanced = pass_grow(pass, at->advanced, at->advanced_len, &at->advanced_max, sizeof entry);
    size_t child = at->advanced_len++;
    for (size_t parent; child > 0; child = parent) {
        parent = (child - 1) / ADVANCED_CHILDREN;
        if (!advanced_before(&entry, &at->advanced[parent]))
            break;
        at->advanced[child] = at->advanced[parent];
    }
    at->advanced[child] = entry;
}

static size_t first_child(const ShareWalk *at, size_t parent)
{
    size_t child = ADVANCED_CHILDREN * parent + 1, best = child;
    for (size_t i = child + 1; i < child + ADVANCED_CHILDREN && i < at->advanced_len; i++)
        if (advanced_before(&at->advanced[i], &at->advanced[best]))
            best = i;
    return best;
}

static void advanced_pop(ShareWalk *at, GroupCursor *ret_cursor)
{
    at->spare = at->advanced[0].cursor;
    *ret_cursor = *at->spare;
    AdvancedGroup last = at->advanced[--at->advanced_len];
    size_t parent = 0;
    while (ADVANCED_CHILDREN * parent + 1 < at->advanced_len) {
        size_t child = first_child(at, parent);
        if (!advanced_before(&at->advanced[child], &last))
            break;
        at->advanced[parent] = at->advanced[child];
        parent = child;
    }
    at->advanced[parent] = last;
}

/* From the tree or of those that were advanced, whichever comes first. */
static void share_choose(ShareWalk *at)
{
    GroupCursor fresh;
    at->current.group = NULL;
    while (at->advanced_len > 0 && group_skipped(at, at->advanced[0].cursor->group))
        advanced_pop(at, &fresh);
    RunnableGroup *group = share_peek(at);
    bool is_fresh = group && cursor_open(&fresh, group);
    AdvancedGroup candidate = is_fresh ? place_in_order(&fresh) : (AdvancedGroup){0};
    if (is_fresh && (at->advanced_len == 0 || advanced_before(&candidate, &at->advanced[0]))) {
        at->current = fresh;
        at->peeked = NULL;
    } else if (at->advanced_len > 0) {
        advanced_pop(at, &at->current);
    }
}

/* ---- the heap of shares ---- */

static void shares_sift(QueueWalk *walk, size_t parent)
{
    ShareWalk **heap = walk->shares, *moved = heap[parent];
    for (size_t child = 2 * parent + 1; child < walk->shares_len; parent = child, child = 2 * parent + 1) {
        if (child + 1 < walk->shares_len && share_before(heap[child + 1], heap[child]))
            child++;
        if (!share_before(heap[child], moved))
            break;
        heap[parent] = heap[child];
    }
    heap[parent] = moved;
}

ShareWalk *walk_first(const QueueWalk *walk)
{
    return walk->shares_len > 0 && !walk->is_over ? walk->shares[0] : NULL;
}

/* The first share has another group at its head, or another key, or nothing left. */
static void first_changed(QueueWalk *walk)
{
    if (!walk->shares[0]->current.group)
        walk->shares[0] = walk->shares[--walk->shares_len];
    if (walk->shares_len > 1)
        shares_sift(walk, 0);
}

/* ---- beginning ---- */

/* What shares may take together: maxvCpus of the environments without what is reserved for shares that are
 * not active yet (batch: "Compute reservation"). */
static int64_t queue_limit_e4(const QueueWalk *walk)
{
    const Queue *queue = walk->queue;
    int64_t percent = queue->policy ? queue->policy->compute_reservation : 0, most_e4 = 0;
    if (!queue->fair || percent == 0 || queue->active_shares == 0)
        return INT64_MAX;
    for (size_t i = 0; i < walk->rooms_len; i++) {
        const ComputeEnvironmentSpec *spec = walk->rooms[i] ? walk->rooms[i]->environment->spec : NULL;
        if (spec)
            most_e4 += MAX(spec->type == CE_TYPE_UNMANAGED ? spec->unmanaged_vcpus : spec->max_vcpus, 0) *
                       DECIMAL_SCALE;
    }
    if (most_e4 == 0)
        return INT64_MAX;
    int64_t reserved_e4 = most_e4;
    for (size_t i = 0; i < queue->active_shares && reserved_e4 > 0; i++)
        reserved_e4 = reserved_e4 * percent / 100;
    return most_e4 - reserved_e4;
}

static void share_open(Pass *pass, QueueWalk *walk, Share *share, uint64_t turn)
{
    ShareWalk *at = arena_new0(pass->arena, ShareWalk);
    at->share = share;
    at->walk = walk;
    at->pass = pass;
    at->left_e4 = share->max_vcpus_e4 > 0 ? share->max_vcpus_e4 - share->held_vcpus_e4 : INT64_MAX;
    walk->limits_shares = walk->limits_shares || at->left_e4 != INT64_MAX;
    if (walk->queue->fair) {
        ShareUse use = share_use(share, pass->now_ms);
        at->step_per_vcpu = (Wide)use.bucket_ms * share->weight_e4;
        at->key = use.weighed * share->weight_e4 + share->held_vcpus_e4 * at->step_per_vcpu;
    }
    share_choose(at);
    if (!at->current.group)
        return;
    at->turn = turn && at->current.item.job->sequence == turn;
    walk->shares[walk->shares_len++] = at;
}

static void rooms_open(Pass *pass, QueueWalk *walk)
{
    Environment *const *environments = queue_environments(pass->world, walk->queue, &walk->rooms_len);
    walk->rooms = arena_new0_n(pass->arena, Room *, walk->rooms_len + 1);
    for (size_t i = 0; i < walk->rooms_len; i++) {
        Room *room = environments[i] ? pass_room(pass, environments[i]) : NULL;
        walk->rooms[i] = room;
        walk->grows = walk->grows || (room && room_may_grow(pass, room));
    }
}

bool walk_init(Pass *pass, QueueWalk *walk, Queue *queue)
{
    int64_t turn = 0;
    size_t len = 0;
    *walk = (QueueWalk){.queue = queue, .left_e4 = INT64_MAX};
    rooms_open(pass, walk);
    shares_settle(pass->world, queue, pass->now_ms);
    for (Share *share = share_next(queue, NULL); share; share = share_next(queue, share))
        len += share->groups > 0;
    int64_t limit_e4 = queue_limit_e4(walk);
    if (limit_e4 != INT64_MAX) {
        walk->left_e4 = limit_e4 - queue->held_vcpus_e4;
        walk->limits_shares = true;
    }
    if (queue->fair)
        note_read(pass->world, "turn", queue->resource->name, &turn, 1);
    walk->shares = arena_new0_n(pass->arena, ShareWalk *, len + 1);
    for (Share *share = share_next(queue, NULL); share; share = share_next(queue, share))
        if (share->groups > 0)
            share_open(pass, walk, share, (uint64_t)turn);
    for (size_t at = walk->shares_len / 2; at > 0; at--)
        shares_sift(walk, at - 1);
    return walk->shares_len > 0;
}

/* ---- going on ---- */

int64_t walk_run(const QueueWalk *walk)
{
    const ShareWalk *at = walk->shares[0];
    if (at->turn)
        return 1;
    if (walk->shares_len < 2 || !walk->queue->fair)
        return INT64_MAX;
    const ShareWalk *next = walk->shares[1];
    if (walk->shares_len > 2 && share_before(walk->shares[2], next))
        next = walk->shares[2];
    Wide step = at->step_per_vcpu * at->current.group->need.vcpus_e4, room = next->key - at->key;
    if (step <= 0)
        return INT64_MAX;
    /* After this many it has the other's key: then whose head is older is first. */
    Wide more = room / step;
    ShareWalk even = *at;
    even.key = next->key;
    if (room % step == 0 && !share_before(&even, next))
        more--;
    return more < INT32_MAX ? MAX((int64_t)more, 0) + 1 : INT64_MAX;
}

/* The next item of the current group, where it is not the same array's next child. */
static void share_advance(Pass *pass, ShareWalk *at)
{
    GroupCursor *current = &at->current;
    if (!runnable_group_item(current->group, &current->at, &current->item, &current->front)) {
        share_choose(at);
        return;
    }
    if (at->advanced_len == 0 && at->at_end && !at->peeked && !group_skipped(at, current->group))
        return;
    advanced_push(pass, at, current);
    share_choose(at);
}

void walk_placed(Pass *pass, QueueWalk *walk, int64_t count)
{
    ShareWalk *at = walk->shares[0];
    RunnableItem *item = &at->current.item;
    int64_t vcpus_e4 =
        count * at->current.group->need.vcpus_e4 * world_kind(pass->world, at->current.group->kind)->nodes;
    if (at->turn)
        note_clear(pass->world, "turn", walk->queue->resource->name);
    at->turn = false;
    at->key += vcpus_e4 * at->step_per_vcpu;
    if (at->left_e4 != INT64_MAX)
        at->left_e4 -= vcpus_e4;
    if (walk->left_e4 != INT64_MAX)
        walk->left_e4 -= vcpus_e4;
    at->current.left -= count;
    item->runnable -= count;
    for (int64_t i = 0; i < count && item->index != NOT_A_CHILD && item->runnable > 0; i++)
        item->index = job_next_runnable(item->job, item->index + 1);
    if (item->runnable <= 0)
        share_advance(pass, at);
    else if (group_skipped(at, at->current.group))
        share_choose(at);
    first_changed(walk);
}

void walk_drop(Pass *pass, QueueWalk *walk)
{
    (void)pass;
    walk->shares[0]->turn = false;
    share_choose(walk->shares[0]);
    first_changed(walk);
}
