#include "spec/base/meter.h"
#include <string.h>

#define MS INT64_C(1000)
#define S  INT64_C(1000000)

const int64_t meter_bounds_us[2][METER_BUCKETS] = {
    [SCALE_FAST] = {50, 100, 250, 500, 1 * MS, 2500, 5 * MS, 10 * MS, 25 * MS, 50 * MS, 100 * MS, 250 * MS,
                    500 * MS, 1 * S, 2500 * MS, 10 * S},
    [SCALE_SLOW] = {100 * MS, 500 * MS, 1 * S, 2500 * MS, 5 * S, 10 * S, 30 * S, 60 * S, 120 * S, 300 * S,
                    600 * S, 1800 * S, 3600 * S, 10800 * S, 21600 * S, 86400 * S},
};

void histogram_observe(Histogram *histogram, MeterScale scale, int64_t us)
{
    size_t bucket = 0;
    us = MAX(us, 0);
    while (bucket < METER_BUCKETS && us > meter_bounds_us[scale][bucket])
        bucket++;
    histogram->counts[bucket]++;
    histogram->sum_us += (uint64_t)us;
}

uint64_t histogram_count(const Histogram *histogram)
{
    uint64_t all = 0;
    for (size_t i = 0; i <= METER_BUCKETS; i++)
        all += histogram->counts[i];
    return all;
}

const char *call_outcome_name(CallOutcome outcome)
{
    static const char *const names[CALL_OUTCOMES] = {
        [CALL_OK] = "ok", [CALL_ERROR] = "error", [CALL_THROTTLED] = "throttled", [CALL_LOST] = "lost"};
    return names[outcome];
}

static CallCount *row_of(CallMeter *meter, const char *service, const char *operation)
{
    for (size_t i = 0; i < meter->len; i++) {
        CallCount *row = &meter->rows[i];
        if (strncmp(row->operation, operation, CALL_NAME - 1) == 0 &&
            strncmp(row->service, service, sizeof row->service - 1) == 0)
            return row;
    }
    if (meter->len == CALL_ROWS)
        return &meter->rows[CALL_ROWS - 1];
    CallCount *row = &meter->rows[meter->len++];
    bool is_last = meter->len == CALL_ROWS;
    g_strlcpy(row->service, is_last ? "other" : service, sizeof row->service);
    g_strlcpy(row->operation, is_last ? "other" : operation, sizeof row->operation);
    return row;
}

void call_meter_count(CallMeter *meter, const char *service, const char *operation, CallOutcome outcome,
                      int64_t took_us)
{
    if (!meter)
        return;
    row_of(meter, service, operation)->outcomes[outcome]++;
    histogram_observe(&meter->seconds, SCALE_FAST, took_us);
}
