/* aside_test.c: work on a thread, what came of it on the loop: in order, once, also at the end. */
#include "spec/base/aside.h"
#include <stdbool.h>

typedef struct {
    GThread *loop_thread;
    GMainLoop *loop;
    Aside *aside;
    GString *done;
    int quit_at, free_at; /* number of the work; 0: never */
} Fixture;

typedef struct {
    Fixture *fixture;
    int number;
    bool was_worked_on;
} Work;

static void work(void *data)
{
    Work *one = data;
    g_assert_true(g_thread_self() != one->fixture->loop_thread);
    one->was_worked_on = true;
}

static void done(void *data)
{
    g_autofree Work *one = data;
    Fixture *fixture = one->fixture;
    g_assert_true(one->was_worked_on && g_thread_self() == fixture->loop_thread);
    g_string_append_printf(fixture->done, "%d ", one->number);
    if (one->number == fixture->free_at)
        g_clear_pointer(&fixture->aside, aside_free);
    if (one->number == fixture->quit_at)
        g_main_loop_quit(fixture->loop);
}

static void run(int count, int quit_at, int free_at, const char *expected)
{
    g_autoptr(GMainContext) context = g_main_context_new();
    Fixture fixture = {.loop_thread = g_thread_self(),
                       .loop = g_main_loop_new(context, FALSE),
                       .aside = aside_new(context),
                       .done = g_string_new(NULL),
                       .quit_at = quit_at,
                       .free_at = free_at};
    for (int i = 1; i <= count; i++) {
        Work *one = g_new0(Work, 1);
        *one = (Work){.fixture = &fixture, .number = i};
        aside_run(fixture.aside, work, done, one);
    }
    g_assert_cmpstr(fixture.done->str, ==, ""); /* never before it has returned */
    if (quit_at)
        g_main_loop_run(fixture.loop);
    aside_free(fixture.aside);
    while (g_main_context_iteration(context, FALSE))
        ;
    g_assert_cmpstr(fixture.done->str, ==, expected);
    g_string_free(fixture.done, TRUE);
    g_main_loop_unref(fixture.loop);
}

static void test_order(void)
{
    run(5, 5, 0, "1 2 3 4 5 ");
}

static void test_end(void)
{
    run(0, 0, 0, "");
    run(5, 0, 0, "1 2 3 4 5 "); /* the loop never ran */
}

static void test_freed_by_its_own(void)
{
    run(5, 5, 2, "1 2 3 4 5 ");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/aside/order", test_order);
    g_test_add_func("/aside/end", test_end);
    g_test_add_func("/aside/freed-by-its-own", test_freed_by_its_own);
    return g_test_run();
}
