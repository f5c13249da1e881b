#include "reconciler/store/migrate.h"

/* Numbers of these enums are in people's databases: a new value goes to the end, any other change needs a
 * migration. */
G_STATIC_ASSERT(KIND_SCHEDULING_POLICY == 0 && KIND_CONSUMABLE_RESOURCE == 1 &&
                KIND_COMPUTE_ENVIRONMENT == 2);
G_STATIC_ASSERT(KIND_JOB_QUEUE == 3 && KIND_JOB_DEFINITION == 4 && KIND_PIPELINE == 5 && KIND_JOB == 6);
G_STATIC_ASSERT(JOB_SUBMITTED == 0 && JOB_PENDING == 1 && JOB_RUNNABLE == 2 && JOB_STARTING == 3);
G_STATIC_ASSERT(JOB_RUNNING == 4 && JOB_SUCCEEDED == 5 && JOB_FAILED == 6);
G_STATIC_ASSERT(RESOURCE_ACTIVE == 0 && RESOURCE_DELETING == 1 && RESOURCE_REPLACING == 2);
G_STATIC_ASSERT(DELETION_DRAIN == 0 && DELETION_TERMINATE == 1 && DELETION_REFUSE == 2);
G_STATIC_ASSERT(LAUNCH_INTENDED == 0 && LAUNCH_EFFECTIVE == 1 && LAUNCH_REFUSED == 2 && LAUNCH_UNKNOWN == 3);
G_STATIC_ASSERT(LAUNCH_ENDED == 4 && RUN_WAITING == 0 && RUN_RUNNING == 1 && RUN_SUCCEEDED == 2 &&
                RUN_FAILED == 3);
G_STATIC_ASSERT(RUN_CANCELLED == 4 && RUN_RECORDED == 5 && APPLY_STAGING == 0 && APPLY_ACTIVE == 1);
G_STATIC_ASSERT(APPLY_CONVERGED == 2 && APPLY_SUPERSEDED == 3 && APPLY_FAILED == 4);
G_STATIC_ASSERT(APPLY_STATE_REFUSED == 5 && APPLY_STATE_BROKEN == 6 && APPLY_STATE_NOTED == 7);
G_STATIC_ASSERT(TRIGGER_UNKNOWN == 0 && TRIGGER_APPLY == 1 && TRIGGER_DESTROY == 2 && TRIGGER_FOLLOW == 3);
G_STATIC_ASSERT(TRIGGER_ROLLBACK == 4 && TRIGGER_SUSPEND == 5 && TRIGGER_RESUME == 6);
G_STATIC_ASSERT(CHANGE_CREATE == 0 && CHANGE_UPDATE == 1 && CHANGE_REPLACE == 2 && CHANGE_DELETE == 3);
G_STATIC_ASSERT(CHANGE_KEEP == 4 && CHANGE_FORGET == 5 && CHANGE_OVERRIDE == 6 && CHANGE_RESTORE == 7);
G_STATIC_ASSERT(CHANGE_DRIFT == 8 && CHANGE_UNDRIFT == 9);
G_STATIC_ASSERT(DEPENDENCY_PLAIN == 0 && DEPENDENCY_N_TO_N == 1 && DEPENDENCY_SEQUENTIAL == 2);
G_STATIC_ASSERT(CONDITION_SUCCESS == 0 && CONDITION_COMPLETION == 1);
G_STATIC_ASSERT(INSTANCE_INTENDED == 0 && INSTANCE_PENDING == 1 && INSTANCE_REGISTERED == 2 &&
                INSTANCE_DRAINING == 3);
G_STATIC_ASSERT(INSTANCE_STOPPING == 4 && INSTANCE_UNKNOWN == 5 && INSTANCE_GONE == 6);

