/* result.h: what a simulation found.
 * Owns:   a SimulationResult owns everything it points to.
 * Calls:  forecast/series, GLib.
 * Holds:  plain data, integers throughout: money in millionths of its currency, vCPUs in 1/10,000ths, times
 * in milliseconds; times of day are absolute, as the simulated clock showed them. Amounts of different
 * currencies are never added up; what has no known price is counted, never taken for 0. Lists are sorted:
 * queues, shares and environments by name, instances by number. Memory is bounded however long the simulation
 * was. */
#pragma once
#include "reconciler/forecast/series.h"
#include "spec/base/units.h"
#include "spec/decode.h"

typedef struct {
    int64_t submitted, succeeded, failed;
    int64_t infeasible; /* can never run */
    int64_t unfinished; /* at the end: neither of the above */
    int64_t attempts, attempts_lost;
} JobCounts;

typedef enum { AT_P50, AT_P95, AT_P99, AT_COUNT } Percentile;

/* Waits run from RUNNABLE to the first STARTING; of jobs that waited still at the end, what they had waited.
 * Slowdown is (wait + run) / max(run, 10 s), at least 1, of jobs that ended; run includes retries. */
typedef struct {
    int64_t waits, wait_ms[AT_COUNT], wait_max_ms;
    int64_t ended, slowdown_e3[AT_COUNT];
} WaitStatistics;

/* Whoever waited longest, in words for people; name NULL: nobody waited. */
typedef struct {
    char *name;        /* with :INDEX of an array */
    char *reason;      /* what it waited for, may be NULL */
    char *environment; /* where it started, NULL: it did not */
    int64_t runnable_ms, wait_ms;
    ResourceNeed need;
} LongestWait;

typedef struct {
    char *identifier; /* "" in a FIFO queue */
    JobCounts jobs;
    WaitStatistics waits;
    int64_t vcpu_seconds; /* of all attempts */
} ResultShare;

/* Amounts in one currency. idle: the part of the price that was paid for vCPUs that nothing ran on. Where
 * prices are missing (unpriced of instances and tasks) micro is what the others cost, and most what all cost
 * at most. */
typedef struct {
    char *currency;
    int64_t micro, idle_micro;
    int64_t most_micro; /* -1: not known either */
    int64_t unpriced;
} ResultMoney;

typedef struct {
    char *name;
    JobCounts jobs;
    WaitStatistics waits;
    LongestWait longest;
    ResultShare *shares;
    size_t shares_len;
    Series *runnable, *running; /* jobs */
    int64_t runnable_max;
    int64_t drained_ms; /* when its last job ended; -1: it is not drained, or had none */
    int64_t vcpu_seconds;
    /* Its part of what its environments cost, by the vCPU seconds that its attempts took there. */
    ResultMoney *costs;
    size_t costs_len;
    /* Of its costliest 24 hours from start; -1: none, or several currencies. The same at most; -1: nor known.
     */
    int64_t cost_day_max_micro, cost_day_most_micro;
} ResultQueue;

typedef enum { OF_VCPU, OF_MEMORY, OF_GPU, RESOURCE_TYPES } ResourceType;

/* Time integrals over the makespan: what attempts held, what registered instances had, what maxvCpus allowed
 * (vCPUs only). In units of the resource times seconds. */
typedef struct {
    int64_t used[RESOURCE_TYPES], allocated[RESOURCE_TYPES], limit_vcpus;
} Utilisation;
/* Of a whole in 1/10,000ths; -1: the whole is nothing. */
int64_t ratio_e4(int64_t part, int64_t whole);

typedef struct {
    char *name, *type; /* "SPOT", "EC2", "FARGATE", "local" … */
    Utilisation utilisation;
    Series *used_vcpus, *allocated_vcpus; /* in 1/10,000ths */
    Series *rate, *rate_most; /* of what is paid: millionths an hour; at most, as in ResultMoney */
    int64_t used_vcpus_max_e4, allocated_vcpus_max_e4, limit_vcpus_e4; /* limit 0: none */
    int64_t instances, instances_lost, attempts;
    int64_t unpriced,
        unbounded;    /* instances and tasks without a known price; of them without a known bound */
    ResultMoney cost; /* currency NULL: it costs nothing, or nothing is known */
} ResultEnvironment;

typedef struct {
    uint64_t number;
    uint32_t environment; /* index */
    bool spot;
    const char *type; /* the result's */
    int64_t started_ms;
    int64_t registered_ms, ended_ms;       /* -1: not */
    int64_t price_micro_per_h, cost_micro; /* -1: unknown */
    int64_t most_micro_per_h, most_micro;  /* at most, where the price is unknown; -1: unknown too */
    int64_t busy_e4;                       /* vCPUs held, of those it had while registered; -1: never was */
    const char *reason;                    /* why it ended, the result's; may be NULL */
} ResultInstance;

typedef struct {
    ResultMoney money;
    Series *rate;                                        /* millionths an hour */
    int64_t rate_max_micro_per_h, rate_most_micro_per_h; /* most: -1: not known, see ResultMoney */
} ResultCost;

/* Jobs that can never run, by what they need and why. */
typedef struct {
    char *queue, *definition, *job; /* job: the first one's name */
    char *reason;
    ResourceNeed need;
    int64_t count;
} InfeasibleJobs;

typedef struct {
    char *kind, *name;                    /* "Pipeline", "nightly-calls" */
    int64_t number, started_ms, ended_ms; /* ended -1: not */
    bool succeeded;
} ResultRun;

/* How Spot is taken to behave, in 1/10,000ths. */
typedef struct {
    int64_t reclaims_per_h_e4; /* of each machine while it is registered, on average */
    int64_t refused_e4;        /* of launches: there is no capacity */
} SpotRisk;

typedef struct SimulationResult {
    char *source, *provider;
    uint64_t seed;
    SpotRisk spot_risk;
    int64_t start_ms, end_ms; /* of the simulated clock */
    int64_t makespan_ms;      /* from start to the end of the last job */
    bool is_cut;              /* --until ended it, or a limit: work was left */
    JobCounts jobs;
    WaitStatistics waits;
    ResultQueue *queues;
    size_t queues_len;
    ResultEnvironment *environments;
    size_t environments_len;
    Utilisation utilisation;
    ResultInstance *instances; /* at most RESULT_INSTANCES_MAX */
    size_t instances_len;
    int64_t instances_started, instances_lost, instances_left; /* left: alive at the end */
    int64_t unpriced;
    ResultCost *costs; /* by currency */
    size_t costs_len;
    InfeasibleJobs *infeasible;
    size_t infeasible_len;
    int64_t infeasible_more; /* jobs beyond RESULT_INFEASIBLE_MAX kinds */
    ResultRun *runs;
    size_t runs_len;
    int64_t runs_more; /* beyond RESULT_RUNS_MAX */
    char **notes;      /* what it rests on and leaves out; NULL-terminated */
    GStringChunk *texts;
} SimulationResult;

#define RESULT_INSTANCES_MAX  200000
#define RESULT_INFEASIBLE_MAX 100
#define RESULT_RUNS_MAX       1000
#define RESULT_NOTES_MAX      50

void simulation_result_free(SimulationResult *result);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SimulationResult, simulation_result_free)
