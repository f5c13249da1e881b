/* follower.c: a set kept up to date by reading only what changed.
 * Owns:   the last set without any fault (base) and, for each of its files, digest and place of its
 * manifests; the paths that changed since base. Holds:  a broken edit leaves base alone: the paths stay dirty
 * and are looked at again, until all is well. What cannot be done by replacing some manifests of base
 * (directories came or went, muster.yaml or ignore rules changed, a name was given twice) is done by loading
 * everything. */
#include "reconciler/source/array_files.h"
#include "reconciler/source/load.h"
#include "reconciler/source/repo_open.h"
#include "reconciler/source/repo_tree.h"
#include "reconciler/source/scan.h"
#include "reconciler/source/shown.h"
#include "reconciler/source/watch.h"
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <unistd.h>

#include "spec/variant.h"

/* Each step adds a batch to the set and leaves the memory of what it replaced: after so many, all is loaded
 * afresh. */
#define STEPS_MAX        500
#define PARSED_BYTES_MAX ((size_t)4 << 20)

typedef struct {
    char *path;
    Digest digest;
    size_t bytes;
    const ManifestBatch *batch; /* base's */
    size_t first, len;
    ParseOutcome outcome;
} FollowedFile;

struct SourceFollower {
    SourceOptions options;
    SourceWatch *watch; /* borrowed; may be NULL */
    ManifestSet *base;  /* NULL: load everything */
    GHashTable *files;  /* path: FollowedFile*, of base */
    GHashTable *dirty;  /* paths changed since base */
    unsigned steps;
    SourceStatistics totals; /* over files */
    GPtrArray *bases;        /* of char*: directories outside that were read too; NULL: none */
    gint doubt;              /* something changed there */
    LoadBuffer buffer;
    RepoTree
        *base_tree; /* commit of base; may be options.git, which is the one loaded last. NULL: a directory */
    bool has_links; /* of base: what differs does not tell all that must be read */
};

static void followed_free(void *data)
{
    FollowedFile *file = data;
    g_free(file->path);
    g_free(file);
}

SourceFollower *source_follower_new(const SourceOptions *options)
{
    SourceFollower *follower = g_new0(SourceFollower, 1);
    follower->options = (SourceOptions){.path = g_strdup(options->path),
                                        .name = g_strdup(options->name),
                                        .provider = g_strdup(options->provider),
                                        .cache_dir = g_strdup(options->cache_dir),
                                        .state_dir = g_strdup(options->state_dir),
                                        .is_offline = options->is_offline,
                                        .values = given_values_copy(options->values),
                                        .threads = options->threads};
    follower->files = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, followed_free);
    follower->dirty = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    return follower;
}

/* The commit that is read next is opened into options.git. */
static void drop_tree(SourceFollower *follower)
{
    if (follower->options.git != follower->base_tree)
        repo_tree_free(follower->options.git);
    follower->options.git = NULL;
}

static void set_base_tree(SourceFollower *follower, RepoTree *tree)
{
    if (follower->base_tree != tree && follower->base_tree != follower->options.git)
        repo_tree_free(follower->base_tree);
    follower->base_tree = tree;
}

void source_follower_free(SourceFollower *follower)
{
    if (!follower)
        return;
    set_base_tree(follower, NULL);
    drop_tree(follower);
    manifest_set_unref(follower->base);
    g_hash_table_unref(follower->files);
    g_hash_table_unref(follower->dirty);
    g_free((char *)(uintptr_t)follower->options.path);
    g_free((char *)(uintptr_t)follower->options.name);
    g_free((char *)(uintptr_t)follower->options.provider);
    g_free((char *)(uintptr_t)follower->options.cache_dir);
    g_free((char *)(uintptr_t)follower->options.state_dir);
    g_free((char *)(uintptr_t)follower->options.commit);
    given_values_free((GivenValues *)(uintptr_t)follower->options.values);
    g_clear_pointer(&follower->bases, g_ptr_array_unref);
    g_free(follower->buffer.data);
    g_free(follower);
}

