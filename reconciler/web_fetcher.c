/* web_fetcher.c: see web_fetcher.h. */
#include "reconciler/web_fetcher.h"
#include "reconciler/provider/http/http_client.h"

#define CONNECT_MS      5000
#define TIMEOUT_MS      15000 /* below what a browser's request is given (LISTENER_REQUEST_MS) */
#define ANSWER_MAX      ((size_t)1 << 20)
#define CONNECTIONS_MAX 8

struct WebFetcher {
    HttpClient *http;
    GHashTable *waiting; /* of Waiting*, owned: what nobody told is freed with it */
};

typedef struct {
    WebFetcher *fetcher;
    WebFetched done;
    void *data;
} Waiting;

static void answered(const HttpAnswer *answer, void *data)
{
    Waiting *waiting = data;
    g_hash_table_steal(waiting->fetcher->waiting, waiting);
    waiting->done(answer->end == HTTP_ANSWERED ? answer->status : 0, answer->body,
                  answer->error ? answer->error : "", waiting->data);
    g_free(waiting);
}

static void fetch_send(void *self, const WebFetch *fetch, WebFetched done, void *data)
{
    WebFetcher *fetcher = self;
    Waiting *waiting = g_new0(Waiting, 1);
    *waiting = (Waiting){fetcher, done, data};
    g_hash_table_add(fetcher->waiting, waiting);
    http_send(fetcher->http,
              &(HttpRequest){.method = fetch->method,
                             .url = fetch->url,
                             .headers = fetch->headers,
                             .body = fetch->body,
                             .connect_ms = CONNECT_MS,
                             .timeout_ms = TIMEOUT_MS,
                             .answer_max = ANSWER_MAX,
                             .ca_bundle = fetch->ca_file},
              answered, waiting);
}

WebFetcher *web_fetcher_new(void)
{
    WebFetcher *fetcher = g_new0(WebFetcher, 1);
    g_autoptr(GMainContext) context = g_main_context_ref_thread_default();
    fetcher->http = http_new(context, CONNECTIONS_MAX);
    fetcher->waiting = g_hash_table_new_full(g_direct_hash, g_direct_equal, g_free, NULL);
    return fetcher;
}

WebFetchPort web_fetcher_port(WebFetcher *fetcher)
{
    return (WebFetchPort){fetch_send, fetcher};
}

void web_fetcher_free(WebFetcher *fetcher)
{
    if (!fetcher)
        return;
    http_free(fetcher->http);
    g_hash_table_unref(fetcher->waiting);
    g_free(fetcher);
}
