#include "reconciler/provider/aws/rate_limits.h"
#include "spec/base/glob.h"

#define TOKEN_E6 1000000
#define EACH     NULL /* a bucket for each action that fits */

/* The first that fits counts. Of one group all actions share a bucket. */
typedef struct {
    AwsService service;
    const char *action; /* * for any characters */
    const char *group;
    int size, refill; /* tokens; tokens a second */
} Grant;

static const Grant grants[] = {
    {AWS_EC2, "RunInstances", EACH, 5, 2},
    {AWS_EC2, "StartInstances", EACH, 5, 2},
    {AWS_EC2, "TerminateInstances", EACH, 100, 5},
    {AWS_EC2, "CreateTags", EACH, 100, 10},
    {AWS_EC2, "DeleteTags", EACH, 100, 10},
    {AWS_EC2, "CreateLaunchTemplateVersion", EACH, 100, 5},
    {AWS_EC2, "ModifyLaunchTemplate", EACH, 100, 5},
    {AWS_EC2, "Describe*", EACH, 100, 20},
    {AWS_EC2, "Get*", EACH, 100, 20},
    {AWS_EC2, "List*", EACH, 100, 20},
    {AWS_EC2, "*", EACH, 50, 5},
    {AWS_ECS, "DescribeTasks", "read", 100, 20},
    {AWS_ECS, "ListTasks", "read", 100, 20},
    {AWS_ECS, "DescribeContainerInstances", "read", 100, 20},
    {AWS_ECS, "ListContainerInstances", "read", 100, 20},
    {AWS_ECS, "ListAttributes", "read", 100, 20},
    {AWS_ECS, "RegisterTaskDefinition", "define", 20, 1},
    {AWS_ECS, "DeregisterTaskDefinition", "define", 20, 1},
    {AWS_ECS, "DeleteTaskDefinitions", EACH, 5, 1},
    {AWS_ECS, "DescribeTaskDefinition", "definitions", 50, 20},
    {AWS_ECS, "ListTaskDefinition*", "definitions", 50, 20},
    {AWS_ECS, "DescribeClusters", "clusters", 50, 20},
    {AWS_ECS, "ListClusters", "clusters", 50, 20},
    {AWS_ECS, "*Cluster*", "cluster", 20, 1},
    {AWS_ECS, "TagResource", "tag", 20, 10},
    {AWS_ECS, "UntagResource", "tag", 20, 10},
    {AWS_ECS, "ListTagsForResource", EACH, 50, 20},
    {AWS_ECS, "*", "act", 100, 40}, /* RunTask, StartTask, StopTask, DeregisterContainerInstance … */
    {AWS_SSM, "*", EACH, 40, 40},
    {AWS_LOGS, "*", EACH, 25, 25},
    {AWS_PRICING, "*", EACH, 10, 10},
    {AWS_IAM, "*", EACH, 20, 10},
    {AWS_STS, "*", EACH, 100, 50},
    {AWS_SQS, "*", EACH, 100, 50}, /* far below what it takes */
};

/* Reads without filter or pages, which look at everything. */
static const Grant plain_read = {AWS_EC2, "Describe*", "plain", 50, 10};

/* Besides its call an action takes a token for each resource. */
static const Grant resource_grants[] = {
    {AWS_EC2, "RunInstances", "instances started", 1000, 2},
    {AWS_EC2, "CreateFleet", "instances started", 1000, 2},
    {AWS_EC2, "StartInstances", "instances started again", 1000, 2},
    {AWS_EC2, "TerminateInstances", "instances ended", 1000, 20},
    {AWS_EC2, "StopInstances", "instances stopped", 1000, 20},
};

typedef struct {
    int64_t fill_e6, size_e6; /* 1/1,000,000 tokens */
    int64_t refill_e6;        /* of these in a millisecond */
    int64_t filled_ms;
} Bucket;

struct RateLimits {
    AwsService service;
    int64_t share_e3;
    GHashTable *buckets; /* name → Bucket */
};

RateLimits *rate_limits_new(AwsService service, int share_e3)
{
    RateLimits *limits = g_new0(RateLimits, 1);
    limits->service = service;
    limits->share_e3 = share_e3;
    limits->buckets = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    return limits;
}

void rate_limits_free(RateLimits *limits)
{
    if (!limits)
        return;
    g_hash_table_destroy(limits->buckets);
    g_free(limits);
}

static const Grant *grant_of(const Grant *list, size_t len, AwsService service, const char *action)
{
    for (size_t i = 0; i < len; i++)
        if (list[i].service == service && glob_matches(list[i].action, view_from(action)))
            return &list[i];
    return NULL;
}

static Bucket *bucket_of(RateLimits *limits, const Grant *grant, const char *action, int64_t now_ms)
{
    const char *name = grant->group ? grant->group : action;
    Bucket *bucket = g_hash_table_lookup(limits->buckets, name);
    if (bucket)
        return bucket;
    bucket = g_new0(Bucket, 1);
    bucket->size_e6 = MAX((int64_t)grant->size * limits->share_e3 * 1000, TOKEN_E6);
    bucket->refill_e6 = (int64_t)grant->refill * limits->share_e3;
    bucket->fill_e6 = bucket->size_e6;
    bucket->filled_ms = now_ms;
    g_hash_table_insert(limits->buckets, g_strdup(name), bucket);
    return bucket;
}

/* Below nothing there is a queue: whoever comes next waits behind it. */
static int64_t take(Bucket *bucket, int64_t tokens, int64_t now_ms)
{
    int64_t passed_ms = CLAMP(now_ms - bucket->filled_ms, 0, G_MAXINT32);
    bucket->fill_e6 = MIN(bucket->size_e6, bucket->fill_e6 + passed_ms * bucket->refill_e6);
    bucket->filled_ms = MAX(bucket->filled_ms, now_ms);
    bucket->fill_e6 -= tokens * TOKEN_E6;
    return bucket->fill_e6 >= 0 ? 0 : (-bucket->fill_e6 + bucket->refill_e6 - 1) / bucket->refill_e6;
}

int64_t rate_limits_take(RateLimits *limits, const char *action, bool is_plain, int64_t resources,
                         int64_t now_ms)
{
    const Grant *grant = grant_of(grants, G_N_ELEMENTS(grants), limits->service, action),
                *resource_grant =
                    grant_of(resource_grants, G_N_ELEMENTS(resource_grants), limits->service, action);
    if (is_plain && limits->service == AWS_EC2 && g_str_has_prefix(action, "Describe"))
        grant = &plain_read;
    int64_t wait_ms = grant ? take(bucket_of(limits, grant, action, now_ms), 1, now_ms) : 0;
    if (!resource_grant || resources <= 0)
        return wait_ms;
    int64_t resources_ms = take(bucket_of(limits, resource_grant, action, now_ms), resources, now_ms);
    return MAX(wait_ms, resources_ms);
}
