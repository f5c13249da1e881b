/* What a restored state did not ask for: attempts that are adopted or not, instances, guests. */
#include "tests/support/world_cloud.h"
#include "reconciler/world/adopt.h"
#include "reconciler/world/guest.h"

static AdoptResult adopt(World *world, Job *job, int32_t index, int32_t attempt, Instance *instance,
                         Adopted *ret_adopted)
{
    static uint64_t number = 100;
    const Adoption found = {.token = fixture_token(number++),
                            .job = job,
                            .index = index,
                            .attempt = attempt,
                            .environment = cloud_of(world),
                            .instance = instance,
                            .task = "arn:task"};
    AdoptResult result = launch_adopt(world, &found, 5000, ret_adopted);
    world_check(world);
    return result;
}

/* It is a launch like any other, whatever there is room for, and stays one after a restart. */
static void test_adopted(void)
{
    Records *records = records_new();
    World *world = cloud_world();
    Job *job = fixture_job(world, 1, "thrice",
                           ",'containerOverrides':{'resourceRequirements':[{'type':"
                           "'VCPU','value':'3'}]}");
    Instance *instance = cloud_instance(world, 1);
    cloud_launch(world, fixture_job(world, 2, "one", ""), instance, 1);
    cloud_launch(world, fixture_job(world, 3, "one", ""), instance, 2);
    Adopted as;
    g_assert_cmpint(adopt(world, job, NOT_A_CHILD, 2, instance, &as), ==, ADOPTED);
    g_assert_false(as.has_ended);
    g_assert_true(as.launch->job == job && as.launch->attempt == 2 && launch_is_named(as.launch));
    g_assert_cmpint(job->state, ==, JOB_STARTING);
    g_assert_cmpint(job->attempts, ==, 2);
    g_assert_cmpint(instance->used.vcpus_e4, ==, 50000); /* of 4 vCPUs */
    g_assert_cmpint(instance->free.vcpus_e4, ==, 0);
    LaunchToken token = as.launch->token;
    world = cloud_restart(world, records);
    Launch *launch = world_launch(world, &token);
    g_assert_cmpint(launch->attempt, ==, 2);
    launch_started(world, launch, 3000, 6000);
    launch_ended(world, launch,
                 &(LaunchEnd){.cause = END_EXITED, .exit_code = 1, .started_ms = 3000, .stopped_ms = 4000},
                 6000);
    job = world_job_by_sequence(world, 1);
    g_assert_cmpint(job->state, ==, JOB_RUNNABLE); /* the third is left */
    world_check(world);
    world_free(world);
    records_free(records);
}

/* What has had that attempt, has ended, or has nodes is not touched; what waits may be, later. */
static void test_not_adopted(void)
{
    g_autoptr(World) world = cloud_world();
    cloud_gang(world, "gang", 2, 0, "");
    Instance *instance = cloud_instance(world, 1);
    Adopted as;
    Job *ended = fixture_job(world, 1, "one", ""), *failed = fixture_job(world, 2, "thrice", "");
    fixture_exit(world, cloud_launch(world, ended, instance, 1), 0);
    fixture_exit(world, cloud_launch(world, failed, instance, 2), 1);
    g_autofree char *depends = fixture_depends(failed, "");
    Job *waits = fixture_job(world, 3, "one", depends);
    Job *gang = fixture_job(world, 4, "gang", "");
    g_assert_cmpint(adopt(world, ended, NOT_A_CHILD, 2, NULL, &as), ==, ADOPT_NEVER);
    g_assert_cmpint(adopt(world, failed, NOT_A_CHILD, 1, NULL, &as), ==, ADOPT_NEVER);
    g_assert_cmpint(adopt(world, failed, 0, 2, NULL, &as), ==, ADOPT_NEVER);
    g_assert_cmpint(adopt(world, failed, NOT_A_CHILD, 0, NULL, &as), ==, ADOPT_NEVER);
    g_assert_cmpint(adopt(world, gang, NOT_A_CHILD, 1, NULL, &as), ==, ADOPT_NEVER);
    g_assert_cmpint(adopt(world, waits, NOT_A_CHILD, 1, NULL, &as), ==, ADOPT_LATER);
    g_assert_cmpint(adopt(world, failed, NOT_A_CHILD, 2, NULL, &as), ==, ADOPTED);
    fixture_exit(world, as.launch, 0);
    g_assert_cmpint(adopt(world, waits, NOT_A_CHILD, 1, NULL, &as), ==, ADOPTED);
}

/* A later attempt proves the one before to be over, unless that was seen; it is not asked whether its rules
 * would have it tried again. */
