#include "reconciler/scale/scale_run.h"

#include "reconciler/scale/account.h"
#include "reconciler/scale/mix.h"
#include "spec/base/units.h"

/* Tries of the search for how much of the demand the limits allow, once it has found anything. What these
 * leave is found by the next run, which begins at once. */
#define SEARCH_TRIES 5

/* ---- what there is */

static void instances_count(ScaleRun *run)
{
    const ScaleInput *input = run->input;
    for (size_t i = 0; i < input->instances_len; i++) {
        const ScaleInstance *instance = &input->instances[i];
        bool is_new = instance->generation >= input->generation;
        run->current_vcpus += instance->vcpus;
        if (instance->price_micro_per_h < 0)
            run->running_is_unknown = true;
        else
            run->running_micro_per_h += instance->price_micro_per_h;
        switch (instance->state) {
        case SCALE_INTENDED:
        case SCALE_PENDING: run->coming_vcpus += is_new ? instance->vcpus : 0; break;
        case SCALE_REGISTERED: run->ready_vcpus += is_new ? instance->vcpus : 0; break;
        case SCALE_STOPPING: run->leaving_vcpus += instance->vcpus; break;
        case SCALE_DRAINING: break;
        }
    }
}

/* ---- which types may be started */

static bool has_budget(const ComputeEnvironmentSpec *spec)
{
    return spec->budget_day_micro > 0 || spec->budget_month_micro > 0;
}

/* By type: when the first of its zones is free again; at or before now_ms: it is. */
static int64_t *cooling_ends(const ScaleRun *run)
{
    const ScaleInput *input = run->input;
    size_t len = input->candidates->len, zones = CLAMP(input->zones, 1, SCALE_ZONES_MAX);
    int64_t *by_zone = arena_new0_n(run->arena, int64_t, len * zones + 1),
            *ends = arena_new0_n(run->arena, int64_t, len + 1);
    bool spot = input->spec->type == CE_TYPE_SPOT;
    for (size_t i = 0; i < input->cooling_len; i++) {
        const ScalePool *pool = &input->cooling[i];
        if (pool->type >= len || pool->spot != spot)
            continue;
        for (size_t zone = 0; zone < zones; zone++)
            if (pool->zone == zone || pool->zone == SCALE_EVERY_ZONE)
                by_zone[pool->type * zones + zone] = MAX(by_zone[pool->type * zones + zone], pool->until_ms);
    }
    for (size_t type = 0; type < len; type++) {
        ends[type] = by_zone[type * zones];
        for (size_t zone = 1; zone < zones; zone++)
            ends[type] = MIN(ends[type], by_zone[type * zones + zone]);
    }
    return ends;
}

static void uses_fill(ScaleRun *run)
{
    const ScaleInput *input = run->input;
    const int64_t *ends = cooling_ends(run);
    run->uses = arena_new0_n(run->arena, TypeUse, input->candidates->len + 1);
    for (size_t i = 0; i < input->candidates->len; i++) {
        const ScaleCandidate *candidate = &input->candidates->types[i];
        TypeUse *use = &run->uses[i];
        switch (strategy_admits(input->spec, candidate)) {
        case STRATEGY_ADMITTED: break;
        case STRATEGY_SPOT_PRICE: use->state = TYPE_SPOT_PRICE; continue;
        case STRATEGY_PRICE_UNKNOWN: use->state = TYPE_PRICE_UNKNOWN; continue;
        }
        if (has_budget(input->spec) && (run->running_is_unknown || input->spent_is_incomplete ||
                                        strategy_price(input->spec, candidate) < 0))
            use->state = TYPE_PRICE_UNKNOWN;
        else if (ends[i] > input->now_ms)
            *use = (TypeUse){TYPE_COOLING, ends[i]};
    }
}

/* ---- money */

typedef struct {
    int64_t spent, budget, end_ms; /* end_ms: of the day or month that it is for */
    UnmetReason reason;
} Budget;

/* What new instances may cost per hour: spent + (running + new) for the hour ahead, or for what is left of
 * the day or month when that is less, must stay within the budget. */
