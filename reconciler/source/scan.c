/* scan.c: see scan.h. */
#include "reconciler/source/scan.h"
#include "reconciler/source/ignore.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#define IGNORE_BYTES_MAX (1u << 20)

static bool fail_errno(GError **error, const char *path, int number)
{
    g_set_error(error, SOURCE_ERROR, SOURCE_ERROR_UNREADABLE, "%s: %s", path[0] ? path : ".",
                g_strerror(number));
    return false;
}

bool scan_is_manifest_name(const char *name)
{
    return g_str_has_suffix(name, ".yaml") || g_str_has_suffix(name, ".yml") ||
           g_str_has_suffix(name, ".json");
}

bool scan_is_never_read(const char *name)
{
    return strcmp(name, ".git") == 0 || strcmp(name, ".muster") == 0;
}

/* path may be "" for the root itself. O_NONBLOCK: a pipe in place of a file must not hang us. */
static int open_below(int root, const char *path, int flags)
{
    struct open_how how = {.flags =
                               (uint64_t)(unsigned)(flags | O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK),
                           .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS};
    const char *name = path[0] ? path : ".";
    long fd = syscall(SYS_openat2, root, name, &how, sizeof how);
    if (fd < 0 &&
        (errno == ENOSYS || errno == EPERM)) /* an old kernel, or a filter that does not know the call */
        fd = openat(root, name, (int)how.flags);
    return (int)fd;
}

int scan_open(int root, const char *path, struct stat *ret_stat, GError **error)
{
    int fd = open_below(root, path, 0);
    if (fd < 0) {
        fail_errno(error, path, errno);
        return -1;
    }
    if (fstat(fd, ret_stat) != 0 || !S_ISREG(ret_stat->st_mode)) {
        g_set_error(error, SOURCE_ERROR, SOURCE_ERROR_UNREADABLE, "%s: not a regular file", path);
        close(fd);
        return -1;
    }
    return fd;
}

char *scan_read_all(int fd, const char *name, size_t limit, size_t *ret_len, GError **error)
{
    size_t size = 1 << 16, len = 0;
    struct stat status;
    if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_size > 0)
        size = MIN((size_t)status.st_size, limit) + 1;
    char *text = g_malloc(size + 1);
    for (;;) {
        ssize_t got = read(fd, text + len, size - len);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            if (got == 0)
                break;
            fail_errno(error, name, errno);
            g_free(text);
            return NULL;
        }
        len += (size_t)got;
        if (len > limit) {
            g_set_error(error, SOURCE_ERROR, SOURCE_ERROR_UNREADABLE, "%s: larger than %zu bytes", name,
                        limit);
            g_free(text);
            return NULL;
        }
        if (len == size) {
            size = MIN(size * 2, limit + 1);
            text = g_realloc(text, size + 1);
        }
    }
    text[len] = '\0';
    *ret_len = len;
    return text;
}

char *scan_read_path(const char *path, const char *name, size_t limit, size_t *ret_len, GError **error)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        fail_errno(error, name, errno);
        return NULL;
    }
    char *text = scan_read_all(fd, name, limit, ret_len, error);
    close(fd);
    return text;
}

/* ---- what was seen
 * ------------------------------------------------------------------------------------------------ */

typedef struct {
    dev_t device;
    ino_t inode;
} FileId;

static guint file_id_hash(gconstpointer data)
{
    const FileId *id = data;
    return (guint)(id->inode ^ (id->inode >> 32) ^ (id->device << 7));
}

static gboolean file_id_equal(gconstpointer a, gconstpointer b)
{
    const FileId *first = a, *second = b;
    return first->device == second->device && first->inode == second->inode;
}

/* False when it was seen before. */
static bool see(Scan *scan, const struct stat *status)
{
    FileId *id = g_new(FileId, 1);
    *id = (FileId){status->st_dev, status->st_ino};
    return g_hash_table_add(scan->seen, id);
}

