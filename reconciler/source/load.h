/* load.h: the parts of loading that the follower shares.
 * Holds:  see source.h. */
#pragma once
#include <glib.h>
#include "reconciler/source/parse.h"

/* One file as it went into a set. */
typedef struct {
    const char *path; /* relative to the root */
    Digest digest;    /* of its text */
    size_t bytes;
    const ManifestBatch *batch; /* its manifests are first … first + len - 1; lives as long as the set */
    size_t first, len;
    ParseOutcome outcome;
} LoadedFile;
/* file: borrowed during the call but for batch. Files that were read in parts are not told:
 * LoadedFiles.has_parts. */
typedef struct {
    void (*file)(const LoadedFile *file, void *data);
    void *data;
    bool has_parts;   /* set by the load: some file was read in parts */
    bool has_links;   /* set by the load: some file may stand for others, or come by another name */
    GPtrArray *bases; /* of char*: set by the load, new; of a commit, paths in it; NULL: none */
} LoadedFiles;
/* As source_load; tells every file to files when it succeeds. files may be NULL. */
bool load_source(SourceOptions *options, LoadedFiles *files, ManifestSet **ret_set,
                 SourceStatistics *ret_statistics, DiagnosticList *diagnostics, GError **error);

/* Grows to the largest file that it held. */
typedef struct {
    char *data;
    size_t size;
} LoadBuffer;
/* Reads a file that does not change meanwhile: size, times and inode are looked at before and after. */
bool load_read_file(int root, const char *path, const char *shown, LoadBuffer *buffer, size_t *ret_len,
                    GError **error);
