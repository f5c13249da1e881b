/* leaks.h: what carries our tags and is known to nobody here: since when, and when it may be ended. Computes
 * only. Holds:  two looks that were whole, far enough apart, have to find it unknown; one that does not find
 * it begins anew; few at a time, so that a mistake takes few. Source: aws.md, "What is found and nobody
 * knows". */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct Leaks Leaks;
Leaks *leaks_new(void);
void leaks_free(Leaks *leaks);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Leaks, leaks_free)

/* A look begins. */
void leaks_begin(Leaks *leaks);
/* It found one: an id. now_ms: monotonic. */
void leaks_found(Leaks *leaks, const char *id, int64_t now_ms);
/* It was whole. Ids that were first found at least wait_ms ago, by an earlier look; at most so many as max(5,
 * a fifth of known), those that were found first first. They are forgotten here: one that stays is found
 * again. A new array of char*, with free function set. */
GPtrArray *leaks_end(Leaks *leaks, int64_t now_ms, int64_t wait_ms, guint known);
