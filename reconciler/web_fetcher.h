/* web_fetcher.h: carries what the web page's door asks a provider of sign-ins (api/web/web_fetch.h).
 * Owns:   an HTTP client on the thread-default context.
 * Calls:  provider/http. */
#pragma once
#include "reconciler/api/web/web_fetch.h"

typedef struct WebFetcher WebFetcher;
WebFetcher *web_fetcher_new(void);
WebFetchPort web_fetcher_port(WebFetcher *fetcher);
/* Ends what is under way without a word. NULL is fine. */
void web_fetcher_free(WebFetcher *fetcher);
