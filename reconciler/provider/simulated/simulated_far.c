/* simulated_far.c: the end that outlives the process: takes requests, remembers what became of them until it
 * is settled, tells. */
#include "reconciler/provider/simulated/simulated_internal.h"

#define STOP_MAX_MS 5000 /* an instance that is told to stop is gone by then */

typedef enum { MAY_BE_LOST, SURE } Delivery;

/* ---- telling ---- */

static void send_event(Simulated *simulated, const ProviderEvent *event, const char *provider_id,
                       int64_t at_ms)
{
    Message message = {.type = MESSAGE_EVENT, .connection = simulated->connection, .event = *event};
    g_strlcpy(message.provider_id, provider_id, sizeof message.provider_id);
    simulated_send(simulated, &message, at_ms);
}

static void tell(Simulated *simulated, Far *far, const ProviderEvent *event, Delivery delivery)
{
    far->told_ms = simulated_arrival(simulated, far->told_ms);
    if (delivery == SURE || !simulated_strikes(simulated, simulated->faults.lost_permille))
        send_event(simulated, event, far->provider_id, far->told_ms);
    if (!simulated_strikes(simulated, simulated->faults.twice_permille))
        return;
    /* Of a task it may come when later events have come already; of an instance nothing follows the end. */
    int64_t again_ms = simulated_arrival(simulated, far->told_ms);
    if (far->is_instance)
        far->told_ms = again_ms;
    send_event(simulated, event, far->provider_id, again_ms);
}

static ProviderEvent event_of(const Far *far, ProviderEventType type, int64_t at_ms)
{
    return (ProviderEvent){.type = type, .token = far->token, .at_ms = at_ms};
}

/* All that is known of it by now. */
static void tell_all(Simulated *simulated, Far *far, Delivery delivery)
{
    ProviderEvent accepted = event_of(far, PROVIDER_EVENT_ACCEPTED, simulated->now_ms);
    if (far->state == FAR_COMING && delivery == SURE)
        tell(simulated, far, &accepted, SURE);
    /* Of an instance nothing follows the end, which may have been told before this was asked. */
    bool only_end = far->is_instance && far->state == FAR_OVER;
    if (far->started.at_ms && !only_end)
        tell(simulated, far, &far->started, delivery);
    if (far->ready.at_ms && !only_end)
        tell(simulated, far, &far->ready, SURE);
    if (far->state == FAR_OVER)
        tell(simulated, far, &far->end, SURE);
}

/* ---- records ---- */

void far_free(void *data)
{
    order_clear(&((Far *)data)->order);
    g_free(data);
}

static Far *far_find(const Simulated *simulated, const LaunchToken *token)
{
    return g_hash_table_lookup(simulated->far, token);
}

static Far *far_add(Simulated *simulated, const LaunchToken *token)
{
    Far *far = g_new0(Far, 1);
    far->token = *token;
    far->before = simulated->newest;
    if (far->before)
        far->before->after = far;
    else
        simulated->oldest = far;
    simulated->newest = far;
    g_hash_table_insert(simulated->far, &far->token, far);
    return far;
}

static void far_drop(Simulated *simulated, Far *far)
{
    *(far->before ? &far->before->after : &simulated->oldest) = far->after;
    *(far->after ? &far->after->before : &simulated->newest) = far->before;
    g_hash_table_remove(simulated->far, &far->token);
}

bool far_found(const Simulated *simulated, const LaunchToken *token, ProviderEvent *ret_event)
{
    const Far *far = far_find(simulated, token);
    if (!far || !far->order.environment || (far->is_instance && far->state == FAR_OVER))
        return false;
    *ret_event = event_of(far, far->is_instance ? PROVIDER_EVENT_INSTANCE_FOUND : PROVIDER_EVENT_FOUND,
                          far->started.at_ms);
    ret_event->environment = far->order.environment;
    ret_event->job = far->order.job_id;
    ret_event->attempt = far->order.attempt;
    ret_event->host = far->order.instance;
    ret_event->instance_type = far->order.instance_type;
    ret_event->is_spot = far->order.spot;
    ret_event->vcpus_e4 = far->vcpus_e4;
    ret_event->memory_mib = far->memory_mib;
    return true;
}

