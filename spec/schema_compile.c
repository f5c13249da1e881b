#include "spec/schema_node.h"

typedef struct {
    Schema *schema;
    Schema *const *others;
    size_t others_len;
    GPtrArray *open_refs; /* of SchemaNode, with its json in ref_texts at the same index */
    GPtrArray *ref_texts; /* borrowed from the JSON */
    GError **error;
} Compiler;

static G_DEFINE_QUARK(muster - schema - error, schema_error)

static bool fail(Compiler *compiler, const char *keyword, const char *text)
{
    g_set_error(compiler->error, schema_error_quark(), 1, "schema %s: %s: %s", compiler->schema->name,
                keyword, text);
    return false;
}

static SchemaNode *compile_node(Compiler *compiler, const json_t *json);

unsigned schema_provider_bit(const char *name)
{
    static const char *const names[] = {"local", "docker", "aws", "simulated"};
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
        if (g_strcmp0(name, names[i]) == 0)
            return 1u << i;
    return 0;
}

/* ---- values
 * ---------------------------------------------------------------------------------------------------- */

static View text_view(const json_t *json)
{
    return (View){json_string_value(json), json_string_length(json)};
}

Node *node_from_json(Arena *arena, const json_t *json)
{
    Node *node = arena_new0(arena, Node);
    switch (json_typeof(json)) {
    case JSON_NULL: node->kind = NODE_NULL; break;
    case JSON_TRUE:
    case JSON_FALSE:
        node->kind = NODE_BOOL;
        node->boolean = json_is_true(json);
        node->text = view_from(node->boolean ? "true" : "false");
        break;
    case JSON_INTEGER:
    case JSON_REAL: {
        g_autofree char *text = json_dumps(json, JSON_ENCODE_ANY);
        size_t len = strlen(text);
        node->kind = json_is_integer(json) ? NODE_INT : NODE_FLOAT;
        if (json_is_integer(json))
            node->integer = json_integer_value(json);
        else
            node->real = json_real_value(json);
        node->text = (View){arena_strndup(arena, text, len), len};
        break;
    }
    case JSON_STRING:
        node->kind = NODE_STRING;
        node->text = text_view(json);
        break;
    case JSON_ARRAY:
        node->kind = NODE_SEQUENCE;
        node->sequence.len = json_array_size(json);
        node->sequence.items = arena_new0_n(arena, Node *, node->sequence.len);
        for (size_t i = 0; i < node->sequence.len; i++)
            node->sequence.items[i] = node_from_json(arena, json_array_get(json, i));
        break;
    case JSON_OBJECT: {
        const char *key;
        json_t *value;
        size_t i = 0;
        node->kind = NODE_MAPPING;
        node->mapping.len = json_object_size(json);
        node->mapping.members = arena_new0_n(arena, NodeMember, node->mapping.len);
        json_object_foreach((json_t *)(uintptr_t)json, key, value)
        {
            node->mapping.members[i].key = view_from(key);
            node->mapping.members[i++].value = node_from_json(arena, value);
        }
        break;
    }
    }
    return node;
}

static bool take_count(Compiler *compiler, const char *keyword, const json_t *value, int64_t *ret)
{
    if (!json_is_integer(value) || json_integer_value(value) < 0)
        return fail(compiler, keyword, "must be a whole number, not negative");
    *ret = json_integer_value(value);
    return true;
}

static bool take_bool(Compiler *compiler, const char *keyword, const json_t *value, bool *ret)
{
    if (!json_is_boolean(value))
        return fail(compiler, keyword, "must be true or false");
    *ret = json_is_true(value);
    return true;
}

static bool take_text(Compiler *compiler, const char *keyword, const json_t *value, const char **ret)
{
    if (!json_is_string(value))
        return fail(compiler, keyword, "must be a string");
    *ret = json_string_value(value);
    return true;
}

static bool take_limit(Compiler *compiler, const char *keyword, const json_t *value, Limit *ret)
{
    if (!json_is_number(value))
        return fail(compiler, keyword, "must be a number");
    *ret = (Limit){.set = true, .is_integer = json_is_integer(value), .real = json_number_value(value)};
    if (ret->is_integer)
        ret->integer = json_integer_value(value);
    return true;
}

static bool take_schema(Compiler *compiler, const json_t *value, const SchemaNode **ret)
{
    *ret = compile_node(compiler, value);
    return *ret != NULL;
}

