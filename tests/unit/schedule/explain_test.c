/* What explain says of single cases; that its changes help is tests/property/schedule/explain_test.c. */
#include "reconciler/schedule/explain.h"
#include "tests/support/schedule_fixture.h"

#define NOW_MS (20 * 60 * 1000)

static bool buys(const Environment *environment, const RunnableGroup *group, ExplainGrowth *ret_growth,
                 void *data)
{
    (void)group;
    const ExplainGrowth *growth = data;
    *ret_growth = growth ? *growth : (ExplainGrowth){.refused = false};
    return environment->spec->type == CE_TYPE_EC2 || environment->spec->type == CE_TYPE_SPOT;
}

static Explanation explain(World *world, Job *job, int32_t index, Arena *arena, ExplainGrowth *growth)
{
    Explanation explained;
    ExplainOptions options = {.now_ms = NOW_MS, .growth = buys, .data = growth};
    explain_job(world, job, index, &options, arena, &explained);
    return explained;
}

static void expect_text(const char *text, const char *part)
{
    if (!text || !strstr(text, part))
        g_error("\"%s\" is not in \"%s\"", part, text ? text : "(nothing)");
}

static World *cloud_world(void)
{
    World *world = world_new(1, PROVIDER_SIMULATED);
    fixture_cloud(world, "spot", "SPOT", 256, ",\"instanceTypes\":[\"g5.4xlarge\"]");
    fixture_cloud(world, "on-demand", "EC2", 64, ",\"instanceTypes\":[\"g5.16xlarge\"]");
    fixture_queue(world, "high", 1, "spot,on-demand");
    fixture_definition(world, "align", 8, 61000, ",\"timeout\":{\"attemptDurationSeconds\":1800}");
    return world;
}

static Job *submit(World *world, uint64_t number, const char *more)
{
    g_autofree char *request =
        g_strdup_printf("{'jobName':'j','jobQueue':'high','jobDefinition':'align'%s}", more);
    return fixture_try(world, number, request, NULL);
}

#define NEEDS                                                                                                \
    ",'containerOverrides':{'resourceRequirements':[{'type':'MEMORY','value':'61000'},{'type':'GPU','value'" \
    ":'1'}]}"

/* Too large for one environment, and the other is full. */
static void test_nearest_miss(void)
{
    g_autoptr(World) world = cloud_world();
    g_autoptr(Arena) arena = arena_new();
    Instance *host = fixture_instance(world, "on-demand", "g5.16xlarge", capacity_of(64, 240000, 1));
    Job *running = submit(world, 1, NEEDS);
    LaunchToken token = fixture_token(1);
    launch_place(world, running, NOT_A_CHILD, world_environment(world, VIEW("on-demand")), host, &token,
                 2000);
    Job *first = submit(world, 2, NEEDS), *job = submit(world, 3, NEEDS);
    Explanation explained = explain(world, job, NOT_A_CHILD, arena, NULL);
    g_assert_true(explained.waits && !explained.never);
    g_assert_cmpint(explained.ahead, ==, 1);
    g_assert_true(explained.behind == first);
    g_assert_cmpuint(explained.rooms_len, ==, 2);
    g_assert_cmpint(explained.rooms[0].verdict, ==, EXPLAIN_NEVER);
    expect_text(explained.rooms[0].text,
                "needs 61,000 MiB; g5.4xlarge offers containers 60,588 of its 65,536");
    g_assert_cmpint(explained.rooms[1].verdict, ==, EXPLAIN_MAX);
    expect_text(explained.rooms[1].text, "64 of 64");
    g_assert_cmpint(explained.rooms[1].free_ms, ==, 2000 + 1800 * 1000);
    g_assert_cmpint(explained.expected_ms, ==, 2000 + 1800 * 1000);
    g_assert_true(explained.is_earliest);
    g_assert_cmpuint(explained.changes_len, >=, 2);
    g_assert_cmpstr(explained.changes[0].text, ==, "memory 60588");
    g_assert_cmpstr(explained.changes[0].edits[0].value, ==, "[{\"type\":\"MEMORY\",\"value\":\"60588\"}]");
    g_assert_cmpint(explained.changes[0].effect, ==, EXPLAIN_GETS_INSTANCE);
    expect_text(explained.changes[1].text, " to ComputeEnvironment/spot");
    expect_text(explained.changes[1].edits[0].value, "[\"g5.4xlarge\",\"");
}

