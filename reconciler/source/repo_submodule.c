#include "reconciler/source/repo_submodule.h"
#include <git2.h>
#include <string.h>
#include <unistd.h>
#include "reconciler/source/helper.h"
#include "reconciler/source/source.h"

#define LIST_NAME      ".gitmodules"
#define LIST_BYTES_MAX ((size_t)32 << 10)
#define LIST_SAID_MAX  ((size_t)64 << 10) /* what helper.h keeps whole */
#define LIST_READ_MS   10000
#define DEPTH_MAX      5
#define COUNT_MAX      200
#define HEAD_REFS      "refs/muster/submodule-heads/"

typedef struct {
    const RepoSubmodules *submodules;
    git_repository *repository;
    unsigned count;
} Bringing;

/* One of .gitmodules. */
typedef struct {
    char *path, *url; /* NULL: not said */
} Entry;

static bool G_GNUC_PRINTF(2, 3) fail(GError **error, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *message = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_set_error_literal(error, SOURCE_ERROR, SOURCE_ERROR_UNREADABLE, message);
    return false;
}

static void entry_free(void *data)
{
    Entry *entry = data;
    g_free(entry->path);
    g_free(entry->url);
    g_free(entry);
}

/* ---- .gitmodules ---- */

/* NUL-separated "submodule.NAME.path\nVALUE": by git, whose file it is. What it includes is not read. New
 * string of len bytes. */
static char *list_text(const char *data, size_t data_len, size_t *ret_len, GError **error)
{
    g_auto(HelperEnd) end = {0};
    int fd = helper_file(data, data_len, error);
    if (fd < 0)
        return NULL;
    g_autofree char *file = g_strdup_printf("/dev/fd/%d", fd);
    const char *const arguments[] = {"git",    "config", "--no-includes", "-z",
                                     "--file", file,     "--get-regexp",  "^submodule\\..*\\.(path|url)$",
                                     NULL};
    g_auto(GStrv) environment =
        g_environ_setenv(NULL, "PATH", g_getenv("PATH") ? g_getenv("PATH") : "/usr/bin:/bin", TRUE);
    environment = g_environ_setenv(environment, "LC_ALL", "C", TRUE);
    environment = g_environ_setenv(environment, "GIT_CONFIG_NOSYSTEM", "1", TRUE);
    environment = g_environ_setenv(environment, "GIT_CONFIG_GLOBAL", "/dev/null", TRUE);
    const HelperCommand command = {.arguments = arguments,
                                   .environment = environment,
                                   .kept = &fd,
                                   .kept_len = 1,
                                   .input_fd = -1,
                                   .keeps_output = true,
                                   .timeout_ms = LIST_READ_MS,
                                   .cancel_fd = -1};
    bool is_run = helper_run(&command, &end, error);
    close(fd);
    if (!is_run)
        return NULL;
    bool is_none = end.outcome == HELPER_ENDED && end.out->len == 0 && end.error->len == 0;
    if (!helper_is_good(&end) && !is_none) {
        fail(error, LIST_NAME " cannot be read: %s",
             end.error->len ? g_strstrip(end.error->str) : "git gave no reason");
        return NULL;
    }
    if (end.out->len > LIST_SAID_MAX) {
        fail(error, LIST_NAME ": more than %zu bytes", LIST_SAID_MAX);
        return NULL;
    }
    *ret_len = end.out->len;
    return g_string_free(g_steal_pointer(&end.out), FALSE);
}

static void take_value(GHashTable *entries, const char *key, const char *value)
{
    const char *name = key + strlen("submodule."), *member = strrchr(name, '.');
    g_autofree char *own = g_strndup(name, (gsize)(member - name));
    Entry *entry = g_hash_table_lookup(entries, own);
    if (!entry) {
        entry = g_new0(Entry, 1);
        g_hash_table_insert(entries, g_steal_pointer(&own), entry);
    }
    char **place = strcmp(member, ".path") == 0 ? &entry->path : &entry->url;
    g_free(*place);
    *place = g_strdup(value);
}

static GHashTable *entries_of(const char *text, size_t len)
{
    GHashTable *entries = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, entry_free);
    for (const char *at = text; at < text + len; at += strlen(at) + 1) {
        const char *value = strchr(at, '\n');
        g_autofree char *key = g_strndup(at, value ? (gsize)(value - at) : strlen(at));
        take_value(entries, key, value ? value + 1 : "");
    }
    return entries;
}

