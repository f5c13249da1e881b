/* explain.h: why a job is where it is: the arithmetic, what it is behind, when it is expected to start, and
 * the smallest change that would help. Owns:   nothing; an Explanation lives in the caller's Arena and
 * borrows from the world: it holds until that changes. Calls:  pass.h, world/, scale/. No clock. What an
 * environment's instances cost and why none can be had comes through ExplainOptions: who buys them is the
 * engine's business. Holds:  1. Computed when it is asked for, from the group (shape, queue, share), in time
 * that does not grow with the jobs that wait: what would have to be counted further than EXPLAIN_AHEAD_MAX is
 * "more than".
 *         2. A change is told only after it was tried on changed specs: with it the job is placed or its
 * instance is asked for when its turn comes, or (EXPLAIN_WAITS) it waits where it could never have run.
 *         3. Nothing in the world changes but caches. */
#pragma once
#include <jansson.h>
#include "reconciler/scale/demand.h"
#include "reconciler/schedule/schedule.h"

#define EXPLAIN_AHEAD_MAX   1000
#define EXPLAIN_CHANGES_MAX 4
#define EXPLAIN_EDITS_MAX   8

/* Of an environment that buys instances, as its last run found; see growth.h. */
typedef struct {
    bool refused; /* unmet says why nothing is bought for this group */
    ScaleUnmet unmet;
    const char *type, *currency; /* of unmet; or NULL */
    BlockedReason trouble;       /* as TroubleFunc */
} ExplainGrowth;
/* False: the environment buys no instances. */
typedef bool (*ExplainGrowthFunc)(const Environment *environment, const RunnableGroup *group,
                                  ExplainGrowth *ret_growth, void *data);

typedef struct {
    int64_t now_ms;
    unsigned providers;       /* as in ScheduleOptions; 0: all */
    ExplainGrowthFunc growth; /* NULL: not known; then what an environment's spec says */
    void *data;               /* of growth */
} ExplainOptions;

/* What one environment of the queue says; ordered: of several the lowest decides. */
typedef enum {
    EXPLAIN_FREE,      /* it fits now */
    EXPLAIN_COMING,    /* an instance is on its way that can take it */
    EXPLAIN_BUYS,      /* an instance can be bought for it */
    EXPLAIN_FULL,      /* it would fit, and something has to end */
    EXPLAIN_MAX,       /* the same, and maxvCpus is reached */
    EXPLAIN_NO_GROWTH, /* the same, and no instance can be had at present: no capacity, budget, price */
    EXPLAIN_UNKNOWN,   /* nobody can say */
    EXPLAIN_CLOSED,    /* DISABLED, being replaced, another provider's, not there */
    EXPLAIN_NEVER      /* it can never run there */
} ExplainVerdict;
const char *explain_verdict_name(ExplainVerdict verdict); /* "FREE" */

typedef struct {
    const char *name; /* of the environment */
    ExplainVerdict verdict;
    const char *text;    /* the arithmetic, without times */
    int64_t free_ms;     /* when what is expected to end leaves room; 0: unknown */
    int64_t asked_ms;    /* COMING: when the instance was asked for */
    int64_t until_ms;    /* NO_GROWTH: when that may be over; 0: unknown */
    int64_t expected_ms; /* when the job would start there, nothing in between; 0: unknown */
} ExplainRoom;

/* Something that has to happen before it is RUNNABLE. */
typedef struct {
    const char *text; /* "job 5b0c… (align) must SUCCEED; it is RUNNING" */
    bool is_job;
    JobId job;
    int32_t index;
} ExplainHold;

typedef struct {
    const char *identifier;
    int64_t weight_e4, held_vcpus_e4, max_vcpus_e4; /* max 0: no limit */
    int64_t used_vcpu_ms;                           /* in the window, by age, without its weight */
    int64_t rank, ranks; /* by use times weight among shares with runnable work; 1 is first */
    int64_t queue_held_vcpus_e4, queue_limit_e4; /* limit 0: no computeReservation in force */
    bool is_at_limit, is_at_reservation;         /* this holds the job back now */
} ExplainShare;

typedef struct {
    const char *name;
    int64_t need, available, total, in_use, used_up;
    bool exists, is_short;
} ExplainConsumable;

typedef struct {
    Kind kind;         /* KIND_JOB: the request of this job */
    const char *name;  /* of the resource; of a job its id */
    const char *path;  /* "spec.computeResources.maxvCpus" */
    const char *value; /* JSON */
} ExplainEdit;

typedef enum { EXPLAIN_STARTS, EXPLAIN_GETS_INSTANCE, EXPLAIN_WAITS } ExplainEffect;

typedef struct {
    ExplainEdit edits[EXPLAIN_EDITS_MAX];
    size_t edits_len;
    const char *text; /* "memory 60416"; "add g5.4xlarge to ComputeEnvironment/spot" */
    ExplainEffect effect;
    int64_t expected_ms; /* 0: unknown */
    const char *environment;
    int64_t size; /* the smaller, the less is changed */
} ExplainChange;

typedef struct {
    JobState state;
    int32_t index;    /* as asked; of an array its next runnable child where that is what is explained */
    bool waits;       /* it is RUNNABLE: all below counts */
    bool never;       /* no environment of its queue can ever run it */
    int64_t since_ms; /* RUNNABLE since; 0: not yet */
    const char *queue, *queue_note; /* note: NULL, or what the queue itself adds */
    Capacity need;
    int64_t nodes, attempt, attempts; /* attempt: the next one */
    ExplainHold *holds;
    size_t holds_len;
    int64_t ahead; /* jobs of its queue (fair: of its share) that come first */
    bool ahead_more;
    const Job *behind; /* the last of them; NULL: none, or not known */
    int32_t behind_index;
    int64_t queues_ahead; /* of a higher priority that share an environment and have runnable jobs */
    ExplainShare *share;  /* NULL: FIFO */
    ExplainConsumable *consumables;
    size_t consumables_len;
    ExplainRoom *rooms;
    size_t rooms_len;
    BlockedReason blocked; /* Batch's code where it applies */
    const char *blocked_text;
    int64_t expected_ms;    /* 0: unknown */
    bool is_earliest;       /* others come first: not before expected_ms */
    ExplainChange *changes; /* the smallest that works first */
    size_t changes_len;
} Explanation;

/* index: NOT_A_CHILD or a child. The job is in memory; a final one has nothing but its state. */
void explain_job(World *world, Job *job, int32_t index, const ExplainOptions *options, Arena *arena,
                 Explanation *ret_explanation);
