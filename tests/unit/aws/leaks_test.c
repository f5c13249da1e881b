/* What is ended, and when: never after one look, never what was not there in between, few at a time. */
#include "reconciler/provider/aws/leaks.h"

#define WAIT_MS 600000

/* Ids separated by blanks; what is to be ended, the same way. */
static char *look(Leaks *leaks, const char *found, int64_t now_ms, guint known)
{
    g_auto(GStrv) ids = g_strsplit(found, " ", -1);
    leaks_begin(leaks);
    for (size_t i = 0; ids[i]; i++)
        if (*ids[i])
            leaks_found(leaks, ids[i], now_ms);
    g_autoptr(GPtrArray) due = leaks_end(leaks, now_ms, WAIT_MS, known);
    g_ptr_array_add(due, NULL);
    return g_strjoinv(" ", (char **)due->pdata);
}

static void ends(Leaks *leaks, const char *found, int64_t now_ms, const char *expected)
{
    g_autofree char *due = look(leaks, found, now_ms, 0);
    g_assert_cmpstr(due, ==, expected);
}

static void test_twice(void)
{
    g_autoptr(Leaks) leaks = leaks_new();
    ends(leaks, "a", 0, "");
    ends(leaks, "a b", WAIT_MS - 1, "");
    ends(leaks, "a b", WAIT_MS, "a");
    ends(leaks, "a b", 2 * WAIT_MS, "b"); /* a stays: from the beginning */
    ends(leaks, "a", 3 * WAIT_MS - 1, "");
    ends(leaks, "a", 3 * WAIT_MS, "a");
}

/* One look, however long it took. */
static void test_one_look(void)
{
    g_autoptr(Leaks) leaks = leaks_new();
    leaks_begin(leaks);
    leaks_found(leaks, "a", 0);
    leaks_found(leaks, "a", WAIT_MS * 2);
    g_autoptr(GPtrArray) due = leaks_end(leaks, WAIT_MS * 2, WAIT_MS, 0);
    g_assert_cmpuint(due->len, ==, 0);
}

static void test_in_between(void)
{
    g_autoptr(Leaks) leaks = leaks_new();
    ends(leaks, "a", 0, "");
    ends(leaks, "", 1, "");
    ends(leaks, "a", WAIT_MS, "");
    ends(leaks, "a", 2 * WAIT_MS, "a");
}

/* A look that was not whole ends nothing, and takes nothing back. */
static void test_broken_off(void)
{
    g_autoptr(Leaks) leaks = leaks_new();
    ends(leaks, "a b", 0, "");
    leaks_begin(leaks);
    leaks_found(leaks, "a", WAIT_MS);
    ends(leaks, "a b", WAIT_MS + 1, "a b");
}

static void test_few(void)
{
    g_autoptr(Leaks) leaks = leaks_new();
    ends(leaks, "a b c d e f g", 0, "");
    ends(leaks, "g f e d c b a", WAIT_MS, "a b c d e");
    ends(leaks, "f g", WAIT_MS, "f g");
    ends(leaks, "a b c d e f g", 0, "");
    g_autofree char *many = look(leaks, "a b c d e f g", WAIT_MS, 30);
    g_assert_cmpstr(many, ==, "a b c d e f");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/leaks/twice", test_twice);
    g_test_add_func("/leaks/one-look", test_one_look);
    g_test_add_func("/leaks/in-between", test_in_between);
    g_test_add_func("/leaks/broken-off", test_broken_off);
    g_test_add_func("/leaks/few", test_few);
    return g_test_run();
}
