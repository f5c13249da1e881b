/* Runs of Job and Pipeline manifests. */
#include "tests/support/world_fixture.h"

static Rng rng;

static Run *start(World *world, Kind kind, const char *name, const char *quoted, char **ret_message)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *spec = g_strdelimit(g_strdup(quoted), "'", '"');
    RunStart begin = {.owner = "source", .kind = kind, .name = view_from(name), .spec = view_from(spec)};
    digest_of(begin.spec, &begin.key);
    Run *run = run_start(world, &begin, &rng, 100, &error);
    if (ret_message)
        *ret_message = error ? g_strdup(error->message) : NULL;
    else if (error)
        g_error("%s", error->message);
    return run;
}

static Job *step(const Run *run, const char *name)
{
    for (Job *job = run_job_next(run, NULL); job; job = run_job_next(run, job))
        if (job->step && strcmp(job->step, name) == 0)
            return job;
    return NULL;
}

#define ABC                                                                                                  \
    "{'jobQueue':'main','jobs':[{'name':'c','jobDefinition':'one','dependsOn':[{'job':'b'}]},"               \
    "{'name':'a','jobDefinition':'one'},{'name':'b','jobDefinition':'one','dependsOn':[{'job':'a'}]},"       \
    "{'name':'x','jobDefinition':'one'}]"

static void test_pipeline(void)
{
    g_autoptr(World) world = fixture_world();
    Run *run = start(world, KIND_PIPELINE, "p", ABC "}", NULL);
    g_assert_cmpint(run->state, ==, RUN_RUNNING);
    g_assert_cmpuint(run->jobs_unfinished, ==, 4);
    Job *a = step(run, "a"), *b = step(run, "b"), *c = step(run, "c"), *x = step(run, "x");
    g_assert_cmpstr(a->name, ==, "p-a");
    g_assert_true(a->sequence < b->sequence && b->sequence < c->sequence);
    g_assert_true(a->state == JOB_RUNNABLE && b->state == JOB_PENDING && c->state == JOB_PENDING);
    world_check(world);
    fixture_run(world, a, NOT_A_CHILD, 1, 0);
    fixture_run(world, b, NOT_A_CHILD, 2, 1);
    g_assert_true(c->state == JOB_FAILED && x->state == JOB_RUNNABLE); /* continue: x does not depend on it */
    g_assert_cmpint(run->state, ==, RUN_RUNNING);
    fixture_run(world, x, NOT_A_CHILD, 3, 0);
    g_assert_cmpint(run->state, ==, RUN_FAILED);
    g_assert_cmpstr(run->status_reason, ==, "step b: Essential container in task exited");
    world_check(world);

    g_autoptr(GError) error = NULL;
    Run *again = run_rerun_failed(world, run, run->spec, NULL, &rng, 200, &error);
    g_assert_no_error(error);
    g_assert_cmpint(again->number, ==, 2);
    g_assert_true(digest_equal(&again->key, &run->key));
    g_assert_cmpuint(again->jobs_unfinished, ==, 2);
    g_assert_null(step(again, "a"));
    g_assert_cmpint(step(again, "b")->state, ==, JOB_RUNNABLE);
    fixture_run(world, step(again, "b"), NOT_A_CHILD, 4, 0);
    fixture_run(world, step(again, "c"), NOT_A_CHILD, 5, 0);
    g_assert_cmpint(again->state, ==, RUN_SUCCEEDED);
    g_assert_null(run_rerun_failed(world, again, again->spec, NULL, &rng, 300, &error));
    g_assert_error(error, WORLD_ERROR, WORLD_ERROR_CONFLICT);
    g_assert_true(world_run_newest(world, KIND_PIPELINE, VIEW("p")) == again);
    world_check(world);
    g_assert_nonnull(again->spec);
    batch_free(world_take_batch(world));
    g_assert_null(again->spec); /* from now on the store has what they ran */
    g_assert_null(run->spec);
}

