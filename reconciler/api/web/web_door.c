/* web_door.c: see web_door.h. */
#include "reconciler/api/web/web_door.h"
#include <string.h>
#include "reconciler/api/peer.h"
#include "reconciler/api/web/oidc.h"
#include "reconciler/api/web/web.h"
#include "reconciler/api/web/web_sign_in.h"

#define HTTP_SEE_OTHER   303
#define HTTP_BAD         400
#define HTTP_REFUSED     403
#define HTTP_NOT_FOUND   404
#define HTTP_NOT_ALLOWED 405
#define HTTP_MANY        429
#define HTTP_STOPPING    503
#define EVERYTHING       (KEY_READ | KEY_SUBMIT | KEY_REGISTER | KEY_ADMIN)
#define HTTP_GATEWAY     502
#define LOGIN            "_login" /* of a cookie: a sign-in that is under way */
#define ASSETS_PATH      "/assets/"
#define STREAM_TYPE      "text/event-stream"
#define ROUTES           6

/* Of who is let in by nobody: so often it is told in the log. */
static const RateLimit told_limit = {.every_ms = 60000, .burst = 3};

struct WebDoor {
    AddressRange *proxies;
    size_t proxies_len;
    bool is_encrypted, is_stopping;
    char *user_header, *groups_header;
    ClockPort clock;
    LogPort log;
    const char *(*setting)(const char *name, void *data);
    void (*call)(Call *call, void *data);
    void *data;
    WebConfig *config;
    WebSessions *sessions;
    Web *web;
    Oidc *oidc;
    char *address; /* where browsers on this machine find it, as far as the daemon can tell */
    char *cookie;  /* its name, but for "__Host-" */
    Rate told;
    int64_t refused_len; /* since one was told last */
    ListenerRoute routes[ROUTES];
};

/* Who asks, and how it is known. */
typedef struct {
    const WebUser *user; /* NULL: nobody who was let in */
    WebUser *made;       /* of a proxy's header: what user is then */
    char *session;       /* the text of the cookie; NULL: it is known without one */
    char *form_of;       /* what the token of its forms is of */
} Asking;

static void asking_clear(Asking *asking)
{
    web_user_free(asking->made);
    g_free(asking->session);
    g_free(asking->form_of);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Asking, asking_clear)

static int64_t monotonic_ms(const WebDoor *door)
{
    return door->clock.monotonic_us(door->clock.self) / 1000;
}

static void tell(const WebDoor *door, LogLevel level, const char *format, ...) G_GNUC_PRINTF(3, 4);
static void tell(const WebDoor *door, LogLevel level, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *text = g_strdup_vprintf(format, arguments), *escaped = g_strescape(text, "\"");
    va_end(arguments);
    log_tell(&door->log, &(LogEntry){.level = level, .message = escaped});
}

/* ---- answers ---- */

static void answer_text(ListenerRequest *request, unsigned status, const char *text)
{
    listener_answer(request, &(ListenerAnswer){.status = status, .text = g_strconcat(text, "\n", NULL)});
}

static void answer_page(const WebAnswer *answer, void *data)
{
    size_t len;
    const char *bytes = g_bytes_get_data(answer->body, &len), *type = NULL;
    GPtrArray *headers = g_ptr_array_new();
    for (const char *const *header = answer->headers; *header; header += 2) {
        if (strcmp(header[0], "Content-Type") == 0) {
            type = header[1];
            continue;
        }
        g_ptr_array_add(headers, g_strdup(header[0]));
        g_ptr_array_add(headers, g_strdup(header[1]));
    }
    g_ptr_array_add(headers, NULL);
    char *text = g_malloc(len + 1);
    if (len)
        memcpy(text, bytes, len);
    text[len] = '\0';
    listener_answer(data, &(ListenerAnswer){.status = answer->status,
                                            .type = type,
                                            .text = text,
                                            .len = len,
                                            .headers = (char **)g_ptr_array_free(headers, FALSE)});
}