bool scan_add(Scan *scan, const ScanFile *file, GError **error)
{
    g_array_append_val(scan->files, *file);
    scan->bytes += file->bytes;
    if (scan->files->len <= SCAN_FILES_MAX && scan->bytes <= SCAN_BYTES_MAX)
        return true;
    g_set_error(error, SOURCE_ERROR, SOURCE_ERROR_UNREADABLE,
                "more than %u files or %" G_GUINT64_FORMAT " bytes of manifests", SCAN_FILES_MAX,
                SCAN_BYTES_MAX);
    return false;
}

static bool add_file(Scan *scan, const char *path, const struct stat *status, GError **error)
{
    if (strcmp(path, SCAN_CONFIG_NAME) == 0) {
        scan->has_config = true;
        return true;
    }
    ScanFile file = {.path = g_strdup(path), .bytes = (uint64_t)status->st_size};
    return scan_add(scan, &file, error);
}

/* ---- directories
 * -------------------------------------------------------------------------------------------------- */

static bool scan_directory(Scan *scan, int parent_fd, const char *path, int depth, const Ignore *parent,
                           GError **error);

static int compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static GPtrArray *read_names(int fd, const char *path, GError **error)
{
    int copy = dup(fd);
    DIR *directory = copy < 0 ? NULL : fdopendir(copy);
    if (!directory) {
        fail_errno(error, path, errno);
        if (copy >= 0)
            close(copy);
        return NULL;
    }
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
    for (;;) {
        errno = 0;
        struct dirent *entry = readdir(directory);
        if (!entry)
            break;
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            g_ptr_array_add(names, g_strdup(entry->d_name));
    }
    int number = errno;
    closedir(directory);
    if (number != 0) {
        fail_errno(error, path, number);
        g_ptr_array_unref(names);
        return NULL;
    }
    g_ptr_array_sort(names, compare_names);
    return names;
}

static bool read_ignore(int fd, const char *path, const Ignore *parent, Ignore **ret_ignore, GError **error)
{
    struct stat status;
    if (fstatat(fd, SCAN_IGNORE_NAME, &status, AT_SYMLINK_NOFOLLOW) != 0)
        return errno == ENOENT ? true : fail_errno(error, path, errno);
    int file = scan_open(fd, SCAN_IGNORE_NAME, &status, error);
    if (file < 0)
        return false;
    size_t len;
    g_autofree char *text = scan_read_all(file, SCAN_IGNORE_NAME, IGNORE_BYTES_MAX, &len, error);
    close(file);
    if (text)
        *ret_ignore = ignore_new(parent, path, (View){text, len});
    return text != NULL;
}

static bool scan_entry(Scan *scan, int fd, const char *path, const char *name, int depth,
                       const Ignore *ignore, GError **error)
{
    struct stat status;
    if (scan_is_never_read(name) || strcmp(name, SCAN_IGNORE_NAME) == 0)
        return true;
    if (fstatat(fd, name, &status, AT_SYMLINK_NOFOLLOW) != 0)
        return errno == ENOENT ? true
                               : fail_errno(error, path, errno); /* gone since: as if it had never been */
    IgnoreType type = S_ISDIR(status.st_mode) ? IGNORE_DIRECTORY : IGNORE_FILE;
    if (ignore_matches(ignore, path, type))
        return true;
    if (S_ISDIR(status.st_mode))
        return scan_directory(scan, fd, path, depth + 1, ignore, error);
    if (S_ISLNK(status.st_mode) && !g_str_has_prefix(name, ".#")) { /* Emacs's locks are links to nowhere */
        g_ptr_array_add(scan->links, g_strdup(path));
        g_hash_table_add(scan->known_links, g_strdup(path));
    }
    if (S_ISREG(status.st_mode) && scan_is_manifest_name(name)) {
        see(scan, &status);
        return add_file(scan, path, &status, error);
    }
    return true;
}

static bool scan_names(Scan *scan, int fd, const char *path, int depth, const Ignore *ignore, GError **error)
{
    g_autoptr(GPtrArray) names = read_names(fd, path, error);
    if (!names)
        return false;
    for (guint i = 0; i < names->len; i++) {
        const char *name = g_ptr_array_index(names, i);
        g_autofree char *below = path[0] ? g_strdup_printf("%s/%s", path, name) : g_strdup(name);
        if (!scan_entry(scan, fd, below, name, depth, ignore, error))
            return false;
    }
    return true;
}

