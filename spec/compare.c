#include "spec/compare.h"
#include <jansson.h>
#include "spec/base/units.h"
#include "spec/schema_node.h"

#define SENSITIVE "(sensitive)"

typedef struct {
    GPtrArray *changes; /* of FieldChange; NULL: only count */
    size_t unchanged;
    const Redaction *redaction; /* before was redacted; NULL: it was not */
} Comparison;

/* A field on both sides; NULL where it is absent. */
typedef struct {
    const SchemaNode *schema; /* NULL: unknown */
    const json_t *before, *after;
    UpdateEffect effect;
    bool sensitive, is_private;
    const char *variable; /* of the nearest list's item that has a name; NULL: none */
} Field;

static void compare_field(Comparison *comparison, const char *path, const Field *field);

void field_change_free(FieldChange *change)
{
    if (!change)
        return;
    g_free(change->path);
    g_free(change->before);
    g_free(change->after);
    g_free(change->variable);
    g_free(change);
}

FieldChange *field_change_copy(const FieldChange *change)
{
    FieldChange *copy = g_memdup2(change, sizeof(*change));
    copy->path = g_strdup(change->path);
    copy->before = g_strdup(change->before);
    copy->after = g_strdup(change->after);
    copy->variable = g_strdup(change->variable);
    return copy;
}

const char *update_effect_name(UpdateEffect effect)
{
    switch (effect) {
    case UPDATE_IN_PLACE: return "in-place";
    case UPDATE_ROLLING: return "rolling";
    case UPDATE_REPLACE: return "replace";
    case UPDATE_REVISION: return "revision";
    }
    return "in-place";
}

static Field field_below(const Field *field, const SchemaNode *schema, const json_t *before,
                         const json_t *after)
{
    bool is_whole = !field->before || !field->after; /* it comes or goes with what it is in */
    return (Field){.schema = schema,
                   .before = before,
                   .after = after,
                   .effect = is_whole ? schema_change_effect(schema, after, after, field->effect)
                                      : schema_change_effect(schema, before, after, field->effect),
                   .sensitive = field->sensitive || schema_sensitive(schema),
                   .is_private = field->is_private || schema_private(schema),
                   .variable = field->variable};
}

/* ---- showing values
 * -------------------------------------------------------------------------------------------- */

/* New: value as people may see it; secrets replaced, decimals as they are written. */
static json_t *shown(const SchemaNode *schema, const json_t *value, bool sensitive)
{
    if (sensitive || schema_sensitive(schema))
        return json_string(SENSITIVE);
    if (json_is_object(value)) {
        json_t *copy = json_object();
        const char *key;
        json_t *member;
        json_object_foreach((json_t *)(uintptr_t)value, key, member)
            json_object_set_new_nocheck(copy, key, shown(schema_member_any(schema, key), member, sensitive));
        return copy;
    }
    if (json_is_array(value)) {
        json_t *copy = json_array();
        for (size_t i = 0; i < json_array_size(value); i++)
            json_array_append_new(copy, shown(schema_items_any(schema), json_array_get(value, i), sensitive));
        return copy;
    }
    if (schema_decimal(schema) && json_is_integer(value) && json_integer_value(value) % DECIMAL_SCALE == 0)
        return json_integer(json_integer_value(value) / DECIMAL_SCALE);
    if (schema_decimal(schema) && json_is_integer(value))
        return json_real((double)json_integer_value(value) / DECIMAL_SCALE);
    return json_deep_copy(value);
}

