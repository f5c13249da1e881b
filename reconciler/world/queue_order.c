/* queue_order.c: queues with runnable work in the order in which a pass of the scheduler asks them. Changes
 * of groups only mark their queue; it finds its place when the order is asked for next. */
#include "reconciler/world/state.h"

static int order_compare(const TreeNode *a, const TreeNode *b)
{
    const QueueEntry *left = TREE_ENTRY(a, QueueEntry, by_order),
                     *right = TREE_ENTRY(b, QueueEntry, by_order);
    const QueueKey *x = &left->key, *y = &right->key;
    if (x->priority != y->priority)
        return x->priority > y->priority ? -1 : 1;
    if (x->has_head != y->has_head)
        return x->has_head ? 1 : -1;
    if (x->front != y->front)
        return x->front > y->front ? -1 : 1;
    if (x->sequence != y->sequence)
        return x->sequence < y->sequence ? -1 : 1;
    if (x->index != y->index)
        return x->index < y->index ? -1 : 1;
    return strcmp(left->queue.resource->name, right->queue.resource->name);
}

static bool order_update(TreeNode *node)
{
    QueueEntry *entry = TREE_ENTRY(node, QueueEntry, by_order);
    Capacity least = entry->queue.least;
    bool rest = entry->queue.rests;
    const TreeNode *children[] = {node->left, node->right};
    for (size_t i = 0; i < G_N_ELEMENTS(children); i++) {
        const QueueEntry *child = children[i] ? TREE_ENTRY(children[i], QueueEntry, by_order) : NULL;
        if (!child)
            continue;
        capacity_lower(&least, &child->all_least);
        rest = rest && child->all_rest;
    }
    bool differs = rest != entry->all_rest || memcmp(&least, &entry->all_least, sizeof least) != 0;
    entry->all_least = least;
    entry->all_rest = rest;
    return differs;
}

void queue_order_init(World *world)
{
    tree_init_augmented(&world->queue_order, order_compare, order_update);
    world->queues_changed = g_ptr_array_new();
}

void queue_order_clear(World *world)
{
    g_ptr_array_unref(world->queues_changed);
}

void queue_order_forget(World *world, Queue *queue)
{
    QueueEntry *entry = queue_entry(queue);
    if (tree_contains(&entry->by_order))
        tree_remove(&world->queue_order, &entry->by_order);
    if (entry->is_changed)
        g_ptr_array_remove_fast(world->queues_changed, queue);
}

void queue_changed(World *world, Queue *queue)
{
    QueueEntry *entry = queue_entry(queue);
    if (entry->is_changed)
        return;
    entry->is_changed = true;
    g_ptr_array_add(world->queues_changed, queue);
}

/* ---- finding its place ---- */

static void least_of(const Queue *queue, Capacity *ret_least)
{
    bool any = false;
    *ret_least = (Capacity){0};
    for (const Share *share = share_next(queue, NULL); share; share = share_next(queue, share)) {
        Capacity least;
        if (!share_least(share, &least))
            continue;
        if (any)
            capacity_lower(ret_least, &least);
        else
            *ret_least = least;
        any = true;
    }
}

static QueueKey key_of(const Queue *queue, const RunnableGroup *head)
{
    QueueKey key = {.priority = queue->spec->priority, .has_head = head != NULL};
    if (head) {
        key.front = head->front;
        key.sequence = head->sequence;
        key.index = head->index;
    }
    return key;
}

static bool key_equal(const QueueKey *a, const QueueKey *b)
{
    return a->priority == b->priority && a->has_head == b->has_head && a->front == b->front &&
           a->sequence == b->sequence && a->index == b->index;
}

/* A queue that was fair once may have several shares. */
static const RunnableGroup *head_of(const Queue *queue)
{
    bool has_head = queue->groups > 0 && !queue->fair && tree_len(&queue_entry(queue)->shares) == 1;
    return has_head ? share_group_next(share_next(queue, NULL), NULL, NULL, NULL) : NULL;
}

