/* Placement: order, capacity, environments, hosts, holds, demand, gangs, limits. */
#include "reconciler/schedule/reason.h"
#include "tests/support/schedule_fixture.h"

static const Capacity machine = {2 * 10000, 1000, 0};

/* A pass whose decisions are not carried out. */
static Decisions run_at(World *world, int64_t now_ms, Arena *arena)
{
    world_check(world);
    Decisions decisions = fixture_pass(world, now_ms, arena);
    fixture_undo(&decisions);
    world_check(world);
    return decisions;
}

static void expect_at(World *world, int64_t now_ms, const char *placements)
{
    g_autoptr(Arena) arena = arena_new();
    Decisions decisions = run_at(world, now_ms, arena);
    g_autofree char *found = fixture_placements(&decisions);
    g_assert_cmpstr(found, ==, placements);
}

static void expect(World *world, const char *placements)
{
    expect_at(world, 5000, placements);
}

static void expect_waiting(World *world, const Job *job, const char *reason)
{
    g_autofree char *found = waiting_reason(world, PROVIDERS_AT_HAND, job_group(job));
    g_assert_cmpstr(found, ==, reason);
}

static World *small_world(void)
{
    World *world = fixture_world();
    instance_local(world, machine);
    return world;
}

static void test_fifo_and_priority(void)
{
    g_autoptr(World) world = small_world();
    fixture_queue(world, "high", 5, "here");
    fixture_job(world, 1, "one", "");
    Job *waits = fixture_job(world, 2, "one", "");
    fixture_try(world, 3, "{'jobName':'j','jobQueue':'high','jobDefinition':'one'}", NULL);
    expect(world, "3:-1x1@here/0 1:-1x1@here/0 ");
    fixture_launch(world, world_job_by_sequence(world, 3), NOT_A_CHILD, 3);
    fixture_launch(world, world_job_by_sequence(world, 1), NOT_A_CHILD, 1);
    expect(world, "");
    expect_waiting(world, waits, "waits for 1 vCPU; 0 of 2 free");
}

/* Queues of one priority share: the oldest job first, not the first name. */
static void test_equal_priority(void)
{
    g_autoptr(World) world = small_world();
    g_autoptr(Arena) arena = arena_new();
    fixture_queue(world, "alpha", 1, "here");
    fixture_job(world, 1, "one", "");
    fixture_try(world, 2, "{'jobName':'j','jobQueue':'alpha','jobDefinition':'one'}", NULL);
    Decisions decisions =
        fixture_pass_with(world, &(ScheduleOptions){.now_ms = 5000, .placements_max = 1}, arena);
    g_autofree char *found = fixture_placements(&decisions);
    g_assert_cmpstr(found, ==, "1:-1x1@here/0 ");
    g_assert_true(decisions.is_full);
}

static void test_what_does_not_fit_is_passed(void)
{
    g_autoptr(World) world = small_world();
    g_autoptr(Arena) arena = arena_new();
    fixture_definition(world, "two", 2, 16, "");
    fixture_definition(world, "huge", 4, 16, "");
    fixture_definition(world, "fat", 1, 5000, "");
    fixture_launch(world, fixture_job(world, 1, "one", ""), NOT_A_CHILD, 1);
    fixture_job(world, 2, "huge", "");
    Job *two = fixture_job(world, 3, "two", "");
    Job *fat = fixture_job(world, 4, "fat", "");
    fixture_job(world, 5, "one", "");
    Decisions decisions = run_at(world, 5000, arena);
    g_autofree char *found = fixture_placements(&decisions);
    g_assert_cmpstr(found, ==, "5:-1x1@here/0 ");
    g_assert_cmpuint(decisions.parked_len, ==, 2);
    g_assert_cmpint(decisions.parked[0].blocked, ==, BLOCKED_RESOURCE_REQUIREMENT);
    g_assert_cmpstr(
        decisions.parked[0].reason, ==,
        "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT - The job resource requirement (vCPU/memory/GPU) is "
        "higher than that can be met by the CE(s) attached to the job queue. needs 4 vCPU; this machine has "
        "2: 2 "
        "short");
    uint64_t tokens = 100;
    for (size_t i = 0; i < decisions.parked_len; i++)
        world_park(world, decisions.parked[i].group, decisions.parked[i].blocked, decisions.parked[i].reason,
                   1);
    expect_waiting(world, two, "waits for 2 vCPU; 1 of 2 free");
    g_assert_true(g_str_has_suffix(job_group(fat)->reason,
                                   "needs 5,000 MiB; this machine offers 1,000 MiB: 4,000 MiB short"));
    /* parked work is not looked at again until something changes */
    g_autoptr(Arena) again = arena_new();
    decisions = run_at(world, 5000, again);
    g_assert_cmpuint(decisions.parked_len, ==, 0);
    instance_local(world, (Capacity){8 * 10000, 6000, 0});
    expect(world, "2:-1x1@here/0 3:-1x1@here/0 4:-1x1@here/0 ");
    (void)tokens;
}