/* cookie: NULL: none is set. */
static void answer_redirect(ListenerRequest *request, const char *path, const char *cookie)
{
    g_autoptr(GStrvBuilder) headers = g_strv_builder_new();
    g_strv_builder_add_many(headers, "Location", path, "Referrer-Policy", "no-referrer", NULL);
    if (cookie)
        g_strv_builder_add_many(headers, "Set-Cookie", cookie, NULL);
    listener_answer(request, &(ListenerAnswer){.status = HTTP_SEE_OTHER,
                                               .text = g_strdup(""),
                                               .headers = g_strv_builder_end(headers)});
}

static void answer_sign_in(const WebDoor *door, ListenerRequest *request, unsigned status, const char *why)
{
    const WebSignIn page = {.why = why, .is_by_proxy = door->user_header != NULL, .oidc = door->config->oidc};
    sign_in_answer(&page, status, answer_page, request);
}

/* ---- who is on the other side ---- */

static bool is_proxy(const WebDoor *door, const ListenerRequest *request)
{
    return address_ranges_have(door->proxies, door->proxies_len, listener_peer(request));
}

/* False: it was answered. */
static bool is_heard(const WebDoor *door, ListenerRequest *request)
{
    bool is_open =
        door->is_encrypted || address_is_loopback(listener_peer(request)) || is_proxy(door, request);
    if (door->is_stopping)
        answer_text(request, HTTP_STOPPING, "muster stops");
    else if (!is_open)
        answer_text(request, HTTP_REFUSED,
                    "the web page is served over TLS (--tls-cert), to this machine, and to the proxies that "
                    "--behind-proxy names");
    return is_open && !door->is_stopping;
}

/* Whether the browser speaks TLS, to this process or to a proxy in front. */
static bool is_secure(const WebDoor *door, const ListenerRequest *request)
{
    return door->is_encrypted || (is_proxy(door, request) && !address_is_loopback(listener_peer(request))) ||
           (door->config->url && g_str_has_prefix(door->config->url, "https:"));
}

/* ---- cookies ---- */

/* suffix: "" or LOGIN. New string. */
static char *cookie_name(const WebDoor *door, bool is_of_host, const char *suffix)
{
    return g_strconcat(is_of_host ? "__Host-" : "", door->cookie, suffix, NULL);
}

/* age_s 0: it is taken away. New string. */
static char *cookie_set(const WebDoor *door, const ListenerRequest *request, const char *suffix,
                        const char *value, int64_t age_s)
{
    bool is_of_host = is_secure(door, request);
    g_autofree char *name = cookie_name(door, is_of_host, suffix);
    return g_strdup_printf("%s=%s; Path=/; Max-Age=%" G_GINT64_FORMAT "; HttpOnly; SameSite=Lax%s", name,
                           value, age_s, is_of_host ? "; Secure" : "");
}

/* New string; NULL: there is none. */
static char *cookie_get(const WebDoor *door, const ListenerRequest *request, const char *suffix)
{
    const char *header = listener_header(request, "cookie");
    g_autofree char *name = cookie_name(door, is_secure(door, request), suffix);
    size_t len = strlen(name);
    g_auto(GStrv) cookies = g_strsplit(header ? header : "", ";", -1);
    for (char **cookie = cookies; *cookie; cookie++) {
        const char *text = g_strstrip(*cookie);
        if (strncmp(text, name, len) == 0 && text[len] == '=')
            return g_strdup(text + len + 1);
    }
    return NULL;
}

/* ---- who asks ---- */

/* The key as it is now; false: there is none. */
static bool key_find(const WebDoor *door, const char *id, Key *ret_key)
{
    g_autofree char *name = g_strconcat(KEY_SETTING_PREFIX, id, NULL);
    const char *setting = door->setting(name, door->data);
    json_t *json = setting ? json_loads(setting, 0, NULL) : NULL;
    bool is_key = key_from_json(id, json, ret_key);
    json_decref(json);
    return is_key;
}

