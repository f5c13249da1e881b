/* Run times: buckets, quantiles, what is expected, rows. */
#include "tests/support/world_cloud.h"

static void test_buckets(void)
{
    static const int64_t times[] = {0, 1, 2, 3, 4, 5, 7, 8, 1000, 1023, 1024, 3600000, INT64_MAX / 2};
    for (size_t i = 0; i < G_N_ELEMENTS(times); i++) {
        g_autoptr(World) world = world_new(1, PROVIDER_LOCAL);
        world_history_add(world, VIEW("d"), times[i], 10);
        int64_t found = history_quantile(world_history(world, VIEW("d")), 500);
        int64_t ran = CLAMP(times[i], 1, (INT64_C(1) << 41) - 1);
        g_assert_cmpint(found, >=, ran);
        g_assert_cmpint(found, <=, ran + ran / 4);
    }
}

static void test_quantiles(void)
{
    g_autoptr(World) world = world_new(1, PROVIDER_LOCAL);
    for (int i = 0; i < 90; i++)
        world_history_add(world, VIEW("d"), 1000, 10);
    for (int i = 0; i < 10; i++)
        world_history_add(world, VIEW("d"), 100000, 20);
    const History *history = world_history(world, VIEW("d"));
    g_assert_cmpuint(history_runs(history), ==, 100);
    g_assert_cmpint(history_since_ms(history), ==, 10);
    g_assert_cmpint(history_quantile(history, 500), <, 1250);
    g_assert_cmpint(history_quantile(history, 900), <, 1250);
    g_assert_cmpint(history_quantile(history, 901), >=, 100000);
    g_assert_cmpint(history_quantile(history, 1000), <=, 125000);
    g_assert_null(world_history(world, VIEW("other")));
}

/* The quantile that is kept at hand is the one that counting finds, whatever came in what order. */
static void test_kept_at_hand(void)
{
    Rng rng = rng_from_seed(3);
    g_autoptr(World) world = fixture_world();
    const JobTemplate *template = fixture_job(world, 1, "one", "")->template;
    for (int i = 0; i < 3000; i++) {
        int64_t ran = (int64_t)(rng_below(&rng, 1000) << rng_below(&rng, 20));
        world_history_add(world, VIEW("one"), ran, 10);
        if (i + 1 >= HISTORY_RUNS_MIN)
            g_assert_cmpint(world_expected_ms(world, template), ==,
                            history_quantile(world_history(world, VIEW("one")), 950));
    }
    world_check(world);
}

static void test_expected(void)
{
    g_autoptr(World) world = fixture_world();
    fixture_definition(world, "timed", 1, 16, ",\"timeout\":{\"attemptDurationSeconds\":60}");
    Job *job = fixture_job(world, 1, "timed", ""), *plain = fixture_job(world, 2, "one", "");
    g_assert_cmpint(world_expected_ms(world, plain->template), ==, 0);
    g_assert_cmpint(world_expected_ms(world, job->template), ==, 60000);
    for (uint64_t i = 1; i <= 6; i++) {
        Job *run = fixture_job(world, 10 + i, "timed", "");
        Launch *launch = fixture_launch(world, run, NOT_A_CHILD, i);
        g_assert_cmpint(launch->expected_ms, <=, i <= HISTORY_RUNS_MIN ? 60000 : 1250);
        fixture_exit(world, launch, i == 6); /* only what SUCCEEDED counts: 1,000 ms */
    }
    g_assert_cmpuint(history_runs(world_history(world, VIEW("timed"))), ==, 5);
    g_assert_cmpint(world_expected_ms(world, job->template), >=, 1000);
    g_assert_cmpint(world_expected_ms(world, job->template), <=, 1250);
    fixture_definition(world, "timed", 2, 16, ""); /* another revision is the same definition */
    g_assert_cmpint(world_expected_ms(world, fixture_job(world, 30, "timed", "")->template), <=, 1250);
}

static void test_rows(void)
{
    Records *records = records_new();
    World *world = fixture_world();
    for (uint64_t i = 1; i <= 20; i++)
        fixture_run(world, fixture_job(world, i, "one", ""), NOT_A_CHILD, i, 0);
    Batch *batch = world_take_batch(world);
    size_t len;
    batch_duration(batch, &len);
    g_assert_cmpuint(len, ==, 1); /* once, however many ended */
    records_take(records, batch);
    world = cloud_restart(world, records);
    g_assert_cmpuint(history_runs(world_history(world, VIEW("one"))), ==, 20);
    resource_delete(world, KIND_JOB_DEFINITION, VIEW("one"), 9000);
    resource_settle(world, 10, 9000);
    g_assert_null(world_history(world, VIEW("one")));
    world = cloud_restart(world, records);
    g_assert_null(world_history(world, VIEW("one")));
    world_free(world);
    records_free(records);
}

static void test_damaged(void)
{
    static const char *const damaged[] = {"\x2a", "\xff\x01\x01\x01\x01",
                                          "\x2a\x00\x01\x01\x01\x2a\x00\x01\x01\x01"};
    static const size_t lens[] = {1, 5, 10};
    for (size_t i = 0; i < G_N_ELEMENTS(damaged); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(World) world = world_new(1, PROVIDER_LOCAL);
        DurationRecord record = {.definition = VIEW("d"), .counts = {damaged[i], lens[i]}};
        g_assert_false(world_sink.duration(&record, world, &error));
        g_assert_error(error, WORLD_ERROR, WORLD_ERROR_INVALID);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/history/buckets", test_buckets);
    g_test_add_func("/history/quantiles", test_quantiles);
    g_test_add_func("/history/kept-at-hand", test_kept_at_hand);
    g_test_add_func("/history/expected", test_expected);
    g_test_add_func("/history/rows", test_rows);
    g_test_add_func("/history/damaged", test_damaged);
    return g_test_run();
}
