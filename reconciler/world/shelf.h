/* shelf.h: a sorted list of instances with their keys beside them, for fleet.c.
 * Owns:   its chunks; instances stay the world's.
 * Calls:  GLib only.
 * Holds:  entries lie in chunks of at most SHELF_CHUNK, in order of (high, low); a search touches two
 * contiguous stretches of keys and no instance, which is what makes it several times faster than a tree of
 * nodes inside the instances. Keys are unique. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* high: whole vCPUs and memory; low: what is beyond the whole vCPUs, and the instance's number. */
#define SHELF_MEMORY_BITS 40
#define SHELF_NUMBER_BITS 50
#define SHELF_MEMORY_MASK ((UINT64_C(1) << SHELF_MEMORY_BITS) - 1)
#define SHELF_CHUNK       32

struct Instance;
typedef struct {
    uint64_t high, low;
    struct Instance *instance;
} ShelfEntry;

typedef struct ShelfChunk ShelfChunk;
struct ShelfChunk {
    unsigned len;
    uint32_t fraction_max; /* largest of low's upper bits */
    ShelfChunk *next_free;
    ShelfEntry entries[SHELF_CHUNK];
};

typedef struct {
    uint64_t high, low; /* of the chunk's first entry */
    ShelfChunk *chunk;
} ShelfSlot;

typedef struct {
    ShelfSlot *slots;
    unsigned len, max;
    size_t entries;
    uint64_t high_max; /* of the last entry; 0 when empty */
} Shelf;

/* Chunks that no shelf uses at present. */
typedef struct {
    ShelfChunk *first;
} ShelfPool;

/* Where an entry lies; slot == shelf->len is the end. */
typedef struct {
    unsigned slot, at;
} ShelfPlace;

void shelf_clear(Shelf *shelf);
void shelf_pool_clear(ShelfPool *pool);
void shelf_insert(Shelf *shelf, ShelfPool *pool, const ShelfEntry *entry);
/* The entry with this key, which must be there. */
void shelf_remove(Shelf *shelf, ShelfPool *pool, uint64_t high, uint64_t low);
/* The first entry not before (high, low). */
ShelfPlace shelf_lower_bound(const Shelf *shelf, uint64_t high, uint64_t low);
/* NULL at the end. */
static inline const ShelfEntry *shelf_at(const Shelf *shelf, ShelfPlace place)
{
    return place.slot < shelf->len ? &shelf->slots[place.slot].chunk->entries[place.at] : NULL;
}
static inline const ShelfEntry *shelf_last(const Shelf *shelf) /* of one that is not empty */
{
    const ShelfChunk *chunk = shelf->slots[shelf->len - 1].chunk;
    return &chunk->entries[chunk->len - 1];
}
static inline ShelfPlace shelf_next(const Shelf *shelf, ShelfPlace place)
{
    return place.at + 1 < shelf->slots[place.slot].chunk->len ? (ShelfPlace){place.slot, place.at + 1}
                                                              : (ShelfPlace){place.slot + 1, 0};
}
static inline uint32_t shelf_fraction(const ShelfEntry *entry)
{
    return (uint32_t)(entry->low >> SHELF_NUMBER_BITS);
}
/* The first entry at or behind place whose fraction is at least so much; whole chunks are left out by their
 * largest. */
const ShelfEntry *shelf_find_fraction(const Shelf *shelf, ShelfPlace place, uint32_t fraction);
