/* task_part.h: which containers one attempt of a job has, and what the job says otherwise of each.
 * Owns:   nothing; JSON that is handed out is borrowed from what was given.
 * Calls:  jansson, spec/base.
 * Holds:  spec is a job definition's in canonical form, said a SubmitJob request's; what is absent in one of
 * them is no error. Source: batch: "Multi-container jobs", "Overrides at submission", "Multi-node parallel
 * jobs". */
#pragma once
#include "spec/decode.h"

#define TASK_CONTAINER "default" /* what the only container of a definition is called */

typedef struct {
    const json_t *task;    /* the members that are the task's: containerProperties, or taskProperties[0] */
    const json_t *several; /* of ecsProperties: its containers; NULL: task is the only one */
} TaskPart;

/* node: of a multinode job; -1: it is none. False with error (DECODE_ERROR_MEMBER): the definition has no
 * container, or none for this node. */
bool task_part_find(const json_t *spec, int node, TaskPart *ret_part, GError **error);
/* The same of an element of nodeRangeProperties. False: it has none. */
bool task_part_of_range(const json_t *range, TaskPart *ret_part);
size_t task_part_len(const TaskPart *part);
const json_t *task_part_container(const TaskPart *part, size_t index);
/* New: the container's own name, else "default", "default-2", … by its place. */
char *task_part_name(const TaskPart *part, size_t index);
/* The range that says what a node is, as it is written ("0:3"); NULL: none. */
const char *task_node_range(const json_t *spec, int node);

/* What resourceRequirements, vcpus and memory of a container, or of what overrides it, say. */
ResourceNeed container_need(const json_t *container);

/* What the job, or what it says of its node, says of the container of that name; NULL: nothing. */
const json_t *task_override(const json_t *said, const json_t *spec, int node, const char *name);
/* New array of EnvironmentVariable, sorted by name, whose texts are borrowed from both: those of the job win
 * over those of the definition. */
GArray *task_parameters(const json_t *spec, const json_t *said);
/* New: the command of a container with its parameters put in; empty: as the image says. own: what
 * task_override() found, or NULL. */
char **container_command(const json_t *defined, const json_t *own, const GArray *parameters);
