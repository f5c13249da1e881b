/* source.c: what a source is called, and its texts for messages. */
#include "reconciler/source/source.h"
#include "reconciler/source/layers.h"
#include "reconciler/source/location.h"
#include "reconciler/source/repo_open.h"
#include "reconciler/source/repo_tree.h"
#include "reconciler/source/scan.h"
#include "reconciler/source/shown.h"
#include <stdlib.h>
#include <unistd.h>
#include <fcntl.h>

G_DEFINE_QUARK(muster - source - error, source_error)

void source_statistics_clear(SourceStatistics *statistics)
{
    g_free(statistics->first_skipped);
    *statistics = (SourceStatistics){0};
}

static char *base_name_of(const char *path)
{
    if (strcmp(path, "-") == 0)
        return g_strdup("stdin");
    g_autoptr(RepoLocation) location = repo_location_is(path) ? repo_location_parse(path, NULL) : NULL;
    if (location)
        return g_strdup(location->name);
    char *real = realpath(path, NULL);
    char *name = g_path_get_basename(real ? real : path);
    free(real);
    return name;
}

static char *identity_of(const SourceOptions *options, const SourceConfig *config)
{
    if (config && config->name)
        return g_strdup(config->name);
    return options->name ? g_strdup(options->name) : base_name_of(options->path);
}

char *source_identity(const SourceOptions *options, const ManifestSet *set)
{
    return identity_of(options, set ? manifest_set_config(set) : NULL);
}

static SourceConfig *config_of_commit(const RepoTree *tree, const char *shown)
{
    g_autoptr(DiagnosticList) nobody = diagnostic_list_new();
    unsigned char id[SCAN_ID_BYTES];
    RepoText text = {NULL, 0};
    if (repo_tree_is_single(tree) || repo_tree_find(tree, SCAN_CONFIG_NAME, id, NULL) != REPO_FIND_FILE ||
        !repo_tree_read(tree, id, shown, document_limits_default.file_bytes, &text, NULL))
        return NULL;
    SourceConfig *config = source_config_parse((View){text.data, text.len}, shown, nobody);
    g_free(text.data);
    return config;
}

/* Of the muster.yaml that is there now; a fault in it is not told. New. */
static SourceConfig *config_now(const SourceOptions *options, const char *shown)
{
    g_autofree char *path = NULL, *text = NULL;
    g_autoptr(DiagnosticList) nobody = diagnostic_list_new();
    gsize len = 0;
    struct stat status;
    if (repo_location_is(options->path))
        return options->git ? config_of_commit(options->git, shown) : NULL;
    path = g_build_filename(options->path, SCAN_CONFIG_NAME, NULL);
    bool is_read = stat(path, &status) == 0 && S_ISREG(status.st_mode) &&
                   status.st_size <= (off_t)document_limits_default.file_bytes &&
                   g_file_get_contents(path, &text, &len, NULL);
    return is_read ? source_config_parse((View){text, len}, shown, nobody) : NULL;
}

const char *source_author(const SourceOptions *options)
{
    return options->git ? repo_tree_author(options->git) : NULL;
}

const char *source_signature(const SourceOptions *options)
{
    return options->git ? repo_tree_signature(options->git) : NULL;
}

char *source_identity_now(const SourceOptions *options)
{
    SourceOptions held = {.path = options->path,
                          .state_dir = options->state_dir,
                          .commit = options->commit,
                          .is_offline = true};
    bool is_closed = repo_location_is(options->path) && !options->git;
    if (is_closed)
        (void)repo_open(&held, false, NULL); /* there is none yet: then nothing is known of it */
    g_autoptr(SourceConfig) config = config_now(is_closed ? &held : options, SCAN_CONFIG_NAME);
    source_options_clear(&held);
    return identity_of(options, config);
}

/* ---- names as the user sees them
 * ---------------------------------------------------------------------------------- */

char *shown_prefix_of(const SourceOptions *options, bool is_single)
{
    const char *path = options->git ? repo_tree_path(options->git) : options->path;
    return path[0] ? shown_prefix(path, is_single) : g_strdup("");
}

char *shown_prefix(const char *path, bool is_single)
{
    if (is_single) {
        const char *slash = strrchr(path, '/');
        return slash ? g_strndup(path, (gsize)(slash - path) + 1) : g_strdup("");
    }
    size_t len = strlen(path);
    while (len > 1 && path[len - 1] == '/')
        len--;
    if (len == 1 && path[0] == '.')
        return g_strdup("");
    return path[len - 1] == '/' ? g_strndup(path, len) : g_strdup_printf("%.*s/", (int)len, path);
}

/* ---- texts
 * -------------------------------------------------------------------------------------------------------- */

#define TEXTS_KEPT 4

