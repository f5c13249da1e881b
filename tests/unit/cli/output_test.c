/* output_test.c: tables, YAML, times; listings and sections from JSON. */
#include "reconciler/cli/listing.h"

static void test_table(void)
{
    static const Column columns[] = {
        {"NAME", ALIGN_LEFT, COLUMN_ALWAYS},
        {"N", ALIGN_RIGHT, COLUMN_ALWAYS},
        {"MORE", ALIGN_LEFT, COLUMN_WIDE},
        {"STATE", ALIGN_LEFT, COLUMN_ALWAYS},
    };
    g_autoptr(Table) table = table_new(columns, G_N_ELEMENTS(columns));
    g_autoptr(GString) out = g_string_new(NULL);
    const char *cells[] = {"é", "7", "x", "FAILED", "longer", "1,000", NULL, ""};
    for (size_t i = 0; i < G_N_ELEMENTS(cells); i++)
        table_cell(table, cells[i]);
    g_assert_cmpuint(table_rows(table), ==, 2);
    table_render(table, false, false, out);
    g_assert_cmpstr(out->str, ==,
                    "NAME        N  STATE\n"
                    "é           7  FAILED\n"
                    "longer  1,000  -\n");
    g_string_truncate(out, 0);
    table_render(table, true, true, out);
    g_assert_cmpstr(out->str, ==,
                    "NAME        N  MORE  STATE\n"
                    "é           7  x     \033[31mFAILED\033[0m\n"
                    "longer  1,000  -     -\n");
}

/* What a job calls itself must not drive the terminal. */
static void test_printable(void)
{
    g_autofree char *text = printable("a\033[2Jb\tc\xff");
    g_assert_null(strchr(text, '\033'));
    g_assert_null(strchr(text, '\t'));
    g_assert_true(g_utf8_validate(text, -1, NULL));
}

static void check_yaml(const char *json, const char *expected)
{
    g_autoptr(GString) out = g_string_new(NULL);
    json_t *value = json_loads(json, JSON_DECODE_ANY, NULL);
    g_assert_nonnull(value);
    yaml_append(value, 0, out);
    g_assert_cmpstr(out->str, ==, expected);
    json_decref(value);
}

static void test_yaml(void)
{
    check_yaml("{\"a\":1,\"b\":{\"c\":[\"x\",{\"d\":true,\"e\":[]}]},\"f\":{}}",
               "a: 1\nb:\n  c:\n  - x\n  - d: true\n    e: []\nf: {}\n");
    check_yaml("[[1,2],\"z\"]", "-\n  - 1\n  - 2\n- z\n");
}

/* Strings that another type would be read from are quoted. */
static void test_yaml_strings(void)
{
    check_yaml("[\"no\",\"12:30\",\"1\",\"a: b\",\"- x\",\"a b\",\"\",\"null\",\"d:3\",\"line\\nbreak\"]",
               "- \"no\"\n- \"12:30\"\n- \"1\"\n- \"a: b\"\n- \"- x\"\n- \"a b\"\n- \"\"\n- \"null\"\n- d:3\n"
               "- \"line\\nbreak\"\n");
}

