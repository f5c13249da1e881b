/* session.h: what commands that talk to a reconciler have in common: state directory, backend, job ids, the
 * end. Calls:  cli/backend, cli/state_dir, cli/report. */
#pragma once
#include "reconciler/cli/backend.h"
#include "reconciler/cli/command.h"

typedef struct {
    char *state_dir;
    Backend *backend;
} Session;

/* sources: of commands that have SOURCE, else NULL. */
bool session_open(Invocation *invocation, BackendNeed need, const char *const *sources, Session *ret_session,
                  GError **error);
/* Without SOURCE. */
bool session_open_here(Invocation *invocation, BackendNeed need, Session *ret_session, GError **error);
/* Stops what was hosted; code, or 1 when that failed. */
int session_close(Session *session, int code);
void session_clear(Session *session);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Session, session_clear)

/* Reports error; an interrupt becomes 128 + signal after `explanation` (may be NULL). */
int session_fail(const Invocation *invocation, const GError *error, const char *explanation);

/* "UUID", "UUID:INDEX" or a unique prefix, as the reconciler knows it: new string with the whole id, or NULL.
 */
char *session_job_id(Session *session, const char *text, GError **error);
/* All of arguments; NULL with error. New array of strings. */
json_t *session_job_ids(Session *session, char **arguments, GError **error);

/* After commands that commit and do not host: says on stderr that nothing starts until something hosts. */
void session_note_unhosted(const Session *session);
