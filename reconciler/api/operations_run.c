/* operations_run.c: `start` and `rerun`: runs by hand. */
#include "reconciler/api/operation.h"

static json_t *job_ids_of(const Run *run)
{
    json_t *array = json_array();
    for (const Job *job = NULL; (job = run_job_next(run, job));) {
        char id[37];
        job_id_to_text(&job->id, id);
        json_array_append_new(array, json_string(id));
    }
    return array;
}

static OperationStep run_begin(OperationContext *context, Call *call, const RunStart *start)
{
    g_autoptr(GError) error = NULL;
    Run *run = run_start(context->world, start, context->rng, context->now_ms, &error);
    if (!run)
        return call_fail_error(call, error);
    return call_done(call, json_pack("{s:o,s:o}", "run", json_run(run), "jobs", job_ids_of(run)));
}

/* parameters of the request win over the pipeline's. New string. */
static char *spec_with_parameters(const char *spec, json_t *parameters)
{
    json_t *json = json_loads(spec, 0, NULL);
    json_t *own = json_object_get(json, "parameters");
    if (!own) {
        own = json_object();
        json_object_set_new(json, "parameters", own);
    }
    json_object_update(own, parameters);
    char *text = json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS), *copy = g_strdup(text);
    free(text);
    json_decref(json);
    return copy;
}

/* ---- the parameters that a pipeline has ---- */

/* "Ref::NAME" in one argument, as often as it is there. */
static void add_placeholders(const char *argument, GHashTable *names)
{
    for (const char *at = strstr(argument, "Ref::"); at; at = strstr(at, "Ref::")) {
        size_t len = strspn(at += strlen("Ref::"), G_CSET_a_2_z G_CSET_A_2_Z G_CSET_DIGITS "_-");
        if (len > 0)
            g_hash_table_add(names, g_strndup(at, len));
    }
}

static void add_variables(const EnvironmentVariable *list, size_t len, GHashTable *names)
{
    for (size_t i = 0; i < len; i++)
        g_hash_table_add(names, g_strdup(list[i].name));
}

static void add_definition(const World *world, const char *reference, GHashTable *names)
{
    const RevisionRecord *revision = reference ? world_revision(world, view_from(reference), NULL) : NULL;
    g_autoptr(JobDefinitionSpec) spec = revision ? job_definition_spec_decode(revision->spec, NULL) : NULL;
    if (!spec)
        return;
    add_variables(spec->parameters, spec->parameters_len, names);
    for (char **argument = spec->command; argument && *argument; argument++)
        add_placeholders(*argument, names);
}

/* What a step, a definition or a size could take from it. Steps have the pipeline's own among theirs. */
static GHashTable *parameter_names(const World *world, const char *spec_text)
{
    GHashTable *names = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autoptr(PipelineSpec) spec = pipeline_spec_decode(view_from(spec_text), NULL);
    for (size_t i = 0; spec && i < spec->steps_len; i++) {
        const JobSpec *step = spec->steps[i];
        add_variables(step->parameters, step->parameters_len, names);
        if (step->array_parameter)
            g_hash_table_add(names, g_strdup(step->array_parameter));
        for (char **argument = step->command; argument && *argument; argument++)
            add_placeholders(*argument, names);
        add_definition(world, step->definition, names);
    }
    return names;
}

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* False: the call has failed. */
static bool parameters_known(Call *call, const World *world, const Resource *pipeline, json_t *parameters)
{
    const char *name;
    json_t *value;
    g_autoptr(GHashTable) names = parameter_names(world, pipeline->spec);
    json_object_foreach(parameters, name, value)
    {
        if (g_hash_table_contains(names, name))
            continue;
        guint len;
        g_autofree const char **all = (const char **)g_hash_table_get_keys_as_array(names, &len);
        qsort(all, len, sizeof *all, compare_texts);
        const char *near = suggest_nearest(view_from(name), all);
        g_autofree char *list = g_strjoinv(", ", (char **)(uintptr_t)all);
        g_autofree char *cure = near  ? g_strdup_printf("did you mean \"%s\"?", near)
                                : len ? g_strdup_printf("it has %s", list)
                                      : g_strdup("it has none");
        call_fail(call, FAULT_INVALID, "Pipeline/%s has no parameter \"%s\"; %s", pipeline->name, name, cure);
        return false;
    }
    return true;
}

OperationStep start_step(OperationContext *context, Call *call)
{
    const char *name = NULL, *key;
    json_t *parameters = json_object_get(call->request, "parameters"), *value;
    if (!request_string(call, "pipeline", &name))
        return STEP_DONE;
    const Resource *pipeline = name ? world_resource(context->world, KIND_PIPELINE, view_from(name)) : NULL;
    if (!pipeline)
        return call_fail(call, FAULT_NOT_FOUND, "there is no Pipeline \"%s\"", name ? name : "");
    if (pipeline->phase == RESOURCE_DELETING)
        return call_fail(call, FAULT_REFUSED, "Pipeline/%s is being deleted", name);
    if (parameters && !json_is_object(parameters))
        return call_fail(call, FAULT_INVALID, "parameters: an object is expected");
    json_object_foreach(parameters, key, value)
    {
        if (!json_is_string(value))
            return call_fail(call, FAULT_INVALID, "parameters.%s: a string is expected", key);
    }
    if (parameters && !parameters_known(call, context->world, pipeline, parameters))
        return STEP_DONE;
    g_autofree char *spec =
        parameters ? spec_with_parameters(pipeline->spec, parameters) : g_strdup(pipeline->spec);
    /* A run by hand has no run key: it neither counts as the run of a content nor stands in for one. */
    RunStart start = {
        .owner = pipeline->owner, .kind = KIND_PIPELINE, .name = view_from(name), .spec = view_from(spec)};
    return run_begin(context, call, &start);
}

