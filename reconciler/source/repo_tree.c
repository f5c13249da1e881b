/* repo_tree.c: a commit is opened and read. See repo_tree.h. */
#include "reconciler/source/repo_tree_internal.h"
#include <string.h>
#include "reconciler/source/repo_author.h"
#include "reconciler/source/repo_submodule.h"
#include "spec/document.h"

#define LFS_SIGN    "version https://git-lfs.github.com/spec/"
#define LFS_LEN_MAX 1024 /* a pointer file is shorter, by its specification */

G_STATIC_ASSERT(SCAN_ID_BYTES == GIT_OID_RAWSZ);

/* ---- helpers ---- */

static bool G_GNUC_PRINTF(3, 4) fail(GError **error, int code, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *message = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_set_error_literal(error, SOURCE_ERROR, code, message);
    return false;
}

bool repo_tree_fail_damaged(const git_oid *id, GError **error)
{
    char hex[REPO_COMMIT_HEX + 1];
    git_oid_tostr(hex, sizeof hex, id);
    return fail(error, SOURCE_ERROR_DAMAGED, "the mirror's object %.12s cannot be read: %s", hex,
                repo_library_message());
}

bool repo_tree_lookup_id(const RepoTree *tree, const git_oid *id, git_tree **ret_object, GError **error)
{
    return git_tree_lookup(ret_object, tree->repository, id) == 0 || repo_tree_fail_damaged(id, error);
}

bool repo_tree_fail_submodule(const RepoTree *tree, const char *path, GError **error)
{
    return fail(
        error, SOURCE_ERROR_UNREADABLE,
        tree->reads_submodules
            ? "%s: a submodule whose commit is not here: .gitmodules has to name it, and submodules in "
              "sources.yaml "
              "its URL; or list it in .musterignore"
            : "%s: a submodule, which is not read: allow its URL (submodules in sources.yaml), list it in "
              ".musterignore, or name its repository as a source of its own",
        path);
}

bool repo_tree_of(const RepoTree *tree, const git_tree_entry *entry, git_oid *ret_id)
{
    git_filemode_t mode = git_tree_entry_filemode(entry);
    git_reference *reference = NULL;
    git_object *object = NULL;
    char commit[REPO_COMMIT_HEX + 1], name[sizeof REPO_SUBMODULE_REFS + REPO_COMMIT_HEX];
    *ret_id = *git_tree_entry_id(entry);
    if (mode != GIT_FILEMODE_COMMIT || !tree->reads_submodules)
        return mode == GIT_FILEMODE_TREE;
    git_oid_tostr(commit, sizeof commit, git_tree_entry_id(entry));
    g_snprintf(name, sizeof name, REPO_SUBMODULE_REFS "%s", commit);
    bool is_found = git_reference_lookup(&reference, tree->repository, name) == 0 &&
                    git_reference_peel(&object, reference, GIT_OBJECT_TREE) == 0;
    if (is_found)
        *ret_id = *git_object_id(object);
    git_object_free(object);
    git_reference_free(reference);
    return is_found;
}

/* One name in one directory. */
static int step_into(const RepoTree *tree, const git_oid *directory, const char *name,
                     git_filemode_t *ret_mode, git_oid *ret_id)
{
    git_tree *object = NULL;
    int result = git_tree_lookup(&object, tree->repository, directory);
    const git_tree_entry *entry = result == 0 ? git_tree_entry_byname(object, name) : NULL;
    if (entry)
        *ret_mode = repo_tree_of(tree, entry, ret_id) ? GIT_FILEMODE_TREE : git_tree_entry_filemode(entry);
    git_tree_free(object);
    return result != 0 ? result : entry ? 0 : GIT_ENOTFOUND;
}

int repo_tree_at(const RepoTree *tree, const git_oid *root, const char *path, git_filemode_t *ret_mode,
                 git_oid *ret_id)
{
    g_auto(GStrv) names = g_strsplit(path, "/", -1);
    int result = 0;
    *ret_mode = GIT_FILEMODE_TREE;
    *ret_id = *root;
    for (char **name = names; result == 0 && *name; name++) {
        const git_oid directory = *ret_id;
        result = *ret_mode == GIT_FILEMODE_TREE ? step_into(tree, &directory, *name, ret_mode, ret_id)
                                                : GIT_ENOTFOUND;
    }
    return result;
}

char *repo_tree_below(const char *directory, const char *name)
{
    return directory[0] ? g_strconcat(directory, "/", name, NULL) : g_strdup(name);
}

bool repo_tree_check_name(const char *directory, const char *name, GError **error)
{
    bool is_bad = !name[0] || strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strchr(name, '/');
    for (const char *byte = name; !is_bad && *byte; byte++)
        is_bad = (unsigned char)*byte < ' ' || *byte == 0x7f;
    if (!is_bad)
        return true;
    g_autofree char *shown = g_strescape(name, NULL);
    return fail(error, SOURCE_ERROR_UNREADABLE, "%s: the commit holds a name that no file can have: \"%s\"",
                directory[0] ? directory : ".", shown);
}

