/* The store on a disk that loses power or fails at call 1, 2, 3 … until a run meets no fault. Whatever
 * happens: every batch acknowledged before is there afterwards, whole; none is there in part; they are there
 * in order. */
#include "tests/support/fault_vfs.h"
#include "tests/support/store_records.h"

#define BATCHES_PER_OPEN 4
#define OPENS            2
#define EVENTS_PER_BATCH 3
#define VFS_NAME         "muster-fault"

/* In memory where there is such a place: the faults are simulated, and thousands of real flushes would only
 * cost time. */
static char *quick_directory(void)
{
    char *dir = g_strdup("/dev/shm/muster-store-XXXXXX");
    if (g_mkdtemp(dir))
        return dir;
    g_free(dir);
    return temporary_directory();
}

/* Batch n of the run: a job that starts RUNNABLE, the last one's end, events, and a setting that tells n.
 * Large enough that a transaction spans several pages. */
static Batch *numbered_batch(uint64_t n)
{
    Batch *batch = batch_new();
    g_autofree char *value = g_strdup_printf("%d", (int)n);
    g_autofree char *bulk = g_strnfill(2500, 'b');
    if (n == 1) {
        TemplateRecord template = {1, VIEW("a:1"), VIEW("{}"), VIEW("{}"), false};
        batch_put_template(batch, &template);
    }
    JobRecord job = {
        .sequence = n, .template_id = 1, .state = JOB_RUNNABLE, .name = view_from(bulk), .is_new = true};
    memcpy(job.id.bytes, &n, sizeof n);
    batch_put_job(batch, &job);
    if (n > 1) {
        JobRecord last = {.sequence = n - 1, .state = JOB_SUCCEEDED, .stopped_ms = (int64_t)n};
        batch_put_job(batch, &last);
    }
    for (uint64_t i = 1; i <= EVENTS_PER_BATCH; i++) {
        EventRecord event = {.sequence = (n - 1) * EVENTS_PER_BATCH + i, .message = view_from(bulk)};
        batch_put_event(batch, &event);
    }
    SettingRecord setting = {VIEW("last"), view_from(value)};
    batch_put_setting(batch, &setting);
    return batch;
}

typedef struct {
    uint64_t acknowledged; /* batches 1 … n that were told durable */
    uint64_t handed;
    unsigned opened;
    StoreErrorCode code; /* of the first failure */
    bool has_failed;
} Run;

static void run_failed(Run *run, GError *error)
{
    g_assert_nonnull(error);
    g_assert_true(error->domain == STORE_ERROR);
    g_assert_nonnull(strstr(error->message, "state directory ")); /* each says where */
    if (!run->has_failed)
        run->code = (StoreErrorCode)error->code;
    run->has_failed = true;
    g_error_free(error);
}

/* All of an opening's batches are handed over, `window` at a time, so that groups form as well as single
 * commits. */
static void run_one_opening(Run *run, Store *store, unsigned window)
{
    uint64_t sequence = 0;
    bool is_broken = false;
    for (unsigned done = 0; done < BATCHES_PER_OPEN; done += window) {
        for (unsigned i = 0; i < window; i++)
            sequence = store_commit(store, numbered_batch(++run->handed), 1);
        for (uint64_t at = sequence - window + 1; at <= sequence; at++) {
            GError *error = NULL;
            if (store_wait(store, at, &error)) {
                g_assert_false(is_broken); /* after a failure nothing is acknowledged until reopened */
                run->acknowledged = run->handed - (sequence - at);
            } else {
                is_broken = true;
                run_failed(run, error);
            }
        }
    }
}

static Run run_store(const char *dir, unsigned window)
{
    Run run = {0};
    for (unsigned i = 0; i < OPENS && !run.has_failed; i++) {
        GError *error = NULL;
        Store *store = store_open(dir, VFS_NAME, &error);
        if (!store) {
            run_failed(&run, error);
            return run;
        }
        run.opened++;
        run_one_opening(&run, store, window);
        store_free(store);
    }
    return run;
}

/* ---- what must be left ---- */

#define BATCHES (BATCHES_PER_OPEN * OPENS)

/* Everything that a reader can see. New string. */
static char *contents(const char *dir)
{
    GError *error = NULL;
    GString *out = g_string_new(NULL);
    g_autoptr(StoreReader) reader = store_reader_open(dir, &error);
    g_assert_no_error(error);
    g_assert_true(store_reader_load(reader, &print_sink, out, &error));
    g_assert_true(store_reader_events(reader, 0, 1000000, list_event, out, &error));
    JobFilter filter = {.limit = 1000000};
    g_assert_true(store_reader_jobs(reader, &filter, list_stored, out, &error));
    return g_string_free(out, FALSE);
}

