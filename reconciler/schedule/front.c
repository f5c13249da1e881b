#include "reconciler/schedule/front.h"

typedef __int128 Wide;

/* The next item of a group, and of an array's children that were never launched the next of them. */
typedef struct {
    const RunnableGroup *group;
    const void *at;
    RunnableItem item; /* job NULL: there is no more */
    uint64_t front;
    int32_t child;
    int64_t left; /* of the item */
} GroupCursor;

typedef struct {
    Share *share;
    RunnableGroup *head;
    Wide key, step_per_vcpu;
    GArray *groups; /* of GroupCursor; NULL: not yet opened */
} ShareCursor;

static void group_next(GroupCursor *cursor)
{
    if (--cursor->left > 0) {
        cursor->child = job_next_runnable(cursor->item.job, cursor->child + 1);
        if (cursor->child != NOT_A_CHILD)
            return;
    }
    if (!runnable_group_item(cursor->group, &cursor->at, &cursor->item, &cursor->front))
        cursor->item.job = NULL;
    cursor->child = cursor->item.index;
    cursor->left = cursor->item.runnable;
}

/* As world.h orders the groups of a share: by priority, what was retried first, then as it was submitted. */
static bool is_before(const GroupCursor *a, const GroupCursor *b)
{
    if (!a->item.job || !b->item.job)
        return a->item.job != NULL;
    if (a->group->priority != b->group->priority)
        return a->group->priority > b->group->priority;
    if (a->front != b->front)
        return a->front > b->front;
    if (a->item.job->sequence != b->item.job->sequence)
        return a->item.job->sequence < b->item.job->sequence;
    return a->child < b->child;
}

/* Of groups whose heads stand behind max others nothing can be among the first max. */
static void share_open(ShareCursor *share, size_t max)
{
    share->groups = g_array_new(FALSE, TRUE, sizeof(GroupCursor));
    for (RunnableGroup *group = share->head; group && share->groups->len < max;
         group = share_group_next(share->share, group, NULL, NULL)) {
        GroupCursor cursor = {.group = group};
        group_next(&cursor);
        g_array_append_val(share->groups, cursor);
    }
}

static GroupCursor *share_first(const ShareCursor *share)
{
    GroupCursor *first = NULL;
    for (guint i = 0; i < share->groups->len; i++) {
        GroupCursor *cursor = &g_array_index(share->groups, GroupCursor, i);
        if (!first || is_before(cursor, first))
            first = cursor;
    }
    return first && first->item.job ? first : NULL;
}

static uint64_t head_sequence(const ShareCursor *share)
{
    const GroupCursor *first = share->groups ? share_first(share) : NULL;
    return first ? first->item.job->sequence : share->head->sequence;
}

/* The least use first; of equal ones the one whose head is older. NULL: none has anything left. */
static ShareCursor *share_least_used(GArray *shares)
{
    ShareCursor *least = NULL;
    for (guint i = 0; i < shares->len; i++) {
        ShareCursor *share = &g_array_index(shares, ShareCursor, i);
        if (!share->head)
            continue;
        if (!least || share->key < least->key ||
            (share->key == least->key && head_sequence(share) < head_sequence(least)))
            least = share;
    }
    return least;
}

static void cursor_clear(void *cursor)
{
    g_clear_pointer(&((ShareCursor *)cursor)->groups, g_array_unref);
}

static GArray *shares_of(World *world, Queue *queue, int64_t now_ms)
{
    GArray *shares = g_array_new(FALSE, TRUE, sizeof(ShareCursor));
    g_array_set_clear_func(shares, cursor_clear);
    shares_settle(world, queue, now_ms);
    for (Share *share = share_next(queue, NULL); share; share = share_next(queue, share)) {
        ShareCursor cursor = {.share = share, .head = share_group_next(share, NULL, NULL, NULL)};
        if (!cursor.head)
            continue;
        if (queue->fair) {
            ShareUse use = share_use(share, now_ms);
            cursor.step_per_vcpu = (Wide)use.bucket_ms * share->weight_e4;
            cursor.key = use.weighed * share->weight_e4 + share->held_vcpus_e4 * cursor.step_per_vcpu;
        }
        g_array_append_val(shares, cursor);
    }
    return shares;
}

size_t queue_front(World *world, Queue *queue, int64_t now_ms, size_t max, FrontJob *ret_jobs)
{
    g_autoptr(GArray) shares = shares_of(world, queue, now_ms);
    size_t len = 0;
    while (len < max) {
        ShareCursor *share = share_least_used(shares);
        if (!share)
            return len;
        if (!share->groups)
            share_open(share, max);
        GroupCursor *first = share_first(share);
        if (!first) {
            share->head = NULL;
            continue;
        }
        ret_jobs[len++] = (FrontJob){first->item.job, first->child};
        share->key += share->step_per_vcpu * first->group->need.vcpus_e4;
        group_next(first);
    }
    return len;
}