void source_follower_commit(SourceFollower *follower, const char *commit)
{
    g_free((char *)(uintptr_t)follower->options.commit);
    follower->options.commit = g_strdup(commit);
}

void source_follower_attach(SourceFollower *follower, SourceWatch *watch)
{
    follower->watch = watch;
}

const char *source_follower_author(const SourceFollower *follower)
{
    return source_author(&follower->options);
}

const char *source_follower_signature(const SourceFollower *follower)
{
    return source_signature(&follower->options);
}

const GPtrArray *source_follower_bases(const SourceFollower *follower)
{
    return follower->bases;
}

void source_follower_doubt(SourceFollower *follower)
{
    g_atomic_int_set(&follower->doubt, 1);
}

/* ---- everything
 * --------------------------------------------------------------------------------------------------- */

static void count_file(SourceFollower *follower, const FollowedFile *file, bool is_added)
{
    SourceStatistics *totals = &follower->totals;
    if (is_added) {
        totals->files++;
        totals->bytes += file->bytes;
        totals->documents_skipped += file->outcome.documents_skipped;
        totals->files_skipped += !file->outcome.is_ours;
    } else {
        totals->files--;
        totals->bytes -= file->bytes;
        totals->documents_skipped -= file->outcome.documents_skipped;
        totals->files_skipped -= !file->outcome.is_ours;
    }
}

static void follow_file(const LoadedFile *loaded, void *data)
{
    SourceFollower *follower = data;
    FollowedFile *file = g_new(FollowedFile, 1);
    *file = (FollowedFile){g_strdup(loaded->path), loaded->digest, loaded->bytes,  loaded->batch,
                           loaded->first,          loaded->len,    loaded->outcome};
    count_file(follower, file, true);
    g_hash_table_replace(follower->files, file->path, file);
}

static void forget_base(SourceFollower *follower)
{
    g_clear_pointer(&follower->base, manifest_set_unref);
    set_base_tree(follower, NULL);
    follower->totals = (SourceStatistics){0};
    g_hash_table_remove_all(follower->files);
    g_hash_table_remove_all(follower->dirty);
    follower->steps = 0;
}

static bool load_all(SourceFollower *follower, ManifestSet **ret_set, SourceStatistics *ret_statistics,
                     DiagnosticList *diagnostics, GError **error)
{
    size_t faults = diagnostic_list_len(diagnostics);
    LoadedFiles files = {.file = follow_file, .data = follower};
    forget_base(follower);
    if (!load_source(&follower->options, &files, ret_set, ret_statistics, diagnostics, error)) {
        forget_base(follower);
        return false;
    }
    g_clear_pointer(&follower->bases, g_ptr_array_unref);
    follower->bases = files.bases;
    follower->has_links = files.has_links;
    if (diagnostic_list_len(diagnostics) == faults && !files.has_parts) {
        follower->base = manifest_set_ref(*ret_set);
        set_base_tree(follower, follower->options.git);
    } else
        g_hash_table_remove_all(follower->files);
    return true;
}

/* What was parsed is in memory for as long as it is followed; what comes out of the cache is in its file. */
static bool load_everything(SourceFollower *follower, ManifestSet **ret_set, SourceStatistics *ret_statistics,
                            DiagnosticList *diagnostics, GError **error)
{
    if (!load_all(follower, ret_set, ret_statistics, diagnostics, error))
        return false;
    bool is_parsed =
        ret_statistics->bytes > PARSED_BYTES_MAX && ret_statistics->files_cached * 2 < ret_statistics->files;
    if (!is_parsed || !follower->base || !follower->options.cache_dir)
        return true;
    g_clear_pointer(ret_set, manifest_set_unref);
    source_statistics_clear(ret_statistics);
    return load_all(follower, ret_set, ret_statistics, diagnostics, error);
}

