/* aws_metadata.c: the services beside a machine or a container that hand out credentials: IMDS, and what a
 * container's environment names. Both are asked past any proxy. */
#include <string.h>
#include "reconciler/provider/aws/aws_fetchers.h"
#include "reconciler/provider/aws/aws_shared_files.h"
#include "spec/base/one_line.h"

#define TOKEN_PATH      "/latest/api/token"
#define ROLES_PATH      "/latest/meta-data/iam/security-credentials/"
#define TOKEN_HEADER    "x-aws-ec2-metadata-token"
#define TOKEN_TTL       TOKEN_HEADER "-ttl-seconds: 21600"
#define ANSWER_MAX      ((size_t)64 << 10)
#define TOKEN_FILE_MAX  ((gsize)16 << 10)
#define AGAIN_MS        1000
#define CONTAINER_MS    2000
#define CONTAINER_TRIES 3
#define ECS_HOST        "http://169.254.170.2"

typedef enum { STEP_TOKEN, STEP_ROLE, STEP_CREDENTIALS, STEP_CONTAINER } Step;

typedef struct {
    AwsFetching with;
    const char *looked; /* in vain, before */
    Step first, step;
    int tries, tries_max;
    int64_t timeout_ms;
    char *url;          /* of a container */
    char *token, *role; /* of the metadata service */
    bool has_new_token; /* asked for once more */
    uint64_t request;   /* 0: none is under way */
    GSource *timer;     /* waits for the next try */
    AwsFetched done;
    void *data;
} Asking;

static void ask(Asking *asking);

/* ---- ends ---- */

static const char *origin_of(const Asking *asking)
{
    return asking->first == STEP_CONTAINER ? "container credentials" : "instance metadata";
}

static void stop_timer(Asking *asking)
{
    if (asking->timer)
        g_source_destroy(asking->timer);
    g_clear_pointer(&asking->timer, g_source_unref);
}

static void give(Asking *asking, AwsCredentials *credentials, GError *error)
{
    AwsFetched done = asking->done;
    asking->done = NULL;
    done(credentials, error, asking->data);
}

static void give_up(Asking *asking, const char *why)
{
    give(asking, NULL,
         g_error_new(G_FILE_ERROR, G_FILE_ERROR_ACCES, "%s%s: %s", asking->looked ? asking->looked : "",
                     origin_of(asking), why));
}

static gboolean try_again(void *data)
{
    Asking *asking = data;
    stop_timer(asking);
    ask(asking);
    return G_SOURCE_REMOVE;
}

/* No answer, or one that may be another the next time. */
static void again(Asking *asking, const char *why)
{
    if (++asking->tries >= asking->tries_max) {
        give_up(asking, why);
        return;
    }
    asking->timer = g_timeout_source_new(AGAIN_MS);
    g_source_set_callback(asking->timer, try_again, asking, NULL);
    g_source_attach(asking->timer, asking->with.context);
}

static void next(Asking *asking, Step step)
{
    asking->step = step;
    asking->tries = 0;
    ask(asking);
}

/* ---- answers ---- */

static char *take_text(char *old, const HttpAnswer *answer)
{
    g_free(old);
    return one_line(answer->body, 1024);
}

/* Without a token version 1 is asked, where that is allowed: an instance from long ago has no other. */
static void took_token(Asking *asking, const HttpAnswer *answer)
{
    bool has_none = answer->status == 403 || answer->status == 404 || answer->status == 405;
    if (answer->status == 200)
        asking->token = take_text(asking->token, answer);
    else if (!has_none || asking->with.settings->is_metadata_v1_disabled) {
        again(asking, "it gives no token");
        return;
    }
    next(asking, STEP_ROLE);
}

static void took_role(Asking *asking, const HttpAnswer *answer)
{
    asking->role = take_text(asking->role, answer);
    if (*asking->role)
        next(asking, STEP_CREDENTIALS);
    else
        give_up(asking, "the instance has no role: give it an instance profile");
}

static void took_credentials(Asking *asking, const HttpAnswer *answer)
{
    GError *error = NULL;
    AwsCredentials *credentials = aws_credentials_of_json(answer->body, origin_of(asking), &error);
    give(asking, credentials, error);
}

static void took_refusal(Asking *asking, const HttpAnswer *answer)
{
    bool is_instance = asking->first == STEP_TOKEN;
    if (is_instance && answer->status == 401 && !asking->has_new_token) {
        asking->has_new_token = true;
        next(asking, STEP_TOKEN);
    } else if (is_instance && answer->status == 404) {
        give_up(asking, "the instance has no role: give it an instance profile");
    } else {
        g_autofree char *why = g_strdup_printf("HTTP status %ld", answer->status);
        again(asking, why);
    }
}

static void took(const HttpAnswer *answer, void *data)
{
    Asking *asking = data;
    asking->request = 0;
    if (answer->end != HTTP_ANSWERED)
        again(asking, answer->error);
    else if (asking->step == STEP_TOKEN)
        took_token(asking, answer);
    else if (answer->status != 200)
        took_refusal(asking, answer);
    else if (asking->step == STEP_ROLE)
        took_role(asking, answer);
    else
        took_credentials(asking, answer);
}

/* ---- questions ---- */

static void send(Asking *asking, const char *method, const char *url, const char *header)
{
    const char *const headers[] = {header, NULL};
    const HttpRequest request = {.method = method,
                                 .url = url,
                                 .headers = headers,
                                 .body = g_str_equal(method, "PUT") ? VIEW("") : (View){0},
                                 .connect_ms = asking->timeout_ms,
                                 .timeout_ms = asking->timeout_ms,
                                 .answer_max = ANSWER_MAX,
                                 .skips_proxy = true};
    asking->request = http_send(asking->with.http, &request, took, asking);
}

