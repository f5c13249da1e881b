#include "reconciler/scale/cooldown.h"

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(CoolDowns, cooldowns_clear)
#define C5   VIEW("c5.large")
#define M5   VIEW("m5.large")
#define A    VIEW("eu-west-1a")
#define ALL  VIEW("")
#define MIN_ INT64_C(60000)

static void test_doubles(void)
{
    g_auto(CoolDowns) cooldowns = {0};
    static const int64_t minutes[] = {3, 6, 12, 24, 30, 30};
    int64_t now_ms = 1000;
    for (size_t i = 0; i < G_N_ELEMENTS(minutes); i++) {
        cooldown_failed(&cooldowns, C5, A, true, now_ms, now_ms);
        int64_t until_ms = cooldown_until(&cooldowns, C5, A, true, now_ms);
        g_assert_cmpint(until_ms - now_ms, ==, minutes[i] * MIN_);
        g_assert_cmpint(cooldown_until(&cooldowns, C5, A, true, until_ms - 1), ==, until_ms);
        g_assert_cmpint(cooldown_until(&cooldowns, C5, A, true, until_ms), ==, 0);
        now_ms = until_ms;
    }
    cooldown_succeeded(&cooldowns, C5, A, true);
    g_assert_cmpuint(cooldowns.len, ==, 0);
    cooldown_failed(&cooldowns, C5, A, true, now_ms, now_ms);
    g_assert_cmpint(cooldown_until(&cooldowns, C5, A, true, now_ms) - now_ms, ==, 3 * MIN_);
}

static void test_together(void)
{
    g_auto(CoolDowns) cooldowns = {0};
    cooldown_failed(&cooldowns, C5, A, false, 900, 1000);
    cooldown_failed(&cooldowns, C5, A, false, 950, 2000); /* asked for before the first failed */
    g_assert_cmpint(cooldown_until(&cooldowns, C5, A, false, 2000), ==, 1000 + 3 * MIN_);
    g_assert_cmpint(cooldowns.pools[0].failures, ==, 1);
}

static void test_pools(void)
{
    g_auto(CoolDowns) cooldowns = {0};
    cooldown_failed(&cooldowns, M5, A, true, 1000, 1000);
    cooldown_failed(&cooldowns, C5, ALL, false, 1000, 1000);
    cooldown_failed(&cooldowns, C5, A, false, 1000, 5000);
    g_assert_cmpuint(cooldowns.len, ==, 3);
    g_assert_cmpint(cooldown_until(&cooldowns, M5, A, false, 2000), ==, 0); /* another market */
    g_assert_cmpint(cooldown_until(&cooldowns, M5, ALL, true, 2000), ==, 0);
    g_assert_cmpint(cooldown_until(&cooldowns, C5, VIEW("eu-west-1b"), false, 2000), ==, 1000 + 3 * MIN_);
    g_assert_cmpint(cooldown_until(&cooldowns, C5, A, false, 2000), ==, 5000 + 3 * MIN_);
    g_autofree char *text = cooldowns_print(&cooldowns);
    g_auto(CoolDowns) other = {0};
    g_assert_true(cooldowns_parse(&other, view_from(text)));
    g_autofree char *again = cooldowns_print(&other);
    g_assert_cmpstr(text, ==, again);
    g_assert_cmpint(cooldown_until(&other, C5, A, false, 2000), ==, 5000 + 3 * MIN_);

    g_assert_false(cooldowns_expire(&cooldowns, COOLDOWN_FORGET_MS));
    g_assert_true(cooldowns_expire(&cooldowns, 1000 + 3 * MIN_ + COOLDOWN_FORGET_MS));
    g_assert_cmpuint(cooldowns.len, ==, 1);
}

#define ONE   "{\"type\":\"a\",\"zone\":\"\",\"spot\":true,\"failures\":1,\"untilMs\":1}"
#define TWICE "[" ONE "," ONE "]"

static void test_parse_faults(void)
{
    static const char *const texts[] = {
        "",
        "{}",
        "[1]",
        "[{}]",
        "[{\"type\":\"a\",\"zone\":\"\",\"spot\":true,\"failures\":0,\"untilMs\":1}]",
        "[{\"type\":\"a\",\"zone\":\"\",\"spot\":true,\"failures\":1,\"untilMs\":-1}]",
        TWICE,
    };
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_auto(CoolDowns) cooldowns = {0};
        cooldown_failed(&cooldowns, C5, A, true, 1, 1);
        g_assert_false(cooldowns_parse(&cooldowns, view_from(texts[i])));
        g_assert_cmpuint(cooldowns.len, ==, 0);
    }
}

static void test_limit(void)
{
    g_auto(CoolDowns) cooldowns = {0};
    for (int i = 0; i < COOLDOWN_POOLS_MAX + 10; i++) {
        g_autofree char *type = g_strdup_printf("t%d.large", i);
        cooldown_failed(&cooldowns, view_from(type), A, true, i, i);
    }
    g_assert_cmpuint(cooldowns.len, ==, COOLDOWN_POOLS_MAX);
    g_assert_cmpint(cooldown_until(&cooldowns, VIEW("t9.large"), A, true, 100), ==, 0); /* the oldest went */
    g_assert_cmpint(cooldown_until(&cooldowns, VIEW("t10.large"), A, true, 100), >, 0);
}

static void test_invalid(void)
{
    LaunchFailures failures = {0};
    g_assert_false(launch_failures_add(&failures));
    g_assert_false(launch_failures_add(&failures));
    g_assert_true(launch_failures_add(&failures));
    g_assert_true(launch_failures_add(&failures));
    launch_failures_reset(&failures);
    g_assert_false(launch_failures_add(&failures));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/scale/cooldown/doubles", test_doubles);
    g_test_add_func("/scale/cooldown/together", test_together);
    g_test_add_func("/scale/cooldown/pools", test_pools);
    g_test_add_func("/scale/cooldown/parse-faults", test_parse_faults);
    g_test_add_func("/scale/cooldown/limit", test_limit);
    g_test_add_func("/scale/cooldown/invalid", test_invalid);
    return g_test_run();
}
