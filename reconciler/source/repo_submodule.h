/* repo_submodule.h: the commits that submodules name are brought into the mirror of the repository that names
 * them. Owns:   references below refs/muster/submodules/ of the mirror: one for each commit that came whole.
 * Calls:  git (reading .gitmodules, fetching), libgit2.
 * Holds:  only from where sources.yaml allows: what a repository says is fetched from nowhere else. A commit
 * is what its id says, so that who vouches for the repository vouches for its submodules. */
#pragma once
#include "reconciler/source/repo_mirror.h"

/* refs/muster/submodules/ and the commit: there once it is whole. */
#define REPO_SUBMODULE_REFS "refs/muster/submodules/"

typedef struct {
    RepoMirror *mirror;
    const RepoLocation *location;
    const RepoSettings *settings; /* of the location: what its submodules may be */
    const char *state_dir;        /* for the settings of their own URLs; may be NULL */
    int cancel_fd;                /* see RepoFetch */
} RepoSubmodules;

/* Fetches what commit, and its submodules in turn, name and what is not there yet. One that is not allowed is
 * left out: reading it is an error (repo_tree.h), unless .musterignore lists it. Nothing to do where none is
 * allowed. Blocks; not on the loop. False with error. */
bool repo_submodules_fetch(const RepoSubmodules *submodules, const char *commit, GError **error);
