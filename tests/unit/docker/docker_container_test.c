#include "reconciler/provider/docker/docker_container.h"
#include <string.h>

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

static void assert_json(const json_t *body, const char *expected)
{
    json_t *right = parse(expected);
    if (!json_equal((json_t *)(uintptr_t)body, right)) {
        char *text = json_dumps(body, JSON_INDENT(2) | JSON_SORT_KEYS | JSON_ENCODE_ANY),
             *want = json_dumps(right, JSON_INDENT(2) | JSON_SORT_KEYS | JSON_ENCODE_ANY);
        g_error("got %s\nexpected %s", text, want);
    }
    json_decref(right);
}

/* ---- what is asked ---- */

#define TOKEN "0102030405060708090a0b0c0d0e0f10"
#define OWNED "'muster.installation': 'feed', 'muster.token': '" TOKEN "'"

static const char *const true_only[] = {"true", NULL}, *const injected[] = {"A=1", "AWS_BATCH_JOB_ID=j",
                                                                            NULL};
static const LaunchRequest plain = {
    .token = {{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}},
    .term = 7,
    .provider = PROVIDER_DOCKER,
    .environment = "here",
    .job_id = "j",
    .argv = true_only,
    .envp = injected,
    .injected = 1,
    .vcpus_e4 = 10000,
    .memory_mib = 64,
    .kill_grace_ms = 30000,
    .definition = "d:3",
    .node = -1,
};

/* A secret's value is its name in brackets; env:GONE is not there. */
static char *secret(const char *value_from, void *data, GError **error)
{
    g_assert_null(data);
    if (strcmp(value_from, "env:GONE") != 0)
        return g_strconcat("<", value_from, ">", NULL);
    g_set_error_literal(error, G_FILE_ERROR, G_FILE_ERROR_NOENT, "it is gone");
    return NULL;
}

static const DockerContext able = {.installation = "feed",
                                   .queue = "q",
                                   .attempt = 2,
                                   .has_memory_limit = true,
                                   .has_swap_limit = true,
                                   .has_swappiness = true,
                                   .has_cpu_quota = true,
                                   .secret = secret};

/* said: what the job says otherwise; NULL: nothing. */
static GPtrArray *make(const LaunchRequest *like, const DockerContext *context, const char *spec,
                       const char *said, GError **error)
{
    g_autofree char *spec_json = g_strdelimit(g_strdup(spec), "'", '"'),
                    *said_json = said ? g_strdelimit(g_strdup(said), "'", '"') : NULL;
    LaunchRequest request = *like;
    request.definition_spec = spec_json;
    request.overrides = said_json;
    return docker_containers_make(&request, context, error);
}

static GPtrArray *made(const LaunchRequest *like, const DockerContext *context, const char *spec,
                       const char *said)
{
    g_autoptr(GError) error = NULL;
    GPtrArray *containers = make(like, context, spec, said, &error);
    g_assert_no_error(error);
    return containers;
}

static const json_t *host_of(const GPtrArray *containers, guint index)
{
    const DockerContainer *container = containers->pdata[index];
    return json_object_get(container->body, "HostConfig");
}

/* One container of containerProperties with these members besides its image. */
#define ONE(members) "{'containerProperties': {'image': 'busybox'" members "}}"

#define LOGGED                                                                                               \
    "'LogConfig': {'Type': 'json-file', 'Config': {'max-size': '16m', 'max-file': '4'}}, 'NetworkMode': "    \
    "'host'"

