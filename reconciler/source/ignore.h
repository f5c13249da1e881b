/* ignore.h: .musterignore in gitignore syntax.
 * Owns:   an Ignore owns its rules; it borrows its parent, which must outlive it.
 * Calls:  GLib only.
 * Holds:  the last rule that matches decides, rules of deeper files before those above them; matching a
 * hostile pattern takes a bounded number of steps. */
#pragma once
#include "spec/base/view.h"

typedef struct Ignore Ignore;
typedef enum { IGNORE_FILE, IGNORE_DIRECTORY } IgnoreType;

/* base: the directory that the text was found in, relative to the root; "" is the root itself. parent: that
 * of the directory above, or NULL. */
Ignore *ignore_new(const Ignore *parent, const char *base, View text);
void ignore_free(Ignore *ignore);
/* path: relative to the root, without leading or trailing slash. ignore may be NULL. */
bool ignore_matches(const Ignore *ignore, const char *path, IgnoreType type);
