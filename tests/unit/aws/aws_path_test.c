/* The parts of the AWS provider in the order in which a job needs them, against the double, which judges
 * every request by botocore's models: an image, a template, an instance that joins its cluster, a task on it,
 * its end, and the instance's. In three partitions. */
#include <string.h>
#include "reconciler/provider/aws/fleet.h"
#include "reconciler/provider/aws/host_state.h"
#include "reconciler/provider/aws/launch_template.h"
#include "reconciler/provider/aws/task_run.h"
#include "reconciler/provider/aws/task_state.h"
#include "reconciler/provider/aws/user_data.h"
#include "spec/task_part.h"
#include "tests/support/aws_double.h"

#define IMAGE   "/aws/service/ecs/optimized-ami/amazon-linux-2023/recommended/image_id"
#define LOOK_US 20000

typedef struct {
    AwsDouble *aws;
    const char *region;
    char *image, *template, *instance, *host, *definition, *task;
    json_t *body; /* of the task definition */
} Path;

static AwsDouble *aws; /* NULL: it cannot be started here */

static void path_clear(Path *path)
{
    char *const texts[] = {path->image, path->template,   path->instance,
                           path->host,  path->definition, path->task};
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
        g_free(texts[i]);
    json_decref(path->body);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Path, path_clear)

static void ask_query(Path *path, const char *action, const Query *query, AwsAnswer *ret_answer)
{
    const AwsCall call = {.action = action, .body = query_text(query)};
    double_call(path->aws, AWS_EC2, path->region, &call, ret_answer);
    g_assert_null(ret_answer->error);
}

/* body is taken. */
static void ask_json(Path *path, AwsService service, const char *action, json_t *body, AwsAnswer *ret_answer)
{
    char *text = json_dumps(body, JSON_COMPACT);
    const AwsCall call = {.action = action, .body = text};
    double_call(path->aws, service, path->region, &call, ret_answer);
    g_assert_null(ret_answer->error);
    free(text);
    json_decref(body);
}

static const char *text_at(const json_t *root, const char *first, const char *second)
{
    return json_string_value(json_object_get(json_object_get(root, first), second));
}

/* ---- an instance ---- */

static void find_image(Path *path)
{
    g_auto(AwsAnswer) answer = {0};
    ask_json(path, AWS_SSM, "GetParameter", json_pack("{s:s}", "Name", IMAGE), &answer);
    path->image = g_strdup(text_at(answer.json, "Parameter", "Value"));
    g_assert_true(g_str_has_prefix(path->image, "ami-"));
}

static void make_template(Path *path)
{
    static const char *const groups[] = {"sg-00000000000000001", NULL};
    static const LaunchTag tags[] = {{"muster/installation", "4f1a"}, {"muster/intent", "7c"}};
    static const UserDataPair attributes[] = {{"muster.environment", "spot"}};
    const UserDataConfig config = {.cluster = "muster-spot",
                                   .attributes = attributes,
                                   .attributes_len = 1,
                                   .reserved_memory_mib = 32,
                                   .idle_shutdown_s = 3600};
    const char *partition = aws_partition_name(aws_partition_of_region(path->region));
    g_autofree char *profile =
        g_strdup_printf("arn:%s:iam::123456789012:instance-profile/ecsInstanceRole", partition);
    g_autofree char *data = user_data_merge("#!/bin/sh\necho theirs\n", &config, NULL);
    const LaunchOverlay overlay = {.image_id = path->image,
                                   .instance_profile_arn = profile,
                                   .user_data = data,
                                   .security_groups = groups,
                                   .tags = tags,
                                   .tags_len = 2};
    g_autoptr(Query) query = query_new("CreateLaunchTemplate", "2016-11-15");
    g_auto(AwsAnswer) answer = {0};
    query_add(query, "LaunchTemplateName", "muster-spot");
    query_add(query, "ClientToken", "template-1");
    launch_template_data(query, NULL, &overlay);
    ask_query(path, "CreateLaunchTemplate", query, &answer);
    path->template = g_strdup(xml_text(answer.xml, "launchTemplate/launchTemplateId"));
    g_assert_nonnull(path->template);
}

/* Twice, as after an answer that was lost: the token makes it one instance. */
static void launch(Path *path)
{
    static const FleetPool pools[] = {{"c5.large", "subnet-0000000000000000a", 0},
                                      {"m5.large", "subnet-0000000000000000b", 0}};
    const FleetRequest request = {.client_token = "intent-1",
                                  .template_id = path->template,
                                  .template_version = "1",
                                  .pools = pools,
                                  .pools_len = 2,
                                  .count = 1,
                                  .is_spot = true,
                                  .strategy = FLEET_PRICE_CAPACITY_OPTIMIZED};
    for (int i = 0; i < 2; i++) {
        g_autoptr(Query) query = fleet_query(&request);
        g_auto(AwsAnswer) answer = {0};
        g_auto(FleetAnswer) fleet = {0};
        ask_query(path, "CreateFleet", query, &answer);
        fleet_answer_read(answer.xml, &fleet);
        g_assert_cmpuint(fleet.instances->len, ==, 1);
        const FleetInstance *instance = &g_array_index(fleet.instances, FleetInstance, 0);
        g_assert_true(instance->is_spot);
        g_assert_cmpuint(strlen(instance->zone), >, 0);
        g_assert_true(!path->instance || strcmp(path->instance, instance->id) == 0);
        g_free(path->instance);
        path->instance = g_strdup(instance->id);
    }
}

