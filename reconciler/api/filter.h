/* filter.h: the `filters` of Batch's lists.
 * Owns:   nothing; texts are the request's.
 * Calls:  operation.h. */
#pragma once
#include "reconciler/api/operation.h"

typedef struct {
    const char *name, *value; /* NULL: none was given */
} BatchFilter;
/* batch: at most one filter, with one value. names: those that there are, NULL-terminated; they are
 * case-sensitive. False: the call has failed. */
bool request_filter(Call *call, const char *const *names, BatchFilter *ret_filter);
/* batch: in any case; a trailing * stands for anything. */
bool name_matches(const char *pattern, const char *name);
