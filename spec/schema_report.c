#include <stdarg.h>
#include "spec/schema_check.h"

#define VALUE_SHOWN 60 /* bytes of a value in a message */
#define ENUM_SHOWN  16

/* ---- names
 * ----------------------------------------------------------------------------------------------------- */

static bool is_plain_key(View key)
{
    for (size_t i = 0; i < key.len; i++)
        if (!g_ascii_isalnum(key.data[i]) && !strchr("_-/$", key.data[i]))
            return false;
    return key.len > 0;
}

static void append_key(GString *out, View key)
{
    if (is_plain_key(key)) {
        if (out->len)
            g_string_append_c(out, '.');
        g_string_append_len(out, key.data, (gssize)MIN(key.len, 200));
        return;
    }
    g_string_append_printf(out, "[\"%.*s\"]", (int)MIN(key.len, 200), key.data);
}

static void append_path(GString *out, const Path *path)
{
    if (!path)
        return;
    append_path(out, path->up);
    if (path->key.data)
        append_key(out, path->key);
    else
        g_string_append_printf(out, "[%zu]", path->index);
}

static char *path_text(const Check *check, const Path *path)
{
    GString *text = g_string_new(check->base_path);
    append_path(text, path);
    return g_string_free(text, FALSE);
}

char *place_name(const Check *check, const Place *place)
{
    char *text = path_text(check, place->path);
    if (*text)
        return text;
    g_free(text);
    const char *title = schema_title(place->schema);
    return g_strdup(title ? title : "the document");
}

/* ---- adding
 * ---------------------------------------------------------------------------------------------------- */

static void add(const Check *check, const Place *place, int line, int column, int width, const char *message,
                const char *detail)
{
    const SchemaContext *context = check->context;
    const NodeOrigin *origin = place->node->origin;
    bool is_foreign = origin && origin->file;
    g_autofree char *path = path_text(check, place->path);
    if (!detail)
        detail = place->schema->hint;
    document_report(check->diagnostics, is_foreign ? origin->file : context->file,
                    is_foreign ? origin->text : context->text, is_foreign ? 1 : context->first_line, line,
                    column, width, SEVERITY_ERROR, path, message, detail);
}

void report_text(const Check *check, const Place *place, const char *message, const char *detail)
{
    const Node *node = place->node;
    int width = node->end_column > node->column ? node->end_column - node->column : 0;
    const char *values = node->origin ? node->origin->values : NULL;
    if (!detail)
        detail = place->schema->hint;
    g_autofree char *both = values && detail ? g_strdup_printf("%s; %s", values, detail) : NULL;
    add(check, place, node->line, node->column, width, message, both ? both : values ? values : detail);
}

void report_must(const Check *check, const Place *place, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *rest = g_strdup_vprintf(format, args);
    va_end(args);
    g_autofree char *name = place_name(check, place);
    g_autofree char *message = g_strdup_printf("%s %s", name, rest);
    report_text(check, place, message, NULL);
}

/* ---- values
 * ---------------------------------------------------------------------------------------------------- */

static char *shorten(View text)
{
    if (text.len <= VALUE_SHOWN)
        return g_strndup(text.data, text.len);
    g_autofree char *start = g_strndup(text.data, VALUE_SHOWN);
    g_autofree char *valid = g_utf8_make_valid(start, -1);
    return g_strconcat(valid, "…", NULL);
}

/* As it stands behind "not": the string "ten", the number 5, a list. */
static char *describe(const Node *node)
{
    g_autofree char *text = shorten(node->text.data ? node->text : VIEW(""));
    switch (node->kind) {
    case NODE_NULL: return g_strdup("null");
    case NODE_BOOL: return g_strdup(node->boolean ? "true" : "false");
    case NODE_INT:
    case NODE_FLOAT: return g_strdup_printf("the number %s", text);
    case NODE_STRING: return g_strdup_printf("the string \"%s\"", text);
    case NODE_SEQUENCE: return g_strdup("a list");
    case NODE_MAPPING: return g_strdup("a mapping");
    }
    return NULL;
}

static char *literal(const Node *node)
{
    if (node->kind == NODE_SEQUENCE || node->kind == NODE_MAPPING)
        return describe(node);
    return node->kind == NODE_NULL ? g_strdup("null") : shorten(node->text);
}

