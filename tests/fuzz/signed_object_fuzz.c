/* Commits and tags: no text crashes what looks for a signature, and what was signed and the signature are
 * together the object, byte for byte. The first byte says which of both it is. */
#include <stdint.h>
#include <string.h>
#include "reconciler/source/signed_object.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What a reader could still take for a signature among the headers is none. */
static void check_headers(const SignedObject *object)
{
    const char *end = strstr(object->payload, "\n\n");
    g_assert(end);
    g_autofree char *headers = g_strndup(object->payload, (gsize)(end - object->payload));
    g_assert(!strstr(headers, "\ngpgsig ") && !strstr(headers, "\ngpgsig-"));
}

/* The header with the signature put back where the payload goes apart from the text. */
static void check_whole(View text, const SignedObject *object)
{
    size_t same = 0;
    while (same < object->payload_len && object->payload[same] == text.data[same])
        same++;
    size_t tail = object->payload_len - same;
    g_assert(text.len >= object->payload_len);
    g_assert(memcmp(text.data + text.len - tail, object->payload + same, tail) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_auto(SignedObject) object = {0};
    View text = {(const char *)data + 1, size ? size - 1 : 0};
    bool is_tag = size && data[0] == 't';
    if (!size)
        return 0;
    if (is_tag ? signed_tag_parse(text, &object) : signed_commit_parse(text, &object)) {
        g_assert(!object.payload && !object.signature && !object.tag_name);
        return 0;
    }
    g_assert(strlen(object.payload) == object.payload_len);
    g_assert((object.format == SIGNATURE_NONE) == (object.signature == NULL));
    check_whole(text, &object);
    if (object.format == SIGNATURE_NONE)
        g_assert(object.payload_len == text.len);
    if (is_tag)
        g_assert(object.payload_len + (object.signature ? strlen(object.signature) : 0) == text.len);
    else
        check_headers(&object);
    return 0;
}
