/* schema_any.c: subschemas where several forms could be meant. */
#include "spec/schema_node.h"

#define DEPTH_MAX 16

static const SchemaNode *member_of(const SchemaNode *schema, const char *name, int depth)
{
    if (!schema || depth > DEPTH_MAX)
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
    if (!schema || depth > DEPTH_MAX)
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

const SchemaNode *schema_member_any(const SchemaNode *schema, const char *name)
{
    return member_of(schema, name, 0);
}

const SchemaNode *schema_items_any(const SchemaNode *schema)
{
    return items_of(schema, 0);
}
