#include "reconciler/growth.h"
#include "reconciler/growth_internal.h"

/* ---- what is known of an environment ---- */

static void entry_clear_candidates(GrowthEntry *entry)
{
    entry->rate_known = false; /* it counts bounds that the candidates give */
    g_clear_pointer(&entry->candidates, scale_candidates_free);
    g_array_set_size(entry->unmet, 0);
}

static void entry_free(void *data)
{
    GrowthEntry *entry = data;
    entry_clear_candidates(entry);
    growth_memory_clear(&entry->memory);
    g_array_unref(entry->unmet);
    g_free(entry->name);
    g_free(entry->region);
    g_free(entry->invalid);
    g_free(entry);
}

Growth *growth_new(const GrowthOptions *options)
{
    Growth *growth = g_new0(Growth, 1);
    growth->options = *options;
    growth->entries = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, entry_free);
    return growth;
}

void growth_free(Growth *growth)
{
    if (!growth)
        return;
    g_hash_table_unref(growth->entries);
    g_free(growth);
}

void growth_facts_changed(Growth *growth)
{
    GHashTableIter iter;
    void *entry;
    g_hash_table_iter_init(&iter, growth->entries);
    while (g_hash_table_iter_next(&iter, NULL, &entry))
        entry_clear_candidates(entry);
}

/* Instances of its own, which muster buys. */
static bool buys_instances(const Growth *growth, const Environment *environment)
{
    const ComputeEnvironmentSpec *spec = environment->spec;
    return environment->provider != PROVIDER_LOCAL && environment->provider != PROVIDER_DOCKER &&
           (growth->options.providers >> environment->provider & 1) &&
           (spec->type == CE_TYPE_EC2 || spec->type == CE_TYPE_SPOT);
}

/* And may now. What was bought costs money all the same. */
static bool may_buy(const Growth *growth, const Environment *environment)
{
    return buys_instances(growth, environment) && !environment->is_silent && !environment->is_refused;
}

static GrowthEntry *entry_of(const Growth *growth, const Environment *environment)
{
    return g_hash_table_lookup(growth->entries, environment_outside(environment));
}

static GrowthEntry *entry_make(Growth *growth, const char *name)
{
    GrowthEntry *entry = g_hash_table_lookup(growth->entries, name);
    if (entry)
        return entry;
    entry = g_new0(GrowthEntry, 1);
    entry->name = g_strdup(name);
    entry->unmet = g_array_new(FALSE, FALSE, sizeof(GrowthUnmet));
    entry->wake_ms = INT64_MAX;
    g_hash_table_insert(growth->entries, entry->name, entry);
    return entry;
}

/* The entry as the environment is now: another spec gets other candidates, and a chance to be valid. */
static GrowthEntry *entry_current(Growth *growth, const Environment *environment)
{
    GrowthEntry *entry = entry_make(growth, environment_outside(environment));
    if (!digest_equal(&entry->digest, &environment->resource->digest)) {
        entry->digest = environment->resource->digest;
        entry_clear_candidates(entry);
        launch_failures_reset(&entry->failures);
        g_clear_pointer(&entry->invalid, g_free);
        entry->is_stale = true;
    }
    if (!entry->candidates) {
        const char *region = environment->spec->region ? environment->spec->region : growth->options.region;
        const CatalogueFacts *facts =
            growth->options.facts ? growth->options.facts(region, growth->options.data) : NULL;
        CatalogueFacts embedded = {.region = region};
        entry->candidates = scale_candidates_new(environment->spec, facts ? facts : &embedded);
        g_free(entry->region);
        entry->region = g_strdup(region);
    }
    return entry;
}

const ScaleCandidates *growth_candidates(Growth *growth, const Environment *environment)
{
    return buys_instances(growth, environment) ? entry_current(growth, environment)->candidates : NULL;
}

bool growth_account(const Growth *growth, const Environment *environment, Account *ret_account)
{
    const GrowthEntry *entry = entry_of(growth, environment);
    if (entry)
        *ret_account = entry->memory.account;
    return entry != NULL;
}

bool growth_unmet(const Growth *growth, const Environment *environment, const RunnableGroup *group,
                  ScaleUnmet *ret_unmet, const ScaleCandidates **ret_candidates)
{
    const GrowthEntry *entry = entry_of(growth, environment);
    for (guint i = 0; entry && i < entry->unmet->len; i++) {
        const GrowthUnmet *known = &g_array_index(entry->unmet, GrowthUnmet, i);
        if (memcmp(&known->need, &group->need, sizeof known->need) != 0)
            continue;
        *ret_unmet = known->unmet;
        *ret_candidates = entry->candidates;
        return true;
    }
    return false;
}

