/* cloud_test.c: order of what happens in virtual time, the life of machines and tasks, and equal luck for
 * equal requests. */
#include "reconciler/provider/simulated/event_queue.h"
#include "reconciler/provider/simulated/simulated_cloud.h"
#include "spec/base/rng.h"
#include <glib.h>

/* ---- the queue: as a sorted list would be ---- */

static gint by_time(gconstpointer a, gconstpointer b)
{
    const QueuedEvent *one = a, *two = b;
    if (one->at_ms != two->at_ms)
        return one->at_ms < two->at_ms ? -1 : 1;
    return (one->what > two->what) - (one->what < two->what);
}

static void check_queue(uint64_t seed)
{
    Rng rng = rng_from_seed(seed);
    EventQueue queue;
    g_autoptr(GArray) model = g_array_new(FALSE, FALSE, sizeof(QueuedEvent));
    int64_t now_ms = 1000;
    event_queue_init(&queue, now_ms);
    for (uint32_t what = 0; what < 3000 || model->len; what++) {
        QueuedEvent event = {now_ms + (int64_t)rng_below(&rng, UINT64_C(1) << rng_below(&rng, 30)), what, 7};
        if (what < 3000 && rng_below(&rng, 5) < 3) {
            event_queue_put(&queue, event);
            g_array_append_val(model, event);
            g_array_sort(model, by_time);
            continue;
        }
        const QueuedEvent *first = model->len ? &g_array_index(model, QueuedEvent, 0) : NULL;
        g_assert_cmpint(event_queue_next_ms(&queue), ==, first ? first->at_ms : -1);
        if (!first)
            continue;
        g_assert_false(event_queue_take(&queue, first->at_ms - 1, &event));
        g_assert_true(event_queue_take(&queue, first->at_ms, &event));
        g_assert_cmpuint(event.what, ==, first->what);
        g_assert_cmpint(event.at_ms, ==, first->at_ms);
        now_ms = event.at_ms;
        g_array_remove_index(model, 0);
    }
    g_assert_cmpuint(queue.len, ==, 0);
    event_queue_clear(&queue);
}

static void test_queue(void)
{
    for (uint64_t seed = 1; seed <= 20; seed++)
        check_queue(seed);
}

/* ---- the cloud ---- */

#define HOUR_MS INT64_C(3600000)

static int64_t dollar(const char *type, bool spot, int64_t at_ms, void *data)
{
    (void)type, (void)at_ms, (void)data;
    return spot ? 300000 : 1000000;
}

static SimulatedCloud *make_cloud(CloudModel model)
{
    model.make = (CloudSpan){1000, 1000};
    model.boot = (CloudSpan){60000, 60000};
    model.price = dollar;
    return simulated_cloud_new(&model, 0);
}

static CloudEvent next(SimulatedCloud *cloud, CloudEventType type, int64_t at_ms)
{
    CloudEvent event;
    g_assert_true(simulated_cloud_next(cloud, INT64_MAX, &event));
    g_assert_cmpint(event.type, ==, type);
    g_assert_cmpint(event.at_ms, ==, at_ms);
    return event;
}

static const CloudMachine large = {.type = "c5.large", .vcpus_e4 = 20000, .memory_mib = 4096};

