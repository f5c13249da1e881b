#include "spec/substitute.h"

#define MARK     "${var."
#define MARK_LEN (sizeof MARK - 1)

typedef struct {
    const Substitution *to;
    size_t nodes_left, bytes_left;
    bool is_full; /* told */
    bool good;
} Pass;

/* A reference in a string: its bytes, and the name in them. */
typedef struct {
    size_t start, end;
    View name;       /* empty: it is none that can be read */
    bool is_escaped; /* no reference: `$${var.`, of which the first `$` goes */
} Reference;

/* ---- finding
 * -------------------------------------------------------------------------------------------------------------
 */

static bool name_byte(char byte)
{
    return g_ascii_isalnum(byte) || byte == '_';
}

/* The next one at or after from. */
static bool next_reference(View text, size_t from, Reference *ret_reference)
{
    const char *found = from < text.len ? memmem(text.data + from, text.len - from, MARK, MARK_LEN) : NULL;
    if (!found)
        return false;
    size_t start = (size_t)(found - text.data), end = start + MARK_LEN;
    if (start > from && text.data[start - 1] == '$') {
        *ret_reference = (Reference){.start = start - 1, .end = end, .is_escaped = true};
        return true;
    }
    while (end < text.len && name_byte(text.data[end]))
        end++;
    bool is_closed = end < text.len && text.data[end] == '}';
    View name = {text.data + start + MARK_LEN, is_closed ? end - start - MARK_LEN : 0};
    *ret_reference = (Reference){.start = start, .end = end + is_closed, .name = name};
    return true;
}

/* ---- reporting
 * -----------------------------------------------------------------------------------------------------------
 */

typedef struct {
    int line, column, width;
} Place;

/* Where part of the scalar stands in the source, when it is written there as it is. */
static Place place_of(const Substitution *to, const Node *node, View part)
{
    int width = node->end_column > node->column ? node->end_column - node->column : 1;
    Place place = {node->line, node->column, width};
    size_t start = 0;
    for (int line = to->first_line; line < node->line; line++) {
        const char *feed = memchr(to->text.data + start, '\n', to->text.len - start);
        if (!feed)
            return place;
        start = (size_t)(feed - to->text.data) + 1;
    }
    size_t from = start + (size_t)MAX(node->column - 1, 0);
    const char *found =
        from < to->text.len ? memmem(to->text.data + from, to->text.len - from, part.data, part.len) : NULL;
    if (!found)
        return place;
    for (const char *at = to->text.data + start; (at = memchr(at, '\n', (size_t)(found - at)));) {
        at++;
        place.line++;
        start = (size_t)(at - to->text.data);
    }
    return (Place){place.line, (int)((size_t)(found - to->text.data) - start) + 1, (int)part.len};
}

static void report(Pass *pass, const Node *node, View part, const char *message, const char *detail)
{
    const Substitution *to = pass->to;
    Place place = place_of(to, node, part);
    document_report(to->diagnostics, to->file, to->text, to->first_line, place.line, place.column,
                    place.width, SEVERITY_ERROR, NULL, message, detail);
    pass->good = false;
}

static void report_undeclared(Pass *pass, const Node *node, View part, View name)
{
    const Substitution *to = pass->to;
    pass->good = false;
    if (to->is_silent)
        return;
    const char *near = variable_suggest(to->variables, to->variables_len, name);
    g_autofree char *message = g_strdup_printf("no variable \"" VIEW_FMT "\" is declared", VIEW_ARG(name));
    g_autofree char *detail = near ? g_strdup_printf("did you mean \"%s\"?", near)
                                   : g_strdup("declare it under variables: in the muster.yaml of the source");
    report(pass, node, part, message, detail);
}

static bool reserve(Pass *pass, const Node *node, size_t nodes, size_t bytes)
{
    if (nodes <= pass->nodes_left && bytes <= pass->bytes_left) {
        pass->nodes_left -= nodes;
        pass->bytes_left -= bytes;
        return true;
    }
    if (!pass->is_full)
        report(pass, node, VIEW(MARK), "the values of variables make this document too large",
               "at most 100,000 nodes and 4 MiB are put into one document");
    pass->is_full = true;
    pass->good = false;
    return false;
}

