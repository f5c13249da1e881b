#include "spec/reference_path.h"

#include <glib.h>
#include <jansson.h>

#include "spec/json_scan.h"

#define NOT_A_KIND  (-1)
#define DEPTH_MAX   128
#define LIST_SUFFIX "[]"

/* One position in a spec: the members below it that lead to references. */
typedef struct PathNode PathNode;
struct PathNode {
    char *key; /* of the member; NULL: the root or a list's items */
    size_t key_len;
    int kind;        /* a string here names this kind, or NOT_A_KIND */
    char *path;      /* "spec.jobs[].jobQueue" */
    PathNode *items; /* of a list; may be NULL */
    PathNode *child; /* first member */
    PathNode *next;  /* sibling */
};

static PathNode *node_new(const char *key, char *path)
{
    PathNode *node = g_new0(PathNode, 1);
    node->key = g_strdup(key);
    node->key_len = key ? strlen(key) : 0;
    node->kind = NOT_A_KIND;
    node->path = path;
    return node;
}

static void node_free(PathNode *node)
{
    while (node) {
        PathNode *next = node->next;
        node_free(node->items);
        node_free(node->child);
        g_free(node->key);
        g_free(node->path);
        g_free(node);
        node = next;
    }
}

static PathNode *node_child(PathNode *node, const char *key)
{
    for (PathNode *child = node->child; child; child = child->next)
        if (!strcmp(child->key, key))
            return child;
    PathNode *child = node_new(key, g_strconcat(node->path, ".", key, NULL));
    child->next = node->child;
    node->child = child;
    return child;
}

/* The files while the table is made; root is the file that "#/…" refers to. */
typedef struct {
    const json_t *common, *root;
} Files;

static void node_compile(PathNode *node, const json_t *schema, Files files);

static void node_compile_ref(PathNode *node, const char *ref, Files files)
{
    const char *hash = strchr(ref, '#');
    Files target = files;
    if (hash && hash != ref)
        target.root = files.common;
    const char *name = hash && g_str_has_prefix(hash, "#/$defs/") ? hash + strlen("#/$defs/") : "";
    const json_t *schema = json_object_get(json_object_get(target.root, "$defs"), name);
    if (!schema)
        g_error("embedded schema: $ref %s leads nowhere", ref);
    node_compile(node, schema, target);
}

static void node_compile_list(PathNode *node, const json_t *list, Files files)
{
    for (size_t i = 0; i < json_array_size(list); i++)
        node_compile(node, json_array_get(list, i), files);
}

/* Our schemas have no recursive definitions, so this ends. */
static void node_compile(PathNode *node, const json_t *schema, Files files)
{
    const char *ref = json_string_value(json_object_get(schema, "$ref"));
    const char *kind_text = json_string_value(json_object_get(schema, "x-muster-reference"));
    Kind kind;
    if (kind_text && kind_from_exact(view_from(kind_text), &kind))
        node->kind = (int)kind;
    if (ref)
        node_compile_ref(node, ref, files);
    const char *key;
    json_t *member;
    json_object_foreach(json_object_get(schema, "properties"), key, member)
        node_compile(node_child(node, key), member, files);
    const json_t *items = json_object_get(schema, "items");
    if (items && !node->items)
        node->items = node_new(NULL, g_strconcat(node->path, LIST_SUFFIX, NULL));
    if (items)
        node_compile(node->items, items, files);
    node_compile_list(node, json_object_get(schema, "allOf"), files);
    node_compile_list(node, json_object_get(schema, "anyOf"), files);
    node_compile_list(node, json_object_get(schema, "oneOf"), files);
}

/* Drops what leads to no reference; NULL when nothing is left. */
static PathNode *node_prune(PathNode *node)
{
    if (!node)
        return NULL;
    node->items = node_prune(node->items);
    PathNode *kept = NULL;
    for (PathNode *child = node->child, *next; child; child = next) {
        next = child->next;
        child->next = NULL;
        child = node_prune(child);
        if (child) {
            child->next = kept;
            kept = child;
        }
    }
    node->child = kept;
    if (node->items || node->child || node->kind != NOT_A_KIND)
        return node;
    node_free(node);
    return NULL;
}

static json_t *schema_json(View text)
{
    json_t *json = json_loadb(text.data, text.len, 0, NULL);
    if (!json)
        g_error("an embedded schema is no JSON");
    return json;
}

typedef struct {
    PathNode *roots[KIND_COUNT];
} PathTable;