static bool take_list(Compiler *compiler, const char *keyword, const json_t *value, SchemaList *ret)
{
    size_t len = json_array_size(value);
    if (!json_is_array(value) || len == 0)
        return fail(compiler, keyword, "must be a list of schemas, not empty");
    ret->items = arena_new0_n(compiler->schema->arena, const SchemaNode *, len);
    ret->len = len;
    for (size_t i = 0; i < len; i++)
        if (!take_schema(compiler, json_array_get(value, i), &ret->items[i]))
            return false;
    return true;
}

static const Pattern *take_pattern(Compiler *compiler, const char *text)
{
    Pattern *pattern = pattern_compile(text, compiler->error);
    if (!pattern) {
        g_prefix_error(compiler->error, "schema %s: pattern %s: ", compiler->schema->name, text);
        return NULL;
    }
    g_ptr_array_add(compiler->schema->patterns, pattern);
    return pattern;
}

/* ---- members
 * --------------------------------------------------------------------------------------------------- */

static size_t name_hash(View name)
{
    size_t hash = name.len * 0x9e3779b1u;
    if (name.len > 0) {
        hash ^= (size_t)(unsigned char)name.data[0] * 31;
        hash ^= (size_t)(unsigned char)name.data[name.len / 2] << 7;
        hash ^= (size_t)(unsigned char)name.data[name.len - 1] << 3;
    }
    return hash ^ (hash >> 11);
}

const Property *property_find(const PropertyTable *table, View name)
{
    if (!table->slots)
        return NULL;
    for (size_t i = name_hash(name);; i++) {
        uint16_t slot = table->slots[i & table->mask];
        if (slot == 0)
            return NULL;
        const Property *property = &table->items[slot - 1];
        if (property->name.len == name.len && memcmp(property->name.data, name.data, name.len) == 0)
            return property;
    }
}

/* Members of `properties` first, then those that only `required` names. */
static bool compile_properties(Compiler *compiler, SchemaNode *node, const json_t *properties,
                               const json_t *required)
{
    Arena *arena = compiler->schema->arena;
    size_t most = json_object_size(properties) + json_array_size(required);
    if (most == 0)
        return true;
    if (most > PROPERTIES_MAX)
        return fail(compiler, "properties", "more than 256 members");
    PropertyTable *table = &node->properties;
    size_t size = 8;
    while (size < most * 4)
        size *= 2;
    *table = (PropertyTable){.items = arena_new0_n(arena, Property, most),
                             .slots = arena_new0_n(arena, uint16_t, size),
                             .mask = size - 1};
    const char *key;
    json_t *value;
    size_t total = json_object_size(properties);
    json_object_foreach((json_t *)(uintptr_t)properties, key, value)
    {
        table->items[table->len].name = view_from(key);
        if (!take_schema(compiler, value, &table->items[table->len].schema))
            return false;
        table->len++;
    }
    for (size_t i = 0; i < total + json_array_size(required); i++) {
        View name = i < total ? table->items[i].name : text_view(json_array_get(required, i - total));
        if (!name.data)
            return fail(compiler, "required", "must be a list of strings");
        const Property *known = i < total ? NULL : property_find(table, name);
        size_t index = known ? (size_t)(known - table->items) : i < total ? i : table->len++;
        if (!known) {
            table->items[index].name = name;
            size_t slot = name_hash(name);
            while (table->slots[slot & table->mask])
                slot++;
            table->slots[slot & table->mask] = (uint16_t)(index + 1);
        }
        if (i >= total) {
            node->required[index / 64] |= UINT64_C(1) << (index % 64);
            node->required_len++;
        }
    }
    return true;
}

static bool compile_pattern_properties(Compiler *compiler, SchemaNode *node, const json_t *value)
{
    const char *key;
    json_t *schema;
    if (!json_is_object(value))
        return fail(compiler, "patternProperties", "must be an object");
    node->patterns = arena_new0_n(compiler->schema->arena, PatternProperty, json_object_size(value));
    json_object_foreach((json_t *)(uintptr_t)value, key, schema)
    {
        PatternProperty *property = &node->patterns[node->patterns_len++];
        property->pattern = take_pattern(compiler, key);
        if (!property->pattern || !take_schema(compiler, schema, &property->schema))
            return false;
    }
    return true;
}

