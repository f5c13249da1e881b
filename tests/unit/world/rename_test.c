/* Renames: all that hangs on a queue, a policy, a pipeline or a job goes on under the other name, over
 * restarts.
 */
#include "reconciler/world/job.h"
#include "reconciler/world/outside.h"
#include "reconciler/world/override.h"
#include "reconciler/world/run.h"
#include "tests/support/world_fixture.h"
#include "tests/support/world_records.h"

static bool rename_it(World *world, Kind kind, const char *from, const char *to)
{
    g_autoptr(GError) error = NULL;
    bool done = resource_rename(
        world, &(ResourceRename){.kind = kind, .from = view_from(from), .to = view_from(to)}, 1000, &error);
    g_assert_true(done || error->domain == WORLD_ERROR);
    return done;
}

/* What was written is what memory has, before and after what comes later. */
static World *again(Records *records, World *world)
{
    world_check(world);
    records_take(records, world_take_batch(world));
    World *fresh = records_world(records);
    g_autofree char *before = world_dump(world), *after = world_dump(fresh);
    g_assert_cmpstr(before, ==, after);
    world_check(fresh);
    return fresh;
}

static void put(World *world, Kind kind, const char *name, const char *quoted)
{
    g_autofree char *text = g_strdelimit(g_strdup(quoted), "'", '"');
    fixture_put(world, kind, name, text, 1);
}

static Job *submit(World *world, uint64_t number, const char *queue, const char *share)
{
    g_autofree char *request =
        g_strdup_printf("{'jobName':'j','jobQueue':'%s','jobDefinition':'one'%s}", queue, share);
    return fixture_try(world, number, request, NULL);
}

static void test_queue(void)
{
    g_autoptr(World) world = fixture_world();
    Records *records = records_new();
    Job *running = submit(world, 1, "main", ""), *waiting = submit(world, 2, "main", "");
    fixture_launch(world, running, NOT_A_CHILD, 7);
    world_free(again(records, world));
    Override override = {.kind = KIND_JOB_QUEUE,
                         .name = (char *)(uintptr_t) "main",
                         .field = (char *)(uintptr_t) "priority",
                         .value = json_integer(77),
                         .until_ms = 9000,
                         .reason = (char *)(uintptr_t) "why",
                         .actor = (char *)(uintptr_t) ""};
    g_assert_true(override_set(world, &override, 900, NULL));
    json_decref(override.value);
    g_assert_true(rename_it(world, KIND_JOB_QUEUE, "main", "other"));
    g_assert_null(world_resource(world, KIND_JOB_QUEUE, VIEW("main")));
    const Queue *queue = world_resource(world, KIND_JOB_QUEUE, VIEW("other"))->queue;
    g_assert_true(running->queue == queue && waiting->queue == queue);
    g_assert_cmpint(queue->spec->priority, ==, 77);
    Job *later = submit(world, 3, "other", "");
    g_assert_true(later && later->queue == queue);
    g_autofree char *message = NULL; /* who submits has to know */
    fixture_try(world, 4, "{'jobName':'j','jobQueue':'main','jobDefinition':'one'}", &message);
    g_assert_cmpstr(message, ==, "Job queue main does not exist");
    g_autoptr(World) fresh = again(records, world);
    const Queue *loaded = world_resource(fresh, KIND_JOB_QUEUE, VIEW("other"))->queue;
    g_assert_cmpuint(loaded->unfinished, ==, 3);
    g_assert_cmpint(loaded->spec->priority, ==, 77);
    records_free(records);
}

