#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include "reconciler/source/helper.h"
#include "reconciler/source/source.h"

static bool run(const char *const *arguments, HelperCommand *command, HelperEnd *ret_end)
{
    g_autoptr(GError) error = NULL;
    g_auto(GStrv) environment = g_environ_setenv(NULL, "PATH", g_getenv("PATH"), TRUE);
    command->arguments = arguments;
    command->environment = environment;
    command->timeout_ms = command->timeout_ms ? command->timeout_ms : 60000;
    bool is_run = helper_run(command, ret_end, &error);
    g_assert_no_error(error);
    return is_run;
}

static void test_ends(void)
{
    g_auto(HelperEnd) end = {0}, other = {0}, missing = {0};
    HelperCommand command = {.input_fd = -1, .cancel_fd = -1, .keeps_output = true};
    const char *const says[] = {"sh", "-c", "echo out; echo err >&2; env; exit 3", NULL};
    const char *const nothing[] = {"true", NULL}, *const none[] = {"no-such-program-anywhere", NULL};
    g_setenv("MUSTER_SECRET", "s", TRUE);
    g_assert_true(run(says, &command, &end));
    g_assert_cmpint(end.outcome, ==, HELPER_ENDED);
    g_assert_false(helper_is_good(&end));
    g_assert_true(g_str_has_prefix(end.out->str, "out\n"));
    g_assert_null(strstr(end.out->str, "MUSTER_SECRET"));
    g_assert_nonnull(strstr(end.error->str, "err\n"));
    g_assert_true(run(nothing, &command, &other));
    g_assert_true(helper_is_good(&other));
    g_assert_true(run(none, &command, &missing));
    g_assert_true(helper_is_missing(&missing));
}

/* Files in memory: as stdin, and by their names. */
static void test_files(void)
{
    g_auto(HelperEnd) end = {0};
    g_autoptr(GError) error = NULL;
    int first = helper_file("one\n", 4, &error), second = helper_file("two\n", 4, &error);
    g_assert_no_error(error);
    g_autofree char *path = g_strdup_printf("/dev/fd/%d", second);
    const char *const arguments[] = {"cat", "-", path, path, NULL};
    HelperCommand command = {
        .kept = &second, .kept_len = 1, .input_fd = first, .cancel_fd = -1, .keeps_output = true};
    g_assert_true(run(arguments, &command, &end));
    g_assert_cmpstr(end.out->str, ==, "one\ntwo\ntwo\n");
    close(first);
    close(second);
}

static void test_output_is_limited(void)
{
    g_auto(HelperEnd) end = {0};
    HelperCommand command = {.input_fd = -1, .cancel_fd = -1, .keeps_output = true};
    const char *const arguments[] = {"sh", "-c", "head -c 3000000 /dev/zero | tr '\\0' x; echo end", NULL};
    g_assert_true(run(arguments, &command, &end));
    g_assert_true(helper_is_good(&end));
    g_assert_cmpuint(end.out->len, <=, 192u << 10);
    g_assert_true(g_str_has_suffix(end.out->str, "xend\n"));
}

/* It and what it started: the pid of which it says. */
static void assert_gone(const HelperEnd *end)
{
    pid_t pid = (pid_t)g_ascii_strtoll(end->out->str, NULL, 10);
    if (pid == 0)
        return; /* a busy machine: it did not come that far */
    g_autofree char *path = g_strdup_printf("/proc/%d/stat", (int)pid), *state = NULL;
    while (g_file_get_contents(path, &state, NULL, NULL) && !strstr(state, ") Z"))
        g_clear_pointer(&state, g_free);
}

static void test_hangs(void)
{
    g_auto(HelperEnd) late = {0}, given_up = {0};
    const char *const arguments[] = {"sh", "-c", "sleep 86396 & echo $!; wait", NULL};
    HelperCommand command = {.input_fd = -1, .cancel_fd = -1, .keeps_output = true, .timeout_ms = 1000};
    g_assert_true(run(arguments, &command, &late));
    g_assert_cmpint(late.outcome, ==, HELPER_TIMED_OUT);
    assert_gone(&late);
    uint64_t one = 1;
    command.timeout_ms = 600000;
    command.cancel_fd = eventfd(0, EFD_CLOEXEC);
    g_assert_cmpint(write(command.cancel_fd, &one, sizeof one), ==, sizeof one);
    g_assert_true(run(arguments, &command, &given_up));
    g_assert_cmpint(given_up.outcome, ==, HELPER_CANCELLED);
    g_assert_false(helper_is_good(&given_up));
    close(command.cancel_fd);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/source/helper/ends", test_ends);
    g_test_add_func("/source/helper/files", test_files);
    g_test_add_func("/source/helper/output-is-limited", test_output_is_limited);
    g_test_add_func("/source/helper/hangs", test_hangs);
    return g_test_run();
}