static int64_t budget_room(const ScaleRun *run, const Budget *budget)
{
    int64_t ahead_ms = MIN(ACCOUNT_MS_PER_H, budget->end_ms - run->input->now_ms);
    int64_t left = budget->budget - budget->spent;
    if (left <= 0)
        return 0;
    __int128 rate = (__int128)left * ACCOUNT_MS_PER_H / MAX(ahead_ms, 1) - run->running_micro_per_h;
    return rate <= 0 ? 0 : (int64_t)MIN(rate, (__int128)INT64_MAX - 1);
}

/* The tighter one of the two; INT64_MAX: no budget. */
static int64_t money_room(const ScaleRun *run, Budget *ret_budget)
{
    const ScaleInput *input = run->input;
    const Budget budgets[] = {{input->spent_day_micro, input->spec->budget_day_micro,
                               account_day_end(input->now_ms), UNMET_BUDGET_DAY},
                              {input->spent_month_micro, input->spec->budget_month_micro,
                               account_month_end(input->now_ms), UNMET_BUDGET_MONTH}};
    int64_t room = INT64_MAX;
    *ret_budget = (Budget){.end_ms = INT64_MAX};
    for (size_t i = 0; i < G_N_ELEMENTS(budgets); i++) {
        int64_t its = budgets[i].budget > 0 ? budget_room(run, &budgets[i]) : INT64_MAX;
        /* Of two that leave equally little, the one that lasts longer is named. */
        if (its < room || (its == room && its != INT64_MAX)) {
            room = its;
            *ret_budget = budgets[i];
        }
    }
    return room;
}

/* When a launch at this price will be allowed if nothing else happens: what is reserved for the rest of the
 * day becomes less as the day passes. */
static int64_t budget_opens_ms(const ScaleRun *run, const Budget *budget, int64_t price_micro_per_h)
{
    int64_t rest_ms = budget->end_ms - run->input->now_ms;
    __int128 slack = (__int128)(budget->budget - budget->spent) * ACCOUNT_MS_PER_H -
                     (__int128)run->running_micro_per_h * rest_ms;
    if (slack <= 0 || price_micro_per_h <= 0)
        return budget->end_ms;
    int64_t early_ms = (int64_t)MIN(slack / price_micro_per_h, (__int128)rest_ms - 1);
    return budget->end_ms - early_ms;
}

/* ---- what is not met */

static void unmet_add(ScaleRun *run, ScaleUnmet unmet)
{
    if (unmet.count > 0)
        run->out->unmet[run->out->unmet_len++] = unmet;
    if (unmet.reason == UNMET_COOLING_DOWN)
        run_wake_at(run, unmet.until_ms);
}

/* The smallest instance that could hold it, by vCPUs; SCALE_NO_TYPE: none is usable. */
static size_t smallest_type(const ScaleRun *run, const DemandTable *table, size_t demand)
{
    const ScaleDemand *wanted = &table->demand[demand];
    size_t best = SCALE_NO_TYPE;
    for (size_t i = 0; i < table->candidates->len; i++) {
        const ScaleCandidate *candidate = &table->candidates->types[i];
        if (run->uses[i].state != TYPE_USABLE || !scale_candidate_fits(candidate, wanted->need) ||
            (wanted->node_type ? strcmp(wanted->node_type, candidate->name) != 0
                               : !demand_may_use(candidate, table->on_gpu_hosts[demand])))
            continue;
        if (best == SCALE_NO_TYPE || candidate->vcpus < table->candidates->types[best].vcpus)
            best = i;
    }
    return best;
}

static ScaleUnmet unmet_at_max(ScaleRun *run, const DemandTable *table, size_t demand)
{
    const ScaleDemand *wanted = &table->demand[demand];
    size_t type = smallest_type(run, table, demand);
    int64_t needed = type == SCALE_NO_TYPE ? 0 : table->candidates->types[type].vcpus;
    if (__builtin_mul_overflow(needed, MAX(wanted->nodes, 1), &needed))
        needed = INT64_MAX;
    if (!run->room_needed) { /* of the first one only: what is behind it waits its turn */
        run->room_needed = needed;
        run->room_is_strict = wanted->nodes > 0 || !strategy_may_exceed(run->input->spec);
    }
    return (ScaleUnmet){.reason = UNMET_AT_MAX_VCPUS,
                        .type = SCALE_NO_TYPE,
                        .have = run->current_vcpus,
                        .limit = run->input->spec->max_vcpus};
}

