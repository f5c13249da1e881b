#include "reconciler/provider/docker/docker_container.h"
#include <stdarg.h>
#include <string.h>
#include "reconciler/provider/docker/docker_building.h"
#include "reconciler/provider/docker/docker_image.h"
#include "reconciler/provider/docker/docker_labels.h"

#define CONTAINERS_MAX  10 /* of a task, as Batch has it */
#define DEFAULT_NETWORK "host"
#define MS_PER_S        1000

G_DEFINE_QUARK(docker - container - error - quark, docker_container_error)

bool docker_refuse(GError **error, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *why = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_set_error(error, DOCKER_CONTAINER_ERROR, DOCKER_CONTAINER_ERROR_NEVER, "CannotCreateContainerError: %s",
                why);
    return false;
}

static void dependency_clear(void *dependency)
{
    g_free(((DockerDependency *)dependency)->container);
}

void docker_container_free(DockerContainer *container)
{
    if (!container)
        return;
    g_free(container->name);
    g_free(container->container_name);
    g_free(container->image);
    g_array_unref(container->depends_on);
    g_strfreev(container->volumes);
    json_decref(container->body);
    g_free(container);
}

/* ---- labels ---- */

static void label(json_t *labels, const char *name, const char *value)
{
    if (value)
        json_object_set_new(labels, name, json_string(value));
}

static void set_labels(const DockerBuilding *building, const DockerContainer *container)
{
    const LaunchRequest *request = building->request;
    const DockerContext *context = building->context;
    json_t *labels = json_object();
    char number[24];
    label(labels, LABEL_INSTALL, context->installation);
    label(labels, LABEL_TOKEN, building->token);
    g_snprintf(number, sizeof number, "%" G_GUINT64_FORMAT, request->term);
    label(labels, "muster.term", number);
    label(labels, LABEL_ENVIRONMENT, request->environment);
    label(labels, LABEL_JOB, request->job_id);
    g_snprintf(number, sizeof number, "%u", context->attempt);
    label(labels, "muster.attempt", context->attempt ? number : NULL);
    label(labels, "muster.queue", context->queue);
    label(labels, "muster.definition", request->definition);
    label(labels, LABEL_CONTAINER, container->name);
    label(labels, LABEL_ESSENTIAL, container->is_essential ? "true" : "false");
    json_object_set_new(container->body, "Labels", labels);
}

/* ---- the container ---- */

static json_t *words_of(const char *const *words)
{
    json_t *list = json_array();
    for (; words && *words; words++)
        json_array_append_new(list, json_string(*words));
    return list;
}

/* Without one the image's counts. */
static void set_command(const DockerBuilding *building, const DockerPart *part, json_t *body)
{
    const LaunchRequest *request = building->request;
    g_auto(GStrv) own =
        building->is_alone ? NULL : container_command(part->defined, part->own, building->parameters);
    json_t *words = words_of(building->is_alone ? request->argv : (const char *const *)own);
    if (json_array_size(words) > 0)
        json_object_set(body, "Cmd", words);
    json_decref(words);
}

static bool set_image(const DockerPart *part, DockerContainer *container, GError **error)
{
    const char *image = docker_text(part->defined, "image");
    g_autoptr(GError) cause = NULL;
    g_autoptr(DockerImage) reference = NULL;
    if (!image)
        return docker_refuse(error, "container %s has no image: on docker a job runs in a container",
                             part->name);
    reference = docker_image_parse(image, &cause);
    if (!reference)
        return docker_refuse(error, "container %s: %s", part->name, cause->message);
    container->image = g_strdup(image);
    container->pull = g_strcmp0(docker_text(part->defined, "imagePullPolicy"), "Always") == 0
                          ? DOCKER_PULL_ALWAYS
                          : DOCKER_PULL_IF_NOT_PRESENT;
    json_object_set_new(container->body, "Image", json_string(reference->name));
    return true;
}

/* batch: EC2 jobs are on the host's network. Nodes of a multinode job find one another nowhere else. */
static bool set_network(const DockerBuilding *building, json_t *host, GError **error)
{
    const char *mode = docker_text(building->part.task, "networkMode");
    if (mode && strcmp(mode, DEFAULT_NETWORK) != 0 && building->request->node >= 0)
        return docker_refuse(error,
                             "networkMode %s: nodes of a multinode job reach one another on the host's "
                             "network only",
                             mode);
    json_object_set_new(host, "NetworkMode", json_string(mode ? mode : DEFAULT_NETWORK));
    return true;
}

