/* substitute.h: ${var.name} in the scalars of a document becomes the variable's value.
 * Owns:   nothing; new nodes live in the caller's Arena, the texts of values where the variables do.
 * Calls:  spec/variable.
 * Holds:  only `${var.` begins a reference; `$${var.` stands for `${var.` itself, and every other `$` is left
 * alone. What was put in is not looked at again. A value that was put in keeps the position of its reference.
 * At most SUBSTITUTE_NODES_MAX nodes and SUBSTITUTE_BYTES_MAX bytes are put into one document (invariant 9).
 */
#pragma once
#include "spec/variable.h"

#define SUBSTITUTE_NODES_MAX 100000
#define SUBSTITUTE_BYTES_MAX ((size_t)4 << 20)

typedef struct {
    const Variable *const *variables; /* sorted by name */
    size_t variables_len;
    bool is_silent;   /* muster.yaml is at fault, which was told: unknown names are told of no more */
    const char *file; /* of the document, for messages */
    View text;
    int first_line;
    bool is_foreign; /* the nodes will be part of another document: their origin names file */
    Arena *arena;
    DiagnosticList *diagnostics;
} Substitution;

/* Everywhere below *node, which may itself be replaced. False when a reference cannot be followed; told
 * unless what it refers to was. */
bool substitute(const Substitution *substitution, Node **node);
