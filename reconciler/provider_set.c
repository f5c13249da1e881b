/* provider_set.c: see provider_set.h. */
#include "reconciler/provider_set.h"
#include <string.h>
#include "reconciler/provider_event.h"

/* Tokens of this machine's launches are not kept: there may be a million of them. Whose token is nowhere is
 * its. */
#define NOT_KEPT PROVIDER_LOCAL

typedef struct {
    ProviderSet *set;
    ProviderType type;
    Provider *provider; /* NULL: there is none of this type */
    bool is_observed;
} Member;

/* A stop that waits until it is known whose it is. */
typedef struct {
    LaunchToken token;
    bool is_instance;
    char *reason;
} HeldStop;

struct ProviderSet {
    Provider base;
    ProviderEventFunc func;
    void *data;
    Member members[PROVIDER_UNSET];
    GHashTable *owners; /* LaunchToken → Member*, but of NOT_KEPT; NULL: expected, and nobody knows whose */
    GHashTable *resources; /* name → Member* that holds it */
    GArray *held;          /* of HeldStop */
    int depth;             /* calls of the face that are under way */
    GQueue later;          /* of ProviderEvent*: to be told when they are over */
    GSource *idle;         /* that tells them */
    GMainContext *context;
};

static void held_clear(void *data)
{
    g_free(((HeldStop *)data)->reason);
}

static bool is_all_observed(const ProviderSet *set)
{
    for (size_t i = 0; i < G_N_ELEMENTS(set->members); i++)
        if (set->members[i].provider && !set->members[i].is_observed)
            return false;
    return true;
}

static void keep(Member *member, const LaunchToken *token)
{
    if (member->type == NOT_KEPT)
        g_hash_table_remove(member->set->owners, token);
    else if (!g_hash_table_lookup(member->set->owners, token))
        g_hash_table_insert(member->set->owners, g_memdup2(token, sizeof *token), member);
}

/* Whoever it is has told all that is there: what it does not know is not there. */
static bool is_settled(const ProviderSet *set, const LaunchToken *token)
{
    void *owner = NULL;
    if (!g_hash_table_lookup_extended(set->owners, token, NULL, &owner))
        owner = set->members[NOT_KEPT].provider ? &((ProviderSet *)(uintptr_t)set)->members[NOT_KEPT] : NULL;
    return owner ? ((const Member *)owner)->is_observed : is_all_observed(set);
}

/* NULL: nobody's. */
static Member *owner_of(ProviderSet *set, const LaunchToken *token)
{
    Member *owner = g_hash_table_lookup(set->owners, token);
    return owner ? owner : set->members[NOT_KEPT].provider ? &set->members[NOT_KEPT] : NULL;
}

/* ---- telling: never from within a call of the face ---- */

static void event_free(void *data)
{
    provider_event_clear(data);
    g_free(data);
}

static gboolean tell_later(gpointer data)
{
    ProviderSet *set = data;
    g_clear_pointer(&set->idle, g_source_unref);
    for (ProviderEvent *event; (event = g_queue_pop_head(&set->later));) {
        set->func(event, set->data);
        event_free(event);
    }
    return G_SOURCE_REMOVE;
}

static void tell(ProviderSet *set, const ProviderEvent *event)
{
    if (set->depth == 0 && g_queue_is_empty(&set->later)) {
        set->func(event, set->data);
        return;
    }
    ProviderEvent copy = provider_event_copy(event);
    g_queue_push_tail(&set->later, g_memdup2(&copy, sizeof copy));
    if (set->idle)
        return;
    set->idle = g_idle_source_new();
    g_source_set_priority(set->idle, G_PRIORITY_DEFAULT);
    g_source_set_callback(set->idle, tell_later, set, NULL);
    g_source_attach(set->idle, set->context);
}

/* ---- stops ---- */

static void refuse(ProviderSet *set, const HeldStop *stop)
{
    const ProviderEvent event = {.type = stop->is_instance ? PROVIDER_EVENT_INSTANCE_REFUSED
                                                           : PROVIDER_EVENT_REFUSED,
                                 .token = stop->token,
                                 .refusal = INSTANCE_REFUSED_UNKNOWN_LATER};
    tell(set, &event);
}

static void stop_now(ProviderSet *set, const HeldStop *stop)
{
    Member *owner = owner_of(set, &stop->token);
    if (!owner || (stop->is_instance && !owner->provider->instances_stop))
        refuse(set, stop);
    else if (stop->is_instance)
        owner->provider->instances_stop(owner->provider, &stop->token, 1);
    else
        owner->provider->stop(owner->provider, &stop->token, stop->reason);
}

static void stop_or_hold(ProviderSet *set, const LaunchToken *token, bool is_instance, const char *reason)
{
    HeldStop stop = {*token, is_instance, (char *)(uintptr_t)reason};
    if (is_settled(set, token)) {
        stop_now(set, &stop);
        return;
    }
    stop.reason = g_strdup(reason);
    g_array_append_val(set->held, stop);
}

