/* aws_chain.h: which credentials are used: the first place that says something, in the order of the SDKs.
 * Calls:  aws_fetchers.h, aws_sts.h. */
#pragma once
#include "reconciler/provider/aws/aws_sts.h"

typedef struct {
    AwsFetching fetching;
    const AwsTime *time; /* outlives what is made */
} AwsChain;

/* role_arn: assumed with what was found, as an environment asks for; NULL: none. NULL with error, which names
 * the place that is wrong, or says where was looked. The metadata service is not asked yet: whether it
 * answers shows with the first set. */
AwsCredentialsSource *aws_chain_new(const AwsChain *chain, const char *role_arn, GError **error);
