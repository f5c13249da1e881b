/* repo_tree.h: the manifests of one commit, read from the object database.
 * Owns:   a RepoTree owns its handle of the mirror. Reading is safe from several threads at a time, all else
 * is not. Calls:  libgit2, repo_mirror.h. Holds:  the rules of scan.h, on trees and blobs: .musterignore,
 * links below the source's root only, limits before memory is taken. A file that is not what it seems (a Git
 * LFS pointer, a submodule that is not to be read) is an error: absence would delete.
 */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include "reconciler/source/repo_mirror.h"
#include "reconciler/source/scan.h"
#include "spec/canonical.h"

typedef struct RepoTree RepoTree;

/* The mirror as it is (nothing is fetched), at commit. reads_submodules: those that repo_submodule.h has
 * brought are directories like others. */
RepoTree *repo_tree_open(const RepoMirror *mirror, const RepoLocation *location, const char *commit,
                         bool reads_submodules, GError **error);
/* Another directory, or file, of the same commit; path: in the repository. NULL with error. */
RepoTree *repo_tree_elsewhere(const RepoTree *tree, const char *path, GError **error);
void repo_tree_free(RepoTree *tree);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(RepoTree, repo_tree_free)
const char *repo_tree_commit(const RepoTree *tree); /* 40 hexadecimal digits */
const char *repo_tree_author(const RepoTree *tree); /* of the commit, NAME <MAIL>; NULL: not known */
/* Who signed it, where that was verified; else NULL. */
const char *repo_tree_signature(const RepoTree *tree);
void repo_tree_set_signature(RepoTree *tree, const char *signature);
const char *repo_tree_path(const RepoTree *tree);   /* the location's path; "": the repository's root */
bool repo_tree_is_single(const RepoTree *tree);     /* the path is one file */
const char *repo_tree_origin(const RepoTree *tree); /* URL and path: the same for all its commits */

/* Gives back what libgit2 keeps of the mirror (mapped packs, objects that were read). Nothing but its names
 * and repo_tree_wake() may be asked then. */
void repo_tree_rest(RepoTree *tree);
bool repo_tree_wake(RepoTree *tree, GError **error); /* nothing to do where it does not rest */

/* Its files, as scan_new() gives a directory's; sizes are known where there are few files only, else 0. */
Scan *repo_tree_scan(RepoTree *tree, GError **error);

/* The content of one that the scan gave: a digest that stands for the blob's id. */
void repo_blob_digest(const unsigned char id[SCAN_ID_BYTES], Digest *ret_digest);
typedef struct {
    char *data; /* NUL behind it, not counted */
    size_t len;
} RepoText;
/* ret_text: the caller's (g_free). False with error: too large, an LFS pointer, or damaged. */
bool repo_tree_read(const RepoTree *tree, const unsigned char id[SCAN_ID_BYTES], const char *shown,
                    size_t limit, RepoText *ret_text, GError **error);

typedef enum { REPO_FIND_FILE, REPO_FIND_NOTHING, REPO_FIND_FAILED } RepoFind;
/* path: relative to the source's root; links are not followed. */
RepoFind repo_tree_find(const RepoTree *tree, const char *path, unsigned char ret_id[SCAN_ID_BYTES],
                        GError **error);

/* Manifests (relative paths) that differ between the two, by a walk that leaves out equal subtrees. False:
 * everything must be looked at, for rules or links may differ, or there are too many. paths: of char*. */
bool repo_tree_differences(RepoTree *before, RepoTree *now, GPtrArray *paths);
/* Whether both commits hold the same directory at path (in the repository), with everything in it. */
bool repo_tree_same(const RepoTree *before, const RepoTree *now, const char *path);