static void test_plain(void)
{
    g_autoptr(GPtrArray) containers = made(&plain, &able, ONE(), NULL);
    const DockerContainer *container = containers->pdata[0];
    g_assert_cmpuint(containers->len, ==, 1);
    g_assert_cmpstr(container->name, ==, "default");
    g_assert_cmpstr(container->container_name, ==, "muster-" TOKEN);
    g_assert_cmpstr(container->image, ==, "busybox");
    g_assert_true(container->is_essential);
    g_assert_cmpuint(container->depends_on->len, ==, 0);
    g_assert_cmpint(container->stop_timeout_ms, ==, 30000);
    g_assert_cmpint(container->start_timeout_ms, ==, 0);
    g_assert_null(container->volumes[0]);
    assert_json(container->body,
                "{'Image': 'docker.io/library/busybox:latest', 'Cmd': ['true'],"
                " 'Env': ['A=1', 'AWS_BATCH_JOB_ID=j'], 'StopTimeout': 30,"
                " 'Labels': {" OWNED ", 'muster.term': '7', 'muster.environment': 'here', 'muster.job': 'j',"
                "  'muster.attempt': '2', 'muster.queue': 'q', 'muster.definition': 'd:3',"
                "  'muster.container': 'default', 'muster.essential': 'true'},"
                " 'HostConfig': {'CpuShares': 1024, 'Memory': 67108864, 'MemorySwap': 67108864, " LOGGED
                "}}");
}

/* Members of HostConfig that a definition's member makes, besides those of every container. */
static void check_host(const DockerContext *context, const char *spec, const char *expected)
{
    g_autoptr(GPtrArray) containers = made(&plain, context, spec, NULL);
    json_t *host = json_deep_copy(host_of(containers, 0));
    static const char *const always[] = {"CpuShares", "Memory", "MemorySwap", "LogConfig", "NetworkMode"};
    for (size_t i = 0; i < G_N_ELEMENTS(always); i++)
        json_object_del(host, always[i]);
    assert_json(host, expected);
    json_decref(host);
}

#define LINUX(members) ONE(", 'linuxParameters': {" members "}")

static void test_members(void)
{
    check_host(&able, LINUX("'sharedMemorySize': 256"), "{'ShmSize': 268435456}");
    check_host(&able, LINUX("'initProcessEnabled': true"), "{'Init': true}");
    check_host(&able,
               LINUX("'tmpfs': [{'containerPath': '/t', 'size': 8, 'mountOptions': ['exec', 'mode=1777']},"
                     " {'containerPath': '/u', 'size': 1}]"),
               "{'Tmpfs': {'/t': 'exec,mode=1777,size=8m', '/u': 'size=1m'}}");
    check_host(
        &able,
        LINUX("'devices': [{'hostPath': '/dev/fuse'}, {'hostPath': '/dev/a', 'containerPath': '/dev/b',"
              " 'permissions': ['WRITE', 'READ']}]"),
        "{'Devices': ["
        " {'PathOnHost': '/dev/fuse', 'PathInContainer': '/dev/fuse', 'CgroupPermissions': 'rwm'},"
        " {'PathOnHost': '/dev/a', 'PathInContainer': '/dev/b', 'CgroupPermissions': 'rw'}]}");
    check_host(&able,
               ONE(", 'ulimits': [{'name': 'nofile', 'softLimit': 1024, 'hardLimit': 4096},"
                   " {'name': 'memlock', 'softLimit': -1, 'hardLimit': -1}]"),
               "{'Ulimits': [{'Name': 'nofile', 'Soft': 1024, 'Hard': 4096},"
               " {'Name': 'memlock', 'Soft': -1, 'Hard': -1}]}");
    check_host(&able, ONE(", 'readonlyRootFilesystem': true, 'privileged': true"),
               "{'ReadonlyRootfs': true, 'Privileged': true}");
    check_host(&able, ONE(", 'readonlyRootFilesystem': false, 'privileged': false"), "{}");
}

/* ---- limits ---- */

static void check_sizes(const LaunchRequest *request, const DockerContext *context, const char *spec,
                        const char *expected)
{
    g_autoptr(GPtrArray) containers = made(request, context, spec, NULL);
    json_t *host = json_deep_copy(host_of(containers, 0));
    json_object_del(host, "LogConfig");
    json_object_del(host, "NetworkMode");
    assert_json(host, expected);
    json_decref(host);
}

