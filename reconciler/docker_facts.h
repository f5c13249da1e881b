/* docker_facts.h: what a plan says of the container engine that its environments would use.
 * Calls:  the engine, for a few seconds at most (docker_engine.h), docker_plan.h.
 * Holds:  nothing there is changed. */
#pragma once
#include "reconciler/source/source.h"

/* Sentences, NULL-terminated; new. NULL: nothing of set runs in Docker. provider: where environments run that
 * do not say it. overrides: it counts for all of them. Blocks. */
char **docker_facts_notices(const ManifestSet *set, const char *provider, bool overrides);
