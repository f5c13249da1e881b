/* growth_internal.h: what growth*.c share. */
#pragma once
#include "reconciler/growth.h"
#include "reconciler/scale/growth_memory.h"
#include "reconciler/scale/strategy.h"
#include "spec/base/units.h"

#define GROWTH_STORE_MS 60000 /* accounts are written so often at most, but for cool-downs */

/* Why some demand was not met by the last run. */
typedef struct {
    Capacity need;
    ScaleUnmet unmet;
} GrowthUnmet;

typedef struct {
    char *name;
    Digest digest; /* of the spec that all below was made for */
    ScaleCandidates *candidates;
    char *region;        /* whose prices they have; or NULL */
    GrowthMemory memory; /* its rate is the one that was written */
    LaunchFailures failures;
    int64_t stored_ms;
    int64_t rate_micro_per_h; /* of what was paid for at Environment.changes == rate_changes */
    size_t unpriced;
    uint64_t rate_changes, seen_changes;
    int64_t wake_ms;
    GArray *unmet; /* of GrowthUnmet */
    bool rate_known;
    char *invalid; /* INVALID, since launches failed: why; NULL: it is not */
    bool is_stale; /* something other than the world changed since the last run */
    bool is_out_of_money;
    bool had_demand;
    bool must_store;
} GrowthEntry;

struct Growth {
    GrowthOptions options;
    GHashTable *entries; /* by name, for looking up */
};

/* NULL: the environment buys no instances. */
GrowthEntry *growth_entry_due(Growth *growth, const Environment *environment);
/* What the instance counts as in a budget, micro-units of money per hour: its price, else the bound that
 * strategy_price() gives for its type, whether that is allowed still or not; SCALE_UNKNOWN. */
int64_t growth_price(const GrowthEntry *entry, const Environment *environment, const Instance *instance);
/* Brings rate_micro_per_h and unpriced up to what the environment's instances are. */
void growth_rate(GrowthEntry *entry, const Environment *environment);
/* One more that failed for its configuration, or never registered: after some the environment is INVALID. */
void growth_launch_failed(GrowthEntry *entry, World *world, const char *reason, int64_t now_ms);
