/* worker.h: one thread that does what must not block the loop, in order.
 * Owns:   its thread and queue; data stays the caller's.
 * Holds:  `done` runs on the GMainContext that was thread-default at worker_new(). An idle worker wakes
 * nobody. */
#pragma once
#include "reconciler/ports.h"

typedef struct Worker Worker;
Worker *worker_new(const char *name);
/* done may be NULL. */
void worker_push(Worker *worker, PortWork work, PortDone done, void *data);
/* Finishes what is queued and joins; completions that are not delivered yet stay in the context: iterate it.
 */
void worker_free(Worker *worker);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Worker, worker_free)
