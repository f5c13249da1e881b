/* task_log.h: where an attempt on AWS logs: which stream of CloudWatch. Computes only.
 * Source: batch: "Logs"; ECS's awslogs driver: PREFIX/CONTAINER/TASK-ID. */
#pragma once
#include <jansson.h>
#include "spec/base/view.h"

/* {"group", "stream", "region"}, a new reference; NULL: definition_spec has another driver, or task is no
 * task's ARN. definition: "NAME:REVISION". node: of a multinode job; -1: it is none. Of several containers
 * the first one's. */
json_t *task_log_place(View task, const char *definition, View definition_spec, int32_t node);