static void watch(const Simulated *simulated, SimulatedTruth truth, const Far *far)
{
    if (simulated->options.watch && !far->environment)
        simulated->options.watch(truth, &far->token, far->vcpus_e4, far->memory_mib, simulated->options.data);
}

static void over(Simulated *simulated, Far *far, const ProviderEvent *end)
{
    if (far->lives)
        watch(simulated, far->is_instance ? SIMULATED_INSTANCE_OVER : SIMULATED_TASK_OVER, far);
    far->lives = false;
    far->state = FAR_OVER;
    far->end = *end;
    tell(simulated, far, end, SURE);
}

/* ---- tasks ---- */

static void refuse_launch(Simulated *simulated, Far *far, const char *reason)
{
    ProviderEvent event = event_of(far, PROVIDER_EVENT_REFUSED, simulated->now_ms);
    event.reason = reason;
    over(simulated, far, &event);
}

/* CLOUD_NO_MACHINE where no instance is named: the one machine, or capacity that comes with the task. False:
 * it is not there. */
static bool find_machine(Simulated *simulated, const Order *order, uint32_t *ret_machine)
{
    *ret_machine = CLOUD_NO_MACHINE;
    if (!order->has_instance)
        return true;
    const Far *instance = far_find(simulated, &order->instance);
    if (!instance || !instance->registered || !instance->lives)
        return false;
    *ret_machine = instance->number;
    return true;
}

static void task_started(Simulated *simulated, Far *far, int64_t at_ms)
{
    far->state = FAR_STARTED;
    far->started = event_of(far, PROVIDER_EVENT_STARTED, at_ms);
    tell(simulated, far, &far->started, MAY_BE_LOST);
}

static void take_launch(Simulated *simulated, const Message *message)
{
    Far *far = far_find(simulated, &message->token);
    const Order *order = &message->order;
    uint32_t machine;
    if (far) {
        tell_all(simulated, far, MAY_BE_LOST);
        return;
    }
    far = far_add(simulated, &message->token);
    order_copy(&far->order, order);
    far->vcpus_e4 = order->vcpus_e4;
    far->memory_mib = order->memory_mib;
    far->kill_grace_ms = order->kill_grace_ms;
    if (!find_machine(simulated, order, &machine)) {
        refuse_launch(simulated, far, NULL);
        return;
    }
    if (simulated_strikes(simulated, simulated->faults.refuse_permille)) {
        bool for_good = rng_below(&simulated->rng, 4) == 0;
        refuse_launch(simulated, far,
                      for_good ? "CannotStartContainerError: refused by the simulation" : NULL);
        return;
    }
    far->lives = true;
    far->number = simulated_cloud_run(simulated->cloud, machine, (uint64_t)(uintptr_t)far, &order->fate,
                                      order->timeout_ms, simulated->now_ms);
    watch(simulated, SIMULATED_TASK_BEGAN, far);
    if (order->fate.start_ms <= 0)
        task_started(simulated, far, simulated->now_ms);
}

/* What is stopped before it was heard of must not begin afterwards: it is remembered as refused. */
static void take_stop(Simulated *simulated, const Message *message)
{
    Far *far = far_find(simulated, &message->token);
    if (!far) {
        refuse_launch(simulated, far_add(simulated, &message->token), NULL);
    } else if (far->state == FAR_OVER) {
        tell(simulated, far, &far->end, SURE);
    } else {
        int64_t grace_ms = rng_between(&simulated->rng, 0, MAX(far->kill_grace_ms, 0));
        simulated_cloud_stop(simulated->cloud, far->number, grace_ms, simulated->now_ms);
    }
}

void far_lose_tasks(Simulated *simulated)
{
    for (Far *far = simulated->oldest; far; far = far->after) {
        if (!far->lives || far->is_instance)
            continue;
        ProviderEvent event = event_of(far, PROVIDER_EVENT_LOST, simulated->now_ms);
        simulated_cloud_kill(simulated->cloud, far->number);
        over(simulated, far, &event);
    }
}

/* ---- instances ---- */

