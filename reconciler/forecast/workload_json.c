/* workload_json.c: one line of a workload as a JSON object, read by hand: a line's members need columns, and
 * ten million lines must not take a tree each. */
#include "reconciler/forecast/durations.h"
#include "reconciler/forecast/workload_reader.h"
#include "spec/base/units.h"

#define NAME_MAX_BYTES  128
#define SHARE_MAX_BYTES 255
#define ARRAY_SIZE_MAX  10000
#define PRIORITY_MAX    9999
#define EXIT_CODE_MAX   255
#define NEED_VCPUS_MAX  100000
#define NEED_MEMORY_MAX INT64_C(1000000000) /* MiB */
#define NEED_GPUS_MAX   10000
#define MEMORY_MIB_MIN  4

typedef struct {
    WorkloadReader *reader;
    View line;
    size_t at;
    GString *unescaped; /* of the last string with escapes; NULL: there was none */
    WorkloadRow row;
    ResourceNeed need;
    unsigned seen; /* bits of members[] */
} Scan;

G_GNUC_PRINTF(4, 5)
static bool fail(Scan *scan, size_t from, const char *detail, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *message = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    size_t width = scan->at > from ? scan->at - from : 0;
    workload_report(scan->reader, from + 1, width, detail, "%s", message);
    return false;
}

/* ---- tokens
 * ------------------------------------------------------------------------------------------------------- */

static bool is_blank(char byte)
{
    return byte == ' ' || byte == '\t' || byte == '\r';
}

static void skip_blanks(Scan *scan)
{
    while (scan->at < scan->line.len && is_blank(scan->line.data[scan->at]))
        scan->at++;
}

/* The next byte that is no blank; 0 at the end. */
static char peek(Scan *scan)
{
    skip_blanks(scan);
    return scan->at < scan->line.len ? scan->line.data[scan->at] : '\0';
}

static bool expect(Scan *scan, char byte, const char *where)
{
    if (peek(scan) != byte)
        return fail(scan, scan->at, NULL, "%c is missing %s", byte, where);
    scan->at++;
    return true;
}

static bool hex4(View text, size_t at, gunichar *ret_value)
{
    gunichar value = 0;
    if (at + 4 > text.len)
        return false;
    for (size_t i = at; i < at + 4; i++) {
        if (!g_ascii_isxdigit(text.data[i]))
            return false;
        value = value * 16 + (gunichar)g_ascii_xdigit_value(text.data[i]);
    }
    *ret_value = value;
    return true;
}

/* After \u: one character, of a surrogate pair where it is one. False: none. */
static bool unescape_unicode(Scan *scan)
{
    gunichar value, low;
    if (!hex4(scan->line, scan->at, &value))
        return false;
    scan->at += 4;
    if (value >= 0xd800 && value < 0xdc00) {
        View line = scan->line;
        if (scan->at + 6 > line.len || line.data[scan->at] != '\\' || line.data[scan->at + 1] != 'u' ||
            !hex4(line, scan->at + 2, &low) || low < 0xdc00 || low > 0xdfff)
            return false;
        value = 0x10000 + ((value - 0xd800) << 10) + (low - 0xdc00);
        scan->at += 6;
    }
    if (value == 0 || !g_unichar_validate(value))
        return false;
    g_string_append_unichar(scan->unescaped, value);
    return true;
}

static bool unescape(Scan *scan)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    char byte = scan->at < scan->line.len ? scan->line.data[scan->at++] : '\0';
    if (byte == 'u')
        return unescape_unicode(scan);
    const char *found = byte ? strchr(from, byte) : NULL;
    if (found)
        g_string_append_c(scan->unescaped, to[found - from]);
    return found != NULL;
}

/* From the first escape on the text is built apart. */
static bool take_escaped(Scan *scan, size_t from, size_t quote, View *ret_text)
{
    const View line = scan->line;
    if (!scan->unescaped)
        scan->unescaped = g_string_new(NULL);
    g_string_truncate(scan->unescaped, 0);
    g_string_append_len(scan->unescaped, line.data + from, (gssize)(scan->at - from));
    while (scan->at < line.len && line.data[scan->at] != '"') {
        char byte = line.data[scan->at++];
        if (byte != '\\') {
            g_string_append_c(scan->unescaped, byte);
        } else if (!unescape(scan)) {
            return fail(scan, scan->at, NULL, "this is no escape that JSON knows");
        }
    }
    if (scan->at >= line.len)
        return fail(scan, quote, NULL, "the string does not end");
    scan->at++;
    *ret_text = (View){scan->unescaped->str, scan->unescaped->len};
    return true;
}

