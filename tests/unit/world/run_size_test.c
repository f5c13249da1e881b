/* Steps without children, and steps whose size a file of the workspace tells when their turn comes. */
#include "tests/support/world_fixture.h"

static Rng rng;
static uint64_t launches = 1;

static Run *start(World *world, const char *jobs)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *quoted = g_strdup_printf("{'jobQueue':'main','workspace':true,'jobs':[%s]}", jobs);
    g_autofree char *spec = g_strdelimit(g_strdup(quoted), "'", '"');
    RunStart begin = {.owner = "source", .kind = KIND_PIPELINE, .name = VIEW("p"), .spec = view_from(spec)};
    digest_of(begin.spec, &begin.key);
    Run *run = run_start(world, &begin, &rng, 100, &error);
    g_assert_no_error(error);
    world_check(world);
    return run;
}

static Job *step(const Run *run, const char *name)
{
    for (Job *job = run_job_next(run, NULL); job; job = run_job_next(run, job))
        if (job->step && strcmp(job->step, name) == 0)
            return job;
    return NULL;
}

static void finish(World *world, Job *job, int32_t index, int exit_code)
{
    fixture_run(world, job, index, launches++, exit_code);
    world_check(world);
}

/* The steps that want to know their size now, by name: "b c". */
static void wants(World *world, const char *expected)
{
    g_autoptr(GArray) ids = g_array_new(FALSE, FALSE, sizeof(JobId));
    g_autoptr(GString) names = g_string_new(NULL);
    world_take_sizes(world, ids);
    for (guint i = 0; i < ids->len; i++)
        g_string_append_printf(names, "%s%s", i ? " " : "",
                               world_job(world, &g_array_index(ids, JobId, i))->step);
    g_assert_cmpstr(names->str, ==, expected);
}

static void found(World *world, Job *job, int64_t size)
{
    job_size_found(world, job, size, NULL, 500);
    world_check(world);
}

#define STEP(name, more)      "{'name':'" name "','jobDefinition':'one'" more "}"
#define FILE_STEP(name, more) STEP(name, ",'array':{'fromFile':'list.txt'}" more)
#define ON(name)              ",'dependsOn':[{'job':'" name "'}]"
#define PAIRED(name)          ",'dependsOn':[{'job':'" name "','type':'N_TO_N'}]"

#define EMPTY_STEP(name, more) STEP(name, ",'array':{'fromFile':'x','size':0}" more)

/* What depends on an empty step waits for what that depends on, and fails with it. */
static void test_empty(void)
{
    g_autoptr(World) world = fixture_world();
    const char *jobs = STEP("a", "") "," EMPTY_STEP("e", ON("a")) "," EMPTY_STEP("f", ON("e")) "," STEP(
        "b", ON("f")) "," STEP("c", ",'dependsOn':[{'job':'f','condition':'completion'},{'job':'e'}]");
    Run *run = start(world, jobs);
    g_assert_true(!step(run, "e") && !step(run, "f") && run->jobs_unfinished == 3);
    g_assert_true(step(run, "b")->state == JOB_PENDING && step(run, "c")->state == JOB_PENDING);
    finish(world, step(run, "a"), NOT_A_CHILD, 0);
    g_assert_true(step(run, "b")->state == JOB_RUNNABLE && step(run, "c")->state == JOB_RUNNABLE);
    finish(world, step(run, "b"), NOT_A_CHILD, 0);
    finish(world, step(run, "c"), NOT_A_CHILD, 0);
    g_assert_cmpint(run->state, ==, RUN_SUCCEEDED);
    Run *other = start(world, STEP("a", "") "," EMPTY_STEP("e", ON("a")) "," STEP("b", ON("e")) "," STEP(
                                  "c", ",'dependsOn':[{'job':'e','condition':'completion'}]"));
    finish(world, step(other, "a"), NOT_A_CHILD, 1);
    g_assert_true(step(other, "b")->state == JOB_FAILED && step(other, "c")->state == JOB_RUNNABLE);
    finish(world, step(other, "c"), NOT_A_CHILD, 0);
    /* alone in a pipeline, and with a size that was counted */
    Run *alone = start(world, EMPTY_STEP("e", ""));
    g_assert_cmpint(alone->state, ==, RUN_SUCCEEDED);
    Run *counted = start(world, STEP("e", ",'array':{'fromFile':'x','size':1}"));
    g_assert_cmpint(step(counted, "e")->array_size, ==, 1);
    wants(world, "");
}

