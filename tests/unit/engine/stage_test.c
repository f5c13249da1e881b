/* One change of a plan in a world that is not any more what it was when the plan was made. */
#include "reconciler/plan/stage.h"
#include "tests/support/world_fixture.h"

#define FAIR                                                                                                 \
    "{\"computeEnvironmentOrder\":[{\"computeEnvironment\":\"here\",\"order\":1}],\"priority\":1,"           \
    "\"schedulingPolicy\":\"policy\"}"

static void replace_queue(World *world)
{
    g_autoptr(GPtrArray) stops = g_ptr_array_new();
    g_autoptr(GError) error = NULL;
    Rng rng = rng_from_seed(1);
    Manifest manifest = {.kind = KIND_JOB_QUEUE,
                         .name = VIEW("main"),
                         .spec = VIEW(FAIR),
                         .metadata = VIEW("{}"),
                         .file = "test.yaml",
                         .line = 1,
                         .prune = true};
    digest_of(manifest.spec, &manifest.digest);
    Change change = {.action = ACTION_REPLACE, .kind = KIND_JOB_QUEUE, .manifest = &manifest};
    Stage stage = {.world = world, .owner = "test", .rng = &rng, .now_ms = 3000, .stops = stops};
    g_assert_true(stage_change(&stage, &change, &error));
    g_assert_no_error(error);
}

/* It was on its way out: by now it is gone, and what is to stand in its place is made. */
static void test_replaced_is_gone(void)
{
    g_autoptr(World) world = fixture_world();
    fixture_put(world, KIND_SCHEDULING_POLICY, "policy", "{}", 1);
    resource_delete(world, KIND_JOB_QUEUE, VIEW("main"), 2000);
    resource_settle(world, 10, 2000);
    g_assert_null(world_resource(world, KIND_JOB_QUEUE, VIEW("main")));
    replace_queue(world);
    g_assert_true(world_resource(world, KIND_JOB_QUEUE, VIEW("main"))->queue->fair);
    world_check(world);
}

/* It is there: it is replaced once nothing of it is left. */
static void test_replaced_is_there(void)
{
    g_autoptr(World) world = fixture_world();
    fixture_put(world, KIND_SCHEDULING_POLICY, "policy", "{}", 1);
    replace_queue(world);
    g_assert_cmpint(world_resource(world, KIND_JOB_QUEUE, VIEW("main"))->phase, ==, RESOURCE_REPLACING);
    resource_settle(world, 10, 4000);
    g_assert_true(world_resource(world, KIND_JOB_QUEUE, VIEW("main"))->queue->fair);
    world_check(world);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    kinds_init();
    g_test_add_func("/stage/replaced-is-gone", test_replaced_is_gone);
    g_test_add_func("/stage/replaced-is-there", test_replaced_is_there);
    return g_test_run();
}
