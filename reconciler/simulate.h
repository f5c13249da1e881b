/* simulate.h: a world driven into its future: the same transitions, the same schedule/ and scale/, a
 * simulated cloud and virtual time. Owns:   nothing; the world is the caller's, and afterwards stands at the
 * end of the simulation. Calls:  world/, decide, provider/simulated/simulated_cloud, forecast/. No clock, no
 * socket, no file. Holds:  equal worlds, workloads, options and seeds give equal results on every compiler.
 * How long a task runs follows from the seed and the job, not from when or where it starts, so that two
 * configurations meet the same work. Nothing of it is recorded: no rows, no events. */
#pragma once
#include "reconciler/forecast/collector.h"
#include "reconciler/forecast/workload.h"
#include "reconciler/world/world.h"

/* Where the jobs of a run that no history, annotation or timeout tells of are taken to end. */
#define SIMULATE_ASSUMED_RUN_MS INT64_C(300000)

typedef struct {
    const char *source, *provider; /* for the result's heading */
    const Workload *workload;      /* may be NULL; its submit times count from start_ms */
    uint64_t seed;
    SpotRisk spot_risk; /* 0: Spot is there, and stays */
    int64_t start_ms;
    int64_t until_ms;       /* ends there, what schedules start before included; 0: when all work is done */
    int64_t horizon_ms;     /* with until_ms 0: nothing is looked at beyond; 0: no end */
    const GPtrArray *stops; /* of Launch*: attempts that are stopped at the beginning; may be NULL */
    Capacity machine;       /* what local environments share */
    const char *region;     /* whose prices count where an environment names none; may be NULL */
    /* Asked now and then; true: give up, the result is cut there. May be NULL. */
    bool (*give_up)(void *data);
    void *give_up_data;
} SimulationOptions;

/* NULL with error: a job of the workload is refused (the error names it). */
SimulationResult *simulate_run(World *world, const SimulationOptions *options, GError **error);
