/* fault_vfs.h: a disk in memory for SQLite that can lose power or fail at the n-th call.
 * Owns:   the contents of every file opened through it, twice: as the process sees them and as they would be
 * found after a power cut (what was synced), with the writes in between. Holds:  one connection at a time (so
 * locks and shared memory are trivially granted). A cut keeps of the unsynced writes of each file a random
 * choice, some of them torn at a sector; bytes outside a write are never harmed, as SQLite assumes of real
 * disks (SQLITE_IOCAP_POWERSAFE_OVERWRITE). A file whose deletion was not synced may be back. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <string.h>
#include <sqlite3.h>
#include "spec/base/rng.h"

#define FAULT_SECTOR 512

typedef enum { FAULT_NONE, FAULT_CUT, FAULT_IOERR_ONCE, FAULT_IOERR, FAULT_FULL_ONCE, FAULT_FULL } FaultMode;

typedef struct {
    sqlite3_int64 offset; /* of a write; the new size of a truncation */
    GBytes *bytes;        /* NULL: a truncation */
} FaultWrite;

typedef struct {
    GByteArray *seen, *synced;
    GArray *unsynced; /* FaultWrite */
    bool is_deleted;
    GBytes *ghost; /* what it was before a deletion that the directory's sync has not made durable; or NULL */
    GPtrArray *regions; /* shared memory */
} FaultFile;

typedef struct {
    sqlite3_vfs vfs; /* first: SQLite hands this pointer back */
    GHashTable *files;
    Rng rng;
    FaultMode mode;
    unsigned at, calls; /* the fault comes at call `at`, from 1 */
    bool has_struck;
} FaultDisk;

typedef struct {
    sqlite3_file base;
    FaultDisk *disk;
    FaultFile *file;
    bool syncs_directory; /* a new journal or WAL: SQLite's unix VFS syncs the directory with the file's first
                             sync */
} FaultHandle;

typedef enum {
    CALL_OPEN,
    CALL_READ,
    CALL_WRITE,
    CALL_TRUNCATE,
    CALL_SYNC,
    CALL_SHM,
    CALL_LOCK,
    CALL_DELETE
} FaultCall;

static void fault_write_clear(gpointer data)
{
    FaultWrite *write = data;
    if (write->bytes)
        g_bytes_unref(write->bytes);
}

static void fault_file_free(gpointer data)
{
    FaultFile *file = data;
    g_byte_array_unref(file->seen);
    g_byte_array_unref(file->synced);
    g_array_unref(file->unsynced);
    g_ptr_array_unref(file->regions);
    g_clear_pointer(&file->ghost, g_bytes_unref);
    g_free(file);
}

static FaultFile *fault_file(FaultDisk *disk, const char *path)
{
    FaultFile *file = g_hash_table_lookup(disk->files, path);
    if (!file) {
        file = g_new0(FaultFile, 1);
        file->seen = g_byte_array_new();
        file->synced = g_byte_array_new();
        file->unsynced = g_array_new(FALSE, FALSE, sizeof(FaultWrite));
        g_array_set_clear_func(file->unsynced, fault_write_clear);
        file->regions = g_ptr_array_new_with_free_func(g_free);
        g_hash_table_insert(disk->files, g_strdup(path), file);
    }
    return file;
}

/* ---- what a disk does ---- */

static void fault_write_to(GByteArray *array, sqlite3_int64 offset, const uint8_t *bytes, size_t len)
{
    guint end = (guint)offset + (guint)len, before = array->len;
    if (array->len < end) {
        g_byte_array_set_size(array, end);
        memset(array->data + before, 0, end - before);
    }
    if (len)
        memcpy(array->data + offset, bytes, len);
}

static void fault_apply(GByteArray *array, const FaultWrite *write, size_t from, size_t to)
{
    if (!write->bytes) {
        if (array->len > (guint)write->offset)
            g_byte_array_set_size(array, (guint)write->offset);
        return;
    }
    const uint8_t *bytes = g_bytes_get_data(write->bytes, NULL);
    fault_write_to(array, write->offset + (sqlite3_int64)from, bytes + from, to - from);
}

