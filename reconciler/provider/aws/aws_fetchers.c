/* aws_fetchers.c: credentials that stand somewhere. */
#include "reconciler/provider/aws/aws_fetchers.h"
#include <jansson.h>
#include <string.h>

/* Both or none. */
static AwsCredentials *pair(const char *id, const char *secret, const char *token, const char *id_name,
                            const char *secret_name, const char *origin, GError **error)
{
    if (id && secret)
        return aws_credentials_new(id, secret, token, 0, origin);
    if (id || secret)
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL, "%s: %s is set, and %s is not", origin,
                    id ? id_name : secret_name, id ? secret_name : id_name);
    return NULL;
}

AwsCredentials *aws_credentials_of_environment(const AwsSettings *settings, GError **error)
{
    return pair(aws_settings_variable(settings, "AWS_ACCESS_KEY_ID"),
                aws_settings_variable(settings, "AWS_SECRET_ACCESS_KEY"),
                aws_settings_variable(settings, "AWS_SESSION_TOKEN"), "AWS_ACCESS_KEY_ID",
                "AWS_SECRET_ACCESS_KEY", "environment variables", error);
}

AwsCredentials *aws_credentials_of_profile(const AwsSettings *settings, const char *profile, GError **error)
{
    g_autofree char *origin = g_strdup_printf("profile %s", profile);
    return pair(aws_config_get(settings->file, profile, "aws_access_key_id"),
                aws_config_get(settings->file, profile, "aws_secret_access_key"),
                aws_config_get(settings->file, profile, "aws_session_token"), "aws_access_key_id",
                "aws_secret_access_key", origin, error);
}

/* "2026-01-15T12:00:00Z"; 0: none is said; -1: it cannot be read. */
static int64_t time_of(const char *text)
{
    g_autoptr(GTimeZone) utc = g_time_zone_new_utc();
    g_autoptr(GDateTime) at = text ? g_date_time_new_from_iso8601(text, utc) : NULL;
    return !text ? 0 : at ? g_date_time_to_unix(at) * 1000 : -1;
}

static const char *text_of(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

AwsCredentials *aws_credentials_of_json(View json, const char *origin, GError **error)
{
    json_t *root = json_loadb(json.data ? json.data : "", json.len, 0, NULL);
    const char *id = text_of(root, "AccessKeyId"), *secret = text_of(root, "SecretAccessKey"),
               *token = text_of(root, "Token");
    const char *code = text_of(root, "Code"), *message = text_of(root, "Message");
    int64_t expires_ms = time_of(text_of(root, "Expiration"));
    AwsCredentials *credentials = NULL;
    if (code && strcmp(code, "Success") != 0)
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_ACCES, "%s: %s%s%s", origin, code, message ? ": " : "",
                    message ? message : "");
    else if (!id || !secret || expires_ms < 0)
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL, "%s: the answer holds no credentials", origin);
    else
        credentials = aws_credentials_new(id, secret, token ? token : text_of(root, "SessionToken"),
                                          expires_ms, origin);
    json_decref(root);
    return credentials;
}
