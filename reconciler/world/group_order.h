/* group_order.h: groups of runnable jobs in order of their heads, with what a search asks beside them.
 * Owns:   its nodes; groups stay the caller's, who embeds a GroupItem in each.
 * Calls:  world.h (declarations).
 * Holds:  a tree of wide nodes whose leaves are of one depth. What a search asks of the groups of a leaf, or
 * of the nodes below a node (the least need, the kinds), lies side by side in that node: with a million
 * groups the time goes by waiting for memory, and a group itself is not touched before it is found. Insert,
 * remove and search cost O(log n); keys are unique. */
#pragma once
#include "reconciler/world/world.h"

/* With so many a node stays just below 1 KiB, which malloc() has at hand. */
#define GROUP_ORDER_WIDTH 15

/* schedulingPriority descending, retried first, then as they were submitted. */
typedef struct {
    uint64_t front, sequence;
    int32_t priority, index;
} GroupKey;

/* At least so much need all of them, of these kinds (kind_bit()). */
typedef struct {
    Capacity least;
    uint64_t kinds;
} GroupBound;

/* Each member to the lower of the two. */
static inline void capacity_lower(Capacity *least, const Capacity *need)
{
    least->vcpus_e4 = MIN(least->vcpus_e4, need->vcpus_e4);
    least->memory_mib = MIN(least->memory_mib, need->memory_mib);
    least->gpus = MIN(least->gpus, need->gpus);
}

typedef struct GroupNode GroupNode;
typedef struct {
    GroupNode *leaf; /* NULL: in no order */
} GroupItem;

typedef struct {
    GroupNode *root; /* NULL: empty */
    size_t len;
} GroupOrder;

int group_key_compare(const GroupKey *a, const GroupKey *b); /* as strcmp */

/* item must be in no order, and no other have this key. */
void group_order_insert(GroupOrder *order, GroupItem *item, const GroupKey *key, const GroupBound *bound);
/* item must be in this order. */
void group_order_remove(GroupOrder *order, GroupItem *item);
/* The same item has another head: mostly it stands between the same neighbours, which costs next to nothing.
 */
void group_order_rekey(GroupOrder *order, GroupItem *item, const GroupKey *key);
/* The first behind `after` (NULL: of all) that skip (NULL: nothing) does not leave out; NULL: there is none.
 */
GroupItem *group_order_next(const GroupOrder *order, const GroupItem *after, GroupSkip skip,
                            const void *data);
/* What holds of all of them; false: there are none. */
bool group_order_bound(const GroupOrder *order, GroupBound *ret_bound);
/* For tests: what it holds of one. */
void group_order_get(const GroupItem *item, GroupKey *ret_key, GroupBound *ret_bound);
/* For tests: whether each node says what is below it, in order, and all leaves are of one depth. */
bool group_order_is_sound(const GroupOrder *order);
