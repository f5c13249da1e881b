#include "reconciler/provider/aws/aws_http.h"
#include <curl/curl.h>

#ifndef MUSTER_VERSION
#error "MUSTER_VERSION comes from the Makefile"
#endif

#define ANSWER_MAX ((size_t)16 << 20)

typedef struct {
    GSource source;
    AwsHttp *http;
} HttpSource;

struct AwsHttp {
    CURLM *multi;
    GSource *source;
    GHashTable *sockets; /* fd → its tag in source */
    GHashTable *calls;   /* id → Call */
    GQueue impossible;   /* ids of what could not be begun */
    uint64_t last_id;
    bool is_calling;
};

typedef struct {
    AwsHttp *http;
    uint64_t id;
    AwsHttpDone done;
    void *data;
    CURL *easy;
    struct curl_slist *headers;
    GString *body;
    size_t body_max;
    bool is_too_large;
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

static AwsHttpEnd end_of(const Call *call, CURLcode code)
{
    switch ((int)code) {
    case CURLE_OK: return AWS_HTTP_ANSWERED;
    case CURLE_UNSUPPORTED_PROTOCOL: /* also an answer that is no HTTP */
    case CURLE_URL_MALFORMAT:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_BAD_FUNCTION_ARGUMENT: return was_sent(call) ? AWS_HTTP_BROKEN : AWS_HTTP_IMPOSSIBLE;
    case CURLE_WRITE_ERROR: return call->is_too_large ? AWS_HTTP_TOO_LARGE : AWS_HTTP_BROKEN;
    case CURLE_OPERATION_TIMEDOUT: return was_sent(call) ? AWS_HTTP_LATE : AWS_HTTP_UNREACHABLE;
    default: return was_sent(call) ? AWS_HTTP_BROKEN : AWS_HTTP_UNREACHABLE;
    }
}

/* It is out of the table before: done may send and cancel. */
static void finish(Call *call, CURLcode code)
{
    AwsHttp *http = call->http;
    AwsHttpAnswer answer = {
        .end = end_of(call, code), .body = {call->body->str, call->body->len}, .easy = call->easy};
    if (answer.end == AWS_HTTP_ANSWERED)
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

static void finish_all(AwsHttp *http)
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
    AwsHttp *http = data;
    void *tag = g_hash_table_lookup(http->sockets, GINT_TO_POINTER(fd));
    GIOCondition condition = (what & CURL_POLL_IN ? G_IO_IN : 0) | (what & CURL_POLL_OUT ? G_IO_OUT : 0);
    if (what == CURL_POLL_REMOVE) {
        if (tag)
            g_source_remove_unix_fd(http->source, tag);
        g_hash_table_remove(http->sockets, GINT_TO_POINTER(fd));
    } else if (tag) {
        g_source_modify_unix_fd(http->source, tag, condition);
    } else {
        tag = g_source_add_unix_fd(http->source, fd, condition);
        g_hash_table_insert(http->sockets, GINT_TO_POINTER(fd), tag);
    }
    return 0;
}

static int set_timer(CURLM *multi, long timeout_ms, void *data)
{
    (void)multi;
    AwsHttp *http = data;
    g_source_set_ready_time(http->source, timeout_ms < 0 ? -1 : g_get_monotonic_time() + timeout_ms * 1000);
    return 0;
}

typedef struct {
    int fd, events;
} Ready;

/* First all, then acted upon: acting adds and removes sockets. */
static GArray *ready_sockets(AwsHttp *http)
{
    GArray *ready = g_array_new(FALSE, FALSE, sizeof(Ready));
    GHashTableIter each;
    void *fd, *tag;
    g_hash_table_iter_init(&each, http->sockets);
    while (g_hash_table_iter_next(&each, &fd, &tag)) {
        GIOCondition condition = g_source_query_unix_fd(http->source, tag);
        Ready found = {.fd = GPOINTER_TO_INT(fd)};
        if (condition & (G_IO_IN | G_IO_HUP))
            found.events |= CURL_CSELECT_IN;
        if (condition & G_IO_OUT)
            found.events |= CURL_CSELECT_OUT;
        if (condition & G_IO_ERR)
            found.events |= CURL_CSELECT_ERR;
        if (found.events)
            g_array_append_val(ready, found);
    }
    return ready;
}

static gboolean dispatch(GSource *source, GSourceFunc callback, void *data)
{
    (void)callback;
    (void)data;
    AwsHttp *http = ((HttpSource *)source)->http;
    int running;
    int64_t due_us = g_source_get_ready_time(source);
    g_autoptr(GArray) ready = ready_sockets(http);
    for (guint i = 0; i < ready->len; i++) {
        const Ready *found = &g_array_index(ready, Ready, i);
        curl_multi_socket_action(http->multi, found->fd, found->events, &running);
    }
    if (due_us >= 0 && due_us <= g_get_monotonic_time()) {
        g_source_set_ready_time(source, -1);
        curl_multi_socket_action(http->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    }
    finish_all(http);
    return G_SOURCE_CONTINUE;
}

static GSourceFuncs source_funcs = {.dispatch = dispatch};

AwsHttp *aws_http_new(GMainContext *context, int connections_max)
{
    AwsHttp *http = g_new0(AwsHttp, 1);
    http->multi = curl_multi_init();
    http->sockets = g_hash_table_new(NULL, NULL);
    http->calls = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, call_free);
    g_queue_init(&http->impossible);
    http->source = g_source_new(&source_funcs, sizeof(HttpSource));
    ((HttpSource *)http->source)->http = http;
    g_source_set_name(http->source, "aws-http");
    curl_multi_setopt(http->multi, CURLMOPT_SOCKETFUNCTION, watch_socket);
    curl_multi_setopt(http->multi, CURLMOPT_SOCKETDATA, http);
    curl_multi_setopt(http->multi, CURLMOPT_TIMERFUNCTION, set_timer);
    curl_multi_setopt(http->multi, CURLMOPT_TIMERDATA, http);
    curl_multi_setopt(http->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, (long)connections_max);
    g_source_attach(http->source, context);
    return http;
}

void aws_http_free(AwsHttp *http)
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
    g_free(http);
}

