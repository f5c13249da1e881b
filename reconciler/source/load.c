/* load.c: reads and parses all files of a source in a small pool of threads.
 * Owns:   each unit of work owns its results until they are merged, in the order of the files, so that
 * nothing depends on which thread was faster. */
#include "reconciler/source/load.h"
#include "reconciler/source/array_files.h"
#include "reconciler/source/layers.h"
#include "reconciler/source/repo_open.h"
#include "reconciler/source/repo_tree.h"
#include "reconciler/source/scan.h"
#include "reconciler/source/shown.h"
#include <errno.h>
#include <stdlib.h>
#include <sys/types.h>
#include <unistd.h>

#include "spec/variant.h"

#define THREADS_MAX 4
#define BIG_FILE    ((uint64_t)4 << 20) /* larger files are cut at document starts */
#define PART        ((size_t)2 << 20)   /* the first cut from here on is taken */
#define SLACK       ((size_t)64 << 10)  /* read beyond, to find it */
#define BUNCH_BYTES ((uint64_t)512 << 10)
#define BUNCH_FILES 128
#define TRIES_MAX   5 /* of a file that changes while it is read */

/* Either files first … first + len - 1, or a part of one file. */
typedef struct {
    size_t file, files_len;
    bool is_part;
    LoadBuffer *text; /* of a part: taken from Loader.spare, given back when it is parsed */
    size_t text_len;
    int first_line;
    /* results */
    ManifestBatch *batch;
    DiagnosticList *diagnostics;
    SourceStatistics statistics;
    int skipped_line; /* of a part: first skipped document; 0: none */
    bool is_ours;     /* of a part */
    GArray *files;    /* of LoadedFile; NULL when nobody asked */
    GError *error;
} Unit;

/* A big file stays open while its parts are read, to see whether it changed meanwhile. A blob never does: it
 * is in memory.
 */
typedef struct {
    int fd; /* -1: a blob */
    struct stat before;
    RepoText blob;
} BigFile;

typedef struct {
    const SourceOptions *options;
    Scan *scan;
    RepoTree *tree; /* of a base in a commit: what scan borrows; else NULL */
    char *prefix;
    const SourceConfig *config; /* may be NULL */
    Cache *cache;
    LoadedFiles *files; /* may be NULL */
    char **shown;       /* by file */
    GPtrArray *units;   /* of Unit*, in order of files */
    GAsyncQueue *queue;
    GAsyncQueue *spare; /* of LoadBuffer*: parts are read no faster than they are parsed */
    GHashTable *big;    /* file index: BigFile* */
    gint64 blob_bytes;  /* atomic: read so far, of a commit */
} Loader;

static const ScanFile *file_at(const Loader *loader, size_t index)
{
    return &g_array_index(loader->scan->files, ScanFile, index);
}

static bool fail(GError **error, const char *file, const char *what)
{
    g_set_error(error, SOURCE_ERROR, SOURCE_ERROR_UNREADABLE, "%s: %s", file, what);
    return false;
}

/* ---- units of work
 * ------------------------------------------------------------------------------------------------ */

static Unit *unit_new(size_t file)
{
    Unit *unit = g_new0(Unit, 1);
    unit->file = file;
    unit->files_len = 1;
    return unit;
}

static void unit_clear_results(Unit *unit)
{
    g_clear_pointer(&unit->batch, manifest_batch_free);
    g_clear_pointer(&unit->diagnostics, diagnostic_list_free);
    source_statistics_clear(&unit->statistics);
    g_clear_error(&unit->error);
    g_clear_pointer(&unit->files, g_array_unref);
}

static void unit_free(void *data)
{
    Unit *unit = data;
    unit_clear_results(unit);
    g_free(unit);
}

static void unit_start(Unit *unit, const LoadedFiles *files)
{
    unit->files = files ? g_array_new(FALSE, FALSE, sizeof(LoadedFile)) : NULL;
    unit->batch = manifest_batch_new();
    unit->diagnostics = diagnostic_list_new();
}

