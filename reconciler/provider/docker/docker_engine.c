#include "reconciler/provider/docker/docker_engine.h"
#include <unistd.h>
#include "reconciler/provider/docker/docker_answer.h"

#define CALLS_MAX    8 /* at a time: an engine does little more side by side */
#define CONNECT_MS   10000
#define GREET_MS     10000
#define CALL_MS      180000 /* to make or start a container takes long on an engine that is busy */
#define RETRY_MS     500    /* doubles up to RETRY_MAX_MS */
#define RETRY_MAX_MS 30000
#define UNANSWERED   0
#define ANSWER_MAX   ((size_t)64 << 20)

typedef enum { ENGINE_RESTS, ENGINE_GREETS, ENGINE_DOWN, ENGINE_UP } EngineState;

typedef enum { CALL_WAITS, CALL_SENT, CALL_OVER } CallState;

typedef struct {
    DockerEngine *engine;
    CallState state;
    uint64_t id, http_id;
    char *method, *path, *body, *registry_auth;
    DockerTurn turn;
    HttpTake take;
    DockerDone done;
    void *data;
    int64_t sent_ms; /* monotonic */
    GList link;      /* while it waits */
} Call;

struct DockerEngine {
    GMainContext *context;
    const DockerEndpoint *endpoint;
    DockerChanged changed;
    void *data;
    HttpClient *http;
    EngineState state;
    char *version, *fault;
    json_t *info;
    GSource *retry;
    int tries;
    GHashTable *calls; /* id → Call */
    GQueue waiting[DOCKER_TURNS];
    uint64_t last_id;
    int under_way;      /* of the few */
    CallMeter *counted; /* calls are; NULL: they are not */
    int64_t (*monotonic_ms)(void *time);
    void *time;
};

static void pump(DockerEngine *engine);
static void greet(DockerEngine *engine);

/* ---- calls ---- */

static void set_state(Call *call, CallState state)
{
    DockerEngine *engine = call->engine;
    if (call->state == CALL_WAITS)
        g_queue_unlink(&engine->waiting[call->turn], &call->link);
    engine->under_way -= call->state == CALL_SENT && !call->take;
    engine->under_way += state == CALL_SENT && !call->take;
    call->state = state;
    if (state == CALL_WAITS)
        g_queue_push_head_link(&engine->waiting[call->turn], &call->link);
}

static void call_free(void *data)
{
    Call *call = data;
    if (call->state == CALL_SENT)
        http_cancel(call->engine->http, call->http_id);
    set_state(call, CALL_OVER);
    char *const texts[] = {call->method, call->path, call->body, call->registry_auth};
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
        g_free(texts[i]);
    g_free(call);
}

static bool take_piece(View bytes, void *data)
{
    const Call *call = data;
    return call->take(bytes, call->data);
}

static uint64_t send(DockerEngine *engine, const char *method, const char *url, const Call *call,
                     HttpDone done, void *data)
{
    g_autofree char *auth =
        call && call->registry_auth ? g_strdup_printf("X-Registry-Auth: %s", call->registry_auth) : NULL;
    bool has_body = call && call->body;
    const char *const headers[] = {has_body ? "Content-Type: application/json" : auth, has_body ? auth : NULL,
                                   NULL};
    const HttpRequest request = {.method = method,
                                 .url = url,
                                 .headers = headers,
                                 .body = {has_body ? call->body : NULL, has_body ? strlen(call->body) : 0},
                                 .connect_ms = CONNECT_MS,
                                 .timeout_ms = call ? CALL_MS : GREET_MS,
                                 .answer_max = ANSWER_MAX,
                                 .ca_bundle = engine->endpoint->ca,
                                 .client_cert = engine->endpoint->cert,
                                 .client_key = engine->endpoint->key,
                                 .unix_socket = engine->endpoint->unix_socket,
                                 .skips_proxy = true,
                                 .take = call && call->take ? take_piece : NULL};
    return http_send(engine->http, &request, done, data);
}

/* ---- whether it is there ---- */

static void drop_retry(DockerEngine *engine)
{
    if (engine->retry)
        g_source_destroy(engine->retry);
    g_clear_pointer(&engine->retry, g_source_unref);
}

static gboolean greet_again(gpointer data)
{
    DockerEngine *engine = data;
    drop_retry(engine);
    greet(engine);
    return G_SOURCE_REMOVE;
}

