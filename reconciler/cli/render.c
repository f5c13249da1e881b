#include "reconciler/cli/render.h"

#include "reconciler/cli/output.h"
#include "spec/variant.h"

#define COMMENT_COLUMN_MAX 64 /* longer lines have their comment right behind them */

typedef struct {
    char *text, *comment; /* comment: NULL on lines that only open a block */
} Line;

typedef struct {
    Kind kind;
    char *name, *file;
    int line;
    GArray *lines;             /* of Line; NULL for JSON */
    json_t *manifest, *origin; /* NULL for YAML */
} Rendered;

struct Rendering {
    RenderFormat format;
    RenderDetail detail;
    GPtrArray *list; /* of Rendered* */
};

/* ---- lifetimes
 * -----------------------------------------------------------------------------------------------------------
 */

static void line_clear(void *data)
{
    Line *line = data;
    g_free(line->text);
    g_free(line->comment);
}

static void rendered_free(void *data)
{
    Rendered *rendered = data;
    g_free(rendered->name);
    g_free(rendered->file);
    g_clear_pointer(&rendered->lines, g_array_unref);
    json_decref(rendered->manifest);
    json_decref(rendered->origin);
    g_free(rendered);
}

Rendering *rendering_new(RenderFormat format, RenderDetail detail)
{
    Rendering *rendering = g_new0(Rendering, 1);
    *rendering = (Rendering){format, detail, g_ptr_array_new_with_free_func(rendered_free)};
    return rendering;
}

void rendering_free(Rendering *rendering)
{
    if (!rendering)
        return;
    g_ptr_array_unref(rendering->list);
    g_free(rendering);
}

/* ---- origins
 * -------------------------------------------------------------------------------------------------------------
 */

typedef struct {
    const Rendering *rendering;
    Rendered *rendered;
    GString *path; /* of the value at hand: "spec.jobs[0].name" */
} Walk;

static const char *file_of(const Walk *walk, const Node *node)
{
    return node->origin && node->origin->file ? node->origin->file : walk->rendered->file;
}

static void append_set_at(GString *out, const Variable *variable)
{
    g_string_append_printf(out, "var.%s ", variable->name);
    if (variable->from)
        g_string_append(out, variable->from);
    else
        g_string_append_printf(out, "%s:%d", variable->file, variable->line);
}

/* "base/queues.yaml:7 <- var.priority envs/prod/muster.yaml:5" */
static char *comment_of(const Walk *walk, const Node *node)
{
    const NodeOrigin *origin = node->origin;
    GString *out = g_string_new(NULL);
    g_string_append_printf(out, "%s:%d", file_of(walk, node), node->line);
    for (size_t i = 0; origin && i < origin->variables_len; i++) {
        g_string_append(out, i ? ", " : " <- ");
        append_set_at(out, origin->variables[i]);
    }
    if (origin && origin->prefix)
        g_string_append_printf(out, "%snamePrefix %s", origin->variables_len ? ", " : " <- ", origin->prefix);
    return g_string_free(out, FALSE);
}

static json_t *variable_json(const Variable *variable)
{
    json_t *object =
        json_pack("{s:s,s:s*,s:s*}", "name", variable->name, "from", variable->from, "file", variable->file);
    if (variable->file && variable->line) {
        json_object_set_new(object, "line", json_integer(variable->line));
        json_object_set_new(object, "column", json_integer(variable->column));
    }
    return object;
}

static json_t *origin_json(const Walk *walk, const Node *node)
{
    const NodeOrigin *origin = node->origin;
    json_t *object =
        json_pack("{s:s,s:i,s:i}", "file", file_of(walk, node), "line", node->line, "column", node->column);
    if (origin && origin->prefix)
        json_object_set_new(object, "namePrefix", json_string(origin->prefix));
    if (!origin || !origin->variables_len)
        return object;
    json_t *variables = json_array();
    for (size_t i = 0; i < origin->variables_len; i++)
        json_array_append_new(variables, variable_json(origin->variables[i]));
    json_object_set_new(object, "variables", variables);
    return object;
}

/* ---- members
 * -------------------------------------------------------------------------------------------------------------
 */