/* Of a session by a key: the key as it is now is good, and is one of before. */
static bool is_good(const WebDoor *door, const WebUser *user)
{
    Key key;
    if (!user->key_id)
        return true;
    if (!key_find(door, user->key_id, &key))
        return false;
    bool is_good = !key.expires_ms || key.expires_ms > door->clock.now_ms(door->clock.self);
    key_clear(&key);
    return is_good;
}

static void ask_by_header(const WebDoor *door, const ListenerRequest *request, Asking *asking)
{
    const char *user = listener_header(request, door->user_header);
    const char *groups = door->groups_header ? listener_header(request, door->groups_header) : NULL;
    if (!user || !*user || !g_utf8_validate(user, -1, NULL))
        return;
    g_auto(GStrv) list = g_strsplit(groups ? groups : "", ",", -1);
    for (char **group = list; *group; group++)
        g_strstrip(*group);
    asking->made = web_config_admit(door->config, &(WebClaims){.user = user, .groups = list, .way = "proxy"});
    asking->user = asking->made;
    asking->form_of = g_strconcat("proxy ", user, NULL);
}

static void ask_by_session(const WebDoor *door, const ListenerRequest *request, Asking *asking)
{
    asking->session = cookie_get(door, request, "");
    if (!asking->session)
        return;
    const WebUser *user = web_session_find(door->sessions, asking->session, monotonic_ms(door));
    if (user && !is_good(door, user)) {
        web_session_close(door->sessions, asking->session);
        user = NULL;
    }
    asking->user = user;
    asking->form_of = g_strconcat("session ", asking->session, NULL);
}

/* What a proxy says counts more than what a browser kept. */
static Asking asking_of(const WebDoor *door, const ListenerRequest *request)
{
    Asking asking = {0};
    if (door->user_header && is_proxy(door, request))
        ask_by_header(door, request, &asking);
    if (!asking.form_of)
        ask_by_session(door, request, &asking);
    return asking;
}

/* ---- what is posted ---- */

/* host: as the browser sent it. */
static bool is_origin(const WebDoor *door, const char *origin, const char *host)
{
    static const char *const schemes[] = {"http://", "https://"};
    if (door->config->url && strcmp(origin, door->config->url) == 0)
        return true;
    for (size_t i = 0; host && i < G_N_ELEMENTS(schemes); i++)
        if (g_str_has_prefix(origin, schemes[i]) && strcmp(origin + strlen(schemes[i]), host) == 0)
            return true;
    return false;
}

/* As the browser says where the form was; one that says nothing has the form's token only. */
static bool is_from_here(const WebDoor *door, const ListenerRequest *request)
{
    const char *origin = listener_header(request, "origin"),
               *site = listener_header(request, "sec-fetch-site");
    if (site && strcmp(site, "same-origin") != 0)
        return false;
    return !origin || is_origin(door, origin, listener_header(request, "host"));
}

/* Members of a query or a form; new string, NULL: it is not there. */
static char *member(View text, const char *name)
{
    g_autofree char *all = g_strndup(text.data ? text.data : "", text.len);
    g_auto(GStrv) pairs = g_strsplit(all, "&", -1);
    size_t len = strlen(name);
    for (char **pair = pairs; *pair; pair++) {
        if (strncmp(*pair, name, len) != 0 || (*pair)[len] != '=')
            continue;
        g_strdelimit(*pair, "+", ' ');
        return g_uri_unescape_string(*pair + len + 1, NULL);
    }
    return NULL;
}

static View query_of(const ListenerRequest *request)
{
    const char *question = strchr(listener_target(request), '?');
    return question ? view_from(question + 1) : VIEW("");
}

