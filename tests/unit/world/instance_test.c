/* Instances: states, fleets, launches on them, restarts, environments that go. */
#include "tests/support/world_cloud.h"

static void test_life(void)
{
    g_autoptr(World) world = cloud_world();
    Environment *cloud = cloud_of(world);
    uint64_t changes = cloud->changes;
    Instance *instance = cloud_intend(world, 1);
    g_assert_cmpint(instance->state, ==, INSTANCE_INTENDED);
    g_assert_cmpuint(instance->number, ==, 1);
    g_assert_cmpint(cloud->instance_vcpus, ==, 4);
    g_assert_cmpuint(fleet_len(cloud->coming), ==, 1);
    g_assert_cmpuint(cloud->changes, >, changes);
    instance_started(world, instance, "i-1", 1100);
    g_assert_cmpint(instance->state, ==, INSTANCE_PENDING);
    g_assert_null(fleet_find(cloud->fleet, (Capacity){10000, 16, 0}, FLEET_ANY));
    instance_registered(world, instance, (Capacity){2 * 10000, 7000, 0}, 1200);
    g_assert_true(fleet_find(environment_fleet(world, cloud), (Capacity){10000, 16, 0}, FLEET_ANY) ==
                  instance);
    g_assert_cmpuint(fleet_len(cloud->coming), ==, 0);
    g_assert_cmpint(cloud->instance_vcpus, ==, 2);
    g_assert_cmpint(instance->idle_since_ms, ==, 1200);
    world_check(world);

    changes = cloud->changes;
    Launch *launch = cloud_launch(world, fixture_job(world, 1, "one", ""), instance, 1);
    g_assert_cmpuint(cloud->changes, >, changes); /* it became busy */
    g_assert_cmpint(instance->free.vcpus_e4, ==, 10000);
    g_assert_true(instance->ran && instance->idle_since_ms == 0 && instance->newest_launch == launch);
    changes = cloud->changes;
    cloud_launch(world, fixture_job(world, 2, "one", ""), instance, 2);
    g_assert_cmpuint(cloud->changes, ==, changes); /* busy before and after */
    world_check(world);
    fixture_exit(world, launch, 0);
    g_assert_cmpint(instance->idle_since_ms, ==, 0);
    g_assert_cmpuint(cloud->changes, ==, changes);
    fixture_exit(world, instance->newest_launch, 0);
    g_assert_cmpuint(cloud->changes, >, changes); /* it became idle */
    g_assert_cmpint(instance->idle_since_ms, ==, 4000);
    g_assert_cmpint(instance->free.vcpus_e4, ==, 20000);

    instance_drain(world, instance, 5000);
    g_assert_cmpuint(fleet_len(cloud->fleet), ==, 0);
    g_assert_true(instance_is_leaving(instance));
    instance_registered(world, instance, (Capacity){2 * 10000, 7000, 0}, 5100); /* told again */
    g_assert_cmpint(instance->state, ==, INSTANCE_DRAINING);
    instance_stop(world, instance, 5200);
    instance_drain(world, instance, 5300); /* there is no way back */
    g_assert_cmpint(instance->state, ==, INSTANCE_STOPPING);
    instance_gone(world, instance, "stopped", 6000);
    g_assert_cmpuint(world_instances_len(world), ==, 0);
    g_assert_cmpint(cloud->instance_vcpus, ==, 0);
    g_assert_cmpuint(cloud->instances, ==, 0);
    world_check(world);
}

/* What ran on it is lost, with Batch's text and the instance's name. */
static void test_gone_with_jobs(void)
{
    g_autoptr(World) world = cloud_world();
    Instance *instance = cloud_instance(world, 7);
    Job *job = fixture_job(world, 1, "one", ""), *again = fixture_job(world, 2, "thrice", "");
    cloud_launch(world, job, instance, 1);
    cloud_launch(world, again, instance, 2);
    instance_gone(world, instance, "Spot", 3000);
    g_assert_cmpint(job->state, ==, JOB_FAILED);
    g_assert_cmpstr(job->status_reason, ==, "Host EC2 (instance i-7) terminated.");
    g_assert_cmpint(again->state, ==, JOB_RUNNABLE);
    g_assert_cmpuint(world_launches_len(world), ==, 0);
    world_check(world);
}

