#include "spec/base/map.h"
#include <string.h>

/* Open addressing with linear probing in two tables while growing: every call that changes the map moves
 * MOVE_STEP slots of the old table into the new one. The new table is at least twice what is in use, so the
 * move is over long before the new one is three quarters full. Memory for a table comes zeroed from calloc,
 * that is lazily from the kernel, so making one costs nothing at once. Freeing the old one is a single
 * munmap.
 *
 * A removed slot becomes a tombstone; tombstones count as used until the next move. */
#define SLOTS_MIN ((size_t)16)
#define MOVE_STEP ((size_t)32)

typedef struct {
    MapKey key;
    void *value; /* NULL: never used; TOMBSTONE: was removed */
} Slot;

typedef struct {
    Slot *slots;
    size_t mask;   /* size - 1 */
    size_t filled; /* entries and tombstones */
    size_t live;   /* entries */
} Table;

struct Map {
    Table main;
    Table old;    /* slots NULL: not growing */
    size_t moved; /* slots of old already emptied */
};

static const char tombstone_mark;
#define TOMBSTONE ((void *)(uintptr_t)&tombstone_mark)

/* Keys may be sequential (tests) or hostile (a client's choice of bytes is never a key: ids are made here).
 */
static size_t key_hash(const MapKey *key)
{
    uint64_t a, b;
    memcpy(&a, key->bytes, 8);
    memcpy(&b, key->bytes + 8, 8);
    uint64_t h = (a ^ (b * UINT64_C(0x9e3779b97f4a7c15))) * UINT64_C(0xff51afd7ed558ccd);
    h ^= h >> 32;
    h *= UINT64_C(0xc4ceb9fe1a85ec53);
    return (size_t)(h ^ (h >> 29));
}

static Table table_new(size_t size)
{
    return (Table){.slots = g_malloc0_n(size, sizeof(Slot)), .mask = size - 1};
}

Map *map_new(void)
{
    Map *map = g_new0(Map, 1);
    map->main = table_new(SLOTS_MIN);
    return map;
}

void map_free(Map *map)
{
    if (!map)
        return;
    g_free(map->main.slots);
    g_free(map->old.slots);
    g_free(map);
}

static Slot *table_find(const Table *table, const MapKey *key)
{
    if (!table->slots)
        return NULL;
    for (size_t i = key_hash(key);; i++) {
        Slot *slot = &table->slots[i & table->mask];
        if (!slot->value)
            return NULL;
        if (slot->value != TOMBSTONE && memcmp(&slot->key, key, sizeof *key) == 0)
            return slot;
    }
}

/* key is not in the table, and a free slot is. */
static void table_add(Table *table, const MapKey *key, void *value)
{
    size_t i = key_hash(key);
    while (table->slots[i & table->mask].value)
        i++;
    table->slots[i & table->mask] = (Slot){*key, value};
    table->filled++;
    table->live++;
}

static void *table_remove(Table *table, const MapKey *key)
{
    Slot *slot = table_find(table, key);
    if (!slot)
        return NULL;
    void *value = slot->value;
    slot->value = TOMBSTONE;
    table->live--;
    return value;
}

static void map_move_some(Map *map)
{
    if (!map->old.slots)
        return;
    size_t size = map->old.mask + 1;
    size_t end = MIN(map->moved + MOVE_STEP, size);
    for (; map->moved < end; map->moved++) {
        Slot *slot = &map->old.slots[map->moved];
        if (!slot->value || slot->value == TOMBSTONE)
            continue;
        table_add(&map->main, &slot->key, slot->value);
        slot->value = TOMBSTONE; /* look-ups in old must probe on past it */
        map->old.live--;
    }
    if (map->moved == size) {
        g_free(map->old.slots);
        map->old = (Table){0};
    }
}

/* Starts a new table when the present one is three quarters full, or nearly empty and large. */
static void map_resize_if_due(Map *map)
{
    size_t size = map->main.mask + 1;
    bool full = (map->main.filled + 1) * 4 > size * 3;
    bool empty = size > SLOTS_MIN * 4 && map->main.live * 8 < size;
    if (map->old.slots || (!full && !empty))
        return;
    size_t wanted = SLOTS_MIN;
    while (wanted < map->main.live * 2)
        wanted *= 2;
    map->old = map->main;
    map->main = table_new(wanted);
    map->moved = 0;
}

void *map_get(const Map *map, const MapKey *key)
{
    const Slot *slot = table_find(&map->main, key);
    if (!slot)
        slot = table_find(&map->old, key);
    return slot ? slot->value : NULL;
}

void *map_put(Map *map, const MapKey *key, void *value)
{
    g_assert(value);
    map_move_some(map);
    Slot *slot = table_find(&map->main, key);
    if (!slot)
        slot = table_find(&map->old, key);
    if (slot) {
        void *before = slot->value;
        slot->value = value;
        return before;
    }
    map_resize_if_due(map);
    table_add(&map->main, key, value);
    return NULL;
}

void *map_remove(Map *map, const MapKey *key)
{
    map_move_some(map);
    void *value = table_remove(&map->main, key);
    if (!value && map->old.slots)
        value = table_remove(&map->old, key);
    if (value)
        map_resize_if_due(map);
    return value;
}

size_t map_len(const Map *map)
{
    return map->main.live + map->old.live;
}

static bool table_foreach(const Table *table, MapFunc func, void *data)
{
    if (!table->slots)
        return true;
    for (size_t i = 0; i <= table->mask; i++) {
        Slot *slot = &table->slots[i];
        if (slot->value && slot->value != TOMBSTONE && !func(&slot->key, slot->value, data))
            return false;
    }
    return true;
}

void map_foreach(const Map *map, MapFunc func, void *data)
{
    if (table_foreach(&map->main, func, data))
        table_foreach(&map->old, func, data);
}