/* Thirty layers of two skipped steps each: every way through them is gone once. */
static void test_empty_layers(void)
{
    g_autoptr(World) world = fixture_world();
    g_autoptr(GString) jobs =
        g_string_new(STEP("a", "") "," EMPTY_STEP("x0", ON("a")) "," EMPTY_STEP("y0", ON("a")));
    for (int i = 1; i < 30; i++)
        for (const char *name = "xy"; *name; name++)
            g_string_append_printf(jobs,
                                   ",{'name':'%c%d','jobDefinition':'one','array':{'fromFile':'x','size':0},"
                                   "'dependsOn':[{'job':'x%d'},{'job':'y%d'}]}",
                                   *name, i, i - 1, i - 1);
    g_string_append(jobs, "," STEP("b", ON("x29")));
    Run *run = start(world, jobs->str);
    const DependencyRecord *records;
    g_assert_cmpuint(job_dependencies(step(run, "b"), &records), ==, 2); /* a, through x0 and through y0 */
    finish(world, step(run, "a"), NOT_A_CHILD, 0);
    g_assert_cmpint(step(run, "b")->state, ==, JOB_RUNNABLE);
}

static void test_file(void)
{
    g_autoptr(World) world = fixture_world();
    Run *run = start(world, STEP("a", "") "," FILE_STEP("b", ON("a")) "," STEP("c", ON("b")));
    Job *b = step(run, "b");
    wants(world, "");
    g_assert_cmpstr(job_array_file(b), ==, "list.txt");
    found(world, b, 3); /* nobody asked */
    g_assert_null(b->array);
    finish(world, step(run, "a"), NOT_A_CHILD, 0);
    wants(world, "b");
    wants(world, "");
    found(world, b, 3);
    g_assert_null(job_array_file(b));
    g_assert_true(b->array_size == 3 && b->state == JOB_PENDING);
    g_assert_cmpint(b->queue->counts[JOB_RUNNABLE], ==, 3);
    found(world, b, 5); /* an answer that comes twice changes nothing */
    for (int32_t index = 0; index < 3; index++)
        finish(world, b, index, 0);
    g_assert_true(b->state == JOB_SUCCEEDED && step(run, "c")->state == JOB_RUNNABLE);
    /* no line: skipped; one: still an array */
    Run *none = start(world, FILE_STEP("b", "") "," STEP("c", ON("b")));
    g_assert_cmpint(none->state, ==, RUN_WAITING);
    finish(world, step(run, "c"), NOT_A_CHILD, 0);
    run_settle(world, 10, &rng, 600);
    wants(world, "b");
    found(world, step(none, "b"), 0);
    g_assert_true(step(none, "b")->state == JOB_SUCCEEDED && step(none, "c")->state == JOB_RUNNABLE);
    finish(world, step(none, "c"), NOT_A_CHILD, 0);
    Run *one = start(world, FILE_STEP("b", ""));
    found(world, step(one, "b"), 1);
    g_assert_cmpint(step(one, "b")->array_size, ==, 1);
}

