#include "reconciler/source/layers.h"

#include "reconciler/source/scan.h"

typedef struct {
    const LayersPort *port;
    const char *root; /* path of the source */
    SourceConfig *config;
    GPtrArray *bases; /* of SourceBase* */
    DiagnosticList *diagnostics;
} Resolving;

/* One directory on the way to where bases are named, innermost first. */
typedef struct Level Level;
struct Level {
    const Level *up;
    const SourceBase *base;
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
    g_set_error(error, SOURCE_ERROR, SOURCE_ERROR_UNREADABLE, "%s%s: base %s: %s", at->base->shown,
                SCAN_CONFIG_NAME, base, what);
    return false;
}

/* ---- names
 * ----------------------------------------------------------------------------------------------------------------
 */

char *layers_join(const char *shown, const char *base)
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

/* directory "": the root of a repository, which holds everything. */
static bool is_inside(const char *path, const char *directory)
{
    size_t len = strlen(directory);
    bool is_root = len == 0 || strcmp(directory, "/") == 0;
    return is_root || (g_str_has_prefix(path, directory) && (path[len] == '\0' || path[len] == '/'));
}

/* ---- one base
 * -------------------------------------------------------------------------------------------------------------
 */

/* Also true when it is at fault, which is told. */
static bool read_config(Resolving *resolving, SourceBase *base, GError **error)
{
    g_autofree char *name = g_strconcat(base->shown, SCAN_CONFIG_NAME, NULL), *text = NULL;
    size_t len = 0;
    if (!resolving->port->read(resolving->port->self, base, &text, &len, error))
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
        if (strcmp(level->base->path, path) == 0)
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

static bool take_bases(Resolving *resolving, const Level *at, char *const *bases, GError **error);

/* taken was located; its own bases come before it. */
static bool take_located(Resolving *resolving, const Level *at, const char *base, SourceBase *taken,
                         GError **error)
{
    g_autoptr(GError) cause = NULL;
    Level here = {at, taken, at->depth + 1};
    if (!read_config(resolving, taken, &cause))
        return fail(at, base, error, "%s", cause->message);
    return !taken->config || take_bases(resolving, &here, taken->config->bases, error);
}

static bool take_base(Resolving *resolving, const Level *at, const char *base, GError **error)
{
    g_autoptr(GError) cause = NULL;
    SourceBase *taken = g_new0(SourceBase, 1);
    bool good = resolving->port->locate(resolving->port->self, at->base, base, taken, &cause) ||
                fail(at, base, error, "%s", cause->message);
    good = good && check_place(resolving, at, base, taken->path, error);
    bool is_new = good && !is_known(resolving, taken->path);
    good = good && (!is_new || take_located(resolving, at, base, taken, error));
    if (good && is_new)
        g_ptr_array_add(resolving->bases, taken);
    else
        base_free(taken);
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

GPtrArray *layers_resolve(const LayersPort *port, const SourceBase *source, SourceConfig *config,
                          DiagnosticList *diagnostics, GError **error)
{
    g_autoptr(GPtrArray) bases = g_ptr_array_new_with_free_func(base_free);
    if (!config || !config->bases)
        return g_steal_pointer(&bases);
    Resolving resolving = {port, source->path, config, bases, diagnostics};
    Level here = {NULL, source, 0};
    if (!take_bases(&resolving, &here, config->bases, error))
        return NULL;
    inherit(&resolving);
    return g_steal_pointer(&bases);
}
