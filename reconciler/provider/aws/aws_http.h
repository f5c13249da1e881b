/* aws_http.h: HTTP requests, many at a time, on a main context.
 * Owns:   connections (kept alive), what is under way.
 * Calls:  libcurl (multi interface), GLib's sources.
 * Holds:  it knows nothing of AWS; no request takes longer than its time limit; an answer larger than allowed
 * ends the request; redirects are not followed; done is never called before aws_http_send() has returned, and
 * exactly once, but for what is cancelled or freed. All of it on the thread of the context. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include "spec/base/view.h"

typedef struct AwsHttp AwsHttp;

/* How a request ended. Only an unreachable one is sure not to have been carried out. */
typedef enum {
    AWS_HTTP_ANSWERED,    /* a whole answer, whatever its status */
    AWS_HTTP_UNREACHABLE, /* no name, no connection, no TLS: nothing was sent */
    AWS_HTTP_BROKEN,      /* sent, perhaps in part; no whole answer */
    AWS_HTTP_LATE,        /* the time limit */
    AWS_HTTP_TOO_LARGE,   /* the answer */
    AWS_HTTP_IMPOSSIBLE   /* it can never be sent like this: a bad address, no such file of certificates */
} AwsHttpEnd;

/* Borrowed for the call of aws_http_send(). */
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
} AwsHttpRequest;

/* Borrowed during the call of AwsHttpDone. */
typedef struct {
    AwsHttpEnd end;
    long status;       /* ANSWERED, else 0 */
    View body;         /* ends in NUL after its len */
    const char *error; /* a sentence; NULL when ANSWERED */
    void *easy;        /* for aws_http_header() */
} AwsHttpAnswer;

typedef void (*AwsHttpDone)(const AwsHttpAnswer *answer, void *data);

/* context: referenced. connections_max: in all; more requests wait for one,
 * and their time runs. */
AwsHttp *aws_http_new(GMainContext *context, int connections_max);
/* Ends what is under way without a word. Not from within done. */
void aws_http_free(AwsHttp *http);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AwsHttp, aws_http_free)
/* Returns an id for aws_http_cancel(), never 0. */
uint64_t aws_http_send(AwsHttp *http, const AwsHttpRequest *request, AwsHttpDone done, void *data);
/* done is not called any more. Harmless for one that has ended. */
void aws_http_cancel(AwsHttp *http, uint64_t id);
/* The last header of that name in any case, without blanks around; NULL: none. Valid during AwsHttpDone. */
const char *aws_http_header(const AwsHttpAnswer *answer, const char *name);
