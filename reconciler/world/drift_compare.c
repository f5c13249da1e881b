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

/* ---- what is kept of a field ---- */

/* text: JSON, redacted. New: its value, or what stands for it. */
static json_t *kept_value(const char *text, const char *salt)
{
    char digest[REDACTED_LEN + 1];
    size_t len = strlen(text);
    if (len <= DRIFT_VALUE_MAX)
        return json_loads(text, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    redact_text(&(Redaction){.salt = salt}, text, digest);
    return json_sprintf("(%zu bytes, %s)", len, digest);
}

static json_t *kept_field(const FieldChange *field, const char *salt)
{
    const Redaction redaction = {.salt = salt};
    g_autofree char *applied = NULL, *observed = NULL;
    json_t *object = json_object();
    field_redact(field, &redaction, &redaction, &applied, &observed);
    json_object_set_new(object, "path", json_string(field->path));
    if (applied)
        json_object_set_new(object, "applied", kept_value(applied, salt));
    if (observed)
        json_object_set_new(object, "observed", kept_value(observed, salt));
    return object;
}

static const char *path_of(const json_t *field)
{
    const char *path = json_string_value(json_object_get(field, "path"));
    return path ? path : "";
}

static json_int_t omitted_of(const json_t *field)
{
    return json_integer_value(json_object_get(field, "omitted"));
}

static json_t *load_fields(const char *fields)
{
    return json_loads(fields, JSON_ALLOW_NUL, NULL);
}

/* list is taken. */
static char *text_or_null(json_t *list)
{
    char *text = json_array_size(list) > 0 ? spec_text(list) : NULL;
    json_decref(list);
    return text;
}

/* ---- what is too much ---- */

typedef struct {
    char *path; /* what all of them stand in; NULL: there is none */
    json_int_t len;
} Omitted;

/* "spec.tags.a", "spec.tags.b": "spec.tags". New string. */
static char *path_of_both(const char *a, const char *b)
{
    size_t same = 0, end = 0;
    for (; a[same] && a[same] == b[same]; same++)
        if (a[same] == '.' || a[same] == '[')
            end = same;
    bool is_a_end = !a[same] || a[same] == '.' || a[same] == '[';
    bool is_b_end = !b[same] || b[same] == '.' || b[same] == '[';
    return g_strndup(a, is_a_end && is_b_end ? same : end);
}

static void omit(Omitted *omitted, const char *path, json_int_t len)
{
    char *path_of_all = omitted->path ? path_of_both(omitted->path, path) : g_strdup(path);
    g_free(omitted->path);
    omitted->path = path_of_all;
    omitted->len += len;
}

/* omitted is cleared. */
static void append_omitted(json_t *list, Omitted *omitted)
{
    if (omitted->len > 0)
        json_array_append_new(list, json_pack("{s:s,s:I}", "path", omitted->path, "omitted", omitted->len));
    g_clear_pointer(&omitted->path, g_free);
}

char *drift_fields_text(const GPtrArray *fields, const char *salt)
{
    json_t *list = json_array();
    Omitted omitted = {0};
    for (guint i = 0; i < fields->len; i++) {
        const FieldChange *field = fields->pdata[i];
        if (i < DRIFT_FIELDS_MAX)
            json_array_append_new(list, kept_field(field, salt));
        else
            omit(&omitted, field->path, 1);
    }
    append_omitted(list, &omitted);
    return text_or_null(list);
}

/* ---- what is known and what is told ---- */

static bool is_at_or_below(const char *path, const char *above)
{
    size_t len = strlen(above);
    return strncmp(path, above, len) == 0 && (path[len] == '\0' || path[len] == '.' || path[len] == '[');
}

static bool is_told(const GPtrArray *told, const char *path)
{
    for (guint i = 0; told && i < told->len; i++)
        if (is_at_or_below(path, told->pdata[i]))
            return true;
    return false;
}

/* told: what of list does not count any more; NULL: nothing. */
static void add_fields(GPtrArray *all, Omitted *omitted, json_t *list, const GPtrArray *told)
{
    json_t *field;
    size_t i;
    json_array_foreach(list, i, field)
    {
        if (is_told(told, path_of(field)))
            continue;
        if (omitted_of(field))
            omit(omitted, path_of(field), omitted_of(field));
        else
            g_ptr_array_add(all, field);
    }
}

static int field_compare(gconstpointer a, gconstpointer b)
{
    return strcmp(path_of(*(json_t *const *)a), path_of(*(json_t *const *)b));
}

char *drift_fields_merged(const char *known, const char *fresh, const GPtrArray *told)
{
    json_t *before = load_fields(known), *now = fresh ? load_fields(fresh) : NULL, *list = json_array();
    Omitted omitted = {0}, omitted_now = {0};
    g_autoptr(GPtrArray) all = g_ptr_array_new();
    add_fields(all, &omitted, before, told);
    add_fields(all, &omitted_now, now, NULL);
    g_ptr_array_sort(all, field_compare);
    for (guint i = 0; i < all->len; i++)
        if (i < DRIFT_FIELDS_MAX)
            json_array_append(list, all->pdata[i]);
        else
            omit(&omitted_now, path_of(all->pdata[i]), 1);
    if (omitted.len > 0)
        omit(&omitted_now, omitted.path, MAX(omitted.len - omitted_now.len, 0));
    append_omitted(list, &omitted_now);
    g_free(omitted.path);
    json_decref(now);
    json_decref(before);
    return text_or_null(list);
}

/* ---- what is declared ---- */

/* value, redacted, is taken. Of an object, which an item of a list is, its members too: where both sides have
 * the item, it is they that differ. */
static void add_declared(GHashTable *declared, const char *path, json_t *value, const char *salt)
{
    g_autofree char *text = spec_text(value);
    json_t *kept = kept_value(text, salt), *member;
    const char *key;
    json_object_foreach(value, key, member)
    {
        g_autofree char *below = g_strconcat(path, ".", key, NULL);
        add_declared(declared, below, json_incref(member), salt);
    }
    g_hash_table_insert(declared, g_strdup(path), spec_text(kept));
    json_decref(kept);
    json_decref(value);
}

/* New: of each path in_force declares, the value as it is kept. */
static GHashTable *declared_values(Kind kind, View in_force, const char *salt)
{
    GHashTable *declared = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    g_autoptr(GPtrArray) fields = compare_specs(kind, VIEW(""), in_force);
    const Redaction redaction = {.salt = salt};
    for (guint i = 0; i < fields->len; i++) {
        const FieldChange *field = fields->pdata[i];
        g_autofree char *none = NULL, *text = NULL;
        field_redact(field, &redaction, &redaction, &none, &text);
        add_declared(declared, field->path, json_loads(text, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL), salt);
    }
    return declared;
}

char *drift_fields_declared(const char *fields, Kind kind, View in_force, const char *salt)
{
    g_autoptr(GHashTable) declared = declared_values(kind, in_force, salt);
    json_t *list = load_fields(fields), *kept = json_array(), *field;
    size_t i;
    json_array_foreach(list, i, field)
    {
        const json_t *applied = json_object_get(field, "applied");
        g_autofree char *text = applied ? spec_text(applied) : NULL;
        if (omitted_of(field) || g_strcmp0(text, g_hash_table_lookup(declared, path_of(field))) == 0)
            json_array_append(kept, field);
    }
    json_decref(list);
    return text_or_null(kept);
}

char **drift_fields_paths(const char *fields)
{
    json_t *list = load_fields(fields), *field;
    g_autoptr(GStrvBuilder) paths = g_strv_builder_new();
    size_t i;
    json_array_foreach(list, i, field)
    {
        g_strv_builder_add(paths, path_of(field));
    }
    json_decref(list);
    return g_strv_builder_end(paths);
}

/* ---- what is shown ---- */

json_t *drift_fields_shown(const char *fields)
{
    json_t *list = load_fields(fields), *shown = json_array(), *field;
    Omitted omitted = {0};
    size_t i;
    json_array_foreach(list, i, field)
    {
        if (omitted_of(field))
            omit(&omitted, path_of(field), omitted_of(field));
        else if (i < DRIFT_SHOWN_MAX)
            json_array_append(shown, field);
        else
            omit(&omitted, path_of(field), 1);
    }
    append_omitted(shown, &omitted);
    json_decref(list);
    return shown;
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
