/* listener_test.c: HTTP over TCP against a client that sends what it likes: limits, slow clients, answers
 * that come later. */
#include "reconciler/api/listener.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ECHO_MAX   1000
#define LARGE_MAX  (LISTENER_BODIES_MAX + ((size_t)1 << 20))
#define REQUEST_MS 300

#define CONNECTIONS_MAX 64

typedef struct {
    GMainContext *context;
    GMainLoop *loop;
    GThread *thread;
    Listener *listener;
    in_port_t port;
    int64_t request_ms;
    GMutex mutex;
    GCond changed;
} Fixture;

static void answer(ListenerRequest *request, unsigned status, char *text)
{
    listener_answer(request, &(ListenerAnswer){.status = status, .text = text});
}

static void echo_begin(ListenerRequest *request, void *data)
{
    (void)data;
    if (listener_header(request, "x-refuse"))
        listener_answer(request,
                        &(ListenerAnswer){.status = 429, .text = g_strdup("no"), .retry_after_s = 7});
}

static void echo_take(ListenerRequest *request, void *data)
{
    View body = listener_body(request);
    (void)data;
    answer(request, 200, g_strdup_printf("%s:" VIEW_FMT, listener_below(request), VIEW_ARG(body)));
}

static gboolean answer_now(gpointer request)
{
    answer(request, 200, g_strdup("later"));
    return G_SOURCE_REMOVE;
}

static void later_take(ListenerRequest *request, void *data)
{
    (void)data;
    g_autoptr(GSource) source = g_timeout_source_new(1);
    g_source_set_callback(source, answer_now, request, NULL);
    g_source_attach(source, g_main_context_get_thread_default());
}

static void large_take(ListenerRequest *request, void *data)
{
    (void)data;
    answer(request, 200, g_strdup_printf("%zu", listener_body(request).len));
}

static gboolean close_now(gpointer data)
{
    listener_close(((Fixture *)data)->listener);
    return G_SOURCE_REMOVE;
}

static void close_take(ListenerRequest *request, void *data)
{
    close_now(data);
    answer(request, 200, NULL);
}

static char kept_data[] = "of the route";

static void note_header(const char *name, const char *value, void *data)
{
    if (g_str_has_prefix(name, "X-"))
        g_string_append_printf(data, " %s=%s", name, value);
}

static void kept_take(ListenerRequest *request, void *data)
{
    g_autoptr(GString) text = g_string_new(NULL);
    const struct sockaddr *peer = listener_peer(request);
    const char *const headers[] = {"X-One", "1", "X-Two", "2", NULL};
    g_string_append_printf(text, "%s %s %s", listener_method(request), listener_target(request),
                           (const char *)data);
    listener_headers(request, note_header, text);
    g_string_append(text, peer->sa_family == AF_INET ? " from IPv4" : " from elsewhere");
    listener_answer(request, &(ListenerAnswer){.status = 200,
                                               .text = g_strdup(text->str),
                                               .headers = g_strdupv((char **)(uintptr_t)headers)});
}

static const ListenerRoute routes[] = {
    {.method = "POST", .path = "/echo/", .body_max = ECHO_MAX, .begin = echo_begin, .take = echo_take},
    {.method = "POST", .path = "/large", .body_max = LARGE_MAX, .take = large_take},
    {.method = "GET", .path = "/later", .take = later_take},
    {.method = "*",
     .path = "/kept/",
     .body_max = ECHO_MAX,
     .keeps = true,
     .take = kept_take,
     .data = kept_data},
    {.method = "POST", .path = "/both", .body_max = ECHO_MAX, .take = large_take},
    {.method = "GET", .path = "/both", .take = kept_take, .data = kept_data},
    {.method = "GET", .path = "/close", .take = close_take}};

static gpointer serve(gpointer data)
{
    Fixture *fixture = data;
    GError *error = NULL;
    ListenerOptions options = {.connections_max = CONNECTIONS_MAX,
                               .routes = routes,
                               .routes_len = G_N_ELEMENTS(routes),
                               .request_ms = fixture->request_ms,
                               .data = fixture};
    g_main_context_push_thread_default(fixture->context);
    g_assert_true(listen_address_parse(":0", &options.address, &error));
    Listener *listener = listener_new(&options, &error);
    g_assert_no_error(error);
    g_autofree char *text = listener_text(listener);
    g_mutex_lock(&fixture->mutex);
    fixture->port = htons((uint16_t)g_ascii_strtoull(strchr(text, ':') + 1, NULL, 10));
    fixture->listener = listener;
    g_cond_signal(&fixture->changed);
    g_mutex_unlock(&fixture->mutex);
    g_main_loop_run(fixture->loop);
    listener_free(listener);
    g_main_context_pop_thread_default(fixture->context);
    return NULL;
}