static void test_rows(void)
{
    Records *records = records_new();
    g_autoptr(World) world = cloud_world();
    Instance *refused = cloud_intend(world, 1);
    Instance *instance = cloud_instance(world, 2);
    cloud_launch(world, fixture_job(world, 1, "one", ""), instance, 1);
    instance_refused(world, refused, "no capacity", 2500);
    records_take(records, world_take_batch(world));
    const InstanceRecord *gone = g_tree_lookup(records->tables[TABLE_INSTANCE], "0000000001");
    g_assert_cmpint(gone->state, ==, INSTANCE_GONE);
    g_assert_cmpint(gone->gone_ms, ==, 2500);
    g_assert_true(view_is(gone->status_reason, "no capacity") && view_is(gone->type, "c5.large"));
    const InstanceRecord *row = g_tree_lookup(records->tables[TABLE_INSTANCE], "0000000002");
    g_assert_cmpint(row->state, ==, INSTANCE_REGISTERED);
    g_assert_true(row->ran && view_is(row->provider_id, "i-2") && view_is(row->environment, "cloud"));
    g_assert_cmpint(row->price_micro_per_h, ==, 85000);
    const AttemptRecord *attempt =
        g_tree_lookup(records->tables[TABLE_ATTEMPT], "01000000000000000000000000000000");
    g_assert_true(view_is(attempt->host, "i-2"));
    g_assert_true(memcmp(&attempt->instance, &row->token, sizeof row->token) == 0);
    records_free(records);
}

static bool heard(Batch *batch, const char *message)
{
    size_t len;
    const EventRecord *events = batch_event(batch, &len);
    bool found = false;
    for (size_t i = 0; i < len; i++)
        found = found || (view_is(events[i].type, "instance.state") && view_is(events[i].message, message));
    return found;
}

static void test_events(void)
{
    g_autoptr(World) world = cloud_world();
    batch_free(world_take_batch(world));
    Instance *instance = cloud_instance(world, 1);
    instance_gone(world, instance, "reclaimed", 3000);
    g_autoptr(Batch) batch = world_take_batch(world);
    g_assert_true(heard(batch, "INTENDED -> PENDING") && heard(batch, "PENDING -> REGISTERED"));
    g_assert_true(heard(batch, "REGISTERED -> GONE: reclaimed"));
}

/* After a restart nothing is believed: an instance keeps its capacity, and takes tasks when it is observed.
 */
static void test_restart(void)
{
    Records *records = records_new();
    World *world = cloud_world();
    Instance *instance = cloud_instance(world, 1);
    cloud_intend(world, 2);
    cloud_launch(world, fixture_job(world, 1, "one", ""), instance, 1);
    world = cloud_restart(world, records);
    Environment *cloud = cloud_of(world);
    LaunchToken token = cloud_token(1);
    instance = world_instance(world, &token);
    g_assert_cmpint(instance->state, ==, INSTANCE_UNKNOWN);
    g_assert_cmpint(instance->free.vcpus_e4, ==, 30000);
    g_assert_cmpuint(instance->launches, ==, 1);
    g_assert_cmpint(cloud->instance_vcpus, ==, 8);
    g_assert_cmpuint(fleet_len(cloud->fleet) + fleet_len(cloud->coming), ==, 0);
    instance_registered(world, instance, instance->total, 9000);
    g_assert_cmpuint(fleet_len(cloud->fleet), ==, 1);
    g_assert_cmpuint(cloud_intend(world, 3)->number, ==, 3);
    world_check(world);
    world_free(cloud_restart(world, records));
    records_free(records);
}

