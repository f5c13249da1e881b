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

/* ---- what is no operation: pages (GET) and forms (POST), for whoever takes them ---- */
typedef struct ServerPage ServerPage;
typedef struct {
    bool (*has)(const char *path);              /* else it is answered as an operation is */
    void (*take)(ServerPage *page, void *data); /* to be answered once, now or later */
    void *data;
    size_t body_max;
} ServerPages;
void server_set_pages(Server *server, const ServerPages *pages);
/* Borrowed until it is answered. */
const char *server_page_method(const ServerPage *page);
const char *server_page_path(const ServerPage *page); /* decoded */
char *server_page_query(const ServerPage *page);      /* new string */
const char *server_page_header(const ServerPage *page, const char *name);
View server_page_body(const ServerPage *page);
/* The user at the other end, by the kernel's word; new reference, NULL: it is not known. */
json_t *server_page_peer(const ServerPage *page);
/* headers: name, value …, NULL. */
void server_page_answer(ServerPage *page, unsigned status, const char *const *headers, GBytes *body);

/* Removes the socket's file first, so that nobody comes any more. Calls must have been answered. */
void server_free(Server *server);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Server, server_free)
