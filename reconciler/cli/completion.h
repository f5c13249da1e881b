/* completion.h: shell completion out of the table of commands.
 * Holds:  pure: text out. */
#pragma once
#include <glib.h>
#include <stdbool.h>

/* False when shell is none of bash, zsh, fish. */
bool completion_append(const char *shell, GString *out);