/* From ten minutes on nothing overtakes a head that waits for the machine. */
static void test_hold(void)
{
    g_autoptr(World) world = small_world();
    fixture_definition(world, "two", 2, 16, "");
    fixture_launch(world, fixture_job(world, 1, "one", ""), NOT_A_CHILD, 1);
    fixture_job(world, 2, "two", "");
    fixture_job(world, 3, "one", "");
    expect_at(world, 1002 + HOLD_AFTER_MS - 1, "3:-1x1@here/0 ");
    expect_at(world, 1002 + HOLD_AFTER_MS, "");
}

static void strict_queue(World *world)
{
    fixture_put(
        world, KIND_JOB_QUEUE, "main",
        "{\"backfill\":false,\"computeEnvironmentOrder\":[{\"computeEnvironment\":\"here\",\"order\":1}],"
        "\"priority\":1}",
        1);
}

/* Strict order: nothing overtakes a head that waits, but one that can never run is in nobody's way. */
static void test_strict_order(void)
{
    g_autoptr(World) world = small_world();
    fixture_definition(world, "two", 2, 16, "");
    fixture_definition(world, "huge", 4, 16, "");
    strict_queue(world);
    fixture_launch(world, fixture_job(world, 1, "one", ""), NOT_A_CHILD, 1);
    fixture_job(world, 2, "huge", "");
    fixture_job(world, 3, "one", "");
    expect(world, "3:-1x1@here/0 ");
    fixture_job(world, 4, "two", "");
    fixture_job(world, 5, "one", "");
    fixture_launch(world, world_job_by_sequence(world, 3), NOT_A_CHILD, 3);
    expect(world, "");
}

static void test_array_and_memory(void)
{
    g_autoptr(World) world = small_world();
    g_autoptr(Arena) arena = arena_new();
    Job *array = fixture_job(world, 1, "one", ",'arrayProperties':{'size':10000}");
    instance_local(world, (Capacity){40 * 10000, 16 * 30, 0});
    Decisions decisions = fixture_pass(world, 5000, arena);
    g_autofree char *found = fixture_placements(&decisions);
    g_assert_cmpstr(found, ==, "1:0x30@here/0 "); /* memory is what ends first */
    g_assert_cmpuint(decisions.starts, ==, 30);
    uint64_t tokens = 0;
    fixture_carry_out(world, &decisions, 5000, &tokens);
    world_check(world);
    for (int32_t i = 0; i < 31; i++)
        g_assert_true((fixture_child(array, i) == JOB_STARTING) == (i < 30));
    expect_waiting(world, array, "waits for 16 MiB; 0 of 480 MiB free");
}

static void test_environments(void)
{
    g_autoptr(World) world = small_world();
    fixture_environment(world, "small", 1);
    fixture_queue(world, "main", 1, "small,here");
    for (uint64_t i = 1; i <= 3; i++)
        fixture_job(world, i, "one", "");
    expect(world, "1:-1x1@small/0 2:-1x1@here/0 ");
    g_autoptr(Arena) arena = arena_new();
    Decisions decisions = fixture_pass(world, 5000, arena);
    uint64_t tokens = 0;
    fixture_carry_out(world, &decisions, 5000, &tokens);
    expect_waiting(world, world_job_by_sequence(world, 3),
                   "small: waits for 1 vCPU; 0 of 1 free (maxvCpus); here: waits for 1 vCPU; 0 of 2 free");
}

