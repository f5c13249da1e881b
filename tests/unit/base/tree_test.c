#include "spec/base/tree.h"
#include "spec/base/rng.h"

typedef struct {
    int key;
    TreeNode node;
} Thing;

static int thing_compare(const TreeNode *a, const TreeNode *b)
{
    int x = TREE_ENTRY(a, Thing, node)->key, y = TREE_ENTRY(b, Thing, node)->key;
    return (x > y) - (x < y);
}

static int key_compare(const TreeNode *node, const void *key)
{
    int x = TREE_ENTRY(node, Thing, node)->key, y = *(const int *)key;
    return (x > y) - (x < y);
}

/* Heights are right and differ by at most one; parents are right; returns the number of nodes. */
static size_t check_shape(const TreeNode *node, const TreeNode *parent)
{
    if (!node)
        return 0;
    g_assert_true(node->parent == parent);
    int left = node->left ? node->left->height : 0;
    int right = node->right ? node->right->height : 0;
    g_assert_cmpint(node->height, ==, 1 + MAX(left, right));
    g_assert_cmpint(ABS(left - right), <=, 1);
    return 1 + check_shape(node->left, node) + check_shape(node->right, node);
}

static void check_tree(const Tree *tree, const bool *present, int range)
{
    g_assert_cmpuint(check_shape(tree->root, NULL), ==, tree_len(tree));
    const TreeNode *at = tree_first(tree);
    const TreeNode *before = NULL;
    for (int key = 0; key < range; key++) {
        const TreeNode *bound = tree_lower_bound(tree, &key, key_compare);
        g_assert_true(bound == at);
        g_assert_true((tree_find(tree, &key, key_compare) != NULL) == present[key]);
        if (!present[key])
            continue;
        g_assert_nonnull(at);
        g_assert_cmpint(TREE_ENTRY(at, Thing, node)->key, ==, key);
        g_assert_true(tree_prev(at) == before);
        before = at;
        at = tree_next(at);
    }
    g_assert_null(at);
    g_assert_true(tree_last(tree) == before);
}

static void test_random(void)
{
    enum { RANGE = 200 };
    static Thing things[RANGE];
    bool present[RANGE] = {false};
    Tree tree;
    tree_init(&tree, thing_compare);
    Rng rng = rng_from_seed(3);
    for (int i = 0; i < 5000; i++) {
        int key = (int)rng_below(&rng, RANGE);
        things[key].key = key;
        if (present[key])
            tree_remove(&tree, &things[key].node);
        else
            g_assert_true(tree_insert(&tree, &things[key].node));
        present[key] = !present[key];
        g_assert_cmpint(tree_contains(&things[key].node), ==, present[key]);
        check_tree(&tree, present, RANGE);
    }
}

/* ---- augmented: every node knows the least value and the number of nodes of its subtree ---- */

typedef struct {
    int key, value, least;
    size_t count;
    TreeNode node;
} Sum;

static int sum_compare(const TreeNode *a, const TreeNode *b)
{
    int x = TREE_ENTRY(a, Sum, node)->key, y = TREE_ENTRY(b, Sum, node)->key;
    return (x > y) - (x < y);
}

static bool sum_update(TreeNode *node)
{
    Sum *sum = TREE_ENTRY(node, Sum, node);
    int least_before = sum->least;
    size_t count_before = sum->count;
    TreeNode *children[] = {node->left, node->right};
    sum->least = sum->value;
    sum->count = 1;
    for (size_t i = 0; i < 2; i++) {
        if (!children[i])
            continue;
        const Sum *child = TREE_ENTRY(children[i], Sum, node);
        sum->least = MIN(sum->least, child->least);
        sum->count += child->count;
    }
    return sum->least != least_before || sum->count != count_before;
}

static size_t check_sums(TreeNode *node, int *ret_least)
{
    if (!node)
        return 0;
    int left = INT32_MAX, right = INT32_MAX;
    const Sum *sum = TREE_ENTRY(node, Sum, node);
    size_t count = 1 + check_sums(node->left, &left) + check_sums(node->right, &right);
    *ret_least = MIN(sum->value, MIN(left, right));
    g_assert_cmpint(sum->least, ==, *ret_least);
    g_assert_cmpuint(sum->count, ==, count);
    return count;
}

