#include "reconciler/store/commit.h"
#include "reconciler/store/database.h"
#include "reconciler/store/migrate.h"

/* The WAL is copied into the database when nothing waits for this long, or at once when it has grown to this
 * many pages (32 MiB). Where a reader holds it back, the next try comes later and later. */
#define CHECKPOINT_IDLE_US     (200 * G_TIME_SPAN_MILLISECOND)
#define CHECKPOINT_IDLE_MAX_US (60 * G_TIME_SPAN_SECOND)
#define CHECKPOINT_PAGES       8192
#define LOG_PAGE_BYTES         (4096 + 24) /* a page in the log, with its header */
#define LOG_AHEAD_BYTES        (1 << 20)
#define LOG_AHEAD_MIN_BYTES    (LOG_AHEAD_BYTES / 4)
#define LOG_AHEAD_PAGES        64 /* less is not worth it: a command that commits a few times */

typedef struct Handed Handed;
struct Handed {
    Batch *batch;
    int64_t now_ms;
    Handed *next;
};

typedef struct Completion Completion;
struct Completion {
    uint64_t sequence;
    GError *error; /* NULL: durable */
    Completion *next;
};

typedef struct {
    GSource base;
    Store *store; /* valid until the source is destroyed, which store_free does first */
} CompletionSource;

struct Store {
    /* the writer thread's alone, once it runs */
    Database *database;
    Committer *committer;
    int wal_pages;        /* not yet known to be in the database */
    int64_t wal_reserved; /* bytes that the log has, used or not, as far as is known */
    gint64 checkpoint_us; /* idle time before the next checkpoint */

    uint64_t term;
    GThread *writer;
    GSource *source;
    GMainContext *context;
    StoreCommitted func; /* the loop's */
    void *data;
    uint64_t handed; /* last sequence given out; the loop's */

    GMutex mutex; /* guards what follows */
    GCond work, done;
    Handed *first, **last;
    bool is_closing;
    uint64_t completed; /* last sequence with an outcome */
    uint64_t durable;   /* last sequence that was committed */
    GError *failure;    /* the first failed commit's: all later batches have it too */
    Completion *ready, **ready_last;
    uint64_t transactions, rows;
    Histogram times;
};

/* ---- the writer thread ---- */

static void note_failure(Store *store, GError *error)
{
    g_mutex_lock(&store->mutex);
    if (!store->failure)
        store->failure = error;
    else
        g_error_free(error);
    g_mutex_unlock(&store->mutex);
}

/* PASSIVE: waits for nobody, and neither readers nor the loop wait for it. A full disk is no fault here: what
 * is committed stays in the WAL, and the next commit that needs room will say so. */
static void checkpoint(Store *store)
{
    int wal = 0, copied = 0;
    int result =
        sqlite3_wal_checkpoint_v2(store->database->handle, NULL, SQLITE_CHECKPOINT_PASSIVE, &wal, &copied);
    if (result == SQLITE_OK && copied >= wal) {
        store->wal_pages = 0;
        store->checkpoint_us = CHECKPOINT_IDLE_US;
        return;
    }
    store->checkpoint_us = MIN(store->checkpoint_us * 2, CHECKPOINT_IDLE_MAX_US);
    if (result == SQLITE_OK || result == SQLITE_BUSY)
        return;
    GError *error = NULL;
    database_fail(store->database, result, "checkpoint", &error);
    if (g_error_matches(error, STORE_ERROR, STORE_ERROR_FULL))
        g_error_free(error);
    else
        note_failure(store, error);
}

/* Between commits, where nobody waits for it. */
static void reserve_log(Store *store)
{
    int64_t used = (int64_t)store->wal_pages * LOG_PAGE_BYTES;
    if (store->wal_pages >= LOG_AHEAD_PAGES && store->wal_reserved - used < LOG_AHEAD_MIN_BYTES)
        store->wal_reserved = database_reserve_log(store->database, used + LOG_AHEAD_BYTES);
}

static int wal_grew(void *data, sqlite3 *handle, const char *name, int pages)
{
    (void)handle;
    (void)name;
    ((Store *)data)->wal_pages = pages;
    return SQLITE_OK;
}