/* "a string or an integer" */
static char *type_names(unsigned types)
{
    static const char *const names[] = {"null",     "true or false", "an integer", "a number",
                                        "a string", "a list",        "a mapping"};
    GString *out = g_string_new(NULL);
    if (types & TYPE_NUMBER)
        types &= ~(unsigned)TYPE_INTEGER;
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        if (!(types & (1u << i)))
            continue;
        types &= ~(1u << i);
        g_string_append_printf(out, "%s%s", out->len == 0 ? "" : types ? ", " : " or ", names[i]);
    }
    return g_string_free(out, FALSE);
}

static char *type_detail(const Node *node, unsigned types)
{
    bool scalar = node->kind == NODE_BOOL || node->kind == NODE_INT || node->kind == NODE_FLOAT;
    if (scalar && (types & TYPE_STRING)) {
        g_autofree char *text = shorten(node->text);
        return g_strdup_printf("quote it: \"%s\"", text);
    }
    if (node->kind != NODE_STRING || node->text.len == 0 || node->text.len > VALUE_SHOWN)
        return NULL;
    Node bare = {.text = node->text};
    char *end;
    bare.real = g_ascii_strtod(node->text.data, &end);
    bool number = end == node->text.data + node->text.len && !g_ascii_isspace(node->text.data[0]);
    bare.kind = NODE_FLOAT;
    bool wanted = number && node_has_type(&bare, types & (TYPE_INTEGER | TYPE_NUMBER));
    wanted =
        wanted || ((types & TYPE_BOOLEAN) && (view_is(node->text, "true") || view_is(node->text, "false")));
    return wanted ? g_strdup_printf("leave the quotes out: " VIEW_FMT, VIEW_ARG(node->text)) : NULL;
}

void report_type(const Check *check, const Place *place, unsigned types)
{
    g_autofree char *name = place_name(check, place);
    g_autofree char *wanted = type_names(types);
    g_autofree char *actual = describe(place->node);
    g_autofree char *detail = type_detail(place->node, types);
    g_autofree char *message = g_strdup_printf("%s must be %s, not %s", name, wanted, actual);
    report_text(check, place, message, detail);
}

void report_false(const Check *check, const Place *place)
{
    report_must(check, place, "is not allowed here");
}

void report_const(const Check *check, const Place *place)
{
    g_autofree char *wanted = literal(place->schema->constant);
    g_autofree char *actual = describe(place->node);
    bool text = place->schema->constant->kind == NODE_STRING;
    report_must(check, place, text ? "must be \"%s\", not %s" : "must be %s, not %s", wanted, actual);
}

void report_enum(const Check *check, const Place *place)
{
    const SchemaNode *schema = place->schema;
    GString *list = g_string_new(NULL);
    g_autofree const char **candidates = g_new0(const char *, schema->enums_len + 1);
    size_t len = 0;
    for (size_t i = 0; i < schema->enums_len; i++) {
        const Node *value = schema->enums[i];
        g_autofree char *text = literal(value);
        if (i < ENUM_SHOWN)
            g_string_append_printf(list, "%s%s", i ? ", " : "", text);
        if (value->kind == NODE_STRING)
            candidates[len++] = value->text.data;
    }
    if (schema->enums_len > ENUM_SHOWN)
        g_string_append(list, ", …");
    const char *near =
        place->node->kind == NODE_STRING ? suggest_nearest(place->node->text, candidates) : NULL;
    g_autofree char *name = place_name(check, place);
    g_autofree char *actual = describe(place->node);
    g_autofree char *message =
        near ? g_strdup_printf("%s must be one of %s; did you mean \"%s\"?", name, list->str, near)
             : g_strdup_printf("%s must be one of %s, not %s", name, list->str, actual);
    report_text(check, place, message, NULL);
    g_string_free(list, TRUE);
}

