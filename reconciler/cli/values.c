#include "reconciler/cli/values.h"

#include <jansson.h>
#include "reconciler/cli/options.h"
#include "reconciler/cli/planning.h"
#include "reconciler/cli/report.h"
#include "reconciler/source/location.h"
#include "reconciler/source/source.h"
#include "reconciler/store/store.h"
#include "spec/variable.h"

#define KEPT "kept from the last apply"

/* Whose values. */
typedef struct {
    const char *state_dir, *path;
    const char *name;     /* of a source whose muster.yaml has none; may be NULL */
    bool is_offline;      /* a remote is not asked */
    const char *identity; /* where that is known; what is kept may be of no use then */
} ValuesOf;

static bool too_many(const char *name, GError **error)
{
    g_set_error(error, CLI_ERROR, EXIT_ERROR,
                "the value of %s is too long, or there are too many: at most %d of 256 KiB each", name,
                GIVEN_VALUES_MAX);
    return false;
}

/* ---- kept
 * ----------------------------------------------------------------------------------------------------------------
 */

static char *setting_text(const char *state_dir, const char *setting)
{
    g_autoptr(StoreReader) reader = store_reader_open(state_dir, NULL); /* no state: nothing is kept */
    char *text = NULL;
    if (!reader || !store_reader_begin(reader, NULL))
        return NULL;
    (void)store_reader_setting(reader, setting, &text, NULL);
    store_reader_end(reader);
    return text;
}

static char *kept_text(const char *state_dir, const char *identity)
{
    g_autofree char *setting = g_strconcat(STORE_VALUES_SETTING, identity, NULL);
    return setting_text(state_dir, setting);
}

/* It may have been kept more than once. */
static char *kept_from(const GivenValue *value)
{
    if (value->from && g_str_has_suffix(value->from, KEPT))
        return g_strdup(value->from);
    return value->from ? g_strdup_printf("%s, " KEPT, value->from)
                       : g_strdup_printf("%s:%d, " KEPT, value->file, value->line);
}

/* Of a source whose repository cannot be read now: the name under which it was followed last. New; NULL. */
static char *name_followed(const char *state_dir, const char *path)
{
    g_autofree char *text = setting_text(state_dir, "sources");
    json_t *sources = text ? json_loads(text, 0, NULL) : NULL, *source;
    const char *name;
    char *found = NULL;
    json_object_foreach(sources, name, source)
    {
        if (!found && g_strcmp0(json_string_value(json_object_get(source, "path")), path) == 0)
            found = g_strdup(name);
    }
    json_decref(sources);
    return found;
}

/* The name of a repository's source is in its commit: asked for where something is kept at all, of the remote
 * or, if that cannot be (or must not be waited for), of the mirror. */
static char *name_in_commit(SourceOptions *source, bool is_offline)
{
    source->is_offline = is_offline;
    if (!source_open(source, NULL)) {
        source->is_offline = true;
        if (is_offline || !source_open(source, NULL))
            return NULL;
    }
    return source_identity_now(source);
}

static bool keeps_any(const char *state_dir)
{
    g_autoptr(StoreReader) reader = store_reader_open(state_dir, NULL);
    bool has = false;
    if (!reader || !store_reader_begin(reader, NULL))
        return false;
    (void)store_reader_has_setting(reader, STORE_VALUES_SETTING, &has, NULL);
    store_reader_end(reader);
    return has;
}

/* NULL: nothing is kept of any. */
static char *name_now(const ValuesOf *of)
{
    SourceOptions source = {.path = of->path, .name = of->name, .state_dir = of->state_dir};
    if (!repo_location_is(of->path))
        return source_identity_now(&source);
    if (!keeps_any(of->state_dir))
        return NULL;
    char *name = name_in_commit(&source, of->is_offline);
    source_options_clear(&source);
    if (!name)
        name = name_followed(of->state_dir, of->path);
    return name ? name : source_identity_now(&source);
}

