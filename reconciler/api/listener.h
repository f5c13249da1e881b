/* listener.h: HTTP over TCP (serve --listen): libmicrohttpd on the thread-default GMainContext, a table of
 * routes.
 * Owns:   the listening socket, its connections and their bodies.
 * Calls:  libmicrohttpd. Logs nothing, and knows nothing of what its routes do.
 * Holds:  nothing is served but the routes. Everything has a limit: connections, the bytes of headers and
 * their number, the body of each route, the bodies of all together, and the time to each answer from the one
 * before it or the connection's begin. A connection is for one request unless its route keeps it. Where it is
 * crowded, who comes is heard, and who has waited for its own request the longest goes. */
#pragma once
#include "reconciler/api/listen_address.h"
#include "spec/base/view.h"

#define LISTENER_CONNECTIONS_MAX 2048 /* or half of what the process may open, where that is less */
#define LISTENER_HEADERS_MAX     64
#define LISTENER_HEADER_BYTES    ((size_t)32 << 10) /* of a connection: the request line and all headers */
#define LISTENER_BODIES_MAX      ((size_t)64 << 20) /* of all requests that are under way */
#define LISTENER_REQUEST_MS      30000
#define LISTENER_ANY_METHOD      "*"
#define LISTENER_ANY_PATH        "*" /* as a route's path: what no route before it takes */

typedef struct Listener Listener;
typedef struct ListenerRequest ListenerRequest;

typedef struct {
    const char *method; /* "GET", which HEAD is too, "POST", or LISTENER_ANY_METHOD */
    const char *path;   /* the whole path; when it ends in '/': what is below it; but "/" is itself */
    size_t body_max;
    bool keeps; /* the connection, for further requests */
    /* When the headers have come and before the body is read: it may answer, and the body is dropped. May be
     * NULL. */
    void (*begin)(ListenerRequest *request, void *data);
    /* The whole request: to be answered once, now or later. */
    void (*take)(ListenerRequest *request, void *data);
    void *data; /* of begin and take; NULL: that of the options */
} ListenerRoute;

/* PEM texts; borrowed. */
typedef struct {
    const char *certificate, *key;
} ListenerTls;

typedef struct {
    ListenAddress address;
    const ListenerTls *tls;      /* NULL: nothing is encrypted */
    const ListenerRoute *routes; /* copied; their texts are of the static kind */
    size_t routes_len;
    unsigned connections_max; /* 0: listener_connections_max() */
    int64_t request_ms;       /* 0: LISTENER_REQUEST_MS */
    void *data;               /* of begin and take */
} ListenerOptions;

unsigned listener_connections_max(void);
Listener *listener_new(const ListenerOptions *options, GError **error);
/* Connections that come from now on are given this certificate; those that are there keep theirs. False with
 * error: it cannot be used, and the one before stays. Only for a listener that was made with one. */
bool listener_renew_tls(Listener *listener, const ListenerTls *tls, GError **error);
/* New requests are answered with 503. */
void listener_close(Listener *listener);
/* Requests that were taken must have been answered. */
void listener_free(Listener *listener);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Listener, listener_free)
/* Where it listens, with the port that was free; new string. */
char *listener_text(const Listener *listener);

/* ---- in begin, in take, and until it is answered ---- */
const char *listener_below(const ListenerRequest *request); /* of the path: what follows the route's */
const char *listener_method(const ListenerRequest *request);
const char *listener_target(const ListenerRequest *request); /* path and query as they were sent */
const char *listener_header(const ListenerRequest *request, const char *name); /* the first; NULL: none */
typedef void (*ListenerHeader)(const char *name, const char *value, void *data);
void listener_headers(const ListenerRequest *request, ListenerHeader each, void *data);
const struct sockaddr *listener_peer(const ListenerRequest *request);
View listener_body(const ListenerRequest *request); /* borrowed */
typedef struct {
    unsigned status;
    const char *type;      /* NULL: text/plain */
    char *text;            /* taken */
    size_t len;            /* of text; 0: up to its NUL */
    char **headers;        /* taken: name, value, name …; NULL: none but the usual */
    int64_t retry_after_s; /* 0: not told */
} ListenerAnswer;
/* The request is gone when it was taken. */
void listener_answer(ListenerRequest *request, const ListenerAnswer *answer);

/* ---- answers that go on ---- */
#define LISTENER_STREAM_BYTES_MAX ((size_t)1 << 20) /* that wait for a client: over it, it is cut off */

typedef struct ListenerStream ListenerStream;
/* In place of listener_answer() for a request that was taken. gone: once, when the client is gone or was cut
 * off, whoever ended it: the stream is freed after it. No time limit counts for it. */
ListenerStream *listener_stream(ListenerRequest *request, const char *type, void (*gone)(void *data),
                                void *data);
/* Bytes that wait for the client to take them. */
size_t listener_stream_waiting(const ListenerStream *stream);
/* piece is shared, not copied. */
void listener_stream_add(ListenerStream *stream, GBytes *piece);
/* After what was added. */
void listener_stream_end(ListenerStream *stream);
