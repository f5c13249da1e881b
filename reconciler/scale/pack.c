#include "reconciler/scale/pack.h"

#define PARTS_MAX 64 /* sizes on one instance; the rest of it stays empty in the plan */
#define SKIPS_MAX 64 /* sizes looked at in a row that do not fit, before an instance counts as full */

typedef struct {
    size_t items[PARTS_MAX];
    int64_t counts[PARTS_MAX];
    size_t len;
} Fill;

typedef struct {
    const DemandTable *table;
    Pack *pack;
    Arena *arena;
    int64_t *remaining; /* by item */
    size_t *next;       /* by item: itself while something remains, else one behind it; see item_next() */
    int64_t steps;      /* left of pack->steps, which becomes what was taken of them */
    bool gives_up;      /* once there are none */
    PackRule rule;
    int64_t *on_it; /* by item, while an instance is filled in balance: how many are on it */
    Fill fills[2];  /* the best of an instance so far, and the one that is tried */
} Packer;

/* free / need, at most `most`; mostly answered without dividing, which is what packing would spend its time
 * on. */
static inline int64_t fits_in(int64_t free, int64_t need, int64_t most)
{
    if (need <= 0 || most <= 0)
        return most;
    return most == 1 || free < 2 * need ? free >= need : MIN(most, free / need);
}

/* How many of need fit into free, at most `most`. */
static int64_t fits(Capacity free, Capacity need, int64_t most)
{
    most = fits_in(free.vcpus_e4, need.vcpus_e4, most);
    most = fits_in(free.memory_mib, need.memory_mib, most);
    return fits_in(free.gpus, need.gpus, most);
}

/* ---- one instance */

/* The first item from `at` on of which something remains. What is used up never comes back, so that paths
 * over such items are shortened for good. */
static size_t item_next(Packer *packer, size_t at)
{
    size_t found = at;
    if (at >= packer->table->items_len || packer->remaining[at])
        return at;
    while (found < packer->table->items_len && !packer->remaining[found])
        found = packer->next[found] > found ? packer->next[found] : found + 1;
    for (size_t i = at; i < found;) {
        size_t further = packer->next[i] > i ? packer->next[i] : i + 1;
        packer->next[i] = found;
        i = further;
    }
    return found;
}

