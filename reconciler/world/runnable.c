/* What can be placed: per share one group for all that is equal in where, when and how long it runs. Groups
 * stand in order of their heads (group_order.h). */
#include "reconciler/world/job.h"

static int order_i64(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

static int order_u64(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

/* ---- kinds ---- */

static int consumables_compare(const RunKind *left, const RunKind *right)
{
    int order = order_u64(left->consumables_len, right->consumables_len);
    for (size_t i = 0; !order && i < left->consumables_len; i++) {
        order = strcmp(left->consumables[i].name, right->consumables[i].name);
        if (!order)
            order = order_i64(left->consumables[i].quantity, right->consumables[i].quantity);
    }
    return order;
}

static int kind_key_compare(const TreeNode *node, const void *key)
{
    const RunKind *left = &TREE_ENTRY(node, KindEntry, by_content)->kind, *right = key;
    int order = (int)left->platform - (int)right->platform;
    if (!order)
        order = (int)left->has_command - (int)right->has_command;
    if (!order)
        order = (int)left->uses_gpus - (int)right->uses_gpus;
    if (!order)
        order = order_i64(left->nodes, right->nodes);
    if (!order)
        order = g_strcmp0(left->architecture, right->architecture);
    if (!order)
        order = strcmp(left->beyond, right->beyond);
    if (!order)
        order = g_strcmp0(left->node_instance_type, right->node_instance_type);
    return order ? order : consumables_compare(left, right);
}

static int kind_compare(const TreeNode *a, const TreeNode *b)
{
    return kind_key_compare(a, &TREE_ENTRY(b, KindEntry, by_content)->kind);
}

static ConsumableNeed *consumables_dup(const RunKind *kind)
{
    ConsumableNeed *copy = g_new0(ConsumableNeed, kind->consumables_len + 1);
    for (size_t i = 0; i < kind->consumables_len; i++)
        copy[i] = (ConsumableNeed){g_strdup(kind->consumables[i].name), kind->consumables[i].quantity};
    return copy;
}

/* The lowest number that is free: there are few, and they index arrays. */
static void kind_number(World *world, KindEntry *entry)
{
    guint id = 0;
    while (id < world->kinds_by_id->len && g_ptr_array_index(world->kinds_by_id, id))
        id++;
    if (id == world->kinds_by_id->len)
        g_ptr_array_add(world->kinds_by_id, NULL);
    g_ptr_array_index(world->kinds_by_id, id) = entry;
    entry->id = id;
}

static KindEntry *kind_of(World *world, const JobDefinitionSpec *spec)
{
    g_autofree char *beyond = spec->beyond_process ? g_strjoinv(",", spec->beyond_process) : g_strdup("");
    RunKind wanted = {.platform = spec->platform,
                      .architecture = spec->architecture,
                      .beyond = beyond,
                      .has_command = spec->command && spec->command[0],
                      .uses_gpus = spec->need.gpus > 0,
                      .nodes = MAX(spec->nodes, 1),
                      .node_instance_type = spec->node_instance_type,
                      .consumables = spec->consumables,
                      .consumables_len = spec->consumables_len};
    TreeNode *node = tree_find(&world->kinds, &wanted, kind_key_compare);
    KindEntry *entry = node ? TREE_ENTRY(node, KindEntry, by_content) : NULL;
    if (!entry) {
        entry = g_new0(KindEntry, 1);
        entry->kind = wanted;
        entry->kind.architecture = g_strdup(wanted.architecture);
        entry->kind.beyond = g_steal_pointer(&beyond);
        entry->kind.node_instance_type = g_strdup(wanted.node_instance_type);
        entry->kind.consumables = consumables_dup(&wanted);
        tree_insert(&world->kinds, &entry->by_content);
        kind_number(world, entry);
    }
    entry->refs++;
    return entry;
}

static void kind_unref(World *world, KindEntry *entry)
{
    if (--entry->refs > 0)
        return;
    tree_remove(&world->kinds, &entry->by_content);
    g_ptr_array_index(world->kinds_by_id, entry->id) = NULL;
    for (size_t i = 0; i < entry->kind.consumables_len; i++)
        g_free(entry->kind.consumables[i].name);
    g_free((void *)(uintptr_t)entry->kind.consumables);
    g_free((char *)(uintptr_t)entry->kind.architecture);
    g_free((char *)(uintptr_t)entry->kind.beyond);
    g_free((char *)(uintptr_t)entry->kind.node_instance_type);
    g_free(entry);
}

const RunKind *world_kind(const World *world, uint32_t kind)
{
    return &((const KindEntry *)g_ptr_array_index(world->kinds_by_id, kind))->kind;
}

bool world_kind_used(const World *world, uint32_t kind)
{
    return g_ptr_array_index(world->kinds_by_id, kind) != NULL;
}

size_t world_kinds_len(const World *world)
{
    return world->kinds_by_id->len;
}

/* ---- shapes ---- */

static int shape_compare(const TreeNode *a, const TreeNode *b)
{
    const Shape *left = TREE_ENTRY(a, Shape, by_content), *right = TREE_ENTRY(b, Shape, by_content);
    int order = order_i64(left->need.vcpus_e4, right->need.vcpus_e4);
    if (!order)
        order = order_i64(left->need.memory_mib, right->need.memory_mib);
    if (!order)
        order = order_i64(left->need.gpus, right->need.gpus);
    if (!order)
        order = order_u64(left->kind->id, right->kind->id);
    if (!order)
        order = order_i64(left->timeout_ms, right->timeout_ms);
    return order ? order : strcmp(left->definition, right->definition);
}

static int shape_key_compare(const TreeNode *node, const void *key)
{
    return shape_compare(node, &((const Shape *)key)->by_content);
}

void shapes_init(World *world)
{
    tree_init(&world->shapes, shape_compare);
    tree_init(&world->kinds, kind_compare);
    world->kinds_by_id = g_ptr_array_new();
}

void shapes_clear(World *world)
{
    g_ptr_array_unref(world->kinds_by_id);
}

Shape *shape_of(World *world, const JobDefinitionSpec *spec, const char *definition)
{
    const char *colon = strrchr(definition, ':');
    g_autofree char *name = g_strndup(definition, colon ? (size_t)(colon - definition) : strlen(definition));
    KindEntry *kind = kind_of(world, spec);
    Shape wanted = {.need = spec->need, .kind = kind, .definition = name, .timeout_ms = spec->timeout_ms};
    TreeNode *node = tree_find(&world->shapes, &wanted, shape_key_compare);
    Shape *shape = node ? TREE_ENTRY(node, Shape, by_content) : NULL;
    if (shape) {
        kind_unref(world, kind);
    } else {
        shape = g_new0(Shape, 1);
        *shape = wanted;
        shape->id = ++world->shape_id;
        shape->definition = g_steal_pointer(&name);
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
    kind_unref(world, shape->kind);
    g_free(shape->definition);
    g_free(shape);
}

/* ---- order ---- */

int place_compare(uint64_t left_front, uint64_t left_sequence, int32_t left_index, uint64_t right_front,
                  uint64_t right_sequence, int32_t right_index)
{
    if (left_front != right_front)
        return left_front > right_front ? -1 : 1;
    int order = order_u64(left_sequence, right_sequence);
    return order ? order : order_i64(left_index, right_index);
}

static int runnable_compare(const TreeNode *a, const TreeNode *b)
{
    const Runnable *left = TREE_ENTRY(a, Runnable, node), *right = TREE_ENTRY(b, Runnable, node);
    return place_compare(left->front, left->job->sequence, left->index, right->front, right->job->sequence,
                         right->index);
}

static int runnable_key_compare(const TreeNode *node, const void *key)
{
    return runnable_compare(node, &((const Runnable *)key)->node);
}

/* ---- groups ---- */

typedef struct {
    int32_t priority;
    uint64_t shape;
} ContentKey;

static int content_key_compare(const TreeNode *node, const void *key)
{
    const GroupEntry *entry = TREE_ENTRY(node, GroupEntry, by_content);
    const ContentKey *wanted = key;
    int order = order_i64(entry->group.priority, wanted->priority);
    return order ? order : order_u64(entry->shape_id, wanted->shape);
}

static int content_compare(const TreeNode *a, const TreeNode *b)
{
    const GroupEntry *right = TREE_ENTRY(b, GroupEntry, by_content);
    return content_key_compare(a, &(ContentKey){right->group.priority, right->shape_id});
}

void groups_init(ShareEntry *share)
{
    tree_init(&share->by_content, content_compare);
}

static ContentKey content_of(const Job *job)
{
    return (ContentKey){job->queue->fair ? job->template->effective->scheduling_priority : 0,
                        template_entry(job->template)->shape->id};
}

static GroupEntry *group_find(const Job *job)
{
    ContentKey key = content_of(job);
    TreeNode *node = tree_find(&share_entry(job->private->share)->by_content, &key, content_key_compare);
    return node ? TREE_ENTRY(node, GroupEntry, by_content) : NULL;
}

static GroupEntry *group_make(const Job *job)
{
    Shape *shape = template_entry(job->template)->shape;
    GroupEntry *entry = g_new0(GroupEntry, 1);
    entry->group.share = job->private->share;
    entry->group.priority = content_of(job).priority;
    entry->group.kind = shape->kind->id;
    entry->group.need = shape->need;
    entry->shape = shape;
    entry->shape_id = shape->id;
    shape->refs++;
    tree_init(&entry->items, runnable_compare);
    tree_insert(&share_entry(entry->group.share)->by_content, &entry->by_content);
    return entry;
}

static GroupOrder *group_order(const GroupEntry *entry)
{
    ShareEntry *share = share_entry(entry->group.share);
    return entry->group.parked ? &share->parked : &share->groups;
}

GroupKey group_key(const RunnableGroup *group)
{
    return (GroupKey){group->front, group->sequence, group->priority, group->index};
}

GroupBound group_bound(const RunnableGroup *group)
{
    return (GroupBound){group->need, kind_bit(group->kind)};
}

static void group_enter(World *world, GroupEntry *entry)
{
    GroupKey key = group_key(&entry->group);
    GroupBound bound = group_bound(&entry->group);
    group_order_insert(group_order(entry), &entry->by_head, &key, &bound);
    Share *share = entry->group.share;
    queue_changed(world, share->queue);
    if (entry->group.parked) {
        share->parked++;
    } else {
        share->groups++;
        share->queue->groups++;
    }
}

static void group_leave(World *world, GroupEntry *entry)
{
    group_order_remove(group_order(entry), &entry->by_head);
    Share *share = entry->group.share;
    queue_changed(world, share->queue);
    if (entry->group.parked) {
        share->parked--;
    } else {
        share->groups--;
        share->queue->groups--;
    }
}

static void group_free(World *world, GroupEntry *entry)
{
    if (entry->by_head.leaf)
        group_leave(world, entry);
    world->parked -= entry->group.parked;
    tree_remove(&share_entry(entry->group.share)->by_content, &entry->by_content);
    shape_unref(world, entry->shape);
    g_free(entry->group.reason);
    g_free(entry);
}

/* Its first item is another one: it stands elsewhere in the order. */
static void group_head_changed(World *world, GroupEntry *entry)
{
    const Runnable *head = TREE_ENTRY(tree_first(&entry->items), Runnable, node);
    RunnableGroup *group = &entry->group;
    bool stands = entry->by_head.leaf != NULL;
    if (stands && group->front == head->front && group->sequence == head->job->sequence &&
        group->index == head->index)
        return;
    group->front = head->front;
    group->sequence = head->job->sequence;
    group->index = head->index;
    if (!stands) {
        group_enter(world, entry);
        return;
    }
    GroupKey key = group_key(group);
    group_order_rekey(group_order(entry), &entry->by_head, &key);
    queue_changed(world, group->share->queue);
}

static int32_t runnable_jobs(const Runnable *runnable)
{
    const Job *job = runnable->job;
    return job->array && runnable->index == NOT_A_CHILD ? job->array->fresh : 1;
}

static void group_count(GroupEntry *entry, int64_t more)
{
    RunnableGroup *group = &entry->group;
    group->jobs += more;
    group->share->queue->waiting_vcpus_e4 += more * group->need.vcpus_e4 * entry->shape->kind->kind.nodes;
}

void runnable_count(World *world, Runnable *runnable)
{
    (void)world;
    if (!runnable->group)
        return;
    int32_t jobs = runnable_jobs(runnable);
    group_count(runnable->group, jobs - runnable->jobs);
    runnable->jobs = jobs;
}

void runnable_add(World *world, Runnable *runnable)
{
    if (runnable->group)
        return;
    GroupEntry *entry = group_find(runnable->job);
    if (!entry)
        entry = group_make(runnable->job);
    runnable->group = entry;
    bool fresh = tree_insert(&entry->items, &runnable->node);
    g_assert(fresh);
    entry->group.items++;
    runnable_count(world, runnable);
    group_head_changed(world, entry);
    world->runnable++;
}

void runnable_remove(World *world, Runnable *runnable)
{
    GroupEntry *entry = runnable->group;
    if (!entry)
        return;
    tree_remove(&entry->items, &runnable->node);
    entry->group.items--;
    group_count(entry, -(int64_t)runnable->jobs);
    runnable->group = NULL;
    runnable->jobs = 0;
    world->runnable--;
    if (entry->group.items == 0)
        group_free(world, entry);
    else
        group_head_changed(world, entry);
}

/* Every group is dissolved and its items find their places again. */
static void share_regroup(World *world, ShareEntry *share)
{
    g_autoptr(GPtrArray) items = g_ptr_array_new();
    for (TreeNode *at = tree_first(&share->by_content); at; at = tree_next(at))
        for (TreeNode *node = tree_first(&TREE_ENTRY(at, GroupEntry, by_content)->items); node;
             node = tree_next(node))
            g_ptr_array_add(items, TREE_ENTRY(node, Runnable, node));
    for (guint i = 0; i < items->len; i++)
        runnable_remove(world, g_ptr_array_index(items, i));
    for (guint i = 0; i < items->len; i++)
        runnable_add(world, g_ptr_array_index(items, i));
}

void queue_regroup(World *world, Queue *queue)
{
    for (Share *share = share_next(queue, NULL); share; share = share_next(queue, share))
        share_regroup(world, share_entry(share));
}

/* ---- parked ---- */

void world_park(World *world, RunnableGroup *group, BlockedReason blocked, const char *reason, int64_t now_ms)
{
    GroupEntry *entry = group_entry(group);
    if (group->parked)
        return;
    group_leave(world, entry);
    group->parked = true;
    group->blocked = blocked;
    group->reason = g_strdup(reason);
    group->parked_ms = now_ms;
    group_enter(world, entry);
    world->parked++;
}

static void share_unpark(World *world, ShareEntry *share)
{
    for (GroupItem *item = group_order_next(&share->parked, NULL, NULL, NULL); item;
         item = group_order_next(&share->parked, NULL, NULL, NULL)) {
        GroupEntry *entry = TREE_ENTRY(item, GroupEntry, by_head);
        group_leave(world, entry);
        entry->group.parked = false;
        entry->group.blocked = BLOCKED_NONE;
        g_clear_pointer(&entry->group.reason, g_free);
        group_enter(world, entry);
        world->parked--;
    }
}

void world_unpark(World *world)
{
    size_t len;
    world->feasibility++;
    if (world->parked == 0)
        return;
    Queue *const *queues = world_queues(world, &len);
    for (size_t i = 0; i < len; i++)
        for (Share *share = share_next(queues[i], NULL); share; share = share_next(queues[i], share))
            share_unpark(world, share_entry(share));
}

uint64_t world_feasibility(const World *world)
{
    return world->feasibility;
}

/* ---- looking at them ---- */

size_t world_runnable_len(const World *world)
{
    return world->runnable;
}

static RunnableGroup *group_next(const GroupOrder *order, const RunnableGroup *after, GroupSkip skip,
                                 const void *data)
{
    GroupItem *found = group_order_next(order, after ? &group_entry(after)->by_head : NULL, skip, data);
    return found ? &TREE_ENTRY(found, GroupEntry, by_head)->group : NULL;
}

RunnableGroup *share_group_next(const Share *share, const RunnableGroup *after, GroupSkip skip,
                                const void *data)
{
    return group_next(&share_entry(share)->groups, after, skip, data);
}

bool share_least(const Share *share, Capacity *ret_least)
{
    GroupBound bound;
    bool any = group_order_bound(&share_entry(share)->groups, &bound);
    if (any)
        *ret_least = bound.least;
    return any;
}

RunnableGroup *share_parked_next(const Share *share, const RunnableGroup *after)
{
    return group_next(&share_entry(share)->parked, after, NULL, NULL);
}

RunnableGroup *share_group_any(const Share *share, const RunnableGroup *after)
{
    TreeNode *node =
        after ? tree_next(&group_entry(after)->by_content) : tree_first(&share_entry(share)->by_content);
    return node ? &TREE_ENTRY(node, GroupEntry, by_content)->group : NULL;
}

RunnableGroup *job_group(const Job *job)
{
    GroupEntry *entry = group_find(job);
    return entry ? &entry->group : NULL;
}

JobTemplate *runnable_group_template(const RunnableGroup *group)
{
    return TREE_ENTRY(tree_first(&group_entry(group)->items), Runnable, node)->job->template;
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
    TreeNode *node = *at ? tree_next((const TreeNode *)*at) : tree_first(&group_entry(group)->items);
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

/* Merges the groups of all shares: the least item behind the last one given out. */
bool runnable_iter_next(RunnableIter *iter, RunnableItem *ret_item)
{
    const Runnable *last = iter->at[0], *best = NULL;
    for (const Share *share = share_next(iter->queue, NULL); share; share = share_next(iter->queue, share))
        for (const RunnableGroup *group = share_group_any(share, NULL); group;
             group = share_group_any(share, group)) {
            const Tree *items = &group_entry(group)->items;
            TreeNode *node = last ? tree_lower_bound(items, last, runnable_key_compare) : tree_first(items);
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
