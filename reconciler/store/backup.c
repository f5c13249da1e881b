/* backup.c: see backup.h. */
#include "reconciler/store/backup.h"
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <jansson.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include "reconciler/store/migrate.h"
#include "reconciler/store/reader.h"
#include "reconciler/world/world.h"

#define STATE_FILE "muster.db"
/* A small file beside the state that digests depend on: in a backup it is a setting, which nobody else reads.
 */
#define IDENTITY_FILE    "installation"
#define IDENTITY_SETTING "backup installation"
#define IDENTITY_MAX     256

static bool fail_system(const char *path, int number, GError **error)
{
    g_set_error(error, G_FILE_ERROR, (int)g_file_error_from_errno(number), "%s: %s", path,
                g_strerror(number));
    return false;
}

static bool fail_store(const char *path, sqlite3 *handle, int result, GError **error)
{
    StoreErrorCode code = result == SQLITE_FULL                                 ? STORE_ERROR_FULL
                          : result == SQLITE_NOTADB || result == SQLITE_CORRUPT ? STORE_ERROR_CORRUPT
                                                                                : STORE_ERROR_IO;
    g_set_error(error, STORE_ERROR, (int)code, "%s: %s", path,
                handle ? sqlite3_errmsg(handle) : sqlite3_errstr(result));
    return false;
}

static bool flush(const char *path, GError **error)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    bool is_flushed = fd >= 0 && fsync(fd) == 0;
    int number = errno;
    if (fd >= 0)
        close(fd);
    return is_flushed || fail_system(path, number, error);
}

static bool flush_directory_of(const char *path, GError **error)
{
    g_autofree char *directory = g_path_get_dirname(path);
    return flush(directory, error);
}

/* ---- a single file, opened ---- */

