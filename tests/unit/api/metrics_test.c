/* The format of /metrics, and what is counted in what. */
#include "reconciler/api/meters.h"
#include "reconciler/api/metric.h"
#include <string.h>

#define ASSERT_TEXT(out, text)                                                                               \
    G_STMT_START                                                                                             \
    {                                                                                                        \
        g_assert_cmpstr((out)->str, ==, text);                                                               \
        g_string_set_size(out, 0);                                                                           \
    }                                                                                                        \
    G_STMT_END

static void test_samples(void)
{
    g_autoptr(GString) out = g_string_new(NULL);
    const MetricLabel labels[2] = {{"queue", "a\"\\\n"}, {"status", "RUNNING"}};
    metric_family(out, METRIC_QUEUE_JOBS);
    ASSERT_TEXT(out, "# HELP muster_queue_jobs Jobs of a queue by status.\n# TYPE muster_queue_jobs gauge\n");
    metric_sample(out, METRIC_QUEUE_JOBS, labels, 2, 5, 0);
    ASSERT_TEXT(out, "muster_queue_jobs{queue=\"a\\\"\\\\\\n\",status=\"RUNNING\"} 5\n");
    metric_sample(out, METRIC_TIME, NULL, 0, 1700000061007, 3);
    ASSERT_TEXT(out, "muster_time_seconds 1700000061.007\n");
    metric_sample(out, METRIC_TIME, NULL, 0, 1500, 3);
    ASSERT_TEXT(out, "muster_time_seconds 1.5\n");
    metric_sample(out, METRIC_TIME, NULL, 0, 2000, 3);
    ASSERT_TEXT(out, "muster_time_seconds 2\n");
    metric_sample(out, METRIC_TIME, NULL, 0, 50, 6);
    ASSERT_TEXT(out, "muster_time_seconds 0.00005\n");
    metric_sample(out, METRIC_TIME, NULL, 0, -1250, 3);
    ASSERT_TEXT(out, "muster_time_seconds -1.25\n");
    metric_single(out, METRIC_STORE_ROWS, 7, 0);
    ASSERT_TEXT(out, "# HELP muster_store_rows_total Rows that were written.\n"
                     "# TYPE muster_store_rows_total counter\nmuster_store_rows_total 7\n");
}

/* Names are unique, and counters end as counters do. */
static void test_families(void)
{
    g_autoptr(GHashTable) names = g_hash_table_new(g_str_hash, g_str_equal);
    for (Metric metric = 0; metric < METRICS; metric++) {
        g_autoptr(GString) out = g_string_new(NULL);
        const char *name = metric_name(metric);
        g_assert_nonnull(name);
        g_assert_true(g_hash_table_add(names, (char *)(uintptr_t)name));
        metric_family(out, metric);
        g_assert_cmpint(g_str_has_suffix(name, "_total"), ==, strstr(out->str, " counter\n") != NULL);
        g_assert_null(strstr(out->str, "(null)"));
    }
}

static void test_histogram(void)
{
    Histogram histogram = {0};
    g_autoptr(GString) out = g_string_new(NULL);
    histogram_observe(&histogram, SCALE_FAST, -5); /* a clock was set */
    histogram_observe(&histogram, SCALE_FAST, 50); /* a bound belongs to its bucket */
    histogram_observe(&histogram, SCALE_FAST, 51);
    histogram_observe(&histogram, SCALE_FAST, 10000000);
    histogram_observe(&histogram, SCALE_FAST, 10000001);
    g_assert_cmpuint(histogram_count(&histogram), ==, 5);
    metric_histogram(out, METRIC_TICK, &(MetricLabel){"phase", "x"}, 1, &histogram, SCALE_FAST);
    g_auto(GStrv) lines = g_strsplit(out->str, "\n", -1);
    g_assert_cmpuint(g_strv_length(lines), ==, METER_BUCKETS + 4);
    g_assert_cmpstr(lines[0], ==, "muster_tick_seconds_bucket{phase=\"x\",le=\"0.00005\"} 2");
    g_assert_cmpstr(lines[1], ==, "muster_tick_seconds_bucket{phase=\"x\",le=\"0.0001\"} 3");
    g_assert_cmpstr(lines[14], ==, "muster_tick_seconds_bucket{phase=\"x\",le=\"2.5\"} 3");
    g_assert_cmpstr(lines[15], ==, "muster_tick_seconds_bucket{phase=\"x\",le=\"10\"} 4");
    g_assert_cmpstr(lines[16], ==, "muster_tick_seconds_bucket{phase=\"x\",le=\"+Inf\"} 5");
    g_assert_cmpstr(lines[17], ==, "muster_tick_seconds_sum{phase=\"x\"} 20.000102");
    g_assert_cmpstr(lines[18], ==, "muster_tick_seconds_count{phase=\"x\"} 5");
    g_string_set_size(out, 0);
    metric_histogram(out, METRIC_TICK, NULL, 0, &histogram, SCALE_FAST);
    g_assert_true(g_str_has_prefix(out->str, "muster_tick_seconds_bucket{le=\"0.00005\"} 2\n"));
    g_assert_true(g_str_has_suffix(out->str, "muster_tick_seconds_sum 20.000102\n"
                                             "muster_tick_seconds_count 5\n"));
}

