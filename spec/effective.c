/* effective.c: job_effective() of decode.h: a definition with a job's overrides merged in by Batch's rules.
 */
#include "spec/decode_value.h"

static const char *variable_find(const EnvironmentVariable *list, size_t len, View name)
{
    size_t low = 0, high = len;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = view_compare(view_from(list[middle].name), name);
        if (order == 0)
            return list[middle].value;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

static bool name_byte(char byte)
{
    return g_ascii_isalnum(byte) || byte == '_' || byte == '-';
}

/* Replaces every Ref::name that has a value, once: what was put in is not looked at again. */
static char *argument_substitute(const char *argument, const EnvironmentVariable *parameters, size_t len)
{
    const char *at = strstr(argument, "Ref::");
    if (!at || !len)
        return g_strdup(argument);
    GString *out = g_string_new(NULL);
    const char *rest = argument;
    while (at) {
        const char *name = at + strlen("Ref::"), *end = name;
        while (name_byte(*end))
            end++;
        const char *value = variable_find(parameters, len, (View){name, (size_t)(end - name)});
        g_string_append_len(out, rest, at - rest);
        if (value)
            g_string_append(out, value);
        else
            g_string_append_len(out, at, end - at);
        rest = end;
        at = strstr(rest, "Ref::");
    }
    g_string_append(out, rest);
    return g_string_free(out, FALSE);
}

char **command_substitute(const char *const *command, const EnvironmentVariable *parameters, size_t len)
{
    if (!command)
        return NULL;
    size_t count = g_strv_length((char **)(uintptr_t)command);
    char **out = g_new0(char *, count + 1);
    for (size_t i = 0; i < count; i++)
        out[i] = argument_substitute(command[i], parameters, len);
    return out;
}

ResourceNeed need_merge(ResourceNeed base, bool vcpus_alias, bool memory_alias, ResourceNeed need,
                        ResourceNeed need_alias)
{
    if (vcpus_alias && need_alias.vcpus_e4)
        base.vcpus_e4 = need_alias.vcpus_e4;
    if (memory_alias && need_alias.memory_mib)
        base.memory_mib = need_alias.memory_mib;
    if (need.vcpus_e4)
        base.vcpus_e4 = need.vcpus_e4;
    if (need.memory_mib)
        base.memory_mib = need.memory_mib;
    if (need.gpus)
        base.gpus = need.gpus;
    return base;
}

/* The override of the range that the main node is in says what the main node runs. */
static const NodeOverride *main_override(JobDefinitionSpec *out, const JobSpec *job)
{
    const NodeRange *range = node_range_of(out->ranges, out->ranges_len, out->main_node, out->nodes);
    for (size_t i = 0; range && i < job->node_overrides_len; i++)
        if (!strcmp(job->node_overrides[i].target, range->target))
            return &job->node_overrides[i];
    return NULL;
}

static void nodes_effective(JobDefinitionSpec *out, const JobDefinitionSpec *definition, const JobSpec *job)
{
    nodes_copy(definition, out);
    if (job->nodes)
        out->nodes = job->nodes;
    nodes_override(out, job->node_overrides, job->node_overrides_len);
}

static void consumables_effective(JobDefinitionSpec *out, const JobDefinitionSpec *definition,
                                  const JobSpec *job)
{
    if (!job->consumables_given) {
        if (!definition->ranges_len)
            consumables_add(&out->consumables, &out->consumables_len, definition->consumables,
                            definition->consumables_len, 1);
        return;
    }
    consumables_clear(&out->consumables, &out->consumables_len);
    consumables_add(&out->consumables, &out->consumables_len, job->consumables, job->consumables_len, 1);
}

static void environment_effective(JobDefinitionSpec *out, const JobDefinitionSpec *definition,
                                  const JobSpec *job, const NodeOverride *node)
{
    environment_merge(definition->environment, definition->environment_len, job->environment,
                      job->environment_len, &out->environment, &out->environment_len);
    if (!node || !node->environment_len)
        return;
    EnvironmentVariable *merged = out->environment;
    size_t len = out->environment_len;
    environment_merge(merged, len, node->environment, node->environment_len, &out->environment,
                      &out->environment_len);
    environment_clear(merged, len);
}

static char **command_effective(const JobDefinitionSpec *out, const JobDefinitionSpec *definition,
                                const JobSpec *job, const NodeOverride *node)
{
    char *const *command = job->command && job->command[0] ? job->command : definition->command;
    if (node && node->command && node->command[0])
        command = node->command;
    return command_substitute((const char *const *)command, out->parameters, out->parameters_len);
}

JobDefinitionSpec *job_effective(const JobDefinitionSpec *definition, const JobSpec *job)
{
    JobDefinitionSpec *out = g_new0(JobDefinitionSpec, 1);
    out->platform = definition->platform;
    out->image = g_strdup(definition->image);
    out->user = g_strdup(definition->user);
    out->architecture = g_strdup(definition->architecture);
    out->beyond_process = g_strdupv(definition->beyond_process);
    out->nodes = definition->nodes;
    out->need = definition->need;
    if (definition->ranges_len)
        nodes_effective(out, definition, job);
    out->need =
        need_merge(out->need, definition->vcpus_alias, definition->memory_alias, job->need, job->need_alias);
    consumables_effective(out, definition, job);
    out->vcpus_alias = definition->vcpus_alias;
    out->memory_alias = definition->memory_alias;
    out->timeout_ms = job->timeout_ms ? job->timeout_ms : definition->timeout_ms;
    out->retry = retry_strategy_copy(job->retry.attempts ? &job->retry : &definition->retry);
    out->scheduling_priority =
        job->scheduling_priority >= 0 ? job->scheduling_priority : definition->scheduling_priority;
    environment_merge(definition->parameters, definition->parameters_len, job->parameters,
                      job->parameters_len, &out->parameters, &out->parameters_len);
    const NodeOverride *node = main_override(out, job);
    environment_effective(out, definition, job, node);
    out->command = command_effective(out, definition, job, node);
    return out;
}