static void let_go(ProviderSet *set)
{
    g_autoptr(GArray) held = g_steal_pointer(&set->held);
    set->held = g_array_new(FALSE, FALSE, sizeof(HeldStop));
    g_array_set_clear_func(set->held, held_clear);
    for (guint i = 0; i < held->len; i++) {
        const HeldStop *stop = &g_array_index(held, HeldStop, i);
        stop_or_hold(set, &stop->token, stop->is_instance, stop->reason);
    }
}

/* ---- what is told ---- */

static void note_resource(Member *member, const ProviderEvent *event)
{
    if (event->observed)
        g_hash_table_insert(member->set->resources, g_strdup(event->resource), member);
    else if (event->type != PROVIDER_EVENT_RESOURCE_REFUSED)
        g_hash_table_remove(member->set->resources, event->resource);
}

void *provider_set_member(ProviderSet *set, ProviderType type)
{
    return &set->members[type];
}

void provider_set_event(const ProviderEvent *event, void *data)
{
    Member *member = data;
    ProviderSet *set = member->set;
    ProviderEvent own = *event;
    own.providers = 1u << member->type;
    switch (event->type) {
    case PROVIDER_EVENT_OBSERVED: member->is_observed = true; break;
    case PROVIDER_EVENT_RESOURCE_OBSERVED:
    case PROVIDER_EVENT_RESOURCE_APPLIED:
    case PROVIDER_EVENT_RESOURCE_REFUSED: note_resource(member, event); break;
    case PROVIDER_EVENT_CAPACITY:
    case PROVIDER_EVENT_COLLECTED: break;
    case PROVIDER_EVENT_ACCEPTED:
    case PROVIDER_EVENT_STARTED:
    case PROVIDER_EVENT_REFUSED:
    case PROVIDER_EVENT_ENDED:
    case PROVIDER_EVENT_LOST:
    case PROVIDER_EVENT_INSTANCE_STARTED:
    case PROVIDER_EVENT_INSTANCE_REGISTERED:
    case PROVIDER_EVENT_INSTANCE_REFUSED:
    case PROVIDER_EVENT_INSTANCE_GONE:
    case PROVIDER_EVENT_INSTANCE_FOUND:
    case PROVIDER_EVENT_INSTANCE_WARNED:
    case PROVIDER_EVENT_FOUND: keep(member, &event->token); break;
    }
    tell(set, &own);
    if (event->type == PROVIDER_EVENT_OBSERVED)
        let_go(set);
}

/* ---- the face ---- */

/* Each gets what is its own, and what nobody knows any more. */
static bool start_member(Member *member, const ProviderStart *start, GError **error)
{
    g_autofree ProviderExpected *expected = g_new0(ProviderExpected, start->expected_len);
    g_autofree ResourceRequest *resources = g_new0(ResourceRequest, start->resources_len);
    ProviderStart own = {.term = start->term,
                         .restored_from_ms = start->restored_from_ms,
                         .expected = expected,
                         .resources = resources};
    for (size_t i = 0; i < start->expected_len; i++) {
        if (start->expected[i].provider == member->type)
            keep(member, &start->expected[i].token);
        if (start->expected[i].provider == member->type || start->expected[i].provider == PROVIDER_UNSET)
            expected[own.expected_len++] = start->expected[i];
    }
    for (size_t i = 0; i < start->resources_len; i++)
        if (start->resources[i].provider == member->type)
            resources[own.resources_len++] = start->resources[i];
    return member->provider->start(member->provider, &own, error);
}

static bool set_start(Provider *provider, const ProviderStart *start, GError **error)
{
    ProviderSet *set = (ProviderSet *)provider;
    bool is_good = true;
    set->depth++;
    for (size_t i = 0; i < start->expected_len; i++)
        if (start->expected[i].provider == PROVIDER_UNSET)
            g_hash_table_insert(set->owners,
                                g_memdup2(&start->expected[i].token, sizeof start->expected[i].token), NULL);
    for (size_t i = 0; is_good && i < G_N_ELEMENTS(set->members); i++) {
        set->members[i].is_observed = false;
        is_good = !set->members[i].provider || start_member(&set->members[i], start, error);
    }
    set->depth--;
    return is_good;
}

static void set_launch(Provider *provider, const LaunchRequest *requests, size_t len)
{
    ProviderSet *set = (ProviderSet *)provider;
    set->depth++;
    for (size_t first = 0, next; first < len; first = next) {
        for (next = first + 1; next < len && requests[next].provider == requests[first].provider;)
            next++;
        ProviderType type = requests[first].provider;
        Member *member = type < PROVIDER_UNSET ? &set->members[type] : NULL;
        for (size_t i = first; i < next; i++) {
            const HeldStop nobody = {.token = requests[i].token};
            if (member && member->provider)
                keep(member, &requests[i].token);
            else
                refuse(set, &nobody);
        }
        if (member && member->provider)
            member->provider->launch(member->provider, requests + first, next - first);
    }
    set->depth--;
}

