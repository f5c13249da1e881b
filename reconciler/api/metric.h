/* metric.h: the families of /metrics, and how they are written: Prometheus' text format.
 * Owns:   nothing.
 * Calls:  spec/base.
 * Holds:  a family is in metric_name()'s table or it is not written at all; docs/monitoring.md has each. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include "spec/base/meter.h"

typedef enum {
    METRIC_BUILD_INFO,
    METRIC_TIME,
    METRIC_START_TIME,
    METRIC_RESIDENT_MEMORY,
    METRIC_CPU,
    METRIC_COMMITTED,
    METRIC_STORE_REFUSES,
    METRIC_LOOP_LONGEST,
    METRIC_LOOP_STALLS,
    METRIC_BACKUP,
    METRIC_BACKUP_BYTES,
    METRIC_JOBS_UNFINISHED,
    METRIC_HELD_TASKS,
    METRIC_SOURCE_STATE,
    METRIC_SOURCE_REMOTE_STATE,
    METRIC_SOURCE_BEHIND,
    METRIC_SOURCE_HEAD_CHECKED,
    METRIC_SOURCE_WEBHOOK_ACCEPTED,
    METRIC_SOURCE_WEBHOOK_REFUSED,
    METRIC_RECONCILE,
    METRIC_DRIFT,
    METRIC_QUEUE_JOBS,
    METRIC_QUEUE_VCPUS,
    METRIC_PLACEMENTS,
    METRIC_ATTEMPTS_ENDED,
    METRIC_JOB_WAIT,
    METRIC_JOB_RUN,
    METRIC_ATTEMPT_START,
    METRIC_SCHEDULING,
    METRIC_TICK,
    METRIC_TICK_PHASE,
    METRIC_STORE_COMMIT,
    METRIC_STORE_TRANSACTION,
    METRIC_STORE_ROWS,
    METRIC_STORE_FAILURES,
    METRIC_ENVIRONMENT_USABLE,
    METRIC_ENVIRONMENT_INSTANCES,
    METRIC_ENVIRONMENT_VCPUS,
    METRIC_ENVIRONMENT_COST,
    METRIC_ENVIRONMENT_SPENT,
    METRIC_ENVIRONMENT_UNPRICED,
    METRIC_INSTANCES_ASKED,
    METRIC_INSTANCES_REFUSED,
    METRIC_PROVIDER_CALLS,
    METRIC_PROVIDER_CALL,
    METRIC_API_REQUESTS,
    METRIC_API_ANSWER,
    METRIC_NOTIFY_PENDING,
    METRIC_NOTIFY_FAILING,
    METRICS
} Metric;

const char *metric_name(Metric metric);
/* Its HELP and TYPE: once, before its samples. */
void metric_family(GString *out, Metric metric);

typedef struct {
    const char *name, *value;
} MetricLabel;
/* value in 1/10^decimals of the family's unit; decimals: 0 to 6. */
void metric_sample(GString *out, Metric metric, const MetricLabel *labels, size_t len, int64_t value,
                   int decimals);
void metric_histogram(GString *out, Metric metric, const MetricLabel *labels, size_t len,
                      const Histogram *histogram, MeterScale scale);
/* A family of one sample without labels. */
void metric_single(GString *out, Metric metric, int64_t value, int decimals);
