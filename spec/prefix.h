/* prefix.h: namePrefix of muster.yaml: what stands before the names of everything that a source makes.
 * Owns:   nothing; a NamePrefix and its texts live in the caller's Arena. Immutable, shared by threads.
 * Calls:  spec/reference_path, spec/substitute.
 * Holds:  it is put before metadata.name, and before every reference that is a name of the source itself:
 * neither an ARN nor named under `uses:`. Documents are changed after their schema and their own checks, so
 * that those speak of names as they are written; patches are laid before that. */
#pragma once
#include "spec/manifest.h"
#include "spec/substitute.h"

typedef struct NamePrefix NamePrefix;

/* Where muster.yaml says it, and which names are of other sources ("JobQueue/shared"; may be NULL). */
typedef struct {
    const char *file;
    View text;
    const Node *node;
    char *const *uses;
} PrefixDeclaration;
/* variables: what the prefix may refer to; its arena takes the result. NULL: it is empty, or at fault, which
 * is told. */
const NamePrefix *prefix_settle(const PrefixDeclaration *declaration, const Substitution *variables);
/* The bytes themselves; prefix may be NULL: "". */
View prefix_text(const NamePrefix *prefix);
/* A name of the set as its file has it; prefix may be NULL. */
View prefix_strip(const NamePrefix *prefix, View name);
/* Everything that manifests can depend on. */
void prefix_sum(const NamePrefix *prefix, DigestSum *sum);
/* root: a document of a known kind that is valid. False when its name is at fault, which is told. */
bool prefix_apply(const NamePrefix *prefix, Kind kind, Node *root, const ManifestContext *context,
                  Arena *arena, DiagnosticList *diagnostics);
