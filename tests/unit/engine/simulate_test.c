/* Simulations of small worlds, whose figures can be worked out by hand: in virtual time a second is exact,
 * only starting (2 to 4 ms on the local machine, 2 to 10 s on an instance), making (2 to 6 s) and booting (60
 * to 120 s) are drawn. */
#include "reconciler/forecast/render.h"
#include "reconciler/forecast/words.h"
#include "tests/support/simulate_fixture.h"

#define LOCAL                                                                                                \
    "apiVersion: muster/v1\nkind: ComputeEnvironment\nmetadata: {name: here}\n"                              \
    "spec: {provider: local, computeResources: {type: EC2, maxvCpus: 4}}\n---\n"
#define ENVIRONMENT(name, spec)                                                                              \
    "apiVersion: muster/v1\nkind: ComputeEnvironment\nmetadata: {name: " name "}\nspec: " spec "\n---\n"
#define QUEUE(name, environments, more)                                                                      \
    "apiVersion: muster/v1\nkind: JobQueue\nmetadata: {name: " name                                          \
    "}\nspec: {priority: 1, computeEnvironmentOrder: [" environments "]" more "}\n---\n"
#define DEFINITION(name, vcpus, mib, more)                                                                   \
    "apiVersion: muster/v1\nkind: JobDefinition\nmetadata: {name: " name                                     \
    "}\nspec: {type: container, containerProperties: {image: i, command: [x], resourceRequirements: "        \
    "[{type: VCPU, value: '" vcpus "'}, {type: MEMORY, value: '" mib "'}]}" more "}\n---\n"
/* model: as "fixed 10" */
#define DEFINITION_RUNS(name, model, more)                                                                   \
    "apiVersion: muster/v1\nkind: JobDefinition\nmetadata: {name: " name                                     \
    ", annotations: {muster/simulated-duration: " model more                                                 \
    "}}\nspec: {type: container, containerProperties: {image: i, command: [x], resourceRequirements: "       \
    "[{type: VCPU, value: '1'}, {type: MEMORY, value: '100'}]}}\n---\n"
#define JOB(name, members)                                                                                   \
    "apiVersion: muster/v1\nkind: Job\nmetadata: {name: " name "}\nspec: {jobQueue: main, " members "}\n---" \
    "\n"
#define RACK(count, vcpus)                                                                                   \
    ENVIRONMENT("rack", "{type: UNMANAGED, simulatedHosts: [{count: " count ", vcpus: " vcpus                \
                        ", memoryMiB: 16000}]}")
#define CLOUD(name, max, more)                                                                               \
    ENVIRONMENT(name, "{computeResources: {type: EC2, allocationStrategy: BEST_FIT_PROGRESSIVE, "            \
                      "instanceTypes: [m6i.xlarge], maxvCpus: " max more "}}")
#define MAKE_AND_BOOT_MAX 126000
#define START_MAX         10000

#define assert_near(value, from, to)                                                                         \
    do {                                                                                                     \
        g_assert_cmpint(value, >=, from);                                                                    \
        g_assert_cmpint(value, <=, to);                                                                      \
    } while (0)

static void assert_jobs(const SimulationResult *result, int64_t succeeded, int64_t failed, int64_t infeasible)
{
    g_assert_cmpint(result->jobs.succeeded, ==, succeeded);
    g_assert_cmpint(result->jobs.failed, ==, failed);
    g_assert_cmpint(result->jobs.infeasible, ==, infeasible);
    g_assert_cmpint(result->jobs.unfinished, ==, 0);
    g_assert_cmpint(result->jobs.submitted, ==, succeeded + failed + infeasible);
}

static char *json_of(const SimulationResult *result)
{
    json_t *root = simulation_json(result, NULL);
    char *text = json_dumps(root, JSON_COMPACT);
    json_decref(root);
    return text;
}

/* ---- machines that are there ---- */

/* Five jobs of 2 vCPUs and 10, 20, 30, 40, 50 s on 4 vCPUs, in order: two at a time, so that they end at 10,
 * 20, 40, 60 and 90 s. */
static void test_fifo(void)
{
    g_autoptr(SimulationResult) result = simulate_fixture(&(SimulateCase){
        .manifests = LOCAL QUEUE("main", "here", "") DEFINITION("two", "2", "100", ""),
        .jobs = "{\"submitTime\":0,\"durationSeconds\":10}\n{\"submitTime\":0,\"durationSeconds\":20}\n"
                "{\"submitTime\":0,\"durationSeconds\":30}\n{\"submitTime\":0,\"durationSeconds\":40}\n"
                "{\"submitTime\":0,\"durationSeconds\":50}\n"});
    assert_jobs(result, 5, 0, 0);
    assert_near(result->makespan_ms, 90000, 90020);
    assert_near(result->waits.wait_max_ms, 40000, 40020);
    g_assert_cmpint(result->waits.waits, ==, 5);
    g_assert_cmpint(result->queues[0].runnable_max, ==, 3);
    g_assert_cmpint(result->queues[0].vcpu_seconds, ==, 300);
    g_assert_cmpuint(result->costs_len, ==, 0);
}

