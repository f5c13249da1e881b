/* definition_shape.h: what of a job definition decides where it can run, read without decoding the whole
 * spec. Owns:   nothing. Calls:  spec/. Holds:  definitions of equal shape can run in the same places. Sets
 * of 100,000 definitions have few shapes. */
#pragma once
#include <glib.h>
#include "spec/decode.h"

typedef struct {
    ResourceNeed need;
    int64_t nodes;
    char node_type[64]; /* of a multinode job that names an instance type */
    Platform platform;
    bool has_command;
    char beyond[64]; /* what the local provider does not have, joined by blanks */
} DefinitionShape;

/* spec: canonical JSON of a JobDefinition. False when it does not decode. */
bool definition_shape_read(View spec, DefinitionShape *ret_shape);
/* The shape of the definition under a Job's overrides. job: canonical JSON of a Job. False, and shape is as
 * it was, when there is an override that the shape does not tell: then both must be decoded. */
bool definition_shape_override(View job, DefinitionShape *shape);
guint definition_shape_hash(const DefinitionShape *shape);
bool definition_shape_equal(const DefinitionShape *a, const DefinitionShape *b);
