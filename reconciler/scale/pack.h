/* pack.h: how many instances of which types the demand needs.
 * Owns:   nothing; results live in the caller's Arena.
 * Calls:  scale/demand. No I/O, no clock.
 * Holds:  no instance of the plan takes more than its type offers; a gang has its instances for itself, and
 * all of them or none; vCPUs and money stay within the limits, but for one instance where the strategy allows
 * it. The work is bounded (PACK_STEPS_MAX), whatever the demand.
 *
 * Instance by instance: the largest job left opens one, and others are put on it as long as they fit. That is
 * done in thought with every type that holds the job; the strategy chooses, and as many equal instances are
 * taken at once as there are jobs for. A PackRule says what is put on and what it is worth; without one it is
 * first fit, decreasing, and vCPUs. */
#pragma once
#include "reconciler/scale/demand.h"

#define PACK_STEPS_MAX 400000

typedef struct {
    int64_t vcpus;             /* room up to maxvCpus; INT64_MAX: no limit; 0 or less: none */
    int64_t money_micro_per_h; /* what new instances may cost together; INT64_MAX: no limit */
    int64_t instances;         /* how many may be started at most */
} PackLimits;

/* Jobs of one size on an instance. */
typedef struct {
    Capacity need;
    int64_t count;
} PackPart;

typedef struct {
    size_t type;
    int64_t copies; /* instances that are filled alike */
    PackPart *parts;
    size_t parts_len;
} PackBin;

typedef enum {
    PACK_WHOLE,    /* everything taken has its place, or waits (BEST_FIT) */
    PACK_VCPUS,    /* stopped: no room below maxvCpus */
    PACK_MONEY,    /* stopped: too expensive */
    PACK_INSTANCES /* stopped: more instances than the limit */
} PackEnd;

typedef struct {
    PackEnd end;
    int64_t *launches; /* by type */
    PackLimits left;   /* of the limits; vcpus below 0: so much above maxvCpus */
    PackBin *bins;     /* what lies where */
    size_t bins_len, bins_size;
    int64_t steps; /* that it took: items looked at */
    /* BEST_FIT: what waits for a type in cool-down, by item and by demand (gangs); NULL: nothing does. */
    int64_t *waiting, *waiting_gangs;
    size_t *waiting_type, *waiting_gangs_type;
} Pack;

/* What jobs are worth, in any unit that is the same for all of them: an offer's cost is its price per worth.
 */
typedef struct {
    int64_t vcpu_e4, mib, gpu; /* of one each */
} PackWorth;
typedef enum {
    FILL_FALLING, /* what follows in falling order, as much of each as fits */
    FILL_BALANCED /* what is worth most for the part of the free vCPUs or memory that it takes, whichever is
                     more */
} PackFill;
typedef struct {
    PackWorth worth[2]; /* of jobs that need no host with GPUs, and of those that do */
    PackFill fill;
    const bool *without; /* by type: not to be used; NULL: all may be */
} PackRule;

/* taken: by demand, how many of it to pack (demand_take). What is refused is left out. */
Pack *pack_demand(const DemandTable *table, const int64_t *taken, PackLimits limits, Arena *arena);
/* The same by another rule. NULL: it would take more than *steps, of which what it took is taken off. */
Pack *pack_by_rule(const DemandTable *table, const int64_t *taken, PackLimits limits, const PackRule *rule,
                   int64_t *steps, Arena *arena);
