/* store.h: SQLite keeps what the world committed.
 * Owns:   one connection on a writer thread; readers own theirs. Nobody but SQLite opens SQLite's files.
 * Calls:  world/record.h, SQLite. Logs nothing.
 * Holds:  WAL, synchronous=FULL; one transaction for all batches that wait (group commit), each transaction
 * checks and advances the fencing row (term, tick) by the batches in it (invariant 6); batches commit in the
 * order they were handed over, or not at all: after a failure every later batch fails too until the store is
 * reopened. After an fsync error the process must exit (STORE_ERROR_IO on commit: the caller does it). No
 * secondary index on columns that change. */
#pragma once
#include "reconciler/world/record.h"
#include "spec/base/meter.h"

#define STORE_ERROR store_error_quark()
GQuark store_error_quark(void);
typedef enum {
    STORE_ERROR_MISSING, /* no state directory or no database in it (reading commands do not create one) */
    STORE_ERROR_BUSY,    /* somebody else holds it */
    STORE_ERROR_FENCED,  /* another writer has advanced the term */
    STORE_ERROR_FULL,    /* disk full */
    STORE_ERROR_READ_ONLY,
    STORE_ERROR_IO,
    STORE_ERROR_CORRUPT,
    STORE_ERROR_VERSION,   /* written by a newer muster */
    STORE_ERROR_NETWORK_FS /* the state directory is on a network file system */
} StoreErrorCode;

/* Events beyond this many newest ones are dropped as new ones come (invariant 9). */
#define STORE_EVENTS_KEPT 1000000
/* Instances that are gone, beyond this many newest ones, likewise. */
#define STORE_INSTANCES_KEPT 100000
/* Of each source so many newest reconciles, and the newest that was carried out, stay. */
#define STORE_APPLIES_KEPT 10000
/* Changes of resources, all together, beyond this many newest ones go. */
#define STORE_CHANGES_KEPT 1000000

typedef struct Store Store;

/* Opens for writing: creates DIR (0700) and DIR/muster.db where missing, migrates, takes a new term. The
 * caller holds the lease. vfs: NULL for SQLite's own; tests give a faulty one. */
Store *store_open(const char *state_dir, const char *vfs, GError **error);
/* Waits for what was handed over, closes. Completions that were not delivered yet are dropped (what they
 * would tell is in the store); may be called from a completion. */
void store_free(Store *store);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Store, store_free)
uint64_t store_term(const Store *store);

/* Called on the GMainContext that was thread-default at store_open, in order of sequence, once per batch;
 * error NULL: durable. */
typedef void (*StoreCommitted)(uint64_t sequence, const GError *error, void *data);
void store_on_committed(Store *store, StoreCommitted func, void *data);
/* Hands the batch over (taken) with the tick's now_ms; returns its sequence (1, 2, …) at once. */
uint64_t store_commit(Store *store, Batch *batch, int64_t now_ms);
/* Batches handed over and not yet completed. */
size_t store_backlog(const Store *store);
/* Blocks until the sequence is completed; for short-lived commands and tests. */
bool store_wait(Store *store, uint64_t sequence, GError **error);
/* fsync-causing transactions so far, rows written: for metrics and benches. */
void store_counters(const Store *store, uint64_t *ret_transactions, uint64_t *ret_rows);
/* How long these took, SCALE_FAST; of this opening. */
Histogram store_transaction_times(const Store *store);

/* ---- reading: a second, read-only connection; one reader per thread ---- */
typedef struct StoreReader StoreReader;
/* Needs write permission on the directory for WAL's shared memory; a clear error says so. Does not create
 * anything. */
StoreReader *store_reader_open(const char *state_dir, GError **error);
void store_reader_free(StoreReader *reader);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(StoreReader, store_reader_free)
/* All calls between begin and end see one committed state. */
bool store_reader_begin(StoreReader *reader, GError **error);
void store_reader_end(StoreReader *reader);
/* When the last commit was made: for "observations are N s old". */
int64_t store_reader_committed_ms(StoreReader *reader);

