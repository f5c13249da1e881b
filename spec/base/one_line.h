/* one_line.h: what others said, as part of a message of ours. */
#pragma once
#include "spec/base/view.h"

/* Valid UTF-8 without control characters and blanks around; what is longer than max characters ends in "…".
 * New string. */
char *one_line(View text, long max);
