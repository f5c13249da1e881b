#include "reconciler/provider/aws/aws_client.h"
#include <curl/curl.h>
#include <string.h>
#include "reconciler/provider/aws/aws_reader.h"
#include "reconciler/provider/aws/aws_request.h"
#include "reconciler/provider/aws/rate_limits.h"
#include "reconciler/provider/aws/retry.h"
#include "spec/base/one_line.h"
#include "spec/base/units.h"

#define CONNECT_MS    10000
#define TIMEOUT_MS    60000
#define UNDER_WAY_MAX 32
#define PAGES_MAX     10000
#define SKEW_MS       (4LL * 60 * 1000) /* less is no reason to be refused */
#define UUID_TEXT     37
#define LONG_BODY     16384 /* bytes; such a one is read beside the loop */
#define REGION_SHOWN  60

/* Of one action, in order. */
typedef struct {
    char *action;
    GQueue calls;     /* of Call */
    bool is_reserved; /* the first has its tokens, good at ready_ms */
    int64_t ready_ms; /* monotonic */
} Lane;

typedef enum {
    CALL_QUEUED,      /* in its lane */
    CALL_UNPERMITTED, /* waits for credentials */
    CALL_SENT,
    CALL_READ,        /* its answer is being read */
    CALL_BACKING_OFF, /* until due_ms */
    CALL_REPORTING    /* within page or done */
} CallPhase;

typedef struct {
    AwsClient *client;
    uint64_t id;
    Lane *lane;
    AwsCall what; /* body: of the first page, where there may be more; action: the lane's */
    AwsDone done;
    void *data;
    CallPhase phase;
    bool is_cancelled;
    uint64_t waits_for; /* an id of the credentials' source (0: none), or of HttpClient */
    AwsReading *reading;
    int64_t due_ms, sent_ms; /* monotonic */
    AwsCredentials *credentials;
    /* Of the page that is asked for: */
    char *body;
    char *token; /* NULL: the first */
    int pages;
    RetryState retry;
    bool has_set_clock, has_refreshed;
    char invocation_id[UUID_TEXT];
} Call;

struct AwsClient {
    GMainContext *context;
    HttpClient *http;
    AwsReader *reader; /* NULL: nothing was long so far */
    AwsCredentialsSource *source;
    AwsClientConfig config;
    char *region, *ca_bundle;
    AwsTime time;
    AwsEndpoint endpoint;
    SigV4Key key;
    int64_t offset_ms; /* the service's clock less ours */
    Rng rng;
    RetryQuota quota;
    AdaptiveRate adaptive;
    RateLimits *limits;
    GHashTable *calls; /* id → Call */
    GPtrArray *lanes;
    guint first_lane; /* whose turn it is */
    GList *backing_off;
    int under_way;
    uint64_t last_id;
    GSource *timer;
    bool is_pumping, is_reporting;
};

static void pump(AwsClient *client);
static void arm(AwsClient *client);

static int64_t monotonic_ms(const AwsClient *client)
{
    return client->time.monotonic_ms(client->time.self);
}

/* ---- the life of a call ---- */

static void call_free(void *data)
{
    Call *call = data;
    g_free(call->body);
    g_free(call->token);
    g_free((char *)(uintptr_t)call->what.body);
    aws_credentials_unref(call->credentials);
    if (call->what.free_data)
        call->what.free_data(call->data);
    g_free(call);
}

static void name_invocation(Call *call)
{
    uint64_t high = rng_next_u64(&call->client->rng), low = rng_next_u64(&call->client->rng);
    g_snprintf(call->invocation_id, UUID_TEXT, "%08x-%04x-4%03x-%04x-%012" G_GINT64_MODIFIER "x",
               (unsigned)(high >> 32), (unsigned)(high >> 16) & 0xffff, (unsigned)high & 0xfff,
               ((unsigned)(low >> 48) & 0x3fff) | 0x8000, low & 0xffffffffffff);
}

