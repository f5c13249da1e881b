/* compare.h: field-by-field difference of two canonical specs, with each field's effect from the schema.
 * Calls:  spec/canonical, spec/schema, jansson.
 * Holds:  paths are "spec.a.b", list items by their key "environment[NAME]" or index "[0]"; sorted by path.
 */
#pragma once
#include "spec/canonical.h"

typedef struct {
    char *path;
    char *before, *after; /* compact JSON, NULL: absent. Sensitive values are replaced by "(sensitive)" */
    UpdateEffect effect;  /* the nearest x-muster-update at or above the field */
} FieldChange;

void field_change_free(FieldChange *change);
/* New array of FieldChange*, with free function set. before or after may be the empty view: everything is
 * added/removed. */
GPtrArray *compare_specs(Kind kind, View before, View after);
/* Number of leaf fields that are equal in both (for "(14 unchanged fields hidden)"). */
size_t compare_unchanged(Kind kind, View before, View after);
const char *update_effect_name(UpdateEffect effect); /* "in-place" … */
/* The same under any schema: appends to changes (may be NULL), unsorted, and counts (ret_unchanged may be
 * NULL). */
void compare_under(const SchemaNode *schema, View before, View after, GPtrArray *changes,
                   size_t *ret_unchanged);
