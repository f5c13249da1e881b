/* result_test.c: percentiles within their error, series without lost extremes, a small simulation by hand. */
#include "reconciler/forecast/quantiles.h"
#include "tests/support/result_fixture.h"

/* ---- quantiles
 * ---------------------------------------------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
    return (left > right) - (left < right);
}

static void check_quantiles(uint64_t seed, int bits)
{
    enum { COUNT = 5000 };
    static int64_t values[COUNT];
    Rng rng = rng_from_seed(seed);
    g_autoptr(Quantiles) quantiles = quantiles_new();
    for (int i = 0; i < COUNT; i++) {
        values[i] = rng_between(&rng, 0, (INT64_C(1) << rng_between(&rng, 1, bits)) - 1);
        quantiles_add(quantiles, values[i], 1);
    }
    qsort(values, COUNT, sizeof *values, compare);
    for (int permille = 0; permille <= 1000; permille++) {
        int rank = MAX((COUNT * permille + 999) / 1000, 1);
        int64_t exact = values[rank - 1], told = quantiles_at(quantiles, permille);
        if (ABS(told - exact) > exact / 128)
            g_error("seed %" G_GUINT64_FORMAT ": permille %d is %" G_GINT64_FORMAT ", told %" G_GINT64_FORMAT,
                    seed, permille, exact, told);
    }
    g_assert_cmpint(quantiles_max(quantiles), ==, values[COUNT - 1]);
    g_assert_cmpuint(quantiles_count(quantiles), ==, COUNT);
}

static void test_quantiles(void)
{
    for (uint64_t seed = 1; seed <= 20; seed++)
        check_quantiles(seed, 2 + (int)seed * 3);
}

static void test_quantiles_edges(void)
{
    g_autoptr(Quantiles) quantiles = quantiles_new();
    g_assert_cmpint(quantiles_at(quantiles, 500), ==, 0);
    quantiles_add(quantiles, -5, 1);
    quantiles_add(quantiles, INT64_MAX, 1);
    quantiles_add(quantiles, 77, 0);
    g_assert_cmpint(quantiles_at(quantiles, 500), ==, 0);
    g_assert_cmpint(quantiles_max(quantiles), ==, INT64_MAX);
    g_autoptr(Quantiles) many = quantiles_new();
    quantiles_add(many, 1000, 95);
    quantiles_add(many, 9000, 5);
    g_assert_cmpint(quantiles_at(many, 950), <, 1008);
    g_assert_cmpint(quantiles_at(many, 951), >, 8900);
}

/* ---- series
 * ------------------------------------------------------------------------------------------------------- */

/* Against every sample: least, greatest and integral, over spans that must be joined many times. */
static void check_series(uint64_t seed, int64_t gap_ms)
{
    Rng rng = rng_from_seed(seed);
    g_autoptr(Series) series = series_new(1000, 10);
    int64_t now = 1000, value = 0, max = 0, min = 0;
    __int128 integral = 0;
    for (int i = 0; i < 20000; i++) {
        int64_t later = now + rng_between(&rng, 0, gap_ms);
        integral += (__int128)value * (later - now);
        if (later > now) {
            max = MAX(max, value);
            min = MIN(min, value);
        }
        now = later;
        value = rng_between(&rng, -1000000, 1000000);
        series_set(series, now, value);
    }
    series_end(series, now);
    g_assert_true(series_integral(series) == integral);
    g_assert_cmpuint(series_len(series), <=, SERIES_POINTS_MAX);
    g_assert_cmpint((int64_t)series_len(series) * series_step_ms(series), >=, now - 1000);
    int64_t least = INT64_MAX, greatest = INT64_MIN;
    for (size_t i = 0; i < series_len(series); i++) {
        SeriesPoint point = series_point(series, i);
        g_assert_cmpint(point.min, <=, point.mean);
        g_assert_cmpint(point.mean, <=, point.max);
        least = MIN(least, point.min);
        greatest = MAX(greatest, point.max);
    }
    g_assert_cmpint(least, ==, min);
    g_assert_cmpint(greatest, ==, max);
}

static void test_series(void)
{
    for (uint64_t seed = 1; seed <= 10; seed++)
        check_series(seed, 1 + (int64_t)seed * (int64_t)seed * (int64_t)seed * 40);
}

