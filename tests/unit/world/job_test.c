/* Single jobs: submission, attempts and retries, cancel and terminate, dependencies. */
#include "tests/support/world_fixture.h"

static void test_submit(void)
{
    g_autoptr(World) world = fixture_world();
    Job *a = fixture_job(world, 1, "one", "");
    Job *b = fixture_job(world, 2, "one", "");
    Job *c = fixture_job(world, 3, "one", ",'containerOverrides':{'command':['x']}");
    g_assert_cmpint(a->state, ==, JOB_RUNNABLE);
    g_assert_true(a->template == b->template);
    g_assert_true(a->template != c->template);
    g_assert_cmpstr(a->template->definition, ==, "one:1");
    g_assert_cmpstr(c->template->effective->command[0], ==, "x");
    g_assert_cmpint(a->queue->counts[JOB_RUNNABLE], ==, 3);
    g_assert_cmpuint(a->queue->unfinished, ==, 3);
    JobId id = fixture_id(2);
    g_assert_true(world_job(world, &id) == b);
    world_check(world);
}

static void refuse(World *world, const char *request, const char *expected)
{
    g_autofree char *message = NULL;
    g_assert_null(fixture_try(world, 99, request, &message));
    g_assert_cmpstr(message, ==, expected);
}

static void test_refusals(void)
{
    g_autoptr(World) world = fixture_world();
    refuse(world, "{'jobName':'j','jobQueue':'no','jobDefinition':'one'}", "Job queue no does not exist");
    refuse(world, "{'jobName':'j','jobQueue':'main','jobDefinition':'two'}",
           "JobDefinition name two does not exist or is not in ACTIVE status");
    refuse(world, "{'jobName':'j','jobQueue':'main','jobDefinition':'one:7'}",
           "JobDefinition name one:7 does not exist or is not in ACTIVE status");
    refuse(world, "{'jobName':'j','jobQueue':'main','jobDefinition':'one','arrayProperties':{'size':1}}",
           "Array size must be between 2 and 10000");
    refuse(world,
           "{'jobName':'j','jobQueue':'main','jobDefinition':'one',"
           "'dependsOn':[{'jobId':'0f8fad5b-d9cb-469f-a165-70867728950e'}]}",
           "Dependent job 0f8fad5b-d9cb-469f-a165-70867728950e does not exist");
    g_autoptr(GString) many =
        g_string_new("{'jobName':'j','jobQueue':'main','jobDefinition':'one','dependsOn':[");
    for (int i = 0; i < 21; i++)
        g_string_append_printf(many, "%s{'jobId':'0f8fad5b-d9cb-469f-a165-70867728950e'}", i ? "," : "");
    g_string_append(many, "]}");
    refuse(world, many->str, "Job cannot have more than 20 dependencies");
    fixture_put(world, KIND_JOB_QUEUE, "off", "{\"priority\":1,\"state\":\"DISABLED\"}", 1);
    refuse(world, "{'jobName':'j','jobQueue':'off','jobDefinition':'one'}", "Job queue off is DISABLED");
    fixture_put(world, KIND_JOB_DEFINITION, "image",
                "{\"containerProperties\":{\"image\":\"i\",\"resourceRequirements\":[{\"type\":\"MEMORY\","
                "\"value\":\"4\"},"
                "{\"type\":\"VCPU\",\"value\":\"1\"}]},\"type\":\"container\"}",
                1);
    refuse(world, "{'jobName':'j','jobQueue':'main','jobDefinition':'image'}",
           "job definition image:1 has no command: the local provider does not run its image");
    g_assert_cmpuint(world_jobs_len(world), ==, 0);
    world_check(world);
}

static void test_success(void)
{
    g_autoptr(World) world = fixture_world();
    Job *job = fixture_job(world, 1, "one", "");
    Launch *launch = fixture_launch(world, job, NOT_A_CHILD, 1);
    g_assert_cmpint(job->state, ==, JOB_STARTING);
    g_assert_cmpint(launch->state, ==, LAUNCH_INTENDED);
    g_assert_cmpint(launch->environment->used_vcpus_e4, ==, 10000);
    world_check(world);
    launch_started(world, launch, 2500, 2600);
    g_assert_cmpint(job->state, ==, JOB_RUNNING);
    g_assert_cmpint(job->started_ms, ==, 2500);
    launch_ended(world, launch, &(LaunchEnd){.cause = END_EXITED, .stopped_ms = 3000}, 3001);
    g_assert_cmpint(job->state, ==, JOB_SUCCEEDED);
    g_assert_cmpstr(job->status_reason, ==, "Essential container in task exited");
    g_assert_cmpint(job->stopped_ms, ==, 3001);
    g_assert_null(job->launch);
    g_assert_cmpint(world_environment(world, VIEW("here"))->used_vcpus_e4, ==, 0);
    world_check(world);
}

