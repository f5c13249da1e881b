#include "reconciler/cli/log_tail.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/inotify.h>
#include <unistd.h>
#include "reconciler/cli/output.h"

struct LogTail {
    char *path;
    int file, watch; /* -1: none */
    int watched;     /* inotify's descriptor, -1: nothing watched */
    uint64_t printed;
};

/* The file itself, else the nearest directory above it that exists: its creation is seen there. */
static void watch_nearest(LogTail *tail)
{
    if (tail->watch < 0)
        return;
    if (tail->watched >= 0)
        inotify_rm_watch(tail->watch, tail->watched);
    tail->watched = inotify_add_watch(tail->watch, tail->path, IN_MODIFY | IN_CLOSE_WRITE);
    g_autofree char *at = g_path_get_dirname(tail->path);
    while (tail->watched < 0) {
        tail->watched = inotify_add_watch(tail->watch, at, IN_CREATE | IN_MOVED_TO);
        char *parent = g_path_get_dirname(at);
        bool is_top = strcmp(parent, at) == 0;
        g_free(at);
        at = parent;
        if (is_top)
            return;
    }
}

static void open_file(LogTail *tail)
{
    if (tail->file >= 0)
        return;
    watch_nearest(tail); /* before opening: what is made in between is seen by the one or the other */
    tail->file = open(tail->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (tail->file >= 0)
        watch_nearest(tail);
}

LogTail *log_tail_new(const char *path)
{
    LogTail *tail = g_new0(LogTail, 1);
    *tail = (LogTail){.path = g_strdup(path), .file = -1, .watched = -1};
    tail->watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    open_file(tail);
    return tail;
}

void log_tail_free(LogTail *tail)
{
    if (!tail)
        return;
    if (tail->file >= 0)
        close(tail->file);
    if (tail->watch >= 0)
        close(tail->watch);
    g_free(tail->path);
    g_free(tail);
}

int log_tail_fd(const LogTail *tail)
{
    return tail->watch;
}

uint64_t log_tail_printed(const LogTail *tail)
{
    return tail->printed;
}

static void drain_watch(const LogTail *tail)
{
    char events[4096];
    while (tail->watch >= 0 && read(tail->watch, events, sizeof(events)) > 0)
        ;
}

bool log_tail_copy(LogTail *tail)
{
    g_autofree char *buffer = g_malloc(65536);
    drain_watch(tail); /* before reading: what comes later wakes us again */
    open_file(tail);
    while (tail->file >= 0) {
        ssize_t len = read(tail->file, buffer, 65536);
        if (len < 0 && errno == EINTR)
            continue;
        if (len <= 0)
            break;
        tail->printed += (uint64_t)len;
        if (!output_write(buffer, (size_t)len))
            return false;
    }
    return true;
}