static void test_closed(void)
{
    g_autoptr(World) world = world_new(1, PROVIDER_LOCAL);
    fixture_environment(world, "here", 64);
    fixture_queue(world, "main", 1, "here");
    fixture_definition(world, "one", 1, 16, "");
    Job *job = fixture_job(world, 1, "one", "");
    expect(world, "");
    expect_waiting(world, job, "waits for provider local of compute environment here to report");
    instance_local(world, machine);
    fixture_put(world, KIND_COMPUTE_ENVIRONMENT, "here",
                "{\"computeResources\":{\"maxvCpus\":4,\"type\":\"EC2\"},\"provider\":\"local\",\"state\":"
                "\"DISABLED\",\"type\":\"MANAGED\"}",
                2);
    expect(world, "");
    expect_waiting(world, job, "compute environment here is DISABLED");
    fixture_put(world, KIND_COMPUTE_ENVIRONMENT, "here",
                "{\"computeResources\":{\"maxvCpus\":4,\"type\":\"EC2\"},\"provider\":\"simulated\",\"type\":"
                "\"MANAGED\"}",
                2);
    expect(world, "");
    expect_waiting(world, job, "provider simulated of compute environment here is not available here");
    fixture_queue(world, "main", 1, "nowhere");
    expect(world, "");
    expect_waiting(world, job, "compute environment nowhere does not exist");
}

/* ---- instances ---- */

static World *cloud_world(const char *types)
{
    World *world = fixture_world();
    g_autofree char *more = g_strdup_printf(",\"instanceTypes\":[%s]", types);
    fixture_cloud(world, "cloud", "EC2", 1000, more);
    fixture_queue(world, "main", 1, "cloud");
    return world;
}

/* The fullest that it fits on. */
static void test_best_fit(void)
{
    g_autoptr(World) world = cloud_world("\"c5.4xlarge\"");
    Instance *large = fixture_instance(world, "cloud", "c5.4xlarge", capacity_of(16, 30000, 0));
    Instance *small = fixture_instance(world, "cloud", "c5.xlarge", capacity_of(4, 7000, 0));
    g_assert_cmpuint(large->number, ==, 1);
    g_assert_cmpuint(small->number, ==, 2);
    fixture_definition(world, "three", 3, 100, "");
    fixture_job(world, 1, "three", "");
    fixture_job(world, 2, "three", "");
    fixture_job(world, 3, "one", "");
    expect(world, "1:-1x1@cloud/2 2:-1x1@cloud/1 3:-1x1@cloud/2 ");
}

#define GPU_NEED                                                                                             \
    ",'containerOverrides':{'resourceRequirements':[{'type':'GPU','value':'1'},{'type':'VCPU','value':'1'}," \
    "{'type':'MEMORY','value':'16'}]}"

/* A host with GPUs takes other jobs only while no job could use its GPUs. */
static void test_gpu_hosts(void)
{
    g_autoptr(World) world = cloud_world("\"p3.2xlarge\"");
    fixture_instance(world, "cloud", "p3.2xlarge", capacity_of(8, 60000, 1));
    fixture_job(world, 1, "one", "");
    expect(world, "1:-1x1@cloud/1 ");
    fixture_job(world, 2, "one", GPU_NEED);
    fixture_job(world, 3, "one", GPU_NEED);
    expect(world, "2:-1x1@cloud/1 ");
    fixture_instance(world, "cloud", "c5.large", capacity_of(2, 3000, 0));
    expect(world, "1:-1x1@cloud/2 2:-1x1@cloud/1 ");
}

static void fargate_job(World *world, uint64_t number)
{
    g_autofree char *request = g_strdup_printf("{'jobName':'j','jobQueue':'main','jobDefinition':'task'}");
    fixture_try(world, number, request, NULL);
}

/* A task is its own capacity. */
static void test_fargate(void)
{
    g_autoptr(World) world = fixture_world();
    fixture_cloud(world, "tasks", "FARGATE", 3, "");
    fixture_queue(world, "main", 1, "tasks");
    fixture_definition(world, "task", 1, 2048, ",\"platformCapabilities\":[\"FARGATE\"]");
    for (uint64_t i = 1; i <= 4; i++)
        fargate_job(world, i);
    expect(world, "1:-1x1@tasks/0 2:-1x1@tasks/0 3:-1x1@tasks/0 ");
    fixture_job(world, 9, "one", ""); /* for EC2: never here */
    g_autoptr(Arena) arena = arena_new();
    Decisions decisions = run_at(world, 5000, arena);
    g_assert_cmpuint(decisions.parked_len, ==, 1);
}

