/* committed.h: what is committed, as a plan compares it, read from the store in one transaction.
 * Owns:   copies of the records it needs; the reader, whose transaction stays open until committed_free().
 * Calls:  store (reading), plan/.
 * Holds:  a spec is asked for where digests differ, so that a plan without changes copies none. */
#pragma once
#include "reconciler/plan/plan.h"

typedef struct Committed Committed;
/* Where there is no state directory yet: an error, or nothing is committed. */
typedef enum { COMMITTED_MUST_EXIST, COMMITTED_MAY_BE_MISSING } CommittedPresence;
/* identity: of the source; borrowed while Committed lives. */
Committed *committed_open(const char *state_dir, const char *identity, CommittedPresence presence,
                          GError **error);
void committed_free(Committed *committed);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Committed, committed_free)
/* Everything. desired (borrowed for the call; NULL: nothing is) tells which runs' specs cannot matter. */
bool committed_read(Committed *committed, const ManifestSet *desired, GError **error);
/* What part of a set can meet. Its source is known: a part has a whole before it. */
bool committed_read_part(Committed *committed, const ManifestSet *part, GError **error);
/* Whether somebody else than the source has made it, and it is there to stay. */
bool committed_is_foreign(const Committed *committed, Kind kind, View name);
/* Borrowed; its callbacks read the store while Committed lives. */
const PlanActual *committed_actual(const Committed *committed);
/* plan_build, and the runs that are still ending. */
Plan *committed_plan(const Committed *committed, ManifestSet *desired, const PlanOptions *options);
