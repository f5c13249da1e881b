/* repo_verify.h: whether a commit may be read: `verify` of sources.yaml.
 * Owns:   what is returned is the caller's; a file beside the mirror that names the last objects that were
 * verified, with the digest of the trust that they were verified under.
 * Calls:  repo_mirror.h, repo_trust.h, signature_check.h, libgit2 (reading). Blocks for as long as a helper
 * takes; not on the loop.
 * Holds:  what was verified once stays so until the trust changes, so that neither a restart nor an expiry
 * takes back what is in force; nothing else is remembered. Of a tag the object is remembered, and it is of
 * that name: an old one that was signed is no other version by another name. */
#pragma once
#include "reconciler/source/repo_mirror.h"

typedef struct {
    RepoMirror *objects; /* where the commit is */
    const char *records; /* that file */
    const RepoSettings *settings;
    const RepoLocation *location;
    bool is_chosen; /* the commit was told before, not found now: the tag it was verified by may be gone */
    int cancel_fd;  /* readable: give up; -1: never */
} RepoVerifying;

/* True as well where nothing is to be verified; *ret_signature then stays NULL: else who signed, with which
 * key. False with error: SOURCE_ERROR_UNVERIFIED, or why it cannot be told. */
bool repo_verify(const RepoVerifying *verifying, const char *commit, char **ret_signature, GError **error);
