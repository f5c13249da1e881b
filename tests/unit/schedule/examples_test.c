/* The worked examples of docs/scheduling.md that a pass of the scheduler decides: /examples/HEADING/…, each
 * below the example as it stands there (docs.t compares them). Those of scaling:
 * tests/unit/scale/examples_test.c; of both together: tests/unit/engine/examples_test.c. */
#include "reconciler/schedule/explain.h"
#include "reconciler/world/usage.h"
#include "spec/base/units.h"
#include "tests/support/schedule_fixture.h"

#define MINUTE INT64_C(60000)
/* A time of the day of the example. The fixture submits job N at 1,000 + N ms: that is a moment past 14:00.
 */
#define CLOCK(hour, minute) (1000 + (((hour)-14) * 60 + (minute)) * MINUTE)

#define EIGHT_VCPUS   ",'containerOverrides':{'resourceRequirements':[{'type':'VCPU','value':'8'}]}"
#define TIMEOUT(text) ",'timeout':{'attemptDurationSeconds':" text "}"

/* What a pass places, by number of the job: "3 1 2 ". Nothing is made of it. */
static void expect_order(World *world, int64_t now_ms, const char *expected)
{
    g_autoptr(Arena) arena = arena_new();
    g_autoptr(GString) found = g_string_new(NULL);
    Decisions decisions = fixture_pass(world, now_ms, arena);
    fixture_undo(&decisions);
    for (size_t i = 0; i < decisions.placements_len; i++)
        g_string_append_printf(found, "%" PRIu64 " ", decisions.placements[i].job->sequence);
    g_assert_cmpstr(found->str, ==, expected);
}

static Job *submit(World *world, uint64_t number, const char *queue, const char *definition, const char *more)
{
    g_autofree char *request =
        g_strdup_printf("{'jobName':'j','jobQueue':'%s','jobDefinition':'%s'%s}", queue, definition, more);
    return fixture_try(world, number, request, NULL);
}

/* ---- Which job is next ---- */

/* > Queue `high` (priority 10) holds H1; `low` and `other` (both 1) hold L1, O1, L2, submitted in that order.
 * With > room for three: H1, L1, O1. If L1 fails and is retried, it comes before O1's successors and L2. */
static void test_priority(void)
{
    enum { L1 = 1, O1, L2, O2, H1 };
    g_autoptr(World) world = fixture_world();
    instance_local(world, capacity_of(3, 1000, 0));
    fixture_queue(world, "high", 10, "here");
    fixture_queue(world, "low", 1, "here");
    fixture_queue(world, "other", 1, "here");
    Job *l1 = submit(world, L1, "low", "thrice", "");
    Job *o1 = submit(world, O1, "other", "one", "");
    submit(world, L2, "low", "one", "");
    submit(world, O2, "other", "one", "");
    Job *h1 = submit(world, H1, "high", "one", "");
    expect_order(world, 5000, "5 1 2 ");
    fixture_launch(world, h1, NOT_A_CHILD, 101);
    fixture_launch(world, o1, NOT_A_CHILD, 102);
    fixture_run(world, l1, NOT_A_CHILD, 103, 1);
    g_assert_cmpint(l1->state, ==, JOB_RUNNABLE);
    expect_order(world, 5000, "1 ");
    instance_local(world, capacity_of(100, 1000, 0));
    expect_order(world, 5000, "1 3 4 ");
}

static void fair_queue(World *world, const char *policy)
{
    fixture_put(world, KIND_SCHEDULING_POLICY, "policy", policy, 1);
    fixture_put(world, KIND_JOB_QUEUE, "main",
                "{\"computeEnvironmentOrder\":[{\"computeEnvironment\":\"here\",\"order\":1}],\"priority\":1,"
                "\"schedulingPolicy\":\"policy\"}",
                1);
}