static void set_up(Fixture *fixture, gconstpointer data)
{
    fixture->request_ms = GPOINTER_TO_INT(data);
    fixture->context = g_main_context_new();
    fixture->loop = g_main_loop_new(fixture->context, FALSE);
    g_mutex_init(&fixture->mutex);
    g_cond_init(&fixture->changed);
    g_mutex_lock(&fixture->mutex);
    fixture->thread = g_thread_new("listener", serve, fixture);
    while (!fixture->listener)
        g_cond_wait(&fixture->changed, &fixture->mutex);
    g_mutex_unlock(&fixture->mutex);
}

static gboolean quit(gpointer data)
{
    g_main_loop_quit(((Fixture *)data)->loop);
    return G_SOURCE_REMOVE;
}

static void tear_down(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GSource) source = g_idle_source_new();
    (void)data;
    g_source_set_callback(source, quit, fixture, NULL);
    g_source_attach(source, fixture->context);
    g_thread_join(fixture->thread);
    g_main_loop_unref(fixture->loop);
    g_main_context_unref(fixture->context);
}

/* ---- a client ---- */

static int client(const Fixture *fixture)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = fixture->port};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    g_assert_cmpint(connect(fd, (struct sockaddr *)&address, sizeof address), ==, 0);
    return fd;
}

/* Up to its end or a fault: new string. */
static char *read_all(int fd)
{
    GString *text = g_string_new(NULL);
    char buffer[4096];
    for (ssize_t len; (len = read(fd, buffer, sizeof buffer)) > 0;)
        g_string_append_len(text, buffer, len);
    close(fd);
    return g_string_free(text, FALSE);
}

static void write_all(int fd, const char *text, size_t len)
{
    for (ssize_t done; len > 0 && (done = send(fd, text, len, MSG_NOSIGNAL)) > 0; text += done)
        len -= (size_t)done;
}

static char *ask(const Fixture *fixture, const char *text)
{
    int fd = client(fixture);
    write_all(fd, text, strlen(text));
    return read_all(fd);
}

static void assert_answer(const Fixture *fixture, const char *request, const char *const *parts)
{
    g_autofree char *answered = ask(fixture, request);
    for (; *parts; parts++)
        if (!strstr(answered, *parts))
            g_error("no \"%s\" in: %s", *parts, answered);
}
#define ASSERT_ANSWER(request, ...) assert_answer(fixture, request, (const char *const[]){__VA_ARGS__, NULL})

/* One answer with a length, of a connection that stays. */
static char *read_answer(int fd)
{
    GString *text = g_string_new(NULL);
    char byte;
    for (const char *end, *length; read(fd, &byte, 1) == 1;) {
        g_string_append_c(text, byte);
        end = strstr(text->str, "\r\n\r\n");
        length = strstr(text->str, "Content-Length: ");
        if (end && length &&
            strlen(end + 4) == g_ascii_strtoull(length + strlen("Content-Length: "), NULL, 10))
            break;
    }
    return g_string_free(text, FALSE);
}

/* ---- tests ---- */

static void test_kept(Fixture *fixture, gconstpointer data)
{
    static const char request[] =
        "PUT /kept/a%2Fb?c=%20d HTTP/1.1\r\nHost: h\r\nX-A: 1\r\nX-A: 2\r\nContent-Length: 1\r\n\r\nx";
    int fd = client(fixture);
    (void)data;
    for (int i = 0; i < 3; i++) {
        write_all(fd, request, strlen(request));
        g_autofree char *answered = read_answer(fd);
        g_assert_nonnull(strstr(answered, "PUT /kept/a%2Fb?c=%20d of the route X-A=1 X-A=2 from IPv4"));
        g_assert_nonnull(strstr(answered, "X-One: 1\r\n"));
        g_assert_nonnull(strstr(answered, "X-Two: 2\r\n"));
        g_assert_null(strstr(answered, "Connection: close"));
    }
    close(fd);
}

