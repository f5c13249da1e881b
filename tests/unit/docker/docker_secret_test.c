#include "reconciler/provider/docker/docker_secret.h"
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>

typedef struct {
    char *dir, *path, *from;
} Fixture;

static void set_up(Fixture *fixture, gconstpointer data)
{
    (void)data;
    fixture->dir = g_dir_make_tmp("muster-secret-XXXXXX", NULL);
    fixture->path = g_build_filename(fixture->dir, "token", NULL);
    fixture->from = g_strconcat("file:", fixture->path, NULL);
}

static void tear_down(Fixture *fixture, gconstpointer data)
{
    (void)data;
    g_unlink(fixture->path);
    g_rmdir(fixture->dir);
    g_free(fixture->dir);
    g_free(fixture->path);
    g_free(fixture->from);
}

/* expected NULL: it cannot be had, and why, without a word of what it holds. */
static void check(const char *from, const char *expected, const char *why)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *value = docker_secret_read(from, NULL, &error);
    g_assert_cmpstr(value, ==, expected);
    g_assert_cmpint(error == NULL, ==, expected != NULL);
    if (error && !strstr(error->message, why))
        g_error("%s", error->message);
    g_assert_true(!error ||
                  !(strstr(error->message, "hunter2") || strstr(error->message, strchr(from, ':') + 1)));
}

static void check_file(const Fixture *fixture, const char *bytes, gssize len, const char *expected,
                       const char *why)
{
    g_assert_true(g_file_set_contents(fixture->path, bytes, len, NULL));
    check(fixture->from, expected, why);
}

static void test_file(Fixture *fixture, gconstpointer data)
{
    g_autofree char *most = g_strnfill(DOCKER_SECRET_MAX, 'x'),
                    *more = g_strnfill(DOCKER_SECRET_MAX + 1, 'x');
    (void)data;
    check_file(fixture, "hunter2", -1, "hunter2", NULL);
    check_file(fixture, "hunter2\n", -1, "hunter2", NULL);
    check_file(fixture, "two\nlines\n\n", -1, "two\nlines\n", NULL);
    check_file(fixture, "", -1, "", NULL);
    check_file(fixture, most, -1, most, NULL);
    check_file(fixture, more, -1, NULL, "larger than 64 KiB");
    check_file(fixture, "hunter2\0x", 9, NULL, "no text");
    check_file(fixture, "hunter2\xff", -1, NULL, "no text");
}

static void test_no_file(Fixture *fixture, gconstpointer data)
{
    g_autofree char *dir = g_strconcat("file:", fixture->dir, NULL);
    (void)data;
    check(fixture->from, NULL, "No such file");
    check(dir, NULL, "no regular file");
    g_assert_cmpint(mkfifo(fixture->path, 0600), ==, 0);
    check(fixture->from, NULL, "no regular file");
    check("file:relative", NULL, "file:/PATH or env:NAME");
    check("arn:aws:ssm:x", NULL, "file:/PATH or env:NAME");
}

static void test_environment(void)
{
    g_setenv("MUSTER_TEST_SECRET", "hunter2\n", TRUE);
    check("env:MUSTER_TEST_SECRET", "hunter2\n", NULL);
    g_setenv("MUSTER_TEST_SECRET", "hunter2\xff", TRUE);
    check("env:MUSTER_TEST_SECRET", NULL, "no text");
    g_unsetenv("MUSTER_TEST_SECRET");
    check("env:MUSTER_TEST_SECRET", NULL, "without this variable");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add("/docker/secret/file", Fixture, NULL, set_up, test_file, tear_down);
    g_test_add("/docker/secret/no-file", Fixture, NULL, set_up, test_no_file, tear_down);
    g_test_add_func("/docker/secret/environment", test_environment);
    return g_test_run();
}