static void test_machine(void)
{
    SimulatedCloud *cloud = make_cloud((CloudModel){0});
    CloudFate short_one = {.start_ms = 500, .run_ms = 2000, .exit_code = 3},
              long_one = {.run_ms = 10 * HOUR_MS};
    uint64_t unpriced;
    size_t tasks, machines;
    uint32_t machine = simulated_cloud_make(cloud, &large, 11, 0);
    next(cloud, CLOUD_MACHINE_MADE, 1000);
    g_assert_cmpint(next(cloud, CLOUD_MACHINE_REGISTERED, 61000).memory_mib, ==, 4096);
    simulated_cloud_run(cloud, machine, 21, &short_one, 0, 61000);
    uint32_t stopped = simulated_cloud_run(cloud, machine, 22, &long_one, 0, 61000);
    simulated_cloud_run(cloud, machine, 23, &long_one, HOUR_MS, 61000);
    simulated_cloud_run(cloud, machine, 24, &long_one, 0, 61000);
    next(cloud, CLOUD_TASK_STARTED, 61500);
    CloudEvent event = next(cloud, CLOUD_TASK_ENDED, 63500);
    g_assert_true(event.user == 21 && event.exit_code == 3 && event.end == CLOUD_TASK_EXITED);
    simulated_cloud_stop(cloud, stopped, 100, 70000);
    event = next(cloud, CLOUD_TASK_ENDED, 70100);
    g_assert_true(event.user == 22 && event.end == CLOUD_TASK_STOPPED);
    event = next(cloud, CLOUD_TASK_ENDED, 61000 + HOUR_MS);
    g_assert_true(event.user == 23 && event.end == CLOUD_TASK_TIMED_OUT);
    simulated_cloud_end(cloud, machine, 1000, 2 * HOUR_MS);
    g_assert_cmpuint(next(cloud, CLOUD_TASK_LOST, 2 * HOUR_MS + 1000).user, ==, 24);
    event = next(cloud, CLOUD_MACHINE_GONE, 2 * HOUR_MS + 1000);
    g_assert_true(event.user == 11 && event.gone == CLOUD_GONE_STOPPED);
    g_assert_false(simulated_cloud_next(cloud, INT64_MAX, &event));
    g_assert_cmpint(simulated_cloud_cost_microusd(cloud, 9 * HOUR_MS, &unpriced), ==, 2000000);
    g_assert_cmpuint(unpriced, ==, 0);
    simulated_cloud_counts(cloud, &tasks, &machines);
    g_assert_true(tasks == 0 && machines == 0);
    simulated_cloud_free(cloud);
}

static void test_price_and_reclaim(void)
{
    SimulatedCloud *cloud = make_cloud((CloudModel){.reclaim_mean_ms = HOUR_MS});
    CloudMachine spot = large;
    spot.spot = true;
    spot.max_price_microusd_per_h = 299999;
    simulated_cloud_make(cloud, &spot, 1, 0);
    g_assert_cmpint(next(cloud, CLOUD_MACHINE_REFUSED, 1000).refusal, ==, CLOUD_REFUSES_PRICE);
    spot.max_price_microusd_per_h = 300000;
    simulated_cloud_make(cloud, &spot, 2, 1000);
    simulated_cloud_make(cloud, &large, 3, 1000); /* not Spot: it stays */
    next(cloud, CLOUD_MACHINE_MADE, 2000);
    next(cloud, CLOUD_MACHINE_MADE, 2000);
    next(cloud, CLOUD_MACHINE_REGISTERED, 62000);
    next(cloud, CLOUD_MACHINE_REGISTERED, 62000);
    CloudEvent event;
    g_assert_true(simulated_cloud_next(cloud, INT64_MAX, &event));
    g_assert_true(event.type == CLOUD_MACHINE_GONE && event.gone == CLOUD_GONE_RECLAIMED && event.user == 2);
    g_assert_false(simulated_cloud_next(cloud, INT64_MAX, &event));
    simulated_cloud_free(cloud);
}

/* Of many: as often an hour as is asked for, and at any age; so many find no capacity. */
static void test_spot_risk(void)
{
    const int64_t machines = 20000;
    SimulatedCloud *cloud =
        make_cloud((CloudModel){.seed = 7, .reclaim_mean_ms = HOUR_MS, .spot_refuse_e4 = 2500});
    CloudMachine spot = large;
    CloudEvent event;
    int64_t refused = 0, young = 0, sum_ms = 0;
    spot.spot = true;
    for (int64_t i = 0; i < machines; i++)
        simulated_cloud_make(cloud, &spot, (uint64_t)i, 0);
    while (simulated_cloud_next(cloud, INT64_MAX, &event)) {
        if (event.type == CLOUD_MACHINE_REFUSED) {
            g_assert_cmpint(event.refusal, ==, CLOUD_REFUSES_CAPACITY);
            refused++;
        } else if (event.type == CLOUD_MACHINE_GONE) {
            g_assert_cmpint(event.gone, ==, CLOUD_GONE_RECLAIMED);
            sum_ms += event.at_ms - 61000;
            young += event.at_ms - 61000 < HOUR_MS / 10;
        }
    }
    int64_t made = machines - refused;
    g_assert_cmpint(ABS(refused - machines / 4), <, machines / 50);
    g_assert_cmpint(ABS(sum_ms / made - HOUR_MS), <, HOUR_MS / 50);
    /* 1 - e^-0.1 = 9.5 % within the first six minutes */
    g_assert_cmpint(young * 1000 / made, >, 85);
    g_assert_cmpint(young * 1000 / made, <, 105);
    g_assert_cmpint(simulated_cloud_next_ms(cloud), ==, -1);
    simulated_cloud_free(cloud);
}

