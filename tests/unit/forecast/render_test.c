/* render_test.c: words, JSON and the page of a result; assertions against it. */
#include "reconciler/forecast/assertion.h"
#include "reconciler/forecast/render.h"
#include "reconciler/forecast/words.h"
#include "tests/support/result_fixture.h"

#define PAGE_MAX (2 * 1024 * 1024)

/* ---- words
 * -------------------------------------------------------------------------------------------------------- */

static void check_words(char *text, const char *expected)
{
    g_assert_cmpstr(text, ==, expected);
    g_free(text);
}

static void test_words(void)
{
    check_words(words_money(13399999, "USD"), "$13.40");
    check_words(words_money(INT64_C(1203400000), "USD"), "$1,203.40");
    check_words(words_money(7000000, "CNY"), "CNY 7.00");
    check_words(words_money(0, "USD"), "$0.00");
    check_words(words_money(1234, "USD"), "$0.001234");
    check_words(words_money(-1, "USD"), "unknown");
    check_words(words_money(5, NULL), "unknown");
    check_words(words_percent(7141), "71.4 %");
    check_words(words_percent(10000), "100.0 %");
    check_words(words_percent(-1), "-");
    check_words(words_slowdown(1424), "1.42");
    check_words(words_time(FIXTURE_START_MS + 50531000), "Mon 14:02:11");
    check_words(words_date(FIXTURE_START_MS), "2026-01-05 00:00");
    check_words(words_need(&(ResourceNeed){2500, 61000, 0}), "0.25 vCPU, 61,000 MiB");
    check_words(words_need(&(ResourceNeed){80000, 4, 2}), "8 vCPU, 4 MiB, 2 GPU");
}

static void test_cost_words(void)
{
    g_autoptr(SimulationResult) small = fixture_small("small");
    check_words(words_cost(small), "at least $1.44");
    g_autoptr(SimulationResult) none =
        collector_finish(fixture_collector("none"), FIXTURE_START_MS, SIMULATION_WHOLE);
    check_words(words_cost(none), "nothing");
}

/* ---- JSON
 * ---------------------------------------------------------------------------------------------------------
 */

static double real_at(json_t *root, const char *a, const char *b)
{
    json_t *value = json_object_get(json_object_get(root, a), b);
    g_assert_true(json_is_number(value));
    return json_number_value(value);
}

static void test_json(void)
{
    g_autoptr(SimulationResult) result = fixture_small("small");
    json_t *root = simulation_json(result, NULL);
    g_assert_cmpint(json_integer_value(json_object_get(root, "makespanSeconds")), ==, 10800);
    g_assert_cmpfloat(real_at(root, "jobs", "succeeded"), ==, 2);
    g_assert_cmpfloat(real_at(root, "jobs", "infeasible"), ==, 3);
    g_assert_cmpfloat_with_epsilon(real_at(root, "waitSeconds", "p95"), 7200, 72);
    g_assert_cmpfloat_with_epsilon(real_at(root, "cost", "amount"), 1.44, 1e-9);
    g_assert_cmpstr(json_string_value(json_object_get(json_object_get(root, "cost"), "currency")), ==, "USD");
    g_assert_cmpfloat(real_at(root, "cost", "unpriced"), ==, 1);
    g_assert_cmpfloat_with_epsilon(real_at(root, "utilisation", "vcpu"), 0.5714, 1e-9);
    g_assert_true(json_is_null(json_object_get(json_object_get(root, "utilisation"), "gpu")));
    json_t *instances = json_object_get(root, "instances");
    g_assert_cmpuint(json_array_size(instances), ==, 2);
    json_t *second = json_array_get(instances, 1);
    g_assert_true(json_is_null(json_object_get(second, "cost")));
    g_assert_true(json_is_null(json_object_get(second, "endSeconds")));
    char *first_bytes = json_dumps(root, JSON_COMPACT);
    g_autoptr(SimulationResult) again = fixture_small("small");
    json_t *again_root = simulation_json(again, NULL);
    char *second_bytes = json_dumps(again_root, JSON_COMPACT);
    g_assert_nonnull(first_bytes);
    g_assert_cmpstr(first_bytes, ==, second_bytes);
    free(first_bytes);
    free(second_bytes);
    json_decref(root);
    json_decref(again_root);
}

/* What a series says at a time: the last point not after it. */
static double series_at(json_t *root, const char *name, const char *queue, double seconds)
{
    size_t i, n;
    json_t *series, *point;
    double value = -1;
    json_array_foreach(json_object_get(root, "series"), i, series)
    {
        if (strcmp(json_string_value(json_object_get(series, "name")), name) != 0 ||
            g_strcmp0(json_string_value(json_object_get(series, "queue")), queue) != 0)
            continue;
        json_array_foreach(json_object_get(series, "points"), n, point)
        {
            if (json_number_value(json_array_get(point, 0)) <= seconds)
                value = json_number_value(json_array_get(point, 1));
        }
    }
    return value;
}

