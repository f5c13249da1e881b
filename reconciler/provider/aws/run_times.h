/* run_times.h: how long things of one kind took, and from that how soon one under way is worth another look.
 * Computes only; about 0.8 KiB each. Holds: what was learned long ago counts less than what was learned last.
 */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct RunTimes RunTimes;

RunTimes *run_times_new(void);
void run_times_free(RunTimes *times);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(RunTimes, run_times_free)

void run_times_add(RunTimes *times, int64_t took_ms);

/* Of one that has taken age_ms: after how many milliseconds from now one in five of those like it will have
 * ended. So that one is looked at about five times at most until its end is found, whatever their
 * distribution. False: too few are known that took so long. */
bool run_times_next(const RunTimes *times, int64_t age_ms, int64_t *ret_after_ms);