/* Each answer begins the time anew; who then asks no more is cut off. */
static void test_kept_time(Fixture *fixture, gconstpointer data)
{
    static const char request[] = "GET /kept/ HTTP/1.1\r\nHost: h\r\n\r\n";
    int fd = client(fixture);
    int64_t start_us = g_get_monotonic_time();
    (void)data;
    while (g_get_monotonic_time() - start_us < fixture->request_ms * 1000 * 5 / 4) {
        write_all(fd, request, strlen(request));
        g_autofree char *answered = read_answer(fd);
        g_assert_true(g_str_has_prefix(answered, "HTTP/1.1 200 "));
        g_usleep((gulong)fixture->request_ms * 1000 / 5);
    }
    g_autofree char *rest = read_all(fd); /* returns only because it is cut off */
    g_assert_cmpstr(rest, ==, "");
}

static void test_answers(Fixture *fixture, gconstpointer data)
{
    (void)data;
    ASSERT_ANSWER("POST /echo/a/b%20c HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nxyz", "HTTP/1.1 200 ",
                  "Connection: close", "Cache-Control: no-store", "\r\n\r\na/b c:xyz");
    ASSERT_ANSWER(
        "POST /echo/ HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n",
        "HTTP/1.1 200 ", "\r\n\r\n:abc");
    ASSERT_ANSWER("GET /later HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 200 ", "\r\n\r\nlater");
    ASSERT_ANSWER("HEAD /later HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 200 ", "Content-Length: 5");
    ASSERT_ANSWER("POST /echo/ HTTP/1.1\r\nHost: h\r\nX-Refuse: 1\r\nContent-Length: 3\r\n\r\nxyz",
                  "HTTP/1.1 429 ", "Retry-After: 7", "\r\n\r\nno");
    ASSERT_ANSWER("GET /echo/a HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 405 ", "Allow: POST");
    ASSERT_ANSWER("POST /both HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi", "HTTP/1.1 200 ",
                  "\r\n\r\n2");
    ASSERT_ANSWER("GET /both HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 200 ", "GET /both of the route");
    ASSERT_ANSWER("PUT /both HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 405 ", "Allow: POST");
    ASSERT_ANSWER("GET /nothing HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 404 ");
    ASSERT_ANSWER("GET /later/than HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 404 ");
    /* What the Unix socket serves is not served here. */
    ASSERT_ANSWER("POST /v1/submitjob HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{}", "HTTP/1.1 404 ");
    ASSERT_ANSWER("POST /muster/v1/status HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{}",
                  "HTTP/1.1 404 ");
}

static void test_limits(Fixture *fixture, gconstpointer data)
{
    (void)data;
    g_autofree char *body = g_strnfill(ECHO_MAX + 1, 'x');
    g_autoptr(GString) most = g_string_new("POST /echo/ HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\n");
    g_string_append_len(most, body, ECHO_MAX);
    ASSERT_ANSWER(most->str, "HTTP/1.1 200 ");
    ASSERT_ANSWER("POST /echo/ HTTP/1.1\r\nHost: h\r\nContent-Length: 1001\r\n\r\n", "HTTP/1.1 413 ");
    ASSERT_ANSWER("POST /echo/ HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999\r\n\r\n", "HTTP/1.1 413 ");
    ASSERT_ANSWER("GET /later HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\n", "HTTP/1.1 413 ");
    g_autofree char *chunked = g_strdup_printf(
        "POST /echo/ HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n",
        ECHO_MAX + 1, body);
    ASSERT_ANSWER(chunked, "HTTP/1.1 413 ");
    g_autoptr(GString) headers = g_string_new("GET /later HTTP/1.1\r\n");
    for (int i = 0; i < LISTENER_HEADERS_MAX; i++)
        g_string_append_printf(headers, "H%d: v\r\n", i);
    g_autofree char *enough = g_strconcat(headers->str, "\r\n", NULL),
                    *too_many = g_strconcat(headers->str, "Host: h\r\n\r\n", NULL);
    ASSERT_ANSWER(too_many, "HTTP/1.1 431 ");
    g_autofree char *hosted =
        g_strconcat("GET /later HTTP/1.1\r\nHost: h\r\n", strchr(strstr(enough, "H1: "), 'H'), NULL);
    ASSERT_ANSWER(hosted, "HTTP/1.1 200 ");
    g_autofree char *long_value = g_strnfill(2 * LISTENER_HEADER_BYTES, 'x');
    g_autofree char *too_long =
        g_strdup_printf("GET /later HTTP/1.1\r\nHost: h\r\nX: %s\r\n\r\n", long_value);
    g_autofree char *answered = ask(fixture, too_long);
    g_assert_null(strstr(answered, "200 OK"));
}