static bool scan_open_directory(Scan *scan, int fd, const char *path, int depth, const Ignore *parent,
                                GError **error)
{
    struct stat status;
    if (fstat(fd, &status) != 0)
        return fail_errno(error, path, errno);
    if (!see(scan, &status))
        return true;
    if (scan->directory && !scan->directory(path, scan->data, error))
        return false;
    Ignore *own = NULL;
    if (!read_ignore(fd, path, parent, &own, error))
        return false;
    if (own)
        g_ptr_array_add(scan->ignores_owned, own);
    const Ignore *ignore = own ? own : parent;
    g_hash_table_insert(scan->ignores, g_strdup(path), (void *)(uintptr_t)ignore);
    return scan_names(scan, fd, path, depth, ignore, error);
}

static bool scan_directory(Scan *scan, int parent_fd, const char *path, int depth, const Ignore *parent,
                           GError **error)
{
    if (depth > SCAN_DIRECTORY_DEPTH) {
        g_set_error(error, SOURCE_ERROR, SOURCE_ERROR_UNREADABLE, "%s: more than %d directories deep", path,
                    SCAN_DIRECTORY_DEPTH);
        return false;
    }
    const char *slash = strrchr(path, '/');
    int fd = open_below(parent_fd, slash ? slash + 1 : path, O_DIRECTORY);
    if (fd < 0)
        return errno == ENOENT ? true : fail_errno(error, path, errno);
    bool is_good = scan_open_directory(scan, fd, path, depth, parent, error);
    close(fd);
    return is_good;
}

/* ---- links
 * -------------------------------------------------------------------------------------------------------- */

static bool fail_link(GError **error, const char *path, const char *what)
{
    g_set_error(error, SOURCE_ERROR, SOURCE_ERROR_UNREADABLE,
                "%s: symbolic link %s (list it in .musterignore to skip it)", path, what);
    return false;
}

/* The link's target relative to the root; NULL with error when it is not below it. */
static char *link_target(const Scan *scan, const char *path, GError **error)
{
    g_autofree char *full = g_strdup_printf("%s/%s", scan->root_path, path);
    char *real = realpath(full, NULL);
    if (!real) {
        fail_link(error, path, errno == ENOENT ? "to nowhere" : g_strerror(errno));
        return NULL;
    }
    size_t len = strlen(scan->root_path);
    char *target = NULL;
    if (strncmp(real, scan->root_path, len) != 0 || (real[len] != '/' && real[len] != '\0' && len > 1))
        fail_link(error, path, "that leaves the source");
    else
        target = g_strdup(real[len] == '/' ? real + len + 1 : real + len);
    free(real);
    return target;
}

static bool follow_link(Scan *scan, const char *path, GError **error)
{
    g_autofree char *target = link_target(scan, path, error);
    if (!target)
        return false;
    g_auto(GStrv) parts = g_strsplit(target, "/", -1);
    for (char **part = parts; *part; part++)
        if (scan_is_never_read(*part))
            return fail_link(error, path, "into a directory that is never read");
    int fd = open_below(scan->root, target, 0);
    struct stat status;
    if (fd < 0 || fstat(fd, &status) != 0) {
        int number = errno;
        if (fd >= 0)
            close(fd);
        return fail_errno(error, path, number);
    }
    bool is_good = true;
    if (S_ISDIR(status.st_mode))
        is_good = scan_open_directory(scan, fd, target, (int)g_strv_length(parts), NULL, error);
    else if (S_ISREG(status.st_mode) && scan_is_manifest_name(path) && see(scan, &status))
        is_good = add_file(scan, target, &status, error);
    close(fd);
    return is_good;
}

/* Following may find further links, which are appended meanwhile. */
static bool follow_links(Scan *scan, GError **error)
{
    for (guint i = 0; i < scan->links->len; i++)
        if (!follow_link(scan, g_ptr_array_index(scan->links, i), error))
            return false;
    return true;
}

