#include "reconciler/store/network_fs.h"
#include "tests/support/store_fixture.h"
#include <sys/stat.h>

static const JobId id_1 = {{1, 2, 3}};

/* ---- order, groups, fencing ---- */

typedef struct {
    GMainLoop *loop;
    uint64_t last, wanted;
    unsigned errors;
} Seen;

static void on_committed(uint64_t sequence, const GError *error, void *data)
{
    Seen *seen = data;
    g_assert_cmpuint(sequence, ==, seen->last + 1);
    seen->last = sequence;
    seen->errors += error != NULL;
    if (seen->last == seen->wanted)
        g_main_loop_quit(seen->loop);
}

static void test_group_commit_in_order(Fixture *fixture, gconstpointer data)
{
    (void)data;
    Seen seen = {g_main_loop_new(NULL, FALSE), 0, 5000, 0};
    uint64_t before, after, rows;
    store_on_committed(fixture->store, on_committed, &seen);
    store_counters(fixture->store, &before, &rows);
    for (int i = 1; i <= 5000; i++)
        g_assert_cmpuint(store_commit(fixture->store, setting_batch("n", i), i), ==, (uint64_t)i);
    g_main_loop_run(seen.loop);
    g_main_loop_unref(seen.loop);
    g_assert_cmpuint(seen.errors, ==, 0);
    g_assert_cmpuint(store_backlog(fixture->store), ==, 0);
    store_counters(fixture->store, &after, &rows);
    g_assert_cmpuint(rows, ==, 5000);
    g_assert_cmpuint(after - before, <, 5000); /* some shared a transaction */
    g_autofree char *found = loaded(fixture);
    g_assert_nonnull(strstr(found, "setting \"n\" \"5000\"")); /* the last one, not another */
}

static void on_committed_free(uint64_t sequence, const GError *error, void *data)
{
    Store **store = data;
    g_assert_cmpuint(sequence, ==, 1);
    g_assert_no_error(error);
    g_clear_pointer(store, store_free);
}

/* After a failure the caller reopens from within a completion. */
static void test_free_inside_completion(Fixture *fixture, gconstpointer data)
{
    (void)data;
    store_on_committed(fixture->store, on_committed_free, &fixture->store);
    store_commit(fixture->store, setting_batch("n", 1), 1);
    store_commit(fixture->store, setting_batch("n", 2), 1);
    while (fixture->store)
        g_main_context_iteration(NULL, TRUE);
    while (g_main_context_iteration(NULL, FALSE))
        ;
    g_autofree char *found = loaded(fixture);
    g_assert_nonnull(strstr(found, "setting \"n\" \"2\"")); /* freeing waited for what was handed over */
}

static void test_fencing(Fixture *fixture, gconstpointer data)
{
    (void)data;
    GError *no_error = NULL;
    g_assert_cmpuint(store_term(fixture->store), ==, 1);
    commit(fixture, setting_batch("n", 1), 1);
    Store *second = store_open(fixture->dir, NULL, &no_error);
    g_assert_no_error(no_error);
    g_assert_cmpuint(store_term(second), ==, 2);

    Seen seen = {g_main_loop_new(NULL, FALSE), 1, 3, 0};
    store_on_committed(fixture->store, NULL, NULL);
    while (g_main_context_iteration(NULL, FALSE))
        ;
    store_on_committed(fixture->store, on_committed, &seen);
    store_commit(fixture->store, setting_batch("n", 2), 2);
    uint64_t last = store_commit(fixture->store, setting_batch("n", 3), 3);
    g_main_loop_run(seen.loop);
    g_main_loop_unref(seen.loop);
    g_assert_cmpuint(seen.errors, ==, 2);
    g_autoptr(GError) error = NULL;
    g_assert_false(store_wait(fixture->store, last, &error));
    g_assert_error(error, STORE_ERROR, STORE_ERROR_FENCED);
    g_assert_true(store_wait(fixture->store, 1, NULL)); /* what was acknowledged stays so */

    g_assert_true(store_wait(second, store_commit(second, setting_batch("m", 4), 4), &no_error));
    store_free(second);
    g_autofree char *found = loaded(fixture);
    g_assert_nonnull(strstr(found, "setting \"n\" \"1\""));
    g_assert_nonnull(strstr(found, "setting \"m\" \"4\""));
}

