/* workload_test.c: JSON lines and SWF traces become rows; faults are told with their place. */
#include <glib/gstdio.h>
#include "reconciler/forecast/workload_reader.h"

static const WorkloadOptions mapping = {.queue = "main", .definition = "work"};

static Workload *parse(const char *text)
{
    g_autoptr(DiagnosticList) diagnostics = diagnostic_list_new();
    Workload *workload = workload_parse(view_from(text), "w.jsonl", &mapping, diagnostics);
    if (!workload) {
        g_autoptr(GString) out = g_string_new(NULL);
        diagnostic_list_render(diagnostics, DIAGNOSTIC_TEXT, out);
        g_error("%s", out->str);
    }
    return workload;
}

static void test_whole_line(void)
{
    g_autoptr(Workload) workload = parse(
        "{\"submitTime\": 1.5, \"jobQueue\":\"high\",\"jobDefinition\":\"align\", \"jobName\":\"a-1\","
        "\"arraySize\":24,\"durationSeconds\":0.25,\"shareIdentifier\":\"blue\",\"schedulingPriority\":7,"
        "\"exitCode\":3,\"resourceRequirements\":[{\"type\":\"VCPU\",\"value\":\"0.25\"},"
        "{\"value\":2048,\"type\":\"MEMORY\"},{\"type\":\"GPU\",\"value\":1}]}\r\n");
    const WorkloadRow *row = workload_get(workload, 0);
    ResourceNeed need = workload_need(workload, row->need);
    g_assert_cmpuint(workload_len(workload), ==, 1);
    g_assert_cmpint(workload_jobs(workload), ==, 24);
    g_assert_cmpint(row->submit_ms, ==, 1500);
    g_assert_cmpint(row->duration_ms, ==, 250);
    g_assert_cmpstr(workload_text(workload, row->queue), ==, "high");
    g_assert_cmpstr(workload_text(workload, row->definition), ==, "align");
    g_assert_cmpstr(workload_text(workload, row->name), ==, "a-1");
    g_assert_cmpstr(workload_text(workload, row->share), ==, "blue");
    g_assert_cmpint(row->array_size, ==, 24);
    g_assert_cmpint(row->scheduling_priority, ==, 7);
    g_assert_cmpint(row->exit_code, ==, 3);
    g_assert_cmpint(need.vcpus_e4, ==, 2500);
    g_assert_cmpint(need.memory_mib, ==, 2048);
    g_assert_cmpint(need.gpus, ==, 1);
}

static void test_defaults(void)
{
    g_autoptr(Workload) workload =
        parse("\n  {\"submitTime\":0}\n\n{\"submitTime\":0,\"jobName\":\"b\\u002d1\"}");
    const WorkloadRow *row = workload_get(workload, 0);
    g_assert_cmpuint(workload_len(workload), ==, 2);
    g_assert_cmpstr(workload_text(workload, row->queue), ==, "main");
    g_assert_cmpstr(workload_text(workload, row->definition), ==, "work");
    g_assert_null(workload_text(workload, row->name));
    g_assert_cmpint(row->duration_ms, ==, -1);
    g_assert_cmpint(row->exit_code, ==, -1);
    g_assert_cmpuint(row->need, ==, 0);
    g_assert_cmpstr(workload_text(workload, workload_get(workload, 1)->name), ==, "b-1");
}

/* By submit time; equal times as they stand in the file. */
static void test_order(void)
{
    g_autoptr(GString) text = g_string_new(NULL);
    for (int i = 0; i < 1000; i++)
        g_string_append_printf(text, "{\"submitTime\":%d,\"jobName\":\"j%d\"}\n", i * 7919 % 10, i);
    g_autoptr(Workload) workload = parse(text->str);
    for (size_t i = 1; i < workload_len(workload); i++) {
        const WorkloadRow *before = workload_get(workload, i - 1), *row = workload_get(workload, i);
        g_assert_cmpint(before->submit_ms, <=, row->submit_ms);
        if (before->submit_ms == row->submit_ms)
            g_assert_cmpint(atoi(workload_text(workload, before->name) + 1), <,
                            atoi(workload_text(workload, row->name) + 1));
    }
}

static void check_number(const char *text, int64_t e3, bool exact)
{
    int64_t value;
    bool is_exact;
    g_assert_true(workload_thousandths(view_from(text), &value, &is_exact));
    g_assert_cmpint(value, ==, e3);
    g_assert_cmpint(is_exact, ==, exact);
}