static void handle_close(sqlite3 *handle)
{
    sqlite3_close(handle);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(sqlite3, handle_close)

/* NULL with error. */
static sqlite3 *open_file(const char *path, int flags, GError **error)
{
    g_autoptr(sqlite3) handle = NULL;
    struct stat info;
    if (stat(path, &info) != 0) {
        fail_system(path, errno, error);
        return NULL;
    }
    if (!S_ISREG(info.st_mode)) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL, "%s: that is no file", path);
        return NULL;
    }
    int result = sqlite3_open_v2(path, &handle, flags, NULL);
    if (result != SQLITE_OK) {
        fail_store(path, handle, result, error);
        return NULL;
    }
    (void)sqlite3_db_config(handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    (void)sqlite3_db_config(handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    return g_steal_pointer(&handle);
}

/* The first column of the first row, a new string; NULL: none. *ret_result: SQLite's. */
static char *text_of(sqlite3 *handle, const char *sql, int *ret_result)
{
    sqlite3_stmt *statement = NULL;
    char *text = NULL;
    *ret_result = sqlite3_prepare_v2(handle, sql, -1, &statement, NULL);
    if (*ret_result == SQLITE_OK && (*ret_result = sqlite3_step(statement)) == SQLITE_ROW)
        text = g_strdup((const char *)sqlite3_column_text(statement, 0));
    if (*ret_result == SQLITE_ROW || *ret_result == SQLITE_DONE)
        *ret_result = SQLITE_OK;
    sqlite3_finalize(statement);
    return text;
}

static bool number_of(const char *path, sqlite3 *handle, const char *sql, int64_t *ret_value, GError **error)
{
    int result;
    g_autofree char *text = text_of(handle, sql, &result);
    if (result != SQLITE_OK)
        return fail_store(path, handle, result, error);
    *ret_value = text ? g_ascii_strtoll(text, NULL, 10) : 0;
    return true;
}

static bool execute(const char *path, sqlite3 *handle, const char *sql, GError **error)
{
    int result = sqlite3_exec(handle, sql, NULL, NULL, NULL);
    return result == SQLITE_OK || fail_store(path, handle, result, error);
}

static bool set_setting(const char *path, sqlite3 *handle, const char *name, const char *value,
                        GError **error)
{
    sqlite3_stmt *statement = NULL;
    int result = sqlite3_prepare_v2(handle, "REPLACE INTO settings VALUES (?, ?)", -1, &statement, NULL);
    if (result == SQLITE_OK) {
        sqlite3_bind_text(statement, 1, name, -1, SQLITE_STATIC);
        sqlite3_bind_text(statement, 2, value, -1, SQLITE_STATIC);
        result = sqlite3_step(statement);
    }
    sqlite3_finalize(statement);
    return result == SQLITE_DONE || fail_store(path, handle, result, error);
}

/* ---- what it is ---- */

static bool check_format(const char *path, sqlite3 *handle, GError **error)
{
    int64_t application = 0, format = 0;
    if (!number_of(path, handle, "PRAGMA application_id", &application, error) ||
        !number_of(path, handle, "PRAGMA user_version", &format, error))
        return false;
    if (application != STORE_APPLICATION_ID || format < 1) {
        g_set_error(error, STORE_ERROR, STORE_ERROR_CORRUPT, "%s is no backup of muster's state", path);
        return false;
    }
    if (format > store_format()) {
        g_set_error(error, STORE_ERROR, STORE_ERROR_VERSION,
                    "%s was made by a newer muster (format %" G_GINT64_FORMAT
                    ", this one knows %d): restore it with that version",
                    path, format, store_format());
        return false;
    }
    return true;
}

static bool check_pages(const char *path, sqlite3 *handle, GError **error)
{
    int result;
    g_autofree char *found = text_of(handle, "PRAGMA integrity_check(1)", &result);
    if (result != SQLITE_OK)
        return fail_store(path, handle, result, error);
    if (g_strcmp0(found, "ok") == 0)
        return true;
    g_set_error(error, STORE_ERROR, STORE_ERROR_CORRUPT, "%s is damaged: %s", path, found ? found : "");
    return false;
}

static bool read_info(const char *path, sqlite3 *handle, BackupInfo *ret_info, GError **error)
{
    int64_t term = 0;
    int result;
    struct stat info;
    g_autofree char *installation =
        text_of(handle, "SELECT value FROM settings WHERE name = '" INSTALLATION_SETTING "'", &result);
    *ret_info = (BackupInfo){.bytes = stat(path, &info) == 0 ? info.st_size : 0};
    g_strlcpy(ret_info->installation, installation ? installation : "", sizeof ret_info->installation);
    bool is_read = number_of(path, handle, "SELECT now_ms FROM fence", &ret_info->committed_ms, error) &&
                   number_of(path, handle, "SELECT term FROM fence", &term, error);
    ret_info->term = (uint64_t)term;
    return is_read;
}

bool backup_check(const char *path, BackupInfo *ret_info, GError **error)
{
    g_autoptr(sqlite3) handle = open_file(path, SQLITE_OPEN_READONLY, error);
    return handle && check_format(path, handle, error) && check_pages(path, handle, error) &&
           read_info(path, handle, ret_info, error);
}

/* ---- writing ---- */

bool backup_is_far(const char *place)
{
    return g_str_has_prefix(place, "s3://");
}

/* A copy of a write-ahead database would ask for its log, wherever it is opened. */
static bool make_single(const char *state_dir, const char *path, BackupInfo *ret_info, GError **error)
{
    g_autofree char *identity_path = g_build_filename(state_dir, IDENTITY_FILE, NULL), *identity = NULL;
    gsize len = 0;
    bool has_identity = g_file_get_contents(identity_path, &identity, &len, NULL) && len < IDENTITY_MAX;
    g_autoptr(sqlite3) handle = open_file(path, SQLITE_OPEN_READWRITE, error);
    return handle && execute(path, handle, "PRAGMA journal_mode = DELETE", error) &&
           (!has_identity || set_setting(path, handle, IDENTITY_SETTING, identity, error)) &&
           check_pages(path, handle, error) && read_info(path, handle, ret_info, error);
}

static bool copy_state(const char *state_dir, const char *path, GError **error)
{
    g_autoptr(StoreReader) reader = store_reader_open(state_dir, error);
    if (!reader || !store_reader_begin(reader, error))
        return false;
    bool is_copied = store_reader_copy(reader, path, error);
    store_reader_end(reader);
    return is_copied;
}

static bool fail_exists(const char *path, GError **error)
{
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_EXIST,
                "%s is there already; --force replaces it, another name keeps both", path);
    return false;
}

/* link() never replaces, rename() does. */
static bool name_it(const char *fresh, const char *path, bool replaces, GError **error)
{
    if (replaces ? g_rename(fresh, path) == 0 : link(fresh, path) == 0)
        return flush_directory_of(path, error);
    if (errno == EEXIST)
        return fail_exists(path, error);
    return fail_system(path, errno, error);
}

bool backup_write(const char *state_dir, const char *path, bool replaces, BackupInfo *ret_info,
                  GError **error)
{
    g_autofree char *fresh = g_strdup_printf("%s.%d.partial", path, (int)getpid());
    if (!replaces && g_file_test(path, G_FILE_TEST_EXISTS))
        return fail_exists(path, error);
    g_unlink(fresh);
    bool is_written = copy_state(state_dir, fresh, error) && make_single(state_dir, fresh, ret_info, error) &&
                      flush(fresh, error) && name_it(fresh, path, replaces, error);
    g_unlink(fresh);
    return is_written;
}

/* ---- restoring ---- */

