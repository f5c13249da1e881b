/* task_run.h: one job as a task of its definition. Computes only.
 * Source: ECS's RunTask; batch: "Mapping a job to ECS". */
#pragma once
#include "reconciler/provider/aws/task_definition.h"

#define TASK_OVERRIDES_MAX 8192 /* characters of their JSON, by ECS */
#define TASK_TOKEN_MAX     64   /* characters of a client token */
#define TASK_STARTED_BY    36   /* characters that every call takes */

/* What a job has of its own in one container; what is NULL, or 0, is as the definition says. */
typedef struct {
    const char *name;
    const char *const *command;
    const char *const *environment; /* "NAME=VALUE": all of it, what the definition says too */
    int64_t vcpus_e4, memory_mib;
    int gpus;
} TaskContainer;

/* The overrides of RunTask: what differs from body. Sizes that the task itself has are its. A new reference.
 */
json_t *task_overrides(const json_t *body, const TaskContainer *containers, size_t len);
/* Whether ECS takes so much. */
bool task_overrides_fit(const json_t *overrides);
/* Where they do not: a definition of the job's own, which holds them. A new reference. */
json_t *task_definition_with(const json_t *body, const json_t *overrides);

typedef struct {
    const char *cluster, *definition; /* ARN or family:revision */
    const char *client_token, *started_by;
    const char *instance_id;      /* EC2: "i-…", where it is to run */
    bool is_fargate, is_spot;     /* FARGATE_SPOT */
    const char *platform_version; /* Fargate; NULL: LATEST */
    const char *const *subnets,
        *const *security_groups; /* awsvpc: NULL-terminated; NULL: the hosts' own network */
    bool has_public_ip;
    bool allows_exec;
    const json_t *tags; /* [{key, value}…], borrowed; NULL: none */
} TaskPlacement;

/* What a job definition (its spec, borrowed) says of Fargate goes into placement: public address, platform.
 * NULL: it says nothing. */
void task_placement_of_spec(const json_t *spec, TaskPlacement *placement);

/* The body of RunTask; overrides: borrowed. A new reference. */
json_t *task_run_body(const TaskPlacement *placement, const json_t *overrides);