static void test_times(void)
{
    const struct {
        int64_t from, to;
        const char *text;
    } times[] = {
        {0, 5, "-"},          {1000, 0, "-"},          {1000, 1500, "0 s"}, {1000, 120000, "119 s"},
        {1, 120001, "2 min"}, {1, 7199001, "119 min"}, {1, 7200001, "2 h"}, {1, 172800001, "2 d"},
        {2000, 1000, "0 s"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(times); i++) {
        g_autofree char *text = time_between(times[i].from, times[i].to);
        g_assert_cmpstr(text, ==, times[i].text);
    }
}

static const ListStyle narrow = {.now_ms = 1000000};

static void test_list_jobs(void)
{
    g_autoptr(GString) out = g_string_new(NULL);
    json_t *jobs =
        json_loads("[{\"jobId\":\"5b0c\",\"jobName\":\"align\",\"queue\":\"high\",\"status\":\"PENDING\","
                   "\"createdAt\":940000,\"attempts\":0,\"arrayProperties\":{\"size\":10,\"statusSummary\":"
                   "{\"SUCCEEDED\":3,\"FAILED\":1,\"RUNNABLE\":6}}},"
                   "{\"jobId\":\"77aa\",\"jobName\":\"x\",\"queue\":\"high\",\"status\":\"SUCCEEDED\","
                   "\"createdAt\":700000,\"startedAt\":800000,\"stoppedAt\":812000,\"attempts\":1}]",
                   0, NULL);
    list_jobs(jobs, &narrow, out);
    g_assert_cmpstr(out->str, ==,
                    "ID    NAME   QUEUE  STATUS     DONE    AGE   RAN\n"
                    "5b0c  align  high   PENDING    4/10   60 s     -\n"
                    "77aa  x      high   SUCCEEDED     -  5 min  12 s\n");
    json_decref(jobs);
}

static void test_describe_job(void)
{
    g_autoptr(GString) out = g_string_new(NULL);
    json_t *job =
        json_loads("{\"jobId\":\"5b0c:1\",\"jobName\":\"align\",\"queue\":\"high\",\"status\":\"RUNNABLE\","
                   "\"waiting\":\"needs 8 vCPU, 4 are free\",\"arrayProperties\":{\"size\":10,\"index\":1},"
                   "\"dependsOn\":[{\"jobId\":\"77aa\",\"type\":\"N_TO_N\"},{\"type\":\"SEQUENTIAL\"}],"
                   "\"attempts\":[{\"attempt\":1,\"exitCode\":3,\"environment\":\"here\",\"reason\":\"boom\","
                   "\"logPath\":\"/l\"}],\"container\":{\"command\":[\"sh\"]}}",
                   0, NULL);
    describe_job(job, &narrow, out);
    g_assert_nonnull(strstr(out->str, "Status:        RUNNABLE\n"));
    g_assert_nonnull(strstr(out->str, "Waiting:       needs 8 vCPU, 4 are free\n"));
    g_assert_nonnull(strstr(out->str, "\nArray:\n  size: 10\n  index: 1\n"));
    g_assert_nonnull(strstr(out->str, "\nDepends on:\n  77aa N_TO_N\n  the child before it SEQUENTIAL\n"));
    g_assert_nonnull(strstr(out->str, "     3  here         boom    /l\n"));
    g_assert_nonnull(strstr(out->str, "\nContainer:\n  command:\n  - sh\n"));
    json_decref(job);
}

#define LIVE                                                                                                 \
    "{\"kind\":\"ComputeEnvironment\",\"name\":\"cloud\",\"status\":\"INVALID\",\"statusReason\":\"bad "     \
    "role\","                                                                                                \
    "\"createdAt\":940000,\"spec\":{},\"live\":{\"provider\":\"aws\",\"state\":\"ENABLED\",\"usedVcpus\":5." \
    "5,"                                                                                                     \
    "\"freeVcpus\":2.5,\"desiredvCpus\":8,\"instanceCount\":1,\"maxvCpus\":64,\"minvCpus\":2,\"launches\":"  \
    "3,"                                                                                                     \
    "\"instances\":[{\"type\":\"c5.2xlarge\",\"spot\":true,\"state\":\"REGISTERED\",\"count\":1,\"vcpus\":"  \
    "8.0,"                                                                                                   \
    "\"usedVcpus\":5.5}],\"money\":{\"currency\":\"USD\",\"day\":{\"spent\":1.4,\"budget\":2.0,"             \
    "\"incomplete\":false,"                                                                                  \
    "\"endsAt\":1000000},\"month\":{\"spent\":30.125,\"incomplete\":true,\"endsAt\":1000000},\"perHour\":0." \
    "4,"                                                                                                     \
    "\"unpricedInstances\":1},\"coolDowns\":[{\"type\":\"m5.large\",\"spot\":true,\"until\":1000000,"        \
    "\"failures\":2}],"                                                                                      \
    "\"unmet\":[{\"reason\":\"BUDGET_DAY\",\"jobs\":6,\"text\":\"budget of the day\",\"until\":1000000}]}}"

static void test_describe_environment(void)
{
    g_autoptr(GString) out = g_string_new(NULL);
    g_autofree char *at = time_local(1000000);
    json_t *item = json_loads(LIVE, 0, NULL);
    describe_resource(item, &narrow, out);
    g_autofree char *expected = g_strdup_printf(
        "\nLive, on provider aws:\n"
        "  vCPUs:       5.5 in use, 2.5 free; 8 on 1 instance, at most 64, at least 2\n"
        "  Running:     3 attempts\n"
        "  Today:       1.40 of 2.00 USD, until %s\n"
        "  This month:  at least 30.12 USD, until %s; something ran whose price is not known\n"
        "  Per hour:    at least 0.40 USD; 1 instance of unknown price\n"
        "  Not bought:  for 6 jobs: budget of the day, until %s\n"
        "\nInstances:\n"
        "TYPE        MARKET  STATE       COUNT  VCPUS  IN USE\n"
        "c5.2xlarge  Spot    REGISTERED      1      8     5.5\n"
        "\nIn cool-down, since there was no capacity:\n"
        "TYPE      ZONE  MARKET  UNTIL                FAILURES\n"
        "m5.large  all   Spot    %s         2\n",
        at, at, at, at);
    g_assert_nonnull(strstr(out->str, "Status:        INVALID\nReason:        bad role\n"));
    g_assert_cmpstr(strstr(out->str, "\nLive,"), ==, expected);
    json_decref(item);
}

static void test_list_environments(void)
{
    static const ListStyle wide = {.is_wide = true, .now_ms = 1000000};
    g_autoptr(GString) out = g_string_new(NULL);
    json_t *items = json_loads("[" LIVE ",{\"name\":\"here\",\"createdAt\":940000,\"status\":\"VALID\","
                               "\"live\":{\"provider\":\"local\",\"state\":\"ENABLED\",\"usedVcpus\":1.0,"
                               "\"freeVcpus\":3.0,\"maxvCpus\":4,\"launches\":1}}]",
                               0, NULL);
    list_resources(KIND_COMPUTE_ENVIRONMENT, items, &narrow, out);
    g_assert_cmpstr(
        out->str, ==,
        "NAME   PROVIDER  STATE    VCPUS  FREE  DESIRED  MAXVCPUS  INSTANCES  RUNNING  STATUS    AGE\n"
        "cloud  aws       ENABLED    5.5   2.5        8        64          1        3  INVALID  60 s\n"
        "here   local     ENABLED      1     3        -         4          -        1  VALID    60 s\n");
    g_string_truncate(out, 0);
    list_resources(KIND_COMPUTE_ENVIRONMENT, items, &wide, out);
    g_assert_nonnull(strstr(out->str, "1.40 of 2.00 USD  at least 30.12 USD"));
    g_assert_nonnull(strstr(out->str, "bad role\n"));
    json_decref(items);
}

static void test_status(void)
{
    g_autoptr(GString) out = g_string_new(NULL);
    json_t *status =
        json_loads("{\"version\":\"1\",\"mode\":\"offline\",\"jobs\":{\"unfinished\":12345},\"sources\":[{"
                   "\"name\":\"prod\",\"state\":\"broken\",\"revision\":\"0123456789abcdef\",\"path\":\"/p\","
                   "\"followed\":true,\"message\":\"a.yaml:1:2: error\"}]}",
                   0, NULL);
    list_status(status, &narrow, out);
    g_assert_nonnull(strstr(out->str, "nothing hosts this state directory"));
    g_assert_nonnull(strstr(out->str, "jobs not finished: 12,345\n"));
    g_assert_nonnull(
        strstr(out->str, "prod    broken  0123456789ab  yes           -  /p\n  prod: a.yaml:1:2: error\n"));
    g_assert_null(strstr(out->str, "QUEUE"));
    json_decref(status);
}

static void test_events(void)
{
    g_autoptr(GString) out = g_string_new(NULL);
    json_t *events = json_loads(
        "[{\"sequence\":1,\"at\":0,\"type\":\"job.state\",\"subject\":\"job 5b0c\",\"message\":\"FAILED\","
        "\"first\":3,\"last\":9}]",
        0, NULL);
    list_events(events, &narrow, out);
    g_assert_cmpstr(out->str, ==, "-  job.state           job 5b0c[3-9]  FAILED\n");
    json_decref(events);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/cli/output/table", test_table);
    g_test_add_func("/cli/output/printable", test_printable);
    g_test_add_func("/cli/output/yaml", test_yaml);
    g_test_add_func("/cli/output/yaml-strings", test_yaml_strings);
    g_test_add_func("/cli/output/times", test_times);
    g_test_add_func("/cli/listing/jobs", test_list_jobs);
    g_test_add_func("/cli/listing/describe-job", test_describe_job);
    g_test_add_func("/cli/listing/describe-environment", test_describe_environment);
    g_test_add_func("/cli/listing/environments", test_list_environments);
    g_test_add_func("/cli/listing/status", test_status);
    g_test_add_func("/cli/listing/events", test_events);
    return g_test_run();
}