/* The last few files that were asked for, newest first. */
struct SourceTexts {
    struct {
        char *file, *text;
        size_t len;
    } kept[TEXTS_KEPT];
    GPtrArray *bases; /* of SourceBase*; NULL: not looked for yet */
};

void source_options_clear(SourceOptions *options)
{
    struct SourceTexts *texts = options->texts;
    options->texts = NULL;
    g_clear_pointer(&options->git, repo_tree_free);
    for (int i = 0; texts && i < TEXTS_KEPT; i++) {
        g_free(texts->kept[i].file);
        g_free(texts->kept[i].text);
    }
    if (texts && texts->bases)
        g_ptr_array_unref(texts->bases);
    g_free(texts);
}

/* The base that file (as shown) is in, or NULL. */
static const SourceBase *base_of(const SourceOptions *options, const char *prefix, const char *file)
{
    struct SourceTexts *texts = options->texts;
    if (!texts->bases) {
        g_autoptr(SourceConfig) config = config_now(options, SCAN_CONFIG_NAME);
        g_autoptr(DiagnosticList) nobody = diagnostic_list_new();
        texts->bases = layers_of_source(options, prefix, config, nobody, NULL);
    }
    for (guint i = 0; texts->bases && i < texts->bases->len; i++) {
        const SourceBase *base = texts->bases->pdata[i];
        if (g_str_has_prefix(file, base->shown))
            return base;
    }
    return NULL;
}

static bool read_blob_of(const RepoTree *tree, const char *path, const char *shown, RepoText *ret_text)
{
    unsigned char id[SCAN_ID_BYTES];
    return repo_tree_find(tree, path, id, NULL) == REPO_FIND_FILE &&
           repo_tree_read(tree, id, shown, document_limits_default.file_bytes, ret_text, NULL);
}

static char *read_blob(const SourceOptions *options, const char *file, size_t *ret_len)
{
    bool is_single = repo_tree_is_single(options->git);
    g_autofree char *prefix = shown_prefix_of(options, is_single);
    RepoText text = {NULL, 0};
    bool is_own = g_str_has_prefix(file, prefix);
    const SourceBase *base = is_own || is_single ? NULL : base_of(options, prefix, file);
    g_autoptr(RepoTree) tree = base ? repo_tree_elsewhere(options->git, base->path, NULL) : NULL;
    bool is_read = is_own ? read_blob_of(options->git, file + strlen(prefix), file, &text)
                          : tree && read_blob_of(tree, file + strlen(base->shown), file, &text);
    *ret_len = is_read ? text.len : 0;
    return text.data;
}

static char *read_text(const SourceOptions *options, const char *file, size_t *ret_len)
{
    if (options->git)
        return read_blob(options, file, ret_len);
    struct stat status;
    bool is_single = stat(options->path, &status) == 0 && S_ISREG(status.st_mode);
    g_autofree char *prefix = shown_prefix(options->path, is_single), *directory = NULL;
    const SourceBase *base = NULL;
    size_t skip = strlen(prefix);
    if (!g_str_has_prefix(file, prefix) || g_str_has_prefix(file, "../")) {
        base = is_single ? NULL : base_of(options, prefix, file);
        if (!base)
            return NULL;
        skip = strlen(base->shown);
    }
    directory = base        ? g_strdup(base->path)
                : is_single ? g_path_get_dirname(options->path)
                            : g_strdup(options->path);
    int root = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (root < 0)
        return NULL;
    int fd = scan_open(root, file + skip, &status, NULL);
    char *text = fd >= 0 ? scan_read_all(fd, file, document_limits_default.file_bytes, ret_len, NULL) : NULL;
    if (fd >= 0)
        close(fd);
    close(root);
    return text;
}

View source_text(const char *file, void *data)
{
    SourceOptions *options = data;
    source_open(options,
                NULL); /* a commit whose manifests came from elsewhere is opened when it is asked for */
    if (!options->texts)
        options->texts = g_new0(struct SourceTexts, 1);
    struct SourceTexts *texts = options->texts;
    for (int i = 0; i < TEXTS_KEPT; i++)
        if (texts->kept[i].file && strcmp(texts->kept[i].file, file) == 0)
            return (View){texts->kept[i].text, texts->kept[i].len};
    size_t len = 0;
    char *text = read_text(options, file, &len);
    if (!text)
        return (View){"", 0};
    g_free(texts->kept[TEXTS_KEPT - 1].file);
    g_free(texts->kept[TEXTS_KEPT - 1].text);
    memmove(&texts->kept[1], &texts->kept[0], sizeof texts->kept[0] * (TEXTS_KEPT - 1));
    texts->kept[0].file = g_strdup(file);
    texts->kept[0].text = text;
    texts->kept[0].len = len;
    return (View){text, len};
}
