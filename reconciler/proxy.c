/* proxy.c: see proxy.h. */
#include "reconciler/proxy.h"
#include <glib-unix.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>
#include "reconciler/api/listener.h"
#include "reconciler/api/remote.h"
#include "reconciler/clock.h"
#include "reconciler/provider/http/http_client.h"
#include "reconciler/proxy_check.h"
#include "spec/sigv4.h"

#define CONNECTIONS_MAX 64 /* to the daemon: what is more waits */
#define CONNECT_MS      10000
#define ANSWER_MS       35000 /* the daemon answers within LISTENER_REQUEST_MS or cuts off */
#define REQUEST_MS      60000 /* of a client: longer than the daemon may take, so that it is told */
#define FINISH_MS       5000  /* what is under way may take so long when it has to end */
#define UNIQUE_HEADER   "X-Muster-Request"
#define SIGNED_REGION   "us-east-1" /* the daemon takes any */
#define SIGNED_SERVICE  "batch"

typedef struct {
    const ProxyOptions *options;
    const char *host; /* of the daemon, with its port, as it is signed */
    GMainContext *context;
    Listener *listener;
    HttpClient *http;
    SigV4Key derived;
    GQueue under_way; /* of Passing*, owned */
    bool is_stopping, is_late;
} Proxy;

/* One request on its way. */
typedef struct {
    Proxy *proxy;
    ListenerRequest *request;
    GList *link;
    bool changes;
} Passing;

/* ---- answers ---- */

static char **answer_headers(const char *error_type, const char *request_id)
{
    g_autoptr(GStrvBuilder) builder = g_strv_builder_new();
    g_autofree char *made = request_id ? NULL : g_uuid_string_random();
    g_strv_builder_add_many(builder, "x-amzn-RequestId", request_id ? request_id : made, NULL);
    if (error_type)
        g_strv_builder_add_many(builder, "x-amzn-ErrorType", error_type, NULL);
    return g_strv_builder_end(builder);
}

static void refuse(ListenerRequest *request, const ProxyRefusal *refusal)
{
    ListenerAnswer answer = {.status = refusal->status, .headers = answer_headers(refusal->type, NULL)};
    answer.text = proxy_refusal_body(refusal, &answer.type);
    listener_answer(request, &answer);
}

/* Takes message. */
static void fail(ListenerRequest *request, unsigned status, const char *type, char *message)
{
    g_auto(ProxyRefusal) refusal = {status, type, message, PROXY_FORM_JSON};
    refuse(request, &refusal);
}

/* ---- back ---- */

static void pass_back(ListenerRequest *request, const HttpAnswer *answer)
{
    const char *retry = http_header(answer, "Retry-After");
    g_autofree char *error_type = g_strdup(http_header(answer, "x-amzn-ErrorType")),
                    *id = g_strdup(http_header(answer, "x-amzn-RequestId"));
    listener_answer(request,
                    &(ListenerAnswer){.status = (unsigned)answer->status,
                                      .type = "application/json",
                                      .text = g_memdup2(answer->body.data, answer->body.len + 1),
                                      .len = answer->body.len,
                                      .headers = answer_headers(error_type, id),
                                      .retry_after_s = retry ? g_ascii_strtoll(retry, NULL, 10) : 0});
}

static void tell_broken(const Passing *passing, const HttpAnswer *answer)
{
    const char *url = passing->proxy->options->url;
    bool is_sent = answer->end != HTTP_UNREACHABLE && answer->end != HTTP_IMPOSSIBLE;
    const char *left = is_sent && passing->changes ? "; whether it was carried out is not known"
                       : is_sent                   ? ""
                                                   : "; nothing was sent";
    fail(passing->request, answer->end == HTTP_LATE ? 504 : 502, "ServerException",
         g_strdup_printf("muster proxy: %s: %s%s", url, answer->error, left));
}

static void passing_free(Passing *passing)
{
    g_queue_delete_link(&passing->proxy->under_way, passing->link);
    g_free(passing);
}

