/* document_check.h: rules inside one document that a JSON Schema cannot say.
 * Owns:   nothing.
 * Calls:  spec/document, spec/cycle.
 * Holds:  the document has passed its schema and is normalised. Steps of a pipeline: names are unique,
 * dependsOn names a step, there is no cycle, N_TO_N joins arrays of equal size. A queue: no environment and
 * no order twice. An environment: minvCpus does not exceed maxvCpus. */
#pragma once
#include "spec/manifest.h"

/* True when nothing was reported. */
bool document_check(Kind kind, const Node *spec, const ManifestContext *context, DiagnosticList *diagnostics);
