#include "reconciler/provider/aws/retry.h"
#include <glib.h>

static const RetryFault fault = {.asked_ms = -1}, throttled = {.is_throttling = true, .asked_ms = -1};

/* Attempts in all, within the bounds of full jitter. */
static void test_attempts(void)
{
    Rng rng = rng_from_seed(7);
    int64_t longest[2] = {0};
    for (int i = 0; i < 2000; i++) {
        for (int kind = 0; kind < 2; kind++) {
            RetryQuota quota;
            RetryState state = {0};
            retry_quota_init(&quota);
            const RetryFault *one = kind ? &throttled : &fault;
            int64_t first = retry_after(&state, &quota, one, 3, &rng),
                    second = retry_after(&state, &quota, one, 3, &rng);
            g_assert_cmpint(first, >=, 0);
            g_assert_cmpint(first, <=, kind ? 1000 : 50);
            g_assert_cmpint(second, <=, kind ? 2000 : 100);
            g_assert_cmpint(retry_after(&state, &quota, one, 3, &rng), ==, -1);
            longest[kind] = MAX(longest[kind], second);
        }
    }
    g_assert_cmpint(longest[0], >, 90); /* it is jitter, and up to the bound */
    g_assert_cmpint(longest[1], >, 1900);
    RetryQuota quota;
    RetryState late = {0};
    retry_quota_init(&quota);
    for (int i = 0; i < 30; i++)
        g_assert_cmpint(retry_after(&late, &quota, &throttled, 100, &rng), <=, 20000);
}

/* What x-amz-retry-after asks for counts between the back-off and five seconds more: nobody can have us wait
 * for an hour, nor hurry us. */
static void test_asked(void)
{
    static const int64_t asked_ms[] = {0, 1500, 4000, 3600000};
    for (size_t i = 0; i < G_N_ELEMENTS(asked_ms); i++) {
        Rng rng = rng_from_seed(7), same = rng_from_seed(7);
        for (int time = 0; time < 100; time++) {
            RetryQuota quota;
            RetryState state = {0}, plain = {0};
            const RetryFault asked = {.is_throttling = true, .asked_ms = asked_ms[i]};
            retry_quota_init(&quota);
            int64_t wait_ms = retry_after(&state, &quota, &asked, 20, &rng),
                    back_off_ms = retry_after(&plain, &quota, &throttled, 20, &same);
            g_assert_cmpint(wait_ms, ==, CLAMP(asked_ms[i], back_off_ms, back_off_ms + 5000));
        }
    }
}

/* A service that is down gets few retries; one that recovers gets them back. */
static void test_quota(void)
{
    Rng rng = rng_from_seed(7);
    RetryQuota quota;
    int retries = 0;
    retry_quota_init(&quota);
    for (int i = 0; i < 1000; i++) {
        RetryState state = {0};
        retries += retry_after(&state, &quota, &fault, 3, &rng) >= 0;
    }
    g_assert_cmpint(retries, ==, RETRY_QUOTA / RETRY_COST);
    RetryState easy = {0}, hard = {.attempts = 1, .cost = RETRY_COST};
    int before = quota.tokens;
    retry_succeeded(&easy, &quota);
    g_assert_cmpint(quota.tokens, ==, before + 1);
    retry_succeeded(&hard, &quota);
    g_assert_cmpint(quota.tokens, ==, before + 1 + RETRY_COST);
    for (int i = 0; i < 1000; i++)
        retry_succeeded(&easy, &quota);
    g_assert_cmpint(quota.tokens, ==, RETRY_QUOTA);
}

/* ---- adaptive ---- */

/* Calls for so long at most at a rate; how many were sent. limit: a second, above which the service
 * throttles; 0: none. */
static int send(AdaptiveRate *rate, int64_t *now_ms, int64_t for_ms, int wanted, int limit)
{
    int sent = 0, in_second = 0;
    int64_t end_ms = *now_ms + for_ms, second_ms = *now_ms;
    while (*now_ms < end_ms) {
        int64_t wait_ms = adaptive_take(rate, *now_ms);
        *now_ms += MAX(wait_ms, 1000 / wanted);
        if (*now_ms >= second_ms + 1000) {
            second_ms = *now_ms;
            in_second = 0;
        }
        sent++;
        adaptive_answered(rate, limit && ++in_second > limit, *now_ms);
    }
    return sent;
}

static void test_idle(void)
{
    AdaptiveRate rate;
    int64_t now_ms = 1000000;
    adaptive_init(&rate, now_ms);
    g_assert_cmpint(send(&rate, &now_ms, 10000, 100, 0), >=, 990);
    g_assert_false(rate.is_on);
    adaptive_answered(&rate, true, now_ms);
    g_assert_true(rate.is_on);
    g_assert_cmpint(rate.rate_e3, <=, rate.measured_e3 * 7 / 10);
    g_assert_cmpint(rate.rate_e3, >=, 60000); /* about 100 a second were sent */
}

/* It finds the rate that a service takes, and stays near it without knowing it. */
static void test_converges(void)
{
    AdaptiveRate rate;
    int64_t now_ms = 1000000;
    adaptive_init(&rate, now_ms);
    send(&rate, &now_ms, 60000, 200, 20);
    int sent = send(&rate, &now_ms, 60000, 200, 20);
    g_assert_cmpint(sent, >=, 60 * 13);
    g_assert_cmpint(sent, <=, 60 * 26);
    send(&rate, &now_ms, 120000, 200, 0); /* the limit goes */
    g_assert_cmpint(send(&rate, &now_ms, 10000, 100, 0), >, 60 * 10);
}

/* Throttled without end it still asks now and then. */
static void test_floor(void)
{
    AdaptiveRate rate;
    int64_t now_ms = 1000000;
    adaptive_init(&rate, now_ms);
    for (int i = 0; i < 200; i++) {
        now_ms += adaptive_take(&rate, now_ms);
        adaptive_answered(&rate, true, now_ms);
        g_assert_cmpint(rate.rate_e3, >=, rate.is_on ? 500 : 0);
    }
    g_assert_cmpint(adaptive_take(&rate, now_ms), <=, 4000);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/retry/attempts", test_attempts);
    g_test_add_func("/retry/asked", test_asked);
    g_test_add_func("/retry/quota", test_quota);
    g_test_add_func("/adaptive/idle", test_idle);
    g_test_add_func("/adaptive/converges", test_converges);
    g_test_add_func("/adaptive/floor", test_floor);
    return g_test_run();
}
