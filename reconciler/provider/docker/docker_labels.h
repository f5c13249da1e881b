/* docker_labels.h: what the labels of containers are called. */
#pragma once

#define LABEL_INSTALL     "muster.installation"
#define LABEL_TOKEN       "muster.token"
#define LABEL_JOB         "muster.job"
#define LABEL_ENVIRONMENT "muster.environment"
#define LABEL_CONTAINER   "muster.container"
#define LABEL_ESSENTIAL   "muster.essential"
/* What a later process needs to go on with it. */
#define LABEL_TIMEOUT    "muster.timeout-ms"
#define LABEL_GRACE      "muster.grace-ms"
#define LABEL_PATIENCE   "muster.start-timeout-ms"
#define LABEL_LOG        "muster.log"
#define LABEL_INDEX      "muster.index" /* among its containers */
#define LABEL_TOTAL      "muster.total" /* of them */
#define LABEL_DEPENDS_ON "muster.depends-on"
#define LABEL_GPUS       "muster.gpus"
#define LABEL_VOLUMES    "muster.volumes" /* that go with it, and do not by themselves */
