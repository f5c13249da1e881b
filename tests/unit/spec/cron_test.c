/* Cron expressions: the language, its faults, and the changes of the clocks. */
#include "spec/cron.h"

static Cron parsed(const char *text)
{
    Cron cron;
    CronFault fault;
    if (!cron_parse(view_from(text), &cron, &fault))
        g_error("%s: %s", text, fault.message);
    return cron;
}

/* "2026-03-29T02:30:00Z" */
static int64_t at(const char *text)
{
    g_autoptr(GDateTime) time = g_date_time_new_from_iso8601(text, NULL);
    g_assert_nonnull(time);
    return g_date_time_to_unix(time) * 1000;
}

static char *shown(int64_t at_ms)
{
    if (at_ms == CRON_NEVER)
        return g_strdup("never");
    g_autoptr(GDateTime) time = g_date_time_new_from_unix_utc(at_ms / 1000);
    return g_date_time_format(time, "%Y-%m-%dT%H:%M:%SZ");
}

/* The times after `after`, in UTC, must be these. */
static void times(const char *expression, const char *zone_name, const char *after, const char *expected)
{
    Cron cron = parsed(expression);
    g_autoptr(GTimeZone) zone = zone_new(zone_name);
    g_auto(GStrv) wanted = g_strsplit(expected, " ", -1);
    int64_t at_ms = at(after);
    if (!zone)
        g_error("%s is not there", zone_name);
    for (int i = 0; wanted[i]; i++) {
        at_ms = cron_next(&cron, zone, at_ms);
        g_autofree char *got = shown(at_ms);
        if (strcmp(got, wanted[i]) != 0)
            g_error("%s in %s, time %d: %s, not %s", expression, zone_name, i, got, wanted[i]);
    }
}

static void test_language(void)
{
    times("*/20 * * * *", "UTC", "2026-01-01T00:00:00Z",
          "2026-01-01T00:20:00Z 2026-01-01T00:40:00Z 2026-01-01T01:00:00Z");
    times("5/25 3 * * *", "UTC", "2026-01-01T00:00:00Z",
          "2026-01-01T03:05:00Z 2026-01-01T03:30:00Z 2026-01-01T03:55:00Z 2026-01-02T03:05:00Z");
    times("0 8-10/2,20 * * *", "UTC", "2026-01-01T08:00:00Z",
          "2026-01-01T10:00:00Z 2026-01-01T20:00:00Z 2026-01-02T08:00:00Z");
    times("  30\t12 *  jan,JUL sun ", "UTC", "2026-01-26T00:00:00Z", "2026-07-05T12:30:00Z");
    times("0 0 * * 7", "UTC", "2026-01-01T00:00:00Z", "2026-01-04T00:00:00Z 2026-01-11T00:00:00Z");
    times("0 0 * * fri-sun", "UTC", "2026-01-01T00:00:00Z",
          "2026-01-02T00:00:00Z 2026-01-03T00:00:00Z 2026-01-04T00:00:00Z 2026-01-09T00:00:00Z");
    times("@hourly", "UTC", "2026-01-01T00:00:00Z", "2026-01-01T01:00:00Z");
    times("@daily", "UTC", "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z");
    times("@midnight", "UTC", "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z");
    times("@weekly", "UTC", "2026-01-01T00:00:00Z", "2026-01-04T00:00:00Z");
    times("@monthly", "UTC", "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z");
    times("@yearly", "UTC", "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z");
    times("@annually", "UTC", "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z");
    /* the second before counts, the second itself does not */
    times("0 0 * * *", "UTC", "2025-12-31T23:59:59Z", "2026-01-01T00:00:00Z 2026-01-02T00:00:00Z");
}

static void test_days(void)
{
    /* both say something: one of them is enough */
    times("0 0 13 * fri", "UTC", "2026-01-01T00:00:00Z",
          "2026-01-02T00:00:00Z 2026-01-09T00:00:00Z 2026-01-13T00:00:00Z 2026-01-16T00:00:00Z");
    times("0 0 ? * mon", "UTC", "2026-01-01T00:00:00Z", "2026-01-05T00:00:00Z 2026-01-12T00:00:00Z");
    times("0 0 31 * *", "UTC", "2026-01-31T00:00:00Z", "2026-03-31T00:00:00Z 2026-05-31T00:00:00Z");
    times("0 0 29 2 *", "UTC", "2096-02-29T00:00:00Z", "2104-02-29T00:00:00Z");
    /* a star with a step is a star: both must match */
    times("0 0 */2 * mon", "UTC", "2026-01-01T00:00:00Z",
          "2026-01-05T00:00:00Z 2026-01-19T00:00:00Z 2026-02-09T00:00:00Z");
}

