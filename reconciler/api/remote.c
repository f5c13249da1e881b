/* remote.c: see remote.h. */
#include "reconciler/api/remote.h"
#include <openssl/crypto.h>
#include <string.h>
#include "reconciler/api/access.h"
#include "reconciler/api/rate.h"
#include "reconciler/api/request.h"
#include "reconciler/api/seen.h"
#include "spec/base/aside.h"
#include "spec/sigv4.h"

#define LOOP_CHECKS_MAX ((size_t)128 << 10)           /* a body above it is checked by the thread */
#define WAIT_MAX_MS     (LISTENER_REQUEST_MS * 2 / 3) /* of a long poll: the listener cuts it off otherwise */
#define EVENTS_PATH     "/events"
#define JOBS_PATH       "/muster/v1/jobs"
#define LINES_TYPE      "application/x-ndjson"
#define LOGS_TARGET     "Logs_20140328."
#define TAGS_PATH       "/v1/tags/"

/* So often a refusal is told; all of them are counted. */
static const RateLimit told_limit = {.every_ms = 60000, .burst = 3};

/* A key as it was opened. */
typedef struct {
    Key key;
    char *setting; /* what it was read from */
    char *secret;
    SigV4Key derived;
    Rate rate;
} OpenKey;

struct Remote {
    char *key_file;
    AddressRange *proxies;
    size_t proxies_len;
    bool is_encrypted, is_stopping;
    ClockPort clock;
    LogPort log;
    const char *(*setting)(const char *name, void *data);
    void (*call)(Call *call, void *data);
    void *data;
    EventStreams *streams;
    Meters *meters;
    ListenerRoute routes[7];
    GHashTable *keys; /* id → OpenKey* */
    Seen seen;
    Rate told;
    int64_t refused_len; /* since one was told last */
    Aside *aside;        /* checks large bodies */
};

/* One request on its way. */
typedef struct {
    Remote *remote;
    ListenerRequest *request;
    const Operation *operation;
    char *path, *query; /* as sent */
    char *authorization;
    SigV4Claim claim;
    SigV4Header headers[LISTENER_HEADERS_MAX];
    size_t headers_len;
    char *key_id;
    char *secret; /* a copy: the thread's */
    SigV4Key derived;
    int64_t now_ms;
    SigV4Verdict verdict;
} Arrival;

static void arrival_free(Arrival *arrival)
{
    sigv4_claim_clear(&arrival->claim);
    key_secret_free(arrival->secret);
    g_free(arrival->path);
    g_free(arrival->query);
    g_free(arrival->authorization);
    g_free(arrival->key_id);
    g_free(arrival);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Arrival, arrival_free)

static void open_key_free(void *data)
{
    OpenKey *open = data;
    key_clear(&open->key);
    key_secret_free(open->secret);
    g_free(open->setting);
    g_free(open);
}

/* ---- answers ---- */

static char **answer_headers(const char *error_type)
{
    g_autoptr(GStrvBuilder) builder = g_strv_builder_new();
    g_autofree char *id = g_uuid_string_random();
    g_strv_builder_add_many(builder, "x-amzn-RequestId", id, NULL);
    if (error_type)
        g_strv_builder_add_many(builder, "x-amzn-ErrorType", error_type, NULL);
    return g_strv_builder_end(builder);
}

/* In Batch's form and in ours: whoever asks reads the one that it knows. */
static void refuse(const Remote *remote, ListenerRequest *request, unsigned status, const char *type,
                   const char *message)
{
    json_t *body = json_pack("{s:s,s:s,s:{s:i,s:s,s:s}}", "message", message, "__type", type, "error", "exit",
                             status == 403 ? 3 : 1, "code", type, "message", message);
    char *text = json_dumps(body, JSON_COMPACT);
    json_decref(body);
    meters_request(remote->meters, NULL, (int)status);
    listener_answer(request, &(ListenerAnswer){.status = status,
                                               .type = "application/json",
                                               .text = text,
                                               .headers = answer_headers(type)});
}

static int64_t monotonic_ms(const Remote *remote)
{
    return remote->clock.monotonic_us ? remote->clock.monotonic_us(remote->clock.self) / 1000 : 0;
}

