/* backup_send.h: a backup of the state goes to where it is kept.
 * Calls:  store/backup, object_store.
 * Holds:  two at once do not disturb each other; what goes to S3 leaves nothing here, also where the process
 * is killed while it goes. */
#pragma once
#include "reconciler/store/backup.h"

/* place: a file, or s3://BUCKET/KEY, which is replaced whatever replaces says. Blocks. */
bool backup_send(const char *state_dir, const char *place, bool replaces, BackupInfo *ret_info,
                 GError **error);
