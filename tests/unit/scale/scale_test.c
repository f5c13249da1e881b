/* One run at a time: limits, budgets, gangs, cool-downs, minvCpus, and what is released. */
#include "tests/support/scale_fixture.h"

static const FixtureType types[] = {
    {"g.8", 8, 32000, 1, 2400000, -1, -1},
    {"m.16", 16, 64000, 0, 800000, -1, -1},
    {"m.2", 2, 8000, 0, 100000, -1, -1},
    {"m.4", 4, 16000, 0, 200000, -1, -1},
};
enum { G8, M16, M2, M4 };
#define HOUR INT64_C(3600000)
#define NOON (INT64_C(20000) * 24 * HOUR + 12 * HOUR)

typedef struct {
    ScaleCandidates *candidates;
    ComputeEnvironmentSpec spec;
    ScaleInput input;
    ScaleDemand demand[4];
    ScaleInstance instances[8];
    ScalePool pools[4];
    Arena *arena;
    ScaleDecisions decisions;
} Fixture;

static void set_up(Fixture *fixture, gconstpointer data)
{
    (void)data;
    fixture->candidates = fixture_candidates(types, G_N_ELEMENTS(types));
    fixture->spec = fixture_spec(CE_TYPE_EC2, ALLOCATION_BEST_FIT_PROGRESSIVE, 64);
    fixture->arena = arena_new();
    fixture->input = (ScaleInput){.spec = &fixture->spec,
                                  .candidates = fixture->candidates,
                                  .now_ms = NOON,
                                  .generation = 2,
                                  .zones = 2,
                                  .instances = fixture->instances,
                                  .demand = fixture->demand,
                                  .cooling = fixture->pools};
}

static void tear_down(Fixture *fixture, gconstpointer data)
{
    (void)data;
    scale_candidates_free(fixture->candidates);
    arena_free(fixture->arena);
}

static ScaleInstance *add_instance(Fixture *fixture, size_t type, ScaleState state)
{
    ScaleInstance *instance = &fixture->instances[fixture->input.instances_len++];
    *instance = (ScaleInstance){.number = fixture->input.instances_len,
                                .type = type,
                                .state = state,
                                .vcpus = types[type].vcpus,
                                .price_micro_per_h = types[type].price,
                                .intended_ms = NOON - HOUR,
                                .generation = 2};
    return instance;
}

/* Idle for so long. */
static ScaleInstance *add_idle(Fixture *fixture, size_t type, int64_t idle_ms)
{
    ScaleInstance *instance = add_instance(fixture, type, SCALE_REGISTERED);
    instance->idle_since_ms = NOON - idle_ms;
    instance->ran = true;
    return instance;
}

static void want(Fixture *fixture, ScaleDemand demand)
{
    fixture->demand[fixture->input.demand_len++] = demand;
}

static void expect(Fixture *fixture, const char *launches, const char *releases)
{
    static const char *const kinds[] = {"drain", "end", "stop"};
    static const char *const reasons[] = {"idle", "room", "replaced", "drained", "unregistered"};
    arena_reset(fixture->arena);
    scale_run(&fixture->input, fixture->arena, &fixture->decisions);
    g_autofree char *launched = fixture_launches(&fixture->input, &fixture->decisions);
    g_autoptr(GString) released = g_string_new(NULL);
    for (size_t i = 0; i < fixture->decisions.releases_len; i++) {
        const ScaleRelease *release = &fixture->decisions.releases[i];
        g_string_append_printf(released, "%s%s %" G_GUINT64_FORMAT " %s", i ? ", " : "", kinds[release->kind],
                               release->number, reasons[release->reason]);
    }
    g_assert_cmpstr(launched, ==, launches);
    g_assert_cmpstr(released->str, ==, releases);
}

