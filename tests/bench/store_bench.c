/* store_bench: what the Batch path to SQLite gives on this machine; medians of RUNS runs, one line per
 * figure. Usage: store_bench [DIRECTORY]: a scratch directory is made in it (default: the temporary
 * directory). */
#include "tests/support/store_records.h"
#include "spec/base/rng.h"
#include <sqlite3.h>

#define RUNS 5

typedef struct {
    double values[RUNS];
    int len;
} Series;

static int compare_doubles(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

static void report(const char *what, Series *series, const char *unit)
{
    qsort(series->values, (size_t)series->len, sizeof(double), compare_doubles);
    g_print("%-62s %12.1f %s  (%.1f to %.1f)\n", what, series->values[series->len / 2], unit,
            series->values[0], series->values[series->len - 1]);
}

static double seconds_since(gint64 start)
{
    return (double)(g_get_monotonic_time() - start) / 1e6;
}

static void must(bool ok, GError *error)
{
    if (!ok)
        g_error("%s", error ? error->message : "failed");
}

static Store *fresh(const char *base, char **ret_dir)
{
    GError *error = NULL;
    *ret_dir = g_build_filename(base, "store-bench-XXXXXX", NULL);
    must(g_mkdtemp(*ret_dir) != NULL, NULL);
    Store *store = store_open(*ret_dir, NULL, &error);
    must(store != NULL, error);
    return store;
}

static void drop(Store *store, char *dir)
{
    store_free(store);
    remove_directory(dir);
    g_free(dir);
}

static EventRecord event_at(uint64_t sequence)
{
    return (EventRecord){
        sequence,        1,           VIEW("job.state"), VIEW("job 0f8fad5b-d9cb-469f-a165-70867728950e"),
        VIEW("RUNNING"), NOT_A_CHILD, NOT_A_CHILD,       VIEW(""),
        VIEW(""),        VIEW("")};
}

/* rows per batch, `window` batches handed over and not yet durable. */
static double event_commits(const char *base, size_t batches, size_t rows, size_t window)
{
    char *dir;
    GError *error = NULL;
    Store *store = fresh(base, &dir);
    uint64_t sequence = 0;
    gint64 start = g_get_monotonic_time();
    for (size_t i = 0; i < batches; i++) {
        Batch *batch = batch_new();
        for (size_t row = 0; row < rows; row++) {
            EventRecord event = event_at(++sequence);
            batch_put_event(batch, &event);
        }
        uint64_t at = store_commit(store, batch, 1);
        if (at >= window)
            must(store_wait(store, at + 1 - window, &error), error);
    }
    must(store_wait(store, batches, &error), error);
    double seconds = seconds_since(start);
    drop(store, dir);
    return (double)(batches * rows) / seconds;
}

/* The same rows through SQLite alone, as a floor: no fence, no thread, autocheckpoint as it comes. */
static double bare_commits(const char *base, size_t batches, size_t rows)
{
    g_autofree char *dir = g_build_filename(base, "bare-bench-XXXXXX", NULL);
    must(g_mkdtemp(dir) != NULL, NULL);
    g_autofree char *path = g_build_filename(dir, "bare.db", NULL);
    sqlite3 *handle;
    sqlite3_stmt *statement;
    must(sqlite3_open(path, &handle) == SQLITE_OK, NULL);
    must(sqlite3_exec(
             handle,
             "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE events (sequence INTEGER "
             "PRIMARY KEY, at_ms, type, subject, message, first, last)",
             NULL, NULL, NULL) == SQLITE_OK,
         NULL);
    must(sqlite3_prepare_v2(handle, "INSERT INTO events VALUES (?,?,?,?,?,?,?)", -1, &statement, NULL) ==
             SQLITE_OK,
         NULL);
    uint64_t sequence = 0;
    gint64 start = g_get_monotonic_time();
    for (size_t i = 0; i < batches; i++) {
        must(sqlite3_exec(handle, "BEGIN IMMEDIATE", NULL, NULL, NULL) == SQLITE_OK, NULL);
        for (size_t row = 0; row < rows; row++) {
            EventRecord event = event_at(++sequence);
            sqlite3_bind_int64(statement, 1, (sqlite3_int64)event.sequence);
            sqlite3_bind_int64(statement, 2, event.at_ms);
            sqlite3_bind_text(statement, 3, event.type.data, (int)event.type.len, SQLITE_STATIC);
            sqlite3_bind_text(statement, 4, event.subject.data, (int)event.subject.len, SQLITE_STATIC);
            sqlite3_bind_text(statement, 5, event.message.data, (int)event.message.len, SQLITE_STATIC);
            sqlite3_bind_int64(statement, 6, event.first);
            sqlite3_bind_int64(statement, 7, event.last);
            must(sqlite3_step(statement) == SQLITE_DONE, NULL);
            sqlite3_reset(statement);
        }
        must(sqlite3_exec(handle, "COMMIT", NULL, NULL, NULL) == SQLITE_OK, NULL);
    }
    double seconds = seconds_since(start);
    sqlite3_finalize(statement);
    sqlite3_close(handle);
    remove_directory(dir);
    return (double)(batches * rows) / seconds;
}

typedef enum { IDS_RANDOM, IDS_ORDERED } Ids;

static JobRecord bench_job(Rng *rng, uint64_t sequence, Ids ids, char name[32])
{
    JobRecord job = {
        .sequence = sequence, .queue = VIEW("high"), .template_id = 1, .created_ms = 1, .is_new = true};
    rng_fill(rng, job.id.bytes, JOB_ID_BYTES);
    for (int i = 0; ids == IDS_ORDERED && i < 6; i++)
        job.id.bytes[i] = (uint8_t)(sequence >> (40 - 8 * i));
    g_snprintf(name, 32, "job-%" G_GUINT64_FORMAT, sequence);
    job.name = view_from(name);
    job.state = JOB_RUNNABLE;
    return job;
}

static void hand_jobs(Store *store, Rng *rng, uint64_t from, uint64_t count, size_t rows, Ids ids)
{
    GError *error = NULL;
    uint64_t last = 0;
    for (uint64_t done = 0; done < count; done += rows) {
        Batch *batch = batch_new();
        if (from + done == 1) {
            TemplateRecord template = {1, VIEW("bwa:1"), VIEW("{\"type\":\"container\"}"), VIEW("{}"), false};
            batch_put_template(batch, &template);
        }
        for (size_t row = 0; row < rows; row++) {
            char name[32];
            JobRecord job = bench_job(rng, from + done + row, ids, name);
            batch_put_job(batch, &job);
        }
        last = store_commit(store, batch, 1);
        if (last > 4)
            must(store_wait(store, last - 4, &error), error);
    }
    must(store_wait(store, last, &error), error);
}

typedef struct {
    size_t rows;
} Count;

static bool count_resource(const ResourceRecord *record, void *data)
{
    (void)record;
    ((Count *)data)->rows++;
    return true;
}

#define COUNT_SINK(Type, name)                                                                               \
    static bool count_##name##_sink(const Type *record, void *data, GError **error)                          \
    {                                                                                                        \
        (void)record;                                                                                        \
        (void)error;                                                                                         \
        ((Count *)data)->rows++;                                                                             \
        return true;                                                                                         \
    }
COUNT_SINK(ResourceRecord, resource)
COUNT_SINK(RevisionRecord, revision)
COUNT_SINK(TemplateRecord, template)
COUNT_SINK(RunRecord, run)
COUNT_SINK(ApplyRecord, apply)
COUNT_SINK(JobRecord, job)
COUNT_SINK(ChildRecord, child)
COUNT_SINK(RangeRecord, range)
COUNT_SINK(AttemptRecord, attempt)
COUNT_SINK(SettingRecord, setting)

static bool count_counters(const Counters *counters, void *data, GError **error)
{
    (void)counters, (void)data, (void)error;
    return true;
}

static const RecordSink count_sink = {
    .resource = count_resource_sink,
    .revision = count_revision_sink,
    .template = count_template_sink,
    .run = count_run_sink,
    .apply = count_apply_sink,
    .job = count_job_sink,
    .child = count_child_sink,
    .range = count_range_sink,
    .attempt = count_attempt_sink,
    .setting = count_setting_sink,
    .counters = count_counters,
};

static double load_seconds(const char *dir, size_t wanted)
{
    GError *error = NULL;
    Count count = {0};
    gint64 start = g_get_monotonic_time();
    g_autoptr(StoreReader) reader = store_reader_open(dir, &error);
    must(reader != NULL, error);
    must(store_reader_load(reader, &count_sink, &count, &error), error);
    double seconds = seconds_since(start);
    g_assert_cmpuint(count.rows, ==, wanted);
    return seconds;
}

static void bench_jobs(const char *base, Ids ids, const char *label)
{
    char *dir;
    Store *store = fresh(base, &dir);
    Rng rng = rng_from_seed(1);
    Series insert = {.len = 0}, load = {.len = 0}, list = {.len = 0};
    for (int i = 0; i < RUNS; i++) {
        gint64 start = g_get_monotonic_time();
        hand_jobs(store, &rng, 1 + (uint64_t)i * 200000, 200000, 5000, ids);
        insert.values[insert.len++] = 200000 / seconds_since(start);
    }
    g_autofree char *text = g_strdup_printf("job inserts at 5,000 a batch, 0 to 1,000,000 stored, %s", label);
    report(text, &insert, "jobs/s");
    g_print("    (run by run the table grows by 200,000)\n");
    for (int i = 0; i < 3; i++)
        load.values[load.len++] = load_seconds(dir, 1000001) * 1e3;
    report("load of 1,000,000 queued single jobs", &load, "ms");
    for (int i = 0; i < 3; i++) {
        GError *error = NULL;
        g_autoptr(StoreReader) reader = store_reader_open(dir, &error);
        g_autoptr(GString) out = g_string_new(NULL);
        JobFilter filter = {.states = 1u << JOB_FAILED, .limit = 100};
        gint64 start = g_get_monotonic_time();
        must(store_reader_jobs(reader, &filter, list_stored, out, &error), error);
        list.values[list.len++] = seconds_since(start) * 1e3;
    }
    report("list by state that nothing has: scan of 1,000,000 jobs", &list, "ms");
    drop(store, dir);
}

static void bench_resources(const char *base)
{
    char *dir;
    GError *error = NULL;
    Store *store = fresh(base, &dir);
    g_autofree char *spec = g_strnfill(700, 's');
    for (int part = 0; part < 20; part++) {
        Batch *batch = batch_new();
        for (int i = 0; i < 5000; i++) {
            g_autofree char *name = g_strdup_printf("definition-%06d", part * 5000 + i);
            ResourceRecord record = {.kind = KIND_JOB_DEFINITION,
                                     .name = view_from(name),
                                     .owner = VIEW("prod"),
                                     .spec = {spec, 700},
                                     .metadata = VIEW("{}"),
                                     .file = VIEW("envs/prod/jobs.yaml")};
            batch_put_resource(batch, &record);
        }
        must(store_wait(store, store_commit(store, batch, 1), &error), error);
    }
    Series brief = {.len = 0}, whole = {.len = 0};
    for (int i = 0; i < RUNS; i++) {
        Count count = {0};
        gint64 start = g_get_monotonic_time();
        g_autoptr(StoreReader) reader = store_reader_open(dir, &error);
        must(store_reader_resources(reader, DETAIL_BRIEF, count_resource, &count, &error), error);
        brief.values[brief.len++] = seconds_since(start) * 1e3;
        start = g_get_monotonic_time();
        must(store_reader_resources(reader, DETAIL_WHOLE, count_resource, &count, &error), error);
        whole.values[whole.len++] = seconds_since(start) * 1e3;
        g_assert_cmpuint(count.rows, ==, 200000);
    }
    report("read 100,000 resources, brief, opening included", &brief, "ms");
    report("read 100,000 resources, whole (700 bytes each)", &whole, "ms");
    drop(store, dir);
}

static void bench_batch(void)
{
    Series put = {.len = 0};
    for (int i = 0; i < RUNS; i++) {
        Rng rng = rng_from_seed(1);
        char name[32];
        JobRecord job = bench_job(&rng, 1, IDS_RANDOM, name);
        gint64 start = g_get_monotonic_time();
        g_autoptr(Batch) batch = batch_new();
        for (int j = 0; j < 50000; j++)
            batch_put_job(batch, &job);
        put.values[put.len++] = seconds_since(start) * 1e9 / 50000;
    }
    report("batch_put_job, 50,000 in a batch", &put, "ns");
}

int main(int argc, char **argv)
{
    const char *base = argc > 1 ? argv[1] : g_get_tmp_dir();
    Series bare_one = {.len = 0}, one = {.len = 0}, piped = {.len = 0}, bare_many = {.len = 0},
           many = {.len = 0};
    for (int i = 0; i < RUNS; i++) {
        bare_one.values[bare_one.len++] = bare_commits(base, 3000, 1);
        one.values[one.len++] = event_commits(base, 3000, 1, 1);
        piped.values[piped.len++] = event_commits(base, 20000, 1, 64);
        bare_many.values[bare_many.len++] = bare_commits(base, 200, 1000);
        many.values[many.len++] = event_commits(base, 200, 1000, 4);
    }
    report("bare SQLite: one-row commits", &bare_one, "commits/s");
    report("store: one-row batches, each waited for", &one, "commits/s");
    report("store: one-row batches, 64 in flight", &piped, "batches/s");
    report("bare SQLite: 1,000 rows a commit", &bare_many, "rows/s");
    report("store: 1,000 rows a batch, 4 in flight", &many, "rows/s");
    bench_batch();
    bench_resources(base);
    bench_jobs(base, IDS_RANDOM, "random ids");
    bench_jobs(base, IDS_ORDERED, "ids that begin with the sequence");
    return 0;
}
