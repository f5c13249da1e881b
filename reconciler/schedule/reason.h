/* reason.h: why runnable work waits, in a line: for describe and listings. explain.h says more.
 * Owns:   nothing.
 * Calls:  pass.h, world/. No clock.
 * Holds:  computed when it is asked for, for a group, not kept for each job. */
#pragma once
#include "reconciler/schedule/schedule.h"

/* Providers whose environments take jobs here. */
#define PROVIDERS_AT_HAND (1u << PROVIDER_LOCAL | 1u << PROVIDER_DOCKER | 1u << PROVIDER_AWS)

/* "small: waits for 1 vCPU; 0 of 1 free (maxvCpus); here: waits for 1 vCPU; 0 of 2 free". New string. */
char *waiting_reason(World *world, unsigned providers, RunnableGroup *group);