/* Takes value. */
static char *dump(json_t *value)
{
    char *dumped =
        json_dumps(value, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
    char *text = g_strdup(dumped);
    free(dumped); /* jansson's allocator is malloc */
    json_decref(value);
    return text;
}

static char *shown_text(const Field *field, const json_t *value)
{
    return value ? dump(shown(field->schema, value, field->sensitive)) : NULL;
}

static char *redacted_text(const FieldChange *change, const Redaction *redaction, const char *text)
{
    json_t *value = text && change->schema ? json_loads(text, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL) : NULL;
    if (!value)
        return g_strdup(text);
    json_t *copy = redact_value(redaction, change->schema, value, change->is_private, change->variable);
    json_decref(value);
    return dump(copy);
}

void field_redact(const FieldChange *change, const Redaction *before, const Redaction *after,
                  char **ret_before, char **ret_after)
{
    Redaction kept = *before;
    kept.keep_digests = change->is_redacted;
    *ret_before = redacted_text(change, &kept, change->before);
    *ret_after = redacted_text(change, after, change->after);
}

static bool values_equal(const Comparison *comparison, const Field *field)
{
    char digest[REDACTED_LEN + 1];
    if (!field->before || !field->after)
        return false;
    const char *before = json_string_value(field->before), *after = json_string_value(field->after);
    if (!comparison->redaction || !field->is_private || !redact_is_digest(before) || !after)
        return json_equal(field->before, field->after);
    redact_text(comparison->redaction, after, digest);
    return strcmp(before, digest) == 0;
}

static void compare_leaf(Comparison *comparison, const char *path, const Field *field)
{
    if (values_equal(comparison, field)) {
        comparison->unchanged++;
        return;
    }
    if (!comparison->changes)
        return;
    FieldChange *change = g_new0(FieldChange, 1);
    change->path = g_strdup(path);
    change->before = shown_text(field, field->before);
    change->after = shown_text(field, field->after);
    change->effect = field->effect;
    change->schema = field->schema;
    change->is_private = field->is_private;
    change->is_redacted = comparison->redaction != NULL;
    change->variable = g_strdup(field->variable);
    g_ptr_array_add(comparison->changes, change);
}

/* ---- mappings and lists
 * ---------------------------------------------------------------------------------------- */

static int text_compare(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void collect_keys(const json_t *object, const json_t *unless_in, GPtrArray *keys)
{
    const char *key;
    json_t *value;
    if (!json_is_object(object))
        return;
    json_object_foreach((json_t *)(uintptr_t)object, key, value)
    {
        (void)value;
        if (!json_object_get(unless_in, key))
            g_ptr_array_add(keys, (char *)(uintptr_t)key);
    }
}

static void compare_mappings(Comparison *comparison, const char *path, const Field *field)
{
    g_autoptr(GPtrArray) keys = g_ptr_array_new();
    collect_keys(field->before, NULL, keys);
    collect_keys(field->after, field->before, keys);
    g_ptr_array_sort(keys, text_compare);
    for (guint i = 0; i < keys->len; i++) {
        const char *key = g_ptr_array_index(keys, i);
        Field below = field_below(field, schema_member_any(field->schema, key),
                                  json_object_get(field->before, key), json_object_get(field->after, key));
        g_autofree char *name = g_strconcat(path, ".", key, NULL);
        compare_field(comparison, name, &below);
    }
}

static const char *item_key_text(const json_t *item, const char *key)
{
    return json_string_value(json_object_get(item, key));
}

/* Every item is an object with a key of its own; only then can items be told apart by it. */
static bool is_keyed(const json_t *list, const char *key)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *text = item_key_text(json_array_get(list, i), key);
        if (!text || !g_hash_table_add(seen, (char *)(uintptr_t)text))
            return false;
    }
    return true;
}

static const json_t *find_item(const json_t *list, const char *key, const char *text)
{
    for (size_t i = 0; i < json_array_size(list); i++)
        if (g_strcmp0(item_key_text(json_array_get(list, i), key), text) == 0)
            return json_array_get(list, i);
    return NULL;
}

/* An item on one side only is one change, whole. */
static void compare_item(Comparison *comparison, const char *path, const Field *field)
{
    if (field->before && field->after)
        compare_field(comparison, path, field);
    else
        compare_leaf(comparison, path, field);
}

static void compare_keyed(Comparison *comparison, const char *path, const Field *field, const char *key)
{
    const SchemaNode *items = schema_items_any(field->schema);
    const json_t *lists[] = {field->before, field->after};
    for (size_t side = 0; side < 2; side++)
        for (size_t i = 0; i < json_array_size(lists[side]); i++) {
            const json_t *item = json_array_get(lists[side], i);
            const char *text = item_key_text(item, key);
            const json_t *other = find_item(lists[1 - side], key, text);
            if (side == 1 && other)
                continue; /* was compared from the other side */
            Field below = field_below(field, items, side ? NULL : item, side ? item : other);
            below.variable = text;
            g_autofree char *name = g_strdup_printf("%s[%s]", path, text);
            compare_item(comparison, name, &below);
        }
}

