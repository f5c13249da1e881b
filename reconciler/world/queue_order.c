/* queue_order.c: queues with runnable work in the order in which a pass of the scheduler asks them. Changes
 * of groups only mark their queue; it finds its place when the order is asked for next. */
#include "reconciler/world/job.h"

static int key_compare(const QueueKey *a, const QueueKey *b)
{
    if (a->priority != b->priority)
        return a->priority > b->priority ? -1 : 1;
    if (a->has_head != b->has_head)
        return a->has_head ? 1 : -1;
    return place_compare(a->front, a->sequence, a->index, b->front, b->sequence, b->index);
}

static int order_compare(const TreeNode *a, const TreeNode *b)
{
    const QueueEntry *left = TREE_ENTRY(a, QueueEntry, by_order),
                     *right = TREE_ENTRY(b, QueueEntry, by_order);
    int order = key_compare(&left->key, &right->key);
    return order ? order : strcmp(left->queue.resource->name, right->queue.resource->name);
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
    return tree_contains(&entry->by_order) == (queue->groups > 0) && key_compare(&key, &entry->key) == 0 &&
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
    if (stands && queue->groups > 0 && key_compare(&key, &entry->key) == 0) {
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

typedef struct {
    QueueSkip skip;
    const void *data;
} QueueSearch;

static bool is_subtree_left_out(const TreeNode *node, const void *data)
{
    const QueueSearch *search = data;
    const QueueEntry *entry = TREE_ENTRY(node, QueueEntry, by_order);
    return entry->all_rest && search->skip(&entry->all_least, NULL, search->data);
}

static bool is_left_out(const TreeNode *node, const void *data)
{
    const QueueSearch *search = data;
    const Queue *queue = &TREE_ENTRY(node, QueueEntry, by_order)->queue;
    return queue->rests && search->skip(&queue->least, queue, search->data);
}

Queue *queue_order_find(World *world, Queue *from, QueueSkip skip, const void *data)
{
    QueueSearch search = {skip, data};
    const TreeNode *node = &queue_entry(from)->by_order;
    if (!is_left_out(node, &search))
        return from;
    TreeNode *found = tree_search(&world->queue_order, node, is_subtree_left_out, is_left_out, &search);
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
