/* cloud_event.c: see cloud_event.h. */
#include "reconciler/provider/aws/cloud_event.h"
#include <string.h>
#include "reconciler/provider/aws/aws_partition.h"
#include "reconciler/provider/aws/ecs_words.h"

void cloud_event_clear(CloudEvent *event)
{
    json_decref(event->root);
    *event = (CloudEvent){0};
}

static bool says(const CloudEvent *event, const char *name, const char *wanted)
{
    return g_strcmp0(ecs_text(event->root, name), wanted) == 0;
}

/* Of the account and the region that the event names; NULL: it is of none. */
static const char *cluster_of(const CloudEvent *event)
{
    static const char prefix[] = "cluster/";
    const char *text = ecs_text(event->detail, "clusterArn");
    g_auto(AwsArn) arn = {0};
    bool is_right = text && aws_arn_parse(text, &arn) && strcmp(arn.service, "ecs") == 0 &&
                    strcmp(arn.account, event->account) == 0 && strcmp(arn.region, event->region) == 0 &&
                    g_str_has_prefix(arn.resource, prefix);
    return is_right ? strrchr(text, '/') + 1 : NULL;
}

static CloudEventType type_of(CloudEvent *event)
{
    if (!event->account || !event->region || !json_is_object(event->detail))
        return CLOUD_EVENT_OTHER;
    if (says(event, "source", "aws.ecs") && says(event, "detail-type", "ECS Task State Change")) {
        event->cluster = cluster_of(event);
        return event->cluster ? CLOUD_EVENT_TASK : CLOUD_EVENT_OTHER;
    }
    if (says(event, "source", "aws.ec2") &&
        says(event, "detail-type", "EC2 Spot Instance Interruption Warning")) {
        event->instance_id = ecs_text(event->detail, "instance-id");
        return event->instance_id ? CLOUD_EVENT_SPOT_WARNING : CLOUD_EVENT_OTHER;
    }
    return CLOUD_EVENT_OTHER;
}

void cloud_event_read(const char *body, CloudEvent *ret_event)
{
    *ret_event = (CloudEvent){.root = body ? json_loads(body, 0, NULL) : NULL};
    ret_event->detail = json_object_get(ret_event->root, "detail");
    ret_event->account = ecs_text(ret_event->root, "account");
    ret_event->region = ecs_text(ret_event->root, "region");
    ret_event->type = type_of(ret_event);
}
