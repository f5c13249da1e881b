#include "reconciler/api/metrics.h"
#include <string.h>

static void test_text(void)
{
    json_t *status = json_loads(
        "{\"version\": \"1.2\", \"startedAt\": 1500, \"loop\": {\"longestMs\": 3.4, \"over5Ms\": 2},"
        "\"jobs\": {\"unfinished\": 7}, \"held\": [{}, {}], \"omitted\": {\"held\": 3},"
        "\"sources\": [{\"name\": \"a\\\"\\\\\\n\", \"state\": \"broken\", \"remote\": {\"state\": \"held\","
        "  \"behindSeconds\": 61, \"checkedAt\": 1700000000123}, \"webhook\": {\"acceptedAt\": "
        "1700000000000}},"
        "  {\"name\": \"directory\", \"state\": \"odd\"}],"
        "\"queues\": [{\"name\": \"q\", \"counts\": {\"RUNNING\": 5}}]}",
        0, NULL);
    static const char *const lines[] = {
        "# TYPE muster_build_info gauge",
        "muster_build_info{version=\"1.2\"} 1",
        "muster_time_seconds 1700000061.007",
        "muster_start_time_seconds 1.500",
        "muster_store_refuses 0",
        "muster_loop_longest_seconds 0.003",
        "# TYPE muster_loop_over_5ms_total counter",
        "muster_loop_over_5ms_total 2",
        "muster_jobs_unfinished 7",
        "muster_held_tasks 5",
        "muster_source_state{source=\"a\\\"\\\\\\n\",state=\"ok\"} 0",
        "muster_source_state{source=\"a\\\"\\\\\\n\",state=\"broken\"} 1",
        "muster_source_state{source=\"directory\",state=\"odd\"} 1",
        "muster_source_remote_state{source=\"a\\\"\\\\\\n\",state=\"held\"} 1",
        "muster_source_behind_seconds{source=\"a\\\"\\\\\\n\"} 61",
        "muster_source_head_checked_timestamp_seconds{source=\"a\\\"\\\\\\n\"} 1700000000.123",
        "muster_source_webhook_accepted_timestamp_seconds{source=\"a\\\"\\\\\\n\"} 1700000000",
        "muster_queue_jobs{queue=\"q\",status=\"RUNNING\"} 5",
        "muster_queue_jobs{queue=\"q\",status=\"FAILED\"} 0",
    };
    static const char *const absent[] = {"muster_source_behind_seconds{source=\"directory\"",
                                         "muster_source_remote_state{source=\"directory\"",
                                         "muster_source_webhook_refused_timestamp_seconds{",
                                         "muster_committed_timestamp_seconds"};
    g_assert_nonnull(status);
    g_autofree char *text = metrics_text(status, 1700000061007);
    g_auto(GStrv) found = g_strsplit(text, "\n", -1);
    for (size_t i = 0; i < G_N_ELEMENTS(lines); i++)
        if (!g_strv_contains((const char *const *)found, lines[i]))
            g_error("not there: %s\n%s", lines[i], text);
    for (size_t i = 0; i < G_N_ELEMENTS(absent); i++)
        g_assert_null(strstr(text, absent[i]));
    g_assert_true(g_str_has_suffix(text, "\n"));
    json_decref(status);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/metrics/text", test_text);
    return g_test_run();
}
