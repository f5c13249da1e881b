#include "reconciler/provider/http/http_client.h"
#include <curl/curl.h>
#include <sys/epoll.h>
#include <unistd.h>

#ifndef MUSTER_VERSION
#error "MUSTER_VERSION comes from the Makefile"
#endif

#define ANSWER_MAX ((size_t)16 << 20)
#define READY_MAX  64 /* sockets at a time; the others come in the next round of the loop */

typedef struct {
    GSource source;
    HttpClient *http;
} HttpSource;

struct HttpClient {
    CURLM *multi;
    GSource *source;
    int epoll;           /* of its sockets: the loop watches one descriptor, however many there are */
    GHashTable *sockets; /* those that are in it */
    GHashTable *calls;   /* id → Call */
    GQueue impossible;   /* ids of what could not be begun */
    uint64_t last_id;
    bool is_calling;
};

typedef struct {
    HttpClient *http;
    uint64_t id;
    HttpDone done;
    void *data;
    CURL *easy;
    struct curl_slist *headers;
    GString *body;
    size_t body_max;
    bool is_too_large;
    HttpTake take;
    char error[CURL_ERROR_SIZE];
} Call;

static void call_free(void *data)
{
    Call *call = data;
    curl_multi_remove_handle(call->http->multi, call->easy);
    curl_easy_cleanup(call->easy);
    curl_slist_free_all(call->headers);
    g_string_free(call->body, TRUE);
    g_free(call);
}

/* ---- how it ends ---- */

static bool was_sent(const Call *call)
{
    long sent = 0;
    return curl_easy_getinfo(call->easy, CURLINFO_REQUEST_SIZE, &sent) == CURLE_OK && sent > 0;
}

static HttpEnd end_of(const Call *call, CURLcode code)
{
    switch ((int)code) {
    case CURLE_OK: return HTTP_ANSWERED;
    case CURLE_UNSUPPORTED_PROTOCOL: /* also an answer that is no HTTP */
    case CURLE_URL_MALFORMAT:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_BAD_FUNCTION_ARGUMENT: return was_sent(call) ? HTTP_BROKEN : HTTP_IMPOSSIBLE;
    case CURLE_WRITE_ERROR: return call->is_too_large ? HTTP_TOO_LARGE : HTTP_BROKEN;
    case CURLE_OPERATION_TIMEDOUT: return was_sent(call) ? HTTP_LATE : HTTP_UNREACHABLE;
    default: return was_sent(call) ? HTTP_BROKEN : HTTP_UNREACHABLE;
    }
}

/* It is out of the table before: done may send and cancel. */
static void finish(Call *call, CURLcode code)
{
    HttpClient *http = call->http;
    HttpAnswer answer = {
        .end = end_of(call, code), .body = {call->body->str, call->body->len}, .easy = call->easy};
    if (answer.end == HTTP_ANSWERED)
        curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &answer.status);
    else
        answer.error = call->is_too_large ? "the answer is too large"
                       : *call->error     ? call->error
                                          : curl_easy_strerror(code);
    g_hash_table_steal(http->calls, &call->id);
    http->is_calling = true;
    call->done(&answer, call->data);
    http->is_calling = false;
    call_free(call);
}

static void finish_all(HttpClient *http)
{
    int left;
    for (CURLMsg *message; (message = curl_multi_info_read(http->multi, &left));) {
        Call *call;
        if (message->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&call);
        finish(call, message->data.result);
    }
    for (uint64_t *id; (id = g_queue_pop_head(&http->impossible)); g_free(id)) {
        Call *call = g_hash_table_lookup(http->calls, id);
        if (call)
            finish(call, CURLE_BAD_FUNCTION_ARGUMENT);
    }
}

/* ---- libcurl on the main context ---- */

static int watch_socket(CURL *easy, curl_socket_t fd, int what, void *data, void *socket_data)
{
    (void)easy;
    (void)socket_data;
    HttpClient *http = data;
    struct epoll_event event = {.data.fd = fd};
    if (what == CURL_POLL_REMOVE) {
        g_hash_table_remove(http->sockets, GINT_TO_POINTER(fd));
        epoll_ctl(http->epoll, EPOLL_CTL_DEL, fd, NULL);
        return 0;
    }
    event.events = (what & CURL_POLL_IN ? EPOLLIN : 0u) | (what & CURL_POLL_OUT ? EPOLLOUT : 0u);
    bool is_new = g_hash_table_add(http->sockets, GINT_TO_POINTER(fd));
    return epoll_ctl(http->epoll, is_new ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, fd, &event);
}

