#include "reconciler/provider/http/http_client.h"
#include "tests/support/http_script.h"

/* ---- a server that does as the path says ---- */

static char *answer(const char *request, int connection, void *data)
{
    (void)data;
    g_autofree char *number =
        g_strdup_printf("X-Connection: %d\r\nX-Twice: a\r\nX-Twice:  last \r\n", connection);
    if (strstr(request, " /close "))
        return NULL;
    if (strstr(request, " /hang "))
        return g_strdup("");
    if (strstr(request, " /half "))
        return g_strdup("HTTP/1.1 200 OK\r\nContent-Length: 100\r\nConnection: close\r\n\r\nhalf");
    if (strstr(request, " /none "))
        return g_strdup("nonsense\r\n\r\n");
    if (strstr(request, " /elsewhere "))
        return http_answer(302, "Location: /echo\r\n", "");
    if (strstr(request, " /fault "))
        return http_answer(503, number, "<html>");
    if (strstr(request, " /large ")) {
        g_autofree char *large = g_strnfill(5000, 'x');
        return http_answer(200, "", large);
    }
    return http_answer(200, number, request);
}

/* ---- a client ---- */

typedef struct {
    GMainContext *context;
    HttpServer *server;
    HttpClient *http;
} Fixture;

typedef struct {
    int times;
    HttpEnd end;
    long status;
    char *body, *error, *connection, *twice;
} Got;

static void got_clear(Got *got)
{
    g_free(got->body);
    g_free(got->error);
    g_free(got->connection);
    g_free(got->twice);
    *got = (Got){0};
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Got, got_clear)

static void set_up(Fixture *fixture, const void *data)
{
    (void)data;
    fixture->context = g_main_context_new();
    fixture->server = http_server_new(answer, NULL);
    fixture->http = http_new(fixture->context, 4);
}

static void tear_down(Fixture *fixture, const void *data)
{
    (void)data;
    http_free(fixture->http);
    http_server_free(fixture->server);
    g_main_context_unref(fixture->context);
}

static void take(const HttpAnswer *said, void *data)
{
    Got *got = data;
    got->times++;
    got->end = said->end;
    got->status = said->status;
    got->body = g_strndup(said->body.data, said->body.len);
    got->error = g_strdup(said->error);
    got->connection = g_strdup(http_header(said, "x-connection"));
    got->twice = g_strdup(http_header(said, "X-TWICE"));
}

static uint64_t send_to(Fixture *fixture, const char *path, HttpRequest request, Got *ret_got)
{
    g_autofree char *url = http_url(fixture->server, path);
    request.url = path[0] == '/' ? url : path;
    request.method = request.method ? request.method : "GET";
    request.connect_ms = request.connect_ms ? request.connect_ms : 10000;
    request.timeout_ms = request.timeout_ms ? request.timeout_ms : 30000;
    uint64_t id = http_send(fixture->http, &request, take, ret_got);
    g_assert_cmpint(ret_got->times, ==, 0); /* never before it has returned */
    return id;
}

static void wait_for(Fixture *fixture, const Got *got)
{
    while (!got->times)
        g_main_context_iteration(fixture->context, TRUE);
    g_assert_cmpint(got->times, ==, 1);
}

/* ---- tests ---- */

/* Nothing is sent but what was asked for: what libcurl adds by itself would not be signed. */
static void test_request(Fixture *fixture, const void *data)
{
    (void)data;
    g_auto(Got) got = {0};
    const char *const headers[] = {"X-Amz-Target: A.B", "Content-Type: application/x-amz-json-1.1", NULL};
    send_to(fixture, "/echo", (HttpRequest){.method = "POST", .headers = headers, .body = VIEW("{}")}, &got);
    wait_for(fixture, &got);
    g_autofree char *right =
        g_strdup_printf("POST /echo HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUser-Agent: muster/" MUSTER_VERSION
                        "\r\nX-Amz-Target: A.B\r\nContent-Type: application/x-amz-json-1.1\r\n"
                        "Content-Length: 2\r\n\r\n{}",
                        fixture->server->port);
    g_assert_cmpint(got.end, ==, HTTP_ANSWERED);
    g_assert_cmpint(got.status, ==, 200);
    g_assert_cmpstr(got.body, ==, right);
    g_assert_cmpstr(got.twice, ==, "last");
    g_assert_null(got.error);
}