/* ---- what changed
 * ------------------------------------------------------------------------------------------------- */

/* One pass over the dirty paths. */
typedef struct {
    SourceFollower *follower;
    int root;
    char *prefix;
    Parser *parser;
    ManifestBatch *added;
    GPtrArray *removed; /* of const Manifest* */
    GPtrArray *fresh;   /* of FollowedFile*: files as they are now */
    GPtrArray *gone;    /* of char*: paths (borrowed from dirty) that are not there */
    DiagnosticList *diagnostics;
} Step;

static void remove_manifests(Step *step, const FollowedFile *file)
{
    for (size_t i = 0; file && i < file->len; i++)
        g_ptr_array_add(step->removed, (void *)(uintptr_t)manifest_batch_get(file->batch, file->first + i));
}

static bool is_gone(const Step *step, const char *path)
{
    struct stat status;
    return fstatat(step->root, path, &status, AT_SYMLINK_NOFOLLOW) != 0 &&
           (errno == ENOENT || errno == ENOTDIR);
}

static void step_gone(Step *step, const char *path, const FollowedFile *before)
{
    remove_manifests(step, before);
    g_ptr_array_add(step->gone, (void *)(uintptr_t)path);
}

static void step_text(Step *step, const char *path, const char *shown, const FollowedFile *before, View text,
                      const Digest *digest)
{
    remove_manifests(step, before);
    FollowedFile *file = g_new(FollowedFile, 1);
    *file =
        (FollowedFile){.path = g_strdup(path), .digest = *digest, .bytes = text.len, .batch = step->added};
    file->first = manifest_batch_len(step->added);
    parser_run(step->parser, text, shown, 1, NULL, step->added, step->diagnostics, &file->outcome);
    file->len = manifest_batch_len(step->added) - file->first;
    g_ptr_array_add(step->fresh, file);
}

static bool step_blob(Step *step, const char *path, const char *shown, const FollowedFile *before,
                      GError **error)
{
    const RepoTree *tree = step->follower->options.git;
    unsigned char id[SCAN_ID_BYTES];
    Digest digest;
    RepoText text;
    switch (repo_tree_find(tree, path, id, error)) {
    case REPO_FIND_FILE: break;
    case REPO_FIND_NOTHING: step_gone(step, path, before); return true;
    case REPO_FIND_FAILED: return false;
    }
    repo_blob_digest(id, &digest);
    if (before && digest_equal(&before->digest, &digest))
        return true;
    if (!repo_tree_read(tree, id, shown, document_limits_default.file_bytes, &text, error))
        return false;
    step_text(step, path, shown, before, (View){text.data, text.len}, &digest);
    g_free(text.data);
    return true;
}

static bool step_file(Step *step, const char *path, GError **error)
{
    SourceFollower *follower = step->follower;
    const FollowedFile *before = g_hash_table_lookup(follower->files, path);
    size_t len;
    Digest digest;
    g_autofree char *shown = g_strconcat(step->prefix, path, NULL);
    if (follower->options.git)
        return step_blob(step, path, shown, before, error);
    if (is_gone(step, path)) {
        step_gone(step, path, before);
        return true;
    }
    if (!load_read_file(step->root, path, shown, &follower->buffer, &len, error))
        return false;
    View text = {follower->buffer.data, len};
    digest_of(text, &digest);
    if (!before || !digest_equal(&before->digest, &digest))
        step_text(step, path, shown, before, text, &digest);
    return true;
}

static bool step_files(Step *step, GError **error)
{
    g_autoptr(GList) paths = g_hash_table_get_keys(step->follower->dirty);
    paths = g_list_sort(paths, (GCompareFunc)strcmp); /* diagnostics and batches must not depend on hashes */
    for (const GList *at = paths; at; at = at->next)
        if (!step_file(step, at->data, error))
            return false;
    return true;
}

