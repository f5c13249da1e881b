/* list.c: jobs one by one and in lists, finished ones included; what has expired. */
#include "reconciler/store/reader.h"

/* ---- one job ---- */

/* Where a job was found: the statements stay on their rows, so that the text lives until the reader's next
 * call. */
static bool read_template(StoreReader *reader, int64_t id, TemplateRecord *ret_template, GError **error)
{
    Cursor cursor;
    bool row;
    if (!reader_statement(reader, READ_TEMPLATE, &cursor, error))
        return false;
    put_int(&cursor, id);
    if (!reader_step(reader, &cursor, &row, error))
        return false;
    if (!row)
        return database_fail(reader->database, SQLITE_CORRUPT, "read", error);
    get_template(&cursor, ret_template);
    return true;
}

/* cursor: a statement that gives JOB_COLUMNS, filled. The job's text lives until the reader's next call. */
static bool read_stored(StoreReader *reader, Cursor *cursor, bool *ret_found, StoredJob *ret_job,
                        GError **error)
{
    JobRecord job;
    TemplateRecord template;
    bool row;
    if (!reader_step(reader, cursor, &row, error))
        return false;
    *ret_found = row;
    if (!row)
        return true;
    get_job(cursor, reader->dependencies, &job);
    if (!reader_sound(reader, cursor, error) || !read_template(reader, job.template_id, &template, error))
        return false;
    Batch *kept = reader_keep(reader);
    size_t len;
    batch_put_job(kept, &job);
    batch_put_template(kept, &template);
    *ret_job = (StoredJob){*batch_job(kept, &len), *batch_template(kept, &len)};
    sqlite3_reset(cursor->statement);
    sqlite3_reset(reader->statements[READ_TEMPLATE]);
    return true;
}

bool store_reader_job(StoreReader *reader, const JobId *id, bool *ret_found, StoredJob *ret_job,
                      GError **error)
{
    Cursor cursor;
    bool entered;
    if (!reader_enter(reader, &entered, error))
        return false;
    bool ok = reader_statement(reader, READ_JOB_BY_ID, &cursor, error);
    if (ok) {
        put_blob(&cursor, id->bytes, JOB_ID_BYTES);
        ok = read_stored(reader, &cursor, ret_found, ret_job, error);
    }
    /* Ending the transaction keeps the rows that the statements stand on: SQLite ends the read when they are
     * reset. */
    reader_leave(reader, entered);
    return ok;
}

static bool each_child(StoreReader *reader, uint64_t sequence, ChildFunc func, void *data, GError **error)
{
    Cursor cursor;
    bool row, ok;
    if (!reader_statement(reader, READ_CHILDREN, &cursor, error))
        return false;
    put_unsigned(&cursor, sequence);
    while ((ok = reader_step(reader, &cursor, &row, error)) && row) {
        ChildRecord record;
        get_child(&cursor, &record);
        ok = reader_sound(reader, &cursor, error);
        if (!ok || !func(&record, data))
            break;
    }
    sqlite3_reset(cursor.statement);
    return ok;
}

static bool each_range(StoreReader *reader, uint64_t sequence, RangeFunc func, void *data, GError **error)
{
    Cursor cursor;
    bool row, ok;
    if (!reader_statement(reader, READ_RANGES, &cursor, error))
        return false;
    put_unsigned(&cursor, sequence);
    while ((ok = reader_step(reader, &cursor, &row, error)) && row) {
        RangeRecord record;
        get_range(&cursor, &record);
        ok = reader_sound(reader, &cursor, error);
        if (!ok || !func(&record, data))
            break;
    }
    sqlite3_reset(cursor.statement);
    return ok;
}

bool store_reader_children(StoreReader *reader, uint64_t sequence, ChildFunc child, RangeFunc range,
                           void *data, GError **error)
{
    bool entered;
    if (!reader_enter(reader, &entered, error))
        return false;
    bool ok = (!child || each_child(reader, sequence, child, data, error)) &&
              (!range || each_range(reader, sequence, range, data, error));
    reader_leave(reader, entered);
    return ok;
}

