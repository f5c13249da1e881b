/* catalogue.h: what is known about EC2 instance types and their prices without asking AWS.
 * Owns:   the process-wide immutable table, made once from the embedded CSV files.
 * Calls:  spec/.
 * Holds:  types are sorted by name; a price that is not known is absent, never 0. A live run prefers what AWS
 * answers. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include "spec/decode.h"

typedef enum { ARCHITECTURE_X86_64, ARCHITECTURE_ARM64, ARCHITECTURE_OTHER } Architecture;

typedef struct {
    const char *name;
    int64_t vcpus;
    int64_t memory_mib; /* nominal; see instance_type_usable_mib() */
    int64_t gpus;       /* those that Batch supports */
    Architecture architecture;
    bool bare_metal, current_generation, spot, burstable;
} InstanceType;

/* NULL: not in the catalogue. */
const InstanceType *catalogue_find(View name);
size_t catalogue_len(void);
const InstanceType *catalogue_get(size_t index); /* by name */

/* Estimate of what a container host of this type registers: floor(nominal * 0.925) - 32 MiB for the agent. */
int64_t instance_type_usable_mib(const InstanceType *type);

typedef enum {
    RESOLVE_ALL,    /* every entry is known */
    RESOLVE_PARTLY, /* at least one entry is neither type nor family of the catalogue */
} ResolveResult;
/* Resolves entries of instanceTypes: a type, a family (all its sizes but .metal), optimal, default_x86_64 or
 * default_arm64. Appends each type once, in the order of the catalogue. Entries NULL or empty: as
 * default_x86_64. ret_unknown (may be NULL): the first entry that is not known, borrowed; untouched when all
 * are. */
ResolveResult catalogue_resolve(char *const *entries, GPtrArray *ret_types, const char **ret_unknown);

typedef struct {
    int64_t micro_per_h;  /* millionths of the currency per hour */
    const char *currency; /* "USD", "CNY" */
} Price;
/* On-demand price of Linux, shared tenancy. False: unknown. */
bool catalogue_price(const InstanceType *type, const char *region, Price *ret_price);
/* The same in micro-USD; false where the price is unknown or in another currency. */
bool catalogue_price_usd(const InstanceType *type, const char *region, int64_t *ret_price_microusd_per_h);

typedef struct {
    ResourceNeed need; /* of one job or node */
    Architecture architecture;
    int64_t vcpus_max; /* of the type; 0: any */
    bool spot;         /* only what is sold as Spot */
} TypeQuery;
/* The type to suggest where none of the allowed ones fits: of the current generation, not bare metal, not
 * burstable (its price is that of a CPU that mostly idles), without accelerators that the job has no use for;
 * the cheapest in us-east-1, those without a price last; then the fewest vCPUs, the least memory, the name.
 * NULL: none fits. */
const InstanceType *catalogue_cheapest_fit(const TypeQuery *query);
/* Whether a container host of this type can hold need. */
bool instance_type_fits(const InstanceType *type, ResourceNeed need);
