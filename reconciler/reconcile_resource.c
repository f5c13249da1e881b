/* reconcile_resource.c: what the provider holds of resources: told by it, compared with what is in force,
 * asked for where it is another. */
#include "reconciler/reconcile_internal.h"
#include "reconciler/world/drift.h"
#include "reconciler/world/outside.h"
#include "reconciler/world/pins.h"

#define REQUESTS_MAX 100    /* per tick */
#define HELD_MAX     100000 /* resources that are told of and not ours to know */
#define AGAIN_MS     1000   /* after a refusal; doubles up to AGAIN_MAX_MS */
#define AGAIN_MAX_MS 300000

typedef struct {
    Kind kind;
    char *name;
    TreeNode by_key;
    bool is_held;           /* as far as was told */
    Digest digest;          /* what that was made by */
    uint64_t number;        /* of the newest request, made or told of; older ones say nothing of it */
    uint64_t number_before; /* of the one before: holds again when that was refused */
    bool is_asked;          /* that is not answered */
    Digest asked_by;        /* of the manifest's content then */
    bool is_correction;
    ProviderType provider; /* who told of it last */
    uint64_t round;        /* of its newest observation that told of it */
    int64_t tries, next_ms;
} HeldResource;

/* A request to be made; its number in HeldResource takes effect at once, so that older news is not looked at.
 */
struct ResourceIntent {
    Kind kind;
    ProviderType provider;
    char *name, *spec, *pins;
    char **keep;
    Digest digest;
    uint64_t number;
    unsigned machines;
};

void resource_intent_free(void *data)
{
    ResourceIntent *intent = data;
    g_free(intent->name);
    g_free(intent->spec);
    g_free(intent->pins);
    g_strfreev(intent->keep);
    g_free(intent);
}

/* ---- what is held ---- */

static int held_order(const HeldResource *a, Kind kind, const char *name)
{
    return a->kind != kind ? (a->kind < kind ? -1 : 1) : strcmp(a->name, name);
}

static int held_compare(const TreeNode *a, const TreeNode *b)
{
    const HeldResource *right = TREE_ENTRY(b, HeldResource, by_key);
    return held_order(TREE_ENTRY(a, HeldResource, by_key), right->kind, right->name);
}

static int key_compare(const TreeNode *node, const void *key)
{
    const HeldResource *wanted = key;
    return held_order(TREE_ENTRY(node, HeldResource, by_key), wanted->kind, wanted->name);
}

static HeldResource *held_find(const Reconciler *reconciler, Kind kind, const char *name)
{
    HeldResource key = {.kind = kind, .name = (char *)(uintptr_t)name};
    TreeNode *node = tree_find(&reconciler->held, &key, key_compare);
    return node ? TREE_ENTRY(node, HeldResource, by_key) : NULL;
}

static HeldResource *held_get(Reconciler *reconciler, Kind kind, const char *name)
{
    HeldResource *held = held_find(reconciler, kind, name);
    if (held)
        return held;
    held = g_new0(HeldResource, 1);
    held->kind = kind;
    held->name = g_strdup(name);
    tree_insert(&reconciler->held, &held->by_key);
    return held;
}

static void held_drop(Reconciler *reconciler, HeldResource *held)
{
    tree_remove(&reconciler->held, &held->by_key);
    g_free(held->name);
    g_free(held);
}

static HeldResource *held_next(const Reconciler *reconciler, const HeldResource *after)
{
    TreeNode *node = after ? tree_next(&after->by_key) : tree_first(&reconciler->held);
    return node ? TREE_ENTRY(node, HeldResource, by_key) : NULL;
}

void held_init(Reconciler *reconciler)
{
    tree_init(&reconciler->held, held_compare);
    reconciler->resources_at_ms = INT64_MAX;
    reconciler->resources_due = true;
    for (size_t i = 0; i < PROVIDER_UNSET; i++)
        reconciler->resource_rounds[i] = 1;
}

void held_clear(Reconciler *reconciler)
{
    for (HeldResource *held; (held = held_next(reconciler, NULL));)
        held_drop(reconciler, held);
}

/* Of a provider of this process. */
static bool is_ours(const Reconciler *reconciler, const Resource *resource)
{
    return resource && resource->environment &&
           (reconciler->providers & 1u << resource->environment->provider);
}

