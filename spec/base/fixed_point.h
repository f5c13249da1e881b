/* fixed_point.h: logarithm, exponential and the normal distribution in integers, so that equal seeds give
 * equal run times on every compiler and machine.
 * Owns:   nothing.
 * Calls:  spec/base/rng.
 * Holds:  no floating point. Q32 is a number times 2^32. Errors are below 2^-27 absolute for logarithms and
 * normal variates, and below 2^-27 of the value for powers: far less than what a model of run times means. */
#pragma once
#include <stdint.h>
#include "spec/base/rng.h"

#define Q32_ONE (INT64_C(1) << 32)

/* The binary logarithm of value, which is above 0, in Q32. */
int64_t fixed_log2(uint64_t value);
/* value times 2 to the power of exponent (Q32); what exceeds INT64_MAX gives INT64_MAX. */
int64_t fixed_scale_exp2(int64_t value, int64_t exponent_q32);
/* value times e to the power of exponent (Q32). */
int64_t fixed_scale_exp(int64_t value, int64_t exponent_q32);
/* A draw of the exponential distribution with mean 1, in Q32: 0 to 36.7. */
int64_t fixed_exponential(Rng *rng);
/* A draw of the normal distribution with mean 0 and deviation 1, in Q32. */
int64_t fixed_normal(Rng *rng);
