#include "spec/decode_value.h"

static const char *const dependency_type_names[] = {"", "N_TO_N", "SEQUENTIAL", NULL};
static const char *const condition_names[] = {"success", "completion", NULL};
static const char *const on_delete_names[] = {"keep", "cancel", "terminate", NULL};

static bool decode_dependency(const json_t *item, DependencySpec *dependency, GError **error)
{
    int type = DEPENDENCY_PLAIN, condition = CONDITION_SUCCESS;
    if (!json_is_object(item)) {
        g_set_error_literal(error, DECODE_ERROR, DECODE_ERROR_MEMBER, "dependsOn is not a list of objects");
        return false;
    }
    if (!decode_string(item, "jobId", &dependency->job_id, error) ||
        !decode_string(item, "job", &dependency->job, error) ||
        !decode_choice(item, "type", dependency_type_names, &type, error) ||
        !decode_choice(item, "condition", condition_names, &condition, error))
        return false;
    dependency->type = (DependencyType)type;
    dependency->condition = (DependencyCondition)condition;
    /* Batch treats SEQUENTIAL with a job as a plain dependency. */
    if (dependency->type == DEPENDENCY_SEQUENTIAL && (dependency->job_id || dependency->job))
        dependency->type = DEPENDENCY_PLAIN;
    return true;
}

static bool decode_dependencies(const json_t *root, JobSpec *spec, GError **error)
{
    const json_t *list;
    if (!decode_array(root, "dependsOn", &list, error))
        return false;
    spec->depends_on_len = list ? json_array_size(list) : 0;
    spec->depends_on = g_new0(DependencySpec, spec->depends_on_len);
    for (size_t i = 0; i < spec->depends_on_len; i++)
        if (!decode_dependency(json_array_get(list, i), &spec->depends_on[i], error))
            return false;
    return true;
}

static bool decode_overrides(const json_t *root, JobSpec *spec, GError **error)
{
    const json_t *overrides;
    if (!decode_object(root, "containerOverrides", &overrides, error))
        return false;
    return !overrides ||
           (decode_strings(overrides, "command", &spec->command, error) &&
            decode_environment(overrides, "environment", &spec->environment, &spec->environment_len, error) &&
            decode_need(overrides, &spec->need, &spec->need_alias, error));
}

static bool decode_size(const json_t *root, JobSpec *spec, GError **error)
{
    const json_t *properties, *array;
    if (!decode_object(root, "arrayProperties", &properties, error) ||
        !decode_object(root, "array", &array, error))
        return false;
    if (properties && !decode_integer(properties, "size", 0, 10000, &spec->array_size, error))
        return false;
    spec->array_dynamic = array;
    return !array || (decode_string(array, "fromFile", &spec->array_file, error) &&
                      decode_string(array, "fromParameter", &spec->array_parameter, error));
}

static bool decode_into(const json_t *root, JobSpec *spec, GError **error)
{
    int64_t priority = -1;
    if (!decode_string(root, "jobName", &spec->name, error) ||
        !decode_string(root, "name", &spec->name, error) ||
        !decode_string(root, "jobQueue", &spec->queue, error) ||
        !decode_string(root, "jobDefinition", &spec->definition, error) ||
        !decode_string(root, "shareIdentifier", &spec->share_identifier, error) ||
        !decode_integer(root, "schedulingPriorityOverride", 0, 9999, &priority, error) ||
        !decode_size(root, spec, error) || !decode_dependencies(root, spec, error) ||
        !decode_parameters(root, "parameters", &spec->parameters, &spec->parameters_len, error) ||
        !decode_overrides(root, spec, error) || !decode_node_overrides(root, spec, error) ||
        !decode_consumables(root, "consumableResourcePropertiesOverride", &spec->consumables_given,
                            &spec->consumables, &spec->consumables_len, error) ||
        !decode_retry(root, &spec->retry, error) || !decode_timeout(root, &spec->timeout_ms, error) ||
        !decode_rerun_on(root, &spec->rerun_on_definition, error))
        return false;
    spec->scheduling_priority = (int)priority;
    return true;
}

JobSpec *job_spec_from_json(const json_t *json, GError **error)
{
    if (!json_is_object(json)) {
        g_set_error_literal(error, DECODE_ERROR, DECODE_ERROR_SYNTAX, "not a JSON object");
        return NULL;
    }
    g_autoptr(JobSpec) spec = g_new0(JobSpec, 1);
    spec->scheduling_priority = -1;
    return decode_into(json, spec, error) ? g_steal_pointer(&spec) : NULL;
}

JobSpec *job_spec_decode(View json, GError **error)
{
    json_t *root = decode_parse(json, error);
    if (!root)
        return NULL;
    JobSpec *spec = job_spec_from_json(root, error);
    json_decref(root);
    return spec;
}

void job_spec_free(JobSpec *spec)
{
    if (!spec)
        return;
    g_free(spec->name);
    g_free(spec->queue);
    g_free(spec->definition);
    g_free(spec->share_identifier);
    g_free(spec->array_file);
    g_free(spec->array_parameter);
    for (size_t i = 0; i < spec->depends_on_len; i++) {
        g_free(spec->depends_on[i].job_id);
        g_free(spec->depends_on[i].job);
    }
    g_free(spec->depends_on);
    environment_clear(spec->parameters, spec->parameters_len);
    g_strfreev(spec->command);
    environment_clear(spec->environment, spec->environment_len);
    retry_strategy_clear(&spec->retry);
    node_overrides_clear(spec->node_overrides, spec->node_overrides_len);
    consumables_clear(&spec->consumables, &spec->consumables_len);
    g_free(spec);
}

OnDelete job_on_delete(View json)
{
    return (OnDelete)decode_choice_of(json, "onDelete", on_delete_names, ON_DELETE_KEEP);
}
