/* source.c: what a source is called, and its texts for messages. */
#include "reconciler/source/source.h"
#include "reconciler/source/layers.h"
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

/* Of the muster.yaml that is there now; a fault in it is not told. New. */
static SourceConfig *config_now(const SourceOptions *options, const char *shown)
{
    g_autofree char *path = g_build_filename(options->path, SCAN_CONFIG_NAME, NULL), *text = NULL;
    g_autoptr(DiagnosticList) nobody = diagnostic_list_new();
    gsize len = 0;
    struct stat status;
    bool is_read = stat(path, &status) == 0 && S_ISREG(status.st_mode) &&
                   status.st_size <= (off_t)document_limits_default.file_bytes &&
                   g_file_get_contents(path, &text, &len, NULL);
    return is_read ? source_config_parse((View){text, len}, shown, nobody) : NULL;
}

char *source_identity_now(const SourceOptions *options)
{
    g_autoptr(SourceConfig) config = config_now(options, SCAN_CONFIG_NAME);
    return identity_of(options, config);
}

/* ---- names as the user sees them
 * ---------------------------------------------------------------------------------- */

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
        texts->bases = layers_of_directory(options->path, prefix, config, nobody, NULL);
    }
    for (guint i = 0; texts->bases && i < texts->bases->len; i++) {
        const SourceBase *base = texts->bases->pdata[i];
        if (g_str_has_prefix(file, base->shown))
            return base;
    }
    return NULL;
}

static char *read_text(const SourceOptions *options, const char *file, size_t *ret_len)
{
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
