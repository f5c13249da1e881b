/* oidc.c: see oidc.h. */
#include "reconciler/api/web/oidc.h"
#include <openssl/crypto.h>
#include <string.h>
#include "reconciler/api/web/oidc_token.h"
#include "reconciler/source/own_file.h"

#define HTTP_OK      200
#define DISCOVERY    "/.well-known/openid-configuration"
#define CALLBACK     "/sign-in/callback"
#define STOPPING     "muster stops"
#define SECRET_MAX   4096
#define SHA256_BYTES 32

/* Begun, and the browser is at the provider. */
typedef struct {
    char *browser; /* digest */
    char *nonce, *verifier;
    int64_t begun_ms;
} Login;

struct Oidc {
    WebFetchPort fetch;
    ClockPort clock;
    const WebProvider *provider; /* NULL: none */
    char *redirect;
    json_t *metadata, *keys; /* NULL: not known */
    int64_t metadata_ms, keys_ms;
    GHashTable *logins; /* digest of state → Login* */
    GPtrArray *tasks;   /* of Task*: wait for the provider */
    bool is_stopping;
};

/* One request of a browser, which waits. */
typedef struct {
    Oidc *oidc;
    OidcBegun begun; /* NULL: it is ended */
    OidcEnded ended;
    void *data;
    char *browser; /* of begun */
    Login *login;  /* of ended */
    char *code, *token;
} Task;

static void login_free(void *data)
{
    Login *login = data;
    if (!login)
        return;
    g_free(login->browser);
    g_free(login->nonce);
    g_free(login->verifier);
    g_free(login);
}

static void task_free(Task *task)
{
    login_free(task->login);
    g_free(task->browser);
    g_free(task->code);
    g_free(task->token);
    g_free(task);
}

static int64_t now_ms(const Oidc *oidc)
{
    return oidc->clock.monotonic_us(oidc->clock.self) / 1000;
}

static char *secret_digest(const char *text)
{
    return g_compute_checksum_for_string(G_CHECKSUM_SHA256, text, -1);
}