static void expect_unmet(const Fixture *fixture, size_t index, ScaleUnmet expected)
{
    g_assert_cmpuint(fixture->decisions.unmet_len, >, index);
    const ScaleUnmet *unmet = &fixture->decisions.unmet[index];
    g_assert_cmpuint(unmet->demand, ==, expected.demand);
    g_assert_cmpint(unmet->count, ==, expected.count);
    g_assert_cmpint(unmet->reason, ==, expected.reason);
    g_assert_cmpuint(unmet->type, ==, expected.type);
    g_assert_cmpint(unmet->have, ==, expected.have);
    g_assert_cmpint(unmet->limit, ==, expected.limit);
    g_assert_cmpint(unmet->until_ms, ==, expected.until_ms);
}

/* ---- maxvCpus */

static void test_max(Fixture *fixture, gconstpointer data)
{
    (void)data;
    add_instance(fixture, M16, SCALE_REGISTERED)->launches = 1;
    fixture->spec.max_vcpus = 23;
    want(fixture, fixture_jobs(6, 2, 1000));
    /* room for 7: m.4, m.2, and with one vCPU left one more that exceeds, the smallest */
    expect(fixture, "2 m.2, 1 m.4", "");
    g_assert_cmpint(fixture->decisions.vcpus, ==, 24);
    expect_unmet(fixture, 0, (ScaleUnmet){0, 2, UNMET_AT_MAX_VCPUS, SCALE_NO_TYPE, 16, 23, 0});
    fixture->spec.strict_max = true;
    expect(fixture, "1 m.2, 1 m.4", "");
    fixture->spec.strict_max = false;
    fixture->spec.allocation = ALLOCATION_BEST_FIT;
    expect(fixture, "1 m.2, 1 m.4", "");
    fixture->spec.max_vcpus = 16; /* at the limit nothing is started, not even one */
    fixture->spec.allocation = ALLOCATION_BEST_FIT_PROGRESSIVE;
    expect(fixture, "", "");
    expect_unmet(fixture, 0, (ScaleUnmet){0, 6, UNMET_AT_MAX_VCPUS, SCALE_NO_TYPE, 16, 16, 0});
}

/* What is behind a job for which there is no room does not take the room. */
static void test_order(Fixture *fixture, gconstpointer data)
{
    (void)data;
    fixture->spec.strict_max = true;
    fixture->spec.max_vcpus = 20;
    add_instance(fixture, M16, SCALE_REGISTERED)->launches = 1;
    want(fixture, fixture_jobs(1, 8, 1000));
    want(fixture, fixture_jobs(1, 2, 1000));
    expect(fixture, "", "");
    expect_unmet(fixture, 1, (ScaleUnmet){1, 1, UNMET_AT_MAX_VCPUS, SCALE_NO_TYPE, 16, 20, 0});
    /* but one that can never be met is in nobody's way */
    fixture->demand[0].need.memory_mib = 70000;
    expect(fixture, "1 m.2", "");
    expect_unmet(fixture, 0, (ScaleUnmet){0, 1, UNMET_NO_TYPE, SCALE_NO_TYPE, 0, 0, 0});
    fixture->demand[0] = fixture_jobs(1, 8, 1000);
    fixture->spec.max_vcpus = 12;
    fixture->input.instances_len = 0;
    expect(fixture, "1 m.2", "");
    expect_unmet(fixture, 0, (ScaleUnmet){0, 1, UNMET_ABOVE_MAX, M16, 16, 12, 0});
}

/* ---- gangs */

static void test_gang(Fixture *fixture, gconstpointer data)
{
    (void)data;
    want(fixture, (ScaleDemand){.need = {20000, 1000, 0}, .count = 2, .nodes = 3});
    expect(fixture, "6 m.2", "");
    fixture->demand[0].node_type = "m.4";
    expect(fixture, "6 m.4", "");
    fixture->spec.max_vcpus = 23; /* the second one has no room for all, and a gang never exceeds */
    expect(fixture, "3 m.4", "");
    expect_unmet(fixture, 0, (ScaleUnmet){0, 1, UNMET_AT_MAX_VCPUS, SCALE_NO_TYPE, 0, 23, 0});
    fixture->spec.max_vcpus = 11; /* never */
    expect(fixture, "", "");
    expect_unmet(fixture, 0, (ScaleUnmet){0, 2, UNMET_ABOVE_MAX, M4, 12, 11, 0});
    fixture->spec.max_vcpus = 64;
    fixture->spec.type = CE_TYPE_SPOT;
    expect(fixture, "", "");
    expect_unmet(fixture, 0, (ScaleUnmet){0, 2, UNMET_NO_TYPE, SCALE_NO_TYPE, 0, 0, 0});
}