/* ---- putting in
 * ----------------------------------------------------------------------------------------------------------
 */

static const Variable *variable_of(Pass *pass, const Node *node, const Reference *reference)
{
    const Substitution *to = pass->to;
    View part = {node->text.data + reference->start, reference->end - reference->start};
    if (!reference->name.len) {
        report(pass, node, part, "a reference to a variable is written ${var.NAME}",
               "a name has letters, digits and _; for ${var. itself write $${var.");
        return NULL;
    }
    const Variable *variable = variable_find(to->variables, to->variables_len, reference->name);
    if (!variable)
        report_undeclared(pass, node, part, reference->name);
    else if (!variable->value)
        pass->good = false; /* told where it is declared */
    return variable && variable->value ? variable : NULL;
}

static const NodeOrigin *origin_of(Pass *pass, const Variable *const *variables, size_t len)
{
    const Substitution *to = pass->to;
    NodeOrigin *origin = arena_new0(to->arena, NodeOrigin);
    const Variable **copy = arena_new0_n(to->arena, const Variable *, len + 1);
    g_autoptr(GString) words = g_string_new(NULL);
    for (size_t i = 0; i < len; i++) {
        copy[i] = variables[i];
        g_string_append_printf(words, "%s%s", i ? "; " : "", variables[i]->words);
    }
    *origin = (NodeOrigin){.file = to->is_foreign ? to->file : NULL,
                           .text = to->text,
                           .variables = copy,
                           .variables_len = len,
                           .values = !len       ? NULL
                                     : len == 1 ? variables[0]->words
                                                : arena_strndup(to->arena, words->str, words->len),
                           .is_settled = true};
    return origin;
}

/* As if it had been written where place is. */
static Node *copy_value(Pass *pass, const Node *value, const Node *place, const NodeOrigin *origin)
{
    Arena *arena = pass->to->arena;
    if (!reserve(pass, place, 1, value->text.len))
        return NULL;
    Node *copy = arena_new0(arena, Node);
    *copy = *value;
    copy->line = place->line;
    copy->column = place->column;
    copy->end_column = place->end_column;
    copy->origin = origin;
    if (value->kind == NODE_SEQUENCE) {
        copy->sequence.items = arena_new0_n(arena, Node *, value->sequence.len);
        for (size_t i = 0; i < value->sequence.len; i++)
            if (!(copy->sequence.items[i] = copy_value(pass, value->sequence.items[i], place, origin)))
                return NULL;
    }
    if (value->kind == NODE_MAPPING) {
        copy->mapping.members = arena_new0_n(arena, NodeMember, value->mapping.len);
        for (size_t i = 0; i < value->mapping.len; i++) {
            NodeMember *member = &copy->mapping.members[i];
            *member = value->mapping.members[i];
            member->key_line = place->line;
            member->key_column = place->column;
            if (!(member->value = copy_value(pass, value->mapping.members[i].value, place, origin)))
                return NULL;
        }
    }
    return copy;
}

static bool is_scalar(const Node *node)
{
    return node->kind < NODE_SEQUENCE;
}

static void report_compound(Pass *pass, const Node *node, const Reference *reference,
                            const Variable *variable)
{
    View part = {node->text.data + reference->start, reference->end - reference->start};
    bool is_list = variable->value->kind == NODE_SEQUENCE;
    g_autofree char *message = g_strdup_printf("var.%s is %s, which cannot stand inside of a longer string",
                                               variable->name, is_list ? "a list" : "an object");
    g_autofree char *detail =
        g_strdup_printf("%s; alone, as ${var.%s}, it can", variable->words, variable->name);
    report(pass, node, part, message, detail);
}

