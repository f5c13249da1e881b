/* Random worlds under the scheduler: capacity holds (invariant 7), nothing that could run now is left when
 * nothing else was placed, and a restart decides the same (invariant 8). */
#include "reconciler/schedule/schedule.h"
#include "tests/support/world_random.h"

static const Capacity machine = {4 * 10000, 90, 0};

static void check_capacity(const World *world)
{
    const Instance *local = world_local_instance(world);
    g_assert_cmpint(local->used.vcpus_e4, <=, machine.vcpus_e4);
    g_assert_cmpint(local->used.memory_mib, <=, machine.memory_mib);
}

/* As text, so that two worlds compare. */
static char *decide(const World *world, int64_t now_ms)
{
    g_autoptr(Arena) arena = arena_new();
    GString *text = g_string_new(NULL);
    Decisions decisions;
    schedule_run(world, 100, now_ms, arena, &decisions);
    for (size_t i = 0; i < decisions.placements_len; i++)
        g_string_append_printf(text, "%" PRIu64 ":%d in %s\n", decisions.placements[i].job->sequence,
                               decisions.placements[i].index,
                               decisions.placements[i].environment->resource->name);
    for (size_t i = 0; i < decisions.reasons_len; i++)
        g_string_append_printf(text, "%s %s\n", decisions.reasons[i].queue->resource->name,
                               decisions.reasons[i].reason);
    return g_string_free(text, FALSE);
}

static void tick(RandomWorld *random)
{
    g_autoptr(Arena) arena = arena_new();
    Decisions decisions;
    schedule_run(random->world, 1 + random_below(random, 10), random->now_ms, arena, &decisions);
    for (size_t i = 0; i < decisions.placements_len; i++) {
        const Placement *placement = &decisions.placements[i];
        int64_t before = placement->environment->used_vcpus_e4;
        random_intend(random, placement->job, placement->index, placement->environment);
        g_assert_cmpint(placement->environment->used_vcpus_e4, <=,
                        placement->environment->spec->max_vcpus * 10000);
        g_assert_cmpint(placement->environment->used_vcpus_e4, >, before);
    }
    for (size_t i = 0; i < decisions.reasons_len; i++)
        world_set_waiting_reason(random->world, decisions.reasons[i].queue, decisions.reasons[i].template,
                                 decisions.reasons[i].reason);
    check_capacity(random->world);
}

static void restart(RandomWorld *random)
{
    g_autofree char *before = decide(random->world, random->now_ms);
    random_restart(random);
    instance_local(random->world, machine);
    g_autofree char *after = decide(random->world, random->now_ms);
    g_assert_cmpstr(before, ==, after);
}

static void step(RandomWorld *random)
{
    random->now_ms += 1000;
    uint64_t choice = random_below(random, 100);
    if (choice < 15)
        random_submit(random);
    else if (choice < 45)
        tick(random);
    else if (choice < 85)
        random_outcome(random);
    else if (choice < 89)
        random_end(random);
    else if (choice < 94)
        random_commit(random);
    else if (choice < 97)
        world_forget_finished(random->world, 10);
    else
        restart(random);
    world_check(random->world);
}

static void test_lives(void)
{
    const char *wanted = g_getenv("MUSTER_SEEDS");
    uint64_t seeds = wanted ? g_ascii_strtoull(wanted, NULL, 10) : 25;
    for (uint64_t seed = 1; seed <= seeds; seed++) {
        g_test_message("seed %" PRIu64, seed);
        RandomWorld *random = random_world_new(seed);
        instance_local(random->world, machine);
        for (int i = 0; i < 300; i++)
            step(random);
        /* with nothing new everything that was submitted comes to an end: nobody starves */
        for (int guard = 0;
             guard < 5000 && (world_runnable_len(random->world) || world_launches_len(random->world));
             guard++) {
            tick(random);
            Launch *launch = random_launch(random);
            if (launch)
                launch_ended(random->world, launch, &(LaunchEnd){.cause = END_EXITED, .stopped_ms = 1},
                             random->now_ms);
        }
        for (const Job *job = world_job_next(random->world, 0); job;
             job = world_job_next(random->world, job->sequence))
            g_assert_true(job_state_final(job->state));
        random_world_free(random);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/schedule/random-lives", test_lives);
    return g_test_run();
}
