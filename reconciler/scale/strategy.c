#include "reconciler/scale/strategy.h"

#include "spec/base/units.h"

static bool is_spot(const ComputeEnvironmentSpec *spec)
{
    return spec->type == CE_TYPE_SPOT;
}

/* ---- prices */

int64_t strategy_max_price(const ComputeEnvironmentSpec *spec, const ScaleCandidate *candidate)
{
    int64_t on_demand = candidate->price_micro_per_h;
    if (!is_spot(spec) || spec->bid_percentage >= 100 || spec->bid_percentage <= 0 || on_demand < 0)
        return SCALE_UNKNOWN;
    return (int64_t)((__int128)on_demand * spec->bid_percentage / 100);
}

StrategyAdmission strategy_admits(const ComputeEnvironmentSpec *spec, const ScaleCandidate *candidate)
{
    if (!is_spot(spec) || spec->bid_percentage >= 100 || spec->bid_percentage <= 0)
        return STRATEGY_ADMITTED;
    if (candidate->price_micro_per_h < 0)
        return STRATEGY_PRICE_UNKNOWN;
    int64_t spot = candidate->spot_micro_per_h;
    return spot < 0 || spot < strategy_max_price(spec, candidate) ? STRATEGY_ADMITTED : STRATEGY_SPOT_PRICE;
}

int64_t strategy_price(const ComputeEnvironmentSpec *spec, const ScaleCandidate *candidate)
{
    if (is_spot(spec) && candidate->spot_micro_per_h >= 0)
        return candidate->spot_micro_per_h;
    int64_t limit = strategy_max_price(spec, candidate);
    return limit >= 0 ? limit : candidate->price_micro_per_h;
}

/* ---- order */

static int64_t rank_of(const ScaleCandidate *candidate)
{
    return candidate->rank >= 0 ? candidate->rank : SCALE_RANK_MIDDLE;
}

static int64_t weight_of(const ComputeEnvironmentSpec *spec, const ScaleCandidate *candidate)
{
    return spec->allocation == ALLOCATION_SPOT_PRICE_CAPACITY_OPTIMIZED ? SCALE_RANK_MAX + rank_of(candidate)
                                                                        : 1;
}

int64_t strategy_cost(const ComputeEnvironmentSpec *spec, const ScaleCandidate *candidate)
{
    int64_t price = strategy_price(spec, candidate);
    if (price < 0 || spec->allocation == ALLOCATION_SPOT_CAPACITY_OPTIMIZED)
        return SCALE_UNKNOWN;
    return price * weight_of(spec, candidate);
}

static int compare(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

/* price x weight / worth of a against that of b, without dividing. */
static int compare_cost(const StrategyOffer *a, int64_t weight_a, int64_t price_a, const StrategyOffer *b,
                        int64_t weight_b, int64_t price_b)
{
    __int128 left = (__int128)price_a * weight_a * MAX(b->worth, 1);
    __int128 right = (__int128)price_b * weight_b * MAX(a->worth, 1);
    return (left > right) - (left < right);
}

static int compare_price(const ComputeEnvironmentSpec *spec, const StrategyOffer *a, const StrategyOffer *b)
{
    int64_t price_a = strategy_price(spec, a->candidate), price_b = strategy_price(spec, b->candidate);
    if ((price_a < 0) != (price_b < 0))
        return price_a < 0 ? 1 : -1;
    if (price_a < 0) {
        price_a = a->candidate->vcpus;
        price_b = b->candidate->vcpus;
    }
    return compare_cost(a, weight_of(spec, a->candidate), price_a, b, weight_of(spec, b->candidate), price_b);
}

static int compare_tie(const StrategyOffer *a, const StrategyOffer *b)
{
    int order = compare(MIN(b->jobs, STRATEGY_JOBS_PER_INSTANCE), MIN(a->jobs, STRATEGY_JOBS_PER_INSTANCE));
    if (!order)
        order = compare(a->candidate->planned.vcpus_e4, b->candidate->planned.vcpus_e4);
    if (!order)
        order = compare(a->candidate->planned.memory_mib, b->candidate->planned.memory_mib);
    return order ? order : compare((int64_t)a->type, (int64_t)b->type);
}

bool strategy_prefers(const ComputeEnvironmentSpec *spec, const StrategyOffer *a, const StrategyOffer *b)
{
    int order = 0;
    switch (spec->allocation) {
    case ALLOCATION_SPOT_CAPACITY_OPTIMIZED:
        order = compare(rank_of(a->candidate), rank_of(b->candidate));
        break;
    case ALLOCATION_BEST_FIT:
    case ALLOCATION_BEST_FIT_PROGRESSIVE:
    case ALLOCATION_SPOT_PRICE_CAPACITY_OPTIMIZED: break;
    }
    if (!order)
        order = compare_price(spec, a, b);
    return (order ? order : compare_tie(a, b)) < 0;
}

/* ---- rules */

bool strategy_waits(const ComputeEnvironmentSpec *spec)
{
    return spec->allocation == ALLOCATION_BEST_FIT;
}

bool strategy_may_exceed(const ComputeEnvironmentSpec *spec)
{
    bool machines = spec->type == CE_TYPE_EC2 || spec->type == CE_TYPE_SPOT;
    return machines && !spec->strict_max && (spec->allocation != ALLOCATION_BEST_FIT || is_spot(spec));
}

int64_t scale_growth_room_e4(const ComputeEnvironmentSpec *spec, int64_t current_vcpus_e4)
{
    if (spec->max_vcpus <= 0)
        return INT64_MAX;
    if (current_vcpus_e4 / DECIMAL_SCALE >= spec->max_vcpus)
        return 0;
    return spec->max_vcpus * DECIMAL_SCALE - current_vcpus_e4;
}
