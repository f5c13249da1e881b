/* Random environments under the scaler: limits hold, every plan of instances holds the jobs it was made for,
 * what can be met is met, the order of what has none plays no role, and packing is no dearer than naive
 * packing. */
#include "reconciler/scale/account.h"
#include "reconciler/scale/mix.h"
#include "spec/base/rng.h"
#include "tests/support/scale_fixture.h"

#define TYPES_MAX     12
#define DEMAND_MAX    24
#define INSTANCES_MAX 16
#define NOW           (INT64_C(20000) * ACCOUNT_MS_PER_DAY + 5000000)

typedef struct {
    Rng rng;
    uint64_t seed;
    FixtureType types[TYPES_MAX];
    char names[TYPES_MAX][8];
    ScaleCandidates *candidates;
    ComputeEnvironmentSpec spec;
    ScaleInput input;
    ScaleDemand demand[DEMAND_MAX];
    ScaleInstance instances[INSTANCES_MAX];
    ScalePool pools[4];
    Arena *arena;
    ScaleDecisions decisions;
} Case;

static int64_t between(Case *c, int64_t low, int64_t high)
{
    return rng_between(&c->rng, low, high);
}

static bool chance(Case *c, int64_t percent)
{
    return between(c, 1, 100) <= percent;
}

static void make_types(Case *c)
{
    size_t len = (size_t)between(c, 1, TYPES_MAX);
    bool gpus = chance(c, 30), priced = chance(c, 85);
    for (size_t i = 0; i < len; i++) {
        int64_t vcpus = INT64_C(1) << between(c, 0, 6), per_vcpu = 1000 * (INT64_C(1) << between(c, 1, 3));
        g_snprintf(c->names[i], sizeof c->names[i], "t%02zu", i);
        c->types[i] = (FixtureType){.name = c->names[i],
                                    .vcpus = vcpus,
                                    .memory_mib = vcpus * per_vcpu - between(c, 0, 300),
                                    .gpus = gpus && chance(c, 40) ? between(c, 1, 4) : 0,
                                    .price = vcpus * between(c, 30, 60) * 1000,
                                    .spot = chance(c, 70) ? vcpus * between(c, 5, 40) * 1000 : -1,
                                    .rank = chance(c, 60) ? between(c, 0, 10) : -1};
        if (!priced && chance(c, 50))
            c->types[i].price = -1;
    }
    c->candidates = fixture_candidates(c->types, len);
}

static void make_spec(Case *c)
{
    ComputeType type = chance(c, 50) ? CE_TYPE_EC2 : CE_TYPE_SPOT;
    c->spec = fixture_spec(type, (AllocationStrategy)between(c, 0, type == CE_TYPE_SPOT ? 3 : 1),
                           chance(c, 20) ? 100000 : between(c, 1, 200));
    c->spec.strict_max = chance(c, 20);
    c->spec.bid_percentage = chance(c, 30) ? between(c, 20, 99) : 100;
    c->spec.min_vcpus = chance(c, 40) ? between(c, 0, MIN(c->spec.max_vcpus, 40)) : 0;
    c->spec.min_scale_down_delay_ms = chance(c, 30) ? 1200000 : 0;
    c->spec.budget_day_micro = chance(c, 20) ? between(c, 1, 20000000) : 0;
}

static void make_instances(Case *c)
{
    c->input.instances_len = (size_t)between(c, 0, INSTANCES_MAX);
    for (size_t i = 0; i < c->input.instances_len; i++) {
        size_t type = (size_t)between(c, 0, (int64_t)c->candidates->len - 1);
        ScaleState state = (ScaleState)between(c, SCALE_INTENDED, SCALE_STOPPING);
        bool idle = state == SCALE_REGISTERED && chance(c, 50);
        c->instances[i] = (ScaleInstance){.number = i + 1,
                                          .type = type,
                                          .state = state,
                                          .ran = chance(c, 50),
                                          .held = chance(c, 10),
                                          .launches = state >= SCALE_REGISTERED && !idle ? 1 : 0,
                                          .vcpus = c->types[type].vcpus,
                                          .price_micro_per_h = c->types[type].price,
                                          .intended_ms = NOW - between(c, 0, 1000000),
                                          .idle_since_ms = idle ? NOW - between(c, 1, 2000000) : 0,
                                          .draining_since_ms = NOW - 1000,
                                          .generation = (uint64_t)(chance(c, 80) ? 2 : 1)};
    }
}

