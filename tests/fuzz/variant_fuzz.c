/* variant_fuzz.c: a base's muster.yaml, the source's, a file of values and manifests, parted by lines "%%%",
 * as a source is made of them. Beside not crashing: what comes is a set of JSON specs, twice the same with
 * the same messages, and all values that were given can be kept. */
#include <jansson.h>
#include <stdint.h>
#include "spec/variant.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PART "\n%%%\n"

static View take_part(View *rest)
{
    const char *mark = rest->len ? memmem(rest->data, rest->len, PART, strlen(PART)) : NULL;
    View part = {rest->data, mark ? (size_t)(mark - rest->data) + 1 : rest->len};
    size_t used = mark ? part.len + strlen(PART) - 1 : rest->len;
    rest->data += used;
    rest->len -= used;
    return part;
}

typedef struct {
    View text;
    Arena *arena;
    ManifestBatch *batch;
    const SourceConfig *config;
    DiagnosticList *diagnostics;
} Reading;

static bool read_document(const Document *document, void *data)
{
    Reading *reading = data;
    ManifestContext context = {
        .file = "fuzz.yaml", .text = reading->text, .first_line = 1, .config = reading->config};
    manifest_from_document(document, &context, reading->batch, reading->diagnostics);
    return true;
}

static SourceConfig *read_config(View base, View text, const GivenValues *given, DiagnosticList *diagnostics)
{
    SourceConfig *config = source_config_parse(text, "muster.yaml", diagnostics);
    g_autoptr(SourceConfig) below = source_config_parse(base, "base/muster.yaml", diagnostics);
    if (!config || !below) {
        source_config_free(config);
        return source_config_faulty();
    }
    source_config_inherit(config, below);
    source_config_settle(config, given, diagnostics);
    return config;
}

static ManifestSet *read_all(const View parts[4], const GivenValues *given, DiagnosticList *diagnostics)
{
    g_autoptr(SourceConfig) config = read_config(parts[0], parts[1], given, diagnostics);
    g_autoptr(Arena) arena = arena_new();
    Reading reading = {parts[3], arena, manifest_batch_new(), config, diagnostics};
    document_parse(parts[3], "fuzz.yaml", 1, arena, &document_limits_default, read_document, &reading,
                   diagnostics);
    return variant_finish(manifest_set_build(&reading.batch, 1, config, diagnostics), diagnostics);
}

static void check_specs(const ManifestSet *set)
{
    for (size_t i = 0; i < manifest_set_len(set); i++) {
        View spec = manifest_set_get(set, i)->spec;
        json_t *json = json_loadb(spec.data, spec.len, JSON_ALLOW_NUL, NULL);
        g_assert(json_is_object(json));
        json_decref(json);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    View rest = {(const char *)data, size}, parts[4];
    kinds_init();
    for (size_t i = 0; i < G_N_ELEMENTS(parts); i++)
        parts[i] = take_part(&rest);
    g_autoptr(DiagnosticList) first = diagnostic_list_new(), second = diagnostic_list_new();
    g_autoptr(GivenValues) given = given_values_new();
    (void)given_values_read(given, parts[2], "values.yaml", first);
    (void)given_values_read(given, parts[2], "values.yaml", second);
    g_autofree char *json = given_values_to_json(given);
    g_autoptr(GivenValues) kept = given_values_from_json(json, NULL);
    g_assert(kept && given_values_len(kept) == given_values_len(given));
    g_autoptr(ManifestSet) set = read_all(parts, given, first), again = read_all(parts, given, second);
    check_specs(set);
    g_assert(strcmp(manifest_set_revision(set), manifest_set_revision(again)) == 0);
    g_autoptr(GString) said = g_string_new(NULL);
    g_autoptr(GString) said_again = g_string_new(NULL);
    diagnostic_list_render(first, DIAGNOSTIC_TEXT, said);
    diagnostic_list_render(second, DIAGNOSTIC_TEXT, said_again);
    g_assert(strcmp(said->str, said_again->str) == 0);
    return 0;
}
