#include "spec/base/arena.h"
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define BLOCK_FIRST  ((size_t)64 * 1024)
#define BLOCK_TIGHT  ((size_t)16 * 1024)
#define BLOCK_MAX    ((size_t)1024 * 1024)
#define ALIGNMENT    ((size_t)16)
#define POPULATE_MIN ((size_t)256 * 1024)

typedef struct Block Block;
struct Block {
    Block *next; /* the older one */
    size_t capacity;
    size_t used;
    _Alignas(16) char bytes[];
};

struct Arena {
    Block *current; /* the one that is filled; the oldest is last in the chain */
    size_t size;
    bool is_tight;
};

/* Large blocks are fetched from the kernel in one call: a page fault for each 4 KiB is a fifth of the time
 * that 100,000 manifests take to come out of the cache. Where the kernel cannot (before 5.14), they fault. */
static void populate(void *memory, size_t len)
{
#ifdef MADV_POPULATE_WRITE
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), start = (uintptr_t)memory, end = start + len;
    start = (start + page - 1) & ~(page - 1);
    end &= ~(page - 1);
    if (len >= POPULATE_MIN && end > start)
        (void)madvise((void *)start, end - start, MADV_POPULATE_WRITE);
#else
    (void)memory;
    (void)len;
#endif
}

static Block *block_new(Arena *arena, size_t capacity)
{
    Block *block = g_malloc(sizeof(Block) + capacity);
    populate(block, sizeof(Block) + capacity);
    block->capacity = capacity;
    block->used = 0;
    block->next = arena->current;
    arena->current = block;
    arena->size += sizeof(Block) + capacity;
    return block;
}

Arena *arena_new(void)
{
    return g_new0(Arena, 1);
}

Arena *arena_new_tight(void)
{
    Arena *arena = arena_new();
    arena->is_tight = true;
    return arena;
}

static void blocks_free_down_to(Arena *arena, const Block *keep)
{
    while (arena->current != keep) {
        Block *block = arena->current;
        arena->current = block->next;
        arena->size -= sizeof(Block) + block->capacity;
        g_free(block);
    }
}

void arena_free(Arena *arena)
{
    if (!arena)
        return;
    blocks_free_down_to(arena, NULL);
    g_free(arena);
}

#ifdef ARENA_MALLOC

/* One block for each allocation, of exactly its size, so that the sanitizers see the first byte of an
 * overrun. */
static void *take(Arena *arena, size_t size)
{
    return block_new(arena, size)->bytes;
}

void arena_reset(Arena *arena)
{
    blocks_free_down_to(arena, NULL);
}

#else

static size_t next_capacity(const Arena *arena)
{
    if (arena->is_tight)
        return CLAMP(arena->size / 4, BLOCK_TIGHT, BLOCK_MAX);
    return arena->current ? MIN(arena->current->capacity * 2, BLOCK_MAX) : BLOCK_FIRST;
}

static void *take(Arena *arena, size_t size)
{
    g_assert(size <= G_MAXSIZE / 2);
    size_t rounded = (size + ALIGNMENT - 1) & ~(ALIGNMENT - 1);
    Block *block = arena->current;
    if (G_UNLIKELY(!block || block->capacity - block->used < rounded)) {
        block = block_new(arena, MAX(next_capacity(arena), rounded));
    }
    void *memory = block->bytes + block->used;
    block->used += rounded;
    return memory;
}

/* The largest block that is no larger than usual stays: who fills as much again needs no other. */
void arena_reset(Arena *arena)
{
    Block *kept = NULL;
    while (arena->current) {
        Block *block = arena->current, *spare = block;
        arena->current = block->next;
        if (block->capacity <= BLOCK_MAX && (!kept || block->capacity > kept->capacity)) {
            spare = kept;
            kept = block;
        }
        g_free(spare);
    }
    arena->size = 0;
    if (!kept)
        return;
    *kept = (Block){.capacity = kept->capacity};
    arena->current = kept;
    arena->size = sizeof(Block) + kept->capacity;
}

#endif

void *arena_alloc(Arena *arena, size_t size)
{
    void *memory = take(arena, size);
    return memset(memory, 0, size);
}

void *arena_alloc_raw(Arena *arena, size_t size)
{
    return take(arena, size);
}

char *arena_strndup(Arena *arena, const char *text, size_t len)
{
    char *copy = take(arena, len + 1);
    if (len)
        memcpy(copy, text, len);
    copy[len] = '\0';
    return copy;
}

size_t arena_size(const Arena *arena)
{
    return arena->size;
}
