/* config.c: muster.yaml (SourceConfig of manifest.h). */
#include <glib.h>

#include "spec/base/units.h"
#include "spec/variant.h"

void source_config_free(SourceConfig *config)
{
    if (!config)
        return;
    g_free(config->name);
    g_free(config->provider);
    g_free(config->region);
    g_free(config->account);
    g_free(config->approval);
    g_strfreev(config->uses);
    g_strfreev(config->bases);
    g_clear_pointer(&config->layers, g_ptr_array_unref);
    variant_unref(config->variant);
    g_free(config);
}

SourceConfig *source_config_copy(const SourceConfig *config)
{
    SourceConfig *copy = g_new0(SourceConfig, 1);
    if (!config)
        return copy;
    copy->name = g_strdup(config->name);
    copy->provider = g_strdup(config->provider);
    copy->region = g_strdup(config->region);
    copy->account = g_strdup(config->account);
    copy->approval = g_strdup(config->approval);
    copy->uses = g_strdupv(config->uses);
    copy->retention_ms = config->retention_ms;
    copy->bases = g_strdupv(config->bases);
    copy->is_faulty = config->is_faulty;
    copy->layers = config->layers ? g_ptr_array_ref(config->layers) : NULL;
    copy->variant = variant_ref(config->variant);
    return copy;
}

bool source_config_requires_approval(const SourceConfig *config)
{
    return config && g_strcmp0(config->approval, "required") == 0;
}

typedef struct {
    const char *file;
    View text;
    SourceConfig *config;
    VariantNodes nodes;
    bool seen;
    DiagnosticList *diagnostics;
} ConfigParse;

static char *text_of(const Node *root, const char *key)
{
    const Node *node = node_get(root, key);
    return node ? g_strndup(node->text.data, node->text.len) : NULL;
}

static char **texts_of(const Node *root, const char *key)
{
    const Node *list = node_get(root, key);
    if (!list || list->kind != NODE_SEQUENCE)
        return NULL;
    char **texts = g_new0(char *, list->sequence.len + 1);
    for (size_t i = 0; i < list->sequence.len; i++)
        texts[i] = g_strndup(list->sequence.items[i]->text.data, list->sequence.items[i]->text.len);
    return texts;
}

static void config_report(ConfigParse *parse, const Node *node, Severity severity, const char *path,
                          const char *message, const char *detail)
{
    int width = node->end_column > node->column ? node->end_column - node->column : 1;
    document_report(parse->diagnostics, parse->file, parse->text, 1, node->line, node->column, width,
                    severity, path, message, detail);
}

static void members_drop_null(Node *root)
{
    if (root->kind != NODE_MAPPING)
        return;
    size_t kept = 0;
    for (size_t i = 0; i < root->mapping.len; i++)
        if (root->mapping.members[i].value->kind != NODE_NULL)
            root->mapping.members[kept++] = root->mapping.members[i];
    root->mapping.len = kept;
}

static bool config_document(const Document *document, void *data)
{
    ConfigParse *parse = data;
    Node *root = document->root;
    if (parse->seen) {
        config_report(parse, root, SEVERITY_ERROR, "", "muster.yaml holds more than one document", NULL);
        return false;
    }
    parse->seen = true;
    members_drop_null(root);
    SchemaContext rules = {parse->file, parse->text, 1, NULL};
    if (!schema_validate(config_schema(), root, "", &rules, parse->diagnostics))
        return true;
    SourceConfig *config = parse->config;
    config->name = text_of(root, "name");
    config->provider = text_of(root, "provider");
    config->region = text_of(root, "region");
    config->account = text_of(root, "account");
    config->approval = text_of(root, "approval");
    config->uses = texts_of(root, "uses");
    config->bases = texts_of(root, "bases");
    parse->nodes = (VariantNodes){.variables = node_get(root, "variables"),
                                  .patches = node_get(root, "patches"),
                                  .name_prefix = node_get(root, "namePrefix")};
    const Node *retention = node_get(root, "retention");
    if (retention && !duration_parse(retention->text, &config->retention_ms))
        config_report(parse, retention, SEVERITY_ERROR, "retention", "retention is not a duration",
                      "write it as 90s, 12h or 7d");
    return true;
}

static void layer_unref(void *layer)
{
    variant_layer_unref(layer);
}

SourceConfig *source_config_parse(View text, const char *file, DiagnosticList *diagnostics)
{
    g_autoptr(Arena) arena = arena_new();
    g_autoptr(SourceConfig) config = g_new0(SourceConfig, 1);
    size_t before = diagnostic_list_count(diagnostics, SEVERITY_ERROR);
    View kept = {arena_strndup(arena, text.data, text.len), text.len};
    ConfigParse parse = {.file = file, .text = kept, .config = config, .diagnostics = diagnostics};
    bool good =
        document_parse(kept, file, 1, arena, &document_limits_default, config_document, &parse, diagnostics);
    if (!good || diagnostic_list_count(diagnostics, SEVERITY_ERROR) > before)
        return NULL;
    if (parse.nodes.variables || parse.nodes.patches || parse.nodes.name_prefix) {
        config->layers = g_ptr_array_new_with_free_func(layer_unref);
        g_ptr_array_add(config->layers, variant_layer_new(g_steal_pointer(&arena), file, kept, parse.nodes));
    }
    return g_steal_pointer(&config);
}

/* ---- bases
 * ----------------------------------------------------------------------------------------------------------------
 */

static void inherit_text(char **text, const char *base)
{
    if (!*text)
        *text = g_strdup(base);
}

static void inherit_uses(SourceConfig *config, char *const *base)
{
    g_autoptr(GStrvBuilder) uses = g_strv_builder_new();
    for (char **use = config->uses; use && *use; use++)
        g_strv_builder_add(uses, *use);
    for (; base && *base; base++)
        if (!config->uses || !g_strv_contains((const char *const *)config->uses, *base))
            g_strv_builder_add(uses, *base);
    g_strfreev(config->uses);
    config->uses = g_strv_builder_end(uses);
}

void source_config_inherit(SourceConfig *config, const SourceConfig *base)
{
    inherit_text(&config->provider, base->provider);
    inherit_text(&config->region, base->region);
    inherit_text(&config->account, base->account);
    inherit_text(&config->approval, base->approval);
    inherit_uses(config, base->uses);
    if (!config->retention_ms)
        config->retention_ms = base->retention_ms;
    if (!base->layers)
        return;
    GPtrArray *layers = g_ptr_array_new_with_free_func(layer_unref);
    for (guint i = 0; i < base->layers->len; i++)
        g_ptr_array_add(layers, variant_layer_ref(base->layers->pdata[i]));
    for (guint i = 0; config->layers && i < config->layers->len; i++)
        g_ptr_array_add(layers, variant_layer_ref(config->layers->pdata[i]));
    g_clear_pointer(&config->layers, g_ptr_array_unref);
    config->layers = layers;
}

void source_config_settle(SourceConfig *config, const GivenValues *given, DiagnosticList *diagnostics)
{
    VariantLayer *const *layers =
        config->layers ? (VariantLayer *const *)(void *)config->layers->pdata : NULL;
    if (config->is_faulty)
        config->variant = variant_faulty();
    else if (layers || given_values_len(given))
        config->variant = variant_settle(layers, config->layers ? config->layers->len : 0, given,
                                         config->uses, diagnostics);
}

SourceConfig *source_config_faulty(void)
{
    SourceConfig *config = g_new0(SourceConfig, 1);
    config->is_faulty = true;
    config->variant = variant_faulty();
    return config;
}
