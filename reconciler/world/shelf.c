#include "reconciler/world/shelf.h"
#include <string.h>

/* Without a branch, as the searches below: which way a search turns cannot be foretold, and a wrong guess of
 * the processor costs more than the comparison. */
static inline unsigned before(uint64_t high, uint64_t low, uint64_t than_high, uint64_t than_low)
{
    return (unsigned)(high < than_high) | ((unsigned)(high == than_high) & (unsigned)(low < than_low));
}

/* ---- chunks ---- */

static ShelfChunk *chunk_new(ShelfPool *pool)
{
    ShelfChunk *chunk = pool->first;
    if (!chunk)
        chunk = g_new(ShelfChunk, 1);
    else
        pool->first = chunk->next_free;
    chunk->len = 0;
    chunk->fraction_max = 0;
    return chunk;
}

static void chunk_give_back(ShelfPool *pool, ShelfChunk *chunk)
{
    chunk->next_free = pool->first;
    pool->first = chunk;
}

void shelf_pool_clear(ShelfPool *pool)
{
    while (pool->first) {
        ShelfChunk *chunk = pool->first;
        pool->first = chunk->next_free;
        g_free(chunk);
    }
}

void shelf_clear(Shelf *shelf)
{
    for (unsigned i = 0; i < shelf->len; i++)
        g_free(shelf->slots[i].chunk);
    g_free(shelf->slots);
    *shelf = (Shelf){0};
}

static void chunk_measure(ShelfChunk *chunk)
{
    chunk->fraction_max = 0;
    for (unsigned i = 0; i < chunk->len; i++)
        chunk->fraction_max = MAX(chunk->fraction_max, shelf_fraction(&chunk->entries[i]));
}

/* Index of the first entry not before the key. */
static unsigned chunk_search(const ShelfChunk *chunk, uint64_t high, uint64_t low)
{
    unsigned from = 0, len = chunk->len;
    while (len > 1) {
        unsigned half = len / 2;
        const ShelfEntry *middle = &chunk->entries[from + half - 1];
        from += half & -before(middle->high, middle->low, high, low);
        len -= half;
    }
    return from + (len & before(chunk->entries[from].high, chunk->entries[from].low, high, low));
}

/* ---- slots ---- */

/* The last slot that begins at or before the key, or 0. */
static unsigned slot_search(const Shelf *shelf, uint64_t high, uint64_t low)
{
    unsigned from = 0, len = shelf->len;
    while (len > 1) {
        unsigned half = len / 2;
        const ShelfSlot *middle = &shelf->slots[from + half];
        from += half & -(1 - before(high, low, middle->high, middle->low));
        len -= half;
    }
    return from;
}

static void slot_update(Shelf *shelf, unsigned at)
{
    ShelfSlot *slot = &shelf->slots[at];
    slot->high = slot->chunk->entries[0].high;
    slot->low = slot->chunk->entries[0].low;
    if (at + 1 == shelf->len)
        shelf->high_max = slot->chunk->entries[slot->chunk->len - 1].high;
}

static void slot_insert(Shelf *shelf, unsigned at, ShelfChunk *chunk)
{
    if (shelf->len == shelf->max) {
        shelf->max = shelf->max ? 2 * shelf->max : 1;
        shelf->slots = g_renew(ShelfSlot, shelf->slots, shelf->max);
    }
    memmove(&shelf->slots[at + 1], &shelf->slots[at], (shelf->len - at) * sizeof *shelf->slots);
    shelf->slots[at] = (ShelfSlot){.chunk = chunk};
    shelf->len++;
}

static void slot_remove(Shelf *shelf, ShelfPool *pool, unsigned at)
{
    chunk_give_back(pool, shelf->slots[at].chunk);
    shelf->len--;
    memmove(&shelf->slots[at], &shelf->slots[at + 1], (shelf->len - at) * sizeof *shelf->slots);
    if (shelf->len == 0)
        shelf->high_max = 0;
    else if (at == shelf->len)
        slot_update(shelf, at - 1);
}

/* ---- the list ---- */

