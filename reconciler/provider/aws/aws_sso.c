/* aws_sso.c: the token that a sign-in left in the cache is exchanged for keys of a role. */
#include "reconciler/provider/aws/aws_sso.h"
#include <jansson.h>
#include <string.h>
#include "reconciler/provider/aws/aws_request.h"
#include "reconciler/provider/aws/aws_shared_files.h"

#define TOKEN_HEADER "x-amz-sso_bearer_token"
#define CACHE_MAX    ((size_t)256 << 10)
#define ANSWER_MAX   ((size_t)64 << 10)
#define CONNECT_MS   5000
#define TIMEOUT_MS   20000

typedef struct {
    AwsFetching with;
    AwsTime time;
    char *profile, *origin;
    char *cache; /* path of the token's file */
    char *url;
    uint64_t request; /* 0: none is under way */
    AwsFetched done;
    void *data;
} SignedIn;

/* ---- ends ---- */

static void give(SignedIn *signed_in, AwsCredentials *credentials, GError *error)
{
    AwsFetched done = signed_in->done;
    signed_in->done = NULL;
    done(credentials, error, signed_in->data);
}

static void G_GNUC_PRINTF(2, 3) give_up(SignedIn *signed_in, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *why = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    give(signed_in, NULL,
         g_error_new(G_FILE_ERROR, G_FILE_ERROR_ACCES, "%s: %s: run aws sso login --profile %s",
                     signed_in->origin, why, signed_in->profile));
}

/* ---- the token ---- */

/* "2026-01-15T12:00:00Z"; older programs write UTC in place of Z. -1: it cannot be read. */
static int64_t time_of(const char *text)
{
    g_autofree char *iso = text && g_str_has_suffix(text, "UTC")
                               ? g_strdup_printf("%.*sZ", (int)(strlen(text) - strlen("UTC")), text)
                               : g_strdup(text);
    g_autoptr(GTimeZone) utc = g_time_zone_new_utc();
    g_autoptr(GDateTime) at = iso ? g_date_time_new_from_iso8601(iso, utc) : NULL;
    return at ? g_date_time_to_unix(at) * 1000 : -1;
}

/* New string; NULL: done has been called. */
static char *token_of(SignedIn *signed_in)
{
    size_t len = 0;
    g_autoptr(GError) error = NULL;
    g_autofree char *text = aws_file_read(signed_in->cache, CACHE_MAX, &len, &error);
    json_t *root = text ? json_loadb(text, len, 0, NULL) : NULL;
    const char *token = json_string_value(json_object_get(root, "accessToken")),
               *expires = json_string_value(json_object_get(root, "expiresAt"));
    int64_t expires_ms = time_of(expires);
    char *found = NULL;
    if (!text)
        give_up(signed_in, "nobody has signed in (%s)", error->message);
    else if (!token || expires_ms < 0 || strpbrk(token, "\r\n"))
        give_up(signed_in, "%s holds no token", signed_in->cache);
    else if (expires_ms <= signed_in->time.now_ms(signed_in->time.self))
        give_up(signed_in, "the sign-in session ended at %s", expires);
    else
        found = g_strdup(token);
    json_decref(root);
    return found;
}

/* ---- the keys ---- */

static AwsCredentials *keys_of(View body, const char *origin)
{
    json_t *root = json_loadb(body.data ? body.data : "", body.len, 0, NULL);
    const json_t *keys = json_object_get(root, "roleCredentials");
    const char *id = json_string_value(json_object_get(keys, "accessKeyId")),
               *secret = json_string_value(json_object_get(keys, "secretAccessKey")),
               *token = json_string_value(json_object_get(keys, "sessionToken"));
    int64_t expires_ms = json_integer_value(json_object_get(keys, "expiration"));
    AwsCredentials *credentials = id && secret && token && expires_ms > 0
                                      ? aws_credentials_new(id, secret, token, expires_ms, origin)
                                      : NULL;
    json_decref(root);
    return credentials;
}

static void took(const HttpAnswer *answer, void *data)
{
    SignedIn *signed_in = data;
    signed_in->request = 0;
    AwsCredentials *credentials = answer->status == 200 ? keys_of(answer->body, signed_in->origin) : NULL;
    if (credentials)
        give(signed_in, credentials, NULL);
    else if (answer->status == 401)
        give_up(signed_in, "the sign-in session has ended");
    else
        give(signed_in, NULL,
             answer->end != HTTP_ANSWERED
                 ? g_error_new(G_FILE_ERROR, G_FILE_ERROR_ACCES, "%s: %s", signed_in->origin, answer->error)
             : answer->status == 403 || answer->status == 404
                 ? g_error_new(G_FILE_ERROR, G_FILE_ERROR_ACCES,
                               "%s: who signed in has no such role in that account (sso_role_name, "
                               "sso_account_id)",
                               signed_in->origin)
             : answer->status == 200 ? g_error_new(G_FILE_ERROR, G_FILE_ERROR_INVAL,
                                                   "%s: the answer holds no credentials", signed_in->origin)
                                     : g_error_new(G_FILE_ERROR, G_FILE_ERROR_ACCES, "%s: HTTP status %ld",
                                                   signed_in->origin, answer->status));
}

/* ---- fetcher ---- */