bool store_reader_attempts(StoreReader *reader, uint64_t sequence, int32_t index, AttemptFunc func,
                           void *data, GError **error)
{
    Cursor cursor;
    bool row, ok;
    if (!reader_statement(reader, READ_ATTEMPTS_OF, &cursor, error))
        return false;
    put_unsigned(&cursor, sequence);
    put_int(&cursor, index);
    while ((ok = reader_step(reader, &cursor, &row, error)) && row) {
        AttemptRecord record;
        get_attempt(&cursor, &record);
        ok = reader_sound(reader, &cursor, error);
        if (!ok || !func(&record, data))
            break;
    }
    sqlite3_reset(cursor.statement);
    return ok;
}

/* ---- lists ---- */

static bool has_prefix(View pattern, View name, int (*compare)(const char *a, const char *b, gsize len))
{
    bool is_prefix = pattern.len > 0 && pattern.data[pattern.len - 1] == '*';
    size_t len = pattern.len - is_prefix;
    return (is_prefix ? name.len >= len : name.len == len) && compare(pattern.data, name.data, len) == 0;
}

static int compare_bytes(const char *a, const char *b, gsize len)
{
    return len ? memcmp(a, b, len) : 0;
}

/* batch: job names match in any case, definitions only as they are written. */
static bool name_matches(View pattern, View name)
{
    return pattern.len == 0 || has_prefix(pattern, name, g_ascii_strncasecmp);
}

/* definition: "NAME:REVISION" */
static bool definition_matches(View pattern, View definition)
{
    if (memchr(pattern.data, ':', pattern.len))
        return view_equal(pattern, definition);
    const char *colon = memchr(definition.data, ':', definition.len);
    View name = {definition.data, colon ? (size_t)(colon - definition.data) : definition.len};
    return has_prefix(pattern, name, compare_bytes);
}

/* The templates whose definition is asked for: many jobs share one, so they are looked at before the jobs.
 * New set of int64 ids, or NULL where any will do. */
static bool find_templates(StoreReader *reader, View definition, GHashTable **ret_ids, GError **error)
{
    Cursor cursor;
    bool row, ok = true;
    *ret_ids = NULL;
    if (definition.len == 0)
        return true;
    if (!reader_statement(reader, READ_TEMPLATE_DEFINITIONS, &cursor, error))
        return false;
    g_autoptr(GHashTable) ids = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    while ((ok = reader_step(reader, &cursor, &row, error)) && row) {
        int64_t id = get_int(&cursor);
        if (definition_matches(definition, get_text(&cursor)))
            g_hash_table_add(ids, g_memdup2(&id, sizeof id));
    }
    if (ok)
        *ret_ids = g_steal_pointer(&ids);
    return ok;
}

typedef enum { ROW_MATCHES, ROW_DIFFERS, ROW_TOO_OLD } RowMatch;

/* The row of READ_JOBS_NEWEST against the filter. Only what the filter asks for is decoded: with a million
 * finished jobs the scan is what a listing costs, since nothing that changes is indexed. Jobs are submitted
 * in the order of time: before one that is too old all are. */
static RowMatch row_matches(Cursor *cursor, const JobFilter *filter, GHashTable *templates,
                            uint64_t *ret_sequence)
{
    *ret_sequence = get_unsigned(cursor);
    int64_t state = get_int(cursor);
    if (filter->states && (state < 0 || state >= JOB_STATE_COUNT || !(filter->states & (1u << state))))
        return ROW_DIFFERS;
    View queue = get_text(cursor);
    if (filter->queue.len && !view_equal(filter->queue, queue))
        return ROW_DIFFERS;
    if (!name_matches(filter->name, get_text(cursor)))
        return ROW_DIFFERS;
    View run = get_text(cursor), share = get_text(cursor);
    if ((filter->run.len && !view_equal(filter->run, run)) ||
        (filter->share.len && !view_equal(filter->share, share)))
        return ROW_DIFFERS;
    int64_t created_ms = get_int(cursor), template_id = get_int(cursor);
    if (filter->created_after_ms && created_ms <= filter->created_after_ms)
        return ROW_TOO_OLD;
    bool is_early = !filter->created_before_ms || created_ms < filter->created_before_ms;
    return is_early && (!templates || g_hash_table_contains(templates, &template_id)) ? ROW_MATCHES
                                                                                      : ROW_DIFFERS;
}