/* The one kind of which providers hold something, and not all of them do. */
static bool is_served(const Reconciler *reconciler, const Resource *resource)
{
    return is_ours(reconciler, resource) && reconciler->ports.provider &&
           !(reconciler->ports.provider->holds_nothing & 1u << resource->environment->provider);
}

/* Which kinds its types are. */
static unsigned machines_of(const Reconciler *reconciler, const Environment *environment)
{
    const ScaleCandidates *candidates = growth_candidates(reconciler->growth, environment);
    unsigned machines = 0;
    for (size_t i = 0; candidates && i < candidates->len; i++) {
        const ScaleCandidate *type = &candidates->types[i];
        bool is_arm = type->architecture == ARCHITECTURE_ARM64;
        machines |= 1u << (type->planned.gpus > 0 ? (is_arm ? MACHINE_ARM_GPU : MACHINE_X86_GPU)
                                                  : (is_arm ? MACHINE_ARM : MACHINE_X86));
    }
    return machines;
}

GArray *resources_begin(Reconciler *reconciler, GPtrArray *texts)
{
    GArray *resources = g_array_new(FALSE, TRUE, sizeof(ResourceRequest));
    uint64_t term = reconciler->ports.store.term(reconciler->ports.store.self);
    reconciler->resource_number = term << 32; /* numbers are no other process's */
    drift_retry(reconciler->world);
    for (const Environment *at = NULL; (at = world_environment_next(reconciler->world, at));) {
        if (!is_served(reconciler, at->resource))
            continue;
        ResourceRequest request = {.kind = at->resource->kind,
                                   .name = environment_outside(at),
                                   .provider = at->provider,
                                   .installation = world_setting(reconciler->world, INSTALLATION_SETTING),
                                   .term = term};
        char *spec = resource_wanted(reconciler->world, at->resource, &request.digest),
             *pins = pins_wanted(reconciler->world, at->resource);
        request.spec = spec;
        request.pins = pins;
        request.machines = machines_of(reconciler, at);
        g_ptr_array_add(texts, spec);
        if (pins)
            g_ptr_array_add(texts, pins);
        g_array_append_val(resources, request);
    }
    return resources;
}

static const Resource *resource_of(const Reconciler *reconciler, const HeldResource *held)
{
    const Environment *environment = world_environment_outside(reconciler->world, view_from(held->name));
    const Resource *resource = environment ? environment->resource : NULL;
    return is_served(reconciler, resource) ? resource : NULL;
}

/* ---- what is told ---- */

char *resource_observed_text(const char *observed)
{
    bool is_whole = observed && strnlen(observed, OBSERVED_BYTES_MAX + 1) <= OBSERVED_BYTES_MAX;
    return is_whole ? g_strdup(observed) : observed ? g_strdup("") : NULL;
}

static void answered(HeldResource *held)
{
    held->is_asked = false;
    held->tries = held->next_ms = 0;
}

static void told_refused(Reconciler *reconciler, HeldResource *held, const char *reason)
{
    const Resource *resource = resource_of(reconciler, held);
    reason = reason && *reason ? reason : "refused";
    if (resource && !observation_is_done_of(reconciler, resource->environment))
        environment_set_unmade(reconciler->world, resource->environment,
                               reason); /* why nothing is told yet */
    if (!held->is_asked)
        return;
    held->is_asked = false;
    held->number = held->number_before;
    held->next_ms = reconciler->now_ms + MIN(AGAIN_MS << MIN(held->tries, 20), AGAIN_MAX_MS);
    held->tries++;
    if (resource && resource->environment->unmade)
        environment_set_unmade(reconciler->world, resource->environment, reason);
    if (resource && !held->is_held)
        resource->environment->is_refused = true;
    if (resource && held->is_correction) {
        drift_refused(reconciler->world, resource, reason, reconciler->now_ms);
    } else if (held->tries == 1) { /* the others would say the same */
        g_autofree char *subject =
            g_strdup_printf("%s/%s", kind_name(held->kind), resource ? resource->name : held->name);
        world_event(reconciler->world, "resource.unapplied", subject, reason, reconciler->now_ms);
    }
}

/* Somebody else removed it: it is made again, whatever muster/drift says of its fields; ignore keeps it
 * quiet. */
