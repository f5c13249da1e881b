/* rng.h: seeded random numbers, equal on every machine and compiler.
 * Owns:   nothing; an Rng is a value of the caller's.
 * Calls:  nothing.
 * Holds:  xoshiro256** seeded by splitmix64; integers only; equal seeds give equal sequences. Not for
 * secrets. */
#pragma once
#include <stddef.h>
#include <stdint.h>

typedef struct {
    uint64_t state[4];
} Rng;

Rng rng_from_seed(uint64_t seed);
uint64_t rng_next_u64(Rng *rng);
/* Unbiased, in 0 … limit - 1; limit 0 gives 0. */
uint64_t rng_below(Rng *rng, uint64_t limit);
/* Inclusive on both ends; low must not exceed high. */
int64_t rng_between(Rng *rng, int64_t low, int64_t high);
/* Fills len bytes. */
void rng_fill(Rng *rng, void *ret_bytes, size_t len);