/* What a pipeline says once holds for each step that says nothing else. */
static void test_pipeline_share(void)
{
    g_autoptr(World) world = fixture_world();
    fixture_put(world, KIND_SCHEDULING_POLICY, "policy", "{}", 1);
    fixture_put(world, KIND_JOB_QUEUE, "fair",
                "{\"computeEnvironmentOrder\":[{\"computeEnvironment\":\"here\",\"order\":1}],\"priority\":1,"
                "\"schedulingPolicy\":\"policy\"}",
                1);
    Run *run = start(world, KIND_PIPELINE, "p",
                     "{'jobQueue':'fair','shareIdentifier':'team','jobs':[{'name':'a','jobDefinition':'one'},"
                     "{'name':'b','jobDefinition':'one','shareIdentifier':'own'}]}",
                     NULL);
    g_assert_cmpstr(job_share(step(run, "a"))->identifier, ==, "team");
    g_assert_cmpstr(job_share(step(run, "b"))->identifier, ==, "own");
    world_check(world);
}

static void test_stop(void)
{
    g_autoptr(World) world = fixture_world();
    Run *run = start(world, KIND_PIPELINE, "p", ABC ",'onFailure':'stop'}", NULL);
    fixture_run(world, step(run, "a"), NOT_A_CHILD, 1, 1);
    g_assert_cmpint(step(run, "x")->state, ==, JOB_FAILED);
    g_assert_cmpstr(step(run, "x")->status_reason, ==, "Pipeline p stopped: step a failed");
    g_assert_cmpint(run->state, ==, RUN_FAILED);
    world_check(world);
}

static void test_completion(void)
{
    g_autoptr(World) world = fixture_world();
    Run *run = start(
        world, KIND_PIPELINE, "p",
        "{'jobQueue':'main','jobs':[{'name':'a','jobDefinition':'one'},{'name':'b','jobDefinition':'one',"
        "'dependsOn':[{'job':'a','condition':'completion'}]}]}",
        NULL);
    fixture_run(world, step(run, "a"), NOT_A_CHILD, 1, 1);
    g_assert_cmpint(step(run, "b")->state, ==, JOB_RUNNABLE);
    world_check(world);
}

static void test_nothing_is_left_behind(void)
{
    g_autoptr(World) world = fixture_world();
    g_autofree char *message = NULL;
    batch_free(world_take_batch(world));
    g_assert_null(start(
        world, KIND_PIPELINE, "p",
        "{'jobQueue':'main','jobs':[{'name':'a','jobDefinition':'one'},{'name':'b','jobDefinition':'none'}]}",
        &message));
    g_assert_cmpstr(message, ==, "b: JobDefinition name none does not exist or is not in ACTIVE status");
    g_assert_cmpuint(world_jobs_len(world), ==, 0);
    g_assert_null(world_run_next(world, NULL));
    g_assert_false(world_is_dirty(world));
    g_clear_pointer(&message, g_free);
    g_assert_null(
        start(world, KIND_PIPELINE, "p",
              "{'jobQueue':'main','jobs':[{'name':'a','jobDefinition':'one','dependsOn':[{'job':'b'}]},"
              "{'name':'b','jobDefinition':'one','dependsOn':[{'job':'a'}]}]}",
              &message));
    g_assert_cmpstr(message, ==, "p: dependsOn has a cycle");
    world_check(world);
}

static void test_wait(void)
{
    g_autoptr(World) world = fixture_world();
    Run *first = start(world, KIND_PIPELINE, "p", ABC "}", NULL);
    Run *second = start(world, KIND_PIPELINE, "p", ABC "}", NULL);
    Run *third = start(world, KIND_PIPELINE, "p", ABC "}", NULL);
    g_assert_true(second->state == RUN_WAITING && third->state == RUN_WAITING);
    g_assert_cmpuint(run_settle(world, 10, &rng, 110), ==, 0);
    g_autoptr(GPtrArray) stops = g_ptr_array_new();
    run_end(world, first, END_CANCEL, "enough", 120, stops);
    g_assert_cmpint(first->state, ==, RUN_CANCELLED);
    g_assert_cmpuint(run_settle(world, 10, &rng, 130), ==, 1);
    g_assert_true(second->state == RUN_RUNNING && third->state == RUN_WAITING);
    run_end(world, third, END_CANCEL, "not needed", 140, stops);
    g_assert_cmpint(third->state, ==, RUN_CANCELLED);
    world_check(world);
}

