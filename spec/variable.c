#include "spec/variable.h"

#include "spec/base/units.h"
#include "spec/canonical.h"
#include "spec/document_scalar.h"

#define VALUE_SHOWN 60 /* bytes of a value in a message */

static const char *const type_names[] = {
    [VARIABLE_ANY] = "any",       [VARIABLE_STRING] = "string",   [VARIABLE_INTEGER] = "integer",
    [VARIABLE_NUMBER] = "number", [VARIABLE_BOOLEAN] = "boolean", [VARIABLE_LIST] = "list",
    [VARIABLE_OBJECT] = "object",
};
static const char *const type_articles[] = {
    [VARIABLE_ANY] = "anything",     [VARIABLE_STRING] = "a string",   [VARIABLE_INTEGER] = "an integer",
    [VARIABLE_NUMBER] = "a number",  [VARIABLE_BOOLEAN] = "a boolean", [VARIABLE_LIST] = "a list",
    [VARIABLE_OBJECT] = "an object",
};

/* While it is put together. */
typedef struct {
    Variable variable;
    const VariableLayer *layer; /* that declared it first */
    const NodeMember *member;
    const Node *stated; /* where the type was stated or followed from a default; NULL: nowhere */
    const char *stated_file;
    bool is_faulty;
} Draft;

typedef struct {
    Arena *arena;
    DiagnosticList *diagnostics;
    GPtrArray *drafts; /* of Draft*, in the arena */
} Settling;

/* ---- reporting
 * ---------------------------------------------------------------------------------------------------------
 */

static void report_at(const Settling *settling, const VariableLayer *layer, const NodeMember *member,
                      const char *message, const char *detail)
{
    document_report(settling->diagnostics, layer->file, layer->text, 1, member->key_line, member->key_column,
                    (int)MIN(member->key.len, 64), SEVERITY_ERROR, "variables", message, detail);
}

static void report_node(const Settling *settling, const VariableLayer *layer, const Node *node,
                        const char *message, const char *detail)
{
    node_report(settling->diagnostics, layer->file, layer->text, 1, node, SEVERITY_ERROR, "variables",
                message, detail);
}

static void report_given(const Settling *settling, const GivenValue *given, const char *message,
                         const char *detail)
{
    g_autofree char *whole =
        given->from ? g_strdup_printf("%s: %s", given->from, message) : g_strdup(message);
    document_report(settling->diagnostics, given->file, (View){"", 0}, 1, given->line, given->column, 1,
                    SEVERITY_ERROR, NULL, whole, detail);
}

/* ---- types
 * -------------------------------------------------------------------------------------------------------------
 */

static VariableType type_of(const Node *node)
{
    switch (node->kind) {
    case NODE_NULL: return VARIABLE_ANY;
    case NODE_BOOL: return VARIABLE_BOOLEAN;
    case NODE_INT: return VARIABLE_INTEGER;
    case NODE_FLOAT: return VARIABLE_NUMBER;
    case NODE_STRING: return VARIABLE_STRING;
    case NODE_SEQUENCE: return VARIABLE_LIST;
    case NODE_MAPPING: return VARIABLE_OBJECT;
    }
    g_assert_not_reached();
}

static bool type_takes(VariableType type, const Node *node)
{
    VariableType own = type_of(node);
    return own != VARIABLE_ANY &&
           (type == VARIABLE_ANY || own == type || (type == VARIABLE_NUMBER && own == VARIABLE_INTEGER));
}

static VariableType type_from(View text)
{
    for (size_t i = 0; i < G_N_ELEMENTS(type_names); i++)
        if (view_is(text, type_names[i]))
            return (VariableType)i;
    return VARIABLE_ANY; /* the schema refused all else */
}

static char *shown(View text)
{
    g_autofree char *start = g_strndup(text.data, MIN(text.len, VALUE_SHOWN));
    g_autofree char *valid = g_utf8_make_valid(start, -1);
    for (char *at = valid; *at; at++)
        if (*at == '\n')
            *at = ' ';
    return g_strconcat(valid, text.len > VALUE_SHOWN ? "…" : "", NULL);
}

static char *describe(const Node *node)
{
    g_autofree char *text = shown(node->text.data ? node->text : VIEW(""));
    switch (node->kind) {
    case NODE_STRING: return g_strdup_printf("\"%s\"", text);
    case NODE_SEQUENCE: return g_strdup_printf("a list of %zu", node->sequence.len);
    case NODE_MAPPING: return g_strdup("an object");
    case NODE_NULL:
    case NODE_BOOL:
    case NODE_INT:
    case NODE_FLOAT: return g_strdup(text);
    }
    g_assert_not_reached();
}

/* ---- declarations
 * ------------------------------------------------------------------------------------------------------ */

static Draft *draft_find(const Settling *settling, View name)
{
    for (guint i = 0; i < settling->drafts->len; i++) {
        Draft *draft = settling->drafts->pdata[i];
        if (view_is(name, draft->variable.name))
            return draft;
    }
    return NULL;
}