static void on_answer(const HttpAnswer *answer, void *data)
{
    Passing *passing = data;
    if (answer->end == HTTP_ANSWERED)
        pass_back(passing->request, answer);
    else
        tell_broken(passing, answer);
    passing_free(passing);
}

/* ---- on ---- */

static char *authorization_of(Proxy *proxy, const SigV4Request *request, int64_t now_ms)
{
    static const SigV4Scope scope = {SIGNED_REGION, SIGNED_SERVICE};
    return sigv4_authorization(request, &scope, proxy->options->id, proxy->options->secret, now_ms,
                               &proxy->derived);
}

/* Lines "Name: value" of what is sent, signed; free with g_strfreev(). */
static char **signed_headers(Proxy *proxy, const ListenerRequest *request)
{
    const char *target = listener_target(request), *question = strchr(target, '?');
    const char *amz_target = listener_header(request, "x-amz-target"),
               *type = listener_header(request, "content-type");
    g_autofree char *path = question ? g_strndup(target, (gsize)(question - target)) : g_strdup(target),
                    *unique = g_uuid_string_random();
    int64_t now_ms = clock_ms();
    char time[SIGV4_TIME_TEXT];
    sigv4_time_text(now_ms, time);
    SigV4Header headers[5] = {{"Host", proxy->host}, {"X-Amz-Date", time}, {UNIQUE_HEADER, unique}};
    size_t len = 3;
    if (type)
        headers[len++] = (SigV4Header){"Content-Type", type};
    if (amz_target)
        headers[len++] = (SigV4Header){"X-Amz-Target", amz_target};
    const SigV4Request signing = {.method = listener_method(request),
                                  .path = path,
                                  .query = question ? question + 1 : NULL,
                                  .headers = headers,
                                  .headers_len = len,
                                  .body = listener_body(request)};
    g_autofree char *authorization = authorization_of(proxy, &signing, now_ms);
    g_autoptr(GStrvBuilder) lines = g_strv_builder_new();
    for (size_t i = 0; i < len; i++) {
        g_autofree char *line = g_strdup_printf("%s: %s", headers[i].name, headers[i].value);
        g_strv_builder_add(lines, line);
    }
    g_autofree char *line = g_strconcat("Authorization: ", authorization, NULL);
    g_strv_builder_add(lines, line);
    return g_strv_builder_end(lines);
}

static void pass_on(Proxy *proxy, ListenerRequest *request, const Operation *operation)
{
    g_auto(GStrv) headers = signed_headers(proxy, request);
    g_autofree char *url = g_strconcat(proxy->options->url, listener_target(request), NULL);
    View body = listener_body(request);
    Passing *passing = g_new0(Passing, 1);
    *passing = (Passing){.proxy = proxy, .request = request, .changes = operation->changes};
    g_queue_push_tail(&proxy->under_way, passing);
    passing->link = proxy->under_way.tail;
    http_send(proxy->http,
              &(HttpRequest){.method = listener_method(request),
                             .url = url,
                             .headers = (const char *const *)headers,
                             .body = body.len ? body : VIEW(""),
                             .connect_ms = CONNECT_MS,
                             .timeout_ms = ANSWER_MS,
                             .ca_bundle = proxy->options->authorities,
                             .is_once = operation->changes},
              on_answer, passing);
}

/* ---- arriving ---- */

static const Operation *check(const ListenerRequest *request, ProxyRefusal *ret_refusal)
{
    const ProxyQuestion question = {.method = listener_method(request),
                                    .target = listener_target(request),
                                    .host = listener_header(request, "host"),
                                    .origin = listener_header(request, "origin"),
                                    .authorization = listener_header(request, "authorization"),
                                    .amz_target = listener_header(request, "x-amz-target"),
                                    .content_type = listener_header(request, "content-type")};
    return proxy_check(&question, ret_refusal);
}

