#include "reconciler/scale/demand.h"

#include <stdlib.h>

bool demand_may_use(const ScaleCandidate *candidate, bool on_gpu_hosts)
{
    return on_gpu_hosts || candidate->planned.gpus == 0;
}

/* ---- what can be started at all */

/* Whether a host without GPUs could hold it, be that host to be had now or not. */
static bool plain_host_holds(const ScaleCandidates *candidates, Capacity need)
{
    for (size_t i = 0; need.gpus == 0 && i < candidates->len; i++)
        if (candidates->types[i].planned.gpus == 0 && scale_candidate_fits(&candidates->types[i], need))
            return true;
    return false;
}

static bool is_allowed(const ScaleDemand *demand, const ScaleCandidate *candidate, bool on_gpu_hosts)
{
    if (!scale_candidate_fits(candidate, demand->need))
        return false;
    return demand->node_type ? !strcmp(demand->node_type, candidate->name)
                             : demand_may_use(candidate, on_gpu_hosts);
}

/* What stands in the way of starting a type for it, whatever else runs; false: nothing. */
static bool find_obstacle(const DemandTable *table, const ScaleDemand *demand, size_t type,
                          ScaleUnmet *ret_unmet)
{
    const ComputeEnvironmentSpec *spec = table->spec;
    const ScaleCandidate *candidate = &table->candidates->types[type];
    int64_t nodes = MAX(demand->nodes, 1), vcpus, hour, price = strategy_price(spec, candidate);
    bool is_strict = demand->nodes > 0 || !strategy_may_exceed(spec);
    if (__builtin_mul_overflow(nodes, candidate->vcpus, &vcpus))
        vcpus = INT64_MAX;
    if (__builtin_mul_overflow(nodes, price, &hour))
        hour = INT64_MAX;
    *ret_unmet = (ScaleUnmet){.type = type};
    if (is_strict && spec->max_vcpus > 0 && vcpus > spec->max_vcpus) {
        *ret_unmet =
            (ScaleUnmet){.reason = UNMET_ABOVE_MAX, .type = type, .have = vcpus, .limit = spec->max_vcpus};
        return true;
    }
    if ((spec->budget_day_micro > 0 && hour > spec->budget_day_micro) ||
        (spec->budget_month_micro > 0 && hour > spec->budget_month_micro)) {
        bool day = spec->budget_day_micro > 0 && hour > spec->budget_day_micro;
        *ret_unmet = (ScaleUnmet){.reason = day ? UNMET_BUDGET_DAY : UNMET_BUDGET_MONTH,
                                  .type = type,
                                  .have = hour,
                                  .limit = day ? spec->budget_day_micro : spec->budget_month_micro};
        return true;
    }
    switch (table->uses[type].state) {
    case TYPE_USABLE: return false;
    case TYPE_COOLING:
        ret_unmet->reason = UNMET_COOLING_DOWN;
        ret_unmet->until_ms = table->uses[type].until_ms;
        return !strategy_waits(spec) || demand->node_type; /* BEST_FIT decides when it has compared */
    case TYPE_SPOT_PRICE:
        ret_unmet->reason = UNMET_SPOT_PRICE;
        ret_unmet->have = candidate->spot_micro_per_h;
        ret_unmet->limit = strategy_max_price(spec, candidate);
        return true;
    case TYPE_PRICE_UNKNOWN: ret_unmet->reason = UNMET_PRICE_UNKNOWN; return true;
    }
    g_assert_not_reached();
}

/* Of several reasons the one that passes soonest by itself is told. */
static int reason_order(UnmetReason reason)
{
    static const int order[] = {
        [UNMET_COOLING_DOWN] = 0, [UNMET_SPOT_PRICE] = 1, [UNMET_PRICE_UNKNOWN] = 2, [UNMET_BUDGET_DAY] = 3,
        [UNMET_BUDGET_MONTH] = 4, [UNMET_ABOVE_MAX] = 5,  [UNMET_NO_TYPE] = 6};
    g_assert((size_t)reason < G_N_ELEMENTS(order));
    return order[reason];
}

