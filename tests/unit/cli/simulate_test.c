/* simulate_test.c: `muster simulate` before a simulator of our own: what it hands over, prints and ends with;
 * and the report itself. */
#include <fcntl.h>
#include <glib/gstdio.h>
#include <unistd.h>
#include "reconciler/cli/cli.h"
#include "reconciler/cli/simulation_report.h"
#include "reconciler/forecast/assertion.h"
#include "tests/support/result_fixture.h"

/* ---- the report
 * ---------------------------------------------------------------------------------------------------- */

static void test_report(void)
{
    g_autoptr(SimulationResult) result = fixture_small("envs/prod");
    g_autoptr(GString) out = g_string_new(NULL);
    simulation_report(result, &(ReportStyle){0}, out);
    g_assert_cmpstr(out->str, ==,
                    "envs/prod: 6 jobs from 2026-01-05 00:00 UTC, seed 1; makespan 3 h\n"
                    "Jobs: 2 succeeded, 1 failed, 3 can never run\n"
                    "Cost: at least $1.44, at most $0.36/h, 50.0 % of it idle; 1 without a known price\n"
                    "  # prices us-east-1; without EBS and logs\n"
                    "\n"
                    "QUEUE  SHARE  JOBS  FAILED  WAIT P50  P95  P99  SLOWDOWN P95  MOST WAITING  DRAINED\n"
                    "high   -         5       1       1 h  2 h  2 h          3.00             2      3 h\n"
                    "high   blue      4       0       1 h  1 h  1 h          2.00             -        -\n"
                    "high   red       1       1       2 h  2 h  2 h          3.00             -        -\n"
                    "low    -         1       0       1 h  1 h  1 h        360.10             0      2 h\n"
                    "\n"
                    "ENVIRONMENT  TYPE  INSTANCES  LOST  MOST VCPU  MAX  VCPU USED  MEMORY  GPU     COST\n"
                    "on-demand    EC2           1     0          0   16          -       -    -  unknown\n"
                    "spot         SPOT          1     0          8   64     57.1 %  57.1 %    -    $1.44\n"
                    "\n"
                    "Runs:\n"
                    "  Pipeline/nightly run 1: from Mon 00:00:00, SUCCEEDED in 3 h\n"
                    "\n"
                    "Can never run:\n"
                    "  3 x train in queue high (4 vCPU, 8,192 MiB, 4 GPU): needs 4 GPUs; at most 1\n");
}

static void test_report_compare(void)
{
    g_autoptr(SimulationResult) one = fixture_small("one"), two = fixture_large(1, 3);
    g_autoptr(GString) out = g_string_new(NULL);
    simulation_report_compare(one, two, &(ReportStyle){0}, out);
    g_assert_nonnull(strstr(out->str, "\n                                 one     large     CHANGE\n"));
    g_assert_nonnull(strstr(out->str, "\nmakespan                         3 h  4 d 17 h  +3666.7 %\n"));
    g_assert_nonnull(strstr(out->str, "\nfailed                             1         0   -100.0 %\n"));
    g_assert_nonnull(strstr(out->str, "\ncost                  at least $1.44    $33.90          -\n"));
    g_assert_nonnull(strstr(out->str, "\nwait p95, queue high             2 h     8 min    -93.3 %\n"));
}

/* Names cannot drive the terminal; colour only where it is asked for. */
static void test_report_style(void)
{
    g_autoptr(SimulationResult) result = fixture_small("x\033[2J");
    AssertedQueue queue = {.queue = (char *)(uintptr_t) "high", .assertion = {1, -1, -1}};
    g_autoptr(GPtrArray) asserted = g_ptr_array_new();
    g_ptr_array_add(asserted, &queue);
    g_autoptr(GPtrArray) violations = assertion_check(result, asserted);
    g_autoptr(GString) plain = g_string_new(NULL), coloured = g_string_new(NULL);
    simulation_report(result, &(ReportStyle){.violations = violations}, plain);
    simulation_report(result, &(ReportStyle){.is_colored = true, .violations = violations}, coloured);
    g_assert_null(strchr(plain->str, '\033'));
    g_assert_nonnull(
        strstr(plain->str, "Asserted, and not so:\n  queue high: p95 wait 2 h, asserted 1 ms; e.g. job"));
    g_assert_nonnull(strstr(coloured->str, "\033[31mqueue high"));
}

/* ---- the command
 * --------------------------------------------------------------------------------------------------- */

