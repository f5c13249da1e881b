/* What a plan's forecast says, of results told to the collector by hand. */
#include "reconciler/forecast/outlook.h"
#include "reconciler/forecast/assertion.h"
#include "tests/support/result_fixture.h"

#define MINUTE INT64_C(60000)
static const ResourceNeed one_vcpu = {10000, 1024, 0};

typedef struct {
    Collector *collector;
    uint32_t environment;
} Story;

static Story story_new(void)
{
    Story story = {.collector = fixture_collector("test")};
    story.environment = collector_environment(
        story.collector, &(CollectedEnvironment){"od", "EC2", "USD", 16 * INT64_C(10000)});
    return story;
}

static uint32_t share_of(const Story *story, const char *queue)
{
    return collector_share(story->collector, collector_queue(story->collector, queue), "");
}

/* A job that waits until start and runs until end, both in minutes from the beginning. */
static void ran(const Story *story, const char *queue, int64_t start, int64_t end)
{
    fixture_ran(story->collector, share_of(story, queue), story->environment, "work", FIXTURE_START_MS,
                FIXTURE_START_MS + start * MINUTE, FIXTURE_START_MS + end * MINUTE, one_vcpu, true);
}

static uint64_t bought(const Story *story, const char *type, bool spot, int64_t minute)
{
    static uint64_t number;
    collector_instance_started(story->collector,
                               &(CollectedInstance){.number = ++number,
                                                    .environment = story->environment,
                                                    .type = type,
                                                    .spot = spot,
                                                    .price_micro_per_h = 600000,
                                                    .started_ms = FIXTURE_START_MS + minute * MINUTE});
    return number;
}

static void gone(const Story *story, uint64_t number, int64_t minute)
{
    collector_instance_ended(story->collector, number, FIXTURE_START_MS + minute * MINUTE, "stopped", false);
}

static SimulationResult *story_end(Story *story, int64_t minute, SimulationEnd end)
{
    return collector_finish(g_steal_pointer(&story->collector), FIXTURE_START_MS + minute * MINUTE, end);
}

static const OutlookRates no_rates = {.max_before = -1};

static void test_nothing(void)
{
    Story story = story_new();
    g_autoptr(SimulationResult) with = story_end(&story, 0, SIMULATION_WHOLE);
    g_autoptr(Outlook) outlook = outlook_new(with, NULL, &no_rates, NULL);
    g_assert_null(outlook->schedule);
    g_assert_null(outlook->cost);
    g_assert_null(outlook->inputs);
}

static void test_first(void)
{
    Story story = story_new();
    ran(&story, "high", 1, 30);
    collector_note(story.collector, "run times are the workload's");
    g_autoptr(SimulationResult) with = story_end(&story, 30, SIMULATION_WHOLE);
    g_autoptr(Outlook) outlook = outlook_new(with, NULL, &no_rates, NULL);
    g_assert_cmpstr(outlook->schedule, ==, "queue high drains in 30 min");
    g_assert_null(outlook->cost);
    g_assert_cmpstr(outlook->inputs, ==, "run times are the workload's; seed 1");
}

static void test_does_not_drain(void)
{
    Story story = story_new();
    ran(&story, "high", 1, 30);
    collector_jobs_submitted(story.collector, share_of(&story, "low"), 3);
    collector_jobs_infeasible(story.collector, &(CollectedInfeasible){.share = share_of(&story, "low"),
                                                                      .definition = "train",
                                                                      .job = "t",
                                                                      .reason = "no GPU",
                                                                      .count = 3});
    collector_jobs_submitted(story.collector, share_of(&story, "mid"), 1);
    g_autoptr(SimulationResult) with = story_end(&story, 30, SIMULATION_CUT);
    g_autoptr(Outlook) outlook = outlook_new(with, NULL, &no_rates, NULL);
    g_assert_cmpstr(
        outlook->schedule, ==,
        "queue high drains in 30 min; queue low: 3 jobs can never run; queue mid does not drain: 1 "
        "job waits; cut: there is more");
}