static size_t stops(World *world)
{
    g_autoptr(GPtrArray) found = g_ptr_array_new();
    world_take_instance_stops(world, found);
    return found->len;
}

/* A stop that may not have gone out before the restart is asked for again; a drain goes on. */
static void test_decided_before_restart(void)
{
    Records *records = records_new();
    World *world = cloud_world();
    LaunchToken drained = cloud_token(1), stopped = cloud_token(2);
    instance_drain(world, cloud_instance(world, 1), 2000);
    instance_stop(world, cloud_instance(world, 2), 2000);
    world = cloud_restart(world, records);
    Instance *instance = world_instance(world, &stopped);
    g_assert_cmpint(instance->state, ==, INSTANCE_UNKNOWN);
    g_assert_true(instance_is_leaving(instance));
    g_assert_cmpuint(stops(world), ==, 0);
    instance_registered(world, instance, instance->total, 3000);
    g_assert_cmpint(instance->state, ==, INSTANCE_STOPPING);
    g_assert_cmpuint(stops(world), ==, 1);
    instance = world_instance(world, &drained);
    instance_started(world, instance, NULL, 3000);
    g_assert_cmpint(instance->state, ==, INSTANCE_DRAINING);
    instance_registered(world, instance, instance->total, 3000);
    g_assert_cmpint(instance->state, ==, INSTANCE_DRAINING);
    g_assert_cmpuint(stops(world), ==, 0);
    world_check(world);
    world_free(world);
    records_free(records);
}

/* The store was read again by a process that knows of the instances: they are what they were; what drains
 * does so from now on. */
static void test_resume(void)
{
    Records *records = records_new();
    World *world = cloud_world();
    LaunchToken idle = cloud_token(1), asked = cloud_token(2), drained = cloud_token(3),
                stopped = cloud_token(4);
    cloud_instance(world, 1);
    cloud_intend(world, 2);
    instance_drain(world, cloud_instance(world, 3), 2000);
    instance_stop(world, cloud_instance(world, 4), 2000);
    world = cloud_restart(world, records);
    for (Instance *instance = NULL; (instance = world_instance_next(world, instance));)
        instance_resume(world, instance, 9000);
    g_assert_cmpint(world_instance(world, &idle)->state, ==, INSTANCE_REGISTERED);
    g_assert_cmpint(world_instance(world, &idle)->idle_since_ms, ==, 9000);
    g_assert_cmpint(world_instance(world, &asked)->state, ==, INSTANCE_INTENDED);
    g_assert_cmpint(world_instance(world, &drained)->state, ==, INSTANCE_DRAINING);
    g_assert_cmpint(world_instance(world, &drained)->draining_since_ms, ==, 9000);
    g_assert_cmpint(world_instance(world, &stopped)->state, ==, INSTANCE_STOPPING);
    g_assert_cmpuint(stops(world), ==, 1);
    world_check(world);
    world_free(world);
    records_free(records);
}

/* An environment that is deleted serves the queues that list it, then drains, stops what is empty, and goes
 * with the last instance. */