/* The far end's machine of an order. */
static void instance_begin(Simulated *simulated, Far *far, const Order *order)
{
    CloudMachine machine = {.type = order->instance_type,
                            .spot = order->spot,
                            .vcpus_e4 = order->vcpus_e4,
                            .memory_mib = order->memory_mib,
                            .gpus = order->gpus,
                            .max_price_microusd_per_h = order->max_price_microusd_per_h};
    far->is_instance = far->lives = true;
    far->vcpus_e4 = order->vcpus_e4;
    far->memory_mib = order->memory_mib;
    g_snprintf(far->provider_id, sizeof far->provider_id, "i-%016" G_GINT64_MODIFIER "x", ++simulated->made);
    watch(simulated, SIMULATED_INSTANCE_BEGAN, far);
    far->number =
        simulated_cloud_make(simulated->cloud, &machine, (uint64_t)(uintptr_t)far, simulated->now_ms);
}

void far_host_join(Simulated *simulated, const LaunchToken *token, const char *environment, int64_t vcpus_e4,
                   int64_t memory_mib)
{
    Order order = {.instance_type = (char *)(uintptr_t) "", .vcpus_e4 = vcpus_e4, .memory_mib = memory_mib};
    Far *far = far_add(simulated, token);
    far->environment = environment;
    instance_begin(simulated, far, &order);
}

void far_host_leave(Simulated *simulated, const LaunchToken *token)
{
    const Far *far = far_find(simulated, token);
    if (far && far->lives)
        simulated_cloud_end(simulated->cloud, far->number, 0, simulated->now_ms);
}

static void take_make(Simulated *simulated, const Message *message)
{
    const Order *order = &message->order;
    Far *far = far_find(simulated, &message->token);
    if (far) {
        tell_all(simulated, far, MAY_BE_LOST);
        return;
    }
    far = far_add(simulated, &message->token);
    order_copy(&far->order, order);
    instance_begin(simulated, far, order);
}

static void take_end(Simulated *simulated, const Message *message)
{
    Far *far = far_find(simulated, &message->token);
    if (!far) {
        far = far_add(simulated, &message->token);
        far->is_instance = true;
        ProviderEvent event = event_of(far, PROVIDER_EVENT_INSTANCE_REFUSED, simulated->now_ms);
        event.refusal = INSTANCE_REFUSED_UNKNOWN_LATER;
        over(simulated, far, &event);
    } else if (far->state == FAR_OVER) {
        tell(simulated, far, &far->end, SURE);
    } else {
        simulated_cloud_end(simulated->cloud, far->number, rng_between(&simulated->rng, 0, STOP_MAX_MS),
                            simulated->now_ms);
    }
}

/* ---- the rest of what is asked ---- */

/* Late, but complete: everything that has taken effect by now is told before OBSERVED is, and what comes
 * later of an older term is refused. */
static void take_observe(Simulated *simulated, const Message *message)
{
    if (message->connection != simulated->connection)
        return;
    const SimulatedOptions *options = &simulated->options;
    ProviderEvent capacity = {.type = PROVIDER_EVENT_CAPACITY,
                              .vcpus_e4 = options->vcpus_e4,
                              .memory_mib = options->memory_mib,
                              .gpus = options->gpus};
    ProviderEvent observed = {.type = PROVIDER_EVENT_OBSERVED};
    int64_t last_ms = simulated_arrival(simulated, 0);
    if (!options->has_instances)
        send_event(simulated, &capacity, "", last_ms);
    for (Far *far = simulated->oldest; far; far = far->after) {
        tell_all(simulated, far, SURE);
        last_ms = MAX(last_ms, far->told_ms);
    }
    last_ms = MAX(last_ms, far_resources_tell(simulated));
    send_event(simulated, &observed, "", last_ms);
}

void far_take(Simulated *simulated, const Message *message)
{
    Far *far;
    /* What is settled is so for ever, and an observation is its connection's. */
    bool of_any_term = message->type == MESSAGE_SETTLED || message->type == MESSAGE_OBSERVE;
    if (message->term < simulated->seen_term && !of_any_term)
        return;
    simulated->seen_term = MAX(simulated->seen_term, message->term);
    switch (message->type) {
    case MESSAGE_LAUNCH: take_launch(simulated, message); return;
    case MESSAGE_STOP: take_stop(simulated, message); return;
    case MESSAGE_MAKE: take_make(simulated, message); return;
    case MESSAGE_END: take_end(simulated, message); return;
    case MESSAGE_SETTLED:
        far = far_find(simulated, &message->token);
        if (far && far->state == FAR_OVER)
            far_drop(simulated, far);
        return;
    case MESSAGE_APPLY: far_resource_take(simulated, message); return;
    case MESSAGE_OBSERVE: take_observe(simulated, message); return;
    case MESSAGE_EVENT:
    case MESSAGE_RETRY: break;
    }
    g_assert_not_reached();
}

