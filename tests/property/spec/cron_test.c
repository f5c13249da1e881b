/* Random expressions in zones with changes of the clocks, against an oracle that shares nothing with cron.c:
 * it goes through the minutes one by one, reads the fields by itself and asks the C library for local time.
 */
#include <stdlib.h>
#include <time.h>
#include "spec/base/rng.h"
#include "spec/cron.h"

static const char *const zones[] = {
    "Europe/Berlin",     "America/New_York", "Australia/Lord_Howe", "UTC",
    "America/Sao_Paulo", "Asia/Kathmandu",   "Africa/Casablanca",   "Europe/Dublin"};
static const int lows[] = {0, 0, 1, 1, 0}, highs[] = {59, 23, 31, 12, 6};

static uint64_t seeds(void)
{
    const char *text = g_getenv("MUSTER_SEEDS");
    return text ? g_ascii_strtoull(text, NULL, 10) : 60;
}

/* ---- the oracle */

static bool item_matches(const char *item, int value, int low, int high)
{
    int first = low, last = high, step = 1;
    const char *slash = strchr(item, '/'), *dash = strchr(item, '-');
    if (slash)
        step = atoi(slash + 1);
    if (item[0] != '*') {
        first = atoi(item);
        last = dash ? atoi(dash + 1) : slash ? high : first;
    }
    return value >= first && value <= last && (value - first) % step == 0;
}

static bool field_matches(const char *field, int value, int at)
{
    g_auto(GStrv) items = g_strsplit(field, ",", -1);
    for (int i = 0; items[i]; i++)
        if (item_matches(items[i], value, lows[at], highs[at]))
            return true;
    return false;
}

static bool local_matches(char *const *texts, const struct tm *local)
{
    bool day = field_matches(texts[2], local->tm_mday, 2),
         weekday = field_matches(texts[4], local->tm_wday, 4);
    bool stars = texts[2][0] == '*' || texts[4][0] == '*';
    return field_matches(texts[0], local->tm_min, 0) && field_matches(texts[1], local->tm_hour, 1) &&
           field_matches(texts[3], local->tm_mon + 1, 3) && (stars ? day && weekday : day || weekday);
}

/* Local minutes since 1970, by the calendar alone. */
static int64_t local_minute(time_t at, struct tm *ret_local)
{
    localtime_r(&at, ret_local);
    struct tm copy = *ret_local;
    return timegm(&copy) / 60;
}

/* All times in minutes from..until. A fixed schedule: each local minute counts when it is first reached, or
 * passed over. */
static GArray *oracle(const char *expression, int64_t from, int64_t until)
{
    g_auto(GStrv) texts = g_strsplit(expression, " ", -1);
    GArray *found = g_array_new(FALSE, FALSE, sizeof(int64_t));
    bool fixed = texts[0][0] != '*' && texts[1][0] != '*';
    struct tm local;
    int64_t reached = local_minute((time_t)(from - 1) * 60, &local);
    for (int64_t minute = from; minute <= until; minute++) {
        int64_t now = local_minute((time_t)minute * 60, &local), at_ms = minute * 60000;
        bool matches = false;
        if (!fixed)
            matches = local_matches(texts, &local);
        for (int64_t passed = reached + 1; fixed && passed <= now && !matches; passed++) {
            time_t as_utc = (time_t)passed * 60;
            gmtime_r(&as_utc, &local);
            matches = local_matches(texts, &local);
        }
        reached = MAX(reached, now);
        if (matches)
            g_array_append_val(found, at_ms);
    }
    return found;
}

/* ---- random expressions */

static void random_item(Rng *rng, GString *out, int at)
{
    int span = highs[at] - lows[at], first = lows[at] + (int)rng_below(rng, (uint64_t)span + 1);
    int last = first + (int)rng_below(rng, (uint64_t)(highs[at] - first) + 1);
    switch (rng_below(rng, 4)) {
    case 0: g_string_append_printf(out, "%d-%d/%d", first, last, 1 + (int)rng_below(rng, 5)); break;
    case 1: g_string_append_printf(out, "%d-%d", first, last); break;
    default: g_string_append_printf(out, "%d", first); break;
    }
}

static void random_field(Rng *rng, GString *out, int at)
{
    g_string_append_printf(out, "%s", at ? " " : "");
    if (at >= 2 ? rng_below(rng, 3) > 0 : rng_below(rng, 3) == 0) {
        g_string_append(out, rng_below(rng, 3) ? "*" : "*/2");
        return;
    }
    if (at == 1 && rng_below(rng, 2)) { /* where the clocks change */
        g_string_append_printf(out, "%d", (int)rng_below(rng, 4));
        return;
    }
    for (int items = 1 + (int)rng_below(rng, 3), i = 0; i < items; i++) {
        g_string_append(out, i ? "," : "");
        random_item(rng, out, at);
    }
}

static void check_one(Rng *rng, uint64_t seed)
{
    g_autoptr(GString) expression = g_string_new(NULL);
    const char *name = zones[rng_below(rng, G_N_ELEMENTS(zones))];
    g_autoptr(GTimeZone) zone = zone_new(name);
    Cron cron;
    for (int at = 0; at < 5; at++)
        random_field(rng, expression, at);
    if (!cron_parse(view_from(expression->str), &cron, NULL))
        return; /* 31 February */
    g_setenv("TZ", name, TRUE);
    tzset();
    /* some ten days of 2000 to 2036, half of them around the usual changes */
    static const int days[] = {70, 86, 95, 276, 297, 305, 45, 310};
    int64_t day = (int64_t)rng_below(rng, 37) * 36525 / 100 + 10957 +
                  (rng_below(rng, 2) ? days[rng_below(rng, 8)] : (int64_t)rng_below(rng, 366));
    int64_t from = day * 1440 + (int64_t)rng_below(rng, 1440), until = from + 10 * 1440;
    g_autoptr(GArray) expected = oracle(expression->str, from, until);
    int64_t at_ms = from * 60000 - 1;
    for (guint i = 0; i < expected->len; i++) {
        at_ms = cron_next(&cron, zone, at_ms);
        if (at_ms != g_array_index(expected, int64_t, i))
            g_error("seed %" G_GUINT64_FORMAT ": \"%s\" in %s, time %u after minute %" G_GINT64_FORMAT
                    ": %" G_GINT64_FORMAT " instead of %" G_GINT64_FORMAT,
                    seed, expression->str, name, i, from, at_ms, g_array_index(expected, int64_t, i));
    }
    int64_t beyond = cron_next(&cron, zone, at_ms);
    g_assert_true(beyond == CRON_NEVER || beyond > until * 60000);
    int64_t last = cron_latest(&cron, zone, from * 60000 - 1, until * 60000);
    g_assert_cmpint(last, ==, expected->len ? at_ms : CRON_NEVER);
}

static void test_oracle(void)
{
    for (uint64_t seed = 1; seed <= seeds(); seed++) {
        Rng rng = rng_from_seed(seed);
        for (int i = 0; i < 5; i++)
            check_one(&rng, seed);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/spec/property/cron", test_oracle);
    return g_test_run();
}
