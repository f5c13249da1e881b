/* docker_doctor.h: what the doctor says of a container engine. Computes only.
 * Calls:  jansson, docker_plan.h.
 * Holds:  each check that is not ok has a cure. Source: the Engine API 1.41, "Get system information". */
#pragma once
#include "reconciler/provider/docker/docker_plan.h"

/* Borrowed. */
typedef struct {
    const DockerWants *wants; /* of job definitions */
    bool is_needed;           /* some environment runs there; else nobody is known to need it */
    const char *where;        /* the address that was asked */
    const char *version;      /* of the API; NULL: it did not answer */
    int64_t free_bytes;       /* of its disk; -1: not known */
} DockerChecking;

/* As Host.doctor (ports.h) has them, new. */
json_t *docker_doctor_checks(const DockerChecking *checking, const DockerFacts *facts);
