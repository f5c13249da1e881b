/* scale.h: which instances of one environment to start, drain and stop.
 * Owns:   nothing; input is the caller's, decisions live in its Arena.
 * Calls:  scale/demand, scale/pack, scale/account, spec/. No I/O, no clock: now_ms is the tick's.
 * Holds:  1. vCPUs stay within maxvCpus but for one instance, where strategy_may_exceed() (invariant 7); a
 * gang never exceeds it.
 *         2. Nothing idle is stopped where less than minvCpus would remain; nothing on which a task is is
 * stopped.
 *         3. Demand is met in its order: where room or money ends, what stands behind gets nothing of it.
 *         4. Nothing is started whose cost is not known where a budget is set.
 *         5. Equal input gives equal decisions; the order of instances and of pools plays no role, nor that
 * of demand while all of it can be met (invariant 8). docs/scheduling.md explains every rule with an example.
 */
#pragma once
#include "reconciler/scale/pack.h"

#define SCALE_IDLE_MS     60000 /* an instance is stopped so long after its last task ended, or it registered */
#define SCALE_REGISTER_MS 600000 /* one that has not registered by then never will */
#define SCALE_LAUNCH_MAX  1000   /* instances started by one run */
#define SCALE_ZONES_MAX   32

typedef enum {
    SCALE_INTENDED, /* not answered, or not known: nothing is decided about it */
    SCALE_PENDING,  /* boots */
    SCALE_REGISTERED,
    SCALE_DRAINING,
    SCALE_STOPPING
} ScaleState;

/* One that is not gone. */
typedef struct {
    uint64_t number;
    size_t type; /* SCALE_NO_TYPE: none of the candidates any more */
    ScaleState state;
    bool ran;  /* had a task already */
    bool held; /* somebody waits for it (the rest of a gang comes): not idle */
    size_t launches;
    int64_t vcpus;
    int64_t price_micro_per_h; /* SCALE_UNKNOWN */
    int64_t intended_ms;
    int64_t idle_since_ms;     /* 0: not idle */
    int64_t draining_since_ms; /* of DRAINING */
    uint64_t generation;
} ScaleInstance;

/* No capacity of a type in a zone until then. */
#define SCALE_EVERY_ZONE SIZE_MAX
typedef struct {
    size_t type, zone; /* zone: below ScaleInput.zones, or SCALE_EVERY_ZONE */
    bool spot;
    int64_t until_ms;
} ScalePool;

typedef struct {
    const ComputeEnvironmentSpec *spec;
    bool is_leaving; /* it goes, or becomes another one: no minimum is kept */
    const ScaleCandidates *candidates;
    int64_t now_ms;
    bool is_invalid;     /* status INVALID: starts nothing */
    uint64_t generation; /* of the environment: instances of lower ones are replaced */
    size_t zones;        /* that instances may be started in; 0 counts as 1 */
    const ScaleInstance *instances;
    size_t instances_len;
    const ScaleDemand *demand;
    size_t demand_len;
    const ScalePool *cooling;
    size_t cooling_len;
    /* What the environment has spent on the UTC day and in the month of now_ms; incomplete: something of
     * unknown price ran. Read only where a budget is set. */
    int64_t spent_day_micro, spent_month_micro;
    bool spent_is_incomplete;
} ScaleInput;

/* What is kept, or made, without demand. */
static inline int64_t scale_least_vcpus(const ScaleInput *input)
{
    return input->is_leaving ? 0 : input->spec->min_vcpus;
}

typedef struct {
    size_t type;
    int64_t count;
    bool spot;
    int64_t max_price_micro_per_h; /* the Spot price limit to ask for; SCALE_UNKNOWN: none */
} ScaleLaunch;

typedef enum {
    RELEASE_DRAIN,    /* takes no new tasks */
    RELEASE_END_JOBS, /* its jobs are terminated: updatePolicy. Said in every run until they have ended */
    RELEASE_STOP      /* no task is on it */
} ReleaseKind;
typedef enum {
    RELEASE_IDLE,
    RELEASE_MAKE_ROOM, /* idle, before its time: a job that it cannot hold waits for maxvCpus */
    RELEASE_REPLACED,  /* of an old generation */
    RELEASE_DRAINED,
    RELEASE_NOT_REGISTERED /* counts as a failed launch */
} ReleaseReason;
typedef struct {
    uint64_t number;
    ReleaseKind kind;
    ReleaseReason reason;
} ScaleRelease;

typedef struct {
    ScaleLaunch *launches; /* by type */
    size_t launches_len;
    ScaleRelease *releases; /* by number */
    size_t releases_len;
    ScaleUnmet *unmet; /* by demand; of one demand several reasons are possible, for different parts of it */
    size_t unmet_len;
    int64_t floor_missing; /* vCPUs that minvCpus lacks and nothing was started for; 0: none */
    UnmetReason floor_reason;
    PackBin *bins; /* how demand is meant to lie on what is started, for explain */
    size_t bins_len;
    int64_t vcpus;             /* desiredvCpus after these launches */
    int64_t price_micro_per_h; /* of what runs and is started; SCALE_UNKNOWN */
    int64_t
        wake_at_ms; /* when the answer may change though nothing happens; INT64_MAX: never; now: at once */
} ScaleDecisions;

void scale_run(const ScaleInput *input, Arena *arena, ScaleDecisions *ret_decisions);
