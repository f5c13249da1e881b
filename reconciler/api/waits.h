/* waits.h: what launches that have not started wait for at their providers, as people read it.
 * Calls:  world/ (reading).
 * Holds:  the same launches give the same list, in the order of the texts. */
#pragma once
#include <jansson.h>
#include "reconciler/world/world.h"

#define WAITS_MAX 20 /* texts; what more there are is left out */

typedef bool (*WaitsFilter)(const Launch *launch, const void *data);
/* [{"what", "launches"}…], new. filter NULL: all. */
json_t *json_waits(const World *world, WaitsFilter filter, const void *data);
