#include "spec/base/glob.h"
#include <glib.h>

static void test_patterns(void)
{
    const struct {
        const char *pattern, *text;
        bool is_match;
    } cases[] = {
        {"", "", true},
        {"", "a", false},
        {"*", "", true},
        {"*", "abc", true},
        {"a", "a", true},
        {"a", "ab", false},
        {"ab", "a", false},
        {"a*", "a", true},
        {"*.failed", "job.failed", true},
        {"*.failed", "job.failed.x", false},
        {"a*b*c", "a1b2b3c", true},
        {"a*b*c", "a1b2b3", false},
        {"**a**", "xay", true},
        {"a?c", "abc", false},
        {"[a]", "a", false},
        {"*aab", "aaaab", true},
        {"arn:aws:iam::*:role/x-*", "arn:aws:iam::1:role/x-y", true},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_test_message("%s on %s", cases[i].pattern, cases[i].text);
        g_assert_true(glob_matches(cases[i].pattern, view_from(cases[i].text)) == cases[i].is_match);
    }
    g_assert_true(glob_matches("ab", (View){"abc", 2})); /* no NUL is looked for */
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/glob/patterns", test_patterns);
    return g_test_run();
}
