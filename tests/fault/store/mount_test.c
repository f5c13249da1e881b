/* The store on real file systems that are full or read-only: a small tmpfs in a mount namespace of the test's
 * own. */
#include "reconciler/store/lease.h"
#include "tests/support/store_records.h"
#include <errno.h>
#include <sched.h>
#include <sys/mount.h>

/* NULL, or why this machine cannot. */
static char *own_mounts(void)
{
    if (unshare(CLONE_NEWNS) != 0)
        return g_strdup_printf("no mount namespace: %s", g_strerror(errno));
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
        return g_strdup_printf("mounts cannot be made private: %s", g_strerror(errno));
    return NULL;
}

static char *mounted(const char *options)
{
    char *dir = temporary_directory();
    if (mount("none", dir, "tmpfs", 0, options) == 0)
        return dir;
    g_autofree char *reason = g_strdup_printf("no tmpfs: %s", g_strerror(errno));
    g_test_skip(reason);
    remove_directory(dir);
    g_free(dir);
    return NULL;
}

static void unmounted(char *dir)
{
    g_assert_cmpint(umount2(dir, MNT_DETACH), ==, 0);
    remove_directory(dir);
    g_free(dir);
}

static Batch *event_batch(uint64_t n)
{
    g_autofree char *bulk = g_strnfill(20000, 'b');
    EventRecord event = {.sequence = n, .message = view_from(bulk)};
    Batch *batch = batch_new();
    batch_put_event(batch, &event);
    return batch;
}

static bool count_event(const EventRecord *record, void *data)
{
    uint64_t *count = data;
    g_assert_cmpuint(record->sequence, ==, *count + 1);
    g_assert_cmpuint(record->message.len, ==, 20000);
    *count = record->sequence;
    return true;
}

static uint64_t events_in(const char *dir)
{
    GError *error = NULL;
    uint64_t count = 0;
    g_autoptr(StoreReader) reader = store_reader_open(dir, &error);
    g_assert_no_error(error);
    g_assert_true(store_reader_events(reader, 0, 1000000, count_event, &count, &error));
    return count;
}

/* Commits until the disk is full: a clear error, nothing acknowledged lost; with room again, work goes on. */
static void test_disk_full(void)
{
    char *dir = mounted("size=2m");
    if (!dir)
        return;
    g_autofree char *state = g_build_filename(dir, "state", NULL);
    g_autoptr(GError) error = NULL;
    Store *store = store_open(state, NULL, &error);
    g_assert_no_error(error);
    uint64_t acknowledged = 0;
    while (store_wait(store, store_commit(store, event_batch(acknowledged + 1), 1), &error))
        acknowledged++;
    g_assert_error(error, STORE_ERROR, STORE_ERROR_FULL);
    g_assert_nonnull(strstr(error->message, state));
    g_assert_nonnull(strstr(error->message, "free space"));
    g_assert_cmpuint(acknowledged, >, 10);
    g_clear_error(&error);
    g_assert_false(store_wait(store, store_commit(store, event_batch(acknowledged + 1), 1), &error));
    g_assert_error(error, STORE_ERROR, STORE_ERROR_FULL);
    g_clear_error(&error);
    store_free(store);

    g_assert_cmpint(mount("none", dir, NULL, MS_REMOUNT, "size=8m"), ==, 0);
    store = store_open(state, NULL, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(events_in(state), ==, acknowledged);
    g_assert_true(store_wait(store, store_commit(store, event_batch(acknowledged + 1), 1), &error));
    g_assert_cmpuint(events_in(state), ==, acknowledged + 1);
    store_free(store);
    unmounted(dir);
}

static void test_no_room_to_start(void)
{
    char *dir = mounted("size=16k");
    if (!dir)
        return;
    g_autoptr(GError) error = NULL;
    g_assert_null(store_open(dir, NULL, &error));
    g_assert_error(error, STORE_ERROR, STORE_ERROR_FULL);
    g_assert_nonnull(strstr(error->message, dir));
    unmounted(dir);
}

static void test_read_only(void)
{
    char *dir = mounted("size=4m");
    if (!dir)
        return;
    g_autoptr(GError) error = NULL;
    Store *store = store_open(dir, NULL, &error);
    g_assert_no_error(error);
    g_assert_true(store_wait(store, store_commit(store, event_batch(1), 1), &error));
    store_free(store);
    g_assert_cmpint(mount("none", dir, NULL, MS_REMOUNT | MS_RDONLY, NULL), ==, 0);
    g_assert_null(store_open(dir, NULL, &error));
    g_assert_error(error, STORE_ERROR, STORE_ERROR_READ_ONLY);
    g_assert_nonnull(strstr(error->message, dir));
    g_clear_error(&error);
    g_assert_null(store_reader_open(dir, &error));
    g_assert_error(error, STORE_ERROR, STORE_ERROR_READ_ONLY);
    g_assert_nonnull(strstr(error->message, "write permission"));
    g_clear_error(&error);
    g_assert_null(lease_take(dir, "serve", &error));
    g_assert_error(error, LEASE_ERROR, LEASE_ERROR_FAILED);
    g_clear_error(&error);
    g_autofree char *inner = g_build_filename(dir, "new", NULL);
    g_assert_null(store_open(inner, NULL, &error));
    g_assert_error(error, STORE_ERROR, STORE_ERROR_READ_ONLY);

    g_clear_error(&error);
    g_assert_cmpint(mount("none", dir, NULL, MS_REMOUNT, NULL), ==, 0);
    g_assert_cmpuint(events_in(dir), ==, 1);
    unmounted(dir);
}

static void test_skipped(gconstpointer reason)
{
    g_test_skip(reason);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *path;
        GTestFunc func;
    } tests[] = {
        {"/store/disk-full", test_disk_full},
        {"/store/no-room-to-start", test_no_room_to_start},
        {"/store/read-only", test_read_only},
    };
    g_test_init(&argc, &argv, NULL);
    g_autofree char *reason = own_mounts();
    for (size_t i = 0; i < G_N_ELEMENTS(tests); i++) {
        if (reason)
            g_test_add_data_func(tests[i].path, reason, test_skipped);
        else
            g_test_add_func(tests[i].path, tests[i].func);
    }
    return g_test_run();
}