/* Another page is a call of its own, as far as attempts go. */
static void ask_for(Call *call, char *body)
{
    g_free(call->body);
    call->body = body;
    call->retry = (RetryState){0};
    call->has_set_clock = call->has_refreshed = false;
    name_invocation(call);
}

/* Out of whatever it waits in. */
static void detach(Call *call)
{
    AwsClient *client = call->client;
    switch (call->phase) {
    case CALL_QUEUED:
        if (g_queue_peek_head(&call->lane->calls) == call)
            call->lane->is_reserved = false;
        g_queue_remove(&call->lane->calls, call);
        break;
    case CALL_UNPERMITTED:
        aws_credentials_cancel(client->source, call->waits_for);
        client->under_way--;
        break;
    case CALL_SENT:
        http_cancel(client->http, call->waits_for);
        client->under_way--;
        break;
    case CALL_READ:
        aws_reading_cancel(call->reading);
        client->under_way--;
        break;
    case CALL_BACKING_OFF: client->backing_off = g_list_remove(client->backing_off, call); break;
    case CALL_REPORTING: break;
    }
}

static void requeue_first(Call *call)
{
    call->phase = CALL_QUEUED;
    g_queue_push_head(&call->lane->calls, call);
}

static void back_off(Call *call, int64_t wait_ms)
{
    call->phase = CALL_BACKING_OFF;
    call->due_ms = monotonic_ms(call->client) + wait_ms;
    call->client->backing_off = g_list_prepend(call->client->backing_off, call);
}

/* ---- reporting ---- */

/* Whether it goes on with another page. */
static bool give_page(Call *call, const AwsAnswer *answer)
{
    AwsClient *client = call->client;
    g_autofree char *token = g_strdup(aws_answer_next(client->config.service, answer));
    if (!call->what.page(answer, call->data) || call->is_cancelled || !token)
        return false;
    ask_for(call, aws_body_of_page(client->config.service, call->what.body, token));
    g_free(call->token);
    call->token = g_steal_pointer(&token);
    return true;
}

/* The same token again, or no end: a fault there, which would go on for ever. */
static bool is_endless(Call *call, const AwsAnswer *answer)
{
    const char *token = aws_answer_next(call->client->config.service, answer);
    return token && (++call->pages >= PAGES_MAX || g_strcmp0(token, call->token) == 0);
}

static void end(Call *call, const AwsAnswer *answer)
{
    if (!call->is_cancelled)
        call->done(answer, call->data);
    g_hash_table_remove(call->client->calls, &call->id);
}

static void report(Call *call, AwsAnswer *answer)
{
    AwsClient *client = call->client;
    call->phase = CALL_REPORTING;
    client->is_reporting = true;
    if (!answer->error && call->what.page && is_endless(call, answer)) {
        aws_answer_clear(answer);
        answer->error = aws_error_of_code(client->config.service, "", "the pages of the answer have no end");
    }
    if (!answer->error && call->what.page && give_page(call, answer))
        requeue_first(call);
    else
        end(call, answer);
    client->is_reporting = false;
}

/* ---- what follows from an answer ---- */

/* Once for a call: a service whose clock differs is right. */
static bool sets_clock(Call *call, const AwsError *error, const HttpAnswer *http)
{
    AwsClient *client = call->client;
    const char *date = http_header(http, "date");
    int64_t at_s = date ? (int64_t)curl_getdate(date, NULL) : -1;
    if (at_s < 0 || call->has_set_clock || !aws_error_may_be_clock(error))
        return false;
    int64_t offset_ms = at_s * 1000 - client->time.now_ms(client->time.self);
    if (ABS(offset_ms - client->offset_ms) <= SKEW_MS)
        return false;
    client->offset_ms = offset_ms;
    call->has_set_clock = true;
    return true;
}

static bool refreshes(Call *call, const AwsError *error)
{
    if (call->has_refreshed || !call->credentials || !aws_error_may_be_age(error))
        return false;
    aws_credentials_refused(call->client->source, call->credentials);
    call->has_refreshed = true;
    return true;
}

