#include "reconciler/store/commit.h"
#include "reconciler/store/rows.h"

/* How many finished jobs one transaction may pass while it moves the floor up. */
#define FLOOR_STEP_JOBS 1000

typedef enum {
    BEGIN,
    COMMIT,
    FENCE_ADVANCE,
    FENCE_NUMBERS,
    FLOOR_NEXT,
    RESOURCE_PUT,
    RESOURCE_TEXT_PUT,
    RESOURCE_DELETE,
    RESOURCE_TEXT_DELETE,
    REVISION_PUT,
    REVISION_DELETE,
    TEMPLATE_PUT,
    TEMPLATE_USE_PUT,
    TEMPLATE_USE_ADD,
    TEMPLATE_RELEASE,
    TEMPLATE_DROP,
    TEMPLATE_USE_DROP,
    DURATION_PUT,
    DURATION_DELETE,
    USAGE_PUT,
    USAGE_DELETE,
    DRIFT_PUT,
    DRIFT_DELETE,
    RUN_INSERT,
    RUN_UPDATE,
    APPLY_PUT,
    APPLY_TRIM,
    CHANGE_INSERT,
    CHANGE_TRIM,
    JOB_INSERT,
    JOB_UPDATE,
    JOB_DELETE,
    CHILD_PUT,
    CHILD_DELETE,
    RANGE_PUT,
    RANGE_DELETE,
    INSTANCE_INSERT,
    INSTANCE_PUT,
    INSTANCE_TRIM,
    ATTEMPT_INSERT,
    ATTEMPT_UPDATE,
    ATTEMPT_DELETE,
    EVENT_INSERT,
    EVENT_TRIM,
    SETTING_PUT,
    SETTING_DELETE,
    RENAME_JOBS,
    RENAME_CHANGES,
    RENAME_USAGE,
    RENAME_INSTANCES,
    RENAME_ATTEMPTS,
    STATEMENT_COUNT
} Statement;

#define INSERT(table, COLUMNS)                                                                               \
    "INSERT INTO " table " (" COLUMNS##_COLUMNS ") VALUES (" COLUMNS##_PARAMETERS ")"
#define PUT(table, COLUMNS) "REPLACE INTO " table " (" COLUMNS##_COLUMNS ") VALUES (" COLUMNS##_PARAMETERS ")"

/* Open launches: intended, effective, unknown (LaunchState; migrate.c pins the numbers). Finished: from
 * JOB_SUCCEEDED. */
