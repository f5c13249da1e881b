/* parse.c: see parse.h. */
#include "reconciler/source/parse.h"

struct Parser {
    ParseContext context;
    Arena *arena;
};

/* What the document callback works on. */
typedef struct {
    Parser *parser;
    ManifestContext manifest;
    ManifestBatch *batch;
    DiagnosticList *diagnostics;
    ParseOutcome *outcome;
} Pass;

Parser *parser_new(const ParseContext *context)
{
    Parser *parser = g_new0(Parser, 1);
    parser->context = *context;
    parser->arena = arena_new();
    return parser;
}

void parser_free(Parser *parser)
{
    if (!parser)
        return;
    arena_free(parser->arena);
    g_free(parser);
}

static void skip_document(ParseOutcome *outcome, int line)
{
    outcome->documents_skipped++;
    if (outcome->first_skipped_line == 0)
        outcome->first_skipped_line = line;
}

static bool take_document(const Document *document, void *data)
{
    Pass *pass = data;
    switch (manifest_from_document(document, &pass->manifest, pass->batch, pass->diagnostics)) {
    case MANIFEST_OK:
    case MANIFEST_INVALID: pass->outcome->is_ours = true; break;
    case MANIFEST_NOT_OURS: skip_document(pass->outcome, document->line); break;
    }
    arena_reset(pass->parser->arena);
    return true;
}

/* Every document of ours holds this; other YAML (with tags, merge keys …) is none of our business. */
static bool may_be_ours(View text)
{
    return text.len > 0 && memmem(text.data, text.len, "muster/", strlen("muster/")) != NULL;
}

static bool use_cache(Parser *parser, const char *file, int first_line, const Digest *digest,
                      ManifestBatch *batch, ParseOutcome *outcome)
{
    CacheFacts facts;
    if (!parser->context.cache || !digest ||
        !cache_find(parser->context.cache, digest, file, first_line, batch, &facts))
        return false;
    int skipped = facts.first_skipped_line;
    *outcome = (ParseOutcome){.documents_skipped = facts.documents_skipped,
                              .first_skipped_line = skipped ? skipped + first_line - 1 : 0,
                              .is_ours = facts.is_ours,
                              .is_cached = true};
    return true;
}

bool parser_recall(Parser *parser, const char *file, const Digest *digest, ManifestBatch *batch,
                   ParseOutcome *ret_outcome)
{
    *ret_outcome = (ParseOutcome){0};
    return use_cache(parser, file, 1, digest, batch, ret_outcome);
}

static void store(Parser *parser, int first_line, const Digest *digest, const ManifestBatch *batch,
                  size_t first, const ParseOutcome *outcome)
{
    int skipped = outcome->first_skipped_line;
    CacheFacts facts = {outcome->documents_skipped, skipped ? skipped - first_line + 1 : 0, outcome->is_ours};
    if (parser->context.cache && digest)
        cache_add(parser->context.cache, digest, first_line, batch, first, &facts);
}

void parser_run(Parser *parser, View text, const char *file, int first_line, const Digest *digest,
                ManifestBatch *batch, DiagnosticList *diagnostics, ParseOutcome *ret_outcome)
{
    *ret_outcome = (ParseOutcome){0};
    if (use_cache(parser, file, first_line, digest, batch, ret_outcome))
        return;
    if (!may_be_ours(text)) {
        skip_document(ret_outcome, first_line);
        return;
    }
    size_t first = manifest_batch_len(batch), faults = diagnostic_list_len(diagnostics);
    Pass pass = {parser,
                 {file, text, first_line, parser->context.config, parser->context.provider,
                  parser->context.observe, parser->context.observer},
                 batch,
                 diagnostics,
                 ret_outcome};
    bool is_clean = document_parse(text, file, first_line, parser->arena, &document_limits_default,
                                   take_document, &pass, diagnostics);
    arena_reset(parser->arena);
    if (!is_clean) /* whose the broken document was cannot be told */
        ret_outcome->is_ours = true;
    if (is_clean && diagnostic_list_len(diagnostics) == faults)
        store(parser, first_line, digest, batch, first, ret_outcome);
}
