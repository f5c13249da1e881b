/* consistency.h: what one spec says against itself, where the schema cannot tell.
 * Calls:  spec/locate for the place.
 * Holds:  share identifiers of a policy do not overlap, neither those with weights nor those with limits; a
 * queue has one time limit for each reason; the node ranges of a multi-node definition cover
 * every node, lie within one another or apart, and the main node is one of the nodes; a pipeline's schedules
 * are cron expressions that come at some time, and their zones exist on this machine. */
#pragma once
#include "spec/locate.h"

void consistency_check(Locator *locator, const Manifest *manifest);
