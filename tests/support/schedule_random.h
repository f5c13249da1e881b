/* schedule_random.h: random worlds for the scheduler: five environments of every type, queues of every order,
 * jobs of every kind, instances that come and go.
 * Owns:   the world and its rows. */
#pragma once
#include "tests/support/schedule_fixture.h"
#include "tests/support/world_records.h"

typedef struct {
    World *world;
    Records *records;
    Rng rng;
    int64_t now_ms;
    uint64_t ids, tokens;
} ScheduleWorld;

static inline int64_t pick(ScheduleWorld *random, int64_t low, int64_t high)
{
    return rng_between(&random->rng, low, high);
}

static inline void schedule_world_queue(World *world, const char *name, int priority,
                                        const char *environments, const char *more)
{
    g_auto(GStrv) names = g_strsplit(environments, ",", -1);
    g_autoptr(GString) spec = g_string_new("{");
    g_string_append_printf(spec, "%s\"computeEnvironmentOrder\":[", more);
    for (int i = 0; names[i]; i++)
        g_string_append_printf(spec, "%s{\"computeEnvironment\":\"%s\",\"order\":%d}", i ? "," : "", names[i],
                               i + 1);
    g_string_append_printf(spec, "],\"priority\":%d}", priority);
    fixture_put(world, KIND_JOB_QUEUE, name, spec->str, 1);
}

static inline void schedule_world_policy(World *world, int reservation)
{
    g_autofree char *spec = g_strdup_printf(
        "{\"fairsharePolicy\":{\"computeReservation\":%d,\"shareDecaySeconds\":900,\"shareDistribution\":"
        "[{\"shareIdentifier\":\"a*\",\"weightFactor\":5000},{\"shareIdentifier\":\"b\",\"weightFactor\":"
        "20000}]},"
        "\"shareLimits\":[{\"maxvCpus\":7,\"shareIdentifier\":\"c\"}]}",
        reservation);
    fixture_put(world, KIND_SCHEDULING_POLICY, "policy", spec, 1);
}

static inline void schedule_world_resources(World *world)
{
    fixture_environment(world, "here", 8);
    fixture_cloud(world, "cloud", "EC2", 200, ",\"instanceTypes\":[\"c5\",\"p3\"]");
    fixture_cloud(world, "spot", "SPOT", 100, ",\"instanceTypes\":[\"m5\"]");
    fixture_cloud(world, "tasks", "FARGATE", 9, "");
    fixture_cloud(world, "own", "UNMANAGED", 0, "");
    schedule_world_policy(world, 20);
    schedule_world_queue(world, "main", 1, "spot,cloud", "");
    schedule_world_queue(world, "high", 7, "cloud,tasks", "");
    schedule_world_queue(world, "strict", 1, "cloud", "\"backfill\":false,");
    schedule_world_queue(world, "fair", 1, "cloud,own", "\"schedulingPolicy\":\"policy\",");
    schedule_world_queue(world, "local", 3, "here", "");
    schedule_world_queue(world, "low", 0, "here,own", "");
    schedule_world_queue(world, "owned", 1, "own", "");
    schedule_world_queue(world, "farm", 1, "tasks", "");
    schedule_world_queue(world, "alike", 1, "own,here", "\"schedulingPolicy\":\"policy\",");
    fixture_put(world, KIND_CONSUMABLE_RESOURCE, "license",
                "{\"resourceType\":\"REPLENISHABLE\",\"totalQuantity\":5}", 1);
    fixture_definition(world, "job", 1, 100, "");
    fixture_definition(world, "task", 1, 2048, ",\"platformCapabilities\":[\"FARGATE\"]");
    fixture_definition(
        world, "licensed", 1, 100,
        ",\"consumableResourceProperties\":{\"consumableResourceList\":[{\"consumableResource\":"
        "\"license\",\"quantity\":2}]}");
    fixture_put(world, KIND_JOB_DEFINITION, "gang",
                "{\"nodeProperties\":{\"mainNode\":0,\"nodeRangeProperties\":[{\"container\":{\"command\":["
                "\"/bin/true\"]"
                ",\"resourceRequirements\":[{\"type\":\"MEMORY\",\"value\":\"100\"},{\"type\":\"VCPU\","
                "\"value\":\"1\"}]},"
                "\"targetNodes\":\"0:\"}],\"numNodes\":2},\"type\":\"multinode\"}",
                1);
}

