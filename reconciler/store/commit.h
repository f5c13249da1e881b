/* commit.h: batches become one transaction.
 * Owns:   its prepared statements and the numbers of the fencing row. Borrows the database.
 * Calls:  rows.h. Used by the writer thread (and by store_open before there is one).
 * Holds:  a transaction checks and advances (term, tick) before it commits (invariant 6); a failed one leaves
 * nothing behind, and the committer must not be used again. */
#pragma once
#include "reconciler/store/database.h"

typedef struct Committer Committer;

/* Takes a new term and drops what only the last writer's memory held. */
Committer *committer_new(Database *database, GError **error);
void committer_free(Committer *committer);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Committer, committer_free)
uint64_t committer_term(const Committer *committer);
/* All of them, in order, durable on return; or none. */
bool committer_run(Committer *committer, const Batch *const *batches, size_t len, int64_t now_ms,
                   GError **error);
