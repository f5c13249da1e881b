#include "spec/schema_pattern.h"
#include "spec/base/rng.h"

/* Our automaton against GLib's regex, on random texts over the characters that the patterns speak of. */
static const char *const patterns[] = {
    "^[A-Za-z0-9_-]{1,255}$",
    "^[a-z]{2}(-[a-z]+)+-[0-9]+$",
    "^[A-Za-z0-9.:\\s]*\\*?$",
    "^([0-9]+|\\$Latest|\\$Default|)$",
    "^([0-9]+|[0-9]*:[0-9]*)$",
    "^[A-Za-z0-9]([A-Za-z0-9_./-]{0,6}[A-Za-z0-9])?$",
    "^0*([1-9][0-9]*|(0|[1-9][0-9]*)\\.[0-9]*[1-9][0-9]*|[1-9][0-9]*\\.0+)$",
    "^([0-9]+(ms|s|m|h|d))+$|^[0-9]+$",
    "^(@(hourly|daily)|\\S+(\\s+\\S+){4})$",
    "^arn:",
    "a.b",
    "^a|b$",
    "(^a|b)+$",
    "x*y+z?$",
    "^$",
    "",
    "(a*)*b",
    "a{2,3}b{0,1}c{2,}",
    "^(?:ab|a)(?:bc|c)?$",
    "[^a-c0-9]$",
    "m??s+?$",
};

static char *random_text(Rng *rng)
{
    static const char letters[] = "aabbcxyzmshd0019.:-_$ *@rn/\tLZé";
    GString *text = g_string_new(NULL);
    size_t len = (size_t)rng_below(rng, 10);
    for (size_t i = 0; i < len; i++) {
        const char *at = letters + rng_below(rng, sizeof letters - 2);
        if ((unsigned char)*at >= 0x80)
            g_string_append(text, "é");
        else
            g_string_append_c(text, *at);
    }
    return g_string_free(text, FALSE);
}

static void test_against_regex(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(patterns); i++) {
        Rng rng = rng_from_seed(i + 1);
        g_autoptr(GRegex) regex = g_regex_new(patterns[i], G_REGEX_DOLLAR_ENDONLY, 0, NULL);
        g_autoptr(Pattern) pattern = pattern_compile(patterns[i], NULL);
        g_assert_nonnull(regex);
        g_assert_true(pattern_is_fast(pattern));
        for (int j = 0; j < 4000; j++) {
            g_autofree char *text = random_text(&rng);
            bool wanted = g_regex_match(regex, text, 0, NULL);
            if (pattern_matches(pattern, view_from(text)) != wanted)
                g_error("%s on \"%s\": %s wanted", patterns[i], text, wanted ? "a match" : "none");
        }
    }
}

static void test_falls_back(void)
{
    static const char *const slow[] = {"(?=a)b", "(a)\\1", "\\bx", "[é]", "(?<n>a)", "a{1,1500}b{1,1500}"};
    for (size_t i = 0; i < G_N_ELEMENTS(slow); i++) {
        g_autoptr(Pattern) pattern = pattern_compile(slow[i], NULL);
        g_assert_nonnull(pattern);
        g_assert_false(pattern_is_fast(pattern));
    }
    g_autoptr(Pattern) twice = pattern_compile("^(a+)\\1$", NULL);
    g_assert_true(pattern_matches(twice, VIEW("aaaa")));
    g_assert_false(pattern_matches(twice, VIEW("aaa")));
}

static void test_refused(void)
{
    static const char *const bad[] = {"(", "a)", "[a", "*a", "a{2,1}", "a**"};
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(Pattern) pattern = pattern_compile(bad[i], &error);
        g_assert_null(pattern);
        g_assert_nonnull(error);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/pattern/against-regex", test_against_regex);
    g_test_add_func("/pattern/falls-back", test_falls_back);
    g_test_add_func("/pattern/refused", test_refused);
    return g_test_run();
}
