/* listener.c: see listener.h. */
#include "reconciler/api/listener.h"
#include <errno.h>
#include <fcntl.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include "reconciler/api/http_source.h"

#define IDLE_S 10 /* between two bytes of a client */
#define TEXT   "text/plain; charset=utf-8"

/* Only what is safe and what today's clients speak (RFC 9325). */
#define TLS_PRIORITIES "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"

/* What takes connections: libmicrohttpd with one certificate. A renewed certificate is another one at the
 * same socket; the one before stays until its last connection is gone. */
typedef struct {
    Listener *listener;
    struct MHD_Daemon *daemon;
    GSource *source;
    guint connections_len;
    GSource *retiring; /* NULL: it is not being removed */
    bool is_ending;    /* its last connections are being closed, and its source is gone */
} Door;

struct Listener {
    int fd;
    bool is_encrypted;
    GPtrArray *doors; /* of Door*; the last one takes connections */
    ListenerRoute *routes;
    size_t routes_len;
    void *data;
    ListenAddress address;
    GQueue connections; /* of Connection*, by deadline */
    GSource *timer;     /* of the oldest one's deadline; NULL: there is none */
    size_t body_bytes;  /* of all requests */
    unsigned connections_max;
    int64_t request_ms;
    bool is_closing;
};

typedef struct {
    int fd;
    int64_t deadline_us;
    bool is_unlimited; /* not in the queue: a stream goes on as long as it likes */
    bool is_busy;      /* its request was taken and is not answered yet */
    bool is_cut;       /* off: it goes as soon as libmicrohttpd looks */
} Connection;

struct ListenerStream {
    ListenerRequest *request;
    char *type;
    GQueue pieces; /* of GBytes*, owned */
    size_t offset; /* in the first */
    size_t bytes_len;
    bool is_suspended, is_ended;
    void (*gone)(void *data);
    void *data;
};

struct ListenerRequest {
    Listener *listener;
    Door *door;
    struct MHD_Connection *connection;
    const ListenerRoute *route; /* NULL: there is none */
    char *below;
    char *target;
    const char *method; /* borrowed of the connection */
    GByteArray *body;
    bool is_begun;          /* its headers have come */
    bool is_taken;          /* take() was called: suspended until it is answered */
    ListenerAnswer answer;  /* status 0: none yet */
    ListenerStream *stream; /* in place of an answer */
};

/* ---- connections and their time ---- */

static void timer_set(Listener *listener);

static void connection_cut(Connection *connection)
{
    connection->is_cut = true;
    shutdown(connection->fd, SHUT_RDWR);
}

/* libmicrohttpd knows only how long a client may be silent. One that sends a byte now and then is cut off
 * here, which it sees as the client's leaving. */
static gboolean on_timer(gpointer data)
{
    Listener *listener = data;
    int64_t now_us = g_get_monotonic_time();
    for (GList *link = listener->connections.head; link; link = link->next) {
        Connection *connection = link->data;
        if (connection->deadline_us > now_us)
            break;
        connection_cut(connection);
    }
    timer_set(listener);
    return G_SOURCE_REMOVE;
}

static void timer_clear(Listener *listener)
{
    if (!listener->timer)
        return;
    g_source_destroy(listener->timer);
    g_clear_pointer(&listener->timer, g_source_unref);
}

/* Those that were cut off and are not gone yet are looked at again after a second. */
static void timer_set(Listener *listener)
{
    const Connection *oldest = g_queue_peek_head(&listener->connections);
    timer_clear(listener);
    if (!oldest)
        return;
    int64_t wait_ms = (oldest->deadline_us - g_get_monotonic_time()) / 1000 + 1;
    listener->timer = g_timeout_source_new((guint)(wait_ms > 0 ? wait_ms : 1000));
    g_source_set_callback(listener->timer, on_timer, listener, NULL);
    g_source_attach(listener->timer, g_main_context_get_thread_default());
}