/* Times are CLOCK_REALTIME milliseconds, enums their numbers, ids and digests blobs, flags bit sets. */
static const char version_1[] =
    /* The one row that each transaction checks and advances (invariant 6), with the highest numbers ever
     * given out, which must outlive the rows that had them. floor: every job below this sequence is finished,
     * has no open launch and belongs to no unfinished run, so that a start need not read a week of finished
     * jobs. */
    "CREATE TABLE fence (id INTEGER PRIMARY KEY CHECK (id = 1), term INTEGER NOT NULL, tick INTEGER NOT NULL,"
    " now_ms INTEGER NOT NULL, job_sequence INTEGER NOT NULL, event_sequence INTEGER NOT NULL,"
    " template_id INTEGER NOT NULL, apply_id INTEGER NOT NULL, floor INTEGER NOT NULL);"
    "INSERT INTO fence VALUES (1, 0, 0, 0, 0, 0, 0, 0, 1);"

    /* Narrow and clustered by key: 100,000 of them are read at each plan. Their JSON lies apart. */
    "CREATE TABLE resources (kind INTEGER NOT NULL, name TEXT NOT NULL, owner TEXT NOT NULL, digest BLOB NOT "
    "NULL,"
    " next_digest BLOB, file TEXT NOT NULL, line INTEGER NOT NULL, phase INTEGER NOT NULL,"
    " deletion INTEGER NOT NULL, flags INTEGER NOT NULL, status_reason TEXT NOT NULL, revision INTEGER NOT "
    "NULL,"
    " created_ms INTEGER NOT NULL, updated_ms INTEGER NOT NULL, PRIMARY KEY (kind, name)) WITHOUT ROWID;"
    "CREATE TABLE resource_texts (kind INTEGER NOT NULL, name TEXT NOT NULL, spec TEXT NOT NULL,"
    " metadata TEXT NOT NULL, next_spec TEXT NOT NULL, PRIMARY KEY (kind, name)) WITHOUT ROWID;"

    "CREATE TABLE revisions (name TEXT NOT NULL, revision INTEGER NOT NULL, digest BLOB NOT NULL,"
    " active INTEGER NOT NULL, created_ms INTEGER NOT NULL, spec TEXT NOT NULL, PRIMARY KEY (name, revision))"
    " WITHOUT ROWID;"

    /* JSON apart from the counts that each submission changes. released: the world holds it no more, and the
     * row goes with its last job. */
    "CREATE TABLE templates (id INTEGER PRIMARY KEY, definition TEXT NOT NULL, definition_spec TEXT NOT NULL,"
    " request TEXT NOT NULL);"
    "CREATE TABLE template_uses (id INTEGER PRIMARY KEY, jobs INTEGER NOT NULL, released INTEGER NOT NULL);"

    "CREATE TABLE runs (id TEXT PRIMARY KEY, owner TEXT NOT NULL, kind INTEGER NOT NULL, name TEXT NOT NULL,"
    " key BLOB NOT NULL, number INTEGER NOT NULL, state INTEGER NOT NULL, created_ms INTEGER NOT NULL,"
    " stopped_ms INTEGER NOT NULL, status_reason TEXT NOT NULL, spec TEXT NOT NULL);"
    "CREATE INDEX runs_by_name ON runs (kind, name, number);"

    "CREATE TABLE applies (id INTEGER PRIMARY KEY, owner TEXT NOT NULL, source_path TEXT NOT NULL,"
    " revision TEXT NOT NULL, plan_id TEXT NOT NULL, state INTEGER NOT NULL, message TEXT NOT NULL,"
    " summary TEXT NOT NULL, created_ms INTEGER NOT NULL, ended_ms INTEGER NOT NULL);"

    /* Indexed by id, which never changes, and by nothing that does: listings read newest first. */
    "CREATE TABLE jobs (sequence INTEGER PRIMARY KEY, id BLOB NOT NULL, state INTEGER NOT NULL,"
    " flags INTEGER NOT NULL, array_size INTEGER NOT NULL, template_id INTEGER NOT NULL, queue TEXT NOT NULL,"
    " name TEXT NOT NULL, run TEXT NOT NULL, step TEXT NOT NULL, share_identifier TEXT NOT NULL,"
    " created_ms INTEGER NOT NULL, started_ms INTEGER NOT NULL, stopped_ms INTEGER NOT NULL,"
    " attempts INTEGER NOT NULL, front INTEGER NOT NULL, status_reason TEXT NOT NULL, depends_on BLOB NOT "
    "NULL);"
    "CREATE UNIQUE INDEX jobs_by_id ON jobs (id);"

    /* Clustered behind their job, so that expiring a job removes neighbours. */
    "CREATE TABLE children (sequence INTEGER NOT NULL, child INTEGER NOT NULL, state INTEGER NOT NULL,"
    " flags INTEGER NOT NULL, attempts INTEGER NOT NULL, front INTEGER NOT NULL, started_ms INTEGER NOT NULL,"
    " stopped_ms INTEGER NOT NULL, status_reason TEXT NOT NULL, PRIMARY KEY (sequence, child)) WITHOUT ROWID;"
    "CREATE TABLE ranges (sequence INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,"
    " state INTEGER NOT NULL, flags INTEGER NOT NULL, stopped_ms INTEGER NOT NULL, status_reason TEXT NOT "
    "NULL,"
    " PRIMARY KEY (sequence, first)) WITHOUT ROWID;"

    "CREATE TABLE attempts (sequence INTEGER NOT NULL, child INTEGER NOT NULL, attempt INTEGER NOT NULL,"
    " token BLOB NOT NULL, state INTEGER NOT NULL, vcpus_e4 INTEGER NOT NULL, memory_mib INTEGER NOT NULL,"
    " intended_ms INTEGER NOT NULL, started_ms INTEGER NOT NULL, stopped_ms INTEGER NOT NULL,"
    " exit_code INTEGER NOT NULL, environment TEXT NOT NULL, reason TEXT NOT NULL, status_reason TEXT NOT "
    "NULL,"
    " PRIMARY KEY (sequence, child, attempt, token)) WITHOUT ROWID;"

    "CREATE TABLE events (sequence INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, type TEXT NOT NULL,"
    " subject TEXT NOT NULL, message TEXT NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL);"
    "CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;";

