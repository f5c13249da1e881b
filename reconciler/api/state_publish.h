/* state_publish.h: the committed state as a snapshot that plans are made against elsewhere.
 * Owns:   DIR/installation, the identity of what runs from this state directory: 32 hex digits, made at
 * random by whoever first writes a snapshot. Calls:  store (reading), plan/state_snapshot. Holds:  a file
 * that is published is replaced whole or not at all. */
#pragma once
#include "reconciler/plan/state_snapshot.h"
#include "reconciler/store/store.h"

/* New string; NULL where there is none yet (no error) or with error. */
char *installation_read(const char *state_dir, GError **error);
/* The same, made where there is none: two that come at once agree. */
char *installation_ensure(const char *state_dir, GError **error);

/* Appends the snapshot of what reader sees; its transaction is begun. */
bool state_snapshot_of(StoreReader *reader, const char *installation, GString *out, GError **error);
/* The same into path, in place of what is there; does not touch it where the bytes are equal. */
bool state_publish(StoreReader *reader, const char *state_dir, const char *path, GError **error);
