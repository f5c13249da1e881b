/* offline_test.c: what reading commands answer where nothing hosts the state directory. */
#include "reconciler/api/operation.h"
#include "reconciler/api/operations.h"
#include "tests/support/store_fixture.h"

static int status_of(Fixture *fixture, const char *name, GError **error)
{
    OperationResult result = {0};
    if (!operations_offline(fixture->dir, name, NULL, &result, error))
        return 0;
    int status = result.http_status;
    operation_result_clear(&result);
    return status;
}

/* Runs are kept for ever and their specs are large: who lists jobs does not wait until they are read. A run
 * that nobody could read shows who tries. */
static void test_runs_are_not_read(Fixture *fixture, gconstpointer data)
{
    (void)data;
    Batch *batch = batch_new();
    RunRecord run = {.id = VIEW("00000000-0000-4000-8000-000000000001"),
                     .kind = KIND_PIPELINE,
                     .name = VIEW("p"),
                     .number = 1,
                     .spec = VIEW("no JSON"),
                     .state = RUN_RUNNING,
                     .is_new = true};
    batch_put_run(batch, &run);
    commit(fixture, batch, 1);
    static const char *const without[] = {"jobs", "events"};
    for (size_t i = 0; i < G_N_ELEMENTS(without); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_cmpint(status_of(fixture, without[i], &error), ==, 200);
        g_assert_no_error(error);
    }
    g_autoptr(GError) error = NULL;
    g_assert_cmpint(status_of(fixture, "status", &error), ==, 0);
    g_assert_nonnull(strstr(error->message, "00000000-0000-4000-8000-000000000001"));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add("/offline/runs-are-not-read", Fixture, NULL, setup, test_runs_are_not_read, teardown);
    return g_test_run();
}
