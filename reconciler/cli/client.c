#include "reconciler/cli/client.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include "reconciler/api/operation.h"
#include "spec/sigv4.h"

/* Invariant 9: what a daemon answers has a limit too. A list of a million job ids has 70 MB. */
#define ANSWER_MAX ((size_t)512 * 1024 * 1024)

/* The daemon takes any region. */
#define SIGNED_REGION  "us-east-1"
#define SIGNED_SERVICE "muster"
#define UPLOAD_MAX     ((size_t)16 << 20) /* what a daemon elsewhere takes at once */

struct Client {
    CURLM *multi;
    CURL *easy;
    char *socket_path; /* short enough for sockaddr_un; NULL: access says where */
    const ServerAccess *access;
    SigV4Key derived;
    SigV4Scope scope;
    int directory_fd; /* -1: not needed */
    ClientWatch watches[CLIENT_WATCHES_MAX];
    size_t watches_len;
};

G_DEFINE_QUARK(muster - client - error, client_error)

/* ---- the socket
 * --------------------------------------------------------------------------------------------------- */

/* A path that does not fit sockaddr_un is reached through the directory's descriptor. */
static bool find_socket(Client *client, const char *state_dir, GError **error)
{
    struct sockaddr_un address;
    client->socket_path = g_build_filename(state_dir, "muster.sock", NULL);
    if (strlen(client->socket_path) < sizeof(address.sun_path))
        return true;
    client->directory_fd = open(state_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (client->directory_fd < 0) {
        g_set_error(error, CLIENT_ERROR, CLIENT_ERROR_ABSENT, "%s: %s", state_dir, g_strerror(errno));
        return false;
    }
    g_free(client->socket_path);
    client->socket_path = g_strdup_printf("/proc/self/fd/%d/muster.sock", client->directory_fd);
    return true;
}

/* A socket file that a killed daemon left behind refuses connections. */
static bool probe_socket(const Client *client, GError **error)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    g_strlcpy(address.sun_path, client->socket_path, sizeof(address.sun_path));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int result = fd < 0 ? -1 : connect(fd, (struct sockaddr *)&address, sizeof(address));
    int cause = errno;
    if (fd >= 0)
        close(fd);
    if (result == 0)
        return true;
    bool denied = cause == EACCES || cause == EPERM;
    g_set_error(error, CLIENT_ERROR, denied ? CLIENT_ERROR_PROTOCOL : CLIENT_ERROR_ABSENT, "%s: %s",
                client->socket_path, g_strerror(cause));
    return false;
}

Client *client_new(const char *state_dir, GError **error)
{
    g_autoptr(Client) client = g_new0(Client, 1);
    client->directory_fd = -1;
    if (!find_socket(client, state_dir, error) || !probe_socket(client, error))
        return NULL;
    client->multi = curl_multi_init();
    client->easy = curl_easy_init();
    g_assert(client->multi && client->easy);
    return g_steal_pointer(&client);
}

Client *client_new_far(const ServerAccess *access)
{
    Client *client = g_new0(Client, 1);
    client->directory_fd = -1;
    client->access = access;
    client->scope = (SigV4Scope){SIGNED_REGION, SIGNED_SERVICE};
    client->multi = curl_multi_init();
    client->easy = curl_easy_init();
    g_assert(client->multi && client->easy);
    return client;
}

void client_free(Client *client)
{
    if (!client)
        return;
    if (client->easy)
        curl_easy_cleanup(client->easy);
    if (client->multi)
        curl_multi_cleanup(client->multi);
    if (client->directory_fd >= 0)
        close(client->directory_fd);
    g_free(client->socket_path);
    OPENSSL_cleanse(&client->derived, sizeof client->derived);
    g_free(client);
}

void client_set_watches(Client *client, const ClientWatch *watches, size_t len)
{
    g_assert(len <= CLIENT_WATCHES_MAX);
    for (size_t i = 0; i < len; i++)
        client->watches[i] = watches[i];
    client->watches_len = len;
}

/* ---- one exchange
 * ------------------------------------------------------------------------------------------------- */

typedef struct {
    GByteArray *answer;
} Exchange;

static size_t take_answer(char *data, size_t size, size_t count, void *user)
{
    Exchange *exchange = user;
    size_t len = size * count;
    if (exchange->answer->len + len > ANSWER_MAX)
        return 0;
    g_byte_array_append(exchange->answer, (const guint8 *)data, (guint)len);
    return len;
}

static size_t give_file(char *data, size_t size, size_t count, void *user)
{
    FILE *file = user;
    size_t len = fread(data, 1, size * count, file);
    return len == 0 && ferror(file) ? CURL_READFUNC_ABORT : len;
}

