#include "spec/normalise.h"

#include "spec/base/units.h"

/* An alias shares its node: what is changed is the member that leads to a value, never the value. */
static NodeMember *member_of(const Node *node, const char *key)
{
    return (NodeMember *)(uintptr_t)node_member(node, key);
}

static Node *scalar_like(const Node *place, NodeKind kind, View text, Arena *arena)
{
    Node *node = arena_new0(arena, Node);
    *node = *place;
    node->kind = kind;
    node->text = text;
    return node;
}

static NodeMember member_at(const Node *place, View key, Node *value)
{
    return (NodeMember){.key = key, .key_line = place->line, .key_column = place->column, .value = value};
}

/* `a` at place index becomes {order: index + 1, computeEnvironment: a}. */
static Node *order_entry(Node *name, size_t index, Arena *arena)
{
    Node *entry = arena_new0(arena, Node), *order = arena_new0(arena, Node);
    char *digits = arena_alloc(arena, 24);
    int len = g_snprintf(digits, 24, "%zu", index + 1);
    *order = *name;
    order->kind = NODE_INT;
    order->text = (View){digits, (size_t)len};
    order->integer = (int64_t)index + 1;
    entry->kind = NODE_MAPPING;
    entry->line = name->line;
    entry->column = name->column;
    entry->origin = name->origin;
    entry->mapping.len = 2;
    entry->mapping.members = arena_new0_n(arena, NodeMember, 2);
    entry->mapping.members[0] = member_at(name, VIEW("order"), order);
    entry->mapping.members[1] = member_at(name, VIEW("computeEnvironment"), name);
    return entry;
}

static void order_write_out(const Node *spec, Arena *arena)
{
    NodeMember *member = member_of(spec, "computeEnvironmentOrder");
    if (!member || member->value->kind != NODE_SEQUENCE)
        return;
    const Node *given = member->value;
    Node *list = arena_new0(arena, Node);
    *list = *given;
    list->sequence.items = arena_new0_n(arena, Node *, given->sequence.len);
    for (size_t i = 0; i < given->sequence.len; i++) {
        Node *item = given->sequence.items[i];
        list->sequence.items[i] = item->kind == NODE_STRING ? order_entry(item, i, arena) : item;
    }
    member->value = list;
}

static void provider_write_out(const Node *spec, Arena *arena)
{
    NodeMember *member = member_of(spec, "provider");
    if (!member || member->value->kind != NODE_STRING)
        return;
    Node *type = member->value, *provider = scalar_like(type, NODE_MAPPING, (View){NULL, 0}, arena);
    provider->mapping.len = 1;
    provider->mapping.members = arena_new0(arena, NodeMember);
    provider->mapping.members[0] = member_at(type, VIEW("type"), type);
    member->value = provider;
}

/* 2, "2", "02" and 2.0 become "2"; what is no decimal stays for the schema. */
static Node *amount_written_out(Node *value, Arena *arena)
{
    int64_t amount_e4;
    bool scalar = value->kind == NODE_INT || value->kind == NODE_FLOAT || value->kind == NODE_STRING;
    if (!scalar || !decimal_parse(value->text, &amount_e4))
        return value;
    g_autofree char *text = decimal_print(amount_e4);
    size_t len = strlen(text);
    bool same = value->text.len == len && !memcmp(value->text.data, text, len);
    if (same && value->kind == NODE_STRING)
        return value;
    return scalar_like(value, NODE_STRING, same ? value->text : (View){arena_strndup(arena, text, len), len},
                       arena);
}

static void requirements_write_out(const Node *list, Arena *arena)
{
    for (size_t i = 0; list->kind == NODE_SEQUENCE && i < list->sequence.len; i++) {
        NodeMember *member = member_of(list->sequence.items[i], "value");
        if (member)
            member->value = amount_written_out(member->value, arena);
    }
}

static bool is_empty(const Node *node)
{
    return node->kind == NODE_NULL || (node->kind == NODE_SEQUENCE && !node->sequence.len);
}

void normalise_empty(Node *node)
{
    if (node->kind == NODE_SEQUENCE)
        for (size_t i = 0; i < node->sequence.len; i++)
            normalise_empty(node->sequence.items[i]);
    if (node->kind != NODE_MAPPING)
        return;
    size_t kept = 0;
    for (size_t i = 0; i < node->mapping.len; i++) {
        NodeMember *member = &node->mapping.members[i];
        normalise_empty(member->value);
        if (is_empty(member->value))
            continue;
        if (kept != i)
            node->mapping.members[kept] = *member;
        kept++;
    }
    node->mapping.len = kept;
}

/* Everywhere in the tree, whatever holds the containers. */
static void amounts_write_out(const Node *node, Arena *arena)
{
    if (node->kind == NODE_SEQUENCE)
        for (size_t i = 0; i < node->sequence.len; i++)
            amounts_write_out(node->sequence.items[i], arena);
    if (node->kind != NODE_MAPPING)
        return;
    for (size_t i = 0; i < node->mapping.len; i++) {
        const NodeMember *member = &node->mapping.members[i];
        if (view_equal(member->key, VIEW("resourceRequirements")))
            requirements_write_out(member->value, arena);
        else
            amounts_write_out(member->value, arena);
    }
}

void normalise_spec(Kind kind, Node *spec, Arena *arena)
{
    normalise_empty(spec);
    amounts_write_out(spec, arena);
    if (kind == KIND_JOB_QUEUE)
        order_write_out(spec, arena);
    if (kind == KIND_COMPUTE_ENVIRONMENT)
        provider_write_out(spec, arena);
}
