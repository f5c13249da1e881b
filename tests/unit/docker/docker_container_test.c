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

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/docker/container/plain", test_plain);
    g_test_add_func("/docker/container/members", test_members);
    return g_test_run();
}
