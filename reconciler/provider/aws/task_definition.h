/* task_definition.h: a job definition as a task definition of ECS. Computes only.
 * Source: ECS's RegisterTaskDefinition; batch: "Host-side container options", "Multi-container jobs",
 * "Mapping a job to ECS". Holds:  what is registered depends on the job definition alone (and where it runs),
 * so that one serves all its jobs: ECS lets an account register one a second. What differs by job goes into
 * the overrides of its task (task_run.h). */
#pragma once
#include <glib.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* A directory of EFS that a pipeline's steps share. */
typedef struct {
    const char *file_system_id, *root_directory, *access_point_id; /* the last two may be NULL */
} TaskWorkspace;

typedef struct {
    bool is_fargate;
    int node;                       /* of a multinode job; -1: it is none */
    const char *name;               /* of the job definition: the prefix of its log streams */
    const char *region;             /* where logs go */
    const TaskWorkspace *workspace; /* NULL: none; mounted at TASK_WORKSPACE_PATH in every container */
} TaskDefinitionOptions;

#define TASK_WORKSPACE_PATH "/mnt/muster-workspace"
/* Makes the directory of a run there, before the others of its task start: the image of the first of them has
 * to have mkdir. */
#define TASK_WORKSPACE_CONTAINER "muster-workspace"

/* The body of RegisterTaskDefinition without family and tags; a new reference. spec: a JobDefinition's,
 * canonical, with Batch's members. NULL with error (G_CONVERT_ERROR_ILLEGAL_SEQUENCE): it cannot run there,
 * and why. */
json_t *task_definition_body(const json_t *spec, const TaskDefinitionOptions *options, GError **error);
/* The same for the same body, whatever order its members came in: a tag, so that it is found again. New
 * string of 64 hexadecimal digits. */
char *task_definition_digest(const json_t *body);
/* muster-NAME, with -DIGEST where that had to be cut or changed. New string that ECS takes as a family. */
char *task_definition_family(const char *name);
/* Names of the containers whose exit codes count, for task_state_read(); NULL-terminated, and borrowed from
 * body, but for the list. */
const char **task_definition_essential(const json_t *body);
/* The same of a job definition's spec; node: -1: of no multinode job. Borrowed from spec but for the array.
 */
const char **task_definition_essential_of(const json_t *spec, int node);
