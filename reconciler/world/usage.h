/* usage.h: what a share has used, so that fair share can look back.
 * Owns:   nothing; values of the caller's.
 * Calls:  nothing. No clock.
 * Holds:  use is counted in vCPU-milliseconds (vCPUs in 1/10,000ths), in buckets that begin at multiples of
 * their length since 1970: a 64th of the window, which is shareDecaySeconds and at least 600 s. Integers
 * only, so that counting an interval in any number of pieces gives equal buckets, and a rebuild from the
 * store equals what memory holds. Use counts for less the older it is: the half-life is half the window, in
 * steps of whole buckets, and what is older than the window counts no more.
 *
 * What launches that are over have used stands apart from what is running, since only the first is stored:
 * the second follows from when they were intended. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#define USAGE_BUCKETS       64
#define USAGE_WINDOW_MIN_MS (600 * 1000)

typedef __int128 Wide; /* usage times weight is beyond 64 bits */

typedef struct {
    int64_t newest;                 /* number of the newest bucket: its beginning divided by the length */
    int64_t amounts[USAGE_BUCKETS]; /* bucket b stands at b modulo 64 */
    int64_t weighed_at;             /* the bucket of now for which `weighed` holds */
    Wide weighed;                   /* sum of amount times decay, in 1/2^32ths */
} UsageBuckets;

typedef struct {
    int64_t bucket_ms;
    UsageBuckets ended, running;
    int64_t held_vcpus_e4; /* by launches under way */
    int64_t accrued_ms;    /* they are counted in `running` up to here */
} ShareUsage;

/* decay_ms: shareDecaySeconds of the policy. */
void usage_init(ShareUsage *usage, int64_t decay_ms);
int64_t usage_window_ms(int64_t decay_ms);
/* What is held is counted up to at_ms. Changes nothing that usage_weighed() says. */
void usage_accrue(ShareUsage *usage, int64_t at_ms);
/* A launch that holds so many vCPUs begins, or is over. Times may come in any order. */
void usage_begin(ShareUsage *usage, int64_t vcpus_e4, int64_t begun_ms);
void usage_end(ShareUsage *usage, int64_t vcpus_e4, int64_t begun_ms, int64_t at_ms);
/* As usage_end() where nothing will be stored: usage_weighed() says the same, at less cost. */
void usage_end_unstored(ShareUsage *usage, int64_t vcpus_e4, int64_t at_ms);
/* Use within the window, weighed by its age at now_ms. */
Wide usage_weighed(ShareUsage *usage, int64_t now_ms);

/* The buckets of ended launches from the first to the last that is not empty: number of the first, and how
 * many; *ret_len 0: none. */
void usage_ended_get(const ShareUsage *usage, int64_t *ret_first, int64_t ret_amounts[USAGE_BUCKETS],
                     int *ret_len);
/* Adds them. bucket_ms is the length that they were made with: where it is another one now, each goes whole
 * into the bucket that holds its end. */
void usage_ended_put(ShareUsage *usage, int64_t bucket_ms, int64_t first, const int64_t *amounts, int len);
