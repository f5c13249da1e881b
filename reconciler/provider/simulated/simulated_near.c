/* simulated_near.c: the end that lives in the reconciler's process: asks, asks again, passes events on. */
#include "reconciler/provider/simulated/simulated_internal.h"

void near_free(void *data)
{
    Near *near = data;
    order_clear(&near->order);
    g_free(near);
}

static Near *near_get(Simulated *simulated, const LaunchToken *token)
{
    Near *near = g_hash_table_lookup(simulated->near, token);
    if (!near) {
        near = g_new0(Near, 1);
        near->token = *token;
        near->asked = MESSAGE_SETTLED;
        near->answered = true;
        near->number = simulated->asked++;
        g_hash_table_insert(simulated->near, &near->token, near);
    }
    return near;
}

/* ---- sending ---- */

typedef enum { MAY_BE_LOST, SURE } Delivery;

static void send_about(Simulated *simulated, Near *near, MessageType type, Delivery delivery)
{
    Message message = {.type = type, .token = near->token, .term = simulated->term, .order = near->order};
    int64_t at_ms = simulated_arrival(simulated, near->sent_ms);
    near->sent_ms = at_ms;
    if (delivery == SURE || !simulated_strikes(simulated, simulated->faults.lost_permille))
        simulated_send(simulated, &message, at_ms);
    if (simulated_strikes(simulated, simulated->faults.twice_permille)) {
        near->sent_ms = simulated_arrival(simulated, at_ms);
        simulated_send(simulated, &message, near->sent_ms);
    }
}

static bool waits(const Near *near)
{
    return !near->answered || near->ending;
}

static void send_all(Simulated *simulated, Near *near, Delivery delivery)
{
    near->held = false;
    if (!near->answered)
        send_about(simulated, near, near->asked, delivery);
    if (near->ending)
        send_about(simulated, near, near->asked == MESSAGE_MAKE ? MESSAGE_END : MESSAGE_STOP, delivery);
    if (!near->has_timer && waits(near)) {
        Message retry = {.type = MESSAGE_RETRY, .token = near->token, .connection = simulated->connection};
        near->has_timer = true;
        simulated_send(simulated, &retry, simulated->now_ms + MAX(simulated->faults.retry_ms, 1));
    }
}

static void ask(Simulated *simulated, Near *near)
{
    if (simulated->observing)
        near->held = true;
    else
        send_all(simulated, near, MAY_BE_LOST);
}

/* ---- observing ---- */

static void send_observe(Simulated *simulated, int64_t not_before_ms)
{
    Message message = {.type = MESSAGE_OBSERVE, .term = simulated->term, .connection = simulated->connection};
    simulated_send(simulated, &message, simulated_arrival(simulated, not_before_ms));
}

static gint near_order(gconstpointer a, gconstpointer b)
{
    const Near *one = *(const Near *const *)a, *two = *(const Near *const *)b;
    return (one->number > two->number) - (one->number < two->number);
}

static GPtrArray *near_sorted(Simulated *simulated)
{
    GPtrArray *all = g_ptr_array_new();
    GHashTableIter iter;
    gpointer near;
    g_hash_table_iter_init(&iter, simulated->near);
    while (g_hash_table_iter_next(&iter, NULL, &near))
        g_ptr_array_add(all, near);
    g_ptr_array_sort(all, near_order);
    return all;
}

void near_observe(Simulated *simulated)
{
    g_autoptr(GPtrArray) all = near_sorted(simulated);
    simulated->observing = true;
    for (guint i = 0; i < all->len; i++) {
        Near *near = all->pdata[i];
        near->held = waits(near);
        near->has_timer = false; /* it was of the connection that broke */
    }
    send_observe(simulated, 0);
}

