#include "reconciler/notify/destination.h"
#include <glib.h>

static Destination destination_at(uint64_t position, int64_t max_pending)
{
    Destination destination;
    DestinationLimits limits = {.max_age_ms = 1000, .max_pending = max_pending, .gap_ms = 20};
    destination_init(&destination, &limits, position, &(DestinationCounts){0}, 1);
    return destination;
}

static uint64_t next(Destination *destination, int64_t now_ms)
{
    uint64_t sequence = 0;
    int64_t at_ms;
    return destination_next(destination, now_ms, &sequence, &at_ms) ? sequence : 0;
}

/* One at a time, in order, and nothing is counted as told before it is. */
static void test_order(void)
{
    Destination destination = destination_at(10, 100);
    for (uint64_t sequence = 11; sequence <= 13; sequence++)
        destination_add(&destination, sequence, 0, false, NULL);
    destination_scanned(&destination, 20, 0);
    g_assert_cmpuint(destination_position(&destination), ==, 10);
    g_assert_cmpuint(next(&destination, 0), ==, 11);
    g_assert_cmpuint(next(&destination, 0), ==, 0);
    destination_result(&destination, DELIVERY_DONE, 0, NULL, 0, 0);
    g_assert_cmpuint(destination_position(&destination), ==, 11);
    g_assert_cmpuint(next(&destination, 19), ==, 0); /* so many in a second */
    g_assert_cmpuint(next(&destination, 20), ==, 12);
    destination_result(&destination, DELIVERY_GIVEN_UP, 0, "no", 20, 0);
    g_assert_cmpuint(next(&destination, 40), ==, 13);
    destination_result(&destination, DELIVERY_DONE, 0, NULL, 40, 0);
    g_assert_cmpuint(destination_position(&destination), ==, 20);
    g_assert_cmpuint(destination.counts.delivered, ==, 2);
    g_assert_cmpuint(destination.counts.given_up, ==, 1);
    destination_clear(&destination);
}

/* Longer each time, never longer than the maximum, and never sooner than the receiver asked. */
static void test_retries(void)
{
    Destination destination = destination_at(0, 100);
    int64_t now_ms = 0, before_ms = 0;
    destination_add(&destination, 1, 0, false, NULL);
    for (int i = 0; i < 30; i++) {
        g_assert_cmpuint(next(&destination, now_ms), ==, 1);
        destination_result(&destination, DELIVERY_RETRY, 0, "down", now_ms, 5);
        int64_t delay_ms = destination.next_ms - now_ms, full_ms = DESTINATION_DELAY_MAX_MS;
        if (i < 9)
            full_ms = (int64_t)DESTINATION_DELAY_MS << i;
        g_assert_cmpint(delay_ms, >=, full_ms / 2);
        g_assert_cmpint(delay_ms, <=, full_ms);
        before_ms = now_ms;
        now_ms = destination.next_ms;
        g_assert_cmpint(now_ms, >, before_ms);
    }
    g_assert_cmpint(destination.failing_since_ms, ==, 5);
    g_assert_cmpuint(next(&destination, now_ms), ==, 1);
    destination_result(&destination, DELIVERY_RETRY, 2 * DESTINATION_DELAY_MAX_MS, "later", now_ms, 5);
    g_assert_cmpint(destination.next_ms, ==, now_ms + 2 * DESTINATION_DELAY_MAX_MS);
    g_assert_cmpuint(next(&destination, destination.next_ms), ==, 1);
    destination_result(&destination, DELIVERY_DONE, 0, NULL, now_ms, 5);
    g_assert_cmpint(destination.failing_since_ms, ==, 0);
    g_assert_cmpuint(destination.tries, ==, 0);
    destination_clear(&destination);
}

/* Too old, too many: dropped and counted, but never what is under way. */
static void test_dropped(void)
{
    Destination destination = destination_at(0, 2);
    destination_add(&destination, 1, 0, false, NULL);
    g_assert_cmpuint(next(&destination, 0), ==, 1);
    for (uint64_t sequence = 2; sequence <= 5; sequence++)
        destination_add(&destination, sequence, 0, false, NULL);
    g_assert_cmpuint(destination.counts.dropped, ==, 3);
    g_assert_cmpuint(destination_position(&destination), ==, 0);
    destination_expire(&destination, 2000);
    g_assert_cmpuint(destination.counts.dropped, ==, 4);
    destination_result(&destination, DELIVERY_DONE, 0, NULL, 0, 0);
    g_assert_cmpuint(destination_position(&destination), ==, 5);
    destination_scanned(&destination, 30, 25); /* gone before they were looked at */
    g_assert_cmpuint(destination.counts.dropped, ==, 29);
    destination_clear(&destination);
}

/* Of one key only the newest matters, unless it is under way. */
static void test_newest(void)
{
    Destination destination = destination_at(0, 100);
    destination_add(&destination, 1, 0, false, g_strdup("c"));
    destination_add(&destination, 2, 0, false, g_strdup("d"));
    destination_add(&destination, 3, 0, false, g_strdup("c"));
    g_assert_cmpuint(next(&destination, 0), ==, 2);
    destination_add(&destination, 4, 0, false, g_strdup("d"));
    destination_result(&destination, DELIVERY_DONE, 0, NULL, 0, 0);
    g_assert_cmpuint(next(&destination, 100), ==, 3);
    destination_forget_try(&destination);
    g_assert_cmpuint(next(&destination, 100), ==, 3);
    destination_result(&destination, DELIVERY_DONE, 0, NULL, 100, 0);
    g_assert_cmpuint(next(&destination, 200), ==, 4);
    g_assert_cmpuint(destination.counts.dropped, ==, 0);
    destination_clear(&destination);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/notify/destination/order", test_order);
    g_test_add_func("/notify/destination/retries", test_retries);
    g_test_add_func("/notify/destination/dropped", test_dropped);
    g_test_add_func("/notify/destination/newest", test_newest);
    return g_test_run();
}