static void told_gone(Reconciler *reconciler, const Resource *resource, HeldResource *held)
{
    bool is_told =
        resource->phase == RESOURCE_ACTIVE && drift_mode(view_from(resource->metadata)) != DRIFT_IGNORE;
    if (is_told && held && held->is_held && !held->is_asked) {
        g_autofree char *subject = g_strdup_printf("%s/%s", kind_name(resource->kind), resource->name);
        world_event(reconciler->world, "resource.drifted", subject,
                    "what its provider held of it was removed; it is made again", reconciler->now_ms);
    }
    resource->environment->is_held = false;
    drift_gone(reconciler->world, resource, reconciler->now_ms);
}

static void told_of(Reconciler *reconciler, HeldResource *held, const ProviderEvent *event)
{
    g_autofree char *message = NULL;
    Observation observation = {.digest = event->applied,
                               .is_complete = event->is_complete,
                               .is_answer = event->type == PROVIDER_EVENT_RESOURCE_APPLIED && held->is_asked,
                               .observed = view_from(event->observed)};
    const Resource *resource = resource_of(reconciler, held);
    if (event->type == PROVIDER_EVENT_RESOURCE_APPLIED)
        answered(held);
    if (resource && !event->observed)
        told_gone(reconciler, resource, held);
    held->is_held = event->observed != NULL;
    held->digest = event->applied;
    if (!resource || !event->observed)
        return;
    resource->environment->is_held = true;
    resource->environment->is_refused = false;
    reconciler->changed = true;
    if (drift_observed(reconciler->world, resource, &observation, reconciler->now_ms, &message) ==
        DRIFT_BROKEN) {
        g_autofree char *name = g_strdup_printf("%s/%s", kind_name(held->kind), resource->name);
        reconciler_tell(reconciler, (LogEntry){.level = LOG_LEVEL_WARNING, .resource = name}, "%s: %s", name,
                        message);
    }
    pins_told(reconciler->world, resource, event->pins, observation.is_answer ? &held->asked_by : NULL,
              reconciler->now_ms);
}

static bool is_of_resource(ProviderEventType type)
{
    return type == PROVIDER_EVENT_RESOURCE_OBSERVED || type == PROVIDER_EVENT_RESOURCE_APPLIED ||
           type == PROVIDER_EVENT_RESOURCE_REFUSED;
}

bool resource_event_apply(Reconciler *reconciler, const ProviderEvent *event)
{
    if (!is_of_resource(event->type))
        return false;
    HeldResource *held = held_find(reconciler, event->kind, event->resource);
    if (!held && tree_len(&reconciler->held) >= HELD_MAX)
        return true;
    held = held ? held : held_get(reconciler, event->kind, event->resource);
    held->provider = event->providers ? (ProviderType)g_bit_nth_lsf(event->providers, -1) : PROVIDER_LOCAL;
    held->round = reconciler->resource_rounds[held->provider];
    reconciler->resources_due = true;
    /* What was found before a request was carried out says nothing of what it led to. */
    if (event->number < held->number)
        return true;
    held->number = event->number;
    if (event->type == PROVIDER_EVENT_RESOURCE_REFUSED)
        told_refused(reconciler, held, event->reason);
    else
        told_of(reconciler, held, event);
    return true;
}

/* Invariant 4: the observation is complete; what it did not tell of is not there. */
void resources_observed(Reconciler *reconciler, const Observed *observation)
{
    for (const Environment *at = NULL; (at = world_environment_next(reconciler->world, at));) {
        HeldResource *held = held_find(reconciler, at->resource->kind, environment_outside(at));
        bool is_told = held && held->round == reconciler->resource_rounds[held->provider];
        if (is_ours(reconciler, at->resource) && observation_covers(reconciler, observation, at) && !is_told)
            told_gone(reconciler, at->resource, held);
    }
    reconciler->resources_due = true;
    if (observation->environment)
        return; /* the round goes on until all has been told */
    for (HeldResource *held = NULL; (held = held_next(reconciler, held));)
        if (observation->providers >> held->provider & 1)
            held->is_held = held->is_held && held->round == reconciler->resource_rounds[held->provider];
    for (size_t i = 0; i < PROVIDER_UNSET; i++)
        reconciler->resource_rounds[i] += observation->providers >> i & 1;
}

/* ---- what is asked for ---- */

