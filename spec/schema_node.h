/* schema_node.h: the compiled form of a schema. Private to the schema_*.c files.
 * Owns:   everything below lives in the Schema's arena, patterns excepted.
 * Holds:  immutable once schema_compile has returned; `ref` and the annotations are resolved then. */
#pragma once
#include <jansson.h>
#include "spec/schema.h"
#include "spec/schema_pattern.h"

typedef enum {
    TYPE_NULL = 1 << 0,
    TYPE_BOOLEAN = 1 << 1,
    TYPE_INTEGER = 1 << 2,
    TYPE_NUMBER = 1 << 3,
    TYPE_STRING = 1 << 4,
    TYPE_ARRAY = 1 << 5,
    TYPE_OBJECT = 1 << 6,
} TypeBits;

/* A member that `properties` or `required` names. */
typedef struct {
    View name;
    const SchemaNode *schema; /* NULL: only required */
} Property;

#define PROPERTIES_MAX 256 /* of one subschema: the validator keeps what it has seen on the stack */

/* Members by name: an open table of indices into items, sized so that it stays sparse. */
typedef struct {
    Property *items;
    size_t len;
    uint16_t *slots; /* index + 1; 0: empty */
    size_t mask;
} PropertyTable;

typedef struct {
    const Pattern *pattern;
    const SchemaNode *schema;
} PatternProperty;

typedef struct {
    View name;
    View *needed;
    size_t needed_len;
    const SchemaNode *schema; /* dependentSchemas, or NULL */
} Dependency;

typedef struct {
    const SchemaNode **items;
    size_t len;
} SchemaList;

typedef struct {
    bool set;
    bool is_integer;
    int64_t integer;
    double real;
} Limit;

typedef enum { VERDICT_OPEN, VERDICT_TRUE, VERDICT_FALSE } Verdict; /* of the schemas true and false */

typedef enum { TRISTATE_UNSET, TRISTATE_NO, TRISTATE_YES } Tristate;

/* What the x-muster-* keywords say; resolved through $ref and allOf after linking. */
typedef struct {
    const char *title, *description, *reference, *list_key, *merge_key;
    const char *default_text;      /* compact JSON, keys sorted */
    const char *default_canonical; /* in the form canonical_append gives it */
    const Node *default_node;
    Tristate sensitive, is_private, ours, decimal, digest_excluded;
    bool has_update, has_owner, has_presence;
    UpdateEffect update, presence;
    const json_t *groups; /* of values: [["EC2", "SPOT"], …]; NULL: none */
    FieldOwner owner;
} Annotations;

struct SchemaNode {
    const Schema *owner;
    Verdict verdict;
    unsigned types;                                                 /* TypeBits; 0: any */
    unsigned providers;                                             /* bits of ProviderBit; 0: all */
    bool checks_object, checks_array, checks_string, checks_number; /* has keywords of that type */
    bool unevaluated; /* has unevaluatedProperties or unevaluatedItems */
    bool enum_ignore_case;

    const SchemaNode *ref;
    const Node *constant;
    const Node **enums;
    size_t enums_len;
    bool has_enum;

    PropertyTable properties;
    uint64_t required[PROPERTIES_MAX / 64]; /* indices into properties */
    size_t required_len;
    PatternProperty *patterns;
    size_t patterns_len;
    const SchemaNode *additional, *property_names, *unevaluated_properties;
    Dependency *dependencies;
    size_t dependencies_len;
    int64_t min_properties, max_properties; /* -1: not given */

    const SchemaNode *items, *contains, *unevaluated_items;
    SchemaList prefix_items;
    int64_t min_items, max_items, min_contains, max_contains;
    bool unique_items;

    int64_t min_length, max_length;
    const Pattern *pattern;
    const char *pattern_text;

    Limit minimum, maximum, exclusive_minimum, exclusive_maximum, multiple_of;

    SchemaList all_of, any_of, one_of;
    const SchemaNode *not_schema, *if_schema, *then_schema, *else_schema;

    const char *message, *hint; /* x-muster-message, x-muster-hint */
    Annotations own, resolved;
    int resolving; /* 0: not yet, 1: being resolved, 2: done */
};

struct Schema {
    char *name;
    Arena *arena;
    json_t *json;
    GHashTable *nodes;   /* json_t * -> SchemaNode *: of every subschema */
    GPtrArray *patterns; /* of Pattern */
    const SchemaNode *root;
};

/* "aws" as a bit; 0: not one of the providers. */
unsigned schema_provider_bit(const char *name);
/* NULL: none. */
const Property *property_find(const PropertyTable *table, View name);
bool node_equal(const Node *a, const Node *b);
/* As 2020-12 says: 1.0 is an integer, integers are numbers. */
bool node_has_type(const Node *node, unsigned types);
/* A number (or a string that writes one) in 1/10,000ths; false when it has more digits or is none. */
bool node_decimal(const Node *node, int64_t *ret_e4);
Node *node_from_json(Arena *arena, const json_t *json);
/* Whether node is valid, without reporting anything. Provider-specific rules are skipped. */
bool schema_matches(const SchemaNode *schema, const Node *node);
/* What changing the value from before to after (NULL: absent) does: x-muster-update with
 * x-muster-update-presence and x-muster-update-groups, or what is inherited from above where nothing is said.
 */
UpdateEffect schema_change_effect(const SchemaNode *schema, const json_t *before, const json_t *after,
                                  UpdateEffect inherited);
/* Fills ->resolved of every node of schema; refs are linked. */
void schema_annotations_resolve(Schema *schema);
