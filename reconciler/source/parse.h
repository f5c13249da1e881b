/* parse.h: one text becomes manifests: through the cache, else through the parser.
 * Owns:   a Parser owns its scratch memory; one per thread.
 * Calls:  spec/, cache.h.
 * Holds:  a text that gave any diagnostic is never stored in the cache. */
#pragma once
#include "reconciler/source/cache.h"
#include "reconciler/source/source.h"

typedef struct {
    const SourceConfig *config;                                                     /* may be NULL */
    const char *provider;                                                           /* may be NULL */
    Cache *cache;                                                                   /* may be NULL */
    void (*observe)(Kind kind, const Node *root, const char *file, void *observer); /* may be NULL */
    void *observer;
} ParseContext;

/* What came of one text. */
typedef struct {
    size_t documents_skipped;
    int first_skipped_line; /* 0: none */
    bool is_ours;           /* holds a document of ours, valid or not */
    bool is_cached;
} ParseOutcome;

typedef struct Parser Parser;
Parser *parser_new(const ParseContext *context);
void parser_free(Parser *parser);
/* The same from the cache alone, by the digest of a text that need not be read then. False: it is not in
 * there. */
bool parser_recall(Parser *parser, const char *file, const Digest *digest, ManifestBatch *batch,
                   ParseOutcome *ret_outcome);
/* Adds the text's manifests to batch and its faults to diagnostics. digest: of text, or NULL when it need not
 * be known. */
void parser_run(Parser *parser, View text, const char *file, int first_line, const Digest *digest,
                ManifestBatch *batch, DiagnosticList *diagnostics, ParseOutcome *ret_outcome);
