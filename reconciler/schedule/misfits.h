/* misfits.h: needs that were found not to fit, so that what is at least as large is not tried again.
 * Owns:   nothing; entries live in the caller's Arena.
 * Calls:  world/ (declarations).
 * Holds:  for each kind the least needs that failed, none of them above another, up to MISFITS_MAX: beyond it
 * new ones are forgotten, which costs time and changes no answer. Within a pass what is free only becomes
 * less, so a finding stays true until the pass ends. */
#pragma once
#include "reconciler/world/world.h"
#include "spec/base/arena.h"

#define MISFITS_MAX 32

typedef struct {
    uint32_t kind;
    unsigned len;
    bool all; /* of whatever size */
    Capacity needs[MISFITS_MAX];
} MisfitKind;

typedef struct {
    MisfitKind *kinds;
    size_t len, max;
} Misfits;

void misfits_add(Misfits *misfits, uint32_t kind, const Capacity *need, Arena *arena);
void misfits_add_all(Misfits *misfits, uint32_t kind, Arena *arena);
/* Whether whatever needs at least `least` fails, of each kind of these bits (kind_bit()). */
bool misfits_cover(const Misfits *misfits, const Capacity *least, uint64_t kinds);
bool misfits_cover_kind(const Misfits *misfits, const Capacity *need, uint32_t kind);