static void test_bounds(void)
{
    for (MeterScale scale = SCALE_FAST; scale <= SCALE_SLOW; scale++)
        for (size_t i = 1; i < METER_BUCKETS; i++)
            g_assert_cmpint(meter_bounds_us[scale][i - 1], <, meter_bounds_us[scale][i]);
}

static int64_t no_clock(void)
{
    return 0;
}

/* However many queues there were, so many have their own. */
static void test_queues(void)
{
    Meters meters;
    meters_init(&meters, no_clock);
    for (int i = 0; i < METERS_QUEUES + 50; i++) {
        g_autofree char *name = g_strdup_printf("q%d", i);
        meters_queue(&meters, name)->placements++;
    }
    g_assert_cmpuint(g_hash_table_size(meters.queues), ==, METERS_QUEUES);
    g_assert_cmpuint(meters.others.placements, ==, 50);
    meters_queue(&meters, "q7")->placements++;
    g_assert_cmpuint(meters_queue(&meters, "q7")->placements, ==, 2);
    meters_clear(&meters);
}

static void test_requests(void)
{
    Meters meters;
    meters_init(&meters, no_clock);
    const Operation *get = operation_find_name("get"), *submit = operation_find_name("submit");
    meters_request(&meters, get, 200);
    meters_request(&meters, get, 404);
    meters_request(&meters, submit, 200);
    meters_request(&meters, get, 200);
    meters_request(&meters, NULL, 404);
    g_assert_cmpuint(meters.requests->len, ==, 4);
    const RequestCount *first = &g_array_index(meters.requests, RequestCount, 0);
    g_assert_true(first->operation == get && first->code == 200 && first->count == 2);
    meters_request(NULL, get, 200);
    meters_clear(&meters);
}

static void test_calls(void)
{
    g_autofree CallMeter *calls = g_new0(CallMeter, 1);
    call_meter_count(calls, "ec2", "RunInstances", CALL_OK, 1000);
    call_meter_count(calls, "ec2", "RunInstances", CALL_THROTTLED, 1000);
    call_meter_count(calls, "ecs", "RunInstances", CALL_LOST, 1000);
    g_assert_cmpuint(calls->len, ==, 2);
    g_assert_cmpuint(calls->rows[0].outcomes[CALL_OK], ==, 1);
    g_assert_cmpuint(calls->rows[0].outcomes[CALL_THROTTLED], ==, 1);
    g_assert_cmpuint(calls->rows[1].outcomes[CALL_LOST], ==, 1);
    for (int i = 0; i < 2 * CALL_ROWS; i++) {
        g_autofree char *name =
            g_strdup_printf("operation-%d-%0*d", i, CALL_NAME, 0); /* longer than is kept */
        call_meter_count(calls, "ec2", name, CALL_ERROR, 1);
        call_meter_count(calls, "ec2", name, CALL_ERROR, 1);
    }
    g_assert_cmpuint(calls->len, ==, CALL_ROWS);
    g_assert_cmpuint(calls->rows[2].outcomes[CALL_ERROR], ==, 2);
    g_assert_cmpstr(calls->rows[CALL_ROWS - 1].operation, ==, "other");
    g_assert_cmpuint(calls->rows[CALL_ROWS - 1].outcomes[CALL_ERROR], ==,
                     2 * (2 * CALL_ROWS - (CALL_ROWS - 3)));
    g_assert_cmpuint(histogram_count(&calls->seconds), ==, 3 + 4 * CALL_ROWS);
    call_meter_count(NULL, "ec2", "RunInstances", CALL_OK, 1000);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/metrics/samples", test_samples);
    g_test_add_func("/metrics/families", test_families);
    g_test_add_func("/metrics/histogram", test_histogram);
    g_test_add_func("/metrics/bounds", test_bounds);
    g_test_add_func("/metrics/queues", test_queues);
    g_test_add_func("/metrics/requests", test_requests);
    g_test_add_func("/metrics/calls", test_calls);
    return g_test_run();
}
