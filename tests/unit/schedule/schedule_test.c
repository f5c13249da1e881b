/* Placement: order, capacity, environments, reasons. */
#include "reconciler/schedule/schedule.h"
#include "tests/support/world_fixture.h"

static const Capacity machine = {2 * 10000, 1000, 0};

static Decisions run(World *world, const Capacity *local, Arena *arena)
{
    Decisions decisions;
    instance_local(world, *local);
    world_check(world);
    schedule_run(world, 1000, 5000, arena, &decisions);
    return decisions;
}

static void test_fifo_and_priority(void)
{
    g_autoptr(World) world = fixture_world();
    g_autoptr(Arena) arena = arena_new();
    fixture_queue(world, "high", 5, "here");
    fixture_job(world, 1, "one", "");
    fixture_job(world, 2, "one", "");
    Job *urgent = fixture_try(world, 3, "{'jobName':'j','jobQueue':'high','jobDefinition':'one'}", NULL);
    Decisions decisions = run(world, &machine, arena);
    g_assert_cmpuint(decisions.placements_len, ==, 2);
    g_assert_true(decisions.placements[0].job == urgent);
    g_assert_cmpuint(decisions.placements[1].job->sequence, ==, 1);
    g_assert_cmpuint(decisions.reasons_len, ==, 1);
    g_assert_cmpstr(decisions.reasons[0].reason, ==, "waits for 1 vCPU; 0 of 2 free");
}

/* Queues of one priority share: the oldest job first, not the first name. */
static void test_equal_priority(void)
{
    g_autoptr(World) world = fixture_world();
    g_autoptr(Arena) arena = arena_new();
    fixture_queue(world, "alpha", 1, "here");
    Job *older = fixture_job(world, 1, "one", "");
    fixture_try(world, 2, "{'jobName':'j','jobQueue':'alpha','jobDefinition':'one'}", NULL);
    Decisions decisions;
    instance_local(world, machine);
    schedule_run(world, 1, 5000, arena, &decisions);
    g_assert_cmpuint(decisions.placements_len, ==, 1);
    g_assert_true(decisions.placements[0].job == older);
}

static void test_what_does_not_fit_is_passed(void)
{
    g_autoptr(World) world = fixture_world();
    g_autoptr(Arena) arena = arena_new();
    fixture_definition(world, "two", 2, 16, "");
    fixture_definition(world, "huge", 4, 16, "");
    fixture_definition(world, "fat", 1, 5000, "");
    fixture_launch(world, fixture_job(world, 1, "one", ""), NOT_A_CHILD, 1);
    fixture_job(world, 2, "huge", "");
    fixture_job(world, 3, "two", "");
    fixture_job(world, 4, "fat", "");
    Job *small = fixture_job(world, 5, "one", "");
    Decisions decisions = run(world, &machine, arena);
    g_assert_cmpuint(decisions.placements_len, ==, 1);
    g_assert_true(decisions.placements[0].job == small);
    g_assert_cmpuint(decisions.reasons_len, ==, 3);
    g_assert_cmpstr(
        decisions.reasons[0].reason, ==,
        "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT - The job resource requirement (vCPU/memory/GPU) is "
        "higher "
        "than that can be met by the CE(s) attached to the job queue. needs 4 vCPU; this machine has 2");
    g_assert_cmpstr(decisions.reasons[1].reason, ==, "waits for 2 vCPU; 1 of 2 free");
    g_assert_true(
        g_str_has_suffix(decisions.reasons[2].reason, "needs 5,000 MiB; this machine offers 1,000 MiB"));
    world_set_waiting_reason(world, decisions.reasons[1].queue, decisions.reasons[1].template,
                             decisions.reasons[1].reason);
    const Job *waiting = world_job_by_sequence(world, 3);
    g_assert_cmpstr(world_waiting_reason(world, waiting->queue, waiting->template), ==,
                    "waits for 2 vCPU; 1 of 2 free");
}