/* 3 hosts of 4 vCPUs take 6 of 2 vCPUs at once: 15 children of 100 s go in three waves. */
static void test_array_on_hosts(void)
{
    g_autoptr(SimulationResult) result = simulate_fixture(&(SimulateCase){
        .manifests = RACK("3", "4") QUEUE("main", "rack", "") DEFINITION("two", "2", "100", ""),
        .jobs = "{\"submitTime\":0,\"arraySize\":15,\"durationSeconds\":100}\n"});
    assert_jobs(result, 15, 0, 0);
    assert_near(result->makespan_ms, 300000 + 3 * 2000, 300000 + 3 * START_MAX);
    g_assert_cmpint(result->instances_started, ==, 3);
    g_assert_cmpint(result->jobs.attempts, ==, 15);
    assert_near(result->waits.wait_max_ms, 200000, 200000 + 2 * START_MAX);
}

/* ---- machines that are bought ---- */

static void test_boots_packs_scales_in(void)
{
    g_autoptr(SimulationResult) result = simulate_fixture(&(SimulateCase){
        .manifests = CLOUD("od", "16", "") QUEUE("main", "od", "") DEFINITION("two", "2", "1000", ""),
        .jobs = "{\"submitTime\":0,\"arraySize\":8,\"durationSeconds\":100}\n"});
    assert_jobs(result, 8, 0, 0);
    g_assert_cmpint(result->instances_started, ==, 4);
    g_assert_cmpint(result->instances_left, ==, 0);
    assert_near(result->makespan_ms, 62000 + 100000, MAKE_AND_BOOT_MAX + START_MAX + 100000);
    /* Two on each, and none stays up longer than some minutes after its last. */
    for (size_t i = 0; i < result->instances_len; i++) {
        const ResultInstance *instance = &result->instances[i];
        g_assert_cmpstr(instance->type, ==, "m6i.xlarge");
        assert_near(instance->registered_ms - instance->started_ms, 60000, 120000);
        assert_near(instance->ended_ms - instance->registered_ms, 100000, 1000000);
    }
    g_assert_cmpuint(result->costs_len, ==, 1);
    g_assert_cmpstr(result->costs[0].money.currency, ==, "USD");
    int64_t paid_ms = 0;
    for (size_t i = 0; i < result->instances_len; i++)
        paid_ms += result->instances[i].ended_ms - result->instances[i].started_ms;
    int64_t cost = paid_ms * result->instances[0].price_micro_per_h / 3600000;
    assert_near(result->costs[0].money.micro, cost - 4 * 60, cost + 4 * 60); /* by whole seconds */
}

/* minvCpus is there before anything is asked for, and stays. */
static void test_min_vcpus(void)
{
    g_autoptr(SimulationResult) result =
        simulate_fixture(&(SimulateCase){.manifests = CLOUD("od", "16", ", minvCpus: 8")
                                             QUEUE("main", "od", "") DEFINITION("two", "2", "1000", ""),
                                         .jobs = "{\"submitTime\":600,\"durationSeconds\":100}\n",
                                         .until_ms = 3600000});
    assert_jobs(result, 1, 0, 0);
    g_assert_cmpint(result->instances_started, ==, 2);
    g_assert_cmpint(result->instances_left, ==, 2);
    g_assert_cmpint(result->waits.wait_max_ms, ==, 0);
    assert_near(result->makespan_ms, 700000 + 2000, 700000 + START_MAX);
}

/* Types of 4 vCPUs and a limit of 6: one may go beyond, no further one is bought (batch: "maxvCpus"). */
static void test_max_vcpus(void)
{
    g_autoptr(SimulationResult) result = simulate_fixture(&(SimulateCase){
        .manifests = CLOUD("od", "6", "") QUEUE("main", "od", "") DEFINITION("two", "2", "1000", ""),
        .jobs = "{\"submitTime\":0,\"arraySize\":40,\"durationSeconds\":50}\n"});
    assert_jobs(result, 40, 0, 0);
    g_assert_cmpint(result->environments[0].allocated_vcpus_max_e4, <=, 8 * 10000);
    g_assert_cmpint(result->environments[0].allocated_vcpus_max_e4, >=, 4 * 10000);
}

