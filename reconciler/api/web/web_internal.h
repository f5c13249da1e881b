/* web_internal.h: what web.c and web_page.c share. Inside of web/ only. */
#pragma once
#include "reconciler/api/web/web_page.h"

#define STREAM_PATH "/live"
void stream_handle(Web *web, const WebRequest *request);

struct Web {
    WebOptions options;
    bool is_stopping;
};

/* What is asked goes on; once nothing is under way, the page is answered, and gone. */
void page_go_on(WebPage *page);
WebPage *page_new(Web *web, const WebRequest *request, const WebView *view, const char *rest);
void page_free(WebPage *page);
