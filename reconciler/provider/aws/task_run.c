#include "reconciler/provider/aws/task_run.h"
#include "reconciler/provider/aws/ecs_words.h"
#include <string.h>

static bool is_fargate(const json_t *body)
{
    return g_strcmp0(json_string_value(json_array_get(json_object_get(body, "requiresCompatibilities"), 0)),
                     "FARGATE") == 0;
}

/* Beside the one that makes the run's directory. */
static bool is_one_container(const json_t *defined)
{
    return json_array_size(defined) == 1 + (size_t)(ecs_named(defined, TASK_WORKSPACE_CONTAINER) != NULL);
}

/* ---- overrides ---- */

static bool same_texts(const json_t *list, const char *const *texts)
{
    size_t len = json_array_size(list), given = g_strv_length((char **)(uintptr_t)texts);
    bool is_same = len == given;
    for (size_t i = 0; is_same && i < len; i++)
        is_same = g_strcmp0(json_string_value(json_array_get(list, i)), texts[i]) == 0;
    return is_same;
}

static json_t *list_of(const char *const *texts)
{
    json_t *list = json_array();
    for (; *texts; texts++)
        json_array_append_new(list, json_string(*texts));
    return list;
}

/* What the definition gives this name; NULL: nothing. */
static const char *defined_value(const json_t *environment, const char *name)
{
    size_t index;
    json_t *item;
    json_array_foreach(environment, index, item)
    {
        if (g_strcmp0(ecs_text(item, "name"), name) == 0)
            return ecs_text(item, "value");
    }
    return NULL;
}

/* Those that the definition does not have so. */
static json_t *own_environment(const json_t *defined, const char *const *variables)
{
    json_t *own = json_array();
    for (; variables && *variables; variables++) {
        const char *value = strchr(*variables, '=');
        if (!value)
            continue;
        g_autofree char *name = g_strndup(*variables, (gsize)(value - *variables));
        if (g_strcmp0(defined_value(defined, name), value + 1) != 0)
            json_array_append_new(own, json_pack("{s:s,s:s}", "name", name, "value", value + 1));
    }
    return own;
}

static void set_number(json_t *object, const json_t *defined, const char *name, int64_t value)
{
    if (value > 0 && json_integer_value(json_object_get(defined, name)) != value)
        json_object_set_new(object, name, json_integer(value));
}

static void set_gpus(json_t *override, const json_t *defined, int gpus)
{
    char value[16];
    const json_t *was = json_array_get(json_object_get(defined, "resourceRequirements"), 0);
    g_snprintf(value, sizeof value, "%d", gpus);
    if (gpus > 0 && g_strcmp0(ecs_text(was, "value"), value) != 0)
        json_object_set_new(override, "resourceRequirements",
                            json_pack("[{s:s,s:s}]", "type", "GPU", "value", value));
}

/* With its name alone it would say nothing: NULL. */
static json_t *container_override(const json_t *defined, const TaskContainer *container, bool has_size)
{
    json_t *override = json_pack("{s:s}", "name", container->name);
    json_t *environment = own_environment(json_object_get(defined, "environment"), container->environment);
    if (container->command && !same_texts(json_object_get(defined, "command"), container->command))
        json_object_set_new(override, "command", list_of(container->command));
    if (json_array_size(environment) > 0)
        json_object_set(override, "environment", environment);
    json_decref(environment);
    if (has_size) {
        set_number(override, defined, "cpu", ecs_cpu_units(container->vcpus_e4));
        set_number(override, defined, "memory", container->memory_mib);
    }
    set_gpus(override, defined, container->gpus);
    if (json_object_size(override) > 1)
        return override;
    json_decref(override);
    return NULL;
}

static void set_task_number(json_t *overrides, const json_t *body, const char *name, int64_t value)
{
    char text[24];
    g_snprintf(text, sizeof text, "%" G_GINT64_FORMAT, value);
    if (value > 0 && g_strcmp0(ecs_text(body, name), text) != 0)
        json_object_set_new(overrides, name, json_string(text));
}

json_t *task_overrides(const json_t *body, const TaskContainer *containers, size_t len)
{
    json_t *overrides = json_object(), *list = json_array();
    const json_t *defined = json_object_get(body, "containerDefinitions");
    bool has_task_size = is_fargate(body), is_alone = is_one_container(defined);
    int64_t vcpus_e4 = 0, memory_mib = 0;
    for (size_t i = 0; i < len; i++) {
        const TaskContainer *container = &containers[i];
        json_t *override =
            container_override(ecs_named(defined, container->name), container, !has_task_size || !is_alone);
        vcpus_e4 += container->vcpus_e4;
        memory_mib += container->memory_mib;
        if (override)
            json_array_append_new(list, override);
    }
    if (json_array_size(list) > 0)
        json_object_set(overrides, "containerOverrides", list);
    json_decref(list);
    if (json_object_get(body, "cpu"))
        set_task_number(overrides, body, "cpu", ecs_cpu_units(vcpus_e4));
    if (json_object_get(body, "memory"))
        set_task_number(overrides, body, "memory", memory_mib);
    return overrides;
}