/* ---- doors ---- */

static void door_free(void *data)
{
    Door *door = data;
    door->is_ending = true;
    if (door->retiring) {
        g_source_destroy(door->retiring);
        g_source_unref(door->retiring);
    }
    g_source_destroy(door->source);
    g_source_unref(door->source);
    MHD_stop_daemon(door->daemon);
    g_free(door);
}

static gboolean on_retired(gpointer data)
{
    Door *door = data;
    g_ptr_array_remove(door->listener->doors, door);
    return G_SOURCE_REMOVE;
}

static bool is_last(const Door *door)
{
    const GPtrArray *doors = door->listener->doors;
    return doors->len == 0 || doors->pdata[doors->len - 1] == door;
}

/* Not at once: it may be what is running. */
static void door_retire(Door *door)
{
    if (is_last(door) || door->connections_len > 0 || door->retiring)
        return;
    door->retiring = g_idle_source_new();
    g_source_set_callback(door->retiring, on_retired, door, NULL);
    g_source_attach(door->retiring, g_main_context_get_thread_default());
}

/* So many that the last free places are being taken: the oldest that has no request under way makes room.
 * Without it a few thousand connections that say nothing would keep everybody out for half a minute. */
static void make_room(Listener *listener)
{
    guint len = g_queue_get_length(&listener->connections);
    if (len <= listener->connections_max - listener->connections_max / 8)
        return;
    for (GList *link = listener->connections.head; link; link = link->next) {
        Connection *connection = link->data;
        if (connection->is_busy || connection->is_cut)
            continue;
        connection_cut(connection);
        return;
    }
}

static void on_connection(void *cls, struct MHD_Connection *mhd, void **state,
                          enum MHD_ConnectionNotificationCode code)
{
    Door *door = cls;
    Listener *listener = door->listener;
    if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
        GList *link = *state;
        Connection *gone = link->data;
        if (gone->is_unlimited)
            g_list_free_1(link);
        else
            g_queue_delete_link(&listener->connections, link);
        g_free(gone);
        *state = NULL;
        door->connections_len--;
        if (door->is_ending)
            return;
        http_source_resumed(
            door->source); /* where there were too many it listens again only when it is run */
        door_retire(door);
        return;
    }
    door->connections_len++;
    Connection *connection = g_new0(Connection, 1);
    connection->fd = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    connection->deadline_us = g_get_monotonic_time() + listener->request_ms * 1000;
    g_queue_push_tail(&listener->connections, connection);
    *state = listener->connections.tail;
    make_room(listener);
    if (!listener->timer)
        timer_set(listener);
}

static GList *connection_link(struct MHD_Connection *mhd)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info ? info->socket_context : NULL;
}

/* An answer has gone out: the next one has its own time. */
static void connection_renew(Listener *listener, struct MHD_Connection *mhd)
{
    GList *link = connection_link(mhd);
    Connection *connection = link ? link->data : NULL;
    if (!connection || connection->is_unlimited)
        return;
    connection->deadline_us = g_get_monotonic_time() + listener->request_ms * 1000;
    connection->is_busy = false;
    g_queue_unlink(&listener->connections, link);
    g_queue_push_tail_link(&listener->connections, link);
}

/* ---- answers that go on ---- */

static void stream_free(ListenerStream *stream)
{
    stream->gone(stream->data);
    g_queue_clear_full(&stream->pieces, (GDestroyNotify)g_bytes_unref);
    g_free(stream->type);
    g_free(stream);
}

