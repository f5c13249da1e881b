/* What EventBridge tells, as a message of SQS has it: which of it is believed. */
#include "reconciler/provider/aws/cloud_event.h"
#include <string.h>
#include "reconciler/provider/aws/task_state.h"

#define EVENT(account, region, source, type, detail)                                                         \
    "{\"version\":\"0\",\"id\":\"1\",\"detail-type\":\"" type "\",\"source\":\"" source                      \
    "\",\"account\":\"" account "\",\"region\":\"" region "\",\"resources\":[],\"detail\":" detail "}"
#define TASK(account, region, cluster)                                                                       \
    EVENT(account, region, "aws.ecs", "ECS Task State Change", "{\"clusterArn\":\"" cluster "\"}")

static void test_types(void)
{
    static const struct {
        const char *body;
        CloudEventType type;
        const char *cluster, *instance_id;
    } cases[] = {
        {TASK("123456789012", "us-east-1", "arn:aws:ecs:us-east-1:123456789012:cluster/muster-spot"),
         CLOUD_EVENT_TASK, "muster-spot", NULL},
        {TASK("123456789012", "cn-north-1", "arn:aws-cn:ecs:cn-north-1:123456789012:cluster/x"),
         CLOUD_EVENT_TASK, "x", NULL},
        /* what contradicts itself */
        {TASK("123456789012", "us-east-1", "arn:aws:ecs:us-east-1:210987654321:cluster/muster-spot"),
         CLOUD_EVENT_OTHER, NULL, NULL},
        {TASK("123456789012", "us-east-1", "arn:aws:ecs:eu-west-1:123456789012:cluster/muster-spot"),
         CLOUD_EVENT_OTHER, NULL, NULL},
        {TASK("123456789012", "us-east-1", "arn:aws:ecs:us-east-1:123456789012:task/muster-spot"),
         CLOUD_EVENT_OTHER, NULL, NULL},
        {TASK("123456789012", "us-east-1", "muster-spot"), CLOUD_EVENT_OTHER, NULL, NULL},
        {EVENT("123456789012", "us-east-1", "mine", "ECS Task State Change",
               "{\"clusterArn\":\"arn:aws:ecs:us-east-1:123456789012:cluster/muster-spot\"}"),
         CLOUD_EVENT_OTHER, NULL, NULL},
        {EVENT("123456789012", "us-east-1", "aws.ec2", "EC2 Spot Instance Interruption Warning",
               "{\"instance-id\":\"i-1\",\"instance-action\":\"terminate\"}"),
         CLOUD_EVENT_SPOT_WARNING, NULL, "i-1"},
        {EVENT("123456789012", "us-east-1", "aws.ec2", "EC2 Spot Instance Interruption Warning", "{}"),
         CLOUD_EVENT_OTHER, NULL, NULL},
        {EVENT("123456789012", "us-east-1", "aws.ec2", "EC2 Instance State-change Notification",
               "{\"instance-id\":\"i-1\"}"),
         CLOUD_EVENT_OTHER, NULL, NULL},
        {EVENT("123456789012", "us-east-1", "aws.ecs", "ECS Task State Change", "[]"), CLOUD_EVENT_OTHER,
         NULL, NULL},
        {"{\"detail\":{}}", CLOUD_EVENT_OTHER, NULL, NULL},
        {"[]", CLOUD_EVENT_OTHER, NULL, NULL},
        {"\"", CLOUD_EVENT_OTHER, NULL, NULL},
        {"", CLOUD_EVENT_OTHER, NULL, NULL},
        {NULL, CLOUD_EVENT_OTHER, NULL, NULL}};
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_auto(CloudEvent) event = {0};
        cloud_event_read(cases[i].body, &event);
        g_assert_cmpint(event.type, ==, cases[i].type);
        g_assert_cmpstr(event.cluster, ==, cases[i].cluster);
        g_assert_cmpstr(event.instance_id, ==, cases[i].instance_id);
    }
}

/* The detail of such an event is a task as DescribeTasks has it, but for its times. */
static void test_task(void)
{
    static const char *const essential[] = {"main", NULL};
    static const char body[] = EVENT(
        "123456789012", "us-east-1", "aws.ecs", "ECS Task State Change",
        "{\"clusterArn\":\"arn:aws:ecs:us-east-1:123456789012:cluster/muster-spot\","
        "\"taskArn\":\"arn:task\",\"lastStatus\":\"STOPPED\",\"desiredStatus\":\"STOPPED\",\"startedBy\":"
        "\"ab\","
        "\"stopCode\":\"EssentialContainerExited\",\"version\":5,\"startedAt\":\"2020-11-05T19:13:20.361Z\","
        "\"stoppedAt\":\"2020-11-05T19:14:20Z\","
        "\"containers\":[{\"name\":\"main\",\"exitCode\":3,\"lastStatus\":\"STOPPED\"}]}");
    g_auto(CloudEvent) event = {0};
    TaskState state;
    cloud_event_read(body, &event);
    g_assert_true(task_state_read(event.detail, essential, &state));
    g_assert_cmpint(state.phase, ==, TASK_ENDED);
    g_assert_cmpint(state.end, ==, TASK_END_EXITED);
    g_assert_cmpint(state.exit_code, ==, 3);
    g_assert_cmpint(state.started_ms, ==, 1604603600361);
    g_assert_cmpint(state.ended_ms, ==, 1604603660000);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/aws/cloud_event/types", test_types);
    g_test_add_func("/aws/cloud_event/task", test_task);
    return g_test_run();
}
