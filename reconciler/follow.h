/* follow.h: a directory or a repository that the daemon follows: watched on the loop (a repository: by a
 * thread that fetches), loaded on a worker, told to the reconciler. Owns:   its watch and follower. Calls:
 * source/, WorkPort, reconcile.h. Holds:  one load at a time; a change during a load makes one more. */
#pragma once
#include "reconciler/reconcile.h"

typedef struct Follow Follow;
typedef struct {
    const char *state_dir;
    const char *path;     /* of a directory; or git+… */
    const char *name;     /* --source or NULL */
    const char *provider; /* --provider or NULL */
    int64_t interval_ms;  /* git: how often the remote is asked; 0: as sources.yaml says */
} FollowOptions;
/* Loads at once. */
Follow *follow_new(Reconciler *reconciler, const WorkPort *work, const FollowOptions *options,
                   GError **error);
/* No load may be under way: the worker is freed first. */
void follow_free(void *follow);
void follow_reload(Follow *follow);
/* As follow_reload, and a remote is asked; what is loaded is compared with everything, not with what was
 * loaded before. */
void follow_full_pass(Follow *follow);
