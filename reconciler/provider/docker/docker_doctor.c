#include "reconciler/provider/docker/docker_doctor.h"
#include <stdint.h>
#include <string.h>

#define SCOPE        "container engine"
#define BYTES_PER_GB INT64_C(1000000000)
#define ROOM_GB      5 /* less is worth a word: images of jobs are some GB each */

static void add(json_t *checks, const char *check, const char *status, const char *detail, const char *cure)
{
    json_t *one =
        json_pack("{s:s,s:s,s:s,s:s}", "scope", SCOPE, "check", check, "status", status, "detail", detail);
    if (cure)
        json_object_set_new(one, "cure", json_string(cure));
    json_array_append_new(checks, one);
}

static const char *member(const json_t *info, const char *name)
{
    const char *text = json_string_value(json_object_get(info, name));
    return text && *text ? text : "?";
}

static void check_engine(json_t *checks, const DockerChecking *checking, const DockerFacts *facts)
{
    const json_t *info = facts->info;
    if (facts->fault) {
        add(checks, "engine", checking->is_needed ? "failed" : "not checked", facts->fault,
            "start it (systemctl start docker), or say where it is (DOCKER_HOST); who opens its socket has "
            "to "
            "be root or in its group");
        return;
    }
    g_autofree char *detail =
        g_strdup_printf("%s: version %s, API %s, %s, cgroup version %s (%s)", checking->where,
                        member(info, "ServerVersion"), checking->version, member(info, "OperatingSystem"),
                        member(info, "CgroupVersion"), member(info, "CgroupDriver"));
    add(checks, "engine", "ok", detail, NULL);
}

/* vfs copies an image for each container. */
static void check_storage(json_t *checks, const json_t *info)
{
    const char *driver = member(info, "Driver");
    bool is_slow = strcmp(driver, "vfs") == 0;
    add(checks, "storage driver", is_slow ? "warning" : "ok",
        is_slow ? "vfs: each container is a copy of its whole image, which takes time and disk" : driver,
        is_slow ? "overlay2, on a filesystem that has it (\"storage-driver\" in /etc/docker/daemon.json)"
                : NULL);
}

static void check_disk(json_t *checks, const DockerChecking *checking, const json_t *info)
{
    bool is_little = checking->free_bytes < ROOM_GB * BYTES_PER_GB;
    if (checking->free_bytes < 0)
        return;
    g_autofree char *detail =
        g_strdup_printf("%.1f GB are free at %s", (double)checking->free_bytes / (double)BYTES_PER_GB,
                        member(info, "DockerRootDir"));
    add(checks, "disk", is_little ? "warning" : "ok", detail,
        is_little
            ? "docker system df shows what it is used for, docker image prune removes images that nobody uses"
            : NULL);
}

static void check_limits(json_t *checks, const DockerChecking *checking, const json_t *info)
{
    g_autofree char *lacking = docker_wants_lacking(checking->wants, info);
    g_autofree char *detail = lacking ? g_strdup_printf("it cannot enforce %s", lacking) : NULL;
    add(checks, "limits", lacking ? "warning" : "ok",
        lacking ? detail : "memory, swap and vCPUs are enforced",
        lacking ? "cgroup v2, or on v1 cgroup_enable=memory swapaccount=1 on the kernel's command line"
                : NULL);
}

static void check_images(json_t *checks, const DockerChecking *checking, const DockerFacts *facts)
{
    g_autofree char *there = NULL, *missing = NULL, *detail = NULL;
    if (!facts->images)
        return;
    there = docker_wants_list(checking->wants, facts->images, true);
    missing = docker_wants_list(checking->wants, facts->images, false);
    if (there || missing)
        detail = g_strdup_printf(
            "%s%s%s%s%s", there ? "there already: " : "", there ? there : "", there && missing ? "; " : "",
            missing ? "pulled when a job first needs them: " : "", missing ? missing : "");
    else
        detail = g_strdup_printf("%zu there", json_array_size(facts->images));
    add(checks, "images", "ok", detail, NULL);
}

json_t *docker_doctor_checks(const DockerChecking *checking, const DockerFacts *facts)
{
    json_t *checks = json_array();
    check_engine(checks, checking, facts);
    if (facts->fault)
        return checks;
    check_storage(checks, facts->info);
    check_disk(checks, checking, facts->info);
    check_limits(checks, checking, facts->info);
    check_images(checks, checking, facts);
    return checks;
}