static void test_methods(Fixture *fixture, const void *data)
{
    (void)data;
    const struct {
        const char *method;
        View body;
        const char *first, *has;
    } cases[] = {{"GET", {0}, "GET /echo ", NULL},
                 {"PUT", VIEW(""), "PUT /echo ", "Content-Length: 0\r\n"},
                 {"POST", VIEW("a=b"), "POST /echo ", "Content-Length: 3\r\n"}};
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_auto(Got) got = {0};
        send_to(fixture, "/echo", (HttpRequest){.method = cases[i].method, .body = cases[i].body}, &got);
        wait_for(fixture, &got);
        g_assert_true(g_str_has_prefix(got.body, cases[i].first));
        g_assert_true(!cases[i].has || strstr(got.body, cases[i].has));
        g_assert_null(strstr(got.body, "Content-Type"));
    }
}

static void test_ends(Fixture *fixture, const void *data)
{
    (void)data;
    const struct {
        const char *path;
        HttpRequest request;
        HttpEnd end;
        long status;
    } cases[] = {
        {"/fault", {0}, HTTP_ANSWERED, 503},
        {"/elsewhere", {0}, HTTP_ANSWERED, 302},
        {"/close", {.method = "POST", .body = VIEW("{}")}, HTTP_BROKEN, 0},
        {"/half", {0}, HTTP_BROKEN, 0},
        {"/none", {0}, HTTP_BROKEN, 0},
        {"/hang", {.timeout_ms = 1000}, HTTP_LATE, 0},
        {"/large", {.answer_max = 4999}, HTTP_TOO_LARGE, 0},
        {"/large", {.answer_max = 5000}, HTTP_ANSWERED, 200},
        {"http://127.0.0.1:1/", {.skips_proxy = true}, HTTP_UNREACHABLE, 0},
        {"http://host.invalid/", {.skips_proxy = true}, HTTP_UNREACHABLE, 0},
        {"ftp://127.0.0.1/", {0}, HTTP_IMPOSSIBLE, 0},
        {"http://", {0}, HTTP_IMPOSSIBLE, 0},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_auto(Got) got = {0};
        send_to(fixture, cases[i].path, cases[i].request, &got);
        wait_for(fixture, &got);
        g_test_message("%s: %d, %s", cases[i].path, got.end, got.error ? got.error : "no error");
        g_assert_cmpint(got.end, ==, cases[i].end);
        g_assert_cmpint(got.status, ==, cases[i].status);
        g_assert_true((got.error == NULL) == (got.end == HTTP_ANSWERED));
    }
}

/* The server speaks no TLS. */
static void test_tls(Fixture *fixture, const void *data)
{
    (void)data;
    g_autofree char *url = g_strdup_printf("https://127.0.0.1:%d/echo", fixture->server->port);
    g_auto(Got) plain = {0};
    g_auto(Got) no_bundle = {0};
    send_to(fixture, url, (HttpRequest){0}, &plain);
    wait_for(fixture, &plain);
    g_assert_cmpint(plain.end, ==, HTTP_UNREACHABLE);
    send_to(fixture, url, (HttpRequest){.ca_bundle = "/nonexistent"}, &no_bundle);
    wait_for(fixture, &no_bundle);
    g_assert_cmpint(no_bundle.end, ==, HTTP_IMPOSSIBLE);
}

/* One after the other they share a connection; at once they take no more than there may be. */
static void test_connections(Fixture *fixture, const void *data)
{
    (void)data;
    g_auto(Got) first = {0};
    g_auto(Got) second = {0};
    send_to(fixture, "/echo", (HttpRequest){0}, &first);
    wait_for(fixture, &first);
    send_to(fixture, "/echo", (HttpRequest){0}, &second);
    wait_for(fixture, &second);
    g_assert_cmpstr(second.connection, ==, first.connection);
    Got many[40] = {0};
    for (size_t i = 0; i < G_N_ELEMENTS(many); i++)
        send_to(fixture, "/echo", (HttpRequest){0}, &many[i]);
    for (size_t i = 0; i < G_N_ELEMENTS(many); i++) {
        wait_for(fixture, &many[i]);
        g_assert_cmpint(many[i].end, ==, HTTP_ANSWERED);
        got_clear(&many[i]);
    }
    g_assert_cmpint(fixture->server->connections, <=, 4);
}

/* A proxy that does not exist is asked, unless it is to be left out. */
static void test_proxy(Fixture *fixture, const void *data)
{
    (void)data;
    g_auto(Got) by_proxy = {0};
    g_auto(Got) past_it = {0};
    send_to(fixture, "/echo", (HttpRequest){.proxy = "http://127.0.0.1:1"}, &by_proxy);
    wait_for(fixture, &by_proxy);
    g_assert_cmpint(by_proxy.end, ==, HTTP_UNREACHABLE);
    send_to(fixture, "/echo", (HttpRequest){.proxy = "http://127.0.0.1:1", .skips_proxy = true}, &past_it);
    wait_for(fixture, &past_it);
    g_assert_cmpint(past_it.end, ==, HTTP_ANSWERED);
}