/* ---- cool-downs */

static void test_cooling(Fixture *fixture, gconstpointer data)
{
    (void)data;
    want(fixture, fixture_jobs(1, 2, 1000));
    fixture->pools[0] = (ScalePool){M2, 0, false, NOON + 5000};
    fixture->input.cooling_len = 1;
    expect(fixture, "1 m.2", ""); /* another zone is left */
    fixture->pools[1] = (ScalePool){M2, 1, false, NOON + 3000};
    fixture->input.cooling_len = 2;
    expect(fixture, "1 m.4", "");
    fixture->pools[2] = (ScalePool){M4, SCALE_EVERY_ZONE, false, NOON + 9000};
    fixture->pools[3] = (ScalePool){M16, SCALE_EVERY_ZONE, false, NOON + 9000};
    fixture->input.cooling_len = 4;
    expect(fixture, "", ""); /* no host with GPUs instead */
    expect_unmet(fixture, 0, (ScaleUnmet){0, 1, UNMET_COOLING_DOWN, M2, 0, 0, NOON + 3000});
    g_assert_cmpint(fixture->decisions.wake_at_ms, ==, NOON + 3000);
    fixture->input.now_ms = NOON + 3000;
    expect(fixture, "1 m.2", "");
}

static void test_best_fit_waits(Fixture *fixture, gconstpointer data)
{
    (void)data;
    fixture->spec.allocation = ALLOCATION_BEST_FIT;
    fixture->pools[0] = (ScalePool){M2, SCALE_EVERY_ZONE, false, NOON + 5000};
    fixture->input.cooling_len = 1;
    want(fixture, fixture_jobs(1, 2, 1000));
    want(fixture, fixture_jobs(1, 4, 1000));
    expect(fixture, "1 m.4", "");
    expect_unmet(fixture, 0, (ScaleUnmet){0, 1, UNMET_COOLING_DOWN, M2, 0, 0, NOON + 5000});
    g_assert_cmpuint(fixture->decisions.unmet_len, ==, 1);
    g_assert_cmpint(fixture->decisions.wake_at_ms, ==, NOON + 5000);
}

static void test_closed(Fixture *fixture, gconstpointer data)
{
    (void)data;
    fixture->spec.min_vcpus = 4;
    want(fixture, fixture_jobs(3, 2, 1000));
    fixture->input.is_invalid = true;
    expect(fixture, "", "");
    expect_unmet(fixture, 0, (ScaleUnmet){0, 3, UNMET_INVALID, SCALE_NO_TYPE, 0, 0, 0});
    fixture->spec.enabled = false;
    add_idle(fixture, M4, HOUR);
    add_idle(fixture, M4, HOUR);
    expect(fixture, "", "stop 1 idle"); /* down to minvCpus, which stay */
    expect_unmet(fixture, 0, (ScaleUnmet){0, 3, UNMET_DISABLED, SCALE_NO_TYPE, 0, 0, 0});
}

/* ---- budgets */

