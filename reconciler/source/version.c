/* version.c: see version.h. */
#include "reconciler/source/version.h"
#include <glib.h>
#include <stdint.h>
#include <string.h>

#define PARTS     3
#define DIGITS    9 /* of a number: fits 64 bits and no version has more */
#define RANGE_MAX 256

typedef struct {
    int64_t number[PARTS];
    int given;    /* numbers that were written: 1.x has 1 */
    char pre[64]; /* without the dash; "": none */
} Version;

static bool is_identifier(char c)
{
    return g_ascii_isalnum(c) || c == '-' || c == '.';
}

/* x, X and * stand for any number. */
static bool is_wild(const char *text)
{
    return (*text == 'x' || *text == 'X' || *text == '*') && !is_identifier(text[1]);
}

/* Numbers without a leading zero, apart by dots; where is set behind them. */
static bool numbers_parse(const char **where, Version *version)
{
    const char *at = *where;
    for (int i = 0; i < PARTS; i++) {
        if (i > 0 && *at != '.')
            break;
        const char *number = i > 0 ? at + 1 : at;
        if (is_wild(number) || ((*number == 'x' || *number == 'X' || *number == '*') && number[1] == '.')) {
            at = number + 1;
            while (*at == '.' && is_wild(at + 1)) /* 1.x.x */
                at += 2;
            *where = at;
            return true;
        }
        size_t len = strspn(number, "0123456789");
        if (len == 0 || len > DIGITS || (len > 1 && *number == '0'))
            return false;
        version->number[i] = g_ascii_strtoll(number, NULL, 10);
        version->given = i + 1;
        at = number + len;
    }
    *where = at;
    return true;
}

/* A version or the front of one, up to the end, a blank, a comma or |. */
static bool version_parse(const char **where, Version *ret_version)
{
    Version version = {0};
    const char *at = *where;
    if (*at == 'v')
        at++;
    if (!numbers_parse(&at, &version))
        return false;
    if (*at == '-') {
        size_t len = 0;
        for (at++; is_identifier(at[len]); len++)
            ;
        if (len == 0 || len >= sizeof version.pre || version.given < PARTS)
            return false;
        memcpy(version.pre, at, len);
        at += len;
    }
    if (*at == '+')
        for (at++; is_identifier(*at); at++)
            ;
    *where = at;
    *ret_version = version;
    return true;
}

/* Identifiers by semver.org 11.4: numbers by value and below words, fewer below more. */
static int compare_pre(const char *a, const char *b)
{
    if (!*a || !*b)
        return (*a == '\0') - (*b == '\0'); /* a release is above its pre-releases */
    g_auto(GStrv) left = g_strsplit(a, ".", -1), right = g_strsplit(b, ".", -1);
    for (size_t i = 0; left[i] || right[i]; i++) {
        if (!left[i] || !right[i])
            return left[i] ? 1 : -1;
        bool is_number[] = {strspn(left[i], "0123456789") == strlen(left[i]),
                            strspn(right[i], "0123456789") == strlen(right[i])};
        int order = strcmp(left[i], right[i]);
        if (is_number[0] != is_number[1])
            return is_number[0] ? -1 : 1;
        if (is_number[0] && strlen(left[i]) != strlen(right[i]))
            order = strlen(left[i]) < strlen(right[i]) ? -1 : 1;
        if (order != 0)
            return order;
    }
    return 0;
}

static int compare(const Version *a, const Version *b)
{
    for (int i = 0; i < PARTS; i++)
        if (a->number[i] != b->number[i])
            return a->number[i] < b->number[i] ? -1 : 1;
    return compare_pre(a->pre, b->pre);
}

/* ---- ranges ---- */

/* What follows an operator, as the half-open interval that it stands for: low <= version < high. */
typedef struct {
    Version low, high;
    bool has_low, has_high;
    Version named; /* as written: whose pre-releases are meant */
} Interval;

/* The first version behind all that share its first `parts` numbers; pre "0" is below every pre-release but
 * the lowest, so that 2.0.0-rc is not in <2. */
static Version next_of(const Version *version, int parts)
{
    Version next = {.given = PARTS};
    for (int i = 0; i < parts; i++)
        next.number[i] = version->number[i];
    next.number[parts - 1]++;
    return next;
}