/* What stands for the reference; data NULL when something is at fault. */
static View piece_of(Pass *pass, const Node *node, const Reference *reference, GPtrArray *used)
{
    if (reference->is_escaped)
        return VIEW(MARK);
    const Variable *variable = variable_of(pass, node, reference);
    if (!variable)
        return (View){NULL, 0};
    if (!is_scalar(variable->value)) {
        report_compound(pass, node, reference, variable);
        return (View){NULL, 0};
    }
    if (!g_ptr_array_find(used, variable, NULL))
        g_ptr_array_add(used, (void *)(uintptr_t)variable);
    return variable->value->text;
}

/* Text around references. NULL when something is at fault. */
static Node *fill_string(Pass *pass, const Node *node)
{
    g_autoptr(GString) out = g_string_sized_new(node->text.len + 32);
    g_autoptr(GPtrArray) used = g_ptr_array_new();
    Reference reference;
    size_t rest = 0;
    bool good = true;
    while (next_reference(node->text, rest, &reference)) {
        View piece = piece_of(pass, node, &reference, used);
        good = good && piece.data && reserve(pass, node, 0, reference.start - rest + piece.len);
        if (good) {
            g_string_append_len(out, node->text.data + rest, (gssize)(reference.start - rest));
            g_string_append_len(out, piece.data, (gssize)piece.len);
        }
        rest = reference.end;
    }
    if (!good || !reserve(pass, node, 1, node->text.len - rest))
        return NULL;
    g_string_append_len(out, node->text.data + rest, (gssize)(node->text.len - rest));
    Node *filled = arena_new0(pass->to->arena, Node);
    *filled = *node;
    filled->text = (View){arena_strndup(pass->to->arena, out->str, out->len), out->len};
    filled->origin = origin_of(pass, (const Variable *const *)(void *)used->pdata, used->len);
    return filled;
}

static void walk_string(Pass *pass, Node **slot)
{
    const Node *node = *slot;
    Reference reference;
    if (!next_reference(node->text, 0, &reference))
        return;
    Node *filled;
    if (!reference.is_escaped && reference.start == 0 && reference.end == node->text.len) {
        const Variable *variable = variable_of(pass, node, &reference);
        filled = variable ? copy_value(pass, variable->value, node, origin_of(pass, &variable, 1)) : NULL;
    } else {
        filled = fill_string(pass, node);
    }
    if (filled)
        *slot = filled;
}

static void check_key(Pass *pass, const NodeMember *member)
{
    Reference reference;
    if (!next_reference(member->key, 0, &reference) || reference.is_escaped)
        return;
    const Substitution *to = pass->to;
    document_report(to->diagnostics, to->file, to->text, to->first_line, member->key_line, member->key_column,
                    (int)MIN(member->key.len, 200), SEVERITY_ERROR, NULL,
                    "a variable cannot stand in the name of a member", "write the name out");
    pass->good = false;
}

/* Every string of every manifest is asked. */
static inline bool has_dollar(View text)
{
    return text.len > 0 && memchr(text.data, '$', text.len) != NULL;
}

static void walk(Pass *pass, Node **slot)
{
    Node *node = *slot;
    if (node->origin && node->origin->is_settled) /* an alias leads here twice */
        return;
    if (node->kind == NODE_STRING && has_dollar(node->text))
        walk_string(pass, slot);
    if (node->kind == NODE_SEQUENCE)
        for (size_t i = 0; i < node->sequence.len; i++)
            walk(pass, &node->sequence.items[i]);
    if (node->kind == NODE_MAPPING)
        for (size_t i = 0; i < node->mapping.len; i++) {
            if (has_dollar(node->mapping.members[i].key))
                check_key(pass, &node->mapping.members[i]);
            walk(pass, &node->mapping.members[i].value);
        }
}

bool substitute(const Substitution *substitution, Node **node)
{
    Pass pass = {substitution, SUBSTITUTE_NODES_MAX, SUBSTITUTE_BYTES_MAX, false, true};
    walk(&pass, node);
    return pass.good;
}
