#include "reconciler/scale/account.h"

static int64_t utc(int year, int month, int day, int hour)
{
    g_autoptr(GDateTime) time = g_date_time_new_utc(year, month, day, hour, 0, 0);
    return g_date_time_to_unix(time) * 1000;
}

static void test_money(void)
{
    Money money = {0};
    money_add(&money, 1, 1800000); /* half a millionth */
    g_assert_cmpint(money.micro, ==, 0);
    money_add(&money, 1, 1800000);
    g_assert_cmpint(money.micro, ==, 1);
    g_assert_cmpint(money.rest, ==, 0);
    money_add(&money, 85000, 90 * 60 * 1000);
    g_assert_cmpint(money.micro, ==, 127501);
    money_add(&money, -1, 1000);
    money_add(&money, 5, -1);
    g_assert_cmpint(money.micro, ==, 127501);
    Money much = {0}; /* a year of 10,000 hosts at 100 an hour does not overflow */
    money_add(&much, INT64_C(1000000000000), INT64_C(31536000000));
    g_assert_cmpint(much.micro, ==, INT64_C(8760) * 1000000000000);
}

static void test_calendar(void)
{
    g_assert_cmpint(account_day_end(0), ==, 86400000);
    g_assert_cmpint(account_day_end(86399999), ==, 86400000);
    g_assert_cmpint(account_day_end(86400000), ==, 2 * 86400000);
    for (int year = 1970; year <= 2105; year++)
        for (int month = 1; month <= 12; month++) {
            int64_t next = month == 12 ? utc(year + 1, 1, 1, 0) : utc(year, month + 1, 1, 0);
            g_assert_cmpint(account_month_end(utc(year, month, 1, 0)), ==, next);
            g_assert_cmpint(account_month_end(utc(year, month, 15, 13)), ==, next);
            g_assert_cmpint(account_month_end(next - 1), ==, next);
        }
}

static void test_buckets(void)
{
    Account account = {0};
    /* 31 January 23:00 to 1 February 02:00 at 1.00 an hour */
    account_accrue(&account, 1000000, utc(2026, 1, 31, 22), utc(2026, 2, 1, 2));
    g_assert_cmpint(account.of_day.micro, ==, 2000000);
    g_assert_cmpint(account.of_month.micro, ==, 2000000);
    g_assert_cmpint(account.total.micro, ==, 4000000);
    account_accrue(&account, 1000000, utc(2026, 1, 31, 22), utc(2026, 1, 31, 23)); /* late news */
    g_assert_cmpint(account.of_month.micro, ==, 2000000);
    g_assert_cmpint(account.total.micro, ==, 5000000);
    account_accrue(&account, -1, utc(2026, 2, 1, 2), utc(2026, 2, 1, 3));
    g_assert_cmpint(account.unknown_day_ms, ==, 3600000);
    account_roll(&account, utc(2026, 2, 2, 0));
    g_assert_cmpint(account.of_day.micro, ==, 0);
    g_assert_cmpint(account.unknown_day_ms, ==, 0);
    g_assert_cmpint(account.unknown_month_ms, ==, 3600000);
    g_assert_cmpint(account.of_month.micro, ==, 2000000);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/scale/account/money", test_money);
    g_test_add_func("/scale/account/calendar", test_calendar);
    g_test_add_func("/scale/account/buckets", test_buckets);
    return g_test_run();
}
