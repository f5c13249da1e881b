/* arena.h: memory that dies with a pass.
 * Owns:   every block handed out; arena_free() gives all of them back at once.
 * Calls:  GLib only.
 * Holds:  blocks are aligned for any type and never move. With -DARENA_MALLOC (the sanitizer
 *         builds) each allocation is its own malloc, so that an overrun is seen. */
#pragma once
#include <glib.h>
#include <stddef.h>

typedef struct Arena Arena;

Arena *arena_new(void);
/* For what stays for long: it takes at most a quarter more than is used, and that in more pieces. */
Arena *arena_new_tight(void);
void arena_free(Arena *arena);
/* Zero-filled. Aborts when memory is exhausted, as GLib does: callers cap what comes from outside. */
void *arena_alloc(Arena *arena, size_t size);
/* Not filled: for what is overwritten at once. */
void *arena_alloc_raw(Arena *arena, size_t size);
char *arena_strndup(Arena *arena, const char *text, size_t len); /* adds the NUL */
/* Bytes taken from the system so far. */
size_t arena_size(const Arena *arena);
/* Forget everything but keep the first block, for the next pass. */
void arena_reset(Arena *arena);
#define arena_new0(arena, type)      ((type *)arena_alloc((arena), sizeof(type)))
#define arena_new0_n(arena, type, n) ((type *)arena_alloc((arena), sizeof(type) * (n)))
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Arena, arena_free)
