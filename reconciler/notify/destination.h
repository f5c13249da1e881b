/* destination.h: what waits to be told to one destination, and when it is tried.
 * Owns:   a Destination owns the list of events that wait.
 * Calls:  spec/base (random numbers).
 * Holds:  one event is under way at a time, in order; everything up to `position` is told, given up, dropped
 * or of no interest, and nothing beyond it is, but for events that a newer one of the same key made needless.
 * So a process that begins at `position` tells everything at least once. Computes: times are arguments,
 * delay times of a clock that is never set, wall times of one that may be. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include "spec/base/rng.h"

#define DESTINATION_DELAY_MS                                                                                 \
    1000 /* after a failure; doubles with each, up to the maximum, less up to a half */
#define DESTINATION_DELAY_MAX_MS (5 * 60 * 1000)
#define DESTINATION_ASKED_MAX_MS (60 * 60 * 1000) /* Retry-After is honoured up to so long */

typedef struct {
    int64_t max_age_ms, max_pending;
    int64_t gap_ms; /* between two deliveries, at least */
} DestinationLimits;

typedef struct {
    uint64_t sequence;
    int64_t at_ms; /* wall time of the event */
    bool is_quiet; /* no event is made of its failure: it is about a destination itself */
    char *key;     /* a newer event of the same key makes it needless; NULL: none does */
} PendingEvent;

/* What became of a try. */
typedef enum {
    DELIVERY_DONE,
    DELIVERY_RETRY,   /* and the same event again, later */
    DELIVERY_GIVEN_UP /* it can never be delivered */
} DeliveryOutcome;

/* Of events, since the destination began. */
typedef struct {
    uint64_t delivered, given_up;
    uint64_t given_up_quietly; /* events about destinations, also those that were dropped */
    uint64_t dropped;          /* too old, too many, or gone before they were looked at */
} DestinationCounts;

typedef struct {
    DestinationLimits limits;
    uint64_t scanned;  /* events up to this one were looked at */
    GQueue pending;    /* of PendingEvent*, by sequence */
    bool is_under_way; /* the first of them is being sent */
    int64_t next_ms;   /* delay clock: not before */
    unsigned tries;    /* that failed, one after the other */
    Rng rng;           /* of delays */
    DestinationCounts counts;
    int64_t failing_since_ms; /* wall; 0: the last try went well, or there was none */
    char *error;              /* of the last try that failed; NULL: none since the last that did not */
    bool is_news;             /* something of it changed since whoever asks cleared it */
} Destination;

/* position: what was told already; counts: of what. */
void destination_init(Destination *destination, const DestinationLimits *limits, uint64_t position,
                      const DestinationCounts *counts, uint64_t seed);
void destination_clear(Destination *destination);

/* The next event that it takes; sequences ascend. key: new, taken; may be NULL. */
void destination_add(Destination *destination, uint64_t sequence, int64_t at_ms, bool is_quiet, char *key);
/* Events up to this one were looked at. lost: so many were gone before that. */
void destination_scanned(Destination *destination, uint64_t sequence, uint64_t lost);
/* Drops what is too old. */
void destination_expire(Destination *destination, int64_t wall_ms);

/* Begins the delivery that is due; false: none is, and *ret_at_ms is when one will be (-1: not by itself). */
bool destination_next(Destination *destination, int64_t now_ms, uint64_t *ret_sequence, int64_t *ret_at_ms);
/* asked_ms: how long the receiver asked to wait; 0: it did not. error: NULL when it is done. */
void destination_result(Destination *destination, DeliveryOutcome outcome, int64_t asked_ms,
                        const char *error, int64_t now_ms, int64_t wall_ms);
/* It is not known what became of the delivery under way: it is tried again at once. */
void destination_forget_try(Destination *destination);

uint64_t destination_position(const Destination *destination);