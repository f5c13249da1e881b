#include "reconciler/source/array_files.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include "reconciler/source/repo_tree.h"
#include "reconciler/source/scan.h"
#include "spec/array_lines.h"
#include "spec/locate.h"

/* The canonical form has no blanks and escapes quotes inside strings: this text can stand nowhere else. */
#define MEMBER "\"array\":{\"fromFile\":"

typedef struct {
    SourceOptions options; /* with texts of its own */
    int root;              /* -1: there is no directory */
    GHashTable *counted;   /* path → Count* */
    Locator locator;
    GPtrArray *paths; /* may be NULL */
} Filler;

typedef struct {
    int64_t lines; /* -1: not there; -2: at fault, and told */
    char *fault;   /* NULL: none */
} Count;

static void count_free(void *data)
{
    Count *count = data;
    g_free(count->fault);
    g_free(count);
}

/* ---- reading ---- */

static bool is_gone(int root, const char *path)
{
    struct stat status;
    return fstatat(root, path, &status, AT_SYMLINK_NOFOLLOW) != 0 && (errno == ENOENT || errno == ENOTDIR);
}

static void count_blob(const Filler *filler, const char *path, Count *count)
{
    g_autoptr(GError) error = NULL;
    unsigned char id[SCAN_ID_BYTES];
    RepoText text = {NULL, 0};
    RepoFind found = repo_tree_find(filler->options.git, path, id, &error);
    count->lines = -1;
    if (found == REPO_FIND_FILE &&
        repo_tree_read(filler->options.git, id, path, ARRAY_FILE_BYTES_MAX, &text, &error))
        count->lines = array_lines_count((View){text.data, text.len});
    else if (error)
        count->fault = g_strdup(error->message);
    g_free(text.data);
}

static void count_read(const Filler *filler, const char *path, Count *count)
{
    g_autoptr(GError) error = NULL;
    struct stat status;
    size_t len = 0;
    count->lines = -1;
    if (filler->root < 0 || is_gone(filler->root, path))
        return;
    int fd = scan_open(filler->root, path, &status, &error);
    g_autofree char *text = fd >= 0 ? scan_read_all(fd, path, ARRAY_FILE_BYTES_MAX, &len, &error) : NULL;
    if (fd >= 0)
        close(fd);
    if (text)
        count->lines = array_lines_count((View){text, len});
    else
        count->fault = g_strdup(error->message);
}

static const Count *count_of(Filler *filler, const char *path)
{
    Count *count = g_hash_table_lookup(filler->counted, path);
    if (count)
        return count;
    count = g_new0(Count, 1);
    g_hash_table_insert(filler->counted, g_strdup(path), count);
    if (filler->paths)
        g_ptr_array_add(filler->paths, g_strdup(path));
    if (array_path_fault(path))
        count->fault = g_strdup(array_path_fault(path));
    else if (filler->options.git)
        count_blob(filler, path, count);
    else
        count_read(filler, path, count);
    return count;
}

/* ---- writing into the spec ---- */

static void G_GNUC_PRINTF(5, 6) report(Filler *filler, const Manifest *manifest, const char *path,
                                       const char *cure, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *message = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    const char *const paths[] = {"spec.jobs[].array.fromFile", NULL};
    Fault fault = {SEVERITY_ERROR, DIAGNOSTIC_PLAIN, message, cure};
    locate_report(&filler->locator, manifest, paths, view_from(path), &fault);
}

/* -1: the size is not known yet, or a fault was told. */
static int64_t size_of(Filler *filler, const Manifest *manifest, const char *path, bool has_workspace)
{
    const Count *count = count_of(filler, path);
    if (count->fault)
        report(filler, manifest, path, NULL, "array.fromFile: %s", count->fault);
    else if (count->lines > ARRAY_LINES_MAX)
        report(filler, manifest, path, "split the work among several steps, or let a child do several lines",
               "\"%s\" has %" G_GINT64_FORMAT " lines, and an array at most %d children", path, count->lines,
               ARRAY_LINES_MAX);
    else if (count->lines < 0 && !has_workspace)
        report(filler, manifest, path, "a step can write it where the pipeline has workspace: true",
               "the source has no file \"%s\", and this pipeline no workspace", path);
    else
        return count->lines;
    return -1;
}

/* Behind the string that starts at `at`, a quote. */
static const char *string_end(const char *at, const char *end)
{
    for (at++; at < end && *at != '"'; at++)
        at += *at == '\\';
    return MIN(at + 1, end);
}

