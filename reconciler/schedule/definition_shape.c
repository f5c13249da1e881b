#include "reconciler/schedule/definition_shape.h"

#include "spec/base/units.h"
#include "spec/json_scan.h"

/* Members of the resource requirement that is being read. */
static bool requirement_read(JsonScan *scan, ResourceNeed *need)
{
    View key, type = {NULL, 0}, value = {NULL, 0};
    int64_t amount_e4 = 0;
    if (!json_scan_open(scan, '{'))
        return false;
    while (json_scan_key(scan, &key))
        if (!json_scan_string(scan, view_is(key, "type") ? &type : &value))
            return false;
    if (!decimal_parse(value, &amount_e4) || amount_e4 <= 0)
        return false;
    if (view_is(type, "VCPU"))
        need->vcpus_e4 = amount_e4;
    else if (view_is(type, "MEMORY"))
        need->memory_mib = amount_e4 / DECIMAL_SCALE;
    else if (view_is(type, "GPU"))
        need->gpus = amount_e4 / DECIMAL_SCALE;
    else
        return false;
    return true;
}

static bool requirements_read(JsonScan *scan, ResourceNeed *need)
{
    if (!json_scan_open(scan, '['))
        return false;
    while (json_scan_item(scan))
        if (!requirement_read(scan, need))
            return false;
    return true;
}

/* False for what is not an everyday container: then the whole spec is decoded. */
static bool container_read(JsonScan *scan, DefinitionShape *shape)
{
    static const char *const unusual[] = {"vcpus", "memory", "secrets", "volumes"};
    View key;
    if (!json_scan_open(scan, '{'))
        return false;
    while (json_scan_key(scan, &key)) {
        for (size_t i = 0; i < G_N_ELEMENTS(unusual); i++)
            if (view_is(key, unusual[i]))
                return false;
        if (view_is(key, "resourceRequirements")) {
            if (!requirements_read(scan, &shape->need))
                return false;
            continue;
        }
        shape->has_command =
            shape->has_command || view_is(key, "command"); /* empty lists are not in the form */
        if (!json_scan_skip(scan))
            return false;
    }
    return true;
}

/* The everyday definition: one container, nothing that only some machines have. */
static bool shape_scan(View spec, DefinitionShape *shape)
{
    static const char *const unusual[] = {"ecsProperties", "nodeProperties", "platformCapabilities"};
    JsonScan scan = json_scan(spec);
    View key;
    bool container = false;
    if (!json_scan_open(&scan, '{'))
        return false;
    while (json_scan_key(&scan, &key)) {
        for (size_t i = 0; i < G_N_ELEMENTS(unusual); i++)
            if (view_is(key, unusual[i]))
                return false;
        container = container || view_is(key, "containerProperties");
        bool good =
            view_is(key, "containerProperties") ? container_read(&scan, shape) : json_scan_skip(&scan);
        if (!good)
            return false;
    }
    return container;
}

static bool shape_decode(View spec, DefinitionShape *shape)
{
    g_autoptr(JobDefinitionSpec) decoded = job_definition_spec_decode(spec, NULL);
    if (!decoded)
        return false;
    *shape = (DefinitionShape){.need = decoded->need,
                               .nodes = decoded->nodes,
                               .platform = decoded->platform,
                               .has_command = decoded->command && decoded->command[0]};
    g_autofree char *beyond = g_strjoinv(" ", decoded->beyond_process);
    g_strlcpy(shape->beyond, beyond, sizeof shape->beyond);
    if (decoded->node_instance_type)
        g_strlcpy(shape->node_type, decoded->node_instance_type, sizeof shape->node_type);
    return true;
}

bool definition_shape_read(View spec, DefinitionShape *ret_shape)
{
    DefinitionShape shape = {.nodes = 1, .platform = PLATFORM_EC2};
    if (!shape_scan(spec, &shape) && !shape_decode(spec, &shape))
        return false;
    *ret_shape = shape;
    return true;
}

/* Adds what containerOverrides change; false for members that only a decoded spec tells about. */
static bool overrides_read(JsonScan *scan, DefinitionShape *shape)
{
    View key;
    if (!json_scan_open(scan, '{'))
        return false;
    while (json_scan_key(scan, &key)) {
        bool good = view_is(key, "resourceRequirements") ? requirements_read(scan, &shape->need)
                    : view_is(key, "command") || view_is(key, "environment") ? json_scan_skip(scan)
                                                                             : false;
        if (!good)
            return false;
        shape->has_command = shape->has_command || view_is(key, "command");
    }
    return true;
}

bool definition_shape_override(View job, DefinitionShape *shape)
{
    DefinitionShape effective = *shape;
    JsonScan scan = json_scan(job);
    View key;
    if (!json_scan_open(&scan, '{'))
        return false;
    while (json_scan_key(&scan, &key)) {
        bool good = view_is(key, "containerOverrides") ? overrides_read(&scan, &effective)
                    : view_is(key, "nodeOverrides")    ? false
                                                       : json_scan_skip(&scan);
        if (!good)
            return false;
    }
    *shape = effective;
    return true;
}

guint definition_shape_hash(const DefinitionShape *shape)
{
    uint64_t hash = (uint64_t)shape->need.vcpus_e4 * 0x9e3779b97f4a7c15u;
    hash = (hash ^ (uint64_t)shape->need.memory_mib) * 0x9e3779b97f4a7c15u;
    hash = (hash ^ (uint64_t)shape->need.gpus ^ (uint64_t)shape->nodes << 16) * 0x9e3779b97f4a7c15u;
    return (guint)(hash >> 32) ^ g_str_hash(shape->beyond) ^ g_str_hash(shape->node_type) ^
           (guint)shape->platform << 1 ^ shape->has_command;
}

bool definition_shape_equal(const DefinitionShape *a, const DefinitionShape *b)
{
    return a->need.vcpus_e4 == b->need.vcpus_e4 && a->need.memory_mib == b->need.memory_mib &&
           a->need.gpus == b->need.gpus && a->nodes == b->nodes && a->platform == b->platform &&
           a->has_command == b->has_command && !strcmp(a->beyond, b->beyond) &&
           !strcmp(a->node_type, b->node_type);
}