static const PathTable *path_table(void)
{
    static PathTable table;
    static gsize once = 0;
    if (g_once_init_enter(&once)) {
        json_t *common = schema_json(common_schema_text());
        for (Kind kind = 0; kind < KIND_COUNT; kind++) {
            json_t *root = schema_json(kind_schema_text(kind));
            PathNode *node = node_new(NULL, g_strdup("spec"));
            node_compile(node, json_object_get(json_object_get(root, "properties"), "spec"),
                         (Files){common, root});
            table.roots[kind] = node_prune(node);
            json_decref(root);
        }
        json_decref(common);
        g_once_init_leave(&once, 1);
    }
    return &table;
}

typedef struct {
    JsonScan json;
    ReferenceFunc func;
    void *data;
} Scan;

static bool scan_value(Scan *scan, const PathNode *node, int depth);

static const PathNode *path_child(const PathNode *node, View key)
{
    for (const PathNode *child = node->child; child; child = child->next)
        if (child->key_len == key.len && !memcmp(child->key, key.data, key.len))
            return child;
    return NULL;
}

static bool scan_object(Scan *scan, const PathNode *node, int depth)
{
    View key;
    if (!json_scan_open(&scan->json, '{'))
        return false;
    while (json_scan_key(&scan->json, &key))
        if (!scan_value(scan, path_child(node, key), depth + 1))
            return false;
    return true;
}

static bool scan_list(Scan *scan, const PathNode *node, int depth)
{
    if (!json_scan_open(&scan->json, '['))
        return false;
    while (json_scan_item(&scan->json))
        if (!scan_value(scan, node->items, depth + 1))
            return false;
    return true;
}

static bool scan_value(Scan *scan, const PathNode *node, int depth)
{
    View text;
    if (!node || depth > DEPTH_MAX)
        return json_scan_skip(&scan->json);
    if (json_scan_is(&scan->json, '{'))
        return scan_object(scan, node, depth);
    if (json_scan_is(&scan->json, '['))
        return scan_list(scan, node, depth);
    if (node->kind == NOT_A_KIND || !json_scan_is(&scan->json, '"'))
        return json_scan_skip(&scan->json);
    if (!json_scan_string(&scan->json, &text))
        return false;
    scan->func(&(ManifestReference){text, (Kind)node->kind, node->path}, scan->data);
    return true;
}

void reference_path_scan(Kind kind, View spec, ReferenceFunc func, void *data)
{
    const PathNode *root = path_table()->roots[kind];
    Scan scan = {json_scan(spec), func, data};
    if (root && spec.len)
        (void)scan_value(&scan, root, 0);
}

/* ---- nodes
 * -----------------------------------------------------------------------------------------------------------------
 */

typedef struct {
    ReferenceMap func;
    void *data;
    Arena *arena;
} Map;

static Node *map_node(const Map *map, const PathNode *path, Node *node);

static Node *map_list(const Map *map, const PathNode *path, Node *list)
{
    Node *copy = NULL;
    for (size_t i = 0; i < list->sequence.len; i++) {
        Node *item = list->sequence.items[i], *mapped = map_node(map, path->items, item);
        if (mapped == item)
            continue;
        if (!copy) {
            copy = arena_new0(map->arena, Node);
            *copy = *list;
            copy->sequence.items = arena_new0_n(map->arena, Node *, list->sequence.len);
            memcpy(copy->sequence.items, list->sequence.items, list->sequence.len * sizeof(Node *));
        }
        copy->sequence.items[i] = mapped;
    }
    return copy ? copy : list;
}

static Node *map_members(const Map *map, const PathNode *path, Node *mapping)
{
    Node *copy = NULL;
    for (size_t i = 0; i < mapping->mapping.len; i++) {
        const NodeMember *member = &mapping->mapping.members[i];
        Node *mapped = map_node(map, path_child(path, member->key), member->value);
        if (mapped == member->value)
            continue;
        if (!copy)
            copy = node_copy_members(mapping, map->arena);
        copy->mapping.members[i].value = mapped;
    }
    return copy ? copy : mapping;
}

/* No deeper than the table. */
static Node *map_node(const Map *map, const PathNode *path, Node *node)
{
    if (!path)
        return node;
    if (node->kind == NODE_MAPPING)
        return map_members(map, path, node);
    if (node->kind == NODE_SEQUENCE)
        return path->items ? map_list(map, path, node) : node;
    return node->kind == NODE_STRING && path->kind != NOT_A_KIND
               ? map->func((Kind)path->kind, node, map->data)
               : node;
}

Node *reference_path_map(Kind kind, Node *spec, ReferenceMap func, void *data, Arena *arena)
{
    Map map = {func, data, arena};
    return map_node(&map, path_table()->roots[kind], spec);
}
