/* follow.h: a directory or a repository that the daemon follows: watched on the loop (a repository: by a
 * thread that fetches), loaded on a worker, told to the reconciler. Owns:   its watch and follower. Calls:
 * source/, WorkPort, recorder.h. Holds:  one load at a time; a change during a load makes one more. */
#pragma once
#include "reconciler/recorder.h"
#include "reconciler/source/location.h"

typedef struct Follow Follow;
/* Whom what was loaded is told; all borrowed. */
typedef struct {
    Reconciler *reconciler;
    Recorder *recorder; /* may be NULL */
    const WorkPort *work;
    const char *state_dir;
} FollowTarget;

typedef struct {
    const char *path;            /* of a directory; or git+… */
    const char *name, *provider; /* may be NULL */
    Policy *policy;              /* borrowed; NULL: none */
    const char *values;          /* of variables (given_values.h), JSON; NULL or "": none */
    int64_t interval_ms;         /* git: how often the remote is asked; 0: as sources.yaml says */
    /* Borrowed, outlives it; NULL: none. Where the state has no apply yet, this source is loaded once that
     * one was, or could not be: who comes first where both make the same must not hang on whose remote is
     * faster. */
    Follow *earlier;
} FollowOptions;
/* Loads at once, but for what waits for earlier ones. */
Follow *follow_new(const FollowTarget *target, const FollowOptions *options, GError **error);
/* From the next load on; takes a reference. */
void follow_set_policy(Follow *follow, Policy *policy);
/* What it is called; NULL: that is not known yet. Borrowed until the next load. */
const char *follow_name(const Follow *follow);
/* Of a repository; NULL: a directory. Borrowed. */
const RepoLocation *follow_location(const Follow *follow);
/* What its webhooks are signed with; new. NULL with error: none is taken, and why. */
char **follow_secrets(Follow *follow, GError **error);
/* Something was pushed to what it follows (repo_watch.h); commit NULL: ref was deleted there. */
void follow_push(Follow *follow, const char *ref, const char *commit);
/* A webhook for it came: told to the reconciler. */
void follow_tell_webhook(Follow *follow, const SourceWebhook *webhook);
/* No load may be under way: the worker is freed first. */
void follow_free(void *follow);
void follow_reload(Follow *follow);
/* As follow_reload, and a remote is asked; what is loaded is compared with everything, not with what was
 * loaded before. */
void follow_full_pass(Follow *follow);