static void make_demand(Case *c)
{
    c->input.demand_len = (size_t)between(c, 0, DEMAND_MAX);
    for (size_t i = 0; i < c->input.demand_len; i++) {
        c->demand[i] = (ScaleDemand){
            .need = {between(c, 1, 8) * (chance(c, 30) ? 2500 : 10000), between(c, 100, 16000), 0},
            .count = chance(c, 50) ? between(c, 1, 3) : between(c, 1, 60)};
        if (chance(c, 10))
            c->demand[i].need.gpus = between(c, 1, 2);
        if (chance(c, 10)) {
            c->demand[i].nodes = between(c, 1, 5);
            c->demand[i].count = between(c, 1, 2);
        }
    }
}

static Case *case_new(uint64_t seed)
{
    Case *c = g_new0(Case, 1);
    c->rng = rng_from_seed(seed);
    c->seed = seed;
    c->arena = arena_new();
    make_types(c);
    make_spec(c);
    c->input = (ScaleInput){.spec = &c->spec,
                            .candidates = c->candidates,
                            .now_ms = NOW,
                            .generation = 2,
                            .zones = (size_t)between(c, 1, 3),
                            .instances = c->instances,
                            .demand = c->demand,
                            .cooling = c->pools,
                            .cooling_len = (size_t)between(c, 0, 4),
                            .spent_day_micro = between(c, 0, 10000000)};
    make_instances(c);
    make_demand(c);
    for (size_t i = 0; i < c->input.cooling_len; i++)
        c->pools[i] = (ScalePool){(size_t)between(c, 0, TYPES_MAX), (size_t)between(c, 0, 3),
                                  c->spec.type == CE_TYPE_SPOT, NOW + between(c, -10, 100000)};
    return c;
}

static void case_free(Case *c)
{
    arena_free(c->arena);
    scale_candidates_free(c->candidates);
    g_free(c);
}

/* ---- checks of one run */

static void check_limits(const Case *c)
{
    const ScaleDecisions *out = &c->decisions;
    int64_t current = 0, started = 0, largest = 0, new_price = 0, running = 0;
    for (size_t i = 0; i < c->input.instances_len; i++) {
        current += c->instances[i].vcpus;
        running += c->instances[i].price_micro_per_h;
    }
    for (size_t i = 0; i < out->launches_len; i++) {
        const ScaleLaunch *launch = &out->launches[i];
        const ScaleCandidate *candidate = &c->candidates->types[launch->type];
        g_assert_cmpint(launch->count, >, 0);
        started += launch->count * candidate->vcpus;
        largest = MAX(largest, candidate->vcpus);
        new_price += launch->count * strategy_price(&c->spec, candidate);
        g_assert_cmpint(strategy_admits(&c->spec, candidate), ==, STRATEGY_ADMITTED);
    }
    g_assert_cmpint(out->vcpus, ==, current + started);
    if (started && strategy_may_exceed(&c->spec))
        g_assert_cmpint(current + started - largest, <, c->spec.max_vcpus);
    else if (started)
        g_assert_cmpint(current + started, <=, c->spec.max_vcpus);
    if (started && c->spec.budget_day_micro) /* NOW is more than an hour before midnight */
        g_assert_cmpint(c->input.spent_day_micro + running + new_price, <=, c->spec.budget_day_micro);
}

static const ScaleInstance *instance_of(const Case *c, uint64_t number)
{
    return &c->instances[number - 1];
}

