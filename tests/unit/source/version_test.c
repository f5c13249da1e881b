#include "reconciler/source/version.h"
#include <glib.h>

static void test_ranges(void)
{
    const struct {
        const char *range, *in, *out; /* versions, apart by blanks */
    } cases[] = {
        {">=1.2 <2", "1.2.0 v1.2.0 1.99.3 1.2.0+b", "1.1.9 2.0.0 2.0.0-rc.1 1.3.0-rc.1 1.2"},
        {"1.2.3", "1.2.3 1.2.3+x", "1.2.4 1.2.3-rc"},
        {"=1.2", "1.2.0 1.2.9", "1.3.0 1.1.9"},
        {"1.x", "1.0.0 1.9.9", "2.0.0 0.9.0"},
        {"1.2.x", "1.2.0 1.2.9", "1.3.0"},
        {"1.x.x", "1.2.0", "2.0.0"},
        {"*", "0.0.1 99.0.0", "1.0.0-a x"},
        {"^1.2.3", "1.2.3 1.9.0", "1.2.2 2.0.0"},
        {"^0.2.3", "0.2.3 0.2.9", "0.3.0 0.2.2"},
        {"^0.0.3", "0.0.3", "0.0.4"},
        {"^0", "0.9.9", "1.0.0"},
        {"~1.2.3", "1.2.3 1.2.9", "1.3.0"},
        {"~1.2", "1.2.0", "1.3.0"},
        {"~1", "1.9.0", "2.0.0"},
        {">1.2", "1.3.0", "1.2.9"},
        {">1.2.3", "1.2.4", "1.2.3"},
        {"<=1.2", "1.2.9 0.1.0", "1.3.0"},
        {"<=1.2.3", "1.2.3", "1.2.4"},
        {"<1.2.3", "1.2.2", "1.2.3 1.2.3-rc.1 1.2.2-rc"},
        {">=1.2.3-rc.2 <2", "1.2.3-rc.2 1.2.3-rc.10 1.2.3 1.5.0", "1.2.3-rc.1 1.5.0-rc.1"},
        {">=1, <1.5 || >=3", "1.4.0 3.0.0", "1.5.0 2.0.0"},
        {"1.0.0||2.0.0", "1.0.0 2.0.0", "1.0.1"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_auto(GStrv) in = g_strsplit(cases[i].in, " ", -1), out = g_strsplit(cases[i].out, " ", -1);
        g_assert_null(version_range_fault(cases[i].range));
        for (char **tag = in; *tag; tag++) {
            g_test_message("%s in %s", *tag, cases[i].range);
            g_assert_true(version_in_range(*tag, cases[i].range));
        }
        for (char **tag = out; *tag; tag++) {
            g_test_message("%s not in %s", *tag, cases[i].range);
            g_assert_false(version_in_range(*tag, cases[i].range));
        }
    }
}

static void test_faults(void)
{
    const char *const ranges[] = {"",        " ",      "||",     "1 ||",   "a",   ">",          "=>1", "==1",
                                  "1.2.3.4", "01.2.3", "1.2-rc", "1.2.3-", "^^1", "1234567890", "<~1"};
    for (size_t i = 0; i < G_N_ELEMENTS(ranges); i++) {
        g_autofree char *fault = version_range_fault(ranges[i]);
        g_test_message("%s", ranges[i]);
        g_assert_nonnull(fault);
        g_assert_false(version_in_range("1.2.3", ranges[i]));
    }
}

/* semver.org 11.4, with its own example. */
static void test_order(void)
{
    const char *const ascending[] = {"0.9.9",      "1.0.0-alpha",  "1.0.0-alpha.1", "1.0.0-alpha.beta",
                                     "1.0.0-beta", "1.0.0-beta.2", "1.0.0-beta.11", "1.0.0-rc.1",
                                     "1.0.0",      "1.0.0+b",      "v1.0.1",        "1.0.10",
                                     "1.2.0",      "10.0.0"};
    for (size_t i = 0; i < G_N_ELEMENTS(ascending); i++)
        for (size_t j = 0; j < G_N_ELEMENTS(ascending); j++) {
            int order = version_compare(ascending[i], ascending[j]);
            g_assert_cmpint((order > 0) - (order < 0), ==, (i > j) - (i < j));
        }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/source/version/ranges", test_ranges);
    g_test_add_func("/source/version/faults", test_faults);
    g_test_add_func("/source/version/order", test_order);
    return g_test_run();
}