static bool is_same(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
           a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

/* ---- reading
 * ------------------------------------------------------------------------------------------------------ */

/* Keeps the first kept bytes. */
static void buffer_reserve(LoadBuffer *buffer, size_t size, size_t kept)
{
    if (buffer->size >= size)
        return;
    char *old = buffer->data;
    buffer->size = MAX(size, 2 * buffer->size);
    buffer->data = g_malloc(buffer->size);
    if (kept > 0)
        memcpy(buffer->data, old, kept);
    g_free(old);
}

static void buffer_free(void *data)
{
    LoadBuffer *buffer = data;
    g_free(buffer->data);
    g_free(buffer);
}

/* Fewer bytes than asked for mean that the file shrank; *ret_len tells. */
static bool read_at(int fd, uint64_t from, size_t len, char *data, size_t *ret_len)
{
    size_t done = 0;
    while (done < len) {
        ssize_t got = pread(fd, data + done, len - done, (off_t)(from + done));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return false;
        if (got == 0)
            break;
        done += (size_t)got;
    }
    *ret_len = done;
    return true;
}

typedef enum { READ_DONE, READ_CHANGED, READ_FAILED } ReadResult;

static ReadResult read_opened(int fd, const struct stat *before, const char *shown, LoadBuffer *buffer,
                              size_t *ret_len, GError **error)
{
    struct stat after;
    if ((uint64_t)before->st_size > document_limits_default.file_bytes) {
        fail(error, shown, "the file is too large");
        return READ_FAILED;
    }
    buffer_reserve(buffer, (size_t)before->st_size + 1, 0);
    if (!read_at(fd, 0, (size_t)before->st_size, buffer->data, ret_len) || fstat(fd, &after) != 0) {
        fail(error, shown, g_strerror(errno));
        return READ_FAILED;
    }
    return *ret_len == (size_t)before->st_size && is_same(before, &after) ? READ_DONE : READ_CHANGED;
}

static ReadResult read_once(int root, const char *path, const char *shown, LoadBuffer *buffer,
                            size_t *ret_len, GError **error)
{
    struct stat before;
    g_autoptr(GError) fault = NULL;
    int fd = scan_open(root, path, &before, &fault);
    if (fd < 0) {
        const char *colon = strrchr(fault->message, ':');
        fail(error, shown, colon ? colon + 2 : fault->message);
        return READ_FAILED;
    }
    ReadResult result = read_opened(fd, &before, shown, buffer, ret_len, error);
    close(fd);
    return result;
}

bool load_read_file(int root, const char *path, const char *shown, LoadBuffer *buffer, size_t *ret_len,
                    GError **error)
{
    for (int try = 0; try < TRIES_MAX; try++) {
        switch (read_once(root, path, shown, buffer, ret_len, error)) {
        case READ_DONE: return true;
        case READ_CHANGED: break;
        case READ_FAILED: return false;
        }
    }
    return fail(error, shown, "the file changes all the time");
}

/* ---- parsing
 * ------------------------------------------------------------------------------------------------------ */

static void note_skipped(SourceStatistics *statistics, const char *file, int line)
{
    if (!statistics->first_skipped && line > 0)
        statistics->first_skipped = g_strdup_printf("%s:%d", file, line);
}

static void run_text(const Loader *loader, Parser *parser, Unit *unit, View text, size_t index,
                     int first_line, Digest *digest, ParseOutcome *outcome)
{
    if (loader->cache || loader->files)
        digest_of(text, digest);
    parser_run(parser, text, loader->shown[index], first_line, loader->cache ? digest : NULL, unit->batch,
               unit->diagnostics, outcome);
    unit->statistics.bytes += text.len;
    unit->statistics.documents_skipped += outcome->documents_skipped;
}

static bool count_bytes(Loader *loader, Unit *unit, size_t len)
{
    gint64 sum = __atomic_add_fetch(&loader->blob_bytes, (gint64)len, __ATOMIC_RELAXED);
    if ((uint64_t)sum <= SCAN_BYTES_MAX)
        return true;
    g_set_error(&unit->error, SOURCE_ERROR, SOURCE_ERROR_UNREADABLE,
                "more than %" G_GUINT64_FORMAT " bytes of manifests", SCAN_BYTES_MAX);
    return false;
}

/* A blob that the cache knows by its id is not even read. */
static bool run_blob(Loader *loader, Parser *parser, Unit *unit, size_t index, LoadedFile *file,
                     ParseOutcome *outcome)
{
    const ScanFile *blob = file_at(loader, index);
    const char *shown = loader->shown[index];
    RepoText text;
    repo_blob_digest(blob->id, &file->digest);
    if (parser_recall(parser, shown, &file->digest, unit->batch, outcome)) {
        unit->statistics.documents_skipped += outcome->documents_skipped;
        return true;
    }
    if (!repo_tree_read(loader->scan->tree, blob->id, shown, document_limits_default.file_bytes, &text,
                        &unit->error))
        return false;
    file->bytes = text.len;
    bool is_good = count_bytes(loader, unit, text.len);
    if (is_good)
        parser_run(parser, (View){text.data, text.len}, shown, 1, loader->cache ? &file->digest : NULL,
                   unit->batch, unit->diagnostics, outcome);
    g_free(text.data);
    unit->statistics.bytes += text.len;
    unit->statistics.documents_skipped += is_good ? outcome->documents_skipped : 0;
    return is_good;
}

static bool run_file(Loader *loader, Parser *parser, Unit *unit, size_t index, LoadBuffer *buffer,
                     LoadedFile *file, ParseOutcome *outcome)
{
    if (loader->scan->tree)
        return run_blob(loader, parser, unit, index, file, outcome);
    if (!load_read_file(loader->scan->root, file->path, loader->shown[index], buffer, &file->bytes,
                        &unit->error))
        return false;
    run_text(loader, parser, unit, (View){buffer->data, file->bytes}, index, 1, &file->digest, outcome);
    return true;
}

static void run_files(Loader *loader, Parser *parser, Unit *unit, LoadBuffer *buffer)
{
    for (size_t i = unit->file; i < unit->file + unit->files_len && !unit->error; i++) {
        ParseOutcome outcome;
        LoadedFile file = {
            .path = file_at(loader, i)->path, .batch = unit->batch, .first = manifest_batch_len(unit->batch)};
        if (!run_file(loader, parser, unit, i, buffer, &file, &outcome))
            return;
        if (unit->files) {
            file.len = manifest_batch_len(unit->batch) - file.first;
            file.outcome = outcome;
            g_array_append_val(unit->files, file);
        }
        unit->statistics.files++;
        unit->statistics.files_cached += outcome.is_cached;
        unit->statistics.files_skipped += !outcome.is_ours;
        note_skipped(&unit->statistics, loader->shown[i], outcome.first_skipped_line);
    }
}

static void run_part(const Loader *loader, Parser *parser, Unit *unit)
{
    ParseOutcome outcome;
    Digest digest;
    run_text(loader, parser, unit, (View){unit->text->data, unit->text_len}, unit->file, unit->first_line,
             &digest, &outcome);
    g_async_queue_push(loader->spare, g_steal_pointer(&unit->text));
    unit->is_ours = outcome.is_ours;
    unit->statistics.files_cached = outcome.is_cached;
    unit->skipped_line = outcome.first_skipped_line;
}

static void *work(void *data)
{
    Loader *loader = data;
    const SourceOptions *options = loader->options;
    ParseContext context = {loader->config, options->provider, loader->cache, options->observe,
                            options->observer};
    Parser *parser = parser_new(&context);
    LoadBuffer buffer = {NULL, 0};
    for (;;) {
        Unit *unit = g_async_queue_pop(loader->queue);
        if ((void *)unit == data) /* the loader itself marks the end, once for each thread */
            break;
        unit_start(unit, loader->files);
        if (unit->is_part)
            run_part(loader, parser, unit);
        else
            run_files(loader, parser, unit, &buffer);
    }
    g_free(buffer.data);
    parser_free(parser);
    return NULL;
}

/* ---- cutting big files
 * -------------------------------------------------------------------------------------------- */

static void add_unit(Loader *loader, Unit *unit)
{
    g_ptr_array_add(loader->units, unit);
    g_async_queue_push(loader->queue, unit);
}

static bool read_big(const BigFile *big, uint64_t from, size_t len, char *data, size_t *ret_len)
{
    if (big->fd >= 0)
        return read_at(big->fd, from, len, data, ret_len);
    memcpy(data, big->blob.data + from, len);
    *ret_len = len;
    return true;
}

typedef enum { CUT_PART, CUT_LAST, CUT_CHANGED, CUT_FAILED } CutResult;

/* Reads the part that starts at from, and says how long it is: up to the first document start behind PART, in
 * a window that grows until it holds one. *ret_lines: lines in it. */
static CutResult read_part(const BigFile *big, uint64_t from, LoadBuffer *buffer, size_t *ret_len,
                           int *ret_lines)
{
    uint64_t left = (uint64_t)big->before.st_size - from;
    size_t have = 0;
    for (size_t window = PART + SLACK;; window *= 2) {
        size_t want = (size_t)MIN((uint64_t)window, left), got;
        buffer_reserve(buffer, want, have);
        if (!read_big(big, from + have, want - have, buffer->data + have, &got))
            return CUT_FAILED;
        if (have + got != want)
            return CUT_CHANGED;
        have = want;
        *ret_len = want;
        if (want == left)
            return CUT_LAST;
        if (document_cut((View){buffer->data, want}, PART, ret_len, ret_lines))
            return CUT_PART;
    }
}

/* A file that changed meanwhile is seen when all parts are done. */
static bool cut_big_file(Loader *loader, size_t index, const BigFile *big, GError **error)
{
    int first_line = 1;
    CutResult result = CUT_PART;
    for (uint64_t from = 0; result == CUT_PART;) {
        LoadBuffer *buffer = g_async_queue_pop(loader->spare);
        size_t len = 0;
        int lines = 0;
        result = read_part(big, from, buffer, &len, &lines);
        if (result == CUT_CHANGED || result == CUT_FAILED) {
            g_async_queue_push(loader->spare, buffer);
            break;
        }
        Unit *unit = unit_new(index);
        unit->is_part = true;
        unit->text = buffer;
        unit->text_len = len;
        unit->first_line = first_line;
        add_unit(loader, unit);
        first_line += lines;
        from += len;
    }
    return result != CUT_FAILED || fail(error, loader->shown[index], g_strerror(errno));
}

static void big_file_free(void *data)
{
    BigFile *big = data;
    if (big->fd >= 0)
        close(big->fd);
    g_free(big->blob.data);
    g_free(big);
}

static bool add_big_blob(Loader *loader, size_t index, GError **error)
{
    BigFile *big = g_new0(BigFile, 1);
    big->fd = -1;
    g_hash_table_insert(loader->big, GSIZE_TO_POINTER(index + 1), big);
    if (!repo_tree_read(loader->scan->tree, file_at(loader, index)->id, loader->shown[index],
                        document_limits_default.file_bytes, &big->blob, error))
        return false;
    big->before.st_size = (off_t)big->blob.len;
    return cut_big_file(loader, index, big, error);
}

static bool add_big_file(Loader *loader, size_t index, GError **error)
{
    if (loader->scan->tree)
        return add_big_blob(loader, index, error);
    BigFile *big = g_new0(BigFile, 1);
    big->fd = scan_open(loader->scan->root, file_at(loader, index)->path, &big->before, error);
    if (big->fd < 0) {
        g_free(big);
        return false;
    }
    g_hash_table_insert(loader->big, GSIZE_TO_POINTER(index + 1), big);
    if ((uint64_t)big->before.st_size > document_limits_default.file_bytes)
        return fail(error, loader->shown[index], "the file is too large");
    return cut_big_file(loader, index, big, error);
}

/* ---- handing out and merging
 * -------------------------------------------------------------------------------------- */

static bool hand_out(Loader *loader, GError **error)
{
    size_t len = loader->scan->files->len;
    bool is_good = true;
    for (size_t i = 0; i < len && is_good;) {
        if (file_at(loader, i)->bytes > BIG_FILE) {
            is_good = add_big_file(loader, i++, error);
            continue;
        }
        Unit *unit = unit_new(i);
        uint64_t bytes = file_at(loader, i)->bytes;
        size_t end = i + 1;
        while (end < len && end - i < BUNCH_FILES && file_at(loader, end)->bytes <= BIG_FILE &&
               (bytes += file_at(loader, end)->bytes) <= BUNCH_BYTES)
            end++;
        unit->files_len = end - i;
        add_unit(loader, unit);
        i = end;
    }
    return is_good;
}

static unsigned thread_count(const SourceOptions *options)
{
    unsigned threads = options->threads ? options->threads : g_get_num_processors();
    return CLAMP(threads, 1, THREADS_MAX);
}

/* Threads work while the files are handed out. */
static bool run_pool(Loader *loader, GError **error)
{
    GThread *threads[THREADS_MAX];
    unsigned count = thread_count(loader->options);
    for (unsigned i = 0; i < 2 * count; i++)
        g_async_queue_push(loader->spare, g_new0(LoadBuffer, 1));
    for (unsigned i = 0; i < count; i++)
        threads[i] = g_thread_new("source", work, loader);
    bool is_good = hand_out(loader, error);
    for (unsigned i = 0; i < count; i++)
        g_async_queue_push(loader->queue, loader);
    for (unsigned i = 0; i < count; i++)
        g_thread_join(threads[i]);
    return is_good;
}

static bool any_big_changed(const Loader *loader)
{
    GHashTableIter iter;
    void *key, *value;
    g_hash_table_iter_init(&iter, loader->big);
    while (g_hash_table_iter_next(&iter, &key, &value)) {
        const BigFile *big = value;
        struct stat after, named;
        const char *path = file_at(loader, GPOINTER_TO_SIZE(key) - 1)->path;
        if (big->fd < 0)
            continue;
        if (fstat(big->fd, &after) != 0 || !is_same(&big->before, &after) ||
            fstatat(loader->scan->root, path, &named, 0) != 0 || !is_same(&big->before, &named))
            return true;
    }
    return false;
}

static void merge_statistics(Loader *loader, SourceStatistics *statistics)
{
    bool is_ours = false, is_cached = true;
    for (guint i = 0; i < loader->units->len; i++) {
        Unit *unit = g_ptr_array_index(loader->units, i);
        statistics->files += unit->statistics.files;
        statistics->files_skipped += unit->statistics.files_skipped;
        statistics->documents_skipped += unit->statistics.documents_skipped;
        statistics->bytes += unit->statistics.bytes;
        if (unit->statistics.first_skipped && !statistics->first_skipped)
            statistics->first_skipped = g_steal_pointer(&unit->statistics.first_skipped);
        if (!unit->is_part) {
            statistics->files_cached += unit->statistics.files_cached;
            continue;
        }
        note_skipped(statistics, loader->shown[unit->file], unit->skipped_line);
        is_ours |= unit->is_ours;
        is_cached &= unit->statistics.files_cached > 0;
        const Unit *next = i + 1 < loader->units->len ? g_ptr_array_index(loader->units, i + 1) : NULL;
        if (next && next->is_part && next->file == unit->file)
            continue;
        statistics->files++;
        statistics->files_skipped += !is_ours;
        statistics->files_cached += is_cached;
        is_ours = false;
        is_cached = true;
    }
}

static void tell_files(const Loader *loader)
{
    for (guint i = 0; loader->files && i < loader->units->len; i++) {
        const Unit *unit = g_ptr_array_index(loader->units, i);
        loader->files->has_parts |= unit->is_part;
        for (guint j = 0; !unit->is_part && j < unit->files->len; j++)
            loader->files->file(&g_array_index(unit->files, LoadedFile, j), loader->files->data);
    }
}

static void take_batches(Loader *loader, GPtrArray *batches, DiagnosticList *diagnostics)
{
    for (guint i = 0; i < loader->units->len; i++) {
        Unit *unit = g_ptr_array_index(loader->units, i);
        diagnostic_list_merge(diagnostics, unit->diagnostics);
        g_ptr_array_add(batches, g_steal_pointer(&unit->batch));
    }
}

/* loaders: the source's own is the last. */
static ManifestSet *merge(const GPtrArray *loaders, SourceStatistics *statistics, DiagnosticList *diagnostics)
{
    Loader *own = loaders->pdata[loaders->len - 1];
    g_autoptr(GPtrArray) batches = g_ptr_array_new();
    for (guint i = 0; i < loaders->len; i++) {
        merge_statistics(loaders->pdata[i], statistics);
        take_batches(loaders->pdata[i], batches, diagnostics);
    }
    ManifestSet *set =
        manifest_set_build((ManifestBatch **)batches->pdata, batches->len, own->config, diagnostics);
    tell_files(own);
    return set;
}

static bool first_error(const Loader *loader, GError **error)
{
    for (guint i = 0; i < loader->units->len; i++) {
        Unit *unit = g_ptr_array_index(loader->units, i);
        if (unit->error) {
            g_propagate_error(error, g_steal_pointer(&unit->error));
            return true;
        }
    }
    return false;
}

/* ---- muster.yaml, standard input
 * -------------------------------------------------------------------------------------------------------------
 */

static char *read_config_text(const Scan *scan, const char *shown, size_t *ret_len, GError **error)
{
    struct stat status;
    RepoText blob;
    if (scan->tree) {
        if (!repo_tree_read(scan->tree, scan->config_id, shown, document_limits_default.file_bytes, &blob,
                            error))
            return NULL;
        *ret_len = blob.len;
        return blob.data;
    }
    int fd = scan_open(scan->root, SCAN_CONFIG_NAME, &status, error);
    if (fd < 0)
        return NULL;
    char *text = scan_read_all(fd, shown, document_limits_default.file_bytes, ret_len, error);
    close(fd);
    return text;
}

static bool read_config(const Scan *scan, const char *prefix, SourceConfig **ret_config,
                        DiagnosticList *diagnostics, GError **error)
{
    if (!scan->has_config)
        return true;
    g_autofree char *shown = g_strconcat(prefix, SCAN_CONFIG_NAME, NULL);
    size_t len;
    g_autofree char *text = read_config_text(scan, shown, &len, error);
    if (text)
        *ret_config = source_config_parse((View){text, len}, shown, diagnostics);
    if (text && !*ret_config)
        *ret_config = source_config_faulty();
    return text != NULL;
}

/* Values that nothing declares are a fault even where there is no muster.yaml. */
static void settle_config(const SourceOptions *options, SourceConfig **config, DiagnosticList *diagnostics)
{
    if (!*config && given_values_len(options->values) > 0)
        *config = g_new0(SourceConfig, 1);
    if (*config && !(*config)->variant)
        source_config_settle(*config, options->values, diagnostics);
}

static bool load_stdin(const SourceOptions *options, ManifestSet **ret_set, SourceStatistics *statistics,
                       DiagnosticList *diagnostics, GError **error)
{
    size_t len;
    g_autofree char *text =
        scan_read_all(STDIN_FILENO, "stdin", document_limits_default.file_bytes, &len, error);
    if (!text)
        return false;
    g_autoptr(SourceConfig) config = NULL;
    settle_config(options, &config, diagnostics);
    ParseContext context = {.config = config,
                            .provider = options->provider,
                            .observe = options->observe,
                            .observer = options->observer};
    ParseOutcome outcome;
    Parser *parser = parser_new(&context);
    ManifestBatch *batch = manifest_batch_new();
    parser_run(parser, (View){text, len}, "stdin", 1, NULL, batch, diagnostics, &outcome);
    parser_free(parser);
    *statistics = (SourceStatistics){.files = 1, .files_skipped = !outcome.is_ours, .bytes = len};
    statistics->documents_skipped = outcome.documents_skipped;
    note_skipped(statistics, "stdin", outcome.first_skipped_line);
    *ret_set = manifest_set_build(&batch, 1, config, diagnostics);
    return true;
}

/* ---- the whole
 * ---------------------------------------------------------------------------------------------------- */

static void loader_free(void *data)
{
    Loader *loader = data;
    g_ptr_array_unref(loader->units);
    g_async_queue_unref(loader->queue);
    g_async_queue_unref(loader->spare);
    g_hash_table_unref(loader->big);
    g_strfreev(loader->shown);
    g_free(loader->prefix);
    scan_free(loader->scan);
    repo_tree_free(loader->tree);
    g_free(loader);
}

/* Takes scan. */
static Loader *loader_new(const SourceOptions *options, const SourceConfig *config, Scan *scan,
                          const char *prefix)
{
    Loader *loader = g_new0(Loader, 1);
    loader->options = options;
    loader->config = config;
    loader->scan = scan;
    loader->prefix = g_strdup(prefix);
    loader->units = g_ptr_array_new_with_free_func(unit_free);
    loader->queue = g_async_queue_new();
    loader->spare = g_async_queue_new_full(buffer_free);
    loader->big = g_hash_table_new_full(g_direct_hash, g_direct_equal, NULL, big_file_free);
    loader->shown = g_new0(char *, scan->files->len + 1);
    for (guint i = 0; i < scan->files->len; i++)
        loader->shown[i] = g_strconcat(loader->prefix, file_at(loader, i)->path, NULL);
    return loader;
}

typedef enum { LOAD_DONE, LOAD_AGAIN, LOAD_FAILED } LoadResult;

/* cache_name: tells apart what the same files become in different sources. */
static LoadResult loader_run(Loader *loader, const char *cache_name, GError **error)
{
    const SourceOptions *options = loader->options;
    CacheKey key = {options->cache_dir, cache_name, loader->config, options->provider};
    LoadResult result = LOAD_FAILED;
    loader->cache = options->cache_dir && !options->observe ? cache_open(&key) : NULL;
    if (run_pool(loader, error) && !first_error(loader, error))
        result = any_big_changed(loader) ? LOAD_AGAIN : LOAD_DONE;
    if (loader->cache)
        cache_close(loader->cache, result == LOAD_DONE ? CACHE_KEEP : CACHE_DISCARD);
    return result;
}

/* What the source is called beside its bases. New string. */
static char *cache_root(const SourceOptions *options)
{
    if (options->git)
        return g_strdup(repo_tree_origin(options->git));
    char *real = realpath(options->path, NULL);
    char *root = g_strdup(real ? real : options->path);
    free(real);
    return root;
}

/* *ret_tree: of a commit, what the scan reads from. */
static Scan *scan_base(const SourceOptions *options, const SourceBase *base, RepoTree **ret_tree,
                       GError **error)
{
    if (!options->git)
        return scan_new(base->path, NULL, NULL, error);
    g_autoptr(RepoTree) tree = repo_tree_elsewhere(options->git, base->path, error);
    Scan *scan = tree ? repo_tree_scan(tree, error) : NULL;
    if (scan)
        *ret_tree = g_steal_pointer(&tree);
    else
        g_prefix_error(error, "base %s: ", base->shown);
    return scan;
}

static LoadResult load_base(const SourceOptions *options, const SourceConfig *config, const SourceBase *base,
                            GPtrArray *loaders, GError **error)
{
    RepoTree *tree = NULL;
    Scan *scan = scan_base(options, base, &tree, error);
    if (!scan)
        return LOAD_FAILED;
    Loader *loader = loader_new(options, config, scan, base->shown);
    g_autofree char *root = cache_root(options), *cache_name = g_strdup_printf("%s\n%s", base->path, root);
    loader->tree = tree;
    g_ptr_array_add(loaders, loader);
    return loader_run(loader, cache_name, error);
}

/* loaders: as for merge. */
static void tell_layers(LoadedFiles *files, const GPtrArray *bases, const GPtrArray *loaders)
{
    if (!files)
        return;
    const Loader *own = loaders->pdata[loaders->len - 1];
    files->has_links = own->scan->links->len > 0;
    if (bases->len > 0)
        files->bases = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < bases->len; i++)
        g_ptr_array_add(files->bases, g_strdup(((const SourceBase *)bases->pdata[i])->path));
}

