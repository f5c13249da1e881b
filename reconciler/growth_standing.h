/* growth_standing.h: what is known of an environment's money, cool-downs and unmet demand, for whoever shows
 * it. Owns:   nothing; what it gives is borrowed until growth changes. Calls:  growth.h,
 * api/environment_view.h. No clock. */
#pragma once
#include "reconciler/api/environment_view.h"
#include "reconciler/growth.h"

/* An EnvironmentStandingFunc; data: a GrowthView. */
bool growth_standing(const Environment *environment, EnvironmentStanding *ret_standing, void *view);
