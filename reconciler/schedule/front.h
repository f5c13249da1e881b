/* front.h: which jobs of a queue are next, in the order of dispatch.
 * Owns:   nothing.
 * Calls:  world/.
 * Holds:  the order is that of a pass (schedule.h, 2.) in which everything fits: what is parked, and what a
 * limit keeps back, is not looked at. Takes time for the shares and for what is returned, not for what waits.
 */
#pragma once
#include "reconciler/world/world.h"

typedef struct {
    Job *job;
    int32_t index; /* NOT_A_CHILD for a single job */
} FrontJob;
/* Fills ret_jobs with at most max of them; how many. */
size_t queue_front(World *world, Queue *queue, int64_t now_ms, size_t max, FrontJob *ret_jobs);