/* What an operator has to see to find out why a client is kept out; a flood of it is counted. */
static void refuse_told(Remote *remote, ListenerRequest *request, unsigned status, const char *type,
                        const char *message)
{
    int64_t wait_ms;
    remote->refused_len++;
    if (rate_take(&remote->told, told_limit, monotonic_ms(remote), &wait_ms)) {
        g_autofree char *escaped = g_strescape(message, NULL);
        g_autofree char *text = g_strdup_printf("the API refused a request: %s: %.300s (%" G_GINT64_FORMAT
                                                " since the last one that was told)",
                                                type, escaped, remote->refused_len);
        log_tell(&remote->log, &(LogEntry){.level = LOG_LEVEL_WARNING, .message = text});
        remote->refused_len = 0;
    }
    refuse(remote, request, status, type, message);
}

static void call_answered(Call *call)
{
    ListenerRequest *request = call->owner;
    OperationResult *result = &call->result;
    ListenerAnswer answer = {.status = (unsigned)result->http_status, .type = "application/json"};
    answer.headers = answer_headers(result->error_type);
    if (call->wants_lines && result->http_status == 200)
        answer.type = LINES_TYPE;
    if (result->text) {
        answer.len = result->text->len;
        answer.text = g_string_free(g_steal_pointer(&result->text), FALSE);
    } else {
        answer.text = json_dumps(result->body, JSON_COMPACT);
    }
    call_free(call);
    listener_answer(request, &answer);
}

/* ---- keys ---- */

/* NULL: the key file does not open it. */
static OpenKey *key_unlock(Remote *remote, const char *id, const char *setting)
{
    unsigned char file_key[KEY_FILE_BYTES];
    json_t *json = json_loads(setting, 0, NULL);
    g_auto(Key) key = {0};
    char *secret = NULL;
    if (key_from_json(id, json, &key) && key.sealed && key_file_read(remote->key_file, file_key, NULL))
        secret = key_unseal(file_key, id, key.sealed);
    OPENSSL_cleanse(file_key, sizeof file_key);
    json_decref(json);
    if (!secret)
        return NULL;
    OpenKey *open = g_new0(OpenKey, 1);
    *open = (OpenKey){.key = key, .setting = g_strdup(setting), .secret = secret};
    key = (Key){0};
    g_hash_table_insert(remote->keys, g_strdup(id), open);
    return open;
}

/* NULL: there is no such key, it has expired, or the key file does not open it: who asks is told the same. */
static OpenKey *key_open(Remote *remote, const char *id, int64_t now_ms)
{
    if (strlen(id) != KEY_ID_LEN)
        return NULL;
    g_autofree char *name = g_strconcat(KEY_SETTING_PREFIX, id, NULL);
    const char *setting = remote->setting(name, remote->data);
    OpenKey *open = g_hash_table_lookup(remote->keys, id);
    if (open && g_strcmp0(setting, open->setting) != 0) {
        g_hash_table_remove(remote->keys, id);
        open = NULL;
    }
    if (!open && setting)
        open = key_unlock(remote, id, setting);
    return open && (!open->key.expires_ms || open->key.expires_ms > now_ms) ? open : NULL;
}

/* ---- which operation ---- */

/* Lines of jobs, in and out; the same path with JSON lists jobs, as on the socket. */
static bool is_lines(const ListenerRequest *request, const char *path)
{
    const char *type = listener_header(request, "content-type");
    return strcmp(path, JOBS_PATH) == 0 && type && g_str_has_prefix(type, LINES_TYPE);
}

const Operation *remote_aws_operation(const char *method, const char *path, const char *target)
{
    bool is_post = strcmp(method, "POST") == 0;
    if (g_str_has_prefix(path, TAGS_PATH))
        return operation_find_name(strcmp(method, "GET") == 0      ? "listtagsforresource"
                                   : strcmp(method, "DELETE") == 0 ? "untagresource"
                                   : is_post                       ? "tagresource"
                                                                   : "");
    if (strcmp(path, "/") == 0 && target && g_str_has_prefix(target, LOGS_TARGET)) {
        g_autofree char *name = g_ascii_strdown(target + strlen(LOGS_TARGET), -1);
        return is_post && strcmp(name, "getlogevents") == 0 ? operation_find_name(name) : NULL;
    }
    const Operation *operation = is_post ? operation_find_path(path) : NULL;
    return operation && operation->batch ? operation : NULL;
}

