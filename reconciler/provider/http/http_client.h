/* http_client.h: HTTP requests, many at a time, on a main context, over TCP or to a Unix socket.
 * Owns:   connections (kept alive), what is under way.
 * Calls:  libcurl (multi interface), GLib's sources.
 * Holds:  it knows nothing of who is asked; no request takes longer than its time limit, but for one whose
 * answer is taken as it comes: who takes it ends it; an answer larger than allowed ends the request;
 * redirects are not followed; done is never called before http_send() has returned, and exactly once, but for
 * what is cancelled or freed. All of it on the thread of the context. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include "spec/base/view.h"

typedef struct HttpClient HttpClient;

/* How a request ended. Only an unreachable one is sure not to have been carried out. */
typedef enum {
    HTTP_ANSWERED,    /* a whole answer, whatever its status */
    HTTP_UNREACHABLE, /* no name, no connection, no TLS: nothing was sent */
    HTTP_BROKEN,      /* sent, perhaps in part; no whole answer */
    HTTP_LATE,        /* the time limit */
    HTTP_TOO_LARGE,   /* the answer */
    HTTP_IMPOSSIBLE   /* it can never be sent like this: a bad address, no such file of certificates */
} HttpEnd;

/* A piece of an answer, as it comes. False: it is not wanted any more. */
typedef bool (*HttpTake)(View bytes, void *data);

/* Borrowed for the call of http_send(). */
typedef struct {
    const char *method, *url;
    const char *const *headers;     /* "Name: value", NULL-terminated; these and Host, Content-Length and
                                       User-Agent     are all that is sent */
    View body;                      /* sent where its data is not NULL */
    int64_t connect_ms, timeout_ms; /* above 0 */
    size_t answer_max;              /* bytes of the body; 0: 16 MiB */
    const char *ca_bundle;          /* file; NULL: the system's */
    const char *proxy;              /* NULL: what the environment says, as libcurl reads it */
    bool skips_proxy;               /* metadata services: whatever proxy and environment say */
    const char *unix_socket;        /* path; the host in url is a word then. NULL: by name and port */
    const char *client_cert, *client_key; /* files, PEM; NULL: none is shown */
    /* Gets the body of a successful answer (2xx), with done's data; that of any other is in the answer as
     * ever. It may neither send nor cancel; timeout_ms does not count. NULL: all of it is in the answer. */
    HttpTake take;
    /* Over a connection of its own: libcurl repeats by itself what it sent over a kept one that died. */
    bool is_once;
} HttpRequest;

/* Borrowed during the call of HttpDone. */
typedef struct {
    HttpEnd end;
    long status;       /* ANSWERED, else 0 */
    View body;         /* ends in NUL after its len */
    const char *error; /* a sentence; NULL when ANSWERED */
    void *easy;        /* for http_header() */
} HttpAnswer;

typedef void (*HttpDone)(const HttpAnswer *answer, void *data);

/* context: referenced. connections_max: in all; more requests wait for one,
 * and their time runs; 0: no limit. */
HttpClient *http_new(GMainContext *context, int connections_max);
/* Ends what is under way without a word. Not from within done. */
void http_free(HttpClient *http);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(HttpClient, http_free)
/* Returns an id for http_cancel(), never 0. */
uint64_t http_send(HttpClient *http, const HttpRequest *request, HttpDone done, void *data);
/* done is not called any more. Harmless for one that has ended. */
void http_cancel(HttpClient *http, uint64_t id);
/* The last header of that name in any case, without blanks around; NULL: none. Valid during HttpDone. */
const char *http_header(const HttpAnswer *answer, const char *name);
