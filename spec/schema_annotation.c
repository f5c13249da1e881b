#include "spec/canonical.h"
#include "spec/schema_node.h"

/* What is said nearer wins: on the node itself, then at its $ref, then in its allOf branches. */
static void annotations_inherit(Annotations *to, const Annotations *from)
{
    if (!to->title)
        to->title = from->title;
    if (!to->description)
        to->description = from->description;
    if (!to->reference)
        to->reference = from->reference;
    if (!to->list_key)
        to->list_key = from->list_key;
    if (!to->merge_key)
        to->merge_key = from->merge_key;
    if (!to->default_text) {
        to->default_text = from->default_text;
        to->default_node = from->default_node;
    }
    if (to->sensitive == TRISTATE_UNSET)
        to->sensitive = from->sensitive;
    if (to->is_private == TRISTATE_UNSET)
        to->is_private = from->is_private;
    if (to->ours == TRISTATE_UNSET)
        to->ours = from->ours;
    if (to->decimal == TRISTATE_UNSET)
        to->decimal = from->decimal;
    if (to->digest_excluded == TRISTATE_UNSET)
        to->digest_excluded = from->digest_excluded;
    if (!to->has_update) {
        to->has_update = from->has_update;
        to->update = from->update;
    }
    if (!to->has_presence) {
        to->has_presence = from->has_presence;
        to->presence = from->presence;
    }
    if (!to->groups)
        to->groups = from->groups;
    if (!to->has_owner) {
        to->has_owner = from->has_owner;
        to->owner = from->owner;
    }
}

static void node_resolve(SchemaNode *node)
{
    if (node->resolving != 0) /* done, or a cycle through allOf */
        return;
    node->resolving = 1;
    node->resolved = node->own;
    if (node->ref) {
        node_resolve((SchemaNode *)(uintptr_t)node->ref);
        annotations_inherit(&node->resolved, &node->ref->resolved);
    }
    for (size_t i = 0; i < node->all_of.len; i++) {
        node_resolve((SchemaNode *)(uintptr_t)node->all_of.items[i]);
        annotations_inherit(&node->resolved, &node->all_of.items[i]->resolved);
    }
    node->resolving = 2;
}

void schema_annotations_resolve(Schema *schema)
{
    GHashTableIter iter;
    gpointer value;
    g_hash_table_iter_init(&iter, schema->nodes);
    while (g_hash_table_iter_next(&iter, NULL, &value))
        node_resolve(value);
    /* Two steps: the canonical form of a default depends on the defaults below it. */
    g_hash_table_iter_init(&iter, schema->nodes);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        SchemaNode *node = value;
        if (!node->resolved.default_node)
            continue;
        GString *text = g_string_new(NULL);
        canonical_append(node, node->resolved.default_node, text);
        node->resolved.default_canonical = arena_strndup(schema->arena, text->str, text->len);
        g_string_free(text, TRUE);
    }
}

/* ---- looking up
 * ------------------------------------------------------------------------------------------------ */

#define LOOKUP_DEPTH 32 /* of $ref and allOf chains: a cycle ends */

/* The branches of oneOf or anyOf that may be an object (or a list); one alone is determined by type. */
static const SchemaNode *branch_by_type(const SchemaList *list, unsigned type)
{
    const SchemaNode *found = NULL;
    for (size_t i = 0; i < list->len; i++) {
        const SchemaNode *branch = list->items[i];
        while (branch->types == 0 && branch->ref)
            branch = branch->ref;
        if (branch->verdict != VERDICT_OPEN || (branch->types && !(branch->types & type)))
            continue;
        if (found)
            return NULL;
        found = branch;
    }
    return found;
}

typedef const SchemaNode *(*LookUpFunc)(const SchemaNode *schema, View name, int depth);

/* Asks func in each part of schema that applies to the same value. */
static const SchemaNode *look_in_parts(const SchemaNode *schema, View name, int depth, unsigned type,
                                       LookUpFunc func)
{
    const SchemaNode *found = schema->ref ? func(schema->ref, name, depth + 1) : NULL;
    for (size_t i = 0; !found && i < schema->all_of.len; i++)
        found = func(schema->all_of.items[i], name, depth + 1);
    const SchemaNode *branch = found ? NULL : branch_by_type(&schema->one_of, type);
    if (branch)
        found = func(branch, name, depth + 1);
    branch = found ? NULL : branch_by_type(&schema->any_of, type);
    if (branch)
        found = func(branch, name, depth + 1);
    if (!found && schema->then_schema)
        found = func(schema->then_schema, name, depth + 1);
    if (!found && schema->else_schema)
        found = func(schema->else_schema, name, depth + 1);
    return found;
}

static const SchemaNode *find_named(const SchemaNode *schema, View name, int depth)
{
    if (depth > LOOKUP_DEPTH)
        return NULL;
    const Property *property = property_find(&schema->properties, name);
    if (property && property->schema)
        return property->schema;
    return look_in_parts(schema, name, depth, TYPE_OBJECT, find_named);
}

