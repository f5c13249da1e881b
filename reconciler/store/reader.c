#include "reconciler/store/reader.h"
#include "reconciler/store/migrate.h"

/* Numbers, pinned by migrate.c: a job is finished from 5 on, a run from 2 on and cancelled at 4; launches 0,
 * 1 and 3 are open; an instance is gone at 6. */

/* The unfinished jobs are looked through once for all cancelled runs, and not at all where there is none. */
#define RUN_IS_ENDING                                                                                        \
    "CASE WHEN state = 4 THEN id IN (SELECT run FROM jobs WHERE run <> '' AND jobs.state < 5"                \
    " AND sequence >= (SELECT floor FROM fence)) ELSE 0 END"

static const char *const read_sql[READ_COUNT] = {
    [READ_FENCE] = "SELECT job_sequence, event_sequence, floor, template_id, apply_id, now_ms, "
                   "instance_number, term, tick FROM fence"
                   " WHERE id = 1",
    [READ_RESOURCES_BRIEF] = "SELECT " RESOURCE_COLUMNS ", metadata FROM resources"
                             " JOIN resource_texts USING (kind, name) ORDER BY kind, name",
    [READ_RESOURCES_WHOLE] = "SELECT " RESOURCE_COLUMNS ", spec, metadata, next_spec FROM resources"
                             " JOIN resource_texts USING (kind, name) ORDER BY kind, name",
    [READ_RESOURCE] = "SELECT " RESOURCE_COLUMNS ", spec, metadata, next_spec FROM resources"
                      " JOIN resource_texts USING (kind, name) WHERE kind = ? AND name = ?",
    [READ_REVISIONS] = "SELECT " REVISION_COLUMNS " FROM revisions ORDER BY name, revision",
    [READ_TEMPLATE] = "SELECT " TEMPLATE_COLUMNS " FROM templates WHERE id = ?",
    [READ_TEMPLATE_DEFINITIONS] = "SELECT id, definition FROM templates",
    [READ_USAGE] = "SELECT " USAGE_COLUMNS " FROM share_usage ORDER BY queue, share",
    [READ_DRIFTS] = "SELECT " DRIFT_COLUMNS " FROM drifts ORDER BY kind, name",
    [READ_DURATIONS] = "SELECT " DURATION_COLUMNS " FROM durations ORDER BY definition",
    [READ_RUNS] = "SELECT " RUN_COLUMNS " FROM runs ORDER BY id",
    [READ_RUNS_BY_NAME] = "SELECT " RUN_COLUMNS ", " RUN_IS_ENDING " FROM runs ORDER BY kind, name, number",
    [READ_RUNS_BY_NAME_BRIEF] =
        "SELECT " RUN_COLUMNS_BRIEF ", " RUN_IS_ENDING " FROM runs ORDER BY kind, name, number",
    [READ_RUNS_OF_OWNER] =
        "SELECT " RUN_COLUMNS ", " RUN_IS_ENDING " FROM runs WHERE owner = ? ORDER BY kind, name, number",
    [READ_RUNS_OF_OWNER_BRIEF] = "SELECT " RUN_COLUMNS_BRIEF ", " RUN_IS_ENDING
                                 " FROM runs WHERE owner = ? ORDER BY kind, name, number",
    [READ_RUNS_OF_RESOURCE] = "SELECT " RUN_COLUMNS ", " RUN_IS_ENDING
                              " FROM runs WHERE kind = ? AND name = ? AND owner = ? ORDER BY number",
    [READ_RUN] = "SELECT " RUN_COLUMNS " FROM runs WHERE id = ?",
    /* Carried out: below REFUSED, pinned by migrate.c */
    [READ_APPLIES_NEWEST] = "SELECT " APPLY_COLUMNS " FROM applies WHERE id IN"
                            " (SELECT max(id) FROM applies WHERE state < 5 GROUP BY owner) ORDER BY id",
    [READ_APPLIES] = "SELECT " APPLY_COLUMNS " FROM applies WHERE id < ? ORDER BY id DESC LIMIT ?",
    [READ_APPLIES_OF_OWNER] =
        "SELECT " APPLY_COLUMNS " FROM applies WHERE owner = ? AND id < ? ORDER BY id DESC LIMIT ?",
    [READ_APPLY] = "SELECT " APPLY_COLUMNS " FROM applies WHERE id = ?",
    [READ_CHANGES] = "SELECT " CHANGE_COLUMNS " FROM changes WHERE kind = ? AND name = ?"
                     " ORDER BY sequence DESC LIMIT ?",
    /* ACTIVE, CONVERGED, SUPERSEDED: pinned by migrate.c */
    [READ_APPLIED] = "SELECT EXISTS (SELECT 1 FROM applies WHERE owner = ? AND state IN (1, 2, 3))",
    [READ_JOB_BY_ID] = "SELECT " JOB_COLUMNS " FROM jobs WHERE id = ?",
    [READ_JOB_BY_SEQUENCE] = "SELECT " JOB_COLUMNS " FROM jobs WHERE sequence = ?",
    [READ_JOB_STATE_BY_ID] = "SELECT sequence, state FROM jobs WHERE id = ?",
    [READ_JOBS_UNFINISHED] =
        "SELECT " JOB_COLUMNS " FROM jobs WHERE sequence >= ? AND state < 5 ORDER BY sequence",
    [READ_JOBS_UNFINISHED_KEYS] =
        "SELECT template_id, depends_on FROM jobs WHERE sequence >= ? AND state < 5",
    [READ_JOBS_OF_OPEN_LAUNCHES] =
        "SELECT DISTINCT attempts.sequence FROM attempts JOIN jobs USING (sequence)"
        " WHERE attempts.sequence >= ? AND attempts.state IN (0, 1, 3)"
        " AND jobs.state >= 5",
    [READ_JOBS_OF_OPEN_RUNS] =
        "SELECT sequence FROM jobs WHERE sequence >= ? AND jobs.state >= 5 AND run <> ''"
        " AND (SELECT runs.state FROM runs WHERE runs.id = run) < 2",
    [READ_JOBS_NEWEST] = "SELECT sequence, state, queue, name, run, share_identifier, created_ms, template_id"
                         " FROM jobs WHERE sequence < ?"
                         " ORDER BY sequence DESC",
    [READ_JOBS_OLDEST] =
        "SELECT sequence, id, state, created_ms, stopped_ms,"
        " run <> '' AND coalesce((SELECT runs.state FROM runs WHERE runs.id = run) < 2, 0),"
        " sequence >= ?1 AND EXISTS (SELECT 1 FROM attempts WHERE attempts.sequence = jobs.sequence"
        " AND attempts.state IN (0, 1, 3)) FROM jobs ORDER BY sequence",
    [READ_DEPENDENCIES] =
        "SELECT depends_on FROM jobs WHERE sequence >= ? AND state < 5 AND depends_on <> x''",
    [READ_CHILDREN] = "SELECT " CHILD_COLUMNS " FROM children WHERE sequence = ? ORDER BY child",
    [READ_RANGES] = "SELECT " RANGE_COLUMNS " FROM ranges WHERE sequence = ? ORDER BY first",
    [READ_INSTANCES] = "SELECT " INSTANCE_COLUMNS " FROM instances WHERE state <> 6 ORDER BY number",
    [READ_ATTEMPTS_OF] = "SELECT " ATTEMPT_COLUMNS " FROM attempts WHERE sequence = ? AND child = ?"
                         " ORDER BY attempt, intended_ms, token",
    [READ_ATTEMPTS_OPEN] =
        "SELECT " ATTEMPT_COLUMNS " FROM attempts WHERE sequence >= ? AND state IN (0, 1, 3)"
        " ORDER BY sequence, child, attempt, token",
    [READ_ATTEMPTS_CLOSED] = "SELECT " ATTEMPT_COLUMNS " FROM attempts WHERE sequence = ? AND attempt = ?"
                             " AND state IN (2, 4) ORDER BY child, intended_ms, token",
    [READ_ATTEMPTS_ON] = "SELECT count(*) FROM attempts WHERE environment = ? AND state IN (0, 1, 3)"
                         " AND sequence >= (SELECT floor FROM fence)",
    [READ_ATTEMPTS_RUNNING] =
        "SELECT " ATTEMPT_COLUMNS " FROM attempts WHERE sequence >= (SELECT floor FROM fence)"
        " AND state IN (0, 1, 3) AND started_ms > 0 ORDER BY sequence DESC",
    [READ_ATTEMPTS_ENDED] = "SELECT " ATTEMPT_COLUMNS " FROM attempts WHERE stopped_ms > 0"
                            " AND stopped_ms < ? AND stopped_ms >= ? ORDER BY stopped_ms DESC",
    [READ_ATTEMPTS_ENDED_LATER] = "SELECT " ATTEMPT_COLUMNS " FROM attempts WHERE stopped_ms > 0"
                                  " AND stopped_ms >= ? ORDER BY stopped_ms",
    [READ_EVENTS] = "SELECT " EVENT_COLUMNS " FROM events WHERE sequence > ? ORDER BY sequence LIMIT ?",
    [READ_EVENTS_BEFORE] =
        "SELECT " EVENT_COLUMNS " FROM events WHERE sequence < ? ORDER BY sequence DESC LIMIT ?",
    [READ_SETTING] = "SELECT value FROM settings WHERE name = ?",
    [READ_SETTING_LIKE] =
        "SELECT 1 FROM settings WHERE substr(name, 1, length(?1)) = ?1 AND value <> '' LIMIT 1",
    [READ_SETTINGS_BEGINNING] =
        "SELECT " SETTING_COLUMNS
        " FROM settings WHERE name >= ?1 AND name < ?1 || char(1114111) ORDER BY name",
    [READ_SETTINGS] = "SELECT " SETTING_COLUMNS " FROM settings ORDER BY name",
};

