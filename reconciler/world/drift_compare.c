#include "reconciler/world/drift_compare.h"
#include <string.h>

void drift_comparison_clear(DriftComparison *comparison)
{
    g_clear_pointer(&comparison->fields, g_ptr_array_unref);
    g_clear_pointer(&comparison->paths, g_ptr_array_unref);
}

/* ---- comparing ---- */

static int path_compare(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Sorted: what lies below something that is told whole comes after it. */
static GPtrArray *paths_of(const json_t *observed)
{
    GPtrArray *paths = g_ptr_array_new_with_free_func(g_free);
    const char *path;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)observed, path, value)
    {
        (void)value;
        g_ptr_array_add(paths, g_strdup(path));
    }
    g_ptr_array_sort(paths, path_compare);
    return paths;
}

bool drift_compare(Kind kind, View in_force, View observed, DriftComparison *ret_comparison,
                   char **ret_message)
{
    json_t *told = observed.len <= OBSERVED_BYTES_MAX
                       ? json_loadb(observed.data, observed.len, JSON_REJECT_DUPLICATES, NULL)
                       : NULL;
    if (!json_is_object(told) || json_object_size(told) > OBSERVED_FIELDS_MAX) {
        *ret_message =
            g_strdup_printf("what was observed is no JSON object of at most %d fields and %d bytes",
                            OBSERVED_FIELDS_MAX, OBSERVED_BYTES_MAX);
        json_decref(told);
        return false;
    }
    json_t *there = json_loadb(in_force.data, in_force.len, JSON_ALLOW_NUL, NULL);
    DriftComparison comparison = {.paths = paths_of(told)};
    for (guint i = 0; i < comparison.paths->len; i++) {
        const char *path = comparison.paths->pdata[i];
        (void)spec_put(kind, there, path, json_object_get(told, path));
    }
    g_autofree char *text = spec_text(there);
    comparison.fields = compare_specs(kind, in_force, view_from(text));
    json_decref(there);
    json_decref(told);
    *ret_comparison = comparison;
    return true;
}

/* ---- what is kept of it ---- */

static void set_value(json_t *object, const char *name, const char *text)
{
    char digest[REDACTED_LEN + 1];
    if (!text)
        return;
    size_t len = strlen(text);
    if (len > DRIFT_VALUE_MAX) {
        redact_text(&(Redaction){.salt = ""}, text, digest);
        json_object_set_new(object, name, json_sprintf("(%zu bytes, %s)", len, digest));
        return;
    }
    json_object_set_new(object, name, json_loads(text, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL));
}

static json_t *kept_field(const FieldChange *field)
{
    static const Redaction redaction = {.salt = ""};
    g_autofree char *applied = NULL, *observed = NULL;
    json_t *object = json_object();
    field_redact(field, &redaction, &redaction, &applied, &observed);
    json_object_set_new(object, "path", json_string(field->path));
    set_value(object, "applied", applied);
    set_value(object, "observed", observed);
    return object;
}

char *drift_fields_text(const GPtrArray *fields)
{
    if (fields->len == 0)
        return NULL;
    json_t *list = json_array();
    for (guint i = 0; i < MIN(fields->len, DRIFT_FIELDS_MAX); i++)
        json_array_append_new(list, kept_field(fields->pdata[i]));
    if (fields->len > DRIFT_FIELDS_MAX)
        json_array_append_new(
            list, json_pack("{s:s,s:i}", "path", "spec", "omitted", (int)(fields->len - DRIFT_FIELDS_MAX)));
    char *text = spec_text(list);
    json_decref(list);
    return text;
}

char *drift_field_words(const json_t *field)
{
    const char *path = json_string_value(json_object_get(field, "path"));
    const json_t *applied = json_object_get(field, "applied"), *observed = json_object_get(field, "observed");
    path = path && g_str_has_prefix(path, "spec.") ? path + strlen("spec.") : path ? path : "";
    if (json_object_get(field, "omitted"))
        return g_strdup_printf("%" JSON_INTEGER_FORMAT " more fields differ",
                               json_integer_value(json_object_get(field, "omitted")));
    g_autofree char *before = applied ? spec_text(applied) : NULL,
                    *after = observed ? spec_text(observed) : NULL;
    if (!before)
        return g_strdup_printf("%s: was set to %s", path, after);
    return after ? g_strdup_printf("%s: %s was set to %s", path, before, after)
                 : g_strdup_printf("%s: %s was removed", path, before);
}