static void test_proves_the_end(void)
{
    Records *records = records_new();
    World *world = cloud_world();
    fixture_definition(world, "choosy", 1, 16,
                       ",\"retryStrategy\":{\"attempts\":3,\"evaluateOnExit\":[{\"action\":\"RETRY\","
                       "\"onExitCode\":\"1\"},{\"action\":\"EXIT\",\"onReason\":\"*\"}]}");
    Instance *instance = cloud_instance(world, 1);
    Launch *launch = cloud_launch(world, fixture_job(world, 1, "choosy", ""), instance, 1);
    launch_started(world, launch, 3000, 3000);
    Launch *seen = cloud_launch(world, fixture_job(world, 2, "thrice", ""), instance, 2);
    launch_started(world, seen, 3000, 3000);
    world = cloud_restart(world, records);
    Job *job = world_job_by_sequence(world, 1), *other = world_job_by_sequence(world, 2);
    LaunchToken first = fixture_token(1);
    launch_started(world, other->launch, 3000, 4000);
    Adopted as;
    g_assert_cmpint(adopt(world, other, NOT_A_CHILD, 2, NULL, &as), ==, ADOPT_NEVER);
    g_assert_cmpint(adopt(world, job, NOT_A_CHILD, 1, NULL, &as), ==, ADOPT_NEVER); /* it had begun */
    g_assert_cmpint(adopt(world, job, NOT_A_CHILD, 2, NULL, &as), ==, ADOPTED);
    g_assert_true(as.has_ended && memcmp(&as.over, &first, sizeof first) == 0);
    g_assert_null(world_launch(world, &first));
    g_assert_cmpint(job->attempts, ==, 2);
    records_take(records, world_take_batch(world));
    const AttemptRecord *row =
        g_tree_lookup(records->tables[TABLE_ATTEMPT], "01000000000000000000000000000000");
    g_assert_cmpint(row->state, ==, LAUNCH_ENDED);
    g_assert_true(g_strstr_len(row->status_reason.data, (gssize)row->status_reason.len, "a later one"));
    world_free(world);
    records_free(records);
}

/* The same number proves that one which is not known to have begun was refused, and asked for again. */
static void test_asked_for_again(void)
{
    Records *records = records_new();
    World *world = cloud_world();
    cloud_launch(world, fixture_job(world, 1, "thrice", ""), cloud_instance(world, 1), 1);
    world = cloud_restart(world, records);
    Job *job = world_job_by_sequence(world, 1);
    Adopted as;
    g_assert_cmpint(adopt(world, job, NOT_A_CHILD, 1, NULL, &as), ==, ADOPTED);
    g_assert_true(as.has_ended);
    g_assert_cmpint(job->attempts, ==, 1);
    world_free(world);
    records_free(records);
}

static void test_children(void)
{
    g_autoptr(World) world = cloud_world();
    Job *job = fixture_job(world, 1, "thrice", ",'arrayProperties':{'size':3}"),
        *chain =
            fixture_job(world, 2, "one", ",'arrayProperties':{'size':3},'dependsOn':[{'type':'SEQUENTIAL'}]");
    Adopted as;
    g_assert_cmpint(adopt(world, job, NOT_A_CHILD, 1, NULL, &as), ==, ADOPT_NEVER);
    g_assert_cmpint(adopt(world, job, 3, 1, NULL, &as), ==, ADOPT_NEVER);
    g_assert_cmpint(adopt(world, job, 2, 2, NULL, &as), ==, ADOPTED);
    g_assert_cmpint(fixture_child(job, 2), ==, JOB_STARTING);
    g_assert_cmpint(fixture_child(job, 0), ==, JOB_RUNNABLE);
    g_assert_cmpint(adopt(world, job, 2, 3, NULL, &as), ==, ADOPT_NEVER); /* this process began it */
    g_assert_cmpint(adopt(world, chain, 1, 1, NULL, &as), ==, ADOPT_LATER);
    g_assert_cmpint(adopt(world, chain, 0, 1, NULL, &as), ==, ADOPTED);
    fixture_exit(world, as.launch, 0);
    g_assert_cmpint(adopt(world, chain, 1, 1, NULL, &as), ==, ADOPTED);
}

static void test_instance(void)
{
    g_autoptr(World) world = cloud_world();
    Environment *cloud = cloud_of(world);
    const InstanceDraft draft = {
        .type = "c5.large", .spot = true, .planned = {20000, 3000, 0}, .price_micro_per_h = -1};
    LaunchToken token = cloud_token(1), older = cloud_token(2);
    Instance *instance = instance_adopt(world, cloud, &draft, &token, false, 700),
             *former = instance_adopt(world, cloud, &draft, &older, true, 600);
    g_assert_cmpint(instance->state, ==, INSTANCE_INTENDED);
    g_assert_cmpint(instance->intended_ms, ==, 700);
    g_assert_cmpuint(instance->generation, ==, cloud->generation);
    g_assert_cmpuint(former->generation, !=, cloud->generation);
    g_assert_true(instance->spot);
    world_check(world);
}

