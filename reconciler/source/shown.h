/* shown.h: how files of a source are named to the user. */
#pragma once
#include <stdbool.h>
#include "reconciler/source/source.h"

/* What stands before a path relative to the root: "envs/prod/", "" for ".". New string. */
char *shown_prefix(const char *path, bool is_single);
/* The same of what is opened: of a commit the path in its repository, whatever its location says. New string.
 */
char *shown_prefix_of(const SourceOptions *options, bool is_single);
