/* lease.h: one reconciler per state directory: an open-file-description lock on DIR/lease, with pid, host,
 * command and start time inside. Holds:  the lock goes with the process, however it ends; the file stays.
 * Refused on network file systems. */
#pragma once
#include <glib.h>
#include <stdbool.h>

typedef struct Lease Lease;
#define LEASE_ERROR lease_error_quark()
GQuark lease_error_quark(void);
typedef enum {
    LEASE_ERROR_HELD,
    LEASE_ERROR_FAILED
} LeaseErrorCode; /* HELD: the text says who holds it, since when */
/* Creates state_dir (0700) where missing. command: "serve", "apply" …; shown to whoever finds the lease held.
 */
Lease *lease_take(const char *state_dir, const char *command, GError **error);
void lease_release(Lease *lease);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Lease, lease_release)
/* "pid 4211 (muster serve) on host since 14:02:11", or NULL when nobody holds it. New string. */
char *lease_holder(const char *state_dir);
