/* job_view_json.c: a JobView in our form, and the pieces of it that Batch's form (job_batch.c) has too. */
#include "reconciler/api/job_view.h"
#include "reconciler/api/task_log.h"
#include "spec/base/units.h"

static void set_id(const JobView *view, json_t *object)
{
    char text[JOB_NAME_TEXT];
    job_ref_text(&view->id, view->index, text);
    json_set_text(object, "jobId", text);
}

json_t *job_view_counts(const JobView *view)
{
    json_t *object = json_object();
    for (int state = 0; state < JOB_STATE_COUNT; state++)
        json_set_number(object, job_state_name((JobState)state), view->counts[state]);
    return object;
}

static json_t *array_properties(const JobView *view)
{
    json_t *object = json_object();
    json_set_number(object, "size", view->array_size);
    if (view->index != NOT_A_CHILD)
        json_set_number(object, "index", view->index);
    else if (view->counted)
        json_object_set_new(object, "statusSummary", job_view_counts(view));
    return object;
}

static json_t *strings_json(char **strings)
{
    json_t *array = json_array();
    for (char **at = strings; at && *at; at++)
        json_array_append_new(array, json_string(*at));
    return array;
}

static json_t *environment_json(const JobDefinitionSpec *spec)
{
    json_t *array = json_array();
    for (size_t i = 0; i < spec->environment_len; i++)
        json_array_append_new(array, json_pack("{s:s,s:s}", "name", spec->environment[i].name, "value",
                                               spec->environment[i].value));
    return array;
}

static void add_requirement(json_t *array, const char *type, int64_t value_e4)
{
    if (!value_e4)
        return;
    g_autofree char *text = decimal_print(value_e4);
    json_array_append_new(array, json_pack("{s:s,s:s}", "type", type, "value", text));
}

const AttemptRecord *job_view_last_ended(const JobView *view)
{
    for (guint i = view->attempt_records->len; i > 0; i--) {
        const AttemptRecord *attempt = &g_array_index(view->attempt_records, AttemptRecord, i - 1);
        if (attempt->stopped_ms)
            return attempt;
    }
    return NULL;
}

void job_view_set_exit(json_t *object, const AttemptRecord *attempt)
{
    if (attempt && attempt->exit_code >= 0)
        json_set_number(object, "exitCode", attempt->exit_code);
    if (attempt)
        json_set_view(object, "reason", attempt->reason);
}

static json_t *container_json(const JobView *view)
{
    json_t *object = json_object(), *needs = json_array();
    const JobDefinitionSpec *spec = view->effective;
    if (spec) {
        json_set_text(object, "image", spec->image);
        json_object_set_new(object, "command", strings_json(spec->command));
        json_object_set_new(object, "environment", environment_json(spec));
        add_requirement(needs, "VCPU", spec->need.vcpus_e4);
        add_requirement(needs, "MEMORY", spec->need.memory_mib * DECIMAL_SCALE);
        add_requirement(needs, "GPU", spec->need.gpus * DECIMAL_SCALE);
        json_set_text(object, "user", spec->user);
    }
    json_object_set_new(object, "resourceRequirements", needs);
    job_view_set_exit(object, job_view_last_ended(view));
    return object;
}

json_t *job_view_retry(const RetryStrategy *retry)
{
    json_t *object = json_object(), *rules = json_array();
    json_set_number(object, "attempts", retry->attempts);
    for (size_t i = 0; i < retry->rules_len; i++) {
        json_t *rule = json_object();
        json_set_text(rule, "onStatusReason", retry->rules[i].on_status_reason);
        json_set_text(rule, "onReason", retry->rules[i].on_reason);
        json_set_text(rule, "onExitCode", retry->rules[i].on_exit_code);
        json_set_text(rule, "action", retry->rules[i].action == RETRY_RETRY ? "RETRY" : "EXIT");
        json_array_append_new(rules, rule);
    }
    json_object_set_new(object, "evaluateOnExit", rules);
    return object;
}

json_t *job_view_depends(const JobView *view)
{
    static const JobId itself;
    json_t *array = json_array();
    for (guint i = 0; i < view->depends_on->len; i++) {
        const DependencyRecord *dependency = &g_array_index(view->depends_on, DependencyRecord, i);
        json_t *object = json_object();
        if (memcmp(&dependency->on, &itself, sizeof itself) != 0) {
            char text[JOB_NAME_TEXT];
            job_ref_text(&dependency->on, dependency->on_index, text);
            json_set_text(object, "jobId", text);
        }
        if (dependency->type == DEPENDENCY_N_TO_N)
            json_set_text(object, "type", "N_TO_N");
        else if (dependency->type == DEPENDENCY_SEQUENTIAL)
            json_set_text(object, "type", "SEQUENTIAL");
        json_array_append_new(array, object);
    }
    return array;
}

