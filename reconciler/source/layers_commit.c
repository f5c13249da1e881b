/* layers_commit.c: bases as directories of the same commit. What lies in another repository is no base: a
 * commit says all that there is. */
#include "reconciler/source/layers.h"
#include "reconciler/source/scan.h"

static bool fail_as(GError **error, const char *what)
{
    g_set_error_literal(error, SOURCE_ERROR, SOURCE_ERROR_UNREADABLE, what);
    return false;
}

/* base is relative (schemas/config.json). Links on the way are not followed: it is where its name says. */
static bool commit_locate(void *self, const SourceBase *from, const char *base, SourceBase *ret_base,
                          GError **error)
{
    g_autofree char *here = g_strconcat(from->path, *from->path ? "/" : "", NULL);
    g_autofree char *joined = layers_join(here, base);
    if (g_str_has_prefix(joined, "../"))
        return fail_as(error, "it leaves the repository; copy what it holds into this one");
    g_autofree char *path = g_strndup(joined, *joined ? strlen(joined) - 1 : 0);
    g_autoptr(RepoTree) tree = repo_tree_elsewhere(self, path, error);
    if (!tree)
        return false;
    if (repo_tree_is_single(tree))
        return fail_as(error, "not a directory");
    ret_base->path = g_steal_pointer(&path);
    ret_base->shown = g_steal_pointer(&joined);
    return true;
}

static bool commit_read(void *self, const SourceBase *base, char **ret_text, size_t *ret_len, GError **error)
{
    g_autoptr(RepoTree) tree = repo_tree_elsewhere(self, base->path, error);
    unsigned char id[SCAN_ID_BYTES];
    RepoText text = {NULL, 0};
    if (!tree)
        return false;
    switch (repo_tree_find(tree, SCAN_CONFIG_NAME, id, error)) {
    case REPO_FIND_NOTHING: return true;
    case REPO_FIND_FAILED: return false;
    case REPO_FIND_FILE: break;
    }
    if (!repo_tree_read(tree, id, SCAN_CONFIG_NAME, document_limits_default.file_bytes, &text, error))
        return false;
    *ret_text = text.data;
    *ret_len = text.len;
    return true;
}

GPtrArray *layers_of_commit(const RepoTree *tree, const char *prefix, SourceConfig *config,
                            DiagnosticList *diagnostics, GError **error)
{
    const LayersPort port = {(void *)(uintptr_t)tree, commit_locate, commit_read};
    SourceBase source = {(char *)(uintptr_t)repo_tree_path(tree), (char *)(uintptr_t)prefix, NULL};
    return layers_resolve(&port, &source, config, diagnostics, error);
}

GPtrArray *layers_of_source(const SourceOptions *options, const char *prefix, SourceConfig *config,
                            DiagnosticList *diagnostics, GError **error)
{
    return options->git ? layers_of_commit(options->git, prefix, config, diagnostics, error)
                        : layers_of_directory(options->path, prefix, config, diagnostics, error);
}
