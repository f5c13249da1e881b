/* Nobody starves: a job that needs a whole instance, against a stream of small ones that takes whatever
 * becomes free. hold.h has the bound; here it is measured in virtual time. */
#include "tests/support/schedule_random.h"

#define STEP_MS    10000
#define RUN_MAX_MS (20 * 60 * 1000)
/* shareDecaySeconds of schedule_world_policy(); a bucket of it is forgotten only as a whole. */
#define WINDOW_MS     (900 * 1000 + 900 * 1000 / 64 + STEP_MS)
#define SMALL_WAITING 6

typedef struct {
    ScheduleWorld random;
    uint64_t seed;
    const char *queue; /* of the big job */
    int host_vcpus, hosts;
    int64_t run_max_ms;
} Siege;

static uint64_t seeds(void)
{
    const char *wanted = g_getenv("MUSTER_SEEDS");
    return wanted ? g_ascii_strtoull(wanted, NULL, 10) : 200;
}

static void siege_init(Siege *siege, uint64_t seed, const char *queue)
{
    *siege = (Siege){.seed = seed, .queue = queue};
    ScheduleWorld *random = &siege->random;
    random->rng = rng_from_seed(seed);
    random->now_ms = 1000000;
    random->world = world_new(seed, PROVIDER_LOCAL);
    world_set_recording(random->world, false);
    fixture_cloud(random->world, "own", "UNMANAGED", 0, "");
    schedule_world_policy(random->world, 0);
    schedule_world_queue(random->world, "plain", 3, "own", "");
    schedule_world_queue(random->world, "same", 3, "own", "");
    schedule_world_queue(random->world, "low", 1, "own", "");
    schedule_world_queue(random->world, "fair", 3, "own", "\"schedulingPolicy\":\"policy\",");
    fixture_definition(random->world, "big", 1, 100, "");
    fixture_definition(random->world, "small", 1, 100, "");
    siege->host_vcpus = (int)pick(random, 4, 16);
    siege->hosts = (int)pick(random, 1, 6);
    siege->run_max_ms = pick(random, 60 * 1000, RUN_MAX_MS);
    for (int i = 0; i < siege->hosts; i++)
        fixture_instance(random->world, "own", "own", capacity_of(siege->host_vcpus, 10000, 0));
}

static Job *submit(Siege *siege, const char *queue, const char *definition, const char *share, int vcpus,
                   int64_t timeout_s)
{
    ScheduleWorld *random = &siege->random;
    g_autoptr(GString) request = g_string_new(NULL);
    g_string_printf(request,
                    "{\"jobName\":\"j\",\"jobQueue\":\"%s\",\"jobDefinition\":\"%s\",\"containerOverrides\":"
                    "{\"resourceRequirements\":[{\"type\":\"VCPU\",\"value\":\"%d\"}]}",
                    queue, definition, vcpus);
    if (strcmp(queue, "fair") == 0)
        g_string_append_printf(request, ",\"shareIdentifier\":\"%s\"", share);
    if (timeout_s > 0)
        g_string_append_printf(request, ",\"timeout\":{\"attemptDurationSeconds\":%" PRId64 "}", timeout_s);
    g_string_append_c(request, '}');
    json_t *json = json_loads(request->str, 0, NULL);
    g_autoptr(GError) error = NULL;
    Job *job = job_submit(random->world, &(Submission){.id = fixture_id(++random->ids), .request = json},
                          random->now_ms, &error);
    json_decref(json);
    g_assert_no_error(error);
    return job;
}

/* How long a job really runs: of its number alone, so that nothing need be kept. */
static int64_t run_ms(const Siege *siege, const Job *job)
{
    Rng rng = rng_from_seed(siege->seed * 1000003 + job->sequence);
    return rng_between(&rng, STEP_MS, siege->run_max_ms);
}