static void test_numbers(void)
{
    int64_t value;
    bool exact;
    check_number("0", 0, true);
    check_number("-1", -1000, true);
    check_number("1.234", 1234, true);
    check_number("1.2349", 1234, false);
    check_number("1.5e3", 1500000, true);
    check_number("1E-2", 10, true);
    check_number("5e-9", 0, false);
    check_number("0e300", 0, true);
    check_number("1.7000000000000000000001", 1700, false);
    check_number("000000000000000000000000012", 12000, true);
    const char *const wrong[] = {
        "", "-", ".5", "1.", "1e", "1e+", "0x1", "nan", "1e400", "99999999999999999999", "1 "};
    for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++)
        g_assert_false(workload_thousandths(view_from(wrong[i]), &value, &exact));
}

/* The first fault of text is at line:column and its message has part. */
static void refuse(const char *text, int line, int column, const char *part)
{
    g_autoptr(DiagnosticList) diagnostics = diagnostic_list_new();
    static const WorkloadOptions none = {0};
    Workload *workload = workload_parse(view_from(text), "w.jsonl", &none, diagnostics);
    g_assert_null(workload);
    const Diagnostic *fault = diagnostic_list_get(diagnostics, 0);
    g_assert_cmpstr(fault->file, ==, "w.jsonl");
    g_autofree char *told = g_strdup_printf("%d:%d: %s %s", fault->line, fault->column, fault->message,
                                            fault->detail ? fault->detail : "");
    g_autofree char *place = g_strdup_printf("%d:%d: ", line, column);
    if (!g_str_has_prefix(told, place) || !strstr(told, part))
        g_error("%s: told %s, not %s%s", text, told, place, part);
}

static void test_refused_lines(void)
{
#define GOOD "{\"submitTime\":1,\"jobQueue\":\"q\",\"jobDefinition\":\"d\""
    refuse("", 0, 0, "no job is in it");
    refuse("hello", 1, 1, "this is no workload");
    refuse(GOOD ",\"jobQeue\":\"q\"}", 1, 52, "did you mean \"jobQueue\"?");
    refuse(GOOD "}\n{}", 2, 3, "submitTime is missing");
    refuse("{\"submitTime\":1}", 1, 0, "names no jobQueue");
    refuse("{\"submitTime\":\"1\"}", 1, 15, "write it without quotes");
    refuse("{\"submitTime\":-1}", 1, 15, "0 to 4,102,444,800");
    refuse("{\"submitTime\":1e99}", 1, 15, "submitTime is a number");
    refuse(GOOD ",\"durationSeconds\":0}", 1, 70, "0.001 to ten years");
    refuse(GOOD ",\"arraySize\":1}", 1, 64, "2 to 10,000");
    refuse(GOOD ",\"arraySize\":2.5}", 1, 64, "2 to 10,000");
    refuse(GOOD ",\"exitCode\":256}", 1, 63, "0 to 255");
    refuse(GOOD ",\"jobName\":\"-x\"}", 1, 62, "1 to 128");
    refuse(GOOD ",\"jobName\":5}", 1, 62, "jobName is a string");
    refuse(GOOD ",\"shareIdentifier\":\"a-b\"}", 1, 70, "letters and digits");
    refuse(GOOD ",\"submitTime\":1}", 1, 52, "given twice");
    refuse(GOOD ",\"jobName\":\"x}", 1, 62, "does not end");
    refuse(GOOD ",\"jobName\":\"\\q\"}", 1, 65, "no escape");
    refuse(GOOD ",\"jobName\":\"\\ud800\"}", 1, 69, "no escape");
    refuse(GOOD "} {}", 1, 53, "something follows");
    refuse(GOOD, 1, 51, "} is missing or a comma");
    refuse(GOOD ",\"resourceRequirements\":[{\"type\":\"VCPU\"}]}", 1, 76, "type and value");
    refuse(GOOD ",\"resourceRequirements\":[{\"type\":\"CPU\",\"value\":1}]}", 1, 84, "\"VCPU\"");
    refuse(GOOD ",\"resourceRequirements\":[{\"type\":\"MEMORY\",\"value\":1.5}]}", 1, 101,
           "whole number of MiB");
    refuse(GOOD ",\"resourceRequirements\":[{\"type\":\"GPU\",\"value\":1},{\"type\":\"GPU\",\"value\":1}]}",
           1, 101, "GPU is given twice");
    refuse("{\"submitTime\":1,\"jobName\":\"\xff\"}", 1, 0, "not UTF-8");
}

