/* repo_mirror.h: a bare copy of a remote repository, kept in the state directory.
 * Owns:   the directory GIT_DIR/NAME-DIGEST.git, and a lock file beside it.
 * Calls:  repo_fetch.h, libgit2 (reading).
 * Holds:  one fetch at a time, whichever process asks; what a fetch that was killed left is cleared before
 * the next; a mirror that cannot be read is fetched anew beside the old one and takes its place only when it
 * is whole. References change all at once or not at all. Nothing in it is ever checked out. */
#pragma once
#include "reconciler/source/repo_settings.h"

#define REPO_COMMIT_HEX 40

typedef struct RepoMirror RepoMirror;

/* base: the directory that holds mirrors, made where it is missing; NULL: the user's cache directory. Touches
 * no network. NULL with error. */
RepoMirror *repo_mirror_open(const char *base, const RepoLocation *location, GError **error);
/* The remote itself, where it is a directory of this machine: to be resolved in and read, before it is
 * fetched. NULL where it is not, or that cannot be done (on a network file system reading might hang, and
 * cannot be ended). */
RepoMirror *repo_mirror_in_place(const RepoLocation *location);
void repo_mirror_free(RepoMirror *mirror);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(RepoMirror, repo_mirror_free)
const char *repo_mirror_path(const RepoMirror *mirror);
/* Where repo_verify.h keeps its records: beside it. Not of one that is in place. */
const char *repo_mirror_records(const RepoMirror *mirror);
/* Brings it up to the remote: all branches and tags, or ref alone (refs/…; for a location without @REF the
 * remote's HEAD is asked in its place). cancel_fd: see RepoFetch. Returns at once for a commit that is there
 * already. Blocks; not on the loop. */
bool repo_mirror_fetch(RepoMirror *mirror, const RepoSettings *settings, const char *ref, int cancel_fd,
                       GError **error);
/* Brings refspecs (NULL-terminated) of another remote into it. */
bool repo_mirror_fetch_from(RepoMirror *mirror, const RepoLocation *other, const RepoSettings *settings,
                            const char *const *refspecs, int cancel_fd, GError **error);
/* What the location's REF names in the mirror as it is. False with error (SOURCE_ERROR_REF): nothing. */
bool repo_mirror_resolve(RepoMirror *mirror, char ret_commit[REPO_COMMIT_HEX + 1], GError **error);
/* The tag that the location's REF names: a range, its highest. refs/tags/…, new string; NULL: it names none.
 */
char *repo_mirror_tag(RepoMirror *mirror);
/* NAME <MAIL> of a commit; new string. NULL: it is not there. */
char *repo_mirror_author(RepoMirror *mirror, const char *commit);
/* Whether the commit is there with all its files. */
bool repo_mirror_has(RepoMirror *mirror, const char *commit);
/* The same of what a forge names after a push: a commit, or a tag that leads to one. */
bool repo_mirror_knows(RepoMirror *mirror, const char *object);
/* To be fetched anew the next time: what is in it could not be read. */
void repo_mirror_mark_damaged(const RepoMirror *mirror);

/* The last commit that was good, under this name (of a location); kept from being collected. False: none. */
bool repo_mirror_held(RepoMirror *mirror, char ret_commit[REPO_COMMIT_HEX + 1]);
void repo_mirror_hold(RepoMirror *mirror, const char *commit);
/* What was to be held had not come yet, and has not since: what the mirror has is older than what is in
 * force. */
bool repo_mirror_is_behind(RepoMirror *mirror);
/* Whether newer has older in its history; true as well where a mirror, made anew, does not know older any
 * more. */
bool repo_mirror_descends(RepoMirror *mirror, const char *newer, const char *older);

/* libgit2's global settings, once; before any other call of it. */
void repo_library_init(void);
/* libgit2's message of the call that just failed on this thread. */
const char *repo_library_message(void);
