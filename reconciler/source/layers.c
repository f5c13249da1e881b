#include "reconciler/source/layers.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "reconciler/source/scan.h"

typedef struct {
    const char *root; /* of the source, resolved */
    SourceConfig *config;
    GPtrArray *bases; /* of SourceBase* */
    DiagnosticList *diagnostics;
} Resolving;

/* One directory on the way to where bases are named, innermost first. */
typedef struct Level Level;
struct Level {
    const Level *up;
    const char *path, *shown;
    int depth;
};

static void base_free(void *data)
{
    SourceBase *base = data;
    source_config_free(base->config);
    g_free(base->path);
    g_free(base->shown);
    g_free(base);
}

static bool G_GNUC_PRINTF(4, 5)
    fail(const Level *at, const char *base, GError **error, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *what = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_set_error(error, SOURCE_ERROR, SOURCE_ERROR_UNREADABLE, "%s%s: base %s: %s", at->shown,
                SCAN_CONFIG_NAME, base, what);
    return false;
}

/* ---- names
 * ----------------------------------------------------------------------------------------------------------------
 */

/* "envs/prod/" and "../../base" give "base/"; "" and "../base" give "../base/". */
static char *join_shown(const char *shown, const char *base)
{
    g_autofree char *whole = g_strconcat(shown, base, NULL);
    g_auto(GStrv) parts = g_strsplit(whole, "/", -1);
    g_autoptr(GPtrArray) kept = g_ptr_array_new();
    for (char **part = parts; *part; part++) {
        const char *last = kept->len ? kept->pdata[kept->len - 1] : "..";
        if (strcmp(*part, "..") == 0 && strcmp(last, "..") != 0)
            g_ptr_array_set_size(kept, (int)kept->len - 1);
        else if (**part && strcmp(*part, ".") != 0)
            g_ptr_array_add(kept, *part);
    }
    GString *out = g_string_new(*whole == '/' ? "/" : "");
    for (guint i = 0; i < kept->len; i++)
        g_string_append_printf(out, "%s/", (const char *)kept->pdata[i]);
    return g_string_free(out, FALSE);
}

/* Where a link is on the way, `..` leads elsewhere than the names say: then the real path is shown. */
static char *shown_of(const Level *at, const char *base, const char *path)
{
    g_autofree char *joined = join_shown(at->shown, base);
    char *real = realpath(*joined ? joined : ".", NULL);
    bool same = real && strcmp(real, path) == 0;
    free(real);
    return same ? g_steal_pointer(&joined) : g_strconcat(path, "/", NULL);
}

static bool is_inside(const char *path, const char *directory)
{
    size_t len = strlen(directory);
    return g_str_has_prefix(path, directory) && (path[len] == '\0' || path[len] == '/' || len == 1);
}

/* ---- one base
 * -------------------------------------------------------------------------------------------------------------
 */

static bool take_bases(Resolving *resolving, const Level *at, char *const *bases, GError **error);