/* What there is, up to max bytes; without any the connection rests until there is. */
static ssize_t stream_read(void *cls, uint64_t at, char *buffer, size_t max)
{
    ListenerStream *stream = cls;
    size_t done = 0;
    (void)at;
    while (done < max && stream->pieces.head) {
        gsize len;
        const char *bytes = g_bytes_get_data(stream->pieces.head->data, &len);
        size_t part = MIN(len - stream->offset, max - done);
        memcpy(buffer + done, bytes + stream->offset, part);
        done += part;
        stream->offset += part;
        if (stream->offset < len)
            break;
        g_bytes_unref(g_queue_pop_head(&stream->pieces));
        stream->offset = 0;
    }
    stream->bytes_len -= done;
    if (done)
        return (ssize_t)done;
    if (stream->is_ended)
        return MHD_CONTENT_READER_END_OF_STREAM;
    stream->is_suspended = true;
    MHD_suspend_connection(stream->request->connection);
    return 0;
}

static enum MHD_Result respond_stream(ListenerStream *stream)
{
    struct MHD_Response *response =
        MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 16384, stream_read, stream, NULL);
    MHD_add_response_header(response, "Content-Type", stream->type);
    MHD_add_response_header(response, "Cache-Control", "no-store");
    MHD_add_response_header(response, "Connection", "close");
    enum MHD_Result queued = MHD_queue_response(stream->request->connection, MHD_HTTP_OK, response);
    MHD_destroy_response(response);
    return queued;
}

static void stream_wake(ListenerStream *stream)
{
    if (!stream->is_suspended)
        return;
    stream->is_suspended = false;
    MHD_resume_connection(stream->request->connection);
    http_source_resumed(stream->request->door->source);
}

ListenerStream *listener_stream(ListenerRequest *request, const char *type, void (*gone)(void *data),
                                void *data)
{
    ListenerStream *stream = g_new0(ListenerStream, 1);
    GList *link = connection_link(request->connection);
    Connection *connection = link->data;
    g_assert(request->is_taken && request->answer.status == 0);
    *stream = (ListenerStream){
        .request = request, .type = g_strdup(type), .is_suspended = true, .gone = gone, .data = data};
    request->stream = stream;
    connection->is_unlimited = true;
    g_queue_unlink(&request->listener->connections, link);
    stream_wake(stream);
    return stream;
}

size_t listener_stream_waiting(const ListenerStream *stream)
{
    return stream->bytes_len;
}

/* A client that does not read is cut off, which libmicrohttpd sees as its leaving. */
void listener_stream_add(ListenerStream *stream, GBytes *piece)
{
    stream->bytes_len += g_bytes_get_size(piece);
    if (stream->bytes_len > LISTENER_STREAM_BYTES_MAX) {
        Connection *connection = connection_link(stream->request->connection)->data;
        stream->is_ended = true;
        shutdown(connection->fd, SHUT_RDWR);
    } else {
        g_queue_push_tail(&stream->pieces, g_bytes_ref(piece));
    }
    stream_wake(stream);
}

void listener_stream_end(ListenerStream *stream)
{
    stream->is_ended = true;
    stream_wake(stream);
}

/* ---- answers ---- */

static enum MHD_Result respond(ListenerRequest *request)
{
    if (request->stream)
        return respond_stream(request->stream);
    ListenerAnswer *answer = &request->answer;
    char *text = answer->text ? g_steal_pointer(&answer->text) : g_strdup("");
    struct MHD_Response *response = MHD_create_response_from_buffer_with_free_callback(
        answer->len ? answer->len : strlen(text), text, g_free);
    MHD_add_response_header(response, "Content-Type", answer->type ? answer->type : TEXT);
    MHD_add_response_header(response, "Cache-Control", "no-store");
    for (char **header = answer->headers; header && *header; header += 2)
        MHD_add_response_header(response, header[0], header[1]);
    if (!request->route || !request->route->keeps)
        MHD_add_response_header(response, "Connection", "close");
    if (answer->retry_after_s > 0) {
        g_autofree char *seconds = g_strdup_printf("%" G_GINT64_FORMAT, answer->retry_after_s);
        MHD_add_response_header(response, "Retry-After", seconds);
    }
    if (answer->status == MHD_HTTP_UNAUTHORIZED)
        MHD_add_response_header(response, "WWW-Authenticate", "HMAC");
    if (answer->status == MHD_HTTP_METHOD_NOT_ALLOWED)
        MHD_add_response_header(response, "Allow", request->route->method);
    enum MHD_Result queued = MHD_queue_response(request->connection, answer->status, response);
    MHD_destroy_response(response);
    return queued;
}