/* ---- reservations ---- */

#define TIMEOUT(seconds) ",'timeout':{'attemptDurationSeconds':" #seconds "}"

/* A job of 3 that waits for one of 2 to end at 102,000 on a host of 4: others may go ahead while they end by
 * then, or fit beside it. */
static void test_backfill(void)
{
    g_autoptr(World) world = cloud_world("\"c5.xlarge\"");
    Instance *host = fixture_instance(world, "cloud", "c5.xlarge", capacity_of(4, 7000, 0));
    Environment *cloud = world_environment(world, VIEW("cloud"));
    fixture_definition(world, "two", 2, 16, "");
    fixture_definition(world, "three", 3, 16, "");
    Job *runs = fixture_job(world, 1, "two", TIMEOUT(100));
    LaunchToken token = fixture_token(77);
    Launch *launch = launch_place(world, runs, NOT_A_CHILD, cloud, host, &token, 2000);
    g_assert_cmpint(launch_end_ms(launch), ==, 102000);
    fixture_job(world, 2, "three", "");
    fixture_job(world, 3, "two", TIMEOUT(200)); /* too long */
    expect(world, "");
    fixture_job(world, 4, "two", TIMEOUT(60)); /* gone by then */
    expect(world, "4:-1x1@cloud/1 ");
    expect_at(world, 50000, "");
    fixture_job(world, 5, "one", ""); /* one vCPU is left beside three */
    expect_at(world, 50000, "5:-1x1@cloud/1 ");
}

/* ---- fair share ---- */

static void fair_queue(World *world, const char *policy)
{
    g_autofree char *text = g_strdelimit(g_strdup(policy), "'", '"');
    fixture_put(world, KIND_SCHEDULING_POLICY, "policy", text, 1);
    fixture_put(world, KIND_JOB_QUEUE, "main",
                "{\"computeEnvironmentOrder\":[{\"computeEnvironment\":\"here\",\"order\":1}],\"priority\":1,"
                "\"schedulingPolicy\":\"policy\"}",
                1);
}

/* One cycle alternates by weight: b counts half of what it uses. */
static void test_fair_share(void)
{
    g_autoptr(World) world = fixture_world();
    instance_local(world, (Capacity){6 * 10000, 1000, 0});
    fair_queue(world,
               "{'fairsharePolicy':{'shareDistribution':[{'shareIdentifier':'b','weightFactor':5000}]}}");
    fixture_job(world, 1, "one", ",'shareIdentifier':'a','arrayProperties':{'size':9}");
    fixture_job(world, 2, "one", ",'shareIdentifier':'b','arrayProperties':{'size':9}");
    fixture_job(world, 3, "one", ",'shareIdentifier':'a','schedulingPriorityOverride':5");
    expect(world, "2:0x1@here/0 3:-1x1@here/0 2:1x1@here/0 1:0x1@here/0 2:2x2@here/0 ");
}

/* Half of the 64 vCPUs is kept for shares that are not there yet; with two of them a quarter. */
static void test_reservation(void)
{
    g_autoptr(World) world = fixture_world();
    fair_queue(world, "{'fairsharePolicy':{'computeReservation':50}}");
    fixture_job(world, 1, "one", ",'shareIdentifier':'a','arrayProperties':{'size':100}");
    expect(world, "1:0x32@here/0 ");
    fixture_job(world, 2, "one", ",'shareIdentifier':'b'");
    g_autoptr(Arena) arena = arena_new();
    Decisions decisions = run_at(world, 5000, arena);
    g_assert_cmpuint(decisions.starts, ==, 48);
}

static void test_share_limits(void)
{
    g_autoptr(World) world = fixture_world();
    fair_queue(world, "{'fairsharePolicy':{},'shareLimits':[{'maxvCpus':3,'shareIdentifier':'a*'}]}");
    fixture_definition(world, "two", 2, 16, "");
    fixture_job(world, 1, "two", ",'shareIdentifier':'a1','arrayProperties':{'size':5}");
    fixture_job(world, 2, "one", ",'shareIdentifier':'a1'");
    fixture_job(world, 3, "one", ",'shareIdentifier':'b','arrayProperties':{'size':4}");
    expect(world, "1:0x1@here/0 3:0x2@here/0 2:-1x1@here/0 3:2x2@here/0 ");
}