static void test_retry_goes_to_the_front(void)
{
    g_autoptr(World) world = fixture_world();
    Job *first = fixture_job(world, 1, "thrice", "");
    Job *second = fixture_job(world, 2, "thrice", "");
    RunnableIter iter;
    RunnableItem item;
    fixture_run(world, second, NOT_A_CHILD, 1, 1);
    g_assert_cmpint(second->state, ==, JOB_RUNNABLE);
    runnable_iter_init(&iter, world, second->queue);
    g_assert_true(runnable_iter_next(&iter, &item) && item.job == second);
    g_assert_true(runnable_iter_next(&iter, &item) && item.job == first);
    g_assert_false(runnable_iter_next(&iter, &item));
    Launch *launch = fixture_launch(world, second, NOT_A_CHILD, 2);
    g_assert_cmpint(launch->attempt, ==, 2);
    launch_refused(world, launch, NULL, 2100); /* never started: the same attempt again */
    g_assert_cmpint(second->attempts, ==, 1);
    fixture_run(world, second, NOT_A_CHILD, 3, 1);
    launch = fixture_launch(world, second, NOT_A_CHILD, 4);
    g_assert_cmpint(launch->attempt, ==, 3);
    launch_lost(world, launch, 2200);
    g_assert_cmpint(second->state, ==, JOB_FAILED);
    g_assert_cmpstr(second->status_reason, ==, "Host EC2 (instance local) terminated.");
    world_check(world);
}

static void test_timeout_is_final(void)
{
    g_autoptr(World) world = fixture_world();
    Job *job = fixture_job(world, 1, "thrice", "");
    Launch *launch = fixture_launch(world, job, NOT_A_CHILD, 1);
    launch_ended(world, launch,
                 &(LaunchEnd){.cause = END_TIMEOUT, .exit_code = 137, .started_ms = 2000, .stopped_ms = 3000},
                 3000);
    g_assert_cmpint(job->state, ==, JOB_FAILED);
    g_assert_cmpstr(job->status_reason, ==, "Job attempt duration exceeded timeout");
    g_assert_cmpint(job->started_ms, ==, 2000);
}

static void test_cancel(void)
{
    g_autoptr(World) world = fixture_world();
    g_autoptr(GPtrArray) stops = g_ptr_array_new();
    Job *queued = fixture_job(world, 1, "thrice", "");
    g_autofree char *depends = fixture_depends(queued, "");
    Job *waiting = fixture_job(world, 2, "one", depends);
    Job *running = fixture_job(world, 3, "thrice", "");
    Launch *launch = fixture_launch(world, running, NOT_A_CHILD, 1);
    job_end(world, waiting, NOT_A_CHILD, END_CANCEL, "no more", 5, stops); /* PENDING fails at once */
    g_assert_cmpint(waiting->state, ==, JOB_FAILED);
    g_assert_cmpstr(waiting->status_reason, ==, "no more");
    job_end(world, queued, NOT_A_CHILD, END_TERMINATE, "stop", 5, stops); /* treated as cancel */
    g_assert_true(queued->state == JOB_FAILED && queued->is_cancelled && !queued->is_terminated);
    job_end(world, running, NOT_A_CHILD, END_CANCEL, "no effect", 5, stops);
    g_assert_true(running->state == JOB_STARTING && !running->is_cancelled && stops->len == 0);
    job_end(world, running, NOT_A_CHILD, END_TERMINATE, "enough", 5, stops);
    g_assert_cmpuint(stops->len, ==, 1);
    g_assert_true(g_ptr_array_index(stops, 0) == launch && launch->stopping && running->is_terminated);
    launch_ended(world, launch, &(LaunchEnd){.cause = END_STOPPED, .exit_code = 143, .stopped_ms = 9}, 9);
    g_assert_cmpint(running->state, ==, JOB_FAILED); /* and no retry */
    g_assert_cmpstr(running->status_reason, ==, "enough");
    world_check(world);
}

