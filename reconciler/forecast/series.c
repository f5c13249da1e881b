#include "reconciler/forecast/series.h"

typedef struct {
    int64_t min, max;
    __int128 sum; /* value × ms within this step */
} Step;

struct Series {
    int64_t start_ms, step_ms, now_ms, value, max;
    __int128 integral;
    Step *steps;
    size_t len, room; /* steps begun; allocated */
};

Series *series_new(int64_t start_ms, int64_t step_ms)
{
    Series *series = g_new0(Series, 1);
    series->start_ms = series->now_ms = start_ms;
    series->step_ms = step_ms;
    return series;
}

void series_free(Series *series)
{
    if (!series)
        return;
    g_free(series->steps);
    g_free(series);
}

static void join_steps(Series *series)
{
    size_t joined = (series->len + 1) / 2;
    for (size_t i = 0; i < joined; i++) {
        Step step = series->steps[2 * i];
        if (2 * i + 1 < series->len) {
            const Step *other = &series->steps[2 * i + 1];
            step.min = MIN(step.min, other->min);
            step.max = MAX(step.max, other->max);
            step.sum += other->sum;
        }
        series->steps[i] = step;
    }
    series->len = joined;
    series->step_ms *= 2;
}

/* The step with this index, begun with the present value where it is new. */
static Step *step_at(Series *series, size_t index)
{
    if (index >= series->room) {
        series->room = MIN(MAX(series->room * 2, MAX(index + 1, 64)), SERIES_POINTS_MAX);
        series->steps = g_renew(Step, series->steps, series->room);
    }
    for (; series->len <= index; series->len++)
        series->steps[series->len] = (Step){series->value, series->value, 0};
    return &series->steps[index];
}

static size_t index_of(const Series *series, int64_t at_ms)
{
    return (size_t)((at_ms - series->start_ms) / series->step_ms);
}

/* The present value holds until now_ms: spread over the steps in between. */
static void advance(Series *series, int64_t now_ms)
{
    if (now_ms <= series->now_ms)
        return;
    while ((now_ms - 1 - series->start_ms) / series->step_ms >= SERIES_POINTS_MAX)
        join_steps(series);
    series->integral += (__int128)series->value * (now_ms - series->now_ms);
    series->max = MAX(series->max, series->value);
    for (int64_t at_ms = series->now_ms; at_ms < now_ms;) {
        size_t index = index_of(series, at_ms);
        int64_t end_ms = MIN(series->start_ms + (int64_t)(index + 1) * series->step_ms, now_ms);
        Step *step = step_at(series, index);
        step->min = MIN(step->min, series->value);
        step->max = MAX(step->max, series->value);
        step->sum += (__int128)series->value * (end_ms - at_ms);
        at_ms = end_ms;
    }
    series->now_ms = now_ms;
}

void series_set(Series *series, int64_t now_ms, int64_t value)
{
    advance(series, now_ms);
    series->value = value;
}

void series_end(Series *series, int64_t end_ms)
{
    advance(series, end_ms);
}

int64_t series_value(const Series *series)
{
    return series->value;
}

int64_t series_max(const Series *series)
{
    return MAX(series->max, series->value);
}

__int128 series_integral(const Series *series)
{
    return series->integral;
}

__int128 series_integral_between(const Series *series, int64_t from_ms, int64_t to_ms)
{
    __int128 sum = 0;
    from_ms = MAX(from_ms, series->start_ms);
    to_ms = MIN(to_ms, series->now_ms);
    for (int64_t at_ms = from_ms; at_ms < to_ms;) {
        size_t index = index_of(series, at_ms);
        int64_t step_from_ms = series->start_ms + (int64_t)index * series->step_ms;
        int64_t step_to_ms = MIN(step_from_ms + series->step_ms, series->now_ms);
        int64_t end_ms = MIN(step_to_ms, to_ms);
        sum += series->steps[index].sum * (end_ms - at_ms) / (step_to_ms - step_from_ms);
        at_ms = end_ms;
    }
    return sum;
}

size_t series_len(const Series *series)
{
    return series->len;
}

SeriesPoint series_point(const Series *series, size_t index)
{
    const Step *step = &series->steps[index];
    int64_t from_ms = series->start_ms + (int64_t)index * series->step_ms;
    int64_t width_ms = MIN(series->step_ms, series->now_ms - from_ms);
    __int128 half = step->sum < 0 ? -width_ms / 2 : width_ms / 2;
    return (SeriesPoint){step->min, step->max, (int64_t)((step->sum + half) / width_ms)};
}

int64_t series_step_ms(const Series *series)
{
    return series->step_ms;
}

int64_t series_start_ms(const Series *series)
{
    return series->start_ms;
}
