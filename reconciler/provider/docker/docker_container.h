/* docker_container.h: what one attempt is to the engine: bodies of POST /containers/create.
 * Owns:   nothing; what it makes belongs to the caller.
 * Calls:  spec/, jansson; secrets are read by who is named in the context. Computes only.
 * Holds:  equal requests and contexts give equal bodies; labels hold no value of the environment and no
 * secret; what the engine cannot enforce is not asked of it. Source: Docker Engine API 1.41, ContainerCreate;
 * batch: "Host-side container options", "Multi-container jobs". */
#pragma once
#include <jansson.h>
#include "reconciler/provider/provider.h"

#define DOCKER_CONTAINER_ERROR docker_container_error_quark()
GQuark docker_container_error_quark(void);
typedef enum {
    DOCKER_CONTAINER_ERROR_NEVER, /* it can never be made as asked for: CannotCreateContainerError */
    DOCKER_CONTAINER_ERROR_SECRET /* a secret cannot be had (now): ResourceInitializationError */
} DockerContainerErrorCode;

typedef enum { DOCKER_UNTIL_START, DOCKER_UNTIL_COMPLETE, DOCKER_UNTIL_SUCCESS } DockerUntil;
typedef struct {
    char *container; /* name of another of the same attempt */
    DockerUntil until;
} DockerDependency;

/* When its image is asked for: where it is not there, as `docker run` does; or before each attempt. */
typedef enum { DOCKER_PULL_IF_NOT_PRESENT, DOCKER_PULL_ALWAYS } DockerPull;

typedef struct {
    char *name;           /* of the definition's container; "default" where it has only one */
    char *container_name; /* there: "muster-TOKEN", or "muster-TOKEN-NAME" of several */
    char *image;          /* as the definition has it */
    DockerPull pull;
    bool is_essential;
    GArray *depends_on; /* of DockerDependency; without cycles, and only on containers of the same attempt */
    int64_t start_timeout_ms; /* from its start to the end that others wait for; 0: no limit */
    int64_t stop_timeout_ms;  /* SIGTERM to SIGKILL; StopTimeout of the body, too */
    char **volumes; /* NULL-terminated: names of volumes that the engine makes with it and that outlive it: to
                       be removed after the last container of the attempt. Those without a name go with their
                       container (DELETE /containers/ID?v=true). */
    json_t *body;   /* of POST /containers/create, labels included */
} DockerContainer;
void docker_container_free(DockerContainer *container);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DockerContainer, docker_container_free)

/* The value of a secret, new; NULL with error: it cannot be had, without a word of its value. May not block.
 */
typedef char *(*DockerSecretFunc)(const char *value_from, void *data, GError **error);

typedef struct {
    const char *installation; /* hexadecimal */
    const char *queue;        /* may be NULL */
    unsigned attempt;         /* 0: not known */
    const char *const *gpu_ids;
    size_t gpu_ids_len; /* exact devices of this attempt: as many as its containers need together */
    bool has_memory_limit, has_swap_limit, has_swappiness,
        has_cpu_quota;       /* what the engine can enforce (GET /info) */
    DockerSecretFunc secret; /* NULL: secrets are refused */
    void *secret_data;
} DockerContext;

#define DOCKER_WORKSPACE_PATH                                                                                \
    "/mnt/muster-workspace" /* where a pipeline's workspace is in each container                             \
                             */

/* New array of DockerContainer*, in the order of the definition; it frees them. NULL with error
 * (DOCKER_CONTAINER_ERROR, a reason as Batch words it): nothing of it can be made. */
GPtrArray *docker_containers_make(const LaunchRequest *request, const DockerContext *context, GError **error);