static bool compile_dependencies(Compiler *compiler, SchemaNode *node, const json_t *required,
                                 const json_t *schemas)
{
    Arena *arena = compiler->schema->arena;
    const char *key;
    json_t *value;
    size_t most = json_object_size(required) + json_object_size(schemas);
    node->dependencies = arena_new0_n(arena, Dependency, most);
    json_object_foreach((json_t *)(uintptr_t)required, key, value)
    {
        Dependency *dependency = &node->dependencies[node->dependencies_len++];
        dependency->name = view_from(key);
        dependency->needed_len = json_array_size(value);
        dependency->needed = arena_new0_n(arena, View, dependency->needed_len);
        for (size_t i = 0; i < dependency->needed_len; i++) {
            dependency->needed[i] = text_view(json_array_get(value, i));
            if (!dependency->needed[i].data)
                return fail(compiler, "dependentRequired", "must hold lists of strings");
        }
    }
    json_object_foreach((json_t *)(uintptr_t)schemas, key, value)
    {
        Dependency *dependency = &node->dependencies[node->dependencies_len++];
        dependency->name = view_from(key);
        if (!take_schema(compiler, value, &dependency->schema))
            return false;
    }
    return true;
}

/* ---- keywords
 * -------------------------------------------------------------------------------------------------- */

typedef bool (*KeywordFunc)(Compiler *compiler, SchemaNode *node, const char *keyword, const json_t *value);

static bool keyword_type(Compiler *compiler, SchemaNode *node, const char *keyword, const json_t *value)
{
    static const char *const names[] = {"null", "boolean", "integer", "number", "string", "array", "object"};
    size_t len = json_is_array(value) ? json_array_size(value) : 1;
    for (size_t i = 0; i < len; i++) {
        const char *name = json_string_value(json_is_array(value) ? json_array_get(value, i) : value);
        unsigned bit = 0;
        for (size_t j = 0; j < G_N_ELEMENTS(names); j++)
            if (g_strcmp0(name, names[j]) == 0)
                bit = 1u << j;
        if (!bit)
            return fail(compiler, keyword, "unknown type");
        node->types |= bit;
    }
    return node->types != 0 || fail(compiler, keyword, "an empty list");
}

static bool keyword_ref(Compiler *compiler, SchemaNode *node, const char *keyword, const json_t *value)
{
    if (!json_is_string(value))
        return fail(compiler, keyword, "must be a string");
    g_ptr_array_add(compiler->open_refs, node);
    g_ptr_array_add(compiler->ref_texts, (char *)(uintptr_t)json_string_value(value));
    return true;
}

static bool keyword_defs(Compiler *compiler, SchemaNode *node, const char *keyword, const json_t *value)
{
    (void)node;
    const char *key;
    json_t *schema;
    if (!json_is_object(value))
        return fail(compiler, keyword, "must be an object");
    json_object_foreach((json_t *)(uintptr_t)value, key,
                        schema) if (!compile_node(compiler, schema)) return false;
    return true;
}

static bool keyword_const(Compiler *compiler, SchemaNode *node, const char *keyword, const json_t *value)
{
    (void)keyword;
    node->constant = node_from_json(compiler->schema->arena, value);
    return true;
}

static bool keyword_enum(Compiler *compiler, SchemaNode *node, const char *keyword, const json_t *value)
{
    if (!json_is_array(value))
        return fail(compiler, keyword, "must be a list");
    node->has_enum = true;
    node->enums_len = json_array_size(value);
    node->enums = arena_new0_n(compiler->schema->arena, const Node *, node->enums_len);
    for (size_t i = 0; i < node->enums_len; i++)
        node->enums[i] = node_from_json(compiler->schema->arena, json_array_get(value, i));
    return true;
}

static bool keyword_object(Compiler *compiler, SchemaNode *node, const char *keyword, const json_t *value)
{
    bool list = strcmp(keyword, "required") == 0;
    if (list ? !json_is_array(value) : !json_is_object(value))
        return fail(compiler, keyword, list ? "must be a list" : "must be an object");
    node->checks_object = true; /* taken together by compile_object_keywords */
    return true;
}

static bool keyword_pattern_properties(Compiler *compiler, SchemaNode *node, const char *keyword,
                                       const json_t *value)
{
    (void)keyword;
    node->checks_object = true;
    return compile_pattern_properties(compiler, node, value);
}

