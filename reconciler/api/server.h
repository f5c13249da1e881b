/* server.h: HTTP over DIR/muster.sock: libmicrohttpd on the thread-default GMainContext, one GSource on its
 * epoll descriptor. Owns:   the socket's file while it listens; the caller holds the lease, so that a stale
 * one may be replaced. Calls:  libmicrohttpd, operation.h. Logs nothing. Holds:  the socket is mode 0600;
 * bodies are limited before memory is taken; a connection is suspended until its call is answered. */
#pragma once
#include "reconciler/api/operation.h"

#define SERVER_SOCKET "muster.sock"

typedef struct Server Server;
typedef void (*ServerFunc)(Call *call, void *data); /* takes the call */
Server *server_new(const char *state_dir, ServerFunc func, void *data, GError **error);
/* Removes the socket's file first, so that nobody comes any more. Calls must have been answered. */
void server_free(Server *server);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Server, server_free)
