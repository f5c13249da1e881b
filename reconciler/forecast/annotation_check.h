/* annotation_check.h: what job definitions say of their simulated tasks, where a schema cannot tell.
 * Owns:   nothing.
 * Calls:  spec/, forecast/durations.
 * Holds:  a definition that passes gives a TaskModel. */
#pragma once
#include "spec/locate.h"

/* An error at each annotation muster/simulated-… that means nothing, as "uniform 90 30". */
void annotation_check(const ManifestSet *set, Locator *locator);
