/* demand.h: what waits for instances, sorted for packing, and for what of it no instance can be started now.
 * Owns:   nothing; a DemandTable lives in the caller's Arena and borrows what it was made of.
 * Calls:  scale/candidates, scale/strategy. No I/O, no clock.
 * Holds:  equal needs are one item, so that the order of demand plays no role in packing; only demand_take()
 * knows it. */
#pragma once
#include "reconciler/scale/strategy.h"
#include "spec/base/arena.h"

/* What does not fit into free or coming capacity, in the order in which it is to be met. */
typedef struct {
    Capacity need; /* of one job, or of each node */
    int64_t count; /* jobs, or gangs */
    /* 0: jobs that share instances. Else instances that a gang still lacks, each for one node alone; all are
     * started or none. */
    int64_t nodes;
    const char *node_type; /* the only type allowed; NULL: any */
} ScaleDemand;

/* Why demand is not met. */
typedef enum {
    UNMET_NO_TYPE,       /* no type of the environment can ever hold it */
    UNMET_ABOVE_MAX,     /* have: vCPUs of the smallest instances that could hold it, limit: maxvCpus, never
                            exceeded */
    UNMET_COOLING_DOWN,  /* until_ms: its types had no capacity lately (type: the first that is free again) */
    UNMET_SPOT_PRICE,    /* have: price of type, limit: bidPercentage of its On-Demand price */
    UNMET_PRICE_UNKNOWN, /* a budget or a Spot price limit is set, and a price (of type) is not known */
    UNMET_AT_MAX_VCPUS,  /* have: vCPUs at present, limit: maxvCpus */
    /* have: spent, limit: budget; millionths. until_ms: when it may be met; 0: never, since an hour of type
     * alone (have) costs more than the budget */
    UNMET_BUDGET_DAY,
    UNMET_BUDGET_MONTH,
    UNMET_DISABLED,
    UNMET_INVALID,
    UNMET_LATER /* more than one run looks at or starts: the next run goes on */
} UnmetReason;
#define UNMET_REASONS (UNMET_LATER + 1)
const char *unmet_reason_name(UnmetReason reason); /* "AT_MAX_VCPUS" */

#define SCALE_NO_TYPE SIZE_MAX

typedef struct {
    size_t demand; /* index */
    int64_t count; /* of it */
    UnmetReason reason;
    size_t type; /* SCALE_NO_TYPE: none in particular */
    int64_t have, limit, until_ms;
} ScaleUnmet;

/* Why, with its figures, of what needs it: "budget of the day: 1.40 USD of 2.00 USD spent". type: the name of
 * unmet->type, NULL where there is none; currency: NULL where none is known. */
void unmet_append_text(const ScaleUnmet *unmet, const char *type, const char *currency, GString *out);

typedef enum { TYPE_USABLE, TYPE_COOLING, TYPE_SPOT_PRICE, TYPE_PRICE_UNKNOWN } TypeState;
typedef struct {
    TypeState state;
    int64_t until_ms; /* of TYPE_COOLING */
} TypeUse;

typedef struct {
    Capacity need;
    bool on_gpu_hosts; /* it needs GPUs, or only hosts with GPUs can hold it */
} DemandItem;

typedef struct {
    const ComputeEnvironmentSpec *spec;
    const ScaleCandidates *candidates;
    const TypeUse *uses; /* by type */
    const ScaleDemand *demand;
    size_t demand_len;
    bool *is_refused;   /* by demand: nothing can be started for it, see unmet */
    bool *on_gpu_hosts; /* by demand, as in DemandItem */
    size_t *item_of;    /* by demand, where it is not refused and no gang */
    ScaleUnmet *unmet;  /* why, of the refused */
    size_t unmet_len;
    DemandItem *items; /* those on GPU hosts first; then by GPUs, vCPUs, memory, falling */
    size_t items_len, gpu_items_len;
    /* by item: the least that it or any later item of its kind of host needs */
    int64_t *least_vcpus_e4, *least_mib;
    /* Types that may be started or (BEST_FIT) waited for, best first for demand that fills them, without
     * those that another one of equal size excels in everything. */
    size_t *types;
    size_t types_len;
} DemandTable;

/* How much one run looks at: of what can be started for, and at all. What is beyond is UNMET_LATER. */
#define DEMAND_ITEMS_MAX 512
#define DEMAND_SCAN_MAX  16384

/* uses: by type, borrowed as the rest is. */
DemandTable *demand_table_new(const ComputeEnvironmentSpec *spec, const ScaleCandidates *candidates,
                              const TypeUse *uses, const ScaleDemand *demand, size_t demand_len,
                              Arena *arena);
/* Jobs and gangs that are not refused. */
int64_t demand_units(const DemandTable *table);
/* How many of each demand are among the first `units` in order. */
void demand_take(const DemandTable *table, int64_t units, int64_t *ret_taken);
/* Whether jobs of this kind may be on a type: hosts with GPUs are not for what other types can hold (batch:
 * "GPUs"). */
bool demand_may_use(const ScaleCandidate *candidate, bool on_gpu_hosts);
