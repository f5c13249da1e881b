/* schedule.h: runnable jobs become placements.
 * Owns:   nothing; decisions live in the caller's Arena.
 * Calls:  world/ (reading only), scale/catalogue, spec/. No I/O, no clock.
 * Holds:  equal world, time and seed give equal decisions (invariant 8); no environment above maxvCpus, no
 * instance above its capacity (invariant 7). Queues by priority (equal ones together), FIFO inside (retried
 * first), environments in computeEnvironmentOrder. What cannot run is passed over with a reason, and what
 * fits goes ahead; but once a job that only waits for free capacity of the machine is ten minutes old,
 * nothing behind it is placed there until it has its turn, so that small jobs cannot starve a large one. A
 *         DISABLED queue takes no submissions, but what is in it runs (as in Batch). */
#pragma once
#include "reconciler/world/world.h"
#include "spec/base/arena.h"

typedef struct {
    Job *job;
    int32_t index;
    Environment *environment;
} Placement;

typedef struct {
    Queue *queue;
    JobTemplate *template;
    const char *reason; /* arena text */
} WaitingReason;

typedef struct {
    Placement *placements;
    size_t placements_len;
    WaitingReason *reasons; /* replaces what was said before for these (queue, template) pairs */
    size_t reasons_len;
} Decisions;

/* At most max placements, on the instance that local environments share. World is not changed. */
void schedule_run(const World *world, size_t max, int64_t now_ms, Arena *arena, Decisions *ret_decisions);