static void request_fail(ListenerRequest *request, unsigned status, const char *text)
{
    request->answer = (ListenerAnswer){.status = status, .text = g_strdup(text)};
}

void listener_answer(ListenerRequest *request, const ListenerAnswer *answer)
{
    g_assert(request->answer.status == 0);
    request->answer = *answer;
    if (!request->is_taken)
        return;
    MHD_resume_connection(request->connection);
    http_source_resumed(request->door->source);
}

/* ---- requests ---- */

static bool is_of(const ListenerRoute *route, const char *path)
{
    bool is_folder = route->path[1] && g_str_has_suffix(route->path, "/");
    if (strcmp(route->path, LISTENER_ANY_PATH) == 0)
        return true;
    return is_folder ? g_str_has_prefix(path, route->path) : strcmp(path, route->path) == 0;
}

static bool is_method(const ListenerRoute *route, const char *method)
{
    bool is_head = strcmp(method, MHD_HTTP_METHOD_HEAD) == 0;
    return strcmp(route->method, LISTENER_ANY_METHOD) == 0 ||
           strcmp(route->method, is_head ? MHD_HTTP_METHOD_GET : method) == 0;
}

static void *route_data(const ListenerRequest *request)
{
    return request->route->data ? request->route->data : request->listener->data;
}

/* What is wrong with it already, once its headers have come. */
static void request_look(ListenerRequest *request, const char *path, const char *method)
{
    Listener *listener = request->listener;
    for (size_t i = 0; !request->route && i < listener->routes_len; i++)
        if (is_of(&listener->routes[i], path))
            request->route = &listener->routes[i];
    if (!request->route)
        request_fail(request, MHD_HTTP_NOT_FOUND, "there is nothing here\n");
    else if (!is_method(request->route, method))
        request_fail(request, MHD_HTTP_METHOD_NOT_ALLOWED, "not with this method\n");
    else if (MHD_get_connection_values(request->connection, MHD_HEADER_KIND, NULL, NULL) >
             LISTENER_HEADERS_MAX)
        request_fail(request, MHD_HTTP_REQUEST_HEADER_FIELDS_TOO_LARGE, "too many headers\n");
    else if (listener->is_closing)
        request_fail(request, MHD_HTTP_SERVICE_UNAVAILABLE, "muster stops\n");
    if (request->answer.status)
        return;
    request->below =
        g_strdup(g_str_has_prefix(path, request->route->path) ? path + strlen(request->route->path) : path);
    request->method = method;
    if (request->route->begin)
        request->route->begin(request, route_data(request));
}

static bool is_declared_too_large(const ListenerRequest *request)
{
    const char *length = listener_header(request, MHD_HTTP_HEADER_CONTENT_LENGTH);
    size_t max = request->route ? request->route->body_max : 0;
    return length && g_ascii_strtoull(length, NULL, 10) > max;
}

/* The request line has come. What MHD hands over later is the path decoded, which no signature is over. */
static void *on_line(void *cls, const char *target, struct MHD_Connection *connection)
{
    ListenerRequest *request = g_new0(ListenerRequest, 1);
    (void)connection;
    request->door = cls;
    request->listener = request->door->listener;
    request->target = g_strdup(target);
    request->body = g_byte_array_new();
    return request;
}

static void body_drop(ListenerRequest *request)
{
    request->listener->body_bytes -= request->body->len;
    g_byte_array_unref(request->body);
    request->body = g_byte_array_new();
}