static void ran(World *world, Job *job, uint64_t token, int64_t from_ms, int64_t to_ms)
{
    LaunchToken launched = fixture_token(token);
    Launch *launch = launch_place(world, job, NOT_A_CHILD, world_environment(world, VIEW("here")),
                                  world_local_instance(world), &launched, from_ms);
    launch_started(world, launch, from_ms, from_ms);
    if (to_ms > 0)
        launch_ended(world, launch,
                     &(LaunchEnd){.cause = END_EXITED, .started_ms = from_ms, .stopped_ms = to_ms}, to_ms);
}

static int64_t whole_vcpu_seconds(Wide weighed)
{
    return (int64_t)((weighed + DECIMAL_SCALE * 500) / (DECIMAL_SCALE * 1000));
}

/* > Window 3,600 s: a bucket is 56.25 s, the half-life 1,800 s. Share `a` (weight 1) ran 8 vCPUs for 10
 * minutes > until half an hour ago: 4,800 vCPU-seconds, of which about 0.4465 count: 2,143. Share `b` (weight
 * 0.25) runs 8 > vCPUs since 10 minutes: about 0.893 of 4,800 count, 4,286, and 8 × 56.25 s = 450 for what
 * runs: 4,736, times > 0.25 makes 1,184. `b` is next. The lower the weight, the more a share gets. (The
 * figures are those of the > middle of a bucket; at its ends they are up to 1.1 % off, as age counts in whole
 * buckets.) */
static void test_fair_share(void)
{
    g_autoptr(World) world = fixture_world();
    fair_queue(world, "{\"fairsharePolicy\":{\"shareDecaySeconds\":3600,\"shareDistribution\":["
                      "{\"shareIdentifier\":\"b\",\"weightFactor\":2500}]}}");
    const int64_t bucket_ms = 56250, now_ms = 1000 * bucket_ms + bucket_ms / 2;
    Job *before = submit(world, 1, "main", "one", ",'shareIdentifier':'a'" EIGHT_VCPUS);
    Job *runs = submit(world, 2, "main", "one", ",'shareIdentifier':'b'" EIGHT_VCPUS);
    submit(world, 3, "main", "one", ",'shareIdentifier':'a'");
    submit(world, 4, "main", "one", ",'shareIdentifier':'b'");
    ran(world, before, 101, now_ms - 40 * MINUTE, now_ms - 30 * MINUTE);
    ran(world, runs, 102, now_ms - 10 * MINUTE, 0);
    const Queue *queue = world_resource(world, KIND_JOB_QUEUE, VIEW("main"))->queue;
    Share *a = share_find(queue, "a"), *b = share_find(queue, "b");
    ShareUse used = share_use(a, now_ms), using = share_use(b, now_ms);
    g_assert_cmpint(used.bucket_ms, ==, bucket_ms);
    g_assert_cmpint(whole_vcpu_seconds(used.weighed), ==, 2143);
    g_assert_cmpint(whole_vcpu_seconds(using.weighed), ==, 4286);
    Wide charged = using.weighed + (Wide)b->held_vcpus_e4 * bucket_ms;
    g_assert_cmpint(whole_vcpu_seconds(charged), ==, 4736);
    g_assert_cmpint(whole_vcpu_seconds(charged * b->weight_e4 / 10000), ==, 1184);
    g_assert_cmpint(a->weight_e4, ==, 10000);
    expect_order(world, now_ms, "4 3 ");
}

/* As the example ends: whatever part of a bucket is looked at. */
static void test_fair_share_in_a_bucket(void)
{
    for (int64_t part = 0; part <= 56249; part += 56249) {
        g_autoptr(World) world = fixture_world();
        fair_queue(world, "{\"fairsharePolicy\":{\"shareDecaySeconds\":3600}}");
        int64_t now_ms = 1000 * INT64_C(56250) + part;
        Job *job = submit(world, 1, "main", "one", ",'shareIdentifier':'a'" EIGHT_VCPUS);
        ran(world, job, 101, now_ms - 40 * MINUTE, now_ms - 30 * MINUTE);
        Share *share = share_find(world_resource(world, KIND_JOB_QUEUE, VIEW("main"))->queue, "a");
        int64_t used = whole_vcpu_seconds(share_use(share, now_ms).weighed);
        g_assert_cmpint(ABS(used - 2143) * 1000, <=, 11 * 2143 + 1000);
        g_assert_cmpint(used, !=, 2143);
    }
}