/* A member, or (value NULL) the default of one that is absent, as JSON. */
typedef struct {
    View key;
    const Node *value;
    const char *preset;
} Member;

static int compare_members(const void *a, const void *b)
{
    const Member *first = a, *second = b;
    return view_compare(first->key, second->key);
}

static void add_default(View name, const char *json, void *data)
{
    GArray *members = data;
    Member member = {name, NULL, json};
    for (guint i = 0; i < members->len; i++)
        if (view_equal(g_array_index(members, Member, i).key, name))
            return;
    g_array_append_val(members, member);
}

static GArray *members_of(const Walk *walk, const SchemaNode *schema, const Node *node)
{
    GArray *members = g_array_new(FALSE, FALSE, sizeof(Member));
    for (size_t i = 0; i < node->mapping.len; i++) {
        const NodeMember *from = &node->mapping.members[i];
        const SchemaNode *below = schema ? schema_member(schema, from->key.data, from->key.len) : NULL;
        Member member = {from->key, from->value, NULL};
        if (!below || (!schema_digest_excluded(below) && schema_owner(below) != OWNER_SCHEDULER))
            g_array_append_val(members, member);
    }
    if (walk->rendering->detail == RENDER_DEFAULTS && schema)
        schema_each_default(schema, add_default, members);
    g_array_sort(members, compare_members);
    return members;
}

static const SchemaNode *below(const SchemaNode *schema, View key)
{
    return schema ? schema_member(schema, key.data, key.len) : NULL;
}

static size_t path_push(GString *path, View key)
{
    size_t mark = path->len;
    if (mark)
        g_string_append_c(path, '.');
    g_string_append_len(path, key.data, (gssize)key.len);
    return mark;
}

/* ---- scalars
 * -------------------------------------------------------------------------------------------------------------
 */

static json_t *scalar_json(const Node *node)
{
    switch (node->kind) {
    case NODE_BOOL: return json_boolean(node->boolean);
    case NODE_INT: return json_integer(node->integer);
    case NODE_FLOAT: {
        json_t *real = json_real(node->real); /* NULL for infinity, which no schema takes */
        return real ? real : json_null();
    }
    case NODE_STRING: return json_stringn(node->text.data, node->text.len);
    case NODE_NULL:
    case NODE_SEQUENCE:
    case NODE_MAPPING: break;
    }
    return json_null();
}

/* So that it is read back as it is: `${var.` that came to stand there is no reference. */
static char *escaped(const Node *node)
{
    g_autofree char *text = g_strndup(node->text.data, node->text.len);
    g_auto(GStrv) parts = g_strsplit(text, "${var.", -1);
    return g_strjoinv("$${var.", parts);
}

static void append_scalar(const Node *node, GString *out)
{
    if (node->kind == NODE_STRING && memmem(node->text.data, node->text.len, "${var.", strlen("${var."))) {
        g_autofree char *text = escaped(node);
        json_t *string = json_string(text);
        yaml_append_scalar(string, out);
        json_decref(string);
        return;
    }
    json_t *value = scalar_json(node);
    if (node->kind == NODE_FLOAT)
        g_string_append_len(out, node->text.data, (gssize)node->text.len); /* as exact as it was written */
    else
        yaml_append_scalar(value, out);
    json_decref(value);
}

/* ---- YAML
 * ----------------------------------------------------------------------------------------------------------------
 */

static void push_line(const Walk *walk, char *text, char *comment)
{
    Line line = {text, comment};
    g_array_append_val(walk->rendered->lines, line);
}

/* A list or an object is as well YAML as it stands. */
static void push_default(const Walk *walk, GString *text, const char *json)
{
    json_t *value = json_loads(json, JSON_DECODE_ANY, NULL);
    g_string_append_c(text, ' ');
    if (json_is_string(value))
        yaml_append_scalar(value, text);
    else
        g_string_append(text, json);
    json_decref(value);
    push_line(walk, g_strdup(text->str), g_strdup("default of the schema"));
}

static void emit(Walk *walk, const SchemaNode *schema, const Node *node, const char *lead, int indent);