StoreReader *store_reader_open(const char *state_dir, GError **error)
{
    g_autoptr(Database) database = database_open(state_dir, NULL, DATABASE_READ, error);
    if (!database || !migrate_check(database, store_version, error))
        return NULL;
    StoreReader *reader = g_new0(StoreReader, 1);
    reader->database = g_steal_pointer(&database);
    reader->dependencies = g_array_new(FALSE, FALSE, sizeof(DependencyRecord));
    return reader;
}

void store_reader_free(StoreReader *reader)
{
    if (!reader)
        return;
    store_reader_end(reader);
    database_close(reader->database); /* with its statements */
    batch_free(reader->kept);
    g_array_unref(reader->dependencies);
    g_free(reader);
}

Batch *reader_keep(StoreReader *reader)
{
    batch_free(reader->kept);
    reader->kept = batch_new();
    return reader->kept;
}

static guint id_hash(gconstpointer key)
{
    guint hash;
    memcpy(&hash, key, sizeof hash); /* ids are random */
    return hash;
}

static gboolean id_equal(gconstpointer a, gconstpointer b)
{
    return memcmp(a, b, JOB_ID_BYTES) == 0;
}

GHashTable *reader_id_set_new(void)
{
    return g_hash_table_new_full(id_hash, id_equal, g_free, NULL);
}