/* Spot is taken while it has room, then what stands behind it. */
static void test_spot_first(void)
{
    g_autoptr(SimulationResult) result = simulate_fixture(&(SimulateCase){
        .manifests =
            ENVIRONMENT("spot", "{computeResources: {type: SPOT, allocationStrategy: "
                                "SPOT_CAPACITY_OPTIMIZED, instanceTypes: [m6i.xlarge], maxvCpus: 4}}")
                CLOUD("od", "16", "") QUEUE("main", "spot, od", "") DEFINITION("two", "2", "1000", ""),
        .jobs = "{\"submitTime\":0,\"arraySize\":4,\"durationSeconds\":100}\n"});
    assert_jobs(result, 4, 0, 0);
    for (size_t i = 0; i < result->environments_len; i++)
        g_assert_cmpint(result->environments[i].attempts, ==, 2);
    for (size_t i = 0; i < result->instances_len; i++)
        g_assert_true(result->instances[i].spot ==
                      (strcmp(result->environments[result->instances[i].environment].name, "spot") == 0));
    g_assert_nonnull(strstr(result->notes[1], "Spot capacity is taken to be there"));
}

#define SPOT(name, max)                                                                                      \
    ENVIRONMENT(name, "{computeResources: {type: SPOT, allocationStrategy: SPOT_CAPACITY_OPTIMIZED, "        \
                      "instanceTypes: [m6i.xlarge], maxvCpus: " max "}}")
#define RETRIED ", retryStrategy: {attempts: 10}"

/* 100 machine hours of work, each machine taken away once in two hours on average: what ran there is tried
 * again. How often follows from the hours that they were there. */
static void test_reclaimed(void)
{
    SimulateCase one = {.manifests = SPOT("spot", "64") QUEUE("main", "spot", "")
                            DEFINITION("four", "4", "1000", RETRIED),
                        .jobs = "{\"submitTime\":0,\"arraySize\":1000,\"durationSeconds\":720}\n",
                        .spot_risk = {.reclaims_per_h_e4 = 5000}};
    g_autoptr(SimulationResult) result = simulate_fixture(&one), again = simulate_fixture(&one);
    int64_t there_ms = 0, reclaimed = 0;
    assert_jobs(result, 1000, 0, 0);
    for (size_t i = 0; i < result->instances_len; i++) {
        const ResultInstance *instance = &result->instances[i];
        g_assert_true(instance->spot);
        if (instance->registered_ms >= 0)
            there_ms += instance->ended_ms - instance->registered_ms;
        reclaimed += g_strcmp0(instance->reason, "reclaimed") == 0;
    }
    assert_near(reclaimed * 3600 * 1000 * 100 / there_ms, 38, 62); /* 0.5 an hour; some 110 of them */
    g_assert_cmpint(reclaimed, ==, result->instances_lost);
    g_assert_cmpint(result->jobs.attempts_lost, >, reclaimed / 2);
    g_assert_cmpint(result->jobs.attempts, ==, 1000 + result->jobs.attempts_lost);
    g_assert_cmpint(again->makespan_ms, ==, result->makespan_ms);
    g_assert_nonnull(strstr(result->notes[1], "each Spot machine is reclaimed 0.5 times an hour on average"));
    /* On-Demand machines stay */
    one.manifests = CLOUD("od", "64", "") QUEUE("main", "od", "") DEFINITION("four", "4", "1000", "");
    g_autoptr(SimulationResult) od = simulate_fixture(&one);
    g_assert_cmpint(od->instances_lost, ==, 0);
}

/* Where Spot is never to be had, its type is in cool-down, and On-Demand takes the work. */
static void test_refused(void)
{
    g_autoptr(SimulationResult) result = simulate_fixture(
        &(SimulateCase){.manifests = SPOT("spot", "64") CLOUD("od", "64", "") QUEUE("main", "spot, od", "")
                            DEFINITION("four", "4", "1000", ""),
                        .jobs = "{\"submitTime\":0,\"arraySize\":4,\"durationSeconds\":60}\n",
                        .spot_risk = {.refused_e4 = 10000}});
    assert_jobs(result, 4, 0, 0);
    for (size_t i = 0; i < result->instances_len; i++)
        g_assert_false(result->instances[i].spot);
    g_assert_cmpint(result->instances_started, ==, 4);
    g_assert_cmpint(result->unpriced, ==, 0);
    g_assert_nonnull(strstr(result->notes[1], "100.0 % of the launches of Spot machines find no capacity"));
}