static bool give_listed(StoreReader *reader, uint64_t sequence, JobFunc func, void *data, bool *ret_more,
                        GError **error)
{
    Cursor cursor;
    StoredJob job;
    bool found = false;
    if (!reader_statement(reader, READ_JOB_BY_SEQUENCE, &cursor, error))
        return false;
    put_unsigned(&cursor, sequence);
    if (!read_stored(reader, &cursor, &found, &job, error))
        return false;
    *ret_more = !found || func(&job, data);
    return true;
}

static bool list_jobs(StoreReader *reader, const JobFilter *filter, JobFunc func, void *data, GError **error)
{
    Cursor keys;
    bool row, ok = true, more = true;
    size_t given = 0;
    g_autoptr(GHashTable) templates = NULL;
    if (!find_templates(reader, filter->definition, &templates, error) ||
        !reader_statement(reader, READ_JOBS_NEWEST, &keys, error))
        return false;
    put_unsigned(&keys, filter->before ? filter->before : INT64_MAX);
    while (ok && more && given < filter->limit && (ok = reader_step(reader, &keys, &row, error)) && row) {
        uint64_t sequence;
        RowMatch match = row_matches(&keys, filter, templates, &sequence);
        if (match == ROW_TOO_OLD)
            break;
        if (match == ROW_DIFFERS)
            continue;
        ok = give_listed(reader, sequence, func, data, &more, error);
        given++;
    }
    sqlite3_reset(keys.statement);
    return ok;
}

bool store_reader_jobs(StoreReader *reader, const JobFilter *filter, JobFunc func, void *data, GError **error)
{
    bool entered;
    if (!reader_enter(reader, &entered, error))
        return false;
    bool ok = list_jobs(reader, filter, func, data, error);
    reader_leave(reader, entered);
    return ok;
}

/* ---- retention ---- */

/* Ids that unfinished jobs wait for. New set. */
static GHashTable *referenced_ids(StoreReader *reader, uint64_t floor, GError **error)
{
    g_autoptr(GHashTable) ids = reader_id_set_new();
    Cursor cursor;
    bool row, ok;
    if (!reader_statement(reader, READ_DEPENDENCIES, &cursor, error))
        return NULL;
    put_unsigned(&cursor, floor);
    while ((ok = reader_step(reader, &cursor, &row, error)) && row) {
        if (!get_dependencies(get_text(&cursor), reader->dependencies))
            cursor_note(&cursor, SQLITE_CORRUPT);
        ok = reader_sound(reader, &cursor, error);
        if (!ok)
            break;
        for (guint i = 0; i < reader->dependencies->len; i++) {
            const DependencyRecord *dependency = &g_array_index(reader->dependencies, DependencyRecord, i);
            if (!g_hash_table_contains(ids, &dependency->on))
                g_hash_table_add(ids, g_memdup2(&dependency->on, sizeof dependency->on));
        }
    }
    sqlite3_reset(cursor.statement);
    return ok ? g_steal_pointer(&ids) : NULL;
}

typedef struct {
    uint64_t sequence;
    JobId id;
    JobState state;
    int64_t created_ms, stopped_ms;
    bool in_open_run, has_open_launch;
} ExpiryRow;

static ExpiryRow expiry_row(Cursor *cursor)
{
    ExpiryRow row = {.sequence = get_unsigned(cursor)};
    get_bytes(cursor, row.id.bytes, JOB_ID_BYTES);
    row.state = (JobState)get_int(cursor);
    row.created_ms = get_int(cursor);
    row.stopped_ms = get_int(cursor);
    row.in_open_run = get_int(cursor) != 0;
    row.has_open_launch = get_int(cursor) != 0;
    return row;
}

/* By order of submission. Nothing that was submitted after the cutoff can have ended before it, so the scan
 * stops there and meets only what the last passes had to leave. */
