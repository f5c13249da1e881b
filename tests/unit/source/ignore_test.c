#include "reconciler/source/ignore.h"
#include <glib.h>

typedef struct {
    const char *rules, *path;
    IgnoreType type;
    bool expected;
} Case;

static const Case cases[] = {
    {"", "a.yaml", IGNORE_FILE, false},
    {"# a.yaml\n\n", "a.yaml", IGNORE_FILE, false},
    {"a.yaml", "a.yaml", IGNORE_FILE, true},
    {"a.yaml", "deep/er/a.yaml", IGNORE_FILE, true},
    {"/a.yaml", "a.yaml", IGNORE_FILE, true},
    {"/a.yaml", "deep/a.yaml", IGNORE_FILE, false},
    {"deep/a.yaml", "deep/a.yaml", IGNORE_FILE, true},
    {"deep/a.yaml", "very/deep/a.yaml", IGNORE_FILE, false},
    {"*.yaml", "x/b.yaml", IGNORE_FILE, true},
    {"*.yaml\n!keep.yaml", "keep.yaml", IGNORE_FILE, false},
    {"!keep.yaml\n*.yaml", "keep.yaml", IGNORE_FILE, true},
    {"tmp/", "tmp", IGNORE_DIRECTORY, true},
    {"tmp/", "tmp", IGNORE_FILE, false},
    {"a?c", "abc", IGNORE_FILE, true},
    {"a?c", "a/c", IGNORE_FILE, false},
    {"x/*", "x/y", IGNORE_FILE, true},
    {"x/*", "x/y/z", IGNORE_FILE, false},
    {"**/logs", "a/b/logs", IGNORE_DIRECTORY, true},
    {"**/logs", "logs", IGNORE_DIRECTORY, true},
    {"logs/**", "logs/a/b", IGNORE_FILE, true},
    {"a/**/b", "a/b", IGNORE_FILE, true},
    {"a/**/b", "a/x/y/b", IGNORE_FILE, true},
    {"a/**/b", "a/x/y/c", IGNORE_FILE, false},
    {"a**b", "axxb", IGNORE_FILE, true},
    {"[ab].json", "b.json", IGNORE_FILE, true},
    {"[!ab].json", "b.json", IGNORE_FILE, false},
    {"[a-c]x", "bx", IGNORE_FILE, true},
    {"[[:digit:]]x", "7x", IGNORE_FILE, true},
    {"[[:digit:]]x", "ax", IGNORE_FILE, false},
    {"[]]x", "]x", IGNORE_FILE, true},
    {"[x", "[x", IGNORE_FILE, true},
    {"\\!a", "!a", IGNORE_FILE, true},
    {"\\#a", "#a", IGNORE_FILE, true},
    {"a\\*", "a*", IGNORE_FILE, true},
    {"a\\*", "ab", IGNORE_FILE, false},
    {"a.yaml   ", "a.yaml", IGNORE_FILE, true},
    {"a\\ ", "a ", IGNORE_FILE, true},
    {"a.yaml\r\n", "a.yaml", IGNORE_FILE, true},
    {"/", "a", IGNORE_FILE, false},
    {"*", ".hidden", IGNORE_FILE, true},
};

static void test_table(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        Ignore *ignore = ignore_new(NULL, "", view_from(cases[i].rules));
        if (ignore_matches(ignore, cases[i].path, cases[i].type) != cases[i].expected)
            g_error("rules \"%s\", path %s: expected %d", cases[i].rules, cases[i].path, cases[i].expected);
        ignore_free(ignore);
    }
}

static void test_nested(void)
{
    Ignore *root = ignore_new(NULL, "", VIEW("*.json\n/top.yaml\n"));
    Ignore *below = ignore_new(root, "sub", VIEW("!keep.json\n/own.yaml\n"));
    g_assert_true(ignore_matches(below, "sub/a.json", IGNORE_FILE));
    g_assert_false(ignore_matches(below, "sub/keep.json", IGNORE_FILE));
    g_assert_true(ignore_matches(below, "sub/own.yaml", IGNORE_FILE));
    g_assert_false(ignore_matches(below, "own.yaml", IGNORE_FILE));
    g_assert_false(ignore_matches(below, "sub/top.yaml", IGNORE_FILE));
    g_assert_false(ignore_matches(below, "subway/own.yaml", IGNORE_FILE));
    g_assert_false(ignore_matches(NULL, "a.json", IGNORE_FILE));
    ignore_free(below);
    ignore_free(root);
}

/* A pattern that makes a naive matcher take exponential time ends. */
static void test_hostile(void)
{
    g_autoptr(GString) pattern = g_string_new(NULL), path = g_string_new(NULL);
    for (int i = 0; i < 200; i++)
        g_string_append(pattern, "a*");
    g_string_append_c(pattern, 'b');
    for (int i = 0; i < 3000; i++)
        g_string_append_c(path, 'a');
    Ignore *ignore = ignore_new(NULL, "", (View){pattern->str, pattern->len});
    g_assert_false(ignore_matches(ignore, path->str, IGNORE_FILE));
    ignore_free(ignore);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/source/ignore/table", test_table);
    g_test_add_func("/source/ignore/nested", test_nested);
    g_test_add_func("/source/ignore/hostile", test_hostile);
    return g_test_run();
}
