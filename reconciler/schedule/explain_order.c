/* explain_order.c: what is ahead of a runnable job, and what its share and its queue allow. */
#include "reconciler/schedule/explain_internal.h"
#include "spec/base/units.h"

/* Finding the job among its like costs as much as what is ahead of it there. */

static bool is_fresh_child(const Job *job, int32_t index)
{
    ChildView child;
    job_child(job, index, &child);
    return child.attempts == 0;
}

static bool item_has(const Explain *explain, const RunnableItem *item)
{
    if (item->job != explain->job)
        return false;
    if (explain->index == NOT_A_CHILD || item->index == explain->index)
        return true;
    return is_fresh_child(item->job, item->index) && is_fresh_child(item->job, explain->index);
}

/* Where an item stands within a priority. */
typedef struct {
    int32_t priority;
    uint64_t front, sequence;
    int32_t index;
} Key;

static bool key_before(const Key *a, const Key *b)
{
    if (a->priority != b->priority)
        return a->priority > b->priority;
    if (a->front != b->front)
        return a->front > b->front;
    return a->sequence != b->sequence ? a->sequence < b->sequence : a->index < b->index;
}

static Key item_key(const RunnableGroup *group, uint64_t front, const RunnableItem *item)
{
    return (Key){group->priority, front, item->job->sequence, item->index};
}

typedef struct {
    RunnableItem item; /* that holds the job */
    Key key;
    bool has_last; /* the one before it, of all that were counted: */
    Key last_key;
    const RunnableGroup *last_group; /* whose only item it is; NULL: last */
    RunnableItem last;
} Order;

static bool order_find(Explain *explain, Order *order)
{
    const void *at = NULL;
    uint64_t front;
    for (int looked_at = 0; looked_at <= EXPLAIN_AHEAD_MAX; looked_at++) {
        if (!runnable_group_item(explain->group, &at, &order->item, &front))
            return false;
        order->key = item_key(explain->group, front, &order->item);
        if (item_has(explain, &order->item))
            return true;
    }
    return false;
}

static void count(Explain *explain, const RunnableGroup *group, int64_t jobs)
{
    int64_t nodes = world_kind(explain->pass.world, group->kind)->nodes;
    explain->out->ahead += jobs;
    explain->ahead_vcpus_e4 += jobs * nodes * group->need.vcpus_e4;
}

/* False: it and what comes behind it is not ahead. */
static bool count_item(Explain *explain, Order *order, const RunnableGroup *group, const Key *key,
                       int64_t jobs, const RunnableItem *item)
{
    if (!key_before(key, &order->key))
        return false;
    count(explain, group, jobs);
    if (order->has_last && key_before(key, &order->last_key))
        return true;
    order->has_last = true;
    order->last_key = *key;
    order->last_group = item ? NULL : group;
    if (item)
        order->last = *item;
    return true;
}

/* Most groups have one job where shapes differ: then the group itself says where it stands. */
static void count_group(Explain *explain, Order *order, const RunnableGroup *group)
{
    const void *at = NULL;
    RunnableItem item;
    uint64_t front;
    if (group->items == 1 && group != explain->group) {
        Key key = {group->priority, group->front, group->sequence, group->index};
        (void)count_item(explain, order, group, &key, group->jobs, NULL);
        return;
    }
    while (explain->out->ahead <= EXPLAIN_AHEAD_MAX && runnable_group_item(group, &at, &item, &front)) {
        Key key = item_key(group, front, &item);
        if (!count_item(explain, order, group, &key, item.runnable, &item))
            return;
    }
}

/* Children of its own array that were never launched come in the order of their index. */
static void count_siblings(Explain *explain, const Order *order)
{
    Explanation *out = explain->out;
    if (explain->index == NOT_A_CHILD)
        return;
    for (int32_t child = order->item.index; child != NOT_A_CHILD && child < explain->index;
         child = job_next_runnable(explain->job, child + 1)) {
        count(explain, explain->group, 1);
        out->behind = explain->job;
        out->behind_index = child;
        if (out->ahead > EXPLAIN_AHEAD_MAX)
            return;
    }
}

static void last_child(Order *order, Explanation *out)
{
    RunnableItem *item = &order->last;
    const void *at = NULL;
    uint64_t front;
    if (order->last_group)
        runnable_group_item(order->last_group, &at, item, &front);
    out->behind = item->job;
    out->behind_index = item->index;
    for (int32_t next = item->index, looked_at = 0;
         item->runnable > 1 && next != NOT_A_CHILD && looked_at < EXPLAIN_AHEAD_MAX; looked_at++) {
        out->behind_index = next;
        next = job_next_runnable(item->job, next + 1);
    }
}

static void more_ahead(Explanation *out)
{
    out->ahead = EXPLAIN_AHEAD_MAX;
    out->ahead_more = true;
    out->behind = NULL;
    out->behind_index = NOT_A_CHILD;
}