static int64_t asked_ms(const HttpAnswer *http)
{
    const char *text = http_header(http, "x-amz-retry-after");
    int64_t value_ms;
    return text && integer_parse(view_from(text), &value_ms) ? MAX(value_ms, -1) : -1;
}

/* Whether it is tried again. */
static bool repeats(Call *call, const AwsError *error, const HttpAnswer *http)
{
    AwsClient *client = call->client;
    bool has_answer = http->end == HTTP_ANSWERED;
    if (has_answer && (sets_clock(call, error, http) || refreshes(call, error))) {
        requeue_first(call);
        return true;
    }
    if (error->action != AWS_ACT_RETRY || (call->what.is_once && !error->is_certain))
        return false;
    const RetryFault fault = {error->is_throttling, has_answer ? asked_ms(http) : -1};
    int64_t wait_ms =
        retry_after(&call->retry, &client->quota, &fault, client->config.max_attempts, &client->rng);
    if (wait_ms >= 0)
        back_off(call, wait_ms);
    return wait_ms >= 0;
}

static void hide_secrets(AwsError *error, const AwsCredentials *credentials)
{
    if (!credentials)
        return;
    aws_error_hide(error, credentials->session_token);
    aws_error_hide(error, credentials->secret_access_key);
}

static void count_try(const Call *call, const AwsError *error, const HttpAnswer *http)
{
    const AwsClient *client = call->client;
    CallOutcome outcome = !error                       ? CALL_OK
                          : error->is_throttling       ? CALL_THROTTLED
                          : http->end == HTTP_ANSWERED ? CALL_ERROR
                                                       : CALL_LOST;
    call_meter_count(client->config.calls, aws_service_info(client->config.service)->name, call->lane->action,
                     outcome, (monotonic_ms(client) - call->sent_ms) * 1000);
}

static void take_answer(Call *call, AwsAnswer *answer, const HttpAnswer *http)
{
    AwsClient *client = call->client;
    client->under_way--;
    count_try(call, answer->error, http);
    if (client->config.retry_mode == AWS_RETRY_ADAPTIVE)
        adaptive_answered(&client->adaptive, answer->error && answer->error->is_throttling,
                          monotonic_ms(client));
    if (answer->error)
        hide_secrets(answer->error, call->credentials);
    else
        retry_succeeded(&call->retry, &client->quota);
    if (!answer->error || !repeats(call, answer->error, http))
        report(call, answer);
    pump(client);
}

/* One that could not be read is as if no whole answer had come. */
static void was_read(AwsAnswer *answer, void *data)
{
    const HttpAnswer http = {.end = HTTP_BROKEN};
    take_answer(data, answer, &http);
}

static void answered(const HttpAnswer *http, void *data)
{
    Call *call = data;
    AwsClient *client = call->client;
    bool is_good = http->end == HTTP_ANSWERED && http->status >= 200 && http->status <= 299;
    if (is_good && http->body.len >= LONG_BODY) {
        if (!client->reader)
            client->reader = aws_reader_new(client->context);
        call->phase = CALL_READ;
        call->reading = aws_reader_read(client->reader, client->config.service, http->body, was_read, call);
        return;
    }
    g_auto(AwsAnswer) answer = {0};
    aws_answer_read(client->config.service, http, &answer);
    take_answer(call, &answer, http);
}

/* ---- sending ---- */

/* Of a GET: its path and query stand behind the endpoint, whose own path is none but "/". */
static char *url_of(const AwsClient *client, const char *path)
{
    return g_strdup_printf("%.*s%s", (int)(strlen(client->endpoint.url) - strlen(client->endpoint.path)),
                           client->endpoint.url, path);
}

