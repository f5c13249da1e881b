/* export.c: actual state as manifests that plan to no change. */
#include "reconciler/plan/plan.h"
#include "spec/base/units.h"
#include <jansson.h>
#include <yaml.h>

/* libyaml writes into out; a failure can only be a lack of memory or our own mistake. */
typedef struct {
    yaml_emitter_t emitter;
    GString *out;
} Writer;

static int write_bytes(void *data, unsigned char *bytes, size_t len)
{
    g_string_append_len(data, (const char *)bytes, (gssize)len);
    return 1;
}

static void emit(Writer *writer, yaml_event_t *event)
{
    int is_done = yaml_emitter_emit(&writer->emitter, event);
    g_assert(is_done);
}

static void emit_scalar(Writer *writer, const char *text, size_t len, yaml_scalar_style_t style)
{
    yaml_event_t event;
    g_assert(len <= G_MAXINT);
    int is_made =
        yaml_scalar_event_initialize(&event, NULL, NULL, (const yaml_char_t *)text, (int)len, 1, 1, style);
    g_assert(is_made);
    emit(writer, &event);
}

/* Text that YAML 1.2's core schema can only read as a string: letters first, nothing special, no word of its
 * own. */
static bool is_plain_text(const char *text, size_t len)
{
    static const char *const words[] = {"null", "true", "false", "y", "n", "yes", "no", "on", "off"};
    if (len == 0 || len > 200 || !(g_ascii_isalpha(text[0]) || text[0] == '/' || text[0] == '_'))
        return false;
    for (size_t i = 0; i < len; i++)
        if (!g_ascii_isalnum(text[i]) && !strchr("_-./@", text[i]))
            return false;
    for (size_t i = 0; i < G_N_ELEMENTS(words); i++)
        if (strlen(words[i]) == len && g_ascii_strncasecmp(words[i], text, len) == 0)
            return false;
    return true;
}

static void emit_text(Writer *writer, const char *text, size_t len)
{
    emit_scalar(writer, text, len,
                is_plain_text(text, len) ? YAML_PLAIN_SCALAR_STYLE : YAML_DOUBLE_QUOTED_SCALAR_STYLE);
}

static void emit_word(Writer *writer, const char *text)
{
    emit_scalar(writer, text, strlen(text), YAML_PLAIN_SCALAR_STYLE);
}

static void emit_number(Writer *writer, const SchemaNode *schema, const json_t *value)
{
    if (json_is_integer(value) && schema && schema_decimal(schema)) {
        g_autofree char *decimal = decimal_print(json_integer_value(value));
        emit_word(writer, decimal);
        return;
    }
    char *text = json_dumps(value, JSON_ENCODE_ANY);
    emit_word(writer, text);
    free(text);
}

static void emit_value(Writer *writer, const SchemaNode *schema, const json_t *value);

static void begin_mapping(Writer *writer)
{
    yaml_event_t event;
    yaml_mapping_start_event_initialize(&event, NULL, NULL, 1, YAML_BLOCK_MAPPING_STYLE);
    emit(writer, &event);
}

static void end_mapping(Writer *writer)
{
    yaml_event_t event;
    yaml_mapping_end_event_initialize(&event);
    emit(writer, &event);
}

static void emit_members(Writer *writer, const SchemaNode *schema, const json_t *object)
{
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)object, name, value)
    {
        emit_text(writer, name, strlen(name));
        emit_value(writer, schema ? schema_member(schema, name, strlen(name)) : NULL, value);
    }
}

static bool is_flat(const json_t *array)
{
    for (size_t i = 0; i < json_array_size(array); i++) {
        const json_t *item = json_array_get(array, i);
        if (json_is_object(item) || json_is_array(item))
            return false;
    }
    return true;
}

static void emit_items(Writer *writer, const SchemaNode *schema, const json_t *array)
{
    yaml_event_t event;
    yaml_sequence_start_event_initialize(
        &event, NULL, NULL, 1, is_flat(array) ? YAML_FLOW_SEQUENCE_STYLE : YAML_BLOCK_SEQUENCE_STYLE);
    emit(writer, &event);
    for (size_t i = 0; i < json_array_size(array); i++)
        emit_value(writer, schema ? schema_items(schema) : NULL, json_array_get(array, i));
    yaml_sequence_end_event_initialize(&event);
    emit(writer, &event);
}

static void emit_value(Writer *writer, const SchemaNode *schema, const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        begin_mapping(writer);
        emit_members(writer, schema, value);
        end_mapping(writer);
        break;
    case JSON_ARRAY: emit_items(writer, schema, value); break;
    case JSON_STRING: emit_text(writer, json_string_value(value), json_string_length(value)); break;
    case JSON_INTEGER:
    case JSON_REAL: emit_number(writer, schema, value); break;
    case JSON_TRUE: emit_word(writer, "true"); break;
    case JSON_FALSE: emit_word(writer, "false"); break;
    case JSON_NULL: emit_word(writer, "null"); break;
    }
}

static json_t *parse_object(View text)
{
    json_t *object = text.len ? json_loadb(text.data, text.len, 0, NULL) : NULL;
    if (json_is_object(object))
        return object;
    json_decref(object);
    return json_object();
}

/* schema: of spec where that is canonical; NULL: as it is written. */
typedef struct {
    Kind kind;
    View name;
    const json_t *metadata, *spec;
    const SchemaNode *schema;
} Exported;

static void emit_document(Writer *writer, const Exported *document)
{
    begin_mapping(writer);
    emit_word(writer, "apiVersion");
    emit_word(writer, "muster/v1");
    emit_word(writer, "kind");
    emit_word(writer, kind_name(document->kind));
    emit_word(writer, "metadata");
    begin_mapping(writer);
    emit_word(writer, "name");
    emit_text(writer, document->name.data, document->name.len);
    emit_members(writer, NULL, document->metadata);
    end_mapping(writer);
    emit_word(writer, "spec");
    emit_value(writer, document->schema, document->spec);
    end_mapping(writer);
}

static void write_document(const Exported *document, bool is_marked, GString *out)
{
    Writer writer = {.out = out};
    yaml_event_t event;
    int is_ready = yaml_emitter_initialize(&writer.emitter);
    g_assert(is_ready);
    yaml_emitter_set_output(&writer.emitter, write_bytes, out);
    yaml_emitter_set_unicode(&writer.emitter, 1);
    yaml_emitter_set_width(&writer.emitter, -1);
    yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING);
    emit(&writer, &event);
    yaml_document_start_event_initialize(&event, NULL, NULL, NULL, !is_marked);
    emit(&writer, &event);
    emit_document(&writer, document);
    yaml_document_end_event_initialize(&event, 1);
    emit(&writer, &event);
    yaml_stream_end_event_initialize(&event);
    emit(&writer, &event);
    yaml_emitter_delete(&writer.emitter);
}

void export_manifest(const ResourceRecord *record, GString *out)
{
    json_t *spec = parse_object(record->spec), *metadata = parse_object(record->metadata);
    const Exported document = {record->kind, record->name, metadata, spec, kind_spec_schema(record->kind)};
    write_document(&document, true, out);
    json_decref(spec);
    json_decref(metadata);
}

void export_json(Kind kind, const char *name, const json_t *spec, GString *out)
{
    const Exported document = {kind, view_from(name), NULL, spec, NULL};
    write_document(&document, false, out);
}