static bool is_nearer(const ScaleUnmet *a, const ScaleUnmet *b)
{
    if (a->reason != b->reason)
        return reason_order(a->reason) < reason_order(b->reason);
    return a->reason == UNMET_COOLING_DOWN ? a->until_ms < b->until_ms
                                           : a->have - a->limit < b->have - b->limit;
}

/* Whether an instance can be started, or with BEST_FIT waited for; else *ret_unmet says why not. */
static bool demand_judge(const DemandTable *table, const ScaleDemand *demand, bool on_gpu_hosts,
                         ScaleUnmet *ret_unmet)
{
    ScaleUnmet obstacle;
    *ret_unmet = (ScaleUnmet){.reason = UNMET_NO_TYPE, .type = SCALE_NO_TYPE};
    /* Multi-node jobs do not run on Spot (batch: "Placement: gang scheduling"). */
    if (demand->nodes > 0 && table->spec->type == CE_TYPE_SPOT)
        return false;
    for (size_t i = 0; i < table->types_len; i++) /* the few that serve most */
        if (is_allowed(demand, &table->candidates->types[table->types[i]], on_gpu_hosts) &&
            !find_obstacle(table, demand, table->types[i], &obstacle))
            return true;
    for (size_t i = 0; i < table->candidates->len; i++) {
        if (!is_allowed(demand, &table->candidates->types[i], on_gpu_hosts))
            continue;
        if (!find_obstacle(table, demand, i, &obstacle))
            return true;
        if (is_nearer(&obstacle, ret_unmet))
            *ret_unmet = obstacle;
    }
    return false;
}

/* ---- types */

static StrategyOffer offer_full(const DemandTable *table, size_t type)
{
    const ScaleCandidate *candidate = &table->candidates->types[type];
    return (StrategyOffer){candidate, type, candidate->planned.vcpus_e4, STRATEGY_JOBS_PER_INSTANCE};
}

static int type_compare(gconstpointer a, gconstpointer b, gpointer data)
{
    const DemandTable *table = data;
    StrategyOffer left = offer_full(table, *(const size_t *)a), right = offer_full(table, *(const size_t *)b);
    if (strategy_prefers(table->spec, &left, &right))
        return -1;
    return strategy_prefers(table->spec, &right, &left);
}

/* Whether a, which is preferred to b for demand that fills both, also has all that b has: then b is never the
 * better one. Of equal vCPUs only, since a larger one may be too large. */
static bool type_excels(const ScaleCandidate *a, const ScaleCandidate *b)
{
    return a->planned.vcpus_e4 == b->planned.vcpus_e4 && a->vcpus == b->vcpus &&
           a->planned.memory_mib >= b->planned.memory_mib && a->planned.gpus >= b->planned.gpus &&
           (a->planned.gpus == 0) == (b->planned.gpus == 0);
}

static void types_fill(DemandTable *table, Arena *arena)
{
    const ScaleCandidate *types = table->candidates->types;
    table->types = arena_new0_n(arena, size_t, table->candidates->len + 1);
    size_t len = 0, kept = 0;
    for (size_t i = 0; i < table->candidates->len; i++)
        if (table->uses[i].state == TYPE_USABLE ||
            (table->uses[i].state == TYPE_COOLING && strategy_waits(table->spec)))
            table->types[len++] = i;
    g_qsort_with_data(table->types, (gint)len, sizeof *table->types, type_compare, table);
    for (size_t i = 0; i < len; i++) {
        bool excelled = false;
        for (size_t j = 0; j < kept && !excelled; j++)
            excelled = type_excels(&types[table->types[j]], &types[table->types[i]]);
        if (!excelled)
            table->types[kept++] = table->types[i];
    }
    table->types_len = kept;
}

/* ---- items */

static int falling(int64_t a, int64_t b)
{
    return (a < b) - (a > b);
}

static int item_compare(const DemandItem *a, const DemandItem *b)
{
    int order = falling(a->on_gpu_hosts, b->on_gpu_hosts);
    if (!order)
        order = falling(a->need.gpus, b->need.gpus);
    if (!order)
        order = falling(a->need.vcpus_e4, b->need.vcpus_e4);
    return order ? order : falling(a->need.memory_mib, b->need.memory_mib);
}