static void test_budget(Fixture *fixture, gconstpointer data)
{
    (void)data;
    want(fixture, fixture_jobs(10, 2, 1000));
    fixture->spec.budget_day_micro = 2000000;
    fixture->input.spent_day_micro = 1400000;
    add_instance(fixture, M4, SCALE_REGISTERED)->launches = 2;
    /* 1.40 + an hour of (0.20 + new) <= 2.00: new may cost 0.40 an hour, which is 2 x m.4 */
    expect(fixture, "2 m.4", "");
    g_assert_cmpint(fixture->decisions.price_micro_per_h, ==, 600000);
    /* m.2 for 0.10: (2.00 - 1.40 - 12 h x 0.20) < 0: not before the day is over */
    expect_unmet(fixture, 0, (ScaleUnmet){0, 6, UNMET_BUDGET_DAY, M2, 1400000, 2000000, NOON + 12 * HOUR});
    g_assert_cmpint(fixture->decisions.wake_at_ms, ==, NOON + 12 * HOUR);

    fixture->input.instances_len = 0;
    fixture->input.spent_day_micro = 1950000; /* 0.05 left: half an hour of m.2 */
    expect(fixture, "", "");
    expect_unmet(fixture, 0,
                 (ScaleUnmet){0, 10, UNMET_BUDGET_DAY, M2, 1950000, 2000000, NOON + 12 * HOUR - HOUR / 2});
    fixture->input.now_ms = fixture->decisions.wake_at_ms;
    expect(fixture, "1 m.2", "");

    fixture->input.now_ms = NOON;
    fixture->spec.budget_month_micro = 50000000;
    fixture->input.spent_month_micro = 50000000; /* the month's is the tighter one */
    expect(fixture, "", "");
    g_assert_cmpint(fixture->decisions.unmet[0].reason, ==, UNMET_BUDGET_MONTH);

    fixture->spec.budget_day_micro = 90000; /* not one hour of anything: never, and in nobody's way */
    fixture->spec.budget_month_micro = 0;
    expect(fixture, "", "");
    expect_unmet(fixture, 0, (ScaleUnmet){0, 10, UNMET_BUDGET_DAY, M2, 100000, 90000, 0});
}

static void test_budget_unknown(Fixture *fixture, gconstpointer data)
{
    (void)data;
    want(fixture, fixture_jobs(1, 2, 1000));
    fixture->candidates->types[M2].price_micro_per_h = SCALE_UNKNOWN;
    fixture->spec.budget_day_micro = 100000000;
    expect(fixture, "1 m.4", ""); /* its price is known */
    fixture->candidates->types[M4].price_micro_per_h = SCALE_UNKNOWN;
    fixture->candidates->types[M16].price_micro_per_h = SCALE_UNKNOWN;
    expect(fixture, "", "");
    g_assert_cmpint(fixture->decisions.unmet[0].reason, ==, UNMET_PRICE_UNKNOWN);
    fixture->spec.budget_day_micro = 0;
    expect(fixture, "1 m.2", "");
    g_assert_cmpint(fixture->decisions.price_micro_per_h, ==, SCALE_UNKNOWN);
    fixture->spec.budget_day_micro = 100000000;
    fixture->candidates->types[M2].price_micro_per_h = 1000;
    expect(fixture, "1 m.2", "");
    fixture->input.spent_is_incomplete = true;
    expect(fixture, "", "");
    fixture->input.spent_is_incomplete = false;
    add_instance(fixture, M2, SCALE_PENDING)->price_micro_per_h = SCALE_UNKNOWN;
    fixture->instances[0].intended_ms = NOON;
    expect(fixture, "", "");
    g_assert_cmpint(fixture->decisions.unmet[0].reason, ==, UNMET_PRICE_UNKNOWN);
}

static void test_spot_price(Fixture *fixture, gconstpointer data)
{
    (void)data;
    fixture->spec.type = CE_TYPE_SPOT;
    fixture->spec.bid_percentage = 50;
    for (size_t i = 0; i < fixture->candidates->len; i++)
        fixture->candidates->types[i].spot_micro_per_h =
            fixture->candidates->types[i].price_micro_per_h * 6 / 10;
    want(fixture, fixture_jobs(1, 2, 1000));
    expect(fixture, "", "");
    expect_unmet(fixture, 0, (ScaleUnmet){0, 1, UNMET_SPOT_PRICE, M2, 60000, 50000, 0});
    fixture->candidates->types[M4].spot_micro_per_h = 90000;
    expect(fixture, "1 m.4", "");
    g_assert_true(fixture->decisions.launches[0].spot);
    g_assert_cmpint(fixture->decisions.launches[0].max_price_micro_per_h, ==, 100000);
}

/* ---- minvCpus */