/* ---- what became of launches ---- */

void growth_launch_failed(GrowthEntry *entry, World *world, const char *reason, int64_t now_ms)
{
    if (!launch_failures_add(&entry->failures) || entry->invalid)
        return;
    entry->invalid = g_strdup(reason);
    const Environment *environment = world_environment_outside(world, view_from(entry->name));
    const char *name = environment ? environment->resource->name : entry->name;
    g_autofree char *subject = g_strdup_printf("ComputeEnvironment/%s", name);
    world_event(world, "environment.invalid", subject, reason, now_ms);
}

/* said: by the provider; NULL: it does not say why. */
static void refused_for_good(GrowthEntry *entry, World *world, const char *said, int64_t now_ms)
{
    g_autofree char *reason =
        g_strconcat("its instances cannot be launched as it is configured", said ? ": " : NULL, said, NULL);
    growth_launch_failed(entry, world, reason, now_ms);
}

void growth_refused(Growth *growth, World *world, const GrowthRefusal *refusal, int64_t now_ms)
{
    g_autofree char *name = g_strndup(refusal->environment.data, refusal->environment.len);
    GrowthEntry *entry = entry_make(growth, name);
    entry->is_stale = true;
    switch (refusal->refusal) {
    case INSTANCE_REFUSED_CAPACITY:
    case INSTANCE_REFUSED_LIMIT:
    case INSTANCE_REFUSED_PRICE:
        cooldown_failed(&entry->memory.cooldowns, refusal->type, refusal->zone, refusal->spot,
                        refusal->asked_ms, now_ms);
        entry->must_store = true;
        break;
    case INSTANCE_REFUSED_CONFIGURATION: refused_for_good(entry, world, refusal->reason, now_ms); break;
    case INSTANCE_REFUSED_UNKNOWN_LATER: break;
    }
}

void growth_registered(Growth *growth, World *world, const Instance *instance, int64_t now_ms)
{
    (void)world;
    (void)now_ms;
    if (!instance->environment)
        return;
    GrowthEntry *entry = entry_make(growth, environment_outside(instance->environment));
    cooldown_succeeded(&entry->memory.cooldowns, view_from(instance->type), VIEW(""), instance->spot);
    launch_failures_reset(&entry->failures);
    g_clear_pointer(&entry->invalid, g_free);
}

/* ---- the scheduler's question ---- */

/* Whether an instance of this type may be asked for now. */
static bool candidate_is_open(const GrowthEntry *entry, const ComputeEnvironmentSpec *spec,
                              const ScaleCandidate *candidate, int64_t now_ms)
{
    return strategy_admits(spec, candidate) == STRATEGY_ADMITTED &&
           cooldown_until(&entry->memory.cooldowns, view_from(candidate->name), VIEW(""),
                          spec->type == CE_TYPE_SPOT, now_ms) == 0;
}

static bool group_has_type(const GrowthEntry *entry, const Environment *environment,
                           const RunnableGroup *group, int64_t now_ms)
{
    const ScaleCandidates *candidates = entry->candidates;
    for (size_t i = 0; i < candidates->len; i++)
        if (scale_candidate_fits(&candidates->types[i], group->need) &&
            candidate_is_open(entry, environment->spec, &candidates->types[i], now_ms))
            return true;
    return false;
}

/* One that is being deleted serves those that list it, whose group this is: else what waits there would wait
 * for ever, and both stay. */
int64_t growth_room(const Environment *environment, const RunnableGroup *group, void *data)
{
    const GrowthView *view = data;
    if (!may_buy(view->growth, environment) || !environment->spec->enabled ||
        environment->resource->phase == RESOURCE_REPLACING)
        return 0;
    const GrowthEntry *entry = entry_current(view->growth, environment);
    if (entry->invalid || (entry->is_out_of_money && view->now_ms < entry->wake_ms))
        return 0;
    int64_t room_e4 = scale_growth_room_e4(environment->spec, environment->instance_vcpus * DECIMAL_SCALE);
    return room_e4 > 0 && group_has_type(entry, environment, group, view->now_ms) ? room_e4 : 0;
}

