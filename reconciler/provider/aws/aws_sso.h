/* aws_sso.h: credentials by a sign-in session (IAM Identity Center) that `aws sso login` began.
 * Calls:  the file system (the session's token, read for each set), the portal.
 * Holds:  nobody is asked to sign in; a token is never written, logged, nor sent anywhere but to the portal.
 * Source: the SDKs' "IAM Identity Center credential provider". */
#pragma once
#include "reconciler/provider/aws/aws_fetchers.h"

/* Of a profile with sso_session or sso_start_url. False with error: something of it is not said. time:
 * copied; the wall clock counts. */
bool aws_fetcher_sso(const AwsFetching *fetching, const char *profile, const AwsTime *time,
                     AwsFetcher *ret_fetcher, GError **error);
