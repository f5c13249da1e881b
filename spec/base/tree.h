/* tree.h: an ordered tree with intrusive nodes (AVL).
 * Owns:   nothing: nodes are members of the caller's structs, a Tree is a value.
 * Calls:  nothing.
 * Holds:  the comparison is total (two nodes that compare equal are one and the same key); insert, remove and
 * look-up cost O(log n), no call allocates. A node's key must not change while it is in a tree: remove,
 * change, insert (or change it so that it still stands between its neighbours). A tree made with
 * tree_init_augmented() keeps what the update function writes into each node of its subtree: update is called
 * for every node whose children or their aggregates changed, children before parents, through insert, remove
 * and rotation.
 *
 *     typedef struct { TreeNode by_name; const char *name; } Thing;
 *     static int thing_compare(const TreeNode *a, const TreeNode *b)
 *     {
 *         return strcmp(TREE_ENTRY(a, Thing, by_name)->name, TREE_ENTRY(b, Thing, by_name)->name);
 *     } */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct TreeNode TreeNode;
struct TreeNode {
    TreeNode *parent, *left, *right;
    int height; /* 0: in no tree */
};

/* As strcmp: below, at or above zero. */
typedef int (*TreeCompare)(const TreeNode *a, const TreeNode *b);
/* As strcmp of the node against a key of the caller's: below zero when node sorts before key. */
typedef int (*TreeKeyCompare)(const TreeNode *node, const void *key);

/* Writes into node's struct what holds of its subtree, from the node itself and from what stands in its
 * children (node->left, node->right; NULL where there is none). */
/* True: what it wrote differs from what was there; then the parent is looked at too. */
typedef bool (*TreeUpdate)(TreeNode *node);

typedef struct {
    TreeNode *root;
    size_t len;
    TreeCompare compare;
    TreeUpdate update; /* NULL: not augmented */
} Tree;

#define TREE_ENTRY(node, type, member) ((type *)((char *)(uintptr_t)(node)-offsetof(type, member)))

void tree_init(Tree *tree, TreeCompare compare);
void tree_init_augmented(Tree *tree, TreeCompare compare, TreeUpdate update);
/* What node itself brings to its subtree has changed: update is called from it up to the root. */
void tree_augment_changed(const Tree *tree, TreeNode *node);
/* False, and nothing changed, when an equal node is there already. node must be in no tree. */
bool tree_insert(Tree *tree, TreeNode *node);
/* node must be in this tree; afterwards it is zeroed and can be inserted again. */
void tree_remove(Tree *tree, TreeNode *node);
bool tree_contains(const TreeNode *node); /* whether node is in any tree; a node starts zeroed */
size_t tree_len(const Tree *tree);

TreeNode *tree_first(const Tree *tree); /* NULL when empty */
TreeNode *tree_last(const Tree *tree);
TreeNode *tree_next(const TreeNode *node); /* NULL at the end */
TreeNode *tree_prev(const TreeNode *node);
/* The node equal to key, or NULL. */
TreeNode *tree_find(const Tree *tree, const void *key, TreeKeyCompare compare);
/* The first node not before key, or NULL. */
TreeNode *tree_lower_bound(const Tree *tree, const void *key, TreeKeyCompare compare);

/* Whether a search leaves out a whole subtree, by what update wrote into the node at its root; or one node.
 */
typedef bool (*TreeSkip)(const TreeNode *node, const void *data);
/* The first node behind `after` (NULL: of all), in order, that is not left out; NULL: there is none. Inline,
 * so that what it asks is too: it is the innermost loop of the scheduler. Both children are fetched at once:
 * in a large tree the time goes by waiting for memory. */
static inline TreeNode *tree_search(const Tree *tree, const TreeNode *after, TreeSkip subtree,
                                    TreeSkip single, const void *data)
{
    const TreeNode *at = after, *next = after ? after->right : tree->root;
    while (true) {
        bool entered = false;
        for (; next && !subtree(next, data); next = at->left, entered = true) {
            __builtin_prefetch(next->left);
            __builtin_prefetch(next->right);
            at = next;
        }
        if (!entered) { /* all below at is done: up to the first that it stands before */
            while (at && at->parent && at->parent->right == at)
                at = at->parent;
            at = at ? at->parent : NULL;
        }
        if (!at || !single(at, data))
            return (TreeNode *)(uintptr_t)at; /* as const as the tree */
        next = at->right;
    }
}