static bool is_meant(const WebDoor *door, const ListenerRequest *request, const Asking *asking)
{
    g_autofree char *token = member(listener_body(request), "csrf");
    return is_from_here(door, request) && asking->form_of &&
           web_form_token_is(door->sessions, asking->form_of, token);
}

/* ---- the page ---- */

/* Who knocks often at what is not theirs fills no log. */
static void tell_refused(WebDoor *door, const char *why)
{
    int64_t wait_ms;
    door->refused_len++;
    if (!rate_take(&door->told, told_limit, monotonic_ms(door), &wait_ms))
        return;
    tell(door, LOG_LEVEL_WARNING,
         "the web page let somebody not in: %.200s (%" G_GINT64_FORMAT " since the last one that was told)",
         why, door->refused_len);
    door->refused_len = 0;
}

static bool is_often(const WebDoor *door, const Asking *asking)
{
    int64_t per_second = asking->user->key.per_second;
    if (!per_second || !asking->session)
        return false;
    WebUser *user = web_session_find(door->sessions, asking->session, monotonic_ms(door));
    return !rate_take_per_second(&user->rate, per_second, monotonic_ms(door));
}

static void show(const WebDoor *door, ListenerRequest *request, const char *path, const Asking *asking)
{
    View query = query_of(request);
    g_autofree char *csrf = asking->form_of ? web_form_token(door->sessions, asking->form_of) : NULL;
    const WebUser *user = asking->user;
    const WebRequest page = {.method = listener_method(request),
                             .path = path,
                             .query = query.len ? query.data : NULL,
                             .form = listener_body(request),
                             .last_event_id = listener_header(request, "last-event-id"),
                             .peer = user ? user->peer : NULL,
                             .key = user ? &user->key : NULL,
                             .scopes = user ? user->key.scopes : 0,
                             .name = user ? user->key.name : NULL,
                             .csrf = csrf,
                             .sign_out = asking->session ? "/sign-out" : NULL,
                             .answer = answer_page,
                             .data = request};
    web_handle(door->web, &page);
}

static void refuse_unknown(WebDoor *door, ListenerRequest *request, const Asking *asking)
{
    const char *accept = listener_header(request, "accept");
    bool is_page = strcmp(listener_method(request), "POST") != 0 && !(accept && strstr(accept, STREAM_TYPE));
    if (asking->form_of && !asking->session) {
        tell_refused(door, "no rule of web.yaml fits whom the proxy names");
        answer_sign_in(
            door, request, HTTP_REFUSED,
            "The proxy says who you are, and no rule of this muster fits you. Ask whoever runs it.");
    } else if (is_page) {
        answer_redirect(request, "/sign-in", NULL);
    } else {
        answer_text(request, HTTP_REFUSED, "sign in first: /sign-in");
    }
}

static void page_take(ListenerRequest *request, void *data)
{
    WebDoor *door = data;
    const char *path = *listener_below(request) ? listener_below(request) : "/";
    const char *method = listener_method(request);
    bool is_post = strcmp(method, "POST") == 0;
    if (!web_has(path)) {
        answer_text(request, HTTP_NOT_FOUND, "there is nothing here");
        return;
    }
    if (!is_post && strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0) {
        answer_text(request, HTTP_NOT_ALLOWED, "not with this method");
        return;
    }
    if (!is_heard(door, request))
        return;
    g_auto(Asking) asking = asking_of(door, request);
    if (!is_post && g_str_has_prefix(path, ASSETS_PATH)) /* files of the program, of the sign-in page, too */
        show(door, request, path, &(Asking){0});
    else if (!asking.user)
        refuse_unknown(door, request, &asking);
    else if (is_often(door, &asking))
        answer_text(request, HTTP_MANY, "more often than the key allows (--rate)");
    else if (is_post && !is_meant(door, request, &asking))
        answer_text(request, HTTP_REFUSED,
                    "this form is not from a page of yours, or the page is older than your sign-in: go back, "
                    "reload it, and send it again");
    else
        show(door, request, path, &asking);
}

