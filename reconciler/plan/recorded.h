/* recorded.h: fields of a change as they are kept and shown later.
 * Owns:   nothing.
 * Calls:  spec/.
 * Holds:  values of environment variables and the places of secrets are never kept as they are: they have
 * digests in their place, but for variables that the annotation muster/public-environment names. Equal values
 * have equal digests. A digest is no protection for a value that can be guessed. */
#pragma once
#include "spec/compare.h"

#define RECORDED_FIELDS_MAX 500   /* of one change; the others are counted in one entry */
#define RECORDED_BYTES_MAX  65536 /* of one change: after so many no further field is begun */
#define RECORDED_VALUE_MAX  4096  /* bytes of one value; a larger one is told by its size and digest */

/* Appends [{"path","before"?,"after"?}, …] as JSON; of a change with more fields the last is {"path": "spec",
 * "omitted": n}. metadata: of the manifest that the fields lead to. fields: of FieldChange. */
void recorded_fields(const GPtrArray *fields, View metadata, GString *out);