static void test_json_series(void)
{
    g_autoptr(SimulationResult) result = fixture_small("small");
    json_t *root = simulation_json(result, NULL);
    g_assert_cmpfloat(series_at(root, "runnable", "high", 1800), ==, 2);
    g_assert_cmpfloat(series_at(root, "runnable", "high", 5000), ==, 1);
    g_assert_cmpfloat(series_at(root, "running", "high", 9000), ==, 1);
    g_assert_cmpfloat(series_at(root, "runnable", "high", 14000), ==, 0);
    g_assert_cmpfloat_with_epsilon(series_at(root, "costPerHour", NULL, 9000), 0.36, 1e-9);
    json_decref(root);
}

static void test_json_compare(void)
{
    g_autoptr(SimulationResult) small = fixture_small("small"), large = fixture_large(1, 50);
    json_t *root = simulation_compare_json(small, large, NULL);
    g_assert_cmpuint(json_array_size(json_object_get(root, "results")), ==, 2);
    g_assert_cmpfloat(json_number_value(json_object_get(json_object_get(root, "delta"), "makespanSeconds")),
                      ==, (double)(large->makespan_ms - small->makespan_ms) / 1000);
    g_assert_true(
        json_is_null(json_object_get(json_object_get(root, "delta"), "cost"))); /* a price is missing */
    json_decref(root);
}

/* ---- the page
 * ----------------------------------------------------------------------------------------------------- */

/* Well-formed but for its first line; nothing is fetched. */
static void check_page(const GString *page)
{
    static const char *const references[] = {"http:", "https:",  "url(", "@import",
                                             "<link", "<script", "src=", "href="};
    g_autoptr(GError) error = NULL;
    const GMarkupParser parser = {0};
    g_assert_true(g_str_has_prefix(page->str, "<!DOCTYPE html>\n<html lang=\"en\">"));
    g_assert_cmpuint(page->len, <, PAGE_MAX);
    g_assert_true(g_utf8_validate(page->str, (gssize)page->len, NULL));
    const char *body = strchr(page->str, '\n') + 1;
    GMarkupParseContext *context = g_markup_parse_context_new(&parser, 0, NULL, NULL);
    g_assert_true(g_markup_parse_context_parse(context, body, -1, &error));
    g_assert_true(g_markup_parse_context_end_parse(context, &error));
    g_assert_no_error(error);
    g_markup_parse_context_free(context);
    for (size_t i = 0; i < G_N_ELEMENTS(references); i++)
        g_assert_null(strstr(page->str, references[i]));
    g_assert_null(strstr(page->str, "nan"));
    g_assert_null(strstr(page->str, "inf\""));
}

static void keep_page(const GString *page, const char *name)
{
    const char *directory = g_getenv("MUSTER_PAGES"); /* to look at them */
    if (!directory)
        return;
    g_autofree char *path = g_build_filename(directory, name, NULL);
    g_assert_true(g_file_set_contents(path, page->str, (gssize)page->len, NULL));
}

static void test_page(void)
{
    g_autoptr(SimulationResult) result = fixture_small("<script>alert(1)</script>\x01");
    g_autoptr(GString) page = g_string_new(NULL);
    simulation_html(result, NULL, NULL, page);
    check_page(page);
    keep_page(page, "small.html");
    g_assert_nonnull(strstr(page->str, "Simulation of &lt;script&gt;alert(1)&lt;/script&gt; "));
    g_assert_nonnull(strstr(page->str, "at least $1.44"));
    g_assert_nonnull(strstr(page->str, "needs 4 GPUs; at most 1"));
    g_assert_nonnull(
        strstr(page->str, "7 c5.2xlarge, from Mon 00:00:00 for 4 h, busy 57.1 %, cost $1.44; scale-in"));
}

static void test_page_large(void)
{
    static const int sizes[] = {0, 1, 200, 3000, 20000};
    for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++) {
        g_autoptr(SimulationResult) result = fixture_large(i + 1, sizes[i]);
        g_autoptr(GString) page = g_string_new(NULL);
        simulation_html(result, NULL, NULL, page);
        check_page(page);
        g_autofree char *name = g_strdup_printf("large-%d.html", sizes[i]);
        keep_page(page, name);
    }
}

