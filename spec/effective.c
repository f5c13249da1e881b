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

static char **command_substitute(char *const *command, const EnvironmentVariable *parameters, size_t len)
{
    if (!command)
        return NULL;
    size_t count = g_strv_length((char **)(uintptr_t)command);
    char **out = g_new0(char *, count + 1);
    for (size_t i = 0; i < count; i++)
        out[i] = argument_substitute(command[i], parameters, len);
    return out;
}

/* By type; the deprecated members change only what the definition says in the same deprecated member. */
static ResourceNeed need_merge(const JobDefinitionSpec *definition, const JobSpec *job)
{
    ResourceNeed need = definition->need;
    if (definition->vcpus_alias && job->need_alias.vcpus_e4)
        need.vcpus_e4 = job->need_alias.vcpus_e4;
    if (definition->memory_alias && job->need_alias.memory_mib)
        need.memory_mib = job->need_alias.memory_mib;
    if (job->need.vcpus_e4)
        need.vcpus_e4 = job->need.vcpus_e4;
    if (job->need.memory_mib)
        need.memory_mib = job->need.memory_mib;
    if (job->need.gpus)
        need.gpus = job->need.gpus;
    return need;
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
    out->need = need_merge(definition, job);
    out->vcpus_alias = definition->vcpus_alias;
    out->memory_alias = definition->memory_alias;
    out->timeout_ms = job->timeout_ms ? job->timeout_ms : definition->timeout_ms;
    out->retry = retry_strategy_copy(job->retry.attempts ? &job->retry : &definition->retry);
    out->scheduling_priority =
        job->scheduling_priority >= 0 ? job->scheduling_priority : definition->scheduling_priority;
    environment_merge(definition->environment, definition->environment_len, job->environment,
                      job->environment_len, &out->environment, &out->environment_len);
    environment_merge(definition->parameters, definition->parameters_len, job->parameters,
                      job->parameters_len, &out->parameters, &out->parameters_len);
    char *const *command = job->command && job->command[0] ? job->command : definition->command;
    out->command = command_substitute(command, out->parameters, out->parameters_len);
    return out;
}
