/* job_batch.c: a JobView as Batch's JobDetail and JobSummary.
 * What is told of a container is the definition's, with what the job says otherwise laid over it, as it runs
 * (batch: "attempts", "Overrides at submission"). */
#include "reconciler/api/batch_form.h"
#include "reconciler/api/job_view.h"
#include "reconciler/api/task_log.h"
#include "spec/task_part.h"

static void set_arn(json_t *object, const char *member, const char *type, const char *name)
{
    g_autofree char *arn = arn_of(type, name ? name : "");
    json_set_text(object, member, arn);
}

/* "UUID", "UUID:INDEX", "UUID#NODE". */
static void id_text(const JobView *view, char ret_text[JOB_NAME_TEXT])
{
    job_ref_text(&view->id, view->index, ret_text);
    if (view->is_node)
        g_snprintf(ret_text + 36, JOB_NAME_TEXT - 36, "#%d", view->node);
}

static json_t *loaded(const char *text)
{
    json_t *json = text ? json_loads(text, 0, NULL) : NULL;
    return json ? json : json_object();
}

/* ---- logs ---- */

char *job_view_stream(const JobView *view, const AttemptRecord *attempt)
{
    char id[37];
    int32_t index = view->node >= 0 ? view->node : view->index;
    if (attempt_is_elsewhere(attempt)) {
        json_t *place = view->definition_spec ? task_log_place(attempt->task, view->definition,
                                                               view_from(view->definition_spec), view->node)
                                              : NULL;
        char *stream = g_strdup(json_string_value(json_object_get(place, "stream")));
        json_decref(place);
        return stream;
    }
    job_id_to_text(&view->id, id);
    g_autofree char *name = g_strndup(view->definition, strcspn(view->definition, ":"));
    return index == NOT_A_CHILD
               ? g_strdup_printf("%s/" TASK_CONTAINER "/%s.%d", name, id, attempt->attempt)
               : g_strdup_printf("%s/" TASK_CONTAINER "/%s.%d.%d", name, id, index, attempt->attempt);
}

/* What is known of where an attempt ran: taskArn, logStreamName, networkInterfaces. */
static void set_place(const JobView *view, const AttemptRecord *attempt, json_t *object)
{
    g_autofree char *stream = attempt && attempt->started_ms ? job_view_stream(view, attempt) : NULL;
    if (attempt && attempt_is_elsewhere(attempt))
        json_set_view(object, "taskArn", attempt->task);
    json_set_text(object, "logStreamName", stream);
    json_object_set_new(object, "networkInterfaces", json_array());
}

/* ---- containers ---- */

static void merge_named(json_t *list, const char *key, const json_t *overriding)
{
    const json_t *item;
    size_t i;
    json_array_foreach(overriding, i, item)
    {
        json_t *at;
        size_t j, place = json_array_size(list);
        json_array_foreach(list, j, at) if (json_equal(json_object_get(at, key), json_object_get(item, key)))
            place = j;
        if (place < json_array_size(list))
            json_array_set(list, place, (json_t *)(uintptr_t)item);
        else
            json_array_append(list, (json_t *)(uintptr_t)item);
    }
}

/* Our own forms of a submission take numbers, too. */
static json_t *needs_of(const json_t *own)
{
    json_t *needs = json_deep_copy(json_object_get(own, "resourceRequirements")), *need;
    size_t i;
    json_array_foreach(needs, i, need)
    {
        const json_t *value = json_object_get(need, "value");
        char *text =
            json_is_number(value) ? json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(15)) : NULL;
        if (text)
            json_set_text(need, "value", text);
        free(text);
    }
    return needs;
}

/* batch: the deprecated members are overridden by their like only. */
static void merge_needs(json_t *container, const json_t *own)
{
    static const struct {
        const char *type, *alias;
    } aliases[] = {{"VCPU", "vcpus"}, {"MEMORY", "memory"}};
    json_t *needs = needs_of(own);
    for (size_t a = 0; a < G_N_ELEMENTS(aliases); a++) {
        json_t *said = json_object_get(own, aliases[a].alias), *item;
        size_t i;
        if (!json_object_get(container, aliases[a].alias))
            continue;
        if (said)
            json_object_set(container, aliases[a].alias, said);
        for (i = json_array_size(needs); i > 0; i--) {
            item = json_array_get(needs, i - 1);
            if (g_strcmp0(json_string_value(json_object_get(item, "type")), aliases[a].type) == 0)
                json_array_remove(needs, i - 1);
        }
    }
    merge_named(json_object_get(container, "resourceRequirements"), "type", needs);
    json_decref(needs);
}

