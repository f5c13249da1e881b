/* compare.h: field-by-field difference of two canonical specs, with each field's effect from the schema.
 * Calls:  spec/canonical, spec/redact, spec/schema, jansson.
 * Holds:  paths are "spec.a.b", list items by their key "environment[NAME]" or index "[0]"; sorted by path.
 */
#pragma once
#include "spec/redact.h"

typedef struct {
    char *path;
    char *before, *after; /* compact JSON, NULL: absent. Sensitive values are replaced by "(sensitive)" */
    UpdateEffect effect;  /* the nearest x-muster-update at or above the field */
    /* For field_redact(): */
    const SchemaNode *schema; /* of the field; NULL: unknown, or of the metadata */
    bool is_private;          /* the field itself is */
    bool is_redacted;         /* before is of a spec that was redacted */
    char *variable;           /* name of the list's item that the field stands in; NULL: none */
} FieldChange;

void field_change_free(FieldChange *change);
FieldChange *field_change_copy(const FieldChange *change);
/* before and after with digests for what is private, each by its own rules; new strings, NULL where the field
 * has none. */
void field_redact(const FieldChange *change, const Redaction *before, const Redaction *after,
                  char **ret_before, char **ret_after);
/* New array of FieldChange*, with free function set. before or after may be the empty view: everything is
 * added/removed. */
GPtrArray *compare_specs(Kind kind, View before, View after);
/* Number of leaf fields that are equal in both (for "(14 unchanged fields hidden)"). */
size_t compare_unchanged(Kind kind, View before, View after);
/* Both, where before was redacted (redact_spec): a private value whose digest stands there is equal. */
GPtrArray *compare_redacted(Kind kind, View before, View after, const Redaction *redaction,
                            size_t *ret_unchanged);
const char *update_effect_name(UpdateEffect effect); /* "in-place" … */
/* The same under any schema: appends to changes (may be NULL), unsorted, and counts (ret_unchanged may be
 * NULL). */
void compare_under(const SchemaNode *schema, View before, View after, GPtrArray *changes,
                   size_t *ret_unchanged);