/* ---- signing in and out ---- */

static void let_in(WebDoor *door, ListenerRequest *request, WebUser *user, const char *path)
{
    g_autofree char *who = peer_text(user->peer);
    tell(door, LOG_LEVEL_INFO, "signed in to the web page: %.200s", who);
    g_autofree char *before = cookie_get(door, request, "");
    if (before)
        web_session_close(door->sessions, before);
    g_autofree char *session = web_session_open(door->sessions, user, monotonic_ms(door));
    g_autofree char *cookie = cookie_set(door, request, "", session, WEB_SESSION_MS / 1000);
    answer_redirect(request, path, cookie);
}

static void sign_in_take(ListenerRequest *request, void *data)
{
    WebDoor *door = data;
    g_autofree char *token = member(query_of(request), "token");
    if (!is_heard(door, request))
        return;
    WebUser *user = token ? web_link_use(door->sessions, token, monotonic_ms(door)) : NULL;
    if (user && is_good(door, user)) {
        let_in(door, request, user, "/");
        return;
    }
    web_user_free(user);
    if (token)
        tell_refused(door, "a link that was used already, or is older than a minute");
    answer_sign_in(door, request, token ? HTTP_REFUSED : 200,
                   token ? "That link was used already, or is older than a minute. Ask for another one."
                         : NULL);
}

static void sign_out_take(ListenerRequest *request, void *data)
{
    WebDoor *door = data;
    if (!is_heard(door, request))
        return;
    g_auto(Asking) asking = asking_of(door, request);
    if (!is_meant(door, request, &asking)) {
        answer_text(request, HTTP_REFUSED, "this form is not from a page of yours");
        return;
    }
    if (asking.session)
        web_session_close(door->sessions, asking.session);
    g_autofree char *cookie = cookie_set(door, request, "", "", 0);
    answer_redirect(request, "/sign-in", cookie);
}

/* ---- signing in with a provider ---- */

/* A browser that waits. */
typedef struct {
    WebDoor *door;
    ListenerRequest *request;
    char *browser; /* what its cookie will say */
} Waiting;

static Waiting *waiting_new(WebDoor *door, ListenerRequest *request)
{
    Waiting *waiting = g_new0(Waiting, 1);
    *waiting = (Waiting){.door = door, .request = request};
    return waiting;
}

static void fail_provider(WebDoor *door, ListenerRequest *request, const char *error)
{
    g_autofree char *why = g_strdup_printf("The sign-in failed: %s.", error);
    tell_refused(door, error);
    answer_sign_in(door, request, door->is_stopping ? HTTP_STOPPING : HTTP_GATEWAY, why);
}

static void provider_begun(const char *location, const char *error, void *data)
{
    Waiting *waiting = data;
    if (location) {
        g_autofree char *cookie =
            cookie_set(waiting->door, waiting->request, LOGIN, waiting->browser, OIDC_LOGIN_MS / 1000);
        answer_redirect(waiting->request, location, cookie);
    } else {
        fail_provider(waiting->door, waiting->request, error);
    }
    g_free(waiting->browser);
    g_free(waiting);
}

static void oidc_take(ListenerRequest *request, void *data)
{
    WebDoor *door = data;
    if (!is_heard(door, request))
        return;
    Waiting *waiting = waiting_new(door, request);
    waiting->browser = web_secret_random();
    oidc_begin(door->oidc, waiting->browser, provider_begun, waiting);
}

static void provider_ended(const json_t *claims, const char *error, void *data)
{
    g_autofree Waiting *waiting = data;
    WebDoor *door = waiting->door;
    WebUser *user = claims ? oidc_admit(door->config, claims) : NULL;
    if (user) {
        let_in(door, waiting->request, user, "/");
    } else if (claims) {
        tell_refused(door, "no rule of web.yaml fits whom the provider signed in");
        answer_sign_in(door, waiting->request, HTTP_REFUSED,
                       "The provider knows you, and no rule of this muster fits you. Ask whoever runs it.");
    } else {
        fail_provider(door, waiting->request, error);
    }
}

