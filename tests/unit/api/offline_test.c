/* offline_test.c: what reading commands answer where nothing hosts the state directory. */
#include "reconciler/api/operation.h"
#include "reconciler/api/operations.h"
#include "reconciler/scale/growth_memory.h"
#include "tests/support/store_fixture.h"
#include "tests/support/world_fixture.h"

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

/* An environment that buys instances: which it had, what it had spent and what cools down is committed. */
static void test_environment(Fixture *fixture, gconstpointer data)
{
    (void)data;
    const int64_t noon_ms = INT64_C(1767614400000); /* 2026-01-05 12:00 UTC */
    g_autoptr(World) world = world_new(1, PROVIDER_LOCAL);
    fixture_put(world, KIND_COMPUTE_ENVIRONMENT, "cloud",
                "{\"budget\":{\"perDay\":20000},\"computeResources\":{\"instanceTypes\":[\"c5.large\"],"
                "\"maxvCpus\":8,\"type\":\"EC2\"},\"provider\":\"aws\",\"type\":\"MANAGED\"}",
                1);
    Environment *cloud = world_environment(world, VIEW("cloud"));
    LaunchToken token = fixture_token(1);
    Instance *instance = instance_intend(
        world, cloud,
        &(InstanceDraft){.type = "c5.large", .planned = {20000, 3500, 0}, .price_micro_per_h = 85000}, &token,
        noon_ms);
    instance_started(world, instance, "i-1", noon_ms);
    instance_registered(world, instance, (Capacity){20000, 3500, 0}, noon_ms);
    GrowthMemory memory = {.accrued_ms = noon_ms};
    account_accrue(&memory.account, 500000, noon_ms - 7200000, noon_ms);
    cooldown_failed(&memory.cooldowns, VIEW("c5.large"), VIEW(""), false, noon_ms, noon_ms);
    g_autofree char *setting = growth_memory_setting("cloud"), *text = growth_memory_print(&memory);
    world_set_setting(world, setting, text);
    growth_memory_clear(&memory);
    commit(fixture, world_take_batch(world), noon_ms);

    g_auto(OperationResult) result = {0};
    g_autoptr(GError) error = NULL;
    json_t *request = json_pack("{s:s,s:s}", "kind", "ComputeEnvironment", "name", "cloud");
    g_assert_true(operations_offline(fixture->dir, "get", request, &result, &error));
    const json_t *item = json_array_get(json_object_get(result.body, "items"), 0);
    const json_t *live = json_object_get(item, "live"), *money = json_object_get(live, "money"),
                 *day = json_object_get(money, "day"),
                 *shown = json_array_get(json_object_get(live, "instances"), 0);
    g_assert_cmpstr(json_string_value(json_object_get(item, "status")), ==, "VALID");
    g_assert_cmpint(json_integer_value(json_object_get(live, "desiredvCpus")), ==, 2);
    /* nobody has looked whether it is there */
    g_assert_cmpstr(json_string_value(json_object_get(shown, "state")), ==, "UNKNOWN");
    g_assert_cmpfloat(json_real_value(json_object_get(live, "freeVcpus")), ==, 0);
    g_assert_cmpfloat(json_real_value(json_object_get(day, "spent")), ==, 1.0);
    g_assert_cmpfloat(json_real_value(json_object_get(day, "budget")), ==, 2.0);
    g_assert_cmpuint(json_array_size(json_object_get(live, "coolDowns")), ==, 1);
    g_assert_null(json_object_get(live, "unmet"));
    json_decref(request);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add("/offline/runs-are-not-read", Fixture, NULL, setup, test_runs_are_not_read, teardown);
    g_test_add("/offline/environment", Fixture, NULL, setup, test_environment, teardown);
    return g_test_run();
}
