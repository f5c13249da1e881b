#include "reconciler/provider/aws/task_definition.h"
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "reconciler/provider/aws/task_run.h"

static GString *bodies; /* of all tests, for botocore to judge */

/* Single quotes stand for double ones. */
static json_t *parse(const char *text)
{
    g_autofree char *json = g_strdup(text);
    json_error_t error;
    json_t *value = json_loads(g_strdelimit(json, "'", '"'), 0, &error);
    if (!value)
        g_error("%s: %s", error.text, text);
    return value;
}

static void judge(const char *operation, const json_t *body)
{
    char *text = json_dumps(body, JSON_COMPACT);
    g_string_append_printf(bodies, "ecs %s %s\n", operation, text);
    free(text);
}

static void assert_json(const json_t *body, const char *expected)
{
    json_t *right = parse(expected);
    if (!json_equal((json_t *)(uintptr_t)body, right)) {
        char *text = json_dumps(body, JSON_INDENT(2) | JSON_SORT_KEYS),
             *want = json_dumps(right, JSON_INDENT(2) | JSON_SORT_KEYS);
        g_error("got %s\nexpected %s", text, want);
    }
    json_decref(right);
}

static json_t *body_of(const char *spec, const TaskDefinitionOptions *options)
{
    g_autoptr(GError) error = NULL;
    json_t *parsed = parse(spec), *body = task_definition_body(parsed, options, &error);
    g_assert_no_error(error);
    json_decref(parsed);
    json_t *request = json_deep_copy(body);
    g_autofree char *family = task_definition_family(options->name);
    json_object_set_new(request, "family", json_string(family));
    judge("RegisterTaskDefinition", request);
    json_decref(request);
    return body;
}

static const TaskDefinitionOptions on_ec2 = {.node = -1, .name = "align", .region = "eu-central-1"},
                                   on_fargate = {.is_fargate = true,
                                                 .node = -1,
                                                 .name = "align",
                                                 .region = "cn-north-1"};
#define LOGS(region)                                                                                         \
    "'logConfiguration': {'logDriver': 'awslogs', 'options': {'awslogs-group': '/aws/batch/job', "           \
    "'awslogs-region': '" region "', 'awslogs-stream-prefix': 'align'}}"

/* ---- what is registered ---- */

static void test_plain(void)
{
    json_t *body = body_of(
        "{'type': 'container', 'containerProperties': {'image': 'busybox', 'command': ['echo', 'Ref::x'],"
        "'resourceRequirements': [{'type': 'VCPU', 'value': '2'}, {'type': 'MEMORY', 'value': '3000'}, "
        "{'type': 'GPU', 'value': '1'}],"
        "'environment': [{'name': 'A', 'value': 'b'}]}}",
        &on_ec2);
    assert_json(body, "{'networkMode': 'host', 'requiresCompatibilities': ['EC2'], 'containerDefinitions': "
                      "[{'name': 'default', 'essential': true,"
                      "'image': 'busybox', 'command': ['echo', 'Ref::x'], 'cpu': 2048, 'memory': 3000, "
                      "'environment': [{'name': 'A', 'value': 'b'}],"
                      "'resourceRequirements': [{'type': 'GPU', 'value': '1'}]," LOGS("eu-central-1") "}]}");
    json_decref(body);
}

