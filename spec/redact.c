#include "spec/redact.h"
#include "spec/schema_node.h"

char **redact_public_names(View metadata)
{
    if (!metadata.len ||
        !memmem(metadata.data, metadata.len, REDACT_PUBLIC_ANNOTATION, strlen(REDACT_PUBLIC_ANNOTATION)))
        return NULL; /* nearly none has it */
    json_t *root = json_loadb(metadata.data, metadata.len, 0, NULL);
    const char *text =
        json_string_value(json_object_get(json_object_get(root, "annotations"), REDACT_PUBLIC_ANNOTATION));
    char **names = text ? g_strsplit(text, ",", -1) : NULL;
    for (char **name = names; name && *name; name++)
        g_strstrip(*name);
    json_decref(root);
    return names;
}

bool redact_is_digest(const char *text)
{
    if (!text || strlen(text) != REDACTED_LEN || !g_str_has_prefix(text, REDACTED_PREFIX))
        return false;
    return strspn(text + strlen(REDACTED_PREFIX), "0123456789abcdef") ==
           REDACTED_LEN - strlen(REDACTED_PREFIX);
}

void redact_text(const Redaction *redaction, const char *text, char ret_text[REDACTED_LEN + 1])
{
    Digest digest;
    char hex[2 * DIGEST_BYTES + 1];
    g_autofree char *salted = g_strconcat("muster/value\n", redaction->salt, "\n", text, NULL);
    digest_of(view_from(salted), &digest);
    digest_to_hex(&digest, hex);
    hex[REDACTED_LEN - strlen(REDACTED_PREFIX)] = '\0';
    g_snprintf(ret_text, REDACTED_LEN + 1, REDACTED_PREFIX "%s", hex);
}

static bool is_public(const Redaction *redaction, const char *name)
{
    const char *const *names = redaction->public_names;
    return names && (g_strv_contains(names, "*") || (name && g_strv_contains(names, name)));
}

static json_t *redact_string(const Redaction *redaction, const char *text, const char *name)
{
    char digest[REDACTED_LEN + 1];
    if (redact_is_digest(text) ? redaction->keep_digests : is_public(redaction, name))
        return json_string(text);
    redact_text(redaction, text, digest);
    return json_string(digest);
}

static json_t *redact_object(const Redaction *redaction, const SchemaNode *schema, const json_t *object,
                             bool is_private)
{
    json_t *copy = json_object();
    const char *key, *name = json_string_value(json_object_get(object, "name"));
    json_t *member;
    json_object_foreach((json_t *)(uintptr_t)object, key, member) json_object_set_new_nocheck(
        copy, key, redact_value(redaction, schema_member_any(schema, key), member, is_private, name));
    return copy;
}

json_t *redact_value(const Redaction *redaction, const SchemaNode *schema, const json_t *value,
                     bool is_private, const char *name)
{
    is_private = is_private || schema_private(schema);
    if (json_is_object(value))
        return redact_object(redaction, schema, value, is_private);
    if (json_is_array(value)) {
        json_t *copy = json_array();
        for (size_t i = 0; i < json_array_size(value); i++)
            json_array_append_new(copy, redact_value(redaction, schema_items_any(schema),
                                                     json_array_get(value, i), is_private, NULL));
        return copy;
    }
    if (is_private && json_is_string(value))
        return redact_string(redaction, json_string_value(value), name);
    return json_deep_copy(value);
}

void redact_spec(Kind kind, View spec, const Redaction *redaction, GString *out)
{
    json_t *root = spec.len ? json_loadb(spec.data, spec.len, JSON_ALLOW_NUL, NULL) : NULL;
    json_t *copy = root ? redact_value(redaction, kind_spec_schema(kind), root, false, NULL) : json_object();
    char *text = json_dumps(copy, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);
    g_string_append(out, text ? text : "{}");
    free(text); /* jansson's allocator is malloc */
    json_decref(copy);
    json_decref(root);
}