static void test_memory(void)
{
    LaunchRequest small = plain;
    DockerContext no_swap = able, no_memory = able, no_swappiness = able;
    small.memory_mib = 4;
    no_swap.has_swap_limit = false;
    no_memory.has_memory_limit = false;
    no_swappiness.has_swappiness = false;
    /* bytes; 0: no swap; with maxSwap memory and swap together */
    check_sizes(&plain, &able, LINUX("'maxSwap': 0, 'swappiness': 10"),
                "{'CpuShares': 1024, 'Memory': 67108864, 'MemorySwap': 67108864}");
    check_sizes(&plain, &able, LINUX("'maxSwap': 128, 'swappiness': 10"),
                "{'CpuShares': 1024, 'Memory': 67108864, 'MemorySwap': 201326592, 'MemorySwappiness': 10}");
    check_sizes(&plain, &able, LINUX("'swappiness': 10"),
                "{'CpuShares': 1024, 'Memory': 67108864, 'MemorySwap': 67108864}");
    check_sizes(&plain, &no_swappiness, LINUX("'maxSwap': 128, 'swappiness': 10"),
                "{'CpuShares': 1024, 'Memory': 67108864, 'MemorySwap': 201326592}");
    check_sizes(&plain, &no_swap, LINUX("'maxSwap': 128"), "{'CpuShares': 1024, 'Memory': 67108864}");
    check_sizes(&plain, &no_memory, LINUX("'maxSwap': 128"), "{'CpuShares': 1024}");
    check_sizes(&small, &no_swap, ONE(), "{'CpuShares': 1024, 'Memory': 6291456}");
}

static void test_cpu(void)
{
    LaunchRequest half = plain, tiny = plain;
    DockerContext no_quota = able;
    half.vcpus_e4 = 25000;
    tiny.vcpus_e4 = 1;
    half.memory_mib = tiny.memory_mib = 0;
    no_quota.has_cpu_quota = false;
    check_sizes(&half, &able, ONE(), "{'CpuShares': 2560}");
    check_sizes(&tiny, &able, ONE(), "{'CpuShares': 2}");
    check_sizes(&half, &able, ONE(", 'cpuQuota': true"),
                "{'CpuShares': 2560, 'CpuPeriod': 100000, 'CpuQuota': 250000}");
    check_sizes(&tiny, &able, ONE(", 'cpuQuota': true"),
                "{'CpuShares': 2, 'CpuPeriod': 100000, 'CpuQuota': 1000}");
    check_sizes(&half, &no_quota, ONE(", 'cpuQuota': true"), "{'CpuShares': 2560}");
}

/* ---- what is refused ---- */

static void check_refused(const LaunchRequest *request, const char *spec, int code, const char *why)
{
    g_autoptr(GError) error = NULL;
    g_assert_null(make(request, &able, spec, NULL, &error));
    g_assert_error(error, DOCKER_CONTAINER_ERROR, code);
    if (!strstr(error->message, why))
        g_error("%s\nexpected %s", error->message, why);
    g_assert_true(g_str_has_prefix(error->message, code == DOCKER_CONTAINER_ERROR_SECRET
                                                       ? "ResourceInitializationError: secret "
                                                       : "CannotCreateContainerError: "));
}

#define SEVERAL(containers) "{'ecsProperties': {'taskProperties': [{'containers': [" containers "]}]}}"
#define VOLUME(volume, mount)                                                                                \
    ONE(", 'volumes': [{'name': 'v'" volume "}], 'mountPoints': [{'sourceVolume': " mount "}]")