/* The bases first, then the source's own files, which scan (taken) found. */
static LoadResult load_layers(const SourceOptions *options, const SourceConfig *config,
                              const GPtrArray *bases, Scan *scan, LoadedFiles *files, GPtrArray *loaders,
                              GError **error)
{
    g_autofree char *prefix = shown_prefix_of(options, scan->is_single);
    Loader *own = loader_new(options, config, scan, prefix);
    LoadResult result = LOAD_DONE;
    own->files = files;
    for (guint i = 0; i < bases->len && result == LOAD_DONE; i++)
        result = load_base(options, config, bases->pdata[i], loaders, error);
    g_ptr_array_add(loaders, own);
    return result == LOAD_DONE
               ? loader_run(own, options->git ? repo_tree_origin(options->git) : options->path, error)
               : result;
}

static LoadResult load_once(const SourceOptions *options, LoadedFiles *files, ManifestSet **ret_set,
                            SourceStatistics *statistics, DiagnosticList *diagnostics, GError **error)
{
    Scan *scan =
        options->git ? repo_tree_scan(options->git, error) : scan_new(options->path, NULL, NULL, error);
    if (!scan)
        return LOAD_FAILED;
    g_autofree char *prefix = shown_prefix_of(options, scan->is_single);
    g_autoptr(SourceConfig) config = NULL;
    g_autoptr(GPtrArray) loaders = g_ptr_array_new_with_free_func(loader_free), bases = NULL;
    g_autoptr(DiagnosticList) found = diagnostic_list_new();
    if (!read_config(scan, prefix, &config, found, error) ||
        !(bases = layers_of_source(options, prefix, config, found, error))) {
        scan_free(scan);
        return LOAD_FAILED;
    }
    settle_config(options, &config, found);
    LoadResult result = load_layers(options, config, bases, scan, files, loaders, error);
    if (result == LOAD_DONE) {
        *ret_set = merge(loaders, statistics, found);
        if (options->git)
            manifest_set_set_commit(*ret_set, repo_tree_commit(options->git));
        tell_layers(files, bases, loaders);
        diagnostic_list_merge(diagnostics, found);
    }
    return result;
}