static void test_never(void)
{
    g_autoptr(World) world = cloud_world();
    g_autoptr(Arena) arena = arena_new();
    Job *job =
        submit(world, 1, ",'containerOverrides':{'resourceRequirements':[{'type':'VCPU','value':'900'}]}");
    Explanation explained = explain(world, job, NOT_A_CHILD, arena, NULL);
    g_assert_true(explained.never);
    g_assert_cmpint(explained.blocked, ==, BLOCKED_MAX_RESOURCE);
    expect_text(explained.blocked_text, "MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE - ");
    g_assert_cmpint(explained.expected_ms, ==, 0);
}

/* Nobody sells one with so many GPUs: nothing is suggested that would not help. */
static void test_nothing_helps(void)
{
    g_autoptr(World) world = cloud_world();
    g_autoptr(Arena) arena = arena_new();
    Job *job =
        submit(world, 1, ",'containerOverrides':{'resourceRequirements':[{'type':'GPU','value':'90'}]}");
    Explanation explained = explain(world, job, NOT_A_CHILD, arena, NULL);
    g_assert_true(explained.never);
    g_assert_cmpint(explained.blocked, ==, BLOCKED_RESOURCE_REQUIREMENT);
    for (size_t i = 0; i < explained.changes_len; i++)
        g_assert_cmpint(explained.changes[i].edits[0].kind, ==, KIND_JOB);
}

static void test_coming(void)
{
    g_autoptr(World) world = cloud_world();
    g_autoptr(Arena) arena = arena_new();
    Job *job = submit(world, 1, NEEDS);
    Instance *known = fixture_instance(world, "on-demand", "g5.4xlarge", capacity_of(1, 100, 0));
    known->registered_ms = known->intended_ms + 90000;
    fixture_instance_coming(world, "on-demand", "g5.16xlarge", capacity_of(64, 240000, 1))->intended_ms =
        NOW_MS - 30000;
    Explanation explained = explain(world, job, NOT_A_CHILD, arena, NULL);
    g_assert_cmpint(explained.rooms[1].verdict, ==, EXPLAIN_COMING);
    expect_text(explained.rooms[1].text, "1 instance that can hold it coming, asked for 30 s ago");
    g_assert_cmpint(explained.expected_ms, ==, NOW_MS - 30000 + 90000);
    g_assert_false(explained.is_earliest);
    g_assert_cmpuint(explained.changes_len, ==, 0);
}

static void test_growth_refused(void)
{
    g_autoptr(World) world = cloud_world();
    g_autoptr(Arena) arena = arena_new();
    Job *job = submit(world, 1, "");
    ExplainGrowth spent = {.refused = true,
                           .unmet = {.reason = UNMET_BUDGET_DAY,
                                     .have = 12340000,
                                     .limit = 10000000,
                                     .until_ms = NOW_MS + 5000,
                                     .type = SCALE_NO_TYPE}};
    Explanation explained = explain(world, job, NOT_A_CHILD, arena, &spent);
    g_assert_cmpint(explained.rooms[1].verdict, ==, EXPLAIN_NO_GROWTH);
    expect_text(explained.rooms[1].text, "budget of the day: 12.34 USD of 10.00 USD spent");
    g_assert_cmpint(explained.rooms[1].until_ms, ==, NOW_MS + 5000);
    ExplainGrowth cooling = {.refused = true,
                             .type = "g5.16xlarge",
                             .unmet = {.reason = UNMET_COOLING_DOWN, .type = 0},
                             .trouble = BLOCKED_INSUFFICIENT_CAPACITY};
    explained = explain(world, job, NOT_A_CHILD, arena, &cooling);
    expect_text(explained.rooms[1].text, "g5.16xlarge is tried again");
    g_assert_cmpint(explained.blocked, ==, BLOCKED_INSUFFICIENT_CAPACITY);
}

