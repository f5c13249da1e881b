/* hooks.c: see hooks.h. */
#include "reconciler/hooks.h"
#include <openssl/crypto.h>
#include <string.h>
#include "reconciler/api/deliveries.h"
#include "reconciler/api/listener.h"
#include "reconciler/api/metrics.h"
#include "reconciler/api/rate.h"
#include "reconciler/api/webhook.h"
#include "reconciler/clock.h"
#include "reconciler/source/own_file.h"
#include "spec/base/aside.h"

#define ANSWER_AGE_US      INT64_C(1000000) /* an answer is given again for so long */
#define BEARER             "Bearer "
#define ANSWER_PATIENCE_MS 2000 /* then whoever asks is told that there is none */

/* Of each source, for who can sign: sixty at once, then two in a second. */
static const RateLimit taken_limit = {.every_ms = 500, .burst = 60};
/* Of each source, for who cannot: then 429 in place of 401. */
static const RateLimit refused_limit = {.every_ms = 1000, .burst = 30};
/* Of each source: so often a refusal is told. */
static const RateLimit told_limit = {.every_ms = 60000, .burst = 3};

/* What is remembered of the webhooks of one source. */
typedef struct {
    Rate taken, refused, told;
    int64_t refused_len; /* since one was told last */
    Deliveries deliveries;
} Gate;

/* What the engine is asked for whoever asks here. */
typedef enum { QUESTION_METRICS, QUESTION_READY, QUESTIONS } QuestionKind;
typedef struct {
    Hooks *hooks;
    QuestionKind kind;
    GPtrArray *askers; /* of ListenerRequest*: wait for the answer */
    GSource *timer;    /* of their patience; NULL: nobody waits */
    bool is_asked;
    OperationResult result; /* the newest; http_status 0: there is none yet */
    int64_t answered_us;    /* monotonic */
} Question;

struct Hooks {
    Listener *listener;
    GPtrArray *follows; /* NULL: it stops */
    ClockPort clock;
    LogPort log;
    void (*call)(Call *call, void *data);
    void *data;
    GMainContext *context;
    GHashTable *gates; /* name of a source → Gate*; "": of names that no source has */
    Aside *aside;      /* judges */
    Question questions[QUESTIONS];
    char *metrics_token; /* NULL: /metrics asks for none */
};

typedef struct {
    Hooks *hooks;
    ListenerRequest *request;
    Follow *follow;
    char **secrets;
    char *headers[WEBHOOK_HEADERS];
    int64_t now_ms;
    WebhookVerdict verdict;
} Arrival;

static void answer(ListenerRequest *request, unsigned status, const char *text)
{
    listener_answer(request, &(ListenerAnswer){.status = status, .text = g_strconcat(text, "\n", NULL)});
}

static void answer_later(ListenerRequest *request, unsigned status, const char *text, int64_t wait_ms)
{
    listener_answer(request, &(ListenerAnswer){.status = status,
                                               .text = g_strconcat(text, "\n", NULL),
                                               .retry_after_s = (wait_ms + 999) / 1000});
}

/* ---- sources ---- */

static Follow *follow_find(const Hooks *hooks, const char *name)
{
    for (guint i = 0; i < hooks->follows->len; i++)
        if (g_strcmp0(follow_name(hooks->follows->pdata[i]), name) == 0)
            return hooks->follows->pdata[i];
    return NULL;
}

static bool is_any_unnamed(const Hooks *hooks)
{
    for (guint i = 0; i < hooks->follows->len; i++)
        if (!follow_name(hooks->follows->pdata[i]))
            return true;
    return false;
}

static Gate *gate_of(Hooks *hooks, const Follow *follow)
{
    const char *name = follow ? follow_name(follow) : "";
    Gate *gate = g_hash_table_lookup(hooks->gates, name);
    if (!gate) {
        gate = g_new0(Gate, 1);
        g_hash_table_insert(hooks->gates, g_strdup(name), gate);
    }
    return gate;
}

/* ---- refusals ---- */

static int64_t monotonic_ms(void)
{
    return clock_us() / 1000;
}