/* *ret_text is good until the next string. */
static bool take_string(Scan *scan, View *ret_text)
{
    const View line = scan->line;
    size_t quote = scan->at, from = ++scan->at;
    while (scan->at < line.len && line.data[scan->at] != '"' && line.data[scan->at] != '\\')
        scan->at++;
    if (scan->at < line.len && line.data[scan->at] == '\\')
        return take_escaped(scan, from, quote, ret_text);
    if (scan->at >= line.len)
        return fail(scan, quote, NULL, "the string does not end");
    *ret_text = (View){line.data + from, scan->at++ - from};
    return true;
}

static View take_word(Scan *scan)
{
    size_t from = scan->at;
    while (scan->at < scan->line.len && !strchr(" \t\r,:{}[]\"", scan->line.data[scan->at]))
        scan->at++;
    return (View){scan->line.data + from, scan->at - from};
}

/* ---- values
 * ------------------------------------------------------------------------------------------------------- */

typedef struct {
    const char *name, *shape; /* shape: "a whole number from 2 to 10,000" */
    int64_t min, max;         /* in units of scale */
    int64_t scale;            /* 1: whole numbers; 1000: decimals that become thousandths */
} NumberRule;

/* A number as it stands, or between quotes where is_text. */
static bool judge_number(Scan *scan, View word, size_t from, const NumberRule *rule, int64_t *ret_value)
{
    int64_t e3;
    bool exact;
    if (!workload_thousandths(word, &e3, &exact))
        return fail(scan, from, NULL, "%s is %s", rule->name, rule->shape);
    int64_t value = rule->scale == 1 ? e3 / 1000 : e3;
    bool is_whole = rule->scale != 1 || (exact && e3 % 1000 == 0);
    if (!is_whole || value < rule->min || value > rule->max ||
        (e3 == 0 && *word.data == '-' && rule->min > 0))
        return fail(scan, from, NULL, "%s is %s", rule->name, rule->shape);
    *ret_value = value;
    return true;
}

static bool take_number(Scan *scan, const NumberRule *rule, int64_t *ret_value)
{
    char first = peek(scan);
    size_t from = scan->at;
    if (first == '"' || first == '{' || first == '[') {
        take_word(scan);
        scan->at = MAX(scan->at, from + 1);
        return fail(scan, from, first == '"' ? "write it without quotes" : NULL, "%s is %s", rule->name,
                    rule->shape);
    }
    return judge_number(scan, take_word(scan), from, rule, ret_value);
}

static bool is_name(View text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!g_ascii_isalnum(text.data[i]) && !(i && strchr("-_", text.data[i])))
            return false;
    return text.len > 0 && text.len <= NAME_MAX_BYTES;
}

static bool is_share(View text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!g_ascii_isalnum(text.data[i]))
            return false;
    return text.len > 0 && text.len <= SHARE_MAX_BYTES;
}

static bool take_text(Scan *scan, const char *name, bool (*is_good)(View), const char *shape,
                      uint32_t *ret_id)
{
    View text;
    if (peek(scan) != '"') {
        size_t from = scan->at;
        take_word(scan);
        return fail(scan, from, NULL, "%s is a string", name);
    }
    size_t from = scan->at;
    if (!take_string(scan, &text))
        return false;
    if (!is_good(text))
        return fail(scan, from, NULL, "%s is %s", name, shape);
    return workload_intern(scan->reader, text, from + 1, ret_id);
}

/* ---- members
 * ------------------------------------------------------------------------------------------------------ */

#define NAME_SHAPE  "1 to 128 letters, digits, - and _, the first a letter or digit"
#define SHARE_SHAPE "1 to 255 letters and digits"

static bool take_queue(Scan *scan)
{
    return take_text(scan, "jobQueue", is_name, NAME_SHAPE, &scan->row.queue);
}

static bool take_definition(Scan *scan)
{
    return take_text(scan, "jobDefinition", is_name, NAME_SHAPE, &scan->row.definition);
}

static bool take_name(Scan *scan)
{
    return take_text(scan, "jobName", is_name, NAME_SHAPE, &scan->row.name);
}

static bool take_share(Scan *scan)
{
    return take_text(scan, "shareIdentifier", is_share, SHARE_SHAPE, &scan->row.share);
}

