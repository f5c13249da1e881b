/* repo_author.h: who wrote a commit, as it says itself.
 * Calls:  libgit2 (reading). */
#pragma once
#include <git2.h>

/* NAME <MAIL>, one printable line. New string; NULL: there is no such commit. */
char *repo_author(git_repository *repository, const char *commit_hex);
