/* repo_open.h: from options to an opened commit: location, settings, mirror, fetch, reference, tree.
 * Owns:   nothing; the RepoTree belongs to the options (source_options_clear).
 * Calls:  repo_mirror.h, repo_tree.h. May block for as long as a fetch does. */
#pragma once
#include "reconciler/source/repo_mirror.h"
#include "reconciler/source/source.h"

/* DIR/git; NULL where DIR is not there yet (a command that only reads makes no state directory). New string.
 */
char *repo_mirror_base(const char *state_dir);
/* Opens options->git anew. is_damaged: what the mirror holds could not be read; it is fetched from nothing,
 * unless the options are offline. */
bool repo_open(SourceOptions *options, bool is_damaged, GError **error);
