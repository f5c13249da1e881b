/* drift_compare.h: what is observed of a resource x what is in force of it.
 * Calls:  spec/. Pure.
 * Holds:  equal values in another form are equal (defaults, order of keyed lists, decimals); what belongs to
 * the scheduler never differs; what is not told says nothing (invariant 4). */
#pragma once
#include "spec/spec_put.h"
#include "spec/compare.h"

#define OBSERVED_BYTES_MAX  (256 << 10)
#define OBSERVED_FIELDS_MAX 1000
#define DRIFT_FIELDS_MAX    1000 /* kept of one resource; of the others what they stand in, and their number */
#define DRIFT_SHOWN_MAX     100  /* of these shown; the others are counted */
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

/* ---- what is kept of it: a JSON list of {"path","applied"?,"observed"?}, sorted by path, and one of
 * {"path","omitted":N} at its end for what there are too many of: path is what they stand in. Private values
 * are digests under salt. ---- */

/* New string; NULL: nothing differs. */
char *drift_fields_text(const GPtrArray *fields, const char *salt);
/* known, but for what stands at or below a path that was told, and fresh (NULL: none). What was omitted of
 * both may be the same: the larger number counts. New string or NULL. */
char *drift_fields_merged(const char *known, const char *fresh, const GPtrArray *told);
/* Those of which in_force declares what it did when they were found, and what was omitted. salt: as then. New
 * string or NULL. */
char *drift_fields_declared(const char *fields, Kind kind, View in_force, const char *salt);
/* What is to be left alone where nothing of it is to change. New, NULL-terminated, g_strfreev(). */
char **drift_fields_paths(const char *fields);
/* As people are shown it: DRIFT_SHOWN_MAX at most, and the number of the others. New. */
json_t *drift_fields_shown(const char *fields);
/* "maxvCpus: 256 was set to 512", without "spec."; field: of drift_fields_shown(). New string. */
char *drift_field_words(const json_t *field);