/* Of version itself: what is exactly equal ends there. */
static Interval interval_of(const char *operator, size_t len, Version version)
{
    Interval all = {.named = version};
    Version behind = version.given > 0 ? next_of(&version, version.given) : version;
    if (version.given == 0)
        return all;
    if (len == 1 && *operator== '^') {
        int first = 0;
        while (first < version.given - 1 && version.number[first] == 0)
            first++;
        return (Interval){version, next_of(&version, first + 1), true, true, version};
    }
    if (len == 1 && *operator== '~')
        return (Interval){version, next_of(&version, MIN(version.given, 2)), true, true, version};
    if (len == 2 && *operator== '>')
        return (Interval){.low = version, .has_low = true, .named = version};
    if (len == 1 && *operator== '>')
        return (Interval){.low = behind, .has_low = true, .named = version};
    if (len == 1 && *operator== '<')
        return (Interval){.high = version, .has_high = true, .named = version};
    if (len == 2 && *operator== '<')
        return (Interval){.high = behind, .has_high = true, .named = version};
    return (Interval){version, behind, true, true, version};
}

/* A whole version that is compared for equality, or from beyond, is itself and nothing else: behind would
 * hold its later builds only, but > 1.2.3-rc.1 must hold 1.2.3-rc.2. */
static bool holds(const char *operator, size_t len, const Version *limit, const Version *version)
{
    if (limit->given == PARTS && !(len == 1 && (*operator== '^' || * operator== '~'))) {
        int order = compare(version, limit);
        if (len == 0 || *operator== '=')
            return order == 0;
        bool is_equal_good = len == 2;
        return (is_equal_good && order == 0) || (*operator== '>' ? order > 0 : order<0);
    }
    Interval interval = interval_of(operator, len, *limit);
    return (!interval.has_low || compare(version, &interval.low) >= 0) &&
           (!interval.has_high || compare(version, &interval.high) < 0);
}

typedef struct {
    const Version *version; /* NULL: only the syntax is asked for */
    bool is_in;             /* some alternative holds */
    bool all, names_pre;    /* of the alternative at hand */
} Check;

static void end_alternative(Check *check)
{
    if (check->version && check->all && (!check->version->pre[0] || check->names_pre))
        check->is_in = true;
    check->all = true;
    check->names_pre = false;
}

static bool is_same_triple(const Version *a, const Version *b)
{
    return memcmp(a->number, b->number, sizeof a->number) == 0;
}

static bool read_comparator(const char **where, Check *check)
{
    const char *operator= * where;
    size_t len = strspn(operator, "<>=^~");
    const char *at = operator+ len;
    Version limit;
    bool is_known =
        len == 0 || (len == 1) || (len == 2 && operator[1] == '=' &&(*operator== '<' || * operator== '>'));
    at += strspn(at, " ");
    if (!is_known || !version_parse(&at, &limit) || (*at && !strchr(" ,|", *at)))
        return false;
    if (check->version) {
        check->all = check->all && holds(operator, len, &limit, check->version);
        check->names_pre |= limit.pre[0] && is_same_triple(&limit, check->version);
    }
    *where = at;
    return true;
}

/* NULL: it is a range. */
static char *range_read(const char *range, Check *check)
{
    size_t comparators = 0;
    check->all = true;
    if (strlen(range) > RANGE_MAX)
        return g_strdup("it is too long");
    for (const char *at = range;;) {
        at += strspn(at, " ,");
        if (*at == '\0' || (at[0] == '|' && at[1] == '|')) {
            if (comparators == 0)
                return g_strdup("it is empty");
            end_alternative(check);
            if (*at == '\0')
                return NULL;
            at += 2;
            comparators = 0;
            continue;
        }
        const char *start = at;
        if (!read_comparator(&at, check))
            return g_strdup_printf("\"%s\" is no comparator and version", start);
        comparators++;
    }
}

char *version_range_fault(const char *range)
{
    Check check = {0};
    return range_read(range, &check);
}

static bool tag_parse(const char *tag, Version *ret_version)
{
    const char *at = tag;
    return version_parse(&at, ret_version) && *at == '\0' && ret_version->given == PARTS;
}

bool version_in_range(const char *tag, const char *range)
{
    Version version;
    if (!tag_parse(tag, &version))
        return false;
    Check check = {.version = &version};
    g_autofree char *fault = range_read(range, &check);
    return !fault && check.is_in;
}

int version_compare(const char *a, const char *b)
{
    Version left = {0}, right = {0};
    tag_parse(a, &left);
    tag_parse(b, &right);
    int order = compare(&left, &right);
    return order ? order : strcmp(a, b);
}