/* Which committed state it is: tick counts the batches that the writer of this term has committed, so it is
 * the sequence of the last one. */
typedef struct {
    uint64_t term, tick;
} StorePosition;
bool store_reader_position(StoreReader *reader, StorePosition *ret_position, GError **error);
/* Copies the state that begin has chosen into the file PATH, which must not exist, mode 0600, without
 * flushing it. Nothing waits for it but the log of the database, which is not cut meanwhile. */
bool store_reader_copy(StoreReader *reader, const char *path, GError **error);
/* Bytes of that copy. */
bool store_reader_bytes(StoreReader *reader, int64_t *ret_bytes, GError **error);
int store_format(void); /* version of the schema that this program writes */

/* Everything that may still decide, in RecordSink's order. Also the way back after a failed commit. Of the
 * finished jobs: those that an unfinished one waits for, those of an unfinished run (its outcome depends on
 * theirs) and those with a launch that is still open; children and ranges of every array given; templates
 * that the jobs given refer to. */
bool store_reader_load(StoreReader *reader, const RecordSink *sink, void *data, GError **error);
/* All resources, ordered by kind, name, without specs when DETAIL_BRIEF: spec and next_spec are then "".
 * Metadata is there in both, since a plan compares it for every resource. */
typedef enum { DETAIL_WHOLE, DETAIL_BRIEF } StoreDetail;
typedef bool (*ResourceFunc)(const ResourceRecord *record, void *data);
bool store_reader_resources(StoreReader *reader, StoreDetail detail, ResourceFunc func, void *data,
                            GError **error);
/* *ret_found tells; the record's text is valid until the next call on this reader. */
bool store_reader_resource(StoreReader *reader, Kind kind, View name, bool *ret_found,
                           ResourceRecord *ret_record, GError **error);
/* Run records of one owner (NULL: all), ordered by kind, name, number; DETAIL_BRIEF: without specs. */
typedef bool (*RunFunc)(const RunRecord *record, void *data);
bool store_reader_runs(StoreReader *reader, const char *owner, StoreDetail detail, RunFunc func, void *data,
                       GError **error);
/* *ret_found tells; the record's text is valid until the next call on this reader. */
bool store_reader_run(StoreReader *reader, View id, bool *ret_found, RunRecord *ret_record, GError **error);
/* New string, the caller's; NULL where the run or what it ran is no longer kept. */
bool store_reader_run_spec(StoreReader *reader, View id, char **ret_spec, GError **error);
/* A setting's value, new; *ret_value is NULL where it is not set. */
bool store_reader_setting(StoreReader *reader, const char *name, char **ret_value, GError **error);
/* Whether any whose name begins with prefix has a value. */
bool store_reader_has_setting(StoreReader *reader, const char *prefix, bool *ret_has, GError **error);
/* Settings whose names begin so, by name. */
typedef bool (*SettingFunc)(const SettingRecord *record, void *data);
bool store_reader_settings(StoreReader *reader, const char *beginning, SettingFunc func, void *data,
                           GError **error);
/* What is observed to differ from what is in force, by kind and name. */
typedef bool (*DriftFunc)(const DriftRecord *record, void *data);
bool store_reader_drifts(StoreReader *reader, DriftFunc func, void *data, GError **error);
/* STORE_VALUES_SETTING SOURCE is the setting that holds the values its variables were given (given_values.h).
 */
#define STORE_VALUES_SETTING "values "
/* Whether an apply of this owner was ever staged to its end: then its source has a history here. What an
 * interrupted first apply left is none: --first-run must mean the same when it is tried again. */
bool store_reader_applied(StoreReader *reader, const char *owner, bool *ret_applied, GError **error);
/* Reconciles of one owner (NULL: of all) below the id `before` (0: from the newest), newest first, at most
 * limit. */
typedef bool (*ApplyFunc)(const ApplyRecord *record, void *data);
bool store_reader_applies(StoreReader *reader, const char *owner, int64_t before, size_t limit,
                          ApplyFunc func, void *data, GError **error);
