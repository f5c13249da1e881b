/* database.h: one SQLite connection, opened the way this program wants it, and faults as GErrors.
 * Owns:   the connection and the statements prepared through it. Used by one thread at a time.
 * Calls:  SQLite, network_fs.h.
 * Holds:  every error text names the state directory and, where there is one, the cure. */
#pragma once
#include <sqlite3.h>
#include "reconciler/store/store.h"

typedef struct {
    sqlite3 *handle;
    char *state_dir;
} Database;

typedef enum {
    DATABASE_WRITE, /* creates directory and file where missing */
    DATABASE_READ   /* creates nothing */
} DatabaseMode;

Database *database_open(const char *state_dir, const char *vfs, DatabaseMode mode, GError **error);
void database_close(Database *database);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Database, database_close)

/* Sets *error from SQLite's result and the connection's last message; returns false. doing: "commit", "open"
 * … */
bool database_fail(const Database *database, int result, const char *doing, GError **error);
/* Runs statements that give no rows. */
bool database_exec(Database *database, const char *sql, GError **error);
/* Writes zeros behind the end of the write-ahead log, up to len bytes in all, so that commits up to there
 * change no size: a flush that has to write a new size too takes twice as long. What a log holds ends at the
 * first frame that is not one; zeros are none. Returns the log's length; a failure is none of the database,
 * the next commit will tell. */
int64_t database_reserve_log(Database *database, int64_t len);
/* New statement, finalized by statement_clear or database_close. NULL with error. */
sqlite3_stmt *database_prepare(Database *database, const char *sql, GError **error);
/* The single integer that sql gives; 0 when it gives no row. */
bool database_int(Database *database, const char *sql, int64_t *ret_value, GError **error);

/* ---- filling a statement, parameter by parameter, in order ---- */
typedef struct {
    sqlite3_stmt *statement;
    int at;     /* last parameter bound, or last column read */
    int result; /* first failure of a bind */
} Cursor;

static inline Cursor cursor_on(sqlite3_stmt *statement)
{
    return (Cursor){statement, 0, SQLITE_OK};
}

static inline void cursor_note(Cursor *cursor, int result)
{
    if (cursor->result == SQLITE_OK)
        cursor->result = result;
}

static inline void put_int(Cursor *cursor, int64_t value)
{
    cursor_note(cursor, sqlite3_bind_int64(cursor->statement, ++cursor->at, value));
}

/* Sequences stay far below 2^63: SQLite has no unsigned integers. */
static inline void put_unsigned(Cursor *cursor, uint64_t value)
{
    g_assert(value <= INT64_MAX);
    put_int(cursor, (int64_t)value);
}

/* Borrowed until the statement has run. */
static inline void put_text(Cursor *cursor, View text)
{
    cursor_note(cursor, sqlite3_bind_text64(cursor->statement, ++cursor->at, text.len ? text.data : "",
                                            text.len, SQLITE_STATIC, SQLITE_UTF8));
}

static inline void put_blob(Cursor *cursor, const void *bytes, size_t len)
{
    cursor_note(cursor,
                sqlite3_bind_blob64(cursor->statement, ++cursor->at, len ? bytes : "", len, SQLITE_STATIC));
}

/* Runs a filled statement that gives no rows and makes it ready for the next filling. */
bool cursor_run(Cursor *cursor, Database *database, const char *doing, GError **error);

/* ---- reading a row, column by column, in order; a Cursor for that starts with cursor_on() too ---- */
static inline int64_t get_int(Cursor *cursor)
{
    return sqlite3_column_int64(cursor->statement, cursor->at++);
}

static inline uint64_t get_unsigned(Cursor *cursor)
{
    return (uint64_t)get_int(cursor);
}

/* Borrowed until the statement steps. Read as a blob: the bytes as they stand, with no terminator added. */
static inline View get_text(Cursor *cursor)
{
    const void *bytes = sqlite3_column_blob(cursor->statement, cursor->at);
    int len = sqlite3_column_bytes(cursor->statement, cursor->at);
    cursor->at++;
    return len > 0 ? (View){bytes, (size_t)len} : VIEW("");
}

/* Exactly len bytes, or zeros where the column holds anything else (NULL: an absent digest). */
static inline void get_bytes(Cursor *cursor, void *ret_bytes, size_t len)
{
    View bytes = get_text(cursor);
    if (bytes.len == len)
        memcpy(ret_bytes, bytes.data, len);
    else
        memset(ret_bytes, 0, len);
}
