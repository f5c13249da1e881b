/* stage.h: one change of a plan, made in a world: what `apply` does for real and a forecast does in a copy.
 * Owns:   nothing.
 * Calls:  plan/ (the types), world/.
 * Holds:  the same change does the same to equal worlds; nothing but the world is touched. */
#pragma once
#include "reconciler/plan/plan.h"
#include "reconciler/world/world.h"

typedef struct {
    World *world;
    const char *owner; /* the source */
    Rng *rng;          /* ids of runs and their jobs */
    int64_t now_ms;
    GPtrArray *stops;  /* of Launch*, borrowed: launches that must be stopped are added */
    int64_t apply_id;  /* of the reconcile that its changes are recorded for; 0: of none */
    const char *actor; /* without a reconcile: who asked, "" for nobody knows; NULL: nothing is recorded */
} Stage;

/* False with error: the world refuses it, and nothing of it is left behind. */
bool stage_change(const Stage *stage, const Change *change, GError **error);
/* Resources whose manifests are gone and that stay (prune: false). */
void stage_kept(const Stage *stage, const Plan *plan);
