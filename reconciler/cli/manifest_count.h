/* manifest_count.h: how many manifests a source has, valid or not, for the line under the errors.
 * Owns:   nothing.
 * Calls:  source/ (the texts of files with errors, read once more), spec/document.
 * Holds:  what is counted is what a reader would: documents of ours. One that is no YAML has no kind and no
 * name: its file is told apart. */
#pragma once
#include "reconciler/cli/checked.h"

typedef struct {
    size_t manifests;
    size_t unparsed; /* files with a document that could not be parsed: what they hold cannot be told */
    bool is_partial; /* not every file could be looked at: there are at least so many */
} ManifestCount;
void manifest_count_add(Checked *checked, ManifestCount *count);
/* "14 manifests; 1 file could not be parsed" */
void manifest_count_append(const ManifestCount *count, GString *out);
