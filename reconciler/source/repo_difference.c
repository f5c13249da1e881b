/* repo_difference.c: what differs between two commits, by their ids. libgit2's own tree diff does not leave
 * out equal subtrees (measured: 48 to 68 ms on 100,000 files, against 0.5 ms), so that the walk is ours: both
 * trees at a time, in git's order, down only where ids differ. */
#include <string.h>
#include "reconciler/source/repo_tree_internal.h"

#define DIFFERENCES_MAX 5000 /* more are read faster together */

typedef struct {
    const RepoTree *before, *now;
    GPtrArray *paths;
    GPtrArray *ignores; /* owned */
    unsigned entries;
} Difference;

/* What stands for "look at everything" is false throughout: rules that change, links, submodules, damage. */

static bool compare_trees(Difference *difference, const git_oid *before, const git_oid *now, const char *path,
                          int depth, const Ignore *parent);

static bool is_plain(git_filemode_t mode)
{
    return mode == GIT_FILEMODE_BLOB || mode == GIT_FILEMODE_BLOB_EXECUTABLE;
}

/* One side of a name: NULL where it is not there. */
static bool differs(Difference *difference, const git_tree_entry *before, const git_tree_entry *now,
                    const char *directory, int depth, const Ignore *ignore)
{
    const git_tree_entry *some = now ? now : before;
    const char *name = git_tree_entry_name(some);
    git_filemode_t modes[] = {before ? git_tree_entry_filemode(before) : GIT_FILEMODE_UNREADABLE,
                              now ? git_tree_entry_filemode(now) : GIT_FILEMODE_UNREADABLE};
    git_oid trees[2];
    bool was_tree = before && repo_tree_of(difference->before, before, &trees[0]),
         is_now_tree = now && repo_tree_of(difference->now, now, &trees[1]),
         is_tree = was_tree || is_now_tree;
    g_autofree char *path = repo_tree_below(directory, name);
    if (++difference->entries > REPO_ENTRIES_MAX || difference->paths->len > DIFFERENCES_MAX)
        return false;
    if (strcmp(name, SCAN_IGNORE_NAME) == 0 || strcmp(path, SCAN_CONFIG_NAME) == 0)
        return false;
    if (scan_is_never_read(name) || ignore_matches(ignore, path, is_tree ? IGNORE_DIRECTORY : IGNORE_FILE))
        return true;
    if (is_tree && (was_tree == is_now_tree || !before || !now))
        return compare_trees(difference, before ? &trees[0] : NULL, now ? &trees[1] : NULL, path, depth + 1,
                             ignore);
    if ((before && !is_plain(modes[0])) || (now && !is_plain(modes[1])))
        return false;
    if (scan_is_manifest_name(name)) {
        if (!repo_tree_check_name(directory, name, NULL))
            return false;
        g_ptr_array_add(difference->paths, g_steal_pointer(&path));
    }
    return true;
}

static bool is_equal(const git_tree_entry *a, const git_tree_entry *b)
{
    return git_oid_equal(git_tree_entry_id(a), git_tree_entry_id(b)) &&
           (git_tree_entry_filemode(a) == git_tree_entry_filemode(b) ||
            (is_plain(git_tree_entry_filemode(a)) && is_plain(git_tree_entry_filemode(b))));
}

static bool compare_entries(Difference *difference, const git_tree *before, const git_tree *now,
                            const char *path, int depth, const Ignore *ignore)
{
    size_t i = 0, j = 0, before_len = before ? git_tree_entrycount(before) : 0,
           now_len = now ? git_tree_entrycount(now) : 0;
    while (i < before_len || j < now_len) {
        const git_tree_entry *old = i < before_len ? git_tree_entry_byindex(before, i) : NULL;
        const git_tree_entry *new = j < now_len ? git_tree_entry_byindex(now, j) : NULL;
        int order = !old ? 1 : !new ? -1 : git_tree_entry_cmp(old, new);
        i += order <= 0;
        j += order >= 0;
        if (order == 0 && is_equal(old, new))
            continue;
        if (!differs(difference, order <= 0 ? old : NULL, order >= 0 ? new : NULL, path, depth, ignore))
            return false;
    }
    return true;
}

/* Either may be NULL: not there. */
static bool compare_trees(Difference *difference, const git_oid *before, const git_oid *now, const char *path,
                          int depth, const Ignore *parent)
{
    git_tree *old = NULL, *new = NULL;
    Ignore *own = NULL;
    bool is_good = depth <= SCAN_DIRECTORY_DEPTH &&
                   (!before || repo_tree_lookup_id(difference->before, before, &old, NULL)) &&
                   (!now || repo_tree_lookup_id(difference->now, now, &new, NULL)) &&
                   repo_tree_ignore(difference->now, new ? new : old, path, parent, &own, NULL);
    if (own)
        g_ptr_array_add(difference->ignores, own);
    is_good = is_good && compare_entries(difference, old, new, path, depth, own ? own : parent);
    git_tree_free(old);
    git_tree_free(new);
    return is_good;
}

bool repo_tree_differences(RepoTree *before, RepoTree *now, GPtrArray *paths)
{
    if (before->single || now->single)
        return false;
    Difference difference = {.before = before,
                             .now = now,
                             .paths = paths,
                             .ignores =
                                 g_ptr_array_new_with_free_func((GDestroyNotify)(void (*)(void))ignore_free)};
    bool is_good = git_oid_equal(&before->root, &now->root) ||
                   compare_trees(&difference, &before->root, &now->root, "", 0, NULL);
    g_ptr_array_unref(difference.ignores);
    return is_good && paths->len <= DIFFERENCES_MAX;
}

bool repo_tree_same(const RepoTree *before, const RepoTree *now, const char *path)
{
    g_autoptr(RepoTree) old = repo_tree_elsewhere(before, path, NULL),
                        new = repo_tree_elsewhere(now, path, NULL);
    return old && new && !old->single && !new->single &&git_oid_equal(&old->root, &new->root);
}