static void test_page_compare(void)
{
    g_autoptr(SimulationResult) one = fixture_large(1, 1500), two = fixture_large(2, 1500);
    g_autoptr(GString) page = g_string_new(NULL), again = g_string_new(NULL);
    simulation_html(one, two, NULL, page);
    simulation_html(one, two, NULL, again);
    check_page(page);
    keep_page(page, "compare.html");
    g_assert_cmpstr(page->str, ==, again->str);
}

/* ---- assertions
 * --------------------------------------------------------------------------------------------------- */

static GPtrArray *asserted_one(AssertedQueue *queue)
{
    GPtrArray *list = g_ptr_array_new();
    g_ptr_array_add(list, queue);
    return list;
}

/* texts: NULL-terminated, in order. */
static void check_assertion(const SimulationResult *result, QueueAssertion assertion,
                            const char *const *texts)
{
    AssertedQueue queue = {.queue = (char *)(uintptr_t) "high", .assertion = assertion};
    g_autoptr(GPtrArray) asserted = asserted_one(&queue);
    g_autoptr(GPtrArray) violations = assertion_check(result, asserted);
    guint i = 0;
    for (; texts[i]; i++) {
        g_assert_cmpuint(violations->len, >, i);
        g_assert_cmpstr(((Violation *)violations->pdata[i])->text, ==, texts[i]);
    }
    g_assert_cmpuint(violations->len, ==, i);
}

/* A Spot machine and one of known price, $1 and $2 an hour at most, for the day's first 10 hours; bound 0:
 * nothing bounds it. */
static SimulationResult *half_known(int64_t bound_micro)
{
    Collector *c = fixture_collector("half");
    FixtureHandles h = fixture_handles(c);
    const int64_t t0 = FIXTURE_START_MS, end = t0 + 10 * FIXTURE_HOUR_MS;
    const ResourceNeed need = {10000, 1024, 0};
    collector_instance_started(c, &(CollectedInstance){1, h.spot, "c5.large", true, -1, t0, bound_micro});
    collector_instance_started(c, &(CollectedInstance){2, h.spot, "c5.large", false, 1000000, t0, 0});
    fixture_ran(c, h.blue, h.spot, "a", t0, t0, end, need, true);
    collector_instance_ended(c, 1, end, "stopped", false);
    collector_instance_ended(c, 2, end, "stopped", false);
    return collector_finish(c, end, SIMULATION_WHOLE);
}

static const char *const fine[] = {NULL};

/* What a missing price is at most decides, where that is known. */
static void test_assertion_bounds(void)
{
    g_autoptr(SimulationResult) bounded = half_known(2000000), unbounded = half_known(0);
    check_assertion(bounded, (QueueAssertion){-1, -1, 30000000}, fine);
    check_assertion(
        bounded, (QueueAssertion){-1, -1, 29000000},
        (const char *const[]){
            "queue high: at least $10.00, at most $30.00 on its costliest day, asserted $29.00; its part of "
            "what its "
            "environments cost, Spot machines of unknown price at the price that they cannot exceed",
            NULL});
    check_assertion(bounded, (QueueAssertion){-1, -1, 9000000},
                    (const char *const[]){"queue high: at least $10.00, at most $30.00 on its costliest day, "
                                          "asserted $9.00; its part of what its environments cost",
                                          NULL});
    check_assertion(unbounded, (QueueAssertion){-1, -1, 30000000},
                    (const char *const[]){
                        "queue high: cost per day is asserted, but not known: prices are missing", NULL});
    check_assertion(unbounded, (QueueAssertion){-1, -1, 9000000},
                    (const char *const[]){"queue high: at least $10.00 on its costliest day, asserted $9.00; "
                                          "its part of what its environments cost",
                                          NULL});
}

static void check_paid(ResultMoney money, const char *wanted)
{
    g_autofree char *text = words_paid(&money);
    g_assert_cmpstr(text, ==, wanted);
}

static void test_paid(void)
{
    char *usd = (char *)(uintptr_t) "USD";
    check_paid((ResultMoney){usd, 13400000, 0, 13400000, 0}, "$13.40");
    check_paid((ResultMoney){usd, 0, 0, 0, 0}, "$0.00");
    check_paid((ResultMoney){usd, 13400000, 0, -1, 2}, "at least $13.40");
    check_paid((ResultMoney){usd, 13400000, 0, 25000000, 2}, "at least $13.40, at most $25.00");
    check_paid((ResultMoney){usd, 0, 0, 25000000, 2}, "at most $25.00");
    check_paid((ResultMoney){usd, 0, 0, -1, 2}, "unknown");
}

