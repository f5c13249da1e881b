#include "reconciler/world/usage.h"

#include <glib.h>
#include <string.h>

/* 2^32 times 2^(-2 * age / 64), rounded to the nearest: the half-life is half the window. */
static const uint32_t decay_table_rest[USAGE_BUCKETS] = {
    0, /* 2^32 itself does not fit */
    4202935003u, 4112874773u, 4024744348u, 3938502376u, 3854108391u, 3771522796u, 3690706840u, 3611622603u,
    3534232978u, 3458501653u, 3384393094u, 3311872529u, 3240905930u, 3171459999u, 3103502151u, 3037000500u,
    2971923842u, 2908241642u, 2845924021u, 2784941738u, 2725266179u, 2666869345u, 2609723834u, 2553802834u,
    2499080105u, 2445529972u, 2393127307u, 2341847524u, 2291666561u, 2242560872u, 2194507417u, 2147483648u,
    2101467502u, 2056437387u, 2012372174u, 1969251188u, 1927054196u, 1885761398u, 1845353420u, 1805811301u,
    1767116489u, 1729250827u, 1692196547u, 1655936265u, 1620452965u, 1585730000u, 1551751076u, 1518500250u,
    1485961921u, 1454120821u, 1422962010u, 1392470869u, 1362633090u, 1333434672u, 1304861917u, 1276901417u,
    1249540052u, 1222764986u, 1196563654u, 1170923762u, 1145833280u, 1121280436u, 1097253708u,
};

static Wide decay(int64_t age)
{
    return age <= 0 ? (Wide)1 << 32 : age < USAGE_BUCKETS ? (Wide)decay_table_rest[age] : 0;
}

int64_t usage_window_ms(int64_t decay_ms)
{
    return MAX(decay_ms, USAGE_WINDOW_MIN_MS);
}

void usage_init(ShareUsage *usage, int64_t decay_ms)
{
    *usage = (ShareUsage){.bucket_ms = usage_window_ms(decay_ms) / USAGE_BUCKETS};
}

static int64_t bucket_of(const ShareUsage *usage, int64_t at_ms)
{
    return MAX(at_ms, 0) / usage->bucket_ms;
}

/* ---- buckets ---- */

static void buckets_advance(UsageBuckets *buckets, int64_t newest)
{
    if (newest <= buckets->newest)
        return;
    if (newest - buckets->newest >= USAGE_BUCKETS)
        memset(buckets->amounts, 0, sizeof buckets->amounts);
    else
        for (int64_t bucket = buckets->newest + 1; bucket <= newest; bucket++)
            buckets->amounts[bucket % USAGE_BUCKETS] = 0;
    buckets->newest = newest;
    buckets->weighed_at = -1;
}

/* Into a bucket that is not newer than the newest; older than the window: nothing. */
static void buckets_add_one(UsageBuckets *buckets, int64_t bucket, int64_t amount)
{
    if (buckets->newest - bucket >= USAGE_BUCKETS)
        return;
    buckets->amounts[bucket % USAGE_BUCKETS] += amount;
    if (buckets->weighed_at >= 0)
        buckets->weighed += amount * decay(buckets->weighed_at - bucket);
}

static void buckets_add(const ShareUsage *usage, UsageBuckets *buckets, int64_t vcpus_e4, int64_t from_ms,
                        int64_t to_ms)
{
    if (from_ms >= to_ms)
        return;
    int64_t last = bucket_of(usage, to_ms - 1);
    buckets_advance(buckets, last);
    int64_t first = MAX(bucket_of(usage, from_ms), buckets->newest - USAGE_BUCKETS + 1);
    for (int64_t bucket = first; bucket <= last; bucket++) {
        int64_t begin = MAX(from_ms, bucket * usage->bucket_ms);
        int64_t end = MIN(to_ms, (bucket + 1) * usage->bucket_ms);
        buckets_add_one(buckets, bucket, vcpus_e4 * (end - begin));
    }
}

static Wide buckets_weighed(UsageBuckets *buckets, int64_t at)
{
    if (buckets->weighed_at == at)
        return buckets->weighed;
    Wide sum = 0;
    int64_t oldest = MAX(MAX(buckets->newest, at) - USAGE_BUCKETS + 1, 0);
    for (int64_t bucket = oldest; bucket <= buckets->newest; bucket++)
        sum += buckets->amounts[bucket % USAGE_BUCKETS] * decay(at - bucket);
    buckets->weighed_at = at;
    buckets->weighed = sum;
    return sum;
}

/* ---- a share's ---- */

void usage_accrue(ShareUsage *usage, int64_t at_ms)
{
    if (at_ms <= usage->accrued_ms)
        return;
    if (usage->held_vcpus_e4 > 0)
        buckets_add(usage, &usage->running, usage->held_vcpus_e4, usage->accrued_ms, at_ms);
    usage->accrued_ms = at_ms;
}

void usage_begin(ShareUsage *usage, int64_t vcpus_e4, int64_t begun_ms)
{
    usage_accrue(usage, begun_ms);
    buckets_add(usage, &usage->running, vcpus_e4, begun_ms, usage->accrued_ms);
    usage->held_vcpus_e4 += vcpus_e4;
}

void usage_end(ShareUsage *usage, int64_t vcpus_e4, int64_t begun_ms, int64_t at_ms)
{
    usage_accrue(usage, at_ms);
    buckets_add(usage, &usage->running, -vcpus_e4, begun_ms, usage->accrued_ms);
    buckets_add(usage, &usage->ended, vcpus_e4, begun_ms, at_ms);
    usage->held_vcpus_e4 -= vcpus_e4;
}

void usage_end_unstored(ShareUsage *usage, int64_t vcpus_e4, int64_t at_ms)
{
    usage_accrue(usage, at_ms);
    buckets_add(usage, &usage->running, -vcpus_e4, at_ms, usage->accrued_ms);
    usage->held_vcpus_e4 -= vcpus_e4;
}

Wide usage_weighed(ShareUsage *usage, int64_t now_ms)
{
    int64_t at = bucket_of(usage, now_ms);
    usage_accrue(usage, now_ms);
    return (buckets_weighed(&usage->ended, at) + buckets_weighed(&usage->running, at)) >> 32;
}

/* ---- rows ---- */

void usage_ended_get(const ShareUsage *usage, int64_t *ret_first, int64_t ret_amounts[USAGE_BUCKETS],
                     int *ret_len)
{
    const UsageBuckets *buckets = &usage->ended;
    int len = 0;
    *ret_first = 0;
    for (int64_t bucket = MAX(buckets->newest - USAGE_BUCKETS + 1, 0); bucket <= buckets->newest; bucket++) {
        int64_t amount = buckets->amounts[bucket % USAGE_BUCKETS];
        if (amount == 0)
            continue;
        if (len == 0)
            *ret_first = bucket;
        int at = (int)(bucket - *ret_first);
        for (; len < at; len++)
            ret_amounts[len] = 0;
        ret_amounts[at] = amount;
        len = at + 1;
    }
    *ret_len = len;
}

void usage_ended_put(ShareUsage *usage, int64_t bucket_ms, int64_t first, const int64_t *amounts, int len)
{
    for (int i = 0; i < len; i++) {
        int64_t bucket = first + i;
        if (bucket_ms != usage->bucket_ms)
            bucket = bucket_of(usage, (bucket + 1) * bucket_ms - 1);
        buckets_advance(&usage->ended, bucket);
        buckets_add_one(&usage->ended, bucket, amounts[i]);
    }
}
