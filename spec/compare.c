#include "spec/compare.h"
#include <jansson.h>
#include "spec/base/units.h"
#include "spec/schema_node.h"

#define SENSITIVE "(sensitive)"

typedef struct {
    GPtrArray *changes; /* of FieldChange; NULL: only count */
    size_t unchanged;
} Comparison;

/* A field on both sides; NULL where it is absent. */
typedef struct {
    const SchemaNode *schema; /* NULL: unknown */
    const json_t *before, *after;
    UpdateEffect effect;
    bool sensitive;
} Field;

static void compare_field(Comparison *comparison, const char *path, const Field *field);

void field_change_free(FieldChange *change)
{
    if (!change)
        return;
    g_free(change->path);
    g_free(change->before);
    g_free(change->after);
    g_free(change);
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

/* ---- schema of a member
 * ---------------------------------------------------------------------------------------- */

/* As schema_member, but where several forms could be meant, the first that knows the member: for effect and
 * secrecy a guess is better than none. */
static const SchemaNode *member_of(const SchemaNode *schema, const char *name, int depth)
{
    if (!schema || depth > 16)
        return NULL;
    const SchemaNode *found = schema_member(schema, name, strlen(name));
    if (!found && schema->ref)
        found = member_of(schema->ref, name, depth + 1);
    for (size_t i = 0; !found && i < schema->one_of.len; i++)
        found = member_of(schema->one_of.items[i], name, depth + 1);
    for (size_t i = 0; !found && i < schema->any_of.len; i++)
        found = member_of(schema->any_of.items[i], name, depth + 1);
    return found;
}

static const SchemaNode *items_of(const SchemaNode *schema, int depth)
{
    if (!schema || depth > 16)
        return NULL;
    const SchemaNode *found = schema_items(schema);
    if (!found && schema->ref)
        found = items_of(schema->ref, depth + 1);
    for (size_t i = 0; !found && i < schema->one_of.len; i++)
        found = items_of(schema->one_of.items[i], depth + 1);
    for (size_t i = 0; !found && i < schema->any_of.len; i++)
        found = items_of(schema->any_of.items[i], depth + 1);
    return found;
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
                   .sensitive = field->sensitive || schema_sensitive(schema)};
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
            json_object_set_new_nocheck(copy, key, shown(member_of(schema, key, 0), member, sensitive));
        return copy;
    }
    if (json_is_array(value)) {
        json_t *copy = json_array();
        for (size_t i = 0; i < json_array_size(value); i++)
            json_array_append_new(copy, shown(items_of(schema, 0), json_array_get(value, i), sensitive));
        return copy;
    }
    if (schema_decimal(schema) && json_is_integer(value) && json_integer_value(value) % DECIMAL_SCALE == 0)
        return json_integer(json_integer_value(value) / DECIMAL_SCALE);
    if (schema_decimal(schema) && json_is_integer(value))
        return json_real((double)json_integer_value(value) / DECIMAL_SCALE);
    return json_deep_copy(value);
}

static char *shown_text(const Field *field, const json_t *value)
{
    if (!value)
        return NULL;
    json_t *copy = shown(field->schema, value, field->sensitive);
    char *dumped =
        json_dumps(copy, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
    char *text = g_strdup(dumped);
    free(dumped); /* jansson's allocator is malloc */
    json_decref(copy);
    return text;
}

static void compare_leaf(Comparison *comparison, const char *path, const Field *field)
{
    if (field->before && field->after && json_equal(field->before, field->after)) {
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
        Field below = field_below(field, member_of(field->schema, key, 0),
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
    const SchemaNode *items = items_of(field->schema, 0);
    const json_t *lists[] = {field->before, field->after};
    for (size_t side = 0; side < 2; side++)
        for (size_t i = 0; i < json_array_size(lists[side]); i++) {
            const json_t *item = json_array_get(lists[side], i);
            const char *text = item_key_text(item, key);
            const json_t *other = find_item(lists[1 - side], key, text);
            if (side == 1 && other)
                continue; /* was compared from the other side */
            Field below = field_below(field, items, side ? NULL : item, side ? item : other);
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
    const SchemaNode *items = items_of(field->schema, 0);
    size_t len = MAX(json_array_size(field->before), json_array_size(field->after));
    for (size_t i = 0; i < len; i++) {
        Field below =
            field_below(field, items, json_array_get(field->before, i), json_array_get(field->after, i));
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

void compare_under(const SchemaNode *schema, View before, View after, GPtrArray *changes,
                   size_t *ret_unchanged)
{
    json_t *old = load(before);
    json_t *fresh = load(after);
    Comparison comparison = {.changes = changes};
    Field root = {.schema = schema};
    root = field_below(&root, schema, old, fresh);
    if (old || fresh)
        compare_field(&comparison, "spec", &root);
    if (ret_unchanged)
        *ret_unchanged = comparison.unchanged;
    json_decref(old);
    json_decref(fresh);
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