static const char *const statement_sql[STATEMENT_COUNT] = {
    [BEGIN] = "BEGIN IMMEDIATE",
    [COMMIT] = "COMMIT",
    [FENCE_ADVANCE] = "UPDATE fence SET tick = tick + ? WHERE id = 1 AND term = ? AND tick = ?",
    [FENCE_NUMBERS] = "UPDATE fence SET now_ms = ?, job_sequence = ?, event_sequence = ?, template_id = ?,"
                      " apply_id = ?, floor = ?, instance_number = ? WHERE id = 1",
    [FLOOR_NEXT] =
        "SELECT sequence, CASE WHEN state < 5 THEN 0"
        " WHEN run <> '' AND (SELECT runs.state FROM runs WHERE runs.id = run) < 2 THEN 0"
        " ELSE NOT EXISTS (SELECT 1 FROM attempts WHERE attempts.sequence = jobs.sequence"
        " AND attempts.state IN (0, 1, 3)) END FROM jobs WHERE sequence >= ? ORDER BY sequence LIMIT ?",
    [RESOURCE_PUT] = PUT("resources", RESOURCE),
    [RESOURCE_TEXT_PUT] = PUT("resource_texts", RESOURCE_TEXT),
    [RESOURCE_DELETE] = "DELETE FROM resources WHERE kind = ? AND name = ?",
    [RESOURCE_TEXT_DELETE] = "DELETE FROM resource_texts WHERE kind = ? AND name = ?",
    [REVISION_PUT] = PUT("revisions", REVISION),
    [REVISION_DELETE] = "DELETE FROM revisions WHERE name = ? AND revision = ?",
    [TEMPLATE_PUT] = PUT("templates", TEMPLATE),
    [TEMPLATE_USE_PUT] = "INSERT INTO template_uses (id, jobs, released) VALUES (?, 0, 0)"
                         " ON CONFLICT (id) DO UPDATE SET released = 0",
    [TEMPLATE_USE_ADD] = "UPDATE template_uses SET jobs = jobs + ?, released = released AND ? WHERE id = ?",
    [TEMPLATE_RELEASE] = "UPDATE template_uses SET released = 1 WHERE id = ?",
    [TEMPLATE_USE_DROP] = "DELETE FROM template_uses WHERE id = ? AND jobs <= 0 AND released",
    [TEMPLATE_DROP] = "DELETE FROM templates WHERE id = ?",
    [DURATION_PUT] = PUT("durations", DURATION),
    [DURATION_DELETE] = "DELETE FROM durations WHERE definition = ?",
    [USAGE_PUT] = PUT("share_usage", USAGE),
    [USAGE_DELETE] = "DELETE FROM share_usage WHERE queue = ? AND share = ?",
    [DRIFT_PUT] = PUT("drifts", DRIFT),
    [DRIFT_DELETE] = "DELETE FROM drifts WHERE kind = ? AND name = ?",
    [RUN_INSERT] = INSERT("runs", RUN),
    [RUN_UPDATE] = "UPDATE runs SET " RUN_CHANGES,
    [APPLY_PUT] = PUT("applies", APPLY),
    /* The newest that was carried out stays, and the newest that was staged to its end: a source without it
     * would have no history and start what has run (store_reader_applied). */
    [APPLY_TRIM] =
        "DELETE FROM applies WHERE owner = ?1"
        " AND id <= (SELECT id FROM applies WHERE owner = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)"
        " AND id <> coalesce((SELECT max(id) FROM applies WHERE owner = ?1 AND state < 5), 0)"
        " AND id <> coalesce((SELECT max(id) FROM applies WHERE owner = ?1 AND state IN (1, 2, 3)), 0)",
    [CHANGE_INSERT] = INSERT("changes", CHANGE),
    [CHANGE_TRIM] = "DELETE FROM changes WHERE sequence <= ?",
    [JOB_INSERT] = INSERT("jobs", JOB),
    [JOB_UPDATE] = "UPDATE jobs SET " JOB_CHANGES,
    [JOB_DELETE] = "DELETE FROM jobs WHERE sequence = ? RETURNING template_id, array_size",
    [CHILD_PUT] = PUT("children", CHILD),
    [CHILD_DELETE] = "DELETE FROM children WHERE sequence = ?",
    [RANGE_PUT] = PUT("ranges", RANGE),
    [RANGE_DELETE] = "DELETE FROM ranges WHERE sequence = ?",
    [INSTANCE_INSERT] = INSERT("instances", INSTANCE),
    [INSTANCE_PUT] = PUT("instances", INSTANCE),
    [INSTANCE_TRIM] = "DELETE FROM instances WHERE number <= ? AND state = 6",
    [ATTEMPT_INSERT] = INSERT("attempts", ATTEMPT),
    [ATTEMPT_UPDATE] = "UPDATE attempts SET " ATTEMPT_CHANGES,
    [ATTEMPT_DELETE] = "DELETE FROM attempts WHERE sequence = ?",
    [EVENT_INSERT] = INSERT("events", EVENT),
    [EVENT_TRIM] = "DELETE FROM events WHERE sequence <= ?",
    [SETTING_PUT] = PUT("settings", SETTING),
    [SETTING_DELETE] = "DELETE FROM settings WHERE name = ?",
    /* Rare, so it may look at every job. */
    [RENAME_JOBS] = "UPDATE jobs SET queue = ?2 WHERE queue = ?1",
    [RENAME_CHANGES] = "UPDATE changes SET name = ?2 WHERE kind = ?3 AND name = ?1",
    [RENAME_USAGE] = "DELETE FROM share_usage WHERE queue = ?",
    [RENAME_INSTANCES] = "UPDATE instances SET environment = ?2 WHERE environment = ?1",
    [RENAME_ATTEMPTS] = "UPDATE attempts SET environment = ?2 WHERE environment = ?1",
};

