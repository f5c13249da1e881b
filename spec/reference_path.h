/* reference_path.h: where in a kind's spec other resources are named, compiled from x-muster-reference.
 * Owns:   the process-wide immutable table (built once).
 * Calls:  spec/kinds (schema texts), jansson.
 * Holds:  scanning canonical JSON allocates nothing and never reads beyond it, whatever the bytes are. */
#pragma once
#include "spec/manifest.h"

typedef void (*ReferenceFunc)(const ManifestReference *reference, void *data);

/* Gives what is to stand in place of node, a string that names something of that kind; node itself: nothing
 * else. */
typedef Node *(*ReferenceMap)(Kind kind, Node *node, void *data);

/* Calls func for every reference in a canonical spec, in the order of the text. */
void reference_path_scan(Kind kind, View spec, ReferenceFunc func, void *data);
/* The same of a spec's nodes, in whose place others may be put: a copy, in arena, of all that leads to such;
 * spec itself is not touched, since aliases share nodes. */
Node *reference_path_map(Kind kind, Node *spec, ReferenceMap func, void *data, Arena *arena);