/* A full chunk gives its upper half to a new one behind it. What grows at its end keeps its chunks full. */
static void slot_split(Shelf *shelf, ShelfPool *pool, unsigned at, unsigned wanted)
{
    ShelfChunk *chunk = shelf->slots[at].chunk, *upper = chunk_new(pool);
    unsigned keep = wanted == SHELF_CHUNK && at + 1 == shelf->len ? SHELF_CHUNK - 1 : SHELF_CHUNK / 2;
    upper->len = chunk->len - keep;
    memcpy(upper->entries, &chunk->entries[keep], upper->len * sizeof *upper->entries);
    chunk->len = keep;
    chunk_measure(chunk);
    chunk_measure(upper);
    slot_insert(shelf, at + 1, upper);
    slot_update(shelf, at + 1);
}

void shelf_insert(Shelf *shelf, ShelfPool *pool, const ShelfEntry *entry)
{
    if (shelf->len == 0)
        slot_insert(shelf, 0, chunk_new(pool));
    unsigned slot = slot_search(shelf, entry->high, entry->low);
    ShelfChunk *chunk = shelf->slots[slot].chunk;
    unsigned at = chunk_search(chunk, entry->high, entry->low);
    if (chunk->len == SHELF_CHUNK) {
        slot_split(shelf, pool, slot, at);
        if (at > chunk->len) {
            at -= chunk->len;
            chunk = shelf->slots[++slot].chunk;
        }
    }
    memmove(&chunk->entries[at + 1], &chunk->entries[at], (chunk->len - at) * sizeof *chunk->entries);
    chunk->entries[at] = *entry;
    chunk->len++;
    chunk->fraction_max = MAX(chunk->fraction_max, shelf_fraction(entry));
    shelf->entries++;
    if (at == 0 || at + 1 == chunk->len)
        slot_update(shelf, slot);
}

/* Two neighbours that are sparse become one. */
static void slot_join(Shelf *shelf, ShelfPool *pool, unsigned at)
{
    ShelfChunk *chunk = shelf->slots[at].chunk, *upper = shelf->slots[at + 1].chunk;
    if (chunk->len + upper->len > SHELF_CHUNK / 2)
        return;
    memcpy(&chunk->entries[chunk->len], upper->entries, upper->len * sizeof *upper->entries);
    chunk->len += upper->len;
    chunk->fraction_max = MAX(chunk->fraction_max, upper->fraction_max);
    slot_remove(shelf, pool, at + 1);
    slot_update(shelf, at);
}

void shelf_remove(Shelf *shelf, ShelfPool *pool, uint64_t high, uint64_t low)
{
    g_assert(shelf->len > 0);
    unsigned slot = slot_search(shelf, high, low);
    ShelfChunk *chunk = shelf->slots[slot].chunk;
    unsigned at = chunk_search(chunk, high, low);
    g_assert(at < chunk->len && chunk->entries[at].high == high && chunk->entries[at].low == low);
    uint32_t fraction = shelf_fraction(&chunk->entries[at]);
    chunk->len--;
    shelf->entries--;
    memmove(&chunk->entries[at], &chunk->entries[at + 1], (chunk->len - at) * sizeof *chunk->entries);
    if (chunk->len == 0) {
        slot_remove(shelf, pool, slot);
        return;
    }
    if (fraction > 0 && fraction == chunk->fraction_max)
        chunk_measure(chunk);
    if (at == 0 || at == chunk->len)
        slot_update(shelf, slot);
    if (chunk->len < SHELF_CHUNK / 4 && shelf->len > 1)
        slot_join(shelf, pool, slot + 1 < shelf->len ? slot : slot - 1);
}

ShelfPlace shelf_lower_bound(const Shelf *shelf, uint64_t high, uint64_t low)
{
    if (shelf->len == 0)
        return (ShelfPlace){0, 0};
    unsigned slot = slot_search(shelf, high, low);
    unsigned at = chunk_search(shelf->slots[slot].chunk, high, low);
    return at < shelf->slots[slot].chunk->len ? (ShelfPlace){slot, at} : (ShelfPlace){slot + 1, 0};
}

const ShelfEntry *shelf_find_fraction(const Shelf *shelf, ShelfPlace place, uint32_t fraction)
{
    for (; place.slot < shelf->len; place = (ShelfPlace){place.slot + 1, 0}) {
        const ShelfChunk *chunk = shelf->slots[place.slot].chunk;
        if (chunk->fraction_max < fraction)
            continue;
        for (unsigned at = place.at; at < chunk->len; at++)
            if (shelf_fraction(&chunk->entries[at]) >= fraction)
                return &chunk->entries[at];
    }
    return NULL;
}