static void check_releases(const Case *c)
{
    int64_t kept = 0;
    bool stopped = false;
    for (size_t i = 0; i < c->input.instances_len; i++)
        if (c->instances[i].state <= SCALE_REGISTERED)
            kept +=
                c->instances[i].generation == 2 || c->instances[i].idle_since_ms ? c->instances[i].vcpus : 0;
    for (size_t i = 0; i < c->decisions.releases_len; i++) {
        const ScaleRelease *release = &c->decisions.releases[i];
        const ScaleInstance *instance = instance_of(c, release->number);
        g_assert_true(i == 0 || c->decisions.releases[i - 1].number < release->number);
        if (release->kind == RELEASE_STOP)
            g_assert_cmpuint(instance->launches, ==, 0);
        if (release->reason == RELEASE_NOT_REGISTERED) /* it never was capacity */
            kept -= instance->vcpus;
    }
    for (size_t i = 0; i < c->decisions.releases_len; i++) {
        const ScaleRelease *release = &c->decisions.releases[i];
        const ScaleInstance *instance = instance_of(c, release->number);
        if (release->reason != RELEASE_IDLE && release->reason != RELEASE_MAKE_ROOM)
            continue;
        g_assert_false(instance->held);
        stopped = true;
        kept -= instance->vcpus;
    }
    if (stopped)
        g_assert_cmpint(kept, >=, c->spec.min_vcpus);
}

/* What the plan puts on an instance fits on it, and all of what is met is in the plan. */
static void check_bins(const Case *c)
{
    int64_t planned = 0, met = 0;
    for (size_t i = 0; i < c->decisions.bins_len; i++) {
        const PackBin *bin = &c->decisions.bins[i];
        Capacity used = {0};
        for (size_t j = 0; j < bin->parts_len; j++) {
            used.vcpus_e4 += bin->parts[j].count * bin->parts[j].need.vcpus_e4;
            used.memory_mib += bin->parts[j].count * bin->parts[j].need.memory_mib;
            used.gpus += bin->parts[j].count * bin->parts[j].need.gpus;
            planned += bin->copies * bin->parts[j].count;
        }
        g_assert_true(scale_candidate_fits(&c->candidates->types[bin->type], used));
    }
    for (size_t i = 0; i < c->input.demand_len; i++)
        met += c->demand[i].count * MAX(c->demand[i].nodes, 1);
    for (size_t i = 0; i < c->decisions.unmet_len; i++) {
        const ScaleUnmet *unmet = &c->decisions.unmet[i];
        met -= unmet->count * MAX(c->demand[unmet->demand].nodes, 1);
        g_assert_cmpint(unmet->count, >, 0);
        g_assert_true(i == 0 || c->decisions.unmet[i - 1].demand <= unmet->demand);
    }
    g_assert_cmpint(planned, ==, met);
}

/* Whether anything could be started for it, whatever else is there. */
static bool possible(const Case *c, const ScaleDemand *demand)
{
    bool plain = false, any = false;
    for (size_t i = 0; i < c->candidates->len; i++)
        plain = plain || (!c->types[i].gpus && !demand->need.gpus &&
                          scale_candidate_fits(&c->candidates->types[i], demand->need));
    for (size_t i = 0; i < c->candidates->len; i++)
        any = any ||
              (scale_candidate_fits(&c->candidates->types[i], demand->need) && (!plain || !c->types[i].gpus));
    return any && !(demand->nodes && c->spec.type == CE_TYPE_SPOT);
}

/* Without any limit everything that is possible is met, and nothing else is refused. */
static void check_met(Case *c)
{
    c->spec.max_vcpus = 0;
    c->spec.budget_day_micro = 0;
    c->spec.bid_percentage = 100;
    c->input.cooling_len = 0;
    arena_reset(c->arena);
    scale_run(&c->input, c->arena, &c->decisions);
    check_bins(c);
    size_t at = 0;
    for (size_t i = 0; i < c->input.demand_len; i++) {
        bool unmet = at < c->decisions.unmet_len && c->decisions.unmet[at].demand == i;
        g_assert_true(unmet != possible(c, &c->demand[i]));
        if (unmet)
            g_assert_cmpint(c->decisions.unmet[at++].reason, ==, UNMET_NO_TYPE);
    }
}

/* ---- order */

static char *decisions_text(const Case *c)
{
    GString *text = g_string_new(NULL);
    for (size_t i = 0; i < c->decisions.launches_len; i++)
        g_string_append_printf(text, "+%zu x%" G_GINT64_FORMAT " ", c->decisions.launches[i].type,
                               c->decisions.launches[i].count);
    for (size_t i = 0; i < c->decisions.releases_len; i++)
        g_string_append_printf(text, "-%" G_GUINT64_FORMAT " %d ", c->decisions.releases[i].number,
                               c->decisions.releases[i].kind);
    g_string_append_printf(text, "%" G_GINT64_FORMAT, c->decisions.wake_at_ms);
    return g_string_free(text, FALSE);
}