/* No Spot price is known: not more than On-Demand (0.192 an hour), or than bidPercentage of it. */
static void test_spot_bound(void)
{
    SimulateCase one = {.manifests =
                            SPOT("spot", "8") QUEUE("main", "spot", "") DEFINITION("four", "4", "1000", ""),
                        .jobs = "{\"submitTime\":0,\"arraySize\":2,\"durationSeconds\":7200}\n"};
    g_autoptr(SimulationResult) result = simulate_fixture(&one);
    const ResultMoney *money = &result->costs[0].money;
    int64_t most = 0;
    g_assert_cmpuint(result->costs_len, ==, 1);
    g_assert_cmpint(money->micro, ==, 0);
    g_assert_cmpint(money->unpriced, ==, 2);
    for (size_t i = 0; i < result->instances_len; i++) {
        const ResultInstance *instance = &result->instances[i];
        int64_t seconds = (instance->ended_ms - instance->started_ms + 999) / 1000;
        most += (INT64_C(192000) * seconds + 1800) / 3600;
        g_assert_cmpint(instance->most_micro_per_h, ==, 192000);
        g_assert_cmpint(instance->cost_micro, ==, -1);
    }
    g_assert_cmpint(money->most_micro, ==, most);
    g_assert_cmpint(result->costs[0].rate_most_micro_per_h, ==, 2 * 192000);
    g_assert_cmpint(result->queues[0].costs[0].most_micro, ==, most);
    one.manifests =
        ENVIRONMENT("spot", "{computeResources: {type: SPOT, bidPercentage: 50, instanceTypes: [m6i.xlarge], "
                            "allocationStrategy: SPOT_CAPACITY_OPTIMIZED, maxvCpus: 8}}")
            QUEUE("main", "spot", "") DEFINITION("four", "4", "1000", "");
    g_autoptr(SimulationResult) half = simulate_fixture(&one);
    g_assert_cmpint(half->instances[0].most_micro_per_h, ==, 96000);
}

static void assert_cost(const SimulationResult *result, const char *wanted)
{
    g_autofree char *cost = words_cost(result);
    g_assert_cmpstr(cost, ==, wanted);
}

/* What is paid for without a known price is not free: Fargate, a region without prices. Machines that are
 * there are. */
static void test_unpriced(void)
{
    SimulateCase one = {
        .manifests = ENVIRONMENT("fargate", "{computeResources: {type: FARGATE, maxvCpus: 4}}")
            QUEUE("main", "fargate", "") DEFINITION("one", "1", "2048", ", platformCapabilities: [FARGATE]"),
        .jobs = "{\"submitTime\":0,\"arraySize\":8,\"durationSeconds\":100}\n"};
    g_autoptr(SimulationResult) fargate = simulate_fixture(&one);
    assert_jobs(fargate, 8, 0, 0);
    assert_near(fargate->makespan_ms, 200000 + 2 * 20000, 200000 + 2 * 60000);
    g_assert_cmpint(fargate->unpriced, ==, 8);
    assert_cost(fargate, "unknown");
    one.manifests = ENVIRONMENT(
        "od",
        "{provider: {type: simulated, region: xx-nowhere-1}, computeResources: {type: EC2, instanceTypes: "
        "[m6i.xlarge], maxvCpus: 4}}") QUEUE("main", "od", "") DEFINITION("one", "1", "2048", "");
    g_autoptr(SimulationResult) nowhere = simulate_fixture(&one);
    assert_jobs(nowhere, 8, 0, 0);
    g_assert_cmpint(nowhere->unpriced, ==, nowhere->instances_started);
    assert_cost(nowhere, "unknown");
    one.manifests = RACK("1", "4") QUEUE("main", "rack", "") DEFINITION("one", "1", "2048", "");
    g_autoptr(SimulationResult) rack = simulate_fixture(&one);
    assert_cost(rack, "nothing");
}

/* m6i.xlarge costs 0.192 an hour: 0.2 a day pays one for an hour and a bit. A job of 2 hours that runs when
 * the money is spent runs on; the next one waits until midnight. */
static void test_budget(void)
{
    g_autoptr(SimulationResult) result = simulate_fixture(&(SimulateCase){
        .manifests =
            ENVIRONMENT("od", "{budget: {perDay: 0.2}, computeResources: {type: EC2, allocationStrategy: "
                              "BEST_FIT_PROGRESSIVE, instanceTypes: [m6i.xlarge], maxvCpus: 64}}")
                QUEUE("main", "od", "") DEFINITION("four", "4", "1000", ""),
        .jobs = "{\"submitTime\":0,\"jobName\":\"first\",\"durationSeconds\":7200}\n"
                "{\"submitTime\":9000,\"jobName\":\"second\",\"durationSeconds\":600}\n",
        .until_ms = INT64_C(30) * 3600000});
    assert_jobs(result, 2, 0, 0);
    g_assert_cmpint(result->instances_started, ==, 2);
    int64_t midnight = SIMULATE_START_MS + INT64_C(24) * 3600000;
    assert_near(result->instances[1].started_ms, midnight, midnight + 60000);
    assert_near(result->makespan_ms, INT64_C(24) * 3600000 + 662000,
                INT64_C(24) * 3600000 + 60000 + MAKE_AND_BOOT_MAX + START_MAX + 600000);
}