/* All bodies together: one that is within its own limit is not taken when there is no room for it. */
static void test_bodies(Fixture *fixture, gconstpointer data)
{
    (void)data;
    const size_t lens[] = {LISTENER_BODIES_MAX, LISTENER_BODIES_MAX + 1, LISTENER_BODIES_MAX};
    const char *const expected[] = {"HTTP/1.1 200 ", "HTTP/1.1 503 ", "HTTP/1.1 200 "};
    g_autofree char *body = g_strnfill(LISTENER_BODIES_MAX + 1, 'x');
    for (size_t i = 0; i < G_N_ELEMENTS(lens); i++) {
        g_autofree char *head =
            g_strdup_printf("POST /large HTTP/1.1\r\nHost: h\r\nContent-Length: %zu\r\n\r\n", lens[i]);
        int fd = client(fixture);
        write_all(fd, head, strlen(head));
        write_all(fd, body, lens[i]);
        g_autofree char *answered = read_all(fd);
        g_assert_nonnull(strstr(answered, expected[i]));
    }
}

/* A byte now and then is not enough: without a limit this would go on until the headers are too long. */
static void test_slow(Fixture *fixture, gconstpointer data)
{
    static const char *const begins[] = {"", "GET /later HTTP/1.1\r\nHost: h\r\nX: ",
                                         "POST /echo/ HTTP/1.1\r\nHost: h\r\nContent-Length: 900\r\n\r\n"};
    (void)data;
    for (size_t i = 0; i < G_N_ELEMENTS(begins); i++) {
        int fd = client(fixture);
        write_all(fd, begins[i], strlen(begins[i]));
        char byte;
        ssize_t got;
        while ((got = recv(fd, &byte, 1, MSG_DONTWAIT)) < 0 && (errno == EAGAIN || errno == EINTR)) {
            if (*begins[i])
                write_all(fd, "x", 1);
            g_usleep(10000);
        }
        g_assert_cmpint(got, <=, 0); /* cut off without an answer */
        close(fd);
    }
    ASSERT_ANSWER("GET /later HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 200 ");
}

/* Say nothing, or never end what they say, and are more than there may be: who comes is heard at once, and
 * what is under way goes on. */
static void test_many(Fixture *fixture, gconstpointer data)
{
    static const char request[] = "GET /kept/ HTTP/1.1\r\nHost: h\r\n\r\n";
    int fds[3 * CONNECTIONS_MAX];
    int64_t start_us = g_get_monotonic_time();
    (void)data;
    for (size_t i = 0; i < G_N_ELEMENTS(fds); i++) {
        fds[i] = client(fixture);
        if (i % 2)
            write_all(fds[i], request, strlen(request) - 3);
        if (i % CONNECTIONS_MAX == 0)
            ASSERT_ANSWER("GET /later HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 200 ");
    }
    ASSERT_ANSWER("GET /later HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 200 ");
    g_assert_cmpint(g_get_monotonic_time() - start_us, <,
                    8000000); /* else they are cut off after ten seconds */
    for (size_t i = 0; i < G_N_ELEMENTS(fds); i++)
        close(fds[i]);
}

static void test_closing(Fixture *fixture, gconstpointer data)
{
    (void)data;
    ASSERT_ANSWER("GET /close HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 200 ");
    ASSERT_ANSWER("GET /later HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 503 ");
}

static void test_taken(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    ListenerOptions options = {.routes = routes, .routes_len = G_N_ELEMENTS(routes)};
    g_autofree char *text = g_strdup_printf(":%u", ntohs(fixture->port));
    (void)data;
    g_assert_true(listen_address_parse(text, &options.address, NULL));
    g_assert_null(listener_new(&options, &error));
    g_assert_nonnull(strstr(error->message, "Address already in use"));
}

#define TEST(name, ms)                                                                                       \
    g_test_add("/listener/" #name, Fixture, GINT_TO_POINTER(ms), set_up, test_##name, tear_down)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    TEST(answers, 0);
    TEST(limits, 0);
    TEST(bodies, 0);
    TEST(slow, REQUEST_MS);
    TEST(many, 0);
    TEST(closing, 0);
    TEST(taken, 0);
    TEST(kept, 0);
    TEST(kept_time, 2000);
    return g_test_run();
}
