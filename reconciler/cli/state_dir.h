/* state_dir.h: which state directory a command means (DESIGN.md "State directory" and Contract).
 * Owns:   nothing; the path is new, caller frees.
 * Calls:  GLib; looks whether files exist, makes nothing.
 * Holds:  the first that applies: --state; $MUSTER_STATE; .muster beside the one source's muster.yaml
 * (without SOURCE: the nearest muster.yaml upward from the working directory; several sources, or one in git,
 * skip this rule); $XDG_STATE_HOME/muster; /var/lib/muster for root; ~/.local/state/muster. Always absolute.
 */
#pragma once
#include <glib.h>
#include <stdbool.h>

typedef struct {
    const char *option;         /* --state or NULL */
    const char *muster_state;   /* $MUSTER_STATE or NULL; empty counts as NULL */
    const char *xdg_state_home; /* or NULL */
    const char *home;           /* or NULL */
    bool is_root;
    const char *directory;      /* working directory, absolute */
    const char *const *sources; /* as given; NULL: none */
    size_t sources_len;
} StateDirInput;

/* False when nothing applies (no home), or a git location is none. */
bool state_dir_resolve(const StateDirInput *input, char **ret_path, GError **error);
/* From options, environment and working directory. */
bool state_dir_of(const char *option, const char *const *sources, size_t sources_len, char **ret_path,
                  GError **error);
/* Whether a "git+…" source is a location; anything else is a path. False with error. */
bool source_is_supported(const char *source, GError **error);
/* The source as it is meant from any directory: an absolute path, or the git location as it is. New string.
 */
char *source_absolute(const char *source, const char *directory);
/* Directory of the nearest muster.yaml, upward from directory; NULL: none. New string. */
char *source_find_upward(const char *directory);
