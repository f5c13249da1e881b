/* docker_reader_test.c: lists of containers, read at once and beside the loop. */
#include "reconciler/provider/docker/docker_reader.h"

#define TOKEN "000102030405060708090a0b0c0d0e0f"
#define ITEM(id, state, labels)                                                                              \
    "{\"Id\":\"" id "\",\"State\":\"" state "\",\"Labels\":{\"muster.token\":\"" TOKEN "\"" labels "}}"

static void test_list(void)
{
    g_autoptr(DockerList) list = docker_list_read(
        VIEW("[" ITEM("a", "running",
                      ",\"muster.installation\":\"i\",\"muster.environment\":\"e\",\"muster.volumes\":\"v "
                      "w\"") "," ITEM("b", "exited",
                                      "") ",{\"Id\":\"c\",\"State\":\"running\",\"Labels\":{\"muster.token\":"
                                          "\"no\"}},"
                                          "{\"Id\":\"d\",\"State\":\"running\",\"Labels\":{}}]"));
    g_assert_cmpuint(list->items->len, ==, 2);
    const DockerListed *first = &g_array_index(list->items, DockerListed, 0),
                       *second = &g_array_index(list->items, DockerListed, 1);
    g_assert_cmpstr(first->id, ==, "a");
    g_assert_cmpint(first->phase, ==, DOCKER_RUNNING);
    g_assert_cmpint(first->token.bytes[15], ==, 15);
    g_assert_cmpstr(first->installation, ==, "i");
    g_assert_cmpstr(first->environment, ==, "e");
    g_assert_cmpstr(first->volumes, ==, "v w");
    g_assert_cmpint(second->phase, ==, DOCKER_ENDED);
    g_assert_null(second->installation);
    g_assert_null(docker_list_read(VIEW("{\"message\":\"no\"}")));
    g_assert_null(docker_list_read(VIEW("[{")));
}

typedef struct {
    GMainLoop *loop;
    GThread *thread;
    guint read, items, bad;
} Taken;

static void take(const DockerList *list, void *data)
{
    Taken *taken = data;
    g_assert_true(g_thread_self() == taken->thread);
    taken->read++;
    taken->items += list ? list->items->len : 0;
    taken->bad += list == NULL;
    if (taken->read == 2)
        g_main_loop_quit(taken->loop);
}

/* In their order, on the loop's thread, and nothing of what was cancelled. */
static void test_reader(void)
{
    g_autoptr(GMainContext) context = g_main_context_new();
    g_autoptr(GMainLoop) loop = g_main_loop_new(context, FALSE);
    Taken taken = {.loop = loop, .thread = g_thread_self()};
    DockerReader *reader = docker_reader_new(context);
    docker_reading_cancel(docker_reader_read(reader, VIEW("[" ITEM("a", "running", "") "]"), take, &taken));
    docker_reader_read(reader, VIEW("[" ITEM("a", "running", "") "," ITEM("b", "created", "") "]"), take,
                       &taken);
    g_assert_cmpuint(taken.read, ==, 0);
    docker_reader_read(reader, VIEW("no list"), take, &taken);
    g_main_loop_run(loop);
    g_assert_cmpuint(taken.read, ==, 2);
    g_assert_cmpuint(taken.items, ==, 2);
    g_assert_cmpuint(taken.bad, ==, 1);
    docker_reading_cancel(docker_reader_read(reader, VIEW("[]"), take, &taken));
    docker_reader_free(reader);
    while (g_main_context_iteration(context, FALSE))
        ;
    g_assert_cmpuint(taken.read, ==, 2);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/docker/list", test_list);
    g_test_add_func("/docker/reader", test_reader);
    return g_test_run();
}
