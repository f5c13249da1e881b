/* The worked examples of docs/scheduling.md on scaling: /examples/HEADING/…, each below the example as it
 * stands there (docs.t compares them). Those of scheduling: tests/unit/schedule/examples_test.c. */
#include "tests/support/scale_fixture.h"

#define HOUR INT64_C(3600000)
#define NOON (INT64_C(20000) * 24 * HOUR + 12 * HOUR)

/* The table at the beginning of "Scaling". */
static const FixtureType types[] = {
    {"c.2", 2, 4000, 0, 100000, 40000, 8},    {"c.8", 8, 16000, 0, 400000, 120000, 3},
    {"g.8", 8, 32000, 1, 2400000, 900000, 0}, {"m.4", 4, 16000, 0, 240000, 100000, 0},
    {"r.2", 2, 16000, 0, 140000, 70000, 5},
};
enum { C2, C8, G8, M4, R2 };
/* Types of 2, 4 and 16 vCPUs at one price per vCPU: 0.05 an hour. */
static const FixtureType sizes[] = {
    {"m.16", 16, 64000, 0, 800000, -1, -1},
    {"m.2", 2, 8000, 0, 100000, -1, -1},
    {"m.4", 4, 16000, 0, 200000, -1, -1},
};
enum { M16_OF_SIZES, M2_OF_SIZES, M4_OF_SIZES };

typedef struct {
    ScaleCandidates *candidates;
    ComputeEnvironmentSpec spec;
    ScaleInput input;
    ScaleDemand demand;
    ScaleInstance instances[4];
    ScalePool pool;
    Arena *arena;
    ScaleDecisions decisions;
} Example;

static void example_begin(Example *example, const FixtureType *table, size_t len)
{
    *example = (Example){.candidates = fixture_candidates(table, len),
                         .spec = fixture_spec(CE_TYPE_EC2, ALLOCATION_BEST_FIT_PROGRESSIVE, 1000),
                         .arena = arena_new()};
    example->input = (ScaleInput){.spec = &example->spec,
                                  .candidates = example->candidates,
                                  .now_ms = NOON,
                                  .instances = example->instances,
                                  .demand = &example->demand,
                                  .cooling = &example->pool};
}

static void example_end(Example *example)
{
    scale_candidates_free(example->candidates);
    arena_free(example->arena);
}

static void add_instance(Example *example, size_t type, size_t launches, int64_t idle_ms)
{
    const ScaleCandidate *candidate = &example->candidates->types[type];
    ScaleInstance *instance = &example->instances[example->input.instances_len++];
    *instance = (ScaleInstance){.number = example->input.instances_len,
                                .type = type,
                                .state = SCALE_REGISTERED,
                                .ran = true,
                                .launches = launches,
                                .vcpus = candidate->vcpus,
                                .price_micro_per_h = candidate->price_micro_per_h,
                                .intended_ms = NOON - 4 * HOUR,
                                .idle_since_ms = idle_ms ? NOON - idle_ms : 0};
}

static void want(Example *example, ScaleDemand demand)
{
    example->demand = demand;
    example->input.demand_len = 1;
}

static void expect_launches(Example *example, const char *expected)
{
    arena_reset(example->arena);
    scale_run(&example->input, example->arena, &example->decisions);
    g_autofree char *launches = fixture_launches(&example->input, &example->decisions);
    g_assert_cmpstr(launches, ==, expected);
}

/* ---- How many of which: packing ---- */

/* price / vCPUs of the jobs on it, in thousandths of the unit per hour */
static int64_t cost_milli(size_t type, int64_t used_vcpus)
{
    return types[type].price / used_vcpus / 1000;
}

/* > 18 jobs of 1 vCPU, 1,000 MiB. c.8 takes eight: 0.40 / 8 = 0.05 per vCPU used; c.2 takes two: 0.10 / 2 =
 * 0.05. At > equal cost the one that takes more jobs is preferred, up to eight (fewer machines to boot, and
 * one long job holds > no more than the room of eight). After 2 × c.8 two jobs are left: c.8 would cost 0.40
 * / 2 = 0.20, c.2 0.05. **2 × > c.8, 1 × c.2.** */
static void test_small_jobs(void)
{
    Example example;
    example_begin(&example, types, G_N_ELEMENTS(types));
    g_assert_cmpint(cost_milli(C8, 8), ==, 50);
    g_assert_cmpint(cost_milli(C2, 2), ==, 50);
    g_assert_cmpint(cost_milli(C8, 2), ==, 200);
    want(&example, fixture_jobs(18, 1, 1000));
    expect_launches(&example, "1 c.2, 2 c.8");
    example_end(&example);
}