static const char *member_of(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

/* ---- the end of a task ---- */

static void task_end(Task *task, const char *location, const json_t *claims, const char *error)
{
    g_ptr_array_remove(task->oidc->tasks, task);
    if (task->begun)
        task->begun(location, error, task->data);
    else
        task->ended(claims, error, task->data);
    task_free(task);
}

static void task_fail(Task *task, const char *format, ...) G_GNUC_PRINTF(2, 3);
static void task_fail(Task *task, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    task_end(task, NULL, NULL, text);
}

static void go_on(Task *task);

/* ---- what the provider says of itself ---- */

/* NULL: the task has failed. what: for the message. New reference. */
static json_t *answer_of(Task *task, const char *what, long status, View body, const char *error)
{
    json_t *json = status == HTTP_OK ? json_loadb(body.data, body.len, JSON_REJECT_DUPLICATES, NULL) : NULL;
    if (json_is_object(json))
        return json;
    json_decref(json);
    if (!status)
        task_fail(task, "the provider does not answer (%s): %s", what, error);
    else
        task_fail(task, "the provider answers with status %ld and no JSON of use (%s)", status, what);
    return NULL;
}

static bool is_endpoint(const json_t *metadata, const char *name)
{
    const char *url = member_of(metadata, name);
    return url && !web_url_is_exposed(url);
}

static void took_metadata(long status, View body, const char *error, void *data)
{
    Task *task = data;
    Oidc *oidc = task->oidc;
    json_t *metadata = answer_of(task, "its description", status, body, error);
    if (!metadata)
        return;
    bool is_known = oidc->provider && is_endpoint(metadata, "authorization_endpoint") &&
                    is_endpoint(metadata, "token_endpoint") && is_endpoint(metadata, "jwks_uri");
    if (!is_known || g_strcmp0(member_of(metadata, "issuer"), oidc->provider->issuer) != 0) {
        json_decref(metadata);
        task_fail(task, "the provider's description is of another issuer, or names no encrypted endpoints");
        return;
    }
    json_decref(oidc->metadata);
    oidc->metadata = metadata;
    oidc->metadata_ms = now_ms(oidc);
    go_on(task);
}

static void took_keys(long status, View body, const char *error, void *data)
{
    Task *task = data;
    Oidc *oidc = task->oidc;
    json_t *keys = answer_of(task, "its keys", status, body, error);
    if (!keys)
        return;
    json_decref(oidc->keys);
    oidc->keys = keys;
    oidc->keys_ms = now_ms(oidc);
    go_on(task);
}

static void get(Task *task, const char *url, WebFetched done)
{
    static const char *const headers[] = {"Accept: application/json", NULL};
    const Oidc *oidc = task->oidc;
    const WebFetch fetch = {
        .method = "GET", .url = url, .headers = headers, .ca_file = oidc->provider->ca_file};
    oidc->fetch.fetch(oidc->fetch.self, &fetch, done, task);
}

static void get_metadata(Task *task)
{
    const char *issuer = task->oidc->provider->issuer;
    bool is_slash = g_str_has_suffix(issuer, "/");
    g_autofree char *url = g_strconcat(issuer, &DISCOVERY[is_slash ? 1 : 0], NULL);
    get(task, url, took_metadata);
}

/* ---- beginning ---- */

static void add_parameter(GString *text, const char *name, const char *value)
{
    g_autofree char *escaped = g_uri_escape_string(value, NULL, FALSE);
    g_string_append_printf(text, "%s%s=%s", text->len ? "&" : "", name, escaped);
}

/* RFC 7636, 4.2: of the verifier, without padding. New string. */
static char *challenge_of(const char *verifier)
{
    guint8 digest[SHA256_BYTES];
    gsize len = sizeof digest;
    g_autoptr(GChecksum) checksum = g_checksum_new(G_CHECKSUM_SHA256);
    g_checksum_update(checksum, (const guchar *)verifier, -1);
    g_checksum_get_digest(checksum, digest, &len);
    char *text = g_base64_encode(digest, len);
    g_strdelimit(g_strdelimit(text, "+", '-'), "/", '_');
    text[strcspn(text, "=")] = '\0';
    return text;
}

static gboolean is_over(gpointer state, gpointer value, gpointer data)
{
    const int64_t *now = data;
    (void)state;
    return *now - ((const Login *)value)->begun_ms >= OIDC_LOGIN_MS;
}

/* Whoever begins very many keeps others out for ten minutes at most, and fills no memory. */
static bool has_room(Oidc *oidc)
{
    int64_t now = now_ms(oidc);
    if (g_hash_table_size(oidc->logins) >= OIDC_LOGINS_MAX)
        g_hash_table_foreach_remove(oidc->logins, is_over, &now);
    return g_hash_table_size(oidc->logins) < OIDC_LOGINS_MAX;
}

static void begin(Task *task)
{
    Oidc *oidc = task->oidc;
    if (!has_room(oidc)) {
        task_fail(task, "too many sign-ins are under way");
        return;
    }
    Login *login = g_new0(Login, 1);
    g_autofree char *state = web_secret_random();
    *login = (Login){secret_digest(task->browser), web_secret_random(), web_secret_random(), now_ms(oidc)};
    g_hash_table_insert(oidc->logins, secret_digest(state), login);
    g_autofree char *challenge = challenge_of(login->verifier),
                    *more = g_strjoinv(" ", oidc->provider->scopes),
                    *scopes = g_strconcat("openid ", more, NULL);
    g_autoptr(GString) query = g_string_new(NULL);
    add_parameter(query, "response_type", "code");
    add_parameter(query, "client_id", oidc->provider->client_id);
    add_parameter(query, "redirect_uri", oidc->redirect);
    add_parameter(query, "scope", scopes);
    add_parameter(query, "state", state);
    add_parameter(query, "nonce", login->nonce);
    add_parameter(query, "code_challenge", challenge);
    add_parameter(query, "code_challenge_method", "S256");
    const char *endpoint = member_of(oidc->metadata, "authorization_endpoint");
    g_autofree char *location = g_strconcat(endpoint, strchr(endpoint, '?') ? "&" : "?", query->str, NULL);
    task_end(task, location, NULL, NULL);
}

/* ---- the code becomes a token ---- */

static void took_token(long status, View body, const char *error, void *data)
{
    Task *task = data;
    json_t *answer = answer_of(task, "its token", status, body, error);
    if (!answer)
        return;
    task->token = g_strdup(member_of(answer, "id_token"));
    json_decref(answer);
    if (task->token)
        go_on(task);
    else
        task_fail(task, "the provider gave no ID token: is openid one of its scopes?");
}

/* It wants the secret in the form, and not in a header, which is the default (Discovery 1.0, 3). */
static bool wants_post(const json_t *metadata)
{
    const json_t *list = json_object_get(metadata, "token_endpoint_auth_methods_supported"), *item;
    bool is_post = false;
    size_t i;
    json_array_foreach(list, i, item)
    {
        if (g_strcmp0(json_string_value(item), "client_secret_basic") == 0)
            return false;
        is_post |= g_strcmp0(json_string_value(item), "client_secret_post") == 0;
    }
    return is_post;
}

/* RFC 6749, 2.3.1. New string, to be wiped. */
static char *basic_of(const char *id, const char *secret)
{
    g_autofree char *left = g_uri_escape_string(id, NULL, FALSE),
                    *right = g_uri_escape_string(secret, NULL, FALSE);
    g_autofree char *both = g_strdup_printf("%s:%s", left, right);
    g_autofree char *coded = g_base64_encode((const guchar *)both, strlen(both));
    OPENSSL_cleanse(right, strlen(right));
    OPENSSL_cleanse(both, strlen(both));
    char *header = g_strconcat("Authorization: Basic ", coded, NULL);
    OPENSSL_cleanse(coded, strlen(coded));
    return header;
}

static void send_code(Task *task, const char *secret)
{
    const Oidc *oidc = task->oidc;
    g_autoptr(GString) form = g_string_new(NULL);
    char *basic = wants_post(oidc->metadata) ? NULL : basic_of(oidc->provider->client_id, secret);
    const char *const headers[] = {"Accept: application/json",
                                   "Content-Type: application/x-www-form-urlencoded", basic, NULL};
    add_parameter(form, "grant_type", "authorization_code");
    add_parameter(form, "code", task->code);
    add_parameter(form, "redirect_uri", oidc->redirect);
    add_parameter(form, "code_verifier", task->login->verifier);
    if (!basic) {
        add_parameter(form, "client_id", oidc->provider->client_id);
        add_parameter(form, "client_secret", secret);
    }
    const WebFetch fetch = {.method = "POST",
                            .url = member_of(oidc->metadata, "token_endpoint"),
                            .headers = headers,
                            .body = {form->str, form->len},
                            .ca_file = oidc->provider->ca_file};
    oidc->fetch.fetch(oidc->fetch.self, &fetch, took_token, task);
    OPENSSL_cleanse(form->str, form->len);
    if (basic)
        OPENSSL_cleanse(basic, strlen(basic));
    g_free(basic);
}

static void get_token(Task *task)
{
    g_autoptr(GError) error = NULL;
    char *secret = NULL;
    size_t len = 0;
    const OwnFile file = {.path = task->oidc->provider->secret_file,
                          .max = SECRET_MAX,
                          .must_exist = true,
                          .why = "it is what muster shows the provider"};
    if (!own_file_read(&file, &secret, &len, &error)) {
        task_fail(task, "clientSecretFile: %s", error->message);
        return;
    }
    g_strchomp(secret);
    send_code(task, secret);
    OPENSSL_cleanse(secret, len);
    g_free(secret);
}

static void judge(Task *task)
{
    Oidc *oidc = task->oidc;
    json_t *claims = NULL;
    const char *reason = NULL;
    const OidcExpected expected = {oidc->provider->issuer, oidc->provider->client_id, task->login->nonce,
                                   oidc->clock.now_ms(oidc->clock.self) / 1000};
    OidcVerdict verdict = oidc_token_verify(task->token, oidc->keys, &expected, &claims, &reason);
    if (verdict == OIDC_TOKEN_UNKNOWN_KEY && now_ms(oidc) - oidc->keys_ms >= OIDC_KEYS_MS) {
        get(task, member_of(oidc->metadata, "jwks_uri"), took_keys);
        return;
    }
    if (verdict == OIDC_TOKEN_GOOD)
        task_end(task, NULL, claims, NULL);
    else
        task_fail(task, "the provider's ID token is refused: %s", reason);
    json_decref(claims);
}

/* What is next, with what is known by now. */
static void go_on(Task *task)
{
    const Oidc *oidc = task->oidc;
    int64_t now = now_ms(oidc);
    if (!oidc->provider)
        task_fail(task, "there is no provider any more");
    else if (!oidc->metadata || now - oidc->metadata_ms >= OIDC_KEEP_MS)
        get_metadata(task);
    else if (task->begun)
        begin(task);
    else if (!task->token)
        get_token(task);
    else if (!oidc->keys || now - oidc->keys_ms >= OIDC_KEEP_MS)
        get(task, member_of(oidc->metadata, "jwks_uri"), took_keys);
    else
        judge(task);
}

/* ---- the face ---- */

static Task *task_new(Oidc *oidc, void *data)
{
    Task *task = g_new0(Task, 1);
    task->oidc = oidc;
    task->data = data;
    g_ptr_array_add(oidc->tasks, task);
    return task;
}

/* NULL: something can be asked of the provider now. */
static const char *refusal(const Oidc *oidc)
{
    return oidc->is_stopping                    ? STOPPING
           : !oidc->provider                    ? "there is no provider of sign-ins here"
           : oidc->tasks->len >= OIDC_TASKS_MAX ? "too many sign-ins are under way"
                                                : NULL;
}

void oidc_begin(Oidc *oidc, const char *browser, OidcBegun done, void *data)
{
    const char *why = refusal(oidc);
    if (why) {
        done(NULL, why, data);
        return;
    }
    Task *task = task_new(oidc, data);
    task->begun = done;
    task->browser = g_strdup(browser);
    go_on(task);
}

/* The sign-in that this browser has begun; it is over with that. NULL: there is none. */
static Login *login_take(Oidc *oidc, const char *browser, const char *state)
{
    g_autofree char *digest = secret_digest(state), *of_browser = secret_digest(browser);
    gpointer key = NULL, value = NULL;
    if (!g_hash_table_steal_extended(oidc->logins, digest, &key, &value))
        return NULL;
    g_free(key);
    Login *login = value;
    if (strcmp(login->browser, of_browser) == 0 && now_ms(oidc) - login->begun_ms < OIDC_LOGIN_MS)
        return login;
    login_free(login);
    return NULL;
}

void oidc_end(Oidc *oidc, const char *browser, const OidcReturn *back, OidcEnded done, void *data)
{
    const char *why = refusal(oidc);
    Login *login = why ? NULL : login_take(oidc, browser, back->state);
    if (!why && !login)
        why = "this browser has begun no such sign-in, or more than ten minutes ago";
    else if (!why && back->error)
        why = "the provider refused";
    else if (!why && back->issuer && strcmp(back->issuer, oidc->provider->issuer) != 0)
        why = "another provider answered"; /* RFC 9207 */
    else if (!why && !back->code)
        why = "the provider sent no code";
    if (why) {
        login_free(login);
        done(NULL, why, data);
        return;
    }
    Task *task = task_new(oidc, data);
    task->ended = done;
    task->login = login;
    task->code = g_strdup(back->code);
    go_on(task);
}

Oidc *oidc_new(const WebFetchPort *fetch, const ClockPort *clock)
{
    Oidc *oidc = g_new0(Oidc, 1);
    *oidc = (Oidc){.fetch = *fetch,
                   .clock = *clock,
                   .logins = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, login_free),
                   .tasks = g_ptr_array_new()};
    return oidc;
}

