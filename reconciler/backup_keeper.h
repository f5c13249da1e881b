/* backup_keeper.h: a backup of the state again and again, off the loop.
 * Owns:   its worker thread and its timer. On the engine's loop.
 * Calls:  backup_send, worker.h.
 * Holds:  one at a time; a failure is logged once until it is another one, and tried again sooner; when the
 * last one was made is kept in a small file of the state directory, so that a restart does not make one more.
 */
#pragma once
#include "reconciler/api/operation.h"
#include "reconciler/ports.h"

#define BACKUP_INTERVAL_MS ((int64_t)60 * 60 * 1000) /* where none is given */

typedef struct BackupKeeper BackupKeeper;
/* Something is to be told by `status`: borrowed until the next call, or the keeper goes. */
typedef void (*BackupTold)(const BackupFacts *facts, void *data);
/* place: an absolute path or s3://BUCKET/KEY. One that ends with '/', or is a directory, gets a new name each
 * time (muster-20260115T120000Z.db); another is replaced. log: borrowed. */
BackupKeeper *backup_keeper_new(const char *state_dir, const char *place, int64_t interval_ms, LogPort log,
                                BackupTold told, void *data);
/* Waits for one that is under way. */
void backup_keeper_free(BackupKeeper *keeper);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(BackupKeeper, backup_keeper_free)
/* The name of one made at at_ms (CLOCK_REALTIME), new. */
char *backup_name(const char *place, bool is_directory, int64_t at_ms);