static int set_timer(CURLM *multi, long timeout_ms, void *data)
{
    (void)multi;
    HttpClient *http = data;
    g_source_set_ready_time(http->source, timeout_ms < 0 ? -1 : g_get_monotonic_time() + timeout_ms * 1000);
    return 0;
}

static int wanted_of(uint32_t events)
{
    return (events & (EPOLLIN | EPOLLHUP) ? CURL_CSELECT_IN : 0) |
           (events & EPOLLOUT ? CURL_CSELECT_OUT : 0) | (events & EPOLLERR ? CURL_CSELECT_ERR : 0);
}

/* One that was acted upon before may have ended another, or have begun one with its number: libcurl finds
 * then that nothing is to be read. */
static void act(HttpClient *http)
{
    struct epoll_event ready[READY_MAX];
    int running, len = epoll_wait(http->epoll, ready, READY_MAX, 0);
    for (int i = 0; i < len; i++)
        if (g_hash_table_contains(http->sockets, GINT_TO_POINTER(ready[i].data.fd)))
            curl_multi_socket_action(http->multi, ready[i].data.fd, wanted_of(ready[i].events), &running);
}

static gboolean dispatch(GSource *source, GSourceFunc callback, void *data)
{
    (void)callback;
    (void)data;
    HttpClient *http = ((HttpSource *)source)->http;
    int running;
    int64_t due_us = g_source_get_ready_time(source);
    act(http);
    if (due_us >= 0 && due_us <= g_get_monotonic_time()) {
        g_source_set_ready_time(source, -1);
        curl_multi_socket_action(http->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    }
    finish_all(http);
    return G_SOURCE_CONTINUE;
}

static GSourceFuncs source_funcs = {.dispatch = dispatch};

HttpClient *http_new(GMainContext *context, int connections_max)
{
    HttpClient *http = g_new0(HttpClient, 1);
    http->multi = curl_multi_init();
    http->sockets = g_hash_table_new(NULL, NULL);
    http->calls = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, call_free);
    g_queue_init(&http->impossible);
    http->source = g_source_new(&source_funcs, sizeof(HttpSource));
    ((HttpSource *)http->source)->http = http;
    http->epoll = epoll_create1(EPOLL_CLOEXEC);
    g_assert(http->epoll >= 0);
    g_source_add_unix_fd(http->source, http->epoll, G_IO_IN);
    g_source_set_name(http->source, "http");
    curl_multi_setopt(http->multi, CURLMOPT_SOCKETFUNCTION, watch_socket);
    curl_multi_setopt(http->multi, CURLMOPT_SOCKETDATA, http);
    curl_multi_setopt(http->multi, CURLMOPT_TIMERFUNCTION, set_timer);
    curl_multi_setopt(http->multi, CURLMOPT_TIMERDATA, http);
    curl_multi_setopt(http->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, (long)connections_max);
    g_source_attach(http->source, context);
    return http;
}

void http_free(HttpClient *http)
{
    if (!http)
        return;
    g_assert_false(http->is_calling);
    g_hash_table_destroy(http->calls);
    curl_multi_cleanup(http->multi); /* closes what is kept alive: the source still takes the sockets' ends */
    g_source_destroy(http->source);
    g_source_unref(http->source);
    g_hash_table_destroy(http->sockets);
    g_queue_clear_full(&http->impossible, g_free);
    close(http->epoll);
    g_free(http);
}

/* ---- one request ---- */

static size_t take_body(char *bytes, size_t size, size_t len, void *data)
{
    Call *call = data;
    size_t total = size * len;
    long status = 0;
    curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
    if (call->take && status / 100 == 2) {
        bool is_wanted = call->take((View){bytes, total}, call->data);
        return is_wanted ? total : 0;
    }
    if (total > call->body_max - call->body->len) {
        call->is_too_large = true;
        return 0;
    }
    g_string_append_len(call->body, bytes, (gssize)total);
    return total;
}

