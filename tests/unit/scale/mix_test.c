/* The cheapest of several plans: what it is judged by, and where the first one stands. */
#include "reconciler/scale/mix.h"
#include "tests/support/scale_fixture.h"

static const FixtureType types[] = {
    {"m.4", 4, 16000, 0, 240000, 240000, 0},
    {"r.2", 2, 16000, 0, 140000, 140000, 10},
};
enum { M4, R2, TYPES };
/* By vCPUs 1 m.4 and 2 r.2, 0.52 per hour; 3 r.2 cost 0.42. */
static const ScaleDemand demand[] = {
    {.need = {10000, 12000, 0}, .count = 3},
    {.need = {10000, 1000, 0}, .count = 3},
};
static const int64_t taken[] = {3, 3};
static const PackLimits unlimited = {INT64_MAX, INT64_MAX, 1000};

typedef struct {
    ScaleCandidates *candidates;
    ComputeEnvironmentSpec spec;
    TypeUse uses[TYPES];
    Arena *arena;
    PackLimits limits;
    Pack *first, *best;
} Fixture;

static void set_up(Fixture *fixture, gconstpointer data)
{
    (void)data;
    *fixture = (Fixture){.candidates = fixture_candidates(types, TYPES),
                         .spec = fixture_spec(CE_TYPE_EC2, ALLOCATION_BEST_FIT_PROGRESSIVE, 0),
                         .arena = arena_new(),
                         .limits = unlimited};
}

static void tear_down(Fixture *fixture, gconstpointer data)
{
    (void)data;
    scale_candidates_free(fixture->candidates);
    arena_free(fixture->arena);
}

static void plan(Fixture *fixture)
{
    DemandTable *table = demand_table_new(&fixture->spec, fixture->candidates, fixture->uses, demand,
                                          G_N_ELEMENTS(demand), fixture->arena);
    fixture->first = pack_demand(table, taken, fixture->limits, fixture->arena);
    fixture->best = mix_cheapest(table, taken, fixture->limits, fixture->first, fixture->arena);
}

static void expect(const Pack *pack, int64_t m4, int64_t r2)
{
    g_assert_cmpint(pack->launches[M4], ==, m4);
    g_assert_cmpint(pack->launches[R2], ==, r2);
}

static void test_cheaper(Fixture *fixture, gconstpointer data)
{
    (void)data;
    plan(fixture);
    expect(fixture->first, 1, 2);
    expect(fixture->best, 0, 3);
    g_assert_cmpint(fixture->best->left.instances, ==, 1000 - 3);
}

/* By price times (10 + rank) r.2 costs 2.80, m.4 2.40. */
static void test_rank_weighs(Fixture *fixture, gconstpointer data)
{
    (void)data;
    fixture->spec = fixture_spec(CE_TYPE_SPOT, ALLOCATION_SPOT_PRICE_CAPACITY_OPTIMIZED, 0);
    plan(fixture);
    expect(fixture->best, 3, 0);
    fixture->candidates->types[R2].rank = 0;
    plan(fixture);
    expect(fixture->best, 0, 3);
}

static void test_rank_comes_first(Fixture *fixture, gconstpointer data)
{
    (void)data;
    fixture->spec = fixture_spec(CE_TYPE_SPOT, ALLOCATION_SPOT_CAPACITY_OPTIMIZED, 0);
    fixture->candidates->types[R2].rank = 0;
    plan(fixture);
    expect(fixture->first, 1, 2);
    g_assert_true(fixture->best == fixture->first);
}

static void test_price_unknown(Fixture *fixture, gconstpointer data)
{
    (void)data;
    fixture->candidates->types[M4].price_micro_per_h = SCALE_UNKNOWN;
    fixture->candidates->types[R2].price_micro_per_h = SCALE_UNKNOWN;
    plan(fixture);
    g_assert_true(fixture->best == fixture->first);
}

static DemandTable *table_new(Fixture *fixture)
{
    return demand_table_new(&fixture->spec, fixture->candidates, fixture->uses, demand, G_N_ELEMENTS(demand),
                            fixture->arena);
}

static Pack *cheapest(Fixture *fixture)
{
    return mix_cheapest(table_new(fixture), taken, fixture->limits, fixture->first, fixture->arena);
}

