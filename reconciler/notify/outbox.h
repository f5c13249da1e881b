/* outbox.h: tells destinations what happened, off the loop.
 * Owns:   a thread with a reader of the store, a Courier, and the Destination of each.
 * Calls:  store/ (reading), courier, destination, message.
 * Holds:  reads committed events only (invariant 1), and begins where the committed state says that a
 * destination stands: at least once, in order, whatever process dies when. A destination that is new begins
 * with what happens after it was committed. How far each is reported to the loop, which commits it: once a
 * second at most. One destination holds up no other. */
#pragma once
#include "reconciler/notify/notify_config.h"
#include "reconciler/notify/outbox_report.h"
#include "reconciler/store/store.h"
#include <jansson.h>

/* On the loop's thread. */
typedef void (*OutboxTold)(const OutboxReport *reports, size_t len, void *data);

/* On the outbox's thread: the job of a job.state event as Batch tells it, for destinations of that form. New
 * reference; NULL: it is not kept any more. */
typedef json_t *(*OutboxJob)(StoreReader *reader, const EventRecord *event);

typedef struct Outbox Outbox;
typedef struct {
    const char *state_dir;
    NotifyConfig *config; /* a reference is taken */
    uint64_t durable;     /* the newest event that is committed */
    uint64_t seed;        /* of delays */
    OutboxTold told;
    void *data;
    OutboxJob job; /* may be NULL */
} OutboxOptions;
/* Reports are delivered in the thread-default context of the caller. */
Outbox *outbox_new(const OutboxOptions *options);
void outbox_set_config(Outbox *outbox, NotifyConfig *config);
/* Events up to this one are durable; any thread. */
void outbox_durable(Outbox *outbox, uint64_t event_sequence);
/* Ends the thread and all that it has under way, which is sent again by whoever comes next, and reports what
 * was not reported yet. */
void outbox_stop(Outbox *outbox);
void outbox_free(Outbox *outbox); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Outbox, outbox_free)
