/* result_fixture.h: a small simulation told to the collector by hand, and a large one made from a seed. */
#pragma once
#include "reconciler/forecast/collector.h"
#include "spec/base/rng.h"

#define FIXTURE_START_MS INT64_C(1767571200000) /* Monday 2026-01-05 00:00 UTC */
#define FIXTURE_HOUR_MS  INT64_C(3600000)

typedef struct {
    uint32_t high, low, blue, red, plain, spot, demand;
} FixtureHandles;

static inline FixtureHandles fixture_handles(Collector *collector)
{
    FixtureHandles handles;
    handles.high = collector_queue(collector, "high");
    handles.low = collector_queue(collector, "low");
    handles.blue = collector_share(collector, handles.high, "blue");
    handles.red = collector_share(collector, handles.high, "red");
    handles.plain = collector_share(collector, handles.low, "");
    handles.spot =
        collector_environment(collector, &(CollectedEnvironment){"spot", "SPOT", "USD", 64 * INT64_C(10000)});
    handles.demand = collector_environment(
        collector, &(CollectedEnvironment){"on-demand", "EC2", "USD", 16 * INT64_C(10000)});
    return handles;
}

static inline Collector *fixture_collector(const char *source)
{
    return collector_new(&(CollectorOptions){
        .source = source, .provider = "simulated", .seed = 1, .start_ms = FIXTURE_START_MS});
}

static inline void fixture_ran(Collector *collector, uint32_t share, uint32_t environment, const char *name,
                               int64_t from_ms, int64_t start_ms, int64_t end_ms, ResourceNeed need,
                               bool good)
{
    collector_jobs_submitted(collector, share, 1);
    collector_job_started(collector, &(CollectedWait){.share = share,
                                                      .environment = environment,
                                                      .name = name,
                                                      .reason = "at maxvCpus",
                                                      .index = -1,
                                                      .count = 1,
                                                      .runnable_ms = from_ms,
                                                      .now_ms = start_ms,
                                                      .need = need});
    collector_attempt_ended(collector, &(CollectedAttempt){share, environment, start_ms, end_ms, need,
                                                           good ? ATTEMPT_SUCCEEDED : ATTEMPT_FAILED});
    collector_job_ended(collector, &(CollectedJob){share, from_ms, start_ms, end_ms, good});
}

/* One hour each of two jobs on a Spot machine of 8 vCPU at $0.36/h that lives 4 hours; one job of the low
 * queue on a machine without a price; three jobs that can never run. */
static inline SimulationResult *fixture_small(const char *source)
{
    Collector *c = fixture_collector(source);
    FixtureHandles h = fixture_handles(c);
    const int64_t t0 = FIXTURE_START_MS, hour = FIXTURE_HOUR_MS;
    const ResourceNeed eight = {8 * INT64_C(10000), 16384, 0}, one = {10000, 1024, 0}, none = {0};
    collector_instance_started(c,
                               &(CollectedInstance){7, h.spot, "c5.2xlarge", true, INT64_C(360000), t0, 0});
    collector_instance_registered(c, 7, t0 + hour / 2, 8 * INT64_C(10000));
    collector_capacity(c, h.spot, t0 + hour / 2, none, eight);
    collector_queue_depth(c, h.high, t0, 2, 0);
    collector_capacity(c, h.spot, t0 + hour, eight, eight);
    collector_instance_used(c, 7, t0 + hour, 8 * INT64_C(10000));
    collector_queue_depth(c, h.high, t0 + hour, 1, 1);
    fixture_ran(c, h.blue, h.spot, "align", t0, t0 + hour, t0 + 2 * hour, eight, true);
    collector_instance_started(c, &(CollectedInstance){9, h.demand, "x9.huge", false, -1, t0 + hour, 0});
    collector_instance_registered(c, 9, t0 + 2 * hour, 16 * INT64_C(10000));
    fixture_ran(c, h.red, h.spot, "<b>&\"sort\"", t0, t0 + 2 * hour, t0 + 3 * hour, eight, false);
    fixture_ran(c, h.plain, h.demand, "sum", t0 + hour, t0 + 2 * hour, t0 + 2 * hour + 1000, one, true);
    collector_queue_depth(c, h.high, t0 + 2 * hour, 0, 1);
    collector_queue_depth(c, h.high, t0 + 3 * hour, 0, 0);
    collector_capacity(c, h.spot, t0 + 3 * hour, none, eight);
    collector_instance_used(c, 7, t0 + 3 * hour, 0);
    collector_jobs_submitted(c, h.blue, 3);
    collector_jobs_infeasible(
        c,
        &(CollectedInfeasible){h.blue, "train", "train-1", "needs 4 GPUs; at most 1", {40000, 8192, 4}, 3});
    collector_run(c, &(CollectedRun){"Pipeline", "nightly", 1, t0, t0 + 3 * hour, true});
    collector_note(c, "prices us-east-1; without EBS and logs");
    collector_note(c, "prices us-east-1; without EBS and logs");
    collector_instance_ended(c, 7, t0 + 4 * hour, "scale-in", false);
    collector_capacity(c, h.spot, t0 + 4 * hour, none, none);
    return collector_finish(c, t0 + 4 * hour, SIMULATION_WHOLE);
}

/* instances machines of six types in two environments over a week. */
static inline SimulationResult *fixture_large(uint64_t seed, int instances)
{
    static const char *const types[] = {"c5.large",   "c5.xlarge",  "m5.4xlarge",
                                        "r5.2xlarge", "p3.2xlarge", "g4dn.xlarge"};
    Collector *c = fixture_collector("large");
    FixtureHandles h = fixture_handles(c);
    Rng rng = rng_from_seed(seed);
    for (int i = 0; i < instances; i++) {
        int64_t at = FIXTURE_START_MS + i * (7 * 24 * FIXTURE_HOUR_MS / instances);
        bool spot = rng_below(&rng, 3) > 0;
        uint64_t number = (uint64_t)i + 1;
        collector_instance_started(c, &(CollectedInstance){number, spot ? h.spot : h.demand,
                                                           types[rng_below(&rng, 6)], spot, 100000, at, 0});
        collector_instance_registered(c, number, at + 60000, 80000);
        collector_instance_used(c, number, at + 60000, (int64_t)rng_below(&rng, 80001));
        collector_queue_depth(c, h.high, at, (int64_t)rng_below(&rng, 100), 5);
        fixture_ran(c, h.blue, h.spot, "job", at, at + (int64_t)rng_below(&rng, 600000), at + FIXTURE_HOUR_MS,
                    (ResourceNeed){10000, 1024, 0}, true);
    }
    for (int i = 0; i < instances; i++) {
        int64_t at = FIXTURE_START_MS + (7 * 24 + 1) * FIXTURE_HOUR_MS + i;
        collector_instance_ended(c, (uint64_t)i + 1, at, "scale-in", false);
    }
    return collector_finish(c, FIXTURE_START_MS + 170 * FIXTURE_HOUR_MS, SIMULATION_WHOLE);
}
