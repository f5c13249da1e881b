/* watch.c: inotify on every directory of a source.
 * Owns:   one inotify descriptor and its GSource; a Scan for the ignore rules; the changes not yet taken.
 * Holds:  an event only says where to look. A directory is watched before it is read, so what is made in it
 * meanwhile is seen twice rather than never. While somebody is still writing a file (made or modified, not
 * yet closed), settled waits, up to WRITING_FACTOR x settle_ms: a half-written file may be valid YAML. */
#include "reconciler/source/watch.h"
#include "reconciler/source/scan.h"
#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <sys/inotify.h>
#include <unistd.h>

#define STEADY_FACTOR  10
#define WRITING_FACTOR 200
#define EVENT_BYTES    (64u << 10)
#define READS_MAX      16 /* of EVENT_BYTES in one dispatch, so that a flood does not hold up the loop */

#define DIRECTORY_MASK                                                                                       \
    (IN_CLOSE_WRITE | IN_MODIFY | IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_ATTRIB |          \
     IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR | IN_EXCL_UNLINK)
#define PARENT_MASK (IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_ONLYDIR)

struct SourceWatch {
    char *path, *single; /* single: the file's name where the source is one file */
    int fd;
    GMainContext *context;
    GSource *events, *timer;
    unsigned settle_ms;
    SourceSettled settled;
    void *data;
    gint64 first_us;     /* of the changes that wait to be told; 0: none */
    gint64 told_us;      /* of those that were told last */
    Scan *scan;          /* NULL: the root is not there */
    GHashTable *paths;   /* watch descriptor: path relative to the root */
    GHashTable *writing; /* paths of files that are being written */
    int parent_wd; /* of the nearest directory above that exists, or of the root if that is a link; -1: none
                    */
    bool is_link;  /* the root is reached through a symbolic link that may be changed */
    GMutex mutex;
    /* under mutex: */
    GHashTable *changed; /* set of paths */
    GHashTable *also;    /* set of paths: files without manifests that matter */
    bool everything;
};

/* ---- changes
 * ------------------------------------------------------------------------------------------------------ */

static void note_everything(SourceWatch *watch)
{
    g_mutex_lock(&watch->mutex);
    watch->everything = true;
    g_mutex_unlock(&watch->mutex);
}

static void note_path(SourceWatch *watch, const char *path)
{
    g_mutex_lock(&watch->mutex);
    g_hash_table_add(watch->changed, g_strdup(path));
    g_mutex_unlock(&watch->mutex);
}

void source_watch_also(SourceWatch *watch, const GPtrArray *paths)
{
    g_mutex_lock(&watch->mutex);
    g_hash_table_remove_all(watch->also);
    for (guint i = 0; i < paths->len; i++)
        g_hash_table_add(watch->also, g_strdup(paths->pdata[i]));
    g_mutex_unlock(&watch->mutex);
}

static bool is_also(SourceWatch *watch, const char *path)
{
    g_mutex_lock(&watch->mutex);
    bool found = g_hash_table_contains(watch->also, path);
    g_mutex_unlock(&watch->mutex);
    return found;
}

