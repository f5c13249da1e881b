/* publish.h: a file that holds the snapshot of what is committed, kept up to date off the loop.
 * Owns:   its worker thread, which reads the store with a reader of its own.
 * Calls:  api/state_publish, worker.h. On the engine's loop, but for publisher_free().
 * Holds:  once what changed resources, runs or applies is committed, the file follows: at once, and a second
 * later at the latest where there is one change after the other. A failure is logged once until it is another
 * one; the next change tries again. */
#pragma once
#include "reconciler/ports.h"

typedef struct Publisher Publisher;
/* Publishes what is there at once. log is borrowed. */
Publisher *publisher_new(const char *state_dir, const char *path, LogPort log);
/* The batch with this sequence changes what a snapshot holds. */
void publisher_expect(Publisher *publisher, uint64_t sequence);
/* sequence is durable, or it failed: then whatever is there now is published. */
void publisher_committed(Publisher *publisher, uint64_t sequence, bool is_durable);
/* Publishes what was not yet; the store is closed by then. */
void publisher_free(Publisher *publisher);
