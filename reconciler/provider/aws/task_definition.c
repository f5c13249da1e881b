/* task_definition.c: what is registered. */
#include "reconciler/provider/aws/task_definition.h"
#include "reconciler/provider/aws/ecs_words.h"
#include <string.h>
#include "spec/canonical.h"
#include "spec/task_part.h"

#define LOG_GROUP        "/aws/batch/job"
#define WORKSPACE_VOLUME "muster-workspace"
#define FAMILY_PREFIX    "muster-"
#define FAMILY_MAX       255
#define FAMILY_DIGITS    12

typedef struct {
    const TaskDefinitionOptions *options;
    TaskPart part;
    json_t *body;
} Building;

/* Members that ECS calls the same and reads the same. */
static void copy_members(json_t *to, const json_t *from, const char *const *names)
{
    for (; *names; names++) {
        json_t *value = json_object_get(from, *names);
        if (value && !json_is_null(value))
            json_object_set_new(to, *names, json_deep_copy(value));
    }
}

/* ---- resources ---- */

static void set_gpus(json_t *container, int64_t gpus)
{
    char value[24];
    g_snprintf(value, sizeof value, "%" G_GINT64_FORMAT, gpus);
    if (gpus > 0)
        json_object_set_new(container, "resourceRequirements",
                            json_pack("[{s:s,s:s}]", "type", "GPU", "value", value));
}

/* A container's shares and its hard limit. */
static void set_size(json_t *container, const ResourceNeed *need)
{
    if (need->vcpus_e4 > 0)
        json_object_set_new(container, "cpu", json_integer(ecs_cpu_units(need->vcpus_e4)));
    if (need->memory_mib > 0)
        json_object_set_new(container, "memory", json_integer(need->memory_mib));
    set_gpus(container, need->gpus);
}

/* ---- one container ---- */

/* batch: READ, WRITE, MKNOD; ECS writes them small. */
static void lower_permissions(json_t *linux_parameters)
{
    size_t device_index, index;
    json_t *device, *permission;
    json_array_foreach(json_object_get(linux_parameters, "devices"), device_index, device)
    {
        json_array_foreach(json_object_get(device, "permissions"), index, permission)
        {
            g_autofree char *small = g_ascii_strdown(json_string_value(permission), -1);
            json_string_set(permission, small);
        }
    }
}

static void set_default(json_t *options, const char *name, const char *value)
{
    if (!json_object_get(options, name))
        json_object_set_new(options, name, json_string(value));
}

/* batch: "default driver awslogs to group /aws/batch/job". */
static json_t *log_configuration(const Building *building, const json_t *own)
{
    json_t *configuration = own ? json_deep_copy(own) : json_pack("{s:s}", "logDriver", "awslogs");
    if (g_strcmp0(ecs_text(configuration, "logDriver"), "awslogs") != 0)
        return configuration;
    json_t *options = json_object_get(configuration, "options");
    if (!json_is_object(options)) {
        options = json_object();
        json_object_set_new(configuration, "options", options);
    }
    set_default(options, "awslogs-group", LOG_GROUP);
    set_default(options, "awslogs-region", building->options->region);
    set_default(options, "awslogs-stream-prefix", building->options->name);
    return configuration;
}

static void mount_workspace(json_t *container)
{
    json_t *mounts = json_object_get(container, "mountPoints");
    if (!json_is_array(mounts)) {
        mounts = json_array();
        json_object_set_new(container, "mountPoints", mounts);
    }
    json_array_append_new(mounts, json_pack("{s:s,s:s}", "sourceVolume", WORKSPACE_VOLUME, "containerPath",
                                            TASK_WORKSPACE_PATH));
}

static json_t *container_of(const Building *building, const json_t *own, const char *name)
{
    static const char *const same[] = {"image",
                                       "command",
                                       "environment",
                                       "mountPoints",
                                       "readonlyRootFilesystem",
                                       "privileged",
                                       "ulimits",
                                       "user",
                                       "linuxParameters",
                                       "secrets",
                                       "repositoryCredentials",
                                       "dependsOn",
                                       "firelensConfiguration",
                                       "startTimeout",
                                       "stopTimeout",
                                       NULL};
    json_t *container = json_pack("{s:s}", "name", name);
    const json_t *essential = json_object_get(own, "essential");
    copy_members(container, own, same);
    json_object_set_new(container, "essential", json_boolean(!essential || json_is_true(essential)));
    lower_permissions(json_object_get(container, "linuxParameters"));
    json_object_set_new(container, "logConfiguration",
                        log_configuration(building, json_object_get(own, "logConfiguration")));
    if (building->options->workspace)
        mount_workspace(container);
    return container;
}

/* ---- the task ---- */