/* Looks at every watch that is readable; false when one ends the call. */
static bool watches_ready(const Client *client, const struct curl_waitfd *fds)
{
    for (size_t i = 0; i < client->watches_len; i++)
        if (fds[i].revents && !client->watches[i].ready(client->watches[i].data))
            return false;
    return true;
}

/* CURLE_ABORTED_BY_CALLBACK when a watch ended it. */
static CURLcode client_drive(Client *client)
{
    struct curl_waitfd fds[CLIENT_WATCHES_MAX];
    int running = 1;
    while (true) {
        if (curl_multi_perform(client->multi, &running) != CURLM_OK)
            return CURLE_FAILED_INIT;
        int queued;
        CURLMsg *message = curl_multi_info_read(client->multi, &queued);
        if (message && message->msg == CURLMSG_DONE)
            return message->data.result;
        if (!running)
            return CURLE_FAILED_INIT;
        for (size_t i = 0; i < client->watches_len; i++)
            fds[i] = (struct curl_waitfd){.fd = client->watches[i].fd, .events = CURL_WAIT_POLLIN};
        curl_multi_poll(client->multi, fds, (unsigned)client->watches_len, 60000, NULL);
        if (!watches_ready(client, fds))
            return CURLE_ABORTED_BY_CALLBACK;
    }
}

static const char *client_where(const Client *client)
{
    return client->access ? client->access->url : client->socket_path;
}

static bool is_unreachable(CURLcode code)
{
    return code == CURLE_COULDNT_CONNECT || code == CURLE_COULDNT_RESOLVE_HOST ||
           code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CONNECT_ERROR ||
           code == CURLE_SSL_CACERT_BADFILE;
}

static bool failed(CURLcode code, const Client *client, GError **error)
{
    if (code == CURLE_OK)
        return false;
    int kind = CLIENT_ERROR_GONE;
    if (client->access && is_unreachable(code))
        kind = CLIENT_ERROR_PROTOCOL; /* trying again at once is of no use */
    else if (code == CURLE_COULDNT_CONNECT)
        kind = CLIENT_ERROR_ABSENT;
    else if (code == CURLE_ABORTED_BY_CALLBACK)
        kind = CLIENT_ERROR_INTERRUPTED;
    else if (code == CURLE_WRITE_ERROR)
        kind = CLIENT_ERROR_PROTOCOL;
    g_set_error(error, CLIENT_ERROR, kind, "%s: %s", client_where(client),
                kind == CLIENT_ERROR_INTERRUPTED ? "interrupted"
                : code == CURLE_WRITE_ERROR      ? "the answer is too large"
                                                 : curl_easy_strerror(code));
    return true;
}

static bool take_result(Client *client, const Exchange *exchange, OperationResult *ret_result, GError **error)
{
    long status = 0;
    curl_easy_getinfo(client->easy, CURLINFO_RESPONSE_CODE, &status);
    json_error_t fault;
    json_t *body = json_loadb((const char *)exchange->answer->data, exchange->answer->len,
                              JSON_REJECT_DUPLICATES, &fault);
    if (!json_is_object(body)) {
        g_set_error(error, CLIENT_ERROR, CLIENT_ERROR_PROTOCOL, "%s: HTTP %ld without a JSON object: %s",
                    client_where(client), status, body ? "not an object" : fault.text);
        json_decref(body);
        return false;
    }
    *ret_result = (OperationResult){.http_status = (int)status, .body = body};
    return true;
}

static char *operation_path(const char *name)
{
    return g_strconcat(operation_find_name(name)->batch ? "/v1/" : "/muster/v1/", name, NULL);
}

/* Appends what signs the request. */
static struct curl_slist *sign(Client *client, const char *path, View body, struct curl_slist *headers)
{
    char time[SIGV4_TIME_TEXT];
    int64_t now_ms = g_get_real_time() / 1000;
    const char *host = strstr(client->access->url, "://") + 3;
    sigv4_time_text(now_ms, time);
    const SigV4Header signed_headers[] = {{"host", host}, {"x-amz-date", time}};
    const SigV4Request request = {
        .method = "POST", .path = path, .headers = signed_headers, .headers_len = 2, .body = body};
    g_autofree char *authorization = sigv4_authorization(&request, &client->scope, client->access->id,
                                                         client->access->secret, now_ms, &client->derived);
    g_autofree char *date = g_strconcat("X-Amz-Date: ", time, NULL),
                    *full = g_strconcat("Authorization: ", authorization, NULL),
                    *host_header = g_strconcat("Host: ", host, NULL);
    headers = curl_slist_append(headers, host_header);
    headers = curl_slist_append(headers, date);
    return curl_slist_append(headers, full);
}

