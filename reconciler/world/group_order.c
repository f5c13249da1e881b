#include "reconciler/world/group_order.h"
#include <string.h>

/* A node that has so few, or fewer, becomes one with a neighbour, where both have so many together. */
#define SPARSE   (GROUP_ORDER_WIDTH / 4)
#define JOIN_MAX (GROUP_ORDER_WIDTH * 3 / 4)

/* Of a leaf what stands in it, else what each of the nodes below it holds: its first key and its bound. */
struct GroupNode {
    GroupNode *parent;
    unsigned len, height; /* 0: a leaf */
    GroupBound bounds[GROUP_ORDER_WIDTH];
    union {
        GroupItem *item;
        GroupNode *node;
    } below[GROUP_ORDER_WIDTH];
    GroupKey keys[GROUP_ORDER_WIDTH];
};

int group_key_compare(const GroupKey *a, const GroupKey *b)
{
    if (a->priority != b->priority)
        return a->priority > b->priority ? -1 : 1;
    if (a->front != b->front)
        return a->front > b->front ? -1 : 1;
    if (a->sequence != b->sequence)
        return a->sequence < b->sequence ? -1 : 1;
    return (a->index > b->index) - (a->index < b->index);
}

/* ---- one node ---- */

static GroupBound node_bound(const GroupNode *node)
{
    GroupBound bound = node->bounds[0];
    for (unsigned i = 1; i < node->len; i++) {
        capacity_lower(&bound.least, &node->bounds[i].least);
        bound.kinds |= node->bounds[i].kinds;
    }
    return bound;
}

static unsigned item_at(const GroupItem *item)
{
    unsigned at = 0;
    while (item->leaf->below[at].item != item)
        at++;
    return at;
}

static unsigned node_at(const GroupNode *node)
{
    unsigned at = 0;
    while (node->parent->below[at].node != node)
        at++;
    return at;
}

/* What is below it knows where it is. */
static void adopt(GroupNode *node, unsigned from)
{
    for (unsigned i = from; i < node->len; i++)
        if (node->height == 0)
            node->below[i].item->leaf = node;
        else
            node->below[i].node->parent = node;
}

/* Entries from `from` on of one to place `at` of another (or the same), whatever is there. */
static void entries_move(GroupNode *to, unsigned at, GroupNode *from, unsigned first, unsigned len)
{
    memmove(&to->bounds[at], &from->bounds[first], len * sizeof *to->bounds);
    memmove(&to->below[at], &from->below[first], len * sizeof *to->below);
    memmove(&to->keys[at], &from->keys[first], len * sizeof *to->keys);
}

static void entry_open(GroupNode *node, unsigned at)
{
    entries_move(node, at + 1, node, at, node->len - at);
    node->len++;
}

static void entry_close(GroupNode *node, unsigned at)
{
    node->len--;
    entries_move(node, at, node, at + 1, node->len - at);
}

/* The last one whose key is not behind this one; the first where all are. */
static unsigned child_for(const GroupNode *node, const GroupKey *key)
{
    unsigned at = 0;
    while (at + 1 < node->len && group_key_compare(&node->keys[at + 1], key) <= 0)
        at++;
    return at;
}

/* ---- what nodes say of those below ---- */

/* From node upwards, for as long as anything is otherwise. */
static void tell_parents(const GroupNode *node)
{
    for (; node->parent; node = node->parent) {
        unsigned at = node_at(node);
        GroupBound bound = node_bound(node), *told = &node->parent->bounds[at];
        GroupKey *key = &node->parent->keys[at];
        if (memcmp(told, &bound, sizeof bound) == 0 && group_key_compare(key, &node->keys[0]) == 0)
            return;
        *told = bound;
        *key = node->keys[0];
    }
}

static GroupNode *node_new(unsigned height)
{
    GroupNode *node = g_new(GroupNode, 1);
    node->parent = NULL;
    node->len = 0;
    node->height = height;
    return node;
}

