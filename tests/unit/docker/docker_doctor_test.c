/* docker_doctor_test.c: what the doctor makes of what an engine says. */
#include "reconciler/provider/docker/docker_doctor.h"
#include <stdint.h>
#include <string.h>

static json_t *parse(const char *text)
{
    g_autofree char *json = g_strdelimit(g_strdup(text), "'", '"');
    json_t *value = json_loads(json, 0, NULL);
    g_assert_nonnull(value);
    return value;
}

static const json_t *find(const json_t *checks, const char *name)
{
    size_t index;
    json_t *check;
    json_array_foreach((json_t *)(uintptr_t)checks, index, check)
    {
        if (g_strcmp0(json_string_value(json_object_get(check, "check")), name) == 0)
            return check;
    }
    return NULL;
}

/* detail: a part of it. What is not ok has a cure. */
static void expect(const json_t *checks, const char *name, const char *status, const char *detail)
{
    const json_t *check = find(checks, name);
    g_assert_nonnull(check);
    g_assert_cmpstr(json_string_value(json_object_get(check, "status")), ==, status);
    g_assert_nonnull(strstr(json_string_value(json_object_get(check, "detail")), detail));
    g_assert_cmpint(json_object_get(check, "cure") != NULL, ==, strcmp(status, "ok") != 0);
}

#define INFO                                                                                                 \
    "'ServerVersion': '24.0', 'OperatingSystem': 'Debian', 'CgroupVersion': '2', 'DockerRootDir': '/d', "    \
    "'MemoryLimit': true, 'SwapLimit': true, 'CPUShares': true"

static void test_well(void)
{
    g_autoptr(DockerWants) wants = docker_wants_new();
    json_t *info = parse("{" INFO ", 'Driver': 'overlay2', 'CpuCfsQuota': true}"),
           *images = parse("[{}, {}]");
    const DockerFacts facts = {NULL, info, images};
    const DockerChecking checking = {wants, false, "unix:///s", "1.41", INT64_C(7000000000)};
    json_t *checks = docker_doctor_checks(&checking, &facts);
    expect(checks, "engine", "ok", "unix:///s: version 24.0, API 1.41, Debian, cgroup version 2");
    expect(checks, "storage driver", "ok", "overlay2");
    expect(checks, "disk", "ok", "7.0 GB are free at /d");
    expect(checks, "limits", "ok", "memory");
    expect(checks, "images", "ok", "2 there");
    json_decref(checks);
    json_decref(info);
    json_decref(images);
}

static void test_lacks(void)
{
    g_autoptr(DockerWants) wants = docker_wants_new();
    json_t *spec = parse("{'containerProperties': {'image': 'busybox', 'cpuQuota': true}}");
    docker_wants_add(wants, spec);
    json_t *info = parse("{" INFO ", 'Driver': 'vfs'}"), *images = parse("[]");
    const DockerFacts facts = {NULL, info, images};
    DockerChecking checking = {wants, true, "unix:///s", "1.41", 1};
    json_t *checks = docker_doctor_checks(&checking, &facts);
    expect(checks, "storage driver", "warning", "vfs");
    expect(checks, "disk", "warning", "0.0 GB are free");
    expect(checks, "limits", "warning", "cannot enforce cpuQuota");
    expect(checks, "images", "ok", "pulled when a job first needs them: docker.io/library/busybox:latest");
    json_decref(checks);
    checking.free_bytes = -1;
    checks = docker_doctor_checks(&checking, &facts);
    g_assert_null(find(checks, "disk"));
    json_decref(checks);
    json_decref(spec);
    json_decref(info);
    json_decref(images);
}

static void test_away(void)
{
    g_autoptr(DockerWants) wants = docker_wants_new();
    const DockerFacts facts = {.fault = "no such socket"};
    DockerChecking checking = {wants, true, "unix:///s", NULL, -1};
    json_t *checks = docker_doctor_checks(&checking, &facts);
    g_assert_cmpuint(json_array_size(checks), ==, 1);
    expect(checks, "engine", "failed", "no such socket");
    json_decref(checks);
    checking.is_needed = false;
    checks = docker_doctor_checks(&checking, &facts);
    expect(checks, "engine", "not checked", "no such socket");
    json_decref(checks);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/docker/doctor/well", test_well);
    g_test_add_func("/docker/doctor/lacks", test_lacks);
    g_test_add_func("/docker/doctor/away", test_away);
    return g_test_run();
}