static bool take_submit(Scan *scan)
{
    static const NumberRule rule = {"submitTime", "a number of seconds, 0 to 4,102,444,800", 0,
                                    WORKLOAD_SECONDS_MAX * 1000, 1000};
    return take_number(scan, &rule, &scan->row.submit_ms);
}

static bool take_duration(Scan *scan)
{
    static const NumberRule rule = {"durationSeconds", "a number of seconds, 0.001 to ten years", 1,
                                    DURATION_MS_MAX, 1000};
    return take_number(scan, &rule, &scan->row.duration_ms);
}

static bool take_array_size(Scan *scan)
{
    static const NumberRule rule = {"arraySize", "a whole number, 2 to 10,000", 2, ARRAY_SIZE_MAX, 1};
    int64_t value = 0;
    bool good = take_number(scan, &rule, &value);
    scan->row.array_size = (int32_t)value;
    return good;
}

static bool take_priority(Scan *scan)
{
    static const NumberRule rule = {"schedulingPriority", "a whole number, 0 to 9,999", 0, PRIORITY_MAX, 1};
    int64_t value = -1;
    bool good = take_number(scan, &rule, &value);
    scan->row.scheduling_priority = (int16_t)value;
    return good;
}

static bool take_exit_code(Scan *scan)
{
    static const NumberRule rule = {"exitCode", "a whole number, 0 to 255", 0, EXIT_CODE_MAX, 1};
    int64_t value = -1;
    bool good = take_number(scan, &rule, &value);
    scan->row.exit_code = (int16_t)value;
    return good;
}

typedef enum { NEED_VCPU, NEED_MEMORY, NEED_GPU, NEED_NONE } NeedType;

static const NumberRule need_rules[] = {
    [NEED_VCPU] = {"VCPU", "a number, 0.25 to 100,000", 250, NEED_VCPUS_MAX * 1000, 1000},
    [NEED_MEMORY] = {"MEMORY", "a whole number of MiB, at least 4", MEMORY_MIB_MIN, NEED_MEMORY_MAX, 1},
    [NEED_GPU] = {"GPU", "a whole number, 1 to 10,000", 1, NEED_GPUS_MAX, 1},
};

static bool set_need(Scan *scan, NeedType type, int64_t value, size_t from)
{
    int64_t *const members[] = {&scan->need.vcpus_e4, &scan->need.memory_mib, &scan->need.gpus};
    if (*members[type])
        return fail(scan, from, "each type at most once: keep one of them", "%s is given twice",
                    need_rules[type].name);
    *members[type] = type == NEED_VCPU ? value * (DECIMAL_SCALE / 1000) : value;
    return true;
}

static bool take_need_type(Scan *scan, NeedType *ret_type)
{
    static const char *const names[] = {"VCPU", "MEMORY", "GPU", NULL};
    View text = {"", 0};
    size_t from = (peek(scan), scan->at);
    if (peek(scan) == '"' && !take_string(scan, &text))
        return false;
    for (int type = NEED_VCPU; type < NEED_NONE; type++)
        if (view_is(text, names[type])) {
            *ret_type = (NeedType)type;
            return true;
        }
    return fail(scan, from, NULL, "type is \"VCPU\", \"MEMORY\" or \"GPU\"");
}

/* The value may stand before its type: it is judged when both are known. */
static bool take_need_value(Scan *scan, char **ret_word, size_t *ret_from)
{
    View word;
    char first = peek(scan);
    *ret_from = scan->at;
    if (first == '"') {
        if (!take_string(scan, &word))
            return false;
    } else {
        word = take_word(scan);
    }
    g_free(*ret_word);
    *ret_word = g_strndup(word.data, word.len);
    return true;
}

static bool take_need_members(Scan *scan, NeedType *type, char **word, size_t *from)
{
    do {
        View key;
        scan->at += peek(scan) == ',';
        if (peek(scan) != '"')
            return fail(scan, scan->at, NULL, "a resource requirement has the members type and value");
        size_t key_from = scan->at;
        if (!take_string(scan, &key))
            return false;
        bool is_type = view_is(key, "type");
        if (!is_type && !view_is(key, "value"))
            return fail(scan, key_from, NULL, "a resource requirement has the members type and value");
        if (!expect(scan, ':', "after a member's name") ||
            !(is_type ? take_need_type(scan, type) : take_need_value(scan, word, from)))
            return false;
    } while (peek(scan) == ',');
    return expect(scan, '}', "after a resource requirement");
}

