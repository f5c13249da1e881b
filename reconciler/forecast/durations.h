/* durations.h: how long simulated tasks run, and how often they fail.
 * Owns:   nothing; a DurationModel is a value, the buckets of an empirical one stay the caller's.
 * Calls:  spec/base, forecast/fixed_point, jansson.
 * Holds:  integers only: equal generators give equal draws on every compiler. A draw lies in
 * 1 … DURATION_MS_MAX. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include "spec/base/rng.h"
#include "spec/base/view.h"

#define DURATION_MS_MAX (INT64_C(10) * 366 * 86400 * 1000) /* ten years */
#define FAILURE_PPM_MAX 1000000                            /* failure probabilities are in millionths */

#define DURATION_ERROR duration_error_quark()
GQuark duration_error_quark(void);
typedef enum { DURATION_ERROR_SYNTAX } DurationErrorCode;

/* DURATION_EMPIRICAL: a bucket by its count, then evenly within it (history, traces). */
typedef enum {
    DURATION_UNKNOWN,
    DURATION_FIXED,
    DURATION_UNIFORM,
    DURATION_EXPONENTIAL,
    DURATION_LOGNORMAL,
    DURATION_EMPIRICAL
} DurationKind;

typedef struct {
    int64_t low_ms, high_ms; /* both inclusive */
    uint64_t count;
} DurationBucket;

typedef struct {
    DurationKind kind;
    int64_t low_ms; /* fixed: the time; uniform: the shortest; exponential: the mean; lognormal: the median */
    int64_t high_ms;               /* uniform: the longest */
    int64_t sigma_e4;              /* lognormal: the deviation of the logarithm */
    const DurationBucket *buckets; /* empirical; borrowed */
    size_t buckets_len;
    uint64_t total; /* Σ count, above 0 */
} DurationModel;

/* "fixed 60", "uniform 30 90", "exponential 120" (mean), "lognormal 300 0.5" (median, sigma). Times are
 * seconds, decimals allowed, or durations as 90s, 10m, 2h. */
bool duration_model_parse(View text, DurationModel *ret_model, GError **error);
/* "0.01": at most four digits after the point, 0 to 1. */
bool failure_parse(View text, int *ret_ppm, GError **error);

/* What a JobDefinition's annotations say of its simulated tasks. */
typedef struct {
    DurationModel model; /* DURATION_UNKNOWN: muster/simulated-duration is not there */
    int failure_ppm;     /* muster/simulated-failure; 0: never */
} TaskModel;
/* metadata: canonical JSON of labels and annotations, as Manifest and Template keep it; empty is as none. The
 * error names the annotation. */
bool task_model_from_metadata(View metadata, TaskModel *ret_model, GError **error);

DurationModel duration_model_fixed(int64_t ms);
/* buckets with count 0 are allowed; DURATION_UNKNOWN when all are. */
DurationModel duration_model_empirical(const DurationBucket *buckets, size_t len);

/* The model must not be DURATION_UNKNOWN. */
int64_t duration_draw(const DurationModel *model, Rng *rng);
/* What the model expects on average, for words only; 0 where it is unknown. */
int64_t duration_mean_ms(const DurationModel *model);
bool failure_draw(int failure_ppm, Rng *rng);