static void log_unknown(Hooks *hooks, const ListenerRequest *request, int64_t count)
{
    g_autofree char *name = g_strescape(listener_below(request), NULL);
    g_autofree char *text = g_strdup_printf("a webhook was refused: no source is called \"%.128s\" "
                                            "(%" G_GINT64_FORMAT " since the last one that was told)",
                                            name, count);
    log_tell(&hooks->log, &(LogEntry){.level = LOG_LEVEL_WARNING, .message = text});
}

/* follow NULL: no source is called so. */
static void tell_refused(Hooks *hooks, ListenerRequest *request, Follow *follow, const char *form,
                         const char *reason)
{
    Gate *gate = gate_of(hooks, follow);
    int64_t wait_ms;
    gate->refused_len++;
    if (!rate_take(&gate->told, told_limit, monotonic_ms(), &wait_ms))
        return;
    if (follow)
        follow_tell_webhook(
            follow, &(SourceWebhook){.form = form, .refused = reason, .refused_len = gate->refused_len});
    else
        log_unknown(hooks, request, gate->refused_len);
    gate->refused_len = 0;
}

/* All that the sender learns is the same whatever is wrong. */
static void refuse(Hooks *hooks, ListenerRequest *request, Follow *follow, const char *form,
                   const char *reason)
{
    int64_t wait_ms = 0;
    tell_refused(hooks, request, follow, form, reason);
    if (rate_take(&gate_of(hooks, follow)->refused, refused_limit, monotonic_ms(), &wait_ms))
        answer(request, 401, "refused");
    else
        answer_later(request, 429, "refused, too often", wait_ms);
}

/* ---- what is signed ---- */

/* Every source of the repository hears of it: one webhook does for all. Whether any follows it. */
static bool push_all(const Arrival *arrival)
{
    const WebhookVerdict *push = &arrival->verdict;
    const char *url = follow_location(arrival->follow)->url;
    bool is_followed = false;
    for (guint i = 0; i < arrival->hooks->follows->len; i++) {
        Follow *follow = arrival->hooks->follows->pdata[i];
        const RepoLocation *location = follow_location(follow);
        if (!location || strcmp(location->url, url) != 0)
            continue;
        bool is_mine = webhook_match(push, location) == WEBHOOK_FOLLOWED;
        if (is_mine)
            follow_push(follow, push->ref, push->commit);
        if (is_mine || follow == arrival->follow)
            follow_tell_webhook(follow, &(SourceWebhook){.form = push->form,
                                                         .ref = push->ref,
                                                         .commit = push->commit,
                                                         .is_followed = is_mine});
        is_followed |= is_mine;
    }
    return is_followed;
}

static void take_push(const Arrival *arrival)
{
    bool is_other =
        webhook_match(&arrival->verdict, follow_location(arrival->follow)) == WEBHOOK_OTHER_REPOSITORY;
    if (is_other)
        follow_tell_webhook(arrival->follow, &(SourceWebhook){.form = arrival->verdict.form});
    if (is_other)
        answer(arrival->request, 200, "not followed: another repository");
    else if (push_all(arrival))
        answer(arrival->request, 202, "taken");
    else
        answer(arrival->request, 200, "not followed: another reference");
}

static void take_signed(Arrival *arrival)
{
    const WebhookVerdict *verdict = &arrival->verdict;
    Gate *gate = gate_of(arrival->hooks, arrival->follow);
    int64_t wait_ms = 0;
    if (deliveries_has(&gate->deliveries, verdict->key)) {
        answer(arrival->request, 200, "already taken");
        return;
    }
    if (!rate_take(&gate->taken, taken_limit, monotonic_ms(), &wait_ms)) {
        answer_later(arrival->request, 429, "too often; what was pushed is found by the next look", wait_ms);
        return;
    }
    deliveries_add(&gate->deliveries, verdict->key);
    switch (verdict->result) {
    case WEBHOOK_PUSH: take_push(arrival); return;
    case WEBHOOK_BAD:
        tell_refused(arrival->hooks, arrival->request, arrival->follow, verdict->form, verdict->reason);
        answer(arrival->request, 400, verdict->reason);
        return;
    case WEBHOOK_PING:
    case WEBHOOK_OTHER:
        follow_tell_webhook(arrival->follow, &(SourceWebhook){.form = verdict->form});
        answer(arrival->request, 200, verdict->result == WEBHOOK_PING ? "pong" : "not followed: no push");
        return;
    case WEBHOOK_REFUSED: break;
    }
    g_assert_not_reached();
}