static void submit_small(Siege *siege)
{
    static const char *const queues[] = {"same", "low", NULL, NULL};
    static const char *const shares[] = {"a1", "a2", "b", "d"};
    ScheduleWorld *random = &siege->random;
    const char *queue = queues[pick(random, 0, 3)];
    int64_t timeout_s = pick(random, 0, 1) * pick(random, siege->run_max_ms / 1000 + 1, 3600);
    submit(siege, queue ? queue : siege->queue, "small", shares[pick(random, 0, 3)], (int)pick(random, 1, 2),
           timeout_s);
}

static void end_due(Siege *siege)
{
    ScheduleWorld *random = &siege->random;
    g_autoptr(GPtrArray) due = g_ptr_array_new();
    for (Launch *launch = NULL; (launch = world_launch_next(random->world, launch));)
        if (random->now_ms - launch->intended_ms >= run_ms(siege, launch->job))
            g_ptr_array_add(due, launch);
    for (guint i = 0; i < due->len; i++) {
        Launch *launch = due->pdata[i];
        LaunchEnd end = {
            .cause = END_EXITED, .started_ms = launch->intended_ms, .stopped_ms = random->now_ms};
        launch_ended(random->world, launch, &end, random->now_ms);
    }
}

/* There is always more small work than there is room. */
static void step(Siege *siege)
{
    ScheduleWorld *random = &siege->random;
    random->now_ms += STEP_MS;
    end_due(siege);
    while (world_runnable_len(random->world) < (size_t)(siege->hosts * siege->host_vcpus + SMALL_WAITING))
        submit_small(siege);
    g_autoptr(Arena) arena = arena_new();
    Decisions decisions = fixture_pass(random->world, random->now_ms, arena);
    fixture_carry_out(random->world, &decisions, random->now_ms, &random->tokens);
}

/* Whether something is ahead of the big job by right: what was submitted before it and waits in its queue or
 * one of the same priority; in a fair-share queue what its own share had before, until that has ended. */
static bool is_behind(const Siege *siege, const Job *big)
{
    const World *world = siege->random.world;
    if (big->queue->fair)
        return share_find(big->queue, "big")->unfinished > 1;
    for (const Job *job = world_job_next(world, 0); job && job->sequence < big->sequence;
         job = world_job_next(world, job->sequence))
        if (job->state == JOB_RUNNABLE && strcmp(job->queue->resource->name, "low") != 0)
            return true;
    return false;
}

/* late_ms: how long its share's use counts against it. */
static void besiege(uint64_t seed, const char *queue, int64_t late_ms)
{
    Siege siege;
    siege_init(&siege, seed, queue);
    ScheduleWorld *random = &siege.random;
    for (int i = 0; i < 30; i++) {
        if (i % 4 == 0)
            submit(&siege, queue, "small", "big", 1, 0);
        step(&siege);
    }
    Job *big = submit(&siege, queue, "big", "big", siege.host_vcpus, 0);
    int64_t began_ms = random->now_ms, first_ms = began_ms, bound_ms = INT64_MAX;
    while (big->state == JOB_RUNNABLE && random->now_ms <= bound_ms) {
        step(&siege);
        if (is_behind(&siege, big))
            first_ms = random->now_ms;
        bound_ms = MAX(began_ms + HOLD_AFTER_MS, first_ms + late_ms) + siege.run_max_ms + 3 * STEP_MS;
        g_assert_cmpint(first_ms - began_ms, <, 20 * RUN_MAX_MS);
    }
    if (big->state == JOB_RUNNABLE)
        g_error("seed %" PRIu64 ": in queue %s it still waits after %" PRId64 " s; bound %" PRId64 " s", seed,
                queue, (random->now_ms - began_ms) / 1000, (bound_ms - began_ms) / 1000);
    world_check(random->world);
    world_free(random->world);
}

static void test_plain(void)
{
    for (uint64_t seed = 1; seed <= seeds(); seed++)
        besiege(seed, "plain", 0);
}

static void test_fair(void)
{
    for (uint64_t seed = 1; seed <= seeds(); seed++)
        besiege(seed, "fair", WINDOW_MS);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/schedule/siege/plain", test_plain);
    g_test_add_func("/schedule/siege/fair", test_fair);
    return g_test_run();
}
