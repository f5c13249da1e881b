/* The directories that jobs begin in: which are used again, and what is left alone. */
#include "reconciler/provider/local/launcher_workdir.h"

#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct {
    char *dir;
    int fd;
    WorkDirs dirs;
} Fixture;

static void set_up(Fixture *fixture, gconstpointer data)
{
    (void)data;
    fixture->dir = g_dir_make_tmp("muster-workdir-XXXXXX", NULL);
    fixture->fd = open(fixture->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    g_assert_cmpint(fixture->fd, >=, 0);
    workdirs_init(&fixture->dirs, fixture->fd);
}

static void tear_down(Fixture *fixture, gconstpointer data)
{
    (void)data;
    workdirs_clear(&fixture->dirs);
    close(fixture->fd);
    g_autofree char *command = g_strdup_printf("rm -rf '%s'", fixture->dir);
    g_assert_true(g_spawn_command_line_sync(command, NULL, NULL, NULL, NULL));
    g_free(fixture->dir);
}

static char *made(Fixture *fixture, const char *name)
{
    char *path = g_build_filename(fixture->dir, "work", "job", name, NULL);
    g_assert_cmpint(workdir_make(&fixture->dirs, path), ==, 0);
    g_assert_true(g_file_test(path, G_FILE_TEST_IS_DIR));
    return path;
}

static ino_t inode_of(const char *path)
{
    struct stat info;
    g_assert_cmpint(stat(path, &info), ==, 0);
    return info.st_ino;
}

static void test_again(Fixture *fixture, gconstpointer data)
{
    (void)data;
    g_autofree char *first = made(fixture, "1"), *second = NULL;
    ino_t inode = inode_of(first);
    workdir_release(&fixture->dirs, first);
    g_assert_false(g_file_test(first, G_FILE_TEST_EXISTS));
    second = made(fixture, "2");
    g_assert_cmpuint(inode_of(second), ==, inode);
}

static void test_left_something(Fixture *fixture, gconstpointer data)
{
    (void)data;
    g_autofree char *path = made(fixture, "1"), *file = g_build_filename(path, "result", NULL), *other = NULL;
    g_assert_true(g_file_set_contents(file, "42", -1, NULL));
    workdir_release(&fixture->dirs, path);
    g_assert_true(g_file_test(file, G_FILE_TEST_EXISTS));
    other = made(fixture, "2");
    g_assert_cmpuint(inode_of(other), !=, inode_of(path));
}

/* What a job changed about its directory does not reach the next one. */
static void test_changed_mode(Fixture *fixture, gconstpointer data)
{
    (void)data;
    g_autofree char *first = made(fixture, "1"), *second = NULL;
    g_assert_cmpint(g_chmod(first, 0700), ==, 0);
    workdir_release(&fixture->dirs, first);
    g_assert_false(g_file_test(first, G_FILE_TEST_EXISTS));
    g_assert_cmpuint(fixture->dirs.len, ==, 0);
    second = made(fixture, "2");
    struct stat info;
    g_assert_cmpint(stat(second, &info), ==, 0);
    g_assert_cmpint(info.st_mode & 0777, ==, 0755);
}

static void test_link_instead(Fixture *fixture, gconstpointer data)
{
    (void)data;
    g_autofree char *path = made(fixture, "1");
    g_assert_cmpint(g_rmdir(path), ==, 0);
    g_assert_cmpint(symlink(fixture->dir, path), ==, 0);
    workdir_release(&fixture->dirs, path);
    g_assert_cmpuint(fixture->dirs.len, ==, 0);
    g_assert_true(g_file_test(path, G_FILE_TEST_IS_SYMLINK));
}

/* Where something is already, it stays, and the spare one too. */
static void test_is_there(Fixture *fixture, gconstpointer data)
{
    (void)data;
    g_autofree char *first = made(fixture, "1"), *second = made(fixture, "2"), *again = NULL;
    g_autofree char *file = g_build_filename(second, "kept", NULL);
    g_assert_true(g_file_set_contents(file, "", 0, NULL));
    workdir_release(&fixture->dirs, first);
    g_assert_cmpuint(fixture->dirs.len, ==, 1);
    again = made(fixture, "2");
    g_assert_true(g_file_test(file, G_FILE_TEST_EXISTS));
    g_assert_cmpuint(fixture->dirs.len, ==, 1);
}

static void test_bounded(Fixture *fixture, gconstpointer data)
{
    (void)data;
    g_autoptr(GPtrArray) paths = g_ptr_array_new_with_free_func(g_free);
    for (int i = 0; i < SPARE_MAX + 3; i++) {
        g_autofree char *name = g_strdup_printf("%d", i);
        g_ptr_array_add(paths, made(fixture, name));
    }
    for (guint i = 0; i < paths->len; i++)
        workdir_release(&fixture->dirs, paths->pdata[i]);
    g_assert_cmpuint(fixture->dirs.len, ==, SPARE_MAX);
    for (guint i = 0; i < paths->len; i++)
        g_assert_false(g_file_test(paths->pdata[i], G_FILE_TEST_EXISTS));
}

/* What a launcher kept goes with it; what a killed one kept, with the next. */
static void test_next_launcher(Fixture *fixture, gconstpointer data)
{
    (void)data;
    g_autofree char *path = made(fixture, "1");
    g_autofree char *left = g_build_filename(fixture->dir, "spare", "7", NULL);
    workdir_release(&fixture->dirs, path);
    g_assert_cmpint(g_mkdir(left, 0755), ==, 0);
    WorkDirs next;
    workdirs_init(&next, fixture->fd);
    g_assert_false(g_file_test(left, G_FILE_TEST_EXISTS));
    g_assert_cmpuint(next.len, ==, 0);
    workdirs_clear(&next);
    g_free(made(fixture, "2")); /* the first one's has gone under it: it makes one */
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    static const struct {
        const char *name;
        void (*run)(Fixture *fixture, gconstpointer data);
    } tests[] = {
        {"/launcher/workdir/again", test_again},
        {"/launcher/workdir/left-something", test_left_something},
        {"/launcher/workdir/changed-mode", test_changed_mode},
        {"/launcher/workdir/link-instead", test_link_instead},
        {"/launcher/workdir/is-there", test_is_there},
        {"/launcher/workdir/bounded", test_bounded},
        {"/launcher/workdir/next-launcher", test_next_launcher},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(tests); i++)
        g_test_add(tests[i].name, Fixture, NULL, set_up, tests[i].run, tear_down);
    return g_test_run();
}
