/* manifest_batch.h: the inside of a ManifestBatch and a ManifestSet, for manifest*.c only.
 * Owns:   the manifests' memory (arena) and scratch room that is reused from document to document.
 * Holds:  once a set has taken the batch, everything but arena and manifests is gone; a batch may then be
 * shared by several sets, each of which holds a reference. */
#pragma once
#include <glib.h>
#include "spec/manifest.h"

/* A reference of a manifest, as it is looked for. */
typedef struct {
    uint32_t hash;     /* of the kind and name that are referred to: reference_hash() */
    uint32_t manifest; /* index in the batch */
} Referrer;

struct ManifestBatch {
    gint sets;              /* references by sets; a batch that none has taken yet is its maker's */
    Arena *arena;           /* manifests and their texts, but for those in memory */
    ManifestMemory *memory; /* NULL: none */
    GPtrArray *manifests;   /* in the arena */
    const char *last_file;
    Arena *scratch;     /* nodes made while normalising one document */
    GArray *references; /* of the manifest that is being added */
    GString *spec, *metadata;
    gsize referrers_made; /* for g_once_init_enter */
    Referrer *referrers;  /* of all manifests, made when first asked for */
    size_t referrers_len;
};

/* The revision is the digest of the digests of so many manifests each: an edit of one costs reading so many.
 */
#define REVISION_CHUNK 512

struct ManifestSet {
    gint references;
    ManifestBatch **batches; /* own the manifests; shared with other sets */
    size_t batches_len;
    const Manifest **sorted;
    size_t len;
    size_t kind_first[KIND_COUNT + 1];
    uint32_t *slots; /* index + 1 by hash of kind and name; 0: free */
    size_t slots_mask;
    Digest *chunks;  /* of each REVISION_CHUNK manifests */
    bool duplicates; /* some (kind, name) was given twice: sorted lacks the later ones */
    SourceConfig *config;
    char revision[2 * DIGEST_BYTES + 1]; /* of the content */
    char commit[2 * DIGEST_BYTES + 1];   /* "": it is of a directory */
};

/* A reference for a set; ends adding. */
ManifestBatch *manifest_batch_share(ManifestBatch *batch);
/* Fills slots from sorted. */
void manifest_set_index(ManifestSet *set);
void manifest_set_digest_chunk(ManifestSet *set, size_t chunk);
/* Fills chunks from the one with manifest first on, then the revision. */
void manifest_set_digest(ManifestSet *set, size_t first);
/* Fills kind_first from sorted. */
void manifest_set_count_kinds(ManifestSet *set);
/* References to old's batches, and one to added, which may be NULL. */
void manifest_set_share_batches(ManifestSet *set, const ManifestSet *old, ManifestBatch *added);
/* Every reference of every manifest, in their order: to find what refers to something without touching the
 * manifests. The batch is no longer added to. */
const Referrer *manifest_batch_referrers(ManifestBatch *batch, size_t *ret_len);
uint32_t reference_hash(Kind kind, View name);
