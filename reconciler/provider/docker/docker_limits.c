/* docker_limits.c: what bounds a container, and the devices that it gets. Source: Docker Engine API 1.41,
 * HostConfig and Resources: sizes are bytes. */
#include <string.h>
#include "reconciler/provider/docker/docker_building.h"
#include "spec/base/units.h"

#define SHARES_PER_VCPU  1024 /* batch: "CPU shares = 1024 × vCPU" */
#define SHARES_MIN       2
#define CPU_PERIOD_US    100000
#define CPU_QUOTA_MIN_US 1000
#define MEMORY_MIN_MIB   6 /* the engine takes no limit below it */

static void set_integer(json_t *object, const char *name, int64_t value)
{
    json_object_set_new(object, name, json_integer(value));
}

/* Shares weigh where the machine is short of processors; a quota holds also where it idles. */
static void set_cpu(const DockerBuilding *building, const DockerPart *part, json_t *host)
{
    int64_t vcpus_e4 = part->need.vcpus_e4;
    if (vcpus_e4 <= 0)
        return;
    set_integer(host, "CpuShares", MAX(vcpus_e4 * SHARES_PER_VCPU / DECIMAL_SCALE, SHARES_MIN));
    if (!json_is_true(json_object_get(part->defined, "cpuQuota")) || !building->context->has_cpu_quota)
        return;
    set_integer(host, "CpuPeriod", CPU_PERIOD_US);
    set_integer(host, "CpuQuota", MAX(vcpus_e4 * CPU_PERIOD_US / DECIMAL_SCALE, CPU_QUOTA_MIN_US));
}

/* batch: without maxSwap the container uses no swap of the host; swappiness counts with it only. */
static void set_swap(const DockerContext *context, const json_t *parameters, int64_t memory, json_t *host)
{
    const json_t *max = json_object_get(parameters, "maxSwap"),
                 *swappiness = json_object_get(parameters, "swappiness");
    if (!context->has_swap_limit)
        return;
    set_integer(host, "MemorySwap", memory + (json_integer_value(max) << MIB_SHIFT));
    if (json_integer_value(max) > 0 && json_is_integer(swappiness) && context->has_swappiness)
        set_integer(host, "MemorySwappiness", json_integer_value(swappiness));
}

static void set_memory(const DockerBuilding *building, const DockerPart *part, json_t *host)
{
    int64_t memory = MAX(part->need.memory_mib, MEMORY_MIN_MIB) << MIB_SHIFT;
    if (part->need.memory_mib <= 0 || !building->context->has_memory_limit)
        return;
    set_integer(host, "Memory", memory);
    set_swap(building->context, json_object_get(part->defined, "linuxParameters"), memory, host);
}

/* Each container gets its own of the attempt's devices. */
static bool set_gpus(DockerBuilding *building, const DockerPart *part, json_t *host, GError **error)
{
    const DockerContext *context = building->context;
    size_t wanted = (size_t)MAX(part->need.gpus, 0);
    if (wanted == 0)
        return true;
    if (wanted > context->gpu_ids_len - building->gpus_given)
        return docker_refuse(error, "container %s needs %zu GPUs, and the attempt has %zu for it", part->name,
                             wanted, context->gpu_ids_len - building->gpus_given);
    json_t *ids = json_array();
    for (size_t i = 0; i < wanted; i++)
        json_array_append_new(ids, json_string(context->gpu_ids[building->gpus_given++]));
    json_object_set_new(host, "DeviceRequests",
                        json_pack("[{s:s,s:i,s:o,s:[[s]]}]", "Driver", "nvidia", "Count", 0, "DeviceIDs", ids,
                                  "Capabilities", "gpu"));
    return true;
}

/* batch: READ, WRITE, MKNOD; all where nothing is said. */
static void permissions_of(const json_t *device, char ret_text[4])
{
    static const struct {
        const char *word;
        char letter;
    } known[] = {{"READ", 'r'}, {"WRITE", 'w'}, {"MKNOD", 'm'}};
    const json_t *said = json_object_get(device, "permissions");
    size_t len = 0, index;
    json_t *permission;
    for (size_t i = 0; i < G_N_ELEMENTS(known); i++) {
        bool is_given = json_array_size(said) == 0;
        json_array_foreach(said, index, permission) is_given |=
            g_strcmp0(json_string_value(permission), known[i].word) == 0;
        if (is_given)
            ret_text[len++] = known[i].letter;
    }
    ret_text[len] = '\0';
}

static void set_devices(const json_t *parameters, json_t *host)
{
    json_t *devices = json_array(), *device;
    size_t index;
    json_array_foreach(json_object_get(parameters, "devices"), index, device)
    {
        const char *path = docker_text(device, "hostPath"), *inside = docker_text(device, "containerPath");
        char permissions[4];
        if (!path)
            continue;
        permissions_of(device, permissions);
        json_array_append_new(devices, json_pack("{s:s,s:s,s:s}", "PathOnHost", path, "PathInContainer",
                                                 inside ? inside : path, "CgroupPermissions", permissions));
    }
    if (json_array_size(devices) > 0)
        json_object_set(host, "Devices", devices);
    json_decref(devices);
}

/* -1: as much as one likes. */
static bool set_ulimits(const DockerPart *part, json_t *host, GError **error)
{
    json_t *limits = json_array(), *limit;
    size_t index;
    bool is_good = true;
    json_array_foreach(json_object_get(part->defined, "ulimits"), index, limit)
    {
        const char *name = docker_text(limit, "name");
        int64_t soft = json_integer_value(json_object_get(limit, "softLimit")),
                hard = json_integer_value(json_object_get(limit, "hardLimit"));
        if (!name)
            continue;
        if (is_good && hard != -1 && (soft > hard || soft == -1))
            is_good = docker_refuse(error, "ulimit %s: softLimit is above hardLimit", name);
        json_array_append_new(limits, json_pack("{s:s,s:I,s:I}", "Name", name, "Soft", (json_int_t)soft,
                                                "Hard", (json_int_t)hard));
    }
    if (json_array_size(limits) > 0)
        json_object_set(host, "Ulimits", limits);
    json_decref(limits);
    return is_good;
}

bool docker_limits_set(DockerBuilding *building, const DockerPart *part, json_t *host, GError **error)
{
    const json_t *parameters = json_object_get(part->defined, "linuxParameters");
    int64_t shared_mib = json_integer_value(json_object_get(parameters, "sharedMemorySize"));
    set_cpu(building, part, host);
    set_memory(building, part, host);
    set_devices(parameters, host);
    if (shared_mib > 0)
        set_integer(host, "ShmSize", shared_mib << MIB_SHIFT);
    if (json_is_true(json_object_get(parameters, "initProcessEnabled")))
        json_object_set_new(host, "Init", json_true());
    return set_ulimits(part, host, error) && set_gpus(building, part, host, error);
}