static Draft *draft_of(const Settling *settling, const VariableLayer *layer, const NodeMember *member)
{
    Draft *draft = draft_find(settling, member->key);
    if (draft)
        return draft;
    draft = arena_new0(settling->arena, Draft);
    draft->layer = layer;
    draft->member = member;
    draft->variable.name = arena_strndup(settling->arena, member->key.data, member->key.len);
    draft->variable.file = layer->file;
    draft->variable.line = member->key_line;
    draft->variable.column = member->key_column;
    g_ptr_array_add(settling->drafts, draft);
    return draft;
}

static void state_type(Draft *draft, VariableType type, const Node *node, const char *file)
{
    draft->variable.type = type;
    draft->stated = node;
    draft->stated_file = file;
}

static void take_type(const Settling *settling, Draft *draft, const VariableLayer *layer, const Node *node)
{
    VariableType type = type_from(node->text), before = draft->variable.type;
    if (!draft->stated || type == before) {
        state_type(draft, type, node, layer->file);
        return;
    }
    g_autofree char *message = g_strdup_printf("the type of variable \"%s\" is %s already",
                                               draft->variable.name, type_names[before]);
    g_autofree char *detail =
        g_strdup_printf("by %s:%d:%d", draft->stated_file, draft->stated->line, draft->stated->column);
    report_node(settling, layer, node, message, detail);
    draft->is_faulty = true;
}

static void take_default(const Settling *settling, Draft *draft, const VariableLayer *layer, const Node *node)
{
    if (node->kind == NODE_NULL)
        return;
    if (!draft->stated)
        state_type(draft, type_of(node), node, layer->file);
    if (!type_takes(draft->variable.type, node)) {
        g_autofree char *value = describe(node);
        g_autofree char *message = g_strdup_printf("variable \"%s\" is %s, and not %s", draft->variable.name,
                                                   type_articles[draft->variable.type], value);
        g_autofree char *detail = g_strdup_printf("its type is stated in %s:%d:%d", draft->stated_file,
                                                  draft->stated->line, draft->stated->column);
        report_node(settling, layer, node, message, detail);
        draft->is_faulty = true;
        return;
    }
    draft->variable.value = node;
    draft->variable.file = layer->file;
    draft->variable.line = node->line;
    draft->variable.column = node->column;
}

/* NAME: VALUE is short for NAME: {default: VALUE}; a mapping is always the long form. */
static void declare(const Settling *settling, const VariableLayer *layer, const NodeMember *member)
{
    Draft *draft = draft_of(settling, layer, member);
    const Node *value = member->value;
    if (value->kind != NODE_MAPPING) {
        take_default(settling, draft, layer, value);
        return;
    }
    const Node *type = node_get(value, "type"), *description = node_get(value, "description"),
               *preset = node_get(value, "default");
    if (type && type->kind == NODE_STRING)
        take_type(settling, draft, layer, type);
    if (description && description->kind == NODE_STRING)
        draft->variable.description =
            arena_strndup(settling->arena, description->text.data, description->text.len);
    if (preset)
        take_default(settling, draft, layer, preset);
}

/* ---- given values
 * ----------------------------------------------------------------------------------------------------- */

static bool keep_root(const Document *document, void *data)
{
    *(const Node **)data = document->root;
    return true;
}

static const Node *read_yaml(const Settling *settling, const char *text)
{
    static const DocumentLimits limits = {.file_bytes = GIVEN_VALUE_BYTES_MAX,
                                          .depth = 32,
                                          .nodes = 20000,
                                          .alias_nodes = 1000,
                                          .documents = 1};
    g_autoptr(DiagnosticList) nobody = diagnostic_list_new();
    const Node *root = NULL;
    View copy = {arena_strndup(settling->arena, text, strlen(text)), strlen(text)};
    bool good = document_parse(copy, "value", 1, settling->arena, &limits, keep_root, &root, nobody);
    return good ? root : NULL;
}

static const Node *read_scalar(const Settling *settling, const char *text, bool is_string)
{
    Node *node = arena_new0(settling->arena, Node);
    *node = (Node){.kind = NODE_STRING,
                   .text = {arena_strndup(settling->arena, text, strlen(text)), strlen(text)}};
    if (!is_string)
        scalar_resolve(node);
    return node;
}

/* An option or the environment has no types: the variable's says how its text is read. */
static const Node *read_given(const Settling *settling, const GivenValue *given, VariableType type)
{
    bool is_flow = *given->text == '[' || *given->text == '{';
    if (type == VARIABLE_STRING && !given->is_yaml)
        return read_scalar(settling, given->text, true);
    if (given->is_yaml || type == VARIABLE_LIST || type == VARIABLE_OBJECT ||
        (type == VARIABLE_ANY && is_flow))
        return read_yaml(settling, given->text);
    return read_scalar(settling, given->text, false);
}

