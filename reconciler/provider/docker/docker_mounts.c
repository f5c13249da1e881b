/* docker_mounts.c: what a container sees of the machine's file systems. Source: Docker Engine API 1.41,
 * HostConfig; batch: "volumes + mountPoints". A volume with a sourcePath goes by Binds, which makes a
 * directory that is missing, as Batch does; Mounts does not. */
#include <string.h>
#include "reconciler/provider/docker/docker_building.h"
#include "reconciler/provider/docker/docker_labels.h"

typedef struct {
    const DockerBuilding *building;
    json_t *binds, *mounts;
    GPtrArray *named; /* of char* */
} Mounting;

static const json_t *volume_named(const DockerBuilding *building, const char *name)
{
    size_t index;
    json_t *volume;
    json_array_foreach(json_object_get(building->part.task, "volumes"), index, volume)
    {
        if (g_strcmp0(docker_text(volume, "name"), name) == 0)
            return volume;
    }
    return NULL;
}

/* How often the containers of the attempt mount it. */
static size_t mounts_of(const DockerBuilding *building, const char *volume)
{
    size_t count = 0, index;
    json_t *mount;
    for (size_t i = 0; i < task_part_len(&building->part); i++)
        json_array_foreach(json_object_get(task_part_container(&building->part, i), "mountPoints"), index,
                           mount) count += g_strcmp0(docker_text(mount, "sourceVolume"), volume) == 0;
    return count;
}

/* SOURCE:PATH[:ro], in which a colon can stand nowhere else. A source that is no path would name a volume. */
static bool add_bind(Mounting *mounting, const char *volume, const char *source, const char *path,
                     bool is_read_only, GError **error)
{
    if (source[0] != '/')
        return docker_refuse(error, "volume %s: sourcePath %s does not begin with /", volume, source);
    if (strchr(source, ':') || strchr(path, ':'))
        return docker_refuse(error, "volume %s: the engine takes no colon in %s", volume,
                             strchr(source, ':') ? source : path);
    g_autofree char *bind = g_strconcat(source, ":", path, is_read_only ? ":ro" : NULL, NULL);
    json_array_append_new(mounting->binds, json_string(bind));
    return true;
}

static json_t *mount_of(const char *type, const char *source, const char *path, bool is_read_only)
{
    json_t *mount = json_pack("{s:s,s:s}", "Type", type, "Target", path);
    if (source)
        json_object_set_new(mount, "Source", json_string(source));
    if (is_read_only)
        json_object_set_new(mount, "ReadOnly", json_true());
    return mount;
}

/* Has no name, and goes with its container, unless several mounts of the attempt share it. */
static void add_volume(Mounting *mounting, const char *volume, const char *path, bool is_read_only)
{
    const DockerBuilding *building = mounting->building;
    bool is_shared = mounts_of(building, volume) > 1;
    char *name = is_shared ? g_strdup_printf("muster-%s-%s", building->token, volume) : NULL;
    json_t *mount = mount_of("volume", name, path, is_read_only);
    if (name) {
        json_object_set_new(mount, "VolumeOptions",
                            json_pack("{s:{s:s,s:s}}", "Labels", LABEL_INSTALL,
                                      building->context->installation, LABEL_TOKEN, building->token));
        if (!g_ptr_array_find_with_equal_func(mounting->named, name, g_str_equal, NULL))
            g_ptr_array_add(mounting->named, g_strdup(name));
    }
    json_array_append_new(mounting->mounts, mount);
    g_free(name);
}

static bool add_mount(Mounting *mounting, const json_t *mount, GError **error)
{
    const char *name = docker_text(mount, "sourceVolume"), *path = docker_text(mount, "containerPath");
    bool is_read_only = json_is_true(json_object_get(mount, "readOnly"));
    const json_t *volume = name ? volume_named(mounting->building, name) : NULL;
    const char *source = docker_text(json_object_get(volume, "host"), "sourcePath");
    if (!name || !path)
        return docker_refuse(error, "a mount point needs sourceVolume and containerPath");
    if (path[0] != '/')
        return docker_refuse(error, "volume %s: containerPath %s does not begin with /", name, path);
    if (!volume)
        return docker_refuse(error, "mount point %s: there is no volume %s", path, name);
    if (json_object_get(volume, "efsVolumeConfiguration") ||
        json_object_get(volume, "s3filesVolumeConfiguration"))
        return docker_refuse(error,
                             "volume %s is a file system of AWS: on docker a volume is a directory of the "
                             "machine (host.sourcePath), or empty at the start",
                             name);
    if (source)
        return add_bind(mounting, name, source, path, is_read_only, error);
    add_volume(mounting, name, path, is_read_only);
    return true;
}

static bool add_mounts(Mounting *mounting, const DockerPart *part, GError **error)
{
    size_t index;
    json_t *mount;
    json_array_foreach(json_object_get(part->defined, "mountPoints"), index, mount)
    {
        if (!add_mount(mounting, mount, error))
            return false;
    }
    return true;
}

/* Of an option that is given twice the last counts. */
static void set_tmpfs(const DockerPart *part, json_t *host)
{
    json_t *all = json_object(), *tmpfs, *option;
    size_t index, place;
    json_array_foreach(json_object_get(json_object_get(part->defined, "linuxParameters"), "tmpfs"), index,
                       tmpfs)
    {
        const char *path = docker_text(tmpfs, "containerPath");
        g_autoptr(GString) options = g_string_new(NULL);
        if (!path)
            continue;
        json_array_foreach(json_object_get(tmpfs, "mountOptions"), place, option) g_string_append_printf(
            options, "%s,", json_string_value(option) ? json_string_value(option) : "");
        g_string_append_printf(options, "size=%" G_GINT64_FORMAT "m",
                               (int64_t)json_integer_value(json_object_get(tmpfs, "size")));
        json_object_set_new(all, path, json_string(options->str));
    }
    if (json_object_size(all) > 0)
        json_object_set(host, "Tmpfs", all);
    json_decref(all);
}

static void set_list(json_t *host, const char *name, json_t *list)
{
    if (json_array_size(list) > 0)
        json_object_set(host, name, list);
    json_decref(list);
}

bool docker_mounts_set(const DockerBuilding *building, const DockerPart *part, json_t *host,
                       char ***ret_volumes, GError **error)
{
    Mounting mounting = {building, json_array(), json_array(), g_ptr_array_new()};
    const char *workspace = building->request->workspace;
    bool is_good = add_mounts(&mounting, part, error);
    if (workspace)
        json_array_append_new(mounting.mounts, mount_of("bind", workspace, DOCKER_WORKSPACE_PATH, false));
    set_list(host, "Binds", mounting.binds);
    set_list(host, "Mounts", mounting.mounts);
    set_tmpfs(part, host);
    g_ptr_array_add(mounting.named, NULL);
    char **volumes = (char **)g_ptr_array_free(mounting.named, FALSE);
    if (is_good)
        *ret_volumes = volumes;
    else
        g_strfreev(volumes);
    return is_good;
}