static bool add_kept(GivenValues *values, const ValuesOf *of, GError **error)
{
    g_autofree char *identity = of->identity ? g_strdup(of->identity) : name_now(of),
                    *text = identity ? kept_text(of->state_dir, identity) : NULL;
    g_autoptr(GivenValues) kept = given_values_from_json(text, error);
    if (!kept)
        return false;
    for (size_t i = 0; i < given_values_len(kept); i++) {
        GivenValue value = *given_values_get(kept, i);
        g_autofree char *from = kept_from(&value);
        value.from = from;
        value.file = NULL;
        value.is_optional |= of->identity != NULL;
        (void)given_values_add(values, &value); /* within the limits: it was given once */
    }
    return true;
}

static void note_kept(const GivenValues *values)
{
    g_autoptr(GString) names = g_string_new(NULL);
    for (size_t i = 0; i < given_values_len(values); i++) {
        const GivenValue *value = given_values_get(values, i);
        if (value->from && g_str_has_suffix(value->from, KEPT))
            g_string_append_printf(names, "%s%s=%.60s", names->len ? ", " : "", value->name, value->text);
    }
    if (names->len)
        report_note("values " KEPT ": %s (--reset-values leaves them out)", names->str);
}

/* ---- given
 * ---------------------------------------------------------------------------------------------------------------
 */

/* One environment serves many sources: a name that this one does not declare is no fault. */
static bool add_environment(GivenValues *values, GError **error)
{
    g_auto(GStrv) names = g_listenv();
    for (char **name = names; *name; name++) {
        if (!g_str_has_prefix(*name, VARIABLE_ENVIRONMENT_PREFIX))
            continue;
        g_autofree char *from = g_strconcat("$", *name, NULL);
        GivenValue value = {.name = *name + strlen(VARIABLE_ENVIRONMENT_PREFIX),
                            .text = (char *)(uintptr_t)g_getenv(*name),
                            .from = from,
                            .is_optional = true};
        if (!given_values_add(values, &value))
            return too_many(from, error);
    }
    return true;
}

static bool add_file(GivenValues *values, const char *file, GError **error)
{
    g_autofree char *text = NULL;
    g_autoptr(DiagnosticList) diagnostics = diagnostic_list_new();
    gsize len;
    if (!g_file_get_contents(file, &text, &len, error))
        return false;
    if (given_values_read(values, (View){text, len}, file, diagnostics))
        return true;
    planning_report_diagnostics(diagnostics);
    g_set_error(error, CLI_ERROR, EXIT_ERROR, "--values %s cannot be used", file);
    return false;
}

static bool add_option(GivenValues *values, const char *pair, GError **error)
{
    const char *text = option_pair("set", pair, error);
    if (!text)
        return false;
    g_autofree char *name = g_strndup(pair, (gsize)(text - pair) - 1);
    GivenValue value = {.name = name, .text = (char *)(uintptr_t)text, .from = (char *)(uintptr_t) "--set"};
    return given_values_add(values, &value) || too_many(name, error);
}

static GivenValues *read_all(const Options *options, const ValuesOf *of, GError **error)
{
    g_autoptr(GivenValues) values = given_values_new();
    if (!options->reset_values && !add_kept(values, of, error))
        return NULL;
    if (!add_environment(values, error))
        return NULL;
    for (char **file = options->values; file && *file; file++)
        if (!add_file(values, *file, error))
            return NULL;
    for (char **pair = options->set; pair && *pair; pair++)
        if (!add_option(values, *pair, error))
            return NULL;
    note_kept(values);
    return g_steal_pointer(&values);
}

GivenValues *values_read_named(const Options *options, const char *state_dir, const char *identity,
                               GError **error)
{
    return read_all(options, &(ValuesOf){.state_dir = state_dir, .identity = identity}, error);
}

GivenValues *values_read(const Options *options, const char *state_dir, const char *path, const char *name,
                         GError **error)
{
    return read_all(options, &(ValuesOf){state_dir, path, name, false, NULL}, error);
}

GivenValues *values_read_followed(const Options *options, const char *state_dir, const char *path,
                                  const char *name, GError **error)
{
    return read_all(options, &(ValuesOf){state_dir, path, name, true, NULL}, error);
}
