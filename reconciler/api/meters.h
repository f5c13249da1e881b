/* meters.h: what the process counts and times of itself, beside the state, for /metrics.
 * Owns:   the meters of queues and of requests.
 * Calls:  world/ (names only), spec/base/meter.
 * Holds:  filled by the loop alone, without locks; what other threads count is copied in by collect(). It is
 * no input: nothing reads it but /metrics, nothing of it is stored or recorded, and without it everything
 * is decided the same. At most METERS_QUEUES queues have meters of their own, and keep them until they are
 * deleted; the others share one. */
#pragma once
#include "reconciler/api/operation.h"
#include "spec/base/meter.h"

#define METERS_QUEUES 100
#define METERS_OTHER  "(other)" /* no name of a resource: what is summed up */

/* Of a tick, in their order. */
typedef enum {
    TICK_EVENTS, /* what providers told is taken in */
    TICK_CALLS,  /* requests are stepped */
    TICK_APPLY,  /* changes of resources are staged */
    TICK_SETTLE, /* runs begin, resources and applies come to rest */
    TICK_DECIDE, /* jobs are placed, instances bought and let go */
    TICK_STORE,  /* the batch is made and handed over */
    TICK_PHASES
} TickPhase;
const char *tick_phase_name(TickPhase phase);

typedef enum {
    ATTEMPT_SUCCEEDED,
    ATTEMPT_FAILED, /* it exited with another code than 0, or was killed */
    ATTEMPT_STOPPED,
    ATTEMPT_TIMED_OUT,
    ATTEMPT_OUT_OF_MEMORY,
    ATTEMPT_REFUSED, /* it never began */
    ATTEMPT_LOST,
    ATTEMPT_OUTCOMES
} AttemptOutcome;
const char *attempt_outcome_name(AttemptOutcome outcome);

typedef enum {
    RECONCILE_UNCHANGED,
    RECONCILE_APPLIED,
    RECONCILE_HELD, /* waits for an approval */
    RECONCILE_REFUSED,
    RECONCILE_BROKEN,
    RECONCILE_RESTED, /* its source was suspended, or a newer revision came */
    RECONCILE_OUTCOMES
} ReconcileOutcome;
const char *reconcile_outcome_name(ReconcileOutcome outcome);

typedef struct {
    uint64_t placements;
    uint64_t attempts[ATTEMPT_OUTCOMES];
    Histogram wait, run; /* SCALE_SLOW */
} QueueMeter;

typedef struct {
    const Operation *operation; /* NULL: of none that there is */
    int code;
    uint64_t count;
} RequestCount;

/* The writer thread's. */
typedef struct {
    Histogram transaction; /* SCALE_FAST */
    uint64_t rows;
} StoreFigures;

typedef struct Meters Meters;
struct Meters {
    int64_t (*now_us)(void);                                            /* the monotonic clock */
    Histogram tick, phases[TICK_PHASES], decided_after, commit, answer; /* SCALE_FAST */
    uint64_t commit_failures;
    Histogram reconcile[RECONCILE_OUTCOMES]; /* SCALE_SLOW */
    Histogram begin[PROVIDER_UNSET];         /* from the decision to the start; SCALE_SLOW */
    CallMeter calls[PROVIDER_UNSET];         /* filled by the providers, which run on the loop */
    uint64_t instances_asked, instances_refused;
    StoreFigures store;
    int64_t resident_bytes, cpu_us;              /* of the process */
    void (*collect)(Meters *meters, void *data); /* brings these up to date; may be NULL */
    void *collect_data;
    GHashTable *queues; /* name → QueueMeter* */
    QueueMeter others;
    GArray *requests; /* of RequestCount */
};

void meters_init(Meters *meters, int64_t (*now_us)(void));
void meters_clear(Meters *meters);
/* Its own, or the one that is shared. */
QueueMeter *meters_queue(Meters *meters, const char *queue);
/* Those of queues that are gone go; others take their places. */
void meters_sweep(Meters *meters, const World *world);
/* meters may be NULL. */
void meters_request(Meters *meters, const Operation *operation, int code);
