/* docker_building.h: the parts of a container's body, shared by docker_container.c and the files that make
 * them. Each sets its members in what it is given, or is false with error (DOCKER_CONTAINER_ERROR). */
#pragma once
#include "reconciler/provider/docker/docker_container.h"
#include "spec/task_part.h"

#define MIB_SHIFT 20

typedef struct {
    const LaunchRequest *request;
    const DockerContext *context;
    json_t *spec, *said; /* the definition's, and what the job says otherwise; said may be NULL */
    TaskPart part;
    GArray *parameters; /* of EnvironmentVariable, borrowed from both */
    bool is_alone;      /* one container, of which the request says all */
    char token[LAUNCH_TOKEN_TEXT];
    size_t gpus_given; /* of the context's */
} DockerBuilding;

/* One container of it. */
typedef struct {
    const char *name;
    const json_t *defined, *own; /* as the definition has it; what the job says otherwise, or NULL */
    ResourceNeed need;
} DockerPart;

/* NULL: it is not there, or no text. */
static inline const char *docker_text(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

/* False, always. */
bool docker_refuse(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* docker_environment.c: Env */
bool docker_environment_set(const DockerBuilding *building, const DockerPart *part, json_t *body,
                            GError **error);
/* The value of a secret {name, valueFrom}, new. */
char *docker_secret_value(const DockerBuilding *building, const json_t *secret, GError **error);

/* docker_limits.c: of HostConfig what bounds the container, and the devices that it gets */
bool docker_limits_set(DockerBuilding *building, const DockerPart *part, json_t *host, GError **error);

/* docker_mounts.c: of HostConfig Binds, Mounts and Tmpfs; *ret_volumes: see DockerContainer, new */
bool docker_mounts_set(const DockerBuilding *building, const DockerPart *part, json_t *host,
                       char ***ret_volumes, GError **error);

/* docker_log.c: of HostConfig LogConfig */
bool docker_log_set(const DockerBuilding *building, const DockerPart *part, json_t *host, GError **error);
