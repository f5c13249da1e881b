/* metrics.h: what the state and the meters say, as Prometheus' text.
 * Owns:   nothing.
 * Calls:  metric.h, meters.h, world/ (reading), jansson. Computes only.
 * Holds:  figures of the state are of what is committed when they leave, as every answer is. Names and labels
 * of docs/monitoring.md stay. At most METERS_QUEUES queues and METRICS_ENVIRONMENTS environments have series
 * of their own; the rest are summed up under METERS_OTHER. */
#pragma once
#include "reconciler/api/meters.h"

#define METRICS_TYPE         "text/plain; version=0.0.4; charset=utf-8"
#define METRICS_ENVIRONMENTS 100
#define METRICS_SOURCES      100
#define METRICS_DESTINATIONS 100

/* context->meters may be NULL: then only the state is told. New string. */
GString *metrics_text(const OperationContext *context);
