/* repo_watch.h: asks a remote, time and again, what a git location names now.
 * Owns:   a thread that fetches, one timer on the thread-default GMainContext.
 * Calls:  repo_mirror.h, repo_verify.h.
 * Holds:  the loop is never blocked: it hears what came of a look, and when. What was good once stays what is
 * wanted while the remote cannot be asked, has lost the reference, has rewritten its history (settings:
 * rewrites), or names what nobody who is trusted signed (settings: verify). No commit is told that is not
 * verified where it has to be, not even one that was told before. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* A server that tells of a push before it serves it does so a moment later: six looks, each after twice the
 * time of the one before, within 13 seconds. */
#define REPO_BEHIND_LOOKS 6
#define REPO_BEHIND_MS    200

typedef enum {
    REPO_NEWS_OK,
    REPO_NEWS_UNREACHABLE, /* the remote could not be asked: commit is the newest known */
    REPO_NEWS_HELD /* the reference is gone, was rewritten, or nobody who is trusted signed what it names:
                      commit is the last good one */
} RepoNewsState;

/* What is not taken because of its signature. */
typedef struct {
    const char *commit, *author; /* author may be NULL */
} RepoRefused;

typedef struct {
    RepoNewsState state;
    const char *commit;         /* what is to be in force; NULL: nothing is known that could be */
    const char *head;           /* what the location names at the remote, as far as known; may be NULL */
    const char *message;        /* of a state that is not OK; else NULL */
    const RepoRefused *refused; /* held for that; else NULL. Without a commit nothing that is known may be
                                   read any more: what is in force stays, and nothing is made of it */
    int64_t changed_us;         /* monotonic time when the commit was first seen to differ; 0: it does not */
} RepoNews;

typedef struct RepoWatch RepoWatch;
typedef void (*RepoWatchFunc)(const RepoNews *news, void *data);

typedef struct {
    const char *location;  /* git+… */
    const char *state_dir; /* holds the mirror and sources.yaml */
    int64_t interval_ms;   /* 0: that of sources.yaml */
    int64_t behind_ms;     /* before the second look for a push; 0: REPO_BEHIND_MS */
} RepoWatchOptions;

/* Looks at once. NULL with error: the location is none. */
RepoWatch *repo_watch_new(const RepoWatchOptions *options, RepoWatchFunc news, void *data, GError **error);
/* Ends a fetch that is under way. */
void repo_watch_free(RepoWatch *watch);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(RepoWatch, repo_watch_free)
/* Looks now; when it is looking already, once more afterwards. */
void repo_watch_now(RepoWatch *watch);
/* A push was told of: ref (refs/…) is to be at the commit (or a tag that leads to one). The remote is asked
 * for that reference alone; while it does not have the commit yet, again a few times within some seconds,
 * then as ever. What is in force follows from what the remote says, never from what was told here. The newest
 * that was told of takes the place of the one before. */
void repo_watch_push(RepoWatch *watch, const char *ref, const char *commit);
/* What webhooks are signed with, as the last look found it in sources.yaml: new, NULL-terminated. NULL with
 * error: none is taken, and why. */
char **repo_watch_secrets(RepoWatch *watch, GError **error);
/* The commit was read whole: it is the last good one from now on. */
void repo_watch_good(RepoWatch *watch, const char *commit);
/* What the mirror holds could not be read: it is fetched anew at once. */
void repo_watch_damaged(RepoWatch *watch);
