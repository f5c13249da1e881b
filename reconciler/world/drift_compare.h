/* drift_compare.h: what is observed of a resource x what is in force of it.
 * Calls:  spec/. Pure.
 * Holds:  equal values in another form are equal (defaults, order of keyed lists, decimals); what belongs to
 * the scheduler never differs; what is not told says nothing (invariant 4). */
#pragma once
#include "spec/spec_put.h"
#include "spec/compare.h"

#define OBSERVED_BYTES_MAX  (256 << 10)
#define OBSERVED_FIELDS_MAX 1000
#define DRIFT_FIELDS_MAX    100  /* of one resource; the others are counted */
#define DRIFT_VALUE_MAX     4096 /* bytes of one value; of a longer one its size and digest are kept */

typedef struct {
    GPtrArray *fields; /* of FieldChange: before is in force, after was observed */
    GPtrArray *paths;  /* of char*: what was told of; what the schema does not know never differs */
} DriftComparison;

/* observed: a JSON object of paths as spec_put() takes them, with what is there; null: nothing is. False with
 * message (new string) when it is none, or more than the limits. */
bool drift_compare(Kind kind, View in_force, View observed, DriftComparison *ret_comparison,
                   char **ret_message);
void drift_comparison_clear(DriftComparison *comparison);

/* What differs, as it is kept and shown: a JSON list of {"path","applied"?,"observed"?}, sorted by path, and
 * {"path":"spec","omitted":N} for what there are too many of. Private values are digests. New string; NULL:
 * none. */
char *drift_fields_text(const GPtrArray *fields);
/* "maxvCpus: 256 was set to 512", without "spec."; field: of that list. New string. */
char *drift_field_words(const json_t *field);
