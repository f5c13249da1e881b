/* proxy_check.c: see proxy_check.h. */
#include "reconciler/proxy_check.h"
#include <string.h>
#include "reconciler/api/remote.h"
#include "spec/sigv4.h"

#define SHOWN_MAX 200 /* bytes of what a client sent that an error repeats */

void proxy_refusal_clear(ProxyRefusal *refusal)
{
    g_free(refusal->message);
    *refusal = (ProxyRefusal){0};
}

/* ---- is it a client of AWS on this machine? ---- */

/* "localhost:8081", "127.0.0.1", "[::1]:8081": not a name that somebody else's DNS says is this machine. */
static bool is_this_machine(const char *host)
{
    static const char *const names[] = {"localhost", "127.0.0.1", "[::1]"};
    for (size_t i = 0; host && i < G_N_ELEMENTS(names); i++) {
        size_t len = strlen(names[i]);
        if (g_ascii_strncasecmp(host, names[i], len) == 0 && (host[len] == '\0' || host[len] == ':'))
            return true;
    }
    return false;
}

/* curl and the daemon could read such a path as another one. */
static bool has_dots(const char *path)
{
    g_autofree char *lower = g_ascii_strdown(path, -1);
    return strstr(lower, "/.") || strstr(lower, "/%2e");
}

/* The service that a request is signed for; new string; NULL: it is not signed. */
static char *signed_service(const ProxyQuestion *question)
{
    g_autofree char *text = g_strdup(question->authorization);
    g_auto(SigV4Claim) claim = {0};
    return text && sigv4_claim_parse(text, &claim) ? g_strdup(claim.service) : NULL;
}

/* ---- what is told ---- */

static ProxyForm form_of(const ProxyQuestion *question, const char *service)
{
    const char *type = question->content_type;
    if (g_strcmp0(service, "s3") == 0)
        return PROXY_FORM_S3;
    if (!type || !g_str_has_prefix(type, "application/x-www-form-urlencoded"))
        return PROXY_FORM_JSON;
    return g_strcmp0(service, "ec2") == 0 ? PROXY_FORM_EC2 : PROXY_FORM_QUERY;
}

/* "PUT /bucket/key of s3", "Logs_20140328.CreateLogGroup of logs". */
static char *asked_text(const ProxyQuestion *question, const char *service)
{
    g_autofree char *what = question->amz_target
                                ? g_strdup(question->amz_target)
                                : g_strdup_printf("%s %s", question->method, question->target);
    g_autofree char *shown = g_strndup(what, SHOWN_MAX);
    g_autofree char *escaped = g_strescape(shown, NULL);
    return g_strdup_printf("%s of %.40s", escaped, service);
}

/* Takes message. */
static const Operation *refuse(unsigned status, const char *type, char *message, ProxyForm form,
                               ProxyRefusal *ret_refusal)
{
    *ret_refusal = (ProxyRefusal){status, type, message, form};
    return NULL;
}

const Operation *proxy_check(const ProxyQuestion *question, ProxyRefusal *ret_refusal)
{
    g_autofree char *service = signed_service(question);
    ProxyForm form = form_of(question, service);
    if (!is_this_machine(question->host) || question->origin)
        return refuse(403, "AccessDeniedException",
                      g_strdup("muster proxy hears programs of this machine only, not pages in a browser: "
                               "the endpoint is http://127.0.0.1:PORT or http://localhost:PORT"),
                      form, ret_refusal);
    if (!service)
        return refuse(403, "MissingAuthenticationTokenException",
                      g_strdup("Missing Authentication Token: the request is not signed in its headers "
                               "(Signature Version 4); any credentials will do, as muster proxy signs anew"),
                      form, ret_refusal);
    const char *query = strchr(question->target, '?');
    g_autofree char *path =
        query ? g_strndup(question->target, (gsize)(query - question->target)) : g_strdup(question->target);
    const Operation *operation =
        has_dots(path) ? NULL : remote_aws_operation(question->method, path, question->amz_target);
    if (operation)
        return operation;
    g_autofree char *asked = asked_text(question, service);
    return refuse(403, "AccessDeniedException",
                  g_strdup_printf(
                      "muster proxy passes the operations of AWS Batch and GetLogEvents of CloudWatch Logs, "
                      "and nothing else: not %s. AWS_ENDPOINT_URL_BATCH and AWS_ENDPOINT_URL_CLOUDWATCH_LOGS "
                      "send these two services here and leave the others at AWS; AWS_ENDPOINT_URL sends all",
                      asked),
                  form, ret_refusal);
}

/* ---- as the client reads it ---- */

static char *json_body(const ProxyRefusal *refusal)
{
    json_t *body = json_pack("{s:s,s:s}", "message", refusal->message, "__type", refusal->type);
    char *text = json_dumps(body, JSON_COMPACT);
    json_decref(body);
    return text;
}

char *proxy_refusal_body(const ProxyRefusal *refusal, const char **ret_type)
{
    g_autofree char *message = g_markup_escape_text(refusal->message, -1);
    g_autofree char *error = g_strdup_printf("<Code>%s</Code><Message>%s</Message>", refusal->type, message);
    *ret_type = "text/xml";
    switch (refusal->form) {
    case PROXY_FORM_S3: return g_strdup_printf("<?xml version=\"1.0\"?>\n<Error>%s</Error>", error);
    case PROXY_FORM_EC2:
        return g_strdup_printf("<Response><Errors><Error>%s</Error></Errors></Response>", error);
    case PROXY_FORM_QUERY:
        return g_strdup_printf("<ErrorResponse><Error><Type>Sender</Type>%s</Error></ErrorResponse>", error);
    case PROXY_FORM_JSON: break;
    }
    *ret_type = "application/json";
    return json_body(refusal);
}