typedef struct {
    int64_t added;    /* jobs that came less those that went, in this transaction */
    bool is_used;     /* a new job came: the world holds it again */
    bool is_released; /* after that, if at all: the world holds it no more */
} TemplateUse;

struct Committer {
    Database *database;
    sqlite3_stmt *statements[STATEMENT_COUNT]; /* prepared at first use, kept */
    uint64_t term, tick;
    int64_t now_ms;
    uint64_t job_sequence, event_sequence, instance_number, floor;
    int64_t template_id, apply_id;
    int64_t change_sequence; /* of the last change inserted; 0: none yet by this writer */
    GByteArray *scratch;
    GHashTable *uses; /* int64 template id → TemplateUse; empty between transactions */
};

static bool statement_get(Committer *committer, Statement which, Cursor *ret_cursor, GError **error)
{
    sqlite3_stmt **statement = &committer->statements[which];
    if (!*statement)
        *statement = database_prepare(committer->database, statement_sql[which], error);
    if (!*statement)
        return false;
    *ret_cursor = cursor_on(*statement);
    return true;
}

static bool run(Committer *committer, Cursor *cursor, GError **error)
{
    return cursor_run(cursor, committer->database, "commit", error);
}

/* For rows that must be there: the world and the store disagree otherwise, and nothing may be built on that.
 */
static bool run_on_one(Committer *committer, Cursor *cursor, const char *what, uint64_t sequence,
                       GError **error)
{
    if (!run(committer, cursor, error))
        return false;
    if (sqlite3_changes(committer->database->handle) == 1)
        return true;
    g_set_error(error, STORE_ERROR, STORE_ERROR_CORRUPT,
                "state directory %s: commit: %s of job %" G_GUINT64_FORMAT " changed but has no row",
                committer->database->state_dir, what, sequence);
    return false;
}

/* ---- one function per table ---- */

static bool commit_resource(Committer *committer, const ResourceRecord *record, GError **error)
{
    Cursor row, texts;
    if (!statement_get(committer, record->removed ? RESOURCE_DELETE : RESOURCE_PUT, &row, error) ||
        !statement_get(committer, record->removed ? RESOURCE_TEXT_DELETE : RESOURCE_TEXT_PUT, &texts, error))
        return false;
    if (record->removed) {
        put_int(&row, record->kind);
        put_text(&row, record->name);
        put_int(&texts, record->kind);
        put_text(&texts, record->name);
    } else {
        put_resource(&row, record);
        put_resource_texts(&texts, record);
    }
    return run(committer, &row, error) && run(committer, &texts, error);
}

static bool commit_revision(Committer *committer, const RevisionRecord *record, GError **error)
{
    Cursor cursor;
    if (!statement_get(committer, record->removed ? REVISION_DELETE : REVISION_PUT, &cursor, error))
        return false;
    if (record->removed) {
        put_text(&cursor, record->name);
        put_int(&cursor, record->revision);
    } else {
        put_revision(&cursor, record);
    }
    return run(committer, &cursor, error);
}

/* The row stays while a job's row, finished or not, refers to it. */
static bool template_drop_unused(Committer *committer, int64_t id, GError **error)
{
    Cursor cursor;
    if (!statement_get(committer, TEMPLATE_USE_DROP, &cursor, error))
        return false;
    put_int(&cursor, id);
    if (!run(committer, &cursor, error))
        return false;
    if (sqlite3_changes(committer->database->handle) == 0)
        return true;
    if (!statement_get(committer, TEMPLATE_DROP, &cursor, error))
        return false;
    put_int(&cursor, id);
    return run(committer, &cursor, error);
}