/* ---- judging ---- */

static void arrival_free(Arrival *arrival)
{
    for (size_t i = 0; i < WEBHOOK_HEADERS; i++)
        g_free(arrival->headers[i]);
    g_strfreev(arrival->secrets);
    webhook_verdict_clear(&arrival->verdict);
    g_free(arrival);
}

static void arrival_end(void *data)
{
    Arrival *arrival = data;
    if (!arrival->hooks->follows)
        answer(arrival->request, 503, "muster stops");
    else if (arrival->verdict.result == WEBHOOK_REFUSED)
        refuse(arrival->hooks, arrival->request, arrival->follow, arrival->verdict.form,
               arrival->verdict.reason);
    else
        take_signed(arrival);
    arrival_free(arrival);
}

/* On the thread. The body stays where it is until the request is answered. */
static void judge(void *data)
{
    Arrival *arrival = data;
    WebhookRequest request = {.body = listener_body(arrival->request),
                              .secrets = (const char *const *)arrival->secrets,
                              .now_ms = arrival->now_ms};
    for (size_t i = 0; i < WEBHOOK_HEADERS; i++)
        request.headers[i] = arrival->headers[i];
    webhook_judge(&request, &arrival->verdict);
}

/* ---- the routes ---- */

static void webhook_begin(ListenerRequest *request, void *data)
{
    Hooks *hooks = data;
    g_autoptr(GError) error = NULL;
    const char *headers[WEBHOOK_HEADERS];
    Follow *follow = follow_find(hooks, listener_below(request));
    if (!follow && is_any_unnamed(hooks)) {
        answer_later(request, 503, "not every source was read yet", 1000);
        return;
    }
    if (!follow) {
        refuse(hooks, request, NULL, NULL, NULL);
        return;
    }
    g_auto(GStrv) secrets = follow_secrets(follow, &error);
    for (WebhookHeader i = 0; i < WEBHOOK_HEADERS; i++)
        headers[i] = listener_header(request, webhook_header_name(i));
    if (!secrets)
        refuse(hooks, request, follow, NULL, error->message);
    else if (!webhook_is_signed(headers))
        refuse(hooks, request, follow, NULL, "it is not signed");
}

static void webhook_take(ListenerRequest *request, void *data)
{
    Hooks *hooks = data;
    Follow *follow = hooks->follows ? follow_find(hooks, listener_below(request)) : NULL;
    char **secrets = follow ? follow_secrets(follow, NULL) : NULL;
    if (!secrets) { /* gone since its headers came */
        answer(request, 503, "not now");
        return;
    }
    Arrival *arrival = g_new0(Arrival, 1);
    *arrival = (Arrival){.hooks = hooks,
                         .request = request,
                         .follow = follow,
                         .secrets = secrets,
                         .now_ms = hooks->clock.now_ms(hooks->clock.self)};
    for (WebhookHeader i = 0; i < WEBHOOK_HEADERS; i++)
        arrival->headers[i] = g_strdup(listener_header(request, webhook_header_name(i)));
    aside_run(hooks->aside, judge, arrival_end, arrival);
}

static void health_take(ListenerRequest *request, void *data)
{
    (void)data;
    answer(request, 200, "ok");
}

/* ---- what the engine is asked ---- */

static void answer_metrics(ListenerRequest *request, const OperationResult *result)
{
    listener_answer(request, &(ListenerAnswer){.status = 200,
                                               .type = METRICS_TYPE,
                                               .text = g_strndup(result->text->str, result->text->len)});
}