/* ---- demand ---- */

static int64_t grows_by(const Environment *environment, const RunnableGroup *group, void *data)
{
    (void)group;
    const int64_t *vcpus = data;
    return (strcmp(environment->resource->name, "cloud") == 0 ? vcpus[0] : vcpus[1]) * 10000;
}

static char *demand_text(const Decisions *decisions)
{
    GString *text = g_string_new(NULL);
    for (size_t i = 0; i < decisions->demand_len; i++)
        g_string_append_printf(text, "%" PRId64 "x%" PRId64 "n%" PRId64 "@%s ", decisions->demand[i].count,
                               decisions->demand[i].need.vcpus_e4 / 10000, decisions->demand[i].nodes,
                               decisions->demand[i].environment->resource->name);
    return g_string_free(text, FALSE);
}

static void expect_demand(World *world, int64_t first, int64_t second, const char *expected)
{
    g_autoptr(Arena) arena = arena_new();
    int64_t vcpus[] = {first, second};
    ScheduleOptions options = {.now_ms = 5000, .placements_max = 1000, .growth = grows_by, .data = vcpus};
    Decisions decisions = fixture_pass_with(world, &options, arena);
    fixture_undo(&decisions);
    world_check(world);
    g_autofree char *found = demand_text(&decisions);
    g_assert_cmpstr(found, ==, expected);
}

static void test_demand(void)
{
    g_autoptr(World) world = cloud_world("\"c5.4xlarge\"");
    fixture_cloud(world, "other", "EC2", 1000, ",\"instanceTypes\":[\"c5.large\"]");
    fixture_queue(world, "main", 1, "cloud,other");
    fixture_definition(world, "four", 4, 16, "");
    fixture_job(world, 1, "one", ",'arrayProperties':{'size':10}");
    fixture_job(world, 2, "four", "");
    expect_demand(world, 100, 100, "10x1n1@cloud 1x4n1@cloud ");
    expect_demand(world, 0, 100, "10x1n1@other "); /* four vCPUs do not fit a c5.large */
    expect_demand(world, 6, 100, "6x1n1@cloud 4x1n1@other ");
    expect_demand(world, 0, 0, "");
    /* what is coming is waited for */
    fixture_instance_coming(world, "cloud", "c5.4xlarge", capacity_of(12, 30000, 0));
    expect_demand(world, 100, 100, "1x4n1@cloud ");
    /* what is free is used first */
    fixture_instance(world, "cloud", "c5.large", capacity_of(2, 3000, 0));
    expect_demand(world, 100, 100, "");
}

/* ---- gangs ---- */

static Job *gang_job(World *world, uint64_t number, int nodes)
{
    g_autofree char *spec =
        g_strdup_printf("{\"nodeProperties\":{\"mainNode\":0,\"nodeRangeProperties\":[{\"container\":{"
                        "\"command\":[\"/bin/true\"],"
                        "\"resourceRequirements\":[{\"type\":\"MEMORY\",\"value\":\"100\"},{\"type\":"
                        "\"VCPU\",\"value\":\"1\"}]},"
                        "\"targetNodes\":\"0:\"}],\"numNodes\":%d},\"type\":\"multinode\"}",
                        nodes);
    g_autofree char *name = g_strdup_printf("gang%d", nodes);
    fixture_put(world, KIND_JOB_DEFINITION, name, spec, 1);
    return fixture_job(world, number, name, "");
}

/* All nodes at once, each on an instance for itself; while it gathers, nobody else gets those that are empty.
 */
static void test_gang(void)
{
    g_autoptr(World) world = cloud_world("\"c5.large\"");
    for (int i = 0; i < 2; i++)
        fixture_instance(world, "cloud", "c5.large", capacity_of(2, 3000, 0));
    gang_job(world, 1, 3);
    fixture_job(world, 2, "one", "");
    expect(world, "");
    expect_demand(world, 100, 0, "1x1n1@cloud 1x1n1@cloud "); /* a node is missing, and the other job */
    fixture_instance(world, "cloud", "c5.large", capacity_of(2, 3000, 0));
    expect(world, "1:-1x1@cloud/1 1:-1x1@cloud/2 1:-1x1@cloud/3 ");
    expect_demand(world, 100, 0, "1x1n1@cloud ");
}

