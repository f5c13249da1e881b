#include "spec/base/rng.h"
#include <string.h>

static uint64_t rotate_left(uint64_t value, int bits)
{
    return (value << bits) | (value >> (64 - bits));
}

/* splitmix64 spreads seeds that differ in few bits over the whole state. */
static uint64_t splitmix64(uint64_t *state)
{
    *state += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t z = *state;
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

Rng rng_from_seed(uint64_t seed)
{
    Rng rng;
    for (int i = 0; i < 4; i++)
        rng.state[i] = splitmix64(&seed);
    return rng;
}

/* xoshiro256** of Blackman and Vigna. */
uint64_t rng_next_u64(Rng *rng)
{
    uint64_t *s = rng->state;
    uint64_t result = rotate_left(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate_left(s[3], 45);
    return result;
}

uint64_t rng_below(Rng *rng, uint64_t limit)
{
    if (limit == 0)
        return 0;
    /* Values below 2^64 mod limit would make small remainders likelier: draw again. */
    uint64_t reject_below = (0 - limit) % limit;
    uint64_t value;
    do {
        value = rng_next_u64(rng);
    } while (value < reject_below);
    return value % limit;
}

int64_t rng_between(Rng *rng, int64_t low, int64_t high)
{
    uint64_t span = (uint64_t)high - (uint64_t)low + 1; /* 0: the whole range */
    uint64_t offset = span ? rng_below(rng, span) : rng_next_u64(rng);
    return (int64_t)((uint64_t)low + offset);
}

void rng_fill(Rng *rng, void *ret_bytes, size_t len)
{
    uint8_t *bytes = ret_bytes;
    /* Byte by byte from the low end, so that the sequence does not depend on the machine's byte order. */
    while (len > 0) {
        uint64_t value = rng_next_u64(rng);
        size_t step = len < 8 ? len : 8;
        for (size_t i = 0; i < step; i++)
            bytes[i] = (uint8_t)(value >> (8 * i));
        bytes += step;
        len -= step;
    }
}
