/* ignore.c: see ignore.h; the rules are those of gitignore(5). */
#include "reconciler/source/ignore.h"
#include <glib.h>

#define RULES_MAX   10000 /* of one file */
#define PATTERN_MAX 1024  /* bytes */
#define STEPS_MAX   20000 /* of matching one pattern against one path: a pattern beyond that does not match */

typedef struct {
    char *pattern;
    bool is_negated, is_directory_only, is_anchored;
} Rule;

struct Ignore {
    const Ignore *parent;
    char *base;
    GArray *rules;
};

static void rule_clear(void *rule)
{
    g_free(((Rule *)rule)->pattern);
}

/* Blanks at the end count only when escaped. */
static size_t trimmed_len(const char *line, size_t len)
{
    if (len > 0 && line[len - 1] == '\r')
        len--;
    while (len > 0 && (line[len - 1] == ' ' || line[len - 1] == '\t') && !(len > 1 && line[len - 2] == '\\'))
        len--;
    return len;
}

static void add_rule(Ignore *ignore, const char *line, size_t len)
{
    Rule rule = {0};
    len = trimmed_len(line, len);
    if (len == 0 || line[0] == '#' || len > PATTERN_MAX || ignore->rules->len >= RULES_MAX)
        return;
    if (line[0] == '!') {
        rule.is_negated = true;
        line++;
        len--;
    }
    if (len > 0 && line[len - 1] == '/') {
        rule.is_directory_only = true;
        len--;
    }
    rule.is_anchored = len > 0 && memchr(line, '/', len) != NULL;
    if (len > 0 && line[0] == '/') {
        line++;
        len--;
    }
    if (len == 0)
        return;
    rule.pattern = g_strndup(line, len);
    g_array_append_val(ignore->rules, rule);
}

Ignore *ignore_new(const Ignore *parent, const char *base, View text)
{
    Ignore *ignore = g_new0(Ignore, 1);
    ignore->parent = parent;
    ignore->base = g_strdup(base);
    ignore->rules = g_array_new(FALSE, FALSE, sizeof(Rule));
    g_array_set_clear_func(ignore->rules, rule_clear);
    for (size_t start = 0; start < text.len;) {
        const char *newline = memchr(text.data + start, '\n', text.len - start);
        size_t end = newline ? (size_t)(newline - text.data) : text.len;
        add_rule(ignore, text.data + start, end - start);
        start = end + 1;
    }
    return ignore;
}

void ignore_free(Ignore *ignore)
{
    if (!ignore)
        return;
    g_free(ignore->base);
    g_array_unref(ignore->rules);
    g_free(ignore);
}

/* ---- matching
 * ----------------------------------------------------------------------------------------------------- */

static bool in_class_named(const char *name, size_t len, char byte)
{
    static const struct {
        const char *name;
        GAsciiType type;
    } classes[] = {{"alnum", G_ASCII_ALNUM}, {"alpha", G_ASCII_ALPHA},  {"digit", G_ASCII_DIGIT},
                   {"lower", G_ASCII_LOWER}, {"upper", G_ASCII_UPPER},  {"space", G_ASCII_SPACE},
                   {"punct", G_ASCII_PUNCT}, {"xdigit", G_ASCII_XDIGIT}};
    for (size_t i = 0; i < G_N_ELEMENTS(classes); i++)
        if (strlen(classes[i].name) == len && memcmp(classes[i].name, name, len) == 0)
            return (g_ascii_table[(unsigned char)byte] & classes[i].type) != 0;
    return false;
}