/* What shares have used counts on. */
static void test_shares(void)
{
    g_autoptr(World) world = fixture_world();
    Records *records = records_new();
    put(world, KIND_SCHEDULING_POLICY, "policy",
        "{'fairsharePolicy':{'shareDecaySeconds':600,'shareDistribution':["
        "{'shareIdentifier':'a','weightFactor':5000}]}}");
    put(world, KIND_JOB_QUEUE, "fair",
        "{'computeEnvironmentOrder':[{'computeEnvironment':'here','order':1}],'priority':1,"
        "'schedulingPolicy':'policy'}");
    Job *job = submit(world, 1, "fair", ",'shareIdentifier':'a'");
    submit(world, 2, "fair", ",'shareIdentifier':'a'");
    fixture_run(world, job, NOT_A_CHILD, 7, 0);
    world_free(again(records, world));
    g_assert_true(rename_it(world, KIND_JOB_QUEUE, "fair", "just"));
    g_autoptr(World) fresh = again(records, world);
    Queue *queue = world_resource(fresh, KIND_JOB_QUEUE, VIEW("just"))->queue;
    g_assert_cmpint(share_find(queue, "a")->weight_e4, ==, 5000);

    g_assert_true(rename_it(world, KIND_SCHEDULING_POLICY, "policy", "rules"));
    g_autoptr(World) named = again(records, world); /* the queue names the policy that was */
    queue = world_resource(named, KIND_JOB_QUEUE, VIEW("just"))->queue;
    g_assert_cmpint(share_find(queue, "a")->weight_e4, ==, 5000);
    put(world, KIND_SCHEDULING_POLICY, "rules",
        "{'fairsharePolicy':{'shareDistribution':[{'shareIdentifier':'a','weightFactor':7000}]}}");
    g_assert_true(rename_it(world, KIND_SCHEDULING_POLICY, "rules", "law"));
    queue = world_resource(world, KIND_JOB_QUEUE, VIEW("just"))->queue;
    g_assert_cmpint(share_find(queue, "a")->weight_e4, ==, 7000); /* twice renamed */
    records_free(records);
}

static Run *begin(World *world, Kind kind, const char *name, const char *quoted, const char *key)
{
    static uint64_t seed = 0;
    Rng rng = rng_from_seed(++seed);
    g_autofree char *spec = g_strdelimit(g_strdup(quoted), "'", '"');
    RunStart start = {.owner = "s", .kind = kind, .name = view_from(name), .spec = view_from(spec)};
    digest_of(view_from(key), &start.key);
    return run_start(world, &start, &rng, 100, NULL);
}

static void test_job(void)
{
    g_autoptr(World) world = fixture_world();
    Records *records = records_new();
    Run *first = begin(world, KIND_JOB, "a", "{'jobQueue':'main','jobDefinition':'one'}", "one");
    Run *second = begin(world, KIND_JOB, "a", "{'jobQueue':'main','jobDefinition':'one'}", "two");
    world_free(again(records, world));
    ResourceRename rename = {.kind = KIND_JOB, .from = VIEW("a"), .to = VIEW("b")};
    Digest other = first->key;
    digest_of(VIEW("two"), &rename.key);
    digest_of(VIEW("new"), &rename.new_key);
    g_assert_true(resource_rename(world, &rename, 1000, NULL));
    g_assert_null(world_run_newest(world, KIND_JOB, VIEW("a")));
    g_assert_true(world_run_newest(world, KIND_JOB, VIEW("b")) == second);
    g_assert_true(digest_equal(&second->key, &rename.new_key) && digest_equal(&first->key, &other));
    g_assert_cmpint(begin(world, KIND_JOB, "b", "{'jobQueue':'main','jobDefinition':'one'}", "x")->number, ==,
                    3);
    g_autoptr(World) fresh = again(records, world);
    g_assert_cmpint(world_run_newest(fresh, KIND_JOB, VIEW("b"))->number, ==, 3);
    begin(world, KIND_JOB, "a", "{'jobQueue':'main','jobDefinition':'one'}", "x");
    g_assert_false(rename_it(world, KIND_JOB, "a", "b")); /* there are runs */
    records_free(records);
}

#define PIPELINE                                                                                             \
    "{'concurrencyPolicy':'wait','jobQueue':'main','jobs':[{'name':'x','jobDefinition':'one'}],"             \
    "'triggers':[{'schedule':'0 0 * * *'}]}"

#define PINNED "{'concurrencyPolicy':'wait','jobQueue':'main','jobs':[{'name':'x','jobDefinition':'one:2'}]}"

