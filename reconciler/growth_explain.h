/* growth_explain.h: why an environment buys nothing for some work now, for explain.
 * Owns:   nothing.
 * Calls:  growth.h. No clock.
 * Holds:  it says that nothing is bought exactly where growth_room() is 0 for another reason than maxvCpus.
 */
#pragma once
#include "reconciler/growth.h"
#include "reconciler/schedule/explain.h"

/* An ExplainGrowthFunc; data: a GrowthView. */
bool growth_explain(const Environment *environment, const RunnableGroup *group, ExplainGrowth *ret_growth,
                    void *view);