/* > 3 jobs of 1 vCPU, 15,000 MiB. One each on c.8 (0.40), m.4 (0.24) or r.2 (0.14): **3 × r.2**, although c
 * has the > lowest price per vCPU. */
static void test_much_memory(void)
{
    Example example;
    example_begin(&example, types, G_N_ELEMENTS(types));
    g_assert_cmpint(cost_milli(C8, 1), ==, 400);
    g_assert_cmpint(cost_milli(M4, 1), ==, 240);
    g_assert_cmpint(cost_milli(R2, 1), ==, 140);
    want(&example, fixture_jobs(3, 1, 15000));
    expect_launches(&example, "3 r.2");
    example_end(&example);
}

static void want_two(Example *example, ScaleDemand *both, ScaleDemand first, ScaleDemand second)
{
    both[0] = first;
    both[1] = second;
    example->input.demand = both;
    example->input.demand_len = 2;
}

/* > 3 jobs of 1 vCPU, 12,000 MiB and 3 of 1 vCPU, 1,000 MiB. By vCPUs m.4 is the best offer, one large and
 * three small: 0.24 / 4 = 0.06, r.2 0.14 / 2 = 0.07. That makes 1 × m.4, 2 × r.2: 0.52 per hour. By memory
 * m.4 costs 0.24 for 15,000 MiB, r.2 0.14 for 13,000. **3 × r.2**: 0.42. */
static void test_memory_counts(void)
{
    Example example;
    ScaleDemand both[2];
    example_begin(&example, types, G_N_ELEMENTS(types));
    g_assert_cmpint(cost_milli(M4, 4), ==, 60);
    g_assert_cmpint(cost_milli(R2, 2), ==, 70);
    g_assert_cmpint(types[M4].price + 2 * types[R2].price, ==, 520000);
    g_assert_cmpint(types[M4].price * 13, >, types[R2].price * 15);
    want_two(&example, both, fixture_jobs(3, 1, 12000), fixture_jobs(3, 1, 1000));
    expect_launches(&example, "3 r.2");
    g_assert_cmpint(example.decisions.price_micro_per_h, ==, 420000);
    example_end(&example);
}

/* > 2 jobs of 3 vCPUs, 9,000 MiB and 2 of 2 vCPUs, 6,000 MiB. One of each on c.8 is the best offer for one
 * instance, and 2 × c.8 cost 0.80. Without c.8: **3 × m.4**, 0.72. */
static void test_type_left_out(void)
{
    Example example;
    ScaleDemand both[2];
    example_begin(&example, types, G_N_ELEMENTS(types));
    g_assert_cmpint(types[C8].price * 2, ==, 800000);
    want_two(&example, both, fixture_jobs(2, 3, 9000), fixture_jobs(2, 2, 6000));
    expect_launches(&example, "3 m.4");
    g_assert_cmpint(example.decisions.price_micro_per_h, ==, 720000);
    example_end(&example);
}

/* ---- The four strategies ---- */

static int64_t spot_cost_milli(size_t type, int64_t used_vcpus)
{
    return types[type].spot / used_vcpus / 1000;
}

/* Spot price × (10 + rank) / vCPUs of the jobs on it */
static int64_t ranked_cost_milli(size_t type, int64_t used_vcpus)
{
    return types[type].spot * (10 + types[type].rank) / used_vcpus / 1000;
}

static void expect_spot(Example *example, AllocationStrategy strategy, const char *launches)
{
    example->spec.type = CE_TYPE_SPOT;
    example->spec.allocation = strategy;
    expect_launches(example, launches);
}

/* > 2 jobs of 2 vCPUs, 4,000 MiB on Spot. By price alone c.2: 0.04 / 2 = 0.020 (m.4: 0.10 / 4 = 0.025): **2 ×
 * c.2**. > By capacity m.4, whose rank is 0: **1 × m.4**. By both: m.4 0.10 × 10 / 4 = 0.250; c.2 0.04 × 18 /
 * 2 = 0.360; c.8 > 0.12 × 13 / 4 = 0.390; r.2 0.07 × 15 / 2 = 0.525: **1 × m.4**. With 4 such jobs c.8 is
 * full and costs 0.12 × 13 / 8 > = 0.195: **1 × c.8**. */