/* INVALID environments give a configuration fault; where every type cools down there is no capacity. */
BlockedReason growth_trouble(const Environment *environment, void *data)
{
    const GrowthView *view = data;
    const GrowthEntry *entry = entry_of(view->growth, environment);
    if (!entry || !entry->candidates)
        return BLOCKED_NONE;
    if (entry->invalid)
        return BLOCKED_INSTANCE_CONFIGURATION;
    for (size_t i = 0; i < entry->candidates->len; i++)
        if (candidate_is_open(entry, environment->spec, &entry->candidates->types[i], view->now_ms))
            return BLOCKED_NONE;
    return entry->candidates->len > 0 ? BLOCKED_INSUFFICIENT_CAPACITY : BLOCKED_NONE;
}

/* ---- money ---- */

/* Paid from the time it was made until it is gone: what was only asked for may not be there. A restart, which
 * knows of its state no more than that it was asked for, changes nothing. */
static bool is_paid(const Instance *instance)
{
    return instance->provider_id != NULL;
}

/* As strategy_price() bounds it: of a type that is not among the candidates any more, from the table. */
static int64_t price_bound(const GrowthEntry *entry, const Environment *environment, const char *name)
{
    size_t index;
    Price price;
    if (scale_candidates_find(entry->candidates, view_from(name), &index))
        return strategy_price(environment->spec, &entry->candidates->types[index]);
    const InstanceType *type = catalogue_find(view_from(name));
    ScaleCandidate candidate = {.price_micro_per_h = SCALE_UNKNOWN, .spot_micro_per_h = SCALE_UNKNOWN};
    if (type && catalogue_price(type, entry->region, &price))
        candidate.price_micro_per_h = price.micro_per_h;
    return strategy_price(environment->spec, &candidate);
}

int64_t growth_price(const GrowthEntry *entry, const Environment *environment, const Instance *instance)
{
    if (instance->price_micro_per_h >= 0 || !instance->spot || !entry->candidates)
        return instance->price_micro_per_h;
    return price_bound(entry, environment, instance->type);
}

int64_t growth_price_most(Growth *growth, const Environment *environment, const Instance *instance)
{
    if (instance->price_micro_per_h >= 0 || !buys_instances(growth, environment))
        return instance->price_micro_per_h;
    return growth_price(entry_current(growth, environment), environment, instance);
}

void growth_rate(GrowthEntry *entry, const Environment *environment)
{
    if (entry->rate_known && entry->rate_changes == environment->changes)
        return;
    entry->rate_known = true;
    entry->rate_changes = environment->changes;
    entry->rate_micro_per_h = 0;
    entry->unpriced = 0;
    for (const Instance *instance = environment_instance_next(environment, NULL); instance;
         instance = environment_instance_next(environment, instance)) {
        if (!is_paid(instance))
            continue;
        int64_t price = growth_price(entry, environment, instance);
        if (price < 0)
            entry->unpriced++;
        else
            entry->rate_micro_per_h += price;
    }
}

/* The instances are those that the last tick left: nothing changed since. */
void growth_accrue(Growth *growth, World *world, int64_t now_ms)
{
    for (const Environment *environment = world_environment_next(world, NULL); environment;
         environment = world_environment_next(world, environment)) {
        if (!buys_instances(growth, environment) || !entry_of(growth, environment))
            continue;
        GrowthEntry *entry = entry_current(growth, environment);
        int64_t from_ms = entry->memory.accrued_ms ? entry->memory.accrued_ms : now_ms;
        growth_rate(entry, environment);
        if (now_ms > from_ms && entry->rate_micro_per_h > 0)
            account_accrue(&entry->memory.account, entry->rate_micro_per_h, from_ms, now_ms);
        if (now_ms > from_ms && entry->unpriced > 0)
            account_accrue(&entry->memory.account, SCALE_UNKNOWN, from_ms, now_ms);
        entry->memory.accrued_ms = MAX(now_ms, from_ms);
    }
}

void growth_made(Growth *growth, const Instance *instance, int64_t made_ms, int64_t now_ms)
{
    const Environment *environment = instance->environment;
    if (!environment || is_paid(instance) || !buys_instances(growth, environment))
        return;
    GrowthEntry *entry = entry_current(growth, environment);
    account_accrue(&entry->memory.account, growth_price(entry, environment, instance),
                   CLAMP(made_ms, instance->intended_ms, now_ms), now_ms);
    entry->must_store = true;
}