/* ---- guests ---- */

static Guest *be_guest(World *world, uint64_t number, const Instance *instance, const char *job)
{
    const Guest draft = {.token = fixture_token(number),
                         .instance = instance ? instance->token : (LaunchToken){{0}},
                         .environment = "cloud",
                         .task = "arn:guest",
                         .job = job,
                         .attempt = 1,
                         .need = {20000, 500, 0},
                         .since_ms = 5000};
    Guest *guest = guest_add(world, &draft);
    world_check(world);
    return guest;
}

/* Its instance is not idle, has so much less, and is so after a restart, too. */
static void test_guest(void)
{
    Records *records = records_new();
    World *world = cloud_world();
    Instance *instance = cloud_instance(world, 1);
    be_guest(world, 200, instance, "job");
    be_guest(world, 199, NULL, "other");
    g_assert_cmpuint(instance->launches, ==, 1);
    g_assert_cmpint(instance->idle_since_ms, ==, 0);
    g_assert_cmpint(instance->free.vcpus_e4, ==, 20000);
    world = cloud_restart(world, records);
    LaunchToken token = fixture_token(200), other = fixture_token(199), nobody = fixture_token(201);
    LaunchToken host = cloud_token(1);
    instance = world_instance(world, &host);
    g_assert_cmpuint(world_guests_len(world), ==, 2);
    g_assert_null(world_guest(world, &nobody));
    Guest *guest = world_guest(world, &token);
    g_assert_cmpstr(guest->task, ==, "arn:guest");
    g_assert_cmpstr(guest->job, ==, "job");
    g_assert_cmpstr(guest->environment, ==, "cloud");
    g_assert_cmpint(guest->attempt, ==, 1);
    g_assert_cmpint(guest->since_ms, ==, 5000);
    g_assert_true(guest->held_on == instance && !guest->is_stopping);
    g_assert_cmpuint(instance->launches, ==, 1);
    instance_registered(world, instance, instance->total, 8000);
    guest_gone(world, guest, 9000);
    world_check(world);
    g_assert_cmpuint(instance->launches, ==, 0);
    g_assert_cmpint(instance->idle_since_ms, ==, 9000);
    g_assert_cmpint(instance->free.vcpus_e4, ==, 40000);
    g_assert_nonnull(world_guest(world, &other));
    world = cloud_restart(world, records);
    g_assert_cmpuint(world_guests_len(world), ==, 1);
    world_free(world);
    records_free(records);
}

static void test_guest_goes_with_its_instance(void)
{
    g_autoptr(World) world = cloud_world();
    Instance *instance = cloud_instance(world, 1);
    cloud_launch(world, fixture_job(world, 1, "one", ""), instance, 1);
    be_guest(world, 200, instance, "job");
    be_guest(world, 201, instance, "job");
    be_guest(world, 202, NULL, "job");
    instance_gone(world, instance, "died", 6000);
    world_check(world);
    g_assert_cmpuint(world_guests_len(world), ==, 1);
}

static void test_guests_of_a_job(void)
{
    Records *records = records_new();
    World *world = cloud_world();
    be_guest(world, 200, NULL, "abc:7");
    be_guest(world, 201, NULL, "abc/0");
    be_guest(world, 202, NULL, "abcd");
    g_assert_cmpuint(guests_stop_job(world, "abc:8"), ==, 0);
    g_assert_cmpuint(guests_stop_job(world, "ab"), ==, 0);
    g_assert_cmpuint(guests_stop_job(world, "abc"), ==, 2);
    g_assert_false(world_guest_get(world, 2)->is_stopping);
    world = cloud_restart(world, records);
    g_assert_true(world_guest_get(world, 0)->is_stopping && world_guest_get(world, 1)->is_stopping);
    g_assert_false(world_guest_get(world, 2)->is_stopping);
    world_free(world);
    records_free(records);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    kinds_init();
    g_test_add_func("/adopt/adopted", test_adopted);
    g_test_add_func("/adopt/not-adopted", test_not_adopted);
    g_test_add_func("/adopt/proves-the-end", test_proves_the_end);
    g_test_add_func("/adopt/asked-for-again", test_asked_for_again);
    g_test_add_func("/adopt/children", test_children);
    g_test_add_func("/adopt/instance", test_instance);
    g_test_add_func("/adopt/guest", test_guest);
    g_test_add_func("/adopt/guest-goes-with-its-instance", test_guest_goes_with_its_instance);
    g_test_add_func("/adopt/guests-of-a-job", test_guests_of_a_job);
    return g_test_run();
}
