/* outbox_report.h: how a destination stands: what the outbox tells the tick, and how that is kept.
 * Owns:   nothing.
 * Calls:  jansson.
 * Holds:  reports hold totals, never differences: one that was lost with a failed commit is made up for by
 * the next. */
#pragma once
#include <jansson.h>
#include "reconciler/notify/destination.h"
#include "spec/base/view.h"

#define OUTBOX_SETTING "outbox " /* and the destination's name: a setting each */

typedef struct {
    const char *name;
    const char *kind, *place; /* for people */
    bool is_gone;             /* it is configured no more; nothing else counts */
    uint64_t position;
    DestinationCounts counts;
    uint64_t pending;
    unsigned tries;
    int64_t failing_since_ms; /* 0: it is not */
    const char *error;        /* may be NULL */
} OutboxReport;

/* What a setting says of a destination; false: it is none. */
bool outbox_state_read(View setting, uint64_t *ret_position, DestinationCounts *ret_counts);