static void test_dependencies(void)
{
    g_autoptr(World) world = fixture_world();
    Job *a = fixture_job(world, 1, "thrice", "");
    g_autofree char *on_a = fixture_depends(a, "");
    Job *b = fixture_job(world, 2, "one", on_a);
    g_autofree char *on_b = fixture_depends(b, "");
    Job *c = fixture_job(world, 3, "one", on_b);
    g_assert_true(b->state == JOB_PENDING && c->state == JOB_PENDING);
    fixture_run(world, a, NOT_A_CHILD, 1, 1);
    g_assert_cmpint(b->state, ==, JOB_PENDING); /* a is retried: not final */
    fixture_run(world, a, NOT_A_CHILD, 2, 0);
    g_assert_true(b->state == JOB_RUNNABLE && c->state == JOB_PENDING);
    fixture_run(world, b, NOT_A_CHILD, 3, 1);
    g_assert_cmpint(c->state, ==, JOB_FAILED);
    g_assert_cmpstr(c->status_reason, ==, "Dependent Job failed");
    Job *late = fixture_job(world, 4, "one", on_b); /* has failed before it was submitted */
    g_assert_cmpint(late->state, ==, JOB_FAILED);
    Job *fine = fixture_job(world, 5, "one", on_a);
    g_assert_cmpint(fine->state, ==, JOB_RUNNABLE);
    world_check(world);
}

/* A chain of 100,000 would overflow the stack if failures were passed on by recursion. */
static void test_long_chain(void)
{
    g_autoptr(World) world = fixture_world();
    g_autoptr(GPtrArray) stops = g_ptr_array_new();
    Job *first = fixture_job(world, 1, "one", ""), *last = first;
    for (uint64_t i = 2; i <= 100000; i++) {
        g_autofree char *depends = fixture_depends(last, "");
        last = fixture_job(world, i, "one", depends);
    }
    job_end(world, first, NOT_A_CHILD, END_CANCEL, "all", 5, stops);
    g_assert_cmpint(last->state, ==, JOB_FAILED);
    g_assert_cmpint(first->queue->counts[JOB_FAILED], ==, 100000);
    g_assert_cmpuint(first->queue->unfinished, ==, 0);
}

static void test_forget(void)
{
    g_autoptr(World) world = fixture_world();
    Job *a = fixture_job(world, 1, "one", "");
    g_autofree char *on_a = fixture_depends(a, "");
    Job *b = fixture_job(world, 2, "one", ""), *c;
    JobId id = a->id;
    fixture_run(world, a, NOT_A_CHILD, 1, 0);
    world_forget_finished(world, 10);
    g_assert_nonnull(world_job(world, &id)); /* not written yet */
    world_set_durable(world, 0);
    batch_free(world_take_batch(world));
    world_forget_finished(world, 10);
    g_assert_nonnull(world_job(world, &id)); /* written, not durable */
    world_set_durable(world, world_batches(world));
    world_forget_finished(world, 10);
    g_assert_null(world_job(world, &id));
    g_assert_cmpuint(world_jobs_len(world), ==, 1);
    g_autofree char *message = NULL;
    g_autofree char *request =
        g_strdup_printf("{'jobName':'j','jobQueue':'main','jobDefinition':'one'%s}", on_a);
    c = fixture_try(world, 3, request, &message);
    g_assert_null(c); /* nobody can say how it ended */
    g_assert_nonnull(message);
    g_assert_cmpint(b->state, ==, JOB_RUNNABLE);
    world_check(world);
}

/* Templates that nobody uses are kept for a while; a row that is held no more is let go, so that it can end
 * with its jobs. */
static void test_templates_are_let_go(void)
{
    g_autoptr(World) world = fixture_world();
    int64_t removed = 0;
    for (uint64_t i = 1; i <= 1034; i++) {
        g_autofree char *command = g_strdup_printf(",'containerOverrides':{'command':['%d']}", (int)i);
        Job *job = fixture_job(world, i, "one", command);
        fixture_run(world, job, NOT_A_CHILD, i, 0);
        g_autoptr(Batch) batch = world_take_batch(world);
        world_set_durable(world, world_batches(world));
        world_forget_finished(world, 10);
        size_t len;
        const TemplateRecord *records = batch_template(batch, &len);
        for (size_t at = 0; at < len; at++)
            if (records[at].removed)
                g_assert_cmpint(records[at].id, ==, ++removed); /* the oldest first */
    }
    g_assert_cmpint(removed, >=, 8);
    g_assert_cmpint(removed, <=, 10);
    world_check(world);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/job/submit", test_submit);
    g_test_add_func("/job/refusals", test_refusals);
    g_test_add_func("/job/success", test_success);
    g_test_add_func("/job/retry", test_retry_goes_to_the_front);
    g_test_add_func("/job/timeout", test_timeout_is_final);
    g_test_add_func("/job/cancel", test_cancel);
    g_test_add_func("/job/dependencies", test_dependencies);
    g_test_add_func("/job/long-chain", test_long_chain);
    g_test_add_func("/job/forget", test_forget);
    g_test_add_func("/job/templates-are-let-go", test_templates_are_let_go);
    return g_test_run();
}