static void test_limits(void)
{
    g_autoptr(GString) text = g_string_new("{\"submitTime\":1,\"jobName\":\"");
    for (int i = 0; i < WORKLOAD_LINE_MAX; i++)
        g_string_append_c(text, 'a');
    refuse(text->str, 1, 0, "longer than 65536 bytes");
    g_string_truncate(text, 0);
    for (int i = 0; i < 3 * WORKLOAD_FAULTS_MAX; i++)
        g_string_append(text, "{}\n");
    g_autoptr(DiagnosticList) diagnostics = diagnostic_list_new();
    g_assert_null(workload_parse(view_from(text->str), "w", &mapping, diagnostics));
    g_assert_cmpuint(diagnostic_list_len(diagnostics), ==, WORKLOAD_FAULTS_MAX);
}

/* ---- SWF
 * ----------------------------------------------------------------------------------------------------------
 */

static const char trace[] = "; Version: 2.2\n"
                            ";   UnixStartTime: 820454400 \n"
                            "; MaxProcs: 128\n"
                            "\n"
                            "   1     10   5  100   8   -1  2048   8 200    -1  1   3 1 1 1 -1 -1 -1\n"
                            "   2      4   0   60  -1  1.5    -1   4 100 4096   0  12 1 1 1 -1 -1 -1 ; late\n"
                            "   3     20  -1   -1  -1   -1    -1   4 100   -1   5   3 1 1 1 -1 -1 -1\n";

static void test_swf(void)
{
    WorkloadOptions options = mapping;
    options.share_by_user = true;
    g_autoptr(DiagnosticList) diagnostics = diagnostic_list_new();
    g_autoptr(Workload) workload = workload_parse(view_from(trace), "t.swf", &options, diagnostics);
    g_assert_nonnull(workload);
    g_assert_cmpint(workload_format(workload), ==, WORKLOAD_SWF);
    g_assert_cmpuint(workload_len(workload), ==, 2);
    g_assert_cmpint(workload_skipped(workload), ==, 1);
    g_assert_cmpint(workload_unix_start_ms(workload), ==, INT64_C(820454400000));
    const WorkloadRow *first = workload_get(workload, 0), *second = workload_get(workload, 1);
    g_assert_cmpint(first->submit_ms, ==, 4000);
    g_assert_cmpint(first->duration_ms, ==, 60000);
    g_assert_cmpint(first->exit_code, ==, 1);
    g_assert_cmpstr(workload_text(workload, first->share), ==, "u12");
    g_assert_cmpint(workload_need(workload, first->need).vcpus_e4, ==, 40000);
    g_assert_cmpint(workload_need(workload, first->need).memory_mib, ==, 16); /* 4 × 4096 KiB */
    g_assert_cmpint(second->exit_code, ==, 0);
    g_assert_cmpint(workload_need(workload, second->need).vcpus_e4, ==, 80000);
    g_assert_cmpint(workload_need(workload, second->need).memory_mib, ==, 16); /* 8 × 2048 KiB */
    g_assert_cmpstr(workload_text(workload, second->queue), ==, "main");
}

static void test_refused_traces(void)
{
    refuse("1 2 3\n", 1, 6, "18 fields, this one 3");
    refuse("; x\n1 10 5 100 8 -1 2048 8 200 -1 1 3 1 1 1 -1 -1 -1 9\n", 2, 50, "not more");
    refuse("1 ten 5 100 8 -1 2048 8 200 -1 1 3 1 1 1 -1 -1 -1\n", 1, 3, "field 2 (submit time) is no number");
    refuse("1 10 5 100 200000 -1 2048 8 200 -1 1 3 1 1 1 -1 -1 -1\n", 1, 12, "above 100,000");
    refuse("1 10 5 100 8 -1 2048 8 200 -1 1 3 1 1 1 -1 -1 -1\n", 1, 0, "names no jobQueue");
}

/* ---- pieces, files, the source
 * ------------------------------------------------------------------------------------------- */

static void test_pieces(void)
{
    size_t len = strlen(trace);
    for (size_t step = 1; step < len; step += 3) {
        g_autoptr(DiagnosticList) diagnostics = diagnostic_list_new();
        WorkloadReader *reader = workload_reader_new("t.swf", &mapping, diagnostics);
        for (size_t at = 0; at < len; at += step)
            g_assert_true(workload_reader_feed(reader, (View){trace + at, MIN(step, len - at)}));
        g_autoptr(Workload) workload = workload_reader_end(reader);
        g_assert_nonnull(workload);
        g_assert_cmpuint(workload_len(workload), ==, 2);
    }
}

