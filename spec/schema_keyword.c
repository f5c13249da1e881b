/* schema_keyword.c: the keywords, one function for each sort of them, and what they take. */
#include "spec/schema_compiler.h"

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
        node->text = json_text(json);
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
        return compile_fail(compiler, keyword, "must be a whole number, not negative");
    *ret = json_integer_value(value);
    return true;
}

static bool take_bool(Compiler *compiler, const char *keyword, const json_t *value, bool *ret)
{
    if (!json_is_boolean(value))
        return compile_fail(compiler, keyword, "must be true or false");
    *ret = json_is_true(value);
    return true;
}

static bool take_text(Compiler *compiler, const char *keyword, const json_t *value, const char **ret)
{
    if (!json_is_string(value))
        return compile_fail(compiler, keyword, "must be a string");
    *ret = json_string_value(value);
    return true;
}

static bool take_limit(Compiler *compiler, const char *keyword, const json_t *value, Limit *ret)
{
    if (!json_is_number(value))
        return compile_fail(compiler, keyword, "must be a number");
    *ret = (Limit){.set = true, .is_integer = json_is_integer(value), .real = json_number_value(value)};
    if (ret->is_integer)
        ret->integer = json_integer_value(value);
    return true;
}

bool compile_schema(Compiler *compiler, const json_t *value, const SchemaNode **ret)
{
    *ret = compile_node(compiler, value);
    return *ret != NULL;
}

static bool take_list(Compiler *compiler, const char *keyword, const json_t *value, SchemaList *ret)
{
    size_t len = json_array_size(value);
    if (!json_is_array(value) || len == 0)
        return compile_fail(compiler, keyword, "must be a list of schemas, not empty");
    ret->items = arena_new0_n(compiler->schema->arena, const SchemaNode *, len);
    ret->len = len;
    for (size_t i = 0; i < len; i++)
        if (!compile_schema(compiler, json_array_get(value, i), &ret->items[i]))
            return false;
    return true;
}

const Pattern *compile_pattern(Compiler *compiler, const char *text)
{
    Pattern *pattern = pattern_compile(text, compiler->error);
    if (!pattern) {
        g_prefix_error(compiler->error, "schema %s: pattern %s: ", compiler->schema->name, text);
        return NULL;
    }
    g_ptr_array_add(compiler->schema->patterns, pattern);
    return pattern;
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
            return compile_fail(compiler, keyword, "unknown type");
        node->types |= bit;
    }
    return node->types != 0 || compile_fail(compiler, keyword, "an empty list");
}

static bool keyword_ref(Compiler *compiler, SchemaNode *node, const char *keyword, const json_t *value)
{
    if (!json_is_string(value))
        return compile_fail(compiler, keyword, "must be a string");
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
        return compile_fail(compiler, keyword, "must be an object");
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
        return compile_fail(compiler, keyword, "must be a list");
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
        return compile_fail(compiler, keyword, list ? "must be a list" : "must be an object");
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
        return compile_schema(compiler, value, table[i].where);
    }
    return compile_fail(compiler, keyword, "unknown keyword");
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
    return compile_fail(compiler, keyword, "unknown keyword");
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
        return compile_fail(compiler, keyword, "must be above 0");
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
    node->pattern = compile_pattern(compiler, node->pattern_text);
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
        {"x-muster-merge-key", &node->own.merge_key},
        {"x-muster-message", &node->message},
        {"x-muster-hint", &node->hint},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(table); i++)
        if (strcmp(keyword, table[i].name) == 0)
            return take_text(compiler, keyword, value, table[i].where);
    return compile_fail(compiler, keyword, "unknown keyword");
}

static bool keyword_flag(Compiler *compiler, SchemaNode *node, const char *keyword, const json_t *value)
{
    bool flag = false;
    if (!take_bool(compiler, keyword, value, &flag))
        return false;
    Tristate state = flag ? TRISTATE_YES : TRISTATE_NO;
    if (strcmp(keyword, "x-muster-sensitive") == 0)
        node->own.sensitive = state;
    else if (strcmp(keyword, "x-muster-private") == 0)
        node->own.is_private = state;
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
            return compile_fail(compiler, keyword, "must be a list of lists");
    node->own.groups = value;
    return json_array_size(value) > 0 || compile_fail(compiler, keyword, "must be a list of lists");
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
    return compile_fail(compiler, keyword, "unknown value");
}

static bool keyword_provider(Compiler *compiler, SchemaNode *node, const char *keyword, const json_t *value)
{
    size_t len = json_is_array(value) ? json_array_size(value) : 1;
    for (size_t i = 0; i < len; i++) {
        unsigned bit =
            schema_provider_bit(json_string_value(json_is_array(value) ? json_array_get(value, i) : value));
        if (!bit)
            return compile_fail(compiler, keyword, "unknown provider");
        node->providers |= bit;
    }
    return node->providers != 0 || compile_fail(compiler, keyword, "an empty list");
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
    {"x-muster-merge-key", keyword_text},
    {"x-muster-message", keyword_text},
    {"x-muster-ours", keyword_flag},
    {"x-muster-owner", keyword_choice},
    {"x-muster-private", keyword_flag},
    {"x-muster-provider", keyword_provider},
    {"x-muster-reference", keyword_text},
    {"x-muster-sensitive", keyword_flag},
    {"x-muster-update", keyword_choice},
    {"x-muster-update-groups", keyword_groups},
    {"x-muster-update-presence", keyword_choice},
};

bool compile_keyword(Compiler *compiler, SchemaNode *node, const char *name, const json_t *value)
{
    for (size_t i = 0; i < G_N_ELEMENTS(keywords); i++)
        if (strcmp(keywords[i].name, name) == 0)
            return keywords[i].func(compiler, node, name, value);
    return compile_fail(compiler, name, "unknown keyword");
}
