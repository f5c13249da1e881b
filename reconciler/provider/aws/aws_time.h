/* aws_time.h: time and chance, which only the edge has. */
#pragma once
#include <glib.h>
#include <stdint.h>

typedef struct {
    int64_t (*now_ms)(void *self);       /* CLOCK_REALTIME */
    int64_t (*monotonic_ms)(void *self); /* CLOCK_MONOTONIC */
    /* A source that is ready after so long, new, not attached; NULL: GLib's timers. */
    GSource *(*timer_new)(void *self, int64_t after_ms);
    uint64_t seed;
    void *self; /* outlives whoever is given it */
} AwsTime;