static void test_dependencies(void)
{
    g_autoptr(World) world = fixture_world();
    g_autoptr(Arena) arena = arena_new();
    Job *on = fixture_job(world, 1, "one", ""),
        *array = fixture_job(world, 2, "one", ",'arrayProperties':{'size':3}");
    g_autofree char *depends = fixture_depends(on, "");
    Job *job = fixture_job(world, 3, "one", depends);
    g_autofree char *pairs = fixture_depends(array, "N_TO_N");
    g_autofree char *more = g_strconcat(",'arrayProperties':{'size':3}", pairs, NULL);
    Job *pair = fixture_job(world, 4, "one", more);
    Explanation explained = explain(world, job, NOT_A_CHILD, arena, NULL);
    g_assert_false(explained.waits);
    g_assert_cmpuint(explained.holds_len, ==, 1);
    expect_text(explained.holds[0].text, "(j) must SUCCEED; it is RUNNABLE");
    g_assert_true(explained.holds[0].is_job && memcmp(&explained.holds[0].job, &on->id, sizeof on->id) == 0);
    explained = explain(world, pair, 2, arena, NULL);
    g_assert_cmpuint(explained.holds_len, ==, 1);
    g_assert_cmpint(explained.holds[0].index, ==, 2);
    /* sequential children wait for the one before */
    Job *chain =
        fixture_job(world, 5, "one", ",'arrayProperties':{'size':3},'dependsOn':[{'type':'SEQUENTIAL'}]");
    explained = explain(world, chain, 2, arena, NULL);
    g_assert_cmpuint(explained.holds_len, ==, 1);
    g_assert_cmpint(explained.holds[0].index, ==, 1);
    explained = explain(world, chain, NOT_A_CHILD, arena, NULL);
    g_assert_true(explained.waits);
    g_assert_cmpint(explained.index, ==, 0);
}

static void test_array_place(void)
{
    g_autoptr(World) world = fixture_world();
    g_autoptr(Arena) arena = arena_new();
    Job *array = fixture_job(world, 1, "one", ",'arrayProperties':{'size':5000}");
    Explanation explained = explain(world, array, 17, arena, NULL);
    g_assert_cmpint(explained.ahead, ==, 17);
    g_assert_true(explained.behind == array);
    g_assert_cmpint(explained.behind_index, ==, 16);
    explained = explain(world, array, 4000, arena, NULL);
    g_assert_true(explained.ahead_more && !explained.behind);
    Job *next = fixture_job(world, 2, "one", "");
    explained = explain(world, next, NOT_A_CHILD, arena, NULL);
    g_assert_true(explained.ahead_more);
}

static void test_consumable(void)
{
    g_autoptr(World) world = fixture_world();
    g_autoptr(Arena) arena = arena_new();
    fixture_put(world, KIND_CONSUMABLE_RESOURCE, "license",
                "{\"resourceType\":\"REPLENISHABLE\",\"totalQuantity\":3}", 1);
    fixture_definition(
        world, "licensed", 1, 16,
        ",\"consumableResourceProperties\":{\"consumableResourceList\":[{\"consumableResource\":"
        "\"license\",\"quantity\":2}]}");
    Job *running = fixture_job(world, 1, "licensed", ""), *job = fixture_job(world, 2, "licensed", "");
    fixture_launch(world, running, NOT_A_CHILD, 1);
    Explanation explained = explain(world, job, NOT_A_CHILD, arena, NULL);
    g_assert_cmpuint(explained.consumables_len, ==, 1);
    g_assert_true(explained.consumables[0].is_short);
    g_assert_cmpint(explained.consumables[0].available, ==, 1);
    g_assert_cmpuint(explained.changes_len, ==, 1);
    g_assert_cmpstr(explained.changes[0].text, ==, "totalQuantity 4 of ConsumableResource/license");
    g_assert_cmpint(explained.changes[0].effect, ==, EXPLAIN_STARTS);
    g_assert_cmpint(explained.expected_ms, ==, 0);
}