static ScaleUnmet unmet_over_budget(ScaleRun *run, const DemandTable *table, const Budget *budget,
                                    size_t demand)
{
    size_t type = smallest_type(run, table, demand);
    int64_t price =
        type == SCALE_NO_TYPE ? 0 : strategy_price(run->input->spec, &table->candidates->types[type]);
    if (__builtin_mul_overflow(price, MAX(table->demand[demand].nodes, 1), &price))
        price = INT64_MAX;
    int64_t opens_ms = budget_opens_ms(run, budget, price);
    run_wake_at(run, opens_ms);
    return (ScaleUnmet){.reason = budget->reason,
                        .type = type,
                        .have = budget->spent,
                        .limit = budget->budget,
                        .until_ms = opens_ms};
}

static ScaleUnmet unmet_stopped(ScaleRun *run, const DemandTable *table, PackEnd end, const Budget *budget,
                                size_t demand)
{
    switch (end) {
    case PACK_VCPUS: return unmet_at_max(run, table, demand);
    case PACK_MONEY: return unmet_over_budget(run, table, budget, demand);
    case PACK_WHOLE:
    case PACK_INSTANCES: break;
    }
    return (ScaleUnmet){.reason = UNMET_LATER, .type = SCALE_NO_TYPE};
}

/* What stands behind the end of what could be taken: for one and the same reason. */
static void unmet_rest(ScaleRun *run, const DemandTable *table, const int64_t *taken, PackEnd end,
                       const Budget *budget)
{
    ScaleUnmet unmet = {.reason = UNMET_LATER};
    bool is_first = true;
    for (size_t i = 0; i < table->demand_len; i++) {
        if (table->is_refused[i] || taken[i] >= table->demand[i].count)
            continue;
        if (is_first)
            unmet = unmet_stopped(run, table, end, budget, i);
        is_first = false;
        unmet.demand = i;
        unmet.count = table->demand[i].count - taken[i];
        unmet_add(run, unmet);
    }
}

/* BEST_FIT: what was taken and waits for its type. Of equal jobs those that stand first get what was started.
 */
static void unmet_waiting(ScaleRun *run, const DemandTable *table, const int64_t *taken, Pack *pack)
{
    for (size_t i = table->demand_len; i-- > 0;) {
        if (table->is_refused[i])
            continue;
        bool gang = table->demand[i].nodes > 0;
        int64_t *waiting = gang ? pack->waiting_gangs : pack->waiting;
        size_t at = gang ? i : table->item_of[i];
        int64_t count = waiting ? MIN(waiting[at], taken[i]) : 0;
        if (count <= 0)
            continue;
        waiting[at] -= count;
        size_t type = gang ? pack->waiting_gangs_type[at] : pack->waiting_type[at];
        unmet_add(run, (ScaleUnmet){.demand = i,
                                    .count = count,
                                    .reason = UNMET_COOLING_DOWN,
                                    .type = type,
                                    .until_ms = run->uses[type].until_ms});
    }
}

/* ---- how much of the demand */

typedef struct {
    const DemandTable *table;
    PackLimits limits;
    int64_t *taken; /* by demand, of the last try */
    Pack *best;     /* of the largest part that went in whole */
    PackEnd end;    /* of the smallest part that did not; PACK_WHOLE: all did */
} Search;

static PackEnd search_try(const ScaleRun *run, Search *search, int64_t units)
{
    demand_take(search->table, units, search->taken);
    Pack *pack = pack_demand(search->table, search->taken, search->limits, run->arena);
    if (pack->end == PACK_WHOLE)
        search->best = pack;
    return pack->end;
}

/* Whether something may wait for a type in cool-down, and so take no room. */
static bool any_waits(const ScaleRun *run)
{
    for (size_t i = 0; strategy_waits(run->input->spec) && i < run->input->candidates->len; i++)
        if (run->uses[i].state == TYPE_COOLING)
            return true;
    return false;
}