static int compare_paths(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

void source_watch_take(SourceWatch *watch, WatchChanges *ret_changes)
{
    GHashTableIter iter;
    void *path;
    *ret_changes = (WatchChanges){.paths = g_ptr_array_new_with_free_func(g_free)};
    g_mutex_lock(&watch->mutex);
    ret_changes->everything = watch->everything;
    watch->everything = false;
    g_hash_table_iter_init(&iter, watch->changed);
    while (g_hash_table_iter_next(&iter, &path, NULL))
        g_ptr_array_add(ret_changes->paths, g_strdup(path));
    g_hash_table_remove_all(watch->changed);
    g_mutex_unlock(&watch->mutex);
    g_ptr_array_sort(ret_changes->paths, compare_paths);
}

void watch_changes_clear(WatchChanges *changes)
{
    if (changes->paths)
        g_ptr_array_unref(changes->paths);
    changes->paths = NULL;
}

/* ---- settling
 * ----------------------------------------------------------------------------------------------------- */

static gboolean on_timer(gpointer data);

static void start_timer(SourceWatch *watch, gint64 delay_ms)
{
    if (watch->timer) {
        g_source_destroy(watch->timer);
        g_source_unref(watch->timer);
    }
    watch->timer = g_timeout_source_new((guint)MAX(delay_ms, 0));
    g_source_set_callback(watch->timer, on_timer, watch, NULL);
    g_source_attach(watch->timer, watch->context);
}

static gint64 waited_ms(const SourceWatch *watch)
{
    return (g_get_monotonic_time() - watch->first_us) / 1000;
}

static gboolean on_timer(gpointer data)
{
    SourceWatch *watch = data;
    gint64 writing_until = (gint64)watch->settle_ms * WRITING_FACTOR;
    g_source_unref(watch->timer);
    watch->timer = NULL;
    if (g_hash_table_size(watch->writing) > 0 && waited_ms(watch) < writing_until) {
        start_timer(watch, writing_until - waited_ms(watch)); /* its closing is an event, which comes first */
        return G_SOURCE_REMOVE;
    }
    g_hash_table_remove_all(watch->writing);
    watch->told_us = watch->first_us;
    watch->first_us = 0;
    watch->settled(watch->data);
    return G_SOURCE_REMOVE;
}

int64_t source_watch_changed_us(const SourceWatch *watch)
{
    return watch->told_us;
}

/* Something changed: settled is called when it has been quiet, or after steady changes. */
static void touch(SourceWatch *watch)
{
    if (watch->first_us == 0)
        watch->first_us = g_get_monotonic_time();
    gint64 left = (gint64)watch->settle_ms * STEADY_FACTOR - waited_ms(watch);
    start_timer(watch, MIN((gint64)watch->settle_ms, left));
}

/* ---- watching directories
 * ----------------------------------------------------------------------------------------- */

static bool fail_watch(const char *path, int number, GError **error)
{
    if (number == ENOSPC)
        g_set_error(error, SOURCE_ERROR, SOURCE_ERROR_UNREADABLE,
                    "%s: no inotify watch is left; raise fs.inotify.max_user_watches (sysctl)", path);
    else
        g_set_error(error, SOURCE_ERROR, SOURCE_ERROR_UNREADABLE, "%s: cannot be watched: %s", path,
                    g_strerror(number));
    return false;
}

/* Once the root is known, by way of its descriptor: a root that is replaced meanwhile is not mixed with the
 * old one. */
static bool add_directory(const char *path, void *data, GError **error)
{
    SourceWatch *watch = data;
    g_autofree char *full = watch->scan ? g_strdup_printf("/proc/self/fd/%d/%s", watch->scan->root, path)
                                        : g_build_filename(watch->path, path, NULL);
    int wd = inotify_add_watch(watch->fd, full, DIRECTORY_MASK);
    if (wd < 0)
        return errno == ENOENT || errno == ENOTDIR ? true
                                                   : fail_watch(path[0] ? path : watch->path, errno, error);
    g_hash_table_insert(watch->paths, GINT_TO_POINTER(wd), g_strdup(path));
    return true;
}

/* The nearest directory above the source that exists. */
static void watch_parent(SourceWatch *watch)
{
    g_autofree char *above = g_path_get_dirname(watch->path);
    while ((watch->parent_wd = inotify_add_watch(watch->fd, above, PARENT_MASK)) < 0) {
        if (strcmp(above, "/") == 0 || strcmp(above, ".") == 0)
            return;
        char *next = g_path_get_dirname(above);
        g_free(above);
        above = next;
    }
}

static void drop_all(SourceWatch *watch)
{
    GHashTableIter iter;
    void *wd;
    g_hash_table_iter_init(&iter, watch->paths);
    while (g_hash_table_iter_next(&iter, &wd, NULL))
        inotify_rm_watch(watch->fd, GPOINTER_TO_INT(wd));
    g_hash_table_remove_all(watch->paths);
    if (watch->parent_wd >= 0)
        inotify_rm_watch(watch->fd, watch->parent_wd);
    watch->parent_wd = -1;
    g_hash_table_remove_all(watch->writing);
    g_clear_pointer(&watch->scan, scan_free);
}

static bool watch_single(SourceWatch *watch, GError **error)
{
    g_autofree char *directory = g_path_get_dirname(watch->path);
    if (!watch->single)
        watch->single = g_path_get_basename(watch->path);
    int wd = inotify_add_watch(watch->fd, directory, DIRECTORY_MASK);
    if (wd < 0)
        return fail_watch(directory, errno, error);
    g_hash_table_insert(watch->paths, GINT_TO_POINTER(wd), g_strdup(""));
    return true;
}

static bool watch_all(SourceWatch *watch, GError **error)
{
    drop_all(watch);
    watch->is_link = g_file_test(watch->path, G_FILE_TEST_IS_SYMLINK);
    if (watch->single || g_file_test(watch->path, G_FILE_TEST_IS_REGULAR))
        return watch_single(watch, error);
    if (watch->is_link)
        watch_parent(watch);
    watch->scan = scan_new(watch->path, add_directory, watch, error);
    return watch->scan != NULL;
}

/* A root that cannot be read whole is looked at again whenever something happens beside it or in what is left
 * of it. */
static void watch_anew(SourceWatch *watch)
{
    note_everything(watch);
    g_autoptr(GError) error = NULL;
    if (!watch_all(watch, &error) && watch->parent_wd < 0)
        watch_parent(watch);
}

/* ---- events
 * ------------------------------------------------------------------------------------------------------- */

static bool is_below(const char *path, const char *directory)
{
    size_t len = strlen(directory);
    return strncmp(path, directory, len) == 0 && (path[len] == '/' || path[len] == '\0');
}

static void forget_directory(SourceWatch *watch, const char *directory)
{
    GHashTableIter iter;
    void *wd, *path;
    g_hash_table_iter_init(&iter, watch->paths);
    while (g_hash_table_iter_next(&iter, &wd, &path)) {
        if (is_below(path, directory)) {
            inotify_rm_watch(watch->fd, GPOINTER_TO_INT(wd));
            g_hash_table_iter_remove(&iter);
        }
    }
}

static void on_directory(SourceWatch *watch, const struct inotify_event *event, const char *path)
{
    if (event->mask & IN_ATTRIB && !(event->mask & (IN_CREATE | IN_MOVED_TO | IN_DELETE | IN_MOVED_FROM)))
        return note_everything(watch); /* perhaps it can be read now, or no longer */
    note_everything(watch);
    forget_directory(watch, path);
    if (event->mask & (IN_CREATE | IN_MOVED_TO) && watch->scan) {
        g_autoptr(GError) error = NULL;
        if (!scan_again(watch->scan, path, &error))
            note_everything(watch); /* the load that follows says what is wrong */
    }
}

static void on_writing(SourceWatch *watch, const struct inotify_event *event, const char *path)
{
    if (event->mask & (IN_CREATE | IN_MODIFY))
        g_hash_table_add(watch->writing, g_strdup(path));
    else
        g_hash_table_remove(watch->writing, path);
}

static void on_file(SourceWatch *watch, const struct inotify_event *event, const char *path)
{
    on_writing(watch, event, path);
    note_path(watch, path);
}

/* Whether the names may change what the source holds beyond the file itself. */
static bool changes_rules(const char *path, const char *name)
{
    return strcmp(path, SCAN_CONFIG_NAME) == 0 || strcmp(name, SCAN_IGNORE_NAME) == 0;
}

static bool is_or_was_link(const SourceWatch *watch, const char *path)
{
    struct stat status;
    if (watch->scan && g_hash_table_contains(watch->scan->known_links, path))
        return true;
    return watch->scan && fstatat(watch->scan->root, path, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
           S_ISLNK(status.st_mode);
}

static void on_entry(SourceWatch *watch, const struct inotify_event *event, const char *directory)
{
    const char *name = event->name;
    g_autofree char *path = directory[0] ? g_strdup_printf("%s/%s", directory, name) : g_strdup(name);
    bool is_directory = (event->mask & IN_ISDIR) != 0;
    if (watch->single) {
        if (strcmp(name, watch->single) != 0)
            return;
    } else if (scan_is_never_read(name) ||
               (watch->scan && scan_ignores(watch->scan, directory, path, is_directory))) {
        return;
    }
    if (is_directory) {
        on_directory(watch, event, path);
    } else if (changes_rules(path, name)) {
        if (event->mask & (IN_CREATE | IN_MODIFY))
            g_hash_table_add(watch->writing, g_strdup(path));
        else
            watch_anew(watch);
    } else if (is_or_was_link(watch, path)) {
        watch_anew(watch);
    } else if (watch->single || scan_is_manifest_name(name)) {
        on_file(watch, event, path);
    } else if (is_also(watch, path)) {
        on_writing(watch, event, path);
    } else {
        return;
    }
    touch(watch);
}

static void on_event(SourceWatch *watch, const struct inotify_event *event)
{
    if (event->mask & IN_Q_OVERFLOW) {
        watch_anew(watch);
        touch(watch);
        return;
    }
    if (event->wd == watch->parent_wd) {
        g_autofree char *name = g_path_get_basename(watch->path);
        bool is_root = event->len > 0 && strcmp(event->name, name) == 0;
        if (watch->scan && !is_root)
            return;
        watch_anew(watch);
        if (watch->scan || is_root)
            touch(watch);
        return;
    }
    g_autofree char *directory = g_strdup(g_hash_table_lookup(watch->paths, GINT_TO_POINTER(event->wd)));
    if (!directory)
        return;
    if (event->mask & (IN_DELETE_SELF | IN_MOVE_SELF)) {
        if (directory[0] != '\0')
            return; /* its parent tells */
        watch_anew(watch);
        touch(watch);
    } else if (event->mask & IN_IGNORED) {
        g_hash_table_remove(watch->paths, GINT_TO_POINTER(event->wd));
    } else if (event->len > 0) {
        on_entry(watch, event, directory);
    }
}

static gboolean on_readable(int fd, GIOCondition condition, gpointer data)
{
    (void)condition;
    SourceWatch *watch = data;
    g_autofree char *buffer = g_malloc(EVENT_BYTES); /* aligned for any struct */
    for (int i = 0; i < READS_MAX; i++) {
        ssize_t len = read(fd, buffer, EVENT_BYTES);
        if (len <= 0)
            break;
        for (char *at = buffer; at < buffer + len;) {
            const struct inotify_event *event = (const struct inotify_event *)(void *)at;
            on_event(watch, event);
            at += sizeof *event + event->len;
        }
    }
    return G_SOURCE_CONTINUE;
}

/* ---- the whole
 * ---------------------------------------------------------------------------------------------------- */

SourceWatch *source_watch_new(const SourceOptions *options, unsigned settle_ms, SourceSettled settled,
                              void *data, GError **error)
{
    g_autoptr(SourceWatch) watch = g_new0(SourceWatch, 1);
    g_mutex_init(&watch->mutex);
    watch->path = g_strdup(options->path);
    for (size_t len = strlen(watch->path); len > 1 && watch->path[len - 1] == '/';)
        watch->path[--len] = '\0';
    watch->settle_ms = settle_ms;
    watch->settled = settled;
    watch->data = data;
    watch->parent_wd = -1;
    watch->paths = g_hash_table_new_full(g_direct_hash, g_direct_equal, NULL, g_free);
    watch->writing = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    watch->changed = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    watch->also = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    watch->context = g_main_context_ref_thread_default();
    watch->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (watch->fd < 0) {
        if (errno == EMFILE)
            g_set_error(error, SOURCE_ERROR, SOURCE_ERROR_UNREADABLE,
                        "%s: no inotify instance is left; raise fs.inotify.max_user_instances (sysctl)",
                        watch->path);
        else
            fail_watch(watch->path, errno, error);
        return NULL;
    }
    if (!watch_all(watch, error))
        return NULL;
    watch->events = g_unix_fd_source_new(watch->fd, G_IO_IN);
    g_source_set_callback(watch->events, (GSourceFunc)(void (*)(void))on_readable, watch, NULL);
    g_source_attach(watch->events, watch->context);
    return g_steal_pointer(&watch);
}

static void drop_source(GSource **source)
{
    if (!*source)
        return;
    g_source_destroy(*source);
    g_source_unref(*source);
    *source = NULL;
}

void source_watch_free(SourceWatch *watch)
{
    if (!watch)
        return;
    drop_source(&watch->events);
    drop_source(&watch->timer);
    if (watch->fd >= 0)
        close(watch->fd);
    g_main_context_unref(watch->context);
    g_hash_table_unref(watch->paths);
    g_hash_table_unref(watch->writing);
    g_hash_table_unref(watch->changed);
    g_hash_table_unref(watch->also);
    scan_free(watch->scan);
    g_mutex_clear(&watch->mutex);
    g_free(watch->path);
    g_free(watch->single);
    g_free(watch);
}
