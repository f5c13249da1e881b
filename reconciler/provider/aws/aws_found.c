/* aws_found.c: what is there, carries this installation's tag, and was asked for by a state that was lost
 * since: told of with what it says of itself, in its tags, in its overrides where it has lost them, and in
 * what ECS shows of its size. */
#include <string.h>
#include "reconciler/provider/aws/aws_internal.h"
#include "reconciler/provider/aws/ecs_words.h"

/* ---- tasks ---- */

/* A task that is stopped loses its tags at once; that it is in our cluster is enough to read how it ends. */
static bool is_ours(const AwsCluster *cluster, const json_t *described)
{
    const json_t *tags = json_object_get(described, "tags");
    bool is_ending = g_strcmp0(ecs_text(described, "desiredStatus"), "STOPPED") == 0;
    return cluster->installation && (g_strcmp0(ecs_tag(tags, TAG_INSTALL), cluster->installation) == 0 ||
                                     (is_ending && json_array_size(tags) == 0));
}

/* What its container was told. NULL: it was not told it here. */
static const char *variable_of(const json_t *described, const char *name)
{
    const json_t *overrides = json_object_get(json_object_get(described, "overrides"), "containerOverrides");
    const json_t *environment = json_object_get(json_array_get(overrides, 0), "environment");
    return ecs_text(ecs_named(environment, name), "value");
}

static const char *told(const json_t *described, const char *tag, const char *variable)
{
    const char *text = ecs_tag(json_object_get(described, "tags"), tag);
    return text ? text : variable_of(described, variable);
}

static int64_t number_of(const json_t *object, const char *name)
{
    const char *text = ecs_text(object, name);
    return text ? MAX(g_ascii_strtoll(text, NULL, 10), 0) : 0;
}

/* What the task has by itself, else what its containers have together. */
static void read_size(const json_t *described, ProviderEvent *event)
{
    int64_t units = 0, memory_mib = 0;
    size_t index;
    json_t *container;
    json_array_foreach(json_object_get(described, "containers"), index, container)
    {
        units += number_of(container, "cpu");
        memory_mib += number_of(container, "memory");
        event->gpus += (int)json_array_size(json_object_get(container, "gpuIds"));
    }
    int64_t own_units = number_of(described, "cpu"), own_mib = number_of(described, "memory");
    event->vcpus_e4 = (own_units ? own_units : units) * 10000 / ECS_CPU_UNITS;
    event->memory_mib = own_mib ? own_mib : memory_mib;
}

static const AwsHost *host_of(const AwsCluster *cluster, const char *arn)
{
    GHashTableIter iter;
    const AwsHost *host;
    g_hash_table_iter_init(&iter, cluster->provider->hosts);
    while (arn && g_hash_table_iter_next(&iter, NULL, (gpointer *)&host))
        if (host->cluster == cluster && g_strcmp0(host->arn, arn) == 0)
            return host;
    return NULL;
}

bool aws_found_task(AwsCluster *cluster, const LaunchToken *token, const json_t *described)
{
    if (!aws_is_finding(cluster->provider) || !is_ours(cluster, described))
        return false;
    const AwsHost *host = host_of(cluster, ecs_text(described, "containerInstanceArn"));
    const char *attempt = told(described, TAG_ATTEMPT, "AWS_BATCH_JOB_ATTEMPT");
    ProviderEvent event = {.type = PROVIDER_EVENT_FOUND,
                           .token = *token,
                           .provider_id = ecs_text(described, "taskArn"),
                           .environment = cluster->name,
                           .job = told(described, TAG_JOB, "AWS_BATCH_JOB_ID"),
                           .attempt =
                               attempt ? (int)CLAMP(g_ascii_strtoll(attempt, NULL, 10), 0, G_MAXINT32) : 0};
    if (host)
        event.host = host->token;
    read_size(described, &event);
    aws_tell(cluster->provider, &event);
    return true;
}

char **aws_found_essential(const json_t *described)
{
    const char *names = ecs_tag(json_object_get(described, "tags"), TAG_ESSENTIAL);
    return names ? g_strsplit(names, " ", -1) : NULL;
}

/* ---- hosts ---- */

void aws_found_host(AwsHost *host, const XmlElement *item, const Ec2Instance *instance)
{
    const AwsCluster *cluster = host->cluster;
    const char *generation = ec2_instance_tag(item, TAG_GENERATION);
    const ProviderEvent event = {.type = PROVIDER_EVENT_INSTANCE_FOUND,
                                 .token = host->token,
                                 .at_ms = instance->launched_ms,
                                 .provider_id = instance->id,
                                 .environment = cluster->name,
                                 .instance_type = host->type,
                                 .is_spot = host->is_spot,
                                 .is_former = g_strcmp0(generation, cluster->generation) != 0};
    aws_tell(cluster->provider, &event);
}