static bool keyword_subschema(Compiler *compiler, SchemaNode *node, const char *keyword, const json_t *value)
{
    const struct {
        const char *name;
        const SchemaNode **where;
        bool *flag;
    } table[] = {
        {"additionalProperties", &node->additional, &node->checks_object},
        {"propertyNames", &node->property_names, &node->checks_object},
        {"unevaluatedProperties", &node->unevaluated_properties, &node->unevaluated},
        {"items", &node->items, &node->checks_array},
        {"contains", &node->contains, &node->checks_array},
        {"unevaluatedItems", &node->unevaluated_items, &node->unevaluated},
        {"not", &node->not_schema, NULL},
        {"if", &node->if_schema, NULL},
        {"then", &node->then_schema, NULL},
        {"else", &node->else_schema, NULL},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
        if (strcmp(keyword, table[i].name) != 0)
            continue;
        if (table[i].flag)
            *table[i].flag = true;
        return take_schema(compiler, value, table[i].where);
    }
    return fail(compiler, keyword, "unknown keyword");
}

static bool keyword_list(Compiler *compiler, SchemaNode *node, const char *keyword, const json_t *value)
{
    SchemaList *list = strcmp(keyword, "allOf") == 0   ? &node->all_of
                       : strcmp(keyword, "anyOf") == 0 ? &node->any_of
                       : strcmp(keyword, "oneOf") == 0 ? &node->one_of
                                                       : &node->prefix_items;
    if (list == &node->prefix_items)
        node->checks_array = true;
    return take_list(compiler, keyword, value, list);
}

static bool keyword_count(Compiler *compiler, SchemaNode *node, const char *keyword, const json_t *value)
{
    const struct {
        const char *name;
        int64_t *where;
        bool *flag;
    } table[] = {
        {"minItems", &node->min_items, &node->checks_array},
        {"maxItems", &node->max_items, &node->checks_array},
        {"minContains", &node->min_contains, &node->checks_array},
        {"maxContains", &node->max_contains, &node->checks_array},
        {"minProperties", &node->min_properties, &node->checks_object},
        {"maxProperties", &node->max_properties, &node->checks_object},
        {"minLength", &node->min_length, &node->checks_string},
        {"maxLength", &node->max_length, &node->checks_string},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
        if (strcmp(keyword, table[i].name) != 0)
            continue;
        *table[i].flag = true;
        return take_count(compiler, keyword, value, table[i].where);
    }
    return fail(compiler, keyword, "unknown keyword");
}

static bool keyword_limit(Compiler *compiler, SchemaNode *node, const char *keyword, const json_t *value)
{
    Limit *limit = strcmp(keyword, "minimum") == 0            ? &node->minimum
                   : strcmp(keyword, "maximum") == 0          ? &node->maximum
                   : strcmp(keyword, "exclusiveMinimum") == 0 ? &node->exclusive_minimum
                   : strcmp(keyword, "exclusiveMaximum") == 0 ? &node->exclusive_maximum
                                                              : &node->multiple_of;
    node->checks_number = true;
    if (!take_limit(compiler, keyword, value, limit))
        return false;
    if (limit == &node->multiple_of && !(limit->real > 0))
        return fail(compiler, keyword, "must be above 0");
    return true;
}

static bool keyword_unique(Compiler *compiler, SchemaNode *node, const char *keyword, const json_t *value)
{
    node->checks_array = true;
    return take_bool(compiler, keyword, value, &node->unique_items);
}

static bool keyword_pattern(Compiler *compiler, SchemaNode *node, const char *keyword, const json_t *value)
{
    node->checks_string = true;
    if (!take_text(compiler, keyword, value, &node->pattern_text))
        return false;
    node->pattern = take_pattern(compiler, node->pattern_text);
    return node->pattern != NULL;
}

static bool keyword_ignored(Compiler *compiler, SchemaNode *node, const char *keyword, const json_t *value)
{
    (void)compiler, (void)node, (void)keyword, (void)value;
    return true;
}

