/* growth_run.c: one run of scale/ for each environment that may need it. */
#include "reconciler/growth_internal.h"

typedef struct {
    Growth *growth;
    World *world;
    const Decisions *decisions;
    void (*token)(LaunchToken *token, void *data);
    void *token_data;
    int64_t now_ms;
    Arena *arena;
    GrowthOutcome *outcome;
} Pass;

/* The input of scale_run() for one environment, with the instances that its numbers mean. */
typedef struct {
    ScaleInput scale;
    Instance **instances;
} Input;

static ScaleState scale_state(const Instance *instance)
{
    switch (instance->state) {
    case INSTANCE_INTENDED:
    case INSTANCE_UNKNOWN: return SCALE_INTENDED;
    case INSTANCE_PENDING: return SCALE_PENDING;
    case INSTANCE_REGISTERED: return SCALE_REGISTERED;
    case INSTANCE_DRAINING: return SCALE_DRAINING;
    case INSTANCE_STOPPING:
    case INSTANCE_GONE: break;
    }
    return SCALE_STOPPING;
}

/* Generations have names, not an order: what an instance was made from is what is in force, or it is older.
 */
enum { FORMER, PRESENT };

static ScaleInstance scale_instance(const GrowthEntry *entry, const Environment *environment,
                                    const Instance *instance)
{
    ScaleInstance one = {.number = instance->number,
                         .type = SCALE_NO_TYPE,
                         .state = scale_state(instance),
                         .ran = instance->ran,
                         .launches = instance->launches,
                         .vcpus = instance->total.vcpus_e4 / DECIMAL_SCALE,
                         .price_micro_per_h = growth_price(entry, environment, instance),
                         .intended_ms = instance->intended_ms,
                         .idle_since_ms = instance->idle_since_ms,
                         .draining_since_ms = instance->draining_since_ms,
                         .generation = instance->generation == environment->generation ? PRESENT : FORMER};
    scale_candidates_find(entry->candidates, view_from(instance->type), &one.type);
    return one;
}

static void input_instances(const Pass *pass, const Environment *environment, const GrowthEntry *entry,
                            Input *input)
{
    size_t len = 0;
    ScaleInstance *list = arena_new0_n(pass->arena, ScaleInstance, environment->instances + 1);
    input->instances = arena_new0_n(pass->arena, Instance *, environment->instances + 1);
    for (Instance *instance = environment_instance_next(environment, NULL); instance;
         instance = environment_instance_next(environment, instance)) {
        input->instances[len] = instance;
        list[len++] = scale_instance(entry, environment, instance);
    }
    input->scale.instances = list;
    input->scale.instances_len = len;
}

/* What will be lost soon and is not replaced yet: what runs there is needed again. A multinode job, which
 * loses all of its nodes with one, is demand once it is. */
static bool is_to_replace(const Instance *instance)
{
    return instance->warning && !instance->is_replaced;
}

static bool is_needed_again(const Launch *launch)
{
    return !launch->stopping && !launch->is_node;
}

static size_t soon_lost(const Input *input, ScaleDemand *list)
{
    size_t len = 0;
    for (size_t i = 0; i < input->scale.instances_len; i++) {
        const Instance *instance = input->instances[i];
        const Launch *launch = is_to_replace(instance) ? instance->newest_launch : NULL;
        for (; launch; launch = launch->instance_prev) {
            if (!is_needed_again(launch))
                continue;
            if (list)
                list[len] = (ScaleDemand){.need = launch->held, .count = 1};
            len++;
        }
    }
    return len;
}

static void note_replaced(const Input *input)
{
    for (size_t i = 0; i < input->scale.instances_len; i++)
        input->instances[i]->is_replaced |= input->instances[i]->warning != NULL;
}

/* In the order of the decisions, then what will be lost. */
static void input_demand(const Pass *pass, const Environment *environment, Input *input)
{
    size_t len = 0;
    ScaleDemand *list =
        arena_new0_n(pass->arena, ScaleDemand, pass->decisions->demand_len + soon_lost(input, NULL) + 1);
    for (size_t i = 0; i < pass->decisions->demand_len; i++) {
        const Demand *demand = &pass->decisions->demand[i];
        if (demand->environment != environment)
            continue;
        list[len++] = (ScaleDemand){.need = demand->need,
                                    .count = demand->count,
                                    .nodes = demand->nodes > 1 ? demand->nodes : 0,
                                    .node_type = demand->instance_type};
    }
    len += soon_lost(input, list + len);
    input->scale.demand = list;
    input->scale.demand_len = len;
}

static void input_cooling(const Pass *pass, const GrowthEntry *entry, Input *input)
{
    size_t len = 0;
    ScalePool *list = arena_new0_n(pass->arena, ScalePool, entry->memory.cooldowns.len + 1);
    for (size_t i = 0; i < entry->memory.cooldowns.len; i++) {
        const CoolDown *pool = &entry->memory.cooldowns.pools[i];
        ScalePool one = {.zone = SCALE_EVERY_ZONE, .spot = pool->spot, .until_ms = pool->until_ms};
        if (pool->until_ms > pass->now_ms &&
            scale_candidates_find(entry->candidates, view_from(pool->type), &one.type))
            list[len++] = one;
    }
    input->scale.cooling = list;
    input->scale.cooling_len = len;
}

