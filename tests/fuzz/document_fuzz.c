/* document_fuzz.c: arbitrary bytes as YAML. Beside not crashing: every node delivered lies within the limits,
 * its place is a place, and a text that can be split gives the same documents in parts. */
#include <stdint.h>
#include "spec/document.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t walk(const Node *node, size_t depth)
{
    size_t count = 1;
    g_assert(depth <= document_limits_default.depth + 1);
    g_assert(node->line >= 1 && node->column >= 1);
    if (node->kind == NODE_SEQUENCE)
        for (size_t i = 0; i < node->sequence.len; i++)
            count += walk(node->sequence.items[i], depth + 1);
    if (node->kind == NODE_MAPPING)
        for (size_t i = 0; i < node->mapping.len; i++)
            count += walk(node->mapping.members[i].value, depth + 1);
    return count;
}

static bool count_document(const Document *document, void *data)
{
    size_t nodes = walk(document->root, 1);
    g_assert(nodes <= document_limits_default.nodes + document_limits_default.alias_nodes);
    *(size_t *)data += nodes;
    return true;
}

static bool parse(View text, int first_line, size_t *nodes)
{
    g_autoptr(Arena) arena = arena_new();
    g_autoptr(DiagnosticList) diagnostics = diagnostic_list_new();
    bool ok = document_parse(text, "fuzz.yaml", first_line, arena, NULL, count_document, nodes, diagnostics);
    g_assert(ok == (diagnostic_list_count(diagnostics, SEVERITY_ERROR) == 0));
    g_autoptr(GString) rendered = g_string_new(NULL);
    diagnostic_list_render(diagnostics, DIAGNOSTIC_TEXT, rendered);
    diagnostic_list_render(diagnostics, DIAGNOSTIC_JSON, rendered);
    g_assert(g_utf8_validate(rendered->str, (gssize)rendered->len, NULL));
    return ok;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    View text = {(const char *)data, size};
    size_t whole = 0, parts = 0;
    bool ok = parse(text, 1, &whole);
    size_t cut;
    int line;
    if (ok && document_cut(text, size / 2, &cut, &line)) {
        g_assert(parse((View){text.data, cut}, 1, &parts));
        g_assert(parse((View){text.data + cut, size - cut}, line + 1, &parts));
        g_assert(whole == parts);
    }
    return 0;
}
