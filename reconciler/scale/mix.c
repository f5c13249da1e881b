#include "reconciler/scale/mix.h"

#define MEMORY_STEPS 64           /* shares of memory's highest worth that are looked at for the best one */
#define GPU_STEPS    16           /* the same of GPUs */
#define MEMORY_TRIES 4            /* of these, in equal distances, that are packed by */
#define UNITS        4096         /* of worth in a millionth of the currency */
#define CLOSE_ENOUGH INT64_C(512) /* 1/512 above the bound ends the search */

/* ---- what a vCPU, a MiB and a GPU are worth */

/* What jobs on one kind of host need in sum. */
typedef struct {
    __int128 vcpus_e4, mib, gpus;
} Sum;

typedef struct {
    const DemandTable *table;
    bool on_gpu_hosts;
    PackWorth best;
    __int128 best_value; /* of the sum */
} Valuation;

static Sum sum_of(const DemandTable *table, const int64_t *taken, bool on_gpu_hosts)
{
    Sum sum = {0};
    for (size_t i = 0; i < table->demand_len; i++) {
        Capacity need = table->demand[i].need;
        if (table->is_refused[i] || table->demand[i].nodes > 0 || table->on_gpu_hosts[i] != on_gpu_hosts)
            continue;
        sum.vcpus_e4 += (__int128)need.vcpus_e4 * taken[i];
        sum.mib += (__int128)need.memory_mib * taken[i];
        sum.gpus += (__int128)need.gpus * taken[i];
    }
    return sum;
}

static __int128 sum_value(Sum sum, PackWorth worth)
{
    return sum.vcpus_e4 * worth.vcpu_e4 + sum.mib * worth.mib + sum.gpus * worth.gpu;
}

/* The next type from *at on that such jobs may be on and that has a cost, in UNITS; NULL: no more. */
static const ScaleCandidate *type_next(const Valuation *of, size_t *at, __int128 *ret_cost)
{
    const DemandTable *table = of->table;
    while (*at < table->types_len) {
        const ScaleCandidate *candidate = &table->candidates->types[table->types[(*at)++]];
        int64_t cost = strategy_cost(table->spec, candidate);
        if (cost < 0 || (candidate->planned.gpus > 0) != of->on_gpu_hosts)
            continue;
        *ret_cost = (__int128)cost * UNITS;
        return candidate;
    }
    return NULL;
}

static int64_t least(int64_t a, __int128 b)
{
    return b < a ? (int64_t)b : a;
}

/* The worth of each where it alone counts. */
static PackWorth worth_highest(const Valuation *of)
{
    PackWorth worth = {INT64_MAX, INT64_MAX, INT64_MAX};
    __int128 cost;
    const ScaleCandidate *type;
    for (size_t at = 0; (type = type_next(of, &at, &cost));) {
        worth.mib = least(worth.mib, cost / MAX(type->planned.memory_mib, 1));
        if (type->planned.gpus)
            worth.gpu = least(worth.gpu, cost / type->planned.gpus);
    }
    worth.mib = worth.mib == INT64_MAX ? 0 : worth.mib;
    worth.gpu = worth.gpu == INT64_MAX || !of->on_gpu_hosts ? 0 : worth.gpu;
    return worth;
}

/* What that leaves for a vCPU; below 0: some type offers more than it costs without any. */
static int64_t vcpu_worth(const Valuation *of, int64_t mib, int64_t gpu)
{
    int64_t worth = INT64_MAX;
    __int128 cost;
    const ScaleCandidate *type;
    for (size_t at = 0; (type = type_next(of, &at, &cost));) {
        __int128 left = cost - (__int128)mib * type->planned.memory_mib - (__int128)gpu * type->planned.gpus;
        if (left < 0)
            return -1;
        worth = least(worth, left / MAX(type->planned.vcpus_e4, 1));
    }
    return worth == INT64_MAX ? 0 : worth;
}

/* Where memory is worth this share of its highest worth: the rest as it is worth most to the sum. */
static void value_share(Valuation *of, Sum sum, PackWorth highest, int64_t share)
{
    int64_t mib = highest.mib / MEMORY_STEPS * share;
    for (int64_t step = 0; step <= (highest.gpu ? GPU_STEPS : 0); step++) {
        int64_t gpu = highest.gpu / GPU_STEPS * step, vcpu = vcpu_worth(of, mib, gpu);
        PackWorth worth = {vcpu, mib, gpu};
        __int128 value = sum_value(sum, worth);
        if (vcpu >= 0 && value > of->best_value) {
            of->best = worth;
            of->best_value = value;
        }
    }
}

