/* reconcile_instance.c: instances that the provider makes: its events become transitions, intents become
 * requests. */
#include "reconciler/reconcile_internal.h"
#include "reconciler/scale/catalogue.h"
#include "reconciler/world/adopt.h"
#include "reconciler/world/outside.h"

/* ---- events from the provider ---- */

/* at_ms: when it was made; 0: not known. */
static void instance_told_made(Reconciler *reconciler, Instance *instance, const ProviderEvent *event,
                               int64_t at_ms)
{
    growth_made(reconciler->growth, instance, at_ms, reconciler->now_ms);
    instance_started(reconciler->world, instance, event->provider_id ? event->provider_id : "",
                     reconciler->now_ms);
}

static void instance_told_gone(Reconciler *reconciler, Instance *instance, const ProviderEvent *event)
{
    static const char *const reasons[] = {[INSTANCE_GONE_STOPPED] = "stopped",
                                          [INSTANCE_GONE_RECLAIMED] = "reclaimed by EC2",
                                          [INSTANCE_GONE_DIED] = "died"};
    const char *reason = event->reason && *event->reason ? event->reason : reasons[event->gone];
    growth_made(reconciler->growth, instance, 0, reconciler->now_ms);
    instance_gone(reconciler->world, instance, reason, reconciler->now_ms);
}

static void instance_told_refused(Reconciler *reconciler, Instance *instance, const ProviderEvent *event)
{
    g_autofree char *type = g_strdup(event->instance_type ? event->instance_type : instance->type);
    GrowthRefusal refusal = {.environment = view_from(environment_outside(instance->environment)),
                             .type = view_from(type),
                             .zone = view_from(event->zone),
                             .spot = instance->spot,
                             .refusal = event->refusal,
                             .asked_ms = instance->intended_ms,
                             .reason = event->reason};
    growth_refused(reconciler->growth, reconciler->world, &refusal, reconciler->now_ms);
    instance_refused(reconciler->world, instance, event->reason ? event->reason : "refused",
                     reconciler->now_ms);
}

static void instance_told(Reconciler *reconciler, Instance *instance, const ProviderEvent *event)
{
    switch (event->type) {
    case PROVIDER_EVENT_INSTANCE_STARTED:
        instance_told_made(reconciler, instance, event, event->at_ms);
        return;
    case PROVIDER_EVENT_INSTANCE_REGISTERED:
        instance_told_made(reconciler, instance, event, 0);
        instance_registered(reconciler->world, instance,
                            (Capacity){event->vcpus_e4, event->memory_mib, event->gpus}, reconciler->now_ms);
        growth_registered(reconciler->growth, reconciler->world, instance, reconciler->now_ms);
        return;
    case PROVIDER_EVENT_INSTANCE_REFUSED: instance_told_refused(reconciler, instance, event); return;
    case PROVIDER_EVENT_INSTANCE_GONE: instance_told_gone(reconciler, instance, event); return;
    case PROVIDER_EVENT_INSTANCE_WARNED:
        instance_warned(reconciler->world, instance, event->reason ? event->reason : "it will be taken away",
                        reconciler->now_ms);
        return;
    case PROVIDER_EVENT_INSTANCE_FOUND: return; /* and known since */
    case PROVIDER_EVENT_ACCEPTED:
    case PROVIDER_EVENT_STARTED:
    case PROVIDER_EVENT_REFUSED:
    case PROVIDER_EVENT_ENDED:
    case PROVIDER_EVENT_LOST:
    case PROVIDER_EVENT_FOUND:
    case PROVIDER_EVENT_OBSERVED:
    case PROVIDER_EVENT_CAPACITY:
    case PROVIDER_EVENT_RESOURCE_OBSERVED:
    case PROVIDER_EVENT_RESOURCE_APPLIED:
    case PROVIDER_EVENT_RESOURCE_REFUSED:
    case PROVIDER_EVENT_COLLECTED: break;
    }
    g_assert_not_reached();
}

/* A host that joined by itself; where its environment is not there (yet, or any more), it is nobody's. */
static void host_told(Reconciler *reconciler, const ProviderEvent *event)
{
    Environment *environment = world_environment_outside(reconciler->world, view_from(event->environment));
    if (environment && environment->spec->type == CE_TYPE_UNMANAGED &&
        environment->resource->phase == RESOURCE_ACTIVE)
        instance_host(reconciler->world, environment, &event->token,
                      event->provider_id ? event->provider_id : "",
                      (Capacity){event->vcpus_e4, event->memory_mib, event->gpus}, reconciler->now_ms);
}

/* Of a restored state that did not ask for it: what is told of it next finds it. Where nothing is bought any
 * more it ends. */
static void instance_told_found(Reconciler *reconciler, const ProviderEvent *event)
{
    Environment *environment = world_environment_outside(reconciler->world, view_from(event->environment));
    InstanceDraft draft;
    if (environment && growth_draft(reconciler->growth, environment,
                                    event->instance_type ? event->instance_type : "", event->is_spot, &draft))
        instance_adopt(reconciler->world, environment, &draft, &event->token, event->is_former,
                       event->at_ms > 0 ? MIN(event->at_ms, reconciler->now_ms) : reconciler->now_ms);
    else
        g_array_append_val(reconciler->outgoing->instance_stops, event->token);
}

