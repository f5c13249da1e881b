/* schema_fuzz.c: arbitrary documents under every kind's schema. Beside not crashing: reports come exactly
 * with refusal, and what is accepted has a canonical form that is its own canonical form. */
#include <stdint.h>
#include <jansson.h>
#include "spec/canonical.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool keep_root(const Document *document, void *data)
{
    *(const Node **)data = document->root;
    return true;
}

static const Node *parse(Arena *arena, View text)
{
    const Node *root = NULL;
    g_autoptr(DiagnosticList) diagnostics = diagnostic_list_new();
    document_parse(text, "fuzz.yaml", 1, arena, NULL, keep_root, &root, diagnostics);
    return root;
}

static void check_kind(const SchemaNode *schema, const Node *node, View text, const char *provider)
{
    g_autoptr(DiagnosticList) diagnostics = diagnostic_list_new();
    SchemaContext context = {.file = "fuzz.yaml", .text = text, .first_line = 1, .provider = provider};
    bool valid = schema_validate(schema, node, "", &context, diagnostics);
    g_assert(valid == (diagnostic_list_count(diagnostics, SEVERITY_ERROR) == 0));
    if (!valid)
        return;
    g_autoptr(GString) once = g_string_new(NULL);
    canonical_append(schema, node, once);
    json_error_t error;
    json_t *json = json_loadb(once->str, once->len, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &error);
    if (!json)
        g_error("canonical form is not JSON: %s: %s", error.text, once->str);
    json_decref(json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const providers[] = {"local", "aws", "docker", "simulated", NULL};
    View text = {(const char *)data, size};
    kinds_init();
    if (size > 1 << 16)
        return 0;
    g_autoptr(Arena) arena = arena_new();
    const Node *node = parse(arena, text);
    if (!node)
        return 0;
    const char *provider = providers[size % G_N_ELEMENTS(providers)];
    check_kind(config_schema(), node, text, provider);
    check_kind(sources_schema(), node, text, provider);
    check_kind(policy_schema(), node, text, provider);
    check_kind(notify_schema(), node, text, provider);
    check_kind(web_schema(), node, text, provider);
    for (int kind = 0; kind < KIND_COUNT; kind++) {
        check_kind(kind_schema((Kind)kind), node, text, provider);
        check_kind(kind_spec_schema((Kind)kind), node, text, provider);
    }
    return 0;
}
