#include "spec/decode_value.h"

static bool in_use(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    if (json_is_array(value))
        return json_array_size(value) > 0;
    return value && !json_is_null(value);
}

static void beyond_add(GPtrArray *beyond, const json_t *object, const char *key)
{
    if (in_use(object, key) && !g_ptr_array_find_with_equal_func(beyond, key, g_str_equal, NULL))
        g_ptr_array_add(beyond, g_strdup(key));
}

/* A requirement goes before the deprecated member. */
static bool decode_container_need(const json_t *container, JobDefinitionSpec *spec, GError **error)
{
    ResourceNeed alias = {0};
    if (!decode_need(container, &spec->need, &alias, error))
        return false;
    spec->vcpus_alias = !spec->need.vcpus_e4 && alias.vcpus_e4;
    spec->memory_alias = !spec->need.memory_mib && alias.memory_mib;
    if (spec->vcpus_alias)
        spec->need.vcpus_e4 = alias.vcpus_e4;
    if (spec->memory_alias)
        spec->need.memory_mib = alias.memory_mib;
    return true;
}

static bool decode_container(const json_t *container, JobDefinitionSpec *spec, GPtrArray *beyond,
                             GError **error)
{
    const json_t *platform;
    beyond_add(beyond, container, "secrets");
    beyond_add(beyond, container, "volumes");
    return decode_string(container, "image", &spec->image, error) &&
           decode_strings(container, "command", &spec->command, error) &&
           decode_environment(container, "environment", &spec->environment, &spec->environment_len, error) &&
           decode_string(container, "user", &spec->user, error) &&
           decode_container_need(container, spec, error) &&
           decode_object(container, "runtimePlatform", &platform, error) &&
           (!platform || decode_string(platform, "cpuArchitecture", &spec->architecture, error));
}

/* The first container stands for the task; its need is the sum over all. */
static bool decode_task(const json_t *properties, JobDefinitionSpec *spec, GPtrArray *beyond, GError **error)
{
    const json_t *tasks, *containers, *platform;
    if (!decode_array(properties, "taskProperties", &tasks, error))
        return false;
    const json_t *task = json_array_get(tasks, 0);
    if (!decode_array(task, "containers", &containers, error) ||
        !decode_object(task, "runtimePlatform", &platform, error) ||
        (platform && !decode_string(platform, "cpuArchitecture", &spec->architecture, error)))
        return false;
    beyond_add(beyond, task, "volumes");
    ResourceNeed sum = {0};
    for (size_t i = 0; containers && i < json_array_size(containers); i++) {
        const json_t *container = json_array_get(containers, i);
        ResourceNeed need = {0}, alias = {0};
        if (!decode_need(container, &need, &alias, error))
            return false;
        beyond_add(beyond, container, "secrets");
        if (__builtin_add_overflow(sum.vcpus_e4, need.vcpus_e4, &sum.vcpus_e4) ||
            __builtin_add_overflow(sum.memory_mib, need.memory_mib, &sum.memory_mib) ||
            __builtin_add_overflow(sum.gpus, need.gpus, &sum.gpus)) {
            g_set_error_literal(error, DECODE_ERROR, DECODE_ERROR_MEMBER,
                                "the containers' needs add up to more than can be counted");
            return false;
        }
    }
    const json_t *first = json_array_get(containers, 0);
    if (first && !decode_container(first, spec, beyond, error))
        return false;
    spec->need = sum;
    return true;
}

/* The first entry of instanceTypes, else the older spelling inside the container. */
static bool decode_node_type(const json_t *item, const json_t *container, char **ret_type, GError **error)
{
    g_auto(GStrv) types = NULL;
    if (!decode_strings(item, "instanceTypes", &types, error))
        return false;
    if (types && types[0]) {
        *ret_type = g_strdup(types[0]);
        return true;
    }
    return decode_string(container, "instanceType", ret_type, error);
}

/* part gets what the range's container says. */
static bool decode_range(const json_t *item, NodeRange *range, JobDefinitionSpec *part, GPtrArray *beyond,
                         GError **error)
{
    const json_t *container, *ecs;
    if (!decode_string(item, "targetNodes", &range->target, error) ||
        !decode_object(item, "container", &container, error) ||
        !decode_object(item, "ecsProperties", &ecs, error) ||
        !decode_node_type(item, container, &range->instance_type, error) ||
        !decode_consumables(item, "consumableResourceProperties", NULL, &range->consumables,
                            &range->consumables_len, error) ||
        (container && !decode_container(container, part, beyond, error)) ||
        (ecs && !decode_task(ecs, part, beyond, error)))
        return false;
    beyond_add(beyond, item, "ecsProperties");
    node_range_read(range->target, &range->first, &range->last);
    if (!range->target)
        range->target = g_strdup(":");
    range->need = part->need;
    range->vcpus_alias = part->vcpus_alias;
    range->memory_alias = part->memory_alias;
    return true;
}

