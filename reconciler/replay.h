/* replay.h: a recording runs again.
 * Owns:   a copy of the recorded state in a directory of its own, which it removes.
 * Calls:  reconcile.h, recording.h, store/.
 * Holds:  the engine is the one that runs for real; only its Ports answer with what the real ones answered,
 * in the same order, and what the tick commits and lets out is compared with what the run did. Nothing is
 * started, nothing in the state directory is touched. */
#pragma once
#include "reconciler/ports.h"

#define REPLAY_ERROR replay_error_quark()
GQuark replay_error_quark(void);
typedef enum {
    REPLAY_ERROR_EMPTY,   /* nothing whole is in it: the process was killed before anything was written */
    REPLAY_ERROR_VERSION, /* another format */
    REPLAY_ERROR_DAMAGED
} ReplayErrorCode;

/* Host.replay; state_dir may be the directory of a single generation too: that is replayed from its
 * beginning, wherever from is. */
bool replay_state(const char *state_dir, const ReplayFrom *from, GPtrArray **ret_runs, GError **error);
/* One generation: its directory. */
ReplayedRun *replay_generation(const char *directory, GError **error);
void replayed_run_free(void *run);
