/* rate.h: how often something may happen: a bucket that holds `burst` and fills by one every so long.
 * Owns:   nothing.
 * Calls:  nothing; time is an argument, and never goes back (the monotonic clock). */
#pragma once
#include <stdbool.h>
#include <stdint.h>

typedef struct {
    int64_t every_ms; /* above 0 */
    int64_t burst;    /* from 1 */
} RateLimit;

/* Begins full as zeros. */
typedef struct {
    int64_t full_at_ms; /* when it is full again */
} Rate;

/* False: not now; *ret_wait_ms, above 0, is when it may be asked again. */
bool rate_take(Rate *rate, RateLimit limit, int64_t now_ms, int64_t *ret_wait_ms);
/* So many in a second, and twice as many at once; 0: as often as one likes. False: not now. */
bool rate_take_per_second(Rate *rate, int64_t per_second, int64_t now_ms);