static void test_skip_and_replace(void)
{
    g_autoptr(World) world = fixture_world();
    Run *first = start(world, KIND_PIPELINE, "p", ABC "}", NULL);
    Run *skipped = start(world, KIND_PIPELINE, "p", ABC ",'concurrencyPolicy':'skip'}", NULL);
    g_assert_cmpint(skipped->state, ==, RUN_CANCELLED);
    g_assert_cmpstr(skipped->status_reason, ==, "skipped: run 1 was still RUNNING");
    Launch *launch = fixture_launch(world, step(first, "a"), NOT_A_CHILD, 1);
    Run *next = start(world, KIND_PIPELINE, "p", ABC ",'concurrencyPolicy':'replace'}", NULL);
    g_assert_cmpint(next->state, ==, RUN_WAITING); /* until the old one is gone */
    g_assert_cmpint(first->state, ==, RUN_CANCELLED);
    g_assert_cmpuint(first->jobs_unfinished, ==, 1);
    g_assert_cmpuint(run_settle(world, 10, &rng, 145), ==, 0);
    world_check(world);
    g_autoptr(GPtrArray) stops = g_ptr_array_new();
    world_take_stops(world, stops);
    g_assert_true(stops->len == 1 && g_ptr_array_index(stops, 0) == launch);
    launch_ended(world, launch, &(LaunchEnd){.cause = END_STOPPED, .exit_code = 143, .stopped_ms = 150}, 150);
    g_assert_cmpint(first->state, ==, RUN_CANCELLED);
    g_assert_cmpuint(first->jobs_unfinished, ==, 0);
    g_assert_cmpuint(run_settle(world, 10, &rng, 160), ==, 1);
    g_assert_cmpint(next->state, ==, RUN_RUNNING);
    Run *beside = start(world, KIND_PIPELINE, "p", ABC ",'concurrencyPolicy':'allow'}", NULL);
    g_assert_cmpint(beside->state, ==, RUN_RUNNING);
    world_check(world);
}

/* Those that were allowed side by side all end; the new one begins when the last of them is gone. */
static void test_replace_all(void)
{
    g_autoptr(World) world = fixture_world();
    const char *allow = ABC ",'concurrencyPolicy':'allow'}";
    Run *first = start(world, KIND_PIPELINE, "p", allow, NULL);
    Run *second = start(world, KIND_PIPELINE, "p", allow, NULL);
    Run *third = start(world, KIND_PIPELINE, "p", allow, NULL);
    Launch *one = fixture_launch(world, step(first, "a"), NOT_A_CHILD, 1);
    Launch *two = fixture_launch(world, step(second, "a"), NOT_A_CHILD, 2);
    Run *next = start(world, KIND_PIPELINE, "p", ABC ",'concurrencyPolicy':'replace'}", NULL);
    g_assert_cmpint(next->state, ==, RUN_WAITING);
    g_assert_true(first->state == RUN_CANCELLED && second->state == RUN_CANCELLED &&
                  third->state == RUN_CANCELLED);
    g_assert_cmpstr(first->status_reason, ==, "replaced by run 4");
    g_assert_cmpuint(third->jobs_unfinished, ==, 0);
    g_autoptr(GPtrArray) stops = g_ptr_array_new();
    world_take_stops(world, stops);
    g_assert_cmpuint(stops->len, ==, 2);
    world_check(world);
    LaunchEnd end = {.cause = END_STOPPED, .exit_code = 143, .stopped_ms = 150};
    launch_ended(world, two, &end, 150);
    g_assert_cmpuint(run_settle(world, 10, &rng, 155), ==, 0);
    launch_ended(world, one, &end, 160);
    g_assert_cmpuint(run_settle(world, 10, &rng, 165), ==, 1);
    g_assert_cmpint(next->state, ==, RUN_RUNNING);
    world_check(world);
}