static void go_down(DockerEngine *engine, const char *why)
{
    if (engine->state == ENGINE_DOWN)
        return;
    bool was_up = engine->state == ENGINE_UP;
    int64_t wait_ms = was_up ? 0 : MIN((int64_t)RETRY_MS << MIN(engine->tries, 10), RETRY_MAX_MS);
    engine->tries = was_up ? 0 : engine->tries + 1;
    engine->state = ENGINE_DOWN;
    g_free(engine->fault);
    engine->fault = g_strdup_printf("the engine at %s does not answer: %s", engine->endpoint->text, why);
    drop_retry(engine);
    engine->retry = g_timeout_source_new((guint)wait_ms);
    g_source_set_callback(engine->retry, greet_again, engine, NULL);
    g_source_attach(engine->retry, engine->context);
    engine->changed(engine->data);
}

/* libcurl speaks of a port where there is none. */
static char *why_unreachable(const DockerEngine *engine, const char *error)
{
    const char *path = engine->endpoint->unix_socket;
    if (path && access(path, F_OK) != 0)
        return g_strdup("there is no such socket; is it running, and is DOCKER_HOST right?");
    if (path && access(path, R_OK | W_OK) != 0)
        return g_strdup("the socket may not be opened: its group is the one to be in");
    return g_strdup(path ? "nobody listens there" : error);
}

static char *why_not(const DockerEngine *engine, const HttpAnswer *answer)
{
    if (answer->end == HTTP_UNREACHABLE)
        return why_unreachable(engine, answer->error);
    if (answer->end == HTTP_ANSWERED && answer->status / 100 != 2) {
        g_autofree char *message = docker_message(answer->body);
        return g_strdup_printf("%s (HTTP %ld)", message, answer->status);
    }
    return answer->end == HTTP_ANSWERED ? NULL : g_strdup(answer->error);
}

static void take_info(const HttpAnswer *answer, void *data)
{
    DockerEngine *engine = data;
    g_autofree char *why = why_not(engine, answer);
    json_t *info = why ? NULL : json_loadb(answer->body.data, answer->body.len, 0, NULL);
    if (!info) {
        go_down(engine, why ? why : "what it says of itself is no JSON");
        return;
    }
    json_decref(engine->info);
    engine->info = info;
    engine->state = ENGINE_UP;
    engine->tries = 0;
    g_clear_pointer(&engine->fault, g_free);
    engine->changed(engine->data);
    pump(engine);
}

static void take_version(const HttpAnswer *answer, void *data)
{
    DockerEngine *engine = data;
    g_autofree char *why = why_not(engine, answer);
    json_t *version = why ? NULL : json_loadb(answer->body.data, answer->body.len, 0, NULL);
    g_free(engine->version);
    engine->version = version ? docker_version_pick(version) : NULL;
    json_decref(version);
    if (!engine->version) {
        go_down(engine, why ? why : "it is no engine, or one that is too old: API 1.35 is needed");
        return;
    }
    g_autofree char *url = g_strdup_printf("%s/v%s/info", engine->endpoint->url, engine->version);
    send(engine, "GET", url, NULL, take_info, engine);
}

static void greet(DockerEngine *engine)
{
    g_autofree char *url = g_strdup_printf("%s/version", engine->endpoint->url);
    engine->state = ENGINE_GREETS;
    send(engine, "GET", url, NULL, take_version, engine);
}

void docker_engine_begin(DockerEngine *engine)
{
    if (engine->state == ENGINE_RESTS)
        greet(engine);
}

void docker_engine_doubt(DockerEngine *engine, const char *why)
{
    if (engine->state == ENGINE_UP)
        go_down(engine, why);
}

bool docker_engine_is_up(const DockerEngine *engine)
{
    return engine && engine->state == ENGINE_UP;
}

const char *docker_engine_fault(const DockerEngine *engine)
{
    return engine->fault;
}

const json_t *docker_engine_info(const DockerEngine *engine)
{
    return engine->info;
}

/* ---- counting ---- */

void docker_engine_count(DockerEngine *engine, CallMeter *calls, int64_t (*monotonic_ms)(void *time),
                         void *time)
{
    engine->counted = calls;
    engine->monotonic_ms = monotonic_ms;
    engine->time = time;
}

static int64_t now_ms(const DockerEngine *engine)
{
    return engine->counted ? engine->monotonic_ms(engine->time) : 0;
}

/* "POST containers/start": what stands between is an id or a name. */
static char *operation_of(const Call *call)
{
    static const char *const verbs[] = {"json", "create", "start", "kill", "logs", NULL};
    g_auto(GStrv) path = g_strsplit_set(call->path, "/?", 3); /* "", what, the rest */
    const char *end = strchrnul(call->path, '?'), *slash = g_strrstr_len(call->path, end - call->path, "/");
    g_autofree char *last = g_strndup(slash + 1, (gsize)(end - slash - 1));
    bool has_verb = g_strv_contains(verbs, last);
    return g_strconcat(call->method, " ", path[1], has_verb ? "/" : NULL, last, NULL);
}

