/* spec_put.h: one value put into a spec.
 * Calls:  spec/canonical, spec/document, jansson.
 * Holds:  what was canonical is canonical afterwards: the value is brought into the form that its schema asks
 * for, and a member that equals its default is absent. */
#pragma once
#include <jansson.h>
#include "spec/canonical.h"

typedef enum {
    SPEC_PUT_DONE,
    SPEC_PUT_UNKNOWN,  /* the schema knows no such member, or the spec has something else on the way there */
    SPEC_PUT_SCHEDULER /* the member is not the user's (x-muster-owner): nothing was done */
} SpecPut;

/* path: members from "spec" on, joined by points: "spec.computeResources.maxvCpus". A list is put whole; so
 * is a mapping whose names hold points. value as people write it (decimals are not scaled); NULL, null, []
 * and {}: absent. */
SpecPut spec_put(Kind kind, json_t *spec, const char *path, const json_t *value);
/* As stored: compact, keys in byte order. New string. */
char *spec_text(const json_t *spec);
