/* durations_test.c: the arithmetic against known values, the distributions against their moments, and draws
 * that must never change. */
#include "reconciler/forecast/durations.h"
#include "spec/base/fixed_point.h"

#define DRAWS 200000

static void assert_near(int64_t value, int64_t expected, int64_t tolerance)
{
    if (ABS(value - expected) > tolerance)
        g_error("%" G_GINT64_FORMAT " is not within %" G_GINT64_FORMAT " of %" G_GINT64_FORMAT, value,
                tolerance, expected);
}

static void test_log2(void)
{
    g_assert_cmpint(fixed_log2(1), ==, 0);
    g_assert_cmpint(fixed_log2(UINT64_C(1) << 40), ==, 40 * Q32_ONE);
    assert_near(fixed_log2(10), INT64_C(14267572527), 32); /* log2(10) = 3.321928094887362 */
    assert_near(fixed_log2(UINT64_MAX), 64 * Q32_ONE, 1);
}

static void test_exp(void)
{
    g_assert_cmpint(fixed_scale_exp2(3, 4 * Q32_ONE), ==, 48);
    g_assert_cmpint(fixed_scale_exp2(48, -4 * Q32_ONE), ==, 3);
    g_assert_cmpint(fixed_scale_exp2(1, 63 * Q32_ONE), ==, INT64_MAX);
    g_assert_cmpint(fixed_scale_exp2(1, 200 * Q32_ONE), ==, INT64_MAX);
    g_assert_cmpint(fixed_scale_exp2(INT64_MAX, -200 * Q32_ONE), ==, 0);
    assert_near(fixed_scale_exp(INT64_C(1000000000000), Q32_ONE), INT64_C(2718281828459), 20000);
    assert_near(fixed_scale_exp(INT64_C(1000000000000), -Q32_ONE / 2), INT64_C(606530659713), 5000);
}

/* exp and log are each other's inverse over the whole range that a run time can have. */
static void test_inverse(void)
{
    Rng rng = rng_from_seed(1);
    for (int i = 0; i < 10000; i++) {
        int64_t value = rng_between(&rng, 1 << 20, INT64_C(1) << 50);
        assert_near(fixed_scale_exp2(1, fixed_log2((uint64_t)value)), value, value / (1 << 26) + 1);
    }
}

static void test_normal(void)
{
    Rng rng = rng_from_seed(2);
    int64_t sum = 0, squares = 0, beyond_two = 0;
    for (int i = 0; i < DRAWS; i++) {
        int64_t milli = fixed_normal(&rng) * 1000 / Q32_ONE;
        sum += milli;
        squares += milli * milli;
        beyond_two += ABS(milli) > 2000;
    }
    assert_near(sum / DRAWS, 0, 10);
    assert_near(squares / DRAWS, 1000000, 10000);
    assert_near(beyond_two, DRAWS * 455 / 10000, DRAWS / 500); /* 4.55 % */
}

/* These were drawn once; another compiler, machine or version must draw the same. */
static void test_draws_stay(void)
{
    Rng rng = rng_from_seed(7);
    static const int64_t normal[] = {INT64_C(4769927104), INT64_C(-4778560320), INT64_C(4993334976),
                                     INT64_C(1163827760)},
                         exponential[] = {INT64_C(584453585), INT64_C(12030005685), INT64_C(9703116471),
                                          INT64_C(3895823467)};
    for (size_t i = 0; i < G_N_ELEMENTS(normal); i++)
        g_assert_cmpint(fixed_normal(&rng), ==, normal[i]);
    for (size_t i = 0; i < G_N_ELEMENTS(exponential); i++)
        g_assert_cmpint(fixed_exponential(&rng), ==, exponential[i]);
}

static DurationModel parse(const char *text)
{
    DurationModel model;
    g_autoptr(GError) error = NULL;
    duration_model_parse(view_from(text), &model, &error);
    g_assert_no_error(error);
    return model;
}

static int64_t *draws(const DurationModel *model)
{
    Rng rng = rng_from_seed(3);
    int64_t *values = g_new(int64_t, DRAWS);
    for (int i = 0; i < DRAWS; i++)
        values[i] = duration_draw(model, &rng);
    return values;
}

static int compare(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
    return (left > right) - (left < right);
}

static void check(const char *text, int64_t median_ms, int64_t mean_ms)
{
    DurationModel model = parse(text);
    g_autofree int64_t *values = draws(&model);
    int64_t sum = 0;
    for (int i = 0; i < DRAWS; i++)
        sum += values[i];
    qsort(values, DRAWS, sizeof *values, compare);
    assert_near(values[DRAWS / 2], median_ms, median_ms / 100);
    assert_near(sum / DRAWS, mean_ms, mean_ms / 100);
    assert_near(duration_mean_ms(&model), mean_ms, mean_ms / 1000);
}

static void test_distributions(void)
{
    check("fixed 60", 60000, 60000);
    check("fixed 1.5", 1500, 1500);
    check("uniform 30 90", 60000, 60000);
    check("exponential 2m", 83178, 120000);     /* median: mean · ln 2 */
    check("lognormal 300 0.5", 300000, 339945); /* mean: median · e^(sigma²/2) */
    check("  lognormal\t1h   0 ", 3600000, 3600000);
}

