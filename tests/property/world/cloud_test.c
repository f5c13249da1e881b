/* Random lives of instances, multinode jobs and consumable resources: every index equals a recount after each
 * step, a restart at any moment gives the same world, and once faults stop everything ends and nothing is
 * leaked. MUSTER_SEEDS sets how many. */
#include "tests/support/world_cloud_random.h"

#define STEPS 300

static void step(RandomWorld *random)
{
    random->now_ms += (int64_t)random_below(random, 3); /* also twice in one millisecond */
    uint64_t choice = random_below(random, 100);
    if (choice < 88)
        cloud_random_step(random, choice);
    else if (choice < 92)
        random_commit(random);
    else if (choice < 96)
        world_forget_finished(random->world, 10);
    else
        random_restart(random);
    world_check(random->world);
    cloud_random_check_capacity(random);
    random_observe(random);
}

/* The environment goes: its jobs end, its instances are drained, stopped and reported gone. */
static void end_all(RandomWorld *random)
{
    World *world = random->world;
    g_autoptr(GPtrArray) stops = g_ptr_array_new();
    fixture_queue(world, "main", 1, "here");
    resource_delete(world, KIND_COMPUTE_ENVIRONMENT, VIEW("cloud"), random->now_ms);
    for (Job *job = NULL; (job = world_job_next(world, job ? job->sequence : 0));)
        job_end(world, job, NOT_A_CHILD, END_TERMINATE, "the end", random->now_ms, stops);
    for (int guard = 0; guard < 100 && cloud_of(world); guard++) {
        random->now_ms++;
        while (world_launches_len(world) > 0) {
            Launch *launch = random_launch(random);
            launch_ended(world, launch, &(LaunchEnd){.cause = END_STOPPED, .exit_code = 143, .stopped_ms = 1},
                         random->now_ms);
        }
        for (Instance *instance = NULL; (instance = world_instance_next(world, instance));)
            instance_started(world, instance, "i-1", random->now_ms); /* observed */
        resource_settle(world, 10, random->now_ms);
        g_ptr_array_set_size(stops, 0);
        world_take_instance_stops(world, stops);
        for (guint i = 0; i < stops->len; i++) {
            LaunchToken token = ((const Instance *)g_ptr_array_index(stops, i))->token;
            Instance *instance = world_instance(world, &token);
            if (instance)
                instance_gone(world, instance, "stopped", random->now_ms);
        }
        /* those whose stop the caller had decided */
        for (Instance *instance = world_instance_next(world, NULL), *next; instance; instance = next) {
            next = world_instance_next(world, instance);
            if (instance->state == INSTANCE_STOPPING)
                instance_gone(world, instance, "stopped", random->now_ms);
        }
        world_check(world);
    }
    g_assert_null(cloud_of(world));
    g_assert_cmpuint(world_instances_len(world), ==, 0);
    g_assert_cmpint(world_consumable(world, VIEW("license"))->in_use, ==, 0);
    for (const Job *job = NULL; (job = world_job_next(world, job ? job->sequence : 0));)
        g_assert_true(job_state_final(job->state));
    random_restart(random);
}

static void test_lives(void)
{
    const char *wanted = g_getenv("MUSTER_SEEDS");
    uint64_t seeds = wanted ? g_ascii_strtoull(wanted, NULL, 10) : 25;
    for (uint64_t seed = 1; seed <= seeds; seed++) {
        g_test_message("seed %" PRIu64, seed);
        RandomWorld *random = random_world_new(seed);
        cloud_random_add_resources(random);
        for (int i = 0; i < STEPS; i++)
            step(random);
        end_all(random);
        random_world_free(random);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/world/cloud-lives", test_lives);
    return g_test_run();
}
