/* aws_definition.c: job definitions as registered task definitions: found by their digest, else registered.
 * ECS lets an account register one a second, so one serves all jobs of a revision. */
#include <string.h>
#include "reconciler/provider/aws/aws_internal.h"
#include "reconciler/provider/aws/ecs_words.h"
#include "reconciler/provider/aws/task_run.h"

struct AwsDefinition {
    AwsCluster *cluster;
    char *family, *digest, *arn;
    json_t *body;
    char **essential;
    GArray *waiting; /* of LaunchToken */
};

void aws_definition_free(void *data)
{
    AwsDefinition *definition = data;
    g_free(definition->family);
    g_free(definition->digest);
    g_free(definition->arn);
    g_strfreev(definition->essential);
    json_decref(definition->body);
    g_array_unref(definition->waiting);
    g_free(definition);
}

static void ask(AwsDefinition *definition, const char *action, json_t *body, AwsDone done)
{
    const AwsQuestion question = {.service = AWS_ECS, .action = action, .done = done, .data = definition};
    aws_ask_json(definition->cluster->place, &question, body);
}

/* ---- how it ends ---- */

static GArray *take_waiting(AwsDefinition *definition)
{
    GArray *waiting = definition->waiting;
    definition->waiting = g_array_new(FALSE, FALSE, sizeof(LaunchToken));
    return waiting;
}

static void hand_on(AwsDefinition *definition, AwsTask *task)
{
    g_strfreev(task->essential);
    task->essential = g_strdupv(definition->essential);
    aws_task_defined(task, definition->body, definition->arn);
}

static void say_ready(AwsDefinition *definition, const char *arn)
{
    g_autoptr(GArray) waiting = take_waiting(definition);
    definition->arn = g_strdup(arn);
    for (guint i = 0; i < waiting->len; i++) {
        AwsTask *task = g_hash_table_lookup(definition->cluster->provider->tasks,
                                            &g_array_index(waiting, LaunchToken, i));
        if (task && task->step == TASK_WAITING)
            aws_task_prepare_soon(task); /* it finds the definition */
    }
}

/* Those that wait fail for good, or are placed anew. */
static void say_failed(AwsDefinition *definition, const AwsError *error)
{
    g_autoptr(GArray) waiting = take_waiting(definition);
    g_autofree char *why = aws_why("the job definition cannot be registered with ECS", error);
    bool is_wrong = error->action == AWS_ACT_FINAL || error->action == AWS_ACT_CONFIGURATION;
    for (guint i = 0; i < waiting->len; i++) {
        AwsTask *task = g_hash_table_lookup(definition->cluster->provider->tasks,
                                            &g_array_index(waiting, LaunchToken, i));
        if (task && task->step == TASK_WAITING && is_wrong)
            aws_task_refuse(task, why);
        else if (task && task->step == TASK_WAITING)
            aws_task_again(task);
    }
}

/* ---- registering ---- */

static void take_registered(const AwsAnswer *answer, void *data)
{
    if (answer->error)
        say_failed(data, answer->error);
    else
        say_ready(data, ecs_text(json_object_get(answer->json, "taskDefinition"), "taskDefinitionArn"));
}

json_t *aws_definition_request(const AwsCluster *cluster, const json_t *body, const char *family,
                               const char *digest)
{
    json_t *request = json_deep_copy(body), *tags = json_array();
    ecs_add_tag(tags, TAG_INSTALL, cluster->installation);
    ecs_add_tag(tags, TAG_SPEC, digest);
    json_object_set_new(request, "family", json_string(family));
    json_object_set_new(request, "tags", tags);
    return request;
}

static void make(AwsDefinition *definition)
{
    ask(definition, "RegisterTaskDefinition",
        aws_definition_request(definition->cluster, definition->body, definition->family, definition->digest),
        take_registered);
}

/* ---- finding ---- */

/* An error most often says that there is none; else registering tells what is wrong. */
static void take_found(const AwsAnswer *answer, void *data)
{
    AwsDefinition *definition = data;
    const json_t *found = json_object_get(answer->json, "taskDefinition"),
                 *tags = json_object_get(answer->json, "tags");
    bool is_it = !answer->error && g_strcmp0(ecs_tag(tags, TAG_SPEC), definition->digest) == 0 &&
                 g_strcmp0(ecs_tag(tags, TAG_INSTALL), definition->cluster->installation) == 0 &&
                 g_strcmp0(ecs_text(found, "status"), "ACTIVE") == 0;
    if (answer->error && !answer->error->is_certain)
        say_failed(definition, answer->error);
    else if (is_it)
        say_ready(definition, ecs_text(found, "taskDefinitionArn"));
    else
        make(definition);
}

static void find(AwsDefinition *definition)
{
    ask(definition, "DescribeTaskDefinition",
        json_pack("{s:s,s:[s]}", "taskDefinition", definition->family, "include", "TAGS"), take_found);
}

/* ---- whose it is ---- */

/* "align:3": "align" */
static char *name_of(const AwsTask *task)
{
    const char *colon = strrchr(task->definition, ':');
    return g_strndup(task->definition, colon ? (gsize)(colon - task->definition) : strlen(task->definition));
}

static json_t *body_of(const AwsTask *task, GError **error)
{
    const AwsCluster *cluster = task->cluster;
    TaskWorkspace workspace;
    bool has_place = aws_environment_workspace(cluster->environment, &workspace);
    g_autofree char *name = name_of(task);
    const TaskDefinitionOptions options = {.is_fargate = aws_environment_is_fargate(cluster->environment),
                                           .node = task->node,
                                           .name = name,
                                           .region = cluster->place->region,
                                           .workspace = task->workspace && has_place ? &workspace : NULL};
    if (task->workspace && !has_place) {
        g_set_error(error, G_CONVERT_ERROR, G_CONVERT_ERROR_FAILED,
                    "the pipeline has a workspace, and ComputeEnvironment/%s none (spec.workspace)",
                    cluster->name);
        return NULL;
    }
    json_t *spec = json_loads(task->spec, 0, NULL);
    json_t *body = task_definition_body(spec, &options, error);
    json_decref(spec);
    return body;
}

static AwsDefinition *definition_new(AwsTask *task, GError **error)
{
    json_t *body = body_of(task, error);
    if (!body)
        return NULL;
    AwsDefinition *definition = g_new0(AwsDefinition, 1);
    g_autofree char *name = name_of(task);
    g_autofree const char **essential = task_definition_essential(body);
    *definition = (AwsDefinition){.cluster = task->cluster,
                                  .family = task_definition_family(name),
                                  .digest = task_definition_digest(body),
                                  .body = body,
                                  .essential = g_strdupv((char **)(uintptr_t)essential),
                                  .waiting = g_array_new(FALSE, FALSE, sizeof(LaunchToken))};
    return definition;
}

void aws_definition_get(AwsTask *task)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *key =
        g_strdup_printf("%s/%d%s", task->definition, task->node, task->workspace ? "/workspace" : "");
    AwsDefinition *definition = g_hash_table_lookup(task->cluster->definitions, key);
    if (!definition) {
        definition = definition_new(task, &error);
        if (!definition) {
            aws_task_refuse(task, error->message);
            return;
        }
        g_hash_table_insert(task->cluster->definitions, g_steal_pointer(&key), definition);
    }
    if (definition->arn) {
        hand_on(definition, task);
        return;
    }
    g_array_append_val(definition->waiting, task->token);
    if (definition->waiting->len == 1)
        find(definition);
}
