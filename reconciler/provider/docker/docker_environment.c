/* docker_environment.c: the environment of a container: the definition's, the job's, the secrets, and what
 * every container of a job is given. */
#include <string.h>
#include "reconciler/provider/docker/docker_building.h"

#define MAIN_ADDRESS "AWS_BATCH_JOB_MAIN_NODE_PRIVATE_IPV4_ADDRESS"
#define THIS_MACHINE "127.0.0.1" /* all nodes are on the network of one host */

typedef struct {
    json_t *list;     /* of "NAME=VALUE" */
    GHashTable *seen; /* name → its place in list + 1 */
} Variables;

static void set(Variables *variables, const char *name, const char *value)
{
    g_autofree char *text = g_strconcat(name, "=", value ? value : "", NULL);
    size_t place = GPOINTER_TO_SIZE(g_hash_table_lookup(variables->seen, name));
    if (place > 0) {
        json_array_set_new(variables->list, place - 1, json_string(text));
        return;
    }
    json_array_append_new(variables->list, json_string(text));
    g_hash_table_insert(variables->seen, g_strdup(name), GSIZE_TO_POINTER(json_array_size(variables->list)));
}

static void set_each(Variables *variables, const json_t *environment)
{
    size_t index;
    json_t *item;
    json_array_foreach(environment, index, item)
    {
        if (docker_text(item, "name"))
            set(variables, docker_text(item, "name"), docker_text(item, "value"));
    }
}

static void set_texts(Variables *variables, const char *const *texts)
{
    for (; texts && *texts; texts++) {
        const char *value = strchr(*texts, '=');
        g_autofree char *name = value ? g_strndup(*texts, (gsize)(value - *texts)) : NULL;
        if (name)
            set(variables, name, value + 1);
    }
}

char *docker_secret_value(const DockerBuilding *building, const json_t *secret, GError **error)
{
    const DockerContext *context = building->context;
    const char *name = docker_text(secret, "name"), *from = docker_text(secret, "valueFrom");
    g_autoptr(GError) cause = NULL;
    char *value = NULL;
    if (!name || !from) {
        docker_refuse(error, "a secret needs name and valueFrom");
        return NULL;
    }
    if (!context->secret) {
        docker_refuse(error, "secret %s: there are none here", name);
        return NULL;
    }
    value = context->secret(from, context->secret_data, &cause);
    if (!value)
        g_set_error(error, DOCKER_CONTAINER_ERROR, DOCKER_CONTAINER_ERROR_SECRET,
                    "ResourceInitializationError: secret %s: %s", name, cause->message);
    return value;
}

static bool set_secrets(const DockerBuilding *building, Variables *variables, const json_t *secrets,
                        GError **error)
{
    size_t index;
    json_t *secret;
    json_array_foreach(secrets, index, secret)
    {
        g_autofree char *value = docker_secret_value(building, secret, error);
        if (!value)
            return false;
        set(variables, docker_text(secret, "name"), value);
    }
    return true;
}

bool docker_environment_set(const DockerBuilding *building, const DockerPart *part, json_t *body,
                            GError **error)
{
    const LaunchRequest *request = building->request;
    Variables variables = {json_array(), g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL)};
    if (building->is_alone) {
        set_texts(&variables, request->envp);
    } else {
        set_each(&variables, json_object_get(part->defined, "environment"));
        set_each(&variables, json_object_get(part->own, "environment"));
    }
    bool is_good = set_secrets(building, &variables, json_object_get(part->defined, "secrets"), error);
    if (is_good) {
        set_texts(&variables, request->envp ? request->envp + request->injected : NULL);
        if (request->node >= 0 && request->main_node)
            set(&variables, MAIN_ADDRESS, THIS_MACHINE);
        if (request->workspace)
            set(&variables, "MUSTER_WORKSPACE", DOCKER_WORKSPACE_PATH);
        json_object_set(body, "Env", variables.list);
    }
    json_decref(variables.list);
    g_hash_table_unref(variables.seen);
    return is_good;
}