static bool keyword_text(Compiler *compiler, SchemaNode *node, const char *keyword, const json_t *value)
{
    const struct {
        const char *name;
        const char **where;
    } table[] = {
        {"title", &node->own.title},
        {"description", &node->own.description},
        {"x-muster-reference", &node->own.reference},
        {"x-muster-list-key", &node->own.list_key},
        {"x-muster-message", &node->message},
        {"x-muster-hint", &node->hint},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(table); i++)
        if (strcmp(keyword, table[i].name) == 0)
            return take_text(compiler, keyword, value, table[i].where);
    return fail(compiler, keyword, "unknown keyword");
}

static bool keyword_flag(Compiler *compiler, SchemaNode *node, const char *keyword, const json_t *value)
{
    bool flag = false;
    if (!take_bool(compiler, keyword, value, &flag))
        return false;
    Tristate state = flag ? TRISTATE_YES : TRISTATE_NO;
    if (strcmp(keyword, "x-muster-sensitive") == 0)
        node->own.sensitive = state;
    else if (strcmp(keyword, "x-muster-ours") == 0)
        node->own.ours = state;
    else if (strcmp(keyword, "x-muster-decimal") == 0)
        node->own.decimal = state;
    else
        node->enum_ignore_case = flag;
    return true;
}

static bool update_from(const char *text, UpdateEffect *ret_effect)
{
    static const char *const updates[] = {[UPDATE_IN_PLACE] = "in-place",
                                          [UPDATE_ROLLING] = "rolling",
                                          [UPDATE_REPLACE] = "replace",
                                          [UPDATE_REVISION] = "revision"};
    for (size_t i = 0; i < G_N_ELEMENTS(updates); i++)
        if (g_strcmp0(text, updates[i]) == 0) {
            *ret_effect = (UpdateEffect)i;
            return true;
        }
    return false;
}

static bool keyword_groups(Compiler *compiler, SchemaNode *node, const char *keyword, const json_t *value)
{
    for (size_t i = 0; i < json_array_size(value); i++)
        if (!json_is_array(json_array_get(value, i)))
            return fail(compiler, keyword, "must be a list of lists");
    node->own.groups = value;
    return json_array_size(value) > 0 || fail(compiler, keyword, "must be a list of lists");
}

static bool keyword_choice(Compiler *compiler, SchemaNode *node, const char *keyword, const json_t *value)
{
    const char *text = json_string_value(value);
    if (strcmp(keyword, "x-muster-update") == 0) {
        node->own.has_update = update_from(text, &node->own.update);
        if (node->own.has_update)
            return true;
    } else if (strcmp(keyword, "x-muster-update-presence") == 0) {
        node->own.has_presence = update_from(text, &node->own.presence);
        if (node->own.has_presence)
            return true;
    } else if (strcmp(keyword, "x-muster-owner") == 0) {
        node->own.has_owner = true;
        node->own.owner = g_strcmp0(text, "scheduler") == 0 ? OWNER_SCHEDULER : OWNER_USER;
        if (g_strcmp0(text, "scheduler") == 0 || g_strcmp0(text, "user") == 0)
            return true;
    } else if (g_strcmp0(text, "exclude") == 0 || g_strcmp0(text, "include") == 0) {
        node->own.digest_excluded = text[0] == 'e' ? TRISTATE_YES : TRISTATE_NO;
        return true;
    }
    return fail(compiler, keyword, "unknown value");
}

static bool keyword_provider(Compiler *compiler, SchemaNode *node, const char *keyword, const json_t *value)
{
    size_t len = json_is_array(value) ? json_array_size(value) : 1;
    for (size_t i = 0; i < len; i++) {
        unsigned bit =
            schema_provider_bit(json_string_value(json_is_array(value) ? json_array_get(value, i) : value));
        if (!bit)
            return fail(compiler, keyword, "unknown provider");
        node->providers |= bit;
    }
    return node->providers != 0 || fail(compiler, keyword, "an empty list");
}

static bool keyword_default(Compiler *compiler, SchemaNode *node, const char *keyword, const json_t *value)
{
    (void)keyword;
    g_autofree char *text = json_dumps(value, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);
    node->own.default_text = arena_strndup(compiler->schema->arena, text, strlen(text));
    node->own.default_node = node_from_json(compiler->schema->arena, value);
    return true;
}