static json_t *command_json(const json_t *defined, const json_t *own, const GArray *parameters)
{
    json_t *array = json_array();
    g_auto(GStrv) words = container_command(defined, own, parameters);
    for (char **word = words; word && *word; word++)
        json_array_append_new(array, json_string(*word));
    return array;
}

/* A container of the definition as it runs. In place. */
static void apply_override(json_t *container, const json_t *own, const GArray *parameters)
{
    json_t *command = command_json(container, own, parameters);
    batch_fill_container(container);
    json_object_set_new(container, "command", command);
    merge_named(json_object_get(container, "environment"), "name", json_object_get(own, "environment"));
    merge_needs(container, own);
    if (json_object_get(own, "instanceType"))
        json_object_set(container, "instanceType", json_object_get(own, "instanceType"));
}

typedef struct {
    const JobView *view;
    json_t *spec, *said; /* the definition, in Batch's form, and what the job says otherwise */
    GArray *parameters;
} Effective;

/* The containers of a part: the only one, or those of ecsProperties. */
static void apply_part(const Effective *effective, const TaskPart *part, int node)
{
    for (size_t i = 0; i < task_part_len(part); i++) {
        g_autofree char *name = task_part_name(part, i);
        const json_t *own = task_override(effective->said, effective->spec, node, name);
        apply_override((json_t *)(uintptr_t)task_part_container(part, i), own, effective->parameters);
    }
}

/* The first node of a range, as its targetNodes say. */
static int first_node(const json_t *range)
{
    const char *target = json_string_value(json_object_get(range, "targetNodes"));
    return target ? (int)CLAMP(g_ascii_strtoll(target, NULL, 10), 0, INT32_MAX) : 0;
}

static json_t *node_properties(const Effective *effective)
{
    json_t *nodes = json_object_get(effective->spec, "nodeProperties"), *range;
    json_t *ranges = json_object_get(nodes, "nodeRangeProperties");
    size_t i;
    json_array_foreach(ranges, i, range)
    {
        TaskPart part;
        if (task_part_of_range(range, &part))
            apply_part(effective, &part, first_node(range));
    }
    json_set_number(nodes, "numNodes", effective->view->nodes);
    return json_incref(nodes);
}

static const AttemptRecord *newest_attempt(const JobView *view)
{
    const GArray *attempts = view->attempt_records;
    return attempts->len ? &g_array_index(attempts, AttemptRecord, attempts->len - 1) : NULL;
}

static void set_tasks(const Effective *effective, const TaskPart *part, json_t *object)
{
    const JobView *view = effective->view;
    json_t *ecs = json_object_get(effective->spec, "ecsProperties");
    json_t *task = json_array_get(json_object_get(ecs, "taskProperties"), 0);
    for (size_t i = 0; i < task_part_len(part); i++) {
        json_t *container = (json_t *)(uintptr_t)task_part_container(part, i);
        set_place(view, i == 0 ? newest_attempt(view) : NULL, container);
        json_object_del(container, "taskArn");
        if (i == 0)
            job_view_set_exit(container, job_view_last_ended(view));
    }
    if (newest_attempt(view) && attempt_is_elsewhere(newest_attempt(view)))
        json_set_view(task, "taskArn", newest_attempt(view)->task);
    json_object_set(object, "ecsProperties", ecs);
}

static void set_container(const Effective *effective, const TaskPart *part, json_t *object)
{
    const JobView *view = effective->view;
    json_t *container = json_deep_copy(task_part_container(part, 0));
    job_view_set_exit(container, job_view_last_ended(view));
    set_place(view, newest_attempt(view), container);
    json_object_set_new(object, "container", container);
}

/* batch: a multinode job has nodeProperties, and each of its nodes the container that is its own. */
static void set_properties(const Effective *effective, json_t *object)
{
    const JobView *view = effective->view;
    TaskPart part;
    int node = view->nodes ? view->node : -1;
    if (view->nodes && !view->is_node) {
        json_object_set_new(object, "nodeProperties", node_properties(effective));
        return;
    }
    if (view->is_node)
        json_object_set_new(
            object, "nodeDetails",
            json_pack("{s:i,s:b}", "nodeIndex", view->node, "isMainNode", view->node == view->main_node));
    if (!task_part_find(effective->spec, node, &part, NULL))
        return;
    apply_part(effective, &part, node);
    if (part.several && !view->nodes)
        set_tasks(effective, &part, object);
    else
        set_container(effective, &part, object);
}

