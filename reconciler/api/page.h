/* page.h: pages of an answer: nextToken and maxResults of a request, nextToken of its answer.
 * Owns:   what is between page_begin() and page_done(), which takes it back.
 * Calls:  operation.h.
 * Holds:  a token stands for the key of the last item that was looked at, not for a number of items: it stays
 * good whatever comes and goes meanwhile, and no item is told twice. A token of another operation, or of
 * nobody, is refused. */
#pragma once
#include "reconciler/api/operation.h"

#define PAGE_MAX  100   /* batch: items of a page where nothing else is said */
#define PAGE_LOOK 10000 /* items that are looked at for one page: it may be short, and has a token then */

typedef struct {
    char *after; /* key of the last item of the page before; NULL: there was none */
    char *last;  /* of the last one looked at */
    int64_t limit, looked;
    json_t *array;
    bool is_more;
    const void *data; /* of who fills it */
} Page;

/* False: the call has failed. most: the largest maxResults, and the default. */
bool page_begin(Call *call, int64_t most, Page *ret_page);
/* Whether the page has room for what has this key, and so it is to be looked at; false: it ends before it. */
bool page_takes(Page *page, const char *key);
void page_add(Page *page, json_t *item /* taken */);
/* The answer, with the items as `member`. */
OperationStep page_done(Call *call, Page *page, const char *member);

/* The tokens themselves. New string; NULL: it is not one of the call's operation. */
char *page_token(const Call *call, const char *key);
char *page_token_key(const Call *call, const char *token);