static void test_delete_environment(void)
{
    g_autoptr(World) world = cloud_world();
    Instance *busy = cloud_instance(world, 1), *idle = cloud_instance(world, 2);
    Launch *launch = cloud_launch(world, fixture_job(world, 1, "one", ""), busy, 1);
    resource_delete(world, KIND_COMPUTE_ENVIRONMENT, VIEW("cloud"), 3000);
    resource_settle(world, 10, 3000);
    g_assert_cmpint(idle->state, ==, INSTANCE_REGISTERED); /* queue main still lists it */
    fixture_queue(world, "main", 1, "here");
    resource_settle(world, 10, 3100);
    g_assert_cmpint(busy->state, ==, INSTANCE_DRAINING);
    g_assert_cmpint(idle->state, ==, INSTANCE_STOPPING);
    g_assert_cmpuint(stops(world), ==, 1);
    g_autofree char *reason =
        resource_pending_reason(world, world_resource(world, KIND_COMPUTE_ENVIRONMENT, VIEW("cloud")));
    g_assert_cmpstr(reason, ==, "1 job runs on it, 2 instances are not gone");
    instance_gone(world, idle, NULL, 3200);
    fixture_exit(world, launch, 0);
    resource_settle(world, 10, 5000);
    g_assert_cmpint(busy->state, ==, INSTANCE_STOPPING);
    g_assert_cmpuint(stops(world), ==, 1);
    g_assert_nonnull(cloud_of(world));
    instance_gone(world, busy, NULL, 6000);
    resource_settle(world, 10, 6000);
    g_assert_null(cloud_of(world));
    world_check(world);
}

/* Hosts of an UNMANAGED environment take tasks at once; when it is deleted they are let go, and never asked
 * to stop. */
static void test_hosts(void)
{
    g_autoptr(World) world = cloud_world();
    fixture_put(world, KIND_COMPUTE_ENVIRONMENT, "rack",
                "{\"provider\":\"simulated\",\"type\":\"UNMANAGED\"}", 1);
    Environment *rack = world_environment(world, VIEW("rack"));
    LaunchToken first = cloud_token(1), second = cloud_token(2);
    Instance *busy = instance_host(world, rack, &first, "rack-1", (Capacity){20000, 1000, 0}, 1000);
    instance_host(world, rack, &second, "rack-2", (Capacity){20000, 1000, 0}, 1000);
    g_assert_cmpint(busy->state, ==, INSTANCE_REGISTERED);
    LaunchToken token = cloud_token(3);
    Job *job = fixture_job(world, 1, "one", "");
    Launch *launch = launch_place(world, job, NOT_A_CHILD, rack, busy, &token, 2000);
    resource_delete(world, KIND_COMPUTE_ENVIRONMENT, VIEW("rack"), 3000);
    resource_settle(world, 10, 3000);
    g_assert_cmpuint(rack->instances, ==, 1);
    g_assert_cmpint(busy->state, ==, INSTANCE_DRAINING);
    fixture_exit(world, launch, 0);
    resource_settle(world, 10, 5000);
    g_assert_null(world_environment(world, VIEW("rack")));
    g_assert_cmpuint(stops(world), ==, 0);
    world_check(world);
}

/* What refused a launch rests: it counts as coming, so that nothing is bought in its place, and takes tasks
 * again. */
static void test_rest(void)
{
    g_autoptr(World) world = cloud_world();
    Instance *instance = cloud_instance(world, 1), *other = cloud_instance(world, 2);
    const Environment *cloud = cloud_of(world);
    instance_rest(world, instance, 5000);
    instance_rest(world, other, 6000);
    instance_rest(world, other, 7000);
    g_assert_cmpuint(fleet_len(cloud->fleet), ==, 0);
    g_assert_cmpuint(fleet_len(cloud->coming), ==, 2);
    world_check(world);
    g_assert_cmpint(instances_wake(world, 4999), ==, 5000);
    g_assert_cmpint(instances_wake(world, 5000), ==, 7000);
    g_assert_cmpuint(fleet_len(cloud->fleet), ==, 1);
    instance_gone(world, other, NULL, 5500);
    g_assert_cmpint(instances_wake(world, 6000), ==, INT64_MAX);
    world_check(world);
}

