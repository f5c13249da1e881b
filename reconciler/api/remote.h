/* remote.h: the operations over TCP, for whoever signs with a key (AWS Signature Version 4).
 * Owns:   the opened keys, with what is derived of them; which signatures were taken; the thread that checks
 * large bodies.
 * Calls:  api/ (listener, key, access, operation), provider/aws/sigv4.
 * Holds:  nothing is asked of the engine that is not signed by a key that may do it. What is refused costs no
 * tick. Over a connection that is not encrypted only this machine and the named proxies are heard. */
#pragma once
#include "reconciler/api/address_range.h"
#include "reconciler/api/event_streams.h"
#include "reconciler/api/listener.h"
#include "reconciler/api/meters.h"
#include "reconciler/api/operation.h"

#define REMOTE_BODY_MAX ((size_t)1 << 20)
#define REMOTE_BULK_MAX ((size_t)16 << 20)

typedef struct Remote Remote;
typedef struct {
    const char *key_file;        /* absolute; need not be there: then there are no keys that are good */
    const AddressRange *proxies; /* copied */
    size_t proxies_len;
    bool is_encrypted; /* the listener speaks TLS */
    ClockPort clock;
    LogPort log;
    Meters *meters; /* what is refused before it is a call is counted there; may be NULL */
    const char *(*setting)(const char *name, void *data); /* of the state as it is now; NULL: none */
    void (*call)(Call *call, void *data);                 /* takes the call */
    EventStreams *streams;                                /* borrowed */
    void *data;
} RemoteOptions;

Remote *remote_new(const RemoteOptions *options);
/* The routes that it answers, to be added to a listener's. Borrowed. */
const ListenerRoute *remote_routes(const Remote *remote, size_t *ret_len);
/* Takes no more; what is being checked is answered. */
void remote_stop(Remote *remote);
/* Calls must have been answered. */
void remote_free(Remote *remote);

/* Which operation of AWS's services a request means: of Batch, or GetLogEvents of CloudWatch Logs. path:
 * without the query; target: X-Amz-Target, may be NULL. NULL: none of them. */
const Operation *remote_aws_operation(const char *method, const char *path, const char *target);