static void callback_take(ListenerRequest *request, void *data)
{
    WebDoor *door = data;
    View query = query_of(request);
    g_autofree char *browser = cookie_get(door, request, LOGIN), *state = member(query, "state"),
                    *code = member(query, "code"), *issuer = member(query, "iss"),
                    *error = member(query, "error");
    const OidcReturn back = {state, code, issuer, error};
    if (!is_heard(door, request))
        return;
    if (!browser || !state)
        fail_provider(door, request, "this browser has begun none");
    else
        oidc_end(door->oidc, browser, &back, provider_ended, waiting_new(door, request));
}

/* ---- links ---- */

/* What of what who asks may the request wants. 0: it failed. */
static unsigned scopes_of(Call *call, unsigned may)
{
    const json_t *list = json_object_get(call->request, "scopes"), *item;
    unsigned wanted = 0;
    size_t i;
    json_array_foreach(list, i, item)
    {
        unsigned scope = json_is_string(item) ? key_scope_from_name(json_string_value(item)) : 0;
        if (!scope) {
            call_fail(call, FAULT_INVALID, "scopes: read, submit, register or admin is expected");
            return 0;
        }
        wanted |= scope;
    }
    if (!(wanted & ~may))
        return list ? wanted : may;
    g_autofree char *has = key_scopes_text(may);
    call_fail(call, FAULT_REFUSED, "scopes: the key may no more than %s", has);
    return 0;
}

/* Who may open the socket may do everything. NULL: the call has failed. */
static WebUser *user_of_call(const WebDoor *door, Call *call)
{
    const json_t *peer = json_object_get(call->request, "peer");
    const char *id = json_string_value(json_object_get(peer, "key")),
               *name = json_string_value(json_object_get(peer, "user"));
    g_autoptr(WebUser) user = g_new0(WebUser, 1);
    if (id) {
        if (!key_find(door, id, &user->key)) {
            call_fail(call, FAULT_REFUSED, "the key is not there any more");
            return NULL;
        }
        user->key_id = g_strdup(id);
    } else {
        user->key.name = g_strdup(name ? name : "somebody on this machine");
        user->key.scopes = EVERYTHING;
    }
    user->peer = peer ? json_deep_copy(peer) : json_pack("{s:s}", "user", user->key.name);
    json_object_set_new(user->peer, "by", json_string("web"));
    user->key.scopes = scopes_of(call, user->key.scopes);
    return user->key.scopes ? g_steal_pointer(&user) : NULL;
}

bool web_door_takes(WebDoor *door, Call *call)
{
    if (strcmp(call->operation->name, "weblink") != 0 || door->is_stopping)
        return false;
    WebUser *user = user_of_call(door, call);
    if (user) {
        g_autofree char *token = web_link_new(door->sessions, user, monotonic_ms(door));
        g_autofree char *path = g_strconcat("/sign-in?token=", token, NULL);
        g_autofree char *url = g_strconcat(door->config->url ? door->config->url : door->address, path, NULL);
        call_done(call,
                  json_pack("{s:s,s:s,s:i}", "url", url, "path", path, "seconds", (int)(WEB_LINK_MS / 1000)));
    }
    call->answer(call);
    return true;
}

/* ---- the face ---- */

static void web_call(Call *call, void *data)
{
    const WebDoor *door = data;
    door->call(call, door->data);
}

static int64_t web_now_ms(void *data)
{
    const WebDoor *door = data;
    return door->clock.now_ms(door->clock.self);
}

