/* metrics.h: what status says as figures, in Prometheus' text format 0.0.4.
 * Owns:   nothing.
 * Calls:  jansson. Computes only.
 * Holds:  figures are of what is committed, as status is. Names and labels of docs/monitoring.md stay. */
#pragma once
#include <glib.h>
#include <jansson.h>
#include <stdint.h>

#define METRICS_TYPE "text/plain; version=0.0.4; charset=utf-8"

/* status: what the operation of that name answered, as of now_ms. New string. */
char *metrics_text(const json_t *status, int64_t now_ms);
