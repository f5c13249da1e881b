#include "reconciler/provider/aws/aws_sts.h"
#include <string.h>
#include "reconciler/provider/aws/aws_partition.h"
#include "reconciler/provider/aws/aws_shared_files.h"
#include "reconciler/provider/aws/query.h"

#define SESSION_NAME   "muster"
#define SESSION_CHARS  "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+=,.@-"
#define DURATION_MIN_S 900
#define DURATION_MAX_S 43200
#define TOKEN_MAX      ((size_t)20000) /* by STS */

typedef struct {
    AwsClient *client;
    AwsRole role;  /* its texts are its own */
    uint64_t call; /* 0: none is under way */
    AwsFetched done;
    void *data;
} Assuming;

/* ---- what came ---- */

static void give(Assuming *assuming, AwsCredentials *credentials, GError *error)
{
    AwsFetched done = assuming->done;
    assuming->done = NULL;
    done(credentials, error, assuming->data);
}

static AwsCredentials *credentials_of(const Assuming *assuming, const XmlElement *set)
{
    g_autofree char *origin = g_strdup_printf("role %s", assuming->role.arn);
    const char *id = xml_text(set, "AccessKeyId"), *secret = xml_text(set, "SecretAccessKey"),
               *ends = xml_text(set, "Expiration");
    g_autoptr(GTimeZone) utc = g_time_zone_new_utc();
    g_autoptr(GDateTime) at = ends ? g_date_time_new_from_iso8601(ends, utc) : NULL;
    return id && *id && secret && *secret && at
               ? aws_credentials_new(id, secret, xml_text(set, "SessionToken"),
                                     g_date_time_to_unix(at) * 1000, origin)
               : NULL;
}

static void took(const AwsAnswer *answer, void *data)
{
    Assuming *assuming = data;
    assuming->call = 0;
    g_autofree char *why =
        answer->error ? aws_error_text(answer->error) : g_strdup("the answer holds no credentials");
    AwsCredentials *credentials =
        answer->error ? NULL : credentials_of(assuming, xml_find(answer->xml, "Credentials"));
    GError *error = credentials ? NULL
                                : g_error_new(G_FILE_ERROR, G_FILE_ERROR_ACCES,
                                              "role %s cannot be assumed: %s", assuming->role.arn, why);
    give(assuming, credentials, error);
}

/* ---- asking ---- */

/* Read with each call: it is replaced before it ends. New string; NULL with error. */
static char *web_token(const char *path, GError **error)
{
    size_t len;
    g_autofree char *text = aws_file_read(path, TOKEN_MAX, &len, error);
    if (!text)
        return NULL;
    if (*g_strstrip(text))
        return g_steal_pointer(&text);
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL, "%s holds no web identity token", path);
    return NULL;
}

static void fetch(void *self, AwsFetched done, void *data)
{
    Assuming *assuming = self;
    const AwsRole *role = &assuming->role;
    GError *error = NULL;
    g_autofree char *token = role->web_token_file ? web_token(role->web_token_file, &error) : NULL;
    const char *action = role->web_token_file ? "AssumeRoleWithWebIdentity" : "AssumeRole";
    g_autoptr(Query) query = query_new(action, aws_service_info(AWS_STS)->version);
    assuming->done = done;
    assuming->data = data;
    if (error) {
        give(assuming, NULL, error);
        return;
    }
    query_add(query, "RoleArn", role->arn);
    query_add(query, "RoleSessionName", role->session_name);
    query_add(query, "ExternalId", role->external_id);
    query_add(query, "WebIdentityToken", token);
    if (role->duration_s > 0)
        query_add_number(query, "DurationSeconds", role->duration_s);
    const AwsCall call = {.action = action, .body = query_text(query)};
    assuming->call = aws_client_call(assuming->client, &call, took, assuming);
}

static void cancel(void *self)
{
    Assuming *assuming = self;
    if (assuming->call)
        aws_client_cancel(assuming->client, assuming->call);
    assuming->call = 0;
    assuming->done = NULL;
}

static void assuming_free(void *self)
{
    Assuming *assuming = self;
    const char *const texts[] = {assuming->role.arn, assuming->role.session_name, assuming->role.external_id,
                                 assuming->role.region, assuming->role.web_token_file};
    cancel(assuming);
    aws_client_free(assuming->client);
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
        g_free((char *)(uintptr_t)texts[i]);
    g_free(assuming);
}

/* ---- a role ---- */

static bool fail(GError **error, const char *what, const char *text)
{
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL, "%s: %s", text, what);
    return false;
}

static bool check(const AwsRole *role, GError **error)
{
    g_auto(AwsArn) arn = {0};
    const char *name = role->session_name;
    if (!aws_arn_parse(role->arn, &arn) || strcmp(arn.service, "iam") != 0 ||
        !g_str_has_prefix(arn.resource, "role/"))
        return fail(error, "that is no ARN of a role, such as arn:aws:iam::123456789012:role/NAME",
                    role->arn);
    if (name && (strlen(name) < 2 || strlen(name) > 64 || strspn(name, SESSION_CHARS) != strlen(name)))
        return fail(error, "a role session's name has 2 to 64 letters, digits and _+=,.@-", name);
    if (role->duration_s == 0 || (role->duration_s >= DURATION_MIN_S && role->duration_s <= DURATION_MAX_S))
        return true;
    return fail(error, "duration_seconds is 900 to 43,200", role->arn);
}

bool aws_fetcher_role(const AwsFetching *fetching, const AwsRole *role, AwsCredentialsSource *base,
                      const AwsTime *time, AwsFetcher *ret_fetcher, GError **error)
{
    g_auto(AwsSetting) endpoint = aws_settings_endpoint(fetching->settings, AWS_STS);
    AwsClientConfig config = aws_settings_client(fetching->settings, AWS_STS, role->region, endpoint.text);
    AwsClient *client = check(role, error)
                            ? aws_client_new(fetching->context, fetching->http, base, &config, time, error)
                            : NULL;
    if (!client)
        return false;
    Assuming *assuming = g_new0(Assuming, 1);
    *assuming =
        (Assuming){.client = client,
                   .role = {.arn = g_strdup(role->arn),
                            .session_name = g_strdup(role->session_name ? role->session_name : SESSION_NAME),
                            .external_id = g_strdup(role->external_id),
                            .region = g_strdup(role->region),
                            .duration_s = role->duration_s,
                            .web_token_file = g_strdup(role->web_token_file)}};
    *ret_fetcher = (AwsFetcher){.fetch = fetch, .cancel = cancel, .free = assuming_free, .self = assuming};
    return true;
}