static void test_floor(Fixture *fixture, gconstpointer data)
{
    (void)data;
    fixture->spec.min_vcpus = 10;
    expect(fixture, "1 m.2, 2 m.4", ""); /* nothing waits */
    fixture->input.demand_len = 0;
    want(fixture, fixture_jobs(2, 4, 1000));
    expect(fixture, "1 m.2, 2 m.4", ""); /* what is started for demand counts */
    fixture->input.demand_len = 0;
    add_instance(fixture, M4, SCALE_PENDING)->intended_ms = NOON;
    add_instance(fixture, M4, SCALE_REGISTERED)->launches = 1;
    expect(fixture, "1 m.2", "");
    fixture->instances[1].state = SCALE_DRAINING; /* takes no tasks: is no capacity */
    expect(fixture, "1 m.2, 1 m.4", "");
    fixture->spec.max_vcpus = 8;
    fixture->spec.min_vcpus = 8;
    expect(fixture, "", "");
    g_assert_cmpint(fixture->decisions.floor_missing, ==, 4);
    g_assert_cmpint(fixture->decisions.floor_reason, ==, UNMET_AT_MAX_VCPUS);
}

/* ---- releases */

static void test_idle(Fixture *fixture, gconstpointer data)
{
    (void)data;
    add_idle(fixture, M4, SCALE_IDLE_MS - 1);
    add_idle(fixture, M4, SCALE_IDLE_MS);
    add_idle(fixture, M4, HOUR)->held = true;
    add_instance(fixture, M4, SCALE_REGISTERED)->launches = 1;
    expect(fixture, "", "stop 2 idle");
    g_assert_cmpint(fixture->decisions.wake_at_ms, ==, NOON + 1);
    fixture->spec.min_scale_down_delay_ms = HOUR;
    expect(fixture, "", "");
    g_assert_cmpint(fixture->decisions.wake_at_ms, ==, NOON + HOUR - SCALE_IDLE_MS);
    fixture->instances[1].ran = false; /* the delay is for what ran something */
    expect(fixture, "", "stop 2 idle");
}

static void test_idle_floor(Fixture *fixture, gconstpointer data)
{
    (void)data;
    fixture->spec.min_vcpus = 4;
    add_idle(fixture, M16, 3 * HOUR);
    expect(fixture, "", ""); /* no resizing */
    add_idle(fixture, M2, 2 * HOUR);
    add_idle(fixture, M2, HOUR);
    expect(fixture, "", "stop 1 idle"); /* least recently used first; 4 vCPUs remain */
    fixture->instances[0].idle_since_ms = NOON - 30 * 60000;
    expect(fixture, "", "stop 2 idle, stop 3 idle");
}

static void test_make_room(Fixture *fixture, gconstpointer data)
{
    (void)data;
    fixture->spec.max_vcpus = 16;
    add_idle(fixture, M4, 1000);
    add_idle(fixture, M4, 2000);
    add_instance(fixture, M16, SCALE_REGISTERED)->vcpus = 8;
    fixture->instances[2].launches = 1;
    want(fixture, fixture_jobs(1, 2, 9000));
    expect(fixture, "", "stop 2 room"); /* anything below maxvCpus will do */
    fixture->spec.strict_max = true;
    fixture->demand[0] = fixture_jobs(1, 2, 60000);
    expect(fixture, "", ""); /* m.16 will not have room even so */
    fixture->instances[2].state = SCALE_STOPPING;
    expect(fixture, "", "stop 1 room, stop 2 room");
    fixture->spec.min_vcpus = 8;
    expect(fixture, "", "");
}

static void test_watchdog(Fixture *fixture, gconstpointer data)
{
    (void)data;
    add_instance(fixture, M4, SCALE_PENDING)->intended_ms = NOON - SCALE_REGISTER_MS;
    add_instance(fixture, M4, SCALE_PENDING)->intended_ms = NOON - SCALE_REGISTER_MS + 1;
    add_instance(fixture, M4, SCALE_INTENDED);
    expect(fixture, "", "stop 1 unregistered");
    g_assert_cmpint(fixture->decisions.wake_at_ms, ==, NOON + 1);
}