static void test_refused(void)
{
    static const struct {
        const char *spec, *why;
    } never[] = {
        {"{}", "the job definition has no container"},
        {"{'containerProperties': {}}", "container default has no image"},
        {"{'containerProperties': {'image': 'A B'}}", "container default: image \"A B\""},
        {ONE(", 'ulimits': [{'name': 'core', 'softLimit': 2, 'hardLimit': 1}]"), "ulimit core"},
        {ONE(", 'ulimits': [{'name': 'core', 'softLimit': -1, 'hardLimit': 1}]"), "ulimit core"},
        {ONE(", 'logConfiguration': {'logDriver': 'awsfirelens'}"), "FireLens"},
        {VOLUME("", "'v', 'containerPath': 'x'"), "containerPath x does not begin with /"},
        {VOLUME("", "'w', 'containerPath': '/x'"), "there is no volume w"},
        {VOLUME("", "'v'"), "needs sourceVolume and containerPath"},
        {VOLUME(", 'host': {'sourcePath': 'data'}", "'v', 'containerPath': '/x'"),
         "sourcePath data does not begin with /"},
        {VOLUME(", 'host': {'sourcePath': '/a:b'}", "'v', 'containerPath': '/x'"), "no colon in /a:b"},
        {VOLUME(", 'host': {'sourcePath': '/a'}", "'v', 'containerPath': '/x:ro'"), "no colon in /x:ro"},
        {VOLUME(", 'efsVolumeConfiguration': {'fileSystemId': 'fs-1'}", "'v', 'containerPath': '/x'"),
         "a file system of AWS"},
        {SEVERAL("{'image': 'a', 'name': 'x'}, {'image': 'a', 'name': 'x'}"), "two containers are called x"},
        {SEVERAL("{'image': 'a', 'name': 'x', 'dependsOn': [{'containerName': 'y', 'condition': 'START'}]}"),
         "container x depends on y, which is not there"},
        {SEVERAL("{'image': 'a', 'name': 'x', 'dependsOn': [{'containerName': 'y', 'condition': 'SUCCESS'}]},"
                 "{'image': 'a', 'name': 'y'}"),
         "the end of y, which is essential"},
        {SEVERAL("{'image': 'a', 'name': 'x', 'dependsOn': [{'containerName': 'y', 'condition': 'LATER'}]},"
                 "{'image': 'a', 'name': 'y'}"),
         "neither START, COMPLETE nor SUCCESS"},
        {SEVERAL("{'image': 'a', 'name': 'x', 'dependsOn': [{'containerName': 'y', 'condition': 'START'}]},"
                 "{'image': 'a', 'name': 'y', 'dependsOn': [{'containerName': 'x', 'condition': 'START'}]}"),
         "goes round"},
        {SEVERAL("{'image': 'a', 'name': 'x', 'dependsOn': [{'containerName': 'x', 'condition': 'START'}]}"),
         "goes round"},
        {"{'ecsProperties': {'taskProperties': [{'pidMode': 'task', 'containers': [{'image': 'a', 'name': "
         "'x'}, {'image': 'a', 'name': 'y'}]}]}}",
         "pidMode task"},
    };
    LaunchRequest node = plain, gpus = plain;
    node.node = 0;
    gpus.gpus = 1;
    for (size_t i = 0; i < G_N_ELEMENTS(never); i++)
        check_refused(&plain, never[i].spec, DOCKER_CONTAINER_ERROR_NEVER, never[i].why);
    check_refused(&gpus, ONE(), DOCKER_CONTAINER_ERROR_NEVER, "needs 1 GPUs, and the attempt has 0");
    check_refused(&node, ONE(), DOCKER_CONTAINER_ERROR_NEVER, "says nothing of node 0");
    check_refused(&node,
                  "{'nodeProperties': {'numNodes': 2, 'mainNode': 0, 'nodeRangeProperties': [{'targetNodes': "
                  "'0:1', 'container': {'image': 'a', 'networkMode': 'none'}}]}}",
                  DOCKER_CONTAINER_ERROR_NEVER, "networkMode none: nodes of a multinode job");
    check_refused(&plain, ONE(", 'secrets': [{'name': 'S', 'valueFrom': 'env:GONE'}]"),
                  DOCKER_CONTAINER_ERROR_SECRET, "secret S: it is gone");
}

/* ---- environment and secrets ---- */

static void test_secrets(void)
{
    g_autoptr(GPtrArray) containers =
        made(&plain, &able,
             ONE(", 'secrets': [{'name': 'S', 'valueFrom': 'env:S'}, {'name': 'A', 'valueFrom': 'file:/a'}],"
                 " 'logConfiguration': {'logDriver': 'splunk', 'options': {'splunk-url': 'u'}, "
                 "'secretOptions': [{'name': 'splunk-token', 'valueFrom': 'env:T'}]}"),
             NULL);
    const DockerContainer *container = containers->pdata[0];
    char *labels = json_dumps(json_object_get(container->body, "Labels"), 0);
    assert_json(json_object_get(container->body, "Env"),
                "['A=<file:/a>', 'AWS_BATCH_JOB_ID=j', 'S=<env:S>']");
    assert_json(json_object_get(host_of(containers, 0), "LogConfig"),
                "{'Type': 'splunk', 'Config': {'splunk-url': 'u', 'splunk-token': '<env:T>'}}");
    g_assert_null(strstr(labels, "env:"));
    free(labels);
}

