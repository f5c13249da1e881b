/* server.c: requests become calls, answers become responses. */
#include "reconciler/api/access.h"
#include "reconciler/api/server.h"
#include "reconciler/api/http_source.h"
#include <errno.h>
#include <fcntl.h>
#include <microhttpd.h>
#include <pwd.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define CONNECTIONS_MAX   1000
#define CONNECTION_IDLE_S 120

struct Server {
    struct MHD_Daemon *daemon;
    GSource *source;
    int dir_fd;
    ServerFunc func;
    void *data;
    ServerPages pages; /* take NULL: there are none */
    bool closing;
};

typedef struct ServerPage {
    Server *server;
    struct MHD_Connection *connection;
    const Operation *operation; /* NULL: answered with `status` */
    unsigned status;            /* 0: none yet */
    const char *fault;          /* static text for status */
    GByteArray *body;
    size_t limit;
    bool answered;
    OperationResult result;
    bool is_page;
    char *method, *path;           /* of a page */
    struct MHD_Response *response; /* of a page, with page_status */
    unsigned page_status;
} Request;

/* ---- the socket
 * ----------------------------------------------------------------------------------------------------------
 */

/* sun_path holds 108 bytes; a state directory may be deeper: the way goes through its descriptor. */
static int listen_at(int dir_fd, GError **error)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    g_snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/%s", dir_fd, SERVER_SOCKET);
    unlinkat(dir_fd, SERVER_SOCKET, 0); /* stale: we hold the lease */
    /* Before bind, so that the file never has a wider mode. */
    if (fd < 0 || fchmod(fd, S_IRUSR | S_IWUSR) < 0 ||
        bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, SOMAXCONN) < 0) {
        g_set_error(error, G_FILE_ERROR, (gint)g_file_error_from_errno(errno), "%s: %s", SERVER_SOCKET,
                    g_strerror(errno));
        if (fd >= 0)
            close(fd);
        return -1;
    }
    return fd;
}

/* ---- responses
 * ------------------------------------------------------------------------------------------------------------
 */

static enum MHD_Result respond(Request *request)
{
    const OperationResult *result = &request->result;
    g_autofree char *id = g_uuid_string_random();
    GString *made = g_steal_pointer(&request->result.text);
    size_t len = made ? made->len : 0;
    char *text = made ? g_string_free(made, FALSE) : json_dumps(result->body, JSON_COMPACT);
    struct MHD_Response *response =
        MHD_create_response_from_buffer(made ? len : strlen(text), text, MHD_RESPMEM_MUST_FREE);
    MHD_add_response_header(response, "Content-Type", "application/json");
    MHD_add_response_header(response, "x-amzn-RequestId", id);
    if (result->error_type)
        MHD_add_response_header(response, "x-amzn-ErrorType", result->error_type);
    if (request->status == MHD_HTTP_METHOD_NOT_ALLOWED)
        MHD_add_response_header(response, "Allow", "POST");
    enum MHD_Result queued = MHD_queue_response(request->connection, (unsigned)result->http_status, response);
    MHD_destroy_response(response);
    return queued;
}

static enum MHD_Result respond_fault(Request *request)
{
    Fault fault = request->status == MHD_HTTP_NOT_FOUND ? FAULT_NOT_FOUND : FAULT_INVALID;
    operation_fault(&request->result, request->operation && request->operation->batch, fault, request->fault);
    request->result.http_status = (int)request->status;
    return respond(request);
}

static void request_fail(Request *request, unsigned status, const char *fault)
{
    request->status = status;
    request->fault = fault;
}

/* ---- requests
 * ----------------------------------------------------------------------------------------------------------------
 */

static void call_answered(Call *call)
{
    Request *request = call->owner;
    request->result = call->result;
    call->result = (OperationResult){0};
    request->answered = true;
    call_free(call);
    MHD_resume_connection(request->connection);
    http_source_resumed(request->server->source);
}

static bool is_page(const Server *server, const char *method, const char *url)
{
    bool is_known = strcmp(method, MHD_HTTP_METHOD_GET) == 0 || strcmp(method, MHD_HTTP_METHOD_HEAD) == 0 ||
                    strcmp(method, MHD_HTTP_METHOD_POST) == 0;
    return server->pages.take && is_known && server->pages.has(url);
}