static void test_rolling(Fixture *fixture, gconstpointer data)
{
    (void)data;
    fixture->spec.min_vcpus = 4;
    fixture->spec.update_timeout_ms = HOUR;
    add_idle(fixture, M4, 1000)->generation = 1;
    add_instance(fixture, M4, SCALE_REGISTERED)->generation = 1;
    fixture->instances[1].launches = 1;
    add_instance(fixture, M4, SCALE_PENDING)->generation = 1;
    /* the idle one stays until the new one is there */
    expect(fixture, "1 m.4", "drain 2 replaced, stop 3 replaced");
    fixture->instances[1].state = SCALE_DRAINING;
    fixture->instances[1].draining_since_ms = NOON - HOUR + 1;
    fixture->instances[2] = (ScaleInstance){
        .number = 3, .type = M4, .state = SCALE_REGISTERED, .vcpus = 4, .launches = 1, .generation = 2};
    expect(fixture, "", "stop 1 replaced");
    g_assert_cmpint(fixture->decisions.wake_at_ms, ==, NOON + 1);
    fixture->input.now_ms++;
    expect(fixture, "", "stop 1 replaced, end 2 replaced");
    fixture->spec.update_timeout_ms = 0; /* for as long as jobs run */
    expect(fixture, "", "stop 1 replaced");
    fixture->spec.terminate_jobs_on_update = true;
    expect(fixture, "", "stop 1 replaced, end 2 replaced");
    fixture->instances[1].launches = 0;
    expect(fixture, "", "stop 1 replaced, stop 2 drained");
}

/* minvCpus = maxvCpus: the new one has no room before the old one is gone. */
static void test_rolling_full(Fixture *fixture, gconstpointer data)
{
    (void)data;
    fixture->spec.min_vcpus = fixture->spec.max_vcpus = 4;
    add_idle(fixture, M4, 1000)->generation = 1;
    expect(fixture, "", "stop 1 replaced");
    fixture->input.instances_len = 0;
    expect(fixture, "1 m.4", "");
}

static void test_draining(Fixture *fixture, gconstpointer data)
{
    (void)data;
    fixture->spec.terminate_jobs_on_update = true;
    add_instance(fixture, M4, SCALE_DRAINING)->launches = 1; /* of this generation: someone else's reason */
    expect(fixture, "", "");
    fixture->instances[0].launches = 0;
    expect(fixture, "", "stop 1 drained");
    g_assert_cmpint(fixture->decisions.wake_at_ms, ==, INT64_MAX);
}

/* ---- size */

static void test_much(Fixture *fixture, gconstpointer data)
{
    (void)data;
    fixture->spec.max_vcpus = 1000000;
    want(fixture, fixture_jobs(INT64_C(1000000000000), 2, 1000));
    expect(fixture, "1000 m.16", "");
    g_assert_cmpint(fixture->decisions.unmet[0].reason, ==, UNMET_LATER);
    g_assert_cmpint(fixture->decisions.unmet[0].count, ==, INT64_C(1000000000000) - 8000);
    g_assert_cmpint(fixture->decisions.wake_at_ms, ==, NOON);
    fixture->spec.max_vcpus = 100;
    expect(fixture, "6 m.16, 1 m.4", "");
    g_assert_cmpint(fixture->decisions.unmet[0].count, ==, INT64_C(1000000000000) - 50);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(Fixture *, gconstpointer);
    } tests[] = {
        {"max", test_max},
        {"order", test_order},
        {"gang", test_gang},
        {"cooling", test_cooling},
        {"best-fit-waits", test_best_fit_waits},
        {"closed", test_closed},
        {"budget", test_budget},
        {"budget-unknown", test_budget_unknown},
        {"spot-price", test_spot_price},
        {"floor", test_floor},
        {"idle", test_idle},
        {"idle-floor", test_idle_floor},
        {"make-room", test_make_room},
        {"watchdog", test_watchdog},
        {"rolling", test_rolling},
        {"rolling-full", test_rolling_full},
        {"draining", test_draining},
        {"much", test_much},
    };
    g_test_init(&argc, &argv, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(tests); i++) {
        g_autofree char *path = g_strdup_printf("/scale/run/%s", tests[i].name);
        g_test_add(path, Fixture, NULL, set_up, tests[i].run, tear_down);
    }
    return g_test_run();
}