/* *ret_found tells; the record's text is valid until the next call on this reader. */
bool store_reader_apply(StoreReader *reader, int64_t id, bool *ret_found, ApplyRecord *ret_record,
                        GError **error);
/* What was done to a resource, newest first, at most limit. */
typedef bool (*ChangeFunc)(const ChangeRecord *record, void *data);
bool store_reader_changes(StoreReader *reader, Kind kind, View name, size_t limit, ChangeFunc func,
                          void *data, GError **error);
/* The newest apply of each owner, by its id. */
bool store_reader_newest_applies(StoreReader *reader, ApplyFunc func, void *data, GError **error);
/* Those of one Job or Pipeline, ordered by number. */
bool store_reader_runs_of(StoreReader *reader, Kind kind, View name, const char *owner, RunFunc func,
                          void *data, GError **error);

/* One job, finished or not, by id. */
typedef struct {
    JobRecord job;
    TemplateRecord template;
} StoredJob;
bool store_reader_job(StoreReader *reader, const JobId *id, bool *ret_found, StoredJob *ret_job,
                      GError **error);
/* Children that have a row, and ranges, of an array, in order; either func may be NULL. */
typedef bool (*ChildFunc)(const ChildRecord *record, void *data);
typedef bool (*RangeFunc)(const RangeRecord *record, void *data);
bool store_reader_children(StoreReader *reader, uint64_t sequence, ChildFunc child, RangeFunc range,
                           void *data, GError **error);
/* Launches of a job or child, oldest first. index NOT_A_CHILD: the single job's. */
typedef bool (*AttemptFunc)(const AttemptRecord *record, void *data);
bool store_reader_attempts(StoreReader *reader, uint64_t sequence, int32_t index, AttemptFunc func,
                           void *data, GError **error);

/* Attempts that ran at some time from from_ms on and before to_ms, with their jobs: first those that run,
 * then those that ended within it, the newest first, then those that ended later. Text is valid during the
 * call. job NULL: it is no longer kept. func returns false to stop. Looks at ATTEMPTS_LOOKED_MAX rows of each
 * of the three at most (*ret_whole false: there are more). */
#define ATTEMPTS_LOOKED_MAX 20000
typedef bool (*RanFunc)(const AttemptRecord *attempt, const StoredJob *job, void *data);
bool store_reader_ran(StoreReader *reader, int64_t from_ms, int64_t to_ms, RanFunc func, void *data,
                      bool *ret_whole, GError **error);

/* A filter is a scan, newest first, since nothing that changes is indexed: 140 ms for a million jobs that do
 * not match. */
typedef struct {
    View queue;      /* "": any */
    unsigned states; /* bit (1 << JobState); 0: any */
    View name;       /* in any case; trailing * = prefix; "": any */
    View definition; /* NAME of any revision, trailing * = prefix, or NAME:REVISION; "": any */
    View share;      /* share identifier; "": any */
    View run;        /* "": any */
    int64_t created_before_ms, created_after_ms; /* 0: at any time */
    uint64_t before;                             /* sequence below this; 0: from the newest */
    size_t limit;
} JobFilter;
typedef bool (*JobFunc)(const StoredJob *job, void *data);
bool store_reader_jobs(StoreReader *reader, const JobFilter *filter, JobFunc func, void *data,
                       GError **error); /* newest first */
/* Launches on a compute environment that have not ended. */
bool store_reader_launches(StoreReader *reader, View environment, size_t *ret_count, GError **error);
typedef bool (*EventFunc)(const EventRecord *record, void *data);
bool store_reader_events(StoreReader *reader, uint64_t after, size_t limit, EventFunc func, void *data,
                         GError **error);
/* Those below a sequence, the newest first. */
bool store_reader_events_before(StoreReader *reader, uint64_t before, size_t limit, EventFunc func,
                                void *data, GError **error);
/* Finished before cutoff, oldest first, that nothing unfinished refers to: sequences to expire, at most max.
 */
bool store_reader_expired(StoreReader *reader, int64_t cutoff_ms, size_t max, GArray *ret_sequences,
                          GError **error);
