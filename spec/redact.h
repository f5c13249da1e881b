/* redact.h: what of a spec must not leave the installation: values of environment variables and the places of
 * secrets (x-muster-private) have digests in their place.
 * Calls:  spec/schema, jansson.
 * Holds:  equal values under one salt have equal digests, so that what was redacted can be compared; a digest
 * is no protection for a value that can be guessed. What looks like such a digest is redacted too, so that
 * none can be made up, unless it is known to be one. */
#pragma once
#include <jansson.h>
#include "spec/canonical.h"

/* Of a resource: names of the variables and secrets whose values may be shown. */
#define REDACT_PUBLIC_ANNOTATION "muster/public-environment"
/* "sha256:" and 16 hex digits: enough to tell values apart, and short enough to read. */
#define REDACTED_PREFIX "sha256:"
#define REDACTED_LEN    (sizeof(REDACTED_PREFIX) - 1 + 16)

typedef struct {
    const char *salt;                /* joins every digest; "" gives plain ones */
    const char *const *public_names; /* variables whose values stay; "*": all; NULL: none */
    bool keep_digests;               /* of what was redacted before */
} Redaction;

/* Names out of REDACT_PUBLIC_ANNOTATION of a resource's metadata (canonical JSON); NULL:
 * none. New, g_strfreev. */
char **redact_public_names(View metadata);
bool redact_is_digest(const char *text);
void redact_text(const Redaction *redaction, const char *text, char ret_text[REDACTED_LEN + 1]);
/* New: value without what is private under schema. schema may be NULL. is_private: value stands in something
 * that is; name: of the variable it belongs to, or NULL. */
json_t *redact_value(const Redaction *redaction, const SchemaNode *schema, const json_t *value,
                     bool is_private, const char *name);
/* Appends the redacted spec as compact JSON, keys in byte order. A text that is no JSON gives "{}". */
void redact_spec(Kind kind, View spec, const Redaction *redaction, GString *out);