/* *ret_text stays NULL where there is none. */
static bool read_text(const SourceBase *base, char **ret_text, size_t *ret_len, GError **error)
{
    struct stat status;
    int root = open(base->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (root < 0) {
        g_set_error_literal(error, SOURCE_ERROR, SOURCE_ERROR_UNREADABLE, g_strerror(errno));
        return false;
    }
    if (fstatat(root, SCAN_CONFIG_NAME, &status, AT_SYMLINK_NOFOLLOW) != 0 && errno == ENOENT) {
        close(root);
        return true;
    }
    int fd = scan_open(root, SCAN_CONFIG_NAME, &status, error);
    if (fd >= 0) {
        *ret_text = scan_read_all(fd, SCAN_CONFIG_NAME, document_limits_default.file_bytes, ret_len, error);
        close(fd);
    }
    close(root);
    return *ret_text != NULL;
}

/* Also false when it is at fault, which is told. */
static bool read_config(Resolving *resolving, SourceBase *base, GError **error)
{
    g_autofree char *name = g_strconcat(base->shown, SCAN_CONFIG_NAME, NULL), *text = NULL;
    size_t len = 0;
    if (!read_text(base, &text, &len, error))
        return false;
    if (!text)
        return true;
    base->config = source_config_parse((View){text, len}, name, resolving->diagnostics);
    resolving->config->is_faulty |= !base->config;
    return true;
}

static bool check_place(const Resolving *resolving, const Level *at, const char *base, const char *path,
                        GError **error)
{
    if (is_inside(path, resolving->root))
        return fail(at, base, error, "it is inside of the source, which reads it anyway");
    if (is_inside(resolving->root, path))
        return fail(at, base, error, "the source is inside of it");
    for (const Level *level = at; level; level = level->up)
        if (strcmp(level->path, path) == 0)
            return fail(at, base, error, "it builds on itself");
    if (at->depth >= LAYERS_DEPTH || resolving->bases->len >= LAYERS_MAX)
        return fail(at, base, error, "too many bases: at most %d, %d deep", LAYERS_MAX, LAYERS_DEPTH);
    return true;
}

static bool is_known(const Resolving *resolving, const char *path)
{
    for (guint i = 0; i < resolving->bases->len; i++)
        if (strcmp(((const SourceBase *)resolving->bases->pdata[i])->path, path) == 0)
            return true;
    return false;
}

static bool take_base(Resolving *resolving, const Level *at, const char *base, GError **error)
{
    g_autofree char *joined = g_build_filename(at->path, base, NULL), *path = NULL;
    g_autoptr(GError) cause = NULL;
    struct stat status;
    char *real = realpath(joined, NULL);
    if (!real)
        return fail(at, base, error, "%s", g_strerror(errno));
    path = g_strdup(real);
    free(real);
    if (stat(path, &status) != 0 || !S_ISDIR(status.st_mode))
        return fail(at, base, error, "not a directory");
    if (!check_place(resolving, at, base, path, error))
        return false;
    if (is_known(resolving, path))
        return true;
    SourceBase *taken = g_new0(SourceBase, 1);
    taken->path = g_steal_pointer(&path);
    taken->shown = shown_of(at, base, taken->path);
    Level here = {at, taken->path, taken->shown, at->depth + 1};
    bool good = read_config(resolving, taken, &cause) || fail(at, base, error, "%s", cause->message);
    good = good && (!taken->config || take_bases(resolving, &here, taken->config->bases, error));
    g_ptr_array_add(resolving->bases, taken); /* behind its own */
    return good;
}

static bool take_bases(Resolving *resolving, const Level *at, char *const *bases, GError **error)
{
    for (; bases && *bases; bases++)
        if (!take_base(resolving, at, *bases, error))
            return false;
    return true;
}

/* The nearest first: what it says is not looked for further away. */
static void inherit(const Resolving *resolving)
{
    for (guint i = resolving->bases->len; i-- > 0;) {
        const SourceBase *base = resolving->bases->pdata[i];
        if (base->config)
            source_config_inherit(resolving->config, base->config);
    }
}

GPtrArray *layers_resolve(const char *root, const char *prefix, SourceConfig *config,
                          DiagnosticList *diagnostics, GError **error)
{
    g_autoptr(GPtrArray) bases = g_ptr_array_new_with_free_func(base_free);
    if (!config || !config->bases)
        return g_steal_pointer(&bases);
    char *real = realpath(root, NULL);
    if (!real) {
        g_set_error(error, SOURCE_ERROR, SOURCE_ERROR_UNREADABLE, "%s: %s", root, g_strerror(errno));
        return NULL;
    }
    Resolving resolving = {real, config, bases, diagnostics};
    Level here = {NULL, real, prefix, 0};
    bool good = take_bases(&resolving, &here, config->bases, error);
    free(real);
    if (good)
        inherit(&resolving);
    return good ? g_steal_pointer(&bases) : NULL;
}