/* Every member of containerProperties has its place. */
static void test_all_members(void)
{
    json_t *body = body_of(
        "{'containerProperties': {'image': 'a/b:1', 'vcpus': 1, 'memory': 512, 'jobRoleArn': "
        "'arn:aws:iam::1:role/j',"
        "'executionRoleArn': 'arn:aws:iam::1:role/e', 'user': 'nobody', 'privileged': true, "
        "'readonlyRootFilesystem': true,"
        "'ulimits': [{'name': 'nofile', 'softLimit': 10, 'hardLimit': 20}],"
        "'volumes': [{'name': 'scratch', 'host': {'sourcePath': '/scratch'}}, {'name': 'none', 'host': {}},"
        "{'name': 'efs', 'efsVolumeConfiguration': {'fileSystemId': 'fs-1', 'rootDirectory': '/r', "
        "'transitEncryption': 'ENABLED',"
        "'transitEncryptionPort': 99, 'authorizationConfig': {'accessPointId': 'fsap-1', 'iam': "
        "'ENABLED'}}}],"
        "'mountPoints': [{'sourceVolume': 'scratch', 'containerPath': '/s', 'readOnly': true}],"
        "'linuxParameters': {'initProcessEnabled': true, 'sharedMemorySize': 64, 'maxSwap': 10, "
        "'swappiness': 5,"
        "'devices': [{'hostPath': '/dev/fuse', 'containerPath': '/dev/fuse', 'permissions': ['READ', "
        "'MKNOD']}],"
        "'tmpfs': [{'containerPath': '/t', 'size': 5, 'mountOptions': ['noexec']}]},"
        "'secrets': [{'name': 'S', 'valueFrom': 'arn:aws:ssm:eu-central-1:1:parameter/s'}],"
        "'repositoryCredentials': {'credentialsParameter': 'arn:aws:secretsmanager:eu-central-1:1:secret:r'},"
        "'logConfiguration': {'logDriver': 'awslogs', 'options': {'awslogs-group': 'mine', "
        "'awslogs-create-group': 'true'},"
        "'secretOptions': [{'name': 'o', 'valueFrom': 'p'}]}}}",
        &on_ec2);
    const json_t *container = json_array_get(json_object_get(body, "containerDefinitions"), 0);
    g_assert_cmpstr(json_string_value(json_object_get(body, "taskRoleArn")), ==, "arn:aws:iam::1:role/j");
    g_assert_cmpstr(json_string_value(json_object_get(body, "executionRoleArn")), ==,
                    "arn:aws:iam::1:role/e");
    g_assert_cmpuint(json_array_size(json_object_get(body, "volumes")), ==, 3);
    g_assert_cmpint(json_integer_value(json_object_get(container, "cpu")), ==, 1024);
    assert_json(
        json_object_get(json_object_get(container, "linuxParameters"), "devices"),
        "[{'hostPath': '/dev/fuse', 'containerPath': '/dev/fuse', 'permissions': ['read', 'mknod']}]");
    assert_json(json_object_get(container, "logConfiguration"),
                "{'logDriver': 'awslogs', 'secretOptions': [{'name': 'o', 'valueFrom': 'p'}], 'options': "
                "{'awslogs-group': 'mine',"
                "'awslogs-create-group': 'true', 'awslogs-region': 'eu-central-1', 'awslogs-stream-prefix': "
                "'align'}}");
    static const char *const kept[] = {"user",        "privileged", "readonlyRootFilesystem", "ulimits",
                                       "mountPoints", "secrets",    "repositoryCredentials"};
    for (size_t i = 0; i < G_N_ELEMENTS(kept); i++)
        g_assert_nonnull(json_object_get(container, kept[i]));
    json_decref(body);
}

static void test_other_log_driver(void)
{
    json_t *body = body_of("{'containerProperties': {'image': 'a', 'vcpus': 1, 'memory': 8, "
                           "'logConfiguration': {'logDriver': 'json-file'}}}",
                           &on_ec2);
    assert_json(
        json_object_get(json_array_get(json_object_get(body, "containerDefinitions"), 0), "logConfiguration"),
        "{'logDriver': 'json-file'}");
    json_decref(body);
}