static void test_spot(void)
{
    Example example;
    example_begin(&example, types, G_N_ELEMENTS(types));
    g_assert_cmpint(spot_cost_milli(C2, 2), ==, 20);
    g_assert_cmpint(spot_cost_milli(M4, 4), ==, 25);
    g_assert_cmpint(ranked_cost_milli(M4, 4), ==, 250);
    g_assert_cmpint(ranked_cost_milli(C2, 2), ==, 360);
    g_assert_cmpint(ranked_cost_milli(C8, 4), ==, 390);
    g_assert_cmpint(ranked_cost_milli(R2, 2), ==, 525);
    g_assert_cmpint(ranked_cost_milli(C8, 8), ==, 195);
    want(&example, fixture_jobs(2, 2, 4000));
    expect_spot(&example, ALLOCATION_BEST_FIT_PROGRESSIVE, "2 c.2");
    expect_spot(&example, ALLOCATION_SPOT_CAPACITY_OPTIMIZED, "1 m.4");
    expect_spot(&example, ALLOCATION_SPOT_PRICE_CAPACITY_OPTIMIZED, "1 m.4");
    want(&example, fixture_jobs(4, 2, 4000));
    expect_spot(&example, ALLOCATION_SPOT_PRICE_CAPACITY_OPTIMIZED, "1 c.8");
    example_end(&example);
}

/* The order in which the example names them is the strategy's. */
static void test_spot_order(void)
{
    Example example;
    example_begin(&example, types, G_N_ELEMENTS(types));
    ComputeEnvironmentSpec spec = fixture_spec(CE_TYPE_SPOT, ALLOCATION_SPOT_PRICE_CAPACITY_OPTIMIZED, 1000);
    static const struct {
        size_t type;
        int64_t vcpus, jobs;
    } order[] = {{M4, 4, 2}, {C2, 2, 1}, {C8, 4, 2}, {R2, 2, 1}};
    for (size_t i = 0; i + 1 < G_N_ELEMENTS(order); i++) {
        StrategyOffer offers[2];
        for (size_t j = 0; j < 2; j++)
            offers[j] = (StrategyOffer){&example.candidates->types[order[i + j].type], order[i + j].type,
                                        order[i + j].vcpus * DECIMAL_SCALE, order[i + j].jobs};
        g_assert_true(strategy_prefers(&spec, &offers[0], &offers[1]));
    }
    example_end(&example);
}

/* > The three r.2 of above are in cool-down: `BEST_FIT_PROGRESSIVE` starts 3 × m.4, `BEST_FIT` waits and says
 * until > when. */
static void test_cool_down(void)
{
    Example example;
    example_begin(&example, types, G_N_ELEMENTS(types));
    want(&example, fixture_jobs(3, 1, 15000));
    example.pool = (ScalePool){R2, SCALE_EVERY_ZONE, false, NOON + 180000};
    example.input.cooling_len = 1;
    expect_launches(&example, "3 m.4");
    example.spec.allocation = ALLOCATION_BEST_FIT;
    expect_launches(&example, "");
    g_assert_cmpuint(example.decisions.unmet_len, ==, 1);
    g_assert_cmpint(example.decisions.unmet[0].reason, ==, UNMET_COOLING_DOWN);
    g_assert_cmpint(example.decisions.unmet[0].until_ms, ==, NOON + 180000);
    example_end(&example);
}

/* ---- Limits, and the order of demand ---- */

/* > Types of 2, 4 and 16 vCPUs at one price per vCPU; 16 are running, maxvCpus is 23; six jobs of 2 vCPUs.
 * Room for 7: > one of 4, one of 2; 1 vCPU is left, so one more of 2 may be started: 24 in all. Two jobs
 * wait: `AT_MAX_VCPUS`, 16 > of 23 in use when it was decided. Strict: 22. */
static void test_max(void)
{
    Example example;
    example_begin(&example, sizes, G_N_ELEMENTS(sizes));
    add_instance(&example, M16_OF_SIZES, 1, 0);
    example.spec.max_vcpus = 23;
    want(&example, fixture_jobs(6, 2, 1000));
    expect_launches(&example, "2 m.2, 1 m.4");
    g_assert_cmpint(example.decisions.vcpus, ==, 24);
    g_assert_cmpuint(example.decisions.unmet_len, ==, 1);
    const ScaleUnmet *unmet = &example.decisions.unmet[0];
    g_assert_cmpint(unmet->reason, ==, UNMET_AT_MAX_VCPUS);
    g_assert_cmpint(unmet->count, ==, 2);
    g_assert_cmpint(unmet->have, ==, 16);
    g_assert_cmpint(unmet->limit, ==, 23);
    example.spec.strict_max = true;
    expect_launches(&example, "1 m.2, 1 m.4");
    g_assert_cmpint(example.decisions.vcpus, ==, 22);
    example_end(&example);
}

