/* task_log.c: see task_log.h. */
#include "reconciler/api/task_log.h"
#include <glib.h>
#include <string.h>
#include "spec/task_part.h"

#define GROUP "/aws/batch/job"

/* arn:PARTITION:ecs:REGION:ACCOUNT:task/CLUSTER/ID */
static char *place_of(char **parts, const char *prefix, const char *container)
{
    const char *id = strrchr(parts[5], '/');
    return id && g_str_has_prefix(parts[5], "task/") ? g_strdup_printf("%s/%s/%s", prefix, container, id + 1)
                                                     : NULL;
}

static const char *option(const json_t *options, const char *name, const char *otherwise)
{
    const char *value = json_string_value(json_object_get(options, name));
    return value && *value ? value : otherwise;
}

json_t *task_log_place(View task, const char *definition, View definition_spec, int32_t node)
{
    g_autofree char *arn = g_strndup(task.data, task.len),
                    *name = g_strndup(definition, strcspn(definition, ":"));
    g_auto(GStrv) parts = g_strsplit(arn, ":", 6);
    TaskPart part;
    json_t *spec =
        g_strv_length(parts) == 6 ? json_loadb(definition_spec.data, definition_spec.len, 0, NULL) : NULL;
    if (!spec || !task_part_find(spec, node, &part, NULL)) {
        json_decref(spec);
        return NULL;
    }
    g_autofree char *container_name = task_part_name(&part, 0);
    const json_t *log = json_object_get(task_part_container(&part, 0), "logConfiguration"),
                 *options = json_object_get(log, "options");
    const char *driver = log ? option(log, "logDriver", "awslogs") : "awslogs";
    g_autofree char *stream =
        strcmp(driver, "awslogs") == 0
            ? place_of(parts, option(options, "awslogs-stream-prefix", name), container_name)
            : NULL;
    json_t *place = stream
                        ? json_pack("{s:s,s:s,s:s}", "group", option(options, "awslogs-group", GROUP),
                                    "stream", stream, "region", option(options, "awslogs-region", parts[3]))
                        : NULL;
    json_decref(spec);
    return place;
}
