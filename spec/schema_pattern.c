#include "spec/schema_pattern.h"
#include "spec/schema_automaton.h"

struct Pattern {
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

Pattern *pattern_compile(const char *text, GError **error)
{
    Automaton *automaton = automaton_compile(text);
    if (automaton) {
        Pattern *fast = g_new0(Pattern, 1);
        fast->automaton = automaton;
        return fast;
    }
    g_autofree char *translated = ecma_to_glib(text);
    GRegex *regex = g_regex_new(translated, G_REGEX_OPTIMIZE | G_REGEX_DOLLAR_ENDONLY, 0, error);
    if (!regex)
        return NULL;
    Pattern *pattern = g_new0(Pattern, 1);
    pattern->regex = regex;
    return pattern;
}

void pattern_free(Pattern *pattern)
{
    if (!pattern)
        return;
    automaton_free(pattern->automaton);
    g_clear_pointer(&pattern->regex, g_regex_unref);
    g_free(pattern);
}

bool pattern_matches(const Pattern *pattern, View text)
{
    if (pattern->automaton)
        return automaton_matches(pattern->automaton, text);
    return g_regex_match_full(pattern->regex, text.data, (gssize)text.len, 0, 0, NULL, NULL);
}

bool pattern_is_fast(const Pattern *pattern)
{
    return pattern->automaton != NULL;
}
