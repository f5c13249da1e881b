#include "spec/base/units.h"

static void test_durations(void)
{
    static const struct {
        const char *text;
        int64_t ms; /* -1: refused */
    } cases[] = {
        {"90s", 90000},
        {"10m", 600000},
        {"2h", 7200000},
        {"3d", 259200000},
        {"45", 45000},
        {"1h30m", 5400000},
        {"500ms", 500},
        {"0", 0},
        {"1m1ms", 60001},
        {"", -1},
        {"s", -1},
        {"10x", -1},
        {"10m2h", -1},
        {"1h1h", -1},
        {"1h30", -1},
        {"-5s", -1},
        {"1.5h", -1},
        {" 1s", -1},
        {"9223372036854775807d", -1},
        {"99999999999999999999s", -1},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        int64_t ms = -1;
        g_test_message("%s", cases[i].text);
        g_assert_cmpint(duration_parse(view_from(cases[i].text), &ms), ==, cases[i].ms >= 0);
        g_assert_cmpint(ms, ==, cases[i].ms);
        if (ms >= 0) {
            g_autofree char *printed = duration_print(ms);
            int64_t again = -1;
            g_assert_true(duration_parse(view_from(printed), &again));
            g_assert_cmpint(again, ==, ms);
        }
    }
}

static void assert_text(char *text, const char *wanted)
{
    g_assert_cmpstr(text, ==, wanted);
    g_free(text);
}

static void test_for_people(void)
{
    assert_text(duration_human(350), "350 ms");
    assert_text(duration_human(45999), "45 s");
    assert_text(duration_human(720000), "12 min");
    assert_text(duration_human(4320000), "1 h 12 min");
    assert_text(duration_human(7200000), "2 h");
    assert_text(duration_human(273600000), "3 d 4 h");
    assert_text(duration_human(-60000), "-1 min");
    assert_text(integer_human(0), "0");
    assert_text(integer_human(999), "999");
    assert_text(integer_human(61000), "61,000");
    assert_text(integer_human(-1234567), "-1,234,567");
    assert_text(integer_human(INT64_MIN), "-9,223,372,036,854,775,808");
    assert_text(duration_print(600000), "10m");
    assert_text(duration_print(90000), "90s");
    assert_text(duration_print(1500), "1500ms");
}

static void test_decimals(void)
{
    static const struct {
        const char *text, *printed; /* printed NULL: refused */
        int64_t e4;
    } cases[] = {
        {"0.25", "0.25", 2500},
        {"2", "2", 20000},
        {"-1.5", "-1.5", -15000},
        {"0.0001", "0.0001", 1},
        {"1.50000", "1.5", 15000},
        {"007", "7", 70000},
        {"+3", "3", 30000},
        {"-0", "0", 0},
        {"0.00001", NULL, 0},
        {"1.", NULL, 0},
        {".5", NULL, 0},
        {"1e3", NULL, 0},
        {"", NULL, 0},
        {"-", NULL, 0},
        {"1.2.3", NULL, 0},
        {"922337203685477.5808", NULL, 0},
        {"922337203685477.5807", "922337203685477.5807", INT64_MAX},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        int64_t e4 = 0;
        g_test_message("%s", cases[i].text);
        g_assert_cmpint(decimal_parse(view_from(cases[i].text), &e4), ==, cases[i].printed != NULL);
        g_assert_cmpint(e4, ==, cases[i].e4);
        if (cases[i].printed)
            assert_text(decimal_print(e4), cases[i].printed);
    }
}

static void test_integers(void)
{
    int64_t value = 7;
    g_assert_true(integer_parse(VIEW("-9223372036854775808"), &value));
    g_assert_cmpint(value, ==, INT64_MIN);
    g_assert_true(integer_parse(VIEW("+12"), &value));
    g_assert_cmpint(value, ==, 12);
    static const char *const bad[] = {
        "9223372036854775808", "-9223372036854775809", "", "-", "1 ", "1.0", "0x1"};
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++)
        g_assert_false(integer_parse(view_from(bad[i]), &value));
    g_assert_cmpint(value, ==, 12);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/units/durations", test_durations);
    g_test_add_func("/units/for-people", test_for_people);
    g_test_add_func("/units/decimals", test_decimals);
    g_test_add_func("/units/integers", test_integers);
    return g_test_run();
}