static void fetch(void *self, AwsFetched done, void *data)
{
    SignedIn *signed_in = self;
    signed_in->done = done;
    signed_in->data = data;
    g_autofree char *token = token_of(signed_in);
    if (!token)
        return;
    g_autofree char *header = g_strconcat(TOKEN_HEADER ": ", token, NULL);
    const char *const headers[] = {header, "Accept: application/json", NULL};
    const HttpRequest request = {.method = "GET",
                                 .url = signed_in->url,
                                 .headers = headers,
                                 .connect_ms = CONNECT_MS,
                                 .timeout_ms = TIMEOUT_MS,
                                 .answer_max = ANSWER_MAX,
                                 .ca_bundle = signed_in->with.settings->ca_bundle.text};
    signed_in->request = http_send(signed_in->with.http, &request, took, signed_in);
}

static void cancel(void *self)
{
    SignedIn *signed_in = self;
    if (signed_in->request)
        http_cancel(signed_in->with.http, signed_in->request);
    signed_in->request = 0;
    signed_in->done = NULL;
}

static void signed_in_free(void *self)
{
    SignedIn *signed_in = self;
    cancel(signed_in);
    g_free(signed_in->profile);
    g_free(signed_in->origin);
    g_free(signed_in->cache);
    g_free(signed_in->url);
    g_free(signed_in);
}

/* ---- what the profile says ---- */

typedef struct {
    const char *key; /* what the token is cached under */
    const char *region, *account, *role;
} Session;

static const char *said(const AwsSettings *settings, const char *profile, const char *session,
                        const char *name)
{
    const char *own = session ? aws_config_sso(settings->file, session, name) : NULL;
    return own ? own : aws_config_get(settings->file, profile, name);
}

static bool read_session(const AwsSettings *settings, const char *profile, Session *ret_session,
                         GError **error)
{
    const char *name = aws_config_get(settings->file, profile, "sso_session"),
               *start = said(settings, profile, name, "sso_start_url");
    *ret_session = (Session){.key = name ? name : start,
                             .region = said(settings, profile, name, "sso_region"),
                             .account = aws_config_get(settings->file, profile, "sso_account_id"),
                             .role = aws_config_get(settings->file, profile, "sso_role_name")};
    const char *missing = !start                  ? "sso_start_url"
                          : !ret_session->region  ? "sso_region"
                          : !ret_session->account ? "sso_account_id"
                          : !ret_session->role    ? "sso_role_name"
                                                  : NULL;
    if (missing)
        g_set_error(error, G_KEY_FILE_ERROR, G_KEY_FILE_ERROR_INVALID_VALUE,
                    "profile %s: %s is not said, without which nobody is signed in (%s%s)", profile, missing,
                    name ? "sso-session " : "sso_start_url", name ? name : "");
    return !missing;
}

static char *cache_of(const AwsSettings *settings, const char *key)
{
    const char *home = aws_settings_variable(settings, "HOME");
    g_autofree char *digest = g_compute_checksum_for_string(G_CHECKSUM_SHA1, key, -1);
    g_autofree char *name = g_strconcat(digest, ".json", NULL);
    return g_build_filename(home ? home : g_get_home_dir(), ".aws", "sso", "cache", name, NULL);
}

static char *url_of(const AwsSettings *settings, const char *profile, const Session *session, GError **error)
{
    g_auto(AwsSetting) own = aws_settings_endpoint(settings, AWS_SSO);
    g_auto(AwsEndpoint) endpoint = {0};
    g_autofree char *usual = own.text ? NULL : aws_endpoint_of(AWS_SSO, session->region, false, false, error);
    if ((!own.text && !usual) || !aws_endpoint_parse(own.text ? own.text : usual, &endpoint, error))
        return NULL;
    if (!endpoint.is_encrypted && !endpoint.is_loopback) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_PERM,
                    "profile %s: the token of a sign-in session is not sent over plain http (%s)", profile,
                    own.text);
        return NULL;
    }
    g_autofree char *account = g_uri_escape_string(session->account, NULL, FALSE),
                    *role = g_uri_escape_string(session->role, NULL, FALSE);
    size_t len = strlen(endpoint.url);
    return g_strdup_printf("%.*s/federation/credentials?account_id=%s&role_name=%s",
                           (int)(g_str_has_suffix(endpoint.url, "/") ? len - 1 : len), endpoint.url, account,
                           role);
}

bool aws_fetcher_sso(const AwsFetching *fetching, const char *profile, const AwsTime *time,
                     AwsFetcher *ret_fetcher, GError **error)
{
    Session session;
    if (!read_session(fetching->settings, profile, &session, error))
        return false;
    g_autofree char *url = url_of(fetching->settings, profile, &session, error);
    if (!url)
        return false;
    SignedIn *signed_in = g_new0(SignedIn, 1);
    *signed_in = (SignedIn){.with = *fetching,
                            .time = *time,
                            .profile = g_strdup(profile),
                            .origin = g_strdup_printf("sign-in session of profile %s", profile),
                            .cache = cache_of(fetching->settings, session.key),
                            .url = g_steal_pointer(&url)};
    *ret_fetcher = (AwsFetcher){.fetch = fetch, .cancel = cancel, .free = signed_in_free, .self = signed_in};
    return true;
}
