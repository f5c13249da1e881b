/* Resources: revisions, replacement, deletion that drains. */
#include "tests/support/world_fixture.h"
#include "tests/support/world_records.h"

static void test_revisions(void)
{
    g_autoptr(World) world = fixture_world();
    g_autoptr(GError) error = NULL;
    fixture_definition(world, "one", 1, 16, "");
    g_assert_cmpint(world_revision(world, VIEW("one"), NULL)->revision, ==, 1); /* same digest: no new one */
    fixture_definition(world, "one", 1, 32, "");
    fixture_definition(world, "one", 1, 64, "");
    g_assert_cmpint(world_revision(world, VIEW("one"), NULL)->revision, ==, 3);
    g_assert_cmpint(world_revision(world, VIEW("one:2"), NULL)->revision, ==, 2);
    g_assert_cmpint(
        world_revision(world, VIEW("arn:aws:batch:us-east-1:000000000000:job-definition/one:1"), NULL)
            ->revision,
        ==, 1);
    char hex[2 * DIGEST_BYTES + 1];
    digest_to_hex(&world_revision(world, VIEW("one:2"), NULL)->digest, hex);
    g_autofree char *by_digest = g_strdup_printf("one@sha256:%s", hex);
    g_assert_cmpint(world_revision(world, view_from(by_digest), NULL)->revision, ==, 2);
    fixture_definition(world, "one", 1, 64, ",\"keepRevisions\":2");
    g_assert_cmpint(world_revision(world, VIEW("one"), NULL)->revision, ==, 4);
    g_assert_null(world_revision(world, VIEW("one:2"), &error));
    g_assert_cmpstr(error->message, ==, "JobDefinition name one:2 does not exist or is not in ACTIVE status");
    resource_delete(world, KIND_JOB_DEFINITION, VIEW("one"), 5);
    g_assert_cmpuint(resource_settle(world, 10, 5), ==, 0);
    g_assert_null(world_revision(world, VIEW("one"), NULL));
    fixture_definition(world, "one", 1, 64, ""); /* the counter never goes back */
    g_assert_cmpint(world_revision(world, VIEW("one"), NULL)->revision, ==, 5);
}

static void test_drain(void)
{
    g_autoptr(World) world = fixture_world();
    Job *job = fixture_job(world, 1, "one", "");
    resource_delete(world, KIND_JOB_QUEUE, VIEW("main"), 5);
    resource_delete(world, KIND_COMPUTE_ENVIRONMENT, VIEW("here"), 5);
    g_assert_cmpuint(resource_settle(world, 10, 6), ==, 2);
    g_autofree char *message = NULL;
    g_assert_null(fixture_try(world, 2, "{'jobName':'j','jobQueue':'main','jobDefinition':'one'}", &message));
    g_assert_cmpstr(message, ==, "Job queue main is being deleted");
    g_autofree char *queue =
        resource_pending_reason(world, world_resource(world, KIND_JOB_QUEUE, VIEW("main")));
    g_assert_cmpstr(queue, ==, "1 job is not finished");
    Launch *launch = fixture_launch(world, job, NOT_A_CHILD, 1);
    g_autofree char *environment =
        resource_pending_reason(world, world_resource(world, KIND_COMPUTE_ENVIRONMENT, VIEW("here")));
    g_assert_cmpstr(environment, ==, "1 queue refers to it, 1 job runs on it");
    fixture_exit(world, launch, 0);
    batch_free(world_take_batch(world));
    world_forget_finished(world, 10);
    g_assert_cmpuint(resource_settle(world, 10, 7), ==, 0);
    g_assert_null(world_resource(world, KIND_JOB_QUEUE, VIEW("main")));
    g_assert_null(world_environment(world, VIEW("here")));
    g_autoptr(Batch) batch = world_take_batch(world);
    size_t len;
    const ResourceRecord *records = batch_resource(batch, &len);
    g_assert_cmpuint(len, ==, 2);
    g_assert_true(records[0].removed && records[1].removed);
    world_check(world);
}