static void emit_members(Walk *walk, const SchemaNode *schema, const Node *node, const char *lead, int indent)
{
    g_autoptr(GArray) members = members_of(walk, schema, node);
    for (guint i = 0; i < members->len; i++) {
        const Member *member = &g_array_index(members, Member, i);
        g_autoptr(GString) text = g_string_new(NULL);
        if (i == 0 && lead)
            g_string_append_printf(text, "%s ", lead);
        else
            g_string_append_printf(text, "%*s", indent, "");
        json_t *key = json_stringn(member->key.data, member->key.len);
        yaml_append_scalar(key, text);
        json_decref(key);
        g_string_append_c(text, ':');
        if (member->value)
            emit(walk, below(schema, member->key), member->value, text->str, indent + 2);
        else
            push_default(walk, text, member->preset);
    }
}

/* lead: the line so far, "  name:" or "  -"; what goes on below is indented by indent. */
static void emit(Walk *walk, const SchemaNode *schema, const Node *node, const char *lead, int indent)
{
    bool is_item = g_str_has_suffix(lead, "-");
    if (node->kind == NODE_MAPPING && node->mapping.len) {
        if (!is_item)
            push_line(walk, g_strdup(lead), NULL);
        emit_members(walk, schema, node, is_item ? lead : NULL, indent);
        return;
    }
    if (node->kind == NODE_SEQUENCE && node->sequence.len) {
        g_autofree char *item_lead = g_strdup_printf("%*s-", indent, "");
        push_line(walk, g_strdup(lead), NULL);
        for (size_t i = 0; i < node->sequence.len; i++)
            emit(walk, schema_items(schema), node->sequence.items[i], item_lead, indent + 2);
        return;
    }
    GString *text = g_string_new(lead);
    g_string_append_c(text, ' ');
    if (node->kind == NODE_MAPPING)
        g_string_append(text, "{}");
    else if (node->kind == NODE_SEQUENCE)
        g_string_append(text, "[]");
    else
        append_scalar(node, text);
    push_line(walk, g_string_free(text, FALSE), comment_of(walk, node));
}

static int comment_column(const GArray *lines)
{
    size_t column = 0;
    for (guint i = 0; i < lines->len; i++) {
        const Line *line = &g_array_index(lines, Line, i);
        size_t len = strlen(line->text);
        if (line->comment && len <= COMMENT_COLUMN_MAX)
            column = MAX(column, len);
    }
    return (int)column;
}

static void append_lines(const GArray *lines, GString *out)
{
    int column = comment_column(lines);
    for (guint i = 0; i < lines->len; i++) {
        const Line *line = &g_array_index(lines, Line, i);
        if (line->comment)
            g_string_append_printf(out, "%-*s  # %s\n", column, line->text, line->comment);
        else
            g_string_append_printf(out, "%s\n", line->text);
    }
}

/* ---- JSON
 * ----------------------------------------------------------------------------------------------------------------
 */

static json_t *value_json(Walk *walk, const SchemaNode *schema, const Node *node);

static json_t *mapping_json(Walk *walk, const SchemaNode *schema, const Node *node)
{
    g_autoptr(GArray) members = members_of(walk, schema, node);
    json_t *object = json_object();
    for (guint i = 0; i < members->len; i++) {
        const Member *member = &g_array_index(members, Member, i);
        g_autofree char *key = g_strndup(member->key.data, member->key.len);
        size_t mark = path_push(walk->path, member->key);
        if (member->value) {
            json_object_set_new(object, key, value_json(walk, below(schema, member->key), member->value));
        } else {
            json_object_set_new(object, key, json_loads(member->preset, JSON_DECODE_ANY, NULL));
            json_object_set_new(walk->rendered->origin, walk->path->str, json_pack("{s:b}", "default", 1));
        }
        g_string_truncate(walk->path, mark);
    }
    return object;
}

static json_t *value_json(Walk *walk, const SchemaNode *schema, const Node *node)
{
    if (node->kind == NODE_MAPPING && node->mapping.len)
        return mapping_json(walk, schema, node);
    if (node->kind == NODE_SEQUENCE && node->sequence.len) {
        json_t *array = json_array();
        for (size_t i = 0; i < node->sequence.len; i++) {
            size_t mark = walk->path->len;
            g_string_append_printf(walk->path, "[%zu]", i);
            json_array_append_new(array, value_json(walk, schema_items(schema), node->sequence.items[i]));
            g_string_truncate(walk->path, mark);
        }
        return array;
    }
    json_object_set_new(walk->rendered->origin, walk->path->str, origin_json(walk, node));
    return node->kind == NODE_MAPPING    ? json_object()
           : node->kind == NODE_SEQUENCE ? json_array()
                                         : scalar_json(node);
}