/* ---- rerun: the newest run again; --failed: only what did not succeed
 * ---------------------------------------------------- */

typedef struct {
    char *run_id;
    char *spec;            /* what it ran; NULL: it is no longer kept */
    GHashTable *succeeded; /* steps whose job succeeded */
} Rerun;

static void rerun_free(void *data)
{
    Rerun *rerun = data;
    g_free(rerun->run_id);
    g_free(rerun->spec);
    g_hash_table_unref(rerun->succeeded);
    g_free(rerun);
}

static bool rerun_job(const StoredJob *stored, void *data)
{
    Rerun *rerun = data;
    if (stored->job.state == JOB_SUCCEEDED)
        g_hash_table_add(rerun->succeeded, g_strndup(stored->job.step.data, stored->job.step.len));
    return true;
}

void rerun_gather(StoreReader *reader, Call *call)
{
    Rerun *rerun = call->state;
    g_autoptr(GError) error = NULL;
    JobFilter filter = {.run = view_from(rerun->run_id), .limit = SIZE_MAX >> 1};
    if (!store_reader_run_spec(reader, view_from(rerun->run_id), &rerun->spec, &error) ||
        !store_reader_jobs(reader, &filter, rerun_job, rerun, &error))
        call->gather_error = g_strdup(error->message);
}

static OperationStep rerun_failed(OperationContext *context, Call *call, const Run *run)
{
    Rerun *rerun = call->state;
    g_autoptr(GError) error = NULL;
    g_autofree const char **succeeded = (const char **)g_hash_table_get_keys_as_array(rerun->succeeded, NULL);
    Run *fresh =
        run_rerun_failed(context->world, run, rerun->spec, succeeded, context->rng, context->now_ms, &error);
    if (!fresh)
        return call_fail_error(call, error);
    return call_done(call, json_pack("{s:o,s:o}", "run", json_run(fresh), "jobs", job_ids_of(fresh)));
}

static OperationStep rerun_whole(OperationContext *context, Call *call, const Run *run)
{
    const Rerun *rerun = call->state;
    g_autofree char *owner = g_strdup(run->owner), *name = g_strdup(run->name),
                    *spec = run_whole_spec(rerun->spec);
    RunStart start = {
        .owner = owner, .kind = run->kind, .name = view_from(name), .spec = view_from(spec), .key = run->key};
    return run_begin(context, call, &start);
}

/* A run that was cancelled goes on until the last of its jobs has ended: two runs of one manifest would work
 * in the same place. */
static OperationStep rerun_refused(Call *call, const Run *run)
{
    const Job *job = run_job_next(run, NULL);
    while (job && job_state_final(job->state))
        job = run_job_next(run, job);
    if (run->state == RUN_WAITING || !job)
        return call_fail(call, FAULT_REFUSED, "run %" G_GINT64_FORMAT " of %s/%s is still %s", run->number,
                         kind_name(run->kind), run->name, run->state == RUN_WAITING ? "waiting" : "running");
    char id[37];
    job_id_to_text(&job->id, id);
    return call_fail(call, FAULT_REFUSED,
                     "run %" G_GINT64_FORMAT " of %s/%s %s %zu job%s; `muster wait %s` waits, `muster "
                     "terminate %s --reason TEXT` stops it",
                     run->number, kind_name(run->kind), run->name,
                     run->state == RUN_CANCELLED ? "was cancelled, but still has" : "is still running with",
                     run->jobs_unfinished,
                     run->jobs_unfinished == 1 ? " that has not ended" : "s that have not ended", id, id);
}

static void rerun_gather_next(Call *call, const Run *run)
{
    Rerun *rerun = g_new0(Rerun, 1);
    rerun->run_id = g_strdup(run->id);
    rerun->succeeded = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    if (call->state)
        rerun_free(call->state);
    call->state = rerun;
    call->state_free = rerun_free;
}

OperationStep rerun_step(OperationContext *context, Call *call)
{
    const char *kind_text = NULL, *name = NULL;
    bool failed = false;
    Kind kind;
    if (!request_string(call, "kind", &kind_text) || !request_string(call, "name", &name) ||
        !request_boolean(call, "failed", &failed))
        return STEP_DONE;
    if (!kind_text || !kind_from_name(view_from(kind_text), &kind) ||
        (kind != KIND_JOB && kind != KIND_PIPELINE))
        return call_fail(call, FAULT_INVALID, "kind: only a Job or a Pipeline can run again");
    const Run *run = name ? world_run_newest(context->world, kind, view_from(name)) : NULL;
    if (!run)
        return call_fail(call, FAULT_NOT_FOUND, "%s/%s has never run", kind_name(kind), name ? name : "");
    if (run->state == RUN_WAITING || run->state == RUN_RUNNING || run->jobs_unfinished > 0)
        return rerun_refused(call, run);
    const Rerun *rerun = call->state;
    if (!rerun || strcmp(rerun->run_id, run->id) != 0) { /* a newer one may have come and gone since */
        rerun_gather_next(call, run);
        return STEP_GATHER;
    }
    if (call->gather_error)
        return call_fail(call, FAULT_INTERNAL, "%s", call->gather_error);
    if (!rerun->spec)
        return call_fail(call, FAULT_REFUSED,
                         "what %s/%s ran is no longer kept; change its manifest to run it", kind_name(kind),
                         name);
    return failed ? rerun_failed(context, call, run) : rerun_whole(context, call, run);
}
