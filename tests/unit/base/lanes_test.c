#include "spec/base/lanes.h"

#define MANY 1000

static void test_rows(void)
{
    g_auto(Lanes) lanes;
    lanes_init(&lanes);
    g_assert_cmpuint(lanes_take(&lanes, 0, 10, MANY), ==, 0);
    g_assert_cmpuint(lanes_take(&lanes, 5, 8, MANY), ==, 1);
    g_assert_cmpuint(lanes_take(&lanes, 8, 20, MANY), ==, 1); /* where the other one ended, to the moment */
    g_assert_cmpuint(lanes_take(&lanes, 9, 30, MANY), ==, 2);
    g_assert_cmpuint(lanes_take(&lanes, 10, 11, MANY), ==, 0);
    g_assert_cmpuint(lanes_len(&lanes), ==, 3);
}

/* Over most they share the last one, which is free when the last of them has ended. */
static void test_most(void)
{
    g_auto(Lanes) lanes;
    lanes_init(&lanes);
    g_assert_cmpuint(lanes_take(&lanes, 0, 100, 1), ==, 0);
    g_assert_cmpuint(lanes_take(&lanes, 1, 50, 1), ==, 1);
    g_assert_cmpuint(lanes_take(&lanes, 2, 10, 1), ==, 1);
    g_assert_cmpuint(lanes_len(&lanes), ==, 2);
    g_assert_cmpuint(lanes_take(&lanes, 100, 110, 1), ==, 0);
}

/* As many rows as bars at once, and none overlap. */
static void test_tight(void)
{
    enum { BARS = 500 };
    g_auto(Lanes) lanes;
    int64_t ends[BARS] = {0};
    guint most = 0;
    lanes_init(&lanes);
    for (int64_t i = 0; i < BARS; i++) {
        int64_t start = i * 3, end = start + 1 + i * 7919 % 61;
        guint row = lanes_take(&lanes, start, end, MANY), alive = 1;
        g_assert_cmpint(ends[row], <=, start);
        for (guint r = 0; r < lanes_len(&lanes); r++)
            alive += r != row && ends[r] > start;
        ends[row] = end;
        most = MAX(most, alive);
    }
    g_assert_cmpuint(lanes_len(&lanes), ==, most);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/lanes/rows", test_rows);
    g_test_add_func("/lanes/most", test_most);
    g_test_add_func("/lanes/tight", test_tight);
    return g_test_run();
}