/* After ten minutes nothing overtakes a job that only waits for the machine. */
static void test_hold(void)
{
    g_autoptr(World) world = fixture_world();
    g_autoptr(Arena) arena = arena_new();
    Decisions decisions;
    fixture_definition(world, "two", 2, 16, "");
    fixture_launch(world, fixture_job(world, 1, "one", ""), NOT_A_CHILD, 1);
    fixture_job(world, 2, "two", "");
    fixture_job(world, 3, "one", "");
    instance_local(world, machine);
    schedule_run(world, 10, 599999, arena, &decisions);
    g_assert_cmpuint(decisions.placements_len, ==, 1);
    schedule_run(world, 10, 700000, arena, &decisions);
    g_assert_cmpuint(decisions.placements_len, ==, 0);
    g_assert_cmpstr(decisions.reasons[1].reason, ==, "waits behind a job that has waited longer");
}

static void test_array_and_memory(void)
{
    g_autoptr(World) world = fixture_world();
    g_autoptr(Arena) arena = arena_new();
    Job *array = fixture_job(world, 1, "one", ",'arrayProperties':{'size':10000}");
    Capacity large = {40 * 10000, 16 * 30, 0};
    Decisions decisions = run(world, &large, arena);
    g_assert_cmpuint(decisions.placements_len, ==, 30); /* memory is what ends first */
    for (int32_t i = 0; i < 30; i++)
        g_assert_true(decisions.placements[i].job == array && decisions.placements[i].index == i);
    g_assert_cmpstr(decisions.reasons[0].reason, ==, "waits for 16 MiB; 0 of 480 MiB free");
}

static void test_environments(void)
{
    g_autoptr(World) world = fixture_world();
    g_autoptr(Arena) arena = arena_new();
    fixture_environment(world, "small", 1);
    fixture_queue(world, "main", 1, "small,here");
    for (uint64_t i = 1; i <= 3; i++)
        fixture_job(world, i, "one", "");
    Decisions decisions = run(world, &machine, arena);
    g_assert_cmpuint(decisions.placements_len, ==, 2);
    g_assert_cmpstr(decisions.placements[0].environment->resource->name, ==, "small");
    g_assert_cmpstr(decisions.placements[1].environment->resource->name, ==, "here");
    g_assert_cmpstr(decisions.reasons[0].reason, ==,
                    "small: waits for 1 vCPU; 0 of 1 free (maxvCpus); here: waits for 1 vCPU; 0 of 2 free");
}

/* local: NULL: it has not been told. */
static void expect_reason(World *world, const Capacity *local, const char *reason)
{
    g_autoptr(Arena) arena = arena_new();
    Decisions decisions;
    if (local)
        instance_local(world, *local);
    schedule_run(world, 1000, 5000, arena, &decisions);
    g_assert_cmpuint(decisions.placements_len, ==, 0);
    g_assert_cmpuint(decisions.reasons_len, ==, 1);
    g_assert_cmpstr(decisions.reasons[0].reason, ==, reason);
}

static void test_closed(void)
{
    g_autoptr(World) world = world_new(1, PROVIDER_LOCAL);
    fixture_environment(world, "here", 64);
    fixture_queue(world, "main", 1, "here");
    fixture_definition(world, "one", 1, 16, "");
    fixture_job(world, 1, "one", "");
    expect_reason(world, NULL, "waits for provider local of compute environment here to report");
    fixture_put(world, KIND_COMPUTE_ENVIRONMENT, "here",
                "{\"computeResources\":{\"maxvCpus\":4,\"type\":\"EC2\"},\"provider\":\"local\",\"state\":"
                "\"DISABLED\","
                "\"type\":\"MANAGED\"}",
                2);
    expect_reason(world, &machine, "compute environment here is DISABLED");
    fixture_put(
        world, KIND_COMPUTE_ENVIRONMENT, "here",
        "{\"computeResources\":{\"maxvCpus\":4,\"type\":\"EC2\"},\"provider\":\"aws\",\"type\":\"MANAGED\"}",
        2);
    expect_reason(world, &machine, "provider aws of compute environment here is not available here");
    fixture_queue(world, "main", 1, "nowhere");
    expect_reason(world, &machine, "compute environment nowhere does not exist");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/schedule/order", test_fifo_and_priority);
    g_test_add_func("/schedule/equal-priority", test_equal_priority);
    g_test_add_func("/schedule/passed", test_what_does_not_fit_is_passed);
    g_test_add_func("/schedule/hold", test_hold);
    g_test_add_func("/schedule/array", test_array_and_memory);
    g_test_add_func("/schedule/environments", test_environments);
    g_test_add_func("/schedule/closed", test_closed);
    return g_test_run();
}
