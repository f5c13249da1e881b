#include "spec/patch.h"

#define DIRECTIVE "$patch"

typedef struct {
    const PatchContext *context;
    bool good;
} Merge;

typedef enum { DIRECTIVE_NONE, DIRECTIVE_DELETE, DIRECTIVE_REPLACE, DIRECTIVE_FAULTY } Directive;

/* ---- reporting
 * ------------------------------------------------------------------------------------------------------------
 */

static void report(Merge *merge, const Node *node, const char *message, const char *detail)
{
    const PatchContext *context = merge->context;
    node_report(context->diagnostics, context->file, context->text, 1, node, SEVERITY_ERROR, "patches",
                message, detail);
    merge->good = false;
}

static Directive directive_of(Merge *merge, const Node *node)
{
    const Node *directive = node_get(node, DIRECTIVE);
    if (!directive)
        return DIRECTIVE_NONE;
    if (directive->kind == NODE_STRING && view_is(directive->text, "delete"))
        return DIRECTIVE_DELETE;
    if (directive->kind == NODE_STRING && view_is(directive->text, "replace"))
        return DIRECTIVE_REPLACE;
    report(merge, directive, "$patch is delete or replace", NULL);
    return DIRECTIVE_FAULTY;
}

/* ---- copies
 * ---------------------------------------------------------------------------------------------------------------
 */

static Node *copy_node(Arena *arena, const Node *node)
{
    Node *copy = arena_new0(arena, Node);
    *copy = *node;
    return copy;
}

Node *patch_copy(Arena *arena, const Node *node, const NodeOrigin *origin)
{
    Node *copy = copy_node(arena, node);
    copy->origin = origin;
    if (node->kind == NODE_SEQUENCE) {
        copy->sequence.items = arena_new0_n(arena, Node *, node->sequence.len);
        for (size_t i = 0; i < node->sequence.len; i++)
            copy->sequence.items[i] = patch_copy(arena, node->sequence.items[i], origin);
    }
    if (node->kind == NODE_MAPPING) {
        copy->mapping.members = arena_new0_n(arena, NodeMember, node->mapping.len);
        for (size_t i = 0; i < node->mapping.len; i++) {
            copy->mapping.members[i] = node->mapping.members[i];
            copy->mapping.members[i].value = patch_copy(arena, node->mapping.members[i].value, origin);
        }
    }
    return copy;
}

size_t patch_count(const Node *node, size_t max)
{
    size_t count = 1;
    if (node->kind == NODE_SEQUENCE)
        for (size_t i = 0; i < node->sequence.len && count <= max; i++)
            count += patch_count(node->sequence.items[i], max - count);
    if (node->kind == NODE_MAPPING)
        for (size_t i = 0; i < node->mapping.len && count <= max; i++)
            count += patch_count(node->mapping.members[i].value, max - count);
    return count;
}

/* What the patch brings whole: a copy, since documents are changed in place, without directives. */
static Node *take(Merge *merge, const Node *patch)
{
    Arena *arena = merge->context->arena;
    Node *copy = copy_node(arena, patch);
    if (patch->kind == NODE_SEQUENCE) {
        copy->sequence.items = arena_new0_n(arena, Node *, patch->sequence.len);
        for (size_t i = 0; i < patch->sequence.len; i++)
            copy->sequence.items[i] = take(merge, patch->sequence.items[i]);
    }
    if (patch->kind != NODE_MAPPING)
        return copy;
    if (directive_of(merge, patch) == DIRECTIVE_DELETE)
        report(merge, node_get(patch, DIRECTIVE), "there is nothing here that $patch: delete could remove",
               "it removes an item of a list that has a key; null removes a member");
    copy->mapping.members = arena_new0_n(arena, NodeMember, patch->mapping.len);
    copy->mapping.len = 0;
    for (size_t i = 0; i < patch->mapping.len; i++) {
        const NodeMember *member = &patch->mapping.members[i];
        if (view_is(member->key, DIRECTIVE))
            continue;
        NodeMember *taken = &copy->mapping.members[copy->mapping.len++];
        *taken = *member;
        taken->value = take(merge, member->value);
    }
    return copy;
}

