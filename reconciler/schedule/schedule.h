/* schedule.h: runnable jobs become placements, and what they lack becomes demand.
 * Owns:   nothing; decisions live in the caller's Arena, and hold until the world changes.
 * Calls:  world/, scale/catalogue, spec/. No I/O, no clock.
 * Holds:  1. Equal world and time give equal decisions, whatever the history and the addresses (invariant 8);
 * no environment above maxvCpus, no instance above its capacity (invariant 7): what is placed is taken from
 * its instance at once.
 *         2. Queues by priority. Queues of one priority together, the earliest head first. In a FIFO queue
 * retried jobs come first, then the order of submission; in a fair-share queue the share with the least use
 * times weight (share_use()), charged within the pass; in a share schedulingPriority, then as FIFO.
 *         3. A job tries the environments of its queue in order. Fargate's capacity is maxvCpus; elsewhere
 * the instance that is left the fullest takes it, and machines with GPUs are kept for jobs that want some.
 *         4. What can never run is parked and in nobody's way. What only has to wait gets a reservation
 * (hold.h): the earliest place and time by what is expected to end, and others go ahead there only where they
 * do not delay it. A queue with strict order lets nothing ahead.
 *         5. Nobody starves: see hold.h for the bound.
 *         6. An array's children placed together are placed as they would be one by one.
 *         7. A DISABLED queue takes no submissions, but what is in it runs (as in Batch). */
#pragma once
#include "reconciler/world/world.h"
#include "spec/base/arena.h"

/* From this age on the head of a queue has a host kept free for it. */
#define HOLD_AFTER_MS (10 * 60 * 1000)
/* A multinode job that gathers instances lets another try after so long. */
#define GANG_TURN_MS (10 * 60 * 1000)
/* And again itself, if none has taken its turn by then. */
#define GANG_YIELD_MS 1000
#define NOT_A_NODE    (-1)

typedef struct {
    Job *job;
    int32_t index; /* NOT_A_CHILD, or the first child */
    int32_t count; /* children: index and those that job_next_runnable() gives behind it; else 1 */
    int32_t node;  /* NOT_A_NODE, or of a multinode job: its nodes stand together, from 0 on */
    Environment *environment;
    Instance *instance; /* NULL: Fargate. Its capacity is taken already; a node takes all of it */
} Placement;

typedef struct {
    RunnableGroup *group; /* for world_park() */
    BlockedReason blocked;
    const char *reason;
} Parked;

/* What would run if the environment had it: neither free nor coming. In order of dispatch. */
typedef struct {
    Environment *environment;
    RunnableGroup *group;
    Capacity need; /* of one job, or of one node */
    int64_t count; /* jobs; of a multinode job 1 */
    int64_t nodes; /* 1; of a multinode job the instances that are still missing, each for itself */
    const char *instance_type; /* NULL: any */
} Demand;

/* jobStateTimeLimitActions: for job_end() with END_CANCEL. */
typedef struct {
    Job *job;
    int32_t index;
    BlockedReason blocked;
    const char *reason;
} Cancel;

typedef struct {
    Placement *placements;
    size_t placements_len;
    size_t starts; /* sum of their counts */
    Parked *parked;
    size_t parked_len;
    Demand *demand;
    size_t demand_len;
    Cancel *cancels;
    size_t cancels_len;
    bool is_full;    /* placements_max was reached: more may fit, and demand is not complete */
    int64_t wake_ms; /* something is due then by time alone; INT64_MAX: nothing is */
} Decisions;

/* vCPUs (1/10,000ths) by which an environment may grow now for work of this group; 0: no type that holds it
 * can be bought now. */
typedef int64_t (*GrowthFunc)(const Environment *environment, const RunnableGroup *group, void *data);
/* Why an environment cannot get instances now; BLOCKED_NONE: it can, or it merely is at its limit. */
typedef BlockedReason (*TroubleFunc)(const Environment *environment, void *data);

typedef struct {
    int64_t now_ms;
    size_t placements_max; /* starts */
    int32_t bulk_max;      /* children in one placement; 0: any number */
    bool check_skipped;    /* makes sure that what is left out as not fitting does not fit: for tests */
    unsigned providers;    /* bits 1 << ProviderType: whose environments take jobs here; 0: all */
    GrowthFunc growth;     /* NULL: no environment grows */
    TroubleFunc trouble;   /* NULL: none has any */
    void *data;            /* of both */
} ScheduleOptions;

/* What is placed is taken from its instances: the caller makes a launch of each placement (launch_intend()).
 * Else the world changes only in what the scheduler notes for its next pass. */
void schedule_run(World *world, const ScheduleOptions *options, Arena *arena, Decisions *ret_decisions);
