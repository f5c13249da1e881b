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
void run_written(RunEntry *entry); /* its row is in a batch */
bool run_load_job(World *world, Run *run, GError **error);
void run_touch(World *world, Run *run);
void runs_rename(World *world, const ResourceRename *rename);
void run_move(World *world, Run *run, RunState state, int64_t now_ms);
void run_set_reason(World *world, Run *run, const char *reason);
void run_maybe_end(World *world, Run *run, int64_t now_ms);
Run *run_active_before(const Run *run);
/* run, which waits, does not begin before `other`, a waiting run too, has left that state; NULL: waits no
 * more. */
void run_wait_for(World *world, Run *run, Run *other);
/* run_submit.c */
JobId run_random_id(Rng *rng);
bool run_check(World *world, Run *run, Rng *rng, GError **error); /* whether run_submit would succeed now */
/* Leaves it WAITING where it depends on a Job manifest whose run waits too (RunEntry.waits_for). */
bool run_submit(World *world, Run *run, Rng *rng, int64_t now_ms, GError **error);
/* run_repeat.c */
const json_t *run_spec_done(const json_t *root); /* names of steps that an earlier run has done; NULL: none */
char *run_spec_workspace(const Run *run);        /* the run whose workspace it goes on in; NULL: its own */
/* run_schedule.c */
#define SCHEDULED_AT "scheduledAt"          /* member of a run's spec */
int64_t run_spec_scheduled(const Run *run); /* the time of its schedule; 0: none */
