/* strategy.h: the four allocation strategies: which of several offers is the better one (batch: "Allocation
 * strategies").
 * Owns:   nothing. Calls: scale/candidates, spec/decode. No I/O, no clock.
 * Holds:  strategy_prefers() is a total order over offers for one and the same demand: what it chooses does
 * not depend on the order in which offers are compared. Integers only. */
#pragma once
#include "reconciler/scale/candidates.h"

/* One instance of a type, filled with what waits. */
typedef struct {
    const ScaleCandidate *candidate;
    size_t type;   /* its index: the last tie-break */
    int64_t worth; /* of the jobs that it would take, by default their vCPUs in 1/10,000ths */
    int64_t jobs;  /* how many these are */
} StrategyOffer;

/* At equal cost an instance that takes this many jobs is preferred to a smaller one: fewer machines to boot,
 * yet one long job holds no more than the room of so many. */
#define STRATEGY_JOBS_PER_INSTANCE 8

/* Whether a is better than b.
 *
 * The cost of an offer is its price divided by the worth of the jobs on it, compared as fractions. So what is
 * paid for and not used counts, a type that is too large for the rest of the demand loses, and where all of
 * an instance is used and worth is vCPUs the cost is the price per vCPU.
 *
 *   BEST_FIT, BEST_FIT_PROGRESSIVE      the lower cost
 *   SPOT_CAPACITY_OPTIMIZED             the lower rank, then the lower cost
 *   SPOT_PRICE_CAPACITY_OPTIMIZED       the lower cost x (10 + rank): each step of the rank weighs like 10 %
 * more
 *
 * An unknown rank counts as SCALE_RANK_MIDDLE. In Spot environments the price is the Spot price, else the
 * On-Demand price, which bounds it. A type without any price comes after those with one; among such the price
 * is their number of vCPUs. Ties: more jobs, up to STRATEGY_JOBS_PER_INSTANCE; fewer vCPUs; less memory; the
 * name. */
bool strategy_prefers(const ComputeEnvironmentSpec *spec, const StrategyOffer *a, const StrategyOffer *b);
#define SCALE_RANK_MIDDLE 5

/* What an instance will cost at most, for budgets: the Spot price where it is known, else the limit that
 * strategy_max_price() sets, else the On-Demand price; SCALE_UNKNOWN. */
int64_t strategy_price(const ComputeEnvironmentSpec *spec, const ScaleCandidate *candidate);

/* What a plan of several instances is judged by, for one of a type: the price, with
 * SPOT_PRICE_CAPACITY_OPTIMIZED times (10 + rank). SCALE_UNKNOWN: it has no price, or cost is not what the
 * strategy looks at first. */
int64_t strategy_cost(const ComputeEnvironmentSpec *spec, const ScaleCandidate *candidate);

/* The Spot price limit: bidPercentage of the On-Demand price. SCALE_UNKNOWN: none is to be set (not Spot, or
 * 100 percent, where EC2 itself caps the price), or it cannot be told; strategy_admits() tells these apart.
 */
int64_t strategy_max_price(const ComputeEnvironmentSpec *spec, const ScaleCandidate *candidate);

typedef enum {
    STRATEGY_ADMITTED,
    STRATEGY_SPOT_PRICE,   /* the Spot price is not below the limit */
    STRATEGY_PRICE_UNKNOWN /* there is a limit, and the On-Demand price that it refers to is not known */
} StrategyAdmission;
StrategyAdmission strategy_admits(const ComputeEnvironmentSpec *spec, const ScaleCandidate *candidate);

/* BEST_FIT waits for its type while that is in cool-down; the others take further types. */
bool strategy_waits(const ComputeEnvironmentSpec *spec);
/* Whether the last instance may exceed maxvCpus: always but with BEST_FIT On-Demand and strictMaxvCpus. */
bool strategy_may_exceed(const ComputeEnvironmentSpec *spec);

/* vCPUs (1/10,000ths) by which an environment may still grow to maxvCpus, current being what its instances
 * have, or on Fargate its tasks; INT64_MAX: no limit. Where this is above 0 and strategy_may_exceed(), one
 * instance of any size may still be started. */
int64_t scale_growth_room_e4(const ComputeEnvironmentSpec *spec, int64_t current_vcpus_e4);