/* Each unsynced write is kept, dropped, or kept up to or from a sector; or the file of before comes back. */
static void fault_cut_file(FaultDisk *disk, FaultFile *file)
{
    if (file->ghost && rng_below(&disk->rng, 2)) {
        g_array_set_size(file->unsynced, 0);
        g_byte_array_set_size(file->synced, 0);
        fault_write_to(file->synced, 0, g_bytes_get_data(file->ghost, NULL), g_bytes_get_size(file->ghost));
        file->is_deleted = false;
    }
    g_clear_pointer(&file->ghost, g_bytes_unref);
    for (guint i = 0; i < file->unsynced->len; i++) {
        const FaultWrite *write = &g_array_index(file->unsynced, FaultWrite, i);
        size_t len = write->bytes ? g_bytes_get_size(write->bytes) : 0;
        size_t tear = MIN(len, (size_t)rng_below(&disk->rng, len / FAULT_SECTOR + 1) * FAULT_SECTOR);
        switch (rng_below(&disk->rng, 4)) {
        case 0: break;
        case 1: fault_apply(file->synced, write, 0, len); break;
        case 2: fault_apply(file->synced, write, 0, write->bytes ? tear : 0); break;
        default: fault_apply(file->synced, write, write->bytes ? tear : 0, len); break;
        }
    }
    g_array_set_size(file->unsynced, 0);
}

static void fault_sync_directory(FaultDisk *disk)
{
    GHashTableIter iter;
    gpointer value;
    g_hash_table_iter_init(&iter, disk->files);
    while (g_hash_table_iter_next(&iter, NULL, &value))
        g_clear_pointer(&((FaultFile *)value)->ghost, g_bytes_unref);
}

/* After it the disk holds what a machine would find when it comes up again. */
static void fault_disk_power_cut(FaultDisk *disk)
{
    g_autoptr(GList) paths = g_list_sort(g_hash_table_get_keys(disk->files), (GCompareFunc)g_strcmp0);
    for (const GList *at = paths; at; at = at->next) {
        FaultFile *file = g_hash_table_lookup(disk->files, at->data);
        fault_cut_file(disk, file);
        g_byte_array_set_size(file->seen, 0);
        fault_write_to(file->seen, 0, file->synced->data, file->synced->len);
        g_ptr_array_set_size(file->regions, 0);
    }
}

/* Writes the files as they are seen to real ones of the same paths. */
static void fault_disk_store(FaultDisk *disk)
{
    GHashTableIter iter;
    gpointer path, value;
    g_hash_table_iter_init(&iter, disk->files);
    while (g_hash_table_iter_next(&iter, &path, &value)) {
        const FaultFile *file = value;
        GError *error = NULL;
        const char *bytes = file->seen->len ? (const char *)file->seen->data : "";
        if (!file->is_deleted)
            g_file_set_contents(path, bytes, (gssize)file->seen->len, &error);
        g_assert_no_error(error);
    }
}

/* ---- when it fails ---- */

static int fault_code(FaultDisk *disk, FaultCall call)
{
    bool is_full = disk->mode == FAULT_FULL || disk->mode == FAULT_FULL_ONCE;
    switch (call) {
    case CALL_OPEN: return SQLITE_CANTOPEN;
    case CALL_READ: return SQLITE_IOERR_READ;
    case CALL_WRITE: return is_full ? SQLITE_FULL : SQLITE_IOERR_WRITE;
    case CALL_TRUNCATE: return SQLITE_IOERR_TRUNCATE;
    case CALL_SYNC: return SQLITE_IOERR_FSYNC;
    case CALL_SHM: return SQLITE_IOERR_SHMMAP;
    case CALL_LOCK: return SQLITE_IOERR_LOCK;
    case CALL_DELETE: return SQLITE_IOERR_DELETE;
    }
    g_assert_not_reached();
}

/* SQLITE_OK: the call goes on as it should. */
static int fault_strike(FaultDisk *disk, FaultCall call)
{
    bool is_full = disk->mode == FAULT_FULL || disk->mode == FAULT_FULL_ONCE;
    if (disk->mode == FAULT_NONE || (is_full && call != CALL_WRITE))
        return SQLITE_OK;
    disk->calls++;
    bool lasts = disk->mode == FAULT_CUT || disk->mode == FAULT_IOERR || disk->mode == FAULT_FULL;
    if (disk->calls != disk->at && !(lasts && disk->calls > disk->at))
        return SQLITE_OK;
    disk->has_struck = true;
    return fault_code(disk, call);
}

/* ---- sqlite3_io_methods ---- */

static int fault_close(sqlite3_file *handle)
{
    (void)handle;
    return SQLITE_OK;
}

static int fault_read(sqlite3_file *handle, void *to, int amount, sqlite3_int64 offset)
{
    FaultHandle *self = (FaultHandle *)handle;
    int result = fault_strike(self->disk, CALL_READ);
    if (result != SQLITE_OK)
        return result;
    const GByteArray *seen = self->file->seen;
    sqlite3_int64 have = MAX(0, MIN((sqlite3_int64)amount, (sqlite3_int64)seen->len - offset));
    if (have > 0)
        memcpy(to, seen->data + offset, (size_t)have);
    memset((char *)to + have, 0, (size_t)(amount - have));
    return have == amount ? SQLITE_OK : SQLITE_IOERR_SHORT_READ;
}

