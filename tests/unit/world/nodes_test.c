/* Multinode jobs: the main node's life is the job's, the attempt is over when no node is left. */
#include "tests/support/world_cloud.h"

typedef struct {
    World *world;
    Records *records;
    Job *job;
    uint64_t round;
} Gang;

static void gang_intend(Gang *gang)
{
    Instance *instances[3];
    LaunchToken tokens[3];
    gang->round++;
    for (uint64_t i = 0; i < 3; i++) {
        LaunchToken token = cloud_token(i + 1);
        instances[i] = world_instance(gang->world, &token);
        tokens[i] = fixture_token(10 * gang->round + i);
    }
    launch_place_nodes(gang->world, gang->job, cloud_of(gang->world), instances, tokens, 2000);
    world_check(gang->world);
}

/* Three nodes, of which the second is the main one. */
static Gang gang_new(void)
{
    Gang gang = {.world = cloud_world(), .records = records_new()};
    cloud_gang(gang.world, "gang", 3, 1, ",\"retryStrategy\":{\"attempts\":2}");
    for (uint64_t i = 1; i <= 3; i++)
        cloud_instance(gang.world, i);
    gang.job = fixture_job(gang.world, 1, "gang", "");
    gang_intend(&gang);
    return gang;
}

static void gang_free(Gang *gang)
{
    world_check(gang->world);
    world_free(gang->world);
    records_free(gang->records);
}

static void gang_restart(Gang *gang)
{
    gang->world = cloud_restart(gang->world, gang->records);
    gang->job = world_job_by_sequence(gang->world, 1);
}

static Launch *node(Gang *gang, uint64_t index)
{
    LaunchToken token = fixture_token(10 * gang->round + index);
    return world_launch(gang->world, &token);
}

static void node_exit(Gang *gang, uint64_t index, int exit_code, EndCause cause)
{
    LaunchEnd end = {.cause = cause, .exit_code = exit_code, .started_ms = 3000, .stopped_ms = 4000};
    launch_ended(gang->world, node(gang, index), &end, 4000);
    world_check(gang->world);
}

static guint gang_stops(Gang *gang)
{
    g_autoptr(GPtrArray) stops = g_ptr_array_new();
    world_take_stops(gang->world, stops);
    return stops->len;
}

static void start_all(Gang *gang)
{
    for (uint64_t i = 0; i < 3; i++)
        launch_started(gang->world, node(gang, (i + 1) % 3), 3000, 3000);
}

static void test_main_node_is_the_job(void)
{
    Gang gang = gang_new();
    g_assert_cmpint(gang.job->state, ==, JOB_STARTING);
    g_assert_true(gang.job->launch == node(&gang, 1));
    g_assert_cmpint(gang.job->attempts, ==, 1);
    launch_started(gang.world, node(&gang, 0), 2500, 2500);
    g_assert_cmpint(gang.job->state, ==, JOB_STARTING);
    launch_started(gang.world, node(&gang, 1), 3000, 3000);
    g_assert_cmpint(gang.job->state, ==, JOB_RUNNING);
    g_assert_cmpint(gang.job->started_ms, ==, 3000);
    node_exit(&gang, 2, 1, END_EXITED); /* never reported as started, and failed: nothing happens */
    g_assert_cmpint(gang.job->state, ==, JOB_RUNNING);
    g_assert_cmpuint(gang_stops(&gang), ==, 0);
    node_exit(&gang, 1, 0, END_EXITED);
    g_assert_cmpint(gang.job->state, ==, JOB_RUNNING); /* node 0 is there */
    g_assert_cmpuint(gang_stops(&gang), ==, 1);
    node_exit(&gang, 0, 143, END_STOPPED);
    g_assert_cmpint(gang.job->state, ==, JOB_SUCCEEDED);
    g_assert_cmpstr(gang.job->status_reason, ==, "Essential container in task exited");
    g_assert_cmpuint(history_runs(world_history(gang.world, VIEW("gang"))), ==, 1);
    gang_free(&gang);
}

/* A node has its instance for itself, also when that turns out to be larger. */
static void test_whole_instances(void)
{
    Gang gang = gang_new();
    Instance *instance = node(&gang, 0)->instance;
    Capacity need = {10000, 16, 0}, larger = {8 * 10000, 16000, 0};
    g_assert_null(fleet_find(cloud_of(gang.world)->fleet, need, FLEET_ANY));
    g_assert_cmpint(node(&gang, 0)->vcpus_e4, ==, 20000);
    g_assert_cmpint(instance->free.memory_mib, ==, 0);
    instance_registered(gang.world, instance, larger, 2500);
    g_assert_cmpint(instance->free.vcpus_e4, ==, 0);
    world_check(gang.world);
    gang_restart(&gang);
    node_exit(&gang, 0, 0, END_EXITED);
    g_assert_cmpint(world_instance_next(gang.world, NULL)->free.vcpus_e4, ==, 80000);
    gang_free(&gang);
}

