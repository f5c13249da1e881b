/* What is kept of an environment between restarts. */
#include "reconciler/scale/ledger.h"

static void test_round(void)
{
    Ledger ledger = {.accrued_ms = 1000, .account = {.day = 20000, .month = 657, .unknown_day_ms = 5}},
           again = {0};
    money_add(&ledger.account.of_day, 100000, 1234567);
    money_add(&ledger.account.total, 7, 1);
    cooldown_failed(&ledger.cooldowns, VIEW("c5.large"), VIEW(""), true, 900, 1000);
    g_autofree char *text = ledger_print(&ledger);
    ledger_parse(&again, text);
    g_autofree char *same = ledger_print(&again);
    g_assert_cmpstr(same, ==, text);
    g_assert_true(memcmp(&again.account, &ledger.account, sizeof again.account) == 0);
    g_assert_cmpint(cooldown_until(&again.cooldowns, VIEW("c5.large"), VIEW(""), true, 1000), ==,
                    1000 + COOLDOWN_FIRST_MS);
    ledger_clear(&ledger);
    ledger_clear(&again);
}

/* Nothing known, and what was known before is gone. */
static void test_nothing(void)
{
    static const char *const texts[] = {NULL, "", "[]", "{\"account\":7,\"cooling\":\"no\"}"};
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        Ledger ledger = {.accrued_ms = 1, .account = {.of_day = {5, 5}}};
        cooldown_failed(&ledger.cooldowns, VIEW("c5.large"), VIEW(""), false, 1, 1);
        ledger_parse(&ledger, texts[i]);
        g_assert_true(memcmp(&ledger.account, &(Account){0}, sizeof ledger.account) == 0);
        g_assert_cmpint(ledger.accrued_ms, ==, 0);
        g_assert_cmpuint(ledger.cooldowns.len, ==, 0);
        ledger_clear(&ledger);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/scale/ledger/round", test_round);
    g_test_add_func("/scale/ledger/nothing", test_nothing);
    return g_test_run();
}