static bool collect_expired(StoreReader *reader, int64_t cutoff_ms, size_t max, GArray *sequences,
                            GError **error)
{
    Fence fence;
    Cursor cursor;
    if (!reader_fence(reader, &fence, error))
        return false;
    g_autoptr(GHashTable) referenced = referenced_ids(reader, fence.floor, error);
    if (!referenced || !reader_statement(reader, READ_JOBS_OLDEST, &cursor, error))
        return false;
    put_unsigned(&cursor, fence.floor);
    bool row, ok = true;
    while (sequences->len < max && (ok = reader_step(reader, &cursor, &row, error)) && row) {
        ExpiryRow job = expiry_row(&cursor);
        if (job.created_ms >= cutoff_ms)
            break;
        if (job_state_final(job.state) && job.stopped_ms < cutoff_ms && !job.in_open_run &&
            !job.has_open_launch && !g_hash_table_contains(referenced, &job.id))
            g_array_append_val(sequences, job.sequence);
    }
    sqlite3_reset(cursor.statement);
    return ok;
}

bool store_reader_expired(StoreReader *reader, int64_t cutoff_ms, size_t max, GArray *ret_sequences,
                          GError **error)
{
    bool entered;
    if (!reader_enter(reader, &entered, error))
        return false;
    g_autoptr(GArray) found = g_array_new(FALSE, FALSE, sizeof(uint64_t));
    bool ok = collect_expired(reader, cutoff_ms, max, found, error);
    reader_leave(reader, entered);
    if (ok)
        g_array_append_vals(ret_sequences, found->data, found->len);
    return ok;
}

/* ---- who ran when ---- */

typedef struct {
    int64_t from_ms, to_ms;
    RanFunc func;
    void *data;
    uint64_t sequence; /* of the job at hand; 0: none */
    bool found, is_whole, is_stopped;
    StoredJob job;
} Ran;

/* Neighbours are often of one job: children of an array. */
static bool find_job(StoreReader *reader, Ran *ran, uint64_t sequence, GError **error)
{
    Cursor cursor;
    if (ran->sequence == sequence)
        return true;
    ran->sequence = sequence;
    ran->found = false;
    if (!reader_statement(reader, READ_JOB_BY_SEQUENCE, &cursor, error))
        return false;
    put_unsigned(&cursor, sequence);
    return read_stored(reader, &cursor, &ran->found, &ran->job, error);
}

static bool give_ran(StoreReader *reader, Ran *ran, const AttemptRecord *record, GError **error)
{
    if (record->started_ms == 0 || record->started_ms >= ran->to_ms)
        return true;
    if (!find_job(reader, ran, record->sequence, error))
        return false;
    ran->is_stopped = !ran->func(record, ran->found ? &ran->job : NULL, ran->data);
    return true;
}

/* cursor: bound. */
static bool each_ran(StoreReader *reader, Cursor *cursor, Ran *ran, GError **error)
{
    bool row, ok = true;
    int looked = 0;
    while (ok && !ran->is_stopped && (ok = reader_step(reader, cursor, &row, error)) && row) {
        AttemptRecord record;
        get_attempt(cursor, &record);
        if (++looked > ATTEMPTS_LOOKED_MAX) {
            ran->is_whole = false;
            break;
        }
        ok = reader_sound(reader, cursor, error) && give_ran(reader, ran, &record, error);
    }
    sqlite3_reset(cursor->statement);
    return ok;
}

static bool give_all(StoreReader *reader, Ran *ran, GError **error)
{
    Cursor cursor;
    if (!reader_statement(reader, READ_ATTEMPTS_RUNNING, &cursor, error) ||
        !each_ran(reader, &cursor, ran, error) ||
        !reader_statement(reader, READ_ATTEMPTS_ENDED, &cursor, error))
        return false;
    put_int(&cursor, ran->to_ms);
    put_int(&cursor, ran->from_ms);
    if (!each_ran(reader, &cursor, ran, error) ||
        !reader_statement(reader, READ_ATTEMPTS_ENDED_LATER, &cursor, error))
        return false;
    put_int(&cursor, ran->to_ms);
    return each_ran(reader, &cursor, ran, error);
}

bool store_reader_ran(StoreReader *reader, int64_t from_ms, int64_t to_ms, RanFunc func, void *data,
                      bool *ret_whole, GError **error)
{
    Ran ran = {.from_ms = from_ms, .to_ms = to_ms, .func = func, .data = data, .is_whole = true};
    bool entered;
    if (!reader_enter(reader, &entered, error))
        return false;
    bool ok = give_all(reader, &ran, error);
    reader_leave(reader, entered);
    *ret_whole = ran.is_whole && !ran.is_stopped;
    return ok;
}