/* One transaction for all of them. New error or NULL. */
static GError *commit_group(Store *store, const Handed *first, size_t len, uint64_t *ret_rows)
{
    g_autofree const Batch **batches = g_new(const Batch *, len);
    int64_t now_ms = 0;
    size_t at = 0;
    *ret_rows = 0;
    for (const Handed *handed = first; handed; handed = handed->next) {
        batches[at++] = handed->batch;
        now_ms = MAX(now_ms, handed->now_ms);
        *ret_rows += batch_len(handed->batch);
    }
    GError *error = NULL;
    if (committer_run(store->committer, batches, len, now_ms, &error))
        return NULL;
    g_prefix_error(&error, "store: ");
    return error;
}

/* Called with the mutex held. */
static void complete(Store *store, size_t len, uint64_t rows, int64_t took_us)
{
    if (!store->failure) {
        histogram_observe(&store->times, SCALE_FAST, took_us);
        store->transactions++;
        store->rows += rows;
        store->durable = store->completed + len;
    }
    for (size_t i = 0; i < len; i++) {
        Completion *completion = g_new0(Completion, 1);
        completion->sequence = ++store->completed;
        completion->error = store->failure ? g_error_copy(store->failure) : NULL;
        *store->ready_last = completion;
        store->ready_last = &completion->next;
    }
    g_cond_broadcast(&store->done);
    g_source_set_ready_time(store->source, 0); /* wakes the loop; safe from any thread */
}

static void handed_free_all(Handed *handed)
{
    while (handed) {
        Handed *next = handed->next;
        batch_free(handed->batch);
        g_free(handed);
        handed = next;
    }
}

/* Takes all that wait. Called with the mutex held; returns with it held. */
static void write_waiting(Store *store)
{
    Handed *first = g_steal_pointer(&store->first);
    store->last = &store->first;
    bool has_failed = store->failure != NULL;
    g_mutex_unlock(&store->mutex);

    size_t len = 0;
    uint64_t rows = 0;
    for (const Handed *handed = first; handed; handed = handed->next)
        len++;
    int64_t from_us = g_get_monotonic_time();
    GError *error = has_failed ? NULL : commit_group(store, first, len, &rows);
    if (error)
        note_failure(store, error);
    int64_t took_us = g_get_monotonic_time() - from_us;

    g_mutex_lock(&store->mutex);
    complete(store, len, rows, took_us);
    bool is_long = !store->failure && store->wal_pages >= CHECKPOINT_PAGES;
    g_mutex_unlock(&store->mutex);
    handed_free_all(first); /* after the answer: freeing 50,000 rows takes its time too */
    if (is_long)
        checkpoint(store);
    else if (!has_failed)
        reserve_log(store);
    g_mutex_lock(&store->mutex);
}

/* Until there is work or the end; sleeps without a timer when the WAL is empty. Called with the mutex held.
 */
static void wait_for_work(Store *store)
{
    while (!store->first && !store->is_closing) {
        if (store->wal_pages == 0 || store->failure) {
            g_cond_wait(&store->work, &store->mutex);
            continue;
        }
        gint64 until = g_get_monotonic_time() + store->checkpoint_us;
        if (g_cond_wait_until(&store->work, &store->mutex, until) || store->first || store->is_closing)
            continue;
        g_mutex_unlock(&store->mutex);
        checkpoint(store);
        g_mutex_lock(&store->mutex);
    }
}

static gpointer writer_main(gpointer data)
{
    Store *store = data;
    g_mutex_lock(&store->mutex);
    for (;;) {
        wait_for_work(store);
        if (!store->first)
            break;
        write_waiting(store);
    }
    g_mutex_unlock(&store->mutex);
    return NULL;
}

/* ---- completions, on the loop ---- */

static Completion *completion_take(Store *store)
{
    g_mutex_lock(&store->mutex);
    Completion *completion = store->ready;
    if (completion) {
        store->ready = completion->next;
        if (!store->ready)
            store->ready_last = &store->ready;
    }
    g_mutex_unlock(&store->mutex);
    return completion;
}

static void completion_free(Completion *completion)
{
    g_clear_error(&completion->error);
    g_free(completion);
}

static gboolean completions_dispatch(GSource *source, GSourceFunc unused, gpointer unused_data)
{
    (void)unused;
    (void)unused_data;
    Store *store = ((CompletionSource *)source)->store;
    g_source_set_ready_time(source, -1); /* before taking: what arrives later sets it again */
    Completion *completion;
    while (!g_source_is_destroyed(source) && (completion = completion_take(store))) {
        if (store->func)
            store->func(completion->sequence, completion->error, store->data); /* may free the store */
        completion_free(completion);
    }
    return G_SOURCE_CONTINUE;
}

