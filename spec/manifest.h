/* manifest.h: one validated manifest and the set of all manifests of one revision.
 * Owns:   ManifestSet owns its manifests and their text; immutable once built, reference counted, shared by
 * threads. Holds:  manifests are sorted by (kind, name) and unique; spec is canonical JSON
 * (spec/canonical.h). */
#pragma once
#include "spec/canonical.h"
#include "spec/given_values.h"

typedef enum {
    DELETION_DRAIN,
    DELETION_TERMINATE,
    DELETION_REFUSE
} DeletionPolicy; /* muster/deletion; default drain */

/* One place in a spec that names another resource (x-muster-reference). */
typedef struct {
    View text; /* as written: a name, an ARN, NAME:REV …; a slice of the manifest's spec */
    Kind kind;
    const char *path; /* "spec.jobs[].jobQueue"; constant */
} ManifestReference;

typedef struct {
    Kind kind;
    View name;
    View spec;     /* canonical JSON */
    View metadata; /* canonical JSON of labels and annotations: {"annotations":{…},"labels":{…}}, "{}" when
                      none */
    Digest digest;
    const char *file; /* as shown to the user; borrowed from the set */
    int line;         /* of the document's first key */
    bool prune;       /* muster/prune, default true */
    DeletionPolicy deletion;
    const ManifestReference
        *references; /* found in spec by manifest_batch_add(), whatever the caller gives here */
    size_t references_len;
} Manifest;

typedef struct ManifestSet ManifestSet;

typedef struct SourceVariant SourceVariant; /* spec/variant.h */

/* All of muster.yaml that this program acts on. Strings owned by the set; NULL where absent. */
typedef struct {
    char *name;     /* the source's identity */
    char *provider; /* default provider type: "local" …; NULL: aws */
    char *region, *account;
    char *approval;         /* "automatic" or "required" (source_config_requires_approval) */
    char **uses;            /* "JobQueue/shared", NULL-terminated, may be NULL */
    int64_t retention_ms;   /* finished jobs are kept so long; 0: default (7 days) */
    char **bases;           /* directories that it builds on, as written; NULL-terminated, may be NULL */
    GPtrArray *layers;      /* of VariantLayer*, base first; may be NULL */
    bool is_faulty;         /* a base's muster.yaml could not be read */
    SourceVariant *variant; /* what came of layers; NULL before source_config_settle() */
} SourceConfig;

ManifestSet *manifest_set_ref(ManifestSet *set);
void manifest_set_unref(ManifestSet *set);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ManifestSet, manifest_set_unref)
size_t manifest_set_len(const ManifestSet *set);
/* The order of a set: kind, then name. */
int manifest_compare(const Manifest *a, const Manifest *b);
const Manifest *manifest_set_get(const ManifestSet *set, size_t index);          /* sorted by kind, name */
const Manifest *manifest_set_find(const ManifestSet *set, Kind kind, View name); /* NULL: not there */
/* Manifests of one kind stand at ret_first .. ret_first + result - 1. */
size_t manifest_set_kind(const ManifestSet *set, Kind kind, size_t *ret_first);
const SourceConfig *manifest_set_config(const ManifestSet *set);
/* The commit that it was read from, else (a directory) its content digest. */
const char *manifest_set_revision(const ManifestSet *set);
/* Hex digest over all manifests (kind, name, digest, metadata). */
const char *manifest_set_content(const ManifestSet *set);
/* Hexadecimal; of a set that nobody else has a reference to yet. What is made of the set has it too. */
void manifest_set_set_commit(ManifestSet *set, const char *commit);
/* Nobody will read its texts for a while: those that a file holds leave memory until somebody does. */
void manifest_set_rest(const ManifestSet *set);

/* Building. The builder is single-threaded; parser threads make ManifestBatches and the builder takes them.
 */
