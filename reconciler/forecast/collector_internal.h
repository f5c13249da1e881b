/* collector_internal.h: what the parts of the collector share. Private. */
#pragma once
#include "reconciler/forecast/collector.h"
#include "reconciler/forecast/quantiles.h"

typedef struct {
    Quantiles *waits, *slowdowns;
} WaitBook;

typedef struct {
    char *identifier;
    uint32_t queue;
    JobCounts jobs;
    WaitBook book;
    __int128 vcpu_ms_e4;
} ShareBook;

typedef struct {
    char *name;
    JobCounts jobs;
    WaitBook book;
    LongestWait longest;
    Series *runnable, *running;
    int64_t last_end_ms, open; /* submitted less ended and infeasible */
    __int128 vcpu_ms_e4;
    GArray *by_environment; /* of __int128: vCPU-ms of its attempts, by environment */
    GPtrArray *shares;      /* of ShareBook, borrowed */
} QueueBook;

typedef struct {
    char *name, *type, *currency;
    int64_t limit_vcpus_e4;
    Series *used[RESOURCE_TYPES], *allocated[RESOURCE_TYPES], *rate, *rate_most;
    int64_t instances, instances_lost, attempts, unpriced, unbounded;
    int64_t cost_micro, most_micro, idle_micro; /* most: with what bounds unknown prices */
    __int128 vcpu_ms_e4;                        /* of all attempts */
} EnvironmentBook;

typedef struct {
    ResultInstance row;
    int64_t vcpus_e4, used_vcpus_e4, changed_ms;
    __int128 used_ms_e4; /* vCPU-ms up to changed_ms */
} InstanceBook;

typedef struct {
    char *currency;
    Series *rate, *rate_most;
} CostBook;

struct Collector {
    char *source, *provider;
    uint64_t seed;
    SpotRisk spot_risk;
    int64_t start_ms, last_end_ms;
    JobCounts jobs;
    WaitBook book;
    GPtrArray *queues, *shares, *environments;           /* of books; owned */
    GHashTable *queue_ids, *share_ids, *environment_ids; /* name → handle + 1 */
    GHashTable *living;                                  /* number → InstanceBook; owned */
    GArray *ended; /* of ResultInstance, RESULT_INSTANCES_MAX at most with living */
    int64_t instances_started, instances_lost;
    GPtrArray *costs;          /* of CostBook; owned */
    GPtrArray *infeasible;     /* of InfeasibleJobs; owned */
    GHashTable *infeasible_by; /* key text → InfeasibleJobs, borrowed */
    int64_t infeasible_more, runs_more;
    GArray *runs;     /* of ResultRun */
    GPtrArray *notes; /* owned */
    GStringChunk *texts;
};

Series *collector_series(const Collector *collector);
static inline EnvironmentBook *collector_environment_book(Collector *collector, uint32_t environment)
{
    return collector->environments->pdata[environment];
}
/* Final figures of an instance that ends, or that lives when everything ends. */
void instance_settle(Collector *collector, InstanceBook *instance, int64_t now_ms);
void wait_book_init(WaitBook *book);
void wait_book_clear(WaitBook *book);
