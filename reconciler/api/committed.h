/* committed.h: what is committed, as a plan compares it with what is desired, read in one transaction.
 * Owns:   copies of the records; the reader, whose transaction stays open until committed_free().
 * Calls:  store (reading), plan.h (the types).
 * Holds:  a missing state directory reads as "nothing exists"; specs are asked for one by one where digests
 * differ, so that a plan without changes copies none of them. One thread at a time, not always the same. */
#pragma once
#include "reconciler/plan/plan.h"
#include "reconciler/store/store.h"

typedef struct Committed Committed;

/* Begins the transaction; nothing is read yet. */
Committed *committed_open(const char *state_dir, GError **error);
void committed_free(Committed *committed);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Committed, committed_free)

/* All resources and the runs of one source. */
bool committed_read(Committed *committed, const char *owner, GError **error);
/* As committed_read, of what a part of a set (manifest_set_part) can meet. The source counts as known: its
 * part has a whole before it. */
bool committed_read_part(Committed *committed, const char *owner, const ManifestSet *part, GError **error);

/* Which state it is; false: there is none. */
bool committed_position(const Committed *committed, StorePosition *ret_position);
/* Whether there is a state at all. */
bool committed_exists(const Committed *committed);
/* Borrowed; its callbacks read the store while committed lives. */
const PlanActual *committed_actual(const Committed *committed);
/* Whether there is such a resource in force that owner does not own: what this source owns goes with its
 * manifest, so nothing may lean on it. */
bool committed_knows(Committed *committed, Kind kind, View name, const char *owner);