/* share: as above, or -1 for the best one. Returns what the sum is worth at most, in UNITS. */
static __int128 value_kind(const DemandTable *table, Sum sum, bool on_gpu_hosts, int64_t share,
                           PackWorth *ret_worth)
{
    Valuation of = {table, on_gpu_hosts, {.vcpu_e4 = 1}, 0};
    if (sum.vcpus_e4 || sum.mib || sum.gpus) {
        PackWorth highest = worth_highest(&of);
        for (int64_t at = MAX(share, 0); at <= (share < 0 ? MEMORY_STEPS : share); at++)
            value_share(&of, sum, highest, at);
    }
    *ret_worth = of.best;
    return of.best_value;
}

/* ---- which plan */

/* SCALE_UNKNOWN: of a type whose cost is not known, or it does not serve all now. */
static int64_t plan_cost(const DemandTable *table, const Pack *pack)
{
    int64_t sum = 0;
    if (pack->end != PACK_WHOLE || pack->waiting || pack->waiting_gangs)
        return SCALE_UNKNOWN;
    for (size_t i = 0; i < table->candidates->len; i++) {
        int64_t cost = pack->launches[i] ? strategy_cost(table->spec, &table->candidates->types[i]) : 0;
        if (cost < 0 || __builtin_mul_overflow(cost, pack->launches[i], &cost) ||
            __builtin_add_overflow(sum, cost, &sum))
            return SCALE_UNKNOWN;
    }
    return sum;
}

typedef struct {
    const DemandTable *table;
    const int64_t *taken;
    PackLimits limits;
    Arena *arena;
    Sum sums[2]; /* on hosts without GPUs, and with */
    int64_t steps;
    int64_t vcpus_left; /* of the limits, by the first plan, at most 0: below that no other may go */
    Pack *best;
    int64_t best_cost;
    __int128 bound; /* no mix costs less */
    PackRule best_rule;
} Mix;

static bool is_close(const Mix *mix)
{
    return mix->best_cost - mix->best_cost / CLOSE_ENOUGH <= mix->bound;
}

static void mix_try(Mix *mix, const PackRule *rule)
{
    if (mix->steps < 0 || is_close(mix))
        return;
    Pack *pack = pack_by_rule(mix->table, mix->taken, mix->limits, rule, &mix->steps, mix->arena);
    int64_t cost = pack ? plan_cost(mix->table, pack) : SCALE_UNKNOWN;
    if (cost < 0 || cost >= mix->best_cost || pack->left.vcpus < mix->vcpus_left)
        return;
    mix->best = pack;
    mix->best_cost = cost;
    mix->best_rule = *rule;
}

/* Both ways of filling, where memory is worth this share of its highest worth; -1: the best share. */
static void mix_try_share(Mix *mix, int64_t share)
{
    PackRule rule = {0};
    __int128 value = 0;
    for (int kind = 0; kind < 2; kind++)
        value += value_kind(mix->table, mix->sums[kind], kind == 1, share, &rule.worth[kind]);
    mix->bound = MAX(mix->bound, value / UNITS);
    for (rule.fill = FILL_FALLING; rule.fill <= FILL_BALANCED; rule.fill++)
        mix_try(mix, &rule);
}

/* Leaves out one type after the other of those that the best plan has, while that makes it cheaper: what is
 * the best offer for one instance may leave a dear rest. */
static void mix_try_without(Mix *mix)
{
    size_t len = mix->table->candidates->len;
    bool *without = arena_new0_n(mix->arena, bool, len + 1);
    for (size_t i = 0; i < len; i++) {
        if (!mix->best->launches[i])
            continue;
        int64_t before = mix->best_cost;
        PackRule rule = mix->best_rule;
        rule.without = without;
        without[i] = true;
        for (rule.fill = FILL_FALLING; rule.fill <= FILL_BALANCED; rule.fill++)
            mix_try(mix, &rule);
        without[i] = mix->best_cost < before;
        if (without[i])
            i = SIZE_MAX; /* from the first again */
    }
}

Pack *mix_cheapest(const DemandTable *table, const int64_t *taken, PackLimits limits, Pack *first,
                   Arena *arena)
{
    Mix mix = {.table = table,
               .taken = taken,
               .limits = limits,
               .arena = arena,
               .sums = {sum_of(table, taken, false), sum_of(table, taken, true)},
               .steps = MIX_STEPS_MAX,
               .vcpus_left = MIN(first->left.vcpus, 0),
               .best = first,
               .best_cost = plan_cost(table, first),
               .best_rule = {.worth = {{.vcpu_e4 = 1}, {.vcpu_e4 = 1}}}};
    if (mix.best_cost <= 0 || first->steps > MIX_STEPS_MAX)
        return first;
    mix_try_share(&mix, -1);
    for (int64_t share = 0; share <= MEMORY_STEPS; share += MEMORY_STEPS / MEMORY_TRIES)
        mix_try_share(&mix, share);
    mix_try_without(&mix);
    return mix.best;
}