static void test_log(void)
{
    g_autoptr(GPtrArray) awslogs =
        made(&plain, &able,
             ONE(", 'logConfiguration': {'logDriver': 'awslogs', 'options': {'awslogs-group': 'g'}}"), NULL);
    g_autoptr(GPtrArray) journald =
        made(&plain, &able, ONE(", 'logConfiguration': {'logDriver': 'journald'}"), NULL);
    assert_json(json_object_get(host_of(awslogs, 0), "LogConfig"),
                "{'Type': 'json-file', 'Config': {'max-size': '16m', 'max-file': '4'}}");
    assert_json(json_object_get(host_of(journald, 0), "LogConfig"), "{'Type': 'journald', 'Config': {}}");
}

/* As the image says: no command, no user. */
static void test_bare(void)
{
    static const char *const none[] = {NULL};
    LaunchRequest request = plain;
    DockerContext context = able;
    request.argv = none;
    request.environment = NULL;
    context.queue = NULL;
    context.attempt = 0;
    g_autoptr(GPtrArray) containers =
        made(&request, &context, ONE(", 'networkMode': 'none', 'imagePullPolicy': 'Always'"), NULL);
    const DockerContainer *container = containers->pdata[0];
    g_assert_null(json_object_get(container->body, "Cmd"));
    g_assert_null(json_object_get(container->body, "User"));
    g_assert_cmpint(container->pull, ==, DOCKER_PULL_ALWAYS);
    g_assert_cmpstr(json_string_value(json_object_get(host_of(containers, 0), "NetworkMode")), ==, "none");
    assert_json(json_object_get(container->body, "Labels"),
                "{" OWNED ", 'muster.term': '7', 'muster.job': 'j', 'muster.definition': 'd:3',"
                " 'muster.container': 'default', 'muster.essential': 'true'}");
}

/* ---- volumes ---- */

static void test_volumes(void)
{
    LaunchRequest request = plain;
    request.workspace = "/state/workspaces/a:b";
    g_autoptr(GPtrArray) containers = made(
        &request, &able,
        ONE(", 'user': '1000:100', 'volumes': [{'name': 'data', 'host': {'sourcePath': '/data'}},"
            " {'name': 'ref', 'host': {'sourcePath': '/ref'}}, {'name': 'tmp', 'host': {}}, {'name': 'two'}],"
            " 'mountPoints': [{'sourceVolume': 'data', 'containerPath': '/in'},"
            " {'sourceVolume': 'ref', 'containerPath': '/ref', 'readOnly': true},"
            " {'sourceVolume': 'tmp', 'containerPath': '/tmp'},"
            " {'sourceVolume': 'two', 'containerPath': '/a'},"
            " {'sourceVolume': 'two', 'containerPath': '/b', 'readOnly': true}]"),
        NULL);
    const DockerContainer *container = containers->pdata[0];
    g_assert_cmpstr(json_string_value(json_object_get(container->body, "User")), ==, "1000:100");
    assert_json(json_object_get(host_of(containers, 0), "Binds"), "['/data:/in', '/ref:/ref:ro']");
    assert_json(json_object_get(host_of(containers, 0), "Mounts"),
                "[{'Type': 'volume', 'Target': '/tmp'},"
                " {'Type': 'volume', 'Target': '/a', 'Source': 'muster-" TOKEN "-two',"
                "  'VolumeOptions': {'Labels': {" OWNED "}}},"
                " {'Type': 'volume', 'Target': '/b', 'Source': 'muster-" TOKEN "-two', 'ReadOnly': true,"
                "  'VolumeOptions': {'Labels': {" OWNED "}}},"
                " {'Type': 'bind', 'Target': '/mnt/muster-workspace', 'Source': '/state/workspaces/a:b'}]");
    assert_json(json_object_get(container->body, "Env"),
                "['A=1', 'AWS_BATCH_JOB_ID=j', 'MUSTER_WORKSPACE=/mnt/muster-workspace']");
    g_assert_cmpstr(container->volumes[0], ==, "muster-" TOKEN "-two");
    g_assert_null(container->volumes[1]);
}