/* ---- what jobs are ---- */

/* Four nodes, each with a machine of its own, of which one is busy: the gang waits until all four are free.
 */
#define GANG                                                                                                 \
    "apiVersion: muster/v1\nkind: JobDefinition\nmetadata: {name: gang}\nspec: {type: multinode, "           \
    "nodeProperties: {numNodes: 4, mainNode: 0, nodeRangeProperties: [{targetNodes: '0:3', container: "      \
    "{image: i, command: [x], resourceRequirements: [{type: VCPU, value: '2'}, {type: MEMORY, value: "       \
    "'100'}]}}]}}\n---\n"

static void test_gang(void)
{
    g_autoptr(SimulationResult) result = simulate_fixture(
        &(SimulateCase){.manifests = CLOUD("od", "16", ", minvCpus: 16") QUEUE("main", "od", "")
                            GANG DEFINITION("one", "1", "100", ""),
                        .jobs = "{\"submitTime\":600,\"jobDefinition\":\"one\",\"durationSeconds\":100}\n"
                                "{\"submitTime\":601,\"jobDefinition\":\"gang\",\"durationSeconds\":50}\n"});
    assert_jobs(result, 2, 0, 0);
    assert_near(result->makespan_ms, 750000, 750000 + 2 * START_MAX);
    g_assert_cmpint(result->waits.waits, ==, 2);
    assert_near(result->waits.wait_max_ms, 99000, 99000 + START_MAX);
    assert_near(result->queues[0].vcpu_seconds, 100 + 4 * 2 * 42, 100 + 4 * 2 * 58);
}

static void test_licences(void)
{
    g_autoptr(SimulationResult) result = simulate_fixture(&(SimulateCase){
        .manifests = LOCAL QUEUE(
            "main", "here",
            "") "apiVersion: muster/v1\nkind: ConsumableResource\nmetadata: {name: licence}\nspec: "
                "{totalQuantity: 2, "
                "resourceType: REPLENISHABLE}\n---\n" DEFINITION(
                    "one", "1", "100",
                    ", consumableResourceProperties: {consumableResourceList: [{consumableResource: licence, "
                    "quantity: 1}]}"),
        .jobs = "{\"submitTime\":0,\"arraySize\":6,\"durationSeconds\":10}\n"});
    assert_jobs(result, 6, 0, 0);
    assert_near(result->makespan_ms, 30000, 30020);
}

/* Every attempt ends with 1: three attempts of 10 s. A retry is no wait, and all of it counts as its run. */
static void test_retries(void)
{
    g_autoptr(SimulationResult) result = simulate_fixture(
        &(SimulateCase){.manifests = LOCAL QUEUE("main", "here", "")
                            DEFINITION("one", "1", "100", ", retryStrategy: {attempts: 3}"),
                        .jobs = "{\"submitTime\":0,\"durationSeconds\":100,\"exitCode\":1}\n"});
    assert_jobs(result, 0, 1, 0);
    g_assert_cmpint(result->jobs.attempts, ==, 3);
    assert_near(result->makespan_ms, 300000, 300020);
    g_assert_cmpint(result->waits.waits, ==, 1);
    g_assert_cmpint(result->waits.wait_max_ms, ==, 0);
    g_assert_cmpint(result->waits.slowdown_e3[AT_P50], ==, 1000);
}

static void test_timeout(void)
{
    g_autoptr(SimulationResult) result = simulate_fixture(&(SimulateCase){
        .manifests = LOCAL QUEUE("main", "here", "")
            DEFINITION("one", "1", "100", ", timeout: {attemptDurationSeconds: 60}"),
        .jobs = "{\"submitTime\":0,\"durationSeconds\":100}\n{\"submitTime\":0,\"durationSeconds\":50}\n"});
    assert_jobs(result, 1, 1, 0);
    assert_near(result->makespan_ms, 60000, 60020);
}