/* How many jobs and gangs, from the front, could lie within the limits by the sum of their vCPUs, at most. */
static int64_t units_at_most(const ScaleRun *run, const Search *search)
{
    const DemandTable *table = search->table;
    int64_t units = demand_units(table), largest = 0, sum = 0;
    if (any_waits(run))
        return units;
    for (size_t i = 0; i < table->candidates->len; i++)
        largest = MAX(largest, table->candidates->types[i].vcpus);
    __int128 room = MAX(search->limits.vcpus, 0);
    if (room > 0 && strategy_may_exceed(run->input->spec))
        room += largest;
    room = MIN(room, (__int128)search->limits.instances * largest) * DECIMAL_SCALE;
    for (size_t i = 0; i < table->demand_len; i++) {
        const ScaleDemand *demand = &table->demand[i];
        __int128 each = (__int128)demand->need.vcpus_e4 * MAX(demand->nodes, 1);
        if (table->is_refused[i])
            continue;
        if (each > 0 && each * demand->count > room)
            return sum + (int64_t)(room / each);
        room -= each * demand->count;
        sum += demand->count;
    }
    return units;
}

static bool any_launches(const Search *search)
{
    return search->best && search->best->left.instances < search->limits.instances;
}

/* The longest part of the demand, from the front, that the limits allow whole. */
static int64_t search_units(const ScaleRun *run, Search *search)
{
    int64_t all = demand_units(search->table), most = units_at_most(run, search), low = 0, high;
    search->end = search_try(run, search, most);
    if (search->end == PACK_WHOLE && most == all)
        return all;
    if (search->end == PACK_WHOLE) {
        low = most;
        high = most + 1; /* the sum says that it does not fit */
    } else {
        high = most;
    }
    for (int tries = 0; high - low > 1 && (tries < SEARCH_TRIES || !any_launches(search)); tries++) {
        int64_t middle = low + (high - low) / 2;
        PackEnd end = search_try(run, search, middle);
        if (end == PACK_WHOLE) {
            low = middle;
        } else {
            high = middle;
            search->end = end;
        }
    }
    if (high - low > 1)
        search->end = PACK_INSTANCES; /* more than was found may be possible */
    else if (search->end == PACK_WHOLE && (search->end = search_try(run, search, high)) == PACK_WHOLE)
        low = high;
    if (!search->best)
        (void)search_try(run, search, 0);
    return low;
}

static PackLimits limits_now(const ScaleRun *run, int64_t money)
{
    const ComputeEnvironmentSpec *spec = run->input->spec;
    return (PackLimits){
        .vcpus = spec->max_vcpus > 0 ? spec->max_vcpus - run->current_vcpus : INT64_MAX,
        .money_micro_per_h = money,
        .instances = SCALE_LAUNCH_MAX,
    };
}

/* ---- starting */

static void launches_add(int64_t *launches, const Pack *pack, size_t types_len)
{
    for (size_t i = 0; i < types_len; i++)
        launches[i] += pack->launches[i];
}

/* Returns what the limits leave. */
static PackLimits demand_run(ScaleRun *run, PackLimits limits, const Budget *budget, int64_t *launches)
{
    const ScaleInput *input = run->input;
    size_t len = input->demand_len;
    DemandTable *table =
        demand_table_new(input->spec, input->candidates, run->uses, input->demand, len, run->arena);
    Search search = {.table = table, .limits = limits, .taken = arena_new0_n(run->arena, int64_t, len + 1)};
    int64_t units = search_units(run, &search);
    demand_take(table, units, search.taken);
    Pack *pack = mix_cheapest(table, search.taken, limits, search.best, run->arena);
    launches_add(launches, pack, input->candidates->len);
    run->out->bins = pack->bins;
    run->out->bins_len = pack->bins_len;
    for (size_t i = 0; i < table->unmet_len; i++)
        unmet_add(run, table->unmet[i]);
    if (units < demand_units(table))
        unmet_rest(run, table, search.taken, search.end, budget);
    unmet_waiting(run, table, search.taken, pack);
    return pack->left;
}

/* What one run left to the next is for now, if this one changed anything. */
static void wake_for_later(ScaleRun *run)
{
    for (size_t i = 0; run->out->launches_len && i < run->out->unmet_len; i++)
        if (run->out->unmet[i].reason == UNMET_LATER)
            run_wake_at(run, run->input->now_ms);
}

