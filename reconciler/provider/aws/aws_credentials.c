#include "reconciler/provider/aws/aws_credentials.h"
#include <openssl/crypto.h>
#include <string.h>

AwsCredentials *aws_credentials_new(const char *access_key_id, const char *secret_access_key,
                                    const char *session_token, int64_t expires_ms, const char *origin)
{
    AwsCredentials *credentials = g_new0(AwsCredentials, 1);
    credentials->access_key_id = g_strdup(access_key_id);
    credentials->secret_access_key = g_strdup(secret_access_key);
    credentials->session_token = session_token && *session_token ? g_strdup(session_token) : NULL;
    credentials->expires_ms = expires_ms;
    credentials->origin = g_strdup(origin);
    credentials->refs = 1;
    return credentials;
}

AwsCredentials *aws_credentials_ref(AwsCredentials *credentials)
{
    credentials->refs++;
    return credentials;
}

static void wipe(char *text)
{
    if (text)
        OPENSSL_cleanse(text, strlen(text));
    g_free(text);
}

void aws_credentials_unref(AwsCredentials *credentials)
{
    if (!credentials || --credentials->refs > 0)
        return;
    wipe(credentials->secret_access_key);
    wipe(credentials->session_token);
    g_free(credentials->access_key_id);
    g_free(credentials->origin);
    g_free(credentials);
}
