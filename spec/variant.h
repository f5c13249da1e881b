/* variant.h: what muster.yaml makes of the manifests of its source: variables, patches, a prefix of names.
 * Owns:   a SourceVariant owns its values and patches and shares its layers; immutable, reference counted,
 * shared by threads.
 * Calls:  spec/substitute, spec/patch, spec/prefix.
 * Holds:  references are followed first, patches are laid over the result in their order, base first; then
 * the schema judges, and names get their prefix. Equal digests and equal documents give equal manifests. */
#pragma once
#include "spec/manifest.h"
#include "spec/prefix.h"
#include "spec/variable.h"

/* What one muster.yaml says of them: nodes that are valid by the schema; NULL where it says nothing. */
typedef struct VariantLayer VariantLayer;
typedef struct {
    Node *variables, *patches, *name_prefix;
} VariantNodes;
/* Takes arena, in which all else lives. */
VariantLayer *variant_layer_new(Arena *arena, const char *file, View text, VariantNodes nodes);
VariantLayer *variant_layer_ref(VariantLayer *layer);
void variant_layer_unref(VariantLayer *layer);

/* layers: base first; references are taken. Of several prefixes the last counts. given and uses (whose names
 * no prefix is put before) may be NULL. Faults are diagnostics. Never NULL. */
SourceVariant *variant_settle(VariantLayer *const *layers, size_t len, const GivenValues *given,
                              char *const *uses, DiagnosticList *diagnostics);
/* Of a muster.yaml that is at fault: what refers to variables is refused in silence. */
SourceVariant *variant_faulty(void);
SourceVariant *variant_ref(SourceVariant *variant); /* NULL stays NULL */
void variant_unref(SourceVariant *variant);
/* Sorted by name; variant may be NULL: none. */
const Variable *const *variant_variables(const SourceVariant *variant, size_t *ret_len);
/* Of all that manifests can depend on; zeroes where there is nothing. variant may be NULL. */
void variant_digest(const SourceVariant *variant, Digest *ret_digest);

/* What stands before the names of the set; variant may be NULL: nothing. */
const NamePrefix *variant_prefix(const SourceVariant *variant);

/* FAULTY: a patch is at fault, what else is can still be told. UNUSABLE: values are missing. Both are told.
 */
typedef enum { VARIANT_GOOD, VARIANT_FAULTY, VARIANT_UNUSABLE } VariantOutcome;
/* Changes the document below root, whose kind is known; new nodes live in arena. variant may be NULL: nothing
 * is declared. */
VariantOutcome variant_apply(const SourceVariant *variant, Kind kind, Node *root,
                             const ManifestContext *context, Arena *arena, DiagnosticList *diagnostics);
/* One patch as it is laid over a manifest: its members are metadata and spec. */
typedef struct {
    const Node *root;
    const char *file;
    View text;
} VariantPatch;
/* The nearest patch for the manifest before *at (SIZE_MAX: the last), which it becomes. False: there is none;
 * variant may be NULL. */
bool variant_patch_before(const SourceVariant *variant, const Manifest *manifest, size_t *at,
                          VariantPatch *ret_patch);
/* The set (taken) of the source without what its patches delete. A patch whose target is not there is told,
 * unless something else is at fault: then what it names may be what is missing. */
ManifestSet *variant_finish(ManifestSet *set, DiagnosticList *diagnostics);
