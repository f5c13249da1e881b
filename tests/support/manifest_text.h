/* manifest_text.h: manifests from literal YAML, for tests. */
#pragma once
#include "spec/reference.h"

typedef struct {
    View text;
    Arena *arena;
    ManifestBatch *batch;
    const SourceConfig *config;
    const char *provider;
    DiagnosticList *diagnostics;
    size_t outcomes[MANIFEST_INVALID + 1];
} ManifestTexts;

static inline bool manifest_text_document(const Document *document, void *data)
{
    ManifestTexts *texts = data;
    ManifestContext context = {.file = "test.yaml",
                               .text = texts->text,
                               .first_line = 1,
                               .config = texts->config,
                               .provider_override = texts->provider};
    texts->outcomes[manifest_from_document(document, &context, texts->batch, texts->diagnostics)]++;
    return true;
}

/* New set; the caller unrefs. provider (--provider) and config may be NULL. */
static inline ManifestSet *manifest_set_from_text(const char *yaml, const char *provider,
                                                  const SourceConfig *config, DiagnosticList *diagnostics)
{
    g_autoptr(Arena) arena = arena_new();
    kinds_init();
    ManifestTexts texts = {.text = view_from(yaml),
                           .arena = arena,
                           .batch = manifest_batch_new(),
                           .config = config,
                           .provider = provider,
                           .diagnostics = diagnostics};
    (void)document_parse(texts.text, "test.yaml", 1, arena, &document_limits_default, manifest_text_document,
                         &texts, diagnostics);
    return manifest_set_build(&texts.batch, 1, config, diagnostics);
}

/* As ReferenceText: data is the YAML text. */
static inline View manifest_text_of(const char *file, void *data)
{
    (void)file;
    return view_from(data);
}

static inline const Diagnostic *diagnostic_only(DiagnosticList *diagnostics)
{
    if (diagnostic_list_len(diagnostics) != 1) {
        g_autoptr(GString) all = g_string_new(NULL);
        diagnostic_list_render(diagnostics, DIAGNOSTIC_TEXT, all);
        g_test_message("%s", all->str);
    }
    g_assert_cmpuint(diagnostic_list_len(diagnostics), ==, 1);
    return diagnostic_list_get(diagnostics, 0);
}

static inline void diagnostics_none(DiagnosticList *diagnostics)
{
    if (diagnostic_list_len(diagnostics))
        (void)diagnostic_only(diagnostics);
    g_assert_cmpuint(diagnostic_list_len(diagnostics), ==, 0);
}
