/* load.c: what may still decide, in RecordSink's order: the way back to a world. */
#include "reconciler/store/reader.h"

typedef struct {
    StoreReader *reader;
    const RecordSink *sink;
    void *data;
    Fence fence;
    GHashTable *templates; /* int64 ids that the jobs below refer to, as a set */
    GArray *finished; /* uint64 sequences of finished jobs that still matter; sorted, unique before jobs are
                         read */
    GArray *arrays;   /* uint64 sequences of the arrays that were given */
    GArray *gangs;    /* Gang: multinode jobs that were given and have an attempt under way */
} Load;

typedef struct {
    uint64_t sequence;
    int32_t attempt;
} Gang;

/* ---- tables that are read as they stand ---- */

/* One table: its statement (filled by `fill` where it takes parameters), its get function, the sink's member.
 */
#define LOAD_TABLE(function, Type, get, member, which)                                                       \
    static bool function(Load *load, Cursor *filled, GError **error)                                         \
    {                                                                                                        \
        Cursor cursor;                                                                                       \
        bool row, ok = true;                                                                                 \
        if (!load->sink->member)                                                                             \
            return true;                                                                                     \
        if (filled)                                                                                          \
            cursor = *filled;                                                                                \
        else if (!reader_statement(load->reader, which, &cursor, error))                                     \
            return false;                                                                                    \
        while ((ok = reader_step(load->reader, &cursor, &row, error)) && row) {                              \
            Type record;                                                                                     \
            get(&cursor, &record);                                                                           \
            ok = reader_sound(load->reader, &cursor, error) &&                                               \
                 load->sink->member(&record, load->data, error);                                             \
            if (!ok)                                                                                         \
                break;                                                                                       \
        }                                                                                                    \
        sqlite3_reset(cursor.statement);                                                                     \
        return ok;                                                                                           \
    }

static void get_resource_whole(Cursor *cursor, ResourceRecord *ret_record)
{
    get_resource(cursor, ret_record);
    get_resource_texts(cursor, ret_record);
}

LOAD_TABLE(load_resources, ResourceRecord, get_resource_whole, resource, READ_RESOURCES_WHOLE)
LOAD_TABLE(load_revisions, RevisionRecord, get_revision, revision, READ_REVISIONS)
LOAD_TABLE(load_template, TemplateRecord, get_template, template, READ_TEMPLATE)
LOAD_TABLE(load_usage, UsageRecord, get_usage, usage, READ_USAGE)
LOAD_TABLE(load_drifts, DriftRecord, get_drift, drift, READ_DRIFTS)
LOAD_TABLE(load_durations, DurationRecord, get_duration, duration, READ_DURATIONS)
LOAD_TABLE(load_runs, RunRecord, get_run, run, READ_RUNS)
LOAD_TABLE(load_applies, ApplyRecord, get_apply, apply, READ_APPLIES_NEWEST)
LOAD_TABLE(load_child_rows, ChildRecord, get_child, child, READ_CHILDREN)
LOAD_TABLE(load_range_rows, RangeRecord, get_range, range, READ_RANGES)
LOAD_TABLE(load_instances, InstanceRecord, get_instance, instance, READ_INSTANCES)
LOAD_TABLE(load_attempt_rows, AttemptRecord, get_attempt, attempt, READ_ATTEMPTS_OPEN)
LOAD_TABLE(load_settings, SettingRecord, get_setting, setting, READ_SETTINGS)

/* ---- which jobs matter ---- */

static int compare_sequences(gconstpointer a, gconstpointer b)
{
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
    return (left > right) - (left < right);
}

static int compare_ids(gconstpointer a, gconstpointer b)
{
    int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
    return (left > right) - (left < right);
}

static void sort_unique(GArray *sequences)
{
    g_array_sort(sequences, compare_sequences);
    guint kept = 0;
    for (guint i = 0; i < sequences->len; i++) {
        uint64_t sequence = g_array_index(sequences, uint64_t, i);
        if (kept == 0 || g_array_index(sequences, uint64_t, kept - 1) != sequence)
            g_array_index(sequences, uint64_t, kept++) = sequence;
    }
    g_array_set_size(sequences, kept);
}

static void note_template(Load *load, int64_t id)
{
    if (!g_hash_table_contains(load->templates, &id))
        g_hash_table_add(load->templates, g_memdup2(&id, sizeof id));
}

static bool note_dependency(Load *load, const JobId *id, GError **error)
{
    Cursor cursor;
    bool row;
    if (!reader_statement(load->reader, READ_JOB_STATE_BY_ID, &cursor, error))
        return false;
    put_blob(&cursor, id->bytes, JOB_ID_BYTES);
    if (!reader_step(load->reader, &cursor, &row, error))
        return false;
    if (row) { /* else: SEQUENTIAL within the array, or expired */
        uint64_t sequence = get_unsigned(&cursor);
        if (get_int(&cursor) >= JOB_SUCCEEDED)
            g_array_append_val(load->finished, sequence);
    }
    sqlite3_reset(cursor.statement);
    return true;
}

