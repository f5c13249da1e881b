/* repo_walk.c: the files of a commit, by the rules of scan.h. */
#include <string.h>
#include "reconciler/source/repo_tree_internal.h"

#define SIZED_FILES_MAX 256 /* so few that asking each for its size costs nothing */

typedef struct {
    const RepoTree *tree;
    Scan *scan;
    unsigned entries;
    GHashTable *files; /* paths in scan, borrowed; made when the first link is followed */
} Walk;

static bool fail(GError **error, const char *path, const char *what)
{
    g_set_error(error, SOURCE_ERROR, SOURCE_ERROR_UNREADABLE, "%s: %s", path[0] ? path : ".", what);
    return false;
}

static bool add_file(Walk *walk, const char *path, const git_oid *id, GError **error)
{
    if (strcmp(path, SCAN_CONFIG_NAME) == 0) {
        walk->scan->has_config = true;
        memcpy(walk->scan->config_id, id->id, SCAN_ID_BYTES);
        return true;
    }
    ScanFile file = {.path = g_strdup(path)};
    memcpy(file.id, id->id, SCAN_ID_BYTES);
    return scan_add(walk->scan, &file, error);
}

/* ---- directories ---- */

static bool walk_directory(Walk *walk, const git_oid *id, const char *path, int depth, const Ignore *parent,
                           GError **error);

static bool walk_entry(Walk *walk, const git_tree_entry *entry, const char *directory, int depth,
                       const Ignore *ignore, GError **error)
{
    const char *name = git_tree_entry_name(entry);
    git_filemode_t mode = git_tree_entry_filemode(entry);
    bool is_file = mode == GIT_FILEMODE_BLOB || mode == GIT_FILEMODE_BLOB_EXECUTABLE;
    if (is_file && !scan_is_manifest_name(name))
        return true;
    if (!repo_tree_check_name(directory, name, error))
        return false;
    g_autofree char *path = repo_tree_below(directory, name);
    bool is_directory = mode == GIT_FILEMODE_TREE || mode == GIT_FILEMODE_COMMIT;
    if (scan_is_never_read(name) ||
        ignore_matches(ignore, path, is_directory ? IGNORE_DIRECTORY : IGNORE_FILE))
        return true;
    git_oid tree;
    if (is_directory && !repo_tree_of(walk->tree, entry, &tree))
        return repo_tree_fail_submodule(walk->tree, path, error);
    if (mode == GIT_FILEMODE_LINK) {
        g_ptr_array_add(walk->scan->links, g_strdup(path));
        return true;
    }
    return is_file ? add_file(walk, path, git_tree_entry_id(entry), error)
                   : walk_directory(walk, &tree, path, depth + 1, ignore, error);
}

static bool walk_entries(Walk *walk, const git_tree *object, const char *path, int depth,
                         const Ignore *ignore, GError **error)
{
    size_t len = git_tree_entrycount(object);
    const char *before = "";
    for (size_t i = 0; i < len; i++) {
        const git_tree_entry *entry = git_tree_entry_byindex(object, i);
        if (++walk->entries > REPO_ENTRIES_MAX) {
            g_set_error(error, SOURCE_ERROR, SOURCE_ERROR_UNREADABLE,
                        "the commit has more than %u files and directories", REPO_ENTRIES_MAX);
            return false;
        }
        if (strcmp(before, git_tree_entry_name(entry)) == 0)
            return fail(error, path, "the commit holds a name twice");
        if (!walk_entry(walk, entry, path, depth, ignore, error))
            return false;
        before = git_tree_entry_name(entry);
    }
    return true;
}

static bool walk_directory(Walk *walk, const git_oid *id, const char *path, int depth, const Ignore *parent,
                           GError **error)
{
    git_tree *object = NULL;
    Ignore *own = NULL;
    if (depth > SCAN_DIRECTORY_DEPTH) {
        g_set_error(error, SOURCE_ERROR, SOURCE_ERROR_UNREADABLE, "%s: more than %d directories deep", path,
                    SCAN_DIRECTORY_DEPTH);
        return false;
    }
    if (!repo_tree_lookup_id(walk->tree, id, &object, error))
        return false;
    bool is_good = repo_tree_ignore(walk->tree, object, path, parent, &own, error);
    if (own)
        g_ptr_array_add(walk->scan->ignores_owned, own);
    const Ignore *ignore = own ? own : parent;
    g_hash_table_insert(walk->scan->ignores, g_strdup(path), (void *)(uintptr_t)ignore);
    is_good = is_good && walk_entries(walk, object, path, depth, ignore, error);
    git_tree_free(object);
    return is_good;
}

/* ---- links ---- */

static bool fail_link(GError **error, const char *path, const char *what)
{
    g_set_error(error, SOURCE_ERROR, SOURCE_ERROR_UNREADABLE,
                "%s: symbolic link %s (list it in .musterignore to skip it)", path, what);
    return false;
}

typedef struct {
    const RepoTree *tree;
    const char *link; /* where it began */
    GPtrArray *at;    /* names from the source's root to where it is */
    GPtrArray *ahead; /* names that are still to be followed, the next one last */
    int links;
    git_filemode_t mode;
    git_oid id;
} Resolving;

static void push_ahead(Resolving *resolving, const char *target)
{
    g_auto(GStrv) parts = g_strsplit(target, "/", -1);
    for (guint i = g_strv_length(parts); i-- > 0;)
        if (*parts[i] && strcmp(parts[i], ".") != 0)
            g_ptr_array_add(resolving->ahead, g_strdup(parts[i]));
}

static char *path_at(const Resolving *resolving)
{
    GString *path = g_string_new(NULL);
    for (guint i = 0; i < resolving->at->len; i++)
        g_string_append_printf(path, "%s%s", i ? "/" : "", (const char *)resolving->at->pdata[i]);
    return g_string_free(path, FALSE);
}

