/* courier.h: carries messages: HTTP requests and programs, many at a time, on one thread.
 * Owns:   what is under way: connections, processes.
 * Calls:  libcurl (multi interface), posix_spawn.
 * Holds:  no delivery takes longer than its time limit; a program that does is killed with all that it
 * started; of an answer only its beginning is kept; redirects are not followed. courier_wake() may be called
 * by any thread, all else by one. */
#pragma once
#include "reconciler/notify/destination.h"
#include "reconciler/notify/message.h"

typedef struct {
    DeliveryOutcome outcome;
    int64_t asked_ms;  /* the receiver asked to wait so long; 0: it did not */
    const char *error; /* NULL when it is done */
} DeliveryResult;
/* Called by courier_run() and, where nothing can be begun, by courier_send(). */
typedef void (*CourierDone)(const char *name, const DeliveryResult *result, void *data);

typedef struct Courier Courier;
/* directory: where programs run. */
Courier *courier_new(const char *directory, CourierDone done, void *data);
/* Ends what is under way without a word. */
void courier_free(Courier *courier);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Courier, courier_free)
/* config and message are borrowed for the call. */
void courier_send(Courier *courier, const DestinationConfig *config, const Message *message);
/* Ends what is under way to this destination without a word. */
void courier_cancel(Courier *courier, const char *name);
/* Carries on until something happens, at most so long; -1: as long as nothing does. */
void courier_run(Courier *courier, int64_t timeout_ms);
void courier_wake(Courier *courier);

/* What an answer means; for tests. code: of HTTP; asked_ms as in DeliveryResult. */
DeliveryOutcome http_outcome(DestinationKind kind, long code, int64_t asked_ms, View answer);
