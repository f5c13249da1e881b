/* Shares of fair-share queues: weights, limits, use, life; groups in order, and walks that leave out. */
#include "reconciler/world/world.h"
#include "spec/base/units.h"
#include "tests/support/world_fixture.h"
#include "tests/support/world_records.h"

static void put_policy(World *world, const char *spec)
{
    g_autofree char *text = g_strdelimit(g_strdup(spec), "'", '"');
    fixture_put(world, KIND_SCHEDULING_POLICY, "policy", text, 1);
}

static World *fair_world(void)
{
    World *world = fixture_world();
    put_policy(
        world,
        "{'fairsharePolicy':{'shareDecaySeconds':600,'shareDistribution':["
        "{'shareIdentifier':'team*','weightFactor':5000},{'shareIdentifier':'solo','weightFactor':20000}]}}");
    fixture_put(world, KIND_JOB_QUEUE, "fair",
                "{\"computeEnvironmentOrder\":[{\"computeEnvironment\":\"here\",\"order\":1}],\"priority\":1,"
                "\"schedulingPolicy\":\"policy\"}",
                1);
    return world;
}

static Queue *fair(const World *world)
{
    return world_resource(world, KIND_JOB_QUEUE, VIEW("fair"))->queue;
}

static Job *fair_job(World *world, uint64_t number, const char *share, const char *more)
{
    g_autofree char *request = g_strdup_printf(
        "{'jobName':'j','jobQueue':'fair','jobDefinition':'one','shareIdentifier':'%s'%s}", share, more);
    return fixture_try(world, number, request, NULL);
}

static void test_weights(void)
{
    g_autoptr(World) world = fair_world();
    fair_job(world, 1, "team1", "");
    Queue *queue = fair(world);
    g_assert_cmpint(share_find(queue, "team1")->weight_e4, ==, 5000);
    fair_job(world, 2, "team2", "");
    fair_job(world, 3, "solo", "");
    fair_job(world, 4, "other", "");
    g_assert_cmpint(share_find(queue, "team1")->weight_e4, ==, 10000); /* two of them share 0.5 */
    g_assert_cmpint(share_find(queue, "team2")->weight_e4, ==, 10000);
    g_assert_cmpint(share_find(queue, "solo")->weight_e4, ==, 20000);
    g_assert_cmpint(share_find(queue, "other")->weight_e4, ==, 10000);
    g_assert_cmpuint(queue->active_shares, ==, 4);
    put_policy(world,
               "{'fairsharePolicy':{'shareDistribution':[{'shareIdentifier':'solo','weightFactor':30000}]},"
               "'shareLimits':[{'shareIdentifier':'team*','maxvCpus':7}]}");
    g_assert_cmpint(share_find(queue, "team1")->weight_e4, ==, 10000);
    g_assert_cmpint(share_find(queue, "solo")->weight_e4, ==, 30000);
    g_assert_cmpint(share_find(queue, "team2")->max_vcpus_e4, ==, 7 * DECIMAL_SCALE);
    g_assert_cmpint(share_find(queue, "solo")->max_vcpus_e4, ==, 0);
    world_check(world);
}

static void test_life(void)
{
    g_autoptr(World) world = fair_world();
    Queue *queue = fair(world);
    g_autoptr(GPtrArray) stops = g_ptr_array_new();
    Job *first = fair_job(world, 1, "team1", "");
    fair_job(world, 2, "team2", "");
    job_end(world, first, NOT_A_CHILD, END_CANCEL, "no", 5000, stops);
    g_assert_cmpint(share_find(queue, "team1")->inactive_since_ms, ==, 5000);
    shares_settle(world, queue, 5000 + 599999);
    g_assert_cmpint(share_find(queue, "team2")->weight_e4, ==, 10000);
    shares_settle(world, queue, 5000 + 600000);
    g_assert_cmpint(share_find(queue, "team2")->weight_e4, ==, 5000);
    g_assert_cmpuint(queue->active_shares, ==, 1);
    batch_free(world_take_batch(world));
    world_forget_finished(world, 10);
    batch_free(world_take_batch(world));
    g_assert_null(share_find(queue, "team1"));
    world_check(world);
}

static void test_most(void)
{
    g_autoptr(World) world = fair_world();
    g_autofree char *message = NULL;
    g_autoptr(GPtrArray) stops = g_ptr_array_new();
    Job *first = NULL;
    for (uint64_t i = 0; i < SHARES_ACTIVE_MAX; i++) {
        g_autofree char *share = g_strdup_printf("s%" PRIu64, i);
        Job *job = fair_job(world, i + 1, share, "");
        first = first ? first : job;
    }
    const char *request = "{'jobName':'j','jobQueue':'fair','jobDefinition':'one','shareIdentifier':'more'}";
    g_assert_null(fixture_try(world, 900, request, &message));
    g_assert_cmpstr(
        message, ==,
        "Job queue fair has 500 active share identifiers, which is the most it can have: more would be "
        "one more");
    g_assert_nonnull(fair_job(world, 901, "s7", ""));
    job_end(world, first, NOT_A_CHILD, END_CANCEL, "no", 2000, stops);
    g_clear_pointer(&message, g_free);
    g_assert_null(fixture_try(world, 902, request, &message));
    g_assert_nonnull(
        fixture_try(world, 700000, request, NULL)); /* submitted at 701,000: the window has passed */
}