static void test_faults(void)
{
    g_autoptr(World) world = fixture_world();
    Run *run = start(world, FILE_STEP("b", "") "," STEP("c", ON("b")));
    job_size_found(world, step(run, "b"), 0, "No such file or directory", 500);
    world_check(world);
    g_assert_cmpstr(step(run, "b")->status_reason, ==, "array.fromFile: list.txt: No such file or directory");
    g_assert_true(step(run, "b")->state == JOB_FAILED && step(run, "c")->state == JOB_FAILED);
    Run *many = start(world, FILE_STEP("b", ""));
    found(world, step(many, "b"), 10001);
    g_assert_cmpstr(step(many, "b")->status_reason, ==,
                    "array.fromFile: list.txt has 10001 lines, and an array at most 10000 children");
    g_assert_cmpint(many->state, ==, RUN_FAILED);
    Run *most = start(world, FILE_STEP("b", ""));
    found(world, step(most, "b"), 10000);
    g_assert_cmpint(step(most, "b")->array_size, ==, 10000);
    g_autoptr(GPtrArray) stops = g_ptr_array_new();
    run_end(world, most, END_TERMINATE, "over", 600, stops);
    Run *ended = start(world, FILE_STEP("b", ""));
    run_end(world, ended, END_CANCEL, "over", 600, stops);
    found(world, step(ended, "b"), 3); /* too late */
    g_assert_true(step(ended, "b")->state == JOB_FAILED && !step(ended, "b")->array);
}

/* Pairs: both late, one late, sizes that turn out to differ. */
static void test_pairs(void)
{
    g_autoptr(World) world = fixture_world();
    Run *run = start(world, FILE_STEP("a", "") "," FILE_STEP("b", PAIRED("a")));
    Job *a = step(run, "a"), *b = step(run, "b");
    wants(world, "a");
    found(world, a, 3);
    wants(world, "b");
    finish(world, a, 1, 1); /* before b has children */
    found(world, b, 3);
    g_assert_cmpint(fixture_child(b, 1), ==, JOB_FAILED);
    g_assert_cmpint(fixture_child(b, 0), ==, JOB_PENDING);
    finish(world, a, 0, 0);
    g_assert_cmpint(fixture_child(b, 0), ==, JOB_RUNNABLE);
    finish(world, a, 2, 0);
    finish(world, b, 0, 0);
    finish(world, b, 2, 0);
    g_assert_cmpint(run->state, ==, RUN_FAILED);

    Run *fixed = start(world, FILE_STEP("a", "") "," STEP("b", ",'arrayProperties':{'size':3}" PAIRED("a")));
    g_assert_cmpint(fixture_child(step(fixed, "b"), 0), ==, JOB_PENDING);
    found(world, step(fixed, "a"), 3);
    finish(world, step(fixed, "a"), 2, 0);
    g_assert_cmpint(fixture_child(step(fixed, "b"), 2), ==, JOB_RUNNABLE);
    g_autoptr(GPtrArray) stops = g_ptr_array_new();
    run_end(world, fixed, END_TERMINATE, "over", 600, stops);

    Run *misfit = start(world, FILE_STEP("a", "") "," STEP("b", ",'arrayProperties':{'size':3}" PAIRED("a")));
    found(world, step(misfit, "a"), 4);
    g_assert_cmpstr(step(misfit, "b")->status_reason, ==, "N_TO_N joins arrays of the same size");
    run_end(world, misfit, END_TERMINATE, "over", 600, stops);
    Run *late = start(world, STEP("a", ",'arrayProperties':{'size':3}") "," FILE_STEP("b", PAIRED("a")));
    found(world, step(late, "b"), 4);
    g_assert_cmpstr(
        step(late, "b")->status_reason, ==,
        "N_TO_N joins arrays of the same size: this would have 4 children, what it depends on has 3");
    run_end(world, late, END_TERMINATE, "over", 600, stops);

    /* what never had children fails all of them; what has none leaves nothing to pair */
    Run *lost =
        start(world, FILE_STEP("a", "") "," FILE_STEP("b", PAIRED("a")) "," FILE_STEP("c", PAIRED("b")));
    job_size_found(world, step(lost, "a"), 0, "gone", 600);
    world_check(world);
    g_assert_cmpstr(step(lost, "c")->status_reason, ==, "Dependent Job failed");
    Run *empty = start(world, FILE_STEP("a", "") "," FILE_STEP("b", PAIRED("a")));
    found(world, step(empty, "a"), 0);
    found(world, step(empty, "b"), 0);
    g_assert_cmpint(empty->state, ==, RUN_SUCCEEDED);
    Run *no_pair = start(world, FILE_STEP("a", "") "," FILE_STEP("b", PAIRED("a")));
    found(world, step(no_pair, "a"), 0);
    found(world, step(no_pair, "b"), 2);
    g_assert_cmpint(step(no_pair, "b")->state, ==, JOB_FAILED);
}

