/* layers.h: the bases that a source builds on.
 * Owns:   a list of bases owns its paths and their muster.yaml.
 * Calls:  spec/manifest.h; the file system through a LayersPort only (layers_directory.c, layers_commit.c).
 * Holds:  a base is a directory, named in `bases` of a muster.yaml relative to it, neither inside of the
 * source nor around it; its own bases come before it, and each counts once, however often it is named. At
 * most LAYERS_MAX of them, LAYERS_DEPTH deep. */
#pragma once
#include "reconciler/source/repo_tree.h"
#include "reconciler/source/source.h"

#define LAYERS_MAX   64
#define LAYERS_DEPTH 8

typedef struct {
    char *path;           /* "/srv/base"; equal for one directory, and before a slash in what lies in it */
    char *shown;          /* what stands before the names of its files for the user: "base/" */
    SourceConfig *config; /* of its muster.yaml; NULL: it has none */
} SourceBase;

/* Where directories are found and read: the file system here, the tree of a commit for a repository. */
typedef struct {
    void *self;
    /* Fills path and shown of what base names in the muster.yaml of from. False with error. */
    bool (*locate)(void *self, const SourceBase *from, const char *base, SourceBase *ret_base,
                   GError **error);
    /* The text of its muster.yaml, new; *ret_text stays NULL where there is none. False with error. */
    bool (*read)(void *self, const SourceBase *base, char **ret_text, size_t *ret_len, GError **error);
} LayersPort;

/* The bases of the source (path and shown), furthest first; config, that of its muster.yaml (may be NULL),
 * then inherits from them. Of SourceBase*, new; NULL with error when one cannot be read. Faults in their
 * muster.yaml are diagnostics. */
GPtrArray *layers_resolve(const LayersPort *port, const SourceBase *source, SourceConfig *config,
                          DiagnosticList *diagnostics, GError **error);
/* The same of the directory root, whose files are shown with prefix. */
GPtrArray *layers_of_directory(const char *root, const char *prefix, SourceConfig *config,
                               DiagnosticList *diagnostics, GError **error);
/* The same of the commit that tree has opened; where its bases lie are paths in the repository. */
GPtrArray *layers_of_commit(const RepoTree *tree, const char *prefix, SourceConfig *config,
                            DiagnosticList *diagnostics, GError **error);
/* Of what is opened: one or the other. */
GPtrArray *layers_of_source(const SourceOptions *options, const char *prefix, SourceConfig *config,
                            DiagnosticList *diagnostics, GError **error);
/* "envs/prod/" and "../../base" give "base/"; "" and "../base" give "../base/". New string. */
char *layers_join(const char *shown, const char *base);