static int simulated; /* calls of the simulator */
static SimulateOptions last;
static size_t last_rows;
static char last_provider[32];

static bool fake_simulate(const SimulateOptions *options, SimulationResult **ret_result, GError **error)
{
    simulated++;
    last = *options;
    g_strlcpy(last_provider, options->provider ? options->provider : "", sizeof last_provider);
    last_rows = options->workload ? workload_len(options->workload) : 0;
    if (options->seed == 13) {
        g_set_error_literal(error, G_FILE_ERROR, G_FILE_ERROR_FAILED, "no luck");
        return false;
    }
    *ret_result = options->seed == 1 ? fixture_small(options->source) : fixture_large(2, 5);
    return true;
}

static const Host fake_host = {.simulate = fake_simulate}, bare_host = {0};
static char *directory, *source, *other, *workload;

static char *write_file(const char *parent, const char *name, const char *text)
{
    char *path = g_build_filename(parent, name, NULL);
    g_assert_true(g_file_set_contents(path, text, -1, NULL));
    return path;
}

static char *write_source(const char *name)
{
    char *path = g_build_filename(directory, name, NULL);
    g_assert_cmpint(g_mkdir(path, 0700), ==, 0);
    g_free(write_file(path, "muster.yaml", "provider: local\n"));
    g_free(write_file(
        path, "all.yaml",
        "apiVersion: muster/v1\nkind: ComputeEnvironment\nmetadata: {name: here}\nspec: {type: "
        "MANAGED}\n---\napiVersion: muster/v1\nkind: JobQueue\nmetadata: {name: high}\nspec: {priority: "
        "1, computeEnvironmentOrder: [here]}\n---\napiVersion: muster/v1\nkind: JobDefinition\n"
        "metadata: {name: work, annotations: {muster/simulated-duration: lognormal 300 0.5}}\nspec:\n"
        "  type: container\n  containerProperties:\n    command: [\"true\"]\n    resourceRequirements:\n"
        "      - {type: VCPU, value: \"1\"}\n      - {type: MEMORY, value: \"64\"}\n"));
    return path;
}

/* Runs `muster simulate WORDS…`; *ret_out (may be NULL): what it wrote to stdout. */
static int simulate_line(const Host *host, char **ret_out, const char *const *words)
{
    g_autoptr(GPtrArray) line = g_ptr_array_new();
    g_ptr_array_add(line, (gpointer)(uintptr_t) "muster");
    g_ptr_array_add(line, (gpointer)(uintptr_t) "simulate");
    for (; *words; words++)
        g_ptr_array_add(line, (gpointer)(uintptr_t)*words);
    guint len = line->len;
    g_ptr_array_add(line, NULL);
    g_autofree char *path = g_build_filename(directory, "stdout", NULL);
    fflush(stdout);
    int kept = dup(STDOUT_FILENO), fd = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0600);
    g_assert_cmpint(dup2(fd, STDOUT_FILENO), >=, 0);
    int code = cli_main((int)len, (char **)line->pdata, host);
    g_assert_cmpint(dup2(kept, STDOUT_FILENO), >=, 0);
    close(kept);
    close(fd);
    if (ret_out)
        g_assert_true(g_file_get_contents(path, ret_out, NULL, NULL));
    return code;
}
#define SIMULATE(host, ret_out, ...) simulate_line(host, ret_out, (const char *const[]){__VA_ARGS__, NULL})

static void test_command(void)
{
    g_autofree char *out = NULL, *page = g_build_filename(directory, "run.html", NULL), *html = NULL;
    simulated = 0;
    g_assert_cmpint(SIMULATE(&fake_host, &out, source, "--workload", workload, "--html", page), ==, 4);
    g_assert_cmpint(simulated, ==, 1);
    g_assert_cmpuint(last_rows, ==, 2);
    g_assert_cmpuint(last.seed, ==, 1);
    g_assert_cmpint(last.start_ms, ==, FIXTURE_START_MS);
    g_assert_cmpint(last.until_ms, ==, 0);
    g_assert_nonnull(strstr(out, "Jobs: 2 succeeded, 1 failed, 3 can never run\n"));
    g_assert_true(g_file_get_contents(page, &html, NULL, NULL));
    g_assert_true(g_str_has_prefix(html, "<!DOCTYPE html>"));
    g_unlink(page);
}