/* ---- one state ---- */

bool store_reader_begin(StoreReader *reader, GError **error)
{
    g_assert(!reader->is_begun);
    Fence fence;
    /* BEGIN alone looks at nothing: the first read fixes what is seen. */
    if (!database_exec(reader->database, "BEGIN", error))
        return false;
    reader->is_begun = true;
    if (reader_fence(reader, &fence, error))
        return true;
    store_reader_end(reader);
    return false;
}

void store_reader_end(StoreReader *reader)
{
    if (reader->is_begun)
        (void)sqlite3_exec(reader->database->handle, "ROLLBACK", NULL, NULL, NULL);
    reader->is_begun = false;
}

bool reader_enter(StoreReader *reader, bool *ret_entered, GError **error)
{
    bool entered = !reader->is_begun;
    if (entered && !store_reader_begin(reader, error))
        return false;
    *ret_entered = entered;
    return true;
}

void reader_leave(StoreReader *reader, bool entered)
{
    if (entered)
        store_reader_end(reader);
}

int64_t store_reader_committed_ms(StoreReader *reader)
{
    Fence fence;
    return reader_fence(reader, &fence, NULL) ? fence.counters.now_ms : 0;
}

/* ---- statements ---- */

bool reader_statement(StoreReader *reader, ReadStatement which, Cursor *ret_cursor, GError **error)
{
    sqlite3_stmt **statement = &reader->statements[which];
    if (!*statement)
        *statement = database_prepare(reader->database, read_sql[which], error);
    if (!*statement)
        return false;
    sqlite3_reset(*statement); /* where a callback stopped the last use */
    *ret_cursor = cursor_on(*statement);
    return true;
}

