/* The four allocation strategies as a table worked by hand; docs/scheduling.md uses the same figures. */
#include "tests/support/scale_fixture.h"

/* Per vCPU: c.2 0.050, c.8 0.050, m.4 0.060, r.2 0.070, g.8 0.300 (with a GPU). */
static const FixtureType types[] = {
    {"c.2", 2, 4000, 0, 100000, 40000, 8},    {"c.8", 8, 16000, 0, 400000, 120000, 3},
    {"g.8", 8, 32000, 1, 2400000, 900000, 0}, {"m.4", 4, 16000, 0, 240000, 100000, 0},
    {"r.2", 2, 16000, 0, 140000, 70000, 5},
};
enum { C2, C8, G8, M4, R2 };

typedef struct {
    const char *what;
    ComputeType type;
    AllocationStrategy allocation;
    ScaleDemand demand;
    size_t cooling; /* a type, or SCALE_NO_TYPE */
    const char *launches;
} Row;

#define EC2         CE_TYPE_EC2
#define SPOT        CE_TYPE_SPOT
#define FIT         ALLOCATION_BEST_FIT
#define PROGRESSIVE ALLOCATION_BEST_FIT_PROGRESSIVE
#define CAPACITY    ALLOCATION_SPOT_CAPACITY_OPTIMIZED
#define PRICE       ALLOCATION_SPOT_PRICE_CAPACITY_OPTIMIZED
#define NONE        SCALE_NO_TYPE

static const Row rows[] = {
    /* 0.100 / 2 = 0.400 / 8: c.2 and c.8 cost the same per vCPU used; c.8 takes more jobs, up to eight. */
    {"16 small jobs", EC2, FIT, {{10000, 1000, 0}, 16, 0, NULL}, NONE, "2 c.8"},
    /* c.2 is full with two; on c.8 0.400 would pay for 2 of its 8 vCPUs. */
    {"2 small jobs", EC2, FIT, {{10000, 1000, 0}, 2, 0, NULL}, NONE, "1 c.2"},
    /* 18 = 2 x 8 + 2 */
    {"the rest gets what suits it", EC2, FIT, {{10000, 1000, 0}, 18, 0, NULL}, NONE, "1 c.2, 2 c.8"},
    /* 15,000 MiB: one each on c.8 (0.400 for 1 vCPU), m.4 (0.240), r.2 (0.140). */
    {"much memory", EC2, PROGRESSIVE, {{10000, 15000, 0}, 3, 0, NULL}, NONE, "3 r.2"},
    {"its type in cool-down: the next", EC2, PROGRESSIVE, {{10000, 15000, 0}, 3, 0, NULL}, R2, "3 m.4"},
    {"its type in cool-down: waits", EC2, FIT, {{10000, 15000, 0}, 3, 0, NULL}, R2, ""},
    {"a GPU", EC2, FIT, {{10000, 1000, 1}, 2, 0, NULL}, NONE, "2 g.8"},
    /* 20,000 MiB: only the GPU host holds it, so it may. */
    {"only a GPU host holds it", EC2, FIT, {{10000, 20000, 0}, 1, 0, NULL}, NONE, "1 g.8"},
    {"a Spot price is cheapest per vCPU", SPOT, PROGRESSIVE, {{20000, 4000, 0}, 4, 0, NULL}, NONE, "1 c.8"},
    /* Rank 0 is m.4 (and g.8, which is not for this job). */
    {"the deepest pool", SPOT, CAPACITY, {{20000, 4000, 0}, 4, 0, NULL}, NONE, "2 m.4"},
    {"then the next", SPOT, CAPACITY, {{20000, 4000, 0}, 4, 0, NULL}, M4, "1 c.8"},
    /* 2 jobs of 2 vCPUs: m.4 0.100 x (10 + 0) / 4 = 0.250; c.2 0.040 x (10 + 8) / 2 = 0.360;
     * c.8 0.120 x 13 / 4 = 0.390; r.2 0.070 x 15 / 2 = 0.525. By price alone c.2 would be taken (0.020). */
    {"price and rank", SPOT, PRICE, {{20000, 4000, 0}, 2, 0, NULL}, NONE, "1 m.4"},
    {"price alone", SPOT, PROGRESSIVE, {{20000, 4000, 0}, 2, 0, NULL}, NONE, "2 c.2"},
    /* 4 jobs: c.8 0.120 x 13 / 8 = 0.195 is now the best. */
    {"price and rank, more jobs", SPOT, PRICE, {{20000, 4000, 0}, 4, 0, NULL}, NONE, "1 c.8"},
};

static void test_table(void)
{
    g_autoptr(ScaleCandidates) candidates = fixture_candidates(types, G_N_ELEMENTS(types));
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        const Row *row = &rows[i];
        g_autoptr(Arena) arena = arena_new();
        ComputeEnvironmentSpec spec = fixture_spec(row->type, row->allocation, 1000);
        ScalePool pool = {row->cooling, SCALE_EVERY_ZONE, row->type == SPOT, 5000};
        ScaleInput input = {.spec = &spec,
                            .candidates = candidates,
                            .now_ms = 1000,
                            .demand = &row->demand,
                            .demand_len = 1,
                            .cooling = &pool,
                            .cooling_len = row->cooling != NONE};
        ScaleDecisions decisions;
        scale_run(&input, arena, &decisions);
        g_autofree char *launches = fixture_launches(&input, &decisions);
        g_test_message("%s", row->what);
        g_assert_cmpstr(launches, ==, row->launches);
        g_assert_cmpuint(decisions.unmet_len, ==, row->launches[0] ? 0 : 1);
    }
}

