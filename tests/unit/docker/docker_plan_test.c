#include "reconciler/provider/docker/docker_plan.h"
#include <string.h>

/* Single quotes stand for double ones. */
static json_t *parse(const char *text)
{
    g_autofree char *json = g_strdelimit(g_strdup(text), "'", '"');
    json_error_t error;
    json_t *value = json_loads(json, 0, &error);
    if (!value)
        g_error("%s: %s", error.text, text);
    return value;
}

static void add(DockerWants *wants, const char *spec)
{
    json_t *parsed = parse(spec);
    docker_wants_add(wants, parsed);
    json_decref(parsed);
}

#define HEX64        "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define ONE(members) "{'containerProperties': {" members "}}"
#define ABLE                                                                                                 \
    "{'MemoryLimit': true, 'SwapLimit': true, 'CPUShares': true, 'CpuCfsQuota': true, 'CgroupVersion': '2'}"

/* images NULL: not known. expected: lines. */
static void check(const DockerWants *wants, const char *info, const char *images, const char *fault,
                  const char *expected)
{
    json_t *parsed = parse(info), *list = images ? parse(images) : NULL;
    const DockerFacts facts = {fault, parsed, list};
    g_auto(GStrv) notices = docker_wants_notices(wants, &facts);
    g_autofree char *text = g_strjoinv("\n", notices);
    g_assert_cmpstr(text, ==, expected);
    json_decref(parsed);
    json_decref(list);
}

static void test_images(void)
{
    g_autoptr(DockerWants) wants = docker_wants_new();
    check(wants, ABLE, "[]", NULL, "");
    add(wants, ONE("'image': 'busybox'"));
    add(wants, ONE("'image': 'docker.io/library/busybox:latest'"));
    add(wants, ONE("'image': 'ghcr.io/a/b:1'"));
    add(wants, ONE("'image': 'c', 'imagePullPolicy': 'Always'"));
    add(wants, ONE("'image': 'd@sha256:" HEX64 "'"));
    add(wants, ONE("'image': 'NO NAME'"));
    add(wants, "{'ecsProperties': {'taskProperties': [{'containers': [{'image': 'e'}, {'image': 'f'}]}]}}");
    add(wants, "{'nodeProperties': {'nodeRangeProperties': [{'targetNodes': '0', 'container': {'image': "
               "'g'}}, {'targetNodes': '1:', 'container': {'image': 'h'}}]}}");
    check(
        wants, ABLE,
        "[{'Id': 'sha256:1', 'RepoTags': ['busybox:latest', 'other:1'], 'RepoDigests': null},"
        " {'Id': 'sha256:2', 'RepoTags': ['<none>:<none>'], 'RepoDigests': ['d@sha256:" HEX64 "']},"
        " {'Id': 'sha256:3', 'RepoTags': ['docker.io/library/g:latest']}]",
        NULL,
        "docker: there already: docker.io/library/busybox:latest, docker.io/library/d@sha256:" HEX64
        ", docker.io/library/g:latest\n"
        "docker: pulled when a job first needs them: docker.io/library/e:latest, docker.io/library/f:latest, "
        "docker.io/library/h:latest, ghcr.io/a/b:1\n"
        "docker: pulled before each attempt: docker.io/library/c:latest");
}

static void test_fault(void)
{
    g_autoptr(DockerWants) wants = docker_wants_new();
    add(wants, ONE("'image': 'busybox'"));
    check(wants, "{}", NULL, "no such file",
          "docker: the engine does not answer, and jobs wait until it does: no such file\n"
          "docker: whether it has these images is not known: docker.io/library/busybox:latest");
}

static void test_many(void)
{
    g_autoptr(DockerWants) wants = docker_wants_new();
    for (int i = 0; i < 23; i++) {
        g_autofree char *spec = g_strdup_printf(ONE("'image': 'i%02d'"), i);
        add(wants, spec);
    }
    json_t *info = parse(ABLE), *images = json_array();
    const DockerFacts facts = {NULL, info, images};
    g_auto(GStrv) notices = docker_wants_notices(wants, &facts);
    g_assert_true(g_str_has_suffix(notices[0], "i18:latest, docker.io/library/i19:latest and 3 more"));
    g_assert_null(notices[1]);
    json_decref(info);
    json_decref(images);
}

static void test_limits(void)
{
    g_autoptr(DockerWants) wants = docker_wants_new();
    check(wants, "{}", "[]", NULL,
          "docker: the engine cannot enforce memory, that containers do not swap, the weight of vCPUs");
    add(wants, ONE("'cpuQuota': true, 'linuxParameters': {'maxSwap': 1, 'swappiness': 3}"));
    check(wants, "{'CgroupVersion': '1'}", "[]", NULL,
          "docker: the engine cannot enforce memory, maxSwap, the weight of vCPUs, cpuQuota");
    check(wants, ABLE, "[]", NULL, "docker: the engine cannot enforce swappiness (it needs cgroup v1)");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/docker/plan/images", test_images);
    g_test_add_func("/docker/plan/fault", test_fault);
    g_test_add_func("/docker/plan/many", test_many);
    g_test_add_func("/docker/plan/limits", test_limits);
    return g_test_run();
}
