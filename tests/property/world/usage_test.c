/* Use of a share: intervals cut anywhere give equal use, and so does a rebuild from what is stored. */
#include <math.h>
#include <string.h>
#include "reconciler/world/usage.h"
#include "spec/base/rng.h"
#include <glib.h>

static uint64_t seeds(void)
{
    const char *wanted = g_getenv("MUSTER_SEEDS");
    return wanted ? g_ascii_strtoull(wanted, NULL, 10) : 50;
}

typedef struct {
    int64_t vcpus_e4, begun_ms, ended_ms; /* 0: it runs */
} Held;

enum { LAUNCHES = 60 };
typedef struct {
    Held held[LAUNCHES];
    int64_t decay_ms, now_ms;
} Life;

static Life life_random(Rng *rng)
{
    Life life = {.decay_ms = rng_between(rng, 0, 3) * rng_between(rng, 0, 3000000), .now_ms = 50000000};
    int64_t spread = usage_window_ms(life.decay_ms) * 2;
    for (int i = 0; i < LAUNCHES; i++) {
        Held *held = &life.held[i];
        held->vcpus_e4 = rng_between(rng, 1, 40) * 2500;
        held->begun_ms = life.now_ms - rng_between(rng, 0, spread);
        if (rng_below(rng, 3) > 0)
            held->ended_ms = rng_between(rng, held->begun_ms, life.now_ms);
    }
    return life;
}

/* By definition: the sum over buckets of vCPUs times time, each weighed by its age. The decay is computed
 * here, not taken from the table. */
static Wide weighed_plainly(const Life *life)
{
    int64_t bucket_ms = usage_window_ms(life->decay_ms) / 64, last = life->now_ms / bucket_ms;
    Wide sum = 0;
    for (int64_t bucket = MAX(last - 63, 0); bucket <= last; bucket++) {
        Wide amount = 0;
        for (int i = 0; i < LAUNCHES; i++) {
            const Held *held = &life->held[i];
            int64_t begin = MAX(held->begun_ms, bucket * bucket_ms);
            int64_t end = MIN(held->ended_ms ? held->ended_ms : life->now_ms, (bucket + 1) * bucket_ms);
            amount += end > begin ? (Wide)held->vcpus_e4 * (end - begin) : 0;
        }
        long double factor = roundl(ldexpl(exp2l(-(long double)(last - bucket) / 32), 32));
        sum += amount * (Wide)factor;
    }
    return sum >> 32;
}

/* Beginnings and ends in order of time, with any number of looks between them. */
static void live(const Life *life, ShareUsage *usage, Rng *rng, uint64_t looks, bool stored)
{
    bool begun[LAUNCHES] = {false}, ended[LAUNCHES] = {false};
    usage_init(usage, life->decay_ms);
    for (;;) {
        int64_t next_ms = INT64_MAX;
        int next = -1;
        for (int i = 0; i < LAUNCHES; i++) {
            const Held *held = &life->held[i];
            int64_t at_ms = !begun[i]                     ? held->begun_ms
                            : !ended[i] && held->ended_ms ? held->ended_ms
                                                          : INT64_MAX;
            if (at_ms < next_ms) {
                next_ms = at_ms;
                next = i;
            }
        }
        if (next < 0)
            break;
        for (uint64_t i = rng_below(rng, looks + 1); i > 0; i--)
            usage_weighed(usage, rng_between(rng, MIN(usage->accrued_ms, next_ms), next_ms));
        const Held *held = &life->held[next];
        if (!begun[next])
            usage_begin(usage, held->vcpus_e4, held->begun_ms);
        else if (stored)
            usage_end(usage, held->vcpus_e4, held->begun_ms, held->ended_ms);
        else
            usage_end_unstored(usage, held->vcpus_e4, held->ended_ms);
        ended[next] = begun[next];
        begun[next] = true;
    }
}

/* What a restart does: rows of what has ended, then what runs, in the order of its tokens. */
static void rebuild(const Life *life, const ShareUsage *from, ShareUsage *usage)
{
    int64_t first, amounts[USAGE_BUCKETS];
    int len;
    usage_init(usage, life->decay_ms);
    usage_ended_get(from, &first, amounts, &len);
    usage_ended_put(usage, from->bucket_ms, first, amounts, len);
    for (int i = 0; i < LAUNCHES; i++)
        if (!life->held[i].ended_ms)
            usage_begin(usage, life->held[i].vcpus_e4, life->held[i].begun_ms);
}

static void test_split(void)
{
    for (uint64_t seed = 1; seed <= seeds(); seed++) {
        Rng rng = rng_from_seed(seed);
        Life life = life_random(&rng);
        ShareUsage once, often, silent, again;
        live(&life, &once, &rng, 0, true);
        live(&life, &often, &rng, 20, true);
        live(&life, &silent, &rng, 5, false);
        rebuild(&life, &often, &again);
        Wide expected = weighed_plainly(&life);
        g_test_message("seed %" G_GUINT64_FORMAT, seed);
        g_assert_true(usage_weighed(&once, life.now_ms) == expected);
        g_assert_true(usage_weighed(&often, life.now_ms) == expected);
        g_assert_true(usage_weighed(&silent, life.now_ms) == expected);
        g_assert_true(usage_weighed(&again, life.now_ms) == expected);
        int64_t later = life.now_ms + rng_between(&rng, 0, usage_window_ms(life.decay_ms));
        Wide then = usage_weighed(&once, later);
        g_assert_true(usage_weighed(&often, later) == then && usage_weighed(&silent, later) == then &&
                      usage_weighed(&again, later) == then);
    }
}

/* One vCPU for one whole bucket, looked at as it ages: each step of the table. */
static void test_decay(void)
{
    ShareUsage usage;
    usage_init(&usage, 0);
    g_assert_cmpint(usage.bucket_ms, ==, 9375);
    usage_begin(&usage, 10000, 0);
    usage_end(&usage, 10000, 0, 9375);
    for (int64_t age = 0; age < 70; age++) {
        long double factor = age < 64 ? roundl(ldexpl(exp2l(-(long double)age / 32), 32)) : 0;
        Wide expected = ((Wide)93750000 * (Wide)factor) >> 32;
        g_assert_true(usage_weighed(&usage, age * 9375) == expected);
    }
}

/* The window changes: nothing is lost, and it ages no slower than before by more than a bucket. */
static void test_window(void)
{
    ShareUsage usage, wider;
    int64_t first, amounts[USAGE_BUCKETS];
    int len;
    usage_init(&usage, 0);
    usage_begin(&usage, 10000, 100000);
    usage_end(&usage, 10000, 100000, 300000);
    usage_ended_get(&usage, &first, amounts, &len);
    usage_init(&wider, 3600000);
    usage_ended_put(&wider, usage.bucket_ms, first, amounts, len);
    g_assert_true(usage_weighed(&wider, 300000) > usage_weighed(&usage, 300000));
    int64_t sum = 0;
    usage_ended_get(&wider, &first, amounts, &len);
    for (int i = 0; i < len; i++)
        sum += amounts[i];
    g_assert_cmpint(sum, ==, INT64_C(10000) * 200000);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/usage/split", test_split);
    g_test_add_func("/usage/decay", test_decay);
    g_test_add_func("/usage/window", test_window);
    return g_test_run();
}
