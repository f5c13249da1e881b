/* explain.h: the answer of `explain` as text.
 * Holds:  pure: from JSON to text; time is an argument. */
#pragma once
#include "reconciler/cli/listing.h"

void explain_print_job(const json_t *answer, const ListStyle *style, GString *out);