/* > R = 50 on 64 vCPUs: one active share may hold 32, two together 48, three 56. */
static void test_reservation(void)
{
    g_autoptr(World) world = fixture_world();
    fair_queue(world, "{\"fairsharePolicy\":{\"computeReservation\":50}}");
    static const size_t may_hold[] = {32, 48, 56};
    for (uint64_t i = 0; i < G_N_ELEMENTS(may_hold); i++) {
        g_autoptr(Arena) arena = arena_new();
        g_autofree char *more =
            g_strdup_printf(",'shareIdentifier':'s%" PRIu64 "','arrayProperties':{'size':100}", i);
        submit(world, i + 1, "main", "one", more);
        Decisions decisions = fixture_pass(world, 5000, arena);
        fixture_undo(&decisions);
        g_assert_cmpuint(decisions.starts, ==, may_hold[i]);
    }
}

/* ---- Where it goes ---- */

/* > Free: an instance with 2 vCPUs, one with 6, one with 16 and 2 GPUs. Jobs of 2, 4 and 1 vCPUs come: the
 * first > takes the 2, the second and the third the 6. The machine with GPUs stays free. */
static void test_best_fit(void)
{
    g_autoptr(World) world = fixture_world();
    g_autoptr(Arena) arena = arena_new();
    fixture_cloud(world, "cloud", "EC2", 1000, ",\"instanceTypes\":[\"p3.8xlarge\"]");
    fixture_queue(world, "main", 1, "cloud");
    fixture_instance(world, "cloud", "two", capacity_of(2, 4000, 0));
    fixture_instance(world, "cloud", "six", capacity_of(6, 12000, 0));
    fixture_instance(world, "cloud", "gpus", capacity_of(16, 60000, 2));
    fixture_definition(world, "takes-2", 2, 100, "");
    fixture_definition(world, "takes-4", 4, 100, "");
    fixture_job(world, 1, "takes-2", "");
    fixture_job(world, 2, "takes-4", "");
    fixture_job(world, 3, "one", "");
    Decisions decisions = fixture_pass(world, 5000, arena);
    fixture_undo(&decisions);
    static const char *const expected[] = {"two", "six", "six"};
    g_assert_cmpuint(decisions.placements_len, ==, G_N_ELEMENTS(expected));
    for (size_t i = 0; i < G_N_ELEMENTS(expected); i++) {
        g_assert_cmpuint(decisions.placements[i].job->sequence, ==, i + 1);
        g_assert_cmpstr(decisions.placements[i].instance->type, ==, expected[i]);
    }
}

/* ---- What cannot start ---- */

/* > An instance of 4 vCPUs runs a job of 3 until 14:20. The head needs 4. A job of 1 vCPU that takes 10
 * minutes > comes at 14:05: it ends before 14:20 and starts. One that takes 30 minutes would delay the head
 * and waits, unless > another instance has room. */
static void test_backfill(void)
{
    g_autoptr(World) world = fixture_world();
    fixture_cloud(world, "cloud", "EC2", 1000, ",\"instanceTypes\":[\"c5.xlarge\"]");
    fixture_queue(world, "main", 1, "cloud");
    fixture_definition(world, "takes-3", 3, 100, "");
    fixture_definition(world, "takes-4", 4, 100, "");
    Instance *host = fixture_instance(world, "cloud", "c5.xlarge", capacity_of(4, 7000, 0));
    Job *runs = fixture_job(world, 1, "takes-3", TIMEOUT("1200"));
    LaunchToken token = fixture_token(77);
    Launch *launch = launch_place(world, runs, NOT_A_CHILD, world_environment(world, VIEW("cloud")), host,
                                  &token, CLOCK(14, 0));
    g_assert_cmpint(launch_end_ms(launch), ==, CLOCK(14, 20));
    fixture_job(world, 2, "takes-4", "");
    fixture_job(world, 3, "one", TIMEOUT("1800"));
    expect_order(world, CLOCK(14, 5), "");
    fixture_job(world, 4, "one", TIMEOUT("600"));
    expect_order(world, CLOCK(14, 5), "4 ");
    fixture_instance(world, "cloud", "c5.large", capacity_of(2, 3000, 0));
    expect_order(world, CLOCK(14, 5), "3 4 ");
}

