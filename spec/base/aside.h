/* aside.h: work beside a loop, which it would hold up: a thread does it, and the loop is handed what came of
 * it. Owns:   a thread while there is something to do. Calls:  GLib. Holds:  done is called on the thread of
 * the context, never before aside_run() has returned, once for each work and in the order in which they were
 * asked for. */
#pragma once
#include <glib.h>

typedef struct Aside Aside;

/* context: of the loop; referenced. */
Aside *aside_new(GMainContext *context);
/* On the loop. work: on the thread; data is its own until done is called. */
void aside_run(Aside *aside, void (*work)(void *data), void (*done)(void *data), void *data);
/* On the loop. Waits for the work that is there and calls done for all that is left. NULL is fine. */
void aside_free(Aside *aside);
