#include "reconciler/plan/recorded.h"
#include <jansson.h>
#include "reconciler/plan/change.h"

#define PUBLIC_ANNOTATION "muster/public-environment"
#define DIGEST_TEXT       16 /* hex digits: enough to tell values apart */

/* What an item of a list may hold that is private. */
typedef enum { HOLDS_NOTHING, HOLDS_VARIABLE, HOLDS_SECRET } Holds;

typedef struct {
    char **public_names; /* NULL: none */
} Privacy;

/* ---- what is private ---- */

static char **public_names(View metadata)
{
    if (!metadata.len || !memmem(metadata.data, metadata.len, PUBLIC_ANNOTATION, strlen(PUBLIC_ANNOTATION)))
        return NULL; /* nearly none has it */
    json_t *root = json_loadb(metadata.data, metadata.len, 0, NULL);
    const char *text =
        json_string_value(json_object_get(json_object_get(root, "annotations"), PUBLIC_ANNOTATION));
    char **names = text ? g_strsplit(text, ",", -1) : NULL;
    for (char **name = names; name && *name; name++)
        g_strstrip(*name);
    json_decref(root);
    return names;
}

static bool is_public(const Privacy *privacy, const char *name)
{
    const char *const *names = (const char *const *)privacy->public_names;
    return names && (g_strv_contains(names, "*") || (name && g_strv_contains(names, name)));
}

static char *digest_text(View text)
{
    Digest digest;
    char hex[2 * DIGEST_BYTES + 1];
    g_autoptr(GString) marked = g_string_new("muster/value\n\n");
    g_string_append_len(marked, text.data, (gssize)text.len);
    digest_of((View){marked->str, marked->len}, &digest);
    digest_to_hex(&digest, hex);
    return g_strdup_printf("sha256:%.*s", DIGEST_TEXT, hex);
}

static Holds list_holds(const char *member)
{
    if (strcmp(member, "environment") == 0)
        return HOLDS_VARIABLE;
    return strcmp(member, "secrets") == 0 || strcmp(member, "secretOptions") == 0 ? HOLDS_SECRET
                                                                                  : HOLDS_NOTHING;
}

static const char *private_member(Holds holds)
{
    return holds == HOLDS_VARIABLE ? "value" : "valueFrom";
}

static json_t *without_private(const Privacy *privacy, json_t *value, Holds holds);

static json_t *object_without_private(const Privacy *privacy, json_t *object, Holds holds)
{
    json_t *copy = json_object(), *member;
    const char *key, *name = json_string_value(json_object_get(object, "name"));
    json_object_foreach(object, key, member)
    {
        bool is_private = holds != HOLDS_NOTHING && strcmp(key, private_member(holds)) == 0;
        if (is_private && json_is_string(member) && !is_public(privacy, name)) {
            g_autofree char *digest =
                digest_text((View){json_string_value(member), json_string_length(member)});
            json_object_set_new_nocheck(copy, key, json_string(digest));
        } else {
            Holds below = json_is_array(member) ? list_holds(key) : HOLDS_NOTHING;
            json_object_set_new_nocheck(copy, key, without_private(privacy, member, below));
        }
    }
    return copy;
}

/* New. holds: what value holds if it is an item, or its items if it is a list. */
static json_t *without_private(const Privacy *privacy, json_t *value, Holds holds)
{
    if (json_is_object(value))
        return object_without_private(privacy, value, holds);
    if (!json_is_array(value))
        return json_incref(value);
    json_t *copy = json_array(), *item;
    size_t index;
    json_array_foreach(value, index, item) json_array_append_new(copy, without_private(privacy, item, holds));
    return copy;
}

/* ---- where a field stands ---- */

/* "spec.….environment[NAME].value" gives VARIABLE, NAME and ".value". Whatever looks like it is private. */
static Holds place_of(const char *path, char **ret_name, const char **ret_rest)
{
    static const char *const lists[] = {".environment", ".secrets", ".secretOptions"};
    for (size_t i = 0; i < G_N_ELEMENTS(lists); i++) {
        const char *at = g_strrstr(path, lists[i]), *end = at ? at + strlen(lists[i]) : NULL;
        if (!at || (*end != '[' && *end != '\0'))
            continue;
        const char *close = *end == '[' ? strrchr(end, ']') : NULL;
        *ret_name = close ? g_strndup(end + 1, (gsize)(close - end - 1)) : NULL;
        *ret_rest = close ? close + 1 : end;
        return list_holds(lists[i] + 1);
    }
    *ret_rest = "";
    return HOLDS_NOTHING;
}

static char *dump(const json_t *value)
{
    char *dumped =
        json_dumps(value, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
    char *text = g_strdup(dumped ? dumped : "null");
    free(dumped); /* jansson's allocator is malloc */
    return text;
}

/* New: the value (JSON) as it may be kept. */
static char *kept_value(const Privacy *privacy, const char *path, const char *json)
{
    if (!strstr(path, "environment") && !strstr(path, "secret") && !strstr(json, "environment") &&
        !strstr(json, "secret"))
        return g_strdup(json);
    g_autofree char *name = NULL;
    const char *rest;
    Holds holds = place_of(path, &name, &rest);
    json_t *value = json_loads(json, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL), *kept;
    bool is_private = holds != HOLDS_NOTHING && *rest == '.' && strcmp(rest + 1, private_member(holds)) == 0;
    if (is_private && !is_public(privacy, name)) {
        g_autofree char *digest =
            digest_text(json_is_string(value) ? (View){json_string_value(value), json_string_length(value)}
                                              : view_from(json));
        kept = json_string(digest);
    } else {
        kept = value ? without_private(privacy, value, *rest ? HOLDS_NOTHING : holds) : json_null();
    }
    char *text = dump(kept);
    json_decref(kept);
    json_decref(value);
    return text;
}

/* ---- writing ---- */

static void append_value(const Privacy *privacy, const char *label, const char *path, const char *json,
                         GString *out)
{
    if (!json)
        return;
    g_autofree char *kept = kept_value(privacy, path, json);
    size_t len = strlen(kept);
    g_string_append_printf(out, ",\"%s\":", label);
    if (len <= RECORDED_VALUE_MAX) {
        g_string_append_len(out, kept, (gssize)len);
        return;
    }
    g_autofree char *digest = digest_text((View){kept, len});
    g_string_append_printf(out, "\"(%zu bytes, %s)\"", len, digest);
}

void recorded_fields(const GPtrArray *fields, View metadata, GString *out)
{
    Privacy privacy = {public_names(metadata)};
    guint shown = 0;
    gsize end = out->len + RECORDED_BYTES_MAX;
    g_string_append_c(out, '[');
    for (guint i = 0; i < MIN(fields->len, RECORDED_FIELDS_MAX) && out->len < end; i++, shown++) {
        const FieldChange *field = g_ptr_array_index(fields, i);
        g_string_append(out, i ? ",{\"path\":" : "{\"path\":");
        json_append_string(out, view_from(field->path));
        append_value(&privacy, "before", field->path, field->before, out);
        append_value(&privacy, "after", field->path, field->after, out);
        g_string_append_c(out, '}');
    }
    if (fields->len > shown)
        g_string_append_printf(out, ",{\"path\":\"spec\",\"omitted\":%u}", fields->len - shown);
    g_string_append_c(out, ']');
    g_strfreev(privacy.public_names);
}