bool task_overrides_fit(const json_t *overrides)
{
    char *text = json_dumps(overrides, JSON_COMPACT);
    bool is_fitting = g_utf8_strlen(text, -1) <= TASK_OVERRIDES_MAX;
    free(text);
    return is_fitting;
}

/* ---- a definition of its own ---- */

static void merge_environment(json_t *container, const json_t *own)
{
    json_t *environment = json_object_get(container, "environment"), *item, *old;
    size_t index, at;
    if (!json_is_array(environment)) {
        environment = json_array();
        json_object_set_new(container, "environment", environment);
    }
    json_array_foreach(own, index, item)
    {
        bool is_there = false;
        json_array_foreach(environment, at, old)
        {
            is_there = g_strcmp0(ecs_text(old, "name"), ecs_text(item, "name")) == 0;
            if (is_there)
                break;
        }
        if (is_there)
            json_array_set(environment, at, item);
        else
            json_array_append(environment, item);
    }
}

json_t *task_definition_with(const json_t *body, const json_t *overrides)
{
    json_t *own = json_deep_copy(body), *override, *value;
    size_t index;
    const char *name;
    json_array_foreach(json_object_get(overrides, "containerOverrides"), index, override)
    {
        json_t *container =
            ecs_named(json_object_get(own, "containerDefinitions"), ecs_text(override, "name"));
        json_object_foreach(override, name, value)
        {
            if (strcmp(name, "environment") == 0)
                merge_environment(container, value);
            else
                json_object_set(container, name, value);
        }
    }
    static const char *const of_task[] = {"cpu", "memory"};
    for (size_t i = 0; i < G_N_ELEMENTS(of_task); i++)
        if (json_object_get(overrides, of_task[i]))
            json_object_set(own, of_task[i], json_object_get(overrides, of_task[i]));
    return own;
}

/* ---- where it runs ---- */

static void set_text(json_t *object, const char *name, const char *value)
{
    if (value)
        json_object_set_new(object, name, json_string(value));
}

void task_placement_of_spec(const json_t *spec, TaskPlacement *placement)
{
    const json_t *one = json_object_get(spec, "containerProperties");
    const json_t *several =
        json_array_get(json_object_get(json_object_get(spec, "ecsProperties"), "taskProperties"), 0);
    const json_t *task = one ? one : several;
    const json_t *network = json_object_get(task, "networkConfiguration");
    const json_t *platform = json_object_get(task, "fargatePlatformConfiguration");
    placement->has_public_ip = g_strcmp0(ecs_text(network, "assignPublicIp"), "ENABLED") == 0;
    placement->platform_version = ecs_text(platform ? platform : task, "platformVersion");
}

static void set_network(json_t *request, const TaskPlacement *placement)
{
    json_t *awsvpc = json_object();
    if (!placement->subnets) {
        json_decref(awsvpc);
        return;
    }
    json_object_set_new(awsvpc, "subnets", list_of(placement->subnets));
    if (placement->security_groups)
        json_object_set_new(awsvpc, "securityGroups", list_of(placement->security_groups));
    /* EC2 has no public addresses for tasks. */
    if (placement->is_fargate)
        set_text(awsvpc, "assignPublicIp", placement->has_public_ip ? "ENABLED" : "DISABLED");
    json_object_set_new(request, "networkConfiguration", json_pack("{s:o}", "awsvpcConfiguration", awsvpc));
}

/* launchType and a strategy exclude each other. */
static void set_capacity(json_t *request, const TaskPlacement *placement)
{
    if (placement->is_fargate) {
        const char *provider = placement->is_spot ? "FARGATE_SPOT" : "FARGATE";
        json_object_set_new(request, "capacityProviderStrategy",
                            json_pack("[{s:s,s:i}]", "capacityProvider", provider, "weight", 1));
        set_text(request, "platformVersion", placement->platform_version);
        return;
    }
    json_object_set_new(request, "launchType", json_string("EC2"));
    if (placement->instance_id) {
        g_autofree char *expression = g_strdup_printf("ec2InstanceId == %s", placement->instance_id);
        json_object_set_new(request, "placementConstraints",
                            json_pack("[{s:s,s:s}]", "type", "memberOf", "expression", expression));
    }
}

json_t *task_run_body(const TaskPlacement *placement, const json_t *overrides)
{
    json_t *request = json_pack("{s:s,s:s,s:i,s:s,s:s}", "cluster", placement->cluster, "taskDefinition",
                                placement->definition, "count", 1, "clientToken", placement->client_token,
                                "startedBy", placement->started_by);
    set_capacity(request, placement);
    set_network(request, placement);
    if (json_object_size(overrides) > 0)
        json_object_set_new(request, "overrides", json_deep_copy(overrides));
    if (placement->allows_exec)
        json_object_set_new(request, "enableExecuteCommand", json_true());
    if (json_array_size(placement->tags) > 0)
        json_object_set_new(request, "tags", json_deep_copy(placement->tags));
    return request;
}