bool reader_step(StoreReader *reader, Cursor *cursor, bool *ret_row, GError **error)
{
    int result = cursor->result == SQLITE_OK ? sqlite3_step(cursor->statement) : cursor->result;
    cursor->at = 0;
    *ret_row = result == SQLITE_ROW;
    if (result == SQLITE_ROW)
        return true;
    bool ok = result == SQLITE_DONE || database_fail(reader->database, result, "read", error);
    sqlite3_reset(cursor->statement);
    return ok;
}

bool reader_sound(StoreReader *reader, const Cursor *cursor, GError **error)
{
    return cursor->result == SQLITE_OK || database_fail(reader->database, cursor->result, "read", error);
}

bool reader_fence(StoreReader *reader, Fence *ret_fence, GError **error)
{
    Cursor cursor;
    bool row;
    if (!reader_statement(reader, READ_FENCE, &cursor, error) || !reader_step(reader, &cursor, &row, error))
        return false;
    if (!row)
        return database_fail(reader->database, SQLITE_CORRUPT, "read", error);
    Counters *counters = &ret_fence->counters;
    counters->job_sequence = get_unsigned(&cursor);
    counters->event_sequence = get_unsigned(&cursor);
    ret_fence->floor = get_unsigned(&cursor);
    counters->template_id = get_int(&cursor);
    counters->apply_id = get_int(&cursor);
    counters->now_ms = get_int(&cursor);
    counters->instance_number = get_unsigned(&cursor);
    ret_fence->position.term = get_unsigned(&cursor);
    ret_fence->position.tick = get_unsigned(&cursor);
    sqlite3_reset(cursor.statement);
    return true;
}

/* ---- the state as a whole ---- */

bool store_reader_position(StoreReader *reader, StorePosition *ret_position, GError **error)
{
    Fence fence;
    if (!reader_fence(reader, &fence, error))
        return false;
    *ret_position = fence.position;
    return true;
}

bool store_reader_bytes(StoreReader *reader, int64_t *ret_bytes, GError **error)
{
    return database_int(reader->database,
                        "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size", ret_bytes,
                        error);
}

int store_format(void)
{
    return store_version;
}

/* ---- resources, runs, events ---- */

bool store_reader_resources(StoreReader *reader, StoreDetail detail, ResourceFunc func, void *data,
                            GError **error)
{
    Cursor cursor;
    bool whole = detail == DETAIL_WHOLE, row, ok;
    if (!reader_statement(reader, whole ? READ_RESOURCES_WHOLE : READ_RESOURCES_BRIEF, &cursor, error))
        return false;
    while ((ok = reader_step(reader, &cursor, &row, error)) && row) {
        ResourceRecord record;
        get_resource(&cursor, &record);
        if (whole)
            get_resource_texts(&cursor, &record);
        else
            get_resource_metadata(&cursor, &record);
        ok = reader_sound(reader, &cursor, error);
        if (!ok || !func(&record, data))
            break;
    }
    sqlite3_reset(cursor.statement);
    return ok;
}

