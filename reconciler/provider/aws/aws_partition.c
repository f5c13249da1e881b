#include "reconciler/provider/aws/aws_partition.h"
#include <string.h>

struct AwsPartition {
    const char *name, *suffix, *dualstack_suffix;
    const char *regions;       /* pattern */
    const char *global_region; /* where IAM is, for signatures */
    const char *ec2_principal;
};

static const AwsPartition partitions[] = {
    {"aws", "amazonaws.com", "api.aws", "^(us|eu|ap|sa|ca|me|af|il|mx)-\\w+-\\d+$", "us-east-1",
     "ec2.amazonaws.com"},
    {"aws-cn", "amazonaws.com.cn", "api.amazonwebservices.com.cn", "^cn-\\w+-\\d+$", "cn-north-1",
     "ec2.amazonaws.com.cn"},
    {"aws-us-gov", "amazonaws.com", "api.aws", "^us-gov-\\w+-\\d+$", "us-gov-west-1", "ec2.amazonaws.com"},
    {"aws-eusc", "amazonaws.eu", "api.amazonwebservices.eu", "^eusc-de-\\w+-\\d+$", "eusc-de-east-1",
     "ec2.amazonaws.eu"},
};

static const AwsServiceInfo services[AWS_SERVICES] = {
    [AWS_EC2] = {"ec2", "2016-11-15", NULL, "ec2", "AWS_ENDPOINT_URL_EC2", AWS_WIRE_EC2, false},
    [AWS_ECS] = {"ecs", "2014-11-13", "AmazonEC2ContainerServiceV20141113", "ecs", "AWS_ENDPOINT_URL_ECS",
                 AWS_WIRE_JSON, false},
    [AWS_SSM] = {"ssm", "2014-11-06", "AmazonSSM", "ssm", "AWS_ENDPOINT_URL_SSM", AWS_WIRE_JSON, false},
    [AWS_LOGS] = {"logs", "2014-03-28", "Logs_20140328", "logs", "AWS_ENDPOINT_URL_CLOUDWATCH_LOGS",
                  AWS_WIRE_JSON, false},
    [AWS_PRICING] = {"api.pricing", "2017-10-15", "AWSPriceListService", "pricing",
                     "AWS_ENDPOINT_URL_PRICING", AWS_WIRE_JSON, false},
    [AWS_IAM] = {"iam", "2010-05-08", NULL, "iam", "AWS_ENDPOINT_URL_IAM", AWS_WIRE_QUERY, false},
    [AWS_STS] = {"sts", "2011-06-15", NULL, "sts", "AWS_ENDPOINT_URL_STS", AWS_WIRE_QUERY, false},
    [AWS_SSO] = {"portal.sso", "2019-06-10", NULL, "awsssoportal", "AWS_ENDPOINT_URL_SSO", AWS_WIRE_JSON,
                 false},
    [AWS_S3] = {"s3", "2006-03-01", NULL, "s3", "AWS_ENDPOINT_URL_S3", AWS_WIRE_QUERY, false},
    [AWS_ECR] = {"api.ecr", "2015-09-21", "AmazonEC2ContainerRegistry_V20150921", "ecr",
                 "AWS_ENDPOINT_URL_ECR", AWS_WIRE_JSON, false},
    [AWS_EFS] = {"elasticfilesystem", "2015-02-01", NULL, "elasticfilesystem", "AWS_ENDPOINT_URL_EFS",
                 AWS_WIRE_REST, false},
    [AWS_QUOTAS] = {"servicequotas", "2019-06-24", "ServiceQuotasV20190624", "servicequotas",
                    "AWS_ENDPOINT_URL_SERVICE_QUOTAS", AWS_WIRE_JSON, false},
    [AWS_BATCH] = {"batch", "2016-08-10", NULL, "batch", "AWS_ENDPOINT_URL_BATCH", AWS_WIRE_POST, false},
    [AWS_SQS] = {"sqs", "2012-11-05", "AmazonSQS", "sqs", "AWS_ENDPOINT_URL_SQS", AWS_WIRE_JSON, true},
};

const AwsServiceInfo *aws_service_info(AwsService service)
{
    return &services[service];
}

/* ---- partitions ---- */

const AwsPartition *aws_partition_of_region(const char *region)
{
    for (size_t i = 0; i < G_N_ELEMENTS(partitions); i++)
        if (g_regex_match_simple(partitions[i].regions, region, 0, 0))
            return &partitions[i];
    return NULL;
}

const char *aws_partition_name(const AwsPartition *partition)
{
    return partition->name;
}

const char *aws_partition_ec2_principal(const AwsPartition *partition)
{
    return partition->ec2_principal;
}

