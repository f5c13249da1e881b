/* schema_compile.c: a schema's text becomes nodes: members, references, the whole. */
#include "spec/schema_compiler.h"

static G_DEFINE_QUARK(muster - schema - error, schema_error)

bool compile_fail(Compiler *compiler, const char *keyword, const char *text)
{
    g_set_error(compiler->error, schema_error_quark(), 1, "schema %s: %s: %s", compiler->schema->name,
                keyword, text);
    return false;
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
        return compile_fail(compiler, "properties", "more than 256 members");
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
        if (!compile_schema(compiler, value, &table->items[table->len].schema))
            return false;
        table->len++;
    }
    for (size_t i = 0; i < total + json_array_size(required); i++) {
        View name = i < total ? table->items[i].name : json_text(json_array_get(required, i - total));
        if (!name.data)
            return compile_fail(compiler, "required", "must be a list of strings");
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

bool compile_pattern_properties(Compiler *compiler, SchemaNode *node, const json_t *value)
{
    const char *key;
    json_t *schema;
    if (!json_is_object(value))
        return compile_fail(compiler, "patternProperties", "must be an object");
    node->patterns = arena_new0_n(compiler->schema->arena, PatternProperty, json_object_size(value));
    json_object_foreach((json_t *)(uintptr_t)value, key, schema)
    {
        PatternProperty *property = &node->patterns[node->patterns_len++];
        property->pattern = compile_pattern(compiler, key);
        if (!property->pattern || !compile_schema(compiler, schema, &property->schema))
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
            dependency->needed[i] = json_text(json_array_get(value, i));
            if (!dependency->needed[i].data)
                return compile_fail(compiler, "dependentRequired", "must hold lists of strings");
        }
    }
    json_object_foreach((json_t *)(uintptr_t)schemas, key, value)
    {
        Dependency *dependency = &node->dependencies[node->dependencies_len++];
        dependency->name = view_from(key);
        if (!compile_schema(compiler, value, &dependency->schema))
            return false;
    }
    return true;
}

/* ---- nodes */

SchemaNode *compile_node(Compiler *compiler, const json_t *json)
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
        compile_fail(compiler, "a schema", "must be an object, true or false");
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
            return compile_fail(compiler, "$ref", ref);
    }
    /* A chain of references alone that comes back to itself would never end. */
    for (guint i = 0; i < compiler->open_refs->len; i++) {
        const SchemaNode *slow = g_ptr_array_index(compiler->open_refs, i);
        const SchemaNode *fast = slow;
        while (fast && fast->ref) {
            fast = fast->ref->ref;
            slow = slow->ref;
            if (fast && fast == slow)
                return compile_fail(compiler, "$ref", "refers to itself");
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
