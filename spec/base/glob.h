/* glob.h: names by pattern, where `*` stands for any characters, also none, and everything else for itself.
 */
#pragma once
#include <stdbool.h>
#include "spec/base/view.h"

bool glob_matches(const char *pattern, View text);