/* What was called off is not waited for. */
static void test_nothing_left(void)
{
    SimulatedCloud *cloud = make_cloud((CloudModel){.reclaim_mean_ms = 1000 * (int64_t)HOUR_MS});
    CloudMachine spot = large;
    spot.spot = true;
    uint32_t machine = simulated_cloud_make(cloud, &spot, 1, 0);
    next(cloud, CLOUD_MACHINE_MADE, 1000);
    next(cloud, CLOUD_MACHINE_REGISTERED, 61000);
    simulated_cloud_end(cloud, machine, 0, 70000);
    next(cloud, CLOUD_MACHINE_GONE, 70000);
    g_assert_cmpint(simulated_cloud_next_ms(cloud), ==, -1);
    simulated_cloud_free(cloud);
}

/* The n-th machine meets the same luck, whatever else goes on. */
static void test_equal_luck(void)
{
    CloudModel model = {
        .seed = 5, .refuse_permille = 300, .less_memory_permille = 300, .die_mean_ms = HOUR_MS};
    SimulatedCloud *one = make_cloud(model), *two = make_cloud(model);
    CloudFate fate = {.start_ms = 1, .run_ms = 77};
    CloudEvent first, second;
    for (uint64_t i = 0; i < 50; i++) {
        simulated_cloud_make(one, &large, i, 0);
        simulated_cloud_run(two, CLOUD_NO_MACHINE, 1000 + i, &fate, 0, 0);
        simulated_cloud_make(two, &large, i, 0);
    }
    while (simulated_cloud_next(one, INT64_MAX, &first)) {
        do
            g_assert_true(simulated_cloud_next(two, INT64_MAX, &second));
        while (second.user >= 1000);
        g_assert_true(first.type == second.type && first.user == second.user && first.at_ms == second.at_ms &&
                      first.memory_mib == second.memory_mib && first.refusal == second.refusal);
    }
    simulated_cloud_free(one);
    simulated_cloud_free(two);
}

/* A million tasks at once, each followed by another: the figure is a message, what is tested is the order. */
static void test_million(void)
{
    const uint64_t tasks = g_test_perf() ? 1000000 : 100000;
    SimulatedCloud *cloud = make_cloud((CloudModel){0});
    Rng rng = rng_from_seed(3);
    CloudEvent event;
    int64_t before_us = g_get_monotonic_time(), last_ms = 0;
    uint64_t events = 0;
    for (uint64_t i = 0; i < tasks; i++) {
        CloudFate fate = {.run_ms = rng_between(&rng, 1, 10 * HOUR_MS)};
        simulated_cloud_run(cloud, CLOUD_NO_MACHINE, i, &fate, 0, 0);
    }
    while (simulated_cloud_next(cloud, INT64_MAX, &event)) {
        g_assert_cmpint(event.at_ms, >=, last_ms);
        last_ms = event.at_ms;
        CloudFate fate = {.run_ms = rng_between(&rng, 1, 10 * HOUR_MS)};
        if (++events <= 4 * tasks)
            simulated_cloud_run(cloud, CLOUD_NO_MACHINE, event.user, &fate, 0, event.at_ms);
    }
    g_assert_cmpuint(events, ==, 5 * tasks);
    g_test_message("%.1f million events/s with %" G_GUINT64_FORMAT " tasks at a time",
                   (double)events / (double)(g_get_monotonic_time() - before_us), tasks);
    simulated_cloud_free(cloud);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/simulated/queue", test_queue);
    g_test_add_func("/simulated/machine", test_machine);
    g_test_add_func("/simulated/price-and-reclaim", test_price_and_reclaim);
    g_test_add_func("/simulated/spot-risk", test_spot_risk);
    g_test_add_func("/simulated/nothing-left", test_nothing_left);
    g_test_add_func("/simulated/equal-luck", test_equal_luck);
    g_test_add_func("/simulated/million", test_million);
    return g_test_run();
}