static void test_augmented(void)
{
    enum { RANGE = 200 };
    static Sum sums[RANGE];
    Tree tree;
    tree_init_augmented(&tree, sum_compare, sum_update);
    Rng rng = rng_from_seed(7);
    for (int i = 0; i < 5000; i++) {
        Sum *sum = &sums[rng_below(&rng, RANGE)];
        sum->key = (int)(sum - sums);
        if (tree_contains(&sum->node) && rng_below(&rng, 3) == 0) {
            sum->value = (int)rng_below(&rng, 1000);
            tree_augment_changed(&tree, &sum->node);
        } else if (tree_contains(&sum->node)) {
            tree_remove(&tree, &sum->node);
        } else {
            sum->value = (int)rng_below(&rng, 1000);
            g_assert_true(tree_insert(&tree, &sum->node));
        }
        int least;
        g_assert_cmpuint(check_sums(tree.root, &least), ==, tree_len(&tree));
    }
}

/* The same of values that are mostly alike, so that walks upwards end early: a node that takes another one's
 * place may say the same as before, and yet something else than the one that stood there. */
static bool least_update(TreeNode *node)
{
    Sum *sum = TREE_ENTRY(node, Sum, node);
    int before = sum->least;
    sum->least = sum->value;
    if (node->left)
        sum->least = MIN(sum->least, TREE_ENTRY(node->left, Sum, node)->least);
    if (node->right)
        sum->least = MIN(sum->least, TREE_ENTRY(node->right, Sum, node)->least);
    return sum->least != before;
}

static int check_least(TreeNode *node)
{
    if (!node)
        return INT32_MAX;
    const Sum *sum = TREE_ENTRY(node, Sum, node);
    int least = MIN(sum->value, MIN(check_least(node->left), check_least(node->right)));
    g_assert_cmpint(sum->least, ==, least);
    return least;
}

static void test_augmented_alike(void)
{
    enum { RANGE = 60 };
    static Sum sums[RANGE];
    Tree tree;
    tree_init_augmented(&tree, sum_compare, least_update);
    Rng rng = rng_from_seed(8);
    for (int i = 0; i < 20000; i++) {
        Sum *sum = &sums[rng_below(&rng, RANGE)];
        sum->key = (int)(sum - sums);
        if (tree_contains(&sum->node)) {
            tree_remove(&tree, &sum->node);
        } else {
            sum->value = (int)rng_below(&rng, 4);
            g_assert_true(tree_insert(&tree, &sum->node));
        }
        check_least(tree.root);
    }
}

/* ---- searching: what is above a limit is left out, by subtrees too ---- */

static bool subtree_above(const TreeNode *node, const void *limit)
{
    return TREE_ENTRY(node, Sum, node)->least > *(const int *)limit;
}

static bool node_above(const TreeNode *node, const void *limit)
{
    return TREE_ENTRY(node, Sum, node)->value > *(const int *)limit;
}

static TreeNode *walk_on(const Tree *tree, const TreeNode *after, int limit)
{
    TreeNode *node = after ? tree_next(after) : tree_first(tree);
    while (node && node_above(node, &limit))
        node = tree_next(node);
    return node;
}

static void test_search(void)
{
    enum { RANGE = 100 };
    static Sum sums[RANGE];
    Tree tree;
    tree_init_augmented(&tree, sum_compare, least_update);
    Rng rng = rng_from_seed(9);
    for (int i = 0; i < 5000; i++) {
        Sum *sum = &sums[rng_below(&rng, RANGE)];
        sum->key = (int)(sum - sums);
        if (tree_contains(&sum->node)) {
            tree_remove(&tree, &sum->node);
        } else {
            sum->value = (int)rng_below(&rng, 50);
            g_assert_true(tree_insert(&tree, &sum->node));
        }
        int limit = (int)rng_below(&rng, 52) - 1;
        TreeNode *node = NULL;
        do {
            TreeNode *expected = walk_on(&tree, node, limit);
            node = tree_search(&tree, node, subtree_above, node_above, &limit);
            g_assert_true(node == expected);
        } while (node);
    }
}

static void test_equal_is_refused(void)
{
    Thing a = {.key = 1}, b = {.key = 1};
    Tree tree;
    tree_init(&tree, thing_compare);
    g_assert_true(tree_insert(&tree, &a.node));
    g_assert_false(tree_insert(&tree, &b.node));
    g_assert_false(tree_contains(&b.node));
    g_assert_cmpuint(tree_len(&tree), ==, 1);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/tree/random", test_random);
    g_test_add_func("/tree/augmented", test_augmented);
    g_test_add_func("/tree/augmented-alike", test_augmented_alike);
    g_test_add_func("/tree/search", test_search);
    g_test_add_func("/tree/equal", test_equal_is_refused);
    return g_test_run();
}
