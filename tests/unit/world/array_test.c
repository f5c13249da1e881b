/* Array jobs: children, their parent, SEQUENTIAL and N_TO_N, cancel by ranges. */
#include "tests/support/world_fixture.h"

static void count(const Job *job, JobState state, int64_t expected)
{
    int64_t counts[JOB_STATE_COUNT];
    job_counts(job, counts);
    g_assert_cmpint(counts[state], ==, expected);
}

static void test_life(void)
{
    g_autoptr(World) world = fixture_world();
    Job *job = fixture_job(world, 1, "thrice", ",'arrayProperties':{'size':3}");
    g_assert_cmpint(job->state, ==, JOB_PENDING);
    count(job, JOB_RUNNABLE, 3);
    fixture_run(world, job, 0, 1, 0);
    fixture_run(world, job, 1, 2, 9);
    count(job, JOB_RUNNABLE, 2); /* one retried, one fresh */
    RunnableIter iter;
    RunnableItem item;
    runnable_iter_init(&iter, world, job->queue);
    g_assert_true(runnable_iter_next(&iter, &item) && item.index == 1 && item.runnable == 1);
    g_assert_true(runnable_iter_next(&iter, &item) && item.index == 2 && item.runnable == 1);
    g_assert_false(runnable_iter_next(&iter, &item));
    ChildView child;
    job_child(job, 1, &child);
    g_assert_cmpint(child.attempts, ==, 1);
    fixture_run(world, job, 1, 3, 0);
    g_assert_cmpint(job->state, ==, JOB_PENDING);
    fixture_run(world, job, 2, 4, 0);
    g_assert_cmpint(job->state, ==, JOB_SUCCEEDED);
    g_assert_cmpint(job->queue->counts[JOB_SUCCEEDED], ==, 3);
    world_check(world);
}

static void test_one_failure_does_not_stop_siblings(void)
{
    g_autoptr(World) world = fixture_world();
    Job *job = fixture_job(world, 1, "one", ",'arrayProperties':{'size':2}");
    fixture_run(world, job, 0, 1, 1);
    g_assert_cmpint(job->state, ==, JOB_PENDING);
    g_assert_cmpint(fixture_child(job, 1), ==, JOB_RUNNABLE);
    fixture_run(world, job, 1, 2, 0);
    g_assert_cmpint(job->state, ==, JOB_FAILED);
    g_assert_cmpstr(job->status_reason, ==, "Array Child Job failed");
    world_check(world);
}

static void test_sequential(void)
{
    g_autoptr(World) world = fixture_world();
    Job *job =
        fixture_job(world, 1, "one", ",'arrayProperties':{'size':4},'dependsOn':[{'type':'SEQUENTIAL'}]");
    count(job, JOB_RUNNABLE, 1);
    count(job, JOB_PENDING, 3);
    fixture_run(world, job, 0, 1, 0);
    g_assert_cmpint(fixture_child(job, 1), ==, JOB_RUNNABLE);
    g_assert_cmpint(fixture_child(job, 2), ==, JOB_PENDING);
    world_check(world);
    fixture_run(world, job, 1, 2, 1);
    g_assert_cmpint(fixture_child(job, 3), ==, JOB_FAILED);
    g_assert_cmpint(job->state, ==, JOB_FAILED);
    ChildView child;
    job_child(job, 2, &child);
    g_assert_cmpstr(child.status_reason, ==, "Dependent Job failed");
    world_check(world);
}

static void test_n_to_n(void)
{
    g_autoptr(World) world = fixture_world();
    Job *a = fixture_job(world, 1, "one", ",'arrayProperties':{'size':130}");
    g_autofree char *on_a = fixture_depends(a, "N_TO_N");
    g_autofree char *more = g_strdup_printf(",'arrayProperties':{'size':130}%s", on_a);
    Job *b = fixture_job(world, 2, "one", more);
    count(b, JOB_PENDING, 130);
    fixture_run(world, a, 129, 1, 0);
    fixture_run(world, a, 64, 2, 1);
    g_assert_cmpint(fixture_child(b, 129), ==, JOB_RUNNABLE);
    g_assert_cmpint(fixture_child(b, 64), ==, JOB_FAILED);
    g_assert_cmpint(fixture_child(b, 0), ==, JOB_PENDING);
    g_assert_cmpint(job_next_runnable(b, 0), ==, 129);
    world_check(world);
    g_autoptr(GPtrArray) stops = g_ptr_array_new();
    job_end(world, a, NOT_A_CHILD, END_CANCEL, "off", 5, stops);
    count(b, JOB_FAILED, 129);
    g_assert_cmpint(b->state, ==, JOB_PENDING); /* its child 129 may still run */
    fixture_run(world, b, 129, 3, 0);
    g_assert_cmpint(b->state, ==, JOB_FAILED);
    g_autofree char *message = NULL;
    g_autofree char *odd = g_strdup_printf(
        "{'jobName':'j','jobQueue':'main','jobDefinition':'one','arrayProperties':{'size':2}%s}", on_a);
    g_assert_null(fixture_try(world, 3, odd, &message));
    g_assert_true(g_str_has_suffix(message, "is N_TO_N, but not an array of the same size"));
    world_check(world);
}