static void node_attach(GroupNode *parent, unsigned at, GroupNode *node)
{
    entry_open(parent, at);
    parent->below[at].node = node;
    parent->bounds[at] = node_bound(node);
    parent->keys[at] = node->keys[0];
    node->parent = parent;
}

/* ---- changing it ---- */

static GroupNode *split(GroupOrder *order, GroupNode *node, unsigned *at);

/* The parent of a node that is to be split, with room for one more. */
static GroupNode *parent_with_room(GroupOrder *order, GroupNode *node)
{
    if (!node->parent) {
        order->root = node_new(node->height + 1);
        node_attach(order->root, 0, node);
    } else if (node->parent->len == GROUP_ORDER_WIDTH) {
        unsigned at = node_at(node) + 1;
        split(order, node->parent, &at);
    }
    return node->parent;
}

/* A full node gives its upper half to a new one behind it; the one that holds what stood at *at, or takes
 * what comes there. What grows at its end keeps its nodes full. */
static GroupNode *split(GroupOrder *order, GroupNode *node, unsigned *at)
{
    GroupNode *parent = parent_with_room(order, node), *upper = node_new(node->height);
    unsigned keep = *at == GROUP_ORDER_WIDTH ? GROUP_ORDER_WIDTH - 1 : GROUP_ORDER_WIDTH / 2;
    upper->len = node->len - keep;
    entries_move(upper, 0, node, keep, upper->len);
    node->len = keep;
    adopt(upper, 0);
    node_attach(parent, node_at(node) + 1, upper);
    tell_parents(node);
    if (*at <= keep)
        return node;
    *at -= keep;
    return upper;
}

static GroupNode *leaf_for(const GroupOrder *order, const GroupKey *key)
{
    GroupNode *node = order->root;
    while (node->height > 0)
        node = node->below[child_for(node, key)].node;
    return node;
}

void group_order_insert(GroupOrder *order, GroupItem *item, const GroupKey *key, const GroupBound *bound)
{
    g_assert(!item->leaf);
    if (!order->root)
        order->root = node_new(0);
    GroupNode *leaf = leaf_for(order, key);
    unsigned at = 0;
    while (at < leaf->len && group_key_compare(&leaf->keys[at], key) < 0)
        at++;
    g_assert(at == leaf->len || group_key_compare(&leaf->keys[at], key) != 0);
    if (leaf->len == GROUP_ORDER_WIDTH)
        leaf = split(order, leaf, &at);
    entry_open(leaf, at);
    leaf->below[at].item = item;
    leaf->bounds[at] = *bound;
    leaf->keys[at] = *key;
    item->leaf = leaf;
    order->len++;
    tell_parents(leaf);
}

static void node_drop(GroupOrder *order, GroupNode *node);

/* Two neighbours become the lower one. */
static void join(GroupOrder *order, GroupNode *lower, GroupNode *upper)
{
    unsigned before = lower->len;
    entries_move(lower, before, upper, 0, upper->len);
    lower->len += upper->len;
    adopt(lower, before);
    tell_parents(lower);
    node_drop(order, upper);
}

/* Something was taken from it. */
static void shrunk(GroupOrder *order, GroupNode *node)
{
    if (node->len == 0) {
        node_drop(order, node);
        return;
    }
    tell_parents(node);
    if (node->len > SPARSE)
        return;
    if (!node->parent) {
        if (node->height > 0 && node->len == 1) {
            order->root = node->below[0].node;
            order->root->parent = NULL;
            g_free(node);
        }
        return;
    }
    unsigned at = node_at(node);
    GroupNode *const parent = node->parent;
    if (at + 1 < parent->len && parent->below[at + 1].node->len + node->len <= JOIN_MAX)
        join(order, node, parent->below[at + 1].node);
    else if (at > 0 && parent->below[at - 1].node->len + node->len <= JOIN_MAX)
        join(order, parent->below[at - 1].node, node);
}

static void node_drop(GroupOrder *order, GroupNode *node)
{
    GroupNode *parent = node->parent;
    if (parent)
        entry_close(parent, node_at(node));
    else
        order->root = NULL;
    g_free(node);
    if (parent)
        shrunk(order, parent);
}