/* ---- opening ---- */

static bool fail_path(const RepoTree *tree, const char *path, GError **error)
{
    return fail(error, SOURCE_ERROR_REF, "commit %.8s has no \"%s\"", tree->commit, path);
}

/* The entry that path names; a link on the way is not followed. */
static bool open_path(RepoTree *tree, const char *path, GError **error)
{
    git_filemode_t mode;
    git_oid id;
    tree->root = tree->commit_root;
    if (!path[0])
        return true;
    int result = repo_tree_at(tree, &tree->commit_root, path, &mode, &id);
    if (result == GIT_ENOTFOUND)
        return fail_path(tree, path, error);
    if (result != 0)
        return repo_tree_fail_damaged(&tree->commit_root, error);
    if (mode == GIT_FILEMODE_TREE) {
        tree->root = id;
        return true;
    }
    if (mode == GIT_FILEMODE_COMMIT)
        return repo_tree_fail_submodule(tree, path, error);
    if (mode == GIT_FILEMODE_LINK)
        return fail(error, SOURCE_ERROR_UNREADABLE, "%s: it is a symbolic link; name what it leads to", path);
    g_autofree char *directory = g_path_get_dirname(path);
    tree->single = g_path_get_basename(path);
    return open_path(tree, strcmp(directory, ".") == 0 ? "" : directory, error);
}

static bool open_commit(RepoTree *tree, GError **error)
{
    git_oid id;
    git_commit *commit = NULL;
    if (git_oid_fromstr(&id, tree->commit) != 0 || git_commit_lookup(&commit, tree->repository, &id) != 0)
        return fail(error, SOURCE_ERROR_DAMAGED, "the mirror has no commit %.12s: %s", tree->commit,
                    repo_library_message());
    tree->commit_root = *git_commit_tree_id(commit);
    git_commit_free(commit);
    return open_path(tree, tree->path, error);
}

static bool open_database(RepoTree *tree, const char *path, GError **error)
{
    g_assert(!tree->database);
    tree->database = g_strdup(path);
    return repo_tree_wake(tree, error);
}

RepoTree *repo_tree_open(const RepoMirror *mirror, const RepoLocation *location, const char *commit,
                         bool reads_submodules, GError **error)
{
    g_autoptr(RepoTree) tree = g_new0(RepoTree, 1);
    const char *path = repo_mirror_path(mirror);
    repo_library_init();
    tree->reads_submodules = reads_submodules;
    tree->path = g_strdup(location->path);
    tree->origin = g_strdup_printf("%s:%s", location->url, location->path);
    if (!open_database(tree, path, error))
        return NULL;
    g_strlcpy(tree->commit, commit, sizeof tree->commit);
    tree->author = repo_author(tree->repository, commit);
    return open_commit(tree, error) ? g_steal_pointer(&tree) : NULL;
}

RepoTree *repo_tree_elsewhere(const RepoTree *tree, const char *path, GError **error)
{
    g_autoptr(RepoTree) other = g_new0(RepoTree, 1);
    other->reads_submodules = tree->reads_submodules;
    other->path = g_strdup(path);
    other->origin = g_strdup_printf("%s\n%s", tree->origin, path);
    if (!open_database(other, tree->database, error))
        return NULL;
    g_strlcpy(other->commit, tree->commit, sizeof other->commit);
    return open_commit(other, error) ? g_steal_pointer(&other) : NULL;
}

bool repo_tree_wake(RepoTree *tree, GError **error)
{
    if (tree->odb)
        return true;
    if (git_repository_open_bare(&tree->repository, tree->database) == 0 &&
        git_repository_odb(&tree->odb, tree->repository) == 0)
        return true;
    fail(error, SOURCE_ERROR_DAMAGED, "%s: %s", tree->database, repo_library_message());
    repo_tree_rest(tree);
    return false;
}

void repo_tree_rest(RepoTree *tree)
{
    g_clear_pointer(&tree->odb, git_odb_free);
    g_clear_pointer(&tree->repository, git_repository_free);
}

void repo_tree_free(RepoTree *tree)
{
    if (!tree)
        return;
    repo_tree_rest(tree);
    g_free(tree->database);
    g_free(tree->path);
    g_free(tree->origin);
    g_free(tree->author);
    g_free(tree->signature);
    g_free(tree->single);
    g_free(tree);
}

const char *repo_tree_commit(const RepoTree *tree)
{
    return tree->commit;
}

const char *repo_tree_author(const RepoTree *tree)
{
    return tree->author;
}

const char *repo_tree_signature(const RepoTree *tree)
{
    return tree->signature;
}