/* The first item from `at` on that asks for no more vCPUs than there are, within those of equal GPUs. */
static size_t item_skip(const DemandTable *table, size_t at, size_t end, int64_t vcpus_e4)
{
    int64_t gpus = table->items[at].need.gpus;
    size_t low = at, high = end;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        Capacity need = table->items[middle].need;
        if (need.gpus == gpus && need.vcpus_e4 > vcpus_e4)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static int64_t worth_of(const Packer *packer, size_t item)
{
    const DemandItem *of = &packer->table->items[item];
    const PackWorth *worth = &packer->rule.worth[of->on_gpu_hosts];
    return of->need.vcpus_e4 * worth->vcpu_e4 + of->need.memory_mib * worth->mib + of->need.gpus * worth->gpu;
}

static size_t items_end(const DemandTable *table, size_t seed)
{
    return table->items[seed].on_gpu_hosts ? table->gpu_items_len : table->items_len;
}

static void offer_put(const Packer *packer, size_t item, int64_t count, Capacity *free, StrategyOffer *offer)
{
    Capacity need = packer->table->items[item].need;
    free->vcpus_e4 -= count * need.vcpus_e4;
    free->memory_mib -= count * need.memory_mib;
    free->gpus -= count * need.gpus;
    offer->worth += count * worth_of(packer, item);
    offer->jobs += count;
}

/* Fills an instance with items from `seed` on, in falling order; seed fits. */
static StrategyOffer fill_falling(Packer *packer, size_t type, size_t seed, Fill *ret_fill)
{
    const DemandTable *table = packer->table;
    const ScaleCandidate *candidate = &table->candidates->types[type];
    size_t end = items_end(table, seed);
    Capacity free = candidate->planned;
    StrategyOffer offer = {candidate, type, 0, 0};
    int skips = 0;
    ret_fill->len = 0;
    for (size_t i = seed; i < end && ret_fill->len < PARTS_MAX && skips < SKIPS_MAX; packer->steps--) {
        if (free.vcpus_e4 < table->least_vcpus_e4[i] || free.memory_mib < table->least_mib[i])
            break;
        Capacity need = table->items[i].need;
        int64_t count = fits(free, need, packer->remaining[i]);
        if (count > 0) {
            offer_put(packer, i, count, &free, &offer);
            ret_fill->items[ret_fill->len] = i;
            ret_fill->counts[ret_fill->len++] = count;
            skips = 0;
        } else {
            skips++;
        }
        i = item_next(packer, i + 1);
        if (i < end && table->items[i].need.vcpus_e4 > free.vcpus_e4)
            i = item_next(packer, item_skip(table, i, end, free.vcpus_e4));
    }
    return offer;
}

/* The part of what is free that one job takes, of vCPUs or memory whichever is more; in 65,536ths. */
static int64_t part_taken(Capacity free, Capacity need)
{
    return MAX(
        MAX((need.vcpus_e4 << 16) / MAX(free.vcpus_e4, 1), (need.memory_mib << 16) / MAX(free.memory_mib, 1)),
        1);
}

/* The item to put on next, jobs with GPUs first; items_len: nothing fits. */
static size_t balanced_next(Packer *packer, size_t seed, Capacity free)
{
    const DemandTable *table = packer->table;
    size_t end = items_end(table, seed), best = table->items_len;
    int64_t best_worth = 0, best_part = 1;
    bool best_gpus = false;
    for (size_t i = seed; i < end; i = item_next(packer, i + 1), packer->steps--) {
        Capacity need = table->items[i].need;
        bool gpus = need.gpus > 0;
        if (packer->remaining[i] <= packer->on_it[i] || !fits(free, need, 1) || (best_gpus && !gpus))
            continue;
        int64_t worth = worth_of(packer, i), part = part_taken(free, need);
        if (best == table->items_len || (gpus && !best_gpus) ||
            (__int128)worth * best_part > (__int128)best_worth * part) {
            best = i;
            best_worth = worth;
            best_part = part;
            best_gpus = gpus;
        }
    }
    return best;
}

/* As fill_falling(); what is put on at once is half of what fits, so that kinds of jobs take turns. */
static StrategyOffer fill_balanced(Packer *packer, size_t type, size_t seed, Fill *ret_fill)
{
    const DemandTable *table = packer->table;
    Capacity free = table->candidates->types[type].planned;
    StrategyOffer offer = {&table->candidates->types[type], type, 0, 0};
    ret_fill->len = 0;
    for (size_t i = seed; i < table->items_len; i = balanced_next(packer, seed, free)) {
        int64_t count = fits(free, table->items[i].need, packer->remaining[i] - packer->on_it[i]);
        count = offer.jobs ? (count + 1) / 2 : 1;
        if (!packer->on_it[i] && ret_fill->len == PARTS_MAX)
            break;
        if (!packer->on_it[i])
            ret_fill->items[ret_fill->len++] = i;
        packer->on_it[i] += count;
        offer_put(packer, i, count, &free, &offer);
    }
    for (size_t i = 0; i < ret_fill->len; i++) {
        ret_fill->counts[i] = packer->on_it[ret_fill->items[i]];
        packer->on_it[ret_fill->items[i]] = 0;
    }
    return offer;
}

static StrategyOffer fill(Packer *packer, size_t type, size_t seed, Fill *ret_fill)
{
    switch (packer->rule.fill) {
    case FILL_FALLING: return fill_falling(packer, type, seed, ret_fill);
    case FILL_BALANCED: return fill_balanced(packer, type, seed, ret_fill);
    }
    g_assert_not_reached();
}

/* How many equal instances there are jobs for. */
static int64_t fill_copies(const Packer *packer, const Fill *filled)
{
    int64_t copies = INT64_MAX;
    for (size_t i = 0; i < filled->len; i++)
        copies = MIN(copies, packer->remaining[filled->items[i]] / filled->counts[i]);
    return copies;
}

/* ---- which type */

typedef enum { WITHIN_MAX, ABOVE_MAX } RoomRule;

static bool has_room(const Packer *packer, const ScaleCandidate *candidate, RoomRule rule)
{
    int64_t room = packer->pack->left.vcpus;
    switch (rule) {
    case WITHIN_MAX: return candidate->vcpus <= room;
    case ABOVE_MAX: return candidate->vcpus > room && room > 0 && strategy_may_exceed(packer->table->spec);
    }
    g_assert_not_reached();
}

static bool has_money(const Packer *packer, const ScaleCandidate *candidate)
{
    int64_t left = packer->pack->left.money_micro_per_h;
    if (left == INT64_MAX)
        return true;
    int64_t price = strategy_price(packer->table->spec, candidate);
    return price >= 0 && price <= left;
}

typedef struct {
    StrategyOffer offer; /* candidate NULL: none */
    const Fill *filled;
    bool too_expensive; /* a type was left out for its price alone */
} Choice;

/* What exceeds maxvCpus exceeds it by as little as can be. */
static bool is_better(const ComputeEnvironmentSpec *spec, RoomRule rule, const StrategyOffer *offer,
                      const StrategyOffer *best)
{
    if (!best->candidate)
        return true;
    if (rule == ABOVE_MAX && offer->candidate->vcpus != best->candidate->vcpus)
        return offer->candidate->vcpus < best->candidate->vcpus;
    return strategy_prefers(spec, offer, best);
}

/* late: once the steps are used up, only the types that the plan has already. */
static void choose(Packer *packer, size_t seed, RoomRule rule, bool late, Choice *choice)
{
    const DemandTable *table = packer->table;
    const DemandItem *item = &table->items[seed];
    size_t spare = 0;
    for (size_t i = 0; i < table->types_len; i++) {
        const ScaleCandidate *candidate = &table->candidates->types[table->types[i]];
        if ((late && !packer->pack->launches[table->types[i]]) ||
            (packer->rule.without && packer->rule.without[table->types[i]]) ||
            !scale_candidate_fits(candidate, item->need) || !demand_may_use(candidate, item->on_gpu_hosts) ||
            !has_room(packer, candidate, rule))
            continue;
        if (!has_money(packer, candidate)) {
            choice->too_expensive = true;
            continue;
        }
        StrategyOffer offer = fill(packer, table->types[i], seed, &packer->fills[spare]);
        if (!is_better(table->spec, rule, &offer, &choice->offer))
            continue;
        choice->offer = offer;
        choice->filled = &packer->fills[spare];
        spare = 1 - spare;
    }
}

static Choice choose_type(Packer *packer, size_t seed)
{
    Choice choice = {.offer.candidate = NULL};
    if (packer->steps < 0)
        choose(packer, seed, WITHIN_MAX, true, &choice);
    if (!choice.offer.candidate)
        choose(packer, seed, WITHIN_MAX, false, &choice);
    if (!choice.offer.candidate)
        choose(packer, seed, ABOVE_MAX, false, &choice);
    return choice;
}

/* ---- taking */

static void limits_take(Packer *packer, const ScaleCandidate *candidate, int64_t copies)
{
    PackLimits *left = &packer->pack->left;
    if (left->vcpus != INT64_MAX)
        left->vcpus -= copies * candidate->vcpus;
    if (left->money_micro_per_h != INT64_MAX)
        left->money_micro_per_h -= copies * strategy_price(packer->table->spec, candidate);
    left->instances -= copies;
}

/* How many of copies the limits leave, when one fits. */
static int64_t limits_cut(const Packer *packer, const ScaleCandidate *candidate, int64_t copies)
{
    const PackLimits *left = &packer->pack->left;
    int64_t price = strategy_price(packer->table->spec, candidate);
    copies = MIN(copies, left->instances);
    if (left->money_micro_per_h != INT64_MAX && price > 0)
        copies = MIN(copies, left->money_micro_per_h / price);
    if (candidate->vcpus > left->vcpus)
        return MIN(copies, 1); /* the one that may exceed maxvCpus */
    return left->vcpus == INT64_MAX || candidate->vcpus == 0 ? copies
                                                             : MIN(copies, left->vcpus / candidate->vcpus);
}

static PackPart *bin_add(Packer *packer, size_t type, int64_t copies, size_t parts_len)
{
    Pack *pack = packer->pack;
    if (pack->bins_len == pack->bins_size) {
        pack->bins_size = pack->bins_size ? 2 * pack->bins_size : 16;
        PackBin *bins = arena_new0_n(packer->arena, PackBin, pack->bins_size);
        for (size_t i = 0; i < pack->bins_len; i++)
            bins[i] = pack->bins[i];
        pack->bins = bins;
    }
    PackPart *parts = arena_new0_n(packer->arena, PackPart, parts_len);
    pack->bins[pack->bins_len++] = (PackBin){type, copies, parts, parts_len};
    return parts;
}

static void choice_take(Packer *packer, const Choice *choice)
{
    Pack *pack = packer->pack;
    const ScaleCandidate *candidate = choice->offer.candidate;
    int64_t copies = limits_cut(packer, candidate, fill_copies(packer, choice->filled));
    PackPart *parts = bin_add(packer, choice->offer.type, copies, choice->filled->len);
    for (size_t i = 0; i < choice->filled->len; i++) {
        size_t item = choice->filled->items[i];
        packer->remaining[item] -= copies * choice->filled->counts[i];
        parts[i] = (PackPart){packer->table->items[item].need, choice->filled->counts[i]};
    }
    pack->launches[choice->offer.type] += copies;
    limits_take(packer, candidate, copies);
}

/* All that is left of the item waits for its type. */
static void item_wait(Packer *packer, size_t item, size_t type)
{
    Pack *pack = packer->pack;
    if (!pack->waiting) {
        pack->waiting = arena_new0_n(packer->arena, int64_t, packer->table->items_len);
        pack->waiting_type = arena_new0_n(packer->arena, size_t, packer->table->items_len);
    }
    pack->waiting[item] = packer->remaining[item];
    pack->waiting_type[item] = type;
    packer->remaining[item] = 0;
}

static PackEnd pack_item(Packer *packer, size_t item)
{
    while (packer->remaining[item]) {
        if (packer->pack->left.instances <= 0 || (packer->gives_up && packer->steps < 0))
            return PACK_INSTANCES;
        Choice choice = choose_type(packer, item);
        if (!choice.offer.candidate)
            return choice.too_expensive ? PACK_MONEY : PACK_VCPUS;
        if (packer->table->uses[choice.offer.type].state == TYPE_COOLING)
            item_wait(packer, item, choice.offer.type);
        else
            choice_take(packer, &choice);
    }
    return PACK_WHOLE;
}

/* ---- gangs */

/* Whether a gang may have its instances of this type now, within maxvCpus without exception. */
static PackEnd gang_limits(const Packer *packer, const ScaleCandidate *candidate, int64_t nodes)
{
    const PackLimits *left = &packer->pack->left;
    int64_t price = strategy_price(packer->table->spec, candidate), vcpus, money;
    if (nodes > left->instances)
        return PACK_INSTANCES;
    if (left->vcpus != INT64_MAX &&
        (__builtin_mul_overflow(nodes, candidate->vcpus, &vcpus) || vcpus > left->vcpus))
        return PACK_VCPUS;
    if (left->money_micro_per_h != INT64_MAX &&
        (price < 0 || __builtin_mul_overflow(nodes, price, &money) || money > left->money_micro_per_h))
        return PACK_MONEY;
    return PACK_WHOLE;
}

/* The best type for a gang's nodes; candidate NULL: none within the limits, and *ret_end says which. */
static StrategyOffer gang_choose(const Packer *packer, const ScaleDemand *gang, bool on_gpu_hosts,
                                 PackEnd *ret_end)
{
    const DemandTable *table = packer->table;
    StrategyOffer best = {0};
    *ret_end = PACK_VCPUS;
    for (size_t i = 0; i < table->candidates->len; i++) {
        const ScaleCandidate *candidate = &table->candidates->types[i];
        bool waits = table->uses[i].state == TYPE_COOLING && strategy_waits(table->spec) && !gang->node_type;
        if ((table->uses[i].state != TYPE_USABLE && !waits) || !scale_candidate_fits(candidate, gang->need) ||
            (gang->node_type ? strcmp(gang->node_type, candidate->name) != 0
                             : !demand_may_use(candidate, on_gpu_hosts)))
            continue;
        PackEnd end = gang_limits(packer, candidate, gang->nodes);
        StrategyOffer offer = {candidate, i, gang->need.vcpus_e4, 1};
        if (end != PACK_WHOLE) {
            if (!best.candidate && *ret_end == PACK_VCPUS)
                *ret_end = end;
        } else if (!best.candidate || strategy_prefers(table->spec, &offer, &best)) {
            best = offer;
            *ret_end = PACK_WHOLE;
        }
    }
    return best;
}

static void gang_wait(Packer *packer, size_t demand, int64_t count, size_t type)
{
    Pack *pack = packer->pack;
    if (!pack->waiting_gangs) {
        pack->waiting_gangs = arena_new0_n(packer->arena, int64_t, packer->table->demand_len);
        pack->waiting_gangs_type = arena_new0_n(packer->arena, size_t, packer->table->demand_len);
    }
    pack->waiting_gangs[demand] = count;
    pack->waiting_gangs_type[demand] = type;
}

static PackEnd pack_gangs(Packer *packer, size_t demand, int64_t count)
{
    const ScaleDemand *gang = &packer->table->demand[demand];
    bool on_gpu_hosts = packer->table->on_gpu_hosts[demand];
    while (count > 0) {
        PackEnd end;
        StrategyOffer offer = gang_choose(packer, gang, on_gpu_hosts, &end);
        if (!offer.candidate)
            return end;
        if (packer->table->uses[offer.type].state == TYPE_COOLING) {
            gang_wait(packer, demand, count, offer.type);
            return PACK_WHOLE;
        }
        int64_t gangs = 1; /* as many as the same type has room for */
        while (gangs < count && gang_limits(packer, offer.candidate, (gangs + 1) * gang->nodes) == PACK_WHOLE)
            gangs++;
        bin_add(packer, offer.type, gangs * gang->nodes, 1)[0] = (PackPart){gang->need, 1};
        packer->pack->launches[offer.type] += gangs * gang->nodes;
        limits_take(packer, offer.candidate, gangs * gang->nodes);
        count -= gangs;
    }
    return PACK_WHOLE;
}

/* ---- all */

static Packer packer_new(const DemandTable *table, PackLimits limits, int64_t steps, Arena *arena)
{
    Packer packer = {.table = table,
                     .pack = arena_new0(arena, Pack),
                     .arena = arena,
                     .remaining = arena_new0_n(arena, int64_t, table->items_len + 1),
                     .next = arena_new0_n(arena, size_t, table->items_len + 1),
                     .steps = steps,
                     .rule = {.worth = {{.vcpu_e4 = 1}, {.vcpu_e4 = 1}}}};
    packer.pack->launches = arena_new0_n(arena, int64_t, table->candidates->len + 1);
    packer.pack->left = limits;
    packer.pack->steps = steps;
    return packer;
}

static void pack_all(Packer *packer, const int64_t *taken)
{
    const DemandTable *table = packer->table;
    PackEnd end = PACK_WHOLE;
    for (size_t i = 0; i < table->demand_len && end == PACK_WHOLE; i++) {
        if (table->is_refused[i])
            continue;
        if (table->demand[i].nodes > 0)
            end = pack_gangs(packer, i, taken[i]);
        else
            packer->remaining[table->item_of[i]] += taken[i];
    }
    for (size_t i = 0; i < table->items_len && end == PACK_WHOLE; i++)
        end = pack_item(packer, i);
    packer->pack->end = end;
    packer->pack->steps -= packer->steps;
}

Pack *pack_demand(const DemandTable *table, const int64_t *taken, PackLimits limits, Arena *arena)
{
    Packer packer = packer_new(table, limits, PACK_STEPS_MAX, arena);
    pack_all(&packer, taken);
    return packer.pack;
}

Pack *pack_by_rule(const DemandTable *table, const int64_t *taken, PackLimits limits, const PackRule *rule,
                   int64_t *steps, Arena *arena)
{
    Packer packer = packer_new(table, limits, *steps, arena);
    packer.on_it = arena_new0_n(arena, int64_t, table->items_len + 1);
    packer.rule = *rule;
    packer.gives_up = true;
    pack_all(&packer, taken);
    *steps = packer.steps;
    return packer.steps < 0 ? NULL : packer.pack;
}