static void body_add(ListenerRequest *request, const char *data, size_t len)
{
    Listener *listener = request->listener;
    if (request->answer.status)
        return; /* read and dropped, so that the answer is seen */
    if (request->body->len + len > request->route->body_max) {
        request_fail(request, MHD_HTTP_CONTENT_TOO_LARGE, "the body is too large\n");
        body_drop(request);
    } else if (listener->body_bytes + len > LISTENER_BODIES_MAX) {
        request_fail(request, MHD_HTTP_SERVICE_UNAVAILABLE, "too much at once\n");
        request->answer.retry_after_s = 1;
        body_drop(request);
    } else {
        g_byte_array_append(request->body, (const guint8 *)data, (guint)len);
        listener->body_bytes += len;
    }
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *connection, const char *path,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_len, void **state)
{
    ListenerRequest *request = *state;
    (void)cls, (void)version;
    if (!request->is_begun) {
        request->is_begun = true;
        request->connection = connection;
        request_look(request, path, method);
        if (!is_declared_too_large(request))
            return MHD_YES;
        if (!request->answer.status)
            request_fail(request, MHD_HTTP_CONTENT_TOO_LARGE, "the body is too large\n");
        return respond(request);
    }
    if (*upload_len) {
        body_add(request, upload, *upload_len);
        *upload_len = 0;
        return MHD_YES;
    }
    if (request->answer.status || request->stream)
        return respond(request);
    request->is_taken = true;
    ((Connection *)connection_link(connection)->data)->is_busy = true;
    MHD_suspend_connection(connection);
    request->route->take(request, route_data(request));
    return MHD_YES;
}

static void on_completed(void *cls, struct MHD_Connection *connection, void **state,
                         enum MHD_RequestTerminationCode code)
{
    ListenerRequest *request = *state;
    (void)code;
    if (!request)
        return;
    (void)cls;
    if (request->stream)
        stream_free(request->stream);
    connection_renew(request->listener, connection);
    request->listener->body_bytes -= request->body->len;
    g_byte_array_unref(request->body);
    g_free(request->answer.text);
    g_strfreev(request->answer.headers);
    g_free(request->below);
    g_free(request->target);
    g_free(request);
    *state = NULL;
}

const char *listener_below(const ListenerRequest *request)
{
    return request->below;
}

const char *listener_header(const ListenerRequest *request, const char *name)
{
    return MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, name);
}

const char *listener_method(const ListenerRequest *request)
{
    return request->method;
}

const char *listener_target(const ListenerRequest *request)
{
    return request->target;
}

typedef struct {
    ListenerHeader each;
    void *data;
} HeaderVisit;

static enum MHD_Result visit_header(void *cls, enum MHD_ValueKind kind, const char *name, const char *value)
{
    const HeaderVisit *visit = cls;
    (void)kind;
    visit->each(name, value ? value : "", visit->data);
    return MHD_YES;
}

void listener_headers(const ListenerRequest *request, ListenerHeader each, void *data)
{
    HeaderVisit visit = {each, data};
    MHD_get_connection_values(request->connection, MHD_HEADER_KIND, visit_header, &visit);
}

const struct sockaddr *listener_peer(const ListenerRequest *request)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    return info ? info->client_addr : NULL;
}

View listener_body(const ListenerRequest *request)
{
    return (View){(const char *)request->body->data, request->body->len};
}

/* ---- the socket ---- */

static bool fail(const ListenerOptions *options, GError **error)
{
    int fault = errno;
    g_autofree char *text = listen_address_text(&options->address);
    g_set_error(error, G_FILE_ERROR, (gint)g_file_error_from_errno(fault), "--listen %s: %s", text,
                g_strerror(fault));
    return false;
}

static int listen_at(const ListenerOptions *options, GError **error)
{
    const ListenAddress *address = &options->address;
    const int yes = 1;
    int fd = socket(address->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && address->address.ss_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof yes);
    if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) == 0 &&
        bind(fd, (const struct sockaddr *)&address->address, address->len) == 0 && listen(fd, SOMAXCONN) == 0)
        return fd;
    fail(options, error);
    if (fd >= 0)
        close(fd);
    return -1;
}