/* A run that waits submits to the queue that was renamed meanwhile. */
static void test_pipeline(void)
{
    g_autoptr(World) world = fixture_world();
    Records *records = records_new();
    Rng rng = rng_from_seed(3);
    put(world, KIND_PIPELINE, "p", PIPELINE);
    Run *first = begin(world, KIND_PIPELINE, "p", PIPELINE, "one"),
        *second = begin(world, KIND_PIPELINE, "p", PIPELINE, "two");
    pipeline_suspend(world, VIEW("p"), true);
    int64_t due_ms = world_schedule_due_ms(world);
    g_assert_cmpint(second->state, ==, RUN_WAITING);
    world_free(again(records, world));
    g_assert_true(rename_it(world, KIND_PIPELINE, "p", "q"));
    g_assert_true(rename_it(world, KIND_JOB_QUEUE, "main", "other"));
    g_assert_cmpint(world_schedule_due_ms(world), ==, due_ms);
    g_assert_true(pipeline_is_suspended(world, VIEW("q")));
    g_assert_false(pipeline_is_suspended(world, VIEW("p")));
    g_autoptr(World) fresh = again(records, world);
    g_assert_cmpint(world_schedule_due_ms(fresh), ==, due_ms);
    Job *job = (Job *)(uintptr_t)run_job_next(first, NULL);
    fixture_run(world, job, NOT_A_CHILD, 7, 0);
    g_assert_cmpuint(run_settle(world, 10, &rng, 2000), ==, 1);
    g_assert_cmpint(second->state, ==, RUN_RUNNING);
    g_assert_cmpstr(run_job_next(second, NULL)->queue->resource->name, ==, "other");
    world_free(again(records, world));
    records_free(records);
}

static void test_refused(void)
{
    g_autoptr(World) world = fixture_world();
    fixture_queue(world, "second", 1, "here");
    g_assert_false(rename_it(world, KIND_JOB_QUEUE, "none", "other"));
    g_assert_false(rename_it(world, KIND_JOB_QUEUE, "main", "second"));
    resource_delete(world, KIND_JOB_QUEUE, VIEW("main"), 10);
    g_assert_false(rename_it(world, KIND_JOB_QUEUE, "main", "other"));
    g_assert_nonnull(world_resource(world, KIND_JOB_QUEUE, VIEW("main")));
    world_check(world);
}

static const Launch *launch_of(const World *world, const Job *job)
{
    const Launch *at = world_launch_next(world, NULL);
    while (at && at->job != job)
        at = world_launch_next(world, at);
    return at;
}

static Instance *add_machine(World *world, Environment *environment)
{
    InstanceDraft draft = {.type = "m5.xlarge", .planned = {40000, 16000, 0}, .price_micro_per_h = 1000};
    LaunchToken token = {{77}};
    return instance_intend(world, environment, &draft, &token, 20);
}

/* A machine, an attempt, what is told by its name outside, what is stored by its name. */
static void test_environment(void)
{
    g_autoptr(World) world = fixture_world();
    Records *records = records_new();
    Digest made_of, later;
    put(world, KIND_COMPUTE_ENVIRONMENT, "cloud",
        "{'computeResources':{'maxvCpus':64,'minvCpus':0,'type':'EC2'},'provider':'simulated','type':'"
        "MANAGED'}");
    fixture_queue(world, "far", 1, "cloud");
    Environment *cloud = world_environment(world, VIEW("cloud"));
    Instance *instance = add_machine(world, cloud);
    Job *job = submit(world, 1, "far", ""), *here = submit(world, 2, "main", "");
    Override override = {.kind = KIND_COMPUTE_ENVIRONMENT,
                         .name = (char *)(uintptr_t) "cloud",
                         .field = (char *)(uintptr_t) "maxvCpus",
                         .value = json_integer(32),
                         .until_ms = 9000,
                         .reason = (char *)(uintptr_t) "why",
                         .actor = (char *)(uintptr_t) ""};
    world_set_setting(world, "gang cloud", "1");
    world_set_setting(world, "pins cloud", "{\"rolls\":3}");
    g_assert_true(override_set(world, &override, 900, NULL));
    json_decref(override.value);
    fixture_launch(world, here, NOT_A_CHILD, 7);
    world_free(again(records, world));
    uint64_t generation = cloud->generation;
    canonical_digest(KIND_COMPUTE_ENVIRONMENT, VIEW("cloud"), view_from(cloud->resource->spec), &made_of);
    g_assert_true(rename_it(world, KIND_COMPUTE_ENVIRONMENT, "cloud", "sky"));
    g_assert_true(rename_it(world, KIND_COMPUTE_ENVIRONMENT, "here", "there"));
    g_assert_true(world_environment(world, VIEW("sky")) == cloud && instance->environment == cloud);
    g_assert_cmpstr(environment_outside(cloud), ==, "cloud");
    g_assert_true(world_environment_outside(world, VIEW("cloud")) == cloud);
    g_assert_null(world_environment_outside(world, VIEW("sky")));
    environment_outside_digest(cloud, &later);
    g_assert_true(digest_equal(&made_of, &later));
    g_assert_cmpuint(cloud->generation, ==, generation);
    g_assert_cmpint(cloud->spec->max_vcpus, ==, 32);
    size_t len; /* queues find it, whose own change comes later */
    g_assert_true(queue_environments(world, job->queue, &len)[0] == cloud);
    g_assert_cmpstr(world_setting(world, "gang sky"), ==, "1");
    g_assert_null(world_setting(world, "pins cloud"));
    g_autoptr(World) fresh = again(records, world);
    cloud = world_environment(fresh, VIEW("sky"));
    g_assert_cmpstr(environment_outside(cloud), ==, "cloud");
    g_assert_cmpuint(cloud->instances, ==, 1);
    g_assert_cmpint(cloud->spec->max_vcpus, ==, 32);
    Job *running = world_job(fresh, &here->id);
    g_assert_true(launch_of(fresh, running)->environment == world_environment(fresh, VIEW("there")));
    /* What is made anew under a name that is another's outside is called otherwise there; and back. */
    fixture_environment(fresh, "cloud", 8);
    g_assert_cmpstr(environment_outside(world_environment(fresh, VIEW("cloud"))), ==, "cloud-2");
    g_assert_true(world_environment_outside(fresh, VIEW("cloud")) == cloud);
    g_assert_true(rename_it(fresh, KIND_COMPUTE_ENVIRONMENT, "cloud", "cloud-2"));
    g_assert_true(rename_it(fresh, KIND_COMPUTE_ENVIRONMENT, "sky", "cloud"));
    g_assert_null(cloud->outside);
    g_assert_null(world_setting(fresh, "outside cloud"));
    world_free(again(records, fresh));
    records_free(records);
}