static void answer_ready(ListenerRequest *request, const OperationResult *result)
{
    const char *reason = json_string_value(json_object_get(result->body, "reason"));
    if (json_is_true(json_object_get(result->body, "ready")))
        answer(request, 200, "ready");
    else
        answer(request, 503, reason ? reason : "not ready");
}

static void answer_asker(const Question *question, ListenerRequest *request)
{
    if (question->result.http_status != 200)
        answer(request, 503, "the engine does not answer");
    else if (question->kind == QUESTION_METRICS)
        answer_metrics(request, &question->result);
    else
        answer_ready(request, &question->result);
}

static void question_drop_timer(Question *question)
{
    if (question->timer)
        g_source_destroy(question->timer);
    g_clear_pointer(&question->timer, g_source_unref);
}

static void on_answer(Call *call)
{
    Question *question = call->owner;
    operation_result_clear(&question->result);
    question->result = call->result;
    call->result = (OperationResult){0};
    question->answered_us = clock_us();
    question->is_asked = false;
    question_drop_timer(question);
    call_free(call);
    for (guint i = 0; i < question->askers->len; i++)
        answer_asker(question, question->askers->pdata[i]);
    g_ptr_array_set_size(question->askers, 0);
}

/* The loop turns, or this would not run: what the answer waits for is a commit. */
static gboolean on_patience(gpointer data)
{
    Question *question = data;
    question_drop_timer(question);
    for (guint i = 0; i < question->askers->len; i++)
        answer(question->askers->pdata[i], 503, "the state has not been committed for too long");
    g_ptr_array_set_size(question->askers, 0);
    return G_SOURCE_REMOVE;
}

/* Whoever asks often, and how many do, costs the engine one call a second. */
static void ask(Question *question, ListenerRequest *request)
{
    static const char *const operations[QUESTIONS] = {
        [QUESTION_METRICS] = "metrics", [QUESTION_READY] = "ready"};
    Hooks *hooks = question->hooks;
    bool is_known = question->result.http_status == 200 && !question->is_asked;
    if (is_known && clock_us() - question->answered_us < ANSWER_AGE_US) {
        answer_asker(question, request);
        return;
    }
    g_ptr_array_add(question->askers, request);
    if (!question->timer) {
        question->timer = g_timeout_source_new(ANSWER_PATIENCE_MS);
        g_source_set_callback(question->timer, on_patience, question, NULL);
        g_source_attach(question->timer, hooks->context);
    }
    if (question->is_asked)
        return;
    Call *call = call_new(operation_find_name(operations[question->kind]), json_object());
    call->answer = on_answer;
    call->owner = question;
    question->is_asked = true;
    hooks->call(call, hooks->data);
}

/* In constant time, for a token of a known length. */
static bool is_bearer(const char *header, const char *token)
{
    size_t len = strlen(token);
    if (!header || g_ascii_strncasecmp(header, BEARER, strlen(BEARER)) != 0)
        return false;
    header += strlen(BEARER);
    return strlen(header) == len && CRYPTO_memcmp(header, token, len) == 0;
}

static void metrics_take(ListenerRequest *request, void *data)
{
    const Hooks *hooks = data;
    if (hooks->metrics_token && !is_bearer(listener_header(request, "authorization"), hooks->metrics_token)) {
        char **headers = g_strsplit("WWW-Authenticate Bearer", " ", -1);
        listener_answer(request, &(ListenerAnswer){.status = 401,
                                                   .text = g_strdup("the token of /metrics is expected: "
                                                                    "Authorization: Bearer TOKEN\n"),
                                                   .headers = headers});
        return;
    }
    ask(&((Hooks *)data)->questions[QUESTION_METRICS], request);
}

static void ready_take(ListenerRequest *request, void *data)
{
    ask(&((Hooks *)data)->questions[QUESTION_READY], request);
}

static void questions_init(Hooks *hooks)
{
    for (QuestionKind kind = 0; kind < QUESTIONS; kind++)
        hooks->questions[kind] = (Question){.hooks = hooks, .kind = kind, .askers = g_ptr_array_new()};
}

