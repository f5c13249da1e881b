/* log_window.h: lines of a log file around a place in it.
 * Owns:   a LogWindow owns its lines.
 * Calls:  files. Blocks: for a worker.
 * Holds:  a place is a byte offset at which a line begins, so that it stays good while the file grows; at
 * most LOG_WINDOW_BYTES are read at a time, and lines that are longer are cut. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#define LOG_WINDOW_BYTES (1024 * 1024)

typedef struct {
    GPtrArray *lines; /* of char*, valid UTF-8, without their ends */
    int64_t from, to; /* the place before the first and behind the last */
} LogWindow;
void log_window_clear(LogWindow *window);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(LogWindow, log_window_clear)

typedef struct {
    const char *path; /* one that is not there is empty */
    int64_t at;       /* -1: its end */
    bool backward;    /* the lines before it, else those behind it */
    bool is_closed;   /* nobody writes to it any more: what has no end at its end is a line too */
    size_t limit;     /* lines */
} LogRange;
/* False with error: it cannot be read. */
bool log_window_read(const LogRange *range, LogWindow *ret_window, GError **error);