/* ---- documents
 * ------------------------------------------------------------------------------------------------------------
 */

void rendering_observe(Kind kind, const Node *root, const char *file, void *data)
{
    Rendering *rendering = data;
    View name = node_get(node_get(root, "metadata"), "name")->text;
    Rendered *rendered = g_new0(Rendered, 1);
    *rendered = (Rendered){
        .kind = kind, .name = g_strndup(name.data, name.len), .file = g_strdup(file), .line = root->line};
    g_autoptr(GString) path = g_string_new(NULL);
    Walk walk = {rendering, rendered, path};
    if (rendering->format == RENDER_YAML) {
        rendered->lines = g_array_new(FALSE, FALSE, sizeof(Line));
        g_array_set_clear_func(rendered->lines, line_clear);
        emit_members(&walk, kind_schema(kind), root, NULL, 0);
    } else {
        rendered->origin = json_object();
        rendered->manifest = mapping_json(&walk, kind_schema(kind), root);
    }
    g_ptr_array_add(rendering->list, rendered);
}

static int compare_rendered(const void *a, const void *b)
{
    const Rendered *const *first = a, *const *second = b;
    int order = (int)(*first)->kind - (int)(*second)->kind;
    return order ? order : strcmp((*first)->name, (*second)->name);
}

/* Those of the set, in its order: patches may have left some out. New, of Rendered*, borrowed. */
static GPtrArray *rendered_of(const Rendering *rendering, const ManifestSet *set)
{
    g_autoptr(GPtrArray) sorted = g_ptr_array_new();
    GPtrArray *list = g_ptr_array_new();
    for (guint i = 0; i < rendering->list->len; i++)
        g_ptr_array_add(sorted, rendering->list->pdata[i]);
    g_ptr_array_sort(sorted, compare_rendered);
    for (guint i = 0; i < sorted->len; i++) {
        const Rendered *rendered = sorted->pdata[i];
        if (manifest_set_find(set, rendered->kind, view_from(rendered->name)))
            g_ptr_array_add(list, (void *)(uintptr_t)rendered);
    }
    return list;
}

static void append_head(const ManifestSet *set, const char *identity, GString *out)
{
    const SourceVariant *variant = manifest_set_config(set) ? manifest_set_config(set)->variant : NULL;
    size_t len;
    const Variable *const *variables = variant_variables(variant, &len);
    g_string_append_printf(out, "# source %s, revision %.8s\n", identity, manifest_set_revision(set));
    for (size_t i = 0; i < len; i++)
        if (variables[i]->words)
            g_string_append_printf(out, "# %s\n", variables[i]->words);
}

void rendering_append_yaml(const Rendering *rendering, const ManifestSet *set, const char *identity,
                           GString *out)
{
    g_autoptr(GPtrArray) list = rendered_of(rendering, set);
    append_head(set, identity, out);
    for (guint i = 0; i < list->len; i++) {
        g_string_append(out, "---\n");
        append_lines(((const Rendered *)list->pdata[i])->lines, out);
    }
}

json_t *rendering_json(const Rendering *rendering, const ManifestSet *set, const char *identity)
{
    g_autoptr(GPtrArray) list = rendered_of(rendering, set);
    json_t *manifests = json_array();
    for (guint i = 0; i < list->len; i++) {
        const Rendered *rendered = list->pdata[i];
        json_array_append_new(manifests, json_pack("{s:s,s:s,s:s,s:i,s:O,s:O}", "kind",
                                                   kind_name(rendered->kind), "name", rendered->name, "file",
                                                   rendered->file, "line", rendered->line, "manifest",
                                                   rendered->manifest, "origin", rendered->origin));
    }
    return json_pack("{s:s,s:s,s:o}", "source", identity, "revision", manifest_set_revision(set), "manifests",
                     manifests);
}
