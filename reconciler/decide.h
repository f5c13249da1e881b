/* decide.h: one step of the brain: schedule/ and scale/ decide, the world takes it in. The engine does it in
 * every tick, the simulator at every moment of virtual time: it is the same.
 * Owns:   nothing; Decided's arrays are the caller's.
 * Calls:  schedule/, growth.
 * Holds:  what is appended to Decided is intended in the world already, and becomes an effect only after the
 * commit (invariants 1, 2). Equal worlds, times and tokens give equal steps (invariant 8). */
#pragma once
#include "reconciler/growth.h"

typedef struct {
    World *world;
    Growth *growth;     /* NULL: nothing is bought */
    unsigned providers; /* bits 1 << ProviderType: whose environments take jobs here */
    size_t placements_max;
    void (*token)(LaunchToken *token, void *data); /* random, never the same again */
    void *token_data;
    int64_t now_ms;
} DecideOptions;

typedef struct {
    GPtrArray *launches;       /* of Launch*, borrowed: attempts to start */
    GArray *instances;         /* of GrowthLaunch: instances to make */
    GPtrArray *instance_stops; /* of Instance*, borrowed: instances to end */
    GPtrArray *stops;          /* of Launch*, borrowed: attempts to stop */
    size_t starts;             /* attempts that were placed */
    bool more;                 /* it stopped at placements_max: there may be more to do now */
    int64_t wake_ms;           /* when there may be, though nothing happens; INT64_MAX: never */
} Decided;

void decided_init(Decided *decided);
void decided_reset(Decided *decided); /* for the next step; keeps the memory */
void decided_clear(Decided *decided);
void decide(const DecideOptions *options, Arena *arena, Decided *decided);
