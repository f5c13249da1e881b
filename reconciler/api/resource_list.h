/* resource_list.h: resources of a kind by name, in pages: what describes and lists share.
 * Owns:   nothing.
 * Calls:  page.h, world/. */
#pragma once
#include "reconciler/api/page.h"

typedef struct {
    Kind kind;
    const char *asked;    /* member of the request: a list of names or ARNs, which stand alone; NULL: none */
    const char *answered; /* member of the answer */
    /* Adds it to the page, or not. */
    void (*add)(OperationContext *context, const Resource *resource, Page *page);
    const void *data; /* the page's, for add() */
} ResourceListing;
/* batch: names that are not there are left out. */
OperationStep resource_list(OperationContext *context, Call *call, const ResourceListing *listing);
