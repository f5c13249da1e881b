/* client.h: one operation of a daemon at a time, over DIR/muster.sock or, signed, over TCP.
 * Owns:   a curl handle; a descriptor of the state directory where the socket's path is too long for
 * sockaddr_un. Calls:  libcurl, api/operations.h (the types). Holds:  calls block, but see what the watches
 * see: a signal, a file that grows, a host that failed. An operation that changes state goes over a
 * connection of its own, since curl would repeat a request whose kept connection died. */
#pragma once
#include <stdio.h>
#include "reconciler/api/operations.h"
#include "reconciler/cli/server_access.h"

typedef struct Client Client;

#define CLIENT_ERROR client_error_quark()
GQuark client_error_quark(void);
typedef enum {
    CLIENT_ERROR_ABSENT,      /* nobody answers the socket: nothing was sent */
    CLIENT_ERROR_GONE,        /* the connection broke: whether it was carried out is not known */
    CLIENT_ERROR_INTERRUPTED, /* a watch said so */
    CLIENT_ERROR_PROTOCOL     /* what came back is not ours */
} ClientErrorCode;

/* Called when fd is readable during a call; false ends the call with CLIENT_ERROR_INTERRUPTED. */
typedef struct {
    int fd;
    bool (*ready)(void *data);
    void *data;
} ClientWatch;
#define CLIENT_WATCHES_MAX 4

/* CLIENT_ERROR_ABSENT when nobody listens. */
Client *client_new(const char *state_dir, GError **error);
/* Connects with the first call. access: borrowed for as long as the client is. */
Client *client_new_far(const ServerAccess *access);
void client_free(Client *client);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Client, client_free)
/* Copied; replaces what was set before. */
void client_set_watches(Client *client, const ClientWatch *watches, size_t len);

typedef enum { CALL_REPEATABLE, CALL_ONCE } CallKind;
/* request is borrowed; NULL: {}. An answer of any HTTP status is a result. */
bool client_call(Client *client, const char *name, const json_t *request, CallKind kind,
                 OperationResult *ret_result, GError **error);
/* Streams body as application/x-ndjson; size -1: not known. */
bool client_upload(Client *client, const char *name, FILE *body, int64_t size, OperationResult *ret_result,
                   GError **error);