static bool prefers(const ScaleCandidates *candidates, const ComputeEnvironmentSpec *spec, size_t a, size_t b)
{
    StrategyOffer left = {&candidates->types[a], a, 20000, 1}, right = {&candidates->types[b], b, 20000, 1};
    return strategy_prefers(spec, &left, &right);
}

static void test_unknown_prices(void)
{
    g_autoptr(ScaleCandidates) candidates = fixture_candidates(types, G_N_ELEMENTS(types));
    ComputeEnvironmentSpec spec = fixture_spec(EC2, PROGRESSIVE, 100);
    for (size_t i = 0; i < candidates->len; i++)
        candidates->types[i].price_micro_per_h = SCALE_UNKNOWN;
    /* by vCPU, then memory */
    g_assert_true(prefers(candidates, &spec, C2, R2) && prefers(candidates, &spec, R2, M4) &&
                  prefers(candidates, &spec, M4, C8));
    candidates->types[C8].price_micro_per_h = 400000;
    g_assert_true(prefers(candidates, &spec, C8, C2)); /* a known price goes first */
    g_assert_cmpint(strategy_price(&spec, &candidates->types[C2]), ==, SCALE_UNKNOWN);
}

static void test_unknown_ranks(void)
{
    g_autoptr(ScaleCandidates) candidates = fixture_candidates(types, G_N_ELEMENTS(types));
    ComputeEnvironmentSpec spec = fixture_spec(SPOT, CAPACITY, 100);
    for (size_t i = 0; i < candidates->len; i++)
        candidates->types[i].rank = SCALE_UNKNOWN;
    g_assert_true(prefers(candidates, &spec, C2, R2) && prefers(candidates, &spec, R2, M4)); /* by price */
    candidates->types[C2].rank = SCALE_RANK_MIDDLE + 1;
    g_assert_true(prefers(candidates, &spec, M4, C2)); /* unknown counts as the middle */
    candidates->types[C2].rank = SCALE_RANK_MIDDLE - 1;
    g_assert_true(prefers(candidates, &spec, C2, M4));
}

static void test_spot_limit(void)
{
    ComputeEnvironmentSpec spec = fixture_spec(SPOT, PROGRESSIVE, 100);
    ScaleCandidate candidate = {.price_micro_per_h = 1000, .spot_micro_per_h = 400};
    g_assert_cmpint(strategy_max_price(&spec, &candidate), ==, SCALE_UNKNOWN); /* 100 %: EC2 caps it */
    spec.bid_percentage = 40;
    g_assert_cmpint(strategy_max_price(&spec, &candidate), ==, 400);
    g_assert_cmpint(strategy_admits(&spec, &candidate), ==, STRATEGY_SPOT_PRICE); /* not below */
    spec.bid_percentage = 41;
    g_assert_cmpint(strategy_admits(&spec, &candidate), ==, STRATEGY_ADMITTED);
    candidate.spot_micro_per_h = SCALE_UNKNOWN;
    g_assert_cmpint(strategy_admits(&spec, &candidate), ==, STRATEGY_ADMITTED); /* EC2 keeps to the limit */
    g_assert_cmpint(strategy_price(&spec, &candidate), ==, 410);
    candidate.price_micro_per_h = SCALE_UNKNOWN;
    g_assert_cmpint(strategy_admits(&spec, &candidate), ==, STRATEGY_PRICE_UNKNOWN);
    spec.type = EC2;
    g_assert_cmpint(strategy_admits(&spec, &candidate), ==, STRATEGY_ADMITTED); /* no Spot, no limit */
}

static void test_max(void)
{
    ComputeEnvironmentSpec spec = fixture_spec(EC2, FIT, 16);
    g_assert_false(strategy_may_exceed(&spec));
    spec.type = SPOT;
    g_assert_true(strategy_may_exceed(&spec));
    spec.strict_max = true;
    g_assert_false(strategy_may_exceed(&spec));
    spec = fixture_spec(CE_TYPE_FARGATE, PROGRESSIVE, 4);
    g_assert_false(strategy_may_exceed(&spec));
    g_assert_cmpint(scale_growth_room_e4(&spec, 37500), ==, 2500);
    g_assert_cmpint(scale_growth_room_e4(&spec, 40000), ==, 0);
    g_assert_cmpint(scale_growth_room_e4(&spec, 50000), ==, 0);
    spec.max_vcpus = 0;
    g_assert_cmpint(scale_growth_room_e4(&spec, 50000), ==, INT64_MAX);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/scale/strategy/table", test_table);
    g_test_add_func("/scale/strategy/unknown-prices", test_unknown_prices);
    g_test_add_func("/scale/strategy/unknown-ranks", test_unknown_ranks);
    g_test_add_func("/scale/strategy/spot-limit", test_spot_limit);
    g_test_add_func("/scale/strategy/max", test_max);
    return g_test_run();
}
