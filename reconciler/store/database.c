#include "reconciler/store/database.h"
#include "reconciler/store/network_fs.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

G_DEFINE_QUARK(muster - store - error, store_error)

/* Pages of 4 KiB; the cache is bounded so that an idle daemon stays small: the kernel caches the file anyway.
 */
#define CACHE_KIB_WRITER 4096
#define CACHE_KIB_READER 2048
#define BUSY_TIMEOUT_MS  5000
#define WAL_KEPT_BYTES   (64 << 20) /* a WAL that grew beyond this is cut back when it is reset */
#define DATABASE_FILE    "muster.db"

static bool is_no_space(int number)
{
    return number == ENOSPC || number == EDQUOT;
}

static bool is_read_only(int number)
{
    return number == EROFS || number == EACCES || number == EPERM;
}

/* An fsync that failed is never taken for a full disk: what it was to make durable may be gone (DESIGN
 * invariant 1). */
static StoreErrorCode error_code(int result, int extended, int number)
{
    if (extended == SQLITE_IOERR_FSYNC || extended == SQLITE_IOERR_DIR_FSYNC)
        return STORE_ERROR_IO;
    switch (result) {
    case SQLITE_FULL: return STORE_ERROR_FULL;
    case SQLITE_BUSY:
    case SQLITE_LOCKED: return STORE_ERROR_BUSY;
    case SQLITE_READONLY:
    case SQLITE_PERM: return STORE_ERROR_READ_ONLY;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_CONSTRAINT: return STORE_ERROR_CORRUPT;
    default: break;
    }
    if (is_no_space(number))
        return STORE_ERROR_FULL;
    return is_read_only(number) ? STORE_ERROR_READ_ONLY : STORE_ERROR_IO;
}

static const char *error_cure(StoreErrorCode code)
{
    switch (code) {
    case STORE_ERROR_FULL:
        return "; free space on its file system, then start again: nothing acknowledged is lost";
    case STORE_ERROR_READ_ONLY:
        return "; make it and its files writable for this user, or choose another with --state";
    case STORE_ERROR_BUSY: return "; another process holds the database: end it and try again";
    case STORE_ERROR_IO: return "; check the disk, then start again: nothing acknowledged is lost";
    case STORE_ERROR_CORRUPT:
        return "; end what uses it, then put a backup back (`muster restore FILE --force`), if there is one, "
               "or move "
               "this directory "
               "away (keep it for a report) and begin anew: `muster apply SOURCE --first-run record` repeats "
               "nothing that has run";
    case STORE_ERROR_MISSING:
    case STORE_ERROR_FENCED:
    case STORE_ERROR_VERSION:
    case STORE_ERROR_NETWORK_FS: break;
    }
    return "";
}

static void set_error(const char *state_dir, StoreErrorCode code, const char *doing, const char *what,
                      GError **error)
{
    g_set_error(error, STORE_ERROR, (gint)code, "state directory %s: %s: %s%s", state_dir, doing, what,
                error_cure(code));
}

bool database_fail(const Database *database, int result, const char *doing, GError **error)
{
    int extended = sqlite3_extended_errcode(database->handle);
    int number = sqlite3_system_errno(database->handle);
    bool is_last =
        (extended & 0xff) == (result & 0xff); /* else the connection knows nothing of this failure */
    StoreErrorCode code = error_code(result & 0xff, is_last ? extended : result, is_last ? number : 0);
    const char *text = is_last ? sqlite3_errmsg(database->handle) : sqlite3_errstr(result);
    bool by_system =
        is_last && number != 0 && (result & 0xff) != SQLITE_CONSTRAINT && (result & 0xff) != SQLITE_CORRUPT;
    g_autofree char *what = by_system ? g_strdup_printf("%s (%s)", text, g_strerror(number)) : g_strdup(text);
    set_error(database->state_dir, code, doing, what, error);
    return false;
}

bool database_exec(Database *database, const char *sql, GError **error)
{
    int result = sqlite3_exec(database->handle, sql, NULL, NULL, NULL);
    return result == SQLITE_OK || database_fail(database, result, "database", error);
}

sqlite3_stmt *database_prepare(Database *database, const char *sql, GError **error)
{
    sqlite3_stmt *statement = NULL;
    int result = sqlite3_prepare_v3(database->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, NULL);
    if (result != SQLITE_OK)
        database_fail(database, result, "database", error);
    return statement;
}

