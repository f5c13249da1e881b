/* shown.h: how files of a source are named to the user. */
#pragma once
#include <stdbool.h>

/* What stands before a path relative to the root: "envs/prod/", "" for ".". New string. */
char *shown_prefix(const char *path, bool is_single);
