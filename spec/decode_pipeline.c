#include "spec/decode_value.h"

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
