/* quantiles.h: percentiles of many non-negative values in bounded memory.
 * Owns:   its buckets.
 * Calls:  GLib only.
 * Holds:  adding costs O(1). Values below 128 are exact; above, a quantile is off by at most 1/128 of itself
 * (0.8 %): each power of two is cut into 64 buckets and a bucket stands for its middle. The least and the
 * greatest value are exact. At most 32 KiB, and only 512 bytes for each power of two that occurs. */
#pragma once
#include <glib.h>
#include <stdint.h>

typedef struct Quantiles Quantiles;

Quantiles *quantiles_new(void);
void quantiles_free(Quantiles *quantiles);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Quantiles, quantiles_free)
/* count times; below 0 counts as 0. */
void quantiles_add(Quantiles *quantiles, int64_t value, int64_t count);
uint64_t quantiles_count(const Quantiles *quantiles);
/* The value that permille of 1,000 values are not above (nearest rank); 0 when there is none. */
int64_t quantiles_at(const Quantiles *quantiles, int permille);
int64_t quantiles_max(const Quantiles *quantiles);
