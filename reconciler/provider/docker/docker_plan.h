/* docker_plan.h: what a plan says of the images that its job definitions need, and of what the engine cannot
 * enforce. Computes only.
 * Owns:   the names that it collected.
 * Calls:  jansson, docker_image.h, spec/task_part.h.
 * Holds:  the same definitions and facts give the same sentences, in whatever order they came. Source: the
 * Engine API 1.41, "Get system information", "List Images". */
#pragma once
#include <glib.h>
#include <jansson.h>
#include <stdbool.h>

/* What is known of the engine; borrowed. */
typedef struct {
    const char *fault;    /* why it cannot be asked; NULL: it was */
    const json_t *info;   /* GET /info */
    const json_t *images; /* GET /images/json; NULL: not known */
} DockerFacts;

typedef struct DockerWants DockerWants;
DockerWants *docker_wants_new(void);
void docker_wants_free(DockerWants *wants);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DockerWants, docker_wants_free)
/* spec: a job definition's, canonical. */
void docker_wants_add(DockerWants *wants, const json_t *spec);
/* What jobs may ask for and the machine's kernel or the engine has not: "memory, cpuQuota"; new. NULL:
 * nothing. */
char *docker_wants_lacking(const DockerWants *wants, const json_t *info);
/* Those that are there (else are not), each once, by name; of an image that is pulled anyhow: neither. New;
 * NULL: there is none. */
char *docker_wants_list(const DockerWants *wants, const json_t *images, bool is_there);
/* Sentences, NULL-terminated; new. */
char **docker_wants_notices(const DockerWants *wants, const DockerFacts *facts);
