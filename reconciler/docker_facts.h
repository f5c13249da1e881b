/* docker_facts.h: what a plan, and the doctor, say of the container engine that environments would use.
 * Calls:  the engine, for a few seconds at most (docker_engine.h), docker_plan.h, docker_doctor.h.
 * Holds:  nothing there is changed. */
#pragma once
#include <jansson.h>
#include "reconciler/source/source.h"

/* Sentences, NULL-terminated; new. NULL: nothing of set runs in Docker. provider: where environments run that
 * do not say it. overrides: it counts for all of them. Blocks. */
char **docker_facts_notices(const ManifestSet *set, const char *provider, bool overrides);
/* As Host.doctor has them, new; empty: nothing of set runs in Docker. set NULL: nobody is known to need an
 * engine. Blocks. */
json_t *docker_facts_checks(const ManifestSet *set, const char *provider, bool overrides);