static GSourceFuncs completion_source_funcs = {.dispatch = completions_dispatch};

/* ---- life ---- */

static void start(Store *store)
{
    g_mutex_init(&store->mutex);
    g_cond_init(&store->work);
    g_cond_init(&store->done);
    store->last = &store->first;
    store->ready_last = &store->ready;
    store->checkpoint_us = CHECKPOINT_IDLE_US;
    store->context = g_main_context_ref_thread_default();
    store->source = g_source_new(&completion_source_funcs, sizeof(CompletionSource));
    ((CompletionSource *)store->source)->store = store;
    g_source_set_static_name(store->source, "store completions");
    g_source_attach(store->source, store->context);
    sqlite3_wal_hook(store->database->handle, wal_grew, store);
    store->writer = g_thread_new("store", writer_main, store);
}

Store *store_open(const char *state_dir, const char *vfs, GError **error)
{
    g_autoptr(Database) database = database_open(state_dir, vfs, DATABASE_WRITE, error);
    if (!database || !migrate_run(database, store_migrations, store_version, error))
        return NULL;
    Committer *committer = committer_new(database, error);
    if (!committer)
        return NULL;
    Store *store = g_new0(Store, 1);
    store->database = g_steal_pointer(&database);
    store->committer = committer;
    store->term = committer_term(committer);
    start(store);
    return store;
}

void store_free(Store *store)
{
    if (!store)
        return;
    g_mutex_lock(&store->mutex);
    store->is_closing = true;
    g_cond_signal(&store->work);
    g_mutex_unlock(&store->mutex);
    g_thread_join(store->writer);
    g_source_destroy(store->source);
    g_source_unref(store->source);
    g_main_context_unref(store->context);
    for (Completion *completion; (completion = completion_take(store));)
        completion_free(completion);
    committer_free(store->committer);
    database_close(store->database);
    g_clear_error(&store->failure);
    g_mutex_clear(&store->mutex);
    g_cond_clear(&store->work);
    g_cond_clear(&store->done);
    g_free(store);
}

uint64_t store_term(const Store *store)
{
    return store->term;
}

void store_on_committed(Store *store, StoreCommitted func, void *data)
{
    store->func = func;
    store->data = data;
}

/* ---- handing over ---- */

uint64_t store_commit(Store *store, Batch *batch, int64_t now_ms)
{
    Handed *handed = g_new0(Handed, 1);
    handed->batch = batch;
    handed->now_ms = now_ms;
    g_mutex_lock(&store->mutex);
    bool was_empty = !store->first;
    *store->last = handed;
    store->last = &handed->next;
    uint64_t sequence = ++store->handed;
    g_mutex_unlock(&store->mutex);
    if (was_empty)
        g_cond_signal(&store->work);
    return sequence;
}

/* A const Store's mutex is still locked: constness is about what the caller sees. */
static GMutex *mutex_of(const Store *store)
{
    return (GMutex *)(uintptr_t)&store->mutex;
}

size_t store_backlog(const Store *store)
{
    g_mutex_lock(mutex_of(store));
    size_t backlog = (size_t)(store->handed - store->completed);
    g_mutex_unlock(mutex_of(store));
    return backlog;
}

bool store_wait(Store *store, uint64_t sequence, GError **error)
{
    g_assert(sequence <= store->handed);
    g_mutex_lock(&store->mutex);
    while (store->completed < sequence)
        g_cond_wait(&store->done, &store->mutex);
    bool ok = sequence <= store->durable;
    if (!ok && error)
        *error = g_error_copy(store->failure);
    g_mutex_unlock(&store->mutex);
    return ok;
}

void store_counters(const Store *store, uint64_t *ret_transactions, uint64_t *ret_rows)
{
    g_mutex_lock(mutex_of(store));
    *ret_transactions = store->transactions;
    *ret_rows = store->rows;
    g_mutex_unlock(mutex_of(store));
}

Histogram store_transaction_times(const Store *store)
{
    g_mutex_lock(mutex_of(store));
    Histogram times = store->times;
    g_mutex_unlock(mutex_of(store));
    return times;
}