bool database_int(Database *database, const char *sql, int64_t *ret_value, GError **error)
{
    sqlite3_stmt *statement = database_prepare(database, sql, error);
    if (!statement)
        return false;
    int result = sqlite3_step(statement);
    int64_t value = result == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : 0;
    bool ok = result == SQLITE_ROW || result == SQLITE_DONE || database_fail(database, result, "read", error);
    sqlite3_finalize(statement);
    if (ok)
        *ret_value = value;
    return ok;
}

bool cursor_run(Cursor *cursor, Database *database, const char *doing, GError **error)
{
    int result = cursor->result;
    if (result == SQLITE_OK)
        result = sqlite3_step(cursor->statement);
    bool ok = result == SQLITE_DONE || database_fail(database, result, doing, error);
    sqlite3_reset(cursor->statement);
    return ok;
}

/* ---- opening ---- */

/* mkdir -p with each new entry made durable: a committed database must not vanish with its directory. */
static bool make_directory(const char *path, GError **error)
{
    if (mkdir(path, 0700) == 0 || errno == EEXIST) {
        g_autofree char *parent = g_path_get_dirname(path);
        int fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd >= 0) {
            (void)fsync(fd); /* some file systems cannot; the database's own syncs are checked */
            close(fd);
        }
        return true;
    }
    g_autofree char *parent = g_path_get_dirname(path);
    if (errno == ENOENT && !g_str_equal(parent, path))
        return make_directory(parent, error) && make_directory(path, error);
    int number = errno;
    StoreErrorCode code = is_no_space(number)    ? STORE_ERROR_FULL
                          : is_read_only(number) ? STORE_ERROR_READ_ONLY
                                                 : STORE_ERROR_IO;
    set_error(path, code, "cannot be made", g_strerror(number), error);
    return false;
}

static bool check_directory(const char *state_dir, DatabaseMode mode, GError **error)
{
    struct stat info;
    bool exists = stat(state_dir, &info) == 0;
    if (!exists && mode == DATABASE_READ) {
        g_set_error(
            error, STORE_ERROR, STORE_ERROR_MISSING,
            "no state directory %s; `muster apply` or `muster serve` makes one, --state DIR names another",
            state_dir);
        return false;
    }
    if (!exists && !make_directory(state_dir, error))
        return false;
    if (exists && !S_ISDIR(info.st_mode)) {
        set_error(state_dir, STORE_ERROR_IO, "open", "it is not a directory", error);
        return false;
    }
    const char *network = network_fs_name(state_dir);
    if (network) {
        g_set_error(error, STORE_ERROR, STORE_ERROR_NETWORK_FS,
                    "state directory %s is on a network file system (%s), which cannot keep a database safe; "
                    "choose a local one with --state DIR or $MUSTER_STATE",
                    state_dir, network);
        return false;
    }
    if (access(state_dir, W_OK | X_OK) == 0)
        return true;
    set_error(state_dir, STORE_ERROR_READ_ONLY, "open",
              mode == DATABASE_READ
                  ? "reading needs write permission too (SQLite's shared memory lies beside the "
                    "database), or a daemon to ask"
                  : g_strerror(errno),
              error);
    return false;
}

/* SQLite would make the file with the umask's mode; its WAL and shared memory take the mode of the file. Made
 * only where none is, hence never while SQLite has it open (closing a descriptor would drop its locks). */
static bool make_file(const char *state_dir, const char *path, GError **error)
{
    int fd = open(path, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd >= 0) {
        close(fd);
        return true;
    }
    if (errno == EEXIST)
        return true;
    int number = errno;
    StoreErrorCode code = is_no_space(number)    ? STORE_ERROR_FULL
                          : is_read_only(number) ? STORE_ERROR_READ_ONLY
                                                 : STORE_ERROR_IO;
    set_error(state_dir, code, DATABASE_FILE, g_strerror(number), error);
    return false;
}

static bool check_file(const char *state_dir, const char *path, DatabaseMode mode, GError **error)
{
    if (mode == DATABASE_WRITE)
        return make_file(state_dir, path, error);
    struct stat info;
    if (stat(path, &info) == 0)
        return true;
    g_set_error(
        error, STORE_ERROR, STORE_ERROR_MISSING,
        "state directory %s holds no state yet (no muster.db); `muster apply` or `muster serve` makes it",
        state_dir);
    return false;
}

