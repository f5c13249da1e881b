#include "reconciler/forecast/words.h"

#define MS_PER_MINUTE 60000
#define MICRO         1000000
#define MICRO_CENT    10000
#define E3_HUNDREDTH  10

static char *format_time(int64_t at_ms, const char *format)
{
    g_autoptr(GDateTime) time = g_date_time_new_from_unix_utc(at_ms / 1000);
    return time ? g_date_time_format(time, format) : g_strdup("-");
}

char *words_time(int64_t at_ms)
{
    static const char *const days[] = {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};
    g_autoptr(GDateTime) time = g_date_time_new_from_unix_utc(at_ms / 1000);
    if (!time)
        return g_strdup("-");
    g_autofree char *clock = g_date_time_format(time, "%H:%M:%S");
    return g_strdup_printf("%s %s", days[g_date_time_get_day_of_week(time) - 1], clock);
}

char *words_date(int64_t at_ms)
{
    return format_time(at_ms, "%Y-%m-%d %H:%M");
}

char *words_duration(int64_t ms)
{
    return ms < 0 ? g_strdup("-") : duration_human(ms);
}

char *words_money(int64_t micro, const char *currency)
{
    if (micro < 0 || !currency)
        return g_strdup("unknown");
    int64_t cents = (micro + MICRO_CENT / 2) / MICRO_CENT;
    g_autofree char *whole = integer_human(cents / 100);
    bool is_dollar = strcmp(currency, "USD") == 0;
    if (micro > 0 && cents < 10) /* a hundredth says nothing of what costs less */
        return g_strdup_printf("%s%s0.%06" G_GINT64_FORMAT, is_dollar ? "$" : currency, is_dollar ? "" : " ",
                               micro);
    return g_strdup_printf("%s%s%s.%02" G_GINT64_FORMAT, is_dollar ? "$" : currency, is_dollar ? "" : " ",
                           whole, cents % 100);
}

char *words_percent(int64_t ratio)
{
    if (ratio < 0)
        return g_strdup("-");
    int64_t tenths = (ratio + 5) / 10;
    return g_strdup_printf("%" G_GINT64_FORMAT ".%" G_GINT64_FORMAT " %%", tenths / 10, tenths % 10);
}

char *words_slowdown(int64_t e3)
{
    if (e3 <= 0)
        return g_strdup("-");
    int64_t hundredths = (e3 + E3_HUNDREDTH / 2) / E3_HUNDREDTH;
    g_autofree char *whole = integer_human(hundredths / 100);
    return g_strdup_printf("%s.%02" G_GINT64_FORMAT, whole, hundredths % 100);
}

char *words_vcpus(int64_t vcpus_e4)
{
    if (vcpus_e4 % DECIMAL_SCALE)
        return decimal_print(vcpus_e4);
    return integer_human(vcpus_e4 / DECIMAL_SCALE);
}

char *words_need(const ResourceNeed *need)
{
    g_autofree char *vcpus = words_vcpus(need->vcpus_e4), *memory = integer_human(need->memory_mib);
    if (!need->gpus)
        return g_strdup_printf("%s vCPU, %s MiB", vcpus, memory);
    g_autofree char *gpus = integer_human(need->gpus);
    return g_strdup_printf("%s vCPU, %s MiB, %s GPU", vcpus, memory, gpus);
}

bool money_is_known(const ResultMoney *money)
{
    return money->micro > 0 || money->unpriced == 0;
}

char *words_paid(const ResultMoney *money)
{
    g_autofree char *known = words_money(money->micro, money->currency);
    g_autofree char *most = words_money(money->most_micro, money->currency);
    if (money->unpriced == 0)
        return g_steal_pointer(&known);
    if (!money_is_known(money))
        return money->most_micro < 0 ? g_strdup("unknown") : g_strdup_printf("at most %s", most);
    return money->most_micro < 0 ? g_strdup_printf("at least %s", known)
                                 : g_strdup_printf("at least %s, at most %s", known, most);
}

char *words_cost(const SimulationResult *result)
{
    if (!result->costs_len)
        return g_strdup(result->unpriced ? "unknown" : "nothing");
    GString *out = g_string_new(NULL);
    int64_t unpriced = 0;
    for (size_t i = 0; i < result->costs_len; i++) {
        g_autofree char *paid = words_paid(&result->costs[i].money);
        g_string_append_printf(out, "%s%s", i ? " and " : "", paid);
        unpriced += result->costs[i].money.unpriced;
    }
    if (unpriced < result->unpriced) /* in a currency of which nothing is known */
        g_string_append(out, " and what is unknown");
    return g_string_free(out, FALSE);
}