static void give_unknown(const Settling *settling, const GivenValue *given)
{
    if (given->is_optional)
        return;
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    for (guint i = 0; i < settling->drafts->len; i++)
        g_ptr_array_add(names, (void *)(uintptr_t)((const Draft *)settling->drafts->pdata[i])->variable.name);
    g_ptr_array_add(names, NULL);
    const char *near = suggest_nearest(view_from(given->name), (const char *const *)names->pdata);
    g_autofree char *message = g_strdup_printf("muster.yaml declares no variable \"%s\"", given->name);
    g_autofree char *detail = near ? g_strdup_printf("did you mean \"%s\"?", near) : NULL;
    report_given(settling, given, message, detail);
}

static void give(const Settling *settling, const GivenValue *given)
{
    Draft *draft = draft_find(settling, view_from(given->name));
    if (!draft) {
        give_unknown(settling, given);
        return;
    }
    VariableType type = draft->variable.type;
    const Node *node = read_given(settling, given, type);
    if (!node || !type_takes(type, node)) {
        g_autofree char *text = shown(view_from(given->text));
        g_autofree char *value = node && given->is_yaml ? describe(node) : g_strdup_printf("\"%s\"", text);
        g_autofree char *message =
            g_strdup_printf("variable \"%s\" is %s, and not %s", given->name, type_articles[type], value);
        g_autofree char *detail = draft->stated
                                      ? g_strdup_printf("its type is stated in %s:%d:%d", draft->stated_file,
                                                        draft->stated->line, draft->stated->column)
                                      : NULL;
        report_given(settling, given, message, detail);
        draft->is_faulty = true;
        return;
    }
    draft->variable.value = node;
    draft->variable.from =
        given->from ? arena_strndup(settling->arena, given->from, strlen(given->from)) : NULL;
    draft->variable.file =
        given->file ? arena_strndup(settling->arena, given->file, strlen(given->file)) : NULL;
    draft->variable.line = given->file ? given->line : 0;
    draft->variable.column = given->file ? given->column : 0;
}

/* ---- the end
 * -------------------------------------------------------------------------------------------------------------
 */

static void require_value(const Settling *settling, const Draft *draft)
{
    const char *name = draft->variable.name;
    if (draft->variable.value || draft->is_faulty)
        return;
    g_autofree char *message = g_strdup_printf("variable \"%s\" has no value", name);
    g_autofree char *detail = g_strdup_printf(
        "give it with --set %s=VALUE, --values FILE or $" VARIABLE_ENVIRONMENT_PREFIX "%s, or a default here",
        name, name);
    report_at(settling, draft->layer, draft->member, message, detail);
}

static void finish(const Settling *settling, Draft *draft)
{
    Variable *variable = &draft->variable;
    require_value(settling, draft);
    if (draft->is_faulty)
        variable->value = NULL;
    if (!variable->value)
        return;
    g_autofree char *value = describe(variable->value);
    g_autofree char *words =
        variable->from ? g_strdup_printf("var.%s is %s, from %s", variable->name, value, variable->from)
                       : g_strdup_printf("var.%s is %s, set in %s:%d:%d", variable->name, value,
                                         variable->file, variable->line, variable->column);
    variable->words = arena_strndup(settling->arena, words, strlen(words));
}

static int compare_variables(const void *a, const void *b)
{
    const Variable *const *first = a, *const *second = b;
    return strcmp((*first)->name, (*second)->name);
}

const Variable *const *variables_settle(const VariableLayer *layers, size_t layers_len,
                                        const GivenValues *given, Arena *arena, DiagnosticList *diagnostics,
                                        size_t *ret_len)
{
    g_autoptr(GPtrArray) drafts = g_ptr_array_new();
    Settling settling = {arena, diagnostics, drafts};
    for (size_t i = 0; i < layers_len; i++) {
        const Node *variables = layers[i].variables;
        for (size_t j = 0; variables && j < variables->mapping.len; j++)
            declare(&settling, &layers[i], &variables->mapping.members[j]);
    }
    for (size_t i = 0; i < given_values_len(given); i++)
        give(&settling, given_values_get(given, i));
    const Variable **sorted = arena_new0_n(arena, const Variable *, drafts->len + 1);
    for (guint i = 0; i < drafts->len; i++) {
        finish(&settling, drafts->pdata[i]);
        sorted[i] = &((const Draft *)drafts->pdata[i])->variable;
    }
    qsort(sorted, drafts->len, sizeof *sorted, compare_variables);
    *ret_len = drafts->len;
    return sorted;
}

const Variable *variable_find(const Variable *const *variables, size_t len, View name)
{
    size_t low = 0, high = len;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = view_compare(view_from(variables[middle]->name), name);
        if (order == 0)
            return variables[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

const char *variable_suggest(const Variable *const *variables, size_t len, View name)
{
    g_autofree const char **names = g_new0(const char *, len + 1);
    for (size_t i = 0; i < len; i++)
        names[i] = variables[i]->name;
    return suggest_nearest(name, names);
}