static void input_fill(const Pass *pass, const Environment *environment, GrowthEntry *entry, Input *input)
{
    account_roll(&entry->memory.account, pass->now_ms);
    input->scale = (ScaleInput){.spec = environment->spec,
                                .is_leaving = environment->resource->phase != RESOURCE_ACTIVE,
                                .candidates = entry->candidates,
                                .now_ms = pass->now_ms,
                                .is_invalid = entry->invalid != NULL,
                                .generation = PRESENT,
                                .spent_day_micro = entry->memory.account.of_day.micro,
                                .spent_month_micro = entry->memory.account.of_month.micro,
                                .spent_is_incomplete = entry->memory.account.unknown_month_ms > 0};
    input_instances(pass, environment, entry, input);
    input_demand(pass, environment, input);
    input_cooling(pass, entry, input);
}

/* ---- decisions become transitions ---- */

static void carry_launch(const Pass *pass, Environment *environment, const GrowthEntry *entry,
                         const ScaleLaunch *launch)
{
    const ScaleCandidate *candidate = &entry->candidates->types[launch->type];
    InstanceDraft draft = {.type = candidate->name,
                           .spot = launch->spot,
                           .planned = candidate->planned,
                           .price_micro_per_h =
                               launch->spot ? candidate->spot_micro_per_h : candidate->price_micro_per_h};
    for (int64_t i = 0; i < launch->count; i++) {
        LaunchToken token;
        pass->token(&token, pass->token_data);
        GrowthLaunch one = {instance_intend(pass->world, environment, &draft, &token, pass->now_ms),
                            MAX(launch->max_price_micro_per_h, 0)};
        g_array_append_val(pass->outcome->launches, one);
    }
}

static Instance *instance_of(const Input *input, uint64_t number)
{
    size_t low = 0, high = input->scale.instances_len;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (input->instances[middle]->number < number)
            low = middle + 1;
        else
            high = middle;
    }
    return input->instances[low];
}

static void end_jobs(const Pass *pass, const Instance *instance)
{
    for (Launch *launch = instance->newest_launch; launch; launch = launch->instance_prev)
        if (!launch->stopping)
            g_ptr_array_add(pass->outcome->stops, launch);
}

static void carry_release(const Pass *pass, GrowthEntry *entry, const Input *input,
                          const ScaleRelease *release)
{
    Instance *instance = instance_of(input, release->number);
    if (release->reason == RELEASE_NOT_REGISTERED)
        growth_launch_failed(entry, pass->world, "its instances do not register", pass->now_ms);
    switch (release->kind) {
    case RELEASE_DRAIN: instance_drain(pass->world, instance, pass->now_ms); return;
    case RELEASE_END_JOBS: end_jobs(pass, instance); return;
    case RELEASE_STOP:
        instance_stop(pass->world, instance, pass->now_ms);
        g_ptr_array_add(pass->outcome->instance_stops, instance);
        return;
    }
    g_assert_not_reached();
}

static void keep_unmet(GrowthEntry *entry, const Input *input, const ScaleDecisions *decided)
{
    g_array_set_size(entry->unmet, 0);
    entry->is_out_of_money = false;
    for (size_t i = 0; i < decided->unmet_len; i++) {
        GrowthUnmet one = {input->scale.demand[decided->unmet[i].demand].need, decided->unmet[i]};
        g_array_append_val(entry->unmet, one);
        if (one.unmet.reason == UNMET_BUDGET_DAY || one.unmet.reason == UNMET_BUDGET_MONTH)
            entry->is_out_of_money = true;
    }
}

static bool has_demand(const Pass *pass, const Environment *environment)
{
    for (size_t i = 0; i < pass->decisions->demand_len; i++)
        if (pass->decisions->demand[i].environment == environment)
            return true;
    return false;
}

static bool is_due(const Pass *pass, const Environment *environment, const GrowthEntry *entry, bool demanded)
{
    return demanded || entry->had_demand || entry->is_stale || entry->seen_changes != environment->changes ||
           pass->now_ms >= entry->wake_ms;
}

static void run_environment(Pass *pass, Environment *environment, GrowthEntry *entry)
{
    Input input;
    ScaleDecisions decided;
    input_fill(pass, environment, entry, &input);
    scale_run(&input.scale, pass->arena, &decided);
    entry->wake_ms = decided.wake_at_ms;
    entry->had_demand = input.scale.demand_len > 0;
    /* What is wanted is bought once it is known what it is made from; another environment has no part in it.
     */
    entry->is_stale = environment->is_pinning && decided.launches_len > 0;
    keep_unmet(entry, &input, &decided);
    for (size_t i = 0; i < decided.launches_len && !environment->is_pinning; i++)
        carry_launch(pass, environment, entry, &decided.launches[i]);
    if (!environment->is_pinning)
        note_replaced(&input);
    for (size_t i = 0; i < decided.releases_len; i++)
        carry_release(pass, entry, &input, &decided.releases[i]);
    entry->seen_changes = environment->changes;
}

void growth_run(Growth *growth, World *world, const Decisions *decisions,
                void (*token)(LaunchToken *token, void *data), void *token_data, int64_t now_ms, Arena *arena,
                GrowthOutcome *outcome)
{
    Pass pass = {growth, world, decisions, token, token_data, now_ms, arena, outcome};
    outcome->wake_ms = INT64_MAX;
    for (Environment *environment = world_environment_next(world, NULL); environment;
         environment = world_environment_next(world, environment)) {
        GrowthEntry *entry = growth_entry_due(growth, environment);
        if (!entry)
            continue;
        if (is_due(&pass, environment, entry, has_demand(&pass, environment)))
            run_environment(&pass, environment, entry);
        outcome->wake_ms = MIN(outcome->wake_ms, entry->wake_ms);
    }
}