/* Machines, run times, and what consumable resources lost for good. */
static const char version_2[] =
    "ALTER TABLE fence ADD COLUMN instance_number INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE resources ADD COLUMN used_up INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE attempts ADD COLUMN instance BLOB NOT NULL DEFAULT x'';"
    "ALTER TABLE attempts ADD COLUMN host TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE attempts ADD COLUMN gpus INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE attempts ADD COLUMN expected_ms INTEGER NOT NULL DEFAULT 0;"
    /* Those that are gone stay for a while, for people and for what they cost. */
    "CREATE TABLE instances (number INTEGER PRIMARY KEY, token BLOB NOT NULL, environment TEXT NOT NULL,"
    " state INTEGER NOT NULL, flags INTEGER NOT NULL, type TEXT NOT NULL, provider_id TEXT NOT NULL,"
    " vcpus_e4 INTEGER NOT NULL, memory_mib INTEGER NOT NULL, gpus INTEGER NOT NULL,"
    " price_micro_per_h INTEGER NOT NULL, intended_ms INTEGER NOT NULL, registered_ms INTEGER NOT NULL,"
    " gone_ms INTEGER NOT NULL, generation INTEGER NOT NULL, status_reason TEXT NOT NULL);"
    "CREATE TABLE durations (definition TEXT PRIMARY KEY, since_ms INTEGER NOT NULL, counts BLOB NOT NULL)"
    " WITHOUT ROWID;"
    "CREATE TABLE share_usage (queue TEXT NOT NULL, share TEXT NOT NULL, bucket_ms INTEGER NOT NULL,"
    " first_bucket INTEGER NOT NULL, inactive_since_ms INTEGER NOT NULL, amounts BLOB NOT NULL,"
    " PRIMARY KEY (queue, share)) WITHOUT ROWID;";

/* Who had what reconciled, and what came of it; what each reconcile did to a resource. */
static const char version_3[] =
    "ALTER TABLE applies ADD COLUMN how INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE applies ADD COLUMN actor TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE applies ADD COLUMN author TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE applies ADD COLUMN signature TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE applies ADD COLUMN started_ms INTEGER NOT NULL DEFAULT 0;"
    "CREATE INDEX applies_by_owner ON applies (owner, id);"
    "CREATE TABLE changes (sequence INTEGER PRIMARY KEY, kind INTEGER NOT NULL, name TEXT NOT NULL,"
    " at_ms INTEGER NOT NULL, apply_id INTEGER NOT NULL, owner TEXT NOT NULL, actor TEXT NOT NULL,"
    " action INTEGER NOT NULL, reason TEXT NOT NULL, fields TEXT NOT NULL);"
    "CREATE INDEX changes_by_name ON changes (kind, name);";

