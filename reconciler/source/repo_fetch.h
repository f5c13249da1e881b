/* repo_fetch.h: the git executable as a helper process that fetches into a mirror.
 * Owns:   the process for as long as a call lasts.
 * Calls:  git (with ssh and what else it needs); the thread that asks waits, never the loop.
 * Holds:  git sees no configuration but what is written for it here (none of the system, the user or a hook),
 * may use the location's transport only, never asks at a terminal, and is ended with all its children when
 * its time is over or the caller gives up. What a fetch leaves when muster is killed ends by itself at the
 * same time limit. */
#pragma once
#include "reconciler/source/repo_settings.h"

typedef struct {
    const RepoLocation *location;
    const RepoSettings *settings;
    const char *mirror; /* the bare repository's directory */
    int cancel_fd;      /* readable: give up; -1: never */
    int lock_fd;        /* stays open in git, so that the lock lasts as long as git does; -1: none */
} RepoFetch;

/* Packs what many fetches left; unreachable objects go after two weeks. Best effort, within the same limits.
 */
void repo_fetch_tidy(const RepoFetch *fetch);

/* False with error: SOURCE_ERROR_REMOTE (what git said, and the cure), SOURCE_ERROR_REF (the remote has no
 * such reference, or not the commit that was named by its id), SOURCE_ERROR_DAMAGED (git says that the mirror
 * itself is), SOURCE_ERROR_CANCELLED, SOURCE_ERROR_UNREADABLE. refspecs: NULL-terminated. */
bool repo_fetch_run(const RepoFetch *fetch, const char *const *refspecs, GError **error);