/* By name; NULL without error: there is no such file. */
static GHashTable *read_list(const Bringing *bringing, const git_tree *root, GError **error)
{
    const git_tree_entry *entry = git_tree_entry_byname(root, LIST_NAME);
    git_blob *blob = NULL;
    if (!entry || git_tree_entry_type(entry) != GIT_OBJECT_BLOB ||
        git_tree_entry_filemode(entry) == GIT_FILEMODE_LINK)
        return NULL;
    if (git_blob_lookup(&blob, bringing->repository, git_tree_entry_id(entry)) != 0) {
        fail(error, LIST_NAME ": %s", repo_library_message());
        return NULL;
    }
    size_t size = (size_t)git_blob_rawsize(blob), len = 0;
    g_autofree char *text = NULL;
    if (size > LIST_BYTES_MAX)
        fail(error, LIST_NAME ": larger than %zu bytes", LIST_BYTES_MAX);
    else
        text = list_text(git_blob_rawcontent(blob), size, &len, error);
    git_blob_free(blob);
    return text ? entries_of(text, len) : NULL;
}

/* ---- where they are ---- */

/* As git-submodule(1): ./ and ../ begin at the URL of the repository that says so. */
static char *absolute_url(const RepoLocation *parent, const char *url)
{
    if (url[0] == '/') {
        g_autofree char *escaped = g_uri_escape_string(url, "/", TRUE);
        return g_strconcat("file://", escaped, NULL);
    }
    if (!g_str_has_prefix(url, "./") && !g_str_has_prefix(url, "../"))
        return g_strdup(url);
    g_autofree char *base = g_strdup(parent->url);
    for (size_t len = strlen(base); len > 0 && base[len - 1] == '/'; len--)
        base[len - 1] = '\0';
    for (bool is_up; (is_up = g_str_has_prefix(url, "../")) || g_str_has_prefix(url, "./");) {
        char *slash = strrchr(base, '/'), *colon = strrchr(base, ':');
        if (is_up && slash)
            *slash = '\0';
        else if (is_up && colon)
            colon[1] = '\0';
        url += is_up ? 3 : 2;
    }
    return g_strdup_printf("%s%s%s", base, g_str_has_suffix(base, ":") ? "" : "/", url);
}

/* NULL with error: no location that is taken. */
static RepoLocation *location_of(const RepoLocation *parent, const Entry *entry, GError **error)
{
    g_autofree char *url = absolute_url(parent, entry->url), *text = g_strconcat("git+", url, NULL);
    g_autoptr(RepoLocation) location = repo_location_parse(text, error);
    if (!location) {
        g_prefix_error(error, LIST_NAME ", %s: ", entry->path);
        return NULL;
    }
    if (location->ref || location->path[0])
        fail(error, LIST_NAME ", %s: the URL holds an @ or a :, which is written %%40 or %%3A", entry->path);
    else if (location->transport == REPO_TRANSPORT_FILE && parent->transport != REPO_TRANSPORT_FILE)
        fail(error, LIST_NAME ", %s: a directory of this machine, named by a repository of another one",
             entry->path);
    else
        return g_steal_pointer(&location);
    return NULL;
}

/* ---- bringing ---- */

static bool is_here(const Bringing *bringing, const char *commit)
{
    git_reference *reference = NULL;
    g_autofree char *name = g_strconcat(REPO_SUBMODULE_REFS, commit, NULL);
    bool is_found = git_reference_lookup(&reference, bringing->repository, name) == 0;
    git_reference_free(reference);
    return is_found;
}

/* Where a server hands out no commit by its id: all that it has, among which the commit has to be. */
static bool fetch_all(Bringing *bringing, const RepoLocation *location, const RepoSettings *settings,
                      GError **error)
{
    RepoMirror *mirror = bringing->submodules->mirror;
    g_autofree char *digest = g_compute_checksum_for_string(G_CHECKSUM_SHA256, location->url, -1);
    g_autofree char *heads = g_strdup_printf("+refs/heads/*:" HEAD_REFS "%.16s/heads/*", digest),
                    *tags = g_strdup_printf("+refs/tags/*:" HEAD_REFS "%.16s/tags/*", digest);
    g_autofree char *name = g_strconcat(REPO_SUBMODULE_REFS, location->ref, NULL);
    const char *const refspecs[] = {heads, tags, NULL};
    git_reference *reference = NULL;
    git_oid id;
    if (!repo_mirror_fetch_from(mirror, location, settings, refspecs, bringing->submodules->cancel_fd, error))
        return false;
    if (!repo_mirror_has(mirror, location->ref)) {
        g_set_error(error, SOURCE_ERROR, SOURCE_ERROR_REF,
                    "%s has no commit %.12s; push a branch or a tag that leads to it", location->url,
                    location->ref);
        return false;
    }
    bool is_good = git_oid_fromstr(&id, location->ref) == 0 &&
                   git_reference_create(&reference, bringing->repository, name, &id, 1, NULL) == 0;
    git_reference_free(reference);
    return is_good || fail(error, "%s: %s", name, repo_library_message());
}