/* ---- what happens in the cloud ---- */

static void task_ended(Simulated *simulated, Far *far, const CloudEvent *cloud)
{
    static const EndCause causes[] = {[CLOUD_TASK_EXITED] = END_EXITED,
                                      [CLOUD_TASK_STOPPED] = END_STOPPED,
                                      [CLOUD_TASK_TIMED_OUT] = END_TIMEOUT};
    ProviderEvent event = event_of(far, PROVIDER_EVENT_ENDED, cloud->at_ms);
    event.started_ms = cloud->started_ms;
    event.cause = causes[cloud->end];
    event.exit_code = cloud->exit_code;
    over(simulated, far, &event);
}

static void machine_refused(Simulated *simulated, Far *far, const CloudEvent *cloud)
{
    static const struct {
        InstanceRefusal refusal;
        const char *reason;
    } refusals[] = {
        [CLOUD_REFUSES_CAPACITY] = {INSTANCE_REFUSED_CAPACITY, "InsufficientInstanceCapacity"},
        [CLOUD_REFUSES_LIMIT] = {INSTANCE_REFUSED_LIMIT, "VcpuLimitExceeded"},
        [CLOUD_REFUSES_LATER] = {INSTANCE_REFUSED_UNKNOWN_LATER, "InternalError"},
        [CLOUD_REFUSES_PRICE] = {INSTANCE_REFUSED_PRICE, "SpotMaxPriceTooLow"},
    };
    ProviderEvent event = event_of(far, PROVIDER_EVENT_INSTANCE_REFUSED, cloud->at_ms);
    event.refusal = refusals[cloud->refusal].refusal;
    event.reason = refusals[cloud->refusal].reason;
    over(simulated, far, &event);
}

static void machine_gone(Simulated *simulated, Far *far, const CloudEvent *cloud)
{
    static const InstanceGoneReason reasons[] = {[CLOUD_GONE_STOPPED] = INSTANCE_GONE_STOPPED,
                                                 [CLOUD_GONE_RECLAIMED] = INSTANCE_GONE_RECLAIMED,
                                                 [CLOUD_GONE_DIED] = INSTANCE_GONE_DIED};
    ProviderEvent event = event_of(far, PROVIDER_EVENT_INSTANCE_GONE, cloud->at_ms);
    event.gone = reasons[cloud->gone];
    over(simulated, far, &event);
}

static void machine_registered(Simulated *simulated, Far *far, const CloudEvent *cloud)
{
    far->registered = true;
    far->ready = event_of(far, PROVIDER_EVENT_INSTANCE_REGISTERED, cloud->at_ms);
    far->ready.vcpus_e4 = cloud->vcpus_e4;
    far->ready.memory_mib = cloud->memory_mib;
    far->ready.gpus = cloud->gpus;
    far->ready.environment = far->environment;
    tell(simulated, far, &far->ready, SURE);
}

void far_cloud_event(Simulated *simulated, const CloudEvent *cloud)
{
    Far *far = (Far *)(uintptr_t)cloud->user;
    ProviderEvent lost = event_of(far, PROVIDER_EVENT_LOST, cloud->at_ms);
    switch (cloud->type) {
    case CLOUD_TASK_STARTED: task_started(simulated, far, cloud->at_ms); return;
    case CLOUD_TASK_ENDED: task_ended(simulated, far, cloud); return;
    case CLOUD_TASK_LOST: over(simulated, far, &lost); return;
    case CLOUD_MACHINE_MADE:
        watch(simulated, SIMULATED_INSTANCE_MADE, far);
        far->state = FAR_STARTED;
        far->started = event_of(far, PROVIDER_EVENT_INSTANCE_STARTED, cloud->at_ms);
        tell(simulated, far, &far->started, MAY_BE_LOST);
        return;
    case CLOUD_MACHINE_REGISTERED: machine_registered(simulated, far, cloud); return;
    case CLOUD_MACHINE_REFUSED: machine_refused(simulated, far, cloud); return;
    case CLOUD_MACHINE_GONE: machine_gone(simulated, far, cloud); return;
    }
    g_assert_not_reached();
}
