#include "reconciler/api/web/layout.h"
#include <string.h>

#define EDGES(...)                                                                                           \
    (const LayoutEdge[])                                                                                     \
    {                                                                                                        \
        __VA_ARGS__                                                                                          \
    }

/* Each edge leads on, and no two boxes stand in one place. */
static void check_sound(const Layout *layout, size_t nodes, const LayoutEdge *edges, size_t edges_len)
{
    for (size_t i = 0; i < edges_len; i++) {
        const LayoutPoint *from = &layout->nodes[edges[i].from], *to = &layout->nodes[edges[i].to];
        const LayoutRoute *route = &layout->routes[i];
        g_assert_cmpfloat(from->column, <, to->column);
        g_assert_cmpuint(route->len, ==, (size_t)(to->column - from->column) + 1);
        g_assert_cmpfloat(route->points[0].row, ==, from->row);
        g_assert_cmpfloat(route->points[route->len - 1].row, ==, to->row);
    }
    for (size_t i = 0; i < nodes; i++) {
        g_assert_cmpfloat(layout->nodes[i].column, <, (double)layout->columns);
        g_assert_cmpfloat(layout->nodes[i].row, >=, 0);
        g_assert_cmpfloat(layout->nodes[i].row, <=, (double)layout->rows - 1);
        for (size_t j = 0; j < i; j++)
            g_assert_false(layout->nodes[i].column == layout->nodes[j].column &&
                           layout->nodes[i].row == layout->nodes[j].row);
    }
}

static void test_nothing(void)
{
    g_autoptr(Layout) layout = layout_new(0, NULL, 0);
    g_assert_cmpuint(layout->columns, ==, 0);
    g_assert_cmpuint(layout->rows, ==, 0);
}

/* 3 waits for 0 directly and over 1 and 2: it stands behind the longest way. */
static void test_longest_way(void)
{
    const LayoutEdge *edges = EDGES({0, 1}, {1, 2}, {2, 3}, {0, 3});
    g_autoptr(Layout) layout = layout_new(4, edges, 4);
    check_sound(layout, 4, edges, 4);
    g_assert_cmpuint(layout->columns, ==, 4);
    g_assert_cmpfloat(layout->nodes[3].column, ==, 3);
    /* The direct one passes two columns, in a place of its own in each. */
    g_assert_cmpuint(layout->routes[3].len, ==, 4);
    g_assert_cmpfloat(layout->routes[3].points[1].row, !=, layout->nodes[1].row);
    g_assert_cmpfloat(layout->routes[3].points[2].row, !=, layout->nodes[2].row);
}

/* As they are given every edge would cross every other one. */
static void test_crossings(void)
{
    const LayoutEdge *edges = EDGES({0, 7}, {1, 6}, {2, 5}, {3, 4});
    g_autoptr(Layout) layout = layout_new(8, edges, 4);
    check_sound(layout, 8, edges, 4);
    g_assert_cmpuint(layout_crossings(layout, 100), ==, 0);
}

static void test_crossings_are_counted(void)
{
    /* Two before, two behind, each joined to each: no order has fewer than one. */
    const LayoutEdge *edges = EDGES({0, 2}, {0, 3}, {1, 2}, {1, 3});
    g_autoptr(Layout) layout = layout_new(4, edges, 4);
    g_assert_cmpuint(layout_crossings(layout, 100), ==, 1);
    g_assert_cmpuint(layout_crossings(layout, 0), ==, 0);
}

/* The validator refuses circles; what came by another way must not hang or crash. */
static void test_circle(void)
{
    const LayoutEdge *edges = EDGES({0, 1}, {1, 2}, {2, 1}, {2, 2});
    g_autoptr(Layout) layout = layout_new(3, edges, 4);
    g_assert_cmpuint(layout->routes[0].len, ==, 2);
    g_assert_cmpuint(layout->routes[1].len + layout->routes[2].len, <=, 2);
    g_assert_cmpuint(layout->routes[3].len, ==, 0);
}

static void test_same_again(void)
{
    const LayoutEdge *edges = EDGES({0, 3}, {1, 3}, {2, 4}, {0, 4}, {3, 5}, {4, 5}, {1, 5});
    g_autoptr(Layout) one = layout_new(6, edges, 7), other = layout_new(6, edges, 7);
    g_assert_true(memcmp(one->nodes, other->nodes, 6 * sizeof(LayoutPoint)) == 0);
}

/* 1,000 steps, each waiting for two earlier ones: all of them have a place. */
static void test_large(void)
{
    enum { NODES = 1000 };
    g_autofree LayoutEdge *edges = g_new(LayoutEdge, 2 * NODES);
    size_t len = 0;
    for (size_t i = 40; i < NODES; i++) {
        edges[len++] = (LayoutEdge){i - 40, i};
        edges[len++] = (LayoutEdge){(i * 7919) % (i - 20), i};
    }
    g_autoptr(Layout) layout = layout_new(NODES, edges, len);
    check_sound(layout, NODES, edges, len);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/web/layout/nothing", test_nothing);
    g_test_add_func("/web/layout/longest-way", test_longest_way);
    g_test_add_func("/web/layout/crossings", test_crossings);
    g_test_add_func("/web/layout/crossings-are-counted", test_crossings_are_counted);
    g_test_add_func("/web/layout/circle", test_circle);
    g_test_add_func("/web/layout/same-again", test_same_again);
    g_test_add_func("/web/layout/large", test_large);
    return g_test_run();
}
