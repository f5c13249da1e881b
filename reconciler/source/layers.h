/* layers.h: the bases that a source builds on.
 * Owns:   a list of bases owns its paths.
 * Calls:  the file system, scan.h, spec/manifest.h.
 * Holds:  a base is a directory, named in `bases` of a muster.yaml relative to it, neither inside of the
 * source nor around it; its own bases come before it, and each counts once, however often it is named. At
 * most LAYERS_MAX of them, LAYERS_DEPTH deep. */
#pragma once
#include "reconciler/source/source.h"

#define LAYERS_MAX   64
#define LAYERS_DEPTH 8

typedef struct {
    char *path;           /* absolute, links resolved */
    char *shown;          /* what stands before the names of its files for the user: "base/" */
    SourceConfig *config; /* of its muster.yaml; NULL: it has none */
} SourceBase;

/* The bases of the source at root (a directory, shown with prefix), furthest first; config, that of its
 * muster.yaml, inherits from them. Of SourceBase*, new; NULL with error when one cannot be read. Faults in
 * their muster.yaml are diagnostics. */
GPtrArray *layers_resolve(const char *root, const char *prefix, SourceConfig *config,
                          DiagnosticList *diagnostics, GError **error);