static const struct {
    const char *name;
    KeywordFunc func;
} keywords[] = {
    {"$comment", keyword_ignored},
    {"$defs", keyword_defs},
    {"$id", keyword_ignored},
    {"$ref", keyword_ref},
    {"$schema", keyword_ignored},
    {"additionalProperties", keyword_subschema},
    {"allOf", keyword_list},
    {"anyOf", keyword_list},
    {"const", keyword_const},
    {"contains", keyword_subschema},
    {"default", keyword_default},
    {"dependentRequired", keyword_object},
    {"dependentSchemas", keyword_object},
    {"deprecated", keyword_ignored},
    {"description", keyword_text},
    {"else", keyword_subschema},
    {"enum", keyword_enum},
    {"examples", keyword_ignored},
    {"exclusiveMaximum", keyword_limit},
    {"exclusiveMinimum", keyword_limit},
    {"format", keyword_ignored},
    {"if", keyword_subschema},
    {"items", keyword_subschema},
    {"maxContains", keyword_count},
    {"maxItems", keyword_count},
    {"maxLength", keyword_count},
    {"maxProperties", keyword_count},
    {"maximum", keyword_limit},
    {"minContains", keyword_count},
    {"minItems", keyword_count},
    {"minLength", keyword_count},
    {"minProperties", keyword_count},
    {"minimum", keyword_limit},
    {"multipleOf", keyword_limit},
    {"not", keyword_subschema},
    {"oneOf", keyword_list},
    {"pattern", keyword_pattern},
    {"patternProperties", keyword_pattern_properties},
    {"prefixItems", keyword_list},
    {"properties", keyword_object},
    {"propertyNames", keyword_subschema},
    {"readOnly", keyword_ignored},
    {"required", keyword_object},
    {"then", keyword_subschema},
    {"title", keyword_text},
    {"type", keyword_type},
    {"unevaluatedItems", keyword_subschema},
    {"unevaluatedProperties", keyword_subschema},
    {"uniqueItems", keyword_unique},
    {"x-muster-decimal", keyword_flag},
    {"x-muster-digest", keyword_choice},
    {"x-muster-enum-ignore-case", keyword_flag},
    {"x-muster-hint", keyword_text},
    {"x-muster-list-key", keyword_text},
    {"x-muster-message", keyword_text},
    {"x-muster-ours", keyword_flag},
    {"x-muster-owner", keyword_choice},
    {"x-muster-provider", keyword_provider},
    {"x-muster-reference", keyword_text},
    {"x-muster-sensitive", keyword_flag},
    {"x-muster-update", keyword_choice},
    {"x-muster-update-groups", keyword_groups},
    {"x-muster-update-presence", keyword_choice},
};

static bool compile_keyword(Compiler *compiler, SchemaNode *node, const char *name, const json_t *value)
{
    for (size_t i = 0; i < G_N_ELEMENTS(keywords); i++)
        if (strcmp(keywords[i].name, name) == 0)
            return keywords[i].func(compiler, node, name, value);
    return fail(compiler, name, "unknown keyword");
}

static SchemaNode *compile_node(Compiler *compiler, const json_t *json)
{
    SchemaNode *node = arena_new0(compiler->schema->arena, SchemaNode);
    node->owner = compiler->schema;
    node->min_properties = node->max_properties = node->min_items = node->max_items = -1;
    node->min_contains = node->max_contains = node->min_length = node->max_length = -1;
    if (json_is_boolean(json)) {
        node->verdict = json_is_true(json) ? VERDICT_TRUE : VERDICT_FALSE;
        return node; /* jansson shares one object for all of true: not registered, nothing refers to it */
    }
    if (!json_is_object(json)) {
        fail(compiler, "a schema", "must be an object, true or false");
        return NULL;
    }
    g_hash_table_insert(compiler->schema->nodes, (gpointer)(uintptr_t)json, node);
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)json, key,
                        value) if (!compile_keyword(compiler, node, key, value)) return NULL;
    if (!compile_properties(compiler, node, json_object_get(json, "properties"),
                            json_object_get(json, "required")) ||
        !compile_dependencies(compiler, node, json_object_get(json, "dependentRequired"),
                              json_object_get(json, "dependentSchemas")))
        return NULL;
    return node;
}

/* ---- references
 * ------------------------------------------------------------------------------------------------ */

