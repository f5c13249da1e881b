#include "reconciler/cli/values.h"

#include "reconciler/cli/options.h"
#include "reconciler/cli/planning.h"
#include "reconciler/cli/report.h"
#include "reconciler/source/source.h"
#include "reconciler/store/store.h"
#include "spec/variable.h"

#define KEPT "kept from the last apply"

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

static char *kept_text(const char *state_dir, const char *identity)
{
    g_autoptr(StoreReader) reader = store_reader_open(state_dir, NULL); /* no state: nothing is kept */
    char *text = NULL;
    if (!reader || !store_reader_begin(reader, NULL))
        return NULL;
    g_autofree char *setting = g_strconcat(STORE_VALUES_SETTING, identity, NULL);
    (void)store_reader_setting(reader, setting, &text, NULL);
    store_reader_end(reader);
    return text;
}

/* It may have been kept more than once. */
static char *kept_from(const GivenValue *value)
{
    if (value->from && g_str_has_suffix(value->from, KEPT))
        return g_strdup(value->from);
    return value->from ? g_strdup_printf("%s, " KEPT, value->from)
                       : g_strdup_printf("%s:%d, " KEPT, value->file, value->line);
}

static bool add_kept(GivenValues *values, const char *state_dir, const char *path, const char *name,
                     GError **error)
{
    SourceOptions source = {.path = path, .name = name};
    g_autofree char *identity = source_identity_now(&source), *text = kept_text(state_dir, identity);
    g_autoptr(GivenValues) kept = given_values_from_json(text, error);
    if (!kept)
        return false;
    for (size_t i = 0; i < given_values_len(kept); i++) {
        GivenValue value = *given_values_get(kept, i);
        g_autofree char *from = kept_from(&value);
        value.from = from;
        value.file = NULL;
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

GivenValues *values_read(const Options *options, const char *state_dir, const char *path, const char *name,
                         GError **error)
{
    g_autoptr(GivenValues) values = given_values_new();
    if (!options->reset_values && !add_kept(values, state_dir, path, name, error))
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
