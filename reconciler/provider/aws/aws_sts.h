/* aws_sts.h: credentials of a role, which AWS gives to whoever may assume it.
 * Calls:  aws_client.h.
 * Source: STS's AssumeRole and AssumeRoleWithWebIdentity; the SDKs' settings for them. */
#pragma once
#include "reconciler/provider/aws/aws_client.h"
#include "reconciler/provider/aws/aws_fetchers.h"

/* Copied. */
typedef struct {
    const char *arn;
    const char *session_name;   /* 2 to 64 of [A-Za-z0-9_+=,.@-]; NULL: "muster" */
    const char *external_id;    /* NULL: none */
    const char *region;         /* whose STS is asked */
    int64_t duration_s;         /* 900 to 43,200; 0: as STS has it */
    const char *web_token_file; /* AssumeRoleWithWebIdentity with what stands in it; NULL: AssumeRole */
} AwsRole;

/* base: whose right it is to assume the role, referenced; NULL with a web token, which is sent unsigned.
 * time: borrowed, as of aws_client_new(). False with error: the role's ARN is none, or STS cannot be asked
 * like this. */
bool aws_fetcher_role(const AwsFetching *fetching, const AwsRole *role, AwsCredentialsSource *base,
                      const AwsTime *time, AwsFetcher *ret_fetcher, GError **error);
