/* array_files.h: sizes of arrays that are the number of lines of a file of the source (`array: {fromFile}`).
 * Calls:  scan.h, spec/.
 * Holds:  what a step's array has is of the same reading as its manifest: spec.jobs[].array.size, so that it
 * goes into digest, plan and run; nothing that a file says later changes a run. A file that the source does
 * not have is one that a step writes into the workspace: its size is found when the step's turn comes. Files
 * are read below the root only, at most ARRAY_FILE_BYTES_MAX of them. */
#pragma once
#include "reconciler/source/source.h"

#define ARRAY_FILE_BYTES_MAX ((size_t)64 << 20)

/* A set like `set` (taken) with these sizes; the same one where no pipeline has such an array. ret_paths: the
 * files that were asked for, relative to the root, whether they are there or not; may be NULL. */
ManifestSet *array_files_fill(const SourceOptions *options, ManifestSet *set, GPtrArray *ret_paths,
                              DiagnosticList *diagnostics);