static Job *submit_of(World *world, uint64_t number, const char *definition)
{
    g_autofree char *request =
        g_strdup_printf("{'jobName':'j','jobQueue':'main','jobDefinition':'%s'}", definition);
    return fixture_try(world, number, request, NULL);
}

/* What running jobs took of it stays taken, and comes back to it. */
static void test_consumable(void)
{
    g_autoptr(World) world = fixture_world();
    Records *records = records_new();
    put(world, KIND_CONSUMABLE_RESOURCE, "seats", "{'totalQuantity':5}");
    fixture_definition(
        world, "seated", 1, 16,
        ",\"consumableResourceProperties\":{\"consumableResourceList\":[{\"consumableResource\":"
        "\"seats\",\"quantity\":2}]}");
    Job *job = submit_of(world, 1, "seated"), *waiting = submit_of(world, 2, "seated");
    fixture_launch(world, job, NOT_A_CHILD, 7);
    world_free(again(records, world));
    g_assert_true(rename_it(world, KIND_CONSUMABLE_RESOURCE, "seats", "chairs"));
    Consumable *chairs = world_consumable(world, VIEW("chairs"));
    g_assert_cmpint(chairs->in_use, ==, 2);
    g_assert_true(world_consumable(world, VIEW("seats")) == chairs);
    fixture_launch(world, waiting, NOT_A_CHILD, 8); /* it names it as it was */
    g_assert_cmpint(chairs->in_use, ==, 4);
    g_autoptr(World) fresh = again(records, world);
    g_assert_cmpint(world_consumable(fresh, VIEW("chairs"))->in_use, ==, 4);
    /* Another of the name that it had: jobs that name that take of it. */
    put(world, KIND_CONSUMABLE_RESOURCE, "seats", "{'totalQuantity':9}");
    g_assert_cmpint(chairs->in_use, ==, 0);
    g_assert_cmpint(world_consumable(world, VIEW("seats"))->in_use, ==, 4);
    world_free(again(records, world));
    records_free(records);
}

