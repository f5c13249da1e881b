/* schema.h: interpret JSON Schema 2020-12 over document nodes.
 * Owns:   Schema owns its compiled form; immutable after compiling, shared by threads.
 * Calls:  spec/base, spec/document, jansson (reading schemas only), GLib regex (compiled once).
 * Holds:  every keyword that our schemas use is implemented in full; an unknown keyword (not an annotation we
 *         list) makes compiling fail, so that none is silently ignored. No field rule is written a second
 * time in C. */
#pragma once
#include "spec/document.h"

typedef struct Schema Schema;         /* a whole file with its $defs */
typedef struct SchemaNode SchemaNode; /* one (sub)schema in it */

/* json is the text of a schema file; name is for error texts and for "$ref" between files
 * ("common.json#/$defs/Tags"). others: schemas that may be referred to, by name; may be NULL. */
Schema *schema_compile(const char *name, View json, Schema *const *others, size_t others_len, GError **error);
void schema_free(Schema *schema);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Schema, schema_free)
const SchemaNode *schema_root(const Schema *schema);

/* What the rules may depend on besides the document: `x-muster-provider: aws` on a subschema applies it only
 * where the effective provider is that one. */
typedef struct {
    const char *file; /* for positions */
    View text;        /* the file's text (or part), for showing lines */
    int first_line;
    const char *provider; /* effective provider of this document: "local", "docker", "aws", "simulated"; NULL:
                             unknown, then provider-specific rules are skipped */
} SchemaContext;

/* Adds every violation, with a suggestion for misspelt members and enum values. True when there was none. */
bool schema_validate(const SchemaNode *schema, const Node *node, const char *path,
                     const SchemaContext *context, DiagnosticList *diagnostics);

/* Annotations, for diff, defaults and references. A member's subschema is looked up through $ref, properties,
 * items, additionalProperties, allOf and the matching oneOf branch where one is determined by type alone. */
typedef enum { UPDATE_IN_PLACE, UPDATE_ROLLING, UPDATE_REPLACE, UPDATE_REVISION } UpdateEffect;
typedef enum { OWNER_USER, OWNER_SCHEDULER } FieldOwner;

const SchemaNode *schema_member(const SchemaNode *schema, const char *name,
                                size_t name_len);         /* NULL: not there */
const SchemaNode *schema_items(const SchemaNode *schema); /* of an array; NULL: none */
/* The same, where several forms could be meant: of the first that knows the member. For effect and secrecy a
 * guess is better than none. schema may be NULL. */
const SchemaNode *schema_member_any(const SchemaNode *schema, const char *name);
const SchemaNode *schema_items_any(const SchemaNode *schema);
UpdateEffect schema_update(const SchemaNode *schema); /* x-muster-update; default UPDATE_IN_PLACE */
bool schema_has_update(const SchemaNode *schema);     /* stated on this node itself */
FieldOwner schema_owner(const SchemaNode *schema);    /* x-muster-owner */
bool schema_sensitive(const SchemaNode *schema);      /* x-muster-sensitive */
/* x-muster-private: what leaves the installation has a digest in its place (redact.h). */
bool schema_private(const SchemaNode *schema);
bool schema_ours(const SchemaNode *schema);             /* x-muster-ours */
const char *schema_reference(const SchemaNode *schema); /* x-muster-reference: kind name, or NULL */
const char *
schema_list_key(const SchemaNode *schema); /* x-muster-list-key: member that keys a list's items, or NULL */
const char *schema_merge_key(
    const SchemaNode *schema); /* x-muster-merge-key: the same of a list whose order has a meaning:
                                  patches are merged by it, but it is not sorted; or NULL */
const char *schema_description(const SchemaNode *schema);
const char *schema_default(const SchemaNode *schema); /* canonical JSON text, or NULL */
/* Every member that has a default, through $ref and allOf; some may come twice. */
typedef void (*SchemaDefaultFunc)(View name, const char *json, void *data);
void schema_each_default(const SchemaNode *schema, SchemaDefaultFunc func, void *data);
/* Numbers stored as decimals in 1/10,000ths: x-muster-decimal: true. */
bool schema_decimal(const SchemaNode *schema);
/* x-muster-digest: "exclude" — the member is not part of the digest (read-only members of Describe answers).
 */
bool schema_digest_excluded(const SchemaNode *schema);
/* x-muster-enum-ignore-case: enum values are accepted in any case; the canonical form stores the enum's
 * spelling. The enum's spelling of text, or the empty view (data NULL) when the node has no such enum or text
 * is not in it. */
View schema_enum_spelling(const SchemaNode *schema, View text);
const char *schema_title(const SchemaNode *schema);
/* All annotated keywords this interpreter knows are listed in schema_keyword.c. Beside those above:
 * x-muster-provider ("aws" or a list), x-muster-message, x-muster-hint (error text and cure of a failing
 * subschema), x-muster-update-presence (the effect where the member comes or goes, beside x-muster-update
 * where its value changes), x-muster-update-groups (lists of values: a change from one list to another
 * replaces). */