static void test_cancel(Fixture *fixture, const void *data)
{
    (void)data;
    g_auto(Got) cancelled = {0};
    g_auto(Got) other = {0};
    uint64_t id = send_to(fixture, "/hang", (HttpRequest){0}, &cancelled);
    uint64_t impossible = send_to(fixture, "ftp://a/", (HttpRequest){0}, &cancelled);
    http_cancel(fixture->http, id);
    http_cancel(fixture->http, id);
    http_cancel(fixture->http, impossible);
    send_to(fixture, "/echo", (HttpRequest){0}, &other);
    wait_for(fixture, &other);
    g_assert_cmpint(cancelled.times, ==, 0);
    g_auto(Got) left = {0};
    send_to(fixture, "/hang", (HttpRequest){0}, &left); /* ended with the fixture */
}

/* ---- from within an answer ---- */

typedef struct {
    Fixture *fixture;
    Got got;
} Chain;

static void send_next(const HttpAnswer *said, void *data)
{
    (void)said;
    Chain *chain = data;
    send_to(chain->fixture, "/echo", (HttpRequest){0}, &chain->got);
}

static void test_chain(Fixture *fixture, const void *data)
{
    (void)data;
    Chain chain = {.fixture = fixture};
    g_autofree char *url = http_url(fixture->server, "/fault");
    const HttpRequest request = {.method = "GET", .url = url, .connect_ms = 1000, .timeout_ms = 30000};
    http_send(fixture->http, &request, send_next, &chain);
    wait_for(fixture, &chain.got);
    g_assert_cmpint(chain.got.status, ==, 200);
    got_clear(&chain.got);
}

#define ADD(path, func) g_test_add(path, Fixture, NULL, set_up, func, tear_down)

/* ---- answers taken as they come, over a socket ---- */

typedef struct {
    Got got; /* first: what take() is given */
    GString *taken;
    size_t enough;
} Taking;

static bool take_bytes(View bytes, void *data)
{
    Taking *taking = data;
    g_string_append_len(taking->taken, bytes.data, (gssize)bytes.len);
    return taking->taken->len < taking->enough;
}

/* Only what succeeded is taken so; a fault is in the answer, and whoever has enough ends it. */
static void test_taken(Fixture *fixture, const void *data)
{
    (void)data;
    static const struct {
        const char *path;
        size_t enough;
        HttpEnd end;
        size_t taken;
        const char *body;
    } cases[] = {{"/large", G_MAXSIZE, HTTP_ANSWERED, 5000, ""},
                 {"/fault", G_MAXSIZE, HTTP_ANSWERED, 0, "<html>"},
                 {"/half", G_MAXSIZE, HTTP_BROKEN, 4, ""},
                 {"/large", 1, HTTP_BROKEN, 0, ""}};
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        Taking taking = {.taken = g_string_new(NULL), .enough = cases[i].enough};
        send_to(fixture, cases[i].path, (HttpRequest){.take = take_bytes}, &taking.got);
        wait_for(fixture, &taking.got);
        g_assert_cmpint(taking.got.end, ==, cases[i].end);
        g_assert_cmpstr(taking.got.body, ==, cases[i].body);
        if (cases[i].taken)
            g_assert_cmpuint(taking.taken->len, ==, cases[i].taken);
        g_string_free(taking.taken, TRUE);
        got_clear(&taking.got);
    }
}

static void test_no_socket(Fixture *fixture, const void *data)
{
    (void)data;
    g_auto(Got) got = {0};
    send_to(fixture, "/echo", (HttpRequest){.unix_socket = "/nonexistent/socket"}, &got);
    wait_for(fixture, &got);
    g_assert_cmpint(got.end, ==, HTTP_UNREACHABLE);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("/http/request", test_request);
    ADD("/http/methods", test_methods);
    ADD("/http/ends", test_ends);
    ADD("/http/tls", test_tls);
    ADD("/http/connections", test_connections);
    ADD("/http/proxy", test_proxy);
    ADD("/http/cancel", test_cancel);
    ADD("/http/chain", test_chain);
    ADD("/http/taken", test_taken);
    ADD("/http/no-socket", test_no_socket);
    return g_test_run();
}