/* Revisions, run times, what waits. */
static void test_definition(void)
{
    g_autoptr(World) world = fixture_world();
    Records *records = records_new();
    Rng rng = rng_from_seed(3);
    fixture_definition(world, "one", 2, 16, "");
    fixture_definition(world, "one", 3, 16, "");
    world_history_add(world, VIEW("one"), 5000, 10);
    Job *job = submit_of(world, 1, "one:2");
    Run *first[] = {begin(world, KIND_PIPELINE, "p", PIPELINE, "a"),
                    begin(world, KIND_PIPELINE, "q", PINNED, "b")};
    Run *run = begin(world, KIND_PIPELINE, "p", PIPELINE, "c"),
        *pinned = begin(world, KIND_PIPELINE, "q", PINNED, "d");
    world_free(again(records, world));
    g_assert_true(rename_it(world, KIND_JOB_DEFINITION, "one", "uno"));
    g_assert_null(world_resource(world, KIND_JOB_DEFINITION, VIEW("one")));
    g_assert_cmpint(world_resource(world, KIND_JOB_DEFINITION, VIEW("uno"))->revision, ==, 3);
    g_assert_nonnull(submit_of(world, 2, "uno"));
    g_assert_cmpstr(submit_of(world, 3, "uno:2")->template->definition, ==, "uno:2");
    g_autofree char *by_name = NULL, *by_revision = NULL;
    fixture_try(world, 4, "{'jobName':'j','jobQueue':'main','jobDefinition':'one'}", &by_name);
    fixture_try(world, 5, "{'jobName':'j','jobQueue':'main','jobDefinition':'one:2'}", &by_revision);
    g_assert_cmpstr(by_name, ==, "JobDefinition name one does not exist or is not in ACTIVE status");
    g_assert_cmpstr(by_revision, ==, "JobDefinition name one:2 does not exist or is not in ACTIVE status");
    g_assert_cmpstr(job->template->definition, ==, "one:2"); /* as it was submitted */
    g_assert_cmpuint(history_runs(world_history(world, VIEW("uno"))), ==, 1);
    for (uint64_t i = 0; i < 2; i++)
        fixture_run(world, (Job *)(uintptr_t)run_job_next(first[i], NULL), NOT_A_CHILD, 20 + i, 0);
    g_assert_cmpuint(run_settle(world, 10, &rng, 2000), ==, 2); /* what waited */
    g_assert_cmpstr(run_job_next(run, NULL)->template->definition, ==, "uno:3");
    g_assert_cmpstr(run_job_next(pinned, NULL)->template->definition, ==, "one:2");
    fixture_run(world, job, NOT_A_CHILD, 7, 0);
    g_autoptr(World) fresh = again(records, world);
    g_assert_cmpuint(history_runs(world_history(fresh, VIEW("uno"))), >=, 1);
    /* Its name is free: what is made of it counts on. */
    fixture_definition(fresh, "one", 4, 16, "");
    g_assert_cmpint(world_resource(fresh, KIND_JOB_DEFINITION, VIEW("one"))->revision, ==, 4);
    world_free(again(records, fresh));
    records_free(records);
}

/* A name that is free again is nobody's former one. */
static void test_name_taken_again(void)
{
    g_autoptr(World) world = fixture_world();
    Records *records = records_new();
    Job *job = submit(world, 1, "main", "");
    world_free(again(records, world));
    g_assert_true(rename_it(world, KIND_JOB_QUEUE, "main", "other"));
    fixture_queue(world, "main", 3, "here"); /* in the same batch */
    g_assert_true(world_resource_renamed(world, KIND_JOB_QUEUE, VIEW("main")) ==
                  world_resource(world, KIND_JOB_QUEUE, VIEW("main")));
    Job *later = submit(world, 2, "main", "");
    g_assert_true(later->queue != job->queue);
    g_autoptr(World) fresh = again(records, world);
    g_assert_cmpuint(world_resource(fresh, KIND_JOB_QUEUE, VIEW("main"))->queue->unfinished, ==, 1);
    g_assert_cmpuint(world_resource(fresh, KIND_JOB_QUEUE, VIEW("other"))->queue->unfinished, ==, 1);
    records_free(records);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    kinds_init();
    g_test_add_func("/rename/queue", test_queue);
    g_test_add_func("/rename/shares", test_shares);
    g_test_add_func("/rename/job", test_job);
    g_test_add_func("/rename/pipeline", test_pipeline);
    g_test_add_func("/rename/environment", test_environment);
    g_test_add_func("/rename/consumable", test_consumable);
    g_test_add_func("/rename/definition", test_definition);
    g_test_add_func("/rename/refused", test_refused);
    g_test_add_func("/rename/name-taken-again", test_name_taken_again);
    return g_test_run();
}
