/* What can be placed: per queue one group for each shape, ordered inside. */
#include "reconciler/world/job.h"

/* ---- shapes ---- */

static int order_i64(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

static int shape_compare(const TreeNode *a, const TreeNode *b)
{
    const Shape *left = TREE_ENTRY(a, Shape, by_content), *right = TREE_ENTRY(b, Shape, by_content);
    int order = order_i64(left->need.vcpus_e4, right->need.vcpus_e4);
    if (!order)
        order = order_i64(left->need.memory_mib, right->need.memory_mib);
    if (!order)
        order = order_i64(left->need.gpus, right->need.gpus);
    if (!order)
        order = (int)left->platform - (int)right->platform;
    if (!order)
        order = (int)left->has_command - (int)right->has_command;
    if (!order)
        order = g_strcmp0(left->architecture, right->architecture);
    return order ? order : strcmp(left->beyond, right->beyond);
}

static int shape_key_compare(const TreeNode *node, const void *key)
{
    return shape_compare(node, &((const Shape *)key)->by_content);
}

void shapes_init(World *world)
{
    tree_init(&world->shapes, shape_compare);
}

Shape *shape_of(World *world, const JobDefinitionSpec *spec)
{
    g_autofree char *beyond = spec->beyond_process ? g_strjoinv(",", spec->beyond_process) : g_strdup("");
    Shape wanted = {.need = spec->need,
                    .platform = spec->platform,
                    .architecture = spec->architecture,
                    .beyond = beyond,
                    .has_command = spec->command && spec->command[0]};
    TreeNode *node = tree_find(&world->shapes, &wanted, shape_key_compare);
    Shape *shape = node ? TREE_ENTRY(node, Shape, by_content) : NULL;
    if (!shape) {
        shape = g_new0(Shape, 1);
        *shape = wanted;
        shape->id = ++world->shape_id;
        shape->architecture = g_strdup(spec->architecture);
        shape->beyond = g_steal_pointer(&beyond);
        tree_insert(&world->shapes, &shape->by_content);
    }
    shape->refs++;
    return shape;
}

void shape_unref(World *world, Shape *shape)
{
    if (!shape || --shape->refs > 0)
        return;
    tree_remove(&world->shapes, &shape->by_content);
    g_free(shape->architecture);
    g_free(shape->beyond);
    g_free(shape);
}

/* ---- groups ---- */

static int group_compare(const TreeNode *a, const TreeNode *b)
{
    uint64_t left = TREE_ENTRY(a, RunnableGroup, by_shape)->shape->id;
    uint64_t right = TREE_ENTRY(b, RunnableGroup, by_shape)->shape->id;
    return (left > right) - (left < right);
}

static int group_key_compare(const TreeNode *node, const void *key)
{
    uint64_t left = TREE_ENTRY(node, RunnableGroup, by_shape)->shape->id, right = *(const uint64_t *)key;
    return (left > right) - (left < right);
}

/* Retried first (the newest retry foremost), then by submission, then by index. */
static int runnable_compare(const TreeNode *a, const TreeNode *b)
{
    const Runnable *left = TREE_ENTRY(a, Runnable, node), *right = TREE_ENTRY(b, Runnable, node);
    if (left->front != right->front)
        return left->front > right->front ? -1 : 1;
    if (left->job->sequence != right->job->sequence)
        return left->job->sequence < right->job->sequence ? -1 : 1;
    return (left->index > right->index) - (left->index < right->index);
}

static int runnable_key_compare(const TreeNode *node, const void *key)
{
    return runnable_compare(node, &((const Runnable *)key)->node);
}

static RunnableGroup *group_find(const Queue *queue, const Shape *shape)
{
    QueueEntry *entry = queue_entry(queue);
    if (!entry->groups.compare)
        return NULL;
    TreeNode *node = tree_find(&entry->groups, &shape->id, group_key_compare);
    return node ? TREE_ENTRY(node, RunnableGroup, by_shape) : NULL;
}

static RunnableGroup *group_make(Queue *queue, Shape *shape)
{
    QueueEntry *entry = queue_entry(queue);
    if (!entry->groups.compare)
        tree_init(&entry->groups, group_compare);
    RunnableGroup *group = g_new0(RunnableGroup, 1);
    group->queue = queue;
    group->shape = shape;
    shape->refs++;
    tree_init(&group->items, runnable_compare);
    tree_insert(&entry->groups, &group->by_shape);
    return group;
}

static void group_free(World *world, RunnableGroup *group)
{
    tree_remove(&queue_entry(group->queue)->groups, &group->by_shape);
    shape_unref(world, group->shape);
    g_free(group->reason);
    g_free(group);
}

void runnable_add(World *world, Runnable *runnable)
{
    if (runnable->group)
        return;
    Queue *queue = runnable->job->queue;
    Shape *shape = template_entry(runnable->job->template)->shape;
    RunnableGroup *group = group_find(queue, shape);
    if (!group)
        group = group_make(queue, shape);
    runnable->group = group;
    bool fresh = tree_insert(&group->items, &runnable->node);
    g_assert(fresh);
    world->runnable++;
}

void runnable_remove(World *world, Runnable *runnable)
{
    RunnableGroup *group = runnable->group;
    if (!group)
        return;
    tree_remove(&group->items, &runnable->node);
    runnable->group = NULL;
    world->runnable--;
    if (tree_len(&group->items) == 0)
        group_free(world, group);
}

/* ---- looking at them ---- */

size_t world_runnable_len(const World *world)
{
    return world->runnable;
}

const RunnableGroup *runnable_group_next(const Queue *queue, const RunnableGroup *after)
{
    QueueEntry *entry = queue_entry(queue);
    if (!entry->groups.compare)
        return NULL;
    TreeNode *node = after ? tree_next(&after->by_shape) : tree_first(&entry->groups);
    return node ? TREE_ENTRY(node, RunnableGroup, by_shape) : NULL;
}

JobTemplate *runnable_group_template(const RunnableGroup *group)
{
    return TREE_ENTRY(tree_first(&group->items), Runnable, node)->job->template;
}

size_t runnable_group_len(const RunnableGroup *group)
{
    return tree_len(&group->items);
}

static void runnable_item(const Runnable *runnable, RunnableItem *ret_item)
{
    Job *job = runnable->job;
    bool whole_array = job->array && runnable->index == NOT_A_CHILD;
    ret_item->job = job;
    ret_item->index = whole_array ? array_next_fresh(job->array, 0) : runnable->index;
    ret_item->runnable = whole_array ? job->array->fresh : 1;
}

bool runnable_group_item(const RunnableGroup *group, const void **at, RunnableItem *ret_item,
                         uint64_t *ret_front)
{
    TreeNode *node = *at ? tree_next((const TreeNode *)*at) : tree_first(&group->items);
    if (!node)
        return false;
    *at = node;
    const Runnable *runnable = TREE_ENTRY(node, Runnable, node);
    runnable_item(runnable, ret_item);
    *ret_front = runnable->front;
    return true;
}

int32_t job_next_runnable(const Job *job, int32_t from)
{
    return job->array ? array_next_fresh(job->array, from) : NOT_A_CHILD;
}

void runnable_iter_init(RunnableIter *iter, const World *world, const Queue *queue)
{
    (void)world;
    *iter = (RunnableIter){.queue = queue};
}

/* Merges the groups: the least item behind the last one given out. */
bool runnable_iter_next(RunnableIter *iter, RunnableItem *ret_item)
{
    const Runnable *last = iter->at[0], *best = NULL;
    for (const RunnableGroup *group = runnable_group_next(iter->queue, NULL); group;
         group = runnable_group_next(iter->queue, group)) {
        TreeNode *node =
            last ? tree_lower_bound(&group->items, last, runnable_key_compare) : tree_first(&group->items);
        if (node && last && node == &last->node)
            node = tree_next(node);
        const Runnable *found = node ? TREE_ENTRY(node, Runnable, node) : NULL;
        if (found && (!best || runnable_compare(&found->node, &best->node) < 0))
            best = found;
    }
    if (!best)
        return false;
    iter->at[0] = (void *)(uintptr_t)best;
    runnable_item(best, ret_item);
    return true;
}

void world_set_waiting_reason(World *world, Queue *queue, JobTemplate *template, const char *reason)
{
    (void)world;
    RunnableGroup *group = group_find(queue, template_entry(template)->shape);
    if (!group || g_strcmp0(group->reason, reason) == 0)
        return;
    g_free(group->reason);
    group->reason = g_strdup(reason);
}

const char *world_waiting_reason(const World *world, const Queue *queue, const JobTemplate *template)
{
    (void)world;
    RunnableGroup *group = group_find(queue, template_entry(template)->shape);
    return group ? group->reason : NULL;
}
