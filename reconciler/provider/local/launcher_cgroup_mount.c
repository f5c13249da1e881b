#include "reconciler/provider/local/launcher_cgroup_mount.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* ---- small files ---- */

int cgroup_file_write(const char *dir, const char *name, const char *text)
{
    char path[CGROUP_PATH_MAX + 64];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return errno;
    int error = write(fd, text, strlen(text)) < 0 ? errno : 0;
    close(fd);
    return error;
}

bool cgroup_file_has_word(const char *dir, const char *name, const char *word)
{
    char path[CGROUP_PATH_MAX + 64], line[CGROUP_LINE_MAX];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *file = fopen(path, "re");
    bool found = false;
    if (file && fgets(line, sizeof line, file))
        for (const char *at = line; *at && !found; at += strspn(at, " \n")) {
            size_t len = strcspn(at, " \n");
            found = len == strlen(word) && strncmp(at, word, len) == 0;
            at += len;
        }
    if (file)
        fclose(file);
    return found;
}

int cgroup_file_open(const char *dir, const char *name, int flags)
{
    char path[CGROUP_PATH_MAX + 64];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    return open(path, flags | O_CLOEXEC);
}

/* ---- finding the hierarchies ---- */

bool cgroup_list_has(const char *list, const char *word)
{
    size_t len = strlen(word);
    for (const char *at = list; at && *at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL)
        if (strncmp(at, word, len) == 0 && (at[len] == ',' || !at[len]))
            return true;
    return false;
}

/* A line of mountinfo: "36 35 98:0 ROOT MOUNT OPTIONS … - TYPE SOURCE SUPEROPTIONS". */
static bool mount_parse(char *line, CgroupMount *ret_mount)
{
    char root[CGROUP_PATH_MAX], mount[CGROUP_PATH_MAX], type[32], super[CGROUP_LINE_MAX];
    char *tail = strstr(line, " - ");
    if (!tail || sscanf(line, "%*s %*s %*s %511s %511s", root, mount) != 2 ||
        sscanf(tail, " - %31s %*s %4095s", type, super) != 2)
        return false;
    bool v2 = strcmp(type, "cgroup2") == 0;
    if (!v2 && strcmp(type, "cgroup") != 0)
        return false;
    *ret_mount = (CgroupMount){.v2 = v2};
    memcpy(ret_mount->root, root, sizeof root);
    memcpy(ret_mount->mount, mount, sizeof mount);
    static const char *const wanted[] = {"memory", "cpu", "freezer"};
    for (size_t i = 0; !v2 && i < sizeof wanted / sizeof *wanted; i++)
        if (cgroup_list_has(super, wanted[i])) {
            size_t len = strlen(ret_mount->controllers);
            snprintf(ret_mount->controllers + len, sizeof ret_mount->controllers - len, "%s%s",
                     len ? "," : "", wanted[i]);
        }
    return v2 || ret_mount->controllers[0];
}

static size_t mounts_read(CgroupMount *mounts, size_t max)
{
    FILE *file = fopen("/proc/self/mountinfo", "re");
    char line[CGROUP_LINE_MAX];
    size_t len = 0;
    while (file && len < max && fgets(line, sizeof line, file))
        if (mount_parse(line, &mounts[len]))
            len++;
    if (file)
        fclose(file);
    return len;
}

/* Fills own from /proc/self/cgroup: "4:memory:/path" or "0::/path", the path being relative to the mount's
 * root. */
static void mount_find_own(CgroupMount *mount)
{
    FILE *file = fopen("/proc/self/cgroup", "re");
    char line[CGROUP_LINE_MAX];
    while (file && fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = '\0';
        char *list = strchr(line, ':');
        char *path = list ? strchr(list + 1, ':') : NULL;
        if (!path)
            continue;
        *path++ = '\0';
        list++;
        char first[16] = "";
        sscanf(mount->controllers, "%15[^,]", first);
        if (mount->v2 ? *list != '\0' : !cgroup_list_has(list, first))
            continue;
        size_t root_len = strcmp(mount->root, "/") == 0 ? 0 : strlen(mount->root);
        if (strncmp(path, mount->root, root_len) == 0)
            path += root_len;
        snprintf(mount->own, sizeof mount->own, "%.250s%.250s", mount->mount,
                 strcmp(path, "/") == 0 ? "" : path);
    }
    if (file)
        fclose(file);
}

size_t cgroup_mounts_find(CgroupMount mounts[CGROUP_MOUNTS_MAX])
{
    size_t len = mounts_read(mounts, CGROUP_MOUNTS_MAX);
    for (size_t i = 0; i < len; i++)
        mount_find_own(&mounts[i]);
    return len;
}