static inline ScheduleWorld *schedule_world_new(uint64_t seed)
{
    ScheduleWorld *random = g_new0(ScheduleWorld, 1);
    random->rng = rng_from_seed(seed);
    random->now_ms = 1000000;
    random->records = records_new();
    random->world = world_new(seed, PROVIDER_LOCAL);
    schedule_world_resources(random->world);
    instance_local(random->world, capacity_of(6, 9000, 1));
    return random;
}

static inline void schedule_world_free(ScheduleWorld *random)
{
    world_free(random->world);
    records_free(random->records);
    g_free(random);
}

/* ---- what happens ---- */

static inline void random_submit_job(ScheduleWorld *random)
{
    static const char *const queues[] = {"main", "high", "strict", "fair",  "local", "alike",
                                         "fair", "main", "low",    "owned", "farm",  "farm"};
    static const char *const shares[] = {"a1", "a2", "b", "c"};
    const char *queue = queues[pick(random, 0, 11)];
    bool is_fair = strcmp(queue, "fair") == 0 || strcmp(queue, "alike") == 0;
    int64_t sort = pick(random, 0, 11);
    g_autoptr(GString) request = g_string_new(NULL);
    g_string_append_printf(request, "{'jobName':'j','jobQueue':'%s','jobDefinition':'%s'", queue,
                           sort == 0   ? "gang"
                           : sort <= 2 ? "task"
                           : sort == 3 ? "licensed"
                                       : "job");
    if (sort > 3 && pick(random, 0, 3) > 0) {
        g_string_append_printf(request,
                               ",'containerOverrides':{'resourceRequirements':[{'type':'VCPU','value':'%d'},"
                               "{'type':'MEMORY','value':'%d'}",
                               (int)pick(random, 1, 6), (int)pick(random, 1, 30) * 100);
        if (pick(random, 0, 4) == 0)
            g_string_append_printf(request, ",{'type':'GPU','value':'%d'}", (int)pick(random, 1, 2));
        g_string_append(request, "]}");
    }
    if (pick(random, 0, 2) == 0)
        g_string_append_printf(request, ",'timeout':{'attemptDurationSeconds':%d}",
                               (int)pick(random, 60, 900));
    if (sort > 0 && pick(random, 0, 2) == 0)
        g_string_append_printf(request, ",'arrayProperties':{'size':%d}", (int)pick(random, 2, 30));
    if (is_fair)
        g_string_append_printf(request, ",'shareIdentifier':'%s','schedulingPriorityOverride':%d",
                               shares[pick(random, 0, 3)], (int)pick(random, 0, 1));
    g_string_append_c(request, '}');
    g_autofree char *text = g_strdelimit(g_strdup(request->str), "'", '"');
    json_t *json = json_loads(text, 0, NULL);
    g_assert_nonnull(json);
    job_submit(random->world, &(Submission){.id = fixture_id(++random->ids), .request = json}, random->now_ms,
               NULL);
    json_decref(json);
}

#define INSTANCE_SORTS 6
/* sort: below INSTANCE_SORTS. */
static inline void random_add_instance(ScheduleWorld *random, int64_t at, bool is_coming)
{
    static const struct {
        const char *environment, *type;
        int vcpus, memory, gpus;
    } sorts[] = {{"cloud", "c5.large", 2, 3000, 0},    {"cloud", "c5.2xlarge", 8, 14000, 0},
                 {"cloud", "p3.2xlarge", 8, 20000, 1}, {"cloud", "p3.8xlarge", 32, 90000, 4},
                 {"spot", "m5.xlarge", 4, 14000, 0},   {"own", "own", 6, 5000, 2}};
    Capacity capacity = capacity_of(sorts[at].vcpus, sorts[at].memory, sorts[at].gpus);
    LaunchToken token;
    rng_fill(&random->rng, token.bytes, sizeof token.bytes);
    Instance *instance = instance_intend(
        random->world, world_environment(random->world, view_from(sorts[at].environment)),
        &(InstanceDraft){.type = sorts[at].type, .planned = capacity, .price_micro_per_h = -1}, &token,
        random->now_ms);
    if (is_coming)
        return;
    instance_started(random->world, instance, "i-1", random->now_ms);
    instance_registered(random->world, instance, capacity, random->now_ms);
}

