#include "spec/spec_put.h"
#include <string.h>

char *spec_text(const json_t *spec)
{
    char *dumped = json_dumps(spec, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY),
         *text = g_strdup(dumped);
    free(dumped); /* jansson's allocator is malloc */
    return text;
}

typedef struct {
    const SchemaNode *schema;
    GString *out;
} Canonical;

static bool take_document(const Document *document, void *data)
{
    Canonical *canonical = data;
    canonical_append(canonical->schema, document->root, canonical->out);
    return false; /* there is no other */
}

static bool is_empty(const json_t *value)
{
    return !value || json_is_null(value) || (json_is_array(value) && json_array_size(value) == 0) ||
           (json_is_object(value) && json_object_size(value) == 0);
}

/* New; NULL: absent, or equal to the default. */
static json_t *canonical_value(const SchemaNode *schema, const json_t *value)
{
    if (is_empty(value))
        return NULL;
    g_autofree char *text = spec_text(value);
    g_autoptr(Arena) arena = arena_new();
    g_autoptr(GString) out = g_string_new(NULL);
    g_autoptr(DiagnosticList) diagnostics = diagnostic_list_new();
    Canonical canonical = {schema, out};
    document_parse(view_from(text), "", 1, arena, &document_limits_default, take_document, &canonical,
                   diagnostics);
    const char *standard = schema_default(schema);
    if (standard && strcmp(standard, out->str) == 0)
        return NULL;
    json_t *form = json_loads(out->str, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    if (is_empty(form))
        g_clear_pointer(&form, json_decref);
    return form;
}

/* Where the rest of path leads within object; mappings on the way are made unless the value is absent. */
static SpecPut put_below(const SchemaNode *schema, json_t *object, const char *path, const json_t *value)
{
    const char *point = strchr(path, '.');
    g_autofree char *name = point ? g_strndup(path, (gsize)(point - path)) : g_strdup(path);
    const SchemaNode *below = schema_member_any(schema, name);
    if (!below || !json_is_object(object))
        return SPEC_PUT_UNKNOWN;
    if (schema_owner(below) == OWNER_SCHEDULER)
        return SPEC_PUT_SCHEDULER;
    if (!point) {
        json_t *form = canonical_value(below, value);
        if (form)
            json_object_set_new(object, name, form);
        else
            json_object_del(object, name);
        return SPEC_PUT_DONE;
    }
    json_t *member = json_object_get(object, name), *made = member ? NULL : json_object();
    SpecPut result = put_below(below, member ? member : made, point + 1, value);
    if (!is_empty(made))
        json_object_set(object, name, made);
    json_decref(made);
    return result;
}

SpecPut spec_put(Kind kind, json_t *spec, const char *path, const json_t *value)
{
    if (!g_str_has_prefix(path, "spec.") || !g_utf8_validate(path, -1, NULL))
        return SPEC_PUT_UNKNOWN;
    return put_below(kind_spec_schema(kind), spec, path + strlen("spec."), value);
}
