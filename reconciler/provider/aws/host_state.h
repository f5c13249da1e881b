/* host_state.h: what EC2 says of an instance, and ECS of the container instance on it. Computes only.
 * Source: EC2's Instance, ECS's ContainerInstance; batch: "Memory, CPU and GPU accounting". */
#pragma once
#include <glib.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include "reconciler/provider/aws/xml.h"

typedef enum {
    EC2_PENDING,
    EC2_RUNNING,
    EC2_ENDING, /* shutting down, stopping */
    EC2_STOPPED,
    EC2_TERMINATED
} Ec2State;

typedef enum {
    EC2_END_ASKED,     /* somebody called the API: we, or a person */
    EC2_END_RECLAIMED, /* Spot */
    EC2_END_ITSELF,    /* it shut itself down: idle for too long, or a person on it */
    EC2_END_FAILED /* it never came up, or the hardware went; reason_code says which error (aws_error.h) */
} Ec2End;

/* Texts are borrowed from the element, and NULL where it says nothing. */
typedef struct {
    const char *id, *type, *zone, *subnet_id, *image_id, *client_token;
    const char *reason_code, *reason; /* stateReason */
    Ec2State state;
    Ec2End end; /* ENDING, STOPPED, TERMINATED */
    bool is_spot;
    int64_t launched_ms; /* 0: not known */
} Ec2Instance;

typedef void (*Ec2InstanceFunc)(const XmlElement *item, void *data);
/* Every item of the instancesSets of an answer of DescribeInstances. */
void ec2_instances_each(const XmlElement *answer, Ec2InstanceFunc each, void *data);
/* item: of instancesSet. False: it has no id, or a state that is none. */
bool ec2_instance_read(const XmlElement *item, Ec2Instance *ret_instance);
/* NULL: it has no such tag. */
const char *ec2_instance_tag(const XmlElement *item, const char *name);

/* ---- on it ---- */

typedef enum {
    HOST_ACTIVE,
    HOST_DRAINING, /* tasks on it go on; none comes */
    HOST_COMING,   /* REGISTERING */
    HOST_GONE      /* DEREGISTERING, INACTIVE, REGISTRATION_FAILED */
} HostStatus;

typedef struct {
    const char *arn, *ec2_instance_id, *reason;
    HostStatus status;
    bool is_connected;                      /* its agent; a while without is usual */
    int64_t vcpus_e4, memory_mib;           /* registered */
    int64_t free_vcpus_e4, free_memory_mib; /* what no task has */
    int gpus;
    int64_t version;
} EcsHost;

/* False: it has no ARN, or a status that is none. */
bool ecs_host_read(const json_t *host, EcsHost *ret_host);
/* Ids of its GPUs, NULL-terminated, a new list of borrowed texts. */
const char **ecs_host_gpu_ids(const json_t *host);