static Request *request_begin(Server *server, struct MHD_Connection *connection, const char *url,
                              const char *method)
{
    Request *request = g_new0(Request, 1);
    request->server = server;
    request->connection = connection;
    request->body = g_byte_array_new();
    request->operation = operation_find_path(url);
    request->is_page = !request->operation && is_page(server, method, url);
    if (request->is_page) {
        request->method = g_strdup(method);
        request->path = g_strdup(url);
        request->limit = server->pages.body_max;
        return request;
    }
    request->limit = request->operation && request->operation->lines ? BULK_BODY_BYTES_MAX : BODY_BYTES_MAX;
    if (!request->operation)
        request_fail(request, MHD_HTTP_NOT_FOUND, "there is no such operation");
    else if (strcmp(method, MHD_HTTP_METHOD_POST) != 0)
        request_fail(request, MHD_HTTP_METHOD_NOT_ALLOWED, "operations are called with POST");
    return request;
}

static bool too_large(Request *request)
{
    const char *length =
        MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_LENGTH);
    return length && g_ascii_strtoull(length, NULL, 10) > request->limit;
}

static void request_add(Request *request, const char *data, size_t len)
{
    if (request->status)
        return; /* read and dropped */
    if (request->body->len + len > request->limit) {
        request_fail(request, MHD_HTTP_CONTENT_TOO_LARGE, "the body is too large");
        g_byte_array_set_size(request->body, 0);
        return;
    }
    g_byte_array_append(request->body, (const guint8 *)data, (guint)len);
}

/* Of this machine's own users only: asking a directory service could hold up the loop. New string or NULL. */
static char *user_name(uid_t uid)
{
    FILE *file = fopen("/etc/passwd", "re");
    char text[4096], *name = NULL;
    struct passwd entry, *found = NULL;
    while (file && !name && fgetpwent_r(file, &entry, text, sizeof text, &found) == 0)
        if (found->pw_uid == uid)
            name = g_strdup(found->pw_name);
    if (file)
        fclose(file);
    return name;
}

/* By the kernel's word; new reference, NULL: it is not known. */
static json_t *peer_of(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct ucred peer;
    socklen_t len = sizeof peer;
    if (!info || getsockopt(info->connect_fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) != 0)
        return NULL;
    g_autofree char *name = user_name(peer.uid);
    return json_pack("{s:I,s:s*}", "uid", (json_int_t)peer.uid, "user", name);
}

/* Who asks, by the kernel's word; whatever the request said of that goes. The request then differs from its
 * body, which must not be kept in its place. */
static void call_tell_peer(Call *call, struct MHD_Connection *connection)
{
    json_t *peer = peer_of(connection);
    json_object_del(call->request, "peer");
    if (peer)
        json_object_set_new(call->request, "peer", peer);
    g_clear_pointer(&call->body, g_bytes_unref);
}

static Call *request_call(Request *request, char **ret_message)
{
    const Operation *operation = request->operation;
    View body = {(const char *)request->body->data, request->body->len};
    json_t *json = operation->lines ? NULL : request_parse(body, ret_message);
    if (!json && !operation->lines)
        return NULL;
    Call *call = call_new(operation, json);
    call->body = g_byte_array_free_to_bytes(g_steal_pointer(&request->body));
    call->answer = call_answered;
    call->owner = request;
    bool is_told = operation->changes && !operation->lines && !access_is_submission(operation);
    if (is_told || json_object_get(call->request, "peer")) /* nobody speaks for another */
        call_tell_peer(call, request->connection);
    if (!is_told)
        json_object_del(call->request, "peer");
    return call;
}

/* ---- pages ---- */

void server_set_pages(Server *server, const ServerPages *pages)
{
    server->pages = *pages;
}

const char *server_page_method(const ServerPage *page)
{
    return page->method;
}

const char *server_page_path(const ServerPage *page)
{
    return page->path;
}

static enum MHD_Result add_argument(void *cls, enum MHD_ValueKind kind, const char *name, const char *value)
{
    GString *query = cls;
    g_autofree char *left = g_uri_escape_string(name, NULL, FALSE);
    g_autofree char *right = g_uri_escape_string(value ? value : "", NULL, FALSE);
    (void)kind;
    g_string_append_printf(query, "%s%s=%s", query->len ? "&" : "", left, right);
    return MHD_YES;
}

char *server_page_query(const ServerPage *page)
{
    GString *query = g_string_new(NULL);
    MHD_get_connection_values(page->connection, MHD_GET_ARGUMENT_KIND, add_argument, query);
    return g_string_free(query, FALSE);
}

const char *server_page_header(const ServerPage *page, const char *name)
{
    return MHD_lookup_connection_value(page->connection, MHD_HEADER_KIND, name);
}

