#include "spec/base/fixed_point.h"

#define LN2_Q62   INT64_C(3196577161300663915)
#define LOG2E_Q62 INT64_C(6653256548922161246)
#define BITS      32 /* of the fraction of a Q32 */

/* 2^(2^-i) for i = 1 … 32, in Q62. */
static const uint64_t roots_q62[BITS] = {
    UINT64_C(6521908912666391106), UINT64_C(5484249825272419512), UINT64_C(5029079263719320435),
    UINT64_C(4815862801830788490), UINT64_C(4712668792719003884), UINT64_C(4661903986662671290),
    UINT64_C(4636727017470743990), UINT64_C(4624189567668517720), UINT64_C(4617933561212708776),
    UINT64_C(4614808732577250068), UINT64_C(4613247111281068008), UINT64_C(4612466498810092975),
    UINT64_C(4612076242109103707), UINT64_C(4611881126141011236), UINT64_C(4611783571252412754),
    UINT64_C(4611734794581956353), UINT64_C(4611710406440186476), UINT64_C(4611698212417665819),
    UINT64_C(4611692115418496524), UINT64_C(4611689066921934630), UINT64_C(4611687542674409371),
    UINT64_C(4611686780550835664), UINT64_C(4611686399489096040), UINT64_C(4611686208958238036),
    UINT64_C(4611686113692811986), UINT64_C(4611686066060099699), UINT64_C(4611686042243743740),
    UINT64_C(4611686030335565807), UINT64_C(4611686024381476851), UINT64_C(4611686021404432377),
    UINT64_C(4611686019915910140), UINT64_C(4611686019171649022),
};

static int64_t multiply_q62(int64_t value, int64_t factor_q62)
{
    return (int64_t)(((__int128)value * factor_q62) >> 62);
}

/* Bit by bit: squaring the mantissa doubles its logarithm, and what passes 2 is the next bit. */
int64_t fixed_log2(uint64_t value)
{
    int zeros = __builtin_clzll(value);
    uint64_t mantissa_q63 = value << zeros, bits = 0;
    for (int i = 0; i < BITS; i++) {
        unsigned __int128 square = ((unsigned __int128)mantissa_q63 * mantissa_q63) >> 63;
        uint64_t is_two = (uint64_t)(square >> 64);
        mantissa_q63 = (uint64_t)(square >> is_two);
        bits = bits << 1 | is_two;
    }
    return (int64_t)((uint64_t)(63 - zeros) << BITS | bits);
}

int64_t fixed_scale_exp2(int64_t value, int64_t exponent_q32)
{
    int64_t whole = exponent_q32 >> BITS; /* floor: gcc and clang shift in the sign */
    uint64_t fraction = (uint64_t)exponent_q32 & (Q32_ONE - 1), power_q62 = UINT64_C(1) << 62;
    for (int i = 0; i < BITS; i++)
        if (fraction & (UINT64_C(1) << (BITS - 1 - i)))
            power_q62 = (uint64_t)(((unsigned __int128)power_q62 * roots_q62[i]) >> 62);
    if (value <= 0 || whole < -62)
        return 0;
    unsigned __int128 product = (unsigned __int128)(uint64_t)value * power_q62; /* below 2^126 */
    if (whole > 62)
        return INT64_MAX;
    product >>= 62 - whole;
    return product > INT64_MAX ? INT64_MAX : (int64_t)product;
}

int64_t fixed_scale_exp(int64_t value, int64_t exponent_q32)
{
    return fixed_scale_exp2(value, multiply_q62(exponent_q32, LOG2E_Q62));
}

/* -ln(numerator / 2^bits) in Q32. */
static int64_t minus_ln(uint64_t numerator, int bits)
{
    return multiply_q62(((int64_t)bits << BITS) - fixed_log2(numerator), LN2_Q62);
}

int64_t fixed_exponential(Rng *rng)
{
    return minus_ln((rng_next_u64(rng) >> 11) + 1, 53);
}

static uint64_t square_root(uint64_t value)
{
    uint64_t root = 0, rest = value;
    for (uint64_t bit = UINT64_C(1) << 62; bit; bit >>= 2) {
        if (rest >= root + bit) {
            rest -= root + bit;
            root = (root >> 1) + bit;
        } else {
            root >>= 1;
        }
    }
    return root;
}

/* Marsaglia's polar method: of a point (u, v) of the unit disc with s = u² + v², u · √(-2 ln s / s) is
 * normal. The second variate is dropped, so that a draw depends on the generator's state alone. */
int64_t fixed_normal(Rng *rng)
{
    int64_t u;
    uint64_t square, sum;
    do {
        uint64_t draw = rng_next_u64(rng);
        u = (int64_t)(draw >> 32) - (INT64_C(1) << 31);
        int64_t v = (int64_t)(draw & UINT32_MAX) - (INT64_C(1) << 31);
        square = (uint64_t)(u * u);
        sum = square + (uint64_t)(v * v);
    } while (sum == 0 || sum >= UINT64_C(1) << 62);
    uint64_t log_q32 = 2 * (uint64_t)minus_ln(sum, 62);
    uint64_t share_q56 = (uint64_t)(((unsigned __int128)square << 56) / sum);
    uint64_t variate_q56 =
        (uint64_t)(((unsigned __int128)log_q32 * share_q56) >> 32); /* squared, at most 86 */
    int64_t variate_q32 = (int64_t)(square_root(variate_q56) << 4);
    return u < 0 ? -variate_q32 : variate_q32;
}
