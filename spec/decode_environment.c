#include "spec/decode_value.h"

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
static const char *const state_names[] = {"DISABLED", "ENABLED", NULL};
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

static bool decode_resources(const json_t *root, ComputeEnvironmentSpec *spec, GError **error)
{
    const json_t *resources;
    int type = -1;
    if (!decode_object(root, "computeResources", &resources, error))
        return false;
    if (!resources)
        return true;
    if (!decode_choice(resources, "type", compute_type_names, &type, error) ||
        !decode_integer(resources, "minvCpus", 0, INT32_MAX, &spec->min_vcpus, error) ||
        !decode_integer(resources, "maxvCpus", 0, INT32_MAX, &spec->max_vcpus, error) ||
        !decode_strings(resources, "instanceTypes", &spec->instance_types, error))
        return false;
    spec->type_given = type >= 0;
    if (type >= 0)
        spec->type = (ComputeType)type;
    return true;
}

static bool decode_into(const json_t *root, ComputeEnvironmentSpec *spec, GError **error)
{
    int enabled = 1, unmanaged = 0;
    if (!decode_provider(root, spec, error) || !decode_choice(root, "state", state_names, &enabled, error) ||
        !decode_choice(root, "type", management_names, &unmanaged, error))
        return false;
    spec->enabled = enabled;
    if (!unmanaged)
        return decode_resources(root, spec, error);
    spec->type = CE_TYPE_UNMANAGED;
    spec->type_given = true;
    return true;
}

ComputeEnvironmentSpec *compute_environment_spec_decode(View json, GError **error)
{
    json_t *root = decode_parse(json, error);
    if (!root)
        return NULL;
    g_autoptr(ComputeEnvironmentSpec) spec = g_new0(ComputeEnvironmentSpec, 1);
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
    g_free(spec);
}
