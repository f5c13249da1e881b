#include "reconciler/forecast/quantiles.h"

#define EXACT_BITS   7 /* values below 2^7 have a bucket each */
#define PART_BITS    6 /* above, 2^6 buckets for each power of two */
#define PARTS        (1 << PART_BITS)
#define POWERS       (63 - EXACT_BITS)
#define GROUPS       (POWERS + (1 << (EXACT_BITS - PART_BITS)))
#define PERMILLE_ALL 1000

/* Buckets in groups of PARTS: the first two hold the values below 128, the others a power of two each. */
struct Quantiles {
    uint64_t *groups[GROUPS]; /* NULL: nothing fell there */
    uint64_t count;
    int64_t min, max;
};

Quantiles *quantiles_new(void)
{
    Quantiles *quantiles = g_new0(Quantiles, 1);
    quantiles->min = INT64_MAX;
    return quantiles;
}

void quantiles_free(Quantiles *quantiles)
{
    if (!quantiles)
        return;
    for (int group = 0; group < GROUPS; group++)
        g_free(quantiles->groups[group]);
    g_free(quantiles);
}

static unsigned bucket_of(int64_t value)
{
    if (value < 1 << EXACT_BITS)
        return (unsigned)value;
    int power = 63 - __builtin_clzll((uint64_t)value);
    unsigned part = (unsigned)(value >> (power - PART_BITS)) & (PARTS - 1);
    return (1u << EXACT_BITS) + (unsigned)(power - EXACT_BITS) * PARTS + part;
}

static int64_t middle_of(unsigned bucket)
{
    if (bucket < 1u << EXACT_BITS)
        return bucket;
    unsigned beyond = bucket - (1u << EXACT_BITS);
    int shift = (int)(beyond / PARTS) + EXACT_BITS - PART_BITS;
    int64_t low = (int64_t)(PARTS + beyond % PARTS) << shift;
    return low + ((INT64_C(1) << shift) - 1) / 2;
}

void quantiles_add(Quantiles *quantiles, int64_t value, int64_t count)
{
    if (count <= 0)
        return;
    value = MAX(value, 0);
    unsigned bucket = bucket_of(value);
    uint64_t **group = &quantiles->groups[bucket / PARTS];
    if (!*group)
        *group = g_new0(uint64_t, PARTS);
    (*group)[bucket % PARTS] += (uint64_t)count;
    quantiles->count += (uint64_t)count;
    quantiles->min = MIN(quantiles->min, value);
    quantiles->max = MAX(quantiles->max, value);
}

uint64_t quantiles_count(const Quantiles *quantiles)
{
    return quantiles->count;
}

int64_t quantiles_max(const Quantiles *quantiles)
{
    return quantiles->count ? quantiles->max : 0;
}

int64_t quantiles_at(const Quantiles *quantiles, int permille)
{
    if (!quantiles->count)
        return 0;
    unsigned __int128 scaled = (unsigned __int128)quantiles->count * (unsigned)permille;
    uint64_t rank = (uint64_t)((scaled + PERMILLE_ALL - 1) / PERMILLE_ALL), passed = 0;
    rank = MAX(rank, 1);
    if (rank >= quantiles->count)
        return quantiles->max;
    for (unsigned group = 0; group < GROUPS; group++)
        for (unsigned part = 0; quantiles->groups[group] && part < PARTS; part++) {
            passed += quantiles->groups[group][part];
            if (passed >= rank) {
                int64_t middle = middle_of(group * PARTS + part);
                return CLAMP(middle, quantiles->min, quantiles->max);
            }
        }
    g_assert_not_reached();
}
