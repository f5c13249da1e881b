/* cache.h: finished manifests by the content of the text they came from.
 * Owns:   a Cache owns what it read and the file it writes.
 * Calls:  the file system, spec/manifest.h.
 * Holds:  a text is recognised by its SHA-256, never by name or time; everything in the file is checked
 * against its checksum and its bounds before it is used, and a damaged or foreign file is as good as none.
 * Threads may look up and add at the same time. The file is replaced whole, by rename, and never changed: it
 * is mapped, and the texts of manifests that were found stay there for as long as their batch lives. */
#pragma once
#include "spec/manifest.h"

typedef struct Cache Cache;

/* What, beside the text, a manifest depends on. */
typedef struct {
    const char *directory;   /* created when its parent exists */
    const char *source_path; /* tells sources apart that share a directory; names the file, not the meaning */
    const SourceConfig *config; /* may be NULL */
    const char *provider;       /* may be NULL */
} CacheKey;

/* Never fails: what cannot be read is empty, what cannot be written is not kept. */
Cache *cache_open(const CacheKey *key);

typedef struct {
    size_t documents_skipped;
    int first_skipped_line; /* relative to the text's first line, from 1; 0: none */
    bool is_ours;
} CacheFacts;

/* Adds the manifests of the text with this digest to batch, as of file, whose first line has this number.
 * False: unknown. */
bool cache_find(Cache *cache, const Digest *text, const char *file, int first_line, ManifestBatch *batch,
                CacheFacts *ret_facts);
/* Remembers manifests first … of batch as those of the text. */
void cache_add(Cache *cache, const Digest *text, int first_line, const ManifestBatch *batch, size_t first,
               const CacheFacts *facts);

typedef enum { CACHE_KEEP, CACHE_DISCARD } CacheEnd;
/* Writes the file anew when enough was added (CACHE_KEEP), and frees the cache. */
void cache_close(Cache *cache, CacheEnd end);