static bool is_of_instance(ProviderEventType type)
{
    return type == PROVIDER_EVENT_INSTANCE_FOUND || type == PROVIDER_EVENT_INSTANCE_STARTED ||
           type == PROVIDER_EVENT_INSTANCE_REGISTERED || type == PROVIDER_EVENT_INSTANCE_REFUSED ||
           type == PROVIDER_EVENT_INSTANCE_GONE || type == PROVIDER_EVENT_INSTANCE_WARNED;
}

bool instance_event_apply(Reconciler *reconciler, const ProviderEvent *event)
{
    if (!is_of_instance(event->type))
        return false;
    Instance *instance = world_instance(reconciler->world, &event->token);
    g_hash_table_remove(reconciler->unseen, &event->token);
    if (event->type == PROVIDER_EVENT_INSTANCE_REFUSED || event->type == PROVIDER_EVENT_INSTANCE_GONE)
        g_array_append_val(reconciler->outgoing->settled, event->token);
    if (event->type == PROVIDER_EVENT_INSTANCE_REFUSED)
        meter_instance_refused(reconciler);
    if (instance)
        instance_told(reconciler, instance, event);
    else if (event->type == PROVIDER_EVENT_INSTANCE_FOUND)
        instance_told_found(reconciler, event);
    else if (event->type == PROVIDER_EVENT_INSTANCE_REGISTERED && event->environment)
        host_told(reconciler, event);
    return true;
}

/* Invariant 4, as for launches: what the complete observation does not hold is not there. */
void instances_observed(Reconciler *reconciler, unsigned providers)
{
    g_autoptr(GPtrArray) unknown = g_ptr_array_new();
    for (Instance *instance = NULL; (instance = world_instance_next(reconciler->world, instance));)
        if (instance->state == INSTANCE_UNKNOWN &&
            g_hash_table_contains(reconciler->unseen, &instance->token) &&
            observation_covers(reconciler, providers, instance->environment))
            g_ptr_array_add(unknown, instance);
    for (guint i = 0; i < unknown->len; i++) {
        Instance *instance = unknown->pdata[i];
        g_array_append_val(reconciler->outgoing->settled, instance->token);
        if (instance->provider_id)
            instance_gone(reconciler->world, instance, "not there any more", reconciler->now_ms);
        else
            instance_refused(reconciler->world, instance, "it was never made", reconciler->now_ms);
    }
}

/* The provider tells a process once: what was committed of that holds still after the store was read again.
 */
void instances_resume(Reconciler *reconciler)
{
    for (Instance *instance = NULL; (instance = world_instance_next(reconciler->world, instance));)
        if (!g_hash_table_contains(reconciler->unseen, &instance->token))
            instance_resume(reconciler->world, instance, reconciler->now_ms);
}

/* ---- effects ---- */

void instances_take_stops(Reconciler *reconciler)
{
    g_autoptr(GPtrArray) stops = g_ptr_array_new();
    world_take_instance_stops(reconciler->world, stops);
    for (guint i = 0; i < stops->len; i++) {
        const Instance *instance = stops->pdata[i];
        g_array_append_val(reconciler->outgoing->instance_stops, instance->token);
    }
}

static bool is_arm(const char *type)
{
    const InstanceType *known = catalogue_find(view_from(type));
    return known && known->architecture == ARCHITECTURE_ARM64;
}

static void send_instances(Reconciler *reconciler, const GArray *intents)
{
    Provider *provider = reconciler->ports.provider;
    g_autofree InstanceRequest *requests = g_new0(InstanceRequest, intents->len);
    uint64_t term = reconciler->ports.store.term(reconciler->ports.store.self);
    size_t len = 0;
    for (guint i = 0; i < intents->len; i++) {
        const InstanceIntent *intent = &g_array_index(intents, InstanceIntent, i);
        const Instance *instance = world_instance(reconciler->world, &intent->token);
        if (!instance)
            continue;
        requests[len++] = (InstanceRequest){.token = intent->token,
                                            .term = term,
                                            .provider = instance->environment->provider,
                                            .environment = environment_outside(instance->environment),
                                            .type = instance->type,
                                            .spot = instance->spot,
                                            .is_arm = is_arm(instance->type),
                                            .vcpus_e4 = instance->total.vcpus_e4,
                                            .memory_mib = instance->total.memory_mib,
                                            .gpus = (int)instance->total.gpus,
                                            .max_price_microusd_per_h = intent->max_price_micro_per_h};
    }
    if (len > 0)
        provider->instances_start(provider, requests, len);
}

void instance_effects(Reconciler *reconciler, const Outgoing *outgoing)
{
    Provider *provider = reconciler->ports.provider;
    if (outgoing->instances->len > 0)
        send_instances(reconciler, outgoing->instances);
    if (outgoing->instance_stops->len > 0)
        provider->instances_stop(provider, (const LaunchToken *)(void *)outgoing->instance_stops->data,
                                 outgoing->instance_stops->len);
}
