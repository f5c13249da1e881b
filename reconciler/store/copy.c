/* copy.c: one committed state as a file of its own. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>
#include "reconciler/store/reader.h"

/* Made here, so that nobody else may read it even for a moment. */
static bool create(const char *path, GError **error)
{
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        g_set_error(error, STORE_ERROR, errno == ENOSPC ? STORE_ERROR_FULL : STORE_ERROR_IO, "%s: %s", path,
                    g_strerror(errno));
        return false;
    }
    close(fd);
    return true;
}

/* The backup takes part in the transaction that the reader has open: the state cannot move under it. */
static int copy_into(StoreReader *reader, sqlite3 *target)
{
    sqlite3_exec(target, "PRAGMA synchronous = OFF", NULL, NULL, NULL);
    sqlite3_backup *backup = sqlite3_backup_init(target, "main", reader->database->handle, "main");
    if (!backup)
        return sqlite3_errcode(target);
    sqlite3_backup_step(backup, -1);
    return sqlite3_backup_finish(backup);
}

bool store_reader_copy(StoreReader *reader, const char *path, GError **error)
{
    sqlite3 *target = NULL;
    g_assert(reader->is_begun);
    if (!create(path, error))
        return false;
    int result = sqlite3_open_v2(path, &target, SQLITE_OPEN_READWRITE, NULL);
    if (result == SQLITE_OK)
        result = copy_into(reader, target);
    if (result != SQLITE_OK)
        g_set_error(error, STORE_ERROR, result == SQLITE_FULL ? STORE_ERROR_FULL : STORE_ERROR_IO, "%s: %s",
                    path, sqlite3_errstr(result));
    sqlite3_close(target);
    return result == SQLITE_OK;
}