/* ---- attempts ---- */

static json_t *attempt_tasks(const JobView *view, const AttemptRecord *attempt, const TaskPart *part)
{
    json_t *containers = json_array(), *task = json_object();
    for (size_t i = 0; i < task_part_len(part); i++) {
        g_autofree char *name = task_part_name(part, i);
        json_t *container = json_object();
        json_set_text(container, "name", name);
        if (i == 0)
            job_view_set_exit(container, attempt);
        set_place(view, i == 0 ? attempt : NULL, container);
        json_object_del(container, "taskArn");
        json_array_append_new(containers, container);
    }
    if (attempt_is_elsewhere(attempt))
        json_set_view(task, "taskArn", attempt->task);
    json_object_set_new(task, "containers", containers);
    return json_pack("[o]", task);
}

static json_t *attempts_json(const Effective *effective)
{
    const JobView *view = effective->view;
    json_t *array = json_array();
    TaskPart part;
    bool has_several =
        !view->nodes && task_part_find(effective->spec, -1, &part, NULL) && part.several != NULL;
    for (guint i = 0; i < view->attempt_records->len; i++) {
        const AttemptRecord *attempt = &g_array_index(view->attempt_records, AttemptRecord, i);
        if (!attempt->stopped_ms)
            continue; /* batch: `attempts` has finished ones only */
        json_t *item = json_object(), *container = json_object();
        job_view_set_exit(container, attempt);
        set_place(view, attempt, container);
        if (has_several)
            json_object_set_new(item, "taskProperties", attempt_tasks(view, attempt, &part));
        else
            json_object_set(item, "container", container);
        json_decref(container);
        json_set_time(item, "startedAt", attempt->started_ms);
        json_set_time(item, "stoppedAt", attempt->stopped_ms);
        json_set_view(item, "statusReason", attempt->status_reason);
        json_array_append_new(array, item);
    }
    return array;
}

/* ---- the job ---- */

static json_t *array_properties(const JobView *view, int64_t now_ms)
{
    json_t *object = json_object();
    json_set_number(object, "size", view->array_size);
    if (view->index != NOT_A_CHILD)
        json_set_number(object, "index", view->index);
    else if (view->counted) {
        json_object_set_new(object, "statusSummary", job_view_counts(view));
        json_set_time(object, "statusSummaryLastUpdatedAt", now_ms);
    }
    return object;
}

static void set_summary(const JobView *view, int64_t now_ms, json_t *object)
{
    char text[JOB_NAME_TEXT];
    id_text(view, text);
    json_set_text(object, "jobId", text);
    set_arn(object, "jobArn", "job", text);
    json_set_text(object, "jobName", view->name);
    json_set_text(object, "status", job_state_name(view->state));
    json_set_text(object, "statusReason", view->waiting ? view->waiting : view->status_reason);
    json_set_text(object, "shareIdentifier", view->share_identifier);
    json_set_time(object, "createdAt", view->created_ms);
    json_set_time(object, "startedAt", view->started_ms);
    json_set_time(object, "stoppedAt", view->stopped_ms);
    set_arn(object, "jobDefinition", "job-definition", view->definition);
    if (view->array_size)
        json_object_set_new(object, "arrayProperties", array_properties(view, now_ms));
}

json_t *job_view_summary(const JobView *view, int64_t now_ms)
{
    json_t *object = json_object(), *container = json_object();
    set_summary(view, now_ms, object);
    if (view->exit_code >= 0)
        json_set_number(container, "exitCode", view->exit_code);
    json_set_text(container, "reason", view->exit_reason);
    job_view_set_exit(container, job_view_last_ended(view));
    if (json_object_size(container))
        json_object_set(object, "container", container);
    json_decref(container);
    if (view->is_node)
        json_object_set_new(object, "nodeProperties",
                            json_pack("{s:b,s:i,s:i}", "isMainNode", view->node == view->main_node,
                                      "nodeIndex", view->node, "numNodes", view->nodes));
    else if (view->nodes)
        json_object_set_new(object, "nodeProperties", json_pack("{s:i}", "numNodes", view->nodes));
    return object;
}