static void test_berlin(void)
{
    /* 29 March 2026: 02:00 becomes 03:00 (01:00Z); 25 October: 03:00 becomes 02:00 (01:00Z) */
    times("30 2 * * *", "Europe/Berlin", "2026-03-28T00:00:00Z",
          "2026-03-28T01:30:00Z 2026-03-29T01:00:00Z 2026-03-30T00:30:00Z");
    times("0,15,45 2 * * *", "Europe/Berlin", "2026-03-28T01:45:00Z",
          "2026-03-29T01:00:00Z 2026-03-30T00:00:00Z");
    times("0 2,3 * * *", "Europe/Berlin", "2026-03-28T02:00:00Z",
          "2026-03-29T01:00:00Z 2026-03-30T00:00:00Z");
    times("30 2 * * *", "Europe/Berlin", "2026-10-24T01:00:00Z", "2026-10-25T00:30:00Z 2026-10-26T01:30:00Z");
    /* asked within the second coming of that hour */
    times("15,30 2 * * *", "Europe/Berlin", "2026-10-25T01:10:00Z", "2026-10-26T01:15:00Z");
    /* by the wall */
    times("*/30 * * * *", "Europe/Berlin", "2026-03-29T00:30:00Z",
          "2026-03-29T01:00:00Z 2026-03-29T01:30:00Z");
    times("*/30 2 * * *", "Europe/Berlin", "2026-03-28T01:30:00Z",
          "2026-03-30T00:00:00Z 2026-03-30T00:30:00Z");
    times("*/30 2 * * *", "Europe/Berlin", "2026-10-24T02:00:00Z",
          "2026-10-25T00:00:00Z 2026-10-25T00:30:00Z 2026-10-25T01:00:00Z 2026-10-25T01:30:00Z "
          "2026-10-26T01:00:00Z");
    times("10 * * * *", "Europe/Berlin", "2026-10-24T23:30:00Z",
          "2026-10-25T00:10:00Z 2026-10-25T01:10:00Z 2026-10-25T02:10:00Z");
    times("0 */2 * * *", "Europe/Berlin", "2026-03-28T23:00:00Z",
          "2026-03-29T02:00:00Z 2026-03-29T04:00:00Z");
}

static void test_elsewhere(void)
{
    times("30 2 * * *", "America/New_York", "2026-03-07T12:00:00Z",
          "2026-03-08T07:00:00Z 2026-03-09T06:30:00Z");
    times("30 1 * * *", "America/New_York", "2026-10-31T12:00:00Z",
          "2026-11-01T05:30:00Z 2026-11-02T06:30:00Z");
    /* half an hour: 02:00 becomes 02:30 on 4 October 2026, and 02:00 becomes 01:30 on 5 April */
    times("15 2 * * *", "Australia/Lord_Howe", "2026-10-02T16:00:00Z",
          "2026-10-03T15:30:00Z 2026-10-04T15:15:00Z");
    times("45 1 * * *", "Australia/Lord_Howe", "2026-04-04T00:00:00Z",
          "2026-04-04T14:45:00Z 2026-04-05T15:15:00Z");
    /* Samoa had no 30 December 2011 */
    times("0 12 * * *", "Pacific/Apia", "2011-12-29T00:00:00Z",
          "2011-12-29T22:00:00Z 2011-12-30T10:00:00Z 2011-12-30T22:00:00Z");
    /* the rules go on behind the last year of the table */
    times("30 2 * * *", "Europe/Berlin", "2049-03-27T12:00:00Z", "2049-03-28T01:00:00Z 2049-03-29T00:30:00Z");
}

static void fault(const char *expression, size_t from, size_t len, const char *message, const char *cure)
{
    Cron cron;
    CronFault found = {0};
    g_assert_false(cron_parse(view_from(expression), &cron, &found));
    g_assert_cmpstr(found.message, ==, message);
    g_assert_cmpstr(found.cure, ==, cure);
    if (found.from != from || found.len != len)
        g_error("%s: %zu bytes from %zu", expression, found.len, found.from);
    g_assert_false(cron_parse(view_from(expression), &cron, NULL));
}