/* What succeeded runs again where it depends on what runs again; an empty array is no failure. */
static void test_rerun_failed(void)
{
    g_autoptr(World) world = fixture_world();
    g_autoptr(GError) error = NULL;
    Run *run = start(world, KIND_PIPELINE, "p",
                     "{'jobQueue':'main','parameters':{'none':'0'},'jobs':["
                     "{'name':'sum','jobDefinition':'one','dependsOn':[{'job':'last'}]},"
                     "{'name':'a','jobDefinition':'one'},{'name':'b','jobDefinition':'one'},"
                     "{'name':'e','jobDefinition':'one','array':{'fromParameter':'none'}},"
                     "{'name':'c','jobDefinition':'one','dependsOn':[{'job':'a'},{'job':'e'}]},"
                     "{'name':'last','jobDefinition':'one','dependsOn':[{'job':'b','condition':'completion'},"
                     "{'job':'a'}]}]}",
                     NULL);
    fixture_run(world, step(run, "a"), NOT_A_CHILD, 1, 0);
    fixture_run(world, step(run, "b"), NOT_A_CHILD, 2, 1);
    fixture_run(world, step(run, "c"), NOT_A_CHILD, 3, 0);
    fixture_run(world, step(run, "last"), NOT_A_CHILD, 4, 0);
    fixture_run(world, step(run, "sum"), NOT_A_CHILD, 5, 0);
    g_assert_cmpint(run->state, ==, RUN_FAILED);
    Run *again = run_rerun_failed(world, run, run->spec, NULL, &rng, 200, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(again->jobs_unfinished, ==, 3);
    g_assert_true(!step(again, "a") && !step(again, "c") && !step(again, "e"));
    g_assert_cmpint(step(again, "b")->state, ==, JOB_RUNNABLE);
    g_assert_true(step(again, "last")->state == JOB_PENDING && step(again, "sum")->state == JOB_PENDING);
    g_assert_cmpstr(run_workspace(again), ==, run->id);
    fixture_run(world, step(again, "b"), NOT_A_CHILD, 6, 1);
    fixture_run(world, step(again, "last"), NOT_A_CHILD, 7, 0);
    fixture_run(world, step(again, "sum"), NOT_A_CHILD, 8, 0);
    Run *third =
        run_rerun_failed(world, again, again->spec, NULL, &rng, 300, &error); /* what run 1 did stays done */
    g_assert_no_error(error);
    g_assert_cmpuint(third->jobs_unfinished, ==, 3);
    g_assert_cmpstr(run_workspace(third), ==, run->id);
    g_autofree char *whole = run_whole_spec(third->spec), *first = run_whole_spec(run->spec);
    g_assert_cmpstr(whole, ==, first);
    world_check(world);
}

#define JOB_OF(policy) "{'concurrencyPolicy':'" policy "','jobDefinition':'one','jobQueue':'main'}"

static void test_jobs_concurrency(void)
{
    g_autoptr(World) world = fixture_world();
    Run *first = start(world, KIND_JOB, "j", JOB_OF("wait"), NULL);
    Run *second = start(world, KIND_JOB, "j", "{'jobDefinition':'one','jobQueue':'main'}", NULL);
    g_assert_true(first->state == RUN_RUNNING && second->state == RUN_WAITING); /* wait is the default */
    Run *after = start(world, KIND_JOB, "after",
                       "{'dependsOn':[{'job':'j'}],'jobDefinition':'one','jobQueue':'main'}", NULL);
    g_assert_cmpint(after->state, ==, RUN_WAITING); /* j's newest run has no job yet */
    g_assert_cmpuint(run_settle(world, 10, &rng, 110), ==, 0);
    world_check(world);
    fixture_run(world, run_job_next(first, NULL), NOT_A_CHILD, 1, 0);
    while (run_settle(world, 10, &rng, 120) > 0)
        ;
    g_assert_true(second->state == RUN_RUNNING && after->state == RUN_RUNNING);
    g_assert_cmpint(run_job_next(after, NULL)->state, ==, JOB_PENDING);
    Run *skipped = start(world, KIND_JOB, "j", JOB_OF("skip"), NULL);
    g_assert_cmpint(skipped->state, ==, RUN_CANCELLED);
    g_assert_cmpint(start(world, KIND_JOB, "j", JOB_OF("allow"), NULL)->state, ==, RUN_RUNNING);
    Run *last = start(world, KIND_JOB, "j", JOB_OF("replace"), NULL);
    g_assert_true(second->state == RUN_CANCELLED && last->state == RUN_RUNNING);
    g_assert_cmpint(run_job_next(after, NULL)->state, ==, JOB_FAILED);
    world_check(world);
}

static void test_jobs_on_jobs(void)
{
    g_autoptr(World) world = fixture_world();
    g_autofree char *message = NULL;
    const char *after = "{'jobDefinition':'one','jobQueue':'main','dependsOn':[{'job':'first'}]}";
    g_assert_null(start(world, KIND_JOB, "second", after, &message));
    g_assert_cmpstr(message, ==, "second: dependsOn names Job/first, which has not been started");
    Run *first = start(world, KIND_JOB, "first", "{'jobDefinition':'one','jobQueue':'main'}", NULL);
    Run *second = start(world, KIND_JOB, "second", after, NULL);
    Job *on = run_job_next(first, NULL), *job = run_job_next(second, NULL);
    g_assert_cmpstr(on->name, ==, "first");
    g_assert_cmpint(job->state, ==, JOB_PENDING);
    fixture_run(world, on, NOT_A_CHILD, 1, 0);
    g_assert_cmpint(job->state, ==, JOB_RUNNABLE);
    g_assert_cmpint(first->state, ==, RUN_SUCCEEDED);
    batch_free(world_take_batch(world));
    world_forget_finished(world, 10);
    Run *third = start(world, KIND_JOB, "third", after, NULL); /* first is forgotten, its run is not */
    g_assert_cmpint(run_job_next(third, NULL)->state, ==, JOB_RUNNABLE);
    world_check(world);
}

static void test_array_from_parameter(void)
{
    g_autoptr(World) world = fixture_world();
    Run *run = start(world, KIND_PIPELINE, "p",
                     "{'jobQueue':'main','parameters':{'n':'1','z':'0'},'jobs':["
                     "{'name':'a','jobDefinition':'one','array':{'fromParameter':'n'}},"
                     "{'name':'z','jobDefinition':'one','array':{'fromParameter':'z'}},"
                     "{'name':'b','jobDefinition':'one','dependsOn':[{'job':'z'}]}]}",
                     NULL);
    g_assert_cmpint(step(run, "a")->array_size, ==, 1);
    g_assert_null(step(run, "z"));
    g_assert_cmpint(step(run, "b")->state, ==, JOB_RUNNABLE);
    world_check(world);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    rng = rng_from_seed(1);
    g_test_add_func("/run/pipeline", test_pipeline);
    g_test_add_func("/run/pipeline-share", test_pipeline_share);
    g_test_add_func("/run/stop", test_stop);
    g_test_add_func("/run/completion", test_completion);
    g_test_add_func("/run/nothing-left", test_nothing_is_left_behind);
    g_test_add_func("/run/wait", test_wait);
    g_test_add_func("/run/skip-replace", test_skip_and_replace);
    g_test_add_func("/run/replace-all", test_replace_all);
    g_test_add_func("/run/rerun-failed", test_rerun_failed);
    g_test_add_func("/run/jobs-concurrency", test_jobs_concurrency);
    g_test_add_func("/run/jobs", test_jobs_on_jobs);
    g_test_add_func("/run/array", test_array_from_parameter);
    return g_test_run();
}
