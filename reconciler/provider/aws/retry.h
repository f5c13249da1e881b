/* retry.h: when a call that failed is made again, and how fast calls may be sent after a service has said
 * that they are too many. Computes only: time and chance are arguments. Source: the retry behaviour that AWS
 * SDKs share, "standard" and "adaptive" modes (botocore), as revised in 2026. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "spec/base/rng.h"

#define RETRY_ATTEMPTS      3   /* in all */
#define RETRY_QUOTA         500 /* tokens of a client */
#define RETRY_COST          14  /* of a retry after a fault; what a success gives back */
#define RETRY_COST_THROTTLE 5

/* The tokens of one client (account, region, service): when a service is down, few retries are left for it.
 */
typedef struct {
    int tokens;
} RetryQuota;

/* One call. */
typedef struct {
    int attempts; /* that were made */
    int cost;     /* of the last retry */
} RetryState;

typedef struct {
    bool is_throttling;
    int64_t asked_ms; /* x-amz-retry-after; -1: none */
} RetryFault;

void retry_quota_init(RetryQuota *quota);
/* After a failed attempt that may be repeated. How long to wait; -1: it is not made again (attempts or tokens
 * are used up). attempts_max: in all. */
int64_t retry_after(RetryState *state, RetryQuota *quota, const RetryFault *fault, int attempts_max,
                    Rng *rng);
/* It came through. */
void retry_succeeded(const RetryState *state, RetryQuota *quota);

/* ---- adaptive ---- */

/* Idle until a service throttles; then a bucket whose rate follows a cubic. Rates are in 1/1,000 calls a
 * second. */
typedef struct {
    bool is_on;
    int64_t fill_e3, capacity_e3; /* tokens, of which a call takes 1,000 */
    int64_t rate_e3;
    int64_t filled_ms;
    int64_t last_max_e3, last_throttle_ms;
    int64_t measured_e3, bucket_ms; /* of what was sent, in half seconds */
    int sent;
} AdaptiveRate;

void adaptive_init(AdaptiveRate *rate, int64_t now_ms);
/* How long until the next call may be sent, which is taken: 0: now. */
int64_t adaptive_take(AdaptiveRate *rate, int64_t now_ms);
void adaptive_answered(AdaptiveRate *rate, bool is_throttled, int64_t now_ms);