/* One step of a JSON pointer: "~1" is "/", "~0" is "~". */
static const json_t *pointer_step(const json_t *json, const char *token)
{
    g_auto(GStrv) slashes = g_strsplit(token, "~1", -1);
    g_autofree char *slashed = g_strjoinv("/", slashes);
    g_auto(GStrv) tildes = g_strsplit(slashed, "~0", -1);
    g_autofree char *name = g_strjoinv("~", tildes);
    if (json_is_array(json)) {
        char *end;
        guint64 index = g_ascii_strtoull(name, &end, 10);
        return *end == '\0' && end != name ? json_array_get(json, index) : NULL;
    }
    return json_object_get(json, name);
}

static const Schema *find_schema(const Compiler *compiler, const char *file, size_t file_len)
{
    /* "$id" may be a URL: its last part is the file's name. */
    const char *slash = memrchr(file, '/', file_len);
    View name = slash ? (View){slash + 1, file_len - (size_t)(slash + 1 - file)} : (View){file, file_len};
    if (name.len == 0 || view_is(name, compiler->schema->name))
        return compiler->schema;
    for (size_t i = 0; i < compiler->others_len; i++)
        if (view_is(name, compiler->others[i]->name))
            return compiler->others[i];
    return NULL;
}

static const SchemaNode *resolve_ref(const Compiler *compiler, const char *ref)
{
    const char *hash = strchrnul(ref, '#');
    const Schema *schema = find_schema(compiler, ref, (size_t)(hash - ref));
    if (!schema)
        return NULL;
    const json_t *json = schema->json;
    if (*hash && hash[1] == '/') {
        g_auto(GStrv) tokens = g_strsplit(hash + 2, "/", -1);
        for (size_t i = 0; tokens[i] && json; i++)
            json = pointer_step(json, tokens[i]);
    } else if (*hash && hash[1]) {
        return NULL; /* anchors are not used here */
    }
    return json ? g_hash_table_lookup(schema->nodes, json) : NULL;
}

static bool link_refs(Compiler *compiler)
{
    for (guint i = 0; i < compiler->open_refs->len; i++) {
        SchemaNode *node = g_ptr_array_index(compiler->open_refs, i);
        const char *ref = g_ptr_array_index(compiler->ref_texts, i);
        node->ref = resolve_ref(compiler, ref);
        if (!node->ref)
            return fail(compiler, "$ref", ref);
    }
    /* A chain of references alone that comes back to itself would never end. */
    for (guint i = 0; i < compiler->open_refs->len; i++) {
        const SchemaNode *slow = g_ptr_array_index(compiler->open_refs, i);
        const SchemaNode *fast = slow;
        while (fast && fast->ref) {
            fast = fast->ref->ref;
            slow = slow->ref;
            if (fast && fast == slow)
                return fail(compiler, "$ref", "refers to itself");
        }
    }
    return true;
}

/* ---- the schema
 * ------------------------------------------------------------------------------------------------ */

void schema_free(Schema *schema)
{
    if (!schema)
        return;
    g_free(schema->name);
    arena_free(schema->arena);
    json_decref(schema->json);
    g_clear_pointer(&schema->nodes, g_hash_table_unref);
    g_clear_pointer(&schema->patterns, g_ptr_array_unref);
    g_free(schema);
}

static void pattern_free_one(void *pattern)
{
    pattern_free(pattern);
}

Schema *schema_compile(const char *name, View json, Schema *const *others, size_t others_len, GError **error)
{
    g_autoptr(Schema) schema = g_new0(Schema, 1);
    schema->name = g_strdup(name);
    schema->arena = arena_new();
    schema->nodes = g_hash_table_new(NULL, NULL);
    schema->patterns = g_ptr_array_new_with_free_func(pattern_free_one);
    json_error_t where;
    schema->json = json_loadb(json.data, json.len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &where);
    if (!schema->json) {
        g_set_error(error, schema_error_quark(), 1, "schema %s:%d:%d: %s", name, where.line, where.column,
                    where.text);
        return NULL;
    }
    Compiler compiler = {.schema = schema, .others = others, .others_len = others_len, .error = error};
    compiler.open_refs = g_ptr_array_new();
    compiler.ref_texts = g_ptr_array_new();
    schema->root = compile_node(&compiler, schema->json);
    bool linked = schema->root && link_refs(&compiler);
    g_ptr_array_unref(compiler.open_refs);
    g_ptr_array_unref(compiler.ref_texts);
    if (!linked)
        return NULL;
    schema_annotations_resolve(schema);
    return g_steal_pointer(&schema);
}

const SchemaNode *schema_root(const Schema *schema)
{
    return schema->root;
}
