/* pace_test.c: what ended within an hour is counted, and nothing else. */
#include "reconciler/world/pace.h"
#include <glib.h>

#define MINUTE_MS INT64_C(60000)
#define NOON_MS   (INT64_C(1795780800) * 1000)

static void test_hour(void)
{
    Pace pace = {0};
    g_assert_cmpint(pace_hour(&pace, NOON_MS), ==, 0);
    pace_add(&pace, 3, NOON_MS);
    pace_add(&pace, 4, NOON_MS + 30 * MINUTE_MS);
    g_assert_cmpint(pace_hour(&pace, NOON_MS + 30 * MINUTE_MS), ==, 7);
    g_assert_cmpint(pace_hour(&pace, NOON_MS + 59 * MINUTE_MS), ==, 7);
    g_assert_cmpint(pace_hour(&pace, NOON_MS + 60 * MINUTE_MS), ==, 4);
    g_assert_cmpint(pace_hour(&pace, NOON_MS + 90 * MINUTE_MS), ==, 0);
    pace_add(&pace, 1, NOON_MS + 61 * MINUTE_MS); /* takes the place of a minute that is over */
    g_assert_cmpint(pace_hour(&pace, NOON_MS + 61 * MINUTE_MS), ==, 5);
    pace_add(&pace, 2, NOON_MS + 500 * MINUTE_MS);
    g_assert_cmpint(pace_hour(&pace, NOON_MS + 500 * MINUTE_MS), ==, 2);
}

/* A clock that was set back loses nothing and counts nothing twice. */
static void test_back(void)
{
    Pace pace = {0};
    pace_add(&pace, 1, NOON_MS);
    pace_add(&pace, 1, NOON_MS - 10 * MINUTE_MS);
    g_assert_cmpint(pace_hour(&pace, NOON_MS - 10 * MINUTE_MS), ==, 2);
}

/* Against a list of all that ended. */
static void test_random(void)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(7);
    g_autoptr(GArray) ended = g_array_new(FALSE, FALSE, sizeof(int64_t));
    Pace pace = {0};
    int64_t now_ms = NOON_MS;
    for (int i = 0; i < 2000; i++) {
        now_ms +=
            g_rand_int_range(rand, 0, (gint32)(3 * MINUTE_MS)) * (g_rand_int_range(rand, 0, 50) ? 1 : 20);
        pace_add(&pace, 1, now_ms);
        g_array_append_val(ended, now_ms);
        int64_t wanted = 0;
        for (guint at = 0; at < ended->len; at++)
            wanted += g_array_index(ended, int64_t, at) / MINUTE_MS > now_ms / MINUTE_MS - PACE_MINUTES;
        g_assert_cmpint(pace_hour(&pace, now_ms), ==, wanted);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/pace/hour", test_hour);
    g_test_add_func("/pace/clock-set-back", test_back);
    g_test_add_func("/pace/random", test_random);
    return g_test_run();
}
