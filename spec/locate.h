/* locate.h: the line and column of a place in a manifest, found again when a message needs it.
 * Owns:   nothing between calls; the texts are the caller's.
 * Calls:  spec/document.
 * Holds:  manifests carry no positions (they would cost more memory than the specs): the document is parsed
 * anew. After LOCATE_MAX documents only the manifest's own line is given, so that a set full of faults stays
 * fast. */
#pragma once
#include "spec/reference.h"

#define LOCATE_MAX 200

typedef struct {
    ReferenceText text; /* may be NULL */
    void *data;
    const SourceVariant *variant; /* of the set: its patches are looked through too; may be NULL */
    int done;
    DiagnosticList *diagnostics;
} Locator;

typedef struct {
    Severity severity;
    DiagnosticClass class;
    const char *message;
    const char *detail; /* may be NULL */
} Fault;

/* Adds fault at the first of paths (NULL-terminated) that the document has: "spec.jobs[2].jobQueue",
 * "spec.environment[NAME].value" (the item that has NAME as one of its members), or "spec.jobs[].jobQueue",
 * which is the first one that reads wanted. Without one: at the manifest's line, with the first path. */
typedef struct {
    size_t from, len; /* bytes of wanted, in which the fault lies */
} FaultPart;
/* As locate_report, but underlines a part of the scalar that reads wanted, where its line has it as it is. */
void locate_report_part(Locator *locator, const Manifest *manifest, const char *const *paths, View wanted,
                        FaultPart part, const Fault *fault);
void locate_report(Locator *locator, const Manifest *manifest, const char *const *paths, View wanted,
                   const Fault *fault);