static bool fetch(Bringing *bringing, const RepoLocation *location, GError **error)
{
    g_autoptr(GError) fault = NULL;
    const RepoSubmodules *submodules = bringing->submodules;
    g_autoptr(RepoSettings) settings = repo_settings_load(submodules->state_dir, location, error);
    g_autofree char *refspec = g_strdup_printf("+%s:" REPO_SUBMODULE_REFS "%s", location->ref, location->ref);
    const char *const refspecs[] = {refspec, NULL};
    if (!settings)
        return false;
    if (repo_mirror_fetch_from(submodules->mirror, location, settings, refspecs, submodules->cancel_fd,
                               &fault))
        return true;
    if (g_error_matches(fault, SOURCE_ERROR, SOURCE_ERROR_REF))
        return fetch_all(bringing, location, settings, error);
    g_propagate_error(error, g_steal_pointer(&fault));
    return false;
}

static bool bring(Bringing *bringing, const RepoLocation *parent, const git_oid *commit, int depth,
                  GError **error);

static bool bring_one(Bringing *bringing, const RepoLocation *parent, const git_tree *root,
                      const Entry *entry, int depth, GError **error)
{
    git_tree_entry *link = NULL;
    char commit[REPO_COMMIT_HEX + 1];
    if (!entry->path || !entry->url || git_tree_entry_bypath(&link, root, entry->path) != 0)
        return true;
    bool is_link = git_tree_entry_filemode(link) == GIT_FILEMODE_COMMIT;
    const git_oid id = *git_tree_entry_id(link);
    git_tree_entry_free(link);
    if (!is_link)
        return true;
    g_autoptr(RepoLocation) location = location_of(parent, entry, error);
    if (!location)
        return false;
    if (!repo_settings_allow_submodule(bringing->submodules->settings, location))
        return true;
    if (depth == DEPTH_MAX || ++bringing->count > COUNT_MAX)
        return fail(error, "%s: more than %d submodules, or more than %d in each other", entry->path,
                    COUNT_MAX, DEPTH_MAX);
    git_oid_tostr(commit, sizeof commit, &id);
    if (!repo_location_set_ref(location, commit, error))
        return false;
    if (!is_here(bringing, commit) && !fetch(bringing, location, error)) {
        g_prefix_error(error, "submodule %s: ", entry->path);
        return false;
    }
    return bring(bringing, location, &id, depth + 1, error);
}

static bool bring(Bringing *bringing, const RepoLocation *parent, const git_oid *commit_id, int depth,
                  GError **error)
{
    git_commit *commit = NULL;
    git_tree *root = NULL;
    GError *fault = NULL;
    GHashTableIter each;
    void *entry;
    bool is_good = git_commit_lookup(&commit, bringing->repository, commit_id) == 0 &&
                   git_commit_tree(&root, commit) == 0;
    if (!is_good)
        g_set_error(&fault, SOURCE_ERROR, SOURCE_ERROR_DAMAGED, "%s: %s", parent->url,
                    repo_library_message());
    g_autoptr(GHashTable) entries = is_good ? read_list(bringing, root, &fault) : NULL;
    if (entries)
        g_hash_table_iter_init(&each, entries);
    while (entries && !fault && g_hash_table_iter_next(&each, NULL, &entry))
        bring_one(bringing, parent, root, entry, depth, &fault);
    git_tree_free(root);
    git_commit_free(commit);
    if (fault)
        g_propagate_error(error, fault);
    return !fault;
}

bool repo_submodules_fetch(const RepoSubmodules *submodules, const char *commit, GError **error)
{
    Bringing bringing = {.submodules = submodules};
    const char *path = repo_mirror_path(submodules->mirror);
    git_oid id;
    if (!submodules->settings->submodules)
        return true;
    repo_library_init();
    if (git_repository_open_bare(&bringing.repository, path) != 0) {
        g_set_error(error, SOURCE_ERROR, SOURCE_ERROR_DAMAGED, "%s: %s", path, repo_library_message());
        return false;
    }
    bool is_good = git_oid_fromstr(&id, commit) == 0 && bring(&bringing, submodules->location, &id, 0, error);
    git_repository_free(bringing.repository);
    return is_good;
}
