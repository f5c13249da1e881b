/* reader.h: inside of a StoreReader, for the files that read (reader.c, list.c, load.c).
 * Owns:   a read-only connection and its prepared statements.
 * Calls:  rows.h.
 * Holds:  a call that needs several statements sees one committed state: reader_enter opens a transaction
 * where store_reader_begin has not. */
#pragma once
#include "reconciler/store/rows.h"

typedef enum {
    READ_FENCE,
    READ_RESOURCES_BRIEF,
    READ_RESOURCES_WHOLE,
    READ_RESOURCE,
    READ_REVISIONS,
    READ_TEMPLATE,
    READ_TEMPLATE_DEFINITIONS,
    READ_DURATIONS,
    READ_USAGE,
    READ_DRIFTS,
    READ_RUNS,
    READ_RUNS_BY_NAME,
    READ_RUNS_BY_NAME_BRIEF,
    READ_RUNS_OF_OWNER,
    READ_RUNS_OF_OWNER_BRIEF,
    READ_RUN,
    READ_RUNS_OF_RESOURCE,
    READ_APPLIES_NEWEST,
    READ_APPLIED,
    READ_APPLIES,
    READ_APPLIES_OF_OWNER,
    READ_APPLY,
    READ_CHANGES,
    READ_JOB_BY_ID,
    READ_JOB_BY_SEQUENCE,
    READ_JOB_STATE_BY_ID,
    READ_JOBS_UNFINISHED,
    READ_JOBS_UNFINISHED_KEYS,
    READ_JOBS_OF_OPEN_LAUNCHES,
    READ_JOBS_OF_OPEN_RUNS,
    READ_JOBS_NEWEST,
    READ_JOBS_OLDEST,
    READ_DEPENDENCIES,
    READ_CHILDREN,
    READ_RANGES,
    READ_INSTANCES,
    READ_ATTEMPTS_OF,
    READ_ATTEMPTS_OPEN,
    READ_ATTEMPTS_CLOSED,
    READ_ATTEMPTS_ON,
    READ_ATTEMPTS_RUNNING,
    READ_ATTEMPTS_ENDED,
    READ_ATTEMPTS_ENDED_LATER,
    READ_EVENTS,
    READ_EVENTS_BEFORE,
    READ_SETTING,
    READ_SETTING_LIKE,
    READ_SETTINGS,
    READ_SETTINGS_BEGINNING,
    READ_COUNT
} ReadStatement;

struct StoreReader {
    Database *database;
    sqlite3_stmt *statements[READ_COUNT]; /* prepared at first use, kept */
    GArray *dependencies;                 /* of the job row at hand */
    Batch *kept;                          /* owns the text of the single record given last; may be NULL */
    bool is_begun;
};

/* The numbers of the fencing row. */
typedef struct {
    Counters counters;
    uint64_t floor;
    StorePosition position;
} Fence;
bool reader_fence(StoreReader *reader, Fence *ret_fence, GError **error);

/* An empty batch that lives until the next call of this: texts of a single record that the caller goes on
 * reading while no statement stays on its row (it would hold an old state for later calls). */
Batch *reader_keep(StoreReader *reader);
/* A set of JobId that owns what is added (g_memdup2). */
GHashTable *reader_id_set_new(void);
/* ret_entered: give it to reader_leave. */
bool reader_enter(StoreReader *reader, bool *ret_entered, GError **error);
void reader_leave(StoreReader *reader, bool entered);
bool reader_statement(StoreReader *reader, ReadStatement which, Cursor *ret_cursor, GError **error);
/* *ret_row false: no more rows; the statement is then reset. */
bool reader_step(StoreReader *reader, Cursor *cursor, bool *ret_row, GError **error);
/* Whether the row that was just read made sense; call after the get_ functions. */
bool reader_sound(StoreReader *reader, const Cursor *cursor, GError **error);