static const SchemaNode *find_pattern(const SchemaNode *schema, View name, int depth)
{
    if (depth > LOOKUP_DEPTH)
        return NULL;
    for (size_t i = 0; i < schema->patterns_len; i++)
        if (pattern_matches(schema->patterns[i].pattern, name))
            return schema->patterns[i].schema;
    if (schema->additional && schema->additional->verdict == VERDICT_OPEN)
        return schema->additional;
    if (schema->unevaluated_properties && schema->unevaluated_properties->verdict == VERDICT_OPEN)
        return schema->unevaluated_properties;
    return look_in_parts(schema, name, depth, TYPE_OBJECT, find_pattern);
}

static const SchemaNode *find_items(const SchemaNode *schema, View name, int depth)
{
    if (depth > LOOKUP_DEPTH)
        return NULL;
    if (schema->items && schema->items->verdict == VERDICT_OPEN)
        return schema->items;
    return look_in_parts(schema, name, depth, TYPE_ARRAY, find_items);
}

const SchemaNode *schema_member(const SchemaNode *schema, const char *name, size_t name_len)
{
    if (!schema)
        return NULL;
    const SchemaNode *found = find_named(schema, (View){name, name_len}, 0);
    return found ? found : find_pattern(schema, (View){name, name_len}, 0);
}

const SchemaNode *schema_items(const SchemaNode *schema)
{
    return schema ? find_items(schema, (View){"", 0}, 0) : NULL;
}

UpdateEffect schema_update(const SchemaNode *schema)
{
    return schema && schema->resolved.has_update ? schema->resolved.update : UPDATE_IN_PLACE;
}

bool schema_has_update(const SchemaNode *schema)
{
    return schema && schema->resolved.has_update;
}

/* The group that has value; the number of groups: none. */
static size_t group_of(const json_t *groups, const json_t *value)
{
    size_t at = 0;
    for (; at < json_array_size(groups); at++)
        for (size_t i = 0; i < json_array_size(json_array_get(groups, at)); i++)
            if (json_equal(json_array_get(json_array_get(groups, at), i), value))
                return at;
    return at;
}

UpdateEffect schema_change_effect(const SchemaNode *schema, const json_t *before, const json_t *after,
                                  UpdateEffect inherited)
{
    UpdateEffect effect = schema_has_update(schema) ? schema->resolved.update : inherited;
    if (!schema)
        return effect;
    if (schema->resolved.has_presence && !before != !after)
        return schema->resolved.presence;
    if (!schema->resolved.groups || !before || !after)
        return effect;
    bool is_within = group_of(schema->resolved.groups, before) == group_of(schema->resolved.groups, after);
    return is_within ? effect : UPDATE_REPLACE;
}

FieldOwner schema_owner(const SchemaNode *schema)
{
    return schema && schema->resolved.has_owner ? schema->resolved.owner : OWNER_USER;
}

bool schema_sensitive(const SchemaNode *schema)
{
    return schema && schema->resolved.sensitive == TRISTATE_YES;
}

bool schema_private(const SchemaNode *schema)
{
    return schema && schema->resolved.is_private == TRISTATE_YES;
}

bool schema_ours(const SchemaNode *schema)
{
    return schema && schema->resolved.ours == TRISTATE_YES;
}

const char *schema_reference(const SchemaNode *schema)
{
    return schema ? schema->resolved.reference : NULL;
}

const char *schema_list_key(const SchemaNode *schema)
{
    return schema ? schema->resolved.list_key : NULL;
}

const char *schema_merge_key(const SchemaNode *schema)
{
    return schema ? schema->resolved.merge_key : NULL;
}

const char *schema_description(const SchemaNode *schema)
{
    return schema ? schema->resolved.description : NULL;
}

const char *schema_title(const SchemaNode *schema)
{
    return schema ? schema->resolved.title : NULL;
}

const char *schema_default(const SchemaNode *schema)
{
    return schema ? schema->resolved.default_text : NULL;
}

bool schema_decimal(const SchemaNode *schema)
{
    return schema && schema->resolved.decimal == TRISTATE_YES;
}

bool schema_digest_excluded(const SchemaNode *schema)
{
    return schema && schema->resolved.digest_excluded == TRISTATE_YES;
}

View schema_enum_spelling(const SchemaNode *schema, View text)
{
    for (; schema; schema = schema->ref) {
        if (!schema->has_enum || !schema->enum_ignore_case)
            continue;
        for (size_t i = 0; i < schema->enums_len; i++) {
            View value = schema->enums[i]->text;
            if (schema->enums[i]->kind == NODE_STRING && value.len == text.len &&
                g_ascii_strncasecmp(value.data, text.data, text.len) == 0)
                return value;
        }
    }
    return (View){NULL, 0};
}

static void each_default(const SchemaNode *schema, int depth, SchemaDefaultFunc func, void *data)
{
    if (!schema || depth > 16)
        return;
    for (size_t i = 0; i < schema->properties.len; i++) {
        const Property *property = &schema->properties.items[i];
        const char *json = property->schema ? property->schema->resolved.default_text : NULL;
        if (json)
            func(property->name, json, data);
    }
    each_default(schema->ref, depth + 1, func, data);
    for (size_t i = 0; i < schema->all_of.len; i++)
        each_default(schema->all_of.items[i], depth + 1, func, data);
}

void schema_each_default(const SchemaNode *schema, SchemaDefaultFunc func, void *data)
{
    each_default(schema, 0, func, data);
}
