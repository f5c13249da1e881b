#include "spec/base/units.h"
#include "spec/decode_value.h"

#define MINUTE_MS             60000
#define HOSTS_MAX             64
#define UPDATE_MINUTES_NORMAL 30 /* of an updatePolicy that does not say */

static const char *const provider_names[] = {[PROVIDER_LOCAL] = "local",
                                             [PROVIDER_DOCKER] = "docker",
                                             [PROVIDER_AWS] = "aws",
                                             [PROVIDER_SIMULATED] = "simulated",
                                             NULL};
static const char *const compute_type_names[] = {[CE_TYPE_EC2] = "EC2",
                                                 [CE_TYPE_SPOT] = "SPOT",
                                                 [CE_TYPE_FARGATE] = "FARGATE",
                                                 [CE_TYPE_FARGATE_SPOT] = "FARGATE_SPOT",
                                                 NULL};
static const char *const allocation_names[] = {
    [ALLOCATION_BEST_FIT] = "BEST_FIT",
    [ALLOCATION_BEST_FIT_PROGRESSIVE] = "BEST_FIT_PROGRESSIVE",
    [ALLOCATION_SPOT_CAPACITY_OPTIMIZED] = "SPOT_CAPACITY_OPTIMIZED",
    [ALLOCATION_SPOT_PRICE_CAPACITY_OPTIMIZED] = "SPOT_PRICE_CAPACITY_OPTIMIZED",
    NULL};
static const char *const state_names[] = {"DISABLED", "ENABLED", NULL};
static const char *const refresh_names[] = {
    [REFRESH_ON_COMMIT] = "onCommit", [REFRESH_CONTINUOUS] = "continuous", [REFRESH_MANUAL] = "manual", NULL};
static const char *const management_names[] = {"MANAGED", "UNMANAGED", NULL};

const char *provider_type_name(ProviderType type)
{
    return type == PROVIDER_UNSET ? "unset" : provider_names[type];
}

bool provider_type_from(View name, ProviderType *ret_type)
{
    for (ProviderType type = PROVIDER_LOCAL; type < PROVIDER_UNSET; type++)
        if (view_is(name, provider_names[type])) {
            *ret_type = type;
            return true;
        }
    return false;
}

/* `local`, or {type: local, region: …}. */
static bool decode_provider(const json_t *root, ComputeEnvironmentSpec *spec, GError **error)
{
    int type = PROVIDER_UNSET;
    const json_t *provider = json_object_get(root, "provider");
    if (json_is_object(provider)) {
        if (!decode_choice(provider, "type", provider_names, &type, error) ||
            !decode_string(provider, "region", &spec->region, error))
            return false;
    } else if (!decode_choice(root, "provider", provider_names, &type, error)) {
        return false;
    }
    spec->provider = (ProviderType)type;
    return true;
}

static bool decode_scaling(const json_t *resources, ComputeEnvironmentSpec *spec, GError **error)
{
    const json_t *scaling;
    int64_t minutes = 0;
    if (!decode_object(resources, "scalingPolicy", &scaling, error) ||
        !decode_integer(scaling, "minScaleDownDelayMinutes", 0, 10080, &minutes, error))
        return false;
    spec->min_scale_down_delay_ms = minutes * MINUTE_MS;
    return true;
}

static bool decode_resources(const json_t *root, ComputeEnvironmentSpec *spec, GError **error)
{
    const json_t *resources;
    int type = -1, allocation = ALLOCATION_BEST_FIT;
    if (!decode_object(root, "computeResources", &resources, error))
        return false;
    if (!resources)
        return true;
    if (!decode_choice(resources, "type", compute_type_names, &type, error) ||
        !decode_choice(resources, "allocationStrategy", allocation_names, &allocation, error) ||
        !decode_integer(resources, "minvCpus", 0, INT32_MAX, &spec->min_vcpus, error) ||
        !decode_integer(resources, "maxvCpus", 0, INT32_MAX, &spec->max_vcpus, error) ||
        !decode_integer(resources, "bidPercentage", 1, 100, &spec->bid_percentage, error) ||
        !decode_bool(resources, "strictMaxvCpus", &spec->strict_max, error) ||
        !decode_strings(resources, "instanceTypes", &spec->instance_types, error))
        return false;
    spec->type_given = type >= 0;
    if (type >= 0)
        spec->type = (ComputeType)type;
    spec->allocation = (AllocationStrategy)allocation;
    return decode_scaling(resources, spec, error);
}

