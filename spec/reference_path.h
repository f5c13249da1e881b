/* reference_path.h: where in a kind's spec other resources are named, compiled from x-muster-reference.
 * Owns:   the process-wide immutable table (built once).
 * Calls:  spec/kinds (schema texts), jansson.
 * Holds:  scanning canonical JSON allocates nothing and never reads beyond it, whatever the bytes are. */
#pragma once
#include "spec/manifest.h"

typedef void (*ReferenceFunc)(const ManifestReference *reference, void *data);

/* Calls func for every reference in a canonical spec, in the order of the text. */
void reference_path_scan(Kind kind, View spec, ReferenceFunc func, void *data);
