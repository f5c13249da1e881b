#include "spec/decode_value.h"

#define SCHEDULE_DEADLINE_MAX_S (INT64_C(100) * 366 * 24 * 60 * 60)

static const char *const on_delete_names[] = {"keep", "cancel", "terminate", NULL};
static const char *const concurrency_names[] = {"wait", "allow", "skip", "replace", NULL};
static const char *const on_failure_names[] = {"continue", "stop", NULL};

static bool decode_triggers(const json_t *root, PipelineSpec *spec, GError **error)
{
    const json_t *list;
    if (!decode_array(root, "triggers", &list, error))
        return false;
    spec->on_change = !list || json_array_size(list) == 0;
    for (size_t i = 0; list && i < json_array_size(list); i++) {
        const json_t *item = json_array_get(list, i);
        const char *word = json_string_value(item);
        spec->on_change = spec->on_change || (word && !strcmp(word, "change"));
        spec->scheduled = spec->scheduled || json_is_object(item);
    }
    return true;
}

static bool decode_schedule(const json_t *item, PipelineSchedule *schedule, GError **error)
{
    int64_t deadline_s = -1;
    CronFault fault;
    if (!decode_string(item, "schedule", &schedule->expression, error) ||
        !decode_string(item, "timeZone", &schedule->zone_name, error) ||
        !decode_integer(item, "startingDeadlineSeconds", 0, SCHEDULE_DEADLINE_MAX_S, &deadline_s, error))
        return false;
    if (!schedule->zone_name)
        schedule->zone_name = g_strdup("UTC");
    if (!cron_parse(view_from(schedule->expression), &schedule->cron, &fault)) {
        g_set_error(error, DECODE_ERROR, DECODE_ERROR_MEMBER, "schedule: %s", fault.message);
        return false;
    }
    schedule->zone = zone_new(schedule->zone_name);
    schedule->deadline_ms = deadline_s < 0 ? -1 : deadline_s * 1000;
    return true;
}

static bool decode_schedules(const json_t *root, PipelineSchedules *schedules, GError **error)
{
    const json_t *list;
    if (!decode_array(root, "triggers", &list, error))
        return false;
    schedules->items = g_new0(PipelineSchedule, json_array_size(list) + 1);
    for (size_t i = 0; i < json_array_size(list); i++)
        if (json_is_object(json_array_get(list, i)) &&
            !decode_schedule(json_array_get(list, i), &schedules->items[schedules->len++], error))
            return false;
    return true;
}

bool pipeline_schedules_decode(View json, PipelineSchedules *ret_schedules, GError **error)
{
    json_t *root = decode_parse(json, error);
    PipelineSchedules schedules = {0};
    if (!root)
        return false;
    bool good = decode_schedules(root, &schedules, error);
    json_decref(root);
    if (good)
        *ret_schedules = schedules;
    else
        pipeline_schedules_clear(&schedules);
    return good;
}

void pipeline_schedules_clear(PipelineSchedules *schedules)
{
    for (size_t i = 0; i < schedules->len; i++) {
        g_free(schedules->items[i].expression);
        g_free(schedules->items[i].zone_name);
        g_clear_pointer(&schedules->items[i].zone, g_time_zone_unref);
    }
    g_free(schedules->items);
    *schedules = (PipelineSchedules){0};
}

/* What the pipeline says once for all its steps. */
typedef struct {
    char *queue, *share_identifier;
    EnvironmentVariable *parameters;
    size_t parameters_len;
} StepDefaults;

static void step_defaults_clear(StepDefaults *defaults)
{
    g_free(defaults->queue);
    g_free(defaults->share_identifier);
    environment_clear(defaults->parameters, defaults->parameters_len);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(StepDefaults, step_defaults_clear)

static void step_inherit(JobSpec *step, const StepDefaults *defaults)
{
    if (!step->queue)
        step->queue = g_strdup(defaults->queue);
    if (!step->share_identifier)
        step->share_identifier = g_strdup(defaults->share_identifier);
    if (!defaults->parameters_len)
        return;
    EnvironmentVariable *own = step->parameters;
    size_t own_len = step->parameters_len;
    environment_merge(defaults->parameters, defaults->parameters_len, own, own_len, &step->parameters,
                      &step->parameters_len);
    environment_clear(own, own_len);
}

static bool decode_steps(const json_t *root, PipelineSpec *spec, GError **error)
{
    const json_t *list;
    g_auto(StepDefaults) defaults = {0};
    if (!decode_string(root, "jobQueue", &defaults.queue, error) ||
        !decode_string(root, "shareIdentifier", &defaults.share_identifier, error) ||
        !decode_parameters(root, "parameters", &defaults.parameters, &defaults.parameters_len, error) ||
        !decode_array(root, "jobs", &list, error))
        return false;
    size_t len = list ? json_array_size(list) : 0;
    spec->steps = g_new0(JobSpec *, len + 1);
    for (size_t i = 0; i < len; i++) {
        JobSpec *step = job_spec_from_json(json_array_get(list, i), error);
        if (!step) {
            g_prefix_error(error, "jobs[%zu]: ", i);
            return false;
        }
        step_inherit(step, &defaults);
        spec->steps[spec->steps_len++] = step;
    }
    return true;
}

static bool decode_into(const json_t *root, PipelineSpec *spec, GError **error)
{
    int concurrency = CONCURRENCY_WAIT, on_failure = ON_FAILURE_CONTINUE, on_delete = ON_DELETE_KEEP;
    if (!decode_triggers(root, spec, error) ||
        !decode_choice(root, "concurrencyPolicy", concurrency_names, &concurrency, error) ||
        !decode_choice(root, "onFailure", on_failure_names, &on_failure, error) ||
        !decode_choice(root, "onDelete", on_delete_names, &on_delete, error) ||
        !decode_bool(root, "workspace", &spec->workspace, error) ||
        !decode_rerun_on(root, &spec->rerun_on_definition, error))
        return false;
    spec->concurrency = (ConcurrencyPolicy)concurrency;
    spec->on_failure = (OnFailure)on_failure;
    spec->on_delete = (OnDelete)on_delete;
    return decode_steps(root, spec, error);
}

PipelineSpec *pipeline_spec_decode(View json, GError **error)
{
    json_t *root = decode_parse(json, error);
    if (!root)
        return NULL;
    g_autoptr(PipelineSpec) spec = g_new0(PipelineSpec, 1);
    bool good = decode_into(root, spec, error);
    json_decref(root);
    return good ? g_steal_pointer(&spec) : NULL;
}

void pipeline_spec_free(PipelineSpec *spec)
{
    if (!spec)
        return;
    for (size_t i = 0; i < spec->steps_len; i++)
        job_spec_free(spec->steps[i]);
    g_free(spec->steps);
    g_free(spec);
}

ConcurrencyPolicy job_concurrency(View json)
{
    return (ConcurrencyPolicy)decode_choice_of(json, "concurrencyPolicy", concurrency_names,
                                               CONCURRENCY_WAIT);
}
