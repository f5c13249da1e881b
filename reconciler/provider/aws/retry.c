#include "reconciler/provider/aws/retry.h"
#include <glib.h>
#include <math.h>

#define BACKOFF_MS          50   /* of the first retry after a fault; doubles */
#define BACKOFF_THROTTLE_MS 1000 /* after throttling */
#define BACKOFF_MAX_MS      20000
#define ASKED_MORE_MS       5000 /* that a service may ask for beyond the back-off */

/* ---- standard ---- */

void retry_quota_init(RetryQuota *quota)
{
    quota->tokens = RETRY_QUOTA;
}

/* Full jitter: anything from nothing to the bound, so that who failed together does not come back together.
 */
static int64_t backoff_ms(int retry, bool is_throttling, Rng *rng)
{
    int64_t first = is_throttling ? BACKOFF_THROTTLE_MS : BACKOFF_MS;
    int64_t bound = MIN(first << MIN(retry, 20), BACKOFF_MAX_MS);
    return (int64_t)rng_below(rng, (uint64_t)bound + 1);
}

int64_t retry_after(RetryState *state, RetryQuota *quota, const RetryFault *fault, int attempts_max, Rng *rng)
{
    int cost = fault->is_throttling ? RETRY_COST_THROTTLE : RETRY_COST;
    state->attempts++;
    if (state->attempts >= attempts_max || quota->tokens < cost)
        return -1;
    quota->tokens -= cost;
    state->cost = cost;
    int64_t wait_ms = backoff_ms(state->attempts - 1, fault->is_throttling, rng);
    if (fault->asked_ms >= 0)
        wait_ms = CLAMP(fault->asked_ms, wait_ms, wait_ms + ASKED_MORE_MS);
    return wait_ms;
}

void retry_succeeded(const RetryState *state, RetryQuota *quota)
{
    quota->tokens = MIN(quota->tokens + (state->cost ? state->cost : 1), RETRY_QUOTA);
}

/* ---- adaptive ---- */

#define BETA_E3     700 /* of the rate that was throttled, what is left */
#define SCALE       0.4
#define SMOOTH_E3   800 /* weight of the newest half second */
#define HALF_MS     500
#define RATE_MIN_E3 500 /* calls a second, in 1/1,000 */
#define CALL_E3     1000

void adaptive_init(AdaptiveRate *rate, int64_t now_ms)
{
    *rate = (AdaptiveRate){
        .filled_ms = now_ms, .bucket_ms = now_ms - now_ms % HALF_MS, .last_throttle_ms = now_ms};
}

/* Of what was sent: by half seconds, the newest counting most. */
static void measure(AdaptiveRate *rate, int64_t now_ms)
{
    int64_t bucket_ms = now_ms - now_ms % HALF_MS;
    rate->sent++;
    if (bucket_ms <= rate->bucket_ms)
        return;
    int64_t newest_e3 = (int64_t)rate->sent * 1000 * 1000 / (bucket_ms - rate->bucket_ms);
    rate->measured_e3 = (newest_e3 * SMOOTH_E3 + rate->measured_e3 * (1000 - SMOOTH_E3)) / 1000;
    rate->sent = 0;
    rate->bucket_ms = bucket_ms;
}

static void refill(AdaptiveRate *rate, int64_t now_ms)
{
    int64_t passed_ms = CLAMP(now_ms - rate->filled_ms, 0, 3600 * 1000);
    rate->fill_e3 = MIN(rate->capacity_e3, rate->fill_e3 + passed_ms * rate->rate_e3 / 1000);
    rate->filled_ms = MAX(rate->filled_ms, now_ms);
}

/* What is in the bucket stays, as far as it has room. */
static void set_rate(AdaptiveRate *rate, int64_t rate_e3, int64_t now_ms)
{
    refill(rate, now_ms);
    rate->rate_e3 = MAX(rate_e3, RATE_MIN_E3);
    rate->capacity_e3 = MAX(rate->rate_e3, CALL_E3);
    rate->fill_e3 = MIN(rate->fill_e3, rate->capacity_e3);
}

int64_t adaptive_take(AdaptiveRate *rate, int64_t now_ms)
{
    if (!rate->is_on)
        return 0;
    refill(rate, now_ms);
    rate->fill_e3 -= CALL_E3;
    return rate->fill_e3 >= 0 ? 0 : (-rate->fill_e3 * 1000 + rate->rate_e3 - 1) / rate->rate_e3;
}

/* After a throttling the rate grows slowly back to where that was, stays about there, and goes on from it. */
static int64_t cubic_e3(const AdaptiveRate *rate, int64_t now_ms)
{
    double max = (double)rate->last_max_e3 / 1000, since = (double)(now_ms - rate->last_throttle_ms) / 1000;
    double window = cbrt(max * (1 - (double)BETA_E3 / 1000) / SCALE);
    return llround((SCALE * pow(since - window, 3) + max) * 1000);
}

void adaptive_answered(AdaptiveRate *rate, bool is_throttled, int64_t now_ms)
{
    int64_t wanted_e3;
    measure(rate, now_ms);
    if (is_throttled) {
        int64_t used_e3 = rate->is_on ? MIN(rate->measured_e3, rate->rate_e3) : rate->measured_e3;
        rate->last_max_e3 = used_e3;
        rate->last_throttle_ms = now_ms;
        rate->is_on = true;
        wanted_e3 = used_e3 * BETA_E3 / 1000;
    } else {
        wanted_e3 = cubic_e3(rate, now_ms);
    }
    if (rate->is_on)
        set_rate(rate, MIN(wanted_e3, 2 * rate->measured_e3), now_ms);
}