/* On the one machine its nodes are placed together, or not at all, like one job that needs all of it. */
static void test_gang_machine(void)
{
    g_autoptr(World) world = small_world();
    Job *gang = gang_job(world, 1, 3);
    fixture_job(world, 2, "one", "");
    g_autoptr(Arena) arena = arena_new();
    Decisions decisions = run_at(world, 5000, arena);
    g_assert_cmpuint(decisions.parked_len, ==, 1);
    g_assert_true(g_str_has_suffix(decisions.parked[0].reason,
                                   "needs 3 vCPU for its 3 nodes; this machine has 2: 1 short"));
    instance_local(world, (Capacity){4 * 10000, 1000, 0});
    Launch *launch = fixture_launch(world, fixture_job(world, 3, "one", ""), NOT_A_CHILD, 3);
    fixture_launch(world, fixture_job(world, 4, "one", ""), NOT_A_CHILD, 4);
    expect(world, "2:-1x1@here/0 ");
    expect_waiting(world, gang, "waits for 3 vCPU; 2 of 4 free");
    launch_ended(world, launch, &(LaunchEnd){.cause = END_EXITED, .started_ms = 3, .stopped_ms = 4}, 4);
    decisions = fixture_pass(world, 5000, arena);
    g_autofree char *found = fixture_placements(&decisions);
    g_assert_cmpstr(found, ==, "1:-1x1@here/0 1:-1x1@here/0 1:-1x1@here/0 ");
    uint64_t tokens = 10;
    fixture_carry_out(world, &decisions, 5000, &tokens);
    world_check(world);
    g_assert_cmpint(world_local_instance(world)->used.memory_mib, ==, 3 * 100 + 16);
    expect(world, "");
}

/* From ten minutes on nothing overtakes it there. */
static void test_gang_machine_hold(void)
{
    g_autoptr(World) world = small_world();
    instance_local(world, (Capacity){4 * 10000, 1000, 0});
    fixture_launch(world, fixture_job(world, 1, "one", ""), NOT_A_CHILD, 1);
    fixture_launch(world, fixture_job(world, 2, "one", ""), NOT_A_CHILD, 2);
    gang_job(world, 3, 3);
    fixture_job(world, 4, "one", "");
    expect_at(world, 1002 + HOLD_AFTER_MS - 1, "4:-1x1@here/0 ");
    expect_at(world, 1003 + HOLD_AFTER_MS, "");
}

/* After ten minutes the next gang has its turn. */
static void test_gang_turns(void)
{
    g_autoptr(World) world = cloud_world("\"c5.large\"");
    for (int i = 0; i < 2; i++)
        fixture_instance(world, "cloud", "c5.large", capacity_of(2, 3000, 0));
    gang_job(world, 1, 5);
    gang_job(world, 2, 4);
    g_autoptr(Arena) arena = arena_new();
    Decisions decisions = run_at(world, 5000, arena);
    g_assert_cmpint(decisions.wake_ms, ==, 5000 + GANG_TURN_MS);
    g_assert_cmpstr(world_setting(world, "gang cloud"), ==, "1 5000");
    expect_at(world, 6000, "");
    expect_at(world, 5000 + GANG_TURN_MS, "");
    g_assert_cmpstr(world_setting(world, "gang cloud"), ==, "2 605000");
    expect_at(world, 5000 + 2 * GANG_TURN_MS, "");
    g_assert_cmpstr(world_setting(world, "gang cloud"), ==, "1 1205000");
}

/* Alone it has its turn again; who waits for another's turn looks again when that ends; and a gang that was
 * tried again, and so stands before an equal one, has the turn of that. */