/* What a manifest says of the size itself is not looked at. */
static const char *skip_size(const char *at, const char *end)
{
    static const char size[] = ",\"size\":";
    if ((size_t)(end - at) < sizeof size || memcmp(at, size, sizeof size - 1) != 0)
        return at;
    for (at += sizeof size - 1; at < end && *at != ',' && *at != '}';)
        at++;
    return at;
}

static char *spec_fill(Filler *filler, const Manifest *manifest)
{
    static const char workspace[] = "\"workspace\":true";
    View spec = manifest->spec;
    const char *rest = spec.data, *end = spec.data + spec.len;
    bool has_workspace = memmem(spec.data, spec.len, workspace, sizeof workspace - 1) != NULL;
    GString *out = g_string_sized_new(spec.len + 64);
    for (const char *at; (at = memmem(rest, (size_t)(end - rest), MEMBER, sizeof MEMBER - 1));) {
        const char *name = at + sizeof MEMBER - 1, *behind = string_end(name, end);
        json_t *text = json_loadb(name, (size_t)(behind - name), JSON_DECODE_ANY, NULL);
        int64_t size =
            json_is_string(text) ? size_of(filler, manifest, json_string_value(text), has_workspace) : -1;
        json_decref(text);
        g_string_append_len(out, rest, behind - rest);
        if (size >= 0)
            g_string_append_printf(out, ",\"size\":%" G_GINT64_FORMAT, size);
        rest = skip_size(behind, end);
    }
    g_string_append_len(out, rest, end - rest);
    return g_string_free(out, FALSE);
}

/* ---- the set ---- */

static bool needs_filling(const Manifest *manifest)
{
    return manifest->kind == KIND_PIPELINE &&
           memmem(manifest->spec.data, manifest->spec.len, MEMBER, sizeof MEMBER - 1);
}

static void filler_open(Filler *filler, const SourceOptions *options, DiagnosticList *diagnostics)
{
    struct stat status;
    filler->options = *options;
    filler->options.texts = NULL;
    filler->counted = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, count_free);
    filler->locator = (Locator){.text = source_text, .data = &filler->options, .diagnostics = diagnostics};
    bool is_single = stat(options->path, &status) == 0 && S_ISREG(status.st_mode);
    g_autofree char *directory = is_single ? g_path_get_dirname(options->path) : g_strdup(options->path);
    filler->root = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC); /* "-" has none */
}

static void filler_close(Filler *filler)
{
    filler->options.git = NULL; /* borrowed */
    source_options_clear(&filler->options);
    g_hash_table_unref(filler->counted);
    if (filler->root >= 0)
        close(filler->root);
}

static ManifestSet *set_with(ManifestSet *set, const GPtrArray *changed, ManifestBatch *batch)
{
    ManifestSet *filled =
        manifest_set_replace(set, (const Manifest *const *)(void *)changed->pdata, changed->len, batch);
    if (!filled) { /* a name that is given twice was told already: nobody applies such a set */
        manifest_batch_free(batch);
        return set;
    }
    manifest_set_unref(set);
    return filled;
}

ManifestSet *array_files_fill(const SourceOptions *options, ManifestSet *set, GPtrArray *ret_paths,
                              DiagnosticList *diagnostics)
{
    Filler filler = {.paths = ret_paths};
    size_t first, len = manifest_set_kind(set, KIND_PIPELINE, &first);
    g_autoptr(GPtrArray) changed = g_ptr_array_new();
    ManifestBatch *batch = NULL;
    for (size_t i = first; i < first + len; i++) {
        const Manifest *manifest = manifest_set_get(set, i);
        if (!needs_filling(manifest))
            continue;
        if (!batch) {
            batch = manifest_batch_new();
            filler_open(&filler, options, diagnostics);
            filler.locator.variant = manifest_set_config(set)->variant;
        }
        g_autofree char *spec = spec_fill(&filler, manifest);
        Manifest filled = *manifest;
        filled.spec = view_from(spec);
        canonical_digest(filled.kind, filled.name, filled.spec, &filled.digest);
        manifest_batch_add(batch, &filled);
        g_ptr_array_add(changed, (void *)(uintptr_t)manifest);
    }
    if (!batch)
        return set;
    filler_close(&filler);
    return set_with(set, changed, batch);
}