/* ---- lists
 * ----------------------------------------------------------------------------------------------------------------
 */

static Node *merge_node(Merge *merge, const SchemaNode *schema, const Node *base, const Node *patch);

static guint view_hash(gconstpointer key)
{
    const View *view = key;
    guint hash = 5381;
    for (size_t i = 0; i < view->len; i++)
        hash = hash * 33 + (guchar)view->data[i];
    return hash;
}

static gboolean views_equal(gconstpointer a, gconstpointer b)
{
    return view_equal(*(const View *)a, *(const View *)b);
}

static const Node *key_of(const Node *item, const char *key)
{
    const Node *value = node_get(item, key);
    return value && value->kind < NODE_SEQUENCE && value->text.len ? value : NULL;
}

static bool all_have_key(const Node *list, const char *key)
{
    for (size_t i = 0; i < list->sequence.len; i++)
        if (!key_of(list->sequence.items[i], key))
            return false;
    return true;
}

static bool is_replace_item(const Node *item)
{
    const Node *directive = node_get(item, DIRECTIVE);
    return directive && item->mapping.len == 1 && directive->kind == NODE_STRING &&
           view_is(directive->text, "replace");
}

/* {$patch: replace} among its items: the others are the list. */
static Node *replace_list(Merge *merge, const Node *patch)
{
    Node *copy = copy_node(merge->context->arena, patch);
    copy->sequence.items = arena_new0_n(merge->context->arena, Node *, patch->sequence.len);
    copy->sequence.len = 0;
    for (size_t i = 0; i < patch->sequence.len; i++)
        if (!is_replace_item(patch->sequence.items[i]))
            copy->sequence.items[copy->sequence.len++] = take(merge, patch->sequence.items[i]);
    return copy;
}

typedef struct {
    const char *key;
    const SchemaNode *items;
    GHashTable *places; /* View* of the key → index + 1 in list */
    Node *list;
} KeyedList;

static void merge_item(Merge *merge, const KeyedList *keyed, const Node *item)
{
    const Node *key = key_of(item, keyed->key);
    size_t place = GPOINTER_TO_SIZE(g_hash_table_lookup(keyed->places, &key->text));
    Node **slot = place ? &keyed->list->sequence.items[place - 1] : NULL;
    switch (directive_of(merge, item)) {
    case DIRECTIVE_FAULTY: return;
    case DIRECTIVE_DELETE:
        if (!slot || !*slot) {
            g_autofree char *message = g_strdup_printf("the list has no item whose %s is \"" VIEW_FMT "\"",
                                                       keyed->key, VIEW_ARG(key->text));
            report(merge, key, message, "there is nothing to delete");
            return;
        }
        *slot = NULL;
        return;
    case DIRECTIVE_NONE:
    case DIRECTIVE_REPLACE: break;
    }
    if (slot && *slot) {
        *slot = merge_node(merge, keyed->items, *slot, item);
        return;
    }
    keyed->list->sequence.items[keyed->list->sequence.len++] = take(merge, item);
    g_hash_table_insert(keyed->places, (gpointer)(uintptr_t)&key->text,
                        GSIZE_TO_POINTER(keyed->list->sequence.len));
}

static Node *merge_keyed(Merge *merge, const SchemaNode *schema, const char *key, const Node *base,
                         const Node *patch)
{
    Node *list = copy_node(merge->context->arena, base);
    g_autoptr(GHashTable) places = g_hash_table_new(view_hash, views_equal);
    KeyedList keyed = {key, schema_items(schema), places, list};
    list->sequence.items =
        arena_new0_n(merge->context->arena, Node *, base->sequence.len + patch->sequence.len);
    for (size_t i = 0; i < base->sequence.len; i++) {
        const Node *name = key_of(base->sequence.items[i], key);
        list->sequence.items[i] = base->sequence.items[i];
        if (name && !g_hash_table_contains(places, &name->text))
            g_hash_table_insert(places, (gpointer)(uintptr_t)&name->text, GSIZE_TO_POINTER(i + 1));
    }
    for (size_t i = 0; i < patch->sequence.len; i++)
        merge_item(merge, &keyed, patch->sequence.items[i]);
    size_t kept = 0;
    for (size_t i = 0; i < list->sequence.len; i++)
        if (list->sequence.items[i])
            list->sequence.items[kept++] = list->sequence.items[i];
    list->sequence.len = kept;
    return list;
}