/* The file is read with each question: it changes. False: why is said. */
static bool authorization(const AwsSettings *settings, char **ret_header, GError **error)
{
    const char *path = settings->lookup("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", settings->data);
    const char *token = settings->lookup("AWS_CONTAINER_AUTHORIZATION_TOKEN", settings->data);
    g_autofree char *text = NULL;
    size_t len = 0;
    if (path && *path) {
        if (!(text = aws_file_read(path, TOKEN_FILE_MAX, &len, error)))
            return false;
        if (strlen(text) != len) {
            g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL, "%s holds no token", path);
            return false;
        }
        token = g_strchomp(text);
    }
    if (token && strpbrk(token, "\r\n")) {
        g_set_error_literal(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
                            "the authorization token has several lines");
        return false;
    }
    *ret_header = token && *token ? g_strconcat("Authorization: ", token, NULL) : NULL;
    return true;
}

static void ask_container(Asking *asking)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *header = NULL;
    if (authorization(asking->with.settings, &header, &error))
        send(asking, "GET", asking->url, header);
    else
        give_up(asking, error->message);
}

static void ask(Asking *asking)
{
    const char *endpoint = asking->with.settings->metadata_endpoint;
    g_autofree char *header = asking->token ? g_strconcat(TOKEN_HEADER ": ", asking->token, NULL) : NULL;
    g_autofree char *url = g_strconcat(endpoint, asking->step == STEP_TOKEN ? TOKEN_PATH : ROLES_PATH,
                                       asking->step == STEP_CREDENTIALS ? asking->role : NULL, NULL);
    if (asking->step == STEP_CONTAINER)
        ask_container(asking);
    else if (asking->step == STEP_TOKEN)
        send(asking, "PUT", url, TOKEN_TTL);
    else
        send(asking, "GET", url, header);
}

/* ---- fetchers ---- */

static void fetch(void *self, AwsFetched done, void *data)
{
    Asking *asking = self;
    asking->done = done;
    asking->data = data;
    asking->has_new_token = false;
    g_clear_pointer(&asking->token, g_free);
    next(asking, asking->first);
}

static void cancel(void *self)
{
    Asking *asking = self;
    if (asking->request)
        http_cancel(asking->with.http, asking->request);
    asking->request = 0;
    asking->done = NULL;
    stop_timer(asking);
}

static void asking_free(void *self)
{
    Asking *asking = self;
    cancel(asking);
    g_free(asking->url);
    g_free(asking->token);
    g_free(asking->role);
    g_free(asking);
}

static AwsFetcher fetcher_of(Asking *asking, bool is_lenient)
{
    return (AwsFetcher){
        .fetch = fetch, .cancel = cancel, .free = asking_free, .self = asking, .is_lenient = is_lenient};
}

bool aws_fetcher_metadata(const AwsFetching *fetching, const char *looked, AwsFetcher *ret_fetcher)
{
    if (fetching->settings->is_metadata_disabled)
        return false;
    Asking *asking = g_new0(Asking, 1);
    *asking = (Asking){.with = *fetching,
                       .first = STEP_TOKEN,
                       .looked = looked,
                       .tries_max = fetching->settings->metadata_attempts,
                       .timeout_ms = fetching->settings->metadata_timeout_ms};
    *ret_fetcher = fetcher_of(asking, true);
    return true;
}

/* Encrypted, on this machine, or one of the addresses that ECS and EKS use. */
static bool is_allowed(const char *url)
{
    static const char *const hosts[] = {"127.0.0.1",      "localhost",    "::1", "169.254.170.2",
                                        "169.254.170.23", "fd00:ec2::23", NULL};
    g_autoptr(GUri) uri = g_uri_parse(url, G_URI_FLAGS_NONE, NULL);
    const char *scheme = uri ? g_uri_get_scheme(uri) : NULL, *host = uri ? g_uri_get_host(uri) : NULL;
    if (!scheme || !host || !*host)
        return false;
    return strcmp(scheme, "https") == 0 || (strcmp(scheme, "http") == 0 && g_strv_contains(hosts, host));
}

bool aws_fetcher_container(const AwsFetching *fetching, AwsFetcher *ret_fetcher, GError **error)
{
    const AwsSettings *settings = fetching->settings;
    const char *relative = settings->lookup("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", settings->data),
               *full = settings->lookup("AWS_CONTAINER_CREDENTIALS_FULL_URI", settings->data);
    g_autofree char *url = relative && *relative ? g_strconcat(ECS_HOST, relative, NULL)
                           : full && *full       ? g_strdup(full)
                                                 : NULL;
    if (!url)
        return false;
    if (!is_allowed(url)) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_PERM,
                    "AWS_CONTAINER_CREDENTIALS_FULL_URI: credentials are asked for by https, or of this "
                    "machine, 169.254.170.2 and 169.254.170.23 "
                    "only, not of %s",
                    url);
        return false;
    }
    Asking *asking = g_new0(Asking, 1);
    *asking = (Asking){.with = *fetching,
                       .first = STEP_CONTAINER,
                       .tries_max = CONTAINER_TRIES,
                       .timeout_ms = CONTAINER_MS,
                       .url = g_steal_pointer(&url)};
    *ret_fetcher = fetcher_of(asking, false);
    return true;
}