static void add_workspace(json_t *volumes, const TaskWorkspace *workspace)
{
    json_t *efs =
        json_pack("{s:s,s:s}", "fileSystemId", workspace->file_system_id, "transitEncryption", "ENABLED");
    if (workspace->root_directory)
        json_object_set_new(efs, "rootDirectory", json_string(workspace->root_directory));
    if (workspace->access_point_id)
        json_object_set_new(
            efs, "authorizationConfig",
            json_pack("{s:s,s:s}", "accessPointId", workspace->access_point_id, "iam", "ENABLED"));
    json_array_append_new(volumes,
                          json_pack("{s:s,s:o}", "name", WORKSPACE_VOLUME, "efsVolumeConfiguration", efs));
}

static void set_volumes(Building *building)
{
    static const char *const same[] = {"name", "host", "efsVolumeConfiguration", "s3filesVolumeConfiguration",
                                       NULL};
    json_t *volumes = json_array(), *own;
    size_t index;
    json_array_foreach(json_object_get(building->part.task, "volumes"), index, own)
    {
        json_t *volume = json_object();
        copy_members(volume, own, same);
        json_array_append_new(volumes, volume);
    }
    if (building->options->workspace)
        add_workspace(volumes, building->options->workspace);
    if (json_array_size(volumes) > 0)
        json_object_set(building->body, "volumes", volumes);
    json_decref(volumes);
}

static void set_text(json_t *object, const char *name, const char *value)
{
    if (value)
        json_object_set_new(object, name, json_string(value));
}

static void set_task_size(json_t *object, const ResourceNeed *need)
{
    char cpu[24], memory[24];
    g_snprintf(cpu, sizeof cpu, "%" G_GINT64_FORMAT, ecs_cpu_units(need->vcpus_e4));
    g_snprintf(memory, sizeof memory, "%" G_GINT64_FORMAT, need->memory_mib);
    if (need->vcpus_e4 > 0)
        json_object_set_new(object, "cpu", json_string(cpu));
    if (need->memory_mib > 0)
        json_object_set_new(object, "memory", json_string(memory));
}

/* batch: "network": EC2 single: host; multinode, Fargate: awsvpc. */
static void set_platform(Building *building, const ResourceNeed *sum)
{
    const TaskDefinitionOptions *options = building->options;
    static const char *const of_fargate[] = {"runtimePlatform", "ephemeralStorage", NULL};
    bool has_own_network = options->is_fargate || options->node >= 0;
    json_object_set_new(building->body, "networkMode", json_string(has_own_network ? "awsvpc" : "host"));
    json_object_set_new(building->body, "requiresCompatibilities",
                        json_pack("[s]", options->is_fargate ? "FARGATE" : "EC2"));
    if (options->is_fargate) {
        copy_members(building->body, building->part.task, of_fargate);
        set_task_size(building->body, sum);
    }
}

static void set_roles(Building *building)
{
    static const char *const of_tasks[] = {"ipcMode", "pidMode", NULL};
    const char *job_role = ecs_text(building->part.task, "jobRoleArn");
    set_text(building->body, "taskRoleArn",
             job_role ? job_role : ecs_text(building->part.task, "taskRoleArn"));
    set_text(building->body, "executionRoleArn", ecs_text(building->part.task, "executionRoleArn"));
    copy_members(building->body, building->part.task, of_tasks);
}

/* Of several containers each may have its own size; on Fargate the sum of them is the task's. */
static void add_container(Building *building, const json_t *own, const char *name, bool is_alone,
                          ResourceNeed *sum)
{
    json_t *container = container_of(building, own, name);
    ResourceNeed need = container_need(own);
    sum->vcpus_e4 += need.vcpus_e4;
    sum->memory_mib += need.memory_mib;
    if (building->options->is_fargate && is_alone)
        need = (ResourceNeed){.gpus = need.gpus};
    set_size(container, &need);
    json_array_append_new(json_object_get(building->body, "containerDefinitions"), container);
}

static void add_containers(Building *building, ResourceNeed *sum)
{
    size_t len = task_part_len(&building->part);
    for (size_t i = 0; i < len; i++) {
        g_autofree char *name = task_part_name(&building->part, i);
        add_container(building, task_part_container(&building->part, i), name, len == 1, sum);
    }
}

static bool has_images(const json_t *body, GError **error)
{
    size_t index;
    json_t *container;
    json_array_foreach(json_object_get(body, "containerDefinitions"), index, container)
    {
        if (ecs_text(container, "image"))
            continue;
        g_set_error(error, G_CONVERT_ERROR, G_CONVERT_ERROR_ILLEGAL_SEQUENCE,
                    "container %s has no image: on aws a job runs in a container",
                    ecs_text(container, "name"));
        return false;
    }
    return true;
}

