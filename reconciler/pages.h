/* pages.h: the web page over the socket, where whoever may open that is the owner.
 * Owns:   nothing but what joins the two: api/server and api/web. */
#pragma once
#include "reconciler/api/server.h"

typedef struct Pages Pages;
typedef struct {
    void (*call)(Call *call, void *data); /* takes the call */
    ClockPort clock;
    void *data;
} PagesOptions;

/* The server goes first, when both end. */
Pages *pages_new(Server *server, const PagesOptions *options);
void pages_free(Pages *pages);
