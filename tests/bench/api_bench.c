/* api_bench.c: requests to the API over TCP, each signed, over connections that stay.
 *
 *   api_bench PORT ID SECRET CONNECTIONS SECONDS PATH BODY
 *
 * Each connection sends the next request when its answer has come. "%d" in BODY is a number that is never
 * twice the same. Prints one line: answers in a second; median and 99th percentile of the time to an answer,
 * in microseconds; how many were not 200. "--bulk LINES" before PATH repeats BODY as so many lines. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include "reconciler/provider/aws/sigv4.h"

typedef struct {
    int fd;
    GString *out, *in;
    size_t sent;
    int64_t began_us;
} Connection;

typedef struct {
    const char *host, *path, *body;
    int lines;
    AwsCredentials *credentials;
    SigV4Key key;
    int64_t number;
    GArray *took_us; /* of int64_t */
    size_t bad_len;
} Bench;

static void die(const char *what)
{
    fprintf(stderr, "api_bench: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void append_body(Bench *bench, GString *body)
{
    const char *hole = strstr(bench->body, "%d");
    for (int line = 0; line < bench->lines; line++) {
        if (hole)
            g_string_append_printf(body, "%.*s%" G_GINT64_FORMAT "%s", (int)(hole - bench->body), bench->body,
                                   ++bench->number, hole + 2);
        else
            g_string_append(body, bench->body);
        if (bench->lines > 1)
            g_string_append_c(body, '\n');
    }
}

static void request_make(Bench *bench, Connection *connection)
{
    char time[SIGV4_TIME_TEXT];
    int64_t now_ms = g_get_real_time() / 1000;
    g_autoptr(GString) body = g_string_new(NULL);
    append_body(bench, body);
    sigv4_time_text(now_ms, time);
    const SigV4Header headers[] = {{"host", bench->host}, {"x-amz-date", time}};
    const SigV4Request request = {.method = "POST",
                                  .path = bench->path,
                                  .headers = headers,
                                  .headers_len = G_N_ELEMENTS(headers),
                                  .body = {body->str, body->len}};
    g_autofree char *authorization = sigv4_authorization(&request, &(SigV4Scope){"us-east-1", "batch"},
                                                         bench->credentials, now_ms, &bench->key);
    g_string_printf(connection->out,
                    "POST %s HTTP/1.1\r\nHost: %s\r\nX-Amz-Date: %s\r\nAuthorization: %s\r\n"
                    "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
                    bench->path, bench->host, time, authorization, body->len, body->str);
    connection->sent = 0;
    connection->began_us = g_get_monotonic_time();
    g_string_truncate(connection->in, 0);
}

static void connection_send(Connection *connection)
{
    while (connection->sent < connection->out->len) {
        ssize_t n = send(connection->fd, connection->out->str + connection->sent,
                         connection->out->len - connection->sent, MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN)
            return;
        if (n < 0)
            die("send");
        connection->sent += (size_t)n;
    }
}

static bool is_whole(const GString *in)
{
    const char *end = strstr(in->str, "\r\n\r\n"), *length = strstr(in->str, "Content-Length: ");
    return end && length &&
           in->len - (size_t)(end + 4 - in->str) >= strtoull(length + strlen("Content-Length: "), NULL, 10);
}

/* True when an answer has come. */
static bool connection_receive(Connection *connection)
{
    char buffer[65536];
    ssize_t n;
    while ((n = recv(connection->fd, buffer, sizeof buffer, 0)) > 0)
        g_string_append_len(connection->in, buffer, n);
    if (n == 0)
        die("closed by the other side");
    return is_whole(connection->in);
}

static void answered(Bench *bench, const Connection *connection)
{
    int64_t took_us = g_get_monotonic_time() - connection->began_us;
    g_array_append_val(bench->took_us, took_us);
    if (g_str_has_prefix(connection->in->str, "HTTP/1.1 200 "))
        return;
    if (bench->bad_len++ == 0)
        fprintf(stderr, "api_bench: %s\n", connection->in->str);
}

static int dial(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    const int yes = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
        die("connect");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    return fd;
}

static void run(Bench *bench, int port, int count, double seconds)
{
    Connection *connections = g_new0(Connection, (size_t)count);
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    int64_t end_us = g_get_monotonic_time() + (int64_t)(seconds * 1e6);
    for (int i = 0; i < count; i++) {
        Connection *connection = &connections[i];
        *connection = (Connection){.fd = dial(port), .out = g_string_new(NULL), .in = g_string_new(NULL)};
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
        epoll_ctl(epoll, EPOLL_CTL_ADD, connection->fd, &event);
        request_make(bench, connection);
        while (connection->sent < connection->out->len)
            connection_send(connection);
        if (fcntl(connection->fd, F_SETFL, O_NONBLOCK) < 0)
            die("fcntl");
    }
    while (g_get_monotonic_time() < end_us) {
        struct epoll_event events[64];
        int n = epoll_wait(epoll, events, 64, 1000);
        for (int i = 0; i < n; i++) {
            Connection *connection = events[i].data.ptr;
            if (!connection_receive(connection))
                continue;
            answered(bench, connection);
            request_make(bench, connection);
            while (connection->sent < connection->out->len)
                connection_send(connection);
        }
    }
    for (int i = 0; i < count; i++) {
        close(connections[i].fd);
        g_string_free(connections[i].in, TRUE);
        g_string_free(connections[i].out, TRUE);
    }
    close(epoll);
    g_free(connections);
}

static gint by_number(gconstpointer a, gconstpointer b)
{
    const int64_t *first = a, *second = b;
    return (*first > *second) - (*first < *second);
}

int main(int argc, char **argv)
{
    bool is_bulk = argc > 6 && strcmp(argv[6], "--bulk") == 0;
    if (argc != (is_bulk ? 10 : 8)) {
        fprintf(stderr, "usage: api_bench PORT ID SECRET CONNECTIONS SECONDS [--bulk LINES] PATH BODY\n");
        return 1;
    }
    g_autofree char *host = g_strconcat("127.0.0.1:", argv[1], NULL);
    double seconds = g_ascii_strtod(argv[5], NULL);
    Bench bench = {.host = host,
                   .path = argv[argc - 2],
                   .body = argv[argc - 1],
                   .lines = is_bulk ? atoi(argv[7]) : 1,
                   .credentials = aws_credentials_new(argv[2], argv[3], NULL, 0, "bench"),
                   .number = g_get_real_time(),
                   .took_us = g_array_new(FALSE, FALSE, sizeof(int64_t))};
    run(&bench, atoi(argv[1]), atoi(argv[4]), seconds);
    g_array_sort(bench.took_us, by_number);
    guint len = bench.took_us->len;
    if (len)
        printf("%.0f\t%" G_GINT64_FORMAT "\t%" G_GINT64_FORMAT "\t%zu\n", (double)len * bench.lines / seconds,
               g_array_index(bench.took_us, int64_t, len / 2),
               g_array_index(bench.took_us, int64_t, len - 1 - len / 100), bench.bad_len);
    g_array_unref(bench.took_us);
    aws_credentials_unref(bench.credentials);
    return len && !bench.bad_len ? 0 : 1;
}