/* What ecsProperties says of the task. A namespace that containers share needs one that outlives them all. */
static bool set_namespaces(const DockerBuilding *building, json_t *host, GError **error)
{
    const char *ipc = docker_text(building->part.task, "ipcMode"),
               *pid = docker_text(building->part.task, "pidMode");
    bool is_shared = task_part_len(&building->part) > 1;
    if (is_shared && (g_strcmp0(ipc, "task") == 0 || g_strcmp0(pid, "task") == 0))
        return docker_refuse(error, "%s task: on docker containers of a job share none but the host's",
                             g_strcmp0(ipc, "task") == 0 ? "ipcMode" : "pidMode");
    if (ipc && strcmp(ipc, "task") != 0)
        json_object_set_new(host, "IpcMode", json_string(ipc));
    if (pid && strcmp(pid, "task") != 0)
        json_object_set_new(host, "PidMode", json_string(pid));
    return true;
}

static void set_rights(const DockerPart *part, json_t *body, json_t *host)
{
    const char *user = docker_text(part->defined, "user");
    if (user)
        json_object_set_new(body, "User", json_string(user));
    if (json_is_true(json_object_get(part->defined, "readonlyRootFilesystem")))
        json_object_set_new(host, "ReadonlyRootfs", json_true());
    if (json_is_true(json_object_get(part->defined, "privileged")))
        json_object_set_new(host, "Privileged", json_true());
}

static void set_times(const DockerBuilding *building, const DockerPart *part, DockerContainer *container)
{
    const json_t *stop = json_object_get(part->defined, "stopTimeout");
    container->start_timeout_ms =
        json_integer_value(json_object_get(part->defined, "startTimeout")) * MS_PER_S;
    container->stop_timeout_ms =
        json_is_integer(stop) ? json_integer_value(stop) * MS_PER_S : building->request->kill_grace_ms;
    json_object_set_new(container->body, "StopTimeout", json_integer(container->stop_timeout_ms / MS_PER_S));
}

static bool fill(DockerBuilding *building, const DockerPart *part, DockerContainer *container, GError **error)
{
    json_t *host = json_object();
    json_object_set_new(container->body, "HostConfig", host);
    set_command(building, part, container->body);
    set_rights(part, container->body, host);
    set_times(building, part, container);
    set_labels(building, container);
    return set_image(part, container, error) &&
           docker_environment_set(building, part, container->body, error) &&
           docker_limits_set(building, part, host, error) && set_network(building, host, error) &&
           set_namespaces(building, host, error) &&
           docker_mounts_set(building, part, host, &container->volumes, error) &&
           docker_log_set(building, part, host, error);
}

/* ---- dependencies ---- */

static bool until_of(const char *condition, DockerUntil *ret_until)
{
    static const char *const words[] = {[DOCKER_UNTIL_START] = "START",
                                        [DOCKER_UNTIL_COMPLETE] = "COMPLETE",
                                        [DOCKER_UNTIL_SUCCESS] = "SUCCESS"};
    for (size_t i = 0; i < G_N_ELEMENTS(words); i++) {
        if (g_strcmp0(condition, words[i]) == 0) {
            *ret_until = (DockerUntil)i;
            return true;
        }
    }
    return false;
}

static bool set_dependencies(const json_t *defined, DockerContainer *container, GError **error)
{
    size_t index;
    json_t *item;
    json_array_foreach(json_object_get(defined, "dependsOn"), index, item)
    {
        const char *name = docker_text(item, "containerName");
        DockerDependency dependency = {.container = NULL};
        if (!name || !until_of(docker_text(item, "condition"), &dependency.until))
            return docker_refuse(error, "dependsOn of container %s: neither START, COMPLETE nor SUCCESS",
                                 container->name);
        dependency.container = g_strdup(name);
        g_array_append_val(container->depends_on, dependency);
    }
    return true;
}

static DockerContainer *named(const GPtrArray *containers, const char *name)
{
    for (guint i = 0; i < containers->len; i++) {
        DockerContainer *container = containers->pdata[i];
        if (strcmp(container->name, name) == 0)
            return container;
    }
    return NULL;
}

static bool can_depend(const GPtrArray *containers, const DockerContainer *container,
                       const DockerDependency *dependency, GError **error)
{
    const DockerContainer *other = named(containers, dependency->container);
    if (!other)
        return docker_refuse(error, "container %s depends on %s, which is not there", container->name,
                             dependency->container);
    if (dependency->until != DOCKER_UNTIL_START && other->is_essential)
        return docker_refuse(error,
                             "container %s waits for the end of %s, which is essential: its end is the "
                             "job's",
                             container->name, other->name);
    return true;
}