/* What is held counts at once, and what was used goes on counting after a restart. */
static void test_use(void)
{
    g_autoptr(World) world = fair_world();
    Records *records = records_new();
    Job *job = fair_job(world, 1, "solo", ""), *runs = fair_job(world, 2, "solo", "");
    fixture_launch(world, runs, NOT_A_CHILD, 9);
    Share *share = share_find(fair(world), "solo");
    g_assert_cmpint(share->held_vcpus_e4, ==, DECIMAL_SCALE);
    fixture_run(world, job, NOT_A_CHILD, 1, 0); /* from 2,000 to 4,000 */
    g_assert_true(share_use(share, 4000).weighed == 2 * 2000 * DECIMAL_SCALE);
    records_take(records, world_take_batch(world));
    World *again = records_world(records);
    world_check(again);
    Share *same = share_find(fair(again), "solo");
    g_assert_cmpint(same->held_vcpus_e4, ==, DECIMAL_SCALE);
    for (int64_t now_ms = 4000; now_ms < 800000; now_ms += 7777)
        g_assert_true(share_use(share, now_ms).weighed == share_use(same, now_ms).weighed);
    world_free(again);
    records_free(records);
}

/* A share whose window is over is gone, though a job of its own comes back with a restart, because another
 * one waited for it; and where a queue becomes fair, who has no work then is not active. */
static void test_dead(void)
{
    g_autoptr(World) world = fair_world();
    Records *records = records_new();
    char id[37];
    Job *first = fair_job(world, 1, "team1", "");
    job_id_to_text(&first->id, id);
    g_autofree char *waits = g_strdup_printf(",'dependsOn':[{'jobId':'%s'}]", id);
    fair_job(world, 2, "solo", waits);
    fixture_run(world, first, NOT_A_CHILD, 1, 0);
    records_take(records, world_take_batch(world));
    world_forget_finished(world, 10);
    shares_settle(world, fair(world), 900000);
    records_take(records, world_take_batch(world));
    g_assert_null(share_find(fair(world), "team1"));
    World *again = records_world(records);
    world_check(again);
    g_assert_nonnull(share_find(fair(again), "team1"));
    g_assert_cmpuint(fair(again)->active_shares, ==, 1);
    g_autofree char *before = world_dump(world), *after = world_dump(again);
    g_assert_cmpstr(before, ==, after);
    Queue *queue = fair(again);
    fixture_queue(again, "fair", 1, "here");
    fixture_put(again, KIND_JOB_QUEUE, "fair",
                "{\"computeEnvironmentOrder\":[{\"computeEnvironment\":\"here\",\"order\":1}],\"priority\":1,"
                "\"schedulingPolicy\":\"policy\"}",
                1);
    g_assert_cmpuint(queue->active_shares, ==, 1);
    world_check(again);
    world_free(again);
    records_free(records);
}

static char *order_of(const Share *share, GroupSkip skip, const void *data)
{
    GString *text = g_string_new(NULL);
    for (const RunnableGroup *group = share_group_next(share, NULL, skip, data); group;
         group = share_group_next(share, group, skip, data))
        g_string_append_printf(text, "%" PRIu64 "x%" PRId64 " ", group->sequence, group->jobs);
    return g_string_free(text, FALSE);
}

static bool too_large(const Capacity *least, uint64_t kinds, const void *data)
{
    (void)kinds;
    return least->vcpus_e4 > *(const int64_t *)data;
}

static void test_groups(void)
{
    g_autoptr(World) world = fair_world();
    fixture_definition(world, "four", 4, 16, "");
    fair_job(world, 1, "a", "");
    fair_job(world, 2, "a", ",'arrayProperties':{'size':5}");
    fair_job(world, 3, "a", ",'schedulingPriorityOverride':7");
    for (uint64_t i = 4; i < 40; i++) {
        g_autofree char *more =
            g_strdup_printf(",'containerOverrides':{'resourceRequirements':[{'type':'VCPU','value':'%d'}]}",
                            (int)(1 + i % 8));
        fair_job(world, i, "b", more);
    }
    g_autofree char *text = order_of(share_find(fair(world), "a"), NULL, NULL);
    g_assert_cmpstr(text, ==, "3x1 1x6 ");
    int64_t most = 2 * DECIMAL_SCALE;
    g_autofree char *small = order_of(share_find(fair(world), "b"), too_large, &most);
    g_assert_cmpstr(small, ==, "8x4 9x4 ");
    RunnableGroup *group = share_group_next(share_find(fair(world), "b"), NULL, NULL, NULL);
    g_assert_cmpuint(group->sequence, ==, 4);
    uint64_t before = world_feasibility(world);
    world_park(world, group, BLOCKED_MAX_RESOURCE, "too large", 1);
    world_check(world);
    group = share_group_next(share_find(fair(world), "b"), NULL, NULL, NULL);
    g_assert_cmpuint(group->sequence, ==, 5);
    fixture_environment(world, "here", 70);
    g_assert_cmpuint(world_feasibility(world), >, before);
    group = share_group_next(share_find(fair(world), "b"), NULL, NULL, NULL);
    g_assert_cmpuint(group->sequence, ==, 4);
    world_check(world);
}

/* Without a policy the queue is FIFO: one order, whatever the shares, and priorities do not count. */
static void test_policy_goes(void)
{
    g_autoptr(World) world = fair_world();
    fair_job(world, 1, "a", "");
    fair_job(world, 2, "a", ",'schedulingPriorityOverride':7");
    fixture_queue(world, "fair", 1, "here");
    world_check(world);
    g_autofree char *text = order_of(share_find(fair(world), "a"), NULL, NULL);
    g_assert_cmpstr(text, ==, "1x2 ");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/share/weights", test_weights);
    g_test_add_func("/share/life", test_life);
    g_test_add_func("/share/most", test_most);
    g_test_add_func("/share/use", test_use);
    g_test_add_func("/share/dead", test_dead);
    g_test_add_func("/share/groups", test_groups);
    g_test_add_func("/share/policy-goes", test_policy_goes);
    return g_test_run();
}
