#include "reconciler/provider/aws/host_state.h"
#include "reconciler/provider/aws/ecs_words.h"
#include <string.h>

/* ---- EC2 ---- */

static bool state_of(const char *name, Ec2State *ret_state)
{
    static const struct {
        const char *name;
        Ec2State state;
    } states[] = {{"pending", EC2_PENDING},       {"running", EC2_RUNNING}, {"shutting-down", EC2_ENDING},
                  {"terminated", EC2_TERMINATED}, {"stopping", EC2_ENDING}, {"stopped", EC2_STOPPED}};
    for (size_t i = 0; name && i < G_N_ELEMENTS(states); i++)
        if (strcmp(states[i].name, name) == 0) {
            *ret_state = states[i].state;
            return true;
        }
    return false;
}

static Ec2End end_of(const char *code)
{
    static const struct {
        const char *code;
        Ec2End end;
    } ends[] = {{"Client.UserInitiatedShutdown", EC2_END_ASKED},
                {"Client.UserInitiatedHibernate", EC2_END_ASKED},
                {"Client.InstanceInitiatedShutdown", EC2_END_ITSELF},
                {"Server.SpotInstanceTermination", EC2_END_RECLAIMED},
                {"Server.SpotInstanceShutdown", EC2_END_RECLAIMED}};
    for (size_t i = 0; code && i < G_N_ELEMENTS(ends); i++)
        if (strcmp(ends[i].code, code) == 0)
            return ends[i].end;
    return code && *code ? EC2_END_FAILED : EC2_END_ASKED;
}

/* "2026-01-15T12:00:00.000Z" */
static int64_t time_of(const char *text)
{
    g_autoptr(GTimeZone) utc = g_time_zone_new_utc();
    g_autoptr(GDateTime) at = text ? g_date_time_new_from_iso8601(text, utc) : NULL;
    return at ? g_date_time_to_unix(at) * 1000 + g_date_time_get_microsecond(at) / 1000 : 0;
}

void ec2_instances_each(const XmlElement *answer, Ec2InstanceFunc each, void *data)
{
    const XmlElement *reservation = xml_find(answer, "reservationSet/item");
    for (; reservation; reservation = xml_next(reservation))
        for (const XmlElement *item = xml_find(reservation, "instancesSet/item"); item; item = xml_next(item))
            each(item, data);
}

bool ec2_instance_read(const XmlElement *item, Ec2Instance *ret_instance)
{
    *ret_instance = (Ec2Instance){.id = xml_text(item, "instanceId"),
                                  .type = xml_text(item, "instanceType"),
                                  .zone = xml_text(item, "placement/availabilityZone"),
                                  .subnet_id = xml_text(item, "subnetId"),
                                  .image_id = xml_text(item, "imageId"),
                                  .client_token = xml_text(item, "clientToken"),
                                  .reason_code = xml_text(item, "stateReason/code"),
                                  .reason = xml_text(item, "stateReason/message"),
                                  .is_spot = g_strcmp0(xml_text(item, "instanceLifecycle"), "spot") == 0,
                                  .launched_ms = time_of(xml_text(item, "launchTime"))};
    ret_instance->end = end_of(ret_instance->reason_code);
    return ret_instance->id && *ret_instance->id &&
           state_of(xml_text(item, "instanceState/name"), &ret_instance->state);
}

const char *ec2_instance_tag(const XmlElement *item, const char *name)
{
    for (const XmlElement *tag = xml_find(item, "tagSet/item"); tag; tag = xml_next(tag))
        if (g_strcmp0(xml_text(tag, "key"), name) == 0)
            return xml_text(tag, "value");
    return NULL;
}

/* ---- ECS ---- */

static bool status_of(const char *name, HostStatus *ret_status)
{
    static const struct {
        const char *name;
        HostStatus status;
    } statuses[] = {{"ACTIVE", HOST_ACTIVE},      {"DRAINING", HOST_DRAINING},
                    {"REGISTERING", HOST_COMING}, {"DEREGISTERING", HOST_GONE},
                    {"INACTIVE", HOST_GONE},      {"REGISTRATION_FAILED", HOST_GONE}};
    for (size_t i = 0; name && i < G_N_ELEMENTS(statuses); i++)
        if (strcmp(statuses[i].name, name) == 0) {
            *ret_status = statuses[i].status;
            return true;
        }
    return false;
}

static const json_t *resource_of(const json_t *host, const char *list, const char *name)
{
    return ecs_named(json_object_get(host, list), name);
}

static int64_t number_of(const json_t *host, const char *list, const char *name)
{
    const json_t *resource = resource_of(host, list, name);
    json_int_t value = json_integer_value(json_object_get(resource, "integerValue"));
    return CLAMP(value, 0, G_MAXINT32);
}

const char **ecs_host_gpu_ids(const json_t *host)
{
    GPtrArray *ids = g_ptr_array_new();
    const json_t *list = json_object_get(resource_of(host, "registeredResources", "GPU"), "stringSetValue");
    size_t index;
    json_t *id;
    json_array_foreach(list, index, id)
    {
        if (json_is_string(id))
            g_ptr_array_add(ids, (gpointer)(uintptr_t)json_string_value(id));
    }
    g_ptr_array_add(ids, NULL);
    return (const char **)g_ptr_array_free(ids, FALSE);
}

bool ecs_host_read(const json_t *host, EcsHost *ret_host)
{
    g_autofree const char **gpus = ecs_host_gpu_ids(host);
    *ret_host =
        (EcsHost){.arn = ecs_text(host, "containerInstanceArn"),
                  .ec2_instance_id = ecs_text(host, "ec2InstanceId"),
                  .reason = ecs_text(host, "statusReason"),
                  .is_connected = json_is_true(json_object_get(host, "agentConnected")),
                  .vcpus_e4 = number_of(host, "registeredResources", "CPU") * 10000 / ECS_CPU_UNITS,
                  .memory_mib = number_of(host, "registeredResources", "MEMORY"),
                  .free_vcpus_e4 = number_of(host, "remainingResources", "CPU") * 10000 / ECS_CPU_UNITS,
                  .free_memory_mib = number_of(host, "remainingResources", "MEMORY"),
                  .gpus = (int)g_strv_length((char **)(uintptr_t)gpus),
                  .version = json_integer_value(json_object_get(host, "version"))};
    return ret_host->arn && status_of(ecs_text(host, "status"), &ret_host->status);
}