/* Takes out what depends on nothing that is left, until nothing can be taken out: what stays goes round. */
static bool goes_round(const GPtrArray *containers)
{
    g_autoptr(GHashTable) done = g_hash_table_new(g_str_hash, g_str_equal);
    for (guint round = 0; round < containers->len; round++) {
        for (guint i = 0; i < containers->len; i++) {
            const DockerContainer *container = containers->pdata[i];
            bool is_ready = true;
            for (guint j = 0; j < container->depends_on->len; j++)
                is_ready &= g_hash_table_contains(
                    done, g_array_index(container->depends_on, DockerDependency, j).container);
            if (is_ready)
                g_hash_table_add(done, container->name);
        }
    }
    return g_hash_table_size(done) < containers->len;
}

static bool check_dependencies(const GPtrArray *containers, GError **error)
{
    for (guint i = 0; i < containers->len; i++) {
        const DockerContainer *container = containers->pdata[i];
        if (named(containers, container->name) != container)
            return docker_refuse(error, "two containers are called %s", container->name);
        for (guint j = 0; j < container->depends_on->len; j++)
            if (!can_depend(containers, container, &g_array_index(container->depends_on, DockerDependency, j),
                            error))
                return false;
    }
    return !goes_round(containers) ||
           docker_refuse(error, "dependsOn of the containers goes round in a circle");
}

/* ---- all of them ---- */

/* Of the only container the request says what the job gets; else each says it itself. */
static ResourceNeed need_of(const DockerBuilding *building, const json_t *defined, const json_t *own)
{
    const LaunchRequest *request = building->request;
    ResourceNeed need = container_need(defined), over = container_need(own);
    if (task_part_len(&building->part) == 1)
        return (ResourceNeed){request->vcpus_e4, request->memory_mib, request->gpus};
    return (ResourceNeed){over.vcpus_e4 ? over.vcpus_e4 : need.vcpus_e4,
                          over.memory_mib ? over.memory_mib : need.memory_mib,
                          over.gpus ? over.gpus : need.gpus};
}

static DockerContainer *make_one(DockerBuilding *building, size_t index, GError **error)
{
    g_autoptr(DockerContainer) container = g_new0(DockerContainer, 1);
    const json_t *defined = task_part_container(&building->part, index),
                 *essential = json_object_get(defined, "essential");
    container->name = task_part_name(&building->part, index);
    container->container_name = task_part_len(&building->part) == 1
                                    ? g_strconcat("muster-", building->token, NULL)
                                    : g_strconcat("muster-", building->token, "-", container->name, NULL);
    container->is_essential = !essential || json_is_true(essential);
    container->depends_on = g_array_new(FALSE, FALSE, sizeof(DockerDependency));
    g_array_set_clear_func(container->depends_on, dependency_clear);
    container->body = json_object();
    const json_t *own =
        task_override(building->said, building->spec, building->request->node, container->name);
    DockerPart part = {container->name, defined, own, need_of(building, defined, own)};
    if (!set_dependencies(defined, container, error) || !fill(building, &part, container, error))
        return NULL;
    return g_steal_pointer(&container);
}

static void container_drop(void *container)
{
    docker_container_free(container);
}

static GPtrArray *make_all(DockerBuilding *building, GError **error)
{
    g_autoptr(GPtrArray) containers = g_ptr_array_new_with_free_func(container_drop);
    size_t len = task_part_len(&building->part);
    if (len > CONTAINERS_MAX) {
        docker_refuse(error, "a job has at most %d containers", CONTAINERS_MAX);
        return NULL;
    }
    for (size_t i = 0; i < len; i++) {
        DockerContainer *container = make_one(building, i, error);
        if (!container)
            return NULL;
        g_ptr_array_add(containers, container);
    }
    return check_dependencies(containers, error) ? g_steal_pointer(&containers) : NULL;
}

static json_t *parse(const char *text)
{
    return text ? json_loads(text, 0, NULL) : NULL;
}

GPtrArray *docker_containers_make(const LaunchRequest *request, const DockerContext *context, GError **error)
{
    DockerBuilding building = {.request = request,
                               .context = context,
                               .spec = parse(request->definition_spec),
                               .said = parse(request->overrides)};
    g_autoptr(GError) cause = NULL;
    GPtrArray *containers = NULL;
    launch_token_text(&request->token, building.token);
    building.parameters = task_parameters(building.spec, building.said);
    if (task_part_find(building.spec, request->node, &building.part, &cause)) {
        building.is_alone = request->node < 0 && task_part_len(&building.part) == 1 &&
                            !json_object_get(building.said, "ecsPropertiesOverride");
        containers = make_all(&building, error);
    } else {
        docker_refuse(error, "%s", cause->message);
    }
    g_array_unref(building.parameters);
    json_decref(building.spec);
    json_decref(building.said);
    return containers;
}
