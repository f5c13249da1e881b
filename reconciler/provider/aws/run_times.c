#include "reconciler/provider/aws/run_times.h"
#include <math.h>

/* Buckets of a 16th of an octave, from 256 ms to 2^32 ms (50 days). */
#define OCTAVE_FIRST 8
#define OCTAVES      24
#define PARTS        16
#define BUCKETS      (OCTAVES * PARTS)
#define MANY         1024 /* from then on all counts are halved */
#define ENOUGH       8    /* to say anything */
#define LEFT         4    /* that took longer, to say anything of those that do */

struct RunTimes {
    uint16_t counts[BUCKETS];
    unsigned total;
};

RunTimes *run_times_new(void)
{
    return g_new0(RunTimes, 1);
}

void run_times_free(RunTimes *times)
{
    g_free(times);
}

/* ---- buckets ---- */

static int64_t begin_of(unsigned bucket)
{
    int64_t octave_ms = (int64_t)1 << (OCTAVE_FIRST + bucket / PARTS);
    return octave_ms + octave_ms / PARTS * (bucket % PARTS);
}

static unsigned bucket_of(int64_t ms)
{
    uint64_t value = (uint64_t)CLAMP(ms, begin_of(0), begin_of(BUCKETS) - 1);
    unsigned octave = 63 - (unsigned)__builtin_clzll(value);
    unsigned part = (unsigned)(value >> (octave - 4)) & (PARTS - 1);
    return (octave - OCTAVE_FIRST) * PARTS + part;
}

void run_times_add(RunTimes *times, int64_t took_ms)
{
    times->counts[bucket_of(took_ms)]++;
    if (++times->total < MANY)
        return;
    times->total = 0;
    for (unsigned i = 0; i < BUCKETS; i++) {
        times->counts[i] = (uint16_t)(times->counts[i] / 2);
        times->total += times->counts[i];
    }
}

/* ---- looking ahead ---- */

/* Of a bucket, as if what is in it were spread evenly, what took longer than age_ms. */
static double later_in(const RunTimes *times, unsigned bucket, int64_t age_ms)
{
    double begin = (double)begin_of(bucket), end = (double)begin_of(bucket + 1);
    double left = CLAMP((end - (double)age_ms) / (end - begin), 0, 1);
    return times->counts[bucket] * left;
}

bool run_times_next(const RunTimes *times, int64_t age_ms, int64_t *ret_after_ms)
{
    age_ms = CLAMP(age_ms, 0, begin_of(BUCKETS));
    unsigned first = bucket_of(age_ms);
    double later = 0, seen = 0;
    for (unsigned i = first; i < BUCKETS; i++)
        later += later_in(times, i, age_ms);
    if (times->total < ENOUGH || later < LEFT)
        return false;
    for (unsigned i = first; i < BUCKETS; i++) {
        double here = later_in(times, i, age_ms), wanted = later / 5 - seen;
        if (here > 0 && here >= wanted) {
            double begin = (double)MAX(begin_of(i), age_ms), end = (double)begin_of(i + 1);
            *ret_after_ms = (int64_t)ceil(begin + (end - begin) * wanted / here) - age_ms;
            return true;
        }
        seen += here;
    }
    return false;
}