/* The link that was just stepped on is replaced by its target. */
static bool follow(Resolving *resolving, GError **error)
{
    RepoText text;
    if (++resolving->links > REPO_LINKS_MAX)
        return fail_link(error, resolving->link, "that goes in a circle");
    if (!repo_tree_read(resolving->tree, resolving->id.id, resolving->link, REPO_LINK_MAX, &text, error))
        return false;
    g_autofree char *target = text.data;
    if (target[0] == '/')
        return fail_link(error, resolving->link, "that leaves the repository");
    g_ptr_array_set_size(resolving->at, (gint)resolving->at->len - 1);
    push_ahead(resolving, target);
    return true;
}

static bool step(Resolving *resolving, GError **error)
{
    g_autofree char *name = g_ptr_array_steal_index(resolving->ahead, resolving->ahead->len - 1);
    if (strcmp(name, "..") == 0) {
        if (resolving->at->len == 0)
            return fail_link(error, resolving->link,
                             resolving->tree->path[0] ? "that leaves the source"
                                                      : "that leaves the repository");
        g_ptr_array_set_size(resolving->at, (gint)resolving->at->len - 1);
        resolving->mode = GIT_FILEMODE_TREE;
        return true;
    }
    if (scan_is_never_read(name))
        return fail_link(error, resolving->link, "into a directory that is never read");
    g_ptr_array_add(resolving->at, g_steal_pointer(&name));
    g_autofree char *path = path_at(resolving);
    if (repo_tree_at(resolving->tree, &resolving->tree->root, path, &resolving->mode, &resolving->id) != 0)
        return fail_link(error, resolving->link, "to nowhere");
    return resolving->mode != GIT_FILEMODE_LINK || follow(resolving, error);
}

/* *ret_path: what the link leads to in the end, relative to the source's root. */
static bool resolve(const RepoTree *tree, const char *link, Resolving *resolving, char **ret_path,
                    GError **error)
{
    bool is_good = true;
    resolving->tree = tree;
    resolving->link = link;
    resolving->id = tree->root;
    resolving->mode = GIT_FILEMODE_TREE;
    resolving->at = g_ptr_array_new_with_free_func(g_free);
    resolving->ahead = g_ptr_array_new_with_free_func(g_free);
    push_ahead(resolving, link);
    while (is_good && resolving->ahead->len > 0)
        is_good = step(resolving, error);
    if (is_good)
        *ret_path = path_at(resolving);
    g_ptr_array_unref(resolving->at);
    g_ptr_array_unref(resolving->ahead);
    return is_good;
}

static bool is_listed(Walk *walk, const char *path)
{
    if (!walk->files) {
        walk->files = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
        for (guint i = 0; i < walk->scan->files->len; i++)
            g_hash_table_add(walk->files, g_strdup(g_array_index(walk->scan->files, ScanFile, i).path));
    }
    return !g_hash_table_add(walk->files, g_strdup(path));
}

static bool follow_link(Walk *walk, const char *link, GError **error)
{
    Resolving resolving = {0};
    g_autofree char *path = NULL;
    if (!resolve(walk->tree, link, &resolving, &path, error))
        return false;
    int depth = 1;
    for (const char *at = path; (at = strchr(at, '/')); at++)
        depth++;
    switch (resolving.mode) {
    case GIT_FILEMODE_TREE:
        return g_hash_table_contains(walk->scan->ignores, path) ||
               walk_directory(walk, &resolving.id, path, depth, NULL, error);
    case GIT_FILEMODE_BLOB:
    case GIT_FILEMODE_BLOB_EXECUTABLE:
        return !scan_is_manifest_name(link) || is_listed(walk, path) ||
               add_file(walk, path, &resolving.id, error);
    case GIT_FILEMODE_COMMIT: return fail_link(error, link, "into a submodule, which is not read");
    default: return true;
    }
}

/* Following may find further links, which are appended meanwhile. */
static bool follow_links(Walk *walk, GError **error)
{
    for (guint i = 0; i < walk->scan->links->len; i++)
        if (!follow_link(walk, g_ptr_array_index(walk->scan->links, i), error))
            return false;
    return true;
}

/* ---- the whole ---- */

static bool walk_single(Walk *walk, GError **error)
{
    ScanFile file = {.path = g_strdup(walk->tree->single)};
    walk->scan->is_single = true;
    if (repo_tree_find(walk->tree, file.path, file.id, error) == REPO_FIND_FILE)
        return scan_add(walk->scan, &file, error);
    g_free(file.path);
    return false;
}

static bool measure(Walk *walk, GError **error)
{
    GArray *files = walk->scan->files;
    for (guint i = 0; files->len <= SIZED_FILES_MAX && i < files->len; i++) {
        ScanFile *file = &g_array_index(files, ScanFile, i);
        git_oid id;
        size_t len;
        git_object_t type;
        git_oid_fromraw(&id, file->id);
        if (git_odb_read_header(&len, &type, walk->tree->odb, &id) != 0)
            return repo_tree_fail_damaged(&id, error);
        file->bytes = len;
    }
    return true;
}

Scan *repo_tree_scan(RepoTree *tree, GError **error)
{
    g_autoptr(Scan) scan = scan_new_empty();
    Walk walk = {.tree = tree, .scan = scan};
    scan->tree = tree;
    bool is_good = tree->single
                       ? walk_single(&walk, error)
                       : walk_directory(&walk, &tree->root, "", 0, NULL, error) && follow_links(&walk, error);
    if (walk.files)
        g_hash_table_unref(walk.files);
    if (!is_good || !measure(&walk, error))
        return NULL;
    scan_sort(scan);
    return g_steal_pointer(&scan);
}