static bool take_one_need(Scan *scan)
{
    NeedType type = NEED_NONE;
    g_autofree char *word = NULL;
    int64_t value = 0;
    if (!expect(scan, '{', "before a resource requirement"))
        return false;
    size_t open = scan->at - 1, from = open;
    if (!take_need_members(scan, &type, &word, &from))
        return false;
    if (type == NEED_NONE || !word)
        return fail(scan, open, NULL, "a resource requirement has the members type and value");
    return judge_number(scan, view_from(word), from, &need_rules[type], &value) &&
           set_need(scan, type, value, open);
}

static bool take_needs(Scan *scan)
{
    if (!expect(scan, '[', "before the list of resourceRequirements"))
        return false;
    if (peek(scan) == ']') {
        scan->at++;
        return true;
    }
    do {
        scan->at += peek(scan) == ',';
        if (!take_one_need(scan))
            return false;
    } while (peek(scan) == ',');
    return expect(scan, ']', "after the list of resourceRequirements");
}

static const struct {
    const char *name;
    bool (*take)(Scan *scan);
} members[] = {
    {"submitTime", take_submit},        {"jobQueue", take_queue},
    {"jobDefinition", take_definition}, {"jobName", take_name},
    {"arraySize", take_array_size},     {"durationSeconds", take_duration},
    {"shareIdentifier", take_share},    {"schedulingPriority", take_priority},
    {"exitCode", take_exit_code},       {"resourceRequirements", take_needs},
};
#define SUBMIT_TIME 0

static bool fail_unknown(Scan *scan, View key, size_t from)
{
    const char *names[G_N_ELEMENTS(members) + 1];
    for (size_t i = 0; i < G_N_ELEMENTS(members); i++)
        names[i] = members[i].name;
    names[G_N_ELEMENTS(members)] = NULL;
    const char *nearest = suggest_nearest(key, names);
    g_autofree char *shown = g_strndup(key.data, MIN(key.len, NAME_MAX_BYTES));
    g_autofree char *valid = g_utf8_make_valid(shown, -1);
    if (nearest)
        return fail(scan, from, NULL, "a job of a workload has no member \"%s\"; did you mean \"%s\"?", valid,
                    nearest);
    return fail(scan, from, NULL, "a job of a workload has no member \"%s\"", valid);
}

static bool take_member(Scan *scan)
{
    View key;
    if (peek(scan) != '"')
        return fail(scan, scan->at, NULL, "a member's name is missing");
    size_t from = scan->at;
    if (!take_string(scan, &key))
        return false;
    for (size_t i = 0; i < G_N_ELEMENTS(members); i++) {
        if (!view_is(key, members[i].name))
            continue;
        if (scan->seen & 1u << i)
            return fail(scan, from, NULL, "%s is given twice", members[i].name);
        scan->seen |= 1u << i;
        return expect(scan, ':', "after a member's name") && members[i].take(scan);
    }
    return fail_unknown(scan, key, from);
}

static bool take_object(Scan *scan)
{
    if (!expect(scan, '{', "at the start of a job"))
        return false;
    if (peek(scan) == '}') {
        scan->at++;
    } else {
        do {
            scan->at += peek(scan) == ',';
            if (!take_member(scan))
                return false;
        } while (peek(scan) == ',');
        if (!expect(scan, '}', "or a comma after a member"))
            return false;
    }
    if (peek(scan))
        return fail(scan, scan->at, "one object a line", "something follows the job");
    if (!(scan->seen & 1u << SUBMIT_TIME))
        return fail(scan, scan->at, NULL, "submitTime is missing");
    return true;
}

void workload_json_line(WorkloadReader *reader, View line)
{
    Scan scan = {.reader = reader,
                 .line = line,
                 .row = {.duration_ms = -1, .scheduling_priority = -1, .exit_code = -1}};
    if (!g_utf8_validate(line.data, (gssize)line.len, NULL)) {
        workload_report(reader, 0, 0, NULL, "the line is not UTF-8, or has a NUL byte");
        return;
    }
    if (take_object(&scan)) {
        scan.row.need = workload_intern_need(reader, &scan.need);
        workload_add(reader, &scan.row);
    }
    if (scan.unescaped)
        g_string_free(scan.unescaped, TRUE);
}