/* The task's memory is the containers' together, so that this one needs none of its own. */
static void add_maker(Building *building, const ResourceNeed *sum)
{
    json_t *containers = json_object_get(building->body, "containerDefinitions"), *container;
    const char *image = ecs_text(json_array_get(containers, 0), "image");
    ResourceNeed memory = {.memory_mib = sum->memory_mib};
    size_t index;
    json_array_foreach(containers, index, container)
    {
        json_t *dependencies = json_object_get(container, "dependsOn");
        if (!json_is_array(dependencies)) {
            dependencies = json_array();
            json_object_set_new(container, "dependsOn", dependencies);
        }
        json_array_append_new(dependencies, json_pack("{s:s,s:s}", "containerName", TASK_WORKSPACE_CONTAINER,
                                                      "condition", "SUCCESS"));
    }
    json_t *maker = json_pack("{s:s,s:s,s:b,s:[s],s:[s,s],s:s}", "name", TASK_WORKSPACE_CONTAINER, "image",
                              image ? image : "", "essential", 0, "entryPoint", "mkdir", "command", "-p",
                              TASK_WORKSPACE_PATH, "user", "0");
    json_object_set_new(maker, "logConfiguration", log_configuration(building, NULL));
    mount_workspace(maker);
    json_array_append_new(containers, maker);
    if (!building->options->is_fargate)
        set_task_size(building->body, &memory);
}

static bool find_part(const json_t *spec, int node, TaskPart *ret_part, GError **error)
{
    g_autoptr(GError) cause = NULL;
    if (task_part_find(spec, node, ret_part, &cause))
        return true;
    g_set_error_literal(error, G_CONVERT_ERROR, G_CONVERT_ERROR_ILLEGAL_SEQUENCE, cause->message);
    return false;
}

json_t *task_definition_body(const json_t *spec, const TaskDefinitionOptions *options, GError **error)
{
    Building building = {.options = options};
    ResourceNeed sum = {0};
    if (!find_part(spec, options->node, &building.part, error))
        return NULL;
    building.body = json_pack("{s:[]}", "containerDefinitions");
    add_containers(&building, &sum);
    set_platform(&building, &sum);
    set_roles(&building);
    set_volumes(&building);
    if (options->workspace)
        add_maker(&building, &sum);
    if (!has_images(building.body, error))
        g_clear_pointer(&building.body, json_decref);
    return building.body;
}

/* ---- what it is called ---- */

static void hex_of(const char *text, char ret_hex[2 * DIGEST_BYTES + 1])
{
    Digest digest;
    digest_of(view_from(text), &digest);
    digest_to_hex(&digest, ret_hex);
}

char *task_definition_digest(const json_t *body)
{
    char *text = json_dumps(body, JSON_COMPACT | JSON_SORT_KEYS);
    char hex[2 * DIGEST_BYTES + 1];
    hex_of(text, hex);
    free(text);
    return g_strdup(hex);
}

/* [A-Za-z0-9_-]{1,255} */
char *task_definition_family(const char *name)
{
    GString *family = g_string_new(FAMILY_PREFIX);
    bool is_changed = strlen(name) > FAMILY_MAX - strlen(FAMILY_PREFIX);
    for (const char *byte = name; *byte; byte++) {
        bool is_taken = g_ascii_isalnum(*byte) || *byte == '-' || *byte == '_';
        g_string_append_c(family, is_taken ? *byte : '-');
        is_changed |= !is_taken;
    }
    if (is_changed) {
        char hex[2 * DIGEST_BYTES + 1];
        hex_of(name, hex);
        g_string_truncate(family, MIN(family->len, FAMILY_MAX - FAMILY_DIGITS - 1));
        g_string_append_printf(family, "-%.*s", FAMILY_DIGITS, hex);
    }
    return g_string_free(family, FALSE);
}

static const char **essential_of(const json_t *containers, bool is_otherwise)
{
    GPtrArray *names = g_ptr_array_new();
    size_t index;
    json_t *container;
    json_array_foreach(containers, index, container)
    {
        const json_t *essential = json_object_get(container, "essential");
        if (essential ? json_is_true(essential) : is_otherwise)
            g_ptr_array_add(names, (gpointer)(uintptr_t)ecs_text(container, "name"));
    }
    g_ptr_array_add(names, NULL);
    return (const char **)g_ptr_array_free(names, FALSE);
}

const char **task_definition_essential(const json_t *body)
{
    return essential_of(json_object_get(body, "containerDefinitions"), false);
}

const char **task_definition_essential_of(const json_t *spec, int node)
{
    TaskPart part;
    static const char alone[] = TASK_CONTAINER;
    const char **names = NULL;
    if (task_part_find(spec, node, &part, NULL) && part.several)
        return essential_of(part.several, true);
    names = g_new0(const char *, 2);
    names[0] = alone;
    return names;
}
