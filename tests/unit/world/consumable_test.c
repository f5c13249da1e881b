/* Consumable resources: taken with the launch, given back with the end of the attempt. */
#include "tests/support/world_cloud.h"

static void put_resource(World *world, const char *name, int total, const char *more)
{
    g_autofree char *spec = g_strdup_printf("{\"totalQuantity\":%d%s}", total, more);
    fixture_put(world, KIND_CONSUMABLE_RESOURCE, name, spec, 1);
}

#define USED_UP ",\"resourceType\":\"NON_REPLENISHABLE\""
#define TAKES(name, quantity)                                                                                \
    ",\"consumableResourceProperties\":{\"consumableResourceList\":[{\"consumableResource\":\"" name         \
    "\",\"quantity\":" quantity "}]}"

static World *licensed_world(void)
{
    World *world = fixture_world();
    put_resource(world, "license", 5, "");
    put_resource(world, "fuel", 5, USED_UP);
    fixture_definition(world, "licensed", 1, 16, TAKES("license", "2"));
    fixture_definition(world, "burning", 1, 16, TAKES("fuel", "2"));
    return world;
}

static const ConsumableNeed *missing(const World *world, const Job *job)
{
    const ConsumableNeed *need = NULL;
    const JobDefinitionSpec *spec = job->template->effective;
    return consumables_available(world, spec->consumables, spec->consumables_len, &need) ? NULL : need;
}

static void test_replenishable(void)
{
    g_autoptr(World) world = licensed_world();
    const Consumable *license = world_consumable(world, VIEW("license"));
    Job *jobs[3];
    for (uint64_t i = 0; i < 3; i++)
        jobs[i] = fixture_job(world, i + 1, "licensed", "");
    fixture_launch(world, jobs[0], NOT_A_CHILD, 1);
    g_assert_null(missing(world, jobs[1]));
    fixture_launch(world, jobs[1], NOT_A_CHILD, 2);
    g_assert_cmpint(license->in_use, ==, 4);
    g_assert_cmpint(consumable_available(license), ==, 1);
    g_assert_cmpstr(missing(world, jobs[2])->name, ==, "license");
    fixture_exit(world, jobs[0]->launch, 1);
    g_assert_cmpint(license->in_use, ==, 2);
    g_assert_null(missing(world, jobs[2]));
    launch_refused(world, jobs[1]->launch, NULL, 3000);
    g_assert_cmpint(license->in_use, ==, 0);
    put_resource(world, "license", 1, ""); /* lower than what a job takes */
    g_assert_cmpint(consumable_available(license), ==, 1);
    g_assert_nonnull(missing(world, jobs[2]));
    world_check(world);
}

static void test_non_replenishable(void)
{
    Records *records = records_new();
    World *world = licensed_world();
    Job *job = fixture_job(world, 1, "burning", ""), *refused = fixture_job(world, 2, "burning", "");
    fixture_run(world, job, NOT_A_CHILD, 1, 1);
    fixture_launch(world, refused, NOT_A_CHILD, 2);
    g_assert_cmpint(consumable_available(world_consumable(world, VIEW("fuel"))), ==, 1);
    world = cloud_restart(world, records);
    const Consumable *fuel = world_consumable(world, VIEW("fuel"));
    g_assert_cmpint(fuel->used_up, ==, 4);
    refused = world_job_by_sequence(world, 2);
    launch_refused(world, refused->launch, NULL, 3000); /* proven never to have started */
    g_assert_cmpint(fuel->used_up, ==, 2);
    world = cloud_restart(world, records);
    g_assert_cmpint(world_consumable(world, VIEW("fuel"))->used_up, ==, 2);
    put_resource(world, "fuel", 9, USED_UP);
    g_assert_cmpint(consumable_available(world_consumable(world, VIEW("fuel"))), ==, 7);
    world_check(world);
    world_free(world);
    records_free(records);
}

/* Children of an array take one by one; what runs across a restart still holds. */
static void test_arrays_and_restart(void)
{
    Records *records = records_new();
    World *world = licensed_world();
    Job *array = fixture_job(world, 1, "licensed", ",'arrayProperties':{'size':10}");
    for (int32_t i = 0; i < 2; i++)
        fixture_launch(world, array, i, (uint64_t)i + 1);
    world = cloud_restart(world, records);
    g_assert_cmpint(world_consumable(world, VIEW("license"))->in_use, ==, 4);
    fixture_exit(world, world_launch_next(world, NULL), 0);
    g_assert_cmpint(world_consumable(world, VIEW("license"))->in_use, ==, 2);
    world_check(world);
    world_free(world);
    records_free(records);
}

/* A gang takes the sum over its nodes, and gives it back when the last has ended. */
static void test_gang(void)
{
    g_autoptr(World) world = cloud_world();
    put_resource(world, "license", 50, "");
    cloud_gang(world, "gang", 2, 0, TAKES("license", "3"));
    Job *job = fixture_job(world, 1, "gang", "");
    int64_t takes = job->template->effective->consumables[0].quantity;
    LaunchToken tokens[] = {fixture_token(1), fixture_token(2)};
    launch_place_nodes(world, job, cloud_of(world), NULL, tokens, 2000);
    const Consumable *license = world_consumable(world, VIEW("license"));
    g_assert_cmpint(license->in_use, ==, takes);
    world_check(world);
    fixture_exit(world, world_launch(world, &tokens[0]), 0);
    g_assert_cmpint(license->in_use, ==, takes);
    world_check(world);
    fixture_exit(world, world_launch(world, &tokens[1]), 0);
    g_assert_cmpint(license->in_use, ==, 0);
    g_assert_cmpint(job->state, ==, JOB_SUCCEEDED);
    world_check(world);
}

/* One that comes while jobs that name it run counts them; one that goes waits for them. */
static void test_comes_and_goes(void)
{
    g_autoptr(World) world = fixture_world();
    fixture_definition(world, "licensed", 1, 16, TAKES("license", "2"));
    Job *job = fixture_job(world, 1, "licensed", "");
    Launch *launch = fixture_launch(world, job, NOT_A_CHILD, 1);
    put_resource(world, "license", 5, "");
    g_assert_cmpint(world_consumable(world, VIEW("license"))->in_use, ==, 2);
    resource_delete(world, KIND_CONSUMABLE_RESOURCE, VIEW("license"), 3000);
    resource_settle(world, 10, 3000);
    g_assert_nonnull(world_consumable(world, VIEW("license")));
    g_autofree char *reason =
        resource_pending_reason(world, world_resource(world, KIND_CONSUMABLE_RESOURCE, VIEW("license")));
    g_assert_cmpstr(reason, ==, "2 units of it are in use");
    fixture_exit(world, launch, 0);
    resource_settle(world, 10, 5000);
    g_assert_null(world_consumable(world, VIEW("license")));
    world_check(world);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/consumable/replenishable", test_replenishable);
    g_test_add_func("/consumable/non-replenishable", test_non_replenishable);
    g_test_add_func("/consumable/arrays-and-restart", test_arrays_and_restart);
    g_test_add_func("/consumable/gang", test_gang);
    g_test_add_func("/consumable/comes-and-goes", test_comes_and_goes);
    return g_test_run();
}
