/* patch.h: a partial manifest laid over a whole one (strategic merge).
 * Owns:   nothing; new nodes live in the caller's Arena, the patch is only read.
 * Calls:  spec/schema.
 * Holds:  members are merged one by one; null removes one; a list that the schema gives a key to
 * (x-muster-list-key, x-muster-merge-key) is merged item by item where the patch's items have that key, every
 * other list is replaced. `$patch: delete` in an item removes the item, `$patch: replace` in a mapping, or as
 * an item of a list, replaces instead of merging. The base is not changed: it may be shared by aliases. */
#pragma once
#include "spec/schema.h"

typedef struct {
    const char *file; /* of the patch, for messages */
    View text;
    Arena *arena;
    DiagnosticList *diagnostics;
} PatchContext;

/* base may be NULL: there is nothing yet. schema may be NULL: nothing is known. False when the patch is at
 * fault: told; *ret_merged, never NULL, has then what could be done. */
bool patch_merge(const PatchContext *context, const SchemaNode *schema, const Node *base, const Node *patch,
                 Node **ret_merged);
/* A copy of the tree, every node of it with this origin. */
Node *patch_copy(Arena *arena, const Node *node, const NodeOrigin *origin);
/* Nodes of the tree, at most max + 1. */
size_t patch_count(const Node *node, size_t max);