/* What was held goes out now, and what became of it belongs to the observation as well: it is made again. */
static bool send_held(Simulated *simulated)
{
    g_autoptr(GPtrArray) all = near_sorted(simulated);
    int64_t last_ms = 0;
    bool any = false;
    for (guint i = 0; i < all->len; i++) {
        Near *near = all->pdata[i];
        if (!near->held)
            continue;
        any = true;
        send_all(simulated, near, SURE);
        last_ms = MAX(last_ms, near->sent_ms);
    }
    if (any)
        send_observe(simulated, last_ms);
    return any;
}

/* ---- taking in ---- */

static bool is_final(ProviderEventType type)
{
    return type == PROVIDER_EVENT_REFUSED || type == PROVIDER_EVENT_ENDED || type == PROVIDER_EVENT_LOST ||
           type == PROVIDER_EVENT_INSTANCE_REFUSED || type == PROVIDER_EVENT_INSTANCE_GONE;
}

/* To a restored state: what it does not know is told of with what it is. */
static void tell_found(Simulated *simulated, const ProviderEvent *event)
{
    ProviderEvent found;
    bool is_known = g_hash_table_contains(simulated->known, &event->token) ||
                    g_hash_table_contains(simulated->near, &event->token);
    if (is_known || event->resource || !far_found(simulated, &event->token, &found))
        return;
    g_hash_table_add(simulated->known, g_memdup2(&event->token, sizeof event->token));
    simulated->func(&found, simulated->data);
}

static void take_event(Simulated *simulated, const ProviderEvent *event)
{
    if (event->type == PROVIDER_EVENT_OBSERVED) {
        if (send_held(simulated))
            return;
        simulated->observing = false;
        g_clear_pointer(&simulated->known, g_hash_table_unref);
    }
    if (simulated->known)
        tell_found(simulated, event);
    Near *near = event->resource ? NULL : g_hash_table_lookup(simulated->near, &event->token);
    if (near) {
        near->answered = true;
        near->ending = near->ending && !is_final(event->type);
        near->held = near->held && waits(near);
    }
    simulated->func(event, simulated->data);
    if (event->type == PROVIDER_EVENT_OBSERVED)
        near_resources_ask_again(simulated);
}

static void take_retry(Simulated *simulated, const LaunchToken *token)
{
    Near *near = g_hash_table_lookup(simulated->near, token);
    if (!near)
        return;
    near->has_timer = false;
    if (waits(near) && !near->held)
        send_all(simulated, near, MAY_BE_LOST);
}

void near_take(Simulated *simulated, Message *message)
{
    if (!simulated->func || message->connection != simulated->connection)
        return;
    if (message->type == MESSAGE_RETRY) {
        if (message->resource)
            near_resource_retry(simulated, message->resource);
        else
            take_retry(simulated, &message->token);
        return;
    }
    if (message->resource)
        near_resource_told(simulated, message->resource, &message->event);
    if (message->provider_id[0])
        message->event.provider_id = message->provider_id;
    take_event(simulated, &message->event);
}

/* ---- the vtable ---- */

static Simulated *simulated_of(Provider *provider)
{
    return (Simulated *)provider;
}

static bool near_begin(Provider *provider, const ProviderStart *start, GError **error)
{
    Simulated *simulated = simulated_of(provider);
    (void)error;
    simulated->term = start->term; /* the far end knows all that it ever took */
    if (start->restored_from_ms > 0)
        simulated->known = g_hash_table_new_full(launch_token_hash, launch_token_same, g_free, NULL);
    for (size_t i = 0; simulated->known && i < start->expected_len; i++)
        g_hash_table_add(simulated->known, g_memdup2(&start->expected[i].token, sizeof(LaunchToken)));
    near_observe(simulated);
    return true;
}