static const Operation *operation_of(const ListenerRequest *request, const char *path)
{
    const char *method = listener_method(request);
    if (strcmp(path, EVENTS_PATH) == 0)
        return operation_find_name("events");
    if (is_lines(request, path))
        return operation_find_name("bulk");
    const Operation *aws = remote_aws_operation(method, path, listener_header(request, "x-amz-target"));
    return aws || strcmp(method, "POST") != 0 ? aws : operation_find_path(path);
}

/* What the three operations on tags have in their path and query. */
static void add_path_members(const Arrival *arrival, json_t *json)
{
    if (!g_str_has_prefix(arrival->path, TAGS_PATH))
        return;
    g_autofree char *arn = g_uri_unescape_string(arrival->path + strlen(TAGS_PATH), NULL);
    json_object_set_new(json, "resourceArn", json_string(arn ? arn : ""));
    g_auto(GStrv) pairs = g_strsplit(arrival->query ? arrival->query : "", "&", -1);
    json_t *keys = json_array();
    for (char **pair = pairs; *pair; pair++) {
        g_autofree char *key = g_str_has_prefix(*pair, "tagKeys=")
                                   ? g_uri_unescape_string(*pair + strlen("tagKeys="), NULL)
                                   : NULL;
        if (key)
            json_array_append_new(keys, json_string(key));
    }
    if (strcmp(arrival->operation->name, "untagresource") == 0)
        json_object_set(json, "tagKeys", keys);
    json_decref(keys);
}

/* ---- calling ---- */

/* NULL: it was answered. */
static json_t *request_json(const Arrival *arrival)
{
    const Remote *remote = arrival->remote;
    g_autofree char *message = NULL;
    json_t *json = request_parse(listener_body(arrival->request), &message);
    if (json)
        add_path_members(arrival, json);
    else
        refuse(remote, arrival->request, 400, "ClientException", message);
    return json;
}

static void call_begin(Remote *remote, const Arrival *arrival, const Key *key, json_t *json)
{
    ListenerRequest *request = arrival->request;
    View body = listener_body(request);
    if (json && json_integer_value(json_object_get(json, "timeoutMs")) > WAIT_MAX_MS)
        json_object_set_new(json, "timeoutMs", json_integer(WAIT_MAX_MS));
    Call *call = call_new(arrival->operation, json);
    if (arrival->operation->lines) {
        call->body = g_bytes_new(body.data, body.len);
        call->wants_lines = is_lines(request, arrival->path);
    } else if (!access_is_submission(arrival->operation))
        access_tell_peer(key, call->request);
    call->answer = call_answered;
    call->owner = request;
    remote->call(call, remote->data);
}

static bool check_rate(const Remote *remote, OpenKey *open, ListenerRequest *request)
{
    if (rate_take_per_second(&open->rate, open->key.per_second, monotonic_ms(remote)))
        return true;
    refuse(remote, request, 429, "TooManyRequestsException", "Too Many Requests");
    return false;
}

/* When it was signed, as the signature that is good says. */
static int64_t signed_ms(const Arrival *arrival)
{
    for (size_t i = 0; i < arrival->headers_len; i++)
        if (g_ascii_strcasecmp(arrival->headers[i].name, "x-amz-date") == 0)
            return sigv4_time_parse(arrival->headers[i].value);
    return 0;
}

/* A change that was taken already, as it was signed: who repeats it by intent signs it anew, as every SDK
 * does when it is told to slow down. */
static bool check_seen(Remote *remote, const Arrival *arrival)
{
    if (!arrival->operation->changes || seen_add(&remote->seen, signed_ms(arrival), arrival->claim.signature))
        return true;
    refuse_told(remote, arrival->request, 429, "TooManyRequestsException",
                "this request was taken already, with this signature: sign it anew to repeat it");
    return false;
}

/* All events are one stream, and most do not say of which queue they are. */
static void take_stream(Remote *remote, const Arrival *arrival, const Key *key)
{
    g_autofree char *refusal =
        key->queues ? g_strdup_printf(
                          "User: key/%s is not authorized to listen to events because the key allows some "
                          "queues only, and the events are those of all",
                          key->name)
                    : access_refusal(key, arrival->operation, NULL, VIEW(""));
    if (refusal)
        refuse_told(remote, arrival->request, 403, "AccessDeniedException", refusal);
    else
        event_streams_open(remote->streams, arrival->request,
                           listener_header(arrival->request, "last-event-id"));
}

