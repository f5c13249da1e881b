#include "spec/cron.h"

#include "spec/base/diagnostic.h"
#include "spec/base/units.h"

#define DAY_MINUTES 1440
#define YEARS_MAX   50
/* The calendar repeats itself after 400 years: what matches no day of these matches none. */
#define YEARS_CYCLE 400

/* ---- the language */

typedef struct {
    const char *what;
    int low, high;
    const char *const *names; /* of low, low + 1 …; NULL: none */
} Field;

enum { FIELD_MINUTE, FIELD_HOUR, FIELD_DAY, FIELD_MONTH, FIELD_WEEKDAY, FIELD_COUNT };

static const char *const month_names[] = {"jan", "feb", "mar", "apr", "may", "jun", "jul",
                                          "aug", "sep", "oct", "nov", "dec", NULL};
static const char *const weekday_names[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat", NULL};
static const Field fields[FIELD_COUNT] = {{"minute", 0, 59, NULL},
                                          {"hour", 0, 23, NULL},
                                          {"day of the month", 1, 31, NULL},
                                          {"month", 1, 12, month_names},
                                          {"day of the week", 0, 7, weekday_names}};

static const struct {
    const char *word, *expression;
} words[] = {{"@hourly", "0 * * * *"},  {"@daily", "0 0 * * *"},   {"@midnight", "0 0 * * *"},
             {"@weekly", "0 0 * * 0"},  {"@monthly", "0 0 1 * *"}, {"@yearly", "0 0 1 1 *"},
             {"@annually", "0 0 1 1 *"}};

typedef struct {
    View text;
    CronFault *fault; /* may be NULL */
} CronParser;

/* True is never its result: it ends a parse. */
static bool G_GNUC_PRINTF(4, 5)
    fail(const CronParser *parser, View at, const char *cure, const char *format, ...)
{
    if (!parser->fault)
        return false;
    va_list arguments;
    *parser->fault = (CronFault){.from = (size_t)(at.data - parser->text.data), .len = at.len};
    va_start(arguments, format);
    g_vsnprintf(parser->fault->message, sizeof parser->fault->message, format, arguments);
    va_end(arguments);
    g_strlcpy(parser->fault->cure, cure ? cure : "", sizeof parser->fault->cure);
    return false;
}

static bool value_named(const Field *field, View text, int *ret_value)
{
    for (int i = 0; field->names && field->names[i]; i++)
        if (text.len == 3 && g_ascii_strncasecmp(text.data, field->names[i], 3) == 0) {
            *ret_value = field->low + i;
            return true;
        }
    return false;
}

static bool field_value(const CronParser *parser, const Field *field, View text, int *ret_value)
{
    int64_t value;
    g_autofree char *range = g_strdup_printf("%d to %d are possible%s%s%s", field->low, field->high,
                                             field->names ? ", or a name such as \"" : "",
                                             field->names ? field->names[1] : "", field->names ? "\"" : "");
    if (value_named(field, text, ret_value))
        return true;
    if (text.len == 0)
        return fail(parser, text, range, "the %s has no value here", field->what);
    if (text.len > 9 || !integer_parse(text, &value) || !g_ascii_isdigit(text.data[0]))
        return fail(parser, text, range, "the %s \"%.*s\" is no number", field->what, (int)MIN(text.len, 40),
                    text.data);
    if (value < field->low || value > field->high)
        return fail(parser, text, range, "the %s %d is out of range", field->what, (int)value);
    *ret_value = (int)value;
    return true;
}

static bool field_step(const CronParser *parser, const Field *field, View text, int *ret_step)
{
    int64_t value;
    bool is_number =
        text.len > 0 && text.len <= 9 && g_ascii_isdigit(text.data[0]) && integer_parse(text, &value);
    if (!is_number || value < 1)
        return fail(parser, text, "a step is a number from 1 on: */5 is every fifth",
                    "the %s has a step that is no number from 1 on", field->what);
    if (value > field->high - field->low)
        return fail(parser, text, "a step beyond the field's range never comes to its second value",
                    "the %s has a step of %" G_GINT64_FORMAT ", which is out of range", field->what, value);
    *ret_step = (int)value;
    return true;
}

static bool is_star(View text)
{
    return text.len > 0 && (text.data[0] == '*' || text.data[0] == '?');
}

static View before_byte(View text, char byte, View *ret_rest)
{
    const char *at = text.len ? memchr(text.data, byte, text.len) : NULL;
    *ret_rest = (View){NULL, 0};
    if (!at)
        return text;
    *ret_rest = (View){at + 1, text.len - (size_t)(at + 1 - text.data)};
    return (View){text.data, (size_t)(at - text.data)};
}

/* "5-7" ends with Sunday. */
static bool field_range(const CronParser *parser, const Field *field, View range, bool has_step, int *ret_low,
                        int *ret_high)
{
    View last, first = before_byte(range, '-', &last);
    if (is_star(range)) {
        bool days = field == &fields[FIELD_DAY] || field == &fields[FIELD_WEEKDAY];
        *ret_low = field->low;
        *ret_high = field == &fields[FIELD_WEEKDAY] ? 6 : field->high;
        if (range.len > 1 || (range.data[0] == '?' && !days))
            return fail(parser, range, "a star stands alone, or before a step: */5",
                        "the %s \"%.*s\" is no star, number or range", field->what, (int)MIN(range.len, 40),
                        range.data);
        return true;
    }
    if (!field_value(parser, field, first, ret_low))
        return false;
    *ret_high = has_step ? (field == &fields[FIELD_WEEKDAY] ? 6 : field->high) : *ret_low;
    if (!last.data)
        return true;
    if (!field_value(parser, field, last, ret_high))
        return false;
    if (field == &fields[FIELD_WEEKDAY] && *ret_high == 0 && *ret_low > 0)
        *ret_high = 7; /* fri-sun */
    if (*ret_low <= *ret_high)
        return true;
    g_autofree char *cure = g_strdup_printf("two ranges say it: " VIEW_FMT "-%d,%d-" VIEW_FMT,
                                            VIEW_ARG(first), field->high, field->low, VIEW_ARG(last));
    return fail(parser, range, cure, "the %s has a range that ends before it begins", field->what);
}

static bool field_item(const CronParser *parser, const Field *field, View item, uint64_t *bits)
{
    int low, high, step = 1;
    View step_text, range = before_byte(item, '/', &step_text);
    if (item.len == 0)
        return fail(parser, item, "a list has no empty places", "the %s has an empty place in its list",
                    field->what);
    if (!field_range(parser, field, range, step_text.data, &low, &high) ||
        (step_text.data && !field_step(parser, field, step_text, &step)))
        return false;
    for (int value = low; value <= high; value += step)
        *bits |= UINT64_C(1) << value;
    return true;
}

static bool field_parse(const CronParser *parser, const Field *field, View text, uint64_t *ret_bits)
{
    *ret_bits = 0;
    for (View rest = text; rest.data;) {
        View item = before_byte(rest, ',', &rest);
        if (!field_item(parser, field, item, ret_bits))
            return false;
    }
    return true;
}

static bool is_blank(char byte)
{
    return byte == ' ' || byte == '\t';
}

static size_t text_split(View text, View *ret_fields, size_t max)
{
    size_t len = 0;
    for (size_t i = 0; i < text.len;) {
        while (i < text.len && is_blank(text.data[i]))
            i++;
        size_t start = i;
        while (i < text.len && !is_blank(text.data[i]))
            i++;
        if (i > start && len++ < max)
            ret_fields[len - 1] = (View){text.data + start, i - start};
    }
    return len;
}

static bool word_parse(const CronParser *parser, View text, View *ret_expression)
{
    const char *names[G_N_ELEMENTS(words) + 1] = {NULL};
    for (size_t i = 0; i < G_N_ELEMENTS(words); i++) {
        names[i] = words[i].word;
        if (view_is(text, words[i].word)) {
            *ret_expression = view_from(words[i].expression);
            return true;
        }
    }
    const char *near = suggest_nearest(text, names);
    g_autofree char *cure =
        near ? g_strdup_printf("did you mean \"%s\"?", near)
             : g_strdup("there are @hourly, @daily, @midnight, @weekly, @monthly, @yearly and @annually");
    return fail(parser, text, cure, "\"%.*s\" is no schedule", (int)MIN(text.len, 40), text.data);
}

static bool fields_parse(const CronParser *parser, const View *texts, Cron *ret_cron)
{
    uint64_t bits[FIELD_COUNT];
    for (int i = 0; i < FIELD_COUNT; i++)
        if (!field_parse(parser, &fields[i], texts[i], &bits[i]))
            return false;
    uint64_t weekdays = bits[FIELD_WEEKDAY];
    *ret_cron = (Cron){.minutes = bits[FIELD_MINUTE],
                       .hours = (uint32_t)bits[FIELD_HOUR],
                       .days = (uint32_t)bits[FIELD_DAY],
                       .months = (uint32_t)bits[FIELD_MONTH],
                       .weekdays = (uint8_t)((weekdays & 0x7f) | weekdays >> 7),
                       .is_fixed = !is_star(texts[FIELD_MINUTE]) && !is_star(texts[FIELD_HOUR]),
                       .is_any_day_of = is_star(texts[FIELD_DAY]),
                       .is_any_weekday_of = is_star(texts[FIELD_WEEKDAY])};
    return true;
}

/* ---- the calendar: days since 1970-01-01 */

static int64_t days_from_civil(int64_t year, int month, int day)
{
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t year_of_era = year - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719468;
}

static void civil_from_days(int64_t days, int64_t *ret_year, int *ret_month, int *ret_day)
{
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    int64_t day_of_era = days - era * 146097;
    int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int shifted = (int)((5 * day_of_year + 2) / 153);
    *ret_day = (int)(day_of_year - (153 * shifted + 2) / 5 + 1);
    *ret_month = shifted + (shifted < 10 ? 3 : -9);
    *ret_year = year_of_era + era * 400 + (*ret_month <= 2);
}

static int days_in_month(int64_t year, int month)
{
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return lengths[month - 1] + (month == 2 && is_leap);
}

static bool day_matches(const Cron *cron, int64_t days, int day)
{
    int64_t since_sunday = ((days + 4) % 7 + 7) % 7; /* 1970-01-01 was a Thursday */
    bool by_day = cron->days >> day & 1, by_weekday = cron->weekdays >> since_sunday & 1;
    if (cron->is_any_day_of || cron->is_any_weekday_of)
        return by_day && by_weekday;
    return by_day || by_weekday;
}

/* The first day from `days` on that matches, in at most `years`; false: none. */
static bool day_find(const Cron *cron, int64_t days, int years, int64_t *ret_days)
{
    int64_t year, last;
    int month, day;
    civil_from_days(days, &year, &month, &day);
    last = year + years;
    for (; year <= last; day = 1, year += month == 12, month = month % 12 + 1) {
        if (!(cron->months >> month & 1))
            continue;
        int64_t first = days_from_civil(year, month, 1) - 1;
        for (; day <= days_in_month(year, month); day++)
            if (day_matches(cron, first + day, day)) {
                *ret_days = first + day;
                return true;
            }
    }
    return false;
}

/* The first matching minute of a day from `from` on, as minutes of the day; -1: none. */
static int minute_find(const Cron *cron, int from)
{
    for (int hour = from / 60, minute = from % 60; hour < 24; hour++, minute = 0) {
        uint64_t left = cron->hours >> hour & 1 ? cron->minutes >> minute : 0;
        if (left)
            return hour * 60 + minute + __builtin_ctzll(left);
    }
    return -1;
}

static int64_t floor_divide(int64_t value, int64_t by)
{
    return value / by - (value % by < 0);
}

/* The first local minute (since 1970, by the calendar alone) from `minute` on that matches; false: none. */
static bool local_find(const Cron *cron, int64_t minute, int64_t *ret_minute)
{
    int64_t days = floor_divide(minute, DAY_MINUTES), found;
    int from = (int)(minute - days * DAY_MINUTES);
    if (!day_find(cron, days, YEARS_MAX, &found))
        return false;
    int of_day = minute_find(cron, found == days ? from : 0);
    if (of_day < 0) { /* today is over */
        if (!day_find(cron, days + 1, YEARS_MAX, &found))
            return false;
        of_day = minute_find(cron, 0);
    }
    *ret_minute = found * DAY_MINUTES + of_day;
    return true;
}

bool cron_parse(View text, Cron *ret_cron, CronFault *ret_fault)
{
    CronParser parser = {text, ret_fault};
    View texts[FIELD_COUNT] = {{NULL, 0}}, expression = text;
    int64_t days;
    size_t len = text_split(text, texts, FIELD_COUNT);
    if (len == 1 && texts[0].data[0] == '@') {
        if (!word_parse(&parser, texts[0], &expression))
            return false;
        parser.text = expression;
        len = text_split(expression, texts, FIELD_COUNT);
    }
    if (len != FIELD_COUNT)
        return fail(&parser, text,
                    "minute, hour, day of the month, month, day of the week: \"30 2 * * mon-fri\"",
                    "a schedule has five fields, this has %zu", len);
    if (!fields_parse(&parser, texts, ret_cron))
        return false;
    if (!day_find(ret_cron, 0, YEARS_CYCLE, &days))
        return fail(&parser, texts[FIELD_DAY], "months have 28 to 31 days",
                    "this schedule never comes: no such month has that day");
    return true;
}

/* ---- time zones */

#define ZONE_NAME_MAX 64

static const char *zone_directory(void)
{
    const char *told = g_getenv("TZDIR");
    return told && g_path_is_absolute(told) ? told : "/usr/share/zoneinfo";
}

bool zone_database_exists(void)
{
    g_autofree char *path = g_build_filename(zone_directory(), "Etc", "UTC", NULL);
    return g_file_test(path, G_FILE_TEST_IS_REGULAR);
}

/* GLib takes offsets and POSIX rules as names too; those of tzdata are files. */
static bool zone_is_file(const char *name)
{
    if (!g_ascii_isalpha(name[0]) || strlen(name) > ZONE_NAME_MAX || strstr(name, "..") ||
        g_str_has_prefix(name, "right/"))
        return false;
    g_autofree char *path = g_build_filename(zone_directory(), name, NULL);
    return g_file_test(path, G_FILE_TEST_IS_REGULAR);
}

GTimeZone *zone_new(const char *name)
{
    if (strcmp(name, "UTC") == 0)
        return g_time_zone_new_utc();
    return zone_is_file(name) ? g_time_zone_new_identifier(name) : NULL;
}

/* One level of subdirectories holds all that people mean; America/Argentina and its like are two. */
static void zones_list(const char *prefix, int levels, GPtrArray *names)
{
    g_autofree char *path = g_build_filename(zone_directory(), prefix, NULL);
    g_autoptr(GDir) directory = g_dir_open(path, 0, NULL);
    for (const char *name; directory && (name = g_dir_read_name(directory));) {
        g_autofree char *whole = *prefix ? g_build_filename(prefix, name, NULL) : g_strdup(name);
        g_autofree char *file = g_build_filename(path, name, NULL);
        if (!g_ascii_isupper(name[0]))
            continue; /* posix, right, tables */
        if (!g_file_test(file, G_FILE_TEST_IS_DIR))
            g_ptr_array_add(names, g_steal_pointer(&whole));
        else if (levels > 1)
            zones_list(whole, levels - 1, names);
    }
}

static int compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

char *zone_suggest(const char *name)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    zones_list("", 3, names);
    g_ptr_array_sort(names, compare_names);
    g_ptr_array_add(names, NULL);
    const char *const *all = (const char *const *)(void *)names->pdata;
    const char *near = suggest_nearest(view_from(name), all);
    for (size_t i = 0; !near && all[i]; i++) { /* "Berlin" means the one that ends so */
        const char *slash = strrchr(all[i], '/');
        if (slash && g_ascii_strcasecmp(slash + 1, name) == 0)
            near = all[i];
    }
    return g_strdup(near);
}