View server_page_body(const ServerPage *page)
{
    return (View){(const char *)page->body->data, page->body->len};
}

json_t *server_page_peer(const ServerPage *page)
{
    return peer_of(page->connection);
}

static void free_bytes(void *bytes)
{
    g_bytes_unref(bytes);
}

void server_page_answer(ServerPage *page, unsigned status, const char *const *headers, GBytes *body)
{
    size_t len;
    const void *data = g_bytes_get_data(body, &len);
    page->response = MHD_create_response_from_buffer_with_free_callback_cls(len, (void *)(uintptr_t)data,
                                                                            free_bytes, g_bytes_ref(body));
    for (; *headers; headers += 2)
        MHD_add_response_header(page->response, headers[0], headers[1]);
    page->page_status = status;
    page->answered = true;
    MHD_resume_connection(page->connection);
    http_source_resumed(page->server->source);
}

static enum MHD_Result respond_page(Request *request)
{
    enum MHD_Result queued = MHD_queue_response(request->connection, request->page_status, request->response);
    MHD_destroy_response(g_steal_pointer(&request->response));
    return queued;
}

static enum MHD_Result page_end(Request *request)
{
    MHD_suspend_connection(request->connection);
    request->server->pages.take(request, request->server->pages.data);
    return MHD_YES;
}

static enum MHD_Result request_end(Request *request)
{
    g_autofree char *message = NULL;
    if (request->status)
        return respond_fault(request);
    if (request->is_page && !request->server->closing)
        return page_end(request);
    if (request->server->closing) {
        operation_fault(&request->result, request->operation && request->operation->batch, FAULT_STOPPING,
                        "the reconciler stops");
        return respond(request);
    }
    Call *call = request_call(request, &message);
    if (!call) {
        operation_fault(&request->result, request->operation->batch, FAULT_INVALID, message);
        return respond(request);
    }
    MHD_suspend_connection(request->connection);
    request->server->func(call, request->server->data);
    return MHD_YES;
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_len, void **state)
{
    Request *request = *state;
    (void)version;
    if (!request) {
        *state = request = request_begin(cls, connection, url, method);
        if (!request->status && too_large(request)) {
            request_fail(request, MHD_HTTP_CONTENT_TOO_LARGE, "the body is too large");
            return respond_fault(request);
        }
        return MHD_YES;
    }
    if (*upload_len) {
        request_add(request, upload, *upload_len);
        *upload_len = 0;
        return MHD_YES;
    }
    if (request->answered)
        return request->is_page ? respond_page(request) : respond(request);
    return request_end(request);
}

static void on_completed(void *cls, struct MHD_Connection *connection, void **state,
                         enum MHD_RequestTerminationCode code)
{
    Request *request = *state;
    (void)cls, (void)connection, (void)code;
    if (!request)
        return;
    if (request->body)
        g_byte_array_unref(request->body);
    g_clear_pointer(&request->response, MHD_destroy_response);
    g_free(request->method);
    g_free(request->path);
    operation_result_clear(&request->result);
    g_free(request);
    *state = NULL;
}

/* ---- the face ---- */

Server *server_new(const char *state_dir, ServerFunc func, void *data, GError **error)
{
    g_autoptr(Server) server = g_new0(Server, 1);
    server->func = func;
    server->data = data;
    server->dir_fd = open(state_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (server->dir_fd < 0) {
        g_set_error(error, G_FILE_ERROR, (gint)g_file_error_from_errno(errno), "%s: %s", state_dir,
                    g_strerror(errno));
        return NULL;
    }
    int fd = listen_at(server->dir_fd, error);
    if (fd < 0)
        return NULL;
    server->daemon =
        MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, on_request, server,
                         MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_NOTIFY_COMPLETED, on_completed, server,
                         MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX,
                         MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)CONNECTION_IDLE_S, MHD_OPTION_END);
    if (!server->daemon) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_FAILED, "the HTTP server cannot be started");
        close(fd);
        return NULL;
    }
    server->source = http_source_attach(server->daemon);
    return g_steal_pointer(&server);
}

void server_free(Server *server)
{
    if (!server)
        return;
    server->closing = true;
    if (server->daemon) {
        unlinkat(server->dir_fd, SERVER_SOCKET, 0);
        MHD_run(server->daemon); /* answers that were given go out */
        g_source_destroy(server->source);
        g_source_unref(server->source);
        MHD_stop_daemon(server->daemon);
    }
    if (server->dir_fd >= 0)
        close(server->dir_fd);
    g_free(server);
}