static void set_configuration(const JobView *view, json_t *object)
{
    json_object_set_new(object, "dependsOn", job_view_depends(view));
    json_object_set_new(object, "container", container_json(view));
    if (!view->effective)
        return;
    json_object_set_new(object, "retryStrategy", job_view_retry(&view->effective->retry));
    if (view->effective->timeout_ms)
        json_object_set_new(
            object, "timeout",
            json_pack("{s:I}", "attemptDurationSeconds", (json_int_t)(view->effective->timeout_ms / 1000)));
}

/* ---- our form
 * ------------------------------------------------------------------------------------------------------ */

/* What the attempt is called at its provider, and where it logs there. */
static void set_task(const JobView *view, const AttemptRecord *attempt, json_t *item)
{
    json_t *place = view->definition_spec ? task_log_place(attempt->task, view->definition,
                                                           view_from(view->definition_spec), view->node)
                                          : NULL;
    json_set_view(item, "task", attempt->task);
    if (place)
        json_object_set_new(item, "log", place);
}

bool attempt_is_elsewhere(const AttemptRecord *attempt)
{
    static const char arn[] = "arn:";
    return attempt->task.len >= strlen(arn) && memcmp(attempt->task.data, arn, strlen(arn)) == 0;
}

static bool is_elsewhere(const JobView *view)
{
    const GArray *attempts = view->attempt_records;
    return attempts->len > 0 &&
           attempt_is_elsewhere(&g_array_index(attempts, AttemptRecord, attempts->len - 1));
}

static void set_attempts(const JobView *view, const char *state_dir, json_t *object)
{
    json_t *array = json_array();
    int32_t index = view->node >= 0 ? view->node : view->index;
    for (guint i = 0; i < view->attempt_records->len; i++) {
        const AttemptRecord *attempt = &g_array_index(view->attempt_records, AttemptRecord, i);
        g_autofree char *log = attempt_log_path(state_dir, &view->id, index, attempt->attempt);
        json_t *item = json_object();
        json_set_number(item, "attempt", attempt->attempt);
        json_set_time(item, "startedAt", attempt->started_ms);
        json_set_time(item, "stoppedAt", attempt->stopped_ms);
        job_view_set_exit(item, attempt->stopped_ms ? attempt : NULL);
        json_set_view(item, "statusReason", attempt->status_reason);
        json_set_view(item, "environment", attempt->environment);
        if (attempt->host.len > 0)
            json_set_view(item, "instance", attempt->host);
        if (!attempt_is_elsewhere(attempt))
            json_set_text(item, "logPath", log);
        if (attempt->task.len > 0)
            set_task(view, attempt, item);
        json_array_append_new(array, item);
    }
    json_object_set_new(object, "attempts", array);
    if (view->attempts > 0 && !is_elsewhere(view)) {
        g_autofree char *log = attempt_log_path(state_dir, &view->id, index, view->attempts);
        json_set_text(object, "logPath", log);
    }
}

/* As Batch's ListJobs has it; of the node whose attempts are shown. */
static json_t *node_properties(const JobView *view)
{
    const JobDefinitionSpec *spec = view->effective;
    return json_pack("{s:b,s:i,s:I}", "isMainNode", view->node == spec->main_node, "nodeIndex", view->node,
                     "numNodes", (json_int_t)spec->nodes);
}

json_t *job_view_json(const JobView *view, const char *state_dir, ViewDetail detail)
{
    json_t *object = json_object();
    set_id(view, object);
    json_set_text(object, "jobName", view->name);
    json_set_text(object, "queue", view->queue);
    json_set_text(object, "status", job_state_name(view->state));
    json_set_text(object, "statusReason", view->status_reason);
    json_set_time(object, "createdAt", view->created_ms);
    json_set_time(object, "startedAt", view->started_ms);
    json_set_time(object, "stoppedAt", view->stopped_ms);
    json_set_number(object, "attempts", view->attempts);
    json_set_text(object, "definition", view->definition);
    json_set_text(object, "run", view->run);
    json_set_text(object, "step", view->step);
    json_set_text(object, "waiting", view->waiting);
    if (view->array_size)
        json_object_set_new(object, "arrayProperties", array_properties(view));
    if (view->node >= 0 && view->effective)
        json_object_set_new(object, "nodeProperties", node_properties(view));
    if (detail == VIEW_WHOLE) {
        set_configuration(view, object);
        set_attempts(view, state_dir, object);
    }
    return object;
}