/* A new attempt begins when every node of the last is proven gone (invariant 3). */
static void test_retry(void)
{
    Gang gang = gang_new();
    start_all(&gang);
    node_exit(&gang, 1, 7, END_EXITED);
    g_assert_cmpint(gang.job->state, ==, JOB_RUNNING);
    node_exit(&gang, 2, 143, END_STOPPED);
    g_assert_cmpint(gang.job->state, ==, JOB_RUNNING);
    node_exit(&gang, 0, 143, END_STOPPED);
    g_assert_cmpint(gang.job->state, ==, JOB_RUNNABLE);
    g_assert_cmpuint(world_launches_len(gang.world), ==, 0);
    gang_intend(&gang);
    g_assert_cmpint(gang.job->attempts, ==, 2);
    start_all(&gang);
    for (uint64_t i = 1; i <= 3; i++)
        node_exit(&gang, i % 3, 7, END_EXITED);
    g_assert_cmpint(gang.job->state, ==, JOB_FAILED);
    gang_free(&gang);
}

static void test_lost_hosts(void)
{
    Gang gang = gang_new();
    start_all(&gang);
    instance_gone(gang.world, node(&gang, 2)->instance, NULL, 3500);
    g_assert_cmpint(gang.job->state, ==, JOB_RUNNING);
    g_assert_cmpuint(gang_stops(&gang), ==, 0);
    instance_gone(gang.world, node(&gang, 1)->instance, NULL, 3600);
    g_assert_cmpint(gang.job->state, ==, JOB_RUNNING);
    g_assert_cmpuint(gang_stops(&gang), ==, 1);
    node_exit(&gang, 0, 143, END_STOPPED);
    g_assert_cmpint(gang.job->state, ==, JOB_RUNNABLE);
    g_assert_cmpstr(gang.job->status_reason, ==, "Host EC2 (instance i-2) terminated.");
    gang_free(&gang);
}

/* One node never started: the attempt cannot be whole. Did none, it was no attempt. */
static void test_refused(void)
{
    Gang gang = gang_new();
    launch_refused(gang.world, node(&gang, 0), NULL, 2500);
    g_assert_cmpuint(gang_stops(&gang), ==, 2);
    launch_refused(gang.world, node(&gang, 1), NULL, 2600);
    launch_refused(gang.world, node(&gang, 2), NULL, 2600);
    g_assert_cmpint(gang.job->state, ==, JOB_RUNNABLE);
    g_assert_cmpint(gang.job->attempts, ==, 0);
    gang_intend(&gang);
    g_assert_cmpint(gang.job->attempts, ==, 1);
    launch_started(gang.world, node(&gang, 2), 2700, 2700);
    launch_refused(gang.world, node(&gang, 0), NULL, 2800);
    node_exit(&gang, 2, 143, END_STOPPED);
    launch_refused(gang.world, node(&gang, 1), NULL, 2900);
    g_assert_cmpint(gang.job->state, ==, JOB_RUNNABLE);
    g_assert_cmpint(gang.job->attempts, ==, 1);
    g_assert_cmpstr(gang.job->status_reason, ==, "Task failed to start");
    gang_free(&gang);
}

static void test_terminate(void)
{
    Gang gang = gang_new();
    start_all(&gang);
    g_autoptr(GPtrArray) stops = g_ptr_array_new();
    job_end(gang.world, gang.job, NOT_A_CHILD, END_CANCEL, "no", 3500, stops);
    g_assert_cmpuint(stops->len, ==, 0); /* too late for that */
    job_end(gang.world, gang.job, NOT_A_CHILD, END_TERMINATE, "enough", 3500, stops);
    g_assert_cmpuint(stops->len, ==, 3);
    for (uint64_t i = 0; i < 3; i++)
        node_exit(&gang, i, 143, END_STOPPED);
    g_assert_cmpint(gang.job->state, ==, JOB_FAILED);
    g_assert_cmpstr(gang.job->status_reason, ==, "enough");
    g_assert_cmpuint(gang_stops(&gang), ==, 0);
    gang_free(&gang);
}

/* Once the main node has ended, its word stands. */
static void test_terminate_too_late(void)
{
    Gang gang = gang_new();
    start_all(&gang);
    node_exit(&gang, 1, 0, END_EXITED);
    g_autoptr(GPtrArray) stops = g_ptr_array_new();
    job_end(gang.world, gang.job, NOT_A_CHILD, END_TERMINATE, "enough", 4500, stops);
    gang_restart(&gang);
    node_exit(&gang, 0, 143, END_STOPPED);
    node_exit(&gang, 2, 143, END_STOPPED);
    g_assert_cmpint(gang.job->state, ==, JOB_SUCCEEDED);
    gang_free(&gang);
}