static void send_attempt(Call *call)
{
    AwsClient *client = call->client;
    const AwsAttempt attempt = {.service = client->config.service,
                                .region = client->region,
                                .action = call->lane->action,
                                .body = call->body,
                                .invocation_id = call->invocation_id,
                                .attempt = call->retry.attempts + 1,
                                .attempts_max = client->config.max_attempts};
    g_auto(GStrv) headers =
        aws_request_headers(&client->endpoint, &attempt, call->credentials,
                            client->time.now_ms(client->time.self) + client->offset_ms, &client->key);
    AwsWire wire = aws_service_info(client->config.service)->wire;
    bool is_rest = wire == AWS_WIRE_REST;
    g_autofree char *path = aws_request_path(&client->endpoint, &attempt);
    g_autofree char *url = is_rest || wire == AWS_WIRE_POST ? url_of(client, path) : NULL;
    const HttpRequest request = {.method = is_rest ? "GET" : "POST",
                                 .url = url ? url : client->endpoint.url,
                                 .headers = (const char *const *)headers,
                                 .body = is_rest ? (View){0} : view_from(call->body),
                                 .connect_ms = CONNECT_MS,
                                 .timeout_ms = call->what.timeout_ms,
                                 .ca_bundle = client->ca_bundle,
                                 .skips_proxy = client->endpoint.is_loopback};
    call->phase = CALL_SENT;
    call->sent_ms = monotonic_ms(client);
    call->waits_for = http_send(client->http, &request, answered, call);
}

static void take_credentials(AwsCredentials *credentials, const GError *error, void *data)
{
    Call *call = data;
    AwsClient *client = call->client;
    call->waits_for = 0;
    g_clear_pointer(&call->credentials, aws_credentials_unref);
    if (credentials) {
        call->credentials = aws_credentials_ref(credentials);
        send_attempt(call);
        return;
    }
    g_auto(AwsAnswer) answer = {.error = aws_error_of_credentials(error->message)};
    client->under_way--;
    report(call, &answer);
    pump(client);
}

/* The source may call at once, and then the call may be gone. */
static void begin(Call *call)
{
    AwsClient *client = call->client;
    client->under_way++;
    call->phase = CALL_UNPERMITTED;
    call->waits_for = 0;
    if (!client->source) {
        send_attempt(call);
        return;
    }
    uint64_t waits_for = aws_credentials_get(client->source, take_credentials, call);
    if (waits_for != 0)
        call->waits_for = waits_for;
}

/* ---- whose turn it is ---- */

/* EC2 has less for those who look at everything at once. */
static bool is_plain(const Call *call)
{
    return !strstr(call->body, "&Filter.1.") && !strstr(call->body, "&MaxResults=") &&
           !strstr(call->body, "&NextToken=");
}

/* Tokens are taken for the first of a lane alone: what comes back after a back-off goes before the rest. */
static void reserve(Lane *lane, const Call *call, int64_t now_ms)
{
    AwsClient *client = call->client;
    int64_t limits_ms =
        rate_limits_take(client->limits, lane->action, is_plain(call), call->what.resources, now_ms);
    int64_t adaptive_ms =
        client->config.retry_mode == AWS_RETRY_ADAPTIVE ? adaptive_take(&client->adaptive, now_ms) : 0;
    lane->is_reserved = true;
    lane->ready_ms = now_ms + MAX(limits_ms, adaptive_ms);
}

static bool advance(AwsClient *client, Lane *lane)
{
    int64_t now_ms = monotonic_ms(client);
    Call *call = g_queue_peek_head(&lane->calls);
    if (!call || client->under_way >= client->config.max_under_way)
        return false;
    if (!lane->is_reserved)
        reserve(lane, call, now_ms);
    if (lane->ready_ms > now_ms)
        return false;
    lane->is_reserved = false;
    g_queue_pop_head(&lane->calls);
    begin(call);
    return true;
}

/* One of each lane in turn, so that a long one does not keep the others waiting. */
static bool advance_each(AwsClient *client)
{
    bool has_advanced = false;
    guint len = client->lanes->len, first = client->first_lane;
    for (guint i = 0; i < len; i++) {
        guint at = (first + i) % len;
        if (advance(client, client->lanes->pdata[at])) {
            has_advanced = true;
            client->first_lane = at + 1;
        }
    }
    return has_advanced;
}