/* ---- the whole
 * ---------------------------------------------------------------------------------------------------- */

static void file_clear(void *file)
{
    g_free(((ScanFile *)file)->path);
}

static int compare_files(gconstpointer a, gconstpointer b)
{
    return strcmp(((const ScanFile *)a)->path, ((const ScanFile *)b)->path);
}

void scan_free(Scan *scan)
{
    if (!scan)
        return;
    if (scan->root >= 0)
        close(scan->root);
    g_array_unref(scan->files);
    g_hash_table_unref(scan->seen);
    g_ptr_array_unref(scan->links);
    g_hash_table_unref(scan->known_links);
    g_hash_table_unref(scan->ignores);
    g_ptr_array_unref(scan->ignores_owned);
    free(scan->root_path);
    g_free(scan);
}

static bool scan_single(Scan *scan, const char *path, const struct stat *status, GError **error)
{
    g_autofree char *directory = g_path_get_dirname(path);
    scan->is_single = true;
    scan->root = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (scan->root < 0)
        return fail_errno(error, path, errno);
    ScanFile file = {.path = g_path_get_basename(path), .bytes = (uint64_t)status->st_size};
    g_array_append_val(scan->files, file);
    scan->bytes = file.bytes;
    return true;
}

static bool scan_path(Scan *scan, const char *path, GError **error)
{
    struct stat status;
    if (stat(path, &status) != 0)
        return fail_errno(error, path, errno);
    if (S_ISREG(status.st_mode))
        return scan_single(scan, path, &status, error);
    scan->root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    scan->root_path = realpath(path, NULL);
    if (scan->root < 0 || !scan->root_path)
        return fail_errno(error, path, errno);
    if (!scan_open_directory(scan, scan->root, "", 0, NULL, error) || !follow_links(scan, error)) {
        g_prefix_error(error, "%s: ", path);
        return false;
    }
    scan_sort(scan);
    return true;
}

void scan_sort(Scan *scan)
{
    g_array_sort(scan->files, compare_files);
}

Scan *scan_new_empty(void)
{
    Scan *scan = g_new0(Scan, 1);
    scan->root = -1;
    scan->files = g_array_new(FALSE, FALSE, sizeof(ScanFile));
    g_array_set_clear_func(scan->files, file_clear);
    scan->seen = g_hash_table_new_full(file_id_hash, file_id_equal, g_free, NULL);
    scan->links = g_ptr_array_new_with_free_func(g_free);
    scan->known_links = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    scan->ignores = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    scan->ignores_owned = g_ptr_array_new_with_free_func((GDestroyNotify)(void (*)(void))ignore_free);
    return scan;
}

Scan *scan_new(const char *path, ScanDirectory directory, void *data, GError **error)
{
    g_autoptr(Scan) scan = scan_new_empty();
    scan->directory = directory;
    scan->data = data;
    return scan_path(scan, path, error) ? g_steal_pointer(&scan) : NULL;
}

bool scan_again(Scan *scan, const char *path, GError **error)
{
    g_array_set_size(scan->files, 0);
    g_hash_table_remove_all(scan->seen);
    g_ptr_array_set_size(scan->links, 0);
    scan->bytes = 0;
    g_autofree char *parent = g_path_get_dirname(path);
    if (strcmp(parent, ".") == 0)
        parent[0] = '\0';
    int fd = open_below(scan->root, parent, O_DIRECTORY);
    if (fd < 0)
        return errno == ENOENT ? true : fail_errno(error, path, errno);
    int depth = 1;
    for (const char *at = path; (at = strchr(at, '/')); at++)
        depth++;
    bool is_good = scan_directory(scan, fd, path, depth, g_hash_table_lookup(scan->ignores, parent), error) &&
                   follow_links(scan, error);
    close(fd);
    g_array_sort(scan->files, compare_files);
    return is_good;
}

bool scan_ignores(const Scan *scan, const char *directory, const char *path, bool is_directory)
{
    return ignore_matches(g_hash_table_lookup(scan->ignores, directory), path,
                          is_directory ? IGNORE_DIRECTORY : IGNORE_FILE);
}