static bool holds_objects(const json_t *list)
{
    return json_is_object(json_array_get(list, 0));
}

static void compare_lists(Comparison *comparison, const char *path, const Field *field)
{
    const char *key = schema_list_key(field->schema);
    if (key && is_keyed(field->before, key) && is_keyed(field->after, key)) {
        compare_keyed(comparison, path, field, key);
        return;
    }
    /* A list of names or numbers is one field. */
    if (!holds_objects(field->before) && !holds_objects(field->after)) {
        compare_leaf(comparison, path, field);
        return;
    }
    const SchemaNode *items = schema_items_any(field->schema);
    size_t len = MAX(json_array_size(field->before), json_array_size(field->after));
    for (size_t i = 0; i < len; i++) {
        Field below =
            field_below(field, items, json_array_get(field->before, i), json_array_get(field->after, i));
        below.variable = NULL;
        g_autofree char *name = g_strdup_printf("%s[%zu]", path, i);
        compare_item(comparison, name, &below);
    }
}

/* True where each side is what or absent, and one is there with something in it. */
static bool both_are(const Field *field, json_type type)
{
    const json_t *sides[] = {field->before, field->after};
    bool filled = false;
    for (size_t i = 0; i < 2; i++) {
        if (!sides[i])
            continue;
        if (json_typeof(sides[i]) != type)
            return false;
        filled = filled || (type == JSON_OBJECT ? json_object_size(sides[i]) : json_array_size(sides[i])) > 0;
    }
    return filled;
}

static void compare_field(Comparison *comparison, const char *path, const Field *field)
{
    if (field->sensitive)
        compare_leaf(comparison, path, field); /* not even the names of its members are shown */
    else if (both_are(field, JSON_OBJECT))
        compare_mappings(comparison, path, field);
    else if (both_are(field, JSON_ARRAY))
        compare_lists(comparison, path, field);
    else
        compare_leaf(comparison, path, field);
}

/* ---- specs
 * ----------------------------------------------------------------------------------------------------- */

static json_t *load(View text)
{
    return text.len ? json_loadb(text.data, text.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL) : NULL;
}

static void compare_all(Comparison *comparison, const SchemaNode *schema, View before, View after)
{
    json_t *old = load(before);
    json_t *fresh = load(after);
    Field root = {.schema = schema};
    root = field_below(&root, schema, old, fresh);
    if (old || fresh)
        compare_field(comparison, "spec", &root);
    json_decref(old);
    json_decref(fresh);
}

void compare_under(const SchemaNode *schema, View before, View after, GPtrArray *changes,
                   size_t *ret_unchanged)
{
    Comparison comparison = {.changes = changes};
    compare_all(&comparison, schema, before, after);
    if (ret_unchanged)
        *ret_unchanged = comparison.unchanged;
}

static int change_compare(gconstpointer a, gconstpointer b)
{
    return strcmp((*(FieldChange *const *)a)->path, (*(FieldChange *const *)b)->path);
}

static void change_free(void *change)
{
    field_change_free(change);
}

GPtrArray *compare_specs(Kind kind, View before, View after)
{
    GPtrArray *changes = g_ptr_array_new_with_free_func(change_free);
    compare_under(kind_spec_schema(kind), before, after, changes, NULL);
    g_ptr_array_sort(changes, change_compare);
    return changes;
}

size_t compare_unchanged(Kind kind, View before, View after)
{
    size_t unchanged = 0;
    compare_under(kind_spec_schema(kind), before, after, NULL, &unchanged);
    return unchanged;
}

GPtrArray *compare_redacted(Kind kind, View before, View after, const Redaction *redaction,
                            size_t *ret_unchanged)
{
    GPtrArray *changes = g_ptr_array_new_with_free_func(change_free);
    Comparison comparison = {.changes = changes, .redaction = redaction};
    compare_all(&comparison, kind_spec_schema(kind), before, after);
    g_ptr_array_sort(changes, change_compare);
    *ret_unchanged = comparison.unchanged;
    return changes;
}