/* ---- local time */

static int64_t offset_of(GTimeZone *zone, int interval)
{
    return g_time_zone_get_offset(zone, interval);
}

static int interval_at(GTimeZone *zone, int64_t at_s)
{
    return MAX(g_time_zone_find_interval(zone, G_TIME_TYPE_UNIVERSAL, at_s), 0);
}

/* The first second of a later interval than that of before_s; it is at most at_s. */
static int64_t change_find(GTimeZone *zone, int64_t before_s, int64_t at_s)
{
    int interval = interval_at(zone, before_s);
    while (at_s - before_s > 1) {
        int64_t middle = before_s + (at_s - before_s) / 2;
        if (interval_at(zone, middle) == interval)
            before_s = middle;
        else
            at_s = middle;
    }
    return at_s;
}

#define OFFSET_MAX_S (26 * 60 * 60)

/* The instant at which a fixed local time runs: its first, else the change of the clocks that leaves it out.
 */
static int64_t instant_of(GTimeZone *zone, int64_t local_s)
{
    int64_t before_s = local_s - OFFSET_MAX_S, after_s = local_s + OFFSET_MAX_S;
    int first = interval_at(zone, before_s), last = interval_at(zone, after_s);
    for (int interval = first; interval <= last; interval++) {
        int64_t at_s = local_s - offset_of(zone, interval);
        if (interval_at(zone, at_s) == interval)
            return at_s;
    }
    while (before_s < after_s) {
        before_s = change_find(zone, before_s, after_s);
        if (before_s + offset_of(zone, interval_at(zone, before_s)) > local_s)
            break;
    }
    return before_s;
}

