/* schema_compiler.h: what the files that compile a schema share. Private to schema_compile.c and
 * schema_keyword.c. Holds:  a function that returns false or NULL has set the compiler's error. */
#pragma once
#include "spec/schema_node.h"

typedef struct {
    Schema *schema;
    Schema *const *others;
    size_t others_len;
    GPtrArray *open_refs; /* of SchemaNode, with its json in ref_texts at the same index */
    GPtrArray *ref_texts; /* borrowed from the JSON */
    GError **error;
} Compiler;

/* Borrowed from the JSON; data NULL: no string. */
static inline View json_text(const json_t *json)
{
    return (View){json_string_value(json), json_string_length(json)};
}

/* schema_compile.c */
bool compile_fail(Compiler *compiler, const char *keyword, const char *text);
SchemaNode *compile_node(Compiler *compiler, const json_t *json);
bool compile_pattern_properties(Compiler *compiler, SchemaNode *node, const json_t *value);

/* schema_keyword.c */
bool compile_schema(Compiler *compiler, const json_t *value, const SchemaNode **ret);
const Pattern *compile_pattern(Compiler *compiler, const char *text);
/* One member of a schema's object. */
bool compile_keyword(Compiler *compiler, SchemaNode *node, const char *name, const json_t *value);