static bool door_open(Listener *listener, const ListenerTls *tls, GError **error)
{
    Door *door = g_new0(Door, 1);
    int fd =
        fcntl(listener->fd, F_DUPFD_CLOEXEC, 0); /* libmicrohttpd closes it, also where it cannot start */
    door->listener = listener;
    const struct MHD_OptionItem encryption[] = {
        {MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)(uintptr_t)(tls ? tls->certificate : NULL)},
        {MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)(uintptr_t)(tls ? tls->key : NULL)},
        {MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)(uintptr_t)TLS_PRIORITIES},
        {MHD_OPTION_END, 0, NULL}};
    unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | (tls ? MHD_USE_TLS : 0);
    door->daemon = MHD_start_daemon(
        flags, 0, NULL, NULL, on_request, door, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_URI_LOG_CALLBACK,
        on_line, door, MHD_OPTION_NOTIFY_COMPLETED, on_completed, door, MHD_OPTION_NOTIFY_CONNECTION,
        on_connection, door, MHD_OPTION_CONNECTION_LIMIT, listener->connections_max,
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        LISTENER_HEADER_BYTES, MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_ARRAY,
        tls ? encryption : encryption + G_N_ELEMENTS(encryption) - 1, MHD_OPTION_END);
    if (door->daemon) {
        door->source = http_source_attach(door->daemon);
        g_ptr_array_add(listener->doors, door);
        return true;
    }
    g_free(door);
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_FAILED,
                tls ? "the certificate or its key cannot be used: PEM is expected, and the two have to "
                      "belong together"
                    : "the HTTP server cannot be started");
    return false;
}

unsigned listener_connections_max(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur / 2 > LISTENER_CONNECTIONS_MAX)
        return LISTENER_CONNECTIONS_MAX;
    return (unsigned)MAX(limit.rlim_cur / 2, (rlim_t)16);
}

Listener *listener_new(const ListenerOptions *options, GError **error)
{
    int fd = listen_at(options, error);
    if (fd < 0)
        return NULL;
    Listener *listener = g_new0(Listener, 1);
    *listener = (Listener){
        .fd = fd,
        .is_encrypted = options->tls != NULL,
        .doors = g_ptr_array_new_with_free_func(door_free),
        .routes = g_memdup2(options->routes, options->routes_len * sizeof *options->routes),
        .routes_len = options->routes_len,
        .connections_max = options->connections_max ? options->connections_max : listener_connections_max(),
        .request_ms = options->request_ms ? options->request_ms : LISTENER_REQUEST_MS,
        .data = options->data,
        .address = options->address};
    listener->address.len = sizeof listener->address.address;
    getsockname(fd, (struct sockaddr *)&listener->address.address, &listener->address.len);
    if (door_open(listener, options->tls, error))
        return listener;
    listener_free(listener);
    return NULL;
}

bool listener_renew_tls(Listener *listener, const ListenerTls *tls, GError **error)
{
    Door *before = listener->doors->pdata[listener->doors->len - 1];
    g_assert(listener->is_encrypted);
    if (!door_open(listener, tls, error))
        return false;
    close(MHD_quiesce_daemon(before->daemon));
    door_retire(before);
    return true;
}

void listener_close(Listener *listener)
{
    listener->is_closing = true;
}

void listener_free(Listener *listener)
{
    if (!listener)
        return;
    for (guint i = 0; i < listener->doors->len; i++)
        MHD_run(((Door *)listener->doors->pdata[i])->daemon); /* answers that were given go out */
    g_ptr_array_unref(listener->doors);
    close(listener->fd);
    timer_clear(listener);
    g_free(listener->routes);
    g_free(listener);
}

char *listener_text(const Listener *listener)
{
    return listen_address_text(&listener->address);
}