static void set_stop(Provider *provider, const LaunchToken *token, const char *reason)
{
    ProviderSet *set = (ProviderSet *)provider;
    set->depth++;
    stop_or_hold(set, token, false, reason);
    set->depth--;
}

static void set_named(Provider *provider, const LaunchToken *tokens, size_t len)
{
    ProviderSet *set = (ProviderSet *)provider;
    set->depth++;
    for (size_t i = 0; i < len; i++) {
        const Member *owner = owner_of(set, &tokens[i]);
        if (owner && owner->provider->named)
            owner->provider->named(owner->provider, &tokens[i], 1);
    }
    set->depth--;
}

static void set_settled(Provider *provider, const LaunchToken *tokens, size_t len)
{
    ProviderSet *set = (ProviderSet *)provider;
    set->depth++;
    for (size_t first = 0, next; first < len; first = next) {
        Member *owner = owner_of(set, &tokens[first]);
        for (next = first + 1; next < len && owner_of(set, &tokens[next]) == owner;)
            next++;
        if (owner)
            owner->provider->settled(owner->provider, tokens + first, next - first);
        for (size_t i = first; i < next; i++)
            g_hash_table_remove(set->owners, &tokens[i]);
    }
    set->depth--;
}

static void set_instances_start(Provider *provider, const InstanceRequest *requests, size_t len)
{
    ProviderSet *set = (ProviderSet *)provider;
    set->depth++;
    for (size_t i = 0; i < len; i++) {
        ProviderType type = requests[i].provider;
        Member *member = type < PROVIDER_UNSET ? &set->members[type] : NULL;
        const HeldStop nobody = {.token = requests[i].token, .is_instance = true};
        if (!member || !member->provider || !member->provider->instances_start) {
            refuse(set, &nobody);
            continue;
        }
        keep(member, &requests[i].token);
        member->provider->instances_start(member->provider, &requests[i], 1);
    }
    set->depth--;
}

static void set_instances_stop(Provider *provider, const LaunchToken *tokens, size_t len)
{
    ProviderSet *set = (ProviderSet *)provider;
    set->depth++;
    for (size_t i = 0; i < len; i++)
        stop_or_hold(set, &tokens[i], true, NULL);
    set->depth--;
}

static Member *holder_of(ProviderSet *set, const ResourceRequest *request)
{
    return request->provider < PROVIDER_UNSET ? &set->members[request->provider]
                                              : g_hash_table_lookup(set->resources, request->name);
}

static void set_resources_apply(Provider *provider, const ResourceRequest *requests, size_t len)
{
    ProviderSet *set = (ProviderSet *)provider;
    set->depth++;
    for (size_t i = 0; i < len; i++) {
        const Member *member = holder_of(set, &requests[i]);
        if (member && member->provider && member->provider->resources_apply)
            member->provider->resources_apply(member->provider, &requests[i], 1);
    }
    set->depth--;
}

static void set_free(Provider *provider)
{
    ProviderSet *set = (ProviderSet *)provider;
    for (size_t i = 0; i < G_N_ELEMENTS(set->members); i++)
        if (set->members[i].provider)
            set->members[i].provider->free(set->members[i].provider);
    if (set->idle)
        g_source_destroy(set->idle);
    g_clear_pointer(&set->idle, g_source_unref);
    g_queue_clear_full(&set->later, event_free);
    g_main_context_unref(set->context);
    g_hash_table_unref(set->owners);
    g_hash_table_unref(set->resources);
    g_array_unref(set->held);
    g_free(set);
}

ProviderSet *provider_set_new(ProviderEventFunc func, void *data)
{
    ProviderSet *set = g_new0(ProviderSet, 1);
    set->base = (Provider){.start = set_start,
                           .launch = set_launch,
                           .stop = set_stop,
                           .settled = set_settled,
                           .named = set_named,
                           .free = set_free,
                           .instances_start = set_instances_start,
                           .instances_stop = set_instances_stop,
                           .resources_apply = set_resources_apply,
                           .holds_nothing = ~0u};
    set->context = g_main_context_ref_thread_default();
    set->func = func;
    set->data = data;
    set->owners = g_hash_table_new_full(launch_token_hash, launch_token_same, g_free, NULL);
    set->resources = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    set->held = g_array_new(FALSE, FALSE, sizeof(HeldStop));
    g_array_set_clear_func(set->held, held_clear);
    for (size_t i = 0; i < G_N_ELEMENTS(set->members); i++) {
        set->members[i].set = set;
        set->members[i].type = (ProviderType)i;
    }
    return set;
}

void provider_set_put(ProviderSet *set, ProviderType type, Provider *provider)
{
    set->members[type].provider = provider;
    if (provider->resources_apply)
        set->base.holds_nothing &= ~(1u << type);
}

unsigned provider_set_types(const ProviderSet *set)
{
    unsigned types = 0;
    for (size_t i = 0; i < G_N_ELEMENTS(set->members); i++)
        types |= set->members[i].provider ? 1u << i : 0;
    return types;
}

Provider *provider_set_provider(ProviderSet *set)
{
    return &set->base;
}