/* What was never observed since a restart is not stopped blindly. */
static void test_delete_unknown(void)
{
    Records *records = records_new();
    World *world = cloud_world();
    cloud_instance(world, 1);
    world = cloud_restart(world, records);
    LaunchToken token = cloud_token(1);
    Instance *instance = world_instance(world, &token);
    fixture_queue(world, "main", 1, "here");
    resource_delete(world, KIND_COMPUTE_ENVIRONMENT, VIEW("cloud"), 3000);
    resource_settle(world, 10, 3000);
    g_assert_cmpint(instance->state, ==, INSTANCE_UNKNOWN);
    g_assert_cmpuint(stops(world), ==, 0);
    instance_registered(world, instance, instance->total, 4000);
    resource_settle(world, 10, 4000);
    g_assert_cmpint(instance->state, ==, INSTANCE_STOPPING);
    g_assert_cmpuint(stops(world), ==, 1);
    world_free(world);
    records_free(records);
}

/* Equal members that update rolling give equal generations: a change that is taken back leaves instances as
 * they should be. */
static void test_generation(void)
{
    g_autoptr(World) world = cloud_world();
    uint64_t before = cloud_of(world)->generation;
    Instance *instance = cloud_instance(world, 1);
    cloud_environment(world, "cloud", ",\"minvCpus\":4");
    g_assert_cmpuint(cloud_of(world)->generation, ==, before);
    cloud_environment(world, "cloud", ",\"ec2KeyPair\":\"k\"");
    g_assert_cmpuint(cloud_of(world)->generation, !=, before);
    g_assert_cmpuint(instance->generation, ==, before);
    cloud_environment(world, "cloud", "");
    g_assert_cmpuint(cloud_of(world)->generation, ==, before);
}

static void test_local(void)
{
    g_autoptr(World) world = world_new(1, PROVIDER_LOCAL);
    fixture_environment(world, "here", 64);
    Environment *here = world_environment(world, VIEW("here"));
    g_assert_null(world_local_instance(world));
    g_assert_null(environment_fleet(world, here));
    Instance *local = instance_local(world, (Capacity){40000, 1000, 2});
    g_assert_true(fleet_find(environment_fleet(world, here), (Capacity){40000, 1, 0}, FLEET_ANY) == local);
    g_assert_cmpuint(world_instances_len(world), ==, 0);
    instance_local(world, (Capacity){20000, 1000, 2});
    g_assert_null(fleet_find(environment_fleet(world, here), (Capacity){40000, 1, 0}, FLEET_ANY));
    world_check(world);
}

/* One that came back smaller has nothing free until what runs there has ended. */
static void test_smaller(void)
{
    Records *records = records_new();
    World *world = cloud_world();
    Instance *instance = cloud_instance(world, 1);
    for (uint64_t i = 1; i <= 3; i++)
        cloud_launch(world, fixture_job(world, i, "one", ""), instance, i);
    instance_registered(world, instance, (Capacity){20000, 7600, 0}, 3000);
    g_assert_cmpint(instance->free.vcpus_e4, ==, 0);
    world_check(world);
    world = cloud_restart(world, records);
    while (world_launches_len(world) > 0)
        fixture_exit(world, world_launch_next(world, NULL), 0);
    g_assert_cmpint(world_instance_next(world, NULL)->free.vcpus_e4, ==, 20000);
    world_check(world);
    world_free(world);
    records_free(records);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/instance/life", test_life);
    g_test_add_func("/instance/gone-with-jobs", test_gone_with_jobs);
    g_test_add_func("/instance/rows", test_rows);
    g_test_add_func("/instance/events", test_events);
    g_test_add_func("/instance/restart", test_restart);
    g_test_add_func("/instance/decided-before-restart", test_decided_before_restart);
    g_test_add_func("/instance/resume", test_resume);
    g_test_add_func("/instance/delete-environment", test_delete_environment);
    g_test_add_func("/instance/delete-unknown", test_delete_unknown);
    g_test_add_func("/instance/generation", test_generation);
    g_test_add_func("/instance/local", test_local);
    g_test_add_func("/instance/smaller", test_smaller);
    g_test_add_func("/instance/hosts", test_hosts);
    g_test_add_func("/instance/rest", test_rest);
    return g_test_run();
}
