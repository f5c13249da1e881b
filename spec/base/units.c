#include "spec/base/units.h"

#define MS_PER_SECOND INT64_C(1000)
#define MS_PER_MINUTE (60 * MS_PER_SECOND)
#define MS_PER_HOUR   (60 * MS_PER_MINUTE)
#define MS_PER_DAY    (24 * MS_PER_HOUR)

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Reads digits from *position on; at least one. */
static bool take_number(View text, size_t *position, int64_t *ret_value)
{
    size_t at = *position;
    int64_t value = 0;
    if (at >= text.len || !is_digit(text.data[at]))
        return false;
    for (; at < text.len && is_digit(text.data[at]); at++)
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, text.data[at] - '0', &value))
            return false;
    *position = at;
    *ret_value = value;
    return true;
}

static int64_t take_unit(View text, size_t *position)
{
    static const struct {
        View name;
        int64_t ms;
    } units[] = {{VIEW("ms"), 1},
                 {VIEW("s"), MS_PER_SECOND},
                 {VIEW("m"), MS_PER_MINUTE},
                 {VIEW("h"), MS_PER_HOUR},
                 {VIEW("d"), MS_PER_DAY}};
    for (size_t i = 0; i < G_N_ELEMENTS(units); i++) {
        View rest = {text.data + *position, text.len - *position};
        if (rest.len >= units[i].name.len && memcmp(rest.data, units[i].name.data, units[i].name.len) == 0) {
            *position += units[i].name.len;
            return units[i].ms;
        }
    }
    return 0;
}

bool duration_parse(View text, int64_t *ret_ms)
{
    int64_t total = 0;
    int64_t smallest = INT64_MAX;
    size_t position = 0;
    if (text.len == 0)
        return false;
    while (position < text.len) {
        int64_t value;
        if (!take_number(text, &position, &value))
            return false;
        bool plain = position == text.len && smallest == INT64_MAX;
        int64_t unit = plain ? MS_PER_SECOND : take_unit(text, &position);
        if (unit == 0 || unit >= smallest) /* "10m2h": units must fall */
            return false;
        smallest = unit;
        if (__builtin_mul_overflow(value, unit, &value) || __builtin_add_overflow(total, value, &total))
            return false;
    }
    *ret_ms = total;
    return true;
}

char *duration_print(int64_t ms)
{
    if (ms % MS_PER_SECOND)
        return g_strdup_printf("%" G_GINT64_FORMAT "ms", ms);
    if (ms && ms % MS_PER_DAY == 0)
        return g_strdup_printf("%" G_GINT64_FORMAT "d", ms / MS_PER_DAY);
    if (ms && ms % MS_PER_HOUR == 0)
        return g_strdup_printf("%" G_GINT64_FORMAT "h", ms / MS_PER_HOUR);
    if (ms && ms % MS_PER_MINUTE == 0)
        return g_strdup_printf("%" G_GINT64_FORMAT "m", ms / MS_PER_MINUTE);
    return g_strdup_printf("%" G_GINT64_FORMAT "s", ms / MS_PER_SECOND);
}

static char *two_units(int64_t ms, int64_t big, const char *big_name, int64_t small, const char *small_name)
{
    int64_t rest = ms % big / small;
    if (rest == 0)
        return g_strdup_printf("%" G_GINT64_FORMAT " %s", ms / big, big_name);
    return g_strdup_printf("%" G_GINT64_FORMAT " %s %" G_GINT64_FORMAT " %s", ms / big, big_name, rest,
                           small_name);
}

char *duration_human(int64_t ms)
{
    if (ms < 0) {
        g_autofree char *positive = duration_human(ms == INT64_MIN ? INT64_MAX : -ms);
        return g_strconcat("-", positive, NULL);
    }
    if (ms < MS_PER_SECOND)
        return g_strdup_printf("%" G_GINT64_FORMAT " ms", ms);
    if (ms < MS_PER_MINUTE)
        return g_strdup_printf("%" G_GINT64_FORMAT " s", ms / MS_PER_SECOND);
    if (ms < MS_PER_HOUR)
        return g_strdup_printf("%" G_GINT64_FORMAT " min", ms / MS_PER_MINUTE);
    if (ms < MS_PER_DAY)
        return two_units(ms, MS_PER_HOUR, "h", MS_PER_MINUTE, "min");
    return two_units(ms, MS_PER_DAY, "d", MS_PER_HOUR, "h");
}

bool decimal_parse(View text, int64_t *ret_e4)
{
    size_t position = 0;
    bool negative = text.len > 0 && text.data[0] == '-';
    if (text.len > 0 && (text.data[0] == '-' || text.data[0] == '+'))
        position++;
    int64_t whole;
    if (!take_number(text, &position, &whole) || __builtin_mul_overflow(whole, DECIMAL_SCALE, &whole))
        return false;
    int64_t fraction = 0;
    if (position < text.len && text.data[position] == '.') {
        int64_t place = DECIMAL_SCALE / 10;
        if (++position == text.len)
            return false;
        for (; position < text.len && is_digit(text.data[position]); position++) {
            int digit = text.data[position] - '0';
            if (place == 0 && digit != 0)
                return false;
            fraction += digit * place;
            place /= 10;
        }
    }
    if (position != text.len || __builtin_add_overflow(whole, fraction, &whole))
        return false;
    *ret_e4 = negative ? -whole : whole;
    return true;
}

char *decimal_print(int64_t e4)
{
    uint64_t magnitude = e4 < 0 ? 0 - (uint64_t)e4 : (uint64_t)e4;
    uint64_t whole = magnitude / DECIMAL_SCALE;
    uint64_t fraction = magnitude % DECIMAL_SCALE;
    const char *sign = e4 < 0 ? "-" : "";
    if (fraction == 0)
        return g_strdup_printf("%s%" G_GUINT64_FORMAT, sign, whole);
    int digits = 4;
    for (; fraction % 10 == 0; fraction /= 10)
        digits--;
    return g_strdup_printf("%s%" G_GUINT64_FORMAT ".%0*" G_GUINT64_FORMAT, sign, whole, digits, fraction);
}

bool integer_parse(View text, int64_t *ret_value)
{
    size_t position = text.len > 0 && (text.data[0] == '-' || text.data[0] == '+');
    bool negative = position && text.data[0] == '-';
    int64_t value = 0;
    if (position == text.len)
        return false;
    /* Counted downwards, since the most negative number has no positive twin. */
    for (; position < text.len; position++) {
        char c = text.data[position];
        if (!is_digit(c) || __builtin_mul_overflow(value, 10, &value) ||
            __builtin_sub_overflow(value, c - '0', &value))
            return false;
    }
    if (!negative && value == INT64_MIN)
        return false;
    *ret_value = negative ? value : -value;
    return true;
}

char *integer_human(int64_t value)
{
    uint64_t magnitude = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    g_autofree char *digits = g_strdup_printf("%" G_GUINT64_FORMAT, magnitude);
    size_t len = strlen(digits);
    GString *text = g_string_new(value < 0 ? "-" : NULL);
    for (size_t i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0)
            g_string_append_c(text, ',');
        g_string_append_c(text, digits[i]);
    }
    return g_string_free(text, FALSE);
}

void integer_append(GString *out, int64_t value)
{
    char text[24];
    char *at = text + sizeof text;
    uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    do {
        *--at = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest);
    if (value < 0)
        *--at = '-';
    g_string_append_len(out, at, text + sizeof text - at);
}
