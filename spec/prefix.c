#include "spec/prefix.h"

#include <stdlib.h>

#include "spec/reference.h"
#include "spec/reference_path.h"

#define PREFIX_MAX 64
#define NAME_BYTES 128 /* of a resource: ResourceName of common.json */

typedef struct {
    Kind kind;
    View name;
} Foreign;

struct NamePrefix {
    View text;
    const char *place; /* where it is said: "envs/prod/muster.yaml:3" */
    Foreign *foreign;  /* named under uses, sorted */
    size_t foreign_len;
};

/* ---- settling
 * -------------------------------------------------------------------------------------------------------------
 */

static bool is_prefix(View text)
{
    if (text.len > PREFIX_MAX || !g_ascii_isalnum(text.data[0]))
        return false;
    for (size_t i = 1; i < text.len; i++)
        if (!g_ascii_isalnum(text.data[i]) && text.data[i] != '-' && text.data[i] != '_')
            return false;
    return true;
}

static int compare_foreign(const void *a, const void *b)
{
    const Foreign *first = a, *second = b;
    if (first->kind != second->kind)
        return first->kind < second->kind ? -1 : 1;
    return view_compare(first->name, second->name);
}

/* The schema has judged their form. */
static void take_uses(NamePrefix *prefix, char *const *uses, Arena *arena)
{
    size_t len = uses ? g_strv_length((char **)(uintptr_t)uses) : 0;
    prefix->foreign = arena_new0_n(arena, Foreign, len + 1);
    for (size_t i = 0; i < len; i++) {
        View text = {arena_strndup(arena, uses[i], strlen(uses[i])), strlen(uses[i])};
        const char *slash = memchr(text.data, '/', text.len);
        Foreign *foreign = &prefix->foreign[prefix->foreign_len];
        if (!slash || !kind_from_exact((View){text.data, (size_t)(slash - text.data)}, &foreign->kind))
            continue;
        foreign->name = (View){slash + 1, text.len - (size_t)(slash + 1 - text.data)};
        prefix->foreign_len++;
    }
    qsort(prefix->foreign, prefix->foreign_len, sizeof *prefix->foreign, compare_foreign);
}

const NamePrefix *prefix_settle(const PrefixDeclaration *declaration, const Substitution *variables)
{
    Arena *arena = variables->arena;
    Node *node = arena_new0(arena, Node);
    *node = *declaration->node;
    if (!substitute(variables, &node) || (node->kind == NODE_STRING && !node->text.len))
        return NULL;
    if (node->kind != NODE_STRING || !is_prefix(node->text)) {
        node_report(variables->diagnostics, declaration->file, declaration->text, 1, node, SEVERITY_ERROR,
                    "namePrefix", "this cannot stand before a name",
                    "a prefix is a string that begins with a letter or digit, with letters, digits, - and "
                    "_, at most 64 of them");
        return NULL;
    }
    NamePrefix *prefix = arena_new0(arena, NamePrefix);
    prefix->text = (View){arena_strndup(arena, node->text.data, node->text.len), node->text.len};
    g_autofree char *place = g_strdup_printf("%s:%d", declaration->file, declaration->node->line);
    prefix->place = arena_strndup(arena, place, strlen(place));
    take_uses(prefix, declaration->uses, arena);
    return prefix;
}

View prefix_text(const NamePrefix *prefix)
{
    return prefix ? prefix->text : VIEW("");
}

View prefix_strip(const NamePrefix *prefix, View name)
{
    View text = prefix_text(prefix);
    bool has_it = text.len && name.len > text.len && memcmp(name.data, text.data, text.len) == 0;
    return has_it ? (View){name.data + text.len, name.len - text.len} : name;
}

void prefix_sum(const NamePrefix *prefix, DigestSum *sum)
{
    if (!prefix)
        return;
    digest_add(sum, VIEW("prefix "));
    digest_add(sum, prefix->text);
    for (size_t i = 0; i < prefix->foreign_len; i++) {
        digest_add(sum, VIEW("\n"));
        digest_add(sum, view_from(kind_name(prefix->foreign[i].kind)));
        digest_add(sum, VIEW("/"));
        digest_add(sum, prefix->foreign[i].name);
    }
    digest_add(sum, VIEW("\n\n"));
}

/* ---- one document
 * ------------------------------------------------------------------------------------------------------------
 */

typedef struct {
    const NamePrefix *prefix;
    Arena *arena;
} Prefixing;

static bool is_foreign(const NamePrefix *prefix, Kind kind, View name)
{
    Foreign key = {kind, name};
    return bsearch(&key, prefix->foreign, prefix->foreign_len, sizeof key, compare_foreign) != NULL;
}