/* Two shares; "b" holds all that its limit allows, "a" nothing. */
static void test_share(void)
{
    g_autoptr(World) world = fixture_world();
    g_autoptr(Arena) arena = arena_new();
    fixture_put(world, KIND_SCHEDULING_POLICY, "policy",
                "{\"fairsharePolicy\":{\"shareDecaySeconds\":900},\"shareLimits\":[{\"maxvCpus\":9,"
                "\"shareIdentifier\":\"c\"},{\"maxvCpus\":2,\"shareIdentifier\":\"b\"}]}",
                1);
    fixture_put(world, KIND_JOB_QUEUE, "fair",
                "{\"computeEnvironmentOrder\":[{\"computeEnvironment\":\"here\",\"order\":1}],\"priority\":1,"
                "\"schedulingPolicy\":\"policy\"}",
                1);
    static const char request[] =
        "{'jobName':'j','jobQueue':'fair','jobDefinition':'one','shareIdentifier':'%s'}";
    Job *jobs[4];
    for (uint64_t i = 0; i < G_N_ELEMENTS(jobs); i++) {
        g_autofree char *text = g_strdup_printf(request, i == 3 ? "a" : "b");
        jobs[i] = fixture_try(world, i + 1, text, NULL);
    }
    fixture_launch(world, jobs[0], NOT_A_CHILD, 1);
    fixture_launch(world, jobs[1], NOT_A_CHILD, 2);
    Explanation explained = explain(world, jobs[2], NOT_A_CHILD, arena, NULL);
    g_assert_cmpstr(explained.share->identifier, ==, "b");
    g_assert_cmpint(explained.share->rank, ==, 2);
    g_assert_cmpint(explained.share->ranks, ==, 2);
    g_assert_cmpint(explained.share->held_vcpus_e4, ==, 20000);
    g_assert_true(explained.share->is_at_limit && !explained.share->is_at_reservation);
    g_assert_cmpint(explained.rooms[0].verdict, ==, EXPLAIN_FREE);
    expect_text(explained.rooms[0].text, "not what it waits for");
    g_assert_cmpuint(explained.changes_len, ==, 1);
    g_assert_cmpstr(explained.changes[0].edits[0].path, ==, "spec.shareLimits[1].maxvCpus");
    g_assert_cmpstr(explained.changes[0].edits[0].value, ==, "3");
    explained = explain(world, jobs[3], NOT_A_CHILD, arena, NULL);
    g_assert_cmpint(explained.share->rank, ==, 1);
    g_assert_cmpuint(explained.changes_len, ==, 0);
    g_assert_cmpint(explained.expected_ms, ==, NOW_MS);
}

static void test_queues_ahead(void)
{
    g_autoptr(World) world = fixture_world();
    g_autoptr(Arena) arena = arena_new();
    fixture_queue(world, "urgent", 9, "here");
    Job *job = fixture_job(world, 1, "one", "");
    g_assert_cmpint(explain(world, job, NOT_A_CHILD, arena, NULL).queues_ahead, ==, 0);
    fixture_try(world, 2, "{'jobName':'j','jobQueue':'urgent','jobDefinition':'one'}", NULL);
    Explanation explained = explain(world, job, NOT_A_CHILD, arena, NULL);
    g_assert_cmpint(explained.queues_ahead, ==, 1);
    g_assert_true(explained.is_earliest);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/explain/nearest-miss", test_nearest_miss);
    g_test_add_func("/explain/never", test_never);
    g_test_add_func("/explain/nothing-helps", test_nothing_helps);
    g_test_add_func("/explain/coming", test_coming);
    g_test_add_func("/explain/growth-refused", test_growth_refused);
    g_test_add_func("/explain/dependencies", test_dependencies);
    g_test_add_func("/explain/array-place", test_array_place);
    g_test_add_func("/explain/consumable", test_consumable);
    g_test_add_func("/explain/share", test_share);
    g_test_add_func("/explain/queues-ahead", test_queues_ahead);
    return g_test_run();
}