/* spec and keep are taken; spec NULL: it is to go. */
static void ask(Reconciler *reconciler, HeldResource *held, char *spec, char **keep, const Digest *digest)
{
    ResourceIntent *intent = g_new0(ResourceIntent, 1);
    const Resource *resource = resource_of(reconciler, held);
    *intent = (ResourceIntent){.kind = held->kind,
                               .provider = resource ? resource->environment->provider : PROVIDER_UNSET,
                               .name = g_strdup(held->name),
                               .spec = spec,
                               .keep = keep,
                               .digest = *digest,
                               .number = ++reconciler->resource_number};
    if (resource) {
        intent->pins = spec ? pins_wanted(reconciler->world, resource) : NULL;
        intent->machines = machines_of(reconciler, resource->environment);
        environment_outside_digest(resource->environment, &held->asked_by);
    }
    held->number_before = held->number;
    held->number = intent->number;
    held->is_asked = true;
    if (resource)
        resource->environment->is_held = true; /* from now on there may be something */
    installation_name(reconciler);             /* committed before anything carries it */
    g_ptr_array_add(reconciler->outgoing->resources, intent);
}

/* What is known of providers, for environments that were loaded anew. Where nobody looks, none that may have
 * a cluster is taken for free. */
void resources_reload(Reconciler *reconciler)
{
    for (const Environment *at = NULL; (at = world_environment_next(reconciler->world, at));) {
        const HeldResource *held = held_find(reconciler, at->resource->kind, environment_outside(at));
        bool may_be = reconciler->launch
                          ? is_served(reconciler, at->resource) && !observation_is_done_of(reconciler, at)
                          : at->provider == PROVIDER_AWS;
        ((Environment *)(uintptr_t)at)->is_held = held ? held->is_held || held->is_asked : may_be;
        ((Environment *)(uintptr_t)at)->is_refused = held && !held->is_held && held->tries > 0;
    }
}

static void later(Reconciler *reconciler, int64_t at_ms)
{
    reconciler->resources_at_ms = MIN(reconciler->resources_at_ms, at_ms);
}

static bool may_ask(Reconciler *reconciler, const HeldResource *held)
{
    if (!held->is_asked && held->next_ms > reconciler->now_ms)
        later(reconciler, held->next_ms);
    return !held->is_asked && held->next_ms <= reconciler->now_ms;
}

static void want(Reconciler *reconciler, HeldResource *held, const Resource *resource)
{
    Digest digest;
    if (!may_ask(reconciler, held))
        return;
    g_autofree char *spec = resource_wanted(reconciler->world, resource, &digest);
    if (!held->is_held || !digest_equal(&held->digest, &digest) || pins_are_due(resource)) {
        if (!resource->environment->unmade)
            environment_set_unmade(reconciler->world, resource->environment, "its provider is making it");
        held->is_correction = false;
        ask(reconciler, held, g_steal_pointer(&spec), drift_kept_paths(reconciler->world, resource), &digest);
        return;
    }
    environment_set_unmade(reconciler->world, resource->environment, NULL);
    resource->environment->is_made = true;
    int64_t due_ms = drift_due_ms(reconciler->world, resource);
    if (due_ms > reconciler->now_ms) {
        later(reconciler, due_ms);
    } else if (due_ms >= 0) {
        held->is_correction = true;
        drift_correct(reconciler->world, resource, reconciler->now_ms);
        ask(reconciler, held, g_steal_pointer(&spec), NULL, &digest);
    }
}

void resources_pinning(Reconciler *reconciler)
{
    for (const Environment *at = NULL; (at = world_environment_next(reconciler->world, at));)
        ((Environment *)(uintptr_t)at)->is_pinning =
            is_served(reconciler, at->resource) && pins_are_due(at->resource);
}

static void ask_gone(Reconciler *reconciler, HeldResource *held)
{
    static const Digest none;
    ask(reconciler, held, NULL, NULL, &none);
}

/* Nobody declares it any more. */
static void want_gone(Reconciler *reconciler, HeldResource *held)
{
    if (!held->is_held && !held->is_asked)
        held_drop(reconciler, held);
    else if (may_ask(reconciler, held))
        ask_gone(reconciler, held);
}

