/* commit_status.h: what the state of a commit is, from an event, and how a forge is told.
 * Owns:   a CommitStatus owns its texts.
 * Calls:  source/location, jansson. */
#pragma once
#include <glib.h>
#include "reconciler/notify/notify_config.h"

typedef enum {
    COMMIT_WAITING, /* for an approval */
    COMMIT_APPLYING,
    COMMIT_CONVERGED,
    COMMIT_FAILED,
    COMMIT_SUPERSEDED /* by a newer one, before it was done */
} CommitState;

#define COMMIT_DESCRIPTION_MAX 140 /* characters; GitHub's limit */

typedef struct {
    CommitState state;
    char *revision;    /* 40 or 64 hexadecimal digits */
    char *source;      /* identity */
    char *description; /* at most COMMIT_DESCRIPTION_MAX characters, one line */
} CommitStatus;
void commit_status_clear(CommitStatus *status);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(CommitStatus, commit_status_clear)

/* False: the event says nothing about a commit. */
bool commit_status_of(const EventRecord *event, CommitStatus *ret_status);
/* As much of text as fits, in one line; cut between characters, with "…". New string. */
char *commit_description(const char *text);

/* *ret_url and *ret_body: new. False with error when the source's location (may be NULL) names no forge and
 * the configuration does not either. */
bool commit_status_request(const DestinationConfig *config, const CommitStatus *status, const char *location,
                           char **ret_url, char **ret_body, GError **error);
/* Whether the source at this location can have statuses at all: a git repository that is not a directory
 * here, or one whose forge is configured. */
bool commit_status_fits(const DestinationConfig *config, const char *location);
/* Whether the answer to a request that failed says that the commit has that state already (GitLab). */
bool commit_status_is_known(DestinationKind kind, long code, View answer);
