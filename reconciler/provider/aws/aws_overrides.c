/* aws_overrides.c: what a job says otherwise than its definition, container by container. */
#include <string.h>
#include "reconciler/provider/aws/aws_internal.h"
#include "reconciler/provider/aws/ecs_words.h"
#include "reconciler/provider/aws/task_run.h"

/* "N", "A:B", "A:", ":B" */
static bool is_in_range(const char *range, int node)
{
    const char *colon = strchr(range, ':');
    int64_t first = g_ascii_strtoll(range, NULL, 10);
    int64_t last = !colon ? first : colon[1] ? g_ascii_strtoll(colon + 1, NULL, 10) : G_MAXINT64;
    return node >= first && node <= last;
}

/* Where the overrides of several containers stand, borrowed; NULL: nowhere. */
static const json_t *overrides_part(const json_t *overrides, int node)
{
    size_t index;
    json_t *part;
    if (node < 0)
        return json_object_get(overrides, "ecsPropertiesOverride");
    json_array_foreach(json_object_get(json_object_get(overrides, "nodeOverrides"), "nodePropertyOverrides"),
                       index, part)
    {
        const char *range = ecs_text(part, "targetNodes");
        if (range && is_in_range(range, node))
            return json_object_get(part, "ecsPropertiesOverride");
    }
    return NULL;
}

static char **command_of(const json_t *own)
{
    const json_t *command = json_object_get(own, "command");
    GPtrArray *words = g_ptr_array_new();
    size_t index;
    json_t *word;
    if (!json_is_array(command)) {
        g_ptr_array_unref(words);
        return NULL;
    }
    json_array_foreach(command, index, word)
        g_ptr_array_add(words, g_strdup(json_string_value(word) ? json_string_value(word) : ""));
    g_ptr_array_add(words, NULL);
    return (char **)g_ptr_array_free(words, FALSE);
}

/* Of one of several: its own, then what every container of the job has. */
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

typedef struct {
    GArray *containers; /* of TaskContainer */
    GPtrArray *lists;   /* of char**: what they point to */
} Overrides;

static const char *const *kept(Overrides *overrides, char **list)
{
    if (list)
        g_ptr_array_add(overrides->lists, list);
    return (const char *const *)list;
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

static void add_one_of_several(Overrides *overrides, const AwsTask *task, const char *name, const json_t *own,
                               const char *workspace)
{
    char **injected = task->envp + task->injected;
    TaskContainer container = {.name = name,
                               .command = kept(overrides, command_of(own)),
                               .environment = kept(overrides, environment_of(own, injected, workspace))};
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

static void add_all(Overrides *overrides, const json_t *body, const AwsTask *task, const char *workspace)
{
    const json_t *defined = json_object_get(body, "containerDefinitions");
    json_t *said = task->overrides ? json_loads(task->overrides, 0, NULL) : NULL, *container;
    const json_t *properties =
        json_array_get(json_object_get(overrides_part(said, task->node), "taskProperties"), 0);
    size_t index, len = json_array_size(defined) - (workspace ? 1 : 0);
    json_array_foreach(defined, index, container)
    {
        const char *name = ecs_text(container, "name");
        const json_t *own = ecs_named(json_object_get(properties, "containers"), name);
        if (strcmp(name, TASK_WORKSPACE_CONTAINER) == 0)
            add_maker(overrides, workspace);
        else if (len == 1)
            add_alone(overrides, task, name, workspace);
        else
            add_one_of_several(overrides, task, name, own, workspace);
    }
    json_decref(said);
}

static void list_free(void *list)
{
    g_strfreev(list);
}

json_t *task_overrides_of_job(const json_t *body, const AwsTask *task)
{
    g_autoptr(GArray) containers = g_array_new(FALSE, FALSE, sizeof(TaskContainer));
    g_autoptr(GPtrArray) lists = g_ptr_array_new_with_free_func(list_free);
    Overrides overrides = {containers, lists};
    g_autofree char *workspace =
        task->workspace ? g_strconcat(TASK_WORKSPACE_PATH "/", task->workspace, NULL) : NULL;
    add_all(&overrides, body, task, workspace);
    return task_overrides(body, (const TaskContainer *)(void *)containers->data, containers->len);
}
