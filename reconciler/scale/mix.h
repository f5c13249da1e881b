/* mix.h: the cheapest of several plans for one demand.
 * Owns:   nothing; results live in the caller's Arena.
 * Calls:  scale/pack. No I/O, no clock.
 * Holds:  what it answers serves what the first plan serves, within the same limits, exceeds maxvCpus no
 * further, and costs less or is the first plan. The work is bounded (MIX_STEPS_MAX): where the first plan
 * took more, it stands.
 *
 * A plan that counts vCPUs alone pays for memory twice: jobs that need much of it take types with much of it,
 * and jobs that need little are counted as if they filled these. So others are made in which vCPUs, memory
 * and GPUs are worth what they cost: as much as possible, while no type offers more than its price. For what
 * share of its highest worth memory counts, several values are tried; first the one at which the whole demand
 * is worth most. That is also a bound that no mix can be below (it is the dual of the linear programme that
 * pools what instances offer), and a plan close to it ends the search. */
#pragma once
#include "reconciler/scale/pack.h"

#define MIX_STEPS_MAX 50000

/* first: what pack_demand() made of the same arguments; its end is PACK_WHOLE. */
Pack *mix_cheapest(const DemandTable *table, const int64_t *taken, PackLimits limits, Pack *first,
                   Arena *arena);