static void test_fargate(void)
{
    json_t *body = body_of(
        "{'platformCapabilities': ['FARGATE'], 'containerProperties': {'image': 'a', 'executionRoleArn': "
        "'arn:aws-cn:iam::1:role/e',"
        "'resourceRequirements': [{'type': 'VCPU', 'value': '0.25'}, {'type': 'MEMORY', 'value': '512'}],"
        "'networkConfiguration': {'assignPublicIp': 'ENABLED'}, 'fargatePlatformConfiguration': "
        "{'platformVersion': '1.4.0'},"
        "'ephemeralStorage': {'sizeInGiB': 30}, 'runtimePlatform': {'cpuArchitecture': 'ARM64', "
        "'operatingSystemFamily': 'LINUX'}}}",
        &on_fargate);
    assert_json(
        body,
        "{'networkMode': 'awsvpc', 'requiresCompatibilities': ['FARGATE'], 'cpu': '256', 'memory': '512',"
        "'executionRoleArn': 'arn:aws-cn:iam::1:role/e', 'ephemeralStorage': {'sizeInGiB': 30},"
        "'runtimePlatform': {'cpuArchitecture': 'ARM64', 'operatingSystemFamily': 'LINUX'},"
        "'containerDefinitions': [{'name': 'default', 'essential': true, 'image': 'a'," LOGS(
            "cn-north-1") "}]}");
    json_decref(body);
}

static const char several[] =
    "{'ecsProperties': {'taskProperties': [{'taskRoleArn': 'arn:aws:iam::1:role/t', 'pidMode': 'task', "
    "'ipcMode': 'none', 'containers': ["
    "{'name': 'main', 'image': 'm', 'dependsOn': [{'containerName': 'side', 'condition': 'START'}], "
    "'startTimeout': 60,"
    "'resourceRequirements': [{'type': 'VCPU', 'value': '1'}, {'type': 'MEMORY', 'value': '1024'}]},"
    "{'name': 'side', 'image': 's', 'essential': false, 'resourceRequirements': [{'type': 'VCPU', 'value': "
    "'1'}, {'type': 'MEMORY', 'value': '1024'}]},"
    "{'image': 'u', 'essential': true, 'resourceRequirements': [{'type': 'VCPU', 'value': '2'}, {'type': "
    "'MEMORY', 'value': '2048'}]}]}]}}";

static void test_several(void)
{
    json_t *body = body_of(several, &on_fargate);
    g_autofree const char **essential = task_definition_essential(body);
    g_assert_cmpstr(json_string_value(json_object_get(body, "cpu")), ==, "4096");
    g_assert_cmpstr(json_string_value(json_object_get(body, "memory")), ==, "4096");
    g_assert_cmpstr(json_string_value(json_object_get(body, "taskRoleArn")), ==, "arn:aws:iam::1:role/t");
    g_assert_cmpstr(essential[0], ==, "main");
    g_assert_cmpstr(essential[1], ==, "default-3");
    g_assert_null(essential[2]);
    json_decref(body);
}

/* batch: "the inner (narrower) range overrides the outer for its nodes". */
static void test_nodes(void)
{
    static const char spec[] =
        "{'type': 'multinode', 'nodeProperties': {'numNodes': 8, 'mainNode': 0, 'nodeRangeProperties': ["
        "{'targetNodes': '0:', 'container': {'image': 'outer', 'vcpus': 1, 'memory': 8}},"
        "{'targetNodes': '2:3', 'container': {'image': 'inner', 'vcpus': 1, 'memory': 8}},"
        "{'targetNodes': '3', 'container': {'image': 'one', 'vcpus': 1, 'memory': 8}}]}}";
    static const char *const images[] = {"outer", "outer", "inner", "one", "outer"};
    for (int node = 0; node < (int)G_N_ELEMENTS(images); node++) {
        TaskDefinitionOptions options = on_ec2;
        options.node = node;
        json_t *body = body_of(spec, &options);
        g_assert_cmpstr(json_string_value(json_object_get(
                            json_array_get(json_object_get(body, "containerDefinitions"), 0), "image")),
                        ==, images[node]);
        g_assert_cmpstr(json_string_value(json_object_get(body, "networkMode")), ==, "awsvpc");
        json_decref(body);
    }
}