static Node *prefixed(const Prefixing *prefixing, const Node *node)
{
    View front = prefixing->prefix->text;
    char *text = arena_alloc(prefixing->arena, front.len + node->text.len + 1);
    memcpy(text, front.data, front.len);
    memcpy(text + front.len, node->text.data, node->text.len);
    NodeOrigin *origin = arena_new0(prefixing->arena, NodeOrigin);
    Node *copy = arena_new0(prefixing->arena, Node);
    if (node->origin)
        *origin = *node->origin;
    origin->prefix = prefixing->prefix->place;
    *copy = *node;
    copy->text = (View){text, front.len + node->text.len};
    copy->origin = origin;
    return copy;
}

static Node *prefix_reference(Kind kind, Node *node, void *data)
{
    const Prefixing *prefixing = data;
    bool is_arn = node->text.len >= 4 && memcmp(node->text.data, "arn:", 4) == 0;
    View qualifier;
    if (is_arn || is_foreign(prefixing->prefix, kind, reference_name(kind, node->text, &qualifier)))
        return node;
    return prefixed(prefixing, node);
}

static void report_name(const ManifestContext *context, const Node *name, const char *message,
                        const char *detail, DiagnosticList *diagnostics)
{
    node_report(diagnostics, context->file, context->text, context->first_line, name, SEVERITY_ERROR,
                "metadata.name", message, detail);
}

static bool name_is_right(const NamePrefix *prefix, Kind kind, const Node *name,
                          const ManifestContext *context, DiagnosticList *diagnostics)
{
    if (prefix->text.len + name->text.len > NAME_BYTES) {
        g_autofree char *message = g_strdup_printf(
            "with the prefix \"" VIEW_FMT "\" this name has %zu characters, and at most %d fit",
            VIEW_ARG(prefix->text), prefix->text.len + name->text.len, NAME_BYTES);
        g_autofree char *detail = g_strdup_printf("namePrefix: %s", prefix->place);
        report_name(context, name, message, detail, diagnostics);
        return false;
    }
    if (is_foreign(prefix, kind, name->text)) {
        g_autofree char *message = g_strdup_printf(
            "%s/" VIEW_FMT " is made here, and named under `uses:` as another source's: what refers to it "
            "could mean either",
            kind_name(kind), VIEW_ARG(name->text));
        g_autofree char *detail =
            g_strdup_printf("made here it is \"" VIEW_FMT VIEW_FMT "\" (namePrefix: %s)",
                            VIEW_ARG(prefix->text), VIEW_ARG(name->text), prefix->place);
        report_name(context, name, message, detail, diagnostics);
        return false;
    }
    return true;
}

/* Names that it had are of this source, too. */
static Node *prefix_formerly(const Prefixing *prefixing, const Node *formerly)
{
    if (formerly->kind == NODE_STRING)
        return prefixed(prefixing, formerly);
    if (formerly->kind != NODE_SEQUENCE)
        return (Node *)(uintptr_t)formerly;
    size_t len = formerly->sequence.len;
    Node *copy = arena_new0(prefixing->arena, Node);
    *copy = *formerly;
    Node **items = arena_new0_n(prefixing->arena, Node *, len + 1);
    for (size_t i = 0; i < len; i++)
        items[i] = prefixed(prefixing, formerly->sequence.items[i]);
    copy->sequence.items = items;
    return copy;
}

bool prefix_apply(const NamePrefix *prefix, Kind kind, Node *root, const ManifestContext *context,
                  Arena *arena, DiagnosticList *diagnostics)
{
    if (!prefix)
        return true;
    Prefixing prefixing = {prefix, arena};
    NodeMember *metadata = (NodeMember *)(uintptr_t)node_member(root, "metadata"),
               *spec = (NodeMember *)(uintptr_t)node_member(root, "spec");
    const NodeMember *name = node_member(metadata->value, "name");
    if (!name_is_right(prefix, kind, name->value, context, diagnostics))
        return false;
    Node *copy = node_copy_members(metadata->value, arena);
    ((NodeMember *)(uintptr_t)node_member(copy, "name"))->value = prefixed(&prefixing, name->value);
    NodeMember *formerly = (NodeMember *)(uintptr_t)node_member(copy, "formerly");
    if (formerly)
        formerly->value = prefix_formerly(&prefixing, formerly->value);
    metadata->value = copy;
    spec->value = reference_path_map(kind, spec->value, prefix_reference, &prefixing, arena);
    return true;
}