static TemplateUse *template_use(Committer *committer, int64_t id)
{
    TemplateUse *use = g_hash_table_lookup(committer->uses, &id);
    if (!use) {
        use = g_new0(TemplateUse, 1);
        g_hash_table_insert(committer->uses, g_memdup2(&id, sizeof id), use);
    }
    return use;
}

static bool commit_template(Committer *committer, const TemplateRecord *record, GError **error)
{
    Cursor cursor;
    committer->template_id = MAX(committer->template_id, record->id);
    if (record->removed) {
        if (!statement_get(committer, TEMPLATE_RELEASE, &cursor, error))
            return false;
        put_int(&cursor, record->id);
        template_use(committer, record->id)->is_released =
            true; /* jobs that came before it are not counted yet */
        return run(committer, &cursor, error);
    }
    if (!statement_get(committer, TEMPLATE_PUT, &cursor, error))
        return false;
    put_template(&cursor, record);
    if (!run(committer, &cursor, error) || !statement_get(committer, TEMPLATE_USE_PUT, &cursor, error))
        return false;
    put_int(&cursor, record->id);
    return run(committer, &cursor, error);
}

/* What the transaction's jobs did to their templates' counts: one update per template, not per job. */
static bool commit_template_uses(Committer *committer, GError **error)
{
    GHashTableIter iter;
    gpointer key, value;
    bool ok = true;
    g_hash_table_iter_init(&iter, committer->uses); /* sums: the order does not matter */
    while (ok && g_hash_table_iter_next(&iter, &key, &value)) {
        const TemplateUse *use = value;
        int64_t id = *(const int64_t *)key;
        Cursor cursor;
        ok = statement_get(committer, TEMPLATE_USE_ADD, &cursor, error);
        if (!ok)
            break;
        put_int(&cursor, use->added);
        put_int(&cursor, use->is_used && !use->is_released ? 0 : 1);
        put_int(&cursor, id);
        ok = run(committer, &cursor, error);
        if (ok && use->is_used && sqlite3_changes(committer->database->handle) != 1) {
            g_set_error(error, STORE_ERROR, STORE_ERROR_CORRUPT,
                        "state directory %s: commit: a job refers to template %" G_GINT64_FORMAT
                        ", which is not there",
                        committer->database->state_dir, id);
            ok = false;
        }
        bool is_held = use->is_used && !use->is_released;
        ok = ok && (is_held || template_drop_unused(committer, id, error));
    }
    g_hash_table_remove_all(committer->uses);
    return ok;
}

static bool commit_run(Committer *committer, const RunRecord *record, GError **error)
{
    Cursor cursor;
    if (!statement_get(committer, record->is_new ? RUN_INSERT : RUN_UPDATE, &cursor, error))
        return false;
    if (record->is_new)
        put_run(&cursor, record);
    else
        put_run_changes(&cursor, record);
    return run(committer, &cursor, error);
}

static bool trim_applies(Committer *committer, View owner, GError **error)
{
    Cursor cursor;
    if (!statement_get(committer, APPLY_TRIM, &cursor, error))
        return false;
    put_text(&cursor, owner);
    put_int(&cursor, STORE_APPLIES_KEPT);
    return run(committer, &cursor, error);
}

static bool commit_apply(Committer *committer, const ApplyRecord *record, GError **error)
{
    Cursor cursor;
    committer->apply_id = MAX(committer->apply_id, record->id);
    if (!statement_get(committer, APPLY_PUT, &cursor, error))
        return false;
    put_apply(&cursor, record);
    return run(committer, &cursor, error) &&
           (!record->is_new || trim_applies(committer, record->owner, error));
}

static bool commit_change(Committer *committer, const ChangeRecord *record, GError **error)
{
    Cursor cursor;
    if (!statement_get(committer, CHANGE_INSERT, &cursor, error))
        return false;
    put_change(&cursor, record);
    if (!run(committer, &cursor, error))
        return false;
    committer->change_sequence = sqlite3_last_insert_rowid(committer->database->handle);
    return true;
}