/* Readers see one state between begin and end, and never hold up the writer. */
static void test_reader_snapshot(Fixture *fixture, gconstpointer data)
{
    (void)data;
    GError *error = NULL;
    commit(fixture, setting_batch("n", 1), 1);
    g_assert_true(store_reader_begin(reader(fixture), &error));
    commit(fixture, setting_batch("n", 2), 2);
    g_autofree char *old = loaded(fixture);
    g_assert_nonnull(strstr(old, "\"n\" \"1\""));
    g_assert_cmpint(store_reader_committed_ms(reader(fixture)), ==, 1);
    store_reader_end(reader(fixture));
    g_autofree char *fresh = loaded(fixture);
    g_assert_nonnull(strstr(fresh, "\"n\" \"2\""));
    /* A single record does not leave the reader standing on an old state. */
    bool found;
    StoredJob job;
    g_assert_true(store_reader_job(reader(fixture), &id_1, &found, &job, &error));
    commit(fixture, setting_batch("n", 3), 3);
    g_assert_cmpint(store_reader_committed_ms(reader(fixture)), ==, 3);
}

/* ---- opening ---- */

static void test_modes(Fixture *fixture, gconstpointer data)
{
    (void)data;
    static const char *const names[] = {"muster.db", "muster.db-wal", "muster.db-shm"};
    commit(fixture, setting_batch("n", 1), 1);
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *path = g_build_filename(fixture->dir, names[i], NULL);
        struct stat info;
        g_assert_cmpint(stat(path, &info), ==, 0);
        g_assert_cmpint(info.st_mode & 0777, ==, 0600);
    }
    g_assert_cmpint(count_rows(fixture->dir, "PRAGMA application_id"), ==, 0x6d757374);
}

static void test_missing(void)
{
    g_autofree char *dir = temporary_directory();
    g_autofree char *inner = g_build_filename(dir, "a", "b", NULL);
    g_autoptr(GError) error = NULL;
    g_assert_null(store_reader_open(inner, &error));
    g_assert_error(error, STORE_ERROR, STORE_ERROR_MISSING);
    g_assert_nonnull(strstr(error->message, inner));
    g_clear_error(&error);
    g_assert_null(store_reader_open(dir, &error));
    g_assert_error(error, STORE_ERROR, STORE_ERROR_MISSING);
    g_assert_false(g_file_test(inner, G_FILE_TEST_EXISTS)); /* reading creates nothing */
    g_autofree char *file = g_build_filename(dir, "muster.db", NULL);
    g_assert_false(g_file_test(file, G_FILE_TEST_EXISTS));
    g_clear_error(&error);
    Store *store = store_open(inner, NULL, &error);
    g_assert_no_error(error);
    struct stat info;
    g_assert_cmpint(stat(inner, &info), ==, 0);
    g_assert_cmpint(info.st_mode & 0777, ==, 0700);
    store_free(store);
    remove_directory(dir);
}

static void test_not_a_database(void)
{
    g_autofree char *dir = temporary_directory();
    g_autofree char *file = g_build_filename(dir, "muster.db", NULL);
    g_autofree char *junk = g_strnfill(8192, 'x');
    g_autoptr(GError) error = NULL;
    g_assert_true(g_file_set_contents(file, junk, 8192, NULL));
    g_assert_null(store_open(dir, NULL, &error));
    g_assert_error(error, STORE_ERROR, STORE_ERROR_CORRUPT);
    g_assert_nonnull(strstr(error->message, dir));
    g_autofree char *after = NULL;
    gsize len;
    g_assert_true(g_file_get_contents(file, &after, &len, NULL));
    assert_bytes(after, len, junk, 8192); /* left as it was */
    remove_directory(dir);
}

static void test_network_fs(void)
{
    g_assert_cmpstr(network_fs_name_of(0x6969), ==, "NFS");
    g_assert_cmpstr(network_fs_name_of((long)(int32_t)0xff534d42), ==,
                    "CIFS"); /* as a signed 32-bit number */
    g_assert_cmpstr(network_fs_name_of((long)0xfe534d42), ==, "SMB2");
    g_assert_cmpstr(network_fs_name_of(0x65735546), ==, "FUSE");
    g_assert_null(network_fs_name_of(0xef53));     /* ext4 */
    g_assert_null(network_fs_name_of(0x01021994)); /* tmpfs */
    g_assert_null(network_fs_name_of(0x794c7630)); /* overlay */
    g_assert_null(network_fs_name("/proc"));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("/store/group-commit-in-order", test_group_commit_in_order);
    ADD("/store/free-inside-completion", test_free_inside_completion);
    ADD("/store/fencing", test_fencing);
    ADD("/store/reader-snapshot", test_reader_snapshot);
    ADD("/store/modes", test_modes);
    g_test_add_func("/store/missing", test_missing);
    g_test_add_func("/store/not-a-database", test_not_a_database);
    g_test_add_func("/store/network-fs", test_network_fs);
    return g_test_run();
}
