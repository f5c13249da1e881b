/* repo_revision.h: a commit of a repository by what people call it.
 * Owns:   nothing.
 * Calls:  repo_mirror.h. May block for as long as a fetch does. */
#pragma once
#include "reconciler/source/repo_mirror.h"

/* The commit that text names in the repository of a location (git+…), which its mirror then has with all its
 * files: a commit or at least 7 digits of it, a tag, a branch, semver:RANGE. The remote is asked what a name
 * is, and for a commit that the mirror lacks; where it cannot be asked, a name is what the mirror knows, and
 * *ret_stale says why (new string; NULL: it was asked, or need not be). False with error. */
bool repo_revision_find(const char *location, const char *state_dir, const char *text,
                        char ret_commit[REPO_COMMIT_HEX + 1], char **ret_stale, GError **error);