typedef struct {
    DemandItem item;
    size_t demand;
} ItemKey;

static int key_compare(const void *a, const void *b)
{
    const ItemKey *left = a, *right = b;
    int order = item_compare(&left->item, &right->item);
    return order ? order : falling((int64_t)right->demand, (int64_t)left->demand);
}

static void items_fill(DemandTable *table, ItemKey *keys, size_t len, Arena *arena)
{
    if (len)
        qsort(keys, len, sizeof *keys, key_compare);
    table->items = arena_new0_n(arena, DemandItem, len + 1);
    for (size_t i = 0; i < len; i++) {
        if (i == 0 || item_compare(&keys[i - 1].item, &keys[i].item) != 0) {
            table->items[table->items_len++] = keys[i].item;
            table->gpu_items_len += keys[i].item.on_gpu_hosts;
        }
        table->item_of[keys[i].demand] = table->items_len - 1;
    }
    table->least_vcpus_e4 = arena_new0_n(arena, int64_t, len + 1);
    table->least_mib = arena_new0_n(arena, int64_t, len + 1);
    for (size_t i = table->items_len; i-- > 0;) {
        bool last = i + 1 == table->items_len || i + 1 == table->gpu_items_len;
        Capacity need = table->items[i].need;
        table->least_vcpus_e4[i] = last ? need.vcpus_e4 : MIN(need.vcpus_e4, table->least_vcpus_e4[i + 1]);
        table->least_mib[i] = last ? need.memory_mib : MIN(need.memory_mib, table->least_mib[i + 1]);
    }
}

DemandTable *demand_table_new(const ComputeEnvironmentSpec *spec, const ScaleCandidates *candidates,
                              const TypeUse *uses, const ScaleDemand *demand, size_t demand_len, Arena *arena)
{
    DemandTable *table = arena_new0(arena, DemandTable);
    *table = (DemandTable){.spec = spec,
                           .candidates = candidates,
                           .uses = uses,
                           .demand = demand,
                           .demand_len = demand_len,
                           .is_refused = arena_new0_n(arena, bool, demand_len + 1),
                           .on_gpu_hosts = arena_new0_n(arena, bool, demand_len + 1),
                           .item_of = arena_new0_n(arena, size_t, demand_len + 1),
                           .unmet = arena_new0_n(arena, ScaleUnmet, demand_len + 1)};
    types_fill(table, arena);
    ItemKey *keys = arena_new0_n(arena, ItemKey, demand_len + 1);
    size_t keys_len = 0, accepted = 0;
    for (size_t i = 0; i < demand_len; i++) {
        ScaleUnmet unmet = {.reason = UNMET_LATER, .type = SCALE_NO_TYPE};
        bool is_late = accepted == DEMAND_ITEMS_MAX || i >= DEMAND_SCAN_MAX;
        table->on_gpu_hosts[i] = !is_late && !plain_host_holds(candidates, demand[i].need);
        if (is_late || !demand_judge(table, &demand[i], table->on_gpu_hosts[i], &unmet)) {
            unmet.demand = i;
            unmet.count = demand[i].count;
            table->is_refused[i] = true;
            table->unmet[table->unmet_len++] = unmet;
            continue;
        }
        accepted++;
        if (demand[i].nodes == 0)
            keys[keys_len++] = (ItemKey){{demand[i].need, table->on_gpu_hosts[i]}, i};
    }
    items_fill(table, keys, keys_len, arena);
    return table;
}

/* ---- order */

int64_t demand_units(const DemandTable *table)
{
    int64_t units = 0;
    for (size_t i = 0; i < table->demand_len; i++)
        if (!table->is_refused[i] && __builtin_add_overflow(units, table->demand[i].count, &units))
            return INT64_MAX;
    return units;
}

void demand_take(const DemandTable *table, int64_t units, int64_t *ret_taken)
{
    for (size_t i = 0; i < table->demand_len; i++) {
        ret_taken[i] = table->is_refused[i] ? 0 : MIN(units, table->demand[i].count);
        units -= ret_taken[i];
    }
}