/* The pragma answers with the mode that is in force, and calls it no error when that is another one. */
static bool use_wal(Database *database, GError **error)
{
    sqlite3_stmt *statement = database_prepare(database, "PRAGMA journal_mode = WAL", error);
    if (!statement)
        return false;
    int result = sqlite3_step(statement);
    bool ok = result == SQLITE_ROW && g_strcmp0((const char *)sqlite3_column_text(statement, 0), "wal") == 0;
    if (!ok && result == SQLITE_ROW)
        set_error(database->state_dir, STORE_ERROR_IO, "open", "write-ahead logging is not possible here",
                  error);
    else if (!ok)
        database_fail(database, result, "open", error);
    sqlite3_finalize(statement);
    return ok;
}

/* The writer checkpoints by itself, off the path of a commit (store.c); deleted text need not be overwritten,
 * which Debian's SQLite would do otherwise. */
static bool configure(Database *database, DatabaseMode mode, GError **error)
{
    (void)sqlite3_extended_result_codes(database->handle, 1);
    (void)sqlite3_busy_timeout(database->handle, BUSY_TIMEOUT_MS);
    (void)sqlite3_db_config(database->handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    (void)sqlite3_db_config(database->handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    g_autofree char *common = g_strdup_printf("PRAGMA cache_size = -%d; PRAGMA cell_size_check = ON",
                                              mode == DATABASE_WRITE ? CACHE_KIB_WRITER : CACHE_KIB_READER);
    if (!database_exec(database, common, error))
        return false;
    if (mode == DATABASE_READ)
        return database_exec(database, "PRAGMA query_only = ON", error);
    g_autofree char *limit = g_strdup_printf("PRAGMA journal_size_limit = %d", WAL_KEPT_BYTES);
    return database_exec(database, "PRAGMA page_size = 4096", error) && use_wal(database, error) &&
           database_exec(
               database,
               "PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0; PRAGMA secure_delete = OFF",
               error) &&
           database_exec(database, limit, error);
}

Database *database_open(const char *state_dir, const char *vfs, DatabaseMode mode, GError **error)
{
    g_autofree char *path = g_build_filename(state_dir, DATABASE_FILE, NULL);
    if (!check_directory(state_dir, mode, error) || !check_file(state_dir, path, mode, error))
        return NULL;
    g_autoptr(Database) database = g_new0(Database, 1);
    database->state_dir = g_strdup(state_dir);
    int flags = SQLITE_OPEN_NOMUTEX | (mode == DATABASE_WRITE ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY);
    int result = sqlite3_open_v2(path, &database->handle, flags, vfs);
    if (result != SQLITE_OK) {
        if (database->handle)
            database_fail(database, result, "open", error);
        else
            set_error(state_dir, STORE_ERROR_IO, "open", sqlite3_errstr(result), error);
        return NULL;
    }
    if (!configure(database, mode, error))
        return NULL;
    return g_steal_pointer(&database);
}

int64_t database_reserve_log(Database *database, int64_t len)
{
    static const char zeros[64 << 10];
    sqlite3_file *log = NULL;
    sqlite3_int64 size = 0;
    if (sqlite3_file_control(database->handle, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log) != SQLITE_OK ||
        !log || !log->pMethods || log->pMethods->xFileSize(log, &size) != SQLITE_OK)
        return 0;
    sqlite3_int64 at = size;
    while (at < len) {
        int piece = (int)MIN(len - at, (sqlite3_int64)sizeof zeros);
        if (log->pMethods->xWrite(log, zeros, piece, at) != SQLITE_OK)
            break;
        at += piece;
    }
    if (at > size)
        (void)log->pMethods->xSync(log, SQLITE_SYNC_NORMAL);
    return at;
}

void database_close(Database *database)
{
    if (!database)
        return;
    for (sqlite3_stmt *statement;
         database->handle && (statement = sqlite3_next_stmt(database->handle, NULL));)
        sqlite3_finalize(statement);
    (void)sqlite3_close(database->handle);
    g_free(database->state_dir);
    g_free(database);
}