/* ---- Why is it waiting: what `explain` says there of the two environments and of what would help ---- */

static bool buys(const Environment *environment, const RunnableGroup *group, ExplainGrowth *ret_growth,
                 void *data)
{
    (void)environment, (void)group, (void)data;
    *ret_growth = (ExplainGrowth){.refused = false};
    return true;
}

#define ALIGN                                                                                                \
    ",'containerOverrides':{'resourceRequirements':[{'type':'MEMORY','value':'61000'},{'type':'GPU','value'" \
    ":'1'}]}"

static void expect_part(const char *text, const char *part)
{
    if (!text || !strstr(text, part))
        g_error("\"%s\" is not in \"%s\"", part, text ? text : "(nothing)");
}

static void test_explained(void)
{
    g_autoptr(World) world = world_new(1, PROVIDER_SIMULATED);
    g_autoptr(Arena) arena = arena_new();
    fixture_cloud(world, "spot", "SPOT", 256, ",\"instanceTypes\":[\"g5.4xlarge\"]");
    fixture_cloud(world, "on-demand", "EC2", 64, ",\"instanceTypes\":[\"g5.16xlarge\"]");
    fixture_queue(world, "high", 1, "spot,on-demand");
    fixture_definition(world, "align", 8, 61000, ",\"timeout\":{\"attemptDurationSeconds\":1200}");
    Instance *host = fixture_instance(world, "on-demand", "g5.16xlarge", capacity_of(64, 240000, 1));
    Job *running = submit(world, 1, "high", "align", ALIGN);
    LaunchToken token = fixture_token(1);
    launch_place(world, running, NOT_A_CHILD, world_environment(world, VIEW("on-demand")), host, &token,
                 CLOCK(14, 1));
    Job *first = submit(world, 2, "high", "align", ALIGN), *job = submit(world, 3, "high", "align", ALIGN);
    Explanation told;
    ExplainOptions options = {.now_ms = CLOCK(14, 12), .growth = buys};
    explain_job(world, job, NOT_A_CHILD, &options, arena, &told);
    g_assert_true(told.ahead == 1 && told.behind == first); /* "2nd in line" */
    expect_part(told.rooms[0].text,
                "needs 61,000 MiB; g5.4xlarge offers containers 60,588 of its 65,536 MiB: "
                "412 MiB short");
    expect_part(told.rooms[1].text,
                "8 of 64 vCPU used on 1 instance, none has 8 vCPU, 61,000 MiB, 1 GPU free; "
                "its instances are at maxvCpus: 64 of 64");
    g_assert_cmpint(told.rooms[1].free_ms, ==, CLOCK(14, 21));
    g_assert_true(told.is_earliest && told.expected_ms == CLOCK(14, 21));
    g_assert_cmpstr(told.changes[0].text, ==, "memory 60588");
    g_assert_cmpint(told.changes[0].effect, ==, EXPLAIN_GETS_INSTANCE);
    g_assert_cmpstr(told.changes[1].text, ==, "add gr6.4xlarge to ComputeEnvironment/spot");
    g_assert_cmpint(told.changes[1].effect, ==, EXPLAIN_GETS_INSTANCE);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/examples/which-job-is-next/priority", test_priority);
    g_test_add_func("/examples/which-job-is-next/fair-share", test_fair_share);
    g_test_add_func("/examples/which-job-is-next/fair-share-in-a-bucket", test_fair_share_in_a_bucket);
    g_test_add_func("/examples/which-job-is-next/reservation", test_reservation);
    g_test_add_func("/examples/where-it-goes/best-fit", test_best_fit);
    g_test_add_func("/examples/what-cannot-start/backfill", test_backfill);
    g_test_add_func("/examples/why-is-it-waiting/explained", test_explained);
    return g_test_run();
}