static bool is_of(const AwsPartition *partition, const char *name)
{
    return strcmp(partition->name, name) == 0;
}

/* Prices are served in few regions; where not, the nearest to home. */
static const char *pricing_region(const AwsPartition *partition, const char *region)
{
    static const char *const served[] = {"us-east-1", "eu-central-1", "ap-south-1", NULL};
    if (partition && is_of(partition, "aws-cn"))
        return "cn-northwest-1";
    return g_strv_contains(served, region) ? region : "us-east-1";
}

AwsSigning aws_signing_of(AwsService service, const char *region)
{
    const AwsPartition *partition = aws_partition_of_region(region);
    AwsSigning signing = {region, services[service].signing_name};
    if (service == AWS_IAM && partition)
        signing.region = partition->global_region;
    if (service == AWS_PRICING)
        signing.region = pricing_region(partition, region);
    return signing;
}

/* ---- endpoints ---- */

/* IAM is one service in a partition, with hosts of its own. */
static char *iam_host(const AwsPartition *partition, bool uses_fips, bool uses_dualstack)
{
    if (is_of(partition, "aws"))
        return g_strdup(uses_fips        ? "iam-fips.amazonaws.com"
                        : uses_dualstack ? "iam.global.api.aws"
                                         : "iam.amazonaws.com");
    if (is_of(partition, "aws-us-gov"))
        return g_strdup("iam.us-gov.amazonaws.com");
    return g_strdup_printf("iam.%s.%s", partition->global_region, partition->suffix);
}

/* In GovCloud the usual host is the FIPS one, but for ECS. */
static bool has_fips_label(AwsService service, const AwsPartition *partition)
{
    return !is_of(partition, "aws-us-gov") || service == AWS_ECS;
}

static char *host_of(AwsService service, const AwsPartition *partition, const char *region, bool uses_fips,
                     bool uses_dualstack)
{
    if (service == AWS_IAM)
        return iam_host(partition, uses_fips, uses_dualstack);
    if (service == AWS_PRICING)
        return g_strdup_printf("api.pricing.%s.%s", pricing_region(partition, region),
                               is_of(partition, "aws-cn") ? partition->suffix : "amazonaws.com");
    return g_strdup_printf("%s%s.%s.%s", services[service].name,
                           uses_fips && has_fips_label(service, partition) ? "-fips" : "", region,
                           uses_dualstack ? partition->dualstack_suffix : partition->suffix);
}

char *aws_endpoint_of(AwsService service, const char *region, bool uses_fips, bool uses_dualstack,
                      GError **error)
{
    const AwsPartition *partition = aws_partition_of_region(region);
    if (!partition) {
        g_set_error(error, G_CONVERT_ERROR, G_CONVERT_ERROR_NOT_ABSOLUTE_PATH,
                    "%s is no region that is known: look at its spelling, or name an endpoint (%s)", region,
                    services[service].endpoint_env);
        return NULL;
    }
    if (uses_fips && is_of(partition, "aws-cn")) {
        g_set_error(error, G_CONVERT_ERROR, G_CONVERT_ERROR_NOT_ABSOLUTE_PATH,
                    "there are no FIPS endpoints in China (%s, %s): unset AWS_USE_FIPS_ENDPOINT",
                    services[service].name, region);
        return NULL;
    }
    g_autofree char *host = host_of(service, partition, region, uses_fips, uses_dualstack);
    return g_strconcat("https://", host, NULL);
}

/* ---- ARNs ---- */

void aws_arn_clear(AwsArn *arn)
{
    g_free(arn->partition);
    g_free(arn->service);
    g_free(arn->region);
    g_free(arn->account);
    g_free(arn->resource);
    *arn = (AwsArn){0};
}

bool aws_arn_parse(const char *text, AwsArn *ret_arn)
{
    g_auto(GStrv) parts = g_strsplit(text, ":", 6);
    *ret_arn = (AwsArn){0};
    if (g_strv_length(parts) != 6 || strcmp(parts[0], "arn") != 0 || !*parts[1] || !*parts[2] || !*parts[5])
        return false;
    *ret_arn = (AwsArn){.partition = g_steal_pointer(&parts[1]),
                        .service = g_steal_pointer(&parts[2]),
                        .region = g_steal_pointer(&parts[3]),
                        .account = g_steal_pointer(&parts[4]),
                        .resource = g_steal_pointer(&parts[5])};
    g_free(parts[0]);
    g_free(g_steal_pointer(&parts));
    return true;
}

char *aws_arn_of(const AwsPartition *partition, const char *service, const char *region, const char *account,
                 const char *resource)
{
    return g_strdup_printf("arn:%s:%s:%s:%s:%s", partition->name, service, region, account, resource);
}
