/* array_lines.h: the size of an array as the number of lines of a text; the same count wherever the file
 * lies. Calls:  spec/base. Holds:  a line counts when it has a byte other than blanks, tabs and carriage
 * returns; the last one needs no line feed. */
#pragma once
#include <stdint.h>
#include "spec/base/view.h"

#define ARRAY_LINES_MAX 10000 /* children that an array may have */

int64_t array_lines_count(View text);
/* Why a path cannot be one below a root: "", "/x", "a/../b"; NULL: it can. */
const char *array_path_fault(const char *path);
