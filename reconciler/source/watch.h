/* watch.h: what the follower asks a watch for. */
#pragma once
#include <glib.h>
#include "reconciler/source/source.h"

typedef struct {
    bool everything; /* directories came or went, or events were lost: look at all files */
    GPtrArray *
        paths; /* relative to the root, in ascending order; files that were written, made, moved or removed */
} WatchChanges;

/* What changed since it was asked last; may be called from any thread. */
void source_watch_take(SourceWatch *watch, WatchChanges *ret_changes);
/* Files whose changes are told as well though they hold no manifests, with no path of their own: relative to
 * the root. From any thread. */
void source_watch_also(SourceWatch *watch, const GPtrArray *paths);
void watch_changes_clear(WatchChanges *changes);
