#include "spec/given_values.h"

#include <jansson.h>

#include "spec/canonical.h"

struct GivenValues {
    GPtrArray *list; /* of GivenValue* */
};

static void given_free(void *data)
{
    GivenValue *value = data;
    g_free(value->name);
    g_free(value->text);
    g_free(value->from);
    g_free(value->file);
    g_free(value);
}

GivenValues *given_values_new(void)
{
    GivenValues *values = g_new0(GivenValues, 1);
    values->list = g_ptr_array_new_with_free_func(given_free);
    return values;
}

void given_values_free(GivenValues *values)
{
    if (!values)
        return;
    g_ptr_array_unref(values->list);
    g_free(values);
}

GivenValues *given_values_copy(const GivenValues *values)
{
    GivenValues *copy = given_values_new();
    (void)given_values_add_all(copy, values); /* it is within the limits already */
    return copy;
}

bool given_values_add(GivenValues *values, const GivenValue *value)
{
    if (strlen(value->text) > GIVEN_VALUE_BYTES_MAX)
        return false;
    GivenValue *copy = g_new(GivenValue, 1);
    *copy = *value;
    copy->name = g_strdup(value->name);
    copy->text = g_strdup(value->text);
    copy->from = g_strdup(value->from);
    copy->file = g_strdup(value->file);
    for (guint i = 0; i < values->list->len; i++) {
        GivenValue *old = values->list->pdata[i];
        if (strcmp(old->name, value->name) != 0)
            continue;
        values->list->pdata[i] = copy;
        given_free(old);
        return true;
    }
    if (values->list->len >= GIVEN_VALUES_MAX) {
        given_free(copy);
        return false;
    }
    g_ptr_array_add(values->list, copy);
    return true;
}

bool given_values_add_all(GivenValues *values, const GivenValues *more)
{
    for (size_t i = 0; i < given_values_len(more); i++)
        if (!given_values_add(values, given_values_get(more, i)))
            return false;
    return true;
}

size_t given_values_len(const GivenValues *values)
{
    return values ? values->list->len : 0;
}

const GivenValue *given_values_get(const GivenValues *values, size_t index)
{
    return values->list->pdata[index];
}

/* ---- a file of values
 * -------------------------------------------------------------------------------------------------- */

typedef struct {
    GivenValues *values;
    const char *file;
    View text;
    DiagnosticList *diagnostics;
    bool seen;
} FileRead;

static void file_report(const FileRead *read, int line, int column, const char *message, const char *detail)
{
    document_report(read->diagnostics, read->file, read->text, 1, line, column, 1, SEVERITY_ERROR, NULL,
                    message, detail);
}

/* A number keeps its spelling: 1.10 put into a string stays 1.10. */
static char *text_of(const Node *node)
{
    GString *text = g_string_new(NULL);
    bool is_spelled = node->kind == NODE_INT || node->kind == NODE_FLOAT || node->kind == NODE_BOOL;
    if (is_spelled)
        g_string_append_len(text, node->text.data, (gssize)node->text.len);
    else
        canonical_append(NULL, node, text);
    return g_string_free(text, FALSE);
}

static void file_member(const FileRead *read, const NodeMember *member)
{
    const Node *node = member->value;
    if (node->kind == NODE_NULL) /* as if it were not there */
        return;
    g_autofree char *name = g_strndup(member->key.data, member->key.len), *text = text_of(node);
    GivenValue value = {.name = name,
                        .text = text,
                        .file = (char *)(uintptr_t)read->file,
                        .line = node->line,
                        .column = node->column,
                        .is_yaml = true};
    if (!given_values_add(read->values, &value))
        file_report(read, member->key_line, member->key_column,
                    "the value is too long, or there are too many", "at most 1,000 values of 256 KiB each");
}

static bool file_document(const Document *document, void *data)
{
    FileRead *read = data;
    const Node *root = document->root;
    if (read->seen || root->kind != NODE_MAPPING) {
        file_report(read, root->line, root->column,
                    read->seen ? "a file of values holds one document" : "a file of values is a mapping",
                    "write NAME: VALUE, one a line");
        return false;
    }
    read->seen = true;
    for (size_t i = 0; i < root->mapping.len; i++)
        file_member(read, &root->mapping.members[i]);
    return true;
}

bool given_values_read(GivenValues *values, View text, const char *file, DiagnosticList *diagnostics)
{
    g_autoptr(Arena) arena = arena_new();
    size_t before = diagnostic_list_count(diagnostics, SEVERITY_ERROR);
    FileRead read = {values, file, text, diagnostics, false};
    (void)document_parse(text, file, 1, arena, &document_limits_default, file_document, &read, diagnostics);
    return diagnostic_list_count(diagnostics, SEVERITY_ERROR) == before;
}

/* ---- JSON
 * --------------------------------------------------------------------------------------------------------------
 */

static int compare_names(const void *a, const void *b)
{
    const GivenValue *const *first = a, *const *second = b;
    return strcmp((*first)->name, (*second)->name);
}

char *given_values_to_json(const GivenValues *values)
{
    if (!given_values_len(values))
        return NULL;
    g_autoptr(GPtrArray) sorted = g_ptr_array_new();
    for (size_t i = 0; i < given_values_len(values); i++)
        g_ptr_array_add(sorted, (void *)(uintptr_t)given_values_get(values, i));
    qsort(sorted->pdata, sorted->len, sizeof(void *), compare_names);
    json_t *list = json_array();
    for (guint i = 0; i < sorted->len; i++) {
        const GivenValue *value = sorted->pdata[i];
        json_t *item = json_pack("{s:s,s:s,s:b,s:s*,s:s*}", "name", value->name, "text", value->text, "yaml",
                                 value->is_yaml, "from", value->from, "file", value->file);
        if (!item) /* not UTF-8: it stays out of the manifests too */
            continue;
        if (value->file) {
            json_object_set_new(item, "line", json_integer(value->line));
            json_object_set_new(item, "column", json_integer(value->column));
        }
        json_array_append_new(list, item);
    }
    char *dumped = json_dumps(list, JSON_COMPACT | JSON_SORT_KEYS), *text = g_strdup(dumped);
    free(dumped);
    json_decref(list);
    return text;
}

static char *member_text(const json_t *item, const char *name)
{
    return (char *)(uintptr_t)json_string_value(json_object_get(item, name));
}

static bool add_from_json(GivenValues *values, const json_t *item)
{
    GivenValue value = {.name = member_text(item, "name"),
                        .text = member_text(item, "text"),
                        .from = member_text(item, "from"),
                        .file = member_text(item, "file"),
                        .line = (int)json_integer_value(json_object_get(item, "line")),
                        .column = (int)json_integer_value(json_object_get(item, "column")),
                        .is_yaml = json_is_true(json_object_get(item, "yaml")),
                        .is_optional = true};
    return value.name && value.text && (value.from || value.file) && given_values_add(values, &value);
}

GivenValues *given_values_from_json(const char *text, GError **error)
{
    g_autoptr(GivenValues) values = given_values_new();
    json_t *list = text ? json_loads(text, JSON_REJECT_DUPLICATES, NULL) : json_array();
    bool good = json_is_array(list);
    for (size_t i = 0; good && i < json_array_size(list); i++)
        good = add_from_json(values, json_array_get(list, i));
    json_decref(list);
    if (good)
        return g_steal_pointer(&values);
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL, "the values of variables cannot be read");
    return NULL;
}
