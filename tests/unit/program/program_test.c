#include "reconciler/provider/program/program.h"
#include <string.h>

typedef struct {
    GMainLoop *loop;
    GString *output;
    GError *error;
    int told;
} Answer;

static void take(View output, const GError *error, void *data)
{
    Answer *answer = data;
    g_string_append_len(answer->output, output.data, (gssize)output.len);
    answer->error = error ? g_error_copy(error) : NULL;
    answer->told++;
    g_main_loop_quit(answer->loop);
}

/* code: -1: none is expected. */
static void check(const char *script, const char *input, guint limit_ms, const char *output, int code,
                  const char *why)
{
    const char *const arguments[] = {"sh", "-c", script, NULL};
    const ProgramCall call = {arguments, input, limit_ms, 64 << 10, TRUE};
    Answer answer = {g_main_loop_new(NULL, FALSE), g_string_new(NULL), NULL, 0};
    ProgramRun *run = program_run(NULL, &call, take, &answer);
    g_assert_nonnull(run);
    g_assert_cmpint(answer.told, ==, 0);
    g_main_loop_run(answer.loop);
    program_run_free(run);
    g_assert_cmpint(answer.told, ==, 1);
    if (code < 0)
        g_assert_no_error(answer.error);
    else
        g_assert_error(answer.error, PROGRAM_ERROR, code);
    g_assert_cmpstr(answer.error ? answer.error->message : NULL, ==, why);
    if (output)
        g_assert_cmpstr(answer.output->str, ==, output);
    g_string_free(answer.output, TRUE);
    g_main_loop_unref(answer.loop);
    g_clear_error(&answer.error);
}

static void test_answers(void)
{
    check("cat; echo done", "a question\n", 10000, "a question\ndone\n", -1, NULL);
    check("cat", NULL, 10000, "", -1, NULL);
    check("exit 0", "nobody reads it", 10000, "", -1, NULL);
    check("echo said; echo hidden >&2; exit 3", NULL, 10000, "said\n", PROGRAM_ERROR_STATUS,
          "it ended with 3");
    check("kill -9 $$", NULL, 10000, "", PROGRAM_ERROR_STATUS, "it was ended by signal 9");
}

static void test_limits(void)
{
    check("head -c 65536 /dev/zero | tr '\\0' x", NULL, 10000, NULL, -1, NULL);
    check("head -c 65537 /dev/zero", NULL, 10000, NULL, PROGRAM_ERROR_LIMIT, "it printed more than 64 KiB");
    check("sleep 1000 & wait", NULL, 1000, NULL, PROGRAM_ERROR_LIMIT, "it did not end within 1 s: killed");
}

static void test_missing(void)
{
    const char *const arguments[] = {"muster-no-such-program", NULL};
    const ProgramCall call = {.arguments = arguments, .limit_ms = 1000, .output_max = 100};
    Answer answer = {g_main_loop_new(NULL, FALSE), g_string_new(NULL), NULL, 0};
    ProgramRun *run = program_run(NULL, &call, take, &answer);
    g_assert_nonnull(run);
    g_assert_cmpint(answer.told, ==, 0);
    g_main_loop_run(answer.loop);
    program_run_free(run);
    g_assert_error(answer.error, PROGRAM_ERROR, PROGRAM_ERROR_START);
    g_assert_cmpstr(answer.error->message, ==, "muster-no-such-program: No such file or directory");
    g_string_free(answer.output, TRUE);
    g_main_loop_unref(answer.loop);
    g_clear_error(&answer.error);
}

/* Nothing is told of it any more. */
static void test_ended_before(void)
{
    const char *const arguments[] = {"cat", NULL};
    const ProgramCall call = {.arguments = arguments, .limit_ms = 1000, .output_max = 100};
    Answer answer = {g_main_loop_new(NULL, FALSE), g_string_new(NULL), NULL, 0};
    program_run_free(program_run(NULL, &call, take, &answer));
    check("true", NULL, 10000, "", -1, NULL);
    g_assert_cmpint(answer.told, ==, 0);
    g_string_free(answer.output, TRUE);
    g_main_loop_unref(answer.loop);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/program/answers", test_answers);
    g_test_add_func("/program/limits", test_limits);
    g_test_add_func("/program/missing", test_missing);
    g_test_add_func("/program/ended-before", test_ended_before);
    return g_test_run();
}