/* Whose doing an event is, and of which revision and plan. */
static const char version_4[] = "ALTER TABLE events ADD COLUMN source TEXT NOT NULL DEFAULT '';"
                                "ALTER TABLE events ADD COLUMN revision TEXT NOT NULL DEFAULT '';"
                                "ALTER TABLE events ADD COLUMN details TEXT NOT NULL DEFAULT '';";

/* What is observed to differ from what is in force. */
static const char version_5[] =
    "CREATE TABLE drifts (kind INTEGER NOT NULL, name TEXT NOT NULL, fields TEXT NOT NULL,"
    " since_ms INTEGER NOT NULL, seen_ms INTEGER NOT NULL, told_ms INTEGER NOT NULL,"
    " corrections INTEGER NOT NULL, refusals INTEGER NOT NULL, next_ms INTEGER NOT NULL,"
    " flags INTEGER NOT NULL, problem TEXT NOT NULL, PRIMARY KEY (kind, name)) WITHOUT ROWID;";

/* What an attempt is called at its provider. */
static const char version_6[] = "ALTER TABLE attempts ADD COLUMN task TEXT NOT NULL DEFAULT '';";

/* Who ran when. What has not ended has no place in it: so an attempt is entered once, behind those that ended
 * before, and what changes until then costs nothing. */
static const char version_7[] = "CREATE INDEX attempts_by_end ON attempts (stopped_ms) WHERE stopped_ms > 0;";

const char *const store_migrations[] = {version_1, version_2, version_3, version_4,
                                        version_5, version_6, version_7};
const int store_version = G_N_ELEMENTS(store_migrations);

/* The version of a file that is ours or empty. */
static bool read_version(Database *database, int newest, int *ret_version, GError **error)
{
    int64_t application = 0, version = 0;
    if (!database_int(database, "PRAGMA application_id", &application, error) ||
        !database_int(database, "PRAGMA user_version", &version, error))
        return false;
    if (version != 0 && application != STORE_APPLICATION_ID) {
        g_set_error(error, STORE_ERROR, STORE_ERROR_CORRUPT,
                    "state directory %s: muster.db is not a muster database", database->state_dir);
        return false;
    }
    if (version > newest) {
        g_set_error(error, STORE_ERROR, STORE_ERROR_VERSION,
                    "state directory %s: written by a newer muster (format %" G_GINT64_FORMAT
                    ", this one knows %d); use that version or restore a backup made by this one",
                    database->state_dir, version, newest);
        return false;
    }
    *ret_version = (int)version;
    return true;
}

static bool run_step(Database *database, const char *sql, int version, GError **error)
{
    g_autofree char *mark = g_strdup_printf("PRAGMA application_id = %d; PRAGMA user_version = %d; COMMIT",
                                            STORE_APPLICATION_ID, version);
    if (database_exec(database, sql, error) && database_exec(database, mark, error))
        return true;
    g_prefix_error(error, "migrating to format %d: ", version);
    return false;
}

bool migrate_run(Database *database, const char *const *steps, int len, GError **error)
{
    for (;;) {
        int version = 0;
        /* The version is read inside the transaction: two processes that open an old file migrate it once. */
        if (!database_exec(database, "BEGIN IMMEDIATE", error))
            return false;
        bool ok = read_version(database, len, &version, error) &&
                  (version == len || run_step(database, steps[version], version + 1, error));
        if (!sqlite3_get_autocommit(database->handle))
            (void)sqlite3_exec(database->handle, "ROLLBACK", NULL, NULL, NULL);
        if (!ok || version == len)
            return ok;
    }
}

bool migrate_check(Database *database, int version, GError **error)
{
    int found = 0;
    if (!read_version(database, version, &found, error))
        return false;
    if (found == 0) {
        g_set_error(error, STORE_ERROR, STORE_ERROR_MISSING, "state directory %s: muster.db is empty",
                    database->state_dir);
        return false;
    }
    if (found < version) {
        g_set_error(error, STORE_ERROR, STORE_ERROR_VERSION,
                    "state directory %s: written by an older muster (format %d, this one reads %d); "
                    "`muster serve` or `muster apply` brings it up to date",
                    database->state_dir, found, version);
        return false;
    }
    return true;
}
