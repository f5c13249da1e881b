#include "reconciler/api/state_publish.h"
#include <glib.h>
#include <glib/gstdio.h>

static char *directory_new(void)
{
    g_autoptr(GError) error = NULL;
    char *path = g_dir_make_tmp("muster-publish-XXXXXX", &error);
    g_assert_no_error(error);
    return path;
}

static void directory_free(char *path)
{
    g_autofree char *file = g_build_filename(path, "installation", NULL);
    g_unlink(file);
    g_assert_cmpint(g_rmdir(path), ==, 0); /* nothing else is left in it */
    g_free(path);
}

static void test_installation(void)
{
    char *path = directory_new();
    g_autoptr(GError) error = NULL;
    g_assert_null(installation_read(path, &error));
    g_assert_no_error(error);
    g_autofree char *first = installation_ensure(path, &error), *again = installation_ensure(path, &error),
                    *read = installation_read(path, &error);
    g_assert_no_error(error);
    g_assert_true(installation_is_valid(view_from(first)));
    g_assert_cmpstr(first, ==, again);
    g_assert_cmpstr(first, ==, read);
    directory_free(path);
    g_assert_null(installation_ensure("/nowhere/at/all", &error));
    g_assert_error(error, G_FILE_ERROR, G_FILE_ERROR_NOENT);
}

static void *ensure(void *path)
{
    return installation_ensure(path, NULL);
}

static void test_at_once(void)
{
    for (int round = 0; round < 20; round++) {
        char *path = directory_new();
        GThread *threads[4];
        g_autofree char *first = NULL;
        for (size_t i = 0; i < G_N_ELEMENTS(threads); i++)
            threads[i] = g_thread_new("ensure", ensure, path);
        for (size_t i = 0; i < G_N_ELEMENTS(threads); i++) {
            char *found = g_thread_join(threads[i]);
            if (first)
                g_assert_cmpstr(found, ==, first);
            g_assert_nonnull(found);
            g_free(first);
            first = found;
        }
        directory_free(path);
    }
}

static void test_damaged(void)
{
    char *path = directory_new();
    g_autofree char *file = g_build_filename(path, "installation", NULL);
    g_autoptr(GError) error = NULL, again = NULL;
    g_assert_true(g_file_set_contents(file, "who?\n", -1, NULL));
    g_assert_null(installation_read(path, &error));
    g_assert_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL);
    g_assert_null(installation_ensure(path, &again)); /* nobody else's is replaced */
    g_assert_nonnull(again);
    directory_free(path);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/api/state-publish/installation", test_installation);
    g_test_add_func("/api/state-publish/at-once", test_at_once);
    g_test_add_func("/api/state-publish/damaged", test_damaged);
    return g_test_run();
}