static void requeue_due(AwsClient *client)
{
    int64_t now_ms = monotonic_ms(client);
    for (GList *at = client->backing_off, *next; at; at = next) {
        Call *call = at->data;
        next = at->next;
        if (call->due_ms > now_ms)
            continue;
        client->backing_off = g_list_delete_link(client->backing_off, at);
        requeue_first(call);
    }
}

static void pump(AwsClient *client)
{
    if (client->is_pumping)
        return;
    client->is_pumping = true;
    requeue_due(client);
    while (advance_each(client))
        ;
    client->is_pumping = false;
    arm(client);
}

/* ---- waking ---- */

static gboolean wake(void *data)
{
    AwsClient *client = data;
    g_clear_pointer(&client->timer, g_source_unref);
    pump(client);
    return G_SOURCE_REMOVE;
}

static void disarm(AwsClient *client)
{
    if (!client->timer)
        return;
    g_source_destroy(client->timer);
    g_clear_pointer(&client->timer, g_source_unref);
}

static void arm_after(AwsClient *client, int64_t after_ms)
{
    disarm(client);
    client->timer = client->time.timer_new ? client->time.timer_new(client->time.self, after_ms)
                                           : g_timeout_source_new((guint)CLAMP(after_ms, 0, G_MAXINT));
    g_source_set_callback(client->timer, wake, client, NULL);
    g_source_attach(client->timer, client->context);
}

/* For whatever comes next by itself: the first of a lane, the end of a back-off. */
static void arm(AwsClient *client)
{
    int64_t next_ms = G_MAXINT64;
    for (guint i = 0; i < client->lanes->len && client->under_way < client->config.max_under_way; i++) {
        const Lane *lane = client->lanes->pdata[i];
        if (lane->is_reserved)
            next_ms = MIN(next_ms, lane->ready_ms);
    }
    for (const GList *at = client->backing_off; at; at = at->next)
        next_ms = MIN(next_ms, ((const Call *)at->data)->due_ms);
    if (next_ms == G_MAXINT64)
        disarm(client);
    else
        arm_after(client, MAX(next_ms - monotonic_ms(client), 0));
}

/* ---- calls ---- */

static Lane *lane_of(AwsClient *client, const char *action)
{
    for (guint i = 0; i < client->lanes->len; i++) {
        Lane *lane = client->lanes->pdata[i];
        if (strcmp(lane->action, action) == 0)
            return lane;
    }
    Lane *lane = g_new0(Lane, 1);
    lane->action = g_strdup(action);
    g_queue_init(&lane->calls);
    g_ptr_array_add(client->lanes, lane);
    return lane;
}

uint64_t aws_client_call(AwsClient *client, const AwsCall *what, AwsDone done, void *data)
{
    Call *call = g_new0(Call, 1);
    *call = (Call){.client = client,
                   .id = ++client->last_id,
                   .lane = lane_of(client, what->action),
                   .what = *what,
                   .done = done,
                   .data = data};
    call->what.action = call->lane->action;
    call->what.body = what->page ? g_strdup(what->body ? what->body : "{}") : NULL; /* pages begin with it */
    call->what.timeout_ms = what->timeout_ms > 0 ? what->timeout_ms : TIMEOUT_MS;
    ask_for(call, g_strdup(what->body ? what->body : "{}"));
    g_hash_table_insert(client->calls, &call->id, call);
    g_queue_push_tail(&call->lane->calls, call);
    if (g_queue_peek_head(&call->lane->calls) == call && !client->is_pumping)
        arm_after(client, 0);
    return call->id;
}

void aws_client_cancel(AwsClient *client, uint64_t id)
{
    Call *call = g_hash_table_lookup(client->calls, &id);
    if (!call)
        return;
    if (call->phase == CALL_REPORTING) {
        call->is_cancelled = true; /* it is gone when its callback has returned */
        return;
    }
    detach(call);
    g_hash_table_remove(client->calls, &id);
    if (!client->is_pumping)
        arm_after(client, 0);
}