typedef struct ManifestBatch ManifestBatch;
ManifestBatch *manifest_batch_new(void);
void manifest_batch_free(ManifestBatch *batch);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ManifestBatch, manifest_batch_free)
/* Copies everything. */
void manifest_batch_add(ManifestBatch *batch, const Manifest *manifest);
/* Memory of somebody else's that texts lie in. */
typedef struct ManifestMemory ManifestMemory;
struct ManifestMemory {
    gint references;
    void (*rest)(ManifestMemory *memory); /* gives back what can be had again; any thread, any time */
    void (*free)(ManifestMemory *memory);
};
/* Takes a manifest whose name, spec and metadata lie in memory, which it refers to, without copying them. */
void manifest_batch_add_placed(ManifestBatch *batch, const Manifest *manifest, ManifestMemory *memory);
void manifest_memory_unref(ManifestMemory *memory);
size_t manifest_batch_len(const ManifestBatch *batch);
const Manifest *manifest_batch_get(const ManifestBatch *batch, size_t index);

/* Takes the batches (n of them, in any order) and config. Duplicate (kind, name) pairs are reported at the
 * later file:line, naming the earlier. Never fails: with duplicates the first is kept. */
ManifestSet *manifest_set_build(ManifestBatch **batches, size_t len, const SourceConfig *config,
                                DiagnosticList *diagnostics);

/* A set like old, without the manifests in removed (pointers got from old, any order) and with those of
 * added, which is taken (it may be empty). Shares old's batches and costs a copy of pointers, not of text.
 * NULL when it would have duplicates, or old has: then added stays the caller's and the set must be built
 * anew. Memory of what was removed goes with the last set that shares it. */
ManifestSet *manifest_set_replace(const ManifestSet *old, const Manifest *const *removed, size_t removed_len,
                                  ManifestBatch *added);
/* What of now must be looked at again when before has been, as a set of now's revision that shares now's
 * batches: the manifests that are new or differ, those whose checks or run keys depend on a spec that does
 * (through queues and definitions), and all that these name. NULL when a manifest of before is gone,
 * muster.yaml differs, or more than max manifests would be in it: then everything must be. */
ManifestSet *manifest_set_part(const ManifestSet *before, const ManifestSet *now, size_t max);

/* Everything that one document goes through: envelope, schema, defaults of muster.yaml, canonical form,
 * digest. Short forms in the document's nodes are written out in place, members that are null or an empty
 * list are removed. provider_override: --provider, or NULL. Adds to batch when valid. *ret_ours tells whether
 * apiVersion was muster/… (a document that is not ours is skipped and counted by the caller). */
typedef struct {
    const char *file;
    View text;
    int first_line;
    const SourceConfig *config;    /* may be NULL */
    const char *provider_override; /* may be NULL */
    /* May be NULL: sees every valid document as it becomes a manifest, during the call only. */
    void (*observe)(Kind kind, const Node *root, const char *file, void *observer);
    void *observer;
} ManifestContext;
typedef enum { MANIFEST_OK, MANIFEST_NOT_OURS, MANIFEST_INVALID } ManifestOutcome;
ManifestOutcome manifest_from_document(const Document *document, const ManifestContext *context,
                                       ManifestBatch *batch, DiagnosticList *diagnostics);
/* Parses muster.yaml. NULL with diagnostics when invalid. New, caller frees with source_config_free. */
SourceConfig *source_config_parse(View text, const char *file, DiagnosticList *diagnostics);
/* What config does not say itself is as base says: variables, patches, namePrefix, uses and defaults; not
 * its name. */
void source_config_inherit(SourceConfig *config, const SourceConfig *base);
/* Gives the variables their values; once, when all bases are inherited. given may be NULL. Faults are
 * diagnostics. */
void source_config_settle(SourceConfig *config, const GivenValues *given, DiagnosticList *diagnostics);
/* Of a muster.yaml that could not be read: nothing is said of what refers to its variables. */
SourceConfig *source_config_faulty(void);
void source_config_free(SourceConfig *config);
SourceConfig *source_config_copy(const SourceConfig *config); /* NULL gives an empty one */
/* Whether it says approval: required. config may be NULL. */
bool source_config_requires_approval(const SourceConfig *config);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SourceConfig, source_config_free)
