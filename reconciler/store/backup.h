/* backup.h: the state as one file that stands alone, and a state directory made of one.
 * Calls:  the file system, SQLite.
 * Holds:  a file is there whole and flushed, or not at all; what a restore replaces is moved aside, never
 * removed; a backup holds what muster knows (resources, jobs, runs, history, events), not what jobs wrote:
 * logs, work directories and workspaces are files of their own. */
#pragma once
#include "reconciler/store/store.h"

typedef struct {
    int64_t bytes;
    int64_t committed_ms; /* CLOCK_REALTIME of the newest commit in it: the time it stands for */
    uint64_t term;
    char installation[17]; /* who owns what was made outside; "": nothing was */
} BackupInfo;

/* Whether place is an object of S3 (s3://BUCKET/KEY), not a file. */
bool backup_is_far(const char *place);

/* Of state_dir, with a daemon or without one, into the file path, mode 0600. replaces: also where there is
 * one. It is checked before it gets its name. False with error (STORE_ERROR, G_FILE_ERROR). Blocks. */
bool backup_write(const char *state_dir, const char *path, bool replaces, BackupInfo *ret_info,
                  GError **error);

/* Whether path is a backup that this program can restore; reads all of it. */
bool backup_check(const char *path, BackupInfo *ret_info, GError **error);

/* Terms that may have been taken between the backup and now by who had the state before: a restored state
 * begins above them, so that whatever remembers a term (a cluster's lease, a launcher) refuses the older one.
 */
#define RESTORE_TERMS 1000000

/* Makes the state in state_dir that of the backup; the caller holds the lease. from: where it came from, for
 * people. moves_aside: a state that is there is renamed; else it is an error. *ret_aside: the new name of
 * what was there, a new string; NULL: nothing was. now_ms: CLOCK_REALTIME. */
bool backup_restore(const char *path, const char *state_dir, const char *from, bool moves_aside,
                    int64_t now_ms, BackupInfo *ret_info, char **ret_aside, GError **error);