static void test_workspace(void)
{
    const TaskWorkspace workspace = {
        .file_system_id = "fs-9", .root_directory = "/runs", .access_point_id = "fsap-9"};
    TaskDefinitionOptions options = on_ec2;
    options.workspace = &workspace;
    json_t *body = body_of("{'containerProperties': {'image': 'a', 'vcpus': 1, 'memory': 8}}", &options);
    assert_json(
        json_object_get(body, "volumes"),
        "[{'name': 'muster-workspace', 'efsVolumeConfiguration': {'fileSystemId': 'fs-9', "
        "'transitEncryption': 'ENABLED',"
        "'rootDirectory': '/runs', 'authorizationConfig': {'accessPointId': 'fsap-9', 'iam': 'ENABLED'}}}]");
    assert_json(
        json_object_get(json_array_get(json_object_get(body, "containerDefinitions"), 0), "mountPoints"),
        "[{'sourceVolume': 'muster-workspace', 'containerPath': '/mnt/muster-workspace'}]");
    json_decref(body);
}

static void test_impossible(void)
{
    const struct {
        const char *spec, *why;
        int node;
    } cases[] = {
        {"{'containerProperties': {'command': ['ls']}}", "container default has no image", -1},
        {"{}", "no container", -1},
        {"{'ecsProperties': {'taskProperties': []}}", "no container", -1},
        {"{'nodeProperties': {'nodeRangeProperties': [{'targetNodes': '0', 'container': {'image': 'a'}}]}}",
         "nothing of node 1", 1}};
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        TaskDefinitionOptions options = on_ec2;
        json_t *spec = parse(cases[i].spec);
        options.node = cases[i].node;
        g_assert_null(task_definition_body(spec, &options, &error));
        g_assert_error(error, G_CONVERT_ERROR, G_CONVERT_ERROR_ILLEGAL_SEQUENCE);
        g_assert_nonnull(strstr(error->message, cases[i].why));
        json_decref(spec);
    }
}

static void test_names(void)
{
    json_t *one = parse("{'a': 1, 'b': [1, 2]}"), *same = parse("{'b': [1, 2], 'a': 1}"),
           *other = parse("{'b': [2, 1], 'a': 1}");
    g_autofree char *first = task_definition_digest(one), *second = task_definition_digest(same),
                    *third = task_definition_digest(other);
    g_assert_cmpstr(first, ==, second);
    g_assert_cmpstr(first, !=, third);
    g_assert_cmpuint(strlen(first), ==, 64);
    g_autofree char *plain = task_definition_family("align_2-x"), *dotted = task_definition_family("a.b"),
                    *dashed = task_definition_family("a-b");
    g_assert_cmpstr(plain, ==, "muster-align_2-x");
    g_assert_true(g_str_has_prefix(dotted, "muster-a-b-"));
    g_assert_cmpstr(dotted, !=, dashed);
    g_autofree char *name = g_strnfill(300, 'n'), *cut = task_definition_family(name);
    g_assert_cmpuint(strlen(cut), ==, 255);
    json_decref(one);
    json_decref(same);
    json_decref(other);
}

/* ---- one job ---- */

static void judge_run(const json_t *overrides)
{
    const TaskPlacement placement = {
        .cluster = "c", .definition = "d:1", .client_token = "t", .started_by = "s", .instance_id = "i-1"};
    json_t *request = task_run_body(&placement, overrides);
    judge("RunTask", request);
    json_decref(request);
}

static void test_overrides(void)
{
    json_t *body = body_of("{'containerProperties': {'image': 'a', 'command': ['x', 'y'], 'vcpus': 2, "
                           "'memory': 100, 'environment': [{'name': 'A', 'value': '1'}],"
                           "'resourceRequirements': [{'type': 'GPU', 'value': '1'}]}}",
                           &on_ec2);
    static const char *const same_command[] = {"x", "y", NULL}, *const same_environment[] = {"A=1", NULL};
    const TaskContainer same = {.name = "default",
                                .command = same_command,
                                .environment = same_environment,
                                .vcpus_e4 = 20000,
                                .memory_mib = 100,
                                .gpus = 1};
    json_t *none = task_overrides(body, &same, 1);
    assert_json(none, "{}");
    static const char *const command[] = {"x", "", NULL}, *const environment[] = {"A=2", "B=c=d",
                                                                                  "EMPTY=", NULL};
    const TaskContainer other = {.name = "default",
                                 .command = command,
                                 .environment = environment,
                                 .vcpus_e4 = 5000,
                                 .memory_mib = 99,
                                 .gpus = 2};
    json_t *some = task_overrides(body, &other, 1);
    assert_json(some, "{'containerOverrides': [{'name': 'default', 'command': ['x', ''], 'environment': "
                      "[{'name': 'A', 'value': '2'}, {'name': 'B', 'value': 'c=d'},"
                      "{'name': 'EMPTY', 'value': ''}], 'cpu': 512, 'memory': 99, 'resourceRequirements': "
                      "[{'type': 'GPU', 'value': '2'}]}]}");
    judge_run(some);
    /* A definition of its own says all of it: nothing is left to override. */
    json_t *own = task_definition_with(body, some), *left = task_overrides(own, &other, 1);
    assert_json(left, "{}");
    g_assert_false(json_equal(own, body));
    json_decref(left);
    json_decref(own);
    json_decref(some);
    json_decref(none);
    json_decref(body);
}

