/* canonical.h: the normal form of a spec and its digest (DESIGN.md "Details that two builders would decide
 * differently"). Holds:  compact UTF-8 JSON, keys in byte order, members equal to their schema default
 * removed, null and empty lists removed, lists with x-muster-list-key sorted by that key, decimals as
 * integers in 1/10,000ths, members with x-muster-digest: exclude or x-muster-owner: scheduler left out of the
 * digest form. Strings that name an integer where the schema says integer-or-string
 * (resourceRequirements[].value) keep their text, trimmed of leading zeros, so that `value: 2` and `value:
 * "2"` agree. Adding a default to a schema changes no digest, since a member that is absent and a member
 * equal to its default have the same form. */
#pragma once
#include "spec/kinds.h"

#define DIGEST_BYTES          32
#define DIGEST_FORMAT_VERSION 1
typedef struct {
    uint8_t bytes[DIGEST_BYTES];
} Digest;

static inline bool digest_equal(const Digest *a, const Digest *b)
{
    return memcmp(a->bytes, b->bytes, DIGEST_BYTES) == 0;
}
void digest_to_hex(const Digest *digest, char ret_hex[2 * DIGEST_BYTES + 1]);
bool digest_from_hex(View hex, Digest *ret_digest);
void digest_of(View bytes, Digest *ret_digest); /* SHA-256; cheap per call (the EVP fetch is kept) */
/* The same of bytes that come one after the other. */
typedef struct DigestSum DigestSum;
DigestSum *digest_begin(void);
void digest_add(DigestSum *sum, View bytes);
void digest_end(DigestSum *sum, Digest *ret_digest); /* frees sum */

/* Appends the canonical JSON of node under schema to out. */
void canonical_append(const SchemaNode *schema, const Node *node, GString *out);
/* SHA-256 over "muster/DIGEST_FORMAT_VERSION\n" kind "\n" name "\n" canonical-spec. */
void canonical_digest(Kind kind, View name, View canonical_spec, Digest *ret_digest);