/* [n]: the contents after batch n, from a run on a healthy disk. */
typedef struct {
    char *after[BATCHES + 1];
} Expected;

static void expected_init(Expected *expected)
{
    g_autofree char *dir = quick_directory();
    GError *error = NULL;
    Store *store = store_open(dir, NULL, &error);
    g_assert_no_error(error);
    expected->after[0] = contents(dir);
    for (uint64_t n = 1; n <= BATCHES; n++) {
        g_assert_true(store_wait(store, store_commit(store, numbered_batch(n), 1), &error));
        expected->after[n] = contents(dir);
    }
    store_free(store);
    remove_directory(dir);
}

static void expected_clear(Expected *expected)
{
    for (size_t i = 0; i < G_N_ELEMENTS(expected->after); i++)
        g_free(expected->after[i]);
}

/* Opens what is left with SQLite's own VFS, as the next process would. */
static void check_left(const Expected *expected, const char *dir, const Run *run)
{
    GError *error = NULL;
    Store *store = store_open(dir, NULL, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(store_term(store), >, run->opened); /* terms never repeat */
    g_autofree char *found = contents(dir);
    uint64_t n = run->acknowledged;
    while (n < run->handed && !g_str_equal(found, expected->after[n]))
        n++;
    g_assert_cmpstr(found, ==, expected->after[n]);
    /* and it takes up work again */
    if (n < BATCHES)
        g_assert_true(store_wait(store, store_commit(store, numbered_batch(n + 1), 1), &error));
    store_free(store);
}

/* ---- the sweep ---- */

typedef struct {
    FaultMode mode;
    unsigned window;
} Sweep;

/* One run with the fault at call `at`; false when no call met it. */
static bool run_with_fault(const Expected *expected, const Sweep *sweep, unsigned at,
                           StoreErrorCode *ret_code)
{
    g_autofree char *dir = quick_directory();
    FaultDisk *disk = fault_disk_new(VFS_NAME, at * 31 + sweep->window, sweep->mode, at);
    Run run = run_store(dir, sweep->window);
    bool has_struck = disk->has_struck;
    if (sweep->mode == FAULT_CUT && has_struck)
        fault_disk_power_cut(disk);
    fault_disk_store(disk);
    fault_disk_free(disk);
    if (!has_struck) {
        g_assert_false(run.has_failed);
        g_assert_cmpuint(run.acknowledged, ==, BATCHES);
    }
    check_left(expected, dir, &run);
    remove_directory(dir);
    *ret_code = run.has_failed ? run.code : STORE_ERROR_MISSING;
    return has_struck;
}

static void test_sweep(gconstpointer data)
{
    const Sweep *sweep = data;
    Expected expected;
    unsigned at = 1, codes[STORE_ERROR_NETWORK_FS + 1] = {0};
    expected_init(&expected);
    for (bool has_struck = true; has_struck; at++) {
        StoreErrorCode code;
        has_struck = run_with_fault(&expected, sweep, at, &code);
        codes[code]++;
    }
    g_test_message("%u calls; errors: full %u, I/O %u, none %u", at, codes[STORE_ERROR_FULL],
                   codes[STORE_ERROR_IO], codes[STORE_ERROR_MISSING]);
    g_assert_cmpuint(at, >, sweep->mode == FAULT_FULL || sweep->mode == FAULT_FULL_ONCE ? 50 : 100);
    bool is_full = sweep->mode == FAULT_FULL || sweep->mode == FAULT_FULL_ONCE;
    g_assert_cmpuint(codes[is_full ? STORE_ERROR_FULL : STORE_ERROR_IO], >,
                     10); /* the faults were met, and named */
    expected_clear(&expected);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *path;
        Sweep sweep;
    } sweeps[] = {
        {"/store/power-cut/one-by-one", {FAULT_CUT, 1}}, {"/store/power-cut/groups", {FAULT_CUT, 4}},
        {"/store/io-error/once", {FAULT_IOERR_ONCE, 1}}, {"/store/io-error/for-good", {FAULT_IOERR, 2}},
        {"/store/disk-full/once", {FAULT_FULL_ONCE, 1}}, {"/store/disk-full/for-good", {FAULT_FULL, 2}},
    };
    g_test_init(&argc, &argv, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(sweeps); i++)
        g_test_add_data_func(sweeps[i].path, &sweeps[i].sweep, test_sweep);
    return g_test_run();
}