/* On Fargate the sizes are the task's, also with several containers. */
static void test_fargate_overrides(void)
{
    json_t *body = body_of("{'containerProperties': {'image': 'a', 'resourceRequirements': [{'type': 'VCPU', "
                           "'value': '0.25'}, {'type': 'MEMORY', 'value': '512'}]}}",
                           &on_fargate);
    const TaskContainer container = {.name = "default", .vcpus_e4 = 10000, .memory_mib = 2048};
    json_t *overrides = task_overrides(body, &container, 1);
    assert_json(overrides, "{'cpu': '1024', 'memory': '2048'}");
    judge_run(overrides);
    json_t *own = task_definition_with(body, overrides), *left = task_overrides(own, &container, 1);
    assert_json(left, "{}");
    json_decref(left);
    json_decref(own);
    json_decref(overrides);
    json_decref(body);
}

static void test_fit(void)
{
    g_autofree char *fill = g_strnfill(TASK_OVERRIDES_MAX - 4, 'x'), *over = g_strconcat(fill, "x", NULL);
    json_t *most = json_pack("[s]", fill), *more = json_pack("[s]", over);
    g_assert_true(task_overrides_fit(most));
    g_assert_false(task_overrides_fit(more));
    json_decref(most);
    json_decref(more);
}

static void test_placement(void)
{
    json_t *overrides = json_object(), *tags = parse("[{'key': 'muster/job', 'value': 'j'}]");
    static const char *const subnets[] = {"subnet-1", "subnet-2", NULL}, *const groups[] = {"sg-1", NULL};
    const struct {
        TaskPlacement placement;
        const char *expected;
    } cases[] = {
        {{.cluster = "c", .definition = "d:1", .client_token = "t", .started_by = "s", .instance_id = "i-0a"},
         "{'cluster': 'c', 'taskDefinition': 'd:1', 'count': 1, 'clientToken': 't', 'startedBy': 's', "
         "'launchType': 'EC2',"
         "'placementConstraints': [{'type': 'memberOf', 'expression': 'ec2InstanceId == i-0a'}]}"},
        {{.cluster = "c",
          .definition = "d:1",
          .client_token = "t",
          .started_by = "s",
          .instance_id = "i-0a",
          .subnets = subnets,
          .security_groups = groups},
         "{'cluster': 'c', 'taskDefinition': 'd:1', 'count': 1, 'clientToken': 't', 'startedBy': 's', "
         "'launchType': 'EC2',"
         "'placementConstraints': [{'type': 'memberOf', 'expression': 'ec2InstanceId == i-0a'}],"
         "'networkConfiguration': {'awsvpcConfiguration': {'subnets': ['subnet-1', 'subnet-2'], "
         "'securityGroups': ['sg-1']}}}"},
        {{.cluster = "c",
          .definition = "d:1",
          .client_token = "t",
          .started_by = "s",
          .is_fargate = true,
          .is_spot = true,
          .platform_version = "1.4.0",
          .subnets = subnets,
          .has_public_ip = true,
          .allows_exec = true,
          .tags = tags},
         "{'cluster': 'c', 'taskDefinition': 'd:1', 'count': 1, 'clientToken': 't', 'startedBy': 's', "
         "'platformVersion': '1.4.0',"
         "'capacityProviderStrategy': [{'capacityProvider': 'FARGATE_SPOT', 'weight': 1}], "
         "'enableExecuteCommand': true,"
         "'tags': [{'key': 'muster/job', 'value': 'j'}],"
         "'networkConfiguration': {'awsvpcConfiguration': {'subnets': ['subnet-1', 'subnet-2'], "
         "'assignPublicIp': 'ENABLED'}}}"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        json_t *request = task_run_body(&cases[i].placement, overrides);
        assert_json(request, cases[i].expected);
        judge("RunTask", request);
        json_decref(request);
    }
    json_decref(overrides);
    json_decref(tags);
}

static void test_placement_of_spec(void)
{
    const struct {
        const char *spec, *platform;
        bool is_public;
    } cases[] = {
        {"{'containerProperties': {'networkConfiguration': {'assignPublicIp': 'ENABLED'}, "
         "'fargatePlatformConfiguration': {'platformVersion': '1.4.0'}}}",
         "1.4.0", true},
        {"{'containerProperties': {'networkConfiguration': {'assignPublicIp': 'DISABLED'}}}", NULL, false},
        {"{'containerProperties': {}}", NULL, false},
        {"{'ecsProperties': {'taskProperties': [{'networkConfiguration': {'assignPublicIp': 'ENABLED'}, "
         "'platformVersion': 'LATEST'}]}}",
         "LATEST", true},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        TaskPlacement placement = {.cluster = "c"};
        json_t *spec = parse(cases[i].spec);
        task_placement_of_spec(spec, &placement);
        g_assert_cmpint(placement.has_public_ip, ==, cases[i].is_public);
        g_assert_cmpstr(placement.platform_version, ==, cases[i].platform);
        json_decref(spec);
    }
    TaskPlacement placement = {.has_public_ip = true};
    task_placement_of_spec(NULL, &placement);
    g_assert_false(placement.has_public_ip);
}

/* Last: all bodies of the tests before, by botocore's model of ECS. */
static void test_judged(void)
{
    g_autofree char *path = NULL, *said = NULL;
    g_autoptr(GError) error = NULL;
    int fd = g_file_open_tmp("bodies-XXXXXX", &path, NULL), status = 0;
    close(fd);
    g_assert_true(g_file_set_contents(path, bodies->str, (gssize)bodies->len, NULL));
    g_autofree char *command =
        g_strdup_printf("sh -c 'exec python3 tests/support/aws_validate.py <%s'", path);
    bool is_run = g_spawn_command_line_sync(command, &said, NULL, &status, &error);
    unlink(path);
    bool is_missing =
        !is_run || (WIFEXITED(status) && (WEXITSTATUS(status) == 77 || WEXITSTATUS(status) == 127));
    if (is_missing)
        g_test_skip("python3 with botocore is not installed");
    else if (status != 0)
        g_error("%s", said);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    bodies = g_string_new(NULL);
    g_test_add_func("/task-definition/plain", test_plain);
    g_test_add_func("/task-definition/all-members", test_all_members);
    g_test_add_func("/task-definition/other-log-driver", test_other_log_driver);
    g_test_add_func("/task-definition/fargate", test_fargate);
    g_test_add_func("/task-definition/several", test_several);
    g_test_add_func("/task-definition/nodes", test_nodes);
    g_test_add_func("/task-definition/workspace", test_workspace);
    g_test_add_func("/task-definition/impossible", test_impossible);
    g_test_add_func("/task-definition/names", test_names);
    g_test_add_func("/task-run/overrides", test_overrides);
    g_test_add_func("/task-run/fargate-overrides", test_fargate_overrides);
    g_test_add_func("/task-run/fit", test_fit);
    g_test_add_func("/task-run/placement", test_placement);
    g_test_add_func("/task-run/placement of a definition", test_placement_of_spec);
    g_test_add_func("/task-run/judged", test_judged);
    int code = g_test_run();
    g_string_free(bodies, TRUE);
    return code;
}
