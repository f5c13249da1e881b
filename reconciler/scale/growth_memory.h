/* growth_memory.h: what is kept of an environment that buys instances, between restarts: money and
 * cool-downs. Owns:   a GrowthMemory owns its cool-downs; clear with growth_memory_clear(). Calls:
 * scale/account, scale/cooldown, jansson. No clock. Holds:  what growth_memory_print() wrote is read back
 * equal; anything else is taken for nothing known. */
#pragma once
#include "reconciler/scale/account.h"
#include "reconciler/scale/cooldown.h"

typedef struct {
    int64_t accrued_ms; /* money is counted up to here; 0: nothing yet */
    Account account;
    int64_t rate_micro_per_h,
        unpriced; /* what goes on being paid from there, and instances without a price */
    CoolDowns cooldowns;
} GrowthMemory;

void growth_memory_clear(GrowthMemory *memory);
/* The name of the world's setting that holds it: the prefix and the environment's. New string. */
#define GROWTH_MEMORY_PREFIX "growth "
char *growth_memory_setting(const char *environment);
/* As compact JSON, equal for equal content. New string. */
char *growth_memory_print(const GrowthMemory *memory);
/* memory is cleared first. text may be NULL: nothing is known. */
void growth_memory_parse(GrowthMemory *memory, const char *text);
