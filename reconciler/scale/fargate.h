/* fargate.h: a task is its own capacity: what it costs.
 * Owns:   nothing. Calls: scale/candidates. No I/O, no clock.
 * Holds:  nothing of Fargate's prices is in the embedded table: they are given, or unknown. maxvCpus is
 * strict there; see scale_growth_room_e4(). */
#pragma once
#include "reconciler/scale/candidates.h"

/* Of one region, platform and market; SCALE_UNKNOWN where not known. */
typedef struct {
    int64_t vcpu_micro_per_h;
    int64_t gib_micro_per_h;
} FargatePrices;

/* Per hour, rounded up to a millionth; SCALE_UNKNOWN when either price is. */
int64_t fargate_task_price(const FargatePrices *prices, Capacity task);
/* How many tasks of this size may still be started below maxvCpus; INT64_MAX: no limit. */
int64_t fargate_tasks_possible(const ComputeEnvironmentSpec *spec, int64_t current_vcpus_e4, Capacity need);