static inline Instance *random_instance(ScheduleWorld *random)
{
    size_t len = world_instances_len(random->world);
    Instance *instance = world_instance_next(random->world, NULL);
    for (int64_t skip = len > 0 ? pick(random, 0, (int64_t)len - 1) : 0; skip > 0; skip--)
        instance = world_instance_next(random->world, instance);
    return instance;
}

static inline void random_end_launch(ScheduleWorld *random)
{
    size_t len = world_launches_len(random->world);
    Launch *launch = world_launch_next(random->world, NULL);
    for (int64_t skip = len > 0 ? pick(random, 0, (int64_t)len - 1) : 0; skip > 0; skip--)
        launch = world_launch_next(random->world, launch);
    if (!launch)
        return;
    LaunchEnd end = {.cause = END_EXITED,
                     .exit_code = pick(random, 0, 9) == 0,
                     .started_ms = launch->intended_ms,
                     .stopped_ms = random->now_ms};
    launch_ended(random->world, launch, &end, random->now_ms);
}

static inline ScheduleOptions random_options(const ScheduleWorld *random)
{
    return (ScheduleOptions){.now_ms = random->now_ms, .placements_max = 1000};
}

static inline void random_tick(ScheduleWorld *random)
{
    g_autoptr(Arena) arena = arena_new();
    ScheduleOptions options = random_options(random);
    if (pick(random, 0, 4) == 0)
        options.placements_max = (size_t)pick(random, 1, 5);
    instances_wake(random->world, random->now_ms);
    Decisions decisions = fixture_pass_with(random->world, &options, arena);
    fixture_carry_out(random->world, &decisions, random->now_ms, &random->tokens);
}

static inline void random_step(ScheduleWorld *random)
{
    random->now_ms += pick(random, 0, 20000);
    int64_t choice = pick(random, 0, 99);
    if (choice < 35)
        random_submit_job(random);
    else if (choice < 50)
        random_add_instance(random, pick(random, 0, INSTANCE_SORTS - 1), pick(random, 0, 3) == 0);
    else if (choice < 80)
        random_end_launch(random);
    else if (choice < 82)
        schedule_world_policy(random->world, (int)pick(random, 0, 60));
    else if (choice < 84 && random_instance(random))
        instance_gone(random->world, random_instance(random), "reclaimed", random->now_ms);
    else if (choice < 87 && random_instance(random))
        instance_rest(random->world, random_instance(random), random->now_ms + pick(random, 1, 20000));
    else if (choice < 95)
        random_tick(random);
    world_check(random->world);
}

/* The process dies after a commit and starts again; its provider tells what is there. */
static inline void random_restart_world(ScheduleWorld *random)
{
    records_take(random->records, world_take_batch(random->world));
    World *fresh = records_world(random->records);
    const Instance *local = world_local_instance(random->world);
    instance_local(fresh, local->total);
    for (Instance *instance = world_instance_next(random->world, NULL); instance;
         instance = world_instance_next(random->world, instance)) {
        Instance *same = world_instance(fresh, &instance->token);
        g_assert_nonnull(same);
        if (instance->state == INSTANCE_REGISTERED)
            instance_registered(fresh, same, instance->total, random->now_ms);
        else
            instance_started(fresh, same, "i-1", random->now_ms);
        if (instance->rests_until_ms) /* a restart forgets it, and learns it anew */
            instance_rest(fresh, same, instance->rests_until_ms);
    }
    world_check(fresh);
    world_free(random->world);
    random->world = fresh;
}