/* What follows something lasts as long as that. */
static void count_call(const Call *call, const HttpAnswer *http)
{
    bool is_good = http->end == HTTP_ANSWERED && (http->status / 100 == 2 || http->status == 304);
    CallOutcome outcome = is_good ? CALL_OK : http->end == HTTP_ANSWERED ? CALL_ERROR : CALL_LOST;
    if (!call->engine->counted || call->take)
        return;
    g_autofree char *operation = operation_of(call);
    call_meter_count(call->engine->counted, "engine", operation, outcome,
                     (now_ms(call->engine) - call->sent_ms) * 1000);
}

/* ---- their turn ---- */

static void take_answer(const HttpAnswer *http, void *data)
{
    Call *call = data;
    DockerEngine *engine = call->engine;
    bool is_answered = http->end == HTTP_ANSWERED;
    count_call(call, http);
    if (http->end == HTTP_UNREACHABLE) {
        set_state(call, CALL_WAITS);
        g_autofree char *why = why_unreachable(engine, http->error);
        docker_engine_doubt(engine, why);
        return;
    }
    DockerAnswer answer = {.status = is_answered ? http->status : UNANSWERED, .body = http->body};
    g_autofree char *message = !is_answered                                     ? g_strdup(http->error)
                               : http->status / 100 == 2 || http->status == 304 ? NULL
                                                                                : docker_message(http->body);
    answer.error = message;
    set_state(call, CALL_OVER);
    g_hash_table_steal(engine->calls, &call->id);
    if (!is_answered && http->end != HTTP_TOO_LARGE && !call->take)
        docker_engine_doubt(engine, http->error);
    call->done(&answer, call->data);
    call_free(call);
    pump(engine);
}

static void let_go(Call *call)
{
    DockerEngine *engine = call->engine;
    g_autofree char *url = g_strdup_printf("%s/v%s%s", engine->endpoint->url, engine->version, call->path);
    set_state(call, CALL_SENT);
    call->sent_ms = now_ms(engine);
    call->http_id = send(engine, call->method, url, call, take_answer, call);
}

static void pump(DockerEngine *engine)
{
    for (size_t turn = 0; turn < DOCKER_TURNS; turn++)
        while (engine->state == ENGINE_UP && engine->under_way < CALLS_MAX) {
            Call *next = g_queue_peek_head(&engine->waiting[turn]);
            if (!next)
                break;
            let_go(next);
        }
}

uint64_t docker_engine_call(DockerEngine *engine, const DockerCall *call, DockerDone done, void *data)
{
    Call *own = g_new0(Call, 1);
    *own = (Call){.engine = engine,
                  .id = ++engine->last_id,
                  .method = g_strdup(call->method),
                  .path = g_strdup(call->path),
                  .registry_auth = g_strdup(call->registry_auth),
                  .turn = call->turn,
                  .take = call->take,
                  .done = done,
                  .data = data};
    char *body = call->body ? json_dumps(call->body, JSON_COMPACT) : NULL;
    own->body = g_strdup(body);
    free(body);
    own->link.data = own;
    g_hash_table_insert(engine->calls, &own->id, own);
    g_queue_push_tail_link(&engine->waiting[call->turn], &own->link);
    pump(engine);
    return own->id;
}

void docker_engine_cancel(DockerEngine *engine, uint64_t id)
{
    if (engine)
        g_hash_table_remove(engine->calls, &id);
}

/* ---- life ---- */

DockerEngine *docker_engine_new(GMainContext *context, const DockerEndpoint *endpoint, DockerChanged changed,
                                void *data)
{
    DockerEngine *engine = g_new0(DockerEngine, 1);
    engine->context = g_main_context_ref(context);
    engine->endpoint = endpoint;
    engine->changed = changed;
    engine->data = data;
    engine->http = http_new(context, 0);
    engine->calls = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, call_free);
    for (size_t i = 0; i < DOCKER_TURNS; i++)
        g_queue_init(&engine->waiting[i]);
    return engine;
}

void docker_engine_free(DockerEngine *engine)
{
    if (!engine)
        return;
    drop_retry(engine);
    g_hash_table_destroy(engine->calls);
    http_free(engine->http);
    json_decref(engine->info);
    g_main_context_unref(engine->context);
    g_free(engine->version);
    g_free(engine->fault);
    g_free(engine);
}