static void test_series_steps(void)
{
    g_autoptr(Series) series = series_new(0, 10);
    series_set(series, 5, 100);
    series_set(series, 7, 3);
    series_set(series, 30, 50);
    series_end(series, 35);
    g_assert_cmpuint(series_len(series), ==, 4);
    SeriesPoint first = series_point(series, 0), second = series_point(series, 1),
                last = series_point(series, 3);
    g_assert_cmpint(first.min, ==, 0);
    g_assert_cmpint(first.max, ==, 100);
    g_assert_cmpint(first.mean, ==, 21); /* (2 × 100 + 3 × 3) / 10 */
    g_assert_cmpint(second.max, ==, 3);
    g_assert_cmpint(last.min, ==, 50);
    g_assert_cmpint(last.mean, ==, 50);
    g_assert_true(series_integral_between(series, 10, 20) == 30);
    g_assert_true(series_integral_between(series, -5, 99) == series_integral(series));
    g_assert_true(series_integral_between(series, 30, 33) == 150);
    g_autoptr(Series) empty = series_new(0, 10);
    series_end(empty, 0);
    g_assert_cmpuint(series_len(empty), ==, 0);
    g_autoptr(Series) far = series_new(0, 1);
    series_set(far, INT64_C(400000000000), 1);
    g_assert_cmpint(series_max(far), ==, 1);
    series_end(far, INT64_C(400000000001));
    g_assert_cmpuint(series_len(far), <=, SERIES_POINTS_MAX);
}

/* ---- the collector
 * ------------------------------------------------------------------------------------------------ */

static void test_small_jobs(void)
{
    g_autoptr(SimulationResult) result = fixture_small("small");
    g_assert_cmpint(result->makespan_ms, ==, 3 * FIXTURE_HOUR_MS);
    g_assert_cmpint(result->jobs.submitted, ==, 6);
    g_assert_cmpint(result->jobs.succeeded, ==, 2);
    g_assert_cmpint(result->jobs.failed, ==, 1);
    g_assert_cmpint(result->jobs.infeasible, ==, 3);
    g_assert_cmpint(result->jobs.unfinished, ==, 0);
    g_assert_cmpint(result->waits.waits, ==, 3);
    g_assert_cmpint(result->waits.wait_max_ms, ==, 2 * FIXTURE_HOUR_MS);
    g_assert_cmpuint(result->queues_len, ==, 2);
    const ResultQueue *high = &result->queues[0];
    g_assert_cmpstr(high->name, ==, "high");
    g_assert_cmpstr(high->longest.name, ==, "<b>&\"sort\"");
    g_assert_cmpint(high->longest.wait_ms, ==, 2 * FIXTURE_HOUR_MS);
    g_assert_cmpstr(high->longest.environment, ==, "spot");
    g_assert_cmpint(high->drained_ms, ==, FIXTURE_START_MS + 3 * FIXTURE_HOUR_MS);
    g_assert_cmpint(high->runnable_max, ==, 2);
    g_assert_cmpuint(high->shares_len, ==, 2);
    g_assert_cmpstr(high->shares[0].identifier, ==, "blue");
    g_assert_cmpint(high->shares[0].jobs.infeasible, ==, 3);
    g_assert_cmpint(high->shares[1].waits.slowdown_e3[AT_P50], ==, 3000); /* 3 hours for 1 */
    g_assert_cmpint(high->vcpu_seconds, ==, 2 * 8 * 3600);
    g_assert_cmpuint(result->infeasible_len, ==, 1);
    g_assert_cmpint(result->infeasible[0].count, ==, 3);
    g_assert_cmpuint(g_strv_length(result->notes), ==, 1);
}

static void test_small_money(void)
{
    g_autoptr(SimulationResult) result = fixture_small("small");
    g_assert_cmpuint(result->costs_len, ==, 1);
    g_assert_cmpint(result->costs[0].money.micro, ==, 4 * 360000);
    g_assert_cmpint(result->costs[0].money.idle_micro, ==, 2 * 360000); /* 2 of 4 hours ran something */
    g_assert_cmpint(result->costs[0].rate_max_micro_per_h, ==, 360000);
    g_assert_true(series_integral(result->costs[0].rate) == (__int128)4 * 360000 * FIXTURE_HOUR_MS);
    g_assert_cmpint(result->unpriced, ==, 1);
    g_assert_cmpint(result->instances_left, ==, 1);
    g_assert_cmpuint(result->instances_len, ==, 2);
    g_assert_cmpint(result->instances[0].cost_micro, ==, 4 * 360000);
    g_assert_cmpint(result->instances[0].busy_e4, ==, 5714); /* 2 of 3.5 hours */
    g_assert_cmpint(result->instances[1].cost_micro, ==, -1);
    g_assert_cmpint(result->instances[1].ended_ms, ==, -1);
    g_assert_cmpint(result->queues[0].costs[0].micro, ==, 4 * 360000);
    g_assert_cmpstr(result->environments[result->instances[0].environment].name, ==, "spot");
    const Utilisation *spot = &result->environments[1].utilisation;
    g_assert_cmpint(ratio_e4(spot->used[OF_VCPU], spot->allocated[OF_VCPU]), ==, 5714);
    g_assert_cmpint(ratio_e4(spot->used[OF_GPU], spot->allocated[OF_GPU]), ==, -1);
}

