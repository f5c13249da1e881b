#include "reconciler/api/meters.h"

const char *tick_phase_name(TickPhase phase)
{
    static const char *const names[TICK_PHASES] = {
        [TICK_EVENTS] = "events", [TICK_CALLS] = "calls",   [TICK_APPLY] = "apply",
        [TICK_SETTLE] = "settle", [TICK_DECIDE] = "decide", [TICK_STORE] = "store"};
    return names[phase];
}

const char *attempt_outcome_name(AttemptOutcome outcome)
{
    static const char *const names[ATTEMPT_OUTCOMES] = {[ATTEMPT_SUCCEEDED] = "succeeded",
                                                        [ATTEMPT_FAILED] = "failed",
                                                        [ATTEMPT_STOPPED] = "stopped",
                                                        [ATTEMPT_TIMED_OUT] = "timeout",
                                                        [ATTEMPT_OUT_OF_MEMORY] = "out_of_memory",
                                                        [ATTEMPT_REFUSED] = "refused",
                                                        [ATTEMPT_LOST] = "lost"};
    return names[outcome];
}

const char *reconcile_outcome_name(ReconcileOutcome outcome)
{
    static const char *const names[RECONCILE_OUTCOMES] = {
        [RECONCILE_UNCHANGED] = "unchanged", [RECONCILE_APPLIED] = "applied", [RECONCILE_HELD] = "held",
        [RECONCILE_REFUSED] = "refused",     [RECONCILE_BROKEN] = "broken",   [RECONCILE_RESTED] = "rested"};
    return names[outcome];
}

void meters_init(Meters *meters, int64_t (*now_us)(void))
{
    *meters = (Meters){.now_us = now_us};
    meters->queues = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    meters->requests = g_array_new(FALSE, TRUE, sizeof(RequestCount));
}

void meters_clear(Meters *meters)
{
    g_clear_pointer(&meters->queues, g_hash_table_unref);
    g_clear_pointer(&meters->requests, g_array_unref);
}

QueueMeter *meters_queue(Meters *meters, const char *queue)
{
    QueueMeter *meter = g_hash_table_lookup(meters->queues, queue);
    if (meter)
        return meter;
    if (g_hash_table_size(meters->queues) >= METERS_QUEUES)
        return &meters->others;
    meter = g_new0(QueueMeter, 1);
    g_hash_table_insert(meters->queues, g_strdup(queue), meter);
    return meter;
}

static bool is_gone(const World *world, const char *name)
{
    const Resource *resource = world_resource(world, KIND_JOB_QUEUE, view_from(name));
    return !resource || !resource->queue;
}

void meters_sweep(Meters *meters, const World *world)
{
    GHashTableIter at;
    void *name;
    size_t len;
    g_hash_table_iter_init(&at, meters->queues);
    while (g_hash_table_iter_next(&at, &name, NULL))
        if (is_gone(world, name))
            g_hash_table_iter_remove(&at);
    Queue *const *queues = world_queues(world, &len);
    for (size_t i = 0; i < len && g_hash_table_size(meters->queues) < METERS_QUEUES; i++)
        meters_queue(meters, queues[i]->resource->name);
}

/* There are few operations, and few codes of each. */
void meters_request(Meters *meters, const Operation *operation, int code)
{
    if (!meters)
        return;
    for (guint i = 0; i < meters->requests->len; i++) {
        RequestCount *row = &g_array_index(meters->requests, RequestCount, i);
        if (row->operation == operation && row->code == code) {
            row->count++;
            return;
        }
    }
    g_array_append_val(meters->requests, ((RequestCount){operation, code, 1}));
}
