/* repo_refs.h: tells when a reference of a repository on this machine changes.
 * Owns:   an inotify descriptor and its GSource on the thread-default GMainContext.
 * Calls:  inotify.
 * Holds:  an event only says that it is worth looking; what is missed is found by whoever looks now and then
 * anyway. git moves a reference into its place when all that it leads to is there, so that what is told of
 * can be read. */
#pragma once
#include <glib.h>
#include <stdint.h>

typedef struct RepoRefs RepoRefs;
/* at_us: monotonic time of the event. */
typedef void (*RepoRefsChanged)(int64_t at_us, void *data);
/* directory: that of HEAD and refs/. NULL when it cannot be watched. */
RepoRefs *repo_refs_new(const char *directory, RepoRefsChanged changed, void *data);
void repo_refs_free(RepoRefs *refs);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(RepoRefs, repo_refs_free)
