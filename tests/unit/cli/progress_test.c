/* progress_test.c: progress answers become bars, plain lines, failures; the end of a log. */
#include <glib/gstdio.h>
#include "reconciler/cli/follow.h"
#include "reconciler/cli/progress.h"

static json_t *parse(const char *text)
{
    json_t *value = json_loads(text, 0, NULL);
    g_assert_nonnull(value);
    return value;
}

static void test_bars(void)
{
    static const ProgressStyle style = {.width = 80};
    g_autoptr(GString) out = g_string_new(NULL);
    json_t *progress = parse(
        "{\"groups\":[{\"kind\":\"pipeline\",\"name\":\"calls\",\"counts\":{\"SUCCEEDED\":50,\"RUNNING\":1,"
        "\"STARTING\":1,\"FAILED\":1,\"RUNNABLE\":40,\"PENDING\":7}},"
        "{\"kind\":\"queue\",\"name\":\"q\",\"counts\":{\"SUCCEEDED\":2}}],"
        "\"pending\":[{\"kind\":\"JobQueue\",\"name\":\"old\",\"reason\":\"3 jobs run\"}]}");
    progress_bars(progress, &style, out);
    g_auto(GStrv) lines = g_strsplit(out->str, "\n", -1);
    g_assert_cmpstr(lines[0], ==,
                    "pipeline calls [######x>.....] 51 of 100 done, 2 running, 47 waiting, 1 failed");
    g_assert_cmpstr(lines[1], ==, "queue q        [########################################] 2 of 2 done");
    g_assert_cmpstr(lines[2], ==, "  waiting for JobQueue/old: 3 jobs run");
    json_decref(progress);
}

/* No line may be wider than the terminal, or redrawing would leave rests behind. */
static void test_bars_fit(void)
{
    json_t *progress =
        parse("{\"groups\":[{\"kind\":\"pipeline\",\"name\":\"a-name-that-is-much-longer-than-any-terminal-"
              "has-room-for\","
              "\"counts\":{\"SUCCEEDED\":123456,\"RUNNING\":3000,\"RUNNABLE\":400000,\"FAILED\":5}}],"
              "\"pending\":[{\"kind\":\"JobQueue\",\"name\":\"old\",\"reason\":\"a reason that goes on and "
              "on and on and on\"}]}");
    for (int width = 40; width < 120; width++) {
        ProgressStyle style = {.width = width, .glyphs = GLYPHS_UTF8};
        g_autoptr(GString) out = g_string_new(NULL);
        progress_bars(progress, &style, out);
        g_auto(GStrv) lines = g_strsplit(out->str, "\n", -1);
        for (char **line = lines; *line; line++)
            g_assert_cmpint(g_utf8_strlen(*line, -1), <=, width);
    }
    json_decref(progress);
}

static void test_plain_tells_changes_only(void)
{
    g_autoptr(GString) out = g_string_new(NULL);
    json_t *first = parse("{\"groups\":[{\"kind\":\"queue\",\"name\":\"a\",\"counts\":{\"RUNNABLE\":2}},"
                          "{\"kind\":\"queue\",\"name\":\"b\",\"counts\":{\"RUNNABLE\":1}}]}");
    json_t *second = parse("{\"groups\":[{\"kind\":\"queue\",\"name\":\"a\",\"counts\":{\"RUNNABLE\":2}},"
                           "{\"kind\":\"queue\",\"name\":\"b\",\"counts\":{\"FAILED\":1}}]}");
    progress_plain(NULL, first, out);
    g_assert_cmpstr(out->str, ==, "queue a: 0 of 2 done, 2 waiting\nqueue b: 0 of 1 done, 1 waiting\n");
    g_string_truncate(out, 0);
    progress_plain(first, second, out);
    g_assert_cmpstr(out->str, ==, "queue b: 1 of 1 done, 1 failed\n");
    g_string_truncate(out, 0);
    progress_plain(second, second, out);
    g_assert_cmpstr(out->str, ==, "");
    json_decref(first);
    json_decref(second);
}