bool store_reader_resource(StoreReader *reader, Kind kind, View name, bool *ret_found,
                           ResourceRecord *ret_record, GError **error)
{
    Cursor cursor;
    bool row;
    if (!reader_statement(reader, READ_RESOURCE, &cursor, error))
        return false;
    put_int(&cursor, kind);
    put_text(&cursor, name);
    if (!reader_step(reader, &cursor, &row, error))
        return false;
    if (row) {
        ResourceRecord record;
        Batch *kept = reader_keep(reader);
        size_t len;
        get_resource(&cursor, &record);
        get_resource_texts(&cursor, &record);
        if (!reader_sound(reader, &cursor, error))
            return false;
        batch_put_resource(kept, &record);
        *ret_record = *batch_resource(kept, &len);
        sqlite3_reset(cursor.statement);
    }
    *ret_found = row;
    return true;
}

bool store_reader_run(StoreReader *reader, View id, bool *ret_found, RunRecord *ret_record, GError **error)
{
    Cursor cursor;
    bool row;
    if (!reader_statement(reader, READ_RUN, &cursor, error))
        return false;
    put_text(&cursor, id);
    if (!reader_step(reader, &cursor, &row, error))
        return false;
    if (row) {
        RunRecord record;
        Batch *kept = reader_keep(reader);
        size_t len;
        get_run(&cursor, &record);
        if (!reader_sound(reader, &cursor, error))
            return false;
        batch_put_run(kept, &record);
        *ret_record = *batch_run(kept, &len);
    }
    sqlite3_reset(cursor.statement);
    *ret_found = row;
    return true;
}

bool store_reader_run_spec(StoreReader *reader, View id, char **ret_spec, GError **error)
{
    RunRecord record;
    bool found;
    *ret_spec = NULL;
    if (!store_reader_run(reader, id, &found, &record, error))
        return false;
    if (found && record.spec.len > 0)
        *ret_spec = g_strndup(record.spec.data, record.spec.len);
    return true;
}

static bool read_runs(StoreReader *reader, Cursor *cursor, RunFunc func, void *data, GError **error)
{
    bool row, ok;
    while ((ok = reader_step(reader, cursor, &row, error)) && row) {
        RunRecord record;
        get_run(cursor, &record);
        record.is_ending = get_int(cursor) != 0;
        ok = reader_sound(reader, cursor, error);
        if (!ok || !func(&record, data))
            break;
    }
    sqlite3_reset(cursor->statement);
    return ok;
}

bool store_reader_runs(StoreReader *reader, const char *owner, StoreDetail detail, RunFunc func, void *data,
                       GError **error)
{
    Cursor cursor;
    bool is_brief = detail == DETAIL_BRIEF;
    ReadStatement of_owner = is_brief ? READ_RUNS_OF_OWNER_BRIEF : READ_RUNS_OF_OWNER,
                  of_all = is_brief ? READ_RUNS_BY_NAME_BRIEF : READ_RUNS_BY_NAME;
    if (!reader_statement(reader, owner ? of_owner : of_all, &cursor, error))
        return false;
    if (owner)
        put_text(&cursor, view_from(owner));
    return read_runs(reader, &cursor, func, data, error);
}

bool store_reader_runs_of(StoreReader *reader, Kind kind, View name, const char *owner, RunFunc func,
                          void *data, GError **error)
{
    Cursor cursor;
    if (!reader_statement(reader, READ_RUNS_OF_RESOURCE, &cursor, error))
        return false;
    put_int(&cursor, kind);
    put_text(&cursor, name);
    put_text(&cursor, view_from(owner));
    return read_runs(reader, &cursor, func, data, error);
}