static bool queue_shares_room(const Explain *explain, const Queue *other)
{
    size_t len, own_len;
    Environment *const *list = queue_environments(explain->pass.world, other, &len);
    Environment *const *own = queue_environments(explain->pass.world, explain->job->queue, &own_len);
    for (size_t i = 0; i < len; i++)
        for (size_t j = 0; list[i] && j < own_len; j++)
            if (list[i] == own[j])
                return true;
    return false;
}

static void count_queues(Explain *explain)
{
    size_t len;
    Queue *const *queues = world_queues(explain->pass.world, &len);
    for (size_t i = 0; i < len && queues[i]->spec->priority > explain->job->queue->spec->priority; i++)
        explain->out->queues_ahead += queues[i]->groups > 0 && queue_shares_room(explain, queues[i]);
}

void explain_order(Explain *explain)
{
    Explanation *out = explain->out;
    Order order = {.has_last = false};
    count_queues(explain);
    if (!explain->job->queue->spec->enabled)
        out->queue_note = "the queue is DISABLED: it takes no submissions, and what is in it runs";
    if (explain->group->parked)
        return;
    if (!order_find(explain, &order)) {
        more_ahead(out);
        return;
    }
    for (RunnableGroup *group = share_group_next(explain->group->share, NULL, NULL, NULL);
         group && out->ahead <= EXPLAIN_AHEAD_MAX;
         group = share_group_next(explain->group->share, group, NULL, NULL)) {
        int64_t before = out->ahead;
        count_group(explain, &order, group);
        if (out->ahead == before && group->priority <= explain->group->priority && group != explain->group)
            break; /* groups stand in order of their heads */
    }
    if (order.has_last)
        last_child(&order, out);
    count_siblings(explain, &order);
    if (out->ahead > EXPLAIN_AHEAD_MAX)
        more_ahead(out);
    if (out->ahead > 0 && explain->job->queue->spec->strict_order)
        out->queue_note = "the queue keeps strict order: nothing goes ahead of its head";
}

/* ---- fair share ---- */

int64_t explain_queue_limit_e4(const Explain *explain, int64_t percent)
{
    const Queue *queue = explain->job->queue;
    size_t len;
    Environment *const *environments = queue_environments(explain->pass.world, queue, &len);
    int64_t most_e4 = 0;
    if (!queue->fair || percent == 0 || queue->active_shares == 0)
        return 0;
    for (size_t i = 0; i < len; i++) {
        const ComputeEnvironmentSpec *spec = environments[i] ? environments[i]->spec : NULL;
        if (spec)
            most_e4 += MAX(spec->type == CE_TYPE_UNMANAGED ? spec->unmanaged_vcpus : spec->max_vcpus, 0) *
                       DECIMAL_SCALE;
    }
    int64_t reserved_e4 = most_e4;
    for (size_t i = 0; i < queue->active_shares && reserved_e4 > 0; i++)
        reserved_e4 = reserved_e4 * percent / 100;
    return most_e4 - reserved_e4;
}

static Wide share_key(Share *share, int64_t now_ms, Wide *ret_weighed)
{
    ShareUse use = share_use(share, now_ms);
    *ret_weighed = use.weighed + (Wide)share->held_vcpus_e4 * use.bucket_ms;
    return use.weighed * share->weight_e4 + share->held_vcpus_e4 * ((Wide)use.bucket_ms * share->weight_e4);
}

void explain_share(Explain *explain)
{
    Queue *queue = explain->job->queue;
    Share *own = explain->group->share;
    Wide weighed, other;
    if (!queue->fair)
        return;
    ExplainShare *out = explain->out->share = arena_new0(explain->arena, ExplainShare);
    Wide key = share_key(own, explain->options->now_ms, &weighed);
    int64_t need_e4 = explain->group->need.vcpus_e4 * explain->kind->nodes;
    *out = (ExplainShare){.identifier = own->identifier,
                          .weight_e4 = own->weight_e4,
                          .held_vcpus_e4 = own->held_vcpus_e4,
                          .max_vcpus_e4 = own->max_vcpus_e4,
                          .rank = 1,
                          .queue_held_vcpus_e4 = queue->held_vcpus_e4};
    /* usage counts vCPUs in 1/10,000ths */
    out->used_vcpu_ms = (int64_t)(weighed / DECIMAL_SCALE);
    for (Share *share = share_next(queue, NULL); share; share = share_next(queue, share)) {
        if (share->groups == 0)
            continue;
        out->ranks++;
        out->rank += share != own && share_key(share, explain->options->now_ms, &other) < key;
    }
    out->queue_limit_e4 =
        explain_queue_limit_e4(explain, queue->policy ? queue->policy->compute_reservation : 0);
    out->is_at_limit = own->max_vcpus_e4 > 0 && own->held_vcpus_e4 + need_e4 > own->max_vcpus_e4;
    out->is_at_reservation = out->queue_limit_e4 > 0 && queue->held_vcpus_e4 + need_e4 > out->queue_limit_e4;
}
