/* upload.c: see upload.h. */
#include "reconciler/api/upload.h"
#include "reconciler/source/parse.h"
#include "spec/kinds.h"

#define CONFIG_FILE "muster.yaml"

/* ---- as it is sent ---- */

static json_t *uses_json(char *const *uses)
{
    json_t *list = json_array();
    for (; *uses; uses++)
        json_array_append_new(list, json_string(*uses));
    return list;
}

static json_t *config_json(const SourceConfig *config, const char *identity)
{
    json_t *json =
        json_pack("{s:s,s:s*,s:s*,s:s*,s:s*}", "name", identity, "provider", config->provider, "region",
                  config->region, "account", config->account, "approval", config->approval);
    if (config->uses && *config->uses)
        json_object_set_new(json, "uses", uses_json(config->uses));
    if (config->retention_ms) {
        g_autofree char *text = g_strdup_printf("%" G_GINT64_FORMAT "ms", config->retention_ms);
        json_object_set_new(json, "retention", json_string(text));
    }
    return json;
}

/* The manifest as a document of JSON, which is YAML, too. Names have letters, digits, - and _ only. */
static json_t *manifest_json(const Manifest *manifest)
{
    bool is_bare = manifest->metadata.len <= strlen("{}");
    View rest = is_bare ? VIEW("}") : (View){manifest->metadata.data + 1, manifest->metadata.len - 1};
    g_autofree char *text =
        g_strdup_printf("{\"apiVersion\":\"muster/v1\",\"kind\":\"%s\",\"metadata\":{\"name\":\"" VIEW_FMT
                        "\"%s" VIEW_FMT ",\"spec\":" VIEW_FMT "}",
                        kind_name(manifest->kind), VIEW_ARG(manifest->name), is_bare ? "" : ",",
                        VIEW_ARG(rest), VIEW_ARG(manifest->spec));
    return json_pack("{s:s,s:i,s:s}", "file", manifest->file ? manifest->file : "-", "line", manifest->line,
                     "text", text);
}

json_t *upload_to_json(const ManifestSet *set, const char *identity)
{
    json_t *manifests = json_array();
    for (size_t i = 0; i < manifest_set_len(set); i++)
        json_array_append_new(manifests, manifest_json(manifest_set_get(set, i)));
    return json_pack("{s:o,s:o}", "config", config_json(manifest_set_config(set), identity), "manifests",
                     manifests);
}

/* ---- as it is read ---- */

/* Of bases and the like there is nothing here that they could name. */
static SourceConfig *config_of(const json_t *upload, DiagnosticList *diagnostics, char **ret_message)
{
    char *text = json_dumps(json_object_get(upload, "config"), JSON_COMPACT);
    g_autoptr(SourceConfig) config =
        source_config_parse(view_from(text ? text : ""), CONFIG_FILE, diagnostics);
    free(text);
    if (!config) {
        *ret_message = g_strdup("upload: config is no muster.yaml");
        return NULL;
    }
    if (!config->name || config->bases) {
        *ret_message =
            g_strdup("upload: config needs a name, and has no bases: who sends manifests puts those in");
        return NULL;
    }
    source_config_settle(config, NULL, diagnostics);
    return g_steal_pointer(&config);
}

static bool parse_manifest(Parser *parser, const json_t *item, ManifestBatch *batch,
                           DiagnosticList *diagnostics)
{
    const char *file = json_string_value(json_object_get(item, "file")),
               *text = json_string_value(json_object_get(item, "text"));
    json_int_t line = json_integer_value(json_object_get(item, "line"));
    ParseOutcome outcome = {0};
    if (!file || !text || line < 0 || line > G_MAXINT)
        return false;
    parser_run(parser, view_from(text), file, (int)MAX(line, 1), NULL, batch, diagnostics, &outcome);
    return true;
}

ManifestSet *upload_parse(const json_t *upload, const char *provider, DiagnosticList *diagnostics,
                          char **ret_message)
{
    g_autoptr(SourceConfig) config = config_of(upload, diagnostics, ret_message);
    if (!config)
        return NULL;
    ManifestBatch *batch = manifest_batch_new();
    Parser *parser = parser_new(&(ParseContext){.config = config, .provider = provider});
    const json_t *item;
    size_t i;
    bool is_good = true;
    json_array_foreach(json_object_get(upload, "manifests"), i, item) is_good =
        is_good && parse_manifest(parser, item, batch, diagnostics);
    parser_free(parser);
    if (is_good)
        return manifest_set_build(&batch, 1, config, diagnostics);
    manifest_batch_free(batch);
    *ret_message = g_strdup("upload: manifests is a list of objects with file, line and text");
    return NULL;
}
