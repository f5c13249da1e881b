#include "spec/schema_pattern.h"
#include "spec/schema_automaton.h"
#include <stdint.h>

/* Made when first matched: working out all automata takes ten times as long as all else that a short command
 * does, and it needs few or none. */
struct Pattern {
    char *text;
    gsize is_made;
    Automaton *automaton; /* or: */
    GRegex *regex;
};

/* \d, \w and \s of ECMA-262 without its unicode sets: GLib's would take every script's digits. */
static char *ecma_to_glib(const char *text)
{
    GString *out = g_string_new(NULL);
    bool in_class = false;
    for (const char *at = text; *at; at++) {
        if (*at == '\\' && at[1]) {
            at++;
            const char *ascii = *at == 'd' ? "0-9" : *at == 'w' ? "A-Za-z0-9_" : NULL;
            if (ascii)
                g_string_append_printf(out, in_class ? "%s" : "[%s]", ascii);
            else if (*at == 'D' && !in_class)
                g_string_append(out, "[^0-9]");
            else if (*at == 'W' && !in_class)
                g_string_append(out, "[^A-Za-z0-9_]");
            else
                g_string_append_printf(out, "\\%c", *at);
            continue;
        }
        if (*at == '[')
            in_class = true;
        else if (*at == ']')
            in_class = false;
        g_string_append_c(out, *at);
    }
    return g_string_free(out, FALSE);
}

/* What PCRE's compiled code reads beyond a text it drops again, but memcheck cannot know. */
#ifdef PATTERN_NO_JIT
#define REGEX_OPTIMIZE 0
#else
#define REGEX_OPTIMIZE G_REGEX_OPTIMIZE
#endif

static GRegex *regex_new(const char *text, GError **error)
{
    g_autofree char *translated = ecma_to_glib(text);
    return g_regex_new(translated, REGEX_OPTIMIZE | G_REGEX_DOLLAR_ENDONLY, 0, error);
}

Pattern *pattern_compile(const char *text, GError **error)
{
    GRegex *regex = NULL;
    if (!automaton_parses(text) && !(regex = regex_new(text, error)))
        return NULL;
    Pattern *pattern = g_new0(Pattern, 1);
    pattern->text = g_strdup(text);
    pattern->regex = regex;
    pattern->is_made = regex != NULL;
    return pattern;
}

/* A pattern that parses is a regular expression, so the way out for one with too many states cannot fail. */
static void pattern_make(Pattern *pattern)
{
    g_autoptr(GError) error = NULL;
    pattern->automaton = automaton_compile(pattern->text);
    if (!pattern->automaton)
        pattern->regex = regex_new(pattern->text, &error);
    if (!pattern->automaton && !pattern->regex)
        g_error("pattern %s: %s", pattern->text, error->message);
}

/* Patterns are shared by threads and the same to all who look; only whether they are worked out changes. */
static const Pattern *pattern_made(const Pattern *shared)
{
    Pattern *pattern = (Pattern *)(uintptr_t)shared;
    if (g_once_init_enter(&pattern->is_made)) {
        pattern_make(pattern);
        g_once_init_leave(&pattern->is_made, 1);
    }
    return pattern;
}

void pattern_free(Pattern *pattern)
{
    if (!pattern)
        return;
    automaton_free(pattern->automaton);
    g_clear_pointer(&pattern->regex, g_regex_unref);
    g_free(pattern->text);
    g_free(pattern);
}

bool pattern_matches(const Pattern *shared, View text)
{
    const Pattern *pattern = pattern_made(shared);
    if (pattern->automaton)
        return automaton_matches(pattern->automaton, text);
    return g_regex_match_full(pattern->regex, text.data, (gssize)text.len, 0, 0, NULL, NULL);
}

bool pattern_is_fast(const Pattern *shared)
{
    return pattern_made(shared)->automaton != NULL;
}
