/* collector.h: events of a simulation become a SimulationResult.
 * Owns:   everything it has collected until collector_finish() hands it out; texts given are copied.
 * Calls:  forecast/ (result, series, quantiles).
 * Holds:  every call costs O(1) (amortised) and memory is bounded: by RESULT_INSTANCES_MAX instances, and by
 * COLLECTOR_SHARES_MAX shares, beyond which all count as one called "…". Times must not go back. */
#pragma once
#include "reconciler/forecast/result.h"

#define COLLECTOR_QUEUES_MAX       200
#define COLLECTOR_ENVIRONMENTS_MAX 200
#define COLLECTOR_SHARES_MAX       2000
#define COLLECTOR_NONE             UINT32_MAX

typedef struct Collector Collector;

typedef struct {
    const char *source, *provider;
    uint64_t seed;
    SpotRisk spot_risk; /* for the result */
    int64_t start_ms;
} CollectorOptions;

Collector *collector_new(const CollectorOptions *options);
void collector_free(Collector *collector);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Collector, collector_free)

/* ---- handles: ask once, then keep ---- */

/* Beyond the limits all further ones share the last handle, called "…". */
uint32_t collector_queue(Collector *collector, const char *name);
uint32_t collector_share(Collector *collector, uint32_t queue, const char *identifier); /* "" for FIFO */
typedef struct {
    const char *name, *type;
    const char *currency;   /* NULL: it costs nothing (local) */
    int64_t limit_vcpus_e4; /* maxvCpus; 0: none */
} CollectedEnvironment;
uint32_t collector_environment(Collector *collector, const CollectedEnvironment *environment);

/* ---- jobs ---- */

void collector_jobs_submitted(Collector *collector, uint32_t share, int64_t count);
/* Of the first attempt alone. name and reason are borrowed; they are read only when this is the longest wait
 * so far, so a reason costs nothing that need not be built: it may be given as NULL. count: alike children.
 */
typedef struct {
    uint32_t share, environment; /* COLLECTOR_NONE: it has not started */
    const char *name, *reason;
    int32_t index; /* of an array child; -1: none */
    int64_t count, runnable_ms, now_ms;
    ResourceNeed need;
} CollectedWait;
void collector_job_started(Collector *collector, const CollectedWait *wait);
/* At the end, of jobs that are RUNNABLE still. */
void collector_job_waiting(Collector *collector, const CollectedWait *wait);

typedef enum { ATTEMPT_SUCCEEDED, ATTEMPT_FAILED, ATTEMPT_LOST } CollectedOutcome;
typedef struct {
    uint32_t share, environment;
    int64_t started_ms, ended_ms;
    ResourceNeed need;
    CollectedOutcome outcome;
} CollectedAttempt;
void collector_attempt_ended(Collector *collector, const CollectedAttempt *attempt);

/* After its last attempt. started_ms 0: it never started (cancelled, a dependency failed). */
typedef struct {
    uint32_t share;
    int64_t runnable_ms, started_ms, ended_ms;
    bool succeeded;
} CollectedJob;
void collector_job_ended(Collector *collector, const CollectedJob *job);

/* definition, job, reason: copied when this need and reason are new. */
typedef struct {
    uint32_t share;
    const char *definition, *job, *reason;
    ResourceNeed need;
    int64_t count;
} CollectedInfeasible;
void collector_jobs_infeasible(Collector *collector, const CollectedInfeasible *infeasible);

void collector_queue_depth(Collector *collector, uint32_t queue, int64_t now_ms, int64_t runnable,
                           int64_t running);
typedef struct {
    const char *kind, *name;
    int64_t number, started_ms, ended_ms; /* ended -1: it has not */
    bool succeeded;
} CollectedRun;
void collector_run(Collector *collector, const CollectedRun *run);

/* ---- capacity and money ---- */

/* What attempts hold and what registered instances have, at now_ms. */
void collector_capacity(Collector *collector, uint32_t environment, int64_t now_ms, ResourceNeed used,
                        ResourceNeed allocated);

typedef struct {
    uint64_t number; /* unique */
    uint32_t environment;
    const char *type;
    bool spot;
    int64_t price_micro_per_h; /* -1: unknown */
    int64_t started_ms;        /* paid from here on, at least a minute, by whole seconds */
    int64_t most_micro_per_h;  /* what it costs at most where the price is unknown; 0 or below: unknown too */
} CollectedInstance;
void collector_instance_started(Collector *collector, const CollectedInstance *instance);
void collector_instance_registered(Collector *collector, uint64_t number, int64_t now_ms, int64_t vcpus_e4);
/* vCPUs that attempts hold on it from now on. */
void collector_instance_used(Collector *collector, uint64_t number, int64_t now_ms, int64_t used_vcpus_e4);
/* lost: not by our decision (reclaimed, died). */
void collector_instance_ended(Collector *collector, uint64_t number, int64_t now_ms, const char *reason,
                              bool lost);
/* Of what is paid by the task (Fargate), from start to end, at the price of the whole task; -1: unknown.
 * Tasks that run at the end must be ended there. */
void collector_task_started(Collector *collector, uint32_t environment, int64_t now_ms,
                            int64_t price_micro_per_h);
void collector_task_ended(Collector *collector, uint32_t environment, int64_t started_ms, int64_t now_ms,
                          int64_t price_micro_per_h);

/* One sentence about what the result rests on or leaves out; once each. */
void collector_note(Collector *collector, const char *sentence);

typedef enum { SIMULATION_WHOLE, SIMULATION_CUT } SimulationEnd;
/* Ends every series at now_ms, closes the books of instances that live still. The collector is freed. */
SimulationResult *collector_finish(Collector *collector, int64_t now_ms, SimulationEnd end);
