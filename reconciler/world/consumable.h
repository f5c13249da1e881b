/* consumable.h: what attempts take of consumable resources; a part of world.h.
 * Owns:   nothing; a Consumable belongs to its resource.
 * Holds:  in_use is the sum of what attempts under way take of a REPLENISHABLE one, and is back at zero when
 * the last has ended. What is taken of a NON_REPLENISHABLE one is used up for good, but for a launch that is
 * proven never to have started. Lowering the total below what is in use is allowed: then nothing is available
 * (batch: "Consumable resources"). */
#pragma once
#include "reconciler/world/record.h"

typedef struct World World;
typedef struct Resource Resource;
typedef struct {
    Resource *resource;
    ConsumableResourceSpec *spec;
    int64_t in_use, used_up;
} Consumable;

Consumable *world_consumable(const World *world, View name); /* NULL: none */
int64_t consumable_available(const Consumable *consumable);  /* never below zero */
/* Whether all that an attempt takes is available; *ret_missing: the first that is not, by name. */
bool consumables_available(const World *world, const ConsumableNeed *needs, size_t len,
                           const ConsumableNeed **ret_missing);