/* ---- one request ---- */

static size_t take_body(char *bytes, size_t size, size_t len, void *data)
{
    Call *call = data;
    size_t total = size * len;
    if (total > call->body_max - call->body->len) {
        call->is_too_large = true;
        return 0;
    }
    g_string_append_len(call->body, bytes, (gssize)total);
    return total;
}

static bool has_header(const AwsHttpRequest *request, const char *name)
{
    size_t len = strlen(name);
    for (const char *const *header = request->headers; header && *header; header++)
        if (g_ascii_strncasecmp(*header, name, len) == 0 && (*header)[len] == ':')
            return true;
    return false;
}

/* What libcurl would add by itself is taken out: it would not be signed. */
static void set_headers(Call *call, const AwsHttpRequest *request)
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

static void set_body(CURL *easy, const AwsHttpRequest *request)
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

static void set_transport(CURL *easy, const AwsHttpRequest *request)
{
    curl_easy_setopt(easy, CURLOPT_URL, request->url);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "muster/" MUSTER_VERSION);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)MIN(request->connect_ms, G_MAXINT));
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)MIN(request->timeout_ms, G_MAXINT));
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
    if (request->ca_bundle) {
        curl_easy_setopt(easy, CURLOPT_CAINFO, request->ca_bundle);
        curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
    }
    if (request->skips_proxy)
        curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
    else if (request->proxy)
        curl_easy_setopt(easy, CURLOPT_PROXY, request->proxy);
}

uint64_t aws_http_send(AwsHttp *http, const AwsHttpRequest *request, AwsHttpDone done, void *data)
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

void aws_http_cancel(AwsHttp *http, uint64_t id)
{
    g_hash_table_remove(http->calls, &id);
}

const char *aws_http_header(const AwsHttpAnswer *answer, const char *name)
{
    struct curl_header *header;
    bool is_found = curl_easy_header(answer->easy, name, 0, CURLH_HEADER, -1, &header) == CURLHE_OK &&
                    (header->amount == 1 || curl_easy_header(answer->easy, name, header->amount - 1,
                                                             CURLH_HEADER, -1, &header) == CURLHE_OK);
    return is_found ? header->value : NULL;
}