/* A finished job that somebody waited for comes back from the store although its queue is gone. */
static void test_restart_after_drain(void)
{
    g_autoptr(World) world = fixture_world();
    fixture_queue(world, "other", 1, "here");
    Records *records = records_new();
    Job *on = fixture_job(world, 1, "one", "");
    g_autofree char *depends = fixture_depends(on, "");
    g_autofree char *request =
        g_strdup_printf("{'jobName':'j','jobQueue':'other','jobDefinition':'one'%s}", depends);
    fixture_try(world, 2, request, NULL);
    resource_delete(world, KIND_JOB_QUEUE, VIEW("main"), 5);
    fixture_run(world, on, NOT_A_CHILD, 1, 0);
    records_take(records, world_take_batch(world));
    world_forget_finished(world, 10);
    g_assert_cmpuint(resource_settle(world, 10, 6), ==, 0);
    records_take(records, world_take_batch(world));
    g_autoptr(World) fresh = records_world(records);
    g_assert_cmpint(world_job_by_sequence(fresh, 2)->state, ==, JOB_RUNNABLE);
    world_check(fresh);
    records_free(records);
}

static void put_deletion(World *world, DeletionPolicy deletion)
{
    Resource *queue = world_resource(world, KIND_JOB_QUEUE, VIEW("main"));
    g_autofree char *spec = g_strdup(queue->spec);
    Manifest manifest = {.kind = KIND_JOB_QUEUE,
                         .name = VIEW("main"),
                         .spec = view_from(spec),
                         .metadata = VIEW("{}"),
                         .digest = queue->digest,
                         .file = "",
                         .prune = true,
                         .deletion = deletion};
    g_assert_true(resource_put(world, &(ResourceChange){.manifest = &manifest, .owner = "test"}, 4, NULL));
}

static void test_terminate(void)
{
    g_autoptr(World) world = fixture_world();
    g_autoptr(GPtrArray) stops = g_ptr_array_new();
    Job *running = fixture_job(world, 1, "one", ""), *queued = fixture_job(world, 2, "one", "");
    Launch *launch = fixture_launch(world, running, NOT_A_CHILD, 1);
    put_deletion(world, DELETION_TERMINATE);
    resource_delete(world, KIND_JOB_QUEUE, VIEW("main"), 5);
    g_assert_cmpuint(resource_settle(world, 10, 6), ==, 1);
    g_assert_cmpint(queued->state, ==, JOB_FAILED);
    g_assert_cmpstr(queued->status_reason, ==, "Job queue main was deleted");
    world_take_stops(world, stops);
    g_assert_true(stops->len == 1 && g_ptr_array_index(stops, 0) == launch);
    world_check(world);
}

static void test_replace(void)
{
    g_autoptr(World) world = fixture_world();
    Job *job = fixture_job(world, 1, "one", "");
    Launch *launch = fixture_launch(world, job, NOT_A_CHILD, 1);
    Manifest manifest = {
        .kind = KIND_COMPUTE_ENVIRONMENT,
        .name = VIEW("here"),
        .spec = VIEW("{\"computeResources\":{\"maxvCpus\":2,\"type\":\"EC2\"},\"provider\":\"local\","
                     "\"type\":\"MANAGED\"}"),
        .metadata = VIEW("{}"),
        .file = "",
        .prune = true};
    digest_of(manifest.spec, &manifest.digest);
    resource_replace(world, &(ResourceChange){.manifest = &manifest, .owner = "test"}, 5);
    g_assert_cmpuint(resource_settle(world, 10, 6), ==, 1);
    g_assert_cmpint(world_environment(world, VIEW("here"))->spec->max_vcpus, ==,
                    64); /* the old one is in force */
    fixture_exit(world, launch, 0);
    g_assert_cmpuint(resource_settle(world, 10, 7), ==, 0);
    const Environment *environment = world_environment(world, VIEW("here"));
    g_assert_cmpint(environment->spec->max_vcpus, ==, 2);
    g_assert_cmpint(environment->resource->phase, ==, RESOURCE_ACTIVE);
    g_assert_true(digest_equal(&environment->resource->digest, &manifest.digest));
    world_check(world);
}

