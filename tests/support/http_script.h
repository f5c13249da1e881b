/* http_script.h: a server on loopback that answers as a test says, byte for byte: also what no server should
 * send. One thread for each connection; for tests of clients. */
#pragma once
#include <arpa/inet.h>
#include <glib.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Returns the bytes to send for a request (head and body), a new string; NULL: the connection is closed
 * without a word;
 * "": nothing is said until the other side closes; "Connection: close" among the headers is kept. connection:
 * 1, 2, … in the order in which they were made. Called on threads, one at a time. */
typedef char *(*HttpScript)(const char *request, int connection, void *data);

typedef struct {
    int fd, port, connections;
    HttpScript script;
    void *data;
    GMutex lock;
    GThread *thread;
    GPtrArray *threads;
} HttpServer;

typedef struct {
    HttpServer *server;
    int fd, number;
} HttpConnection;

/* The answers of well-behaved servers. headers: "Name: value\r\n" each, or "". */
static inline char *http_answer(int status, const char *headers, const char *body)
{
    return g_strdup_printf("HTTP/1.1 %d Text\r\nContent-Length: %zu\r\n%s\r\n%s", status, strlen(body),
                           headers, body);
}

static inline const char *http_body_of(const char *request)
{
    const char *end = strstr(request, "\r\n\r\n");
    return end ? end + 4 : "";
}

/* NULL at the end of the connection. */
static inline char *http_read_request(int fd)
{
    g_autoptr(GString) text = g_string_new(NULL);
    for (;;) {
        const char *end = strstr(text->str, "\r\n\r\n"),
                   *length = end ? strcasestr(text->str, "\r\nContent-Length:") : NULL;
        size_t body = length && length < end ? (size_t)g_ascii_strtoull(length + 17, NULL, 10) : 0;
        if (end && text->len >= (size_t)(end + 4 - text->str) + body)
            return g_strdup(text->str);
        char buffer[4096];
        ssize_t got = read(fd, buffer, sizeof buffer);
        if (got <= 0)
            return NULL;
        g_string_append_len(text, buffer, got);
    }
}

static inline void *http_serve_connection(void *data)
{
    HttpConnection *connection = data;
    HttpServer *server = connection->server;
    bool is_open = true;
    while (is_open) {
        g_autofree char *request = http_read_request(connection->fd);
        if (!request)
            break;
        g_mutex_lock(&server->lock);
        g_autofree char *answer = server->script(request, connection->number, server->data);
        g_mutex_unlock(&server->lock);
        is_open = answer != NULL;
        if (answer)
            is_open = send(connection->fd, answer, strlen(answer), MSG_NOSIGNAL) >= 0 &&
                      !strstr(answer, "\r\nConnection: close\r\n");
    }
    shutdown(connection->fd, SHUT_RDWR);
    close(connection->fd);
    g_free(connection);
    return NULL;
}

static inline void *http_accept(void *data)
{
    HttpServer *server = data;
    for (int fd; (fd = accept(server->fd, NULL, NULL)) >= 0;) {
        HttpConnection *connection = g_new0(HttpConnection, 1);
        *connection = (HttpConnection){.server = server, .fd = fd, .number = ++server->connections};
        g_ptr_array_add(server->threads, g_thread_new("connection", http_serve_connection, connection));
    }
    return NULL;
}

static inline HttpServer *http_server_new(HttpScript script, void *data)
{
    HttpServer *server = g_new0(HttpServer, 1);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    server->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    g_assert_cmpint(bind(server->fd, (struct sockaddr *)&address, len), ==, 0);
    g_assert_cmpint(listen(server->fd, 64), ==, 0);
    g_assert_cmpint(getsockname(server->fd, (struct sockaddr *)&address, &len), ==, 0);
    server->port = ntohs(address.sin_port);
    server->script = script;
    server->data = data;
    server->threads = g_ptr_array_new();
    g_mutex_init(&server->lock);
    server->thread = g_thread_new("accept", http_accept, server);
    return server;
}

/* "http://127.0.0.1:PORT" and the path; a new string. */
static inline char *http_url(const HttpServer *server, const char *path)
{
    return g_strdup_printf("http://127.0.0.1:%d%s", server->port, path);
}

/* After the clients have closed their connections. */
static inline void http_server_free(HttpServer *server)
{
    shutdown(server->fd, SHUT_RDWR);
    g_thread_join(server->thread);
    close(server->fd);
    for (guint i = 0; i < server->threads->len; i++)
        g_thread_join(server->threads->pdata[i]);
    g_ptr_array_unref(server->threads);
    g_mutex_clear(&server->lock);
    g_free(server);
}