/* ---- clients ---- */

static void lane_free(void *data)
{
    Lane *lane = data;
    g_queue_clear(&lane->calls);
    g_free(lane->action);
    g_free(lane);
}

/* It becomes part of headers. */
static bool region_is_good(const char *region, GError **error)
{
    bool is_good = *region && strspn(region, "abcdefghijklmnopqrstuvwxyz0123456789-") == strlen(region);
    g_autofree char *shown = is_good ? NULL : one_line(view_from(region), REGION_SHOWN);
    if (shown)
        g_set_error(error, G_CONVERT_ERROR, G_CONVERT_ERROR_BAD_URI, "\"%s\" is no region", shown);
    return is_good;
}

static bool find_endpoint(AwsClient *client, const AwsClientConfig *config, GError **error)
{
    if (!region_is_good(config->region, error))
        return false;
    g_autofree char *own = config->endpoint
                               ? g_strdup(config->endpoint)
                               : aws_endpoint_of(config->service, config->region, config->uses_fips,
                                                 config->uses_dualstack, error);
    if (!own || !aws_endpoint_parse(own, &client->endpoint, error))
        return false;
    if (client->endpoint.is_encrypted || client->endpoint.is_loopback || config->allows_plain_http)
        return true;
    g_set_error(error, G_CONVERT_ERROR, G_CONVERT_ERROR_BAD_URI,
                "the endpoint %s is on another machine and not encrypted: credentials are not sent there; "
                "https:// is needed",
                client->endpoint.url);
    return false;
}

static void set_up(AwsClient *client, const AwsClientConfig *config, const AwsTime *time)
{
    client->config = *config;
    client->config.region = client->region = g_strdup(config->region);
    client->config.ca_bundle = client->ca_bundle = g_strdup(config->ca_bundle);
    client->config.endpoint = NULL;
    if (config->max_attempts <= 0)
        client->config.max_attempts = RETRY_ATTEMPTS;
    if (config->max_under_way <= 0)
        client->config.max_under_way = UNDER_WAY_MAX;
    client->time = *time;
    client->rng = rng_from_seed(time->seed);
    client->limits =
        rate_limits_new(config->service, config->rate_share_e3 > 0 ? config->rate_share_e3 : 1000);
    retry_quota_init(&client->quota);
    adaptive_init(&client->adaptive, monotonic_ms(client));
}

AwsClient *aws_client_new(GMainContext *context, HttpClient *http, AwsCredentialsSource *credentials,
                          const AwsClientConfig *config, const AwsTime *time, GError **error)
{
    g_autoptr(AwsClient) client = g_new0(AwsClient, 1);
    client->context = g_main_context_ref(context);
    client->http = http;
    client->source = credentials ? aws_credentials_source_ref(credentials) : NULL;
    client->calls = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, call_free);
    client->lanes = g_ptr_array_new_with_free_func(lane_free);
    if (!find_endpoint(client, config, error))
        return NULL;
    set_up(client, config, time);
    return g_steal_pointer(&client);
}

void aws_client_free(AwsClient *client)
{
    if (!client)
        return;
    g_assert(!client->is_reporting && !client->is_pumping);
    GHashTableIter each;
    void *call;
    g_hash_table_iter_init(&each, client->calls);
    while (g_hash_table_iter_next(&each, NULL, &call))
        detach(call);
    disarm(client);
    g_hash_table_destroy(client->calls);
    g_ptr_array_unref(client->lanes);
    rate_limits_free(client->limits);
    aws_reader_free(client->reader);
    aws_endpoint_clear(&client->endpoint);
    if (client->source)
        aws_credentials_source_unref(client->source);
    g_free(client->region);
    g_free(client->ca_bundle);
    g_main_context_unref(client->context);
    g_free(client);
}
