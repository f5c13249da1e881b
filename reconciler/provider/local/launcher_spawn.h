/* launcher_spawn.h: start one job's process.
 * Owns:   nothing that outlives the call.
 * Calls:  launcher_cgroup.h, launcher_protocol.h, launcher_workdir.h, libc.
 * Holds:  between vfork and exec the child makes async-signal-safe calls only; whatever needs memory, a name
 * service or a look-up is done before. A failure means that the job's program did not run. */
#pragma once
#include <sys/types.h>
#include "reconciler/provider/local/launcher_cgroup.h"
#include "reconciler/provider/local/launcher_protocol.h"
#include "reconciler/provider/local/launcher_workdir.h"

typedef struct {
    int null_fd;         /* /dev/null, for the jobs' stdin */
    bool root;           /* may change users */
    uint64_t files_soft; /* RLIMIT_NOFILE as it was before the launcher raised its own */
    WorkDirs *work_dirs; /* borrowed */
} Spawner;

typedef struct SpawnPlan SpawnPlan;

/* Looks up the program and the user, makes directories, opens the output files. NULL with reason (at least
 * LAUNCHER_REASON_MAX bytes) when the job cannot start. */
SpawnPlan *spawn_prepare(const Spawner *spawner, const LaunchOrder *order, char *reason);
/* The process, or -1 with reason; a child that failed before or in exec has been reaped. */
pid_t spawn_run(SpawnPlan *plan, const CgroupPool *pool, const CgroupSlot *slot, char *reason);
void spawn_plan_free(SpawnPlan *plan);