/* Many jobs wait for few: each id is looked up once. */
static bool scan_unfinished(Load *load, GHashTable *seen, GError **error)
{
    StoreReader *reader = load->reader;
    Cursor cursor;
    bool row, ok;
    int64_t last_template = 0; /* a queue of a million often has one */
    if (!reader_statement(reader, READ_JOBS_UNFINISHED_KEYS, &cursor, error))
        return false;
    put_unsigned(&cursor, load->fence.floor);
    while ((ok = reader_step(reader, &cursor, &row, error)) && row) {
        int64_t template_id = get_int(&cursor);
        if (template_id != last_template)
            note_template(load, template_id);
        last_template = template_id;
        if (!get_dependencies(get_text(&cursor), reader->dependencies))
            cursor_note(&cursor, SQLITE_CORRUPT);
        ok = reader_sound(reader, &cursor, error);
        for (guint i = 0; ok && i < reader->dependencies->len; i++) {
            const JobId *id = &g_array_index(reader->dependencies, DependencyRecord, i).on;
            if (g_hash_table_add(seen, g_memdup2(id, sizeof *id)))
                ok = note_dependency(load, id, error);
        }
        if (!ok)
            break;
    }
    sqlite3_reset(cursor.statement);
    return ok;
}

static bool note_sequences(Load *load, ReadStatement which, GError **error)
{
    Cursor cursor;
    bool row, ok;
    if (!reader_statement(load->reader, which, &cursor, error))
        return false;
    put_unsigned(&cursor, load->fence.floor);
    while ((ok = reader_step(load->reader, &cursor, &row, error)) && row) {
        uint64_t sequence = get_unsigned(&cursor);
        g_array_append_val(load->finished, sequence);
    }
    sqlite3_reset(cursor.statement);
    return ok;
}

static bool note_templates_of_finished(Load *load, GError **error)
{
    for (guint i = 0; i < load->finished->len; i++) {
        Cursor cursor;
        bool row;
        JobRecord job;
        if (!reader_statement(load->reader, READ_JOB_BY_SEQUENCE, &cursor, error))
            return false;
        put_unsigned(&cursor, g_array_index(load->finished, uint64_t, i));
        if (!reader_step(load->reader, &cursor, &row, error))
            return false;
        if (!row)
            continue;
        get_job(&cursor, load->reader->dependencies, &job);
        if (!reader_sound(load->reader, &cursor, error))
            return false;
        note_template(load, job.template_id);
        sqlite3_reset(cursor.statement);
    }
    return true;
}

/* Unfinished jobs, and of the finished ones: those that an unfinished one waits for, those of an unfinished
 * run (its outcome depends on theirs), those with a launch that is still open (it keeps its capacity). */
static bool find_jobs(Load *load, GError **error)
{
    g_autoptr(GHashTable) seen = reader_id_set_new();
    if (!scan_unfinished(load, seen, error) || !note_sequences(load, READ_JOBS_OF_OPEN_RUNS, error) ||
        !note_sequences(load, READ_JOBS_OF_OPEN_LAUNCHES, error))
        return false;
    sort_unique(load->finished);
    return note_templates_of_finished(load, error);
}

/* ---- templates, jobs and what hangs on them ---- */

static bool load_templates(Load *load, GError **error)
{
    g_autoptr(GArray) ids = g_array_new(FALSE, FALSE, sizeof(int64_t));
    GHashTableIter iter;
    gpointer key;
    g_hash_table_iter_init(&iter, load->templates);
    while (g_hash_table_iter_next(&iter, &key, NULL))
        g_array_append_vals(ids, key, 1);
    g_array_sort(ids, compare_ids);
    for (guint i = 0; i < ids->len; i++) {
        Cursor cursor;
        if (!reader_statement(load->reader, READ_TEMPLATE, &cursor, error))
            return false;
        put_int(&cursor, g_array_index(ids, int64_t, i));
        if (!load_template(load, &cursor, error))
            return false;
    }
    return true;
}

/* The job on the cursor's row goes to the sink. */
static bool give_job(Load *load, Cursor *cursor, GError **error)
{
    JobRecord job;
    get_job(cursor, load->reader->dependencies, &job);
    if (!reader_sound(load->reader, cursor, error))
        return false;
    if (job.array_size > 0 && !job_state_final(job.state))
        g_array_append_val(load->arrays, job.sequence);
    if (job.is_multinode && (job.state == JOB_STARTING || job.state == JOB_RUNNING)) {
        Gang gang = {job.sequence, job.attempts};
        g_array_append_val(load->gangs, gang);
    }
    return load->sink->job(&job, load->data, error);
}