/* minvCpus: as demand of so many vCPUs and no memory. */
static void floor_run(ScaleRun *run, PackLimits limits, const Budget *budget, int64_t *launches)
{
    const ScaleInput *input = run->input;
    int64_t missing = scale_least_vcpus(input) - run->coming_vcpus - run->ready_vcpus;
    for (size_t i = 0; i < input->candidates->len; i++)
        missing -= launches[i] * input->candidates->types[i].vcpus;
    if (missing <= 0)
        return;
    ScaleDemand floor = {.need = {.vcpus_e4 = DECIMAL_SCALE}, .count = missing};
    DemandTable *table = demand_table_new(input->spec, input->candidates, run->uses, &floor, 1, run->arena);
    Pack *pack = pack_demand(table, &floor.count, limits, run->arena);
    launches_add(launches, pack, input->candidates->len);
    for (size_t i = 0; i < input->candidates->len; i++)
        missing -= pack->launches[i] * input->candidates->types[i].vcpus;
    if (missing <= 0)
        return;
    ScaleUnmet unmet;
    if (table->unmet_len)
        unmet = table->unmet[0];
    else if (pack->waiting)
        unmet =
            (ScaleUnmet){.reason = UNMET_COOLING_DOWN, .until_ms = run->uses[pack->waiting_type[0]].until_ms};
    else
        unmet = unmet_stopped(run, table, pack->end, budget, 0);
    run->out->floor_missing = missing;
    run->out->floor_reason = unmet.reason;
    run->floor_waits = unmet.reason == UNMET_AT_MAX_VCPUS;
    if (unmet.reason == UNMET_COOLING_DOWN)
        run_wake_at(run, unmet.until_ms);
}

static void launches_fill(ScaleRun *run, const int64_t *launches)
{
    const ScaleInput *input = run->input;
    ScaleDecisions *out = run->out;
    bool unknown = run->running_is_unknown;
    out->launches = arena_new0_n(run->arena, ScaleLaunch, input->candidates->len + 1);
    out->vcpus = run->current_vcpus;
    out->price_micro_per_h = run->running_micro_per_h;
    for (size_t i = 0; i < input->candidates->len; i++) {
        if (!launches[i])
            continue;
        const ScaleCandidate *candidate = &input->candidates->types[i];
        int64_t price = strategy_price(input->spec, candidate);
        out->launches[out->launches_len++] = (ScaleLaunch){i, launches[i], input->spec->type == CE_TYPE_SPOT,
                                                           strategy_max_price(input->spec, candidate)};
        out->vcpus += launches[i] * candidate->vcpus;
        out->price_micro_per_h += price < 0 ? 0 : launches[i] * price;
        unknown = unknown || price < 0;
    }
    if (unknown)
        out->price_micro_per_h = SCALE_UNKNOWN;
}

static void closed_run(ScaleRun *run)
{
    const ScaleInput *input = run->input;
    UnmetReason reason = input->spec->enabled ? UNMET_INVALID : UNMET_DISABLED;
    for (size_t i = 0; i < input->demand_len; i++)
        unmet_add(run,
                  (ScaleUnmet){
                      .demand = i, .count = input->demand[i].count, .reason = reason, .type = SCALE_NO_TYPE});
}

static gint unmet_compare(gconstpointer a, gconstpointer b)
{
    const ScaleUnmet *left = a, *right = b;
    if (left->demand != right->demand)
        return left->demand < right->demand ? -1 : 1;
    return (gint)left->reason - (gint)right->reason;
}

void scale_run(const ScaleInput *input, Arena *arena, ScaleDecisions *ret_decisions)
{
    ScaleRun run = {.input = input, .arena = arena, .out = ret_decisions};
    *ret_decisions = (ScaleDecisions){.wake_at_ms = INT64_MAX};
    /* Of one demand a part may wait for its type, and the rest for room. */
    ret_decisions->unmet = arena_new0_n(arena, ScaleUnmet, 2 * input->demand_len + 1);
    int64_t *launches = arena_new0_n(arena, int64_t, input->candidates->len + 1);
    instances_count(&run);
    if (input->spec->enabled && !input->is_invalid) {
        Budget budget;
        uses_fill(&run);
        PackLimits limits = limits_now(&run, money_room(&run, &budget));
        limits = demand_run(&run, limits, &budget, launches);
        floor_run(&run, limits, &budget, launches);
    } else {
        closed_run(&run);
    }
    launches_fill(&run, launches);
    wake_for_later(&run);
    qsort(ret_decisions->unmet, ret_decisions->unmet_len, sizeof(ScaleUnmet), unmet_compare);
    release_run(&run);
}