/* ---- several containers ---- */

#define WORK                                                                                                 \
    "{'parameters': {'x': 'defined', 'y': 'why'}, 'ecsProperties': {'taskProperties': [{'volumes': "         \
    "[{'name': 'v'}], 'ipcMode': 'host', 'networkMode': 'bridge', 'containers': ["                           \
    "{'image': 'a', 'name': 'main', 'command': ['Ref::x', 'Ref::y'], 'environment': [{'name': 'E', "         \
    "'value': '1'}, {'name': 'F', 'value': 'f'}], 'resourceRequirements': [{'type': 'VCPU', 'value': "       \
    "'2'}, {'type': 'MEMORY', 'value': '128'}, {'type': 'GPU', 'value': '2'}], 'mountPoints': "              \
    "[{'sourceVolume': 'v', 'containerPath': '/v'}], 'startTimeout': 5, 'stopTimeout': 7, 'dependsOn': "     \
    "[{'containerName': 'init', 'condition': 'SUCCESS'}, {'containerName': 'side', 'condition': "            \
    "'START'}]},"                                                                                            \
    "{'image': 'b:1', 'name': 'init', 'essential': false, 'mountPoints': [{'sourceVolume': 'v', "            \
    "'containerPath': '/w'}]},"                                                                              \
    "{'image': 'c', 'name': 'side', 'resourceRequirements': [{'type': 'GPU', 'value': '1'}]}"                \
    "]}]}}"

static void test_several(void)
{
    static const char *const gpus[] = {"GPU-a", "GPU-b", "GPU-c"};
    DockerContext context = able;
    context.gpu_ids = gpus;
    context.gpu_ids_len = 3;
    g_autoptr(GPtrArray) containers =
        made(&plain, &context, WORK,
             "{'parameters': {'x': 'said'}, 'ecsPropertiesOverride': {'taskProperties': [{'containers': "
             "[{'name': 'main', 'environment': [{'name': 'E', 'value': '2'}], 'resourceRequirements': "
             "[{'type': 'MEMORY', 'value': '256'}]}, {'name': 'side', 'command': ['Ref::y']}]}]}}");
    const DockerContainer *main_one = containers->pdata[0], *init = containers->pdata[1],
                          *side = containers->pdata[2];
    g_assert_cmpuint(containers->len, ==, 3);
    g_assert_cmpstr(main_one->container_name, ==, "muster-" TOKEN "-main");
    g_assert_true(main_one->is_essential && side->is_essential && !init->is_essential);
    g_assert_cmpint(main_one->start_timeout_ms, ==, 5000);
    g_assert_cmpint(main_one->stop_timeout_ms, ==, 7000);
    g_assert_cmpint(json_integer_value(json_object_get(main_one->body, "StopTimeout")), ==, 7);
    const DockerDependency *first = &g_array_index(main_one->depends_on, DockerDependency, 0),
                           *second = &g_array_index(main_one->depends_on, DockerDependency, 1);
    g_assert_cmpstr(first->container, ==, "init");
    g_assert_cmpint(first->until, ==, DOCKER_UNTIL_SUCCESS);
    g_assert_cmpstr(second->container, ==, "side");
    g_assert_cmpint(second->until, ==, DOCKER_UNTIL_START);
    assert_json(json_object_get(main_one->body, "Cmd"), "['said', 'why']");
    assert_json(json_object_get(main_one->body, "Env"), "['E=2', 'F=f', 'AWS_BATCH_JOB_ID=j']");
    assert_json(json_object_get(init->body, "Env"), "['AWS_BATCH_JOB_ID=j']");
    g_assert_null(json_object_get(init->body, "Cmd"));
    assert_json(json_object_get(side->body, "Cmd"), "['why']");
    assert_json(host_of(containers, 0),
                "{'CpuShares': 2048, 'Memory': 268435456, 'MemorySwap': 268435456, 'IpcMode': 'host',"
                " 'DeviceRequests': [{'Driver': 'nvidia', 'Count': 0, 'DeviceIDs': ['GPU-a', 'GPU-b'],"
                "  'Capabilities': [['gpu']]}], 'NetworkMode': 'bridge',"
                " 'Mounts': [{'Type': 'volume', 'Target': '/v', 'Source': 'muster-" TOKEN "-v',"
                "  'VolumeOptions': {'Labels': {" OWNED "}}}],"
                " 'LogConfig': {'Type': 'json-file', 'Config': {'max-size': '16m', 'max-file': '4'}}}");
    assert_json(json_object_get(host_of(containers, 2), "DeviceRequests"),
                "[{'Driver': 'nvidia', 'Count': 0, 'DeviceIDs': ['GPU-c'], 'Capabilities': [['gpu']]}]");
    g_assert_null(json_object_get(host_of(containers, 1), "CpuShares"));
    g_assert_cmpstr(init->volumes[0], ==, "muster-" TOKEN "-v");
    g_assert_cmpstr(
        json_string_value(json_object_get(json_object_get(init->body, "Labels"), "muster.essential")), ==,
        "false");
    g_assert_cmpstr(
        json_string_value(json_object_get(json_object_get(side->body, "Labels"), "muster.container")), ==,
        "side");
}

