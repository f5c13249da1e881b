/* docker_list.h: the answer to a list of containers, read into what is needed of it. Computes only, so that a
 * thread of its own can (docker_reader.h).
 * Owns:   its texts.
 * Calls:  jansson, docker_answer.h.
 * Holds:  what carries no token of a launch is left out. Source: the Engine API 1.41, "List containers". */
#pragma once
#include "reconciler/provider/docker/docker_answer.h"
#include "reconciler/world/launch.h"

/* A container; texts are the list's, NULL where it does not carry them. */
typedef struct {
    const char *id;
    DockerPhase phase;
    LaunchToken token;
    const char *installation, *environment, *volumes;
} DockerListed;

typedef struct {
    GArray *items; /* of DockerListed */
    GStringChunk *texts;
} DockerList;

/* New; NULL: it is no list. */
DockerList *docker_list_read(View body);
void docker_list_free(DockerList *list);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DockerList, docker_list_free)