void oidc_set_provider(Oidc *oidc, const WebProvider *provider, const char *url)
{
    oidc->provider = provider;
    g_free(oidc->redirect);
    oidc->redirect = g_strconcat(url ? url : "", CALLBACK, NULL);
    json_decref(oidc->metadata);
    json_decref(oidc->keys);
    oidc->metadata = oidc->keys = NULL;
    g_hash_table_remove_all(oidc->logins);
}

void oidc_stop(Oidc *oidc)
{
    oidc->is_stopping = true;
    while (oidc->tasks->len)
        task_fail(oidc->tasks->pdata[0], STOPPING);
}

void oidc_free(Oidc *oidc)
{
    if (!oidc)
        return;
    g_assert(oidc->tasks->len == 0);
    json_decref(oidc->metadata);
    json_decref(oidc->keys);
    g_hash_table_unref(oidc->logins);
    g_ptr_array_unref(oidc->tasks);
    g_free(oidc->redirect);
    g_free(oidc);
}

/* ---- who that is ---- */

/* A text, or a list of texts. New. */
static char **texts_of(const json_t *claim)
{
    g_autoptr(GStrvBuilder) builder = g_strv_builder_new();
    const json_t *item;
    size_t i;
    if (json_is_string(claim))
        g_strv_builder_add(builder, json_string_value(claim));
    json_array_foreach(claim, i, item)
    {
        if (json_is_string(item))
            g_strv_builder_add(builder, json_string_value(item));
    }
    return g_strv_builder_end(builder);
}

WebUser *oidc_admit(const WebConfig *config, const json_t *claims)
{
    const WebProvider *provider = config->oidc;
    const char *user = provider ? member_of(claims, provider->user_claim) : NULL;
    if (!user || !*user || g_strcmp0(member_of(claims, "iss"), provider->issuer) != 0)
        return NULL;
    bool is_verified = json_is_true(json_object_get(claims, "email_verified"));
    const char *email = is_verified ? member_of(claims, "email") : NULL,
               *named = member_of(claims, "preferred_username");
    bool is_sub = strcmp(provider->user_claim, "sub") == 0;
    g_auto(GStrv) groups = texts_of(json_object_get(claims, provider->groups_claim));
    g_autofree char *subject = g_strdup_printf("%s of %s", member_of(claims, "sub"), provider->issuer);
    const WebClaims who = {.user = user,
                           .groups = groups,
                           .email = email,
                           .claims = claims,
                           .shown = !is_sub           ? user
                                    : named && *named ? named
                                    : email           ? email
                                                      : user,
                           .subject = subject,
                           .way = "oidc"};
    WebUser *admitted = web_config_admit(config, &who);
    if (admitted)
        admitted->claims = json_deep_copy(claims);
    return admitted;
}
