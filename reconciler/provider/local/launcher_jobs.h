/* launcher_jobs.h: what the launcher does with launches, from order to settled record.
 * Owns:   the attempt table, the journal, the cgroup pool.
 * Calls:  launcher_attempt.h, launcher_cgroup.h, launcher_journal.h, launcher_process.h, launcher_spawn.h,
 *         launcher_workdir.h.
 * Holds:  ACCEPT is in the journal before the spawn; a token that has a record is never started again
 * (invariant 2); an attempt has ended only when every process of it is gone (invariant 3). Reports are
 * appended to out, which the server sends to whoever is connected; a replay repeats them. */
#pragma once
#include "reconciler/provider/local/launcher_attempt.h"
#include "reconciler/provider/local/launcher_cgroup.h"
#include "reconciler/provider/local/launcher_journal.h"
#include "reconciler/provider/local/launcher_spawn.h"

typedef struct {
    AttemptTable table;
    Journal journal;
    CgroupPool pool;
    Spawner spawner;
    WorkDirs work_dirs;
    size_t draining;
    WireBuffer *out; /* borrowed: the connection's */
} Jobs;

/* Reads the journal, kills and buries what an earlier launcher left, starts a fresh journal file. 0 or an
 * errno. */
int jobs_init(Jobs *jobs, int dir_fd, const char *tag, CgroupMode cgroups, uint64_t files_soft,
              WireBuffer *out);
void jobs_clear(Jobs *jobs);

void jobs_launch(Jobs *jobs, const LaunchOrder *order);
void jobs_stop(Jobs *jobs, const Token *token, const char *reason);
void jobs_settled(Jobs *jobs, WireReader *tokens, size_t len);
/* Accounts for the tokens that the reconciler expects, then replays all reports and says OBSERVED. */
void jobs_observe(Jobs *jobs, WireReader *tokens, size_t len);
/* Reaps what has ended. */
void jobs_reap(Jobs *jobs);
/* Acts on deadlines that have passed. */
void jobs_due(Jobs *jobs);
/* When the next deadline is, in CLOCK_BOOTTIME ms; INT64_MAX: none. */
int64_t jobs_next_due(const Jobs *jobs);
/* No records, hence no processes. */
bool jobs_idle(const Jobs *jobs);