/* Only what changes is told of: a queue that drains as before has no "now". */
static void test_compared(void)
{
    Story before = story_new(), after = story_new();
    ran(&before, "high", 0, 10);
    ran(&before, "low", 0, 20);
    collector_jobs_submitted(before.collector, share_of(&before, "mid"), 1);
    ran(&after, "high", 5, 15);
    ran(&after, "low", 0, 20);
    ran(&after, "mid", 0, 20);
    g_autoptr(SimulationResult) without = story_end(&before, 30, SIMULATION_WHOLE),
                                with = story_end(&after, 30, SIMULATION_WHOLE);
    g_autoptr(Outlook) outlook = outlook_new(with, without, &no_rates, NULL);
    g_assert_cmpstr(
        outlook->schedule, ==,
        "queue high drains in 15 min (now: 10 min); queue low drains in 20 min; queue mid drains in "
        "20 min (now: never); jobs of queue high wait 5 min longer (p95)");
    g_autoptr(Outlook) back = outlook_new(without, with, &no_rates, NULL);
    g_assert_nonnull(strstr(back->schedule, "queue mid does not drain: 1 job waits (now: 20 min)"));
    g_assert_nonnull(strstr(back->schedule, "jobs of queue high wait 5 min less (p95)"));
}

static void test_many_queues(void)
{
    Story story = story_new();
    ran(&story, "a", 0, 1);
    ran(&story, "b", 0, 1);
    ran(&story, "c", 0, 1);
    ran(&story, "d", 0, 1);
    (void)share_of(&story, "idle");
    g_autoptr(SimulationResult) four = story_end(&story, 1, SIMULATION_WHOLE);
    g_autoptr(Outlook) outlook = outlook_new(four, NULL, &no_rates, NULL);
    g_assert_cmpstr(
        outlook->schedule, ==,
        "queue a drains in 1 min; queue b drains in 1 min; queue c drains in 1 min; 1 more queue");
}

/* The most first, then by name, Spot apart; what was there from the beginning is not bought. */
static void test_purchases(void)
{
    Story story = story_new();
    bought(&story, "m5.large", false, 0);
    bought(&story, "c5.large", false, 1);
    bought(&story, "m5.large", true, 2);
    bought(&story, "m5.large", true, 3);
    bought(&story, "r5.large", false, 4);
    bought(&story, "t3.large", false, 5);
    bought(&story, "m5.large", false, 6);
    g_autoptr(SimulationResult) with = story_end(&story, 60, SIMULATION_WHOLE);
    g_autoptr(Outlook) outlook = outlook_new(with, NULL, &no_rates, NULL);
    g_assert_cmpstr(
        outlook->schedule, ==,
        "2 x m5.large Spot bought by 2026-01-05 00:03; 1 x c5.large bought by 2026-01-05 00:01; 1 x "
        "m5.large bought by 2026-01-05 00:06; 2 more types");
}

static void test_cost(void)
{
    Story before = story_new(), after = story_new();
    gone(&before, bought(&before, "m5.large", false, 0), 60);
    gone(&after, bought(&after, "m5.large", false, 0), 120);
    g_autoptr(SimulationResult) without = story_end(&before, 120, SIMULATION_WHOLE),
                                with = story_end(&after, 120, SIMULATION_WHOLE);
    OutlookRates rates = {.currency = "USD",
                          .min = 0,
                          .now = 600000,
                          .max = 2400000,
                          .max_before = 1200000,
                          .prices = "us-east-1"};
    g_autoptr(Outlook) outlook = outlook_new(with, without, &rates, NULL);
    g_assert_cmpstr(outlook->cost, ==,
                    "$1.20 for the work at hand (now: $0.60); $0.00/h at least, $0.60/h at present, at most "
                    "$2.40/h (now: $1.20/h)");
    g_assert_cmpstr(outlook->inputs, ==, "prices us-east-1, without EBS, NAT and logs; seed 1");
    rates.max_before = rates.max;
    rates.is_incomplete = true;
    g_autoptr(Outlook) same = outlook_new(with, with, &rates, NULL);
    g_assert_cmpstr(same->cost, ==,
                    "$1.20 for the work at hand; $0.00/h at least, $0.60/h at present, at most $2.40/h");
    g_assert_cmpstr(same->inputs, ==,
                    "prices us-east-1 (some are unknown), without EBS, NAT and logs; seed 1");
}