static void test_load(void)
{
    g_autoptr(DiagnosticList) diagnostics = diagnostic_list_new();
    g_autoptr(GError) error = NULL;
    g_assert_null(workload_load("/nowhere/w.jsonl", &mapping, diagnostics, &error));
    g_assert_nonnull(strstr(error->message, "/nowhere/w.jsonl"));
    g_clear_error(&error);
    g_assert_null(workload_load("/", &mapping, diagnostics, &error));
    g_assert_nonnull(error);
    g_clear_error(&error);
    g_autofree char *path = g_build_filename(g_get_tmp_dir(), "muster-workload-XXXXXX", NULL);
    int fd = g_mkstemp(path);
    g_assert_true(g_file_set_contents(path, trace, -1, NULL));
    g_autoptr(Workload) workload = workload_load(path, &mapping, diagnostics, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(workload_len(workload), ==, 2);
    g_close(fd, NULL);
    g_unlink(path);
}

static ManifestSet *set_of(const char *queue_spec)
{
    DiagnosticList *diagnostics = diagnostic_list_new();
    ManifestBatch *batch = manifest_batch_new();
    const Manifest manifests[] = {
        {.kind = KIND_JOB_QUEUE, .name = VIEW("main"), .spec = view_from(queue_spec), .metadata = VIEW("{}")},
        {.kind = KIND_JOB_DEFINITION, .name = VIEW("work"), .spec = VIEW("{}"), .metadata = VIEW("{}")},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(manifests); i++)
        manifest_batch_add(batch, &manifests[i]);
    ManifestSet *set = manifest_set_build(&batch, 1, NULL, diagnostics);
    diagnostic_list_free(diagnostics);
    return set;
}

static void check(const char *text, const char *queue_spec, const char *message)
{
    g_autoptr(ManifestSet) set = set_of(queue_spec);
    g_autoptr(Workload) workload = parse(text);
    g_autoptr(DiagnosticList) diagnostics = diagnostic_list_new();
    g_assert_cmpint(workload_check(workload, set, diagnostics), ==, message == NULL);
    g_assert_cmpuint(diagnostic_list_len(diagnostics), ==, message ? 1 : 0);
    if (message)
        g_assert_cmpstr(diagnostic_list_get(diagnostics, 0)->message, ==, message);
}

#define FIFO "{\"computeEnvironmentOrder\":[\"here\"],\"priority\":1}"
#define FAIR "{\"computeEnvironmentOrder\":[\"here\"],\"priority\":1,\"schedulingPolicy\":\"fair\"}"

static void test_check(void)
{
    check("{\"submitTime\":1}", FIFO, NULL);
    check("{\"submitTime\":1,\"jobQueue\":\"mian\"}\n{\"submitTime\":2,\"jobQueue\":\"mian\"}", FIFO,
          "there is no JobQueue \"mian\"; did you mean \"main\"?");
    check("{\"submitTime\":1,\"jobDefinition\":\"zzz\"}", FIFO, "there is no JobDefinition \"zzz\"");
    check("{\"submitTime\":1,\"shareIdentifier\":\"a\"}", FIFO,
          "queue \"main\" has no scheduling policy: a job has no shareIdentifier");
    check("{\"submitTime\":1,\"shareIdentifier\":\"a\"}", FAIR, NULL);
    check("{\"submitTime\":1}", FAIR,
          "queue \"main\" has a scheduling policy: a job needs a shareIdentifier");
}

static void test_complete(void)
{
    g_autoptr(ManifestSet) set = set_of(FAIR);
    g_autoptr(Arena) arena = arena_new();
    WorkloadOptions options = {0};
    workload_options_complete(&options, set, arena);
    g_assert_cmpstr(options.queue, ==, "main");
    g_assert_cmpstr(options.definition, ==, "work");
    g_assert_true(options.share_by_user);
    options = (WorkloadOptions){.queue = "other"};
    workload_options_complete(&options, set, arena);
    g_assert_cmpstr(options.queue, ==, "other");
    g_assert_false(options.share_by_user);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    kinds_init();
    g_test_add_func("/forecast/workload/whole-line", test_whole_line);
    g_test_add_func("/forecast/workload/defaults", test_defaults);
    g_test_add_func("/forecast/workload/order", test_order);
    g_test_add_func("/forecast/workload/numbers", test_numbers);
    g_test_add_func("/forecast/workload/refused-lines", test_refused_lines);
    g_test_add_func("/forecast/workload/limits", test_limits);
    g_test_add_func("/forecast/workload/swf", test_swf);
    g_test_add_func("/forecast/workload/refused-traces", test_refused_traces);
    g_test_add_func("/forecast/workload/pieces", test_pieces);
    g_test_add_func("/forecast/workload/load", test_load);
    g_test_add_func("/forecast/workload/check", test_check);
    g_test_add_func("/forecast/workload/complete", test_complete);
    return g_test_run();
}