/* One that is leaving keeps what is held of it until nothing runs there any more. */
static void want_environment(Reconciler *reconciler, const Resource *resource)
{
    HeldResource *held = held_get(reconciler, resource->kind, environment_outside(resource->environment));
    if (resource->phase == RESOURCE_ACTIVE) {
        want(reconciler, held, resource);
        return;
    }
    environment_set_unmade(reconciler->world, resource->environment, NULL);
    if (resource->environment->is_held && environment_is_drained(reconciler->world, resource) &&
        may_ask(reconciler, held))
        ask_gone(reconciler, held);
}

static bool is_full(const Reconciler *reconciler)
{
    return reconciler->outgoing->resources->len >= REQUESTS_MAX;
}

static void look(Reconciler *reconciler)
{
    HeldResource *next;
    for (const Environment *at = NULL;
         !is_full(reconciler) && (at = world_environment_next(reconciler->world, at));)
        if (is_served(reconciler, at->resource) && observation_is_done_of(reconciler, at))
            want_environment(reconciler, at->resource);
    for (HeldResource *held = held_next(reconciler, NULL); !is_full(reconciler) && held; held = next) {
        next = held_next(reconciler, held);
        if (!resource_of(reconciler, held) && observation_is_done(reconciler, held->provider))
            want_gone(reconciler, held);
    }
}

/* Of what leaves, how far it is: no spec is made for that. */
static void look_at_leaving(Reconciler *reconciler)
{
    for (const Environment *at = NULL;
         !is_full(reconciler) && (at = world_environment_next(reconciler->world, at));)
        if (at->resource->phase != RESOURCE_ACTIVE && is_served(reconciler, at->resource) &&
            observation_is_done_of(reconciler, at))
            want_environment(reconciler, at->resource);
}

/* Where the provider has not been heard of yet, nobody knows. */
static void note_unknown(Reconciler *reconciler)
{
    for (const Environment *at = NULL; (at = world_environment_next(reconciler->world, at));)
        if (is_served(reconciler, at->resource) && !observation_is_done_of(reconciler, at) && !at->unmade)
            environment_set_unmade(reconciler->world, (Environment *)(uintptr_t)at,
                                   "its provider has not told yet what is there");
}

void resources_run(Reconciler *reconciler)
{
    const Provider *provider = reconciler->ports.provider;
    bool is_due = reconciler->resources_due || reconciler->now_ms >= reconciler->resources_at_ms ||
                  reconciler->declarations != world_declarations(reconciler->world);
    if (!reconciler->launch || !provider->resources_apply)
        return;
    if (is_due)
        note_unknown(reconciler);
    if (!observation_is_any(reconciler) || reconciler->draining)
        return;
    if (!is_due) {
        if (reconciler->is_leaving)
            look_at_leaving(reconciler);
        return;
    }
    reconciler->resources_at_ms = INT64_MAX;
    look(reconciler);
    reconciler->resources_due = is_full(reconciler);
    reconciler->again = reconciler->again || reconciler->resources_due;
    reconciler->declarations = world_declarations(reconciler->world);
}

void resources_taken_back(Reconciler *reconciler, const Outgoing *outgoing)
{
    for (guint i = outgoing->resources->len; i > 0; i--) {
        const ResourceIntent *intent = outgoing->resources->pdata[i - 1];
        HeldResource *held = held_find(reconciler, intent->kind, intent->name);
        if (!held || held->number != intent->number)
            continue;
        held->number = held->number_before;
        held->is_asked = false;
    }
    reconciler->resources_due = true;
}

void resource_effects(Reconciler *reconciler, const Outgoing *outgoing)
{
    Provider *provider = reconciler->ports.provider;
    guint len = outgoing->resources->len;
    if (len == 0)
        return;
    g_autofree ResourceRequest *requests = g_new0(ResourceRequest, len);
    uint64_t term = reconciler->ports.store.term(reconciler->ports.store.self);
    const char *installation = installation_name(reconciler);
    for (guint i = 0; i < len; i++) {
        const ResourceIntent *intent = outgoing->resources->pdata[i];
        requests[i] = (ResourceRequest){.kind = intent->kind,
                                        .name = intent->name,
                                        .provider = intent->provider,
                                        .installation = installation,
                                        .term = term,
                                        .number = intent->number,
                                        .digest = intent->digest,
                                        .pins = intent->pins,
                                        .machines = intent->machines,
                                        .spec = intent->spec,
                                        .keep = (const char *const *)intent->keep};
    }
    provider->resources_apply(provider, requests, len);
}
