#include "reconciler/provider/aws/aws_request.h"
#include <arpa/inet.h>
#include <string.h>
#include "spec/base/one_line.h"

#define HEADERS_MAX 8
#define SHOWN_MAX   200 /* characters of an endpoint; what is before an @ may be a password */

/* ---- endpoints ---- */

/* What never leaves the machine. */
static bool is_loopback(const char *host)
{
    struct in_addr v4;
    struct in6_addr v6;
    if (inet_pton(AF_INET, host, &v4) == 1)
        return ntohl(v4.s_addr) >> 24 == 127;
    if (inet_pton(AF_INET6, host, &v6) == 1)
        return IN6_IS_ADDR_LOOPBACK(&v6);
    return g_ascii_strcasecmp(host, "localhost") == 0;
}

/* As libcurl would write it. */
static char *host_header(const char *host, int port, bool is_encrypted)
{
    bool has_brackets = strchr(host, ':') != NULL, is_usual = port < 0 || port == (is_encrypted ? 443 : 80);
    g_autofree char *name = has_brackets ? g_strdup_printf("[%s]", host) : g_strdup(host);
    return is_usual ? g_steal_pointer(&name) : g_strdup_printf("%s:%d", name, port);
}

bool aws_endpoint_parse(const char *text, AwsEndpoint *ret_endpoint, GError **error)
{
    g_autoptr(GUri) uri = g_uri_parse(text, G_URI_FLAGS_ENCODED, NULL);
    const char *scheme = uri ? g_uri_get_scheme(uri) : "", *host = uri ? g_uri_get_host(uri) : NULL,
               *path = uri ? g_uri_get_path(uri) : "";
    bool is_encrypted = strcmp(scheme, "https") == 0,
         is_plain = uri && host && *host && !g_uri_get_userinfo(uri) && !g_uri_get_query(uri) &&
                    !g_uri_get_fragment(uri);
    if (!is_plain || !(is_encrypted || strcmp(scheme, "http") == 0)) {
        g_autofree char *shown = one_line(view_from(strchr(text, '@') ? "…@…" : text), SHOWN_MAX);
        g_set_error(error, G_CONVERT_ERROR, G_CONVERT_ERROR_BAD_URI,
                    "the endpoint \"%s\" is none: https://HOST[:PORT][/PATH] is expected", shown);
        return false;
    }
    *ret_endpoint = (AwsEndpoint){.host = host_header(host, g_uri_get_port(uri), is_encrypted),
                                  .path = g_strdup(*path ? path : "/"),
                                  .is_encrypted = is_encrypted,
                                  .is_loopback = is_loopback(host)};
    ret_endpoint->url = g_strconcat(scheme, "://", ret_endpoint->host, ret_endpoint->path, NULL);
    return true;
}

void aws_endpoint_clear(AwsEndpoint *endpoint)
{
    g_free(endpoint->url);
    g_free(endpoint->host);
    g_free(endpoint->path);
    *endpoint = (AwsEndpoint){0};
}

/* ---- requests ---- */

typedef struct {
    SigV4Header list[HEADERS_MAX];
    size_t len;
} Headers;

/* Nothing where value is NULL. */
static void add(Headers *headers, const char *name, const char *value)
{
    if (!value)
        return;
    g_assert(headers->len < HEADERS_MAX);
    headers->list[headers->len++] = (SigV4Header){name, value};
}

static char *target_of(const AwsServiceInfo *info, const char *action)
{
    return info->wire == AWS_WIRE_JSON ? g_strconcat(info->target, ".", action, NULL) : NULL;
}

/* NULL: nothing is sent that has a type. */
static const char *content_type_of(const AwsServiceInfo *info)
{
    switch (info->wire) {
    case AWS_WIRE_EC2:
    case AWS_WIRE_QUERY: return "application/x-www-form-urlencoded; charset=utf-8";
    case AWS_WIRE_JSON:
        return info->is_json_1_0 ? "application/x-amz-json-1.0" : "application/x-amz-json-1.1";
    case AWS_WIRE_POST: return "application/json";
    case AWS_WIRE_REST: return NULL;
    }
    g_assert_not_reached();
}

/* Lines of all of them and, where it is signed, of the signature. */
static GStrv lines_of(const Headers *headers, const char *authorization)
{
    g_autoptr(GStrvBuilder) lines = g_strv_builder_new();
    for (size_t i = 0; i < headers->len; i++) {
        g_autofree char *line = g_strconcat(headers->list[i].name, ": ", headers->list[i].value, NULL);
        g_strv_builder_add(lines, line);
    }
    g_autofree char *line = authorization ? g_strconcat("Authorization: ", authorization, NULL) : NULL;
    if (line)
        g_strv_builder_add(lines, line);
    return g_strv_builder_end(lines);
}

char *aws_request_path(const AwsEndpoint *endpoint, const AwsAttempt *attempt)
{
    g_autofree char *lower = g_ascii_strdown(attempt->action, -1);
    switch (aws_service_info(attempt->service)->wire) {
    case AWS_WIRE_REST: return g_strdup(attempt->body);
    case AWS_WIRE_POST: return g_strconcat("/v1/", lower, NULL);
    case AWS_WIRE_EC2:
    case AWS_WIRE_QUERY:
    case AWS_WIRE_JSON: return g_strdup(endpoint->path);
    }
    g_assert_not_reached();
}

GStrv aws_request_headers(const AwsEndpoint *endpoint, const AwsAttempt *attempt,
                          const AwsCredentials *credentials, int64_t at_ms, SigV4Key *key)
{
    const AwsServiceInfo *info = aws_service_info(attempt->service);
    const AwsSigning signing = aws_signing_of(attempt->service, attempt->region);
    char time[SIGV4_TIME_TEXT];
    Headers headers = {0};
    g_autofree char *target = target_of(info, attempt->action);
    g_autofree char *number = g_strdup_printf("attempt=%d; max=%d", attempt->attempt, attempt->attempts_max);
    sigv4_time_text(at_ms, time);
    add(&headers, "Host", endpoint->host);
    add(&headers, "Content-Type", content_type_of(info));
    add(&headers, "X-Amz-Target", target);
    add(&headers, "amz-sdk-invocation-id", attempt->invocation_id);
    add(&headers, "amz-sdk-request", attempt->invocation_id ? number : NULL);
    if (!credentials)
        return lines_of(&headers, NULL);
    add(&headers, "X-Amz-Date", time);
    add(&headers, "X-Amz-Security-Token", credentials->session_token);
    bool is_rest = info->wire == AWS_WIRE_REST;
    g_autofree char *path = aws_request_path(endpoint, attempt);
    g_auto(GStrv) parts = g_strsplit(path, "?", 2);
    const SigV4Request request = {.method = is_rest ? "GET" : "POST",
                                  .path = parts[0],
                                  .query = parts[0] ? parts[1] : NULL,
                                  .headers = headers.list,
                                  .headers_len = headers.len,
                                  .body = is_rest ? (View){0} : view_from(attempt->body)};
    const SigV4Scope scope = {signing.region, signing.name};
    g_autofree char *authorization = sigv4_authorization(&request, &scope, credentials->access_key_id,
                                                         credentials->secret_access_key, at_ms, key);
    return lines_of(&headers, authorization);
}