/* at stands behind '['. Sets *ret_end behind ']'; NULL when the class has no end: then '[' is itself. */
static bool class_matches(const char *at, char byte, const char **ret_end)
{
    bool is_negated = *at == '!' || *at == '^', is_found = false;
    at += is_negated;
    const char *first = at;
    *ret_end = NULL;
    while (*at && (*at != ']' || at == first)) {
        if (at[0] == '[' && at[1] == ':') {
            const char *stop = strstr(at + 2, ":]");
            if (stop) {
                is_found |= in_class_named(at + 2, (size_t)(stop - at - 2), byte);
                at = stop + 2;
                continue;
            }
        }
        if (*at == '\\' && at[1])
            at++;
        unsigned char low = (unsigned char)*at++, high = low;
        if (at[0] == '-' && at[1] && at[1] != ']') {
            at++;
            if (*at == '\\' && at[1])
                at++;
            high = (unsigned char)*at++;
        }
        is_found |= (unsigned char)byte >= low && (unsigned char)byte <= high;
    }
    if (*at != ']')
        return false;
    *ret_end = at + 1;
    return is_found != is_negated;
}

typedef struct {
    int steps;
} Budget;

static bool matches(const char *pattern, const char *path, Budget *budget);

/* "**" between slashes: any number of directories, none included. rest stands behind it. */
static bool matches_directories(const char *rest, const char *path, Budget *budget)
{
    if (*rest == '\0')
        return true;
    rest++; /* its '/' */
    for (;;) {
        if (matches(rest, path, budget))
            return true;
        path = strchr(path, '/');
        if (!path)
            return false;
        path++;
    }
}

static bool matches_star(const char *rest, const char *path, Budget *budget)
{
    for (;; path++) {
        if (matches(rest, path, budget))
            return true;
        if (*path == '\0' || *path == '/')
            return false;
    }
}

/* One byte of path against one element of pattern; *ret_next stands behind the element. */
static bool matches_one(const char *pattern, char byte, const char **ret_next)
{
    *ret_next = pattern + 1;
    if (*pattern == '?')
        return byte != '\0' && byte != '/';
    if (*pattern == '[') {
        const char *end;
        bool is_member = class_matches(pattern + 1, byte, &end);
        if (end) {
            *ret_next = end;
            return is_member && byte != '\0' && byte != '/';
        }
    }
    if (*pattern == '\\' && pattern[1]) {
        *ret_next = pattern + 2;
        return pattern[1] == byte;
    }
    return *pattern == byte;
}

static bool matches(const char *pattern, const char *path, Budget *budget)
{
    const char *start = pattern;
    while (*pattern) {
        if (--budget->steps < 0)
            return false;
        bool is_segment_start = pattern == start || pattern[-1] == '/';
        if (pattern[0] == '*' && pattern[1] == '*' && is_segment_start && (pattern[2] == '/' || !pattern[2]))
            return matches_directories(pattern + 2, path, budget);
        if (*pattern == '*') {
            while (pattern[1] == '*')
                pattern++;
            return matches_star(pattern + 1, path, budget);
        }
        const char *next;
        if (!matches_one(pattern, *path, &next) || *path == '\0')
            return false;
        pattern = next;
        path++;
    }
    return *path == '\0';
}

static bool rule_matches(const Rule *rule, const char *path, IgnoreType type)
{
    if (rule->is_directory_only && type != IGNORE_DIRECTORY)
        return false;
    const char *slash = strrchr(path, '/');
    const char *subject = rule->is_anchored || !slash ? path : slash + 1;
    Budget budget = {STEPS_MAX};
    return matches(rule->pattern, subject, &budget);
}

/* path as seen from base; NULL when it does not lie below. */
static const char *below(const char *base, const char *path)
{
    size_t len = strlen(base);
    if (len == 0)
        return path;
    return strncmp(base, path, len) == 0 && path[len] == '/' ? path + len + 1 : NULL;
}

bool ignore_matches(const Ignore *ignore, const char *path, IgnoreType type)
{
    for (; ignore; ignore = ignore->parent) {
        const char *relative = below(ignore->base, path);
        for (guint i = ignore->rules->len; relative && i-- > 0;) {
            const Rule *rule = &g_array_index(ignore->rules, Rule, i);
            if (rule_matches(rule, relative, type))
                return !rule->is_negated;
        }
    }
    return false;
}
