/* repo_refs.c: see repo_refs.h. */
#include "reconciler/source/repo_refs.h"
#include <glib-unix.h>
#include <stdbool.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#define MASK            (IN_MOVED_TO | IN_DELETE | IN_CREATE | IN_ONLYDIR)
#define EVENT_BYTES     (16u << 10)
#define DIRECTORIES_MAX 1000
#define DEPTH_MAX       16

struct RepoRefs {
    char *directory;
    int fd;
    GSource *source;
    RepoRefsChanged changed;
    void *data;
    int directories;
};

/* Adding one that is watched already changes nothing. */
static void add_below(RepoRefs *refs, const char *path, int depth)
{
    g_autoptr(GDir) entries = g_dir_open(path, 0, NULL);
    if (!entries || depth > DEPTH_MAX || refs->directories > DIRECTORIES_MAX ||
        inotify_add_watch(refs->fd, path, MASK) < 0)
        return;
    refs->directories++;
    for (const char *name; (name = g_dir_read_name(entries));) {
        g_autofree char *below = g_build_filename(path, name, NULL);
        if (g_file_test(below, G_FILE_TEST_IS_DIR) && !g_file_test(below, G_FILE_TEST_IS_SYMLINK))
            add_below(refs, below, depth + 1);
    }
}

static void add_all(RepoRefs *refs)
{
    g_autofree char *below = g_build_filename(refs->directory, "refs", NULL);
    refs->directories = 0;
    add_below(refs, below, 0);
}

/* Locks come and go with every change; a file that is made and not moved is one of them or not whole yet. */
static bool is_change(const struct inotify_event *event)
{
    if (event->mask & IN_ISDIR || event->len == 0)
        return false;
    return !g_str_has_suffix(event->name, ".lock") && !(event->mask & IN_CREATE);
}

static gboolean on_events(gint fd, GIOCondition condition, gpointer data)
{
    RepoRefs *refs = data;
    char buffer[EVENT_BYTES] __attribute__((aligned(__alignof__(struct inotify_event))));
    bool has_changed = false, has_directory = false;
    (void)condition;
    ssize_t len = read(fd, buffer, sizeof buffer);
    for (ssize_t at = 0; at < len;) {
        const struct inotify_event *event = (const struct inotify_event *)(const void *)(buffer + at);
        has_directory |= (event->mask & IN_ISDIR) != 0;
        has_changed |= is_change(event) || (event->mask & IN_Q_OVERFLOW) != 0;
        at += (ssize_t)(sizeof *event + event->len);
    }
    if (has_directory)
        add_all(refs);
    if (has_changed || has_directory) /* a reference may have been in the directory before it was watched */
        refs->changed(g_get_monotonic_time(), refs->data);
    return G_SOURCE_CONTINUE;
}

RepoRefs *repo_refs_new(const char *directory, RepoRefsChanged changed, void *data)
{
    int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (fd < 0)
        return NULL;
    RepoRefs *refs = g_new0(RepoRefs, 1);
    refs->directory = g_strdup(directory);
    refs->fd = fd;
    refs->changed = changed;
    refs->data = data;
    refs->source = g_unix_fd_source_new(fd, G_IO_IN);
    g_source_set_callback(refs->source, G_SOURCE_FUNC(on_events), refs, NULL);
    g_source_attach(refs->source, g_main_context_get_thread_default());
    add_all(refs);
    if (inotify_add_watch(fd, directory, IN_MOVED_TO | IN_ONLYDIR) >= 0) /* HEAD, packed-refs */
        return refs;
    repo_refs_free(refs);
    return NULL;
}

void repo_refs_free(RepoRefs *refs)
{
    if (!refs)
        return;
    g_source_destroy(refs->source);
    g_source_unref(refs->source);
    close(refs->fd);
    g_free(refs->directory);
    g_free(refs);
}
