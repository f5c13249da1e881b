/* series.h: a quantity over time, kept in bounded memory without losing its extremes.
 * Owns:   its points.
 * Calls:  GLib only.
 * Holds:  the quantity keeps its value until the next sample. Time is cut into steps of equal width, each
 * with the least, the greatest and the time-weighted mean value in it; when more than SERIES_POINTS_MAX steps
 * are needed, neighbours are joined and the width doubles. A sample costs O(1) amortised. Integrals are
 * exact. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#define SERIES_POINTS_MAX 2000

typedef struct {
    int64_t min, max, mean;
} SeriesPoint;

typedef struct Series Series;

/* step_ms: the width to begin with, above 0. The value is 0 from start_ms on until the first sample. */
Series *series_new(int64_t start_ms, int64_t step_ms);
void series_free(Series *series);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Series, series_free)
/* Times must not go back; an earlier one counts as the last. */
void series_set(Series *series, int64_t now_ms, int64_t value);
/* The last value holds until end_ms; nothing may be set afterwards. */
void series_end(Series *series, int64_t end_ms);

int64_t series_value(const Series *series); /* the present one */
int64_t series_max(const Series *series);   /* of all values that held for any time, or are set now */
/* Σ value × milliseconds from start to the last time that was given. */
__int128 series_integral(const Series *series);
/* The same between two times, to within a step at either end. */
__int128 series_integral_between(const Series *series, int64_t from_ms, int64_t to_ms);

/* After series_end(). */
size_t series_len(const Series *series);
SeriesPoint series_point(const Series *series, size_t index);
int64_t series_step_ms(const Series *series);
int64_t series_start_ms(const Series *series);
