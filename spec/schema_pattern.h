/* schema_pattern.h: the `pattern` keyword's regular expressions, compiled once, when first matched.
 * Owns:   a Pattern owns its compiled form; shared by threads.
 * Calls:  GLib's regex for what is not regular or too large.
 * Holds:  ECMA-262 meaning as far as JSON Schema asks for: unanchored, \d \w \s are ASCII-minded, `$` is the
 * very end. */
#pragma once
#include <glib.h>
#include "spec/base/view.h"

typedef struct Pattern Pattern;

Pattern *pattern_compile(const char *text, GError **error);
void pattern_free(Pattern *pattern);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Pattern, pattern_free)
bool pattern_matches(const Pattern *pattern, View text);
/* Whether the fast matcher took it; for tests and benchmarks. */
bool pattern_is_fast(const Pattern *pattern);
