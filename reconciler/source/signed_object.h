/* signed_object.h: a commit or an annotated tag, as git stores it, becomes what was signed and the signature.
 * Owns:   a SignedObject owns its texts.
 * Calls:  spec/base/.
 * Holds:  what was signed is every byte of the object but the signature, so nothing of what git reads out of
 * it can be another thing than what was signed. What an honest git never writes (a header twice or out of
 * order, several signatures) is a fault: two readers could read it in two ways. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include "spec/base/view.h"

#define SIGNED_OBJECT_MAX ((size_t)4 << 20) /* bytes of a commit or tag that is looked at */
#define SIGNATURE_MAX     ((size_t)64 << 10)

typedef enum {
    SIGNATURE_NONE,
    SIGNATURE_SSH,
    SIGNATURE_OPENPGP,
    SIGNATURE_OTHER /* X.509, or what this version does not know */
} SignatureFormat;

typedef struct {
    SignatureFormat format;
    char *payload; /* what was signed */
    size_t payload_len;
    char *signature; /* armored; NULL: SIGNATURE_NONE */
    int64_t time_s;  /* of the committer or tagger; a tag without one has 0 */
    char *tag_name;  /* as the tag object has it; NULL: a commit */
} SignedObject;

/* NULL: done. Else what is wrong with the object, a constant that follows "it …". */
const char *signed_commit_parse(View text, SignedObject *ret_object);
const char *signed_tag_parse(View text, SignedObject *ret_object);
void signed_object_clear(SignedObject *object);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(SignedObject, signed_object_clear)