/* An attempt that failed is not tried again when the job is terminated before its last node is gone. */
static void test_terminate_while_failing(void)
{
    for (int restarts = 0; restarts < 2; restarts++) {
        Gang gang = gang_new();
        start_all(&gang);
        node_exit(&gang, 1, 1, END_EXITED);
        g_autoptr(GPtrArray) stops = g_ptr_array_new();
        job_end(gang.world, gang.job, NOT_A_CHILD, END_TERMINATE, "enough", 4500, stops);
        if (restarts)
            gang_restart(&gang);
        node_exit(&gang, 0, 143, END_STOPPED);
        node_exit(&gang, 2, 143, END_STOPPED);
        g_assert_cmpint(gang.job->state, ==, JOB_FAILED);
        g_assert_cmpstr(gang.job->status_reason, ==, "enough");
        gang_free(&gang);
    }
}

/* What was decided before a restart is known after it, and the rest is stopped again. */
static void test_restart(void)
{
    static const struct {
        int exit_code;
        EndCause cause;
        const char *reason;
        JobState state;
    } cases[] = {{0, END_EXITED, "Essential container in task exited", JOB_SUCCEEDED},
                 {3, END_EXITED, "Essential container in task exited", JOB_RUNNABLE},
                 {137, END_TIMEOUT, "Job attempt duration exceeded timeout", JOB_FAILED}};
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        Gang gang = gang_new();
        start_all(&gang);
        gang_restart(&gang);
        g_assert_cmpint(gang.job->state, ==, JOB_RUNNING);
        g_assert_true(gang.job->launch == node(&gang, 1));
        node_exit(&gang, 0, 1, END_EXITED);
        node_exit(&gang, 1, cases[i].exit_code, cases[i].cause);
        gang_restart(&gang);
        g_assert_cmpint(gang.job->state, ==, JOB_RUNNING);
        g_assert_null(gang.job->launch);
        g_assert_cmpuint(gang_stops(&gang), ==, 1);
        node_exit(&gang, 2, 143, END_STOPPED);
        g_assert_cmpint(gang.job->state, ==, cases[i].state);
        g_assert_cmpstr(gang.job->status_reason, ==, cases[i].reason);
        gang_free(&gang);
    }
}

/* The rows of nodes that were refused before are not taken for those of the launch under way. */
static void test_restart_after_refusal(void)
{
    Gang gang = gang_new();
    for (uint64_t i = 0; i < 3; i++)
        launch_refused(gang.world, node(&gang, i), NULL, 2000);
    gang_intend(&gang);
    gang_restart(&gang);
    g_assert_cmpuint(gang_stops(&gang), ==, 0);
    start_all(&gang);
    node_exit(&gang, 1, 0, END_EXITED);
    gang_restart(&gang);
    g_assert_cmpuint(gang_stops(&gang), ==, 2);
    launch_refused(gang.world, node(&gang, 0), NULL, 5000); /* found not to be there */
    gang_restart(&gang);
    node_exit(&gang, 2, 143, END_STOPPED);
    g_assert_cmpint(gang.job->state, ==, JOB_SUCCEEDED);
    gang_free(&gang);
}

static void test_refused_submissions(void)
{
    g_autoptr(World) world = cloud_world();
    g_autofree char *message = NULL;
    cloud_gang(world, "gang", 3, 0, "");
    g_assert_null(fixture_try(world, 1,
                              "{'jobName':'j','jobQueue':'main','jobDefinition':'gang',"
                              "'arrayProperties':{'size':2}}",
                              &message));
    g_assert_cmpstr(message, ==, "An array job cannot be a multinode job");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/nodes/main-node-is-the-job", test_main_node_is_the_job);
    g_test_add_func("/nodes/whole-instances", test_whole_instances);
    g_test_add_func("/nodes/retry", test_retry);
    g_test_add_func("/nodes/lost-hosts", test_lost_hosts);
    g_test_add_func("/nodes/refused", test_refused);
    g_test_add_func("/nodes/terminate", test_terminate);
    g_test_add_func("/nodes/terminate-too-late", test_terminate_too_late);
    g_test_add_func("/nodes/terminate-while-failing", test_terminate_while_failing);
    g_test_add_func("/nodes/restart", test_restart);
    g_test_add_func("/nodes/restart-after-refusal", test_restart_after_refusal);
    g_test_add_func("/nodes/refused-submissions", test_refused_submissions);
    return g_test_run();
}