static void shuffle(Case *c, void *list, size_t len, size_t size)
{
    char *at = list;
    g_autofree char *spare = g_malloc(size);
    for (size_t i = len; i > 1; i--) {
        size_t j = rng_below(&c->rng, i);
        memcpy(spare, at + (i - 1) * size, size);
        memmove(at + (i - 1) * size, at + j * size, size);
        memcpy(at + j * size, spare, size);
    }
}

static void check_order(Case *c)
{
    g_autofree char *before = decisions_text(c);
    bool all_met = c->decisions.unmet_len == 0;
    shuffle(c, c->pools, c->input.cooling_len, sizeof *c->pools);
    if (all_met)
        shuffle(c, c->demand, c->input.demand_len, sizeof *c->demand);
    ScaleInstance kept[INSTANCES_MAX];
    memcpy(kept, c->instances, sizeof kept);
    shuffle(c, c->instances, c->input.instances_len, sizeof *c->instances);
    arena_reset(c->arena);
    scale_run(&c->input, c->arena, &c->decisions);
    memcpy(c->instances, kept, sizeof kept);
    g_autofree char *after = decisions_text(c);
    g_assert_cmpstr(before, ==, after);
}

static uint64_t seeds_wanted(uint64_t otherwise)
{
    const char *wanted = g_getenv("MUSTER_SEEDS");
    return wanted ? g_ascii_strtoull(wanted, NULL, 10) : otherwise;
}

static void test_runs(void)
{
    for (uint64_t seed = 1; seed <= seeds_wanted(2000); seed++) {
        Case *c = case_new(seed);
        g_test_message("seed %" G_GUINT64_FORMAT, seed);
        scale_run(&c->input, c->arena, &c->decisions);
        check_limits(c);
        check_releases(c);
        check_bins(c);
        check_order(c);
        check_met(c);
        case_free(c);
    }
}

/* ---- runs one after the other reach an end */

/* Starts what was decided; returns whether anything was. */
static bool carry_out(Case *c, ScaleInstance *instances, size_t *len, size_t max)
{
    bool started = false;
    for (size_t i = 0; i < c->decisions.launches_len; i++)
        for (int64_t j = 0; j < c->decisions.launches[i].count && *len < max; j++) {
            const ScaleCandidate *candidate = &c->candidates->types[c->decisions.launches[i].type];
            instances[*len] = (ScaleInstance){.number = *len + 1,
                                              .type = c->decisions.launches[i].type,
                                              .state = SCALE_REGISTERED,
                                              .launches = 1,
                                              .vcpus = candidate->vcpus,
                                              .price_micro_per_h = strategy_price(&c->spec, candidate),
                                              .generation = 2};
            (*len)++;
            started = true;
        }
    return started;
}

/* What is not met after a run stays not met when the run is repeated with what it started, but for LATER. */
static void test_converges(void)
{
    enum { MANY = 8192 };
    g_autofree ScaleInstance *instances = g_new0(ScaleInstance, MANY);
    for (uint64_t seed = 1; seed <= seeds_wanted(500); seed++) {
        Case *c = case_new(seed);
        size_t len = 0, runs = 0;
        g_test_message("seed %" G_GUINT64_FORMAT, seed);
        c->input.instances = instances;
        c->input.instances_len = 0;
        for (bool more = true; more; runs++) {
            g_assert_cmpuint(runs, <, 60);
            arena_reset(c->arena);
            scale_run(&c->input, c->arena, &c->decisions);
            more = carry_out(c, instances, &len, MANY);
            c->input.instances_len = len;
            ScaleDemand left[DEMAND_MAX]; /* in the old order, so that bins need no looking at */
            size_t left_len = 0;
            for (size_t i = 0; i < c->decisions.unmet_len; i++) {
                ScaleDemand demand = c->demand[c->decisions.unmet[i].demand];
                demand.count = c->decisions.unmet[i].count;
                g_assert_cmpuint(left_len, <, DEMAND_MAX);
                left[left_len++] = demand;
            }
            memcpy(c->demand, left, sizeof left);
            c->input.demand_len = left_len;
        }
        for (size_t i = 0; i < c->decisions.unmet_len; i++)
            g_assert_cmpint(c->decisions.unmet[i].reason, !=, UNMET_LATER);
        case_free(c);
    }
}

