/* run.h: runs from the inside; private to world/.
 * Owns:   nothing.
 * Calls:  job.h.
 * Holds:  a run's jobs are made all at once or not at all; a run has ended when, and only when, all its jobs
 * have. */
#pragma once
#include "reconciler/world/job.h"

/* run.c */
RunEntry *run_new(World *world, const RunStart *start, Rng *rng, int64_t now_ms);
bool run_is_active(const Run *run);
bool run_load_job(World *world, Run *run, GError **error);
void run_touch(World *world, Run *run);
void run_move(World *world, Run *run, RunState state, int64_t now_ms);
void run_set_reason(World *world, Run *run, const char *reason);
void run_maybe_end(World *world, Run *run, int64_t now_ms);
Run *run_active_before(const Run *run);
/* run_submit.c */
JobId run_random_id(Rng *rng);
bool run_check(World *world, Run *run, Rng *rng, GError **error); /* whether run_submit would succeed now */
bool run_submit(World *world, Run *run, Rng *rng, int64_t now_ms, GError **error);