void repo_tree_set_signature(RepoTree *tree, const char *signature)
{
    g_free(tree->signature);
    tree->signature = g_strdup(signature);
}

const char *repo_tree_path(const RepoTree *tree)
{
    return tree->path;
}

bool repo_tree_is_single(const RepoTree *tree)
{
    return tree->single != NULL;
}

const char *repo_tree_origin(const RepoTree *tree)
{
    return tree->origin;
}

/* ---- reading ---- */

/* The id and what it is the id of; the rest stays 0, which no SHA-256 ends in. */
void repo_blob_digest(const unsigned char id[SCAN_ID_BYTES], Digest *ret_digest)
{
    *ret_digest = (Digest){0};
    memcpy(ret_digest->bytes, id, SCAN_ID_BYTES);
    memcpy(ret_digest->bytes + SCAN_ID_BYTES, "blob", 4);
}

static bool check_text(const char *shown, git_odb_object *object, GError **error)
{
    size_t len = git_odb_object_size(object);
    if (git_odb_object_type(object) != GIT_OBJECT_BLOB)
        return fail(error, SOURCE_ERROR_UNREADABLE, "%s: not a file", shown);
    if (len < LFS_LEN_MAX && len >= strlen(LFS_SIGN) &&
        memcmp(git_odb_object_data(object), LFS_SIGN, strlen(LFS_SIGN)) == 0)
        return fail(error, SOURCE_ERROR_UNREADABLE,
                    "%s: a Git LFS pointer, not the file: keep manifests in git itself (git lfs untrack), or "
                    "list it in "
                    ".musterignore",
                    shown);
    return true;
}

/* The size stands in the object's head: what is too large is never inflated. */
static bool check_size(const RepoTree *tree, const git_oid *id, const char *shown, size_t limit,
                       GError **error)
{
    size_t len;
    git_object_t type;
    if (git_odb_read_header(&len, &type, tree->odb, id) != 0)
        return repo_tree_fail_damaged(id, error);
    return len <= limit ||
           fail(error, SOURCE_ERROR_UNREADABLE, "%s: %zu bytes, and at most %zu are read", shown, len, limit);
}

bool repo_tree_read(const RepoTree *tree, const unsigned char id[SCAN_ID_BYTES], const char *shown,
                    size_t limit, RepoText *ret_text, GError **error)
{
    git_oid blob;
    git_odb_object *object = NULL;
    git_oid_fromraw(&blob, id);
    if (!check_size(tree, &blob, shown, limit, error))
        return false;
    if (git_odb_read(&object, tree->odb, &blob) != 0)
        return repo_tree_fail_damaged(&blob, error);
    bool is_good = check_text(shown, object, error);
    if (is_good) {
        ret_text->len = git_odb_object_size(object);
        ret_text->data = g_malloc(ret_text->len + 1);
        memcpy(ret_text->data, git_odb_object_data(object), ret_text->len);
        ret_text->data[ret_text->len] = '\0';
    }
    git_odb_object_free(object);
    return is_good;
}

RepoFind repo_tree_find(const RepoTree *tree, const char *path, unsigned char ret_id[SCAN_ID_BYTES],
                        GError **error)
{
    git_filemode_t mode;
    git_oid id;
    int result = repo_tree_at(tree, &tree->root, path, &mode, &id);
    if (result == GIT_ENOTFOUND)
        return REPO_FIND_NOTHING;
    if (result != 0) {
        repo_tree_fail_damaged(&tree->root, error);
        return REPO_FIND_FAILED;
    }
    memcpy(ret_id, id.id, SCAN_ID_BYTES);
    if (mode == GIT_FILEMODE_BLOB || mode == GIT_FILEMODE_BLOB_EXECUTABLE)
        return REPO_FIND_FILE;
    fail(error, SOURCE_ERROR_UNREADABLE, "%s: not a regular file", path);
    return REPO_FIND_FAILED;
}

bool repo_tree_ignore(const RepoTree *tree, const git_tree *object, const char *path, const Ignore *parent,
                      Ignore **ret_own, GError **error)
{
    const git_tree_entry *entry = git_tree_entry_byname(object, SCAN_IGNORE_NAME);
    RepoText text;
    *ret_own = NULL;
    if (!entry || (git_tree_entry_filemode(entry) != GIT_FILEMODE_BLOB &&
                   git_tree_entry_filemode(entry) != GIT_FILEMODE_BLOB_EXECUTABLE))
        return true;
    g_autofree char *shown = repo_tree_below(path, SCAN_IGNORE_NAME);
    if (!repo_tree_read(tree, git_tree_entry_id(entry)->id, shown, REPO_IGNORE_MAX, &text, error))
        return false;
    *ret_own = ignore_new(parent, path, (View){text.data, text.len});
    g_free(text.data);
    return true;
}
