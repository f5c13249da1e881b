/* What is kept of an environment between restarts. */
#include "reconciler/scale/growth_memory.h"

static void test_round(void)
{
    GrowthMemory memory = {.accrued_ms = 1000, .account = {.day = 20000, .month = 657, .unknown_day_ms = 5}},
                 again = {0};
    money_add(&memory.account.of_day, 100000, 1234567);
    money_add(&memory.account.total, 7, 1);
    cooldown_failed(&memory.cooldowns, VIEW("c5.large"), VIEW(""), true, 900, 1000);
    g_autofree char *text = growth_memory_print(&memory);
    growth_memory_parse(&again, text);
    g_autofree char *same = growth_memory_print(&again);
    g_assert_cmpstr(same, ==, text);
    g_assert_true(memcmp(&again.account, &memory.account, sizeof again.account) == 0);
    g_assert_cmpint(cooldown_until(&again.cooldowns, VIEW("c5.large"), VIEW(""), true, 1000), ==,
                    1000 + COOLDOWN_FIRST_MS);
    growth_memory_clear(&memory);
    growth_memory_clear(&again);
}

/* Nothing known, and what was known before is gone. */
static void test_nothing(void)
{
    static const char *const texts[] = {NULL, "", "[]", "{\"account\":7,\"cooling\":\"no\"}"};
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        GrowthMemory memory = {.accrued_ms = 1, .account = {.of_day = {5, 5}}};
        cooldown_failed(&memory.cooldowns, VIEW("c5.large"), VIEW(""), false, 1, 1);
        growth_memory_parse(&memory, texts[i]);
        g_assert_true(memcmp(&memory.account, &(Account){0}, sizeof memory.account) == 0);
        g_assert_cmpint(memory.accrued_ms, ==, 0);
        g_assert_cmpuint(memory.cooldowns.len, ==, 0);
        growth_memory_clear(&memory);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/scale/growth_memory/round", test_round);
    g_test_add_func("/scale/growth_memory/nothing", test_nothing);
    return g_test_run();
}
