/* Random lives of a world: every index equals a recount after each step, nothing final changes, nothing
 * starts before what it waits for, rows are inserted once, and a restart at any moment gives the same world.
 * MUSTER_SEEDS sets how many. */
#include "tests/support/world_random.h"

#define STEPS 250

/* Some runnable item, in some environment that its queue lists. */
static void launch_some(RandomWorld *random)
{
    size_t len;
    Queue *const *queues = world_queues(random->world, &len);
    const Queue *queue = queues[random_below(random, len)];
    RunnableIter iter;
    RunnableItem item, chosen = {0};
    runnable_iter_init(&iter, random->world, queue);
    for (uint64_t skip = random_below(random, 4); runnable_iter_next(&iter, &item); skip--) {
        chosen = item;
        if (skip == 0)
            break;
    }
    if (!chosen.job)
        return;
    Environment *environment =
        world_environment(random->world, view_from(queue->spec->compute_environments[0]));
    random_intend(random, chosen.job, chosen.index, environment);
}

static void step(RandomWorld *random)
{
    random->now_ms += 10;
    uint64_t choice = random_below(random, 100);
    if (choice < 12)
        random_submit(random);
    else if (choice < 45)
        launch_some(random);
    else if (choice < 80)
        random_outcome(random);
    else if (choice < 86)
        random_end(random);
    else if (choice < 89)
        random_change_resources(random);
    else if (choice < 93)
        random_commit(random);
    else if (choice < 95)
        random_pass_window(random);
    else if (choice < 97)
        world_forget_finished(random->world, 10);
    else
        random_restart(random);
    world_check(random->world);
    random_observe(random);
}

/* Once nothing new comes and every launch ends, everything ends. */
static void drain(RandomWorld *random)
{
    for (int guard = 0; guard < 20000; guard++) {
        RunnableIter iter;
        RunnableItem item;
        size_t len;
        bool any = false;
        Queue *const *queues = world_queues(random->world, &len);
        for (size_t i = 0; i < len && !any; i++) {
            runnable_iter_init(&iter, random->world, queues[i]);
            any = runnable_iter_next(&iter, &item);
        }
        if (any)
            random_intend(random, item.job, item.index, world_environment(random->world, VIEW("here")));
        Launch *launch = world_launch_next(random->world, NULL);
        if (!launch)
            break;
        launch_ended(random->world, launch, &(LaunchEnd){.cause = END_EXITED, .stopped_ms = random->now_ms},
                     random->now_ms);
    }
    for (const Job *job = world_job_next(random->world, 0); job;
         job = world_job_next(random->world, job->sequence))
        g_assert_true(job_state_final(job->state));
    world_check(random->world);
    random_commit(random);
    world_forget_finished(random->world, G_MAXSIZE);
    g_assert_cmpuint(world_jobs_len(random->world), ==, 0);
    world_check(random->world);
}

static void test_lives(void)
{
    const char *wanted = g_getenv("MUSTER_SEEDS");
    uint64_t seeds = wanted ? g_ascii_strtoull(wanted, NULL, 10) : 25;
    for (uint64_t seed = 1; seed <= seeds; seed++) {
        g_test_message("seed %" PRIu64, seed);
        RandomWorld *random = random_world_new(seed);
        for (int i = 0; i < STEPS; i++)
            step(random);
        drain(random);
        random_world_free(random);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/world/random-lives", test_lives);
    return g_test_run();
}