/* > 2.00 per day; at noon 1.40 is spent, 0.20 per hour is running. New instances may cost 2.00 − 1.40 − 0.20
 * = 0.40 > per hour: two at 0.20. With 1.95 spent and nothing running, one at 0.10 per hour may be started at
 * 23:30: half an > hour of it costs 0.05. */
static void test_budget(void)
{
    Example example;
    example_begin(&example, sizes, G_N_ELEMENTS(sizes));
    want(&example, fixture_jobs(10, 2, 1000));
    add_instance(&example, M4_OF_SIZES, 2, 0);
    example.spec.budget_day_micro = 2000000;
    example.input.spent_day_micro = 1400000;
    expect_launches(&example, "2 m.4");
    g_assert_cmpint(example.decisions.price_micro_per_h, ==, 200000 + 400000);
    example.input.instances_len = 0;
    example.input.spent_day_micro = 1950000;
    example.input.now_ms = NOON + 11 * HOUR + HOUR / 2 - 1;
    expect_launches(&example, "");
    example.input.now_ms++;
    expect_launches(&example, "1 m.2");
    g_assert_cmpint(example.decisions.price_micro_per_h / 2, ==, 50000);
    example_end(&example);
}

/* ---- What is stopped ---- */

/* vCPUs that remain. */
static int64_t expect_stopped(Example *example, const char *expected)
{
    arena_reset(example->arena);
    scale_run(&example->input, example->arena, &example->decisions);
    g_autoptr(GString) stopped = g_string_new(NULL);
    int64_t vcpus = example->decisions.vcpus;
    for (size_t i = 0; i < example->decisions.releases_len; i++) {
        g_assert_cmpint(example->decisions.releases[i].kind, ==, RELEASE_STOP);
        g_assert_cmpint(example->decisions.releases[i].reason, ==, RELEASE_IDLE);
        vcpus -= example->instances[example->decisions.releases[i].number - 1].vcpus;
        g_string_append_printf(stopped, "%" G_GUINT64_FORMAT " ", example->decisions.releases[i].number);
    }
    g_assert_cmpstr(stopped->str, ==, expected);
    g_assert_cmpuint(example->decisions.launches_len, ==, 0);
    return vcpus;
}

/* > minvCpus 4; idle: m.16 for 3 hours, 2 × m.2 for 2 and 1 hours. m.16 goes, 4 vCPUs stay. Had m.16 been
 * used last, > both m.2 would go and it would stay. */
static void test_stopped(void)
{
    Example example;
    example_begin(&example, sizes, G_N_ELEMENTS(sizes));
    example.spec.min_vcpus = 4;
    add_instance(&example, M16_OF_SIZES, 0, 3 * HOUR);
    add_instance(&example, M2_OF_SIZES, 0, 2 * HOUR);
    add_instance(&example, M2_OF_SIZES, 0, HOUR);
    g_assert_cmpint(expect_stopped(&example, "1 "), ==, 4);
    example.instances[0].idle_since_ms = NOON - HOUR / 2;
    g_assert_cmpint(expect_stopped(&example, "2 3 "), ==, 16);
    example_end(&example);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/examples/how-many-of-which-packing/small-jobs", test_small_jobs);
    g_test_add_func("/examples/how-many-of-which-packing/much-memory", test_much_memory);
    g_test_add_func("/examples/how-many-of-which-packing/memory-counts", test_memory_counts);
    g_test_add_func("/examples/how-many-of-which-packing/type-left-out", test_type_left_out);
    g_test_add_func("/examples/the-four-strategies/spot", test_spot);
    g_test_add_func("/examples/the-four-strategies/spot-order", test_spot_order);
    g_test_add_func("/examples/the-four-strategies/cool-down", test_cool_down);
    g_test_add_func("/examples/limits-and-the-order-of-demand/max", test_max);
    g_test_add_func("/examples/limits-and-the-order-of-demand/budget", test_budget);
    g_test_add_func("/examples/what-is-stopped/idle", test_stopped);
    return g_test_run();
}