/* What nobody told of: with a timeout the whole of it, else five minutes. */
static void test_assumed(void)
{
    g_autoptr(SimulationResult) result = simulate_fixture(
        &(SimulateCase){.manifests = LOCAL QUEUE("main", "here", "")
                            DEFINITION("limited", "1", "100", ", timeout: {attemptDurationSeconds: 400}")
                                DEFINITION("unknown", "1", "100", "") JOB("a", "jobDefinition: limited")
                                    JOB("b", "jobDefinition: unknown")});
    assert_jobs(result, 2, 0, 0);
    assert_near(result->makespan_ms, 399999, 400020);
    g_assert_nonnull(strstr(result->notes[0], "up to their timeout"));
    g_assert_nonnull(strstr(result->notes[1], "5 min"));
}

/* ---- pipelines ---- */

#define PIPELINE(steps)                                                                                      \
    "apiVersion: muster/v1\nkind: Pipeline\nmetadata: {name: line}\nspec: {jobQueue: main, jobs: [" steps    \
    "]}\n---\n"

/* 10 s, then twice 20 s side by side, then 5 s: waiting for a step is no wait. */
static void test_pipeline(void)
{
    g_autoptr(SimulationResult) result = simulate_fixture(&(SimulateCase){
        .manifests = LOCAL QUEUE("main", "here", "") DEFINITION_RUNS("ten", "fixed 10", "")
            DEFINITION_RUNS("twenty", "fixed 20", "") DEFINITION_RUNS("five", "fixed 5", "") PIPELINE(
                "{name: a, jobDefinition: ten}, {name: b, jobDefinition: twenty, dependsOn: [{job: a}]}, "
                "{name: c, jobDefinition: twenty, dependsOn: [{job: a}]}, "
                "{name: d, jobDefinition: five, dependsOn: [{job: b}, {job: c}]}")});
    assert_jobs(result, 4, 0, 0);
    assert_near(result->makespan_ms, 35000, 35020);
    g_assert_cmpint(result->waits.wait_max_ms, ==, 0);
    g_assert_cmpuint(result->runs_len, ==, 1);
    g_assert_true(result->runs[0].succeeded);
    g_assert_cmpint(result->runs[0].ended_ms, ==, SIMULATE_START_MS + result->makespan_ms);
    g_assert_cmpint(result->queues[0].drained_ms, ==, SIMULATE_START_MS + result->makespan_ms);
}

/* The first step fails: what depends on it never starts, and is counted as failed all the same. */
static void test_dependency_failed(void)
{
    g_autoptr(SimulationResult) result = simulate_fixture(
        &(SimulateCase){.manifests = LOCAL QUEUE("main", "here", "")
                            DEFINITION_RUNS("bad", "fixed 10", ", muster/simulated-failure: '1'")
                                DEFINITION_RUNS("good", "fixed 10", "")
                                    PIPELINE("{name: a, jobDefinition: bad}, {name: b, jobDefinition: good, "
                                             "arrayProperties: {size: 7}, dependsOn: [{job: a}]}, "
                                             "{name: c, jobDefinition: good}")});
    assert_jobs(result, 1, 8, 0);
    g_assert_cmpint(result->jobs.attempts, ==, 2);
    g_assert_cmpint(result->waits.waits, ==, 2);
    assert_near(result->queues[0].drained_ms, SIMULATE_START_MS + 10000, SIMULATE_START_MS + 10020);
}

/* Each minute's run replaces the one before, whose attempts end at once; some of whose attempts have not come
 * to their first instruction: what never ran has used nothing. */
static void test_stopped_while_starting(void)
{
    g_autoptr(SimulationResult) result = simulate_fixture(&(SimulateCase){
        .manifests = RACK("1", "8") QUEUE("main", "rack", "") DEFINITION_RUNS(
            "short", "fixed 4",
            "") "apiVersion: muster/v1\nkind: Pipeline\nmetadata: {name: line}\nspec: {jobQueue: main, "
                "concurrencyPolicy: "
                "replace, triggers: [{schedule: '* * * * *'}], jobs: [{name: b, jobDefinition: short, "
                "arrayProperties: {size: 100}}]}\n---\n",
        .until_ms = 181000});
    g_assert_cmpuint(result->runs_len, ==, 3);
    g_assert_cmpint(result->jobs.submitted, ==, 300);
    g_assert_cmpint(result->jobs.unfinished, ==, 100);
    g_assert_cmpint(result->jobs.failed, >, 50);
    assert_near(result->queues[0].vcpu_seconds, 10, 8 * 181);
}

