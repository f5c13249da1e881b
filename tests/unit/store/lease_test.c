#include "reconciler/store/lease.h"
#include "tests/support/store_records.h"
#include <signal.h>
#include <sys/wait.h>

static void test_one_holder(void)
{
    g_autofree char *dir = temporary_directory();
    g_autofree char *inner = g_build_filename(dir, "state", NULL);
    g_autoptr(GError) error = NULL;
    g_assert_null(lease_holder(inner));
    Lease *lease = lease_take(inner, "serve", &error);
    g_assert_no_error(error);
    /* A second one of the same process is refused too, and its close leaves the first's lock alone. */
    for (int i = 0; i < 2; i++) {
        g_assert_null(lease_take(inner, "apply", &error));
        g_assert_error(error, LEASE_ERROR, LEASE_ERROR_HELD);
        g_autofree char *who = g_strdup_printf("pid %d (muster serve) on ", (int)getpid());
        g_assert_nonnull(strstr(error->message, who));
        g_assert_nonnull(strstr(error->message, inner));
        g_clear_error(&error);
    }
    g_autofree char *holder = lease_holder(inner);
    g_assert_nonnull(strstr(holder, "(muster serve)"));
    g_assert_nonnull(strstr(holder, " since "));
    lease_release(lease);
    g_assert_null(lease_holder(inner));
    lease = lease_take(inner, "apply", &error);
    g_assert_no_error(error);
    g_autofree char *next = lease_holder(inner);
    g_assert_nonnull(strstr(next, "(muster apply)"));
    lease_release(lease);
    remove_directory(dir);
}

/* Takes the lease, says so through the pipe, and waits to be killed. */
static G_NORETURN void hold(const char *dir, int to_parent)
{
    Lease *lease = lease_take(dir, "serve", NULL);
    char answer = lease ? 'y' : 'n';
    if (write(to_parent, &answer, 1) != 1)
        _exit(1);
    for (;;)
        pause();
}

static void test_goes_with_its_process(void)
{
    g_autofree char *dir = temporary_directory();
    g_autoptr(GError) error = NULL;
    int ends[2];
    char answer = 0;
    g_assert_cmpint(pipe(ends), ==, 0);
    pid_t child = fork();
    if (child == 0)
        hold(dir, ends[1]);
    g_assert_cmpint((int)read(ends[0], &answer, 1), ==, 1);
    g_assert_cmpint(answer, ==, 'y');
    g_assert_null(lease_take(dir, "apply", &error));
    g_assert_error(error, LEASE_ERROR, LEASE_ERROR_HELD);
    g_autofree char *who = g_strdup_printf("pid %d (muster serve)", (int)child);
    g_assert_nonnull(strstr(error->message, who));
    g_clear_error(&error);

    g_assert_cmpint(kill(child, SIGKILL), ==, 0);
    g_assert_cmpint(waitpid(child, NULL, 0), ==, child);
    g_assert_null(lease_holder(dir));
    Lease *lease = lease_take(dir, "apply", &error);
    g_assert_no_error(error);
    lease_release(lease);
    close(ends[0]);
    close(ends[1]);
    remove_directory(dir);
}

static void test_cannot(void)
{
    g_autofree char *dir = temporary_directory();
    g_autofree char *file = g_build_filename(dir, "file", NULL);
    g_autoptr(GError) error = NULL;
    g_assert_true(g_file_set_contents(file, "x", 1, NULL));
    g_assert_null(lease_take(file, "serve", &error));
    g_assert_error(error, LEASE_ERROR, LEASE_ERROR_FAILED);
    g_assert_nonnull(strstr(error->message, file));
    remove_directory(dir);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/lease/one-holder", test_one_holder);
    g_test_add_func("/lease/goes-with-its-process", test_goes_with_its_process);
    g_test_add_func("/lease/cannot", test_cannot);
    return g_test_run();
}