static void near_launch(Provider *provider, const LaunchRequest *requests, size_t len)
{
    Simulated *simulated = simulated_of(provider);
    for (size_t i = 0; i < len; i++) {
        const LaunchRequest *request = &requests[i];
        Near *near = near_get(simulated, &request->token);
        if (near->asked == MESSAGE_LAUNCH)
            continue;
        Order order = {.job_id = (char *)(uintptr_t)request->job_id,
                       .environment = (char *)(uintptr_t)request->environment,
                       .attempt = request->attempt,
                       .term = request->term,
                       .vcpus_e4 = request->vcpus_e4,
                       .memory_mib = request->memory_mib,
                       .timeout_ms = request->timeout_ms,
                       .kill_grace_ms = request->kill_grace_ms,
                       .has_instance = request->instance != NULL,
                       .fate = simulated->options.fate(request, simulated->options.data)};
        if (request->instance)
            order.instance = *request->instance;
        order_copy(&near->order, &order);
        near->asked = MESSAGE_LAUNCH;
        simulated->term = MAX(simulated->term, request->term); /* the store was opened anew */
        near->answered = false;
        ask(simulated, near);
    }
}

static void near_stop(Provider *provider, const LaunchToken *token, const char *reason)
{
    Simulated *simulated = simulated_of(provider);
    Near *near = near_get(simulated, token);
    (void)reason;
    near->ending = true;
    ask(simulated, near);
}

static void near_settled(Provider *provider, const LaunchToken *tokens, size_t len)
{
    Simulated *simulated = simulated_of(provider);
    for (size_t i = 0; i < len; i++) {
        Near *near = near_get(simulated, &tokens[i]);
        bool under_way =
            near->sent_ms >= simulated->now_ms; /* what is settled once more may not overtake it */
        near->answered = true;
        near->ending = near->held = false;
        send_about(simulated, near, MESSAGE_SETTLED, SURE);
        if (!under_way)
            g_hash_table_remove(simulated->near, &tokens[i]);
    }
}

static void near_instances_start(Provider *provider, const InstanceRequest *requests, size_t len)
{
    Simulated *simulated = simulated_of(provider);
    for (size_t i = 0; i < len; i++) {
        const InstanceRequest *request = &requests[i];
        Near *near = near_get(simulated, &request->token);
        if (near->asked == MESSAGE_MAKE)
            continue;
        order_copy(&near->order, &(Order){.instance_type = (char *)(uintptr_t)request->type,
                                          .environment = (char *)(uintptr_t)request->environment,
                                          .term = request->term,
                                          .spot = request->spot,
                                          .vcpus_e4 = request->vcpus_e4,
                                          .memory_mib = request->memory_mib,
                                          .gpus = request->gpus,
                                          .max_price_microusd_per_h = request->max_price_microusd_per_h});
        near->asked = MESSAGE_MAKE;
        simulated->term = MAX(simulated->term, request->term);
        near->answered = false;
        ask(simulated, near);
    }
}

static void near_instances_stop(Provider *provider, const LaunchToken *tokens, size_t len)
{
    Simulated *simulated = simulated_of(provider);
    for (size_t i = 0; i < len; i++) {
        Near *near = near_get(simulated, &tokens[i]);
        if (near->asked == MESSAGE_SETTLED) /* of an earlier process */
            near->asked = MESSAGE_MAKE;
        near->ending = true;
        ask(simulated, near);
    }
}

static void near_end(Provider *provider)
{
    simulated_disconnect(simulated_of(provider));
}

void near_start(Simulated *simulated, ProviderEventFunc func, void *data)
{
    bool has_instances = simulated->options.has_instances;
    simulated->base = (Provider){.start = near_begin,
                                 .launch = near_launch,
                                 .stop = near_stop,
                                 .settled = near_settled,
                                 .free = near_end,
                                 .resources_apply = near_resources_apply,
                                 .instances_start = has_instances ? near_instances_start : NULL,
                                 .instances_stop = has_instances ? near_instances_stop : NULL};
    simulated->connection++;
    simulated->term = 0;
    simulated->observing = true;
    simulated->func = func;
    simulated->data = data;
}