/* Every hour, for three hours: runs that a schedule starts are submitted jobs too. */
static void test_schedule(void)
{
    g_autoptr(SimulationResult) result = simulate_fixture(&(SimulateCase){
        .manifests = LOCAL QUEUE("main", "here", "")
            DEFINITION_RUNS("ten", "fixed 10", "") "apiVersion: muster/v1\nkind: Pipeline\nmetadata: {name: "
                                                   "hourly}\nspec: {jobQueue: main, triggers: "
                                                   "[{schedule: '30 * * * *'}], jobs: [{name: a, "
                                                   "jobDefinition: ten, arrayProperties: {size: 2}}]}\n---\n",
        .until_ms = INT64_C(3) * 3600000});
    assert_jobs(result, 6, 0, 0);
    g_assert_cmpuint(result->runs_len, ==, 3);
}

/* Child i waits for child i of the step before: its wait counts from then. */
static void test_gated_children(void)
{
    g_autoptr(SimulationResult) result = simulate_fixture(&(SimulateCase){
        .manifests = LOCAL QUEUE("main", "here", "") DEFINITION_RUNS("ten", "fixed 10", "") PIPELINE(
            "{name: a, jobDefinition: ten, arrayProperties: {size: 4}}, "
            "{name: b, jobDefinition: ten, arrayProperties: {size: 4}, dependsOn: [{job: a, type: N_TO_N}]}, "
            "{name: c, jobDefinition: ten, arrayProperties: {size: 3}, dependsOn: [{job: b}, {type: "
            "SEQUENTIAL}]}")});
    assert_jobs(result, 11, 0, 0);
    assert_near(result->makespan_ms, 50000, 50040);
    assert_near(result->waits.wait_max_ms, 0, 20);
}

/* How many lines a file will have nobody knows: one is assumed, and said. */
static void test_size_from_file(void)
{
    g_autoptr(SimulationResult) result = simulate_fixture(&(SimulateCase){
        .manifests = LOCAL QUEUE("main", "here", "") DEFINITION_RUNS(
            "ten", "fixed 10", "") "apiVersion: muster/v1\nkind: Pipeline\nmetadata: {name: line}\nspec: "
                                   "{jobQueue: main, workspace: true, jobs: "
                                   "[{name: a, jobDefinition: ten}, {name: b, jobDefinition: ten, array: "
                                   "{fromFile: list}, dependsOn: [{job: a}]}, "
                                   "{name: c, jobDefinition: ten, dependsOn: [{job: b}]}]}\n---\n"});
    assert_jobs(result, 3, 0, 0);
    assert_near(result->makespan_ms, 30000, 30020);
    g_assert_nonnull(strstr(result->notes[1], "1 steps whose size"));
}

/* ---- what was there before ---- */

/* Of an array of four one child has ended and one runs since 4 s when the simulation begins: three are left.
 */
static void test_goes_on(void)
{
    g_autoptr(DiagnosticList) diagnostics = diagnostic_list_new();
    g_autoptr(ManifestSet) set =
        manifest_set_from_text(LOCAL QUEUE("main", "here", "") DEFINITION_RUNS("ten", "fixed 10", "")
                                   JOB("many", "jobDefinition: ten, arrayProperties: {size: 4}"),
                               "simulated", NULL, diagnostics);
    diagnostics_none(diagnostics);
    g_autoptr(World) world = simulate_fixture_world(set, NULL, SIMULATE_START_MS - 20000);
    Instance *machine = instance_local(world, (Capacity){40000, 16384, 0});
    Environment *environment = world_environment(world, VIEW("here"));
    Job *job = world_job_next(world, 0);
    LaunchToken first = {{1}}, second = {{2}};
    Launch *launch = launch_place(world, job, 0, environment, machine, &first, SIMULATE_START_MS - 15000);
    launch_ended(world, launch,
                 &(LaunchEnd){.cause = END_EXITED,
                              .started_ms = SIMULATE_START_MS - 15000,
                              .stopped_ms = SIMULATE_START_MS - 5000},
                 SIMULATE_START_MS - 5000);
    launch = launch_place(world, job, 1, environment, machine, &second, SIMULATE_START_MS - 4000);
    launch_started(world, launch, SIMULATE_START_MS - 4000, SIMULATE_START_MS - 4000);
    g_autoptr(SimulationResult) result = simulate_run(
        world,
        &(SimulationOptions){
            .source = "test", .seed = 1, .start_ms = SIMULATE_START_MS, .machine = {10000, 16384, 0}},
        NULL);
    assert_jobs(result, 3, 0, 0);
    assert_near(result->makespan_ms, 26000, 26020); /* one at a time now: 6 + 10 + 10 s */
    g_assert_cmpint(result->queues[0].drained_ms, ==, SIMULATE_START_MS + result->makespan_ms);
}

/* ---- what can never run ---- */