/* A write that fails may have been made in part. */
static int fault_write(sqlite3_file *handle, const void *from, int amount, sqlite3_int64 offset)
{
    FaultHandle *self = (FaultHandle *)handle;
    int result = fault_strike(self->disk, CALL_WRITE);
    size_t len = (size_t)amount;
    if (result != SQLITE_OK)
        len = (size_t)rng_below(&self->disk->rng, len + 1);
    FaultWrite write = {offset, g_bytes_new(from, len)};
    g_array_append_val(self->file->unsynced, write);
    fault_write_to(self->file->seen, offset, from, len);
    return result;
}

static int fault_truncate(sqlite3_file *handle, sqlite3_int64 size)
{
    FaultHandle *self = (FaultHandle *)handle;
    int result = fault_strike(self->disk, CALL_TRUNCATE);
    if (result != SQLITE_OK)
        return result;
    FaultWrite write = {size, NULL};
    g_array_append_val(self->file->unsynced, write);
    fault_apply(self->file->seen, &write, 0, 0);
    return SQLITE_OK;
}

static int fault_sync(sqlite3_file *handle, int flags)
{
    (void)flags;
    FaultHandle *self = (FaultHandle *)handle;
    int result = fault_strike(self->disk, CALL_SYNC);
    if (result != SQLITE_OK)
        return result;
    for (guint i = 0; i < self->file->unsynced->len; i++) {
        const FaultWrite *write = &g_array_index(self->file->unsynced, FaultWrite, i);
        fault_apply(self->file->synced, write, 0, write->bytes ? g_bytes_get_size(write->bytes) : 0);
    }
    g_array_set_size(self->file->unsynced, 0);
    if (self->syncs_directory)
        fault_sync_directory(self->disk);
    self->syncs_directory = false;
    return SQLITE_OK;
}

static int fault_size(sqlite3_file *handle, sqlite3_int64 *ret_size)
{
    *ret_size = ((FaultHandle *)handle)->file->seen->len;
    return SQLITE_OK;
}

static int fault_lock(sqlite3_file *handle, int level)
{
    (void)level;
    return fault_strike(((FaultHandle *)handle)->disk, CALL_LOCK);
}

static int fault_unlock(sqlite3_file *handle, int level)
{
    (void)handle;
    (void)level;
    return SQLITE_OK;
}

static int fault_reserved(sqlite3_file *handle, int *ret_reserved)
{
    (void)handle;
    *ret_reserved = 0;
    return SQLITE_OK;
}

static int fault_control(sqlite3_file *handle, int op, void *argument)
{
    (void)handle;
    (void)op;
    (void)argument;
    return SQLITE_NOTFOUND;
}

static int fault_sector(sqlite3_file *handle)
{
    (void)handle;
    return 4096;
}

