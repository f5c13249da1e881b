/* follow.h: wait for an apply, for jobs, for a run, with progress on the way.
 * Owns:   FollowResult owns its JSON.
 * Calls:  cli/session, cli/progress.
 * Holds:  a daemon that goes away ends no wait: whoever hosts next is asked again, and a failure is told
 * once. */
#pragma once
#include "reconciler/cli/session.h"

typedef enum { WANT_NONE, WANT_RESOURCES, WANT_JOBS } Want;
Want want_from(const char *text, Want absent); /* checked by options */

typedef struct {
    int64_t timeout_ms; /* 0: none */
    Want want;
    const char *what; /* "the apply": for the time-out's message */
    json_t *runs;     /* of follow_apply: ids of runs to wait for beside those it finds unfinished; or NULL */
} FollowOptions;

/* Until an apply is done as wanted. Prints progress, failures with the end of their logs, a summary of runs.
 * Exit code. */
int follow_apply(Invocation *invocation, Session *session, int64_t apply_id, const FollowOptions *options);
/* Until all jobs are final; *ret_answer: the last answer of `wait` (new reference), set with 0, 5 and 7. */
int follow_jobs(Invocation *invocation, Session *session, json_t *ids, const FollowOptions *options,
                json_t **ret_answer);
/* Until a run of kind/name with this id is final: 0, or 7 when it failed. */
int follow_run(Invocation *invocation, Session *session, const json_t *run, const FollowOptions *options);

/* The last lines of a job's log, indented; nothing when there is none. */
void log_tail_append(const char *path, int lines, GString *out);
