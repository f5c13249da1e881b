/* retry.h: whether a failed attempt is followed by another.
 * Owns:   nothing.
 * Calls:  spec/decode.h.
 * Holds:  exactly the algorithm of Batch: the first rule whose patterns all match decides; no rule matching
 * means retry. */
#pragma once
#include "spec/decode.h"

typedef struct {
    int attempt;           /* that failed; from 1 */
    bool ended_by_request; /* cancelled or terminated */
    bool timed_out;
    int exit_code;             /* -1: none */
    const char *reason;        /* container reason or NULL */
    const char *status_reason; /* or NULL */
} AttemptOutcome;

RetryAction retry_decide(const RetryStrategy *strategy, const AttemptOutcome *outcome);
/* Only a final * is a wildcard; "*" alone matches an absent text too. */
bool retry_pattern_matches(const char *pattern, const char *text);
