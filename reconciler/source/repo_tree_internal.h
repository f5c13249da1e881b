/* repo_tree_internal.h: the inside of a RepoTree, for repo_tree.c, repo_walk.c and repo_difference.c only. */
#pragma once
#include <git2.h>
#include "reconciler/source/repo_tree.h"
#include "reconciler/source/ignore.h"

struct RepoTree {
    git_repository *repository; /* NULL while it rests */
    git_odb *odb;
    char *database;      /* directory */
    git_oid commit_root; /* tree of the whole commit */
    git_oid root;        /* tree that the path names, or (single) holds the file */
    char commit[REPO_COMMIT_HEX + 1];
    char *path, *origin;
    char *author, *signature; /* of the commit; NULL: not known, not verified */
    bool reads_submodules;
    char *single; /* name of the file; NULL: the path is a directory */
};

/* More than these are no tree that somebody wrote: a few small objects can name themselves billions of times.
 */
#define REPO_ENTRIES_MAX 4000000u
#define REPO_LINK_MAX    4096 /* bytes of a link's target */
#define REPO_LINKS_MAX   40   /* followed one after the other */
#define REPO_IGNORE_MAX  ((size_t)1 << 20)

/* Fails as SOURCE_ERROR_DAMAGED, with libgit2's message. */
bool repo_tree_fail_damaged(const git_oid *id, GError **error);
bool repo_tree_lookup_id(const RepoTree *tree, const git_oid *id, git_tree **ret_object, GError **error);
/* The tree that an entry is: of a directory, or of a submodule's commit where they are read and it is there.
 */
bool repo_tree_of(const RepoTree *tree, const git_tree_entry *entry, git_oid *ret_id);
/* What is at path below root, through submodules, which are directories (GIT_FILEMODE_TREE). 0, GIT_ENOTFOUND
 * or another error of libgit2. */
int repo_tree_at(const RepoTree *tree, const git_oid *root, const char *path, git_filemode_t *ret_mode,
                 git_oid *ret_id);
/* Fails: a submodule that cannot be read. */
bool repo_tree_fail_submodule(const RepoTree *tree, const char *path, GError **error);
/* Names that mean something to a path, or break a line, are refused. */
bool repo_tree_check_name(const char *directory, const char *name, GError **error);
/* The rules of a directory's .musterignore under those from above; *ret_own NULL: it has none. */
bool repo_tree_ignore(const RepoTree *tree, const git_tree *object, const char *path, const Ignore *parent,
                      Ignore **ret_own, GError **error);
char *repo_tree_below(const char *directory, const char *name);