bool queue_order_holds(const World *world, const Queue *queue)
{
    const QueueEntry *entry = queue_entry(queue);
    Capacity least;
    least_of(queue, &least);
    QueueKey key = key_of(queue, head_of(queue));
    if (entry->is_changed)
        return g_ptr_array_find(world->queues_changed, queue, NULL);
    return tree_contains(&entry->by_order) == (queue->groups > 0) && key_equal(&key, &entry->key) &&
           queue->head == head_of(queue) && memcmp(&least, &queue->least, sizeof least) == 0;
}

static void find_place(World *world, Queue *queue)
{
    QueueEntry *entry = queue_entry(queue);
    bool stands = tree_contains(&entry->by_order);
    entry->is_changed = false;
    queue->rests = false;
    queue->head = head_of(queue);
    least_of(queue, &queue->least);
    QueueKey key = key_of(queue, queue->head);
    if (stands && queue->groups > 0 && key_equal(&key, &entry->key)) {
        tree_augment_changed(&world->queue_order, &entry->by_order);
        return;
    }
    if (stands)
        tree_remove(&world->queue_order, &entry->by_order);
    entry->key = key;
    if (queue->groups > 0)
        tree_insert(&world->queue_order, &entry->by_order);
}

/* What can run where may be otherwise now. */
static void wake_all(World *world)
{
    for (TreeNode *node = tree_first(&world->queue_order); node; node = tree_next(node)) {
        QueueEntry *entry = TREE_ENTRY(node, QueueEntry, by_order);
        if (!entry->queue.rests)
            continue;
        entry->queue.rests = false;
        tree_augment_changed(&world->queue_order, node);
    }
    world->order_feasibility = world->feasibility;
}

static void settle(World *world)
{
    for (guint i = 0; i < world->queues_changed->len; i++)
        find_place(world, g_ptr_array_index(world->queues_changed, i));
    g_ptr_array_set_size(world->queues_changed, 0);
    if (world->order_feasibility != world->feasibility)
        wake_all(world);
}

/* ---- looking ---- */

Queue *queue_order_first(World *world)
{
    settle(world);
    TreeNode *node = tree_first(&world->queue_order);
    return node ? &TREE_ENTRY(node, QueueEntry, by_order)->queue : NULL;
}

Queue *queue_order_next(const Queue *after)
{
    TreeNode *node = tree_next(&queue_entry(after)->by_order);
    return node ? &TREE_ENTRY(node, QueueEntry, by_order)->queue : NULL;
}

bool queue_is_before(const Queue *queue, uint64_t front, uint64_t sequence)
{
    const QueueKey *key = &queue_entry(queue)->key;
    if (!key->has_head)
        return true;
    return key->front != front ? key->front > front : key->sequence < sequence;
}

static bool is_left_out(const TreeNode *node, QueueSkip skip, const void *data)
{
    const Queue *queue = &TREE_ENTRY(node, QueueEntry, by_order)->queue;
    return queue->rests && skip(&queue->least, queue, data);
}

static const TreeNode *subtree_first(const TreeNode *node, QueueSkip skip, const void *data)
{
    while (node) {
        const QueueEntry *entry = TREE_ENTRY(node, QueueEntry, by_order);
        if (entry->all_rest && skip(&entry->all_least, NULL, data))
            return NULL;
        const TreeNode *found = subtree_first(node->left, skip, data);
        if (found || !is_left_out(node, skip, data))
            return found ? found : node;
        node = node->right;
    }
    return NULL;
}

Queue *queue_order_find(const Queue *from, QueueSkip skip, const void *data)
{
    const TreeNode *node = &queue_entry(from)->by_order;
    const TreeNode *found = is_left_out(node, skip, data) ? subtree_first(node->right, skip, data) : node;
    for (; !found && node->parent; node = node->parent) {
        const TreeNode *parent = node->parent;
        if (parent->left == node)
            found = is_left_out(parent, skip, data) ? subtree_first(parent->right, skip, data) : parent;
    }
    return found ? &TREE_ENTRY(found, QueueEntry, by_order)->queue : NULL;
}

void queue_rest(World *world, Queue *queue)
{
    QueueEntry *entry = queue_entry(queue);
    if (queue->rests || entry->is_changed || !tree_contains(&entry->by_order))
        return;
    queue->rests = true;
    tree_augment_changed(&world->queue_order, &entry->by_order);
}
