/* rate.c: see rate.h. */
#include "reconciler/api/rate.h"

bool rate_take(Rate *rate, RateLimit limit, int64_t now_ms, int64_t *ret_wait_ms)
{
    int64_t full_at_ms = rate->full_at_ms > now_ms ? rate->full_at_ms : now_ms;
    int64_t over_ms = full_at_ms + limit.every_ms - (now_ms + limit.burst * limit.every_ms);
    if (over_ms > 0) {
        *ret_wait_ms = over_ms;
        return false;
    }
    rate->full_at_ms = full_at_ms + limit.every_ms;
    return true;
}

bool rate_take_per_second(Rate *rate, int64_t per_second, int64_t now_ms)
{
    int64_t wait_ms;
    if (!per_second)
        return true;
    const RateLimit limit = {.every_ms = per_second < 1000 ? 1000 / per_second : 1, .burst = 2 * per_second};
    return rate_take(rate, limit, now_ms, &wait_ms);
}