WebDoor *web_door_new(const WebDoorOptions *options, WebConfig *config)
{
    WebDoor *door = g_new0(WebDoor, 1);
    *door = (WebDoor){.proxies = g_memdup2(options->proxies, options->proxies_len * sizeof *options->proxies),
                      .proxies_len = options->proxies_len,
                      .is_encrypted = options->is_encrypted,
                      .user_header = g_strdup(options->user_header),
                      .groups_header = g_strdup(options->groups_header),
                      .clock = options->clock,
                      .log = options->log,
                      .setting = options->setting,
                      .call = options->call,
                      .data = options->data,
                      .config = config,
                      .sessions = web_sessions_new(),
                      .address = g_strdup(""),
                      .cookie = g_strdup("muster")};
    door->web = web_new(&(WebOptions){.call = web_call, .now_ms = web_now_ms, .data = door});
    door->oidc = oidc_new(&options->fetch, &options->clock);
    oidc_set_provider(door->oidc, config->oidc, config->url);
    const ListenerRoute routes[] = {
        {.method = "GET", .path = "/sign-in", .take = sign_in_take},
        {.method = "GET", .path = "/sign-in/oidc", .take = oidc_take},
        {.method = "GET", .path = "/sign-in/callback", .take = callback_take},
        {.method = "POST", .path = "/sign-out", .body_max = WEB_FORM_MAX, .take = sign_out_take},
        {.method = "GET", .path = "/", .take = page_take},
        {.method = LISTENER_ANY_METHOD,
         .path = LISTENER_ANY_PATH,
         .body_max = WEB_FORM_MAX,
         .take = page_take}};
    G_STATIC_ASSERT(G_N_ELEMENTS(routes) == ROUTES);
    for (size_t i = 0; i < G_N_ELEMENTS(routes); i++) {
        door->routes[i] = routes[i];
        door->routes[i].keeps = true;
        door->routes[i].data = door;
    }
    return door;
}

const ListenerRoute *web_door_routes(const WebDoor *door, size_t *ret_len)
{
    *ret_len = G_N_ELEMENTS(door->routes);
    return door->routes;
}

/* Cookies are of all ports of a host: two daemons would sign each other out. */
void web_door_set_address(WebDoor *door, const char *address)
{
    const char *colon = strrchr(address, ':');
    g_autofree char *host = g_strndup(address, (gsize)(colon - address));
    bool is_any = strcmp(host, "0.0.0.0") == 0 || strcmp(host, "[::]") == 0;
    const char *here = door->is_encrypted ? g_get_host_name() : is_any ? "127.0.0.1" : host;
    g_free(door->address);
    g_free(door->cookie);
    door->address = g_strconcat(door->is_encrypted ? "https://" : "http://", here, colon, NULL);
    door->cookie = g_strconcat("muster_", colon + 1, NULL);
}

/* Who came by the socket, by a key or by a proxy is not judged by what a provider said. */
static bool stays(WebUser *user, void *data)
{
    const WebDoor *door = data;
    if (!user->claims)
        return true;
    WebUser *now = door->config->oidc ? oidc_admit(door->config, user->claims) : NULL;
    if (!now)
        return false;
    WebUser before = *user;
    *user = *now;
    *now = before;
    web_user_free(now);
    return true;
}

void web_door_set_config(WebDoor *door, WebConfig *config)
{
    oidc_set_provider(door->oidc, config->oidc, config->url);
    web_config_free(door->config);
    door->config = config;
    web_sessions_judge(door->sessions, stays, door);
}

void web_door_stop(WebDoor *door)
{
    if (!door)
        return;
    door->is_stopping = true;
    oidc_stop(door->oidc);
}

void web_door_free(WebDoor *door)
{
    if (!door)
        return;
    web_free(door->web);
    oidc_free(door->oidc);
    web_sessions_free(door->sessions);
    web_config_free(door->config);
    g_free(door->proxies);
    g_free(door->user_header);
    g_free(door->groups_header);
    g_free(door->address);
    g_free(door->cookie);
    g_free(door);
}