static bool delete_behind_job(Committer *committer, Statement which, uint64_t sequence, GError **error)
{
    Cursor cursor;
    if (!statement_get(committer, which, &cursor, error))
        return false;
    put_unsigned(&cursor, sequence);
    return run(committer, &cursor, error);
}

/* Retention. A job that is gone already is no fault: expiring may be asked for twice. */
static bool delete_job(Committer *committer, const JobRecord *record, GError **error)
{
    Cursor cursor;
    if (!statement_get(committer, JOB_DELETE, &cursor, error))
        return false;
    put_unsigned(&cursor, record->sequence);
    int result = sqlite3_step(cursor.statement);
    bool found = result == SQLITE_ROW, is_array = false;
    if (found) {
        template_use(committer, sqlite3_column_int64(cursor.statement, 0))->added--;
        is_array = sqlite3_column_int64(cursor.statement, 1) > 0;
        result = sqlite3_step(cursor.statement);
    }
    bool ok = result == SQLITE_DONE || database_fail(committer->database, result, "commit", error);
    sqlite3_reset(cursor.statement);
    if (!ok || !found)
        return ok;
    return delete_behind_job(committer, ATTEMPT_DELETE, record->sequence, error) &&
           (!is_array || (delete_behind_job(committer, CHILD_DELETE, record->sequence, error) &&
                          delete_behind_job(committer, RANGE_DELETE, record->sequence, error)));
}

static bool commit_job(Committer *committer, const JobRecord *record, GError **error)
{
    Cursor cursor;
    committer->job_sequence = MAX(committer->job_sequence, record->sequence);
    if (record->removed)
        return delete_job(committer, record, error);
    if (!job_state_final(record->state))
        committer->floor = MIN(committer->floor, record->sequence);
    if (!statement_get(committer, record->is_new ? JOB_INSERT : JOB_UPDATE, &cursor, error))
        return false;
    if (!record->is_new) {
        put_job_changes(&cursor, record);
        return run_on_one(committer, &cursor, "the state", record->sequence, error);
    }
    TemplateUse *use = template_use(committer, record->template_id);
    use->added++;
    use->is_used = true;
    put_job(&cursor, record, committer->scratch);
    return run(committer, &cursor, error);
}

static bool commit_child(Committer *committer, const ChildRecord *record, GError **error)
{
    Cursor cursor;
    if (!statement_get(committer, CHILD_PUT, &cursor, error))
        return false;
    put_child(&cursor, record);
    return run(committer, &cursor, error);
}

static bool commit_range(Committer *committer, const RangeRecord *record, GError **error)
{
    Cursor cursor;
    if (!statement_get(committer, RANGE_PUT, &cursor, error))
        return false;
    put_range(&cursor, record);
    return run(committer, &cursor, error);
}

static bool commit_instance(Committer *committer, const InstanceRecord *record, GError **error)
{
    Cursor cursor;
    committer->instance_number = MAX(committer->instance_number, record->number);
    if (!statement_get(committer, record->is_new ? INSTANCE_INSERT : INSTANCE_PUT, &cursor, error))
        return false;
    put_instance(&cursor, record);
    return run(committer, &cursor, error);
}

static bool commit_duration(Committer *committer, const DurationRecord *record, GError **error)
{
    Cursor cursor;
    if (!statement_get(committer, record->removed ? DURATION_DELETE : DURATION_PUT, &cursor, error))
        return false;
    if (record->removed)
        put_text(&cursor, record->definition);
    else
        put_duration(&cursor, record);
    return run(committer, &cursor, error);
}

static bool commit_usage(Committer *committer, const UsageRecord *record, GError **error)
{
    Cursor cursor;
    if (!statement_get(committer, record->removed ? USAGE_DELETE : USAGE_PUT, &cursor, error))
        return false;
    if (record->removed) {
        put_text(&cursor, record->queue);
        put_text(&cursor, record->share);
    } else {
        put_usage(&cursor, record);
    }
    return run(committer, &cursor, error);
}