static int fault_characteristics(sqlite3_file *handle)
{
    (void)handle;
    return SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

static int fault_shm_map(sqlite3_file *handle, int region, int size, int extend, void volatile **ret_memory)
{
    FaultHandle *self = (FaultHandle *)handle;
    int result = fault_strike(self->disk, CALL_SHM);
    *ret_memory = NULL;
    if (result != SQLITE_OK)
        return result;
    GPtrArray *regions = self->file->regions;
    while (extend && regions->len <= (guint)region)
        g_ptr_array_add(regions, g_malloc0((gsize)size));
    if (regions->len > (guint)region)
        *ret_memory = regions->pdata[region];
    return SQLITE_OK;
}

static int fault_shm_lock(sqlite3_file *handle, int offset, int count, int flags)
{
    (void)offset;
    (void)count;
    return flags & SQLITE_SHM_UNLOCK ? SQLITE_OK : fault_strike(((FaultHandle *)handle)->disk, CALL_LOCK);
}

static void fault_shm_barrier(sqlite3_file *handle)
{
    (void)handle;
}

static int fault_shm_unmap(sqlite3_file *handle, int delete_it)
{
    (void)delete_it;
    g_ptr_array_set_size(((FaultHandle *)handle)->file->regions, 0);
    return SQLITE_OK;
}

static const sqlite3_io_methods fault_methods = {
    .iVersion = 2,
    .xClose = fault_close,
    .xRead = fault_read,
    .xWrite = fault_write,
    .xTruncate = fault_truncate,
    .xSync = fault_sync,
    .xFileSize = fault_size,
    .xLock = fault_lock,
    .xUnlock = fault_unlock,
    .xCheckReservedLock = fault_reserved,
    .xFileControl = fault_control,
    .xSectorSize = fault_sector,
    .xDeviceCharacteristics = fault_characteristics,
    .xShmMap = fault_shm_map,
    .xShmLock = fault_shm_lock,
    .xShmBarrier = fault_shm_barrier,
    .xShmUnmap = fault_shm_unmap,
};

/* ---- sqlite3_vfs ---- */

static int fault_open(sqlite3_vfs *vfs, const char *path, sqlite3_file *handle, int flags, int *ret_flags)
{
    FaultDisk *disk = (FaultDisk *)vfs;
    FaultHandle *self = (FaultHandle *)handle;
    *self = (FaultHandle){.disk = disk};
    int result = fault_strike(disk, CALL_OPEN);
    if (result != SQLITE_OK)
        return result;
    bool is_new = !path || !g_hash_table_contains(disk->files, path);
    self->file = fault_file(disk, path ? path : "temporary");
    is_new = is_new || self->file->is_deleted;
    self->syncs_directory = is_new && (flags & (SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL));
    self->file->is_deleted = false;
    self->base.pMethods = &fault_methods;
    if (ret_flags)
        *ret_flags = flags;
    return SQLITE_OK;
}

static int fault_delete(sqlite3_vfs *vfs, const char *path, int sync_directory)
{
    FaultDisk *disk = (FaultDisk *)vfs;
    int result = fault_strike(disk, CALL_DELETE);
    FaultFile *file = g_hash_table_lookup(disk->files, path);
    if (result != SQLITE_OK || !file || file->is_deleted)
        return result != SQLITE_OK ? result : SQLITE_IOERR_DELETE_NOENT;
    if (!file->ghost && file->synced->len)
        file->ghost = g_bytes_new(file->synced->data, file->synced->len);
    g_byte_array_set_size(file->seen, 0);
    g_byte_array_set_size(file->synced, 0);
    g_array_set_size(file->unsynced, 0);
    file->is_deleted = true;
    if (sync_directory)
        fault_sync_directory(disk);
    return SQLITE_OK;
}

static int fault_access(sqlite3_vfs *vfs, const char *path, int flags, int *ret_result)
{
    (void)flags;
    const FaultFile *file = g_hash_table_lookup(((FaultDisk *)vfs)->files, path);
    *ret_result = file && !file->is_deleted && file->seen->len > 0;
    return SQLITE_OK;
}

static int fault_full_path(sqlite3_vfs *vfs, const char *path, int size, char *ret_path)
{
    (void)vfs;
    g_strlcpy(ret_path, path, (gsize)size);
    return SQLITE_OK;
}

static int fault_randomness(sqlite3_vfs *vfs, int size, char *ret_bytes)
{
    rng_fill(&((FaultDisk *)vfs)->rng, ret_bytes, (size_t)size);
    return size;
}

static int fault_sleep(sqlite3_vfs *vfs, int microseconds)
{
    (void)vfs;
    return microseconds;
}

static int fault_time(sqlite3_vfs *vfs, double *ret_julian)
{
    (void)vfs;
    *ret_julian = 2460000.5;
    return SQLITE_OK;
}

static int fault_last_error(sqlite3_vfs *vfs, int size, char *ret_text)
{
    (void)vfs;
    (void)size;
    (void)ret_text;
    return 0;
}

/* Registered under name until fault_disk_free. */
static FaultDisk *fault_disk_new(const char *name, uint64_t seed, FaultMode mode, unsigned at)
{
    FaultDisk *disk = g_new0(FaultDisk, 1);
    disk->vfs = (sqlite3_vfs){.iVersion = 1,
                              .szOsFile = sizeof(FaultHandle),
                              .mxPathname = 4096,
                              .zName = name,
                              .xOpen = fault_open,
                              .xDelete = fault_delete,
                              .xAccess = fault_access,
                              .xFullPathname = fault_full_path,
                              .xRandomness = fault_randomness,
                              .xSleep = fault_sleep,
                              .xCurrentTime = fault_time,
                              .xGetLastError = fault_last_error};
    disk->files = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, fault_file_free);
    disk->rng = rng_from_seed(seed);
    disk->mode = mode;
    disk->at = at;
    g_assert_cmpint(sqlite3_vfs_register(&disk->vfs, 0), ==, SQLITE_OK);
    return disk;
}

static void fault_disk_free(FaultDisk *disk)
{
    g_assert_cmpint(sqlite3_vfs_unregister(&disk->vfs), ==, SQLITE_OK);
    g_hash_table_unref(disk->files);
    g_free(disk);
}
