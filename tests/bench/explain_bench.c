/* explain_bench: explain of any job with a million queued, each of its own shape, over 50 queues (10 of them
 * fair share), 10 environments and 10,000 busy instances of 50 sizes. Prints "name<TAB>value<TAB>unit"; run
 * by `make bench`, never a test. An argument: how many jobs. */
#include <stdio.h>
#include <time.h>
#include "reconciler/schedule/explain.h"
#include "tests/support/schedule_fixture.h"

#define QUEUES       50
#define FAIR_QUEUES  10
#define ENVIRONMENTS 10
#define INSTANCES    10000
#define SIZES        50
#define SAMPLES      4000
#define NOW_MS       (30 * 60 * 1000)

static int64_t clock_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void make_resources(World *world)
{
    for (int i = 0; i < ENVIRONMENTS; i++) {
        g_autofree char *name = g_strdup_printf("cloud%d", i);
        fixture_cloud(world, name, i % 2 ? "SPOT" : "EC2", 100000,
                      i % 3 ? ",\"instanceTypes\":[\"c5\",\"m5\",\"r5\",\"g5\"]" : "");
    }
    fixture_put(
        world, KIND_SCHEDULING_POLICY, "policy",
        "{\"fairsharePolicy\":{\"computeReservation\":10,\"shareDecaySeconds\":900,\"shareDistribution\":["
        "{\"shareIdentifier\":\"a*\",\"weightFactor\":1}]},\"shareLimits\":[{\"maxvCpus\":10,"
        "\"shareIdentifier\":\"a3\"}]}",
        1);
    for (int i = 0; i < QUEUES; i++) {
        g_autofree char *name = g_strdup_printf("queue%d", i);
        g_autofree char *spec =
            g_strdup_printf("{\"computeEnvironmentOrder\":[{\"computeEnvironment\":\"cloud%d\",\"order\":1},{"
                            "\"computeEnvironment\":\"cloud%d\",\"order\":2},{\"computeEnvironment\":\"cloud%"
                            "d\",\"order\":3}],"
                            "\"priority\":%d%s}",
                            i % ENVIRONMENTS, (i + 3) % ENVIRONMENTS, (i + 7) % ENVIRONMENTS, i % 5,
                            i < FAIR_QUEUES ? ",\"schedulingPolicy\":\"policy\"" : "");
        fixture_put(world, KIND_JOB_QUEUE, name, spec, 1);
    }
    fixture_definition(world, "job", 1, 100, ",\"timeout\":{\"attemptDurationSeconds\":3600}");
}

static Job *submit(World *world, Rng *rng, uint64_t number)
{
    uint64_t queue = number % QUEUES;
    json_t *request = json_pack("{s:s,s:o,s:s,s:{s:[{s:s,s:o},{s:s,s:o},{s:s,s:s}]}}", "jobName", "j",
                                "jobQueue", json_sprintf("queue%d", (int)queue), "jobDefinition", "job",
                                "containerOverrides", "resourceRequirements", "type", "VCPU", "value",
                                json_sprintf("%d", (int)rng_between(rng, 1, number % 100 == 0 ? 500 : 48)),
                                "type", "MEMORY", "value", json_sprintf("%d", (int)(1000 + number % 400000)),
                                "type", "GPU", "value", number % 20 == 0 ? "1" : "0");
    if (number % 20)
        json_array_remove(
            json_object_get(json_object_get(request, "containerOverrides"), "resourceRequirements"), 2);
    if (queue < FAIR_QUEUES)
        json_object_set_new(request, "shareIdentifier", json_sprintf("a%d", (int)rng_between(rng, 0, 20)));
    g_autoptr(GError) error = NULL;
    Job *job =
        job_submit(world, &(Submission){.id = fixture_id(number + 1), .request = request}, 1000, &error);
    if (!job)
        g_error("%s", error->message);
    json_decref(request);
    return job;
}

/* Each has one job on it that leaves no room for most others. */
static void fill_instances(World *world, Rng *rng)
{
    for (int i = 0; i < INSTANCES; i++) {
        g_autofree char *name = g_strdup_printf("cloud%d", i % ENVIRONMENTS);
        int size = i % SIZES;
        Instance *instance = fixture_instance(world, name, "c5.large",
                                              capacity_of(2 + size, 4000 + 2000 * size, size % 7 == 0));
        Job *job = submit(world, rng, (uint64_t)i * 1000003 + 20000001);
        LaunchToken token = fixture_token((uint64_t)i + 1);
        Capacity need = job->template->effective->need;
        if (capacity_covers(instance->free, need))
            launch_place(world, job, NOT_A_CHILD, world_environment(world, view_from(name)), instance, &token,
                         1000 + i);
    }
}

static bool buys(const Environment *environment, const RunnableGroup *group, ExplainGrowth *ret_growth,
                 void *data)
{
    (void)environment;
    (void)group;
    (void)data;
    *ret_growth = (ExplainGrowth){.refused = false};
    return true;
}

static int compare(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
    return (left > right) - (left < right);
}

static void report(const char *name, int64_t ns)
{
    printf("%s\t%.1f\tus\n", name, (double)ns / 1000);
}

int main(int argc, char **argv)
{
    int64_t len = argc > 1 ? g_ascii_strtoll(argv[1], NULL, 10) : 1000000, sum = 0;
    Rng rng = rng_from_seed(1);
    g_autoptr(World) world = world_new(1, PROVIDER_SIMULATED);
    static int64_t costs[SAMPLES];
    make_resources(world);
    fill_instances(world, &rng);
    for (int64_t i = 0; i < len; i++)
        submit(world, &rng, (uint64_t)i);
    size_t jobs = 0, changes = 0;
    g_autoptr(Arena) arena = arena_new();
    ExplainOptions options = {.now_ms = NOW_MS, .growth = buys};
    /* Before anybody can ask, a daemon has looked at the queues: types are resolved, who can never run stands
     * apart. */
    Decisions decisions = fixture_pass(world, NOW_MS, arena);
    fixture_undo(&decisions);
    decisions.placements_len = 0;
    uint64_t tokens = 1000000;
    fixture_carry_out(world, &decisions, NOW_MS, &tokens);
    for (int i = 0; i < SAMPLES; i++) {
        Job *job = world_job_by_sequence(world, INSTANCES + (uint64_t)rng_between(&rng, 1, len));
        Explanation explained;
        arena_reset(arena);
        int64_t start = clock_ns();
        explain_job(world, job, NOT_A_CHILD, &options, arena, &explained);
        costs[i] = clock_ns() - start;
        sum += costs[i];
        jobs += explained.waits;
        changes += explained.changes_len;
    }
    if (jobs == 0 || changes == 0)
        abort();
    qsort(costs, SAMPLES, sizeof *costs, compare);
    report("explain, mean", sum / SAMPLES);
    report("explain, p99", costs[SAMPLES * 99 / 100]);
    report("explain, most", costs[SAMPLES - 1]);
    return 0;
}
