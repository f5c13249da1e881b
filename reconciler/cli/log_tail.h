/* log_tail.h: a file that grows, copied to standard output as it does.
 * Owns:   the descriptors of the file and of inotify.
 * Holds:  a file that does not exist yet is waited for through its directory, or the nearest directory above
 * that exists. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct LogTail LogTail;
LogTail *log_tail_new(const char *path);
void log_tail_free(LogTail *tail);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LogTail, log_tail_free)
/* Readable when log_tail_copy() may have something to do; -1 where inotify is not to be had. */
int log_tail_fd(const LogTail *tail);
/* Prints what is there beyond what was printed. False when nobody reads standard output any more. */
bool log_tail_copy(LogTail *tail);
/* Bytes printed so far. */
uint64_t log_tail_printed(const LogTail *tail);
