/* assertion.h: what queues assert against what a simulation found.
 * Owns:   the list of violations owns its texts.
 * Calls:  forecast/result, spec/.
 * Holds:  violations are sorted by queue, then in the order wait, drain, cost. What cannot be judged (no
 * known price, another currency beside) is a violation of its own when it is asserted: silence would pass for
 * a yes. */
#pragma once
#include "reconciler/forecast/result.h"
#include "spec/manifest.h"

typedef enum { ASSERTED_WAIT, ASSERTED_DRAIN, ASSERTED_COST } AssertedWhat;

typedef struct {
    char *queue;
    AssertedWhat what;
    int64_t asserted, actual; /* ms or millionths a day; actual -1: not known, or not drained */
    char *text;               /* "queue high: p95 wait 14 min, asserted 10 min; e.g. job …" */
} Violation;

typedef struct {
    char *queue;
    QueueAssertion assertion;
} AssertedQueue;

/* Those of all queues of set that assert something; new, of AssertedQueue, sorted by name. */
GPtrArray *asserted_queues(const ManifestSet *set);
/* New, of Violation; empty: all holds. Both arrays free what they hold. */
GPtrArray *assertion_check(const SimulationResult *result, const GPtrArray *asserted);