static bool commit_drift(Committer *committer, const DriftRecord *record, GError **error)
{
    Cursor cursor;
    if (!statement_get(committer, record->removed ? DRIFT_DELETE : DRIFT_PUT, &cursor, error))
        return false;
    if (record->removed) {
        put_int(&cursor, record->kind);
        put_text(&cursor, record->name);
    } else {
        put_drift(&cursor, record);
    }
    return run(committer, &cursor, error);
}

static bool commit_attempt(Committer *committer, const AttemptRecord *record, GError **error)
{
    Cursor cursor;
    if (record->state != LAUNCH_REFUSED && record->state != LAUNCH_ENDED)
        committer->floor = MIN(committer->floor, record->sequence);
    if (!statement_get(committer, record->is_new ? ATTEMPT_INSERT : ATTEMPT_UPDATE, &cursor, error))
        return false;
    if (record->is_new) {
        put_attempt(&cursor, record);
        return run(committer, &cursor, error);
    }
    put_attempt_changes(&cursor, record);
    return run_on_one(committer, &cursor, "a launch", record->sequence, error);
}

static bool commit_event(Committer *committer, const EventRecord *record, GError **error)
{
    Cursor cursor;
    committer->event_sequence = MAX(committer->event_sequence, record->sequence);
    if (!statement_get(committer, EVENT_INSERT, &cursor, error))
        return false;
    put_event(&cursor, record);
    return run(committer, &cursor, error);
}

static bool commit_setting(Committer *committer, const SettingRecord *record, GError **error)
{
    Cursor cursor;
    if (!statement_get(committer, record->value.len ? SETTING_PUT : SETTING_DELETE, &cursor, error))
        return false;
    if (record->value.len)
        put_setting(&cursor, record);
    else
        put_text(&cursor, record->name);
    return run(committer, &cursor, error);
}

static bool rename_rows(Committer *committer, Statement which, const RenameRecord *record, GError **error)
{
    Cursor cursor;
    if (!statement_get(committer, which, &cursor, error))
        return false;
    put_text(&cursor, record->from);
    if (which != RENAME_USAGE)
        put_text(&cursor, record->to);
    if (which == RENAME_CHANGES)
        put_int(&cursor, record->kind);
    return run(committer, &cursor, error);
}

static bool commit_rename(Committer *committer, const RenameRecord *record, GError **error)
{
    if (!rename_rows(committer, RENAME_CHANGES, record, error))
        return false;
    if (record->kind == KIND_JOB_QUEUE)
        return rename_rows(committer, RENAME_JOBS, record, error) &&
               rename_rows(committer, RENAME_USAGE, record, error);
    if (record->kind == KIND_COMPUTE_ENVIRONMENT)
        return rename_rows(committer, RENAME_INSTANCES, record, error) &&
               rename_rows(committer, RENAME_ATTEMPTS, record, error);
    return true;
}

/* ---- a transaction ---- */