/* Nobody reads 0 where nothing is known. */
static void test_json_bounds(void)
{
    g_autoptr(SimulationResult) bounded = half_known(2000000), unbounded = half_known(0);
    json_t *root = simulation_json(bounded, NULL), *other = simulation_json(unbounded, NULL);
    json_t *cost = json_object_get(root, "cost"), *queue = json_array_get(json_object_get(root, "queues"), 0),
           *spot = json_array_get(json_object_get(root, "instances"), 0);
    g_assert_cmpfloat(json_real_value(json_object_get(cost, "amount")), ==, 10);
    g_assert_cmpfloat(json_real_value(json_object_get(cost, "atMost")), ==, 30);
    g_assert_cmpfloat(json_real_value(json_object_get(queue, "costPerDayMax")), ==, 10);
    g_assert_cmpfloat(json_real_value(json_object_get(queue, "costPerDayAtMost")), ==, 30);
    g_assert_true(json_is_null(json_object_get(spot, "cost")));
    g_assert_cmpfloat(json_real_value(json_object_get(spot, "costAtMost")), ==, 20);
    cost = json_object_get(other, "cost");
    g_assert_true(json_is_null(json_object_get(cost, "atMost")));
    g_assert_cmpint(json_integer_value(json_object_get(cost, "unpriced")), ==, 1);
    json_decref(root);
    json_decref(other);
}

static void test_assertions(void)
{
    g_autoptr(SimulationResult) result = fixture_small("small");
    const int64_t hour = FIXTURE_HOUR_MS;
    check_assertion(result, (QueueAssertion){-1, -1, -1}, (const char *const[]){NULL});
    check_assertion(result, (QueueAssertion){2 * hour, 3 * hour, -1}, (const char *const[]){NULL});
    check_assertion(
        result, (QueueAssertion){2 * hour - 1, 3 * hour - 1, -1},
        (const char *const[]){"queue high: p95 wait 2 h, asserted 1 h 59 min; e.g. job <b>&\"sort\" at Mon "
                              "00:00:00 waited 2 h for 8 vCPU, 16,384 MiB in spot (at maxvCpus)",
                              "queue high: drains in 3 h, asserted 2 h 59 min", NULL});
    /* on a machine of known price, whatever another queue's costs */
    check_assertion(result, (QueueAssertion){-1, -1, 1440000}, fine);
}

static void test_assertion_cost(void)
{
    Collector *c = fixture_collector("cost");
    FixtureHandles h = fixture_handles(c);
    const int64_t day = 24 * FIXTURE_HOUR_MS;
    collector_instance_started(
        c, &(CollectedInstance){1, h.spot, "c5.large", true, INT64_C(1000000), FIXTURE_START_MS, 0});
    fixture_ran(c, h.blue, h.spot, "a", FIXTURE_START_MS, FIXTURE_START_MS, FIXTURE_START_MS + 2 * day,
                (ResourceNeed){30000, 4, 0}, true);
    fixture_ran(c, h.plain, h.spot, "b", FIXTURE_START_MS, FIXTURE_START_MS, FIXTURE_START_MS + 2 * day,
                (ResourceNeed){10000, 4, 0}, true);
    collector_jobs_submitted(c, h.red, 2);
    collector_instance_ended(c, 1, FIXTURE_START_MS + 2 * day, NULL, false);
    g_autoptr(SimulationResult) result = collector_finish(c, FIXTURE_START_MS + 2 * day, SIMULATION_CUT);
    check_assertion(result, (QueueAssertion){-1, -1, 18000000}, (const char *const[]){NULL});
    check_assertion(
        result, (QueueAssertion){-1, 5 * day, 17999999},
        (const char *const[]){"queue high: not drained, 2 jobs are left; asserted to drain in 5 d",
                              "queue high: $18.00 on its costliest day, asserted $18.00; its part of what "
                              "its environments cost",
                              NULL});
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/forecast/words/figures", test_words);
    g_test_add_func("/forecast/words/cost", test_cost_words);
    g_test_add_func("/forecast/json/members", test_json);
    g_test_add_func("/forecast/json/series", test_json_series);
    g_test_add_func("/forecast/json/compare", test_json_compare);
    g_test_add_func("/forecast/page/small", test_page);
    g_test_add_func("/forecast/page/large", test_page_large);
    g_test_add_func("/forecast/page/compare", test_page_compare);
    g_test_add_func("/forecast/assertion/small", test_assertions);
    g_test_add_func("/forecast/assertion/bounds", test_assertion_bounds);
    g_test_add_func("/forecast/words/paid", test_paid);
    g_test_add_func("/forecast/json/bounds", test_json_bounds);
    g_test_add_func("/forecast/assertion/cost", test_assertion_cost);
    return g_test_run();
}