/* What EC2 says of it now. */
static void look_at_instance(Path *path, AwsAnswer *answer, Ec2Instance *ret_instance)
{
    g_autoptr(Query) query = query_new("DescribeInstances", "2016-11-15");
    const char *const ids[] = {path->instance, NULL};
    query_add_list(query, "InstanceId", ids);
    aws_answer_clear(answer);
    *answer = (AwsAnswer){0};
    ask_query(path, "DescribeInstances", query, answer);
    const XmlElement *item = xml_find(answer->xml, "reservationSet/item/instancesSet/item");
    g_assert_true(ec2_instance_read(item, ret_instance));
    g_assert_cmpstr(ec2_instance_tag(item, "muster/installation"), ==, "4f1a");
}

static void check_host(const Path *path, const EcsHost *host)
{
    g_assert_cmpstr(host->ec2_instance_id, ==, path->instance);
    g_assert_cmpint(host->vcpus_e4, ==, 20000);
    g_assert_cmpint(host->memory_mib, >, 3000); /* below the nominal size */
    g_assert_cmpint(host->memory_mib, <, 8192);
}

static void wait_for_host(Path *path)
{
    while (!path->host) {
        g_auto(AwsAnswer) list = {0};
        g_auto(AwsAnswer) described = {0};
        EcsHost host;
        ask_json(path, AWS_ECS, "ListContainerInstances", json_pack("{s:s}", "cluster", "muster-spot"),
                 &list);
        json_t *arns = json_object_get(list.json, "containerInstanceArns");
        g_usleep(LOOK_US);
        if (json_array_size(arns) == 0)
            continue;
        ask_json(path, AWS_ECS, "DescribeContainerInstances",
                 json_pack("{s:s,s:O}", "cluster", "muster-spot", "containerInstances", arns), &described);
        g_assert_true(
            ecs_host_read(json_array_get(json_object_get(described.json, "containerInstances"), 0), &host));
        if (host.status != HOST_ACTIVE)
            continue;
        check_host(path, &host);
        path->host = g_strdup(host.arn);
    }
}

/* ---- a task ---- */

static void register_definition(Path *path)
{
    static const char spec[] = "{\"containerProperties\": {\"image\": \"busybox\", \"command\": [\"sh\", "
                               "\"-c\", \"exit 9\"], \"environment\": [{\"name\": \"A\", \"value\": \"b\"}],"
                               "\"resourceRequirements\": [{\"type\": \"VCPU\", \"value\": \"1\"}, "
                               "{\"type\": \"MEMORY\", \"value\": \"512\"}]}}";
    const TaskDefinitionOptions options = {.node = -1, .name = "align", .region = path->region};
    json_t *parsed = json_loads(spec, 0, NULL);
    g_auto(AwsAnswer) answer = {0};
    path->body = task_definition_body(parsed, &options, NULL);
    json_decref(parsed);
    json_t *request = json_deep_copy(path->body);
    g_autofree char *family = task_definition_family("align"), *digest = task_definition_digest(path->body);
    json_object_set_new(request, "family", json_string(family));
    json_object_set_new(request, "tags",
                        json_pack("[{s:s,s:s}]", "key", "muster/spec-sha256", "value", digest));
    ask_json(path, AWS_ECS, "RegisterTaskDefinition", request, &answer);
    path->definition = g_strdup(text_at(answer.json, "taskDefinition", "taskDefinitionArn"));
    g_assert_nonnull(path->definition);
}

static void run(Path *path)
{
    static const char *const command[] = {"sh", "-c", "exit 3", NULL}, *const environment[] = {
                                                                           "A=b", "AWS_BATCH_JOB_ID=j-1",
                                                                           NULL};
    const TaskContainer container = {.name = TASK_CONTAINER,
                                     .command = command,
                                     .environment = environment,
                                     .vcpus_e4 = 10000,
                                     .memory_mib = 256};
    const TaskPlacement placement = {.cluster = "muster-spot",
                                     .definition = path->definition,
                                     .client_token = "launch-1",
                                     .started_by = "launch-1",
                                     .instance_id = path->instance};
    json_t *overrides = task_overrides(path->body, &container, 1);
    for (int i = 0; i < 2; i++) {
        g_auto(AwsAnswer) answer = {0};
        ask_json(path, AWS_ECS, "RunTask", task_run_body(&placement, overrides), &answer);
        const char *arn = json_string_value(
            json_object_get(json_array_get(json_object_get(answer.json, "tasks"), 0), "taskArn"));
        g_assert_cmpuint(json_array_size(json_object_get(answer.json, "failures")), ==, 0);
        g_assert_true(!path->task || strcmp(path->task, arn) == 0);
        g_free(path->task);
        path->task = g_strdup(arn);
    }
    json_decref(overrides);
}