static void test_empirical(void)
{
    static const DurationBucket buckets[] = {{100, 199, 3}, {200, 299, 0}, {1000, 1000, 1}};
    DurationModel model = duration_model_empirical(buckets, G_N_ELEMENTS(buckets));
    g_autofree int64_t *values = draws(&model);
    int64_t long_ones = 0;
    for (int i = 0; i < DRAWS; i++) {
        g_assert_true((values[i] >= 100 && values[i] < 200) || values[i] == 1000);
        long_ones += values[i] == 1000;
    }
    assert_near(long_ones, DRAWS / 4, DRAWS / 100);
    g_assert_cmpint(duration_mean_ms(&model), ==, (3 * 149 + 1000) / 4);
    DurationModel none = duration_model_empirical(buckets + 1, 1);
    g_assert_cmpint(none.kind, ==, DURATION_UNKNOWN);
}

/* Extremes end at the limits, never below 1 ms. */
static void test_limits(void)
{
    DurationModel wild = parse("lognormal 3000d 10"), small = parse("exponential 0.001");
    g_autofree int64_t *large = draws(&wild), *least = draws(&small);
    bool reached = false;
    for (int i = 0; i < DRAWS; i++) {
        g_assert_cmpint(large[i], <=, DURATION_MS_MAX);
        g_assert_cmpint(large[i], >=, 1);
        g_assert_cmpint(least[i], >=, 1);
        reached |= large[i] == DURATION_MS_MAX;
    }
    g_assert_true(reached);
}

static void refuse(const char *text, const char *part)
{
    DurationModel model = {.kind = DURATION_UNKNOWN};
    g_autoptr(GError) error = NULL;
    g_assert_false(duration_model_parse(view_from(text), &model, &error));
    g_assert_error(error, DURATION_ERROR, DURATION_ERROR_SYNTAX);
    g_assert_nonnull(strstr(error->message, part));
    g_assert_cmpint(model.kind, ==, DURATION_UNKNOWN);
}

static void test_refused(void)
{
    refuse("", "it is empty");
    refuse("lognorml 300 0.5", "did you mean \"lognormal\"?");
    refuse("gamma 1 2", "fixed, uniform, exponential or lognormal");
    refuse("lognormal 300", "lognormal MEDIAN SIGMA");
    refuse("lognormal 300 11", "no sigma");
    refuse("lognormal 300 0.50001", "no sigma");
    refuse("uniform 90 30", "is below the shortest");
    refuse("fixed 0", "not within");
    refuse("fixed -1", "not within");
    refuse("fixed 99999999999", "not within");
    refuse("fixed soon", "no time");
    refuse("fixed \xff", "UTF-8");
}

static void test_metadata(void)
{
    TaskModel model;
    g_autoptr(GError) error = NULL;
    g_assert_true(task_model_from_metadata(VIEW("{}"), &model, &error));
    g_assert_cmpint(model.model.kind, ==, DURATION_UNKNOWN);
    g_assert_true(task_model_from_metadata((View){NULL, 0}, &model, &error));
    g_assert_true(
        task_model_from_metadata(VIEW("{\"annotations\":{\"muster/simulated-duration\":\"fixed 60\","
                                      "\"muster/simulated-failure\":\"0.01\"}}"),
                                 &model, &error));
    g_assert_no_error(error);
    g_assert_cmpint(model.model.low_ms, ==, 60000);
    g_assert_cmpint(model.failure_ppm, ==, 10000);
    g_assert_false(task_model_from_metadata(VIEW("{\"annotations\":{\"muster/simulated-failure\":\"2\"}}"),
                                            &model, &error));
    g_assert_true(
        g_str_has_prefix(error->message, "annotation muster/simulated-failure: it is no probability"));
}

static void test_failure(void)
{
    Rng rng = rng_from_seed(4);
    int64_t failed = 0;
    for (int i = 0; i < DRAWS; i++)
        failed += failure_draw(10000, &rng);
    assert_near(failed, DRAWS / 100, DRAWS / 1000);
    g_assert_false(failure_draw(0, &rng));
    g_assert_true(failure_draw(FAILURE_PPM_MAX, &rng));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/forecast/durations/log2", test_log2);
    g_test_add_func("/forecast/durations/exp", test_exp);
    g_test_add_func("/forecast/durations/inverse", test_inverse);
    g_test_add_func("/forecast/durations/normal", test_normal);
    g_test_add_func("/forecast/durations/draws-stay", test_draws_stay);
    g_test_add_func("/forecast/durations/distributions", test_distributions);
    g_test_add_func("/forecast/durations/empirical", test_empirical);
    g_test_add_func("/forecast/durations/limits", test_limits);
    g_test_add_func("/forecast/durations/refused", test_refused);
    g_test_add_func("/forecast/durations/metadata", test_metadata);
    g_test_add_func("/forecast/durations/failure", test_failure);
    return g_test_run();
}