static void set_common(Client *client, const char *path, Exchange *exchange, struct curl_slist *headers)
{
    CURL *easy = client->easy;
    curl_easy_reset(easy); /* keeps connections */
    g_autofree char *url = g_strconcat(client->access ? client->access->url : "http://localhost", path, NULL);
    curl_easy_setopt(easy, CURLOPT_URL, url);
    if (!client->access)
        curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, client->socket_path);
    else if (client->access->authorities)
        curl_easy_setopt(easy, CURLOPT_CAINFO, client->access->authorities);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
    if (!client->access)
        curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(easy, CURLOPT_POST, 1L);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_answer);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, exchange);
}

static bool exchange_run(Client *client, Exchange *exchange, OperationResult *ret_result, GError **error)
{
    curl_multi_add_handle(client->multi, client->easy);
    CURLcode code = client_drive(client);
    curl_multi_remove_handle(client->multi, client->easy);
    return !failed(code, client, error) && take_result(client, exchange, ret_result, error);
}

bool client_call(Client *client, const char *name, const json_t *request, CallKind kind,
                 OperationResult *ret_result, GError **error)
{
    g_autofree char *path = operation_path(name);
    char *text = request ? json_dumps(request, JSON_COMPACT) : strdup("{}");
    g_assert(text);
    Exchange exchange = {.answer = g_byte_array_new()};
    struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
    headers =
        curl_slist_append(headers, "Expect:"); /* else curl waits a second for 100-continue above 1 MiB */
    if (client->access)
        headers = sign(client, path, view_from(text), headers);
    set_common(client, path, &exchange, headers);
    curl_easy_setopt(client->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(text));
    curl_easy_setopt(client->easy, CURLOPT_POSTFIELDS, text);
    curl_easy_setopt(client->easy, CURLOPT_FRESH_CONNECT, kind == CALL_ONCE ? 1L : 0L);
    bool ok = exchange_run(client, &exchange, ret_result, error);
    curl_slist_free_all(headers);
    g_byte_array_unref(exchange.answer);
    free(text);
    return ok;
}

/* A signature is over the whole body, so that has to be there first. */
static bool upload_far(Client *client, const char *name, FILE *body, OperationResult *ret_result,
                       GError **error)
{
    g_autofree char *path = operation_path(name);
    g_autoptr(GByteArray) text = g_byte_array_new();
    char piece[65536];
    for (size_t len; (len = fread(piece, 1, sizeof piece, body)) > 0;) {
        g_byte_array_append(text, (const guint8 *)piece, (guint)len);
        if (text->len > UPLOAD_MAX) {
            g_set_error(error, CLIENT_ERROR, CLIENT_ERROR_PROTOCOL,
                        "%s takes at most 16 MiB at once: send the lines in several parts",
                        client->access->url);
            return false;
        }
    }
    Exchange exchange = {.answer = g_byte_array_new()};
    struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/x-ndjson");
    headers = curl_slist_append(headers, "Expect:");
    headers = sign(client, path, (View){(const char *)text->data, text->len}, headers);
    set_common(client, path, &exchange, headers);
    curl_easy_setopt(client->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)text->len);
    curl_easy_setopt(client->easy, CURLOPT_POSTFIELDS, text->data ? (const char *)text->data : "");
    curl_easy_setopt(client->easy, CURLOPT_FRESH_CONNECT, 1L);
    bool ok = exchange_run(client, &exchange, ret_result, error);
    curl_slist_free_all(headers);
    g_byte_array_unref(exchange.answer);
    return ok;
}

bool client_upload(Client *client, const char *name, FILE *body, int64_t size, OperationResult *ret_result,
                   GError **error)
{
    if (client->access)
        return upload_far(client, name, body, ret_result, error);
    g_autofree char *path = operation_path(name);
    Exchange exchange = {.answer = g_byte_array_new()};
    struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/x-ndjson");
    headers = curl_slist_append(headers, "Expect:");
    if (size < 0)
        headers = curl_slist_append(headers, "Transfer-Encoding: chunked");
    set_common(client, path, &exchange, headers);
    curl_easy_setopt(client->easy, CURLOPT_READFUNCTION, give_file);
    curl_easy_setopt(client->easy, CURLOPT_READDATA, body);
    curl_easy_setopt(client->easy, CURLOPT_UPLOAD_BUFFERSIZE, 512L * 1024);
    curl_easy_setopt(client->easy, CURLOPT_FRESH_CONNECT, 1L);
    if (size >= 0)
        curl_easy_setopt(client->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)size);
    bool ok = exchange_run(client, &exchange, ret_result, error);
    curl_slist_free_all(headers);
    g_byte_array_unref(exchange.answer);
    return ok;
}
