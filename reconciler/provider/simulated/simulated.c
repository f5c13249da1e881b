#include "reconciler/provider/simulated/simulated_internal.h"

void order_copy(Order *to, const Order *from)
{
    *to = *from;
    to->job_id = g_strdup(from->job_id);
    to->environment = g_strdup(from->environment);
    to->instance_type = g_strdup(from->instance_type);
}

void order_clear(Order *order)
{
    g_free(order->job_id);
    g_free(order->environment);
    g_free(order->instance_type);
}

static void message_free(Message *message)
{
    order_clear(&message->order);
    resource_order_free(message->resource);
    g_free(message);
}

Simulated *simulated_new(const SimulatedOptions *options, int64_t now_ms)
{
    Simulated *simulated = g_new0(Simulated, 1);
    simulated->options = *options;
    simulated->faults = options->faults;
    simulated->now_ms = now_ms;
    simulated->rng = rng_from_seed(options->seed);
    simulated->messages = g_ptr_array_new();
    simulated->free_messages = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    simulated->near = g_hash_table_new_full(launch_token_hash, launch_token_same, NULL, near_free);
    simulated->far = g_hash_table_new_full(launch_token_hash, launch_token_same, NULL, far_free);
    simulated->near_resources = g_ptr_array_new_with_free_func(near_resource_free);
    simulated->held = g_ptr_array_new_with_free_func(held_free);
    simulated->newest_image = 1;
    simulated->cloud = simulated_cloud_new(&options->cloud, now_ms);
    event_queue_init(&simulated->wire, now_ms);
    return simulated;
}

void simulated_free(Simulated *simulated)
{
    if (!simulated)
        return;
    for (guint i = 0; i < simulated->messages->len; i++)
        if (simulated->messages->pdata[i])
            message_free(simulated->messages->pdata[i]);
    g_ptr_array_unref(simulated->messages);
    g_array_unref(simulated->free_messages);
    g_hash_table_unref(simulated->near);
    g_clear_pointer(&simulated->known, g_hash_table_unref);
    g_hash_table_unref(simulated->far);
    g_ptr_array_unref(simulated->near_resources);
    g_ptr_array_unref(simulated->held);
    simulated_cloud_free(simulated->cloud);
    event_queue_clear(&simulated->wire);
    g_free(simulated);
}

/* ---- the wire ---- */

bool simulated_strikes(Simulated *simulated, unsigned permille)
{
    return rng_below(&simulated->rng, 1000) < permille;
}

static int64_t span(Simulated *simulated, CloudSpan span)
{
    return rng_between(&simulated->rng, span.from_ms, MAX(span.from_ms, span.to_ms));
}

int64_t simulated_arrival(Simulated *simulated, int64_t not_before_ms)
{
    int64_t delay_ms = span(simulated, simulated->faults.delay);
    if (simulated_strikes(simulated, simulated->faults.slow_permille))
        delay_ms += span(simulated, simulated->faults.slow);
    return MAX(not_before_ms, simulated->now_ms + delay_ms);
}

void simulated_send(Simulated *simulated, const Message *message, int64_t at_ms)
{
    Message *copy = g_memdup2(message, sizeof *message);
    GArray *spare = simulated->free_messages;
    uint32_t slot;
    order_copy(&copy->order, &message->order);
    if (message->resource)
        copy->resource = resource_order_copy(message->resource);
    if (spare->len) {
        slot = g_array_index(spare, uint32_t, spare->len - 1);
        g_array_set_size(spare, spare->len - 1);
        simulated->messages->pdata[slot] = copy;
    } else {
        slot = simulated->messages->len;
        g_ptr_array_add(simulated->messages, copy);
    }
    event_queue_put(&simulated->wire, (QueuedEvent){at_ms, slot, 0});
}

static void arrive(Simulated *simulated, uint32_t slot)
{
    Message *message = simulated->messages->pdata[slot];
    simulated->messages->pdata[slot] = NULL;
    g_array_append_val(simulated->free_messages, slot);
    if (message->type == MESSAGE_EVENT || message->type == MESSAGE_RETRY)
        near_take(simulated, message);
    else
        far_take(simulated, message);
    message_free(message);
}

/* ---- time ---- */

int64_t simulated_next_ms(const Simulated *simulated)
{
    int64_t wire_ms = event_queue_next_ms(&simulated->wire),
            cloud_ms = simulated_cloud_next_ms(simulated->cloud);
    return wire_ms < 0 ? cloud_ms : cloud_ms < 0 ? wire_ms : MIN(wire_ms, cloud_ms);
}

void simulated_advance(Simulated *simulated, int64_t now_ms)
{
    CloudEvent event;
    QueuedEvent queued;
    for (int64_t next_ms; (next_ms = simulated_next_ms(simulated)) >= 0 && next_ms <= now_ms;) {
        simulated->now_ms = MAX(simulated->now_ms, next_ms);
        if (simulated_cloud_next(simulated->cloud, next_ms, &event))
            far_cloud_event(simulated, &event);
        else if (event_queue_take(&simulated->wire, next_ms, &queued))
            arrive(simulated, queued.what);
    }
    simulated->now_ms = MAX(simulated->now_ms, now_ms);
}

/* ---- the rest ---- */

Provider *simulated_connect(Simulated *simulated, ProviderEventFunc func, void *data)
{
    near_start(simulated, func, data);
    return &simulated->base;
}

void simulated_disconnect(Simulated *simulated)
{
    simulated->connection++; /* what is under way to the near end goes nowhere */
    simulated->func = NULL;
    g_clear_pointer(&simulated->known, g_hash_table_unref);
    g_hash_table_remove_all(simulated->near);
    g_ptr_array_set_size(simulated->near_resources, 0);
}

void simulated_reset(Simulated *simulated)
{
    if (!simulated->func || simulated->term == 0)
        return;
    simulated->connection++;
    near_observe(simulated);
}

void simulated_lose_tasks(Simulated *simulated)
{
    far_lose_tasks(simulated);
}

void simulated_host_join(Simulated *simulated, const LaunchToken *token, const char *environment,
                         int64_t vcpus_e4, int64_t memory_mib)
{
    far_host_join(simulated, token, environment, vcpus_e4, memory_mib);
}

void simulated_host_leave(Simulated *simulated, const LaunchToken *token)
{
    far_host_leave(simulated, token);
}

void simulated_set_faults(Simulated *simulated, const SimulatedFaults *faults)
{
    simulated->faults = *faults;
}

void simulated_counts(const Simulated *simulated, size_t *ret_records, size_t *ret_tasks,
                      size_t *ret_instances)
{
    *ret_records = g_hash_table_size(simulated->far);
    simulated_cloud_counts(simulated->cloud, ret_tasks, ret_instances);
}

SimulatedCloud *simulated_far_end(Simulated *simulated)
{
    return simulated->cloud;
}