/* Every instant whose local time matches. */
static int64_t next_by_wall(const Cron *cron, GTimeZone *zone, int64_t from_s)
{
    int64_t limit_s = from_s + YEARS_MAX * INT64_C(366) * 86400, minute;
    while (from_s < limit_s) {
        int interval = interval_at(zone, from_s);
        int64_t offset = offset_of(zone, interval);
        if (!local_find(cron, -floor_divide(-(from_s + offset), 60), &minute))
            return CRON_NEVER;
        int64_t at_s = minute * 60 - offset;
        if (interval_at(zone, at_s) == interval)
            return at_s;
        from_s = change_find(zone, from_s, at_s);
    }
    return CRON_NEVER;
}

/* Times in an hour that comes twice belong to its first coming: after it they are passed over. */
static int64_t next_fixed(const Cron *cron, GTimeZone *zone, int64_t after_s)
{
    int64_t local_s = after_s + offset_of(zone, interval_at(zone, after_s)),
            minute = floor_divide(local_s, 60);
    for (;; minute++) {
        if (!local_find(cron, minute, &minute))
            return CRON_NEVER;
        int64_t at_s = instant_of(zone, minute * 60);
        if (at_s > after_s)
            return at_s;
    }
}

int64_t cron_next(const Cron *cron, GTimeZone *zone, int64_t after_ms)
{
    int64_t after_s = floor_divide(after_ms, 1000);
    int64_t at_s = cron->is_fixed ? next_fixed(cron, zone, after_s) : next_by_wall(cron, zone, after_s + 1);
    return at_s == CRON_NEVER ? CRON_NEVER : at_s * 1000;
}

/* Times ascend: there is one after x and by until_ms up to some x, and none from there on. */
int64_t cron_latest(const Cron *cron, GTimeZone *zone, int64_t after_ms, int64_t until_ms)
{
    int64_t low_ms = cron_next(cron, zone, after_ms), high_ms = until_ms;
    if (low_ms == CRON_NEVER || low_ms > until_ms)
        return CRON_NEVER;
    while (low_ms < high_ms) { /* the last one is neither before low_ms nor after high_ms */
        int64_t middle_ms = low_ms + (high_ms - low_ms) / 2, next_ms = cron_next(cron, zone, middle_ms);
        if (next_ms != CRON_NEVER && next_ms <= until_ms)
            low_ms = next_ms;
        else
            high_ms = middle_ms;
    }
    return low_ms;
}
