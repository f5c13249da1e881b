/* aws_fetchers.h: where credentials come from, without asking AWS for them: variables, files, and the
 * services beside a machine or a container. Source: the SDKs' credential providers. */
#pragma once
#include "reconciler/provider/aws/aws_credentials_source.h"
#include "reconciler/provider/http/http_client.h"
#include "reconciler/provider/aws/aws_settings.h"

/* AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN. NULL without error: they are not set; with
 * error: half of them. */
AwsCredentials *aws_credentials_of_environment(const AwsSettings *settings, GError **error);
/* Of a profile: aws_access_key_id, aws_secret_access_key, aws_session_token. The same. */
AwsCredentials *aws_credentials_of_profile(const AwsSettings *settings, const char *profile, GError **error);
/* {"AccessKeyId", "SecretAccessKey", "Token" or "SessionToken", "Expiration"}. NULL with error. */
AwsCredentials *aws_credentials_of_json(View json, const char *origin, GError **error);

/* What a fetcher is made with: borrowed, and outlives it. */
typedef struct {
    GMainContext *context; /* of http; NULL: the default one */
    HttpClient *http;
    const AwsSettings *settings;
} AwsFetching;

/* The metadata service of instances (IMDSv2; version 1 where there is no token to be had and it is not
 * switched off). looked: stands before its errors, a constant: what was looked at in vain before it. False
 * without error: it is switched off. */
bool aws_fetcher_metadata(const AwsFetching *fetching, const char *looked, AwsFetcher *ret_fetcher);
/* What AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or …_FULL_URI name. False without error: neither is set; with
 * error: an address that credentials are not asked of. */
bool aws_fetcher_container(const AwsFetching *fetching, AwsFetcher *ret_fetcher, GError **error);
