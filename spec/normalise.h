/* normalise.h: short forms of a document are written out, so that each meaning has one form.
 * Owns:   nothing; new nodes live in the given arena.
 * Calls:  spec/document.
 * Holds:  positions stay those of what was written; nodes of an unexpected type are left for the schema to
 * refuse. Idempotent. */
#pragma once
#include "spec/kinds.h"

/* Removes members that are null or an empty list, at any depth: they mean the same as absent ones. */
void normalise_empty(Node *node);
/* The same, and computeEnvironmentOrder: [a] becomes [{order: 1, computeEnvironment: a}]; provider: x becomes
 * {type: x}; the value of a resource requirement becomes its shortest decimal text. */
void normalise_spec(Kind kind, Node *spec, Arena *arena);