/* Removed and made again within one batch: one row, and it stays. */
static void test_back_before_written(void)
{
    g_autoptr(World) world = fixture_world();
    batch_free(world_take_batch(world));
    resource_delete(world, KIND_JOB_QUEUE, VIEW("main"), 5);
    g_assert_cmpuint(resource_settle(world, 10, 6), ==, 0);
    fixture_queue(world, "main", 3, "here");
    g_autoptr(Batch) batch = world_take_batch(world);
    size_t len;
    const ResourceRecord *records = batch_resource(batch, &len);
    g_assert_cmpuint(len, ==, 1);
    g_assert_false(records[0].removed);
}

static void test_queue_order(void)
{
    g_autoptr(World) world = fixture_world();
    size_t len;
    fixture_queue(world, "alpha", 1, "here");
    fixture_queue(world, "top", 7, "here");
    Queue *const *queues = world_queues(world, &len);
    g_assert_cmpuint(len, ==, 3);
    g_assert_cmpstr(queues[0]->resource->name, ==, "top");
    g_assert_cmpstr(queues[1]->resource->name, ==, "alpha");
    fixture_queue(world, "main", 9, "here");
    g_assert_cmpstr(world_queues(world, &len)[0]->resource->name, ==, "main");
}

static void check_forgotten(const World *world)
{
    const Resource *queue = world_resource(world, KIND_JOB_QUEUE, VIEW("main"));
    const Resource *here = world_resource(world, KIND_COMPUTE_ENVIRONMENT, VIEW("here"));
    g_assert_cmpstr(queue->owner, ==, "");
    g_assert_true(queue->kept && here->kept);
    g_assert_cmpint(queue->phase, ==, RESOURCE_ACTIVE);
    g_assert_cmpint(here->environment->provider, ==, PROVIDER_SIMULATED);
    world_check(world);
}

/* It stays as it is, where it is, over a restart; who takes it over decides where it runs again. */
static void test_forget(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(World) world = fixture_world();
    g_autofree char *owner = g_strdup(world_resource(world, KIND_JOB_QUEUE, VIEW("main"))->owner);
    resource_set_provider(world, owner, "simulated", NULL);
    Records *records = records_new();
    records_take(records, world_take_batch(world));
    g_assert_true(resource_forget(world, KIND_JOB_QUEUE, VIEW("main"), 5, &error));
    g_assert_true(resource_forget(world, KIND_COMPUTE_ENVIRONMENT, VIEW("here"), 5, &error));
    check_forgotten(world);
    records_take(records, world_take_batch(world));
    g_assert_true(resource_forget(world, KIND_JOB_QUEUE, VIEW("main"), 6, &error)); /* nobody's already */
    g_assert_false(world_is_dirty(world));
    g_autoptr(World) fresh = records_world(records);
    check_forgotten(fresh);
    resource_set_provider(fresh, owner, "local", NULL);
    check_forgotten(fresh);
    Manifest manifest = {.kind = KIND_COMPUTE_ENVIRONMENT,
                         .name = VIEW("here"),
                         .spec = VIEW("{\"type\":\"MANAGED\"}"),
                         .metadata = VIEW("{}"),
                         .prune = true};
    canonical_digest(manifest.kind, manifest.name, manifest.spec, &manifest.digest);
    g_assert_true(resource_put(fresh, &(ResourceChange){.manifest = &manifest, .owner = owner}, 7, &error));
    const Resource *here = world_resource(fresh, KIND_COMPUTE_ENVIRONMENT, VIEW("here"));
    g_assert_false(here->kept);
    g_assert_cmpstr(here->owner, ==, owner);
    g_assert_cmpint(here->environment->provider, ==, PROVIDER_LOCAL);
    g_assert_null(world_setting(fresh, "provider ComputeEnvironment/here"));
    records_free(records);
}

