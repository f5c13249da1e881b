/* pages.c: see pages.h. */
#include "reconciler/pages.h"
#include "reconciler/api/web/web.h"

struct Pages {
    Web *web;
    PagesOptions options;
};

static void answered(const WebAnswer *answer, void *data)
{
    server_page_answer(data, answer->status, answer->headers, answer->body);
}

static void take(ServerPage *page, void *data)
{
    Pages *pages = data;
    json_t *peer = server_page_peer(page);
    g_autofree char *query = server_page_query(page);
    const WebRequest request = {.method = server_page_method(page),
                                .path = server_page_path(page),
                                .query = query,
                                .form = server_page_body(page),
                                .last_event_id = server_page_header(page, "Last-Event-ID"),
                                .peer = peer,
                                .scopes = KEY_READ | KEY_SUBMIT | KEY_REGISTER | KEY_ADMIN,
                                .name = json_string_value(json_object_get(peer, "user")),
                                .answer = answered,
                                .data = page};
    web_handle(pages->web, &request);
    json_decref(peer);
}

static void call(Call *asked, void *data)
{
    const Pages *pages = data;
    pages->options.call(asked, pages->options.data);
}

static int64_t now_ms(void *data)
{
    const Pages *pages = data;
    return pages->options.clock.now_ms(pages->options.clock.self);
}

Pages *pages_new(Server *server, const PagesOptions *options)
{
    Pages *pages = g_new0(Pages, 1);
    pages->options = *options;
    pages->web = web_new(&(WebOptions){.call = call, .now_ms = now_ms, .data = pages});
    server_set_pages(server,
                     &(ServerPages){.has = web_has, .take = take, .data = pages, .body_max = WEB_FORM_MAX});
    return pages;
}

void pages_free(Pages *pages)
{
    if (!pages)
        return;
    web_free(pages->web);
    g_free(pages);
}