static void test_gang_goes_on(void)
{
    g_autoptr(World) world = cloud_world("\"c5.large\"");
    fixture_instance(world, "cloud", "c5.large", capacity_of(2, 3000, 0));
    gang_job(world, 2, 3);
    g_autoptr(Arena) arena = arena_new();
    Decisions decisions = run_at(world, 5000, arena);
    g_assert_cmpstr(world_setting(world, "gang cloud"), ==, "1 5000");
    decisions = run_at(world, 5000 + GANG_TURN_MS, arena);
    g_assert_cmpstr(world_setting(world, "gang cloud"), ==, "1 5000");
    g_assert_cmpint(decisions.wake_ms, ==, 5000 + GANG_TURN_MS + GANG_YIELD_MS);
    decisions = run_at(world, 5000 + GANG_TURN_MS + GANG_YIELD_MS, arena);
    g_assert_cmpstr(world_setting(world, "gang cloud"), ==, "1 606000");
    gang_job(world, 3, 3);
    gang_job(world, 4, 2);
    world_set_setting(world, "gang cloud", "2 700000");
    decisions = run_at(world, 701000, arena);
    g_assert_cmpstr(world_setting(world, "gang cloud"), ==, "1 700000");
    world_set_setting(world, "gang cloud", "3 700000");
    decisions = run_at(world, 702000, arena);
    g_assert_cmpint(decisions.wake_ms, ==, 700000 + GANG_TURN_MS);
}

/* ---- limits of time at the head ---- */

static void test_time_limit(void)
{
    g_autoptr(World) world = small_world();
    g_autoptr(Arena) arena = arena_new();
    fixture_put(world, KIND_JOB_QUEUE, "main",
                "{\"computeEnvironmentOrder\":[{\"computeEnvironment\":\"here\",\"order\":1}],"
                "\"jobStateTimeLimitActions\":[{\"action\":\"CANCEL\",\"maxTimeSeconds\":600,\"reason\":"
                "\"MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT\",\"state\":\"RUNNABLE\"}],\"priority\":1}",
                1);
    fixture_definition(world, "huge", 4, 16, "");
    fixture_job(world, 1, "huge", "");
    fixture_job(world, 2, "huge", ",'timeout':{'attemptDurationSeconds':60}");
    Decisions decisions = fixture_pass(world, 5000, arena);
    uint64_t tokens = 0;
    fixture_carry_out(world, &decisions, 5000, &tokens);
    g_assert_cmpuint(decisions.cancels_len, ==, 0);
    g_assert_cmpint(decisions.wake_ms, ==, 605000);
    decisions = run_at(world, 604999, arena);
    g_assert_cmpuint(decisions.cancels_len, ==, 0);
    decisions = run_at(world, 605000, arena);
    g_assert_cmpuint(decisions.cancels_len, ==, 1);
    g_assert_cmpuint(decisions.cancels[0].job->sequence, ==, 1);
    g_assert_cmpstr(
        decisions.cancels[0].reason, ==,
        "Canceled by JobStateTimeLimit action due to reason: MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT");
    g_autoptr(GPtrArray) stops = g_ptr_array_new();
    job_end(world, decisions.cancels[0].job, NOT_A_CHILD, END_CANCEL, decisions.cancels[0].reason, 605000,
            stops);
    decisions = run_at(world, 605001, arena); /* the next head's clock starts anew */
    g_assert_cmpuint(decisions.cancels_len, ==, 0);
    g_assert_cmpint(decisions.wake_ms, ==, 605001 + 600000);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/schedule/order", test_fifo_and_priority);
    g_test_add_func("/schedule/equal-priority", test_equal_priority);
    g_test_add_func("/schedule/passed", test_what_does_not_fit_is_passed);
    g_test_add_func("/schedule/hold", test_hold);
    g_test_add_func("/schedule/strict-order", test_strict_order);
    g_test_add_func("/schedule/array", test_array_and_memory);
    g_test_add_func("/schedule/environments", test_environments);
    g_test_add_func("/schedule/closed", test_closed);
    g_test_add_func("/schedule/best-fit", test_best_fit);
    g_test_add_func("/schedule/gpu-hosts", test_gpu_hosts);
    g_test_add_func("/schedule/fargate", test_fargate);
    g_test_add_func("/schedule/backfill", test_backfill);
    g_test_add_func("/schedule/fair-share", test_fair_share);
    g_test_add_func("/schedule/reservation", test_reservation);
    g_test_add_func("/schedule/share-limits", test_share_limits);
    g_test_add_func("/schedule/demand", test_demand);
    g_test_add_func("/schedule/gang", test_gang);
    g_test_add_func("/schedule/gang-machine", test_gang_machine);
    g_test_add_func("/schedule/gang-machine-hold", test_gang_machine_hold);
    g_test_add_func("/schedule/gang-turns", test_gang_turns);
    g_test_add_func("/schedule/gang-goes-on", test_gang_goes_on);
    g_test_add_func("/schedule/time-limit", test_time_limit);
    return g_test_run();
}