static void take_signed(Remote *remote, const Arrival *arrival, OpenKey *open)
{
    ListenerRequest *request = arrival->request;
    if (!check_rate(remote, open, request) || !check_seen(remote, arrival))
        return;
    if (strcmp(arrival->path, EVENTS_PATH) == 0) {
        take_stream(remote, arrival, &open->key);
        return;
    }
    json_t *json = arrival->operation->lines ? NULL : request_json(arrival);
    if (!json && !arrival->operation->lines)
        return;
    g_autofree char *refusal = access_refusal(&open->key, arrival->operation, json, listener_body(request));
    if (refusal) {
        json_decref(json);
        refuse_told(remote, request, 403, "AccessDeniedException", refusal);
        return;
    }
    call_begin(remote, arrival, &open->key, json);
}

/* ---- checking ---- */

/* Also on the thread: headers and body stay where they are until the request is answered. */
static void verify(void *data)
{
    Arrival *arrival = data;
    const SigV4Request request = {.method = listener_method(arrival->request),
                                  .path = arrival->path,
                                  .query = arrival->query,
                                  .headers = arrival->headers,
                                  .headers_len = arrival->headers_len,
                                  .body = listener_body(arrival->request)};
    arrival->verdict =
        sigv4_verify(&request, &arrival->claim, arrival->secret, arrival->now_ms, &arrival->derived);
}

static void verified(Remote *remote, const Arrival *arrival)
{
    static const struct {
        const char *type, *text;
    } faults[] = {
        [SIGV4_INCOMPLETE] = {"IncompleteSignatureException",
                              "Host, X-Amz-Date and every other X-Amz- header have to be signed"},
        [SIGV4_EXPIRED] =
            {"InvalidSignatureException",
             "Signature expired: the request was signed more than five minutes from now, by this "
             "machine's clock"},
        [SIGV4_MISMATCH] = {"InvalidSignatureException",
                            "The request signature we calculated does not match the signature you provided. "
                            "Check your AWS Secret Access Key and signing method."},
    };
    OpenKey *open = key_open(remote, arrival->key_id, arrival->now_ms);
    if (remote->is_stopping)
        refuse(remote, arrival->request, 503, "ServiceUnavailable", "muster stops");
    else if (!open)
        refuse_told(remote, arrival->request, 403, "UnrecognizedClientException",
                    "The security token included in the request is invalid.");
    else if (arrival->verdict != SIGV4_GOOD)
        refuse_told(remote, arrival->request, 403, faults[arrival->verdict].type,
                    faults[arrival->verdict].text);
    else
        take_signed(remote, arrival, open);
}

static void checked(void *data)
{
    Arrival *arrival = data;
    verified(arrival->remote, arrival);
    arrival_free(arrival);
}

/* ---- arriving ---- */

static void note_header(const char *name, const char *value, void *data)
{
    Arrival *arrival = data;
    if (arrival->headers_len < G_N_ELEMENTS(arrival->headers))
        arrival->headers[arrival->headers_len++] = (SigV4Header){name, value};
}

static bool is_heard(const Remote *remote, const ListenerRequest *request)
{
    const struct sockaddr *peer = listener_peer(request);
    return remote->is_encrypted || address_is_loopback(peer) ||
           address_ranges_have(remote->proxies, remote->proxies_len, peer);
}

/* NULL: it was answered. */
static Arrival *arrival_new(Remote *remote, ListenerRequest *request)
{
    g_autoptr(Arrival) arrival = g_new0(Arrival, 1);
    const char *target = listener_target(request), *question = strchr(target, '?');
    arrival->remote = remote;
    arrival->request = request;
    arrival->now_ms = remote->clock.now_ms(remote->clock.self);
    arrival->path = question ? g_strndup(target, (gsize)(question - target)) : g_strdup(target);
    arrival->query = question ? g_strdup(question + 1) : NULL;
    arrival->authorization = g_strdup(listener_header(request, "authorization"));
    if (!is_heard(remote, request))
        refuse_told(remote, request, 403, "AccessDeniedException",
                    "the API is served over TLS (--tls-cert), to this machine, and to the proxies that "
                    "--behind-proxy names");
    else if (!arrival->authorization)
        refuse(remote, request, 403, "MissingAuthenticationTokenException",
               "Missing Authentication Token: sign the request (Signature Version 4) with a key of muster "
               "key create");
    else if (!sigv4_claim_parse(arrival->authorization, &arrival->claim))
        refuse(remote, request, 403, "IncompleteSignatureException",
               "Authorization is not one of AWS4-HMAC-SHA256 in full: Credential, SignedHeaders, Signature");
    else if (!(arrival->operation = operation_of(request, arrival->path)))
        refuse(remote, request, 404, "UnknownOperationException", "there is no such operation");
    else
        arrival->key_id = g_strdup(arrival->claim.access_key_id);
    return arrival->key_id ? g_steal_pointer(&arrival) : NULL;
}