/* ---- nodes ---- */

#define NODES                                                                                                \
    "{'nodeProperties': {'numNodes': 3, 'mainNode': 0, 'nodeRangeProperties': ["                             \
    "{'targetNodes': '0:', 'container': {'image': 'a', 'command': ['node']}},"                               \
    "{'targetNodes': '1', 'container': {'image': 'b', 'command': ['one']}}]}}"

static void check_node(int node, const LaunchToken *main_node, const char *image, const char *command,
                       const char *environment)
{
    LaunchRequest request = plain;
    request.node = node;
    request.main_node = main_node;
    g_autoptr(GPtrArray) containers =
        made(&request, &able, NODES,
             "{'nodeOverrides': {'nodePropertyOverrides': [{'targetNodes': '1', 'containerOverrides': "
             "{'command': ['said'], 'environment': [{'name': 'N', 'value': 'n'}]}}]}}");
    const DockerContainer *container = containers->pdata[0];
    g_assert_cmpstr(container->image, ==, image);
    g_assert_cmpstr(container->container_name, ==, "muster-" TOKEN);
    assert_json(json_object_get(container->body, "Cmd"), command);
    assert_json(json_object_get(container->body, "Env"), environment);
    g_assert_cmpstr(json_string_value(json_object_get(host_of(containers, 0), "NetworkMode")), ==, "host");
}

static void test_nodes(void)
{
    const LaunchToken other = {{9}};
    check_node(0, NULL, "a", "['node']", "['AWS_BATCH_JOB_ID=j']");
    check_node(1, &other, "b", "['said']",
               "['N=n', 'AWS_BATCH_JOB_ID=j', 'AWS_BATCH_JOB_MAIN_NODE_PRIVATE_IPV4_ADDRESS=127.0.0.1']");
    check_node(2, &other, "a", "['node']",
               "['AWS_BATCH_JOB_ID=j', 'AWS_BATCH_JOB_MAIN_NODE_PRIVATE_IPV4_ADDRESS=127.0.0.1']");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/docker/container/plain", test_plain);
    g_test_add_func("/docker/container/members", test_members);
    g_test_add_func("/docker/container/memory", test_memory);
    g_test_add_func("/docker/container/cpu", test_cpu);
    g_test_add_func("/docker/container/refused", test_refused);
    g_test_add_func("/docker/container/secrets", test_secrets);
    g_test_add_func("/docker/container/log", test_log);
    g_test_add_func("/docker/container/bare", test_bare);
    g_test_add_func("/docker/container/volumes", test_volumes);
    g_test_add_func("/docker/container/several", test_several);
    g_test_add_func("/docker/container/nodes", test_nodes);
    return g_test_run();
}
