/* follower.c: a set kept up to date by reading only what changed.
 * Owns:   the last set without any fault (base) and, for each of its files, digest and place of its
 * manifests; the paths that changed since base. Holds:  a broken edit leaves base alone: the paths stay dirty
 * and are looked at again, until all is well. What cannot be done by replacing some manifests of base
 * (directories came or went, muster.yaml or ignore rules changed, a name was given twice) is done by loading
 * everything. */
#include "reconciler/source/array_files.h"
#include "reconciler/source/load.h"
#include "reconciler/source/scan.h"
#include "reconciler/source/shown.h"
#include "reconciler/source/watch.h"
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "spec/variant.h"

/* Each step adds a batch to the set and leaves the memory of what it replaced: after so many, all is loaded
 * afresh. */
#define STEPS_MAX 500

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
    GPtrArray *bases; /* of char*: directories outside that were read too; NULL: none */
    gint doubt;       /* something changed there */
    LoadBuffer buffer;
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
                                        .values = given_values_copy(options->values),
                                        .threads = options->threads};
    follower->files = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, followed_free);
    follower->dirty = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    return follower;
}

void source_follower_free(SourceFollower *follower)
{
    if (!follower)
        return;
    manifest_set_unref(follower->base);
    g_hash_table_unref(follower->files);
    g_hash_table_unref(follower->dirty);
    g_free((char *)(uintptr_t)follower->options.path);
    g_free((char *)(uintptr_t)follower->options.name);
    g_free((char *)(uintptr_t)follower->options.provider);
    g_free((char *)(uintptr_t)follower->options.cache_dir);
    given_values_free((GivenValues *)(uintptr_t)follower->options.values);
    g_clear_pointer(&follower->bases, g_ptr_array_unref);
    g_free(follower->buffer.data);
    g_free(follower);
}

void source_follower_attach(SourceFollower *follower, SourceWatch *watch)
{
    follower->watch = watch;
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

static void follow_file(const LoadedFile *loaded, void *data)
{
    SourceFollower *follower = data;
    FollowedFile *file = g_new(FollowedFile, 1);
    *file = (FollowedFile){g_strdup(loaded->path), loaded->digest, loaded->bytes,  loaded->batch,
                           loaded->first,          loaded->len,    loaded->outcome};
    g_hash_table_replace(follower->files, file->path, file);
}

static void forget_base(SourceFollower *follower)
{
    g_clear_pointer(&follower->base, manifest_set_unref);
    g_hash_table_remove_all(follower->files);
    g_hash_table_remove_all(follower->dirty);
    follower->steps = 0;
}

static bool load_everything(SourceFollower *follower, ManifestSet **ret_set, SourceStatistics *ret_statistics,
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
    if (diagnostic_list_len(diagnostics) == faults && !files.has_parts)
        follower->base = manifest_set_ref(*ret_set);
    else
        g_hash_table_remove_all(follower->files);
    return true;
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

static bool step_file(Step *step, const char *path, GError **error)
{
    SourceFollower *follower = step->follower;
    const FollowedFile *before = g_hash_table_lookup(follower->files, path);
    if (is_gone(step, path)) {
        remove_manifests(step, before);
        g_ptr_array_add(step->gone, (void *)(uintptr_t)path);
        return true;
    }
    size_t len;
    Digest digest;
    g_autofree char *shown = g_strconcat(step->prefix, path, NULL);
    if (!load_read_file(step->root, path, shown, &follower->buffer, &len, error))
        return false;
    View text = {follower->buffer.data, len};
    digest_of(text, &digest);
    if (before && digest_equal(&before->digest, &digest))
        return true;
    remove_manifests(step, before);
    FollowedFile *file = g_new(FollowedFile, 1);
    *file = (FollowedFile){.path = g_strdup(path), .digest = digest, .bytes = len, .batch = step->added};
    file->first = manifest_batch_len(step->added);
    parser_run(step->parser, text, shown, 1, NULL, step->added, step->diagnostics, &file->outcome);
    file->len = manifest_batch_len(step->added) - file->first;
    g_ptr_array_add(step->fresh, file);
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

static void add_statistics(SourceStatistics *statistics, const FollowedFile *file, const char **first_skipped,
                           int *line)
{
    statistics->files++;
    statistics->bytes += file->bytes;
    statistics->documents_skipped += file->outcome.documents_skipped;
    statistics->files_skipped += !file->outcome.is_ours;
    if (file->outcome.first_skipped_line > 0 && (!*first_skipped || strcmp(file->path, *first_skipped) < 0)) {
        *first_skipped = file->path;
        *line = file->outcome.first_skipped_line;
    }
}

static void count_files(const SourceFollower *follower, const char *prefix, SourceStatistics *ret_statistics)
{
    GHashTableIter iter;
    void *file;
    const char *first_skipped = NULL;
    int line = 0;
    *ret_statistics = (SourceStatistics){0};
    g_hash_table_iter_init(&iter, follower->files);
    while (g_hash_table_iter_next(&iter, NULL, &file))
        add_statistics(ret_statistics, file, &first_skipped, &line);
    ret_statistics->files_cached = ret_statistics->files;
    if (first_skipped)
        ret_statistics->first_skipped = g_strdup_printf("%s%s:%d", prefix, first_skipped, line);
}

/* The new set is clean: it becomes base. */
static void step_commit(Step *step, ManifestSet *set)
{
    SourceFollower *follower = step->follower;
    for (guint i = 0; i < step->gone->len; i++)
        g_hash_table_remove(follower->files, g_ptr_array_index(step->gone, i));
    while (step->fresh->len > 0) {
        FollowedFile *file = g_ptr_array_steal_index(step->fresh, step->fresh->len - 1);
        g_hash_table_replace(follower->files, file->path, file);
    }
    g_hash_table_remove_all(follower->dirty);
    manifest_set_unref(follower->base);
    follower->base = manifest_set_ref(set);
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
    if (diagnostic_list_len(step->diagnostics) == 0)
        step_commit(step, set);
    count_files(follower, step->prefix, ret_statistics);
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
    Step step = {.follower = follower,
                 .root = open(follower->options.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    if (step.root < 0)
        return STEP_ALL; /* which says what is wrong */
    step.prefix = shown_prefix(follower->options.path, false);
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
    close(step.root);
    return result;
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
    if (!take_changes(follower)) {
        switch (step_over_dirty(follower, ret_set, ret_statistics, diagnostics, error)) {
        case STEP_DONE: return true;
        case STEP_ALL: break;
        case STEP_FAILED: return false;
        }
    }
    return load_everything(follower, ret_set, ret_statistics, diagnostics, error);
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
    return true;
}
