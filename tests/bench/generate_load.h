/* generate_load.h: the scheduler's load of the benches: 50 queues over 10 environments, 10 of them with
 * fair-share policies and a limit of one share, instances of 50 types, jobs of every kind. The same seed
 * gives the same load. Owns:   the world it makes. */
#pragma once
#include "tests/support/schedule_fixture.h"

#define LOAD_MS    INT64_C(1795600000000) /* when it is now */
#define LOAD_TYPES 50

/* rng: what it is drawn from; tokens counts what load_token() gave out. is_recorded: its rows can be taken.
 */
World *load_world(size_t instances, bool is_recorded, uint64_t *tokens, Rng *rng);
Capacity load_type_capacity(uint64_t type);
void load_token(LaunchToken *token, void *tokens); /* uint64_t* */
/* vCPUs and memory (MiB) of a job: mostly small. */
void load_job_size(Rng *rng, int *ret_vcpus, int *ret_memory);
/* Of 1,000 jobs 10 need a license, 250 have a definition with a history, 20 a GPU, one has two nodes (arrays
 * have one). array_size 0: a single job, with a shape of its own. */
void load_submit(World *world, uint64_t number, int array_size, Rng *rng);
/* Ends up to len of the launches in running (Launch*), drawn from rng, as succeeded, and takes them out. */
void load_end_some(World *world, Rng *rng, GPtrArray *running, size_t len, int64_t now_ms);
