/* architecture.h: one CPU architecture for each environment, and for all environments of a queue.
 * Calls:  scale/catalogue, spec/locate for the place.
 * Holds:  what the catalogue does not know, and an environment that names no instance types, has no
 * architecture and agrees with all. */
#pragma once
#include "spec/locate.h"

void architecture_check(const ManifestSet *set, Locator *locator);