/* What jobs wait for is told when it comes up, not with each of its numbers. */
static void test_waits(void)
{
    static const ProgressStyle style = {.width = 80};
    g_autoptr(GString) out = g_string_new(NULL);
    json_t *first = parse("{\"waits\":[{\"what\":\"the image a:1 is pulled: 1 of 3 MB\",\"launches\":2}]}");
    json_t *second = parse("{\"waits\":[{\"what\":\"the image a:1 is pulled: 2 of 3 MB\",\"launches\":2},"
                           "{\"what\":\"the image b is pulled\",\"launches\":1}]}");
    progress_plain(NULL, first, out);
    g_assert_cmpstr(out->str, ==, "  waiting for the image a:1 is pulled: 1 of 3 MB\n");
    g_string_truncate(out, 0);
    progress_plain(first, second, out);
    g_assert_cmpstr(out->str, ==, "  waiting for the image b is pulled\n");
    g_string_truncate(out, 0);
    progress_bars(second, &style, out);
    g_assert_cmpstr(
        out->str, ==,
        "  waiting for the image a:1 is pulled: 2 of 3 MB\n  waiting for the image b is pulled\n");
    json_decref(first);
    json_decref(second);
}

static void test_failure(void)
{
    g_autoptr(GString) out = g_string_new(NULL);
    json_t *failure = parse("{\"jobId\":\"5b0c:3\",\"jobName\":\"align\",\"statusReason\":\"Essential "
                            "container\\u001b in task exited\","
                            "\"exitCode\":9,\"logPath\":\"/s/logs/x\"}");
    progress_failure(failure, false, out);
    g_assert_cmpstr(
        out->str, ==,
        "FAILED align 5b0c:3 (exit code 9): Essential container  in task exited\n       log: /s/logs/x\n");
    json_decref(failure);
}

static void test_run(void)
{
    g_autoptr(GString) out = g_string_new(NULL);
    json_t *run = parse(
        "{\"kind\":\"Pipeline\",\"name\":\"calls\",\"number\":2,\"state\":\"SUCCEEDED\",\"createdAt\":1000,"
        "\"stoppedAt\":13000,\"jobs\":{\"SUCCEEDED\":26}}");
    progress_run(run, 99000, out);
    g_assert_cmpstr(out->str, ==, "Pipeline/calls run 2: SUCCEEDED in 12 s; jobs: 26 of 26 done\n");
    json_decref(run);
}

static void check_tail(const char *path, const char *text, int lines, const char *expected)
{
    g_autoptr(GString) out = g_string_new(NULL);
    g_assert_true(g_file_set_contents(path, text, -1, NULL));
    log_tail_append(path, lines, out);
    g_assert_cmpstr(out->str, ==, expected);
}

static void test_log_tail(void)
{
    g_autofree char *directory = g_dir_make_tmp("muster-tail-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(directory, "log", NULL);
    check_tail(path, "a\nb\nc\n", 2, "    | b\n    | c\n");
    check_tail(path, "a\nb\nc", 2, "    | b\n    | c\n");
    check_tail(path, "a\n", 5, "    | a\n");
    check_tail(path, "", 5, "");
    check_tail(path, "x\033[2Jy\n", 5, "    | x [2Jy\n");
    g_autoptr(GString) big = g_string_new(NULL);
    for (int i = 0; i < 100000; i++)
        g_string_append_printf(big, "%d\n", i);
    check_tail(path, big->str, 1, "    | 99999\n");
    g_autoptr(GString) none = g_string_new(NULL);
    g_unlink(path);
    log_tail_append(path, 3, none);
    log_tail_append(NULL, 3, none);
    g_assert_cmpstr(none->str, ==, "");
    g_rmdir(directory);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/cli/progress/bars", test_bars);
    g_test_add_func("/cli/progress/bars-fit", test_bars_fit);
    g_test_add_func("/cli/progress/plain", test_plain_tells_changes_only);
    g_test_add_func("/cli/progress/waits", test_waits);
    g_test_add_func("/cli/progress/failure", test_failure);
    g_test_add_func("/cli/progress/run", test_run);
    g_test_add_func("/cli/progress/log-tail", test_log_tail);
    return g_test_run();
}