bool store_reader_setting(StoreReader *reader, const char *name, char **ret_value, GError **error)
{
    Cursor cursor;
    bool row;
    if (!reader_statement(reader, READ_SETTING, &cursor, error))
        return false;
    put_text(&cursor, view_from(name));
    if (!reader_step(reader, &cursor, &row, error))
        return false;
    View value = row ? get_text(&cursor) : VIEW("");
    *ret_value = row ? g_strndup(value.data, value.len) : NULL;
    sqlite3_reset(cursor.statement);
    return true;
}

bool store_reader_has_setting(StoreReader *reader, const char *prefix, bool *ret_has, GError **error)
{
    Cursor cursor;
    if (!reader_statement(reader, READ_SETTING_LIKE, &cursor, error))
        return false;
    put_text(&cursor, view_from(prefix));
    if (!reader_step(reader, &cursor, ret_has, error))
        return false;
    sqlite3_reset(cursor.statement);
    return true;
}

bool store_reader_settings(StoreReader *reader, const char *beginning, SettingFunc func, void *data,
                           GError **error)
{
    Cursor cursor;
    bool row, ok;
    if (!reader_statement(reader, READ_SETTINGS_BEGINNING, &cursor, error))
        return false;
    put_text(&cursor, view_from(beginning));
    while ((ok = reader_step(reader, &cursor, &row, error)) && row) {
        SettingRecord record;
        get_setting(&cursor, &record);
        ok = reader_sound(reader, &cursor, error);
        if (!ok || !func(&record, data))
            break;
    }
    sqlite3_reset(cursor.statement);
    return ok;
}

bool store_reader_drifts(StoreReader *reader, DriftFunc func, void *data, GError **error)
{
    Cursor cursor;
    bool row, ok;
    if (!reader_statement(reader, READ_DRIFTS, &cursor, error))
        return false;
    while ((ok = reader_step(reader, &cursor, &row, error)) && row) {
        DriftRecord record;
        get_drift(&cursor, &record);
        ok = reader_sound(reader, &cursor, error);
        if (!ok || !func(&record, data))
            break;
    }
    sqlite3_reset(cursor.statement);
    return ok;
}

bool store_reader_applied(StoreReader *reader, const char *owner, bool *ret_applied, GError **error)
{
    Cursor cursor;
    bool row;
    if (!reader_statement(reader, READ_APPLIED, &cursor, error))
        return false;
    put_text(&cursor, view_from(owner));
    if (!reader_step(reader, &cursor, &row, error))
        return false;
    *ret_applied = row && get_int(&cursor) != 0;
    sqlite3_reset(cursor.statement);
    return true;
}

bool store_reader_launches(StoreReader *reader, View environment, size_t *ret_count, GError **error)
{
    Cursor cursor;
    bool row;
    if (!reader_statement(reader, READ_ATTEMPTS_ON, &cursor, error))
        return false;
    put_text(&cursor, environment);
    if (!reader_step(reader, &cursor, &row, error))
        return false;
    *ret_count = row ? (size_t)get_int(&cursor) : 0;
    sqlite3_reset(cursor.statement);
    return true;
}

static bool read_events(StoreReader *reader, ReadStatement statement, uint64_t from, size_t limit,
                        EventFunc func, void *data, GError **error)
{
    Cursor cursor;
    bool row, ok;
    if (!reader_statement(reader, statement, &cursor, error))
        return false;
    put_unsigned(&cursor, from);
    put_unsigned(&cursor, limit);
    while ((ok = reader_step(reader, &cursor, &row, error)) && row) {
        EventRecord record;
        get_event(&cursor, &record);
        ok = reader_sound(reader, &cursor, error);
        if (!ok || !func(&record, data))
            break;
    }
    sqlite3_reset(cursor.statement);
    return ok;
}

bool store_reader_events(StoreReader *reader, uint64_t after, size_t limit, EventFunc func, void *data,
                         GError **error)
{
    return read_events(reader, READ_EVENTS, after, limit, func, data, error);
}

bool store_reader_events_before(StoreReader *reader, uint64_t before, size_t limit, EventFunc func,
                                void *data, GError **error)
{
    return read_events(reader, READ_EVENTS_BEFORE, before, limit, func, data, error);
}
