/* consumable_check.h: whether there is ever as much of a consumable resource as one job takes.
 * Calls:  spec/, spec/locate for the place.
 * Holds:  judged are replenishable resources of the set: what is used up is bought again by whoever counts
 * it, and what leads outside of the set is not known. */
#pragma once
#include "spec/locate.h"

/* An error of class DIAGNOSTIC_INFEASIBLE for each Job and step that asks for more than there is; a warning
 * for such a JobDefinition, unless is_part: its jobs may replace what it takes. */
void consumable_check(const ManifestSet *set, bool is_part, Locator *locator);
