/* recorded.h: fields of a change as they are kept and shown later.
 * Owns:   nothing.
 * Calls:  spec/.
 * Holds:  what is private by the schema (spec/redact: values of environment variables, the places of secrets)
 * is never kept as it is: it has a digest in its place, with no salt, but for what the annotation
 * muster/public-environment names; a value from before the change only where it was named before. Equal
 * values have equal digests. A digest is no protection for a value that can be guessed. */
#pragma once
#include "spec/compare.h"

#define RECORDED_FIELDS_MAX 500   /* of one change; the others are counted in one entry */
#define RECORDED_BYTES_MAX  65536 /* of one change: after so many no further field is begun */
#define RECORDED_VALUE_MAX  4096  /* bytes of one value; a larger one is told by its size and digest */

/* Appends [{"path","before"?,"after"?}, …] as JSON; of a change with more fields the last is {"path": "spec",
 * "omitted": n}. metadata: of the manifest that the fields lead to. fields: of FieldChange, those of the
 * metadata (metadata_compare) and of the spec (compare_specs). */
void recorded_fields(const GPtrArray *fields, View metadata, GString *out);
