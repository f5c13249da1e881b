/* map.h: a hash map from 16-byte keys (uuids) to pointers that grows in steps.
 * Owns:   its tables; values stay the caller's.
 * Calls:  GLib only.
 * Holds:  no single call moves more than a bounded number of entries, so millions of keys never stall the
 * loop (a GHashTable of two million keys stalls 107 ms in a resize); it also shrinks in steps. For looking
 * up, never for order: the order of iteration is unspecified. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
    uint8_t bytes[16];
} MapKey;

typedef struct Map Map;

Map *map_new(void);
void map_free(Map *map);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Map, map_free)

/* NULL when key is not there. */
void *map_get(const Map *map, const MapKey *key);
/* value must not be NULL. Returns the value that was there before, or NULL. */
void *map_put(Map *map, const MapKey *key, void *value);
/* Returns the value that was there, or NULL. */
void *map_remove(Map *map, const MapKey *key);
size_t map_len(const Map *map);

/* For rebuild checks only; in no particular order. func returns false to stop; the map must not change
 * meanwhile. */
typedef bool (*MapFunc)(const MapKey *key, void *value, void *data);
void map_foreach(const Map *map, MapFunc func, void *data);