/* The first document that was skipped is only asked for where there is no other. */
static void find_skipped(const SourceFollower *follower, const char *prefix, SourceStatistics *statistics)
{
    GHashTableIter iter;
    void *value;
    const FollowedFile *first = NULL;
    g_hash_table_iter_init(&iter, follower->files);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const FollowedFile *file = value;
        if (file->outcome.first_skipped_line > 0 && (!first || strcmp(file->path, first->path) < 0))
            first = file;
    }
    if (first)
        statistics->first_skipped =
            g_strdup_printf("%s%s:%d", prefix, first->path, first->outcome.first_skipped_line);
}

static void tell_statistics(const Step *step, const ManifestSet *set, SourceStatistics *ret_statistics)
{
    const SourceFollower *follower = step->follower;
    *ret_statistics = follower->totals;
    ret_statistics->files_cached = ret_statistics->files;
    if (manifest_set_len(set) == 0)
        find_skipped(follower, step->prefix, ret_statistics);
}

static void drop_file(SourceFollower *follower, const char *path)
{
    const FollowedFile *file = g_hash_table_lookup(follower->files, path);
    if (file)
        count_file(follower, file, false);
    g_hash_table_remove(follower->files, path);
}

/* The new set is clean: it becomes base. */
static void step_commit(Step *step, ManifestSet *set)
{
    SourceFollower *follower = step->follower;
    for (guint i = 0; i < step->gone->len; i++)
        drop_file(follower, g_ptr_array_index(step->gone, i));
    while (step->fresh->len > 0) {
        FollowedFile *file = g_ptr_array_steal_index(step->fresh, step->fresh->len - 1);
        drop_file(follower, file->path);
        count_file(follower, file, true);
        g_hash_table_replace(follower->files, file->path, file);
    }
    g_hash_table_remove_all(follower->dirty);
    manifest_set_unref(follower->base);
    follower->base = manifest_set_ref(set);
    set_base_tree(follower, follower->options.git);
    follower->steps++;
}

typedef enum { STEP_DONE, STEP_ALL, STEP_FAILED } StepResult;

static StepResult step_run(Step *step, ManifestSet **ret_set, SourceStatistics *ret_statistics,
                           DiagnosticList *diagnostics, GError **error)
{
    SourceFollower *follower = step->follower;
    if (!step_files(step, error))
        return STEP_FAILED;
    ManifestSet *set = manifest_set_replace(follower->base, (const Manifest *const *)step->removed->pdata,
                                            step->removed->len, step->added);
    if (!set)
        return STEP_ALL;
    step->added = NULL;
    if (follower->options.git)
        manifest_set_set_commit(set, repo_tree_commit(follower->options.git));
    if (diagnostic_list_len(step->diagnostics) == 0)
        step_commit(step, set);
    tell_statistics(step, set, ret_statistics);
    diagnostic_list_merge(diagnostics, step->diagnostics);
    *ret_set = set;
    return STEP_DONE;
}