void group_order_remove(GroupOrder *order, GroupItem *item)
{
    GroupNode *leaf = item->leaf;
    g_assert(leaf && order->len > 0);
    entry_close(leaf, item_at(item));
    item->leaf = NULL;
    order->len--;
    shrunk(order, leaf);
}

void group_order_rekey(GroupOrder *order, GroupItem *item, const GroupKey *key)
{
    GroupNode *leaf = item->leaf;
    unsigned at = item_at(item);
    bool is_behind = at > 0 ? group_key_compare(&leaf->keys[at - 1], key) < 0 : !leaf->parent;
    bool is_before = at + 1 < leaf->len ? group_key_compare(key, &leaf->keys[at + 1]) < 0 : !leaf->parent;
    if (is_behind && is_before) {
        leaf->keys[at] = *key;
        return;
    }
    GroupBound bound = leaf->bounds[at];
    group_order_remove(order, item);
    group_order_insert(order, item, key, &bound);
}

/* ---- looking ---- */

#define CACHE_LINE 64

/* All of what a search may ask of it, at once. */
static void fetch_ahead(const GroupNode *node)
{
    const char *bounds = (const char *)node->bounds;
    for (size_t at = 0; at < sizeof node->bounds; at += CACHE_LINE)
        __builtin_prefetch(bounds + at);
    __builtin_prefetch(node);
}

GroupItem *group_order_next(const GroupOrder *order, const GroupItem *after, GroupSkip skip, const void *data)
{
    const GroupNode *node = after ? after->leaf : order->root;
    unsigned at = after ? item_at(after) + 1 : 0;
    while (node) {
        while (at < node->len && skip && skip(&node->bounds[at].least, node->bounds[at].kinds, data))
            at++;
        if (at == node->len) {
            at = node->parent ? node_at(node) + 1 : 0;
            node = node->parent;
        } else if (node->height == 0) {
            return node->below[at].item;
        } else {
            node = node->below[at].node;
            at = 0;
            fetch_ahead(node);
        }
    }
    return NULL;
}

bool group_order_bound(const GroupOrder *order, GroupBound *ret_bound)
{
    if (order->root)
        *ret_bound = node_bound(order->root);
    return order->root != NULL;
}

/* ---- for tests ---- */

void group_order_get(const GroupItem *item, GroupKey *ret_key, GroupBound *ret_bound)
{
    unsigned at = item_at(item);
    *ret_key = item->leaf->keys[at];
    *ret_bound = item->leaf->bounds[at];
}

static bool entry_is_sound(const GroupNode *node, unsigned at, size_t *len);

static bool node_is_sound(const GroupNode *node, size_t *len)
{
    for (unsigned i = 0; i < node->len; i++)
        if (!entry_is_sound(node, i, len) ||
            (i > 0 && group_key_compare(&node->keys[i - 1], &node->keys[i]) >= 0))
            return false;
    return node->len > 0 && node->len <= GROUP_ORDER_WIDTH;
}

static bool entry_is_sound(const GroupNode *node, unsigned at, size_t *len)
{
    if (node->height == 0) {
        ++*len;
        return node->below[at].item->leaf == node;
    }
    const GroupNode *child = node->below[at].node;
    GroupBound bound = node_bound(child);
    const GroupKey *last = &child->keys[child->len - 1];
    return child->parent == node && child->height + 1 == node->height && node_is_sound(child, len) &&
           group_key_compare(&node->keys[at], &child->keys[0]) == 0 &&
           (at + 1 == node->len || group_key_compare(last, &node->keys[at + 1]) < 0) &&
           memcmp(&node->bounds[at], &bound, sizeof bound) == 0;
}

bool group_order_is_sound(const GroupOrder *order)
{
    size_t len = 0;
    bool is_sound = !order->root || (!order->root->parent && node_is_sound(order->root, &len));
    return is_sound && len == order->len;
}
