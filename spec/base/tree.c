#include "spec/base/tree.h"

static int height(const TreeNode *node)
{
    return node ? node->height : 0;
}

/* True: its aggregate has changed. */
static bool node_update(const Tree *tree, TreeNode *node)
{
    node->height = 1 + MAX(height(node->left), height(node->right));
    return tree->update && tree->update(node);
}

void tree_init(Tree *tree, TreeCompare compare)
{
    *tree = (Tree){.compare = compare};
}

void tree_init_augmented(Tree *tree, TreeCompare compare, TreeUpdate update)
{
    *tree = (Tree){.compare = compare, .update = update};
}

void tree_augment_changed(const Tree *tree, TreeNode *node)
{
    while (node && tree->update(node))
        node = node->parent;
}

static void replace_child(Tree *tree, TreeNode *parent, const TreeNode *old, TreeNode *fresh)
{
    if (!parent)
        tree->root = fresh;
    else if (parent->left == old)
        parent->left = fresh;
    else
        parent->right = fresh;
    if (fresh)
        fresh->parent = parent;
}

/*     node           right
 *     /  \           /   \
 *    a   right  ->  node  c
 *        /  \       /  \
 *       b    c     a    b     */
static TreeNode *rotate_left(Tree *tree, TreeNode *node)
{
    TreeNode *right = node->right;
    replace_child(tree, node->parent, node, right);
    node->right = right->left;
    if (node->right)
        node->right->parent = node;
    right->left = node;
    node->parent = right;
    node_update(tree, node);
    node_update(tree, right);
    return right;
}

static TreeNode *rotate_right(Tree *tree, TreeNode *node)
{
    TreeNode *left = node->left;
    replace_child(tree, node->parent, node, left);
    node->left = left->right;
    if (node->left)
        node->left->parent = node;
    left->right = node;
    node->parent = left;
    node_update(tree, node);
    node_update(tree, left);
    return left;
}

/* Walks upwards and mends heights that differ by more than one, until what stands above cannot tell that
 * anything has changed. stale (may be NULL): an ancestor whose aggregate is not right yet. */
static void rebalance(Tree *tree, TreeNode *node, const TreeNode *stale)
{
    for (; node; node = node->parent) {
        int before = node->height, balance = height(node->left) - height(node->right);
        bool changed = true, was_stale = node == stale;
        if (was_stale)
            stale = NULL; /* what it says is compared with what another node said there */
        if (balance > 1) {
            if (height(node->left->left) < height(node->left->right))
                rotate_left(tree, node->left);
            node = rotate_right(tree, node);
        } else if (balance < -1) {
            if (height(node->right->right) < height(node->right->left))
                rotate_right(tree, node->right);
            node = rotate_left(tree, node);
        } else {
            changed = node_update(tree, node);
        }
        if (!stale && node->height == before && (!tree->update || !(changed || was_stale)))
            return;
    }
}

bool tree_insert(Tree *tree, TreeNode *node)
{
    g_assert(node->height == 0);
    TreeNode *parent = NULL;
    TreeNode **link = &tree->root;
    while (*link) {
        parent = *link;
        int order = tree->compare(node, parent);
        if (order == 0)
            return false;
        link = order < 0 ? &parent->left : &parent->right;
    }
    *node = (TreeNode){.parent = parent, .height = 1};
    *link = node;
    tree->len++;
    if (tree->update)
        tree->update(node);
    rebalance(tree, parent, NULL);
    return true;
}

void tree_remove(Tree *tree, TreeNode *node)
{
    g_assert(node->height > 0 && tree->len > 0);
    TreeNode *start, *successor = NULL; /* start: the deepest node whose subtree changed */
    if (node->left && node->right) {
        successor = node->right;
        while (successor->left)
            successor = successor->left;
        start = successor->parent == node ? successor : successor->parent;
        if (successor->parent != node) {
            replace_child(tree, successor->parent, successor, successor->right);
            successor->right = node->right;
            successor->right->parent = successor;
        }
        successor->left = node->left;
        successor->left->parent = successor;
        replace_child(tree, node->parent, node, successor);
        successor->height = node->height;
    } else {
        start = node->parent;
        replace_child(tree, node->parent, node, node->left ? node->left : node->right);
    }
    *node = (TreeNode){0};
    tree->len--;
    rebalance(tree, start, successor);
}

bool tree_contains(const TreeNode *node)
{
    return node->height > 0;
}

size_t tree_len(const Tree *tree)
{
    return tree->len;
}

TreeNode *tree_first(const Tree *tree)
{
    TreeNode *node = tree->root;
    while (node && node->left)
        node = node->left;
    return node;
}

TreeNode *tree_last(const Tree *tree)
{
    TreeNode *node = tree->root;
    while (node && node->right)
        node = node->right;
    return node;
}

TreeNode *tree_next(const TreeNode *node)
{
    if (node->right) {
        TreeNode *next = node->right;
        while (next->left)
            next = next->left;
        return next;
    }
    TreeNode *parent = node->parent;
    while (parent && parent->right == node) {
        node = parent;
        parent = parent->parent;
    }
    return parent;
}

TreeNode *tree_prev(const TreeNode *node)
{
    if (node->left) {
        TreeNode *prev = node->left;
        while (prev->right)
            prev = prev->right;
        return prev;
    }
    TreeNode *parent = node->parent;
    while (parent && parent->left == node) {
        node = parent;
        parent = parent->parent;
    }
    return parent;
}

TreeNode *tree_lower_bound(const Tree *tree, const void *key, TreeKeyCompare compare)
{
    TreeNode *best = NULL;
    TreeNode *node = tree->root;
    while (node) {
        if (compare(node, key) < 0) {
            node = node->right;
        } else {
            best = node;
            node = node->left;
        }
    }
    return best;
}

TreeNode *tree_find(const Tree *tree, const void *key, TreeKeyCompare compare)
{
    TreeNode *node = tree_lower_bound(tree, key, compare);
    return node && compare(node, key) == 0 ? node : NULL;
}