static void test_faults(void)
{
    fault("* * * *", 0, 7, "a schedule has five fields, this has 4",
          "minute, hour, day of the month, month, day of the week: \"30 2 * * mon-fri\"");
    fault("0 0 0 * * *", 0, 11, "a schedule has five fields, this has 6",
          "minute, hour, day of the month, month, day of the week: \"30 2 * * mon-fri\"");
    fault("", 0, 0, "a schedule has five fields, this has 0",
          "minute, hour, day of the month, month, day of the week: \"30 2 * * mon-fri\"");
    fault("0 24 * * *", 2, 2, "the hour 24 is out of range", "0 to 23 are possible");
    fault("60 2 * * *", 0, 2, "the minute 60 is out of range", "0 to 59 are possible");
    fault("0 2 0 * *", 4, 1, "the day of the month 0 is out of range", "1 to 31 are possible");
    fault("0 2 * foo *", 6, 3, "the month \"foo\" is no number",
          "1 to 12 are possible, or a name such as \"feb\"");
    fault("0 2 * * 8", 8, 1, "the day of the week 8 is out of range",
          "0 to 7 are possible, or a name such as \"mon\"");
    fault("0 22-2 * * *", 2, 4, "the hour has a range that ends before it begins",
          "two ranges say it: 22-23,0-2");
    fault("*/0 * * * *", 2, 1, "the minute has a step that is no number from 1 on",
          "a step is a number from 1 on: */5 is every fifth");
    fault("*/90 * * * *", 2, 2, "the minute has a step of 90, which is out of range",
          "a step beyond the field's range never comes to its second value");
    fault("1,,2 * * * *", 2, 0, "the minute has an empty place in its list", "a list has no empty places");
    fault("1- * * * *", 2, 0, "the minute has no value here", "0 to 59 are possible");
    fault("-1 * * * *", 0, 0, "the minute has no value here", "0 to 59 are possible");
    fault("? * * * *", 0, 1, "the minute \"?\" is no star, number or range",
          "a star stands alone, or before a step: */5");
    fault("99999999999 * * * *", 0, 11, "the minute \"99999999999\" is no number", "0 to 59 are possible");
    fault("@dayly", 0, 6, "\"@dayly\" is no schedule", "did you mean \"@daily\"?");
    fault("@reboot", 0, 7, "\"@reboot\" is no schedule",
          "there are @hourly, @daily, @midnight, @weekly, @monthly, @yearly and @annually");
    fault("0 0 30 2 *", 4, 2, "this schedule never comes: no such month has that day",
          "months have 28 to 31 days");
    fault("0 0 31 4,6,9,11 *", 4, 2, "this schedule never comes: no such month has that day",
          "months have 28 to 31 days");
}

static void test_latest(void)
{
    Cron daily = parsed("30 2 * * *"), minutes = parsed("* * * * *"), leap = parsed("0 0 29 2 *");
    g_autoptr(GTimeZone) berlin = zone_new("Europe/Berlin");
    g_autoptr(GTimeZone) utc = zone_new("UTC");
    int64_t from = at("2020-01-01T00:00:00Z"), until = at("2026-03-29T00:59:59Z");
    g_autofree char *got = shown(cron_latest(&daily, berlin, from, until));
    g_assert_cmpstr(got, ==, "2026-03-28T01:30:00Z");
    g_assert_cmpint(cron_latest(&daily, berlin, from, until + 1000), ==, at("2026-03-29T01:00:00Z"));
    g_assert_cmpint(cron_latest(&minutes, utc, from, until), ==, at("2026-03-29T00:59:00Z"));
    g_assert_cmpint(cron_latest(&leap, utc, from, until), ==, at("2024-02-29T00:00:00Z"));
    g_assert_cmpint(cron_latest(&leap, utc, at("2024-02-29T00:00:00Z"), until), ==, CRON_NEVER);
    g_assert_cmpint(cron_latest(&minutes, utc, until, until), ==, CRON_NEVER);
    g_assert_cmpint(cron_latest(&minutes, utc, until, from), ==, CRON_NEVER);
}

static void test_zones(void)
{
    static const char *const not [] = {
        "Europe/Berlni", "../etc/passwd", "+02:00", "CET-1CEST", "Europe", "", NULL};
    g_autofree char *berlin = zone_suggest("Europe/Berlni"), *city = zone_suggest("Berlin"),
                    *none = zone_suggest("Mars/Olympus_Mons");
    g_assert_true(zone_database_exists());
    for (int i = 0; not [i]; i++)
        g_assert_null(zone_new(not [i]));
    g_assert_cmpstr(berlin, ==, "Europe/Berlin");
    g_assert_cmpstr(city, ==, "Europe/Berlin");
    g_assert_null(none);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/spec/cron/language", test_language);
    g_test_add_func("/spec/cron/days", test_days);
    g_test_add_func("/spec/cron/berlin", test_berlin);
    g_test_add_func("/spec/cron/elsewhere", test_elsewhere);
    g_test_add_func("/spec/cron/faults", test_faults);
    g_test_add_func("/spec/cron/latest", test_latest);
    g_test_add_func("/spec/cron/zones", test_zones);
    return g_test_run();
}
