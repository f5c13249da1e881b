/* clock.h: the only reader of clocks: the real ClockPort.
 * Owns:   one GSource on the thread-default GMainContext.
 * Holds:  no wake-up but the one asked for last. */
#pragma once
#include "reconciler/ports.h"

typedef struct Clock Clock;
typedef void (*ClockTick)(void *data);
Clock *clock_new(ClockTick tick, void *data);
/* No tick any more; wake_at() does nothing from now on. */
void clock_stop(Clock *clock);
void clock_free(Clock *clock);
ClockPort clock_port(Clock *clock);
int64_t clock_ms(void); /* the wall clock, for what decides nothing of the engine's */
int64_t clock_us(void); /* the monotonic clock, in microseconds, for what measures the program itself */
