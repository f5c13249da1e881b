/* web_fetch.h: the port by which the door asks a provider of sign-ins over HTTP. The engine room carries it
 * (reconciler/web_fetcher.h): TLS is always verified, redirects are not followed, everything has a limit. */
#pragma once
#include "spec/base/view.h"

/* Borrowed for the call. */
typedef struct {
    const char *method, *url;
    const char *const *headers; /* "Name: value", NULL-terminated */
    View body;                  /* sent where its data is not NULL */
    const char *ca_file;        /* NULL: the system's */
} WebFetch;

/* status 0: there is no answer, and error says why. All borrowed. */
typedef void (*WebFetched)(long status, View body, const char *error, void *data);

/* done is called once, never before fetch() has returned, and not at all once whoever carries it is gone. */
typedef struct {
    void (*fetch)(void *self, const WebFetch *fetch, WebFetched done, void *data);
    void *self;
} WebFetchPort;