/* What the job says, else what the definition says, else what is always there. */
static void set_said(const Effective *effective, json_t *object, const char *member, const char *overriding,
                     json_t *otherwise /* taken; NULL: absent */)
{
    json_t *value = json_object_get(effective->said, overriding);
    if (!value)
        value = json_object_get(effective->spec, member);
    if (value)
        json_object_set(object, member, value);
    else if (otherwise)
        json_object_set(object, member, otherwise);
    json_decref(otherwise);
}

static json_t *parameters_json(const GArray *parameters)
{
    json_t *object = json_object();
    for (guint i = 0; i < parameters->len; i++) {
        const EnvironmentVariable *parameter = &g_array_index(parameters, EnvironmentVariable, i);
        json_object_set_new(object, parameter->name, json_string(parameter->value));
    }
    return object;
}

/* batch: of an array's child and of a node no tags are kept. */
static void set_tags(const Effective *effective, json_t *object)
{
    const JobView *view = effective->view;
    json_t *tags =
        view->index == NOT_A_CHILD && !view->is_node ? json_object_get(effective->said, "tags") : NULL;
    json_object_set_new(object, "tags", tags ? json_incref(tags) : json_object());
}

/* A rule as Batch writes it: manifests may say an exit code as a number, and an action in any case. */
static void rule_in_form(json_t *rule)
{
    const json_t *code = json_object_get(rule, "onExitCode");
    const char *action = json_string_value(json_object_get(rule, "action"));
    if (json_is_integer(code)) {
        g_autofree char *text = g_strdup_printf("%" JSON_INTEGER_FORMAT, json_integer_value(code));
        json_set_text(rule, "onExitCode", text);
    }
    g_autofree char *upper = action ? g_ascii_strup(action, -1) : NULL;
    json_set_text(rule, "action", upper);
}

/* batch: the job's stands for the definition's as a whole, and there always is one. */
static json_t *retry_json(const Effective *effective)
{
    const json_t *said = json_object_get(effective->said, "retryStrategy");
    if (!said)
        said = json_object_get(effective->spec, "retryStrategy");
    json_t *retry = said ? json_deep_copy(said) : json_object(), *rule;
    size_t i;
    if (!json_object_get(retry, "attempts"))
        json_set_number(retry, "attempts", 1);
    batch_fill_lists(retry, (const char *const[]){"evaluateOnExit", NULL});
    json_array_foreach(json_object_get(retry, "evaluateOnExit"), i, rule) rule_in_form(rule);
    return retry;
}

static void set_rules(const Effective *effective, json_t *object)
{
    json_object_set_new(object, "retryStrategy", retry_json(effective));
    set_said(effective, object, "timeout", "timeout", NULL);
    set_said(effective, object, "propagateTags", "propagateTags", json_false());
    set_said(effective, object, "platformCapabilities", "", json_pack("[s]", "EC2"));
    set_said(effective, object, "consumableResourceProperties", "consumableResourcePropertiesOverride", NULL);
    if (effective->view->share_identifier)
        set_said(effective, object, "schedulingPriority", "schedulingPriorityOverride", json_integer(0));
}

void job_view_configure(JobView *view)
{
    json_t *object = json_object();
    Effective effective = {.view = view, .said = loaded(view->request)};
    effective.spec = spec_batch(KIND_JOB_DEFINITION, view_from(view->definition_spec));
    effective.parameters = task_parameters(effective.spec, effective.said);
    json_object_set_new(object, "dependsOn", job_view_depends(view));
    json_object_set_new(object, "parameters", parameters_json(effective.parameters));
    json_object_set_new(object, "attempts", attempts_json(&effective));
    json_object_set_new(object, "eksAttempts", json_array());
    set_rules(&effective, object);
    set_tags(&effective, object);
    set_properties(&effective, object);
    json_decref(view->configuration);
    view->configuration = object;
    g_array_unref(effective.parameters);
    json_decref(effective.spec);
    json_decref(effective.said);
}

json_t *job_view_detail(JobView *view, int64_t now_ms)
{
    if (!view->configuration)
        job_view_configure(view);
    json_t *object = json_copy(view->configuration);
    set_summary(view, now_ms, object);
    set_arn(object, "jobQueue", "job-queue", view->queue);
    json_object_set_new(object, "isCancelled", json_boolean(view->is_cancelled));
    json_object_set_new(object, "isTerminated", json_boolean(view->is_terminated));
    return object;
}