static void test_sequential(void)
{
    g_autoptr(World) world = fixture_world();
    Run *run = start(world, FILE_STEP("a", ",'dependsOn':[{'type':'SEQUENTIAL'}]"));
    found(world, step(run, "a"), 3);
    g_assert_cmpint(step(run, "a")->queue->counts[JOB_RUNNABLE], ==, 1);
    finish(world, step(run, "a"), 0, 0);
    g_assert_cmpint(fixture_child(step(run, "a"), 1), ==, JOB_RUNNABLE);
}

/* All rows of a world that were ever written, the last of each. */
static World *again(World *world, Batch *first)
{
    g_autoptr(GError) error = NULL;
    World *other = world_new(2, PROVIDER_LOCAL);
    Batch *second = world_take_batch(world);
    size_t len, changed_len = 0;
#define LOAD(Type, name)                                                                                     \
    const Type *name##s = batch_##name(first, &len);                                                         \
    for (size_t i = 0; i < len; i++)                                                                         \
        g_assert_true(world_sink.name(&name##s[i], other, &error));
    LOAD(ResourceRecord, resource)
    LOAD(RevisionRecord, revision)
    LOAD(TemplateRecord, template)
    LOAD(RunRecord, run)
    const JobRecord *jobs = batch_job(first, &len),
                    *changed = second ? batch_job(second, &changed_len) : NULL;
    for (size_t i = 0; i < len; i++) {
        JobRecord job = jobs[i];
        for (size_t c = 0; c < changed_len; c++)
            if (changed[c].sequence == job.sequence) {
                job.state = changed[c].state;
                job.array_size = changed[c].array_size;
                job.stopped_ms = changed[c].stopped_ms;
            }
        g_assert_true(world_sink.job(&job, other, &error));
    }
    g_assert_true(world_sink.counters(
        &(Counters){
            .job_sequence = 100, .event_sequence = 100, .template_id = 100, .apply_id = 100, .now_ms = 1000},
        other, &error));
    g_assert_true(world_loaded(other, &error));
    batch_free(first);
    batch_free(second);
    world_check(other);
    return other;
}

static void test_restart(void)
{
    g_autoptr(World) world = fixture_world();
    Run *run = start(world, FILE_STEP("a", "") "," FILE_STEP("b", PAIRED("a")));
    g_autofree char *id = g_strdup(run->id);
    g_autoptr(World) before = again(world, world_take_batch(world));
    wants(before, "a"); /* asked again */
    found(before, step(world_run(before, view_from(id)), "a"), 2);
    wants(before, "b");

    g_autoptr(World) sized = fixture_world();
    Run *other = start(sized, FILE_STEP("a", "") "," FILE_STEP("b", PAIRED("a")));
    g_autofree char *other_id = g_strdup(other->id);
    Batch *batch = world_take_batch(sized);
    found(sized, step(other, "a"), 2); /* the row says so */
    g_autoptr(World) after = again(sized, batch);
    const Run *back = world_run(after, view_from(other_id));
    g_assert_cmpint(step(back, "a")->array_size, ==, 2);
    wants(after, "b");
    g_assert_cmpint(step(back, "a")->queue->counts[JOB_RUNNABLE], ==, 2);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    rng = rng_from_seed(1);
    g_test_add_func("/run-size/empty", test_empty);
    g_test_add_func("/run-size/empty-layers", test_empty_layers);
    g_test_add_func("/run-size/file", test_file);
    g_test_add_func("/run-size/faults", test_faults);
    g_test_add_func("/run-size/pairs", test_pairs);
    g_test_add_func("/run-size/sequential", test_sequential);
    g_test_add_func("/run-size/restart", test_restart);
    return g_test_run();
}
