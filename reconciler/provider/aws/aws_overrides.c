/* aws_overrides.c: what a job says otherwise than its definition, container by container. */
#include <string.h>
#include "reconciler/provider/aws/aws_internal.h"
#include "reconciler/provider/aws/ecs_words.h"
#include "reconciler/provider/aws/task_run.h"
#include "spec/task_part.h"

typedef struct {
    GArray *containers; /* of TaskContainer */
    GPtrArray *lists;   /* of char**: what they point to */
    GArray *parameters; /* of EnvironmentVariable, borrowed, sorted by name */
    const char *workspace;
} Overrides;

static const char *const *kept(Overrides *overrides, char **list)
{
    if (list)
        g_ptr_array_add(overrides->lists, list);
    return (const char *const *)list;
}

/* ---- containers ---- */

/* Its own, then what every container of the job has. */
static char **environment_of(const json_t *own, char **injected, const char *workspace)
{
    GPtrArray *variables = g_ptr_array_new();
    size_t index;
    json_t *item;
    json_array_foreach(json_object_get(own, "environment"), index, item)
    {
        const char *name = ecs_text(item, "name"), *value = ecs_text(item, "value");
        if (name)
            g_ptr_array_add(variables, g_strconcat(name, "=", value ? value : "", NULL));
    }
    for (; injected && *injected; injected++)
        g_ptr_array_add(variables, g_strdup(*injected));
    if (workspace)
        g_ptr_array_add(variables, g_strconcat("MUSTER_WORKSPACE=", workspace, NULL));
    g_ptr_array_add(variables, NULL);
    return (char **)g_ptr_array_free(variables, FALSE);
}

static void add_alone(Overrides *overrides, const AwsTask *task, const char *name, const char *workspace)
{
    TaskContainer container = {.name = name,
                               .command =
                                   task->argv && task->argv[0] ? (const char *const *)task->argv : NULL,
                               .environment = kept(overrides, environment_of(NULL, task->envp, workspace)),
                               .vcpus_e4 = task->vcpus_e4,
                               .memory_mib = task->memory_mib,
                               .gpus = task->gpus};
    g_array_append_val(overrides->containers, container);
}

/* own: what the job says of it; defined: what its task definition does. */
static void add_own(Overrides *overrides, const AwsTask *task, const json_t *own, const json_t *defined)
{
    ResourceNeed need = container_need(own);
    TaskContainer container = {
        .name = ecs_text(defined, "name"),
        .command = kept(overrides, container_command(defined, own, overrides->parameters)),
        .environment =
            kept(overrides, environment_of(own, task->envp + task->injected, overrides->workspace)),
        .vcpus_e4 = need.vcpus_e4,
        .memory_mib = need.memory_mib,
        .gpus = (int)need.gpus};
    g_array_append_val(overrides->containers, container);
}

/* Makes the run's directory before anything else of the task. */
static void add_maker(Overrides *overrides, const char *workspace)
{
    char **command = g_new0(char *, 3);
    command[0] = g_strdup("-p");
    command[1] = g_strdup(workspace);
    TaskContainer container = {.name = TASK_WORKSPACE_CONTAINER, .command = kept(overrides, command)};
    g_array_append_val(overrides->containers, container);
}

/* One container, of which nothing else was said than was worked out for the job. */
static bool is_alone(const AwsTask *task, size_t containers)
{
    return task->node < 0 && containers == 1 &&
           !(task->overrides && strstr(task->overrides, "\"ecsPropertiesOverride\""));
}

static void add_each(Overrides *overrides, const json_t *containers, const AwsTask *task, const json_t *spec,
                     const json_t *said)
{
    size_t index;
    json_t *container;
    overrides->parameters = task_parameters(spec, said);
    json_array_foreach(containers, index, container)
    {
        const char *name = ecs_text(container, "name");
        if (strcmp(name, TASK_WORKSPACE_CONTAINER) == 0)
            add_maker(overrides, overrides->workspace);
        else
            add_own(overrides, task, task_override(said, spec, task->node, name), container);
    }
}

static void add_only(Overrides *overrides, const json_t *containers, const AwsTask *task)
{
    size_t index;
    json_t *container;
    json_array_foreach(containers, index, container)
    {
        const char *name = ecs_text(container, "name");
        if (strcmp(name, TASK_WORKSPACE_CONTAINER) == 0)
            add_maker(overrides, overrides->workspace);
        else
            add_alone(overrides, task, name, overrides->workspace);
    }
}

static void list_free(void *list)
{
    g_strfreev(list);
}

json_t *task_overrides_of_job(const json_t *body, const AwsTask *task)
{
    g_autoptr(GArray) containers = g_array_new(FALSE, FALSE, sizeof(TaskContainer));
    g_autoptr(GPtrArray) lists = g_ptr_array_new_with_free_func(list_free);
    g_autofree char *workspace =
        task->workspace ? g_strconcat(TASK_WORKSPACE_PATH "/", task->workspace, NULL) : NULL;
    Overrides overrides = {containers, lists, NULL, workspace};
    const json_t *defined = json_object_get(body, "containerDefinitions");
    json_t *said = NULL, *spec = NULL; /* it borrows from them */
    if (is_alone(task, json_array_size(defined) - (workspace ? 1 : 0))) {
        add_only(&overrides, defined, task);
    } else {
        said = task->overrides ? json_loads(task->overrides, 0, NULL) : NULL;
        spec = task->spec ? json_loads(task->spec, 0, NULL) : NULL;
        add_each(&overrides, defined, task, spec, said);
    }
    json_t *made = task_overrides(body, (const TaskContainer *)(void *)containers->data, containers->len);
    g_clear_pointer(&overrides.parameters, g_array_unref);
    json_decref(said);
    json_decref(spec);
    return made;
}