static bool has_header(const HttpRequest *request, const char *name)
{
    size_t len = strlen(name);
    for (const char *const *header = request->headers; header && *header; header++)
        if (g_ascii_strncasecmp(*header, name, len) == 0 && (*header)[len] == ':')
            return true;
    return false;
}

/* What libcurl would add by itself is taken out: it would not be signed. */
static void set_headers(Call *call, const HttpRequest *request)
{
    static const char *const own[] = {"Expect", "Accept", "Content-Type"};
    for (size_t i = 0; i < G_N_ELEMENTS(own); i++) {
        g_autofree char *none = g_strconcat(own[i], ":", NULL);
        if (!has_header(request, own[i]))
            call->headers = curl_slist_append(call->headers, none);
    }
    for (const char *const *header = request->headers; header && *header; header++)
        call->headers = curl_slist_append(call->headers, *header);
    curl_easy_setopt(call->easy, CURLOPT_HTTPHEADER, call->headers);
}

static void set_body(CURL *easy, const HttpRequest *request)
{
    if (request->body.data) {
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.len);
        curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, request->body.data);
    }
    if (g_str_equal(request->method, "HEAD"))
        curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    else
        curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method);
}

static void set_transport(CURL *easy, const HttpRequest *request)
{
    curl_easy_setopt(easy, CURLOPT_URL, request->url);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "muster/" MUSTER_VERSION);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)MIN(request->connect_ms, G_MAXINT));
    if (!request->take)
        curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)MIN(request->timeout_ms, G_MAXINT));
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
    curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, request->is_once ? 1L : 0L);
    if (request->ca_bundle) {
        curl_easy_setopt(easy, CURLOPT_CAINFO, request->ca_bundle);
        curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
    }
    if (request->unix_socket)
        curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, request->unix_socket);
    if (request->client_cert) {
        curl_easy_setopt(easy, CURLOPT_SSLCERT, request->client_cert);
        curl_easy_setopt(easy, CURLOPT_SSLKEY, request->client_key);
    }
    if (request->skips_proxy)
        curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
    else if (request->proxy)
        curl_easy_setopt(easy, CURLOPT_PROXY, request->proxy);
}

uint64_t http_send(HttpClient *http, const HttpRequest *request, HttpDone done, void *data)
{
    g_return_val_if_fail(request->connect_ms > 0 && request->timeout_ms > 0, 0);
    Call *call = g_new0(Call, 1);
    *call = (Call){.http = http,
                   .id = ++http->last_id,
                   .done = done,
                   .data = data,
                   .easy = curl_easy_init(),
                   .body = g_string_new(NULL),
                   .body_max = request->answer_max ? request->answer_max : ANSWER_MAX};
    call->take = request->take;
    set_transport(call->easy, request);
    set_body(call->easy, request);
    set_headers(call, request);
    curl_easy_setopt(call->easy, CURLOPT_ERRORBUFFER, call->error);
    curl_easy_setopt(call->easy, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(call->easy, CURLOPT_WRITEDATA, call);
    curl_easy_setopt(call->easy, CURLOPT_PRIVATE, call);
    g_hash_table_insert(http->calls, &call->id, call);
    CURLMcode code = curl_multi_add_handle(http->multi, call->easy);
    if (code != CURLM_OK) {
        g_strlcpy(call->error, curl_multi_strerror(code), sizeof call->error);
        g_queue_push_tail(&http->impossible, g_memdup2(&call->id, sizeof call->id));
        g_source_set_ready_time(http->source, 0);
    }
    return call->id;
}

void http_cancel(HttpClient *http, uint64_t id)
{
    g_hash_table_remove(http->calls, &id);
}

const char *http_header(const HttpAnswer *answer, const char *name)
{
    struct curl_header *header;
    bool is_found = curl_easy_header(answer->easy, name, 0, CURLH_HEADER, -1, &header) == CURLHE_OK &&
                    (header->amount == 1 || curl_easy_header(answer->easy, name, header->amount - 1,
                                                             CURLH_HEADER, -1, &header) == CURLHE_OK);
    return is_found ? header->value : NULL;
}