bool source_load(SourceOptions *options, ManifestSet **ret_set, SourceStatistics *ret_statistics,
                 DiagnosticList *diagnostics, GError **error)
{
    LoadedFiles *nobody = NULL;
    if (!load_source(options, nobody, ret_set, ret_statistics, diagnostics, error))
        return false;
    *ret_set = variant_finish(*ret_set, diagnostics);
    *ret_set = array_files_fill(options, *ret_set, NULL, diagnostics);
    return true;
}

/* What a commit holds can be read or not: once more, fetched anew, when not. */
static bool load_commit(SourceOptions *options, LoadedFiles *files, ManifestSet **ret_set,
                        SourceStatistics *statistics, DiagnosticList *diagnostics, GError **error)
{
    g_autoptr(GError) fault = NULL;
    if (!source_open(options, error))
        return false;
    if (load_once(options, files, ret_set, statistics, diagnostics, &fault) == LOAD_DONE)
        return true;
    if (!options->is_offline && g_error_matches(fault, SOURCE_ERROR, SOURCE_ERROR_DAMAGED))
        return repo_open(options, true, error) &&
               load_once(options, files, ret_set, statistics, diagnostics, error) == LOAD_DONE;
    g_propagate_error(error, g_steal_pointer(&fault));
    return false;
}

bool load_source(SourceOptions *options, LoadedFiles *files, ManifestSet **ret_set,
                 SourceStatistics *ret_statistics, DiagnosticList *diagnostics, GError **error)
{
    SourceStatistics statistics = {0};
    kinds_init();
    if (strcmp(options->path, "-") == 0) {
        if (!load_stdin(options, ret_set, &statistics, diagnostics, error))
            return false;
        *ret_statistics = statistics;
        return true;
    }
    if (options->git || repo_location_is(options->path)) {
        if (!load_commit(options, files, ret_set, &statistics, diagnostics, error))
            return false;
        *ret_statistics = statistics;
        return true;
    }
    for (int try = 0; try < TRIES_MAX; try++) {
        switch (load_once(options, files, ret_set, &statistics, diagnostics, error)) {
        case LOAD_DONE: *ret_statistics = statistics; return true;
        case LOAD_AGAIN: break;
        case LOAD_FAILED: return false;
        }
    }
    return fail(error, options->path, "its files change all the time");
}