static bool give_finished(Load *load, uint64_t sequence, GError **error)
{
    Cursor cursor;
    bool row;
    if (!reader_statement(load->reader, READ_JOB_BY_SEQUENCE, &cursor, error))
        return false;
    put_unsigned(&cursor, sequence);
    bool ok = reader_step(load->reader, &cursor, &row, error) && (!row || give_job(load, &cursor, error));
    sqlite3_reset(cursor.statement);
    return ok;
}

/* Finished jobs up to sequence, so that the two streams come out as one in order. */
static bool give_finished_below(Load *load, guint *at, uint64_t sequence, GError **error)
{
    for (; *at < load->finished->len && g_array_index(load->finished, uint64_t, *at) < sequence; ++*at) {
        if (!give_finished(load, g_array_index(load->finished, uint64_t, *at), error))
            return false;
    }
    return true;
}

static bool load_jobs(Load *load, GError **error)
{
    Cursor cursor;
    bool row, ok;
    guint finished = 0;
    if (!reader_statement(load->reader, READ_JOBS_UNFINISHED, &cursor, error))
        return false;
    put_unsigned(&cursor, load->fence.floor);
    while ((ok = reader_step(load->reader, &cursor, &row, error)) && row) {
        uint64_t sequence = (uint64_t)sqlite3_column_int64(cursor.statement, 0);
        ok = give_finished_below(load, &finished, sequence, error) && give_job(load, &cursor, error);
        if (!ok)
            break;
    }
    sqlite3_reset(cursor.statement);
    return ok && give_finished_below(load, &finished, UINT64_MAX, error);
}

static bool load_behind_arrays(Load *load, ReadStatement which,
                               bool (*rows)(Load *load, Cursor *filled, GError **error), GError **error)
{
    for (guint i = 0; i < load->arrays->len; i++) {
        Cursor cursor;
        if (!reader_statement(load->reader, which, &cursor, error))
            return false;
        put_unsigned(&cursor, g_array_index(load->arrays, uint64_t, i));
        if (!rows(load, &cursor, error))
            return false;
    }
    return true;
}

static bool load_attempts(Load *load, GError **error)
{
    Cursor cursor;
    if (!reader_statement(load->reader, READ_ATTEMPTS_OPEN, &cursor, error))
        return false;
    put_unsigned(&cursor, load->fence.floor);
    if (!load_attempt_rows(load, &cursor, error))
        return false;
    for (guint i = 0; i < load->gangs->len; i++) {
        const Gang *gang = &g_array_index(load->gangs, Gang, i);
        if (!reader_statement(load->reader, READ_ATTEMPTS_CLOSED, &cursor, error))
            return false;
        put_unsigned(&cursor, gang->sequence);
        put_int(&cursor, gang->attempt);
        if (!load_attempt_rows(load, &cursor, error))
            return false;
    }
    return true;
}

static bool load_all(Load *load, GError **error)
{
    return reader_fence(load->reader, &load->fence, error) &&
           load_settings(load, NULL, error) && /* first: they say where environments run */
           load_resources(load, NULL, error) && load_drifts(load, NULL, error) &&
           load_usage(load, NULL, error) && load_revisions(load, NULL, error) &&
           load_durations(load, NULL, error) && find_jobs(load, error) && load_templates(load, error) &&
           load_runs(load, NULL, error) && load_applies(load, NULL, error) && load_jobs(load, error) &&
           load_behind_arrays(load, READ_CHILDREN, load_child_rows, error) &&
           load_behind_arrays(load, READ_RANGES, load_range_rows, error) &&
           load_instances(load, NULL, error) && load_attempts(load, error) &&
           load->sink->counters(&load->fence.counters, load->data, error);
}

bool store_reader_load(StoreReader *reader, const RecordSink *sink, void *data, GError **error)
{
    bool entered;
    if (!reader_enter(reader, &entered, error))
        return false;
    Load load = {.reader = reader, .sink = sink, .data = data};
    load.templates = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    load.finished = g_array_new(FALSE, FALSE, sizeof(uint64_t));
    load.arrays = g_array_new(FALSE, FALSE, sizeof(uint64_t));
    load.gangs = g_array_new(FALSE, FALSE, sizeof(Gang));
    bool ok = load_all(&load, error);
    g_hash_table_unref(load.templates);
    g_array_unref(load.finished);
    g_array_unref(load.arrays);
    g_array_unref(load.gangs);
    reader_leave(reader, entered);
    return ok;
}
