/* The mode that records nothing: no rows, nothing dirty, and the same decisions. */
#include "tests/support/world_cloud.h"

/* A bit of everything; the same calls for both worlds. */
static void live(World *world)
{
    g_autoptr(GPtrArray) stops = g_ptr_array_new();
    Instance *instance = cloud_instance(world, 1);
    Job *array = fixture_job(world, 1, "thrice", ",'arrayProperties':{'size':50}");
    for (int32_t i = 0; i < 20; i++) {
        LaunchToken token = fixture_token((uint64_t)i + 1);
        Launch *launch =
            launch_place(world, array, i, cloud_of(world), i % 2 ? instance : NULL, &token, 2000);
        launch_started(world, launch, 3000, 3000);
        launch_ended(world, launch, &(LaunchEnd){.cause = END_EXITED, .exit_code = i % 3, .stopped_ms = 4000},
                     4000);
    }
    job_end(world, array, 30, END_CANCEL, "no", 5000, stops);
    g_autofree char *depends = fixture_depends(array, "");
    fixture_job(world, 2, "one", depends);
    cloud_launch(world, fixture_job(world, 3, "one", ""), instance, 100);
    instance_gone(world, instance, "Spot", 6000);
    job_end(world, array, NOT_A_CHILD, END_TERMINATE, "enough", 7000, stops);
    fixture_environment(world, "extra", 3);
    resource_delete(world, KIND_COMPUTE_ENVIRONMENT, VIEW("extra"), 8000);
    resource_settle(world, 10, 8000);
    world_set_setting(world, "a", "b");
    world_check(world);
}

static void test_same_decisions(void)
{
    g_autoptr(World) loud = cloud_world(), silent = cloud_world();
    batch_free(world_take_batch(silent));
    batch_free(world_take_batch(loud));
    world_set_recording(silent, false);
    live(loud);
    live(silent);
    g_assert_false(world_is_dirty(silent));
    g_assert_null(world_take_batch(silent));
    batch_free(world_take_batch(loud));
    g_autofree char *expected = world_dump(loud), *found = world_dump(silent);
    g_assert_cmpstr(found, ==, expected);
}

/* What has finished may go at once. */
static void test_forget(void)
{
    g_autoptr(World) world = cloud_world();
    batch_free(world_take_batch(world));
    world_set_durable(world, 0);
    world_set_recording(world, false);
    for (uint64_t i = 1; i <= 10; i++)
        fixture_run(world, fixture_job(world, i, "one", ""), NOT_A_CHILD, i, 0);
    g_assert_cmpuint(world_jobs_len(world), ==, 10);
    world_forget_finished(world, 100);
    g_assert_cmpuint(world_jobs_len(world), ==, 0);
    world_check(world);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/silent/same-decisions", test_same_decisions);
    g_test_add_func("/silent/forget", test_forget);
    return g_test_run();
}
