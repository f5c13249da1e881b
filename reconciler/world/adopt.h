/* adopt.h: launches and instances that a restored state never intended, and that are there.
 * Owns:   nothing.
 * Calls:  world.h.
 * Holds:  no attempt of a job is there twice (invariant 3): one is adopted only where the job has none under
 * way, or one of which nothing was seen and which the found one proves to be over. Limits of environments,
 * queues and consumable resources are not asked: it runs already. */
#pragma once
#include "reconciler/world/world.h"

typedef struct {
    LaunchToken token;
    Job *job;
    int32_t index;   /* NOT_A_CHILD: the job itself */
    int32_t attempt; /* from 1 */
    Environment *environment;
    Instance *instance; /* NULL: on none, or nobody knows on which */
    const char *task;   /* what it is called there; may be NULL */
} Adoption;

typedef enum {
    ADOPTED,
    ADOPT_LATER, /* the job waits for others: once those have ended as they did, it may be */
    ADOPT_NEVER /* the attempt is over here, the job has ended, another attempt of it runs, or it has nodes */
} AdoptResult;

typedef struct {
    Launch *launch;   /* INTENDED, under the number that it has there; what became of it the provider tells */
    bool has_ended;   /* it proves another launch to be over, which is closed */
    LaunchToken over; /* that one */
} Adopted;
/* ret_adopted: ADOPTED. */
AdoptResult launch_adopt(World *world, const Adoption *found, int64_t now_ms, Adopted *ret_adopted);

/* An instance that nobody here asked for and that is ours: INTENDED, as if at made_ms. is_former: it was not
 * made from what its environment now says. */
Instance *instance_adopt(World *world, Environment *environment, const InstanceDraft *draft,
                         const LaunchToken *token, bool is_former, int64_t made_ms);