static void test_command_options(void)
{
    g_autofree char *out = NULL;
    g_assert_cmpint(SIMULATE(&fake_host, &out, source, "--seed", "2", "--start", "2026-07-20T14:00Z",
                             "--until", "2h", "--provider", "simulated", "--spot-reclaim", "0.05",
                             "--spot-refuse", "0.2", "-o", "json"),
                    ==, 0);
    g_assert_cmpint(last.start_ms, ==, INT64_C(1784556000000));
    g_assert_cmpint(last.until_ms, ==, INT64_C(1784556000000) + 7200000);
    g_assert_cmpstr(last_provider, ==, "simulated");
    g_assert_cmpint(last.spot_risk.reclaims_per_h_e4, ==, 500);
    g_assert_cmpint(last.spot_risk.refused_e4, ==, 2000);
    g_assert_cmpuint(last_rows, ==, 0);
    json_t *root = json_loads(out, 0, NULL);
    g_assert_nonnull(json_object_get(root, "makespanSeconds"));
    json_decref(root);
}

static void test_command_compare(void)
{
    g_autofree char *out = NULL;
    simulated = 0;
    g_assert_cmpint(SIMULATE(&fake_host, &out, source, "--compare", other, "--seed", "2"), ==, 0);
    g_assert_cmpint(simulated, ==, 2);
    g_assert_nonnull(strstr(out, "CHANGE\n"));
}

/* Each ends with 1 and simulates nothing. */
static void test_command_refused(void)
{
    g_autofree char *bad = write_file(directory, "bad.jsonl", "{\"submitTime\":1,\"jobQueue\":\"hihg\"}\n");
    simulated = 0;
    g_assert_cmpint(SIMULATE(&bare_host, NULL, source), ==, 1);
    g_assert_cmpint(SIMULATE(&fake_host, NULL, source, "--workload", bad), ==, 1);
    g_assert_cmpint(SIMULATE(&fake_host, NULL, source, "--workload", "/nowhere"), ==, 1);
    g_assert_cmpint(SIMULATE(&fake_host, NULL, "/nowhere"), ==, 1);
    g_assert_cmpint(SIMULATE(&fake_host, NULL, source, "--compare", "/nowhere"), ==, 1);
    g_assert_cmpint(SIMULATE(&fake_host, NULL, source, "--seed", "-1"), ==, 1);
    g_assert_cmpint(SIMULATE(&fake_host, NULL, source, "--until", "0"), ==, 1);
    g_assert_cmpint(SIMULATE(&fake_host, NULL, source, "--output", "yaml"), ==, 1);
    g_assert_cmpint(SIMULATE(&fake_host, NULL, source, "--spot-reclaim", "often"), ==, 1);
    g_assert_cmpint(SIMULATE(&fake_host, NULL, source, "--spot-reclaim", "101"), ==, 1);
    g_assert_cmpint(SIMULATE(&fake_host, NULL, source, "--spot-refuse", "1.1"), ==, 1);
    g_assert_cmpint(SIMULATE(&fake_host, NULL, source, "--spot-refuse", "-0.1"), ==, 1);
    g_assert_cmpint(simulated, ==, 0);
    g_assert_cmpint(SIMULATE(&fake_host, NULL, source, "--seed", "13"), ==, 1);
    g_assert_cmpint(SIMULATE(&fake_host, NULL, source, "--html", "/nowhere/page.html"), ==, 1);
    g_unlink(bad);
}

static void remove_tree(const char *path)
{
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    const char *name;
    while (dir && (name = g_dir_read_name(dir))) {
        g_autofree char *child = g_build_filename(path, name, NULL);
        remove_tree(child);
    }
    g_remove(path);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    directory = g_dir_make_tmp("muster-simulate-XXXXXX", NULL);
    source = write_source("one");
    other = write_source("two");
    workload = write_file(directory, "w.jsonl", "{\"submitTime\":1}\n{\"submitTime\":2,\"arraySize\":5}\n");
    g_test_add_func("/cli/simulate/report", test_report);
    g_test_add_func("/cli/simulate/report-compare", test_report_compare);
    g_test_add_func("/cli/simulate/report-style", test_report_style);
    g_test_add_func("/cli/simulate/command", test_command);
    g_test_add_func("/cli/simulate/options", test_command_options);
    g_test_add_func("/cli/simulate/compare", test_command_compare);
    g_test_add_func("/cli/simulate/refused", test_command_refused);
    int code = g_test_run();
    remove_tree(directory);
    g_free(directory);
    g_free(source);
    g_free(other);
    g_free(workload);
    return code;
}