/* Before the body is read: what is not passed on may be as large as it likes. */
static void on_begin(ListenerRequest *request, void *data)
{
    g_auto(ProxyRefusal) refusal = {0};
    (void)data;
    if (!check(request, &refusal))
        refuse(request, &refusal);
}

static void on_take(ListenerRequest *request, void *data)
{
    Proxy *proxy = data;
    g_auto(ProxyRefusal) refusal = {0};
    const Operation *operation = check(request, &refusal);
    if (!operation)
        refuse(request, &refusal);
    else if (proxy->is_stopping)
        fail(request, 503, "ServiceUnavailable", g_strdup("muster proxy stops"));
    else
        pass_on(proxy, request, operation);
}

/* ---- running ---- */

static gboolean on_late(gpointer data)
{
    ((Proxy *)data)->is_late = true;
    return G_SOURCE_REMOVE;
}

static gboolean on_stop(int fd, GIOCondition condition, gpointer data)
{
    Proxy *proxy = data;
    (void)fd;
    (void)condition;
    proxy->is_stopping = true;
    g_autoptr(GSource) late = g_timeout_source_new(FINISH_MS);
    g_source_set_callback(late, on_late, proxy, NULL);
    g_source_attach(late, proxy->context);
    return G_SOURCE_REMOVE;
}

/* Until it is told to stop, and then until what is under way has ended. */
static void turn(Proxy *proxy, int stop_fd)
{
    g_autoptr(GSource) stop = g_unix_fd_source_new(stop_fd, G_IO_IN);
    g_source_set_callback(stop, G_SOURCE_FUNC(on_stop), proxy, NULL);
    g_source_attach(stop, proxy->context);
    while (!proxy->is_stopping)
        g_main_context_iteration(proxy->context, TRUE);
    listener_close(proxy->listener);
    while (proxy->under_way.length > 0 && !proxy->is_late)
        g_main_context_iteration(proxy->context, TRUE);
    g_source_destroy(stop);
}

static bool open_listener(Proxy *proxy, GError **error)
{
    const ListenerRoute route = {.method = LISTENER_ANY_METHOD,
                                 .path = LISTENER_ANY_PATH,
                                 .body_max = REMOTE_BODY_MAX,
                                 .keeps = true,
                                 .begin = on_begin,
                                 .take = on_take};
    ListenerOptions options = {.routes = &route, .routes_len = 1, .request_ms = REQUEST_MS, .data = proxy};
    if (listen_address_parse(proxy->options->listen, &options.address, error))
        proxy->listener = listener_new(&options, error);
    return proxy->listener != NULL;
}

/* What the daemon did not answer in time, when the proxy has to end. */
static void leave(Proxy *proxy)
{
    http_free(proxy->http);
    for (const Passing *passing; (passing = g_queue_peek_head(&proxy->under_way));) {
        fail(passing->request, 503, "ServiceUnavailable",
             g_strdup("muster proxy stopped before an answer came"));
        passing_free(proxy->under_way.head->data);
    }
    while (g_main_context_iteration(proxy->context, FALSE))
        ;
    listener_free(proxy->listener);
}

bool proxy_run(const ProxyOptions *options, int stop_fd, GError **error)
{
    g_autoptr(GMainContext) context = g_main_context_new();
    Proxy proxy = {.options = options, .host = strstr(options->url, "://") + 3, .context = context};
    g_queue_init(&proxy.under_way);
    g_main_context_push_thread_default(context);
    bool is_open = open_listener(&proxy, error);
    if (is_open) {
        g_autofree char *where = listener_text(proxy.listener);
        proxy.http = http_new(context, CONNECTIONS_MAX);
        fprintf(stderr, "muster proxy: listening at http://%s for AWS Batch, passed on to %s as %s\n", where,
                options->url, options->id);
        turn(&proxy, stop_fd);
        leave(&proxy);
    }
    g_main_context_pop_thread_default(context);
    OPENSSL_cleanse(&proxy.derived, sizeof proxy.derived);
    return is_open;
}