void report_limit(const Check *check, const Place *place, const char *relation, const Limit *limit)
{
    char real[G_ASCII_DTOSTR_BUF_SIZE];
    g_autofree char *wanted = limit->is_integer
                                  ? g_strdup_printf("%" G_GINT64_FORMAT, limit->integer)
                                  : g_strdup(g_ascii_formatd(real, sizeof real, "%g", limit->real));
    report_must(check, place, "must be %s %s, is " VIEW_FMT, relation, wanted,
                (int)MIN(place->node->text.len, VALUE_SHOWN), place->node->text.data);
}

/* ---- members
 * --------------------------------------------------------------------------------------------------- */

static void collect_names(const SchemaNode *schema, GPtrArray *names, int depth)
{
    if (!schema || depth > 16)
        return;
    for (size_t i = 0; i < schema->properties.len; i++) {
        const SchemaNode *member = schema->properties.items[i].schema;
        bool refused = member && (member->verdict == VERDICT_FALSE || member->not_schema);
        if (!refused)
            g_ptr_array_add(names, (char *)(uintptr_t)schema->properties.items[i].name.data);
    }
    const SchemaList *lists[] = {&schema->all_of, &schema->any_of, &schema->one_of};
    collect_names(schema->ref, names, depth + 1);
    for (size_t i = 0; i < G_N_ELEMENTS(lists); i++)
        for (size_t j = 0; j < lists[i]->len; j++)
            collect_names(lists[i]->items[j], names, depth + 1);
    collect_names(schema->then_schema, names, depth + 1);
    collect_names(schema->else_schema, names, depth + 1);
}

static void add_at_key(const Check *check, const Place *place, const NodeMember *member, const char *message,
                       const char *detail)
{
    Path path = {.up = place->path, .key = member->key};
    Place at = {place->schema, member->value, &path};
    add(check, &at, member->key_line, member->key_column, (int)MIN(member->key.len, 200), message, detail);
}

/* The member that an unknown one was probably meant to be; NULL: none is near. Names live as long as the
 * schema. */
static const char *nearest_member(const Place *place, const NodeMember *member)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    collect_names(place->schema, names, 0);
    g_ptr_array_add(names, NULL);
    const char *near = suggest_nearest(member->key, (const char *const *)names->pdata);
    return near && !view_is(member->key, near) ? near : NULL;
}

/* Its misspelt stand-in is reported with the right name: one fault, one error. Only where every unknown
 * member is reported, so that a refusal never goes without an error. */
bool report_has_misspelt(const Place *place, View name)
{
    const SchemaNode *schema = place->schema;
    if (!schema->additional || schema->additional->verdict != VERDICT_FALSE || schema->patterns_len > 0)
        return false;
    for (size_t i = 0; i < place->node->mapping.len; i++) {
        const NodeMember *member = &place->node->mapping.members[i];
        if (property_find(&schema->properties, member->key))
            continue;
        const char *near = nearest_member(place, member);
        if (near && view_is(name, near))
            return true;
    }
    return false;
}

void report_unknown_member(const Check *check, const Place *place, const NodeMember *member)
{
    const char *near = nearest_member(place, member);
    const char *title = schema_title(place->schema);
    g_autofree char *name = title ? g_strdup(title) : place_name(check, place);
    g_autofree char *key = shorten(member->key);
    g_autofree char *message =
        near ? g_strdup_printf("%s has no member \"%s\"; did you mean \"%s\"?", name, key, near)
             : g_strdup_printf("%s has no member \"%s\"", name, key);
    add_at_key(check, place, member, message, NULL);
}

void report_bad_name(const Check *check, const Place *place, const NodeMember *member,
                     const SchemaNode *names)
{
    g_autofree char *name = place_name(check, place);
    g_autofree char *key = shorten(member->key);
    g_autofree char *message =
        names->message ? g_strdup(names->message)
        : names->pattern_text
            ? g_strdup_printf("the name \"%s\" in %s must match %s", key, name, names->pattern_text)
            : g_strdup_printf("the name \"%s\" is not allowed in %s", key, name);
    add_at_key(check, place, member, message, names->hint);
}

void report_required(const Check *check, const Place *place, View member, const char *because)
{
    Path path = {.up = place->path, .key = member};
    g_autofree char *name = path_text(check, &path);
    g_autofree char *message = because ? g_strdup_printf("%s is required where %s is given", name, because)
                                       : g_strdup_printf("%s is required", name);
    report_text(check, place, message, NULL);
}
