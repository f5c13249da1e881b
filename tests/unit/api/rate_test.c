#include "reconciler/api/rate.h"
#include <glib.h>

static const RateLimit limit = {.every_ms = 100, .burst = 3};

static int64_t wait_of(Rate *rate, int64_t now_ms)
{
    int64_t wait_ms = 0;
    return rate_take(rate, limit, now_ms, &wait_ms) ? 0 : wait_ms;
}

static void test_burst(void)
{
    Rate rate = {0};
    for (int i = 0; i < 3; i++)
        g_assert_cmpint(wait_of(&rate, 5000), ==, 0);
    g_assert_cmpint(wait_of(&rate, 5000), ==, 100);
    g_assert_cmpint(wait_of(&rate, 5060), ==, 40); /* asking costs nothing */
    g_assert_cmpint(wait_of(&rate, 5100), ==, 0);
    g_assert_cmpint(wait_of(&rate, 5100), ==, 100);
    g_assert_cmpint(wait_of(&rate, 5350), ==, 0); /* two have come since */
    g_assert_cmpint(wait_of(&rate, 5350), ==, 0);
    g_assert_cmpint(wait_of(&rate, 5350), ==, 50);
    for (int i = 0; i < 3; i++)
        g_assert_cmpint(wait_of(&rate, 1000000), ==, 0); /* never more than the burst */
    g_assert_cmpint(wait_of(&rate, 1000000), ==, 100);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/rate/burst", test_burst);
    return g_test_run();
}