/* A host that is not there is no failure of the job. */
static void run_nowhere(Path *path)
{
    const TaskPlacement placement = {.cluster = "muster-spot",
                                     .definition = path->definition,
                                     .client_token = "launch-2",
                                     .started_by = "launch-2",
                                     .instance_id = "i-00000000000000fff"};
    json_t *overrides = json_object();
    g_auto(AwsAnswer) answer = {0};
    ask_json(path, AWS_ECS, "RunTask", task_run_body(&placement, overrides), &answer);
    const json_t *failure = json_array_get(json_object_get(answer.json, "failures"), 0);
    g_assert_nonnull(failure);
    g_assert_cmpint(task_refusal_of(json_string_value(json_object_get(failure, "reason"))), ==,
                    TASK_REFUSAL_PLACE);
    json_decref(overrides);
}

static void check_end(const TaskState *state)
{
    g_test_message("%s; %s", state->stopped_reason, state->reason);
    g_assert_cmpint(state->end, ==, TASK_END_EXITED);
    g_assert_cmpint(state->exit_code, ==, 3);
    g_assert_cmpint(state->started_ms, >, 0);
    g_assert_cmpint(state->ended_ms, >=, state->started_ms);
}

static void wait_for_end(Path *path)
{
    g_autofree const char **essential = task_definition_essential(path->body);
    bool has_ended = false;
    while (!has_ended) {
        g_auto(AwsAnswer) answer = {0};
        TaskState state;
        ask_json(path, AWS_ECS, "DescribeTasks",
                 json_pack("{s:s,s:[s]}", "cluster", "muster-spot", "tasks", path->task), &answer);
        g_assert_true(
            task_state_read(json_array_get(json_object_get(answer.json, "tasks"), 0), essential, &state));
        g_assert_cmpstr(state.started_by, ==, "launch-1");
        g_assert_cmpstr(state.container_instance_arn, ==, path->host);
        has_ended = state.phase == TASK_ENDED;
        if (has_ended)
            check_end(&state);
        g_usleep(LOOK_US);
    }
}

static void terminate(Path *path)
{
    g_autoptr(Query) query = query_new("TerminateInstances", "2016-11-15");
    const char *const ids[] = {path->instance, NULL};
    g_auto(AwsAnswer) answer = {0};
    g_auto(AwsAnswer) looked = {0};
    Ec2Instance instance = {.state = EC2_RUNNING};
    query_add_list(query, "InstanceId", ids);
    ask_query(path, "TerminateInstances", query, &answer);
    while (instance.state != EC2_TERMINATED) {
        look_at_instance(path, &looked, &instance);
        g_usleep(LOOK_US);
    }
    g_assert_cmpint(instance.end, ==, EC2_END_ASKED);
    g_assert_true(instance.is_spot);
}

/* ---- the whole ---- */

static void test_path(const void *region)
{
    g_auto(Path) path = {.aws = aws, .region = region};
    g_auto(AwsAnswer) cluster = {0};
    g_auto(AwsAnswer) group = {0};
    if (!aws) {
        g_test_skip("python3 with botocore is not installed");
        return;
    }
    find_image(&path);
    ask_json(&path, AWS_ECS, "CreateCluster", json_pack("{s:s}", "clusterName", "muster-spot"), &cluster);
    ask_json(&path, AWS_LOGS, "CreateLogGroup", json_pack("{s:s}", "logGroupName", "/aws/batch/job"), &group);
    make_template(&path);
    launch(&path);
    wait_for_host(&path);
    register_definition(&path);
    run(&path);
    run_nowhere(&path);
    wait_for_end(&path);
    terminate(&path);
    g_autofree char *violations = double_script(aws, "violations", "{}");
    g_assert_cmpstr(violations, ==, "{\"violations\": []}\n");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    aws = double_start();
    if (aws)
        g_free(double_script(aws, "settings", "{\"runner\": \"process\"}"));
    g_test_add_data_func("/aws-path/aws", "eu-central-1", test_path);
    g_test_add_data_func("/aws-path/aws-cn", "cn-north-1", test_path);
    g_test_add_data_func("/aws-path/aws-us-gov", "us-gov-west-1", test_path);
    int code = g_test_run();
    if (aws)
        double_stop(aws);
    return code;
}