static bool decode_update_policy(const json_t *root, ComputeEnvironmentSpec *spec, GError **error)
{
    const json_t *policy;
    int64_t minutes = UPDATE_MINUTES_NORMAL;
    if (!decode_object(root, "updatePolicy", &policy, error))
        return false;
    if (!policy)
        return true;
    if (!decode_bool(policy, "terminateJobsOnUpdate", &spec->terminate_jobs_on_update, error) ||
        !decode_integer(policy, "jobExecutionTimeoutMinutes", 1, 360, &minutes, error))
        return false;
    spec->update_timeout_ms = minutes * MINUTE_MS;
    return true;
}

static bool decode_budget(const json_t *root, ComputeEnvironmentSpec *spec, GError **error)
{
    const json_t *budget;
    return decode_object(root, "budget", &budget, error) &&
           decode_money(budget, "perDay", &spec->budget_day_micro, error) &&
           decode_money(budget, "perMonth", &spec->budget_month_micro, error);
}

static bool decode_hosts(const json_t *root, ComputeEnvironmentSpec *spec, GError **error)
{
    const json_t *list;
    if (!decode_array(root, "simulatedHosts", &list, error))
        return false;
    size_t len = list ? json_array_size(list) : 0;
    if (len > HOSTS_MAX) {
        g_set_error(error, DECODE_ERROR, DECODE_ERROR_MEMBER, "simulatedHosts has more than %d entries",
                    HOSTS_MAX);
        return false;
    }
    spec->simulated_hosts = g_new0(SimulatedHosts, len);
    spec->simulated_hosts_len = len;
    for (size_t i = 0; i < len; i++) {
        const json_t *item = json_array_get(list, i);
        SimulatedHosts *hosts = &spec->simulated_hosts[i];
        hosts->count = 1;
        if (!decode_integer(item, "count", 1, 100000, &hosts->count, error) ||
            !decode_integer(item, "vcpus", 1, INT32_MAX, &hosts->vcpus, error) ||
            !decode_integer(item, "memoryMiB", 1, INT32_MAX, &hosts->memory_mib, error) ||
            !decode_integer(item, "gpus", 0, INT32_MAX, &hosts->gpus, error))
            return false;
        if (hosts->vcpus && hosts->memory_mib)
            continue;
        g_set_error_literal(error, DECODE_ERROR, DECODE_ERROR_MEMBER,
                            "simulatedHosts is not a list of {count, vcpus, memoryMiB, gpus}");
        return false;
    }
    return true;
}

static bool decode_into(const json_t *root, ComputeEnvironmentSpec *spec, GError **error)
{
    int enabled = 1, unmanaged = 0, refresh = REFRESH_ON_COMMIT;
    if (!decode_provider(root, spec, error) || !decode_choice(root, "state", state_names, &enabled, error) ||
        !decode_choice(root, "type", management_names, &unmanaged, error) ||
        !decode_choice(root, "refresh", refresh_names, &refresh, error) ||
        !decode_integer(root, "unmanagedvCpus", 0, INT32_MAX, &spec->unmanaged_vcpus, error) ||
        !decode_update_policy(root, spec, error) || !decode_budget(root, spec, error))
        return false;
    spec->enabled = enabled;
    spec->refresh = (RefreshMode)refresh;
    spec->has_workspace = json_is_object(json_object_get(root, "workspace"));
    if (!unmanaged)
        return decode_resources(root, spec, error);
    spec->type = CE_TYPE_UNMANAGED;
    spec->type_given = true;
    return decode_hosts(root, spec, error);
}

ComputeEnvironmentSpec *compute_environment_spec_decode(View json, GError **error)
{
    json_t *root = decode_parse(json, error);
    if (!root)
        return NULL;
    g_autoptr(ComputeEnvironmentSpec) spec = g_new0(ComputeEnvironmentSpec, 1);
    spec->bid_percentage = 100;
    spec->unmanaged_vcpus = -1;
    bool good = decode_into(root, spec, error);
    json_decref(root);
    return good ? g_steal_pointer(&spec) : NULL;
}

void compute_environment_spec_free(ComputeEnvironmentSpec *spec)
{
    if (!spec)
        return;
    g_free(spec->region);
    g_strfreev(spec->instance_types);
    g_free(spec->simulated_hosts);
    g_free(spec);
}