/* ---- quality */

static int64_t launches_price(const Case *c)
{
    int64_t price = 0;
    for (size_t i = 0; i < c->decisions.launches_len; i++)
        price += c->decisions.launches[i].count * c->types[c->decisions.launches[i].type].price;
    return price;
}

/* First fit, decreasing by vCPUs, into instances of one type; -1: it cannot hold all. */
static int64_t naive_one_type(const Case *c, const ScaleDemand *sorted, size_t type)
{
    g_autoptr(GArray) bins = g_array_new(FALSE, FALSE, sizeof(Capacity));
    for (size_t i = 0; i < c->input.demand_len; i++) {
        Capacity need = sorted[i].need;
        if (!scale_candidate_fits(&c->candidates->types[type], need))
            return -1;
        for (int64_t j = 0; j < sorted[i].count; j++) {
            guint at = 0;
            while (at < bins->len && (g_array_index(bins, Capacity, at).vcpus_e4 < need.vcpus_e4 ||
                                      g_array_index(bins, Capacity, at).memory_mib < need.memory_mib))
                at++;
            if (at == bins->len)
                g_array_append_val(bins, c->candidates->types[type].planned);
            g_array_index(bins, Capacity, at).vcpus_e4 -= need.vcpus_e4;
            g_array_index(bins, Capacity, at).memory_mib -= need.memory_mib;
        }
    }
    return (int64_t)bins->len * c->types[type].price;
}

static int demand_compare(const void *a, const void *b)
{
    const ScaleDemand *left = a, *right = b;
    if (left->need.vcpus_e4 != right->need.vcpus_e4)
        return left->need.vcpus_e4 < right->need.vcpus_e4 ? 1 : -1;
    return (left->need.memory_mib < right->need.memory_mib) -
           (left->need.memory_mib > right->need.memory_mib);
}

/* The cheapest plan that uses one type only; -1: none holds all. */
static int64_t naive_price(const Case *c)
{
    ScaleDemand sorted[DEMAND_MAX];
    int64_t best = -1;
    memcpy(sorted, c->demand, sizeof sorted);
    qsort(sorted, c->input.demand_len, sizeof *sorted, demand_compare);
    for (size_t i = 0; i < c->candidates->len; i++) {
        int64_t price = naive_one_type(c, sorted, i);
        if (price >= 0 && (best < 0 || price < best))
            best = price;
    }
    return best;
}

static void test_quality(void)
{
    int64_t ours = 0, naive = 0, dearer = 0, compared = 0;
    for (uint64_t seed = 1; seed <= 1000; seed++) {
        Case *c = case_new(seed);
        c->spec = fixture_spec(CE_TYPE_EC2, ALLOCATION_BEST_FIT_PROGRESSIVE, 0);
        c->input.cooling_len = c->input.instances_len = 0;
        for (size_t i = 0; i < c->candidates->len; i++) {
            c->candidates->types[i].planned.gpus = 0;
            if (c->types[i].price < 0)
                c->types[i].price = 50000 * c->types[i].vcpus;
            c->candidates->types[i].price_micro_per_h = c->types[i].price;
        }
        for (size_t i = 0; i < c->input.demand_len; i++)
            c->demand[i].nodes = c->demand[i].need.gpus = 0;
        int64_t other = naive_price(c);
        if (other > 0) {
            scale_run(&c->input, c->arena, &c->decisions);
            g_assert_cmpuint(c->decisions.unmet_len, ==, 0);
            int64_t price = launches_price(c);
            ours += price;
            naive += other;
            compared++;
            dearer += price > other;
        }
        case_free(c);
    }
    g_test_message("%" G_GINT64_FORMAT
                   " compared: %.1f %% of the best plan of one type, dearer in %" G_GINT64_FORMAT,
                   compared, 100.0 * (double)ours / (double)naive, dearer);
    g_assert_cmpint(ours * 100, <=, naive * 94);
    g_assert_cmpint(dearer * 100, <=, compared);
}