static Node *merge_list(Merge *merge, const SchemaNode *schema, const Node *base, const Node *patch)
{
    const char *key = schema_list_key(schema) ? schema_list_key(schema) : schema_merge_key(schema);
    for (size_t i = 0; i < patch->sequence.len; i++)
        if (is_replace_item(patch->sequence.items[i]))
            return replace_list(merge, patch);
    return key && all_have_key(patch, key) && patch->sequence.len
               ? merge_keyed(merge, schema, key, base, patch)
               : take(merge, patch);
}

/* ---- members
 * --------------------------------------------------------------------------------------------------------------
 */

static NodeMember *member_in(const Node *mapping, View key)
{
    for (size_t i = 0; i < mapping->mapping.len; i++)
        if (view_equal(mapping->mapping.members[i].key, key))
            return &mapping->mapping.members[i];
    return NULL;
}

/* A misspelt name would remove nothing, in silence. */
static void remove_member(Merge *merge, const SchemaNode *schema, Node *merged, const NodeMember *patch)
{
    NodeMember *member = member_in(merged, patch->key);
    if (member) {
        size_t index = (size_t)(member - merged->mapping.members);
        merged->mapping.len--;
        memmove(member, member + 1, (merged->mapping.len - index) * sizeof *member);
        return;
    }
    if (!schema || schema_member(schema, patch->key.data, patch->key.len))
        return;
    g_autofree char *message =
        g_strdup_printf("there is no member \"" VIEW_FMT "\" that could be removed", VIEW_ARG(patch->key));
    const PatchContext *context = merge->context;
    document_report(context->diagnostics, context->file, context->text, 1, patch->key_line, patch->key_column,
                    (int)MIN(patch->key.len, 200), SEVERITY_ERROR, "patches", message,
                    "null removes a member");
    merge->good = false;
}

static Node *merge_mapping(Merge *merge, const SchemaNode *schema, const Node *base, const Node *patch)
{
    Node *merged = copy_node(merge->context->arena, base);
    size_t room = base->mapping.len + patch->mapping.len;
    merged->mapping.members = arena_new0_n(merge->context->arena, NodeMember, room);
    if (base->mapping.len)
        memcpy(merged->mapping.members, base->mapping.members, base->mapping.len * sizeof(NodeMember));
    for (size_t i = 0; i < patch->mapping.len; i++) {
        const NodeMember *from = &patch->mapping.members[i];
        if (view_is(from->key, DIRECTIVE))
            continue;
        if (from->value->kind == NODE_NULL) {
            remove_member(merge, schema, merged, from);
            continue;
        }
        NodeMember *member = member_in(merged, from->key);
        const SchemaNode *below = schema ? schema_member(schema, from->key.data, from->key.len) : NULL;
        Node *value = merge_node(merge, below, member ? member->value : NULL, from->value);
        if (!member)
            member = &merged->mapping.members[merged->mapping.len++];
        *member = *from;
        member->value = value;
    }
    return merged;
}

static Node *merge_node(Merge *merge, const SchemaNode *schema, const Node *base, const Node *patch)
{
    if (!base || base->kind != patch->kind || patch->kind < NODE_SEQUENCE)
        return take(merge, patch);
    if (patch->kind == NODE_SEQUENCE)
        return merge_list(merge, schema, base, patch);
    switch (directive_of(merge, patch)) {
    case DIRECTIVE_NONE: return merge_mapping(merge, schema, base, patch);
    case DIRECTIVE_DELETE:
    case DIRECTIVE_REPLACE:
    case DIRECTIVE_FAULTY: break;
    }
    return take(merge, patch);
}

bool patch_merge(const PatchContext *context, const SchemaNode *schema, const Node *base, const Node *patch,
                 Node **ret_merged)
{
    Merge merge = {context, true};
    *ret_merged = merge_node(&merge, schema, base, patch);
    return merge.good;
}
