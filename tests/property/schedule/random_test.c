/* Random worlds under the scheduler: capacity holds (invariant 7), bulk is as one by one, leaving out what
 * cannot fit changes nothing, a restart decides the same (invariant 8), and everything ends. */
#include "tests/support/schedule_random.h"

static uint64_t seeds(void)
{
    const char *wanted = g_getenv("MUSTER_SEEDS");
    return wanted ? g_ascii_strtoull(wanted, NULL, 10) : 25;
}

static int64_t grows(const Environment *environment, const RunnableGroup *group, void *data)
{
    (void)data;
    return group->need.gpus > 1 ? 0 : (environment->spec->max_vcpus - environment->instance_vcpus) * 10000;
}

/* What a pass notes for the next one. */
static const char *const notes[] = {"turn fair", "turn alike", "gang cloud", "gang spot"};

/* One line for each job that starts, so that bulk and one by one compare; then the rest. */
static char *decide(ScheduleWorld *random, ScheduleOptions options)
{
    g_autoptr(Arena) arena = arena_new();
    GString *text = g_string_new(NULL);
    char *before[G_N_ELEMENTS(notes)];
    for (size_t i = 0; i < G_N_ELEMENTS(notes); i++)
        before[i] = g_strdup(world_setting(random->world, notes[i]));
    Decisions decisions = fixture_pass_with(random->world, &options, arena);
    for (size_t i = 0; i < decisions.placements_len; i++) {
        const Placement *placement = &decisions.placements[i];
        int32_t index = placement->index;
        for (int32_t child = 0; child < placement->count; child++) {
            g_string_append_printf(text, "%" PRIu64 ":%d in %s on %" PRIu64 " node %d\n",
                                   placement->job->sequence, index, placement->environment->resource->name,
                                   placement->instance ? placement->instance->number : 0, placement->node);
            index = index == NOT_A_CHILD ? index : job_next_runnable(placement->job, index + 1);
        }
    }
    for (size_t i = 0; i < decisions.demand_len; i++)
        g_string_append_printf(text, "demand %s %" PRId64 "x%" PRId64 " of %" PRIu64 "\n",
                               decisions.demand[i].environment->resource->name, decisions.demand[i].count,
                               decisions.demand[i].nodes, decisions.demand[i].group->sequence);
    for (size_t i = 0; i < decisions.parked_len; i++)
        g_string_append_printf(text, "parked %" PRIu64 " %s\n", decisions.parked[i].group->sequence,
                               decisions.parked[i].reason);
    g_string_append_printf(text, "wake %" PRId64 "\n", decisions.wake_ms);
    for (size_t i = 0; i < G_N_ELEMENTS(notes); i++) {
        const char *after = world_setting(random->world, notes[i]);
        g_string_append_printf(text, "%s=%s\n", notes[i], after ? after : "");
        world_set_setting(random->world, notes[i], before[i]);
        g_free(before[i]);
    }
    fixture_undo(&decisions);
    world_check(random->world);
    return g_string_free(text, FALSE);
}

static void expect_same(uint64_t seed, const char *what, const char *a, const char *b)
{
    if (strcmp(a, b) == 0)
        return;
    size_t at = 0, line = 0;
    for (; a[at] == b[at]; at++)
        line = a[at] == '\n' ? at + 1 : line;
    g_error("seed %" PRIu64 ": %s: the first has\n%.600s\nwhere the second has\n%.600s", seed, what, a + line,
            b + line);
}

static void check_capacity(const World *world)
{
    for (const Resource *at = world_resource_next(world, NULL); at; at = world_resource_next(world, at)) {
        const Environment *environment = at->environment;
        if (environment && strcmp(at->name, "cloud") != 0 && strcmp(at->name, "spot") != 0 &&
            environment->spec->max_vcpus > 0)
            g_assert_cmpint(environment->used_vcpus_e4, <=, environment->spec->max_vcpus * 10000);
    }
    for (const Instance *instance = world_instance_next(world, NULL); instance;
         instance = world_instance_next(world, instance))
        g_assert_true(capacity_covers(instance->total, instance->used));
    const Resource *fair = world_resource(world, KIND_JOB_QUEUE, VIEW("fair"));
    const Share *share = share_find(fair->queue, "c");
    g_assert_true(!share || share->held_vcpus_e4 <= 7 * 10000);
}

static void compare(ScheduleWorld *random, uint64_t seed)
{
    ScheduleOptions options = random_options(random);
    options.growth = grows;
    g_autofree char *resting = decide(random, options);
    options.check_skipped = true;
    g_autofree char *awake = decide(random, options);
    expect_same(seed, "with queues that rest since earlier passes and without", resting, awake);
    options.check_skipped = false;
    world_unpark(random->world); /* a restart forgets what was parked, and finds it again */
    if (pick(random, 0, 3) == 0)
        options.placements_max = (size_t)pick(random, 1, 20);
    g_autofree char *bulk = decide(random, options);
    g_autofree char *again = decide(random, options);
    expect_same(seed, "the same pass twice", bulk, again);
    options.bulk_max = 1;
    g_autofree char *single = decide(random, options);
    expect_same(seed, "bulk and one by one", bulk, single);
    options.bulk_max = 0;
    options.check_skipped = true;
    g_autofree char *all = decide(random, options);
    expect_same(seed, "with and without a look at what is left out", bulk, all);
    if (pick(random, 0, 3) > 0)
        return;
    options.check_skipped = false;
    random_restart_world(random);
    g_autofree char *after = decide(random, options);
    expect_same(seed, "before and after a restart", bulk, after);
}

/* Enough of everything: with nothing new all that can run ends, and nothing waits but what can never run. */
static void finish(ScheduleWorld *random)
{
    for (int i = 0; i < 3 * INSTANCE_SORTS; i++)
        random_add_instance(random, i % INSTANCE_SORTS, false);
    for (int guard = 0;
         guard < 20000 && (world_runnable_len(random->world) || world_launches_len(random->world)); guard++) {
        size_t before = world_launches_len(random->world);
        random->now_ms += 1000;
        random_tick(random);
        check_capacity(random->world);
        random_end_launch(random);
        if (before == 0 && world_launches_len(random->world) == 0)
            random->now_ms += GANG_TURN_MS;
    }
    for (const Job *job = world_job_next(random->world, 0); job;
         job = world_job_next(random->world, job->sequence))
        if (!job_state_final(job->state) && !job_group(job)->parked)
            g_error("job %" PRIu64 " of queue %s waits for ever: %s", job->sequence,
                    job->queue->resource->name, job->template->request);
}

static void test_lives(void)
{
    for (uint64_t seed = 1; seed <= seeds(); seed++) {
        g_test_message("seed %" PRIu64, seed);
        ScheduleWorld *random = schedule_world_new(seed);
        for (int i = 0; i < 150; i++) {
            random_step(random);
            check_capacity(random->world);
            if (i % 3 == 0)
                compare(random, seed);
        }
        schedule_world_free(random);
    }
}

static void test_ends(void)
{
    for (uint64_t seed = 1; seed <= seeds(); seed++) {
        g_test_message("seed %" PRIu64, seed);
        ScheduleWorld *random = schedule_world_new(seed);
        for (int i = 0; i < 100; i++)
            random_step(random);
        finish(random);
        schedule_world_free(random);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/schedule/random-lives", test_lives);
    g_test_add_func("/schedule/random-ends", test_ends);
    return g_test_run();
}