static InstanceDraft draft_of_table(const GrowthEntry *entry, const char *name)
{
    const InstanceType *type = catalogue_find(view_from(name));
    InstanceDraft draft = {.type = name, .price_micro_per_h = SCALE_UNKNOWN};
    Price price;
    if (!type)
        return draft; /* it says itself what it offers, when it registers */
    draft.planned = (Capacity){type->vcpus * DECIMAL_SCALE, instance_type_usable_mib(type), type->gpus};
    if (catalogue_price(type, entry->region, &price))
        draft.price_micro_per_h = price.micro_per_h;
    return draft;
}

bool growth_draft(Growth *growth, const Environment *environment, const char *type, bool spot,
                  InstanceDraft *ret_draft)
{
    size_t index;
    if (!buys_instances(growth, environment))
        return false;
    const GrowthEntry *entry = entry_current(growth, environment);
    InstanceDraft draft = draft_of_table(entry, type);
    if (scale_candidates_find(entry->candidates, view_from(type), &index)) {
        draft.planned = entry->candidates->types[index].planned;
        draft.price_micro_per_h = entry->candidates->types[index].price_micro_per_h;
    }
    if (spot) /* what it was bought at is not known: growth_price() bounds it */
        draft.price_micro_per_h = SCALE_UNKNOWN;
    draft.spot = spot;
    *ret_draft = draft;
    return true;
}

/* ---- between restarts ---- */

static void entry_store(GrowthEntry *entry, World *world, int64_t now_ms)
{
    entry->memory.rate_micro_per_h = entry->rate_micro_per_h;
    entry->memory.unpriced = (int64_t)entry->unpriced;
    g_autofree char *name = growth_memory_setting(entry->name), *text = growth_memory_print(&entry->memory);
    world_set_setting(world, name, text);
    entry->stored_ms = now_ms;
    entry->must_store = false;
}

/* What is paid for goes on as it was written, or is written; every minute anyway, for those who read the
 * store. */
static bool store_is_due(const GrowthEntry *entry, int64_t now_ms)
{
    bool spends = entry->rate_micro_per_h > 0 || entry->unpriced > 0,
         changed = entry->rate_micro_per_h != entry->memory.rate_micro_per_h ||
                   (int64_t)entry->unpriced != entry->memory.unpriced;
    return entry->must_store || changed || (spends && now_ms - entry->stored_ms >= GROWTH_STORE_MS);
}

/* Nothing is paid for where the environment is gone, or buys nothing any more. */
static void entry_settle(Growth *growth, GrowthEntry *entry, const Environment *environment)
{
    if (environment && buys_instances(growth, environment)) {
        growth_rate(entry_current(growth, environment), environment);
        return;
    }
    entry->rate_micro_per_h = 0;
    entry->unpriced = 0;
    entry->rate_known = false;
}

void growth_settle(Growth *growth, World *world, int64_t now_ms)
{
    GHashTableIter iter;
    gpointer value;
    g_hash_table_iter_init(&iter, growth->entries);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        GrowthEntry *entry = value;
        entry_settle(growth, entry, world_environment_outside(world, view_from(entry->name)));
        entry->memory.accrued_ms =
            now_ms; /* of one that came in this tick, too: nothing was paid for before */
        if (store_is_due(entry, now_ms))
            entry_store(entry, world, now_ms);
    }
}

typedef struct {
    Growth *growth;
    int64_t now_ms;
} Loading;

/* Of environments that are gone, too: one that comes back under the name goes on with its account. */
static void load_setting(const char *name, const char *text, void *data)
{
    Loading *loading = data;
    if (!g_str_has_prefix(name, GROWTH_MEMORY_PREFIX))
        return;
    GrowthEntry *entry = entry_make(loading->growth, name + strlen(GROWTH_MEMORY_PREFIX));
    entry->stored_ms = loading->now_ms;
    growth_memory_parse(&entry->memory, text);
}

void growth_load(Growth *growth, const World *world, int64_t now_ms)
{
    Loading loading = {growth, now_ms};
    g_hash_table_remove_all(growth->entries);
    for (const Environment *environment = world_environment_next(world, NULL); environment;
         environment = world_environment_next(world, environment))
        if (buys_instances(growth, environment))
            entry_make(growth, environment_outside(environment))->stored_ms = now_ms;
    world_settings_each(world, load_setting, &loading);
}

GrowthEntry *growth_entry_due(Growth *growth, const Environment *environment)
{
    return may_buy(growth, environment) ? entry_current(growth, environment) : NULL;
}