static void questions_clear(Hooks *hooks)
{
    for (QuestionKind kind = 0; kind < QUESTIONS; kind++) {
        question_drop_timer(&hooks->questions[kind]);
        operation_result_clear(&hooks->questions[kind].result);
        g_ptr_array_unref(hooks->questions[kind].askers);
    }
}

static const ListenerRoute routes[] = {
    {.method = "POST",
     .path = "/hooks/",
     .body_max = WEBHOOK_BODY_MAX,
     .begin = webhook_begin,
     .take = webhook_take},
    {.method = "GET", .path = "/healthz", .take = health_take},
    {.method = "GET", .path = "/readyz", .take = ready_take},
    {.method = "GET", .path = "/metrics", .take = metrics_take},
};

/* ---- the face ---- */

Hooks *hooks_new(const HooksOptions *options, GError **error)
{
    Hooks *hooks = g_new0(Hooks, 1);
    *hooks = (Hooks){.follows = options->follows,
                     .clock = options->clock,
                     .log = options->log,
                     .call = options->call,
                     .data = options->data,
                     .context = g_main_context_ref_thread_default(),
                     .metrics_token = g_strdup(options->metrics_token)};
    hooks->gates = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    questions_init(hooks);
    hooks->aside = aside_new(hooks->context);
    g_autoptr(GArray) all = g_array_new(FALSE, FALSE, sizeof(ListenerRoute));
    g_array_append_vals(all, routes, G_N_ELEMENTS(routes));
    if (options->routes_len)
        g_array_append_vals(all, options->routes, (guint)options->routes_len);
    ListenerOptions listener = {.address = options->address,
                                .tls = options->tls,
                                .routes = (const ListenerRoute *)(void *)all->data,
                                .routes_len = all->len,
                                .data = hooks};
    hooks->listener = listener_new(&listener, error);
    if (hooks->listener)
        return hooks;
    hooks_stop(hooks);
    hooks_free(hooks);
    return NULL;
}

char *hooks_text(const Hooks *hooks)
{
    return listener_text(hooks->listener);
}

bool hooks_renew_tls(Hooks *hooks, const ListenerTls *tls, GError **error)
{
    return listener_renew_tls(hooks->listener, tls, error);
}

static void token_wipe(char *token)
{
    if (token)
        OPENSSL_cleanse(token, strlen(token));
    g_free(token);
}

void hooks_set_metrics_token(Hooks *hooks, const char *token)
{
    token_wipe(hooks->metrics_token);
    hooks->metrics_token = g_strdup(token);
}

#define METRICS_TOKEN_MIN ((size_t)16) /* characters: what is shorter is guessed */

char *metrics_token_read(const char *path, GError **error)
{
    char *text = NULL;
    size_t len = 0;
    const OwnFile file = {.path = path, .must_exist = true, .max = 4096, .why = "it opens /metrics"};
    if (!own_file_read(&file, &text, &len, error))
        return NULL;
    g_strstrip(text);
    size_t token_len = strlen(text);
    if (token_len >= METRICS_TOKEN_MIN && strcspn(text, " \t\r\n") == token_len)
        return text;
    g_free(text);
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
                "--metrics-token-file %s: one line with a token of at least %zu characters and no blanks is "
                "expected, as openssl rand -hex 32 makes one",
                path, METRICS_TOKEN_MIN);
    return NULL;
}

void hooks_stop(Hooks *hooks)
{
    if (!hooks)
        return;
    if (hooks->listener)
        listener_close(hooks->listener);
    hooks->follows = NULL;
    g_clear_pointer(&hooks->aside, aside_free);
}

void hooks_free(Hooks *hooks)
{
    GSource *source;
    if (!hooks)
        return;
    while ((source = g_main_context_find_source_by_user_data(hooks->context, hooks)))
        g_source_destroy(source);
    listener_free(hooks->listener);
    g_hash_table_unref(hooks->gates);
    questions_clear(hooks);
    token_wipe(hooks->metrics_token);
    g_main_context_unref(hooks->context);
    g_free(hooks);
}
