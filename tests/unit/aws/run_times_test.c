#include "reconciler/provider/aws/run_times.h"
#include <math.h>
#include "spec/base/rng.h"

/* Looks at one that takes so long, each when the last one says, or a quarter later where nothing is known, at
 * least a second apart: how many, and how late the last one is. */
static int looks_until(const RunTimes *times, int64_t took_ms, int64_t *ret_late_ms)
{
    int64_t age_ms = 0, after_ms;
    for (int looks = 0;; looks++) {
        if (age_ms >= took_ms) {
            *ret_late_ms = age_ms - took_ms;
            return looks;
        }
        if (!run_times_next(times, age_ms, &after_ms))
            after_ms = age_ms / 4;
        age_ms += MAX(after_ms, 1000);
    }
}

static void test_unknown(void)
{
    g_autoptr(RunTimes) times = run_times_new();
    int64_t after_ms;
    for (int i = 0; i < 7; i++) {
        run_times_add(times, 60000);
        g_assert_false(run_times_next(times, 0, &after_ms));
    }
    run_times_add(times, 60000);
    g_assert_true(run_times_next(times, 0, &after_ms));
    g_assert_false(run_times_next(times, 62000, &after_ms)); /* none took so long */
    g_assert_true(run_times_next(times, -5000, &after_ms));  /* a clock that is behind */
}

/* Those that all take the same are looked at when they end, and not much before. */
static void test_same(void)
{
    for (int64_t took_ms = 1000; took_ms < 100000000; took_ms = took_ms * 3 / 2) {
        g_autoptr(RunTimes) times = run_times_new();
        int64_t late_ms;
        for (int i = 0; i < 100; i++)
            run_times_add(times, took_ms);
        int looks = looks_until(times, took_ms, &late_ms);
        g_test_message("%" G_GINT64_FORMAT " ms: %d looks, %" G_GINT64_FORMAT " ms late", took_ms, looks,
                       late_ms);
        g_assert_cmpint(looks, <=, 24);
        g_assert_cmpint(late_ms, <=, MAX(took_ms / 16, 1000));
    }
}

/* The fifth look on average finds the end, whatever came before. */
static void test_exponential(void)
{
    const int64_t mean_ms = 600000;
    g_autoptr(RunTimes) times = run_times_new();
    Rng rng = rng_from_seed(7);
    int64_t looks = 0, late_ms, late_sum_ms = 0;
    for (int i = 0; i < 3000; i++)
        run_times_add(times, (int64_t)(-log1p(-(double)rng_below(&rng, 1000000) / 1e6) * (double)mean_ms));
    for (int i = 0; i < 2000; i++) {
        looks += looks_until(
            times, (int64_t)(-log1p(-(double)rng_below(&rng, 1000000) / 1e6) * (double)mean_ms), &late_ms);
        late_sum_ms += late_ms;
    }
    g_test_message("%.2f looks, %.0f s late", (double)looks / 2000, (double)late_sum_ms / 2e6);
    g_assert_cmpfloat((double)looks / 2000, >, 4.5);
    g_assert_cmpfloat((double)looks / 2000, <, 5.5);
    g_assert_cmpint(late_sum_ms / 2000, <, mean_ms / 4);
}

/* A definition whose jobs take another time now is learned anew. */
static void test_changes(void)
{
    g_autoptr(RunTimes) times = run_times_new();
    int64_t after_ms;
    for (int i = 0; i < 5000; i++)
        run_times_add(times, 600000);
    for (int i = 0; i < 1000; i++)
        run_times_add(times, 60000);
    g_assert_true(run_times_next(times, 0, &after_ms));
    g_assert_cmpint(after_ms, >, 57000);
    g_assert_cmpint(after_ms, <, 62000);
}

static void test_ends(void)
{
    g_autoptr(RunTimes) times = run_times_new();
    int64_t after_ms;
    for (int i = 0; i < 100; i++) {
        run_times_add(times, G_MAXINT64);
        run_times_add(times, -1);
        run_times_add(times, 0);
    }
    g_assert_true(run_times_next(times, 0, &after_ms));
    g_assert_true(run_times_next(times, 1000000, &after_ms));
    g_assert_cmpint(after_ms, >, 0);
    run_times_next(times, G_MAXINT64, &after_ms);
    run_times_next(times, G_MININT64, &after_ms);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/aws/run_times/unknown", test_unknown);
    g_test_add_func("/aws/run_times/same", test_same);
    g_test_add_func("/aws/run_times/exponential", test_exponential);
    g_test_add_func("/aws/run_times/changes", test_changes);
    g_test_add_func("/aws/run_times/ends", test_ends);
    return g_test_run();
}