static void test_forget_refused(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(World) world = fixture_world();
    g_assert_false(resource_forget(world, KIND_JOB_QUEUE, VIEW("none"), 5, &error));
    g_assert_error(error, WORLD_ERROR, WORLD_ERROR_NOT_FOUND);
    g_clear_error(&error);
    resource_delete(world, KIND_JOB_QUEUE, VIEW("main"), 5);
    g_assert_false(resource_forget(world, KIND_JOB_QUEUE, VIEW("main"), 6, &error));
    g_assert_error(error, WORLD_ERROR, WORLD_ERROR_CONFLICT);
    g_assert_nonnull(strstr(error->message, "is being deleted"));
}

static void test_applies_and_settings(void)
{
    g_autoptr(World) world = fixture_world();
    ApplyRecord record = {.owner = VIEW("s"),
                          .source_path = VIEW("/s"),
                          .revision = VIEW("r"),
                          .plan_id = VIEW("p"),
                          .message = VIEW(""),
                          .summary = VIEW("{}"),
                          .state = APPLY_STAGING};
    int64_t first = apply_begin(world, &record, 5), second = apply_begin(world, &record, 6);
    g_assert_cmpint(world_apply(world, first)->state, ==, APPLY_SUPERSEDED);
    apply_set(world, second, APPLY_CONVERGED, "", 7);
    g_assert_cmpint(world_apply_newest(world, "s")->ended_ms, ==, 7);
    record.state = APPLY_STATE_REFUSED; /* of which nothing is carried out: the newest stays what it is */
    int64_t refused = apply_note(world, &record, 7);
    g_assert_cmpint(refused, ==, second + 1);
    g_assert_null(world_apply(world, refused));
    g_assert_cmpint(world_apply_newest(world, "s")->state, ==, APPLY_CONVERGED);
    world_change(world, &(ChangeRecord){.kind = KIND_JOB_QUEUE, .name = VIEW("high"), .apply_id = second});
    world_set_setting(world, "a", "1");
    world_set_setting(world, "b", "2");
    world_set_setting(world, "a", NULL);
    Batch *batch = world_take_batch(world);
    size_t len = 0;
    g_assert_cmpint(batch_change(batch, &len)[0].apply_id, ==, second);
    g_assert_cmpuint(len, ==, 1);
    g_assert_true(batch_apply(batch, &len)[0].is_new);
    g_assert_cmpuint(len, ==, 3);
    Records *records = records_new();
    records_take(records, batch);
    g_autoptr(World) fresh = records_world(records);
    g_assert_null(world_setting(fresh, "a"));
    g_assert_cmpstr(world_setting(fresh, "b"), ==, "2");
    g_assert_cmpint(world_apply_newest(fresh, "s")->state, ==, APPLY_CONVERGED);
    g_assert_cmpint(apply_begin(fresh, &record, 8), ==, refused + 1);
    records_free(records);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/resource/revisions", test_revisions);
    g_test_add_func("/resource/forget", test_forget);
    g_test_add_func("/resource/forget-refused", test_forget_refused);
    g_test_add_func("/resource/drain", test_drain);
    g_test_add_func("/resource/restart-after-drain", test_restart_after_drain);
    g_test_add_func("/resource/terminate", test_terminate);
    g_test_add_func("/resource/replace", test_replace);
    g_test_add_func("/resource/back", test_back_before_written);
    g_test_add_func("/resource/queue-order", test_queue_order);
    g_test_add_func("/resource/applies", test_applies_and_settings);
    return g_test_run();
}