/* An instance without a price is never taken for a free one. */
static void test_unpriced(void)
{
    Story story = story_new();
    collector_instance_started(story.collector, &(CollectedInstance){.number = 1000,
                                                                     .environment = story.environment,
                                                                     .type = "x9.large",
                                                                     .price_micro_per_h = -1,
                                                                     .started_ms = FIXTURE_START_MS});
    g_autoptr(SimulationResult) with = story_end(&story, 60, SIMULATION_WHOLE);
    g_autoptr(Outlook) outlook = outlook_new(with, NULL, &no_rates, NULL);
    g_assert_cmpstr(outlook->cost, ==, "unknown for the work at hand");
    g_assert_cmpstr(outlook->inputs, ==, "prices unknown, without EBS, NAT and logs; seed 1");
}

static void test_json(void)
{
    Story before = story_new(), after = story_new();
    ran(&before, "high", 0, 10);
    ran(&after, "high", 5, 15);
    gone(&after, bought(&after, "m5.large", true, 1), 61);
    g_autoptr(SimulationResult) without = story_end(&before, 10, SIMULATION_WHOLE),
                                with = story_end(&after, 61, SIMULATION_WHOLE);
    OutlookRates rates = {.currency = "USD", .max = 600000, .max_before = -1};
    Violation violation = {.queue = (char *)(uintptr_t) "high", .text = (char *)(uintptr_t) "too slow"};
    g_autoptr(GPtrArray) violations = g_ptr_array_new();
    g_ptr_array_add(violations, &violation);
    g_autoptr(Outlook) outlook = outlook_new(with, without, &rates, violations);
    json_t *root = json_loads(outlook->json, 0, NULL),
           *wanted = json_pack(
               "{s:i,s:I,s:[{s:s,s:f,s:f,s:i,s:i,s:f,s:f}],s:[{s:s,s:b,s:i,s:I}],s:{s:[{s:f,"
               "s:f,s:s}],s:[],s:{s:s,s:f,s:f,s:"
               "f,s:n,s:b},s:i},s:[],s:[{s:s,s:s}],s:b}",
               "seed", 1, "at", (json_int_t)FIXTURE_START_MS, "queues", "name", "high", "drainSeconds", 900.0,
               "p95WaitSeconds", 300.0, "jobs", 1, "infeasible", 0, "drainSecondsNow", 600.0,
               "p95WaitSecondsNow", 0.0, "purchases", "type", "m5.large", "spot", 1, "count", 1, "by",
               (json_int_t)(FIXTURE_START_MS + MINUTE), "cost", "workAtHand", "amount", 0.6, "atMost", 0.6,
               "currency", "USD", "workAtHandNow", "perHour", "currency", "USD", "min", 0.0, "now", 0.0,
               "max", 0.6, "maxNow", "incomplete", 0, "unpriced", 0, "inputs", "failedAssertions", "queue",
               "high", "message", "too slow", "cut", 0);
    g_assert_nonnull(wanted);
    char *text = json_dumps(wanted, JSON_COMPACT | JSON_REAL_PRECISION(12));
    if (!json_equal(root, wanted))
        g_assert_cmpstr(outlook->json, ==, text);
    free(text);
    json_decref(root);
    json_decref(wanted);
    g_autoptr(Outlook) again = outlook_new(with, without, &rates, violations);
    g_assert_cmpstr(outlook->json, ==, again->json);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/outlook/nothing", test_nothing);
    g_test_add_func("/outlook/first", test_first);
    g_test_add_func("/outlook/does-not-drain", test_does_not_drain);
    g_test_add_func("/outlook/compared", test_compared);
    g_test_add_func("/outlook/many-queues", test_many_queues);
    g_test_add_func("/outlook/purchases", test_purchases);
    g_test_add_func("/outlook/cost", test_cost);
    g_test_add_func("/outlook/unpriced", test_unpriced);
    g_test_add_func("/outlook/json", test_json);
    return g_test_run();
}