static StepResult step_over_dirty(SourceFollower *follower, ManifestSet **ret_set,
                                  SourceStatistics *ret_statistics, DiagnosticList *diagnostics,
                                  GError **error)
{
    ParseContext context = {.config = manifest_set_config(follower->base),
                            .provider = follower->options.provider};
    bool is_commit = follower->options.git != NULL;
    Step step = {.follower = follower,
                 .root = is_commit ? -1 : open(follower->options.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    if (step.root < 0 && !is_commit)
        return STEP_ALL; /* which says what is wrong */
    step.prefix = shown_prefix_of(&follower->options, false);
    step.parser = parser_new(&context);
    step.added = manifest_batch_new();
    step.removed = g_ptr_array_new();
    step.fresh = g_ptr_array_new_with_free_func(followed_free);
    step.gone = g_ptr_array_new();
    step.diagnostics = diagnostic_list_new();
    StepResult result = step_run(&step, ret_set, ret_statistics, diagnostics, error);
    diagnostic_list_free(step.diagnostics);
    g_ptr_array_unref(step.gone);
    g_ptr_array_unref(step.fresh);
    g_ptr_array_unref(step.removed);
    manifest_batch_free(step.added);
    parser_free(step.parser);
    g_free(step.prefix);
    if (step.root >= 0)
        close(step.root);
    return result;
}

/* What differs in a base is in no path of the source. */
static bool same_bases(const SourceFollower *follower)
{
    for (guint i = 0; follower->bases && i < follower->bases->len; i++)
        if (!repo_tree_same(follower->base_tree, follower->options.git, follower->bases->pdata[i]))
            return false;
    return true;
}

/* Opens the commit that is wanted now. *ret_everything: as take_changes. */
static bool take_commit(SourceFollower *follower, bool *ret_everything, GError **error)
{
    g_autoptr(GPtrArray) paths = g_ptr_array_new_with_free_func(g_free);
    drop_tree(follower);
    if (!repo_open(&follower->options, false, error))
        return false;
    bool is_known = follower->base && follower->base_tree && !follower->has_links &&
                    follower->steps < STEPS_MAX && repo_tree_wake(follower->base_tree, NULL) &&
                    same_bases(follower) &&
                    repo_tree_differences(follower->base_tree, follower->options.git, paths);
    g_hash_table_remove_all(follower->dirty);
    for (guint i = 0; is_known && i < paths->len; i++)
        g_hash_table_add(follower->dirty, g_strdup(paths->pdata[i]));
    *ret_everything = !is_known;
    return true;
}

/* Whether everything must be loaded. Without a watch nobody says what changed. */
static bool take_changes(SourceFollower *follower)
{
    WatchChanges changes = {.everything = true};
    if (follower->watch)
        source_watch_take(follower->watch, &changes);
    bool is_everything = changes.everything || g_atomic_int_compare_and_exchange(&follower->doubt, 1, 0);
    for (guint i = 0; changes.paths && i < changes.paths->len; i++)
        g_hash_table_add(follower->dirty, g_strdup(g_ptr_array_index(changes.paths, i)));
    watch_changes_clear(&changes);
    return is_everything || !follower->base || follower->steps >= STEPS_MAX;
}

static bool load_manifests(SourceFollower *follower, ManifestSet **ret_set, SourceStatistics *ret_statistics,
                           DiagnosticList *diagnostics, GError **error)
{
    bool is_everything;
    if (!repo_location_is(follower->options.path))
        is_everything = take_changes(follower);
    else if (!take_commit(follower, &is_everything, error))
        return false;
    if (!is_everything) {
        switch (step_over_dirty(follower, ret_set, ret_statistics, diagnostics, error)) {
        case STEP_DONE: return true;
        case STEP_ALL: break;
        case STEP_FAILED: return false;
        }
    }
    return load_everything(follower, ret_set, ret_statistics, diagnostics, error);
}

/* What only reading needed; the threads that read leave their heaps full of holes. */
static void give_back(SourceFollower *follower)
{
    if (follower->base_tree)
        repo_tree_rest(follower->base_tree);
    malloc_trim(0);
}

/* Sizes from files of the source are looked at anew each time: base is what the manifests say themselves. */
bool source_follower_load(SourceFollower *follower, ManifestSet **ret_set, SourceStatistics *ret_statistics,
                          DiagnosticList *diagnostics, GError **error)
{
    kinds_init();
    if (!load_manifests(follower, ret_set, ret_statistics, diagnostics, error))
        return false;
    g_autoptr(GPtrArray) paths = g_ptr_array_new_with_free_func(g_free);
    *ret_set = variant_finish(*ret_set, diagnostics);
    *ret_set = array_files_fill(&follower->options, *ret_set, paths, diagnostics);
    if (follower->watch)
        source_watch_also(follower->watch, paths);
    if (follower->base && follower->steps == 0) /* everything was read */
        give_back(follower);
    return true;
}