/* ---- the cheapest of several plans */

static bool capacity_equal(Capacity a, Capacity b)
{
    return a.vcpus_e4 == b.vcpus_e4 && a.memory_mib == b.memory_mib && a.gpus == b.gpus;
}

/* Of each size as many as were taken. */
static void check_served(const Case *c, const int64_t *taken, const Pack *pack)
{
    for (size_t i = 0; i < c->input.demand_len; i++) {
        int64_t wanted = 0, planned = 0;
        Capacity need = c->demand[i].need;
        for (size_t j = 0; j < c->input.demand_len; j++)
            if (capacity_equal(c->demand[j].need, need))
                wanted += taken[j] * MAX(c->demand[j].nodes, 1);
        for (size_t j = 0; j < pack->bins_len; j++)
            for (size_t k = 0; k < pack->bins[j].parts_len; k++)
                if (capacity_equal(pack->bins[j].parts[k].need, need))
                    planned += pack->bins[j].copies * pack->bins[j].parts[k].count;
        g_assert_cmpint(planned, ==, wanted);
    }
}

static int64_t cost_of(const Case *c, const Pack *pack)
{
    int64_t cost = 0;
    for (size_t i = 0; i < c->candidates->len; i++)
        cost += pack->launches[i] * strategy_cost(&c->spec, &c->candidates->types[i]);
    return cost;
}

/* It serves the same, within the same limits, exceeds maxvCpus no further, and costs less or is the first. */
static void test_mix(void)
{
    int64_t better = 0;
    for (uint64_t seed = 1; seed <= seeds_wanted(2000); seed++) {
        Case *c = case_new(seed);
        int64_t taken[DEMAND_MAX];
        TypeUse uses[TYPES_MAX] = {0};
        g_test_message("seed %" G_GUINT64_FORMAT, seed);
        DemandTable *table =
            demand_table_new(&c->spec, c->candidates, uses, c->demand, c->input.demand_len, c->arena);
        demand_take(table, between(c, 0, 200), taken);
        PackLimits limits = {c->spec.max_vcpus, chance(c, 30) ? between(c, 1000000, 50000000) : INT64_MAX,
                             1000};
        Pack *first = pack_demand(table, taken, limits, c->arena);
        if (first->end == PACK_WHOLE) {
            Pack *best = mix_cheapest(table, taken, limits, first, c->arena);
            check_served(c, taken, best);
            g_assert_cmpint(best->end, ==, PACK_WHOLE);
            g_assert_cmpint(best->left.vcpus, >=, MIN(first->left.vcpus, 0));
            g_assert_true(best == first || cost_of(c, best) < cost_of(c, first));
            better += best != first;
        }
        case_free(c);
    }
    if (!g_getenv("MUSTER_SEEDS"))
        g_assert_cmpint(better, >, 100);
}

/* ---- money */

/* However an interval is split, and in whatever order the parts come: the same account. */
static void test_account(void)
{
    for (uint64_t seed = 1; seed <= seeds_wanted(500); seed++) {
        Rng rng = rng_from_seed(seed);
        int64_t price = rng_between(&rng, -1, 40000000),
                from = NOW - rng_between(&rng, 0, 40 * ACCOUNT_MS_PER_DAY), cuts[9] = {from};
        for (size_t i = 1; i < G_N_ELEMENTS(cuts); i++)
            cuts[i] = cuts[i - 1] + rng_between(&rng, 0, 3 * ACCOUNT_MS_PER_DAY);
        Account whole = {0}, split = {0};
        account_accrue(&whole, price, from, cuts[8]);
        for (size_t i = 8; i-- > 0;) /* latest part first */
            account_accrue(&split, price, cuts[i], cuts[i + 1]);
        account_roll(&whole, cuts[8]);
        account_roll(&split, cuts[8]);
        g_assert_true(memcmp(&whole, &split, sizeof whole) == 0);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/scale/property/runs", test_runs);
    g_test_add_func("/scale/property/converges", test_converges);
    g_test_add_func("/scale/property/quality", test_quality);
    g_test_add_func("/scale/property/mix", test_mix);
    g_test_add_func("/scale/property/account", test_account);
    return g_test_run();
}
