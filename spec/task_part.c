#include "spec/task_part.h"
#include "spec/base/units.h"
#include "spec/decode_value.h"

static const char *text_of(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

static const json_t *task_of(const json_t *part, const char *member)
{
    return json_array_get(json_object_get(json_object_get(part, member), "taskProperties"), 0);
}

/* ---- containers ---- */

static bool part_of(const json_t *part, const char *member, TaskPart *ret_part)
{
    const json_t *alone = json_object_get(part, member), *task = task_of(part, "ecsProperties"),
                 *several = json_object_get(task, "containers");
    if (!alone && json_array_size(several) == 0)
        return false;
    *ret_part = alone ? (TaskPart){.task = alone} : (TaskPart){task, several};
    return true;
}

bool task_part_of_range(const json_t *range, TaskPart *ret_part)
{
    return part_of(range, "container", ret_part);
}

bool task_part_find(const json_t *spec, int node, TaskPart *ret_part, GError **error)
{
    if (node < 0 ? part_of(spec, "containerProperties", ret_part)
                 : task_part_of_range(node_properties_of(spec, node), ret_part))
        return true;
    if (node >= 0)
        g_set_error(error, DECODE_ERROR, DECODE_ERROR_MEMBER, "the job definition says nothing of node %d",
                    node);
    else
        g_set_error_literal(error, DECODE_ERROR, DECODE_ERROR_MEMBER, "the job definition has no container");
    return false;
}

size_t task_part_len(const TaskPart *part)
{
    return part->several ? json_array_size(part->several) : 1;
}

const json_t *task_part_container(const TaskPart *part, size_t index)
{
    return part->several ? json_array_get(part->several, index) : part->task;
}

char *task_part_name(const TaskPart *part, size_t index)
{
    const char *name = part->several ? text_of(task_part_container(part, index), "name") : NULL;
    if (name)
        return g_strdup(name);
    return index == 0 ? g_strdup(TASK_CONTAINER) : g_strdup_printf(TASK_CONTAINER "-%zu", index + 1);
}

const char *task_node_range(const json_t *spec, int node)
{
    return text_of(node_properties_of(spec, node), "targetNodes");
}

ResourceNeed container_need(const json_t *container)
{
    ResourceNeed need = {.vcpus_e4 = json_integer_value(json_object_get(container, "vcpus")) * DECIMAL_SCALE,
                         .memory_mib = json_integer_value(json_object_get(container, "memory"))};
    size_t index;
    json_t *item;
    json_array_foreach(json_object_get(container, "resourceRequirements"), index, item)
    {
        const char *type = text_of(item, "type"), *value = text_of(item, "value");
        int64_t e4 = 0;
        if (!type || !value || !decimal_parse(view_from(value), &e4))
            continue;
        if (strcmp(type, "VCPU") == 0)
            need.vcpus_e4 = e4;
        else if (strcmp(type, "MEMORY") == 0)
            need.memory_mib = e4 / DECIMAL_SCALE;
        else if (strcmp(type, "GPU") == 0)
            need.gpus = e4 / DECIMAL_SCALE;
    }
    return need;
}

/* ---- what the job says otherwise ---- */

/* batch: "targetNodes must equal a range of the job definition literally". */
static const json_t *node_part(const json_t *said, const json_t *spec, int node)
{
    const char *range = task_node_range(spec, node);
    size_t index;
    json_t *part;
    json_array_foreach(json_object_get(json_object_get(said, "nodeOverrides"), "nodePropertyOverrides"),
                       index, part)
    {
        if (g_strcmp0(text_of(part, "targetNodes"), range) == 0)
            return part;
    }
    return NULL;
}

const json_t *task_override(const json_t *said, const json_t *spec, int node, const char *name)
{
    const json_t *part = node < 0 ? said : node_part(said, spec, node);
    size_t index;
    json_t *container;
    if (strcmp(name, TASK_CONTAINER) == 0 && json_object_get(part, "containerOverrides"))
        return json_object_get(part, "containerOverrides");
    json_array_foreach(json_object_get(task_of(part, "ecsPropertiesOverride"), "containers"), index,
                       container)
    {
        if (g_strcmp0(text_of(container, "name"), name) == 0)
            return container;
    }
    return NULL;
}

static int by_name(const void *a, const void *b)
{
    const EnvironmentVariable *left = a, *right = b;
    return strcmp(left->name, right->name);
}

static void add_parameter(GArray *parameters, const char *name, const json_t *value)
{
    EnvironmentVariable one = {(char *)(uintptr_t)name, (char *)(uintptr_t)json_string_value(value)};
    if (one.value)
        g_array_append_val(parameters, one);
}

/* batch: "parameters merged key by key": the job's win. */
GArray *task_parameters(const json_t *spec, const json_t *said)
{
    GArray *parameters = g_array_new(FALSE, FALSE, sizeof(EnvironmentVariable));
    json_t *own = json_object_get(said, "parameters"), *defined = json_object_get(spec, "parameters"), *value;
    const char *name;
    json_object_foreach(own, name, value) add_parameter(parameters, name, value);
    json_object_foreach(defined, name, value)
    {
        if (!json_object_get(own, name))
            add_parameter(parameters, name, value);
    }
    g_array_sort(parameters, by_name);
    return parameters;
}

char **container_command(const json_t *defined, const json_t *own, const GArray *parameters)
{
    const json_t *said = json_object_get(own, "command");
    const json_t *command = json_is_array(said) ? said : json_object_get(defined, "command");
    size_t len = json_array_size(command);
    g_autofree const char **words = g_new0(const char *, len + 1);
    for (size_t i = 0; i < len; i++) {
        const char *word = json_string_value(json_array_get(command, i));
        words[i] = word ? word : "";
    }
    return command_substitute(words, (const EnvironmentVariable *)(const void *)parameters->data,
                              parameters->len);
}