static void test_plain_on_arrays(void)
{
    g_autoptr(World) world = fixture_world();
    Job *a = fixture_job(world, 1, "one", ",'arrayProperties':{'size':2}");
    g_autofree char *on_a = fixture_depends(a, "");
    char id[37];
    job_id_to_text(&a->id, id);
    g_autofree char *on_child = g_strdup_printf(",'dependsOn':[{'jobId':'%s:1'}]", id);
    g_autofree char *more = g_strdup_printf(",'arrayProperties':{'size':5}%s", on_a);
    Job *whole = fixture_job(world, 2, "one", more);
    Job *child = fixture_job(world, 3, "one", on_child);
    fixture_run(world, a, 1, 1, 0);
    g_assert_cmpint(child->state, ==, JOB_RUNNABLE);
    count(whole, JOB_PENDING, 5);
    fixture_run(world, a, 0, 2, 0);
    count(whole, JOB_RUNNABLE, 5);
    world_check(world);
}

/* Cancelling costs one range for each stretch of children that were never launched. */
static void test_cancel(void)
{
    g_autoptr(World) world = fixture_world();
    g_autoptr(GPtrArray) stops = g_ptr_array_new();
    Job *job = fixture_job(world, 1, "one", ",'arrayProperties':{'size':10000}");
    Launch *launch = fixture_launch(world, job, 5000, 1);
    job_end(world, job, 7, END_CANCEL, "only this", 5, stops);
    g_assert_cmpint(fixture_child(job, 7), ==, JOB_FAILED);
    g_assert_cmpint(fixture_child(job, 8), ==, JOB_RUNNABLE);
    batch_free(world_take_batch(world));
    job_end(world, job, NOT_A_CHILD, END_CANCEL, "all", 6, stops);
    count(job, JOB_FAILED, 9999);
    count(job, JOB_STARTING, 1);
    world_check(world);
    g_autoptr(Batch) batch = world_take_batch(world);
    size_t len;
    const RangeRecord *ranges = batch_range(batch, &len);
    g_assert_cmpuint(len, ==, 3);
    g_assert_true(ranges[0].first == 0 && ranges[0].last == 6 && ranges[2].last == 9999);
    batch_child(batch, &len);
    g_assert_cmpuint(len, ==, 0);
    fixture_exit(world, launch, 0);
    g_assert_cmpint(job->state, ==, JOB_FAILED);
    g_assert_cmpstr(job->status_reason, ==, "all");
    world_check(world);
}

static void test_terminate(void)
{
    g_autoptr(World) world = fixture_world();
    g_autoptr(GPtrArray) stops = g_ptr_array_new();
    Job *job = fixture_job(world, 1, "thrice", ",'arrayProperties':{'size':4}");
    Launch *launch = fixture_launch(world, job, 0, 1);
    job_end(world, job, NOT_A_CHILD, END_TERMINATE, "stop", 5, stops);
    g_assert_cmpuint(stops->len, ==, 1);
    launch_ended(world, launch, &(LaunchEnd){.cause = END_STOPPED, .exit_code = 143, .stopped_ms = 9}, 9);
    g_assert_cmpint(job->state, ==, JOB_FAILED);
    g_assert_true(job->is_terminated);
    g_assert_cmpstr(job->status_reason, ==, "stop");
    world_check(world);
}

/* Submitting an array writes one row, whatever its size. */
static void test_rows(void)
{
    g_autoptr(World) world = fixture_world();
    batch_free(world_take_batch(world));
    fixture_job(world, 1, "one", ",'arrayProperties':{'size':10000}");
    g_autoptr(Batch) batch = world_take_batch(world);
    g_assert_cmpuint(batch_len(batch), ==, 2); /* the job and its template */
    g_assert_false(world_is_dirty(world));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/array/life", test_life);
    g_test_add_func("/array/failure", test_one_failure_does_not_stop_siblings);
    g_test_add_func("/array/sequential", test_sequential);
    g_test_add_func("/array/n-to-n", test_n_to_n);
    g_test_add_func("/array/plain", test_plain_on_arrays);
    g_test_add_func("/array/cancel", test_cancel);
    g_test_add_func("/array/terminate", test_terminate);
    g_test_add_func("/array/rows", test_rows);
    return g_test_run();
}
