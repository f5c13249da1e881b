/* loop_meter.h: how long the loop was busy between two waits (DESIGN: never more than 5 ms).
 * Owns:   nothing; wraps the poll function of one context, which one thread runs.
 * Calls:  GLib, clock.h.
 * Holds:  wall time: what a caller would have had to wait, page faults and a busy machine included. */
#pragma once
#include <glib.h>
#include <stdint.h>

#define LOOP_BUSY_MAX_US 5000

typedef struct {
    int64_t woken_us;   /* when the loop last went on; 0: it has not waited yet */
    int64_t longest_us; /* the longest time between two waits */
    uint64_t over;      /* how often that was more than LOOP_BUSY_MAX_US */
} LoopMeter;
/* Begins to measure the context that the calling thread runs; meter must outlive it. */
void loop_meter_start(LoopMeter *meter, GMainContext *context);