/* A plan that waits serves less now: that it costs less or more says nothing. */
static void test_waiting(Fixture *fixture, gconstpointer data)
{
    (void)data;
    int64_t waiting[2] = {0};
    plan(fixture);
    fixture->first->waiting = waiting;
    g_assert_true(cheapest(fixture) == fixture->first);
    fixture->first->waiting = NULL;
    fixture->first->waiting_gangs = waiting;
    g_assert_true(cheapest(fixture) == fixture->first);
}

/* 3 r.2 have 6 vCPUs. */
static void test_exceeds_no_further(Fixture *fixture, gconstpointer data)
{
    (void)data;
    plan(fixture);
    fixture->limits.vcpus = 5;
    fixture->first->left.vcpus = 0;
    g_assert_true(cheapest(fixture) == fixture->first);
    fixture->first->left.vcpus = -1;
    expect(cheapest(fixture), 0, 3);
}

static void test_much_to_do(Fixture *fixture, gconstpointer data)
{
    (void)data;
    plan(fixture);
    g_assert_cmpint(fixture->first->steps, >, 0);
    fixture->first->steps = MIX_STEPS_MAX + 1;
    g_assert_true(cheapest(fixture) == fixture->first);
}

static void test_gives_up(Fixture *fixture, gconstpointer data)
{
    (void)data;
    DemandTable *table = table_new(fixture);
    const PackRule rule = {.worth = {{.vcpu_e4 = 1}, {.vcpu_e4 = 1}}, .fill = FILL_BALANCED};
    int64_t steps = 1000;
    g_assert_nonnull(pack_by_rule(table, taken, unlimited, &rule, &steps, fixture->arena));
    int64_t needed = 1000 - steps;
    g_assert_cmpint(needed, >, 0);
    steps = needed - 1;
    g_assert_null(pack_by_rule(table, taken, unlimited, &rule, &steps, fixture->arena));
    steps = needed;
    g_assert_nonnull(pack_by_rule(table, taken, unlimited, &rule, &steps, fixture->arena));
    g_assert_cmpint(steps, ==, 0);
}

/* In balance an instance takes kinds of jobs in turn, and vCPUs and memory are used up together; in falling
 * order what needs much memory leaves vCPUs over. Worth: half of the price for all vCPUs, half for all
 * memory. */
static void test_balance(Fixture *fixture, gconstpointer data)
{
    (void)data;
    static const FixtureType one[] = {{"m.8", 8, 32000, 0, 400000, -1, -1}};
    static const ScaleDemand both[] = {{.need = {10000, 6400, 0}, .count = 8},
                                       {.need = {10000, 1600, 0}, .count = 8}};
    static const int64_t all[] = {8, 8};
    g_autoptr(ScaleCandidates) candidates = fixture_candidates(one, 1);
    DemandTable *table = demand_table_new(&fixture->spec, candidates, fixture->uses, both, 2, fixture->arena);
    PackRule rule = {.worth = {{.vcpu_e4 = 2, .mib = 5}, {.vcpu_e4 = 2, .mib = 5}}, .fill = FILL_BALANCED};
    int64_t steps = 1000;
    Pack *pack = pack_by_rule(table, all, unlimited, &rule, &steps, fixture->arena);
    g_assert_cmpint(pack->launches[0], ==, 2);
    g_assert_cmpuint(pack->bins_len, ==, 1);
    g_assert_cmpint(pack->bins[0].copies, ==, 2);
    g_assert_cmpint(pack->bins[0].parts[0].count, ==, 4);
    rule.fill = FILL_FALLING;
    pack = pack_by_rule(table, all, unlimited, &rule, &steps, fixture->arena);
    g_assert_cmpint(pack->bins[0].parts[0].count, ==, 5);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    static const struct {
        const char *name;
        void (*run)(Fixture *, gconstpointer);
    } tests[] = {
        {"cheaper", test_cheaper},
        {"rank-weighs", test_rank_weighs},
        {"rank-comes-first", test_rank_comes_first},
        {"price-unknown", test_price_unknown},
        {"waiting", test_waiting},
        {"exceeds-no-further", test_exceeds_no_further},
        {"much-to-do", test_much_to_do},
        {"gives-up", test_gives_up},
        {"balance", test_balance},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(tests); i++) {
        g_autofree char *path = g_strconcat("/scale/mix/", tests[i].name, NULL);
        g_test_add(path, Fixture, NULL, set_up, tests[i].run, tear_down);
    }
    return g_test_run();
}
