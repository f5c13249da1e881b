/* rate_limits.h: the request rates that AWS grants an account in a region, kept on our side, so that there is
 * nothing to throttle. Computes only: time is an argument. Source: the published request rate tables of EC2
 * and ECS (defaults; they may be raised, and are shared with everybody else in the account). */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include "reconciler/provider/aws/aws_partition.h"

typedef struct RateLimits RateLimits;

/* share_e3: of what is granted, what we take, in 1/1,000: others call in the same account. */
RateLimits *rate_limits_new(AwsService service, int share_e3);
void rate_limits_free(RateLimits *limits);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(RateLimits, rate_limits_free)

/* A call of this action is to be made, of so many resources (instances that are started or ended; 0: it is
 * about none): how long it has to wait, and its tokens are taken: 0: now. Several that ask at a time wait one
 * behind the other. is_plain: a Describe call of EC2 with neither filter nor pages, which has less. */
int64_t rate_limits_take(RateLimits *limits, const char *action, bool is_plain, int64_t resources,
                         int64_t now_ms);
