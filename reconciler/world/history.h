/* history.h: how long attempts that SUCCEEDED ran, by job definition (whatever its revision).
 * Owns:   the counts, one set for each definition's name; they belong to the world.
 * Calls:  record.h.
 * Holds:  times are counted in buckets of a quarter of a power of two, so a quantile is at most a quarter
 * above the truth and never below it. Equal counts give equal answers, in whatever order they came, and a
 * restart reads the same counts back. Counts stop at their largest value. */
#pragma once
#include "reconciler/world/record.h"

typedef struct World World;
typedef struct JobTemplate JobTemplate;
typedef struct History History;

/* Fewer runs say nothing yet. */
#define HISTORY_RUNS_MIN 5

const History *world_history(const World *world, View definition); /* name; NULL: never ran */
/* By name, also those without a run yet; NULL at the end. */
const History *world_history_next(const World *world, const History *after);
uint64_t history_runs(const History *history);
int64_t history_since_ms(const History *history); /* when the first of them ended; 0: none */
/* The run time that so many thousandths of the runs did not exceed; 0 without runs. */
int64_t history_quantile(const History *history, int permille);
/* The counts, for who draws from them: buckets that are not empty, shortest first. Fills at most len of
 * ret_buckets and returns how many there are. */
typedef struct {
    int64_t low_ms, high_ms; /* both inclusive */
    uint64_t count;
} HistoryBucket;
size_t history_buckets(const History *history, HistoryBucket *ret_buckets, size_t len);
/* What an attempt is expected to take: what 95 of 100 runs of its definition did not exceed; never more
 * than its timeout, which is all that is known until there are enough runs; 0: unknown. */
int64_t world_expected_ms(const World *world, const JobTemplate *template);
/* A run more. launch_ended() does it for every attempt that SUCCEEDED. */
void world_history_add(World *world, View definition, int64_t ran_ms, int64_t now_ms);