static void test_infeasible(void)
{
    g_autoptr(SimulationResult) result = simulate_fixture(&(SimulateCase){
        .manifests = RACK("1", "4") QUEUE("main", "rack", "") DEFINITION("huge", "8", "100", "")
            DEFINITION("one", "1", "100", ""),
        .jobs = "{\"submitTime\":0,\"jobDefinition\":\"huge\",\"arraySize\":3,\"durationSeconds\":9}\n"
                "{\"submitTime\":1,\"jobDefinition\":\"one\",\"durationSeconds\":10}\n"});
    assert_jobs(result, 1, 0, 3);
    g_assert_cmpuint(result->infeasible_len, ==, 1);
    g_assert_cmpint(result->infeasible[0].count, ==, 3);
    g_assert_nonnull(strstr(result->infeasible[0].reason, "8 vCPU"));
    g_assert_false(result->is_cut);
}

/* ---- the same again ---- */

#define MIXED_QUEUE                  QUEUE("main", "spot, od", "")
#define MIXED_ENVIRONMENTS(one, two) one two
#define MIXED_SPOT                                                                                           \
    ENVIRONMENT("spot", "{computeResources: {type: SPOT, allocationStrategy: SPOT_CAPACITY_OPTIMIZED, "      \
                        "instanceTypes: [m6i, c6i], maxvCpus: 32}}")
#define MIXED_JOBS                                                                                           \
    "{\"submitTime\":0,\"jobDefinition\":\"a\",\"arraySize\":50}\n"                                          \
    "{\"submitTime\":30,\"jobDefinition\":\"b\",\"arraySize\":20}\n"                                         \
    "{\"submitTime\":4000,\"jobDefinition\":\"a\",\"arraySize\":9}\n"

static void test_same_bytes(void)
{
    SimulateCase one = {.manifests = MIXED_SPOT CLOUD("od", "16", "") MIXED_QUEUE DEFINITION_RUNS(
                            "a", "lognormal 300 0.6", ", muster/simulated-failure: '0.1'")
                            DEFINITION_RUNS("b", "exponential 200", ""),
                        .jobs = MIXED_JOBS};
    SimulateCase other = one;
    other.manifests = DEFINITION_RUNS("b", "exponential 200", "")
        MIXED_QUEUE DEFINITION_RUNS("a", "lognormal 300 0.6", ", muster/simulated-failure: '0.1'")
            CLOUD("od", "16", "") MIXED_SPOT;
    g_autoptr(SimulationResult) first = simulate_fixture(&one), again = simulate_fixture(&one),
                                turned = simulate_fixture(&other);
    char *texts[] = {json_of(first), json_of(again), json_of(turned)};
    g_assert_cmpint(first->jobs.submitted, ==, 79);
    g_assert_cmpint(first->jobs.unfinished, ==, 0);
    g_assert_cmpint(first->jobs.failed, >, 0);
    g_assert_cmpstr(texts[0], ==, texts[1]);
    g_assert_cmpstr(texts[0], ==, texts[2]);
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
        free(texts[i]);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/simulate/fifo", test_fifo);
    g_test_add_func("/simulate/array-on-hosts", test_array_on_hosts);
    g_test_add_func("/simulate/boots-packs-scales-in", test_boots_packs_scales_in);
    g_test_add_func("/simulate/min-vcpus", test_min_vcpus);
    g_test_add_func("/simulate/max-vcpus", test_max_vcpus);
    g_test_add_func("/simulate/spot-first", test_spot_first);
    g_test_add_func("/simulate/reclaimed", test_reclaimed);
    g_test_add_func("/simulate/refused", test_refused);
    g_test_add_func("/simulate/spot-bound", test_spot_bound);
    g_test_add_func("/simulate/unpriced", test_unpriced);
    g_test_add_func("/simulate/budget", test_budget);
    g_test_add_func("/simulate/gang", test_gang);
    g_test_add_func("/simulate/licences", test_licences);
    g_test_add_func("/simulate/retries", test_retries);
    g_test_add_func("/simulate/timeout", test_timeout);
    g_test_add_func("/simulate/assumed", test_assumed);
    g_test_add_func("/simulate/pipeline", test_pipeline);
    g_test_add_func("/simulate/dependency-failed", test_dependency_failed);
    g_test_add_func("/simulate/stopped-while-starting", test_stopped_while_starting);
    g_test_add_func("/simulate/size-from-file", test_size_from_file);
    g_test_add_func("/simulate/goes-on", test_goes_on);
    g_test_add_func("/simulate/schedule", test_schedule);
    g_test_add_func("/simulate/gated-children", test_gated_children);
    g_test_add_func("/simulate/infeasible", test_infeasible);
    g_test_add_func("/simulate/same-bytes", test_same_bytes);
    return g_test_run();
}