/* The main node's container stands for the job. */
static void part_adopt(JobDefinitionSpec *part, JobDefinitionSpec *spec)
{
    spec->image = g_steal_pointer(&part->image);
    spec->command = g_steal_pointer(&part->command);
    spec->environment = g_steal_pointer(&part->environment);
    spec->environment_len = part->environment_len;
    part->environment_len = 0;
    spec->user = g_steal_pointer(&part->user);
    spec->architecture = g_steal_pointer(&part->architecture);
}

static bool decode_nodes(const json_t *properties, JobDefinitionSpec *spec, GPtrArray *beyond, GError **error)
{
    const json_t *list;
    if (!decode_integer(properties, "numNodes", 1, 1000, &spec->nodes, error) ||
        !decode_integer(properties, "mainNode", 0, 999, &spec->main_node, error) ||
        !decode_array(properties, "nodeRangeProperties", &list, error))
        return false;
    size_t len = spec->ranges_len = list ? json_array_size(list) : 0;
    spec->ranges = g_new0(NodeRange, len);
    g_autoptr(GPtrArray) parts = g_ptr_array_new_with_free_func((GDestroyNotify)job_definition_spec_free);
    for (size_t i = 0; i < len; i++) {
        JobDefinitionSpec *part = g_new0(JobDefinitionSpec, 1);
        g_ptr_array_add(parts, part);
        if (!decode_range(json_array_get(list, i), &spec->ranges[i], part, beyond, error))
            return false;
    }
    const NodeRange *range = node_range_of(spec->ranges, len, spec->main_node, spec->nodes);
    if (range)
        part_adopt(parts->pdata[range - spec->ranges], spec);
    spec->shared = g_steal_pointer(&spec->consumables);
    spec->shared_len = spec->consumables_len;
    spec->consumables_len = 0;
    nodes_settle(spec);
    return true;
}

static bool decode_platform(const json_t *root, JobDefinitionSpec *spec, GError **error)
{
    g_auto(GStrv) platforms = NULL;
    if (!decode_strings(root, "platformCapabilities", &platforms, error))
        return false;
    spec->platform = platforms && g_strv_contains((const char *const *)platforms, "FARGATE")
                         ? PLATFORM_FARGATE
                         : PLATFORM_EC2;
    return true;
}

static bool decode_into(const json_t *root, JobDefinitionSpec *spec, GPtrArray *beyond, GError **error)
{
    const json_t *container, *ecs, *nodes;
    int64_t priority = 0;
    if (!decode_platform(root, spec, error) ||
        !decode_object(root, "containerProperties", &container, error) ||
        !decode_object(root, "ecsProperties", &ecs, error) ||
        !decode_object(root, "nodeProperties", &nodes, error) ||
        !decode_parameters(root, "parameters", &spec->parameters, &spec->parameters_len, error) ||
        !decode_retry(root, &spec->retry, error) || !decode_timeout(root, &spec->timeout_ms, error) ||
        !decode_integer(root, "schedulingPriority", 0, 9999, &priority, error) ||
        !decode_consumables(root, "consumableResourceProperties", NULL, &spec->consumables,
                            &spec->consumables_len, error))
        return false;
    spec->scheduling_priority = (int)priority;
    beyond_add(beyond, root, "ecsProperties");
    return (!container || decode_container(container, spec, beyond, error)) &&
           (!ecs || decode_task(ecs, spec, beyond, error)) &&
           (!nodes || decode_nodes(nodes, spec, beyond, error));
}

JobDefinitionSpec *job_definition_spec_decode(View json, GError **error)
{
    json_t *root = decode_parse(json, error);
    if (!root)
        return NULL;
    g_autoptr(JobDefinitionSpec) spec = g_new0(JobDefinitionSpec, 1);
    spec->nodes = 1;
    spec->retry.attempts = 1;
    GPtrArray *beyond = g_ptr_array_new_with_free_func(g_free);
    bool good = decode_into(root, spec, beyond, error);
    json_decref(root);
    g_ptr_array_add(beyond, NULL);
    spec->beyond_process = (char **)g_ptr_array_free(beyond, FALSE);
    return good ? g_steal_pointer(&spec) : NULL;
}

void job_definition_spec_free(JobDefinitionSpec *spec)
{
    if (!spec)
        return;
    g_free(spec->image);
    g_strfreev(spec->command);
    environment_clear(spec->environment, spec->environment_len);
    environment_clear(spec->parameters, spec->parameters_len);
    retry_strategy_clear(&spec->retry);
    nodes_clear(spec);
    g_free(spec->node_instance_type);
    consumables_clear(&spec->consumables, &spec->consumables_len);
    g_strfreev(spec->beyond_process);
    g_free(spec->architecture);
    g_free(spec->user);
    g_free(spec);
}