/* Before a large body is read: who has no key does not get rid of one here. */
static void remote_begin(ListenerRequest *request, void *data)
{
    Remote *remote = data;
    const char *length = listener_header(request, "content-length");
    if (!listener_header(request, "transfer-encoding") &&
        (!length || g_ascii_strtoull(length, NULL, 10) <= LOOP_CHECKS_MAX))
        return; /* it is checked as a whole at once */
    g_autoptr(Arrival) arrival = arrival_new(remote, request);
    if (arrival && !key_open(remote, arrival->key_id, arrival->now_ms))
        refuse_told(remote, request, 403, "UnrecognizedClientException",
                    "The security token included in the request is invalid.");
}

static void remote_take(ListenerRequest *request, void *data)
{
    Remote *remote = data;
    g_autoptr(Arrival) arrival = arrival_new(remote, request);
    if (!arrival)
        return;
    OpenKey *open = key_open(remote, arrival->key_id, arrival->now_ms);
    if (!open || remote->is_stopping) {
        verified(remote, arrival);
        return;
    }
    arrival->secret = g_strdup(open->secret);
    arrival->derived = open->derived;
    listener_headers(request, note_header, arrival);
    if (listener_body(request).len > LOOP_CHECKS_MAX) {
        aside_run(remote->aside, verify, checked, g_steal_pointer(&arrival));
        return;
    }
    verify(arrival);
    open->derived = arrival->derived;
    verified(remote, arrival);
}

/* ---- the face ---- */

Remote *remote_new(const RemoteOptions *options)
{
    Remote *remote = g_new0(Remote, 1);
    *remote =
        (Remote){.key_file = g_strdup(options->key_file),
                 .proxies = g_memdup2(options->proxies, options->proxies_len * sizeof *options->proxies),
                 .proxies_len = options->proxies_len,
                 .is_encrypted = options->is_encrypted,
                 .clock = options->clock,
                 .log = options->log,
                 .setting = options->setting,
                 .call = options->call,
                 .data = options->data,
                 .streams = options->streams,
                 .meters = options->meters,
                 .keys = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, open_key_free)};
    static const struct {
        const char *method, *path;
        size_t body_max;
    } routes[] = {{LISTENER_ANY_METHOD, "/v1/", REMOTE_BODY_MAX},
                  {"POST", "/muster/v1/bulk", REMOTE_BULK_MAX},
                  {"POST", "/muster/v1/apply", REMOTE_BULK_MAX},
                  {"POST", JOBS_PATH, REMOTE_BULK_MAX},
                  {"GET", EVENTS_PATH, 0},
                  {"POST", "/muster/v1/", REMOTE_BODY_MAX},
                  {"POST", "/", REMOTE_BODY_MAX}};
    for (size_t i = 0; i < G_N_ELEMENTS(routes); i++)
        remote->routes[i] = (ListenerRoute){.method = routes[i].method,
                                            .path = routes[i].path,
                                            .body_max = routes[i].body_max,
                                            .keeps = true,
                                            .begin = remote_begin,
                                            .take = remote_take,
                                            .data = remote};
    g_autoptr(GMainContext) context = g_main_context_ref_thread_default();
    remote->aside = aside_new(context);
    return remote;
}

const ListenerRoute *remote_routes(const Remote *remote, size_t *ret_len)
{
    *ret_len = G_N_ELEMENTS(remote->routes);
    return remote->routes;
}

void remote_stop(Remote *remote)
{
    if (!remote)
        return;
    remote->is_stopping = true;
    g_clear_pointer(&remote->aside, aside_free);
}

void remote_free(Remote *remote)
{
    if (!remote)
        return;
    g_hash_table_unref(remote->keys);
    seen_clear(&remote->seen);
    g_free(remote->proxies);
    g_free(remote->key_file);
    g_free(remote);
}
