/* meter.h: how often something happened and how long it took, for whoever watches the program.
 * Owns:   nothing; meters are plain structs, all zero when new, copied by assignment.
 * Calls:  nothing. No clock: times are arguments.
 * Holds:  counting takes no memory and no lock: a meter belongs to one thread, or to who holds its owner's
 * mutex. Nothing that is counted decides anything. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* Upper ends of buckets. FAST: 50 µs to 10 s, of what the program does itself. SLOW: 100 ms to a day, of
 * what jobs wait and run. */
typedef enum { SCALE_FAST, SCALE_SLOW } MeterScale;
#define METER_BUCKETS 16
extern const int64_t meter_bounds_us[2][METER_BUCKETS];

typedef struct {
    uint64_t counts[METER_BUCKETS + 1]; /* each bucket's own; the last one's: above all bounds */
    uint64_t sum_us;
} Histogram;
/* A time below 0 (a clock was set) counts as 0. */
void histogram_observe(Histogram *histogram, MeterScale scale, int64_t us);
uint64_t histogram_count(const Histogram *histogram);

/* Calls to something outside, by what was asked and what came of it. */
typedef enum {
    CALL_OK,
    CALL_ERROR,     /* an answer that refuses it */
    CALL_THROTTLED, /* refused for being one of too many */
    CALL_LOST,      /* no answer came */
    CALL_OUTCOMES
} CallOutcome;
const char *call_outcome_name(CallOutcome outcome);

#define CALL_NAME 64
typedef struct {
    char service[16], operation[CALL_NAME];
    uint64_t outcomes[CALL_OUTCOMES];
} CallCount;

/* Names have to come from a bounded set. What comes when all rows are taken counts in the last one, "other".
 */
#define CALL_ROWS 96
typedef struct {
    CallCount rows[CALL_ROWS];
    size_t len;
    Histogram seconds; /* SCALE_FAST: from sending to the answer */
} CallMeter;
/* meter NULL: nothing is counted. */
void call_meter_count(CallMeter *meter, const char *service, const char *operation, CallOutcome outcome,
                      int64_t took_us);
