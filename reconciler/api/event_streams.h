/* event_streams.h: what happens, as it happens, for many who listen (server-sent events, HTML Living
 * Standard 9.2). Owns:   one place in the events that all who are up to date share, and one for each who is
 * behind. Calls:  api/ (listener, operation: the events of the store, as any client would ask for them).
 * Holds:  what is told is committed. An event is read and written once for all who are up to date, and they
 * are told at most every EVENT_STREAMS_MS; who says what it saw last (Last-Event-ID) misses nothing and gets
 * nothing twice. */
#pragma once
#include "reconciler/api/listener.h"
#include "reconciler/api/operation.h"

#define EVENT_STREAMS_MS       250
#define EVENT_STREAMS_MAX      1500  /* below LISTENER_CONNECTIONS_MAX, so that others are heard */
#define EVENT_STREAMS_QUIET_MS 15000 /* then a comment, so that what is in between keeps the connection */

typedef struct EventStreams EventStreams;
typedef struct {
    uint64_t durable;                     /* the last event that is committed */
    void (*call)(Call *call, void *data); /* takes the call */
    void *data;
} EventStreamsOptions;

EventStreams *event_streams_new(const EventStreamsOptions *options);
/* Ends all; none is opened any more. Calls must have been answered before it is freed. */
void event_streams_stop(EventStreams *streams);
void event_streams_free(EventStreams *streams);
/* An event is committed. */
void event_streams_durable(EventStreams *streams, uint64_t sequence);
/* Answers a request that was taken; last_id: its Last-Event-ID; NULL: what comes from now on. */
void event_streams_open(EventStreams *streams, ListenerRequest *request, const char *last_id);