/* Renames first; templates before the jobs that refer to them; the rest in RecordSink's order. */
static bool commit_batch(Committer *committer, const Batch *batch, GError **error)
{
#define COMMIT_TABLE(Type, name)                                                                             \
    do {                                                                                                     \
        size_t len;                                                                                          \
        const Type *records = batch_##name(batch, &len);                                                     \
        for (size_t i = 0; i < len; i++) {                                                                   \
            if (!commit_##name(committer, &records[i], error))                                               \
                return false;                                                                                \
        }                                                                                                    \
    } while (0)
    COMMIT_TABLE(RenameRecord, rename);
    COMMIT_TABLE(ResourceRecord, resource);
    COMMIT_TABLE(UsageRecord, usage);
    COMMIT_TABLE(DriftRecord, drift);
    COMMIT_TABLE(RevisionRecord, revision);
    COMMIT_TABLE(TemplateRecord, template);
    COMMIT_TABLE(RunRecord, run);
    COMMIT_TABLE(DurationRecord, duration);
    COMMIT_TABLE(ApplyRecord, apply);
    COMMIT_TABLE(ChangeRecord, change);
    COMMIT_TABLE(JobRecord, job);
    COMMIT_TABLE(ChildRecord, child);
    COMMIT_TABLE(RangeRecord, range);
    COMMIT_TABLE(InstanceRecord, instance);
    COMMIT_TABLE(AttemptRecord, attempt);
    COMMIT_TABLE(EventRecord, event);
    COMMIT_TABLE(SettingRecord, setting);
    return true;
}

static bool trim_events(Committer *committer, uint64_t before, GError **error)
{
    Cursor cursor;
    if (committer->event_sequence == before || committer->event_sequence <= STORE_EVENTS_KEPT)
        return true;
    if (!statement_get(committer, EVENT_TRIM, &cursor, error))
        return false;
    put_unsigned(&cursor, committer->event_sequence - STORE_EVENTS_KEPT);
    return run(committer, &cursor, error);
}

static bool trim_instances(Committer *committer, uint64_t before, GError **error)
{
    Cursor cursor;
    if (committer->instance_number == before || committer->instance_number <= STORE_INSTANCES_KEPT)
        return true;
    if (!statement_get(committer, INSTANCE_TRIM, &cursor, error))
        return false;
    put_unsigned(&cursor, committer->instance_number - STORE_INSTANCES_KEPT);
    return run(committer, &cursor, error);
}

static bool trim_changes(Committer *committer, int64_t before, GError **error)
{
    Cursor cursor;
    if (committer->change_sequence == before || committer->change_sequence <= STORE_CHANGES_KEPT)
        return true;
    if (!statement_get(committer, CHANGE_TRIM, &cursor, error))
        return false;
    put_int(&cursor, committer->change_sequence - STORE_CHANGES_KEPT);
    return run(committer, &cursor, error);
}

/* Each finished job is passed once in its life, so the cost is a constant per job. */
static bool raise_floor(Committer *committer, GError **error)
{
    Cursor cursor;
    if (!statement_get(committer, FLOOR_NEXT, &cursor, error))
        return false;
    put_unsigned(&cursor, committer->floor);
    put_int(&cursor, FLOOR_STEP_JOBS);
    int result;
    while ((result = sqlite3_step(cursor.statement)) == SQLITE_ROW) {
        uint64_t sequence = (uint64_t)sqlite3_column_int64(cursor.statement, 0);
        bool is_over = sqlite3_column_int(cursor.statement, 1) != 0;
        committer->floor = is_over ? sequence + 1 : sequence;
        if (!is_over) {
            result = SQLITE_DONE;
            break;
        }
    }
    bool ok = result == SQLITE_DONE || database_fail(committer->database, result, "commit", error);
    sqlite3_reset(cursor.statement);
    return ok;
}

static bool advance_fence(Committer *committer, size_t batches, GError **error)
{
    Cursor cursor;
    if (!statement_get(committer, FENCE_ADVANCE, &cursor, error))
        return false;
    put_unsigned(&cursor, batches);
    put_unsigned(&cursor, committer->term);
    put_unsigned(&cursor, committer->tick);
    if (!run(committer, &cursor, error))
        return false;
    if (sqlite3_changes(committer->database->handle) == 1) {
        committer->tick += batches;
        return true;
    }
    g_set_error(error, STORE_ERROR, STORE_ERROR_FENCED,
                "state directory %s: another process has taken over (term %" G_GUINT64_FORMAT
                " is no longer the newest); this one must stop",
                committer->database->state_dir, committer->term);
    return false;
}

static bool put_numbers(Committer *committer, GError **error)
{
    Cursor cursor;
    if (!statement_get(committer, FENCE_NUMBERS, &cursor, error))
        return false;
    put_int(&cursor, committer->now_ms);
    put_unsigned(&cursor, committer->job_sequence);
    put_unsigned(&cursor, committer->event_sequence);
    put_int(&cursor, committer->template_id);
    put_int(&cursor, committer->apply_id);
    put_unsigned(&cursor, committer->floor);
    put_unsigned(&cursor, committer->instance_number);
    return run(committer, &cursor, error);
}

static bool transaction_body(Committer *committer, const Batch *const *batches, size_t len, GError **error)
{
    uint64_t events_before = committer->event_sequence, instances_before = committer->instance_number;
    int64_t changes_before = committer->change_sequence;
    /* The fence first: one who lost the term must not fail on a row that the new holder has already written.
     */
    if (!advance_fence(committer, len, error))
        return false;
    for (size_t i = 0; i < len; i++) {
        if (!commit_batch(committer, batches[i], error))
            return false;
    }
    return commit_template_uses(committer, error) && trim_events(committer, events_before, error) &&
           trim_instances(committer, instances_before, error) &&
           trim_changes(committer, changes_before, error) && raise_floor(committer, error) &&
           put_numbers(committer, error);
}

static bool run_plain(Committer *committer, Statement which, GError **error)
{
    Cursor cursor;
    return statement_get(committer, which, &cursor, error) && run(committer, &cursor, error);
}

bool committer_run(Committer *committer, const Batch *const *batches, size_t len, int64_t now_ms,
                   GError **error)
{
    committer->now_ms = MAX(committer->now_ms, now_ms);
    if (!run_plain(committer, BEGIN, error))
        return false;
    if (transaction_body(committer, batches, len, error) && run_plain(committer, COMMIT, error))
        return true;
    if (!sqlite3_get_autocommit(committer->database->handle))
        (void)sqlite3_exec(committer->database->handle, "ROLLBACK", NULL, NULL, NULL);
    return false;
}

/* ---- life ---- */

static bool read_fence(Committer *committer, GError **error)
{
    sqlite3_stmt *statement =
        database_prepare(committer->database,
                         "SELECT term, tick, now_ms, job_sequence, event_sequence, template_id,"
                         " apply_id, floor, instance_number FROM fence WHERE id = 1",
                         error);
    if (!statement)
        return false;
    Cursor cursor = cursor_on(statement);
    int result = sqlite3_step(statement);
    bool ok = result == SQLITE_ROW;
    if (ok) {
        committer->term = get_unsigned(&cursor);
        committer->tick = get_unsigned(&cursor);
        committer->now_ms = get_int(&cursor);
        committer->job_sequence = get_unsigned(&cursor);
        committer->event_sequence = get_unsigned(&cursor);
        committer->template_id = get_int(&cursor);
        committer->apply_id = get_int(&cursor);
        committer->floor = get_unsigned(&cursor);
        committer->instance_number = get_unsigned(&cursor);
    } else {
        database_fail(committer->database, result == SQLITE_DONE ? SQLITE_CORRUPT : result, "open", error);
    }
    sqlite3_finalize(statement);
    return ok;
}

/* Templates without jobs were only kept for the last writer's memory. Releases are the last writer's too:
 * this one's memory is filled from the store and may take any of them up again; it releases them itself. */
static bool take_term(Committer *committer, GError **error)
{
    return database_exec(committer->database,
                         "BEGIN IMMEDIATE; UPDATE fence SET term = term + 1, tick = 0 WHERE id = 1;"
                         "DELETE FROM templates WHERE id IN (SELECT id FROM template_uses WHERE jobs <= 0);"
                         "DELETE FROM template_uses WHERE jobs <= 0;"
                         "UPDATE template_uses SET released = 0 WHERE released;",
                         error) &&
           read_fence(committer, error) && database_exec(committer->database, "COMMIT", error);
}

Committer *committer_new(Database *database, GError **error)
{
    g_autoptr(Committer) committer = g_new0(Committer, 1);
    committer->database = database;
    committer->scratch = g_byte_array_new();
    committer->uses = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, g_free);
    if (!take_term(committer, error))
        return NULL;
    return g_steal_pointer(&committer);
}

void committer_free(Committer *committer)
{
    if (!committer)
        return;
    for (unsigned i = 0; i < STATEMENT_COUNT; i++)
        sqlite3_finalize(committer->statements[i]);
    g_byte_array_unref(committer->scratch);
    g_hash_table_unref(committer->uses);
    g_free(committer);
}

uint64_t committer_term(const Committer *committer)
{
    return committer->term;
}
