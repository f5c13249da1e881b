/* batch_form.h: a stored spec as JSON that people and Batch's clients write and read.
 * Owns:   nothing; objects are the caller's.
 * Calls:  spec/. Computes only.
 * Holds:  decimals are numbers again; what Batch shows has no member that Batch does not know. */
#pragma once
#include <jansson.h>
#include "spec/kinds.h"

/* As a manifest could say it. New reference, never NULL. */
json_t *spec_plain(Kind kind, View spec);
/* Without the members that are muster's own, or that only a manifest has. New reference, never NULL. */
json_t *spec_batch(Kind kind, View spec);
/* The first member of a request that is muster's own, at any depth: Batch's operations do not take it. NULL:
 * there is none. Borrowed. */
const char *batch_foreign(Kind kind, const json_t *request);
/* Lists that Batch shows even when they are empty. names: NULL-terminated; object may be NULL. */
void batch_fill_lists(json_t *object, const char *const *names);
/* The lists, and the members of strings, that a container's properties always have. May be NULL. */
void batch_fill_container(json_t *container);
/* The same of all containers of a definition's properties: containerProperties, ecsProperties,
 * nodeProperties. */
void batch_fill_definition(json_t *definition);