static bool copy_bytes(int from, int to)
{
    char bytes[64 << 10];
    ssize_t len;
    while ((len = read(from, bytes, sizeof bytes)) > 0)
        for (ssize_t done = 0, written; done < len; done += written)
            if ((written = write(to, bytes + done, (size_t)(len - done))) < 0)
                return false;
    return len == 0;
}

static bool copy_file(const char *path, const char *to, GError **error)
{
    int in = open(path, O_RDONLY | O_CLOEXEC);
    if (in < 0)
        return fail_system(path, errno, error);
    int out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    bool is_copied = out >= 0 && copy_bytes(in, out);
    int number = errno;
    close(in);
    if (out >= 0 && close(out) != 0 && is_copied) {
        number = errno;
        is_copied = false;
    }
    return is_copied || fail_system(to, number, error);
}

static char *restored_text(const BackupInfo *info, const char *from, int64_t now_ms)
{
    json_t *object = json_pack("{s:I,s:s,s:I}", "at", (json_int_t)now_ms, "from", from, "standsFor",
                               (json_int_t)info->committed_ms);
    char *text = json_dumps(object, JSON_COMPACT), *copy = g_strdup(text ? text : "{}");
    free(text);
    json_decref(object);
    return copy;
}

/* *ret_identity: what the identity file holds; NULL: there was none. */
static bool prepare(const char *path, const char *from, int64_t now_ms, BackupInfo *ret_info,
                    char **ret_identity, GError **error)
{
    g_autoptr(sqlite3) handle = open_file(path, SQLITE_OPEN_READWRITE, error);
    if (!handle || !check_format(from, handle, error) || !check_pages(from, handle, error) ||
        !read_info(path, handle, ret_info, error))
        return false;
    int result;
    *ret_identity =
        text_of(handle, "SELECT value FROM settings WHERE name = '" IDENTITY_SETTING "'", &result);
    g_autofree char *restored = restored_text(ret_info, from, now_ms),
                    *advance = g_strdup_printf("UPDATE fence SET term = term + %d, tick = 0", RESTORE_TERMS);
    return execute(path, handle, "BEGIN", error) && execute(path, handle, advance, error) &&
           execute(path, handle, "DELETE FROM settings WHERE name = '" IDENTITY_SETTING "'", error) &&
           set_setting(path, handle, RESTORED_SETTING, restored, error) &&
           execute(path, handle, "COMMIT", error);
}

/* The log and the shared memory belong to the file by their names. */
static bool move_aside(const char *state_path, int64_t now_ms, char **ret_aside, GError **error)
{
    static const char *const suffixes[] = {"-wal", "-shm",
                                           ""}; /* the log first: without it the file is older */
    g_autoptr(GDateTime) now = g_date_time_new_from_unix_utc(now_ms / 1000);
    g_autofree char *at = g_date_time_format(now, "%Y%m%dT%H%M%SZ"),
                    *aside = g_strdup_printf("%s.before-restore-%s", state_path, at);
    for (size_t i = 0; i < G_N_ELEMENTS(suffixes); i++) {
        g_autofree char *old = g_strconcat(state_path, suffixes[i], NULL),
                        *new = g_strconcat(aside, suffixes[i], NULL);
        if (g_rename(old, new) != 0 && errno != ENOENT)
            return fail_system(old, errno, error);
    }
    *ret_aside = g_steal_pointer(&aside);
    return true;
}

static bool put_identity(const char *state_dir, const char *identity, GError **error)
{
    g_autofree char *path = g_build_filename(state_dir, IDENTITY_FILE, NULL);
    return !identity || g_file_set_contents_full(path, identity, -1,
                                                 G_FILE_SET_CONTENTS_CONSISTENT | G_FILE_SET_CONTENTS_DURABLE,
                                                 0644, error);
}

bool backup_restore(const char *path, const char *state_dir, const char *from, bool moves_aside,
                    int64_t now_ms, BackupInfo *ret_info, char **ret_aside, GError **error)
{
    g_autofree char *state_path = g_build_filename(state_dir, STATE_FILE, NULL),
                    *fresh = g_strconcat(state_path, ".restoring", NULL), *identity = NULL;
    bool is_there = g_file_test(state_path, G_FILE_TEST_EXISTS);
    *ret_aside = NULL;
    if (is_there && !moves_aside) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_EXIST,
                    "state directory %s holds a state already: restore into another one (--state), or with "
                    "--force, which renames what is there",
                    state_dir);
        return false;
    }
    bool is_restored = copy_file(path, fresh, error) &&
                       prepare(fresh, from, now_ms, ret_info, &identity, error) && flush(fresh, error) &&
                       (!is_there || move_aside(state_path, now_ms, ret_aside, error)) &&
                       put_identity(state_dir, identity, error) && name_it(fresh, state_path, false, error);
    g_unlink(fresh);
    return is_restored;
}
