/* aws_partition.h: what differs between AWS, AWS China, GovCloud and the European Sovereign Cloud, in one
 * table: hosts, signing regions, ARNs, principals. Computes only. Source: botocore's endpoints and partitions
 * data (May 2026). */
#pragma once
#include <glib.h>
#include <stdbool.h>

typedef enum {
    AWS_EC2,
    AWS_ECS,
    AWS_SSM,
    AWS_LOGS,
    AWS_PRICING,
    AWS_IAM,
    AWS_STS,
    AWS_SSO,
    AWS_S3,
    AWS_ECR,
    AWS_EFS,
    AWS_QUOTAS,
    AWS_BATCH,
    AWS_SQS,
    AWS_SERVICES
} AwsService;

typedef struct AwsPartition AwsPartition;

/* By a region's name; NULL: it is of none that is known. */
const AwsPartition *aws_partition_of_region(const char *region);
const char *aws_partition_name(const AwsPartition *partition); /* "aws-cn", as in ARNs */
/* Of what runs on instances: what a role of theirs has to trust. */
const char *aws_partition_ec2_principal(const AwsPartition *partition);

typedef struct {
    const char *region, *name; /* what signatures name: of the service's home where it is global */
} AwsSigning;
AwsSigning aws_signing_of(AwsService service, const char *region);

/* "https://ec2.eu-central-1.amazonaws.com", new string. NULL with error (G_CONVERT_ERROR_NOT_ABSOLUTE_PATH):
 * the region is of no partition that is known, or the service has no such endpoint there. */
char *aws_endpoint_of(AwsService service, const char *region, bool uses_fips, bool uses_dualstack,
                      GError **error);

/* ---- services ---- */

/* REST: what is read only: the body of a call is what stands behind the host in a GET.
 * POST: JSON to a path that follows from the action's name, as Batch has it. */
typedef enum { AWS_WIRE_EC2, AWS_WIRE_QUERY, AWS_WIRE_JSON, AWS_WIRE_REST, AWS_WIRE_POST } AwsWire;
typedef struct {
    const char *name;    /* "ecs": for messages; its host's first label */
    const char *version; /* of query: Version */
    const char *target;  /* of JSON: X-Amz-Target before the dot */
    const char *signing_name;
    const char *endpoint_env; /* AWS_ENDPOINT_URL_… */
    AwsWire wire;
    bool is_json_1_0; /* of JSON: its version, where it is not 1.1 */
} AwsServiceInfo;
const AwsServiceInfo *aws_service_info(AwsService service);

/* ---- ARNs ---- */

typedef struct {
    char *partition, *service, *region, *account, *resource;
} AwsArn;
/* False: it is none. */
bool aws_arn_parse(const char *text, AwsArn *ret_arn);
void aws_arn_clear(AwsArn *arn);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(AwsArn, aws_arn_clear)
/* New string; region and account may be "". */
char *aws_arn_of(const AwsPartition *partition, const char *service, const char *region, const char *account,
                 const char *resource);