/* Currencies stand apart; a minute is paid at least; what costs nothing has no price. */
static void test_currencies(void)
{
    Collector *c = fixture_collector("money");
    const char *const currencies[] = {"USD", "CNY", NULL};
    const char *const names[] = {"a", "b", "c"};
    for (uint64_t i = 0; i < 3; i++) {
        uint32_t id = collector_environment(c, &(CollectedEnvironment){names[i], "EC2", currencies[i], 0});
        collector_instance_started(
            c, &(CollectedInstance){i, id, "c5.large", false, 3600000000, FIXTURE_START_MS, 0});
        collector_instance_ended(c, i, FIXTURE_START_MS + 1500, NULL, false);
    }
    uint32_t tasks = collector_environment(c, &(CollectedEnvironment){"d", "FARGATE", "USD", 0});
    collector_task_started(c, tasks, FIXTURE_START_MS, 3600000000);
    collector_task_ended(c, tasks, FIXTURE_START_MS, FIXTURE_START_MS + 90001, 3600000000);
    collector_task_started(c, tasks, FIXTURE_START_MS + 90001, -1);
    g_autoptr(SimulationResult) result = collector_finish(c, FIXTURE_START_MS + 100000, SIMULATION_CUT);
    g_assert_cmpuint(result->costs_len, ==, 2);
    g_assert_cmpstr(result->costs[0].money.currency, ==, "CNY");
    g_assert_cmpint(result->costs[0].money.micro, ==, 60000000);
    g_assert_cmpint(result->costs[1].money.micro, ==, 60000000 + 91000000);
    g_assert_cmpint(result->unpriced, ==, 1);
    g_assert_cmpint(result->instances[2].cost_micro, ==, -1);
    g_assert_true(result->is_cut);
}

/* Beyond the limits everything is still counted. */
static void test_bounds(void)
{
    Collector *c = fixture_collector("bounds");
    uint32_t queue = collector_queue(c, "q");
    for (int i = 0; i < 3 * COLLECTOR_SHARES_MAX; i++) {
        g_autofree char *name = g_strdup_printf("s%d", i);
        uint32_t share = collector_share(c, queue, name);
        collector_jobs_submitted(c, share, 1);
        g_assert_cmpuint(share, ==, collector_share(c, queue, name));
        collector_jobs_infeasible(c, &(CollectedInfeasible){share, "d", "j", name, {0}, 1});
    }
    g_autoptr(SimulationResult) result = collector_finish(c, FIXTURE_START_MS, SIMULATION_WHOLE);
    g_assert_cmpuint(result->queues[0].shares_len, ==, COLLECTOR_SHARES_MAX);
    g_assert_cmpint(result->jobs.infeasible, ==, 3 * COLLECTOR_SHARES_MAX);
    g_assert_cmpuint(result->infeasible_len, ==, RESULT_INFEASIBLE_MAX);
    g_assert_cmpint(result->infeasible_more, ==, 3 * COLLECTOR_SHARES_MAX - RESULT_INFEASIBLE_MAX);
    int64_t sum = 0;
    for (size_t i = 0; i < result->queues[0].shares_len; i++)
        sum += result->queues[0].shares[i].jobs.submitted;
    g_assert_cmpint(sum, ==, 3 * COLLECTOR_SHARES_MAX);
}

static void test_empty(void)
{
    g_autoptr(SimulationResult) result =
        collector_finish(fixture_collector("empty"), FIXTURE_START_MS, SIMULATION_WHOLE);
    g_assert_cmpint(result->makespan_ms, ==, 0);
    g_assert_cmpint(result->waits.waits, ==, 0);
    collector_free(fixture_collector("unfinished"));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/forecast/quantiles/error", test_quantiles);
    g_test_add_func("/forecast/quantiles/edges", test_quantiles_edges);
    g_test_add_func("/forecast/series/random", test_series);
    g_test_add_func("/forecast/series/steps", test_series_steps);
    g_test_add_func("/forecast/collector/jobs", test_small_jobs);
    g_test_add_func("/forecast/collector/money", test_small_money);
    g_test_add_func("/forecast/collector/currencies", test_currencies);
    g_test_add_func("/forecast/collector/bounds", test_bounds);
    g_test_add_func("/forecast/collector/empty", test_empty);
    return g_test_run();
}
