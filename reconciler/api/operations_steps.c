/* operations_steps.c: `steps`: a pipeline by its steps, as its newest run (or one that is named by its
 * number) has brought them; and what the clock will start. Jobs that have left memory are read from the
 * store, what is live is added on the loop. */
#include "reconciler/api/job_view.h"

typedef struct {
    char *run_id;      /* NULL: it has never run */
    char *spec;        /* of that run; NULL: none is kept */
    GHashTable *views; /* step's name → JobView* */
} StepsState;

static void steps_state_free(void *data)
{
    StepsState *steps = data;
    g_free(steps->run_id);
    g_free(steps->spec);
    g_hash_table_unref(steps->views);
    g_free(steps);
}

/* ---- jobs of the run, off the loop ---- */

static bool take_stored(const StoredJob *stored, void *data)
{
    StepsState *steps = data;
    JobView *view = job_view_from(stored, NOT_A_CHILD, VIEW_BRIEF);
    if (view->step)
        g_hash_table_replace(steps->views, view->step, view);
    else
        job_view_free(view);
    return true;
}

/* Children of arrays that have succeeded all have, and those of unfinished ones the world counts. */
static bool count_failed(StoreReader *reader, StepsState *steps, GError **error)
{
    GHashTableIter iter;
    void *value;
    g_hash_table_iter_init(&iter, steps->views);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        JobView *view = value;
        bool is_plain = view->state == JOB_SUCCEEDED;
        if (view->array_size && is_plain)
            view->counts[JOB_SUCCEEDED] = view->array_size;
        else if (view->array_size && view->state == JOB_FAILED && !job_view_count(reader, view, error))
            return false;
        view->counted = view->array_size && job_state_final(view->state);
    }
    return true;
}

void steps_gather(StoreReader *reader, Call *call)
{
    StepsState *steps = call->state;
    g_autoptr(GError) error = NULL;
    JobFilter filter = {.run = view_from(steps->run_id), .limit = SIZE_MAX >> 1};
    if (steps->run_id && (!store_reader_run_spec(reader, view_from(steps->run_id), &steps->spec, &error) ||
                          !store_reader_jobs(reader, &filter, take_stored, steps, &error) ||
                          !count_failed(reader, steps, &error)))
        call->gather_error = g_strdup(error->message);
}

/* ---- one step ---- */

typedef struct {
    const World *world;
    const Run *run; /* NULL: none */
    const json_t *root;
    const json_t *done; /* names; by an earlier run; NULL: none */
    StepsState *steps;
} StepsView;

static JobView *view_of(const StepsView *view, const char *name)
{
    return name ? g_hash_table_lookup(view->steps->views, name) : NULL;
}

static bool is_done_before(const StepsView *view, const char *name)
{
    const json_t *item;
    size_t i;
    json_array_foreach(view->done, i, item)
    {
        if (g_strcmp0(json_string_value(item), name) == 0)
            return true;
    }
    return false;
}

/* Beside Batch's states of its job: what has none yet WAITS, what an earlier run did is DONE, an array of no
 * children is SKIPPED, and NONE is a pipeline that has never run. */
static const char *status_of(const StepsView *view, const char *name)
{
    const JobView *job = view_of(view, name);
    if (job)
        return job_state_name(job->state);
    if (!view->run || view->run->state == RUN_RECORDED)
        return "NONE";
    if (is_done_before(view, name))
        return "DONE";
    return view->run->state == RUN_WAITING ? "WAITING" : "SKIPPED";
}

static bool holds_up(const StepsView *view, const json_t *dependency)
{
    const JobView *on = view_of(view, json_string_value(json_object_get(dependency, "job")));
    return on && !job_state_final(on->state);
}

static void add_waits(const StepsView *view, const json_t *item, const JobView *job, json_t *step)
{
    const json_t *dependency;
    size_t i;
    json_t *names = json_array();
    json_array_foreach(json_object_get(item, "dependsOn"), i, dependency)
    {
        if (holds_up(view, dependency))
            json_array_append(names, json_object_get(dependency, "job"));
    }
    if (job->state == JOB_SUBMITTED || job->state == JOB_PENDING)
        json_object_set(step, "waitsFor", names);
    json_decref(names);
}

static void add_job(const StepsView *view, const json_t *item, const JobView *job, json_t *step)
{
    char id[JOB_NAME_TEXT];
    job_ref_text(&job->id, NOT_A_CHILD, id);
    json_set_text(step, "jobId", id);
    json_set_text(step, "jobQueue", job->queue);
    json_set_text(step, "statusReason", job->status_reason);
    json_set_text(step, "waiting", job->waiting);
    json_set_number(step, "attempts", job->attempts);
    json_set_time(step, "createdAt", job->created_ms);
    json_set_time(step, "startedAt", job->started_ms);
    json_set_time(step, "stoppedAt", job->stopped_ms);
    if (job->array_size)
        json_set_number(step, "size", job->array_size);
    if (job->counted)
        json_object_set_new(step, "counts", json_counts(job->counts));
    if (!job_state_final(job->state))
        add_waits(view, item, job, step);
}

static json_t *step_json(const StepsView *view, const json_t *item)
{
    const char *name = json_string_value(json_object_get(item, "name"));
    const JobView *job = view_of(view, name);
    json_t *step = json_object();
    json_set_text(step, "name", name);
    json_object_set(step, "jobDefinition", json_object_get(item, "jobDefinition"));
    json_object_set(step, "dependsOn", json_object_get(item, "dependsOn"));
    json_set_text(step, "status", status_of(view, name));
    if (job)
        add_job(view, item, job, step);
    return step;
}

static json_t *steps_json(const StepsView *view)
{
    json_t *array = json_array(), *item;
    size_t i;
    json_array_foreach(json_object_get(view->root, "jobs"), i, item)
        json_array_append_new(array, step_json(view, item));
    return array;
}

/* ---- the whole ---- */

static OperationStep steps_done(OperationContext *context, Call *call, const Resource *pipeline,
                                const Run *run)
{
    GHashTableIter iter;
    void *value;
    StepsState *steps = call->state;
    json_t *root = json_loads(run && steps->spec ? steps->spec : pipeline ? pipeline->spec : "{}", 0, NULL);
    StepsView view = {.world = context->world, .run = run, .root = root, .steps = steps};
    view.done = json_object_get(json_object_get(root, "continues"), "done");
    g_hash_table_iter_init(&iter, steps->views);
    while (g_hash_table_iter_next(&iter, NULL, &value))
        job_view_overlay(context->world, value);
    json_t *body = json_pack("{s:o}", "steps", steps_json(&view));
    if (run)
        json_object_set_new(body, "run", json_run(run));
    if (pipeline) {
        json_object_set_new(body, "schedules", json_schedules(pipeline));
        json_object_set_new(body, "suspended",
                            json_boolean(pipeline_is_suspended(context->world, view_from(pipeline->name))));
    }
    json_decref(root);
    return call_done(call, body);
}

static void view_destroy(void *view)
{
    job_view_free(view);
}

OperationStep steps_step(OperationContext *context, Call *call)
{
    const char *name = NULL;
    int64_t number = 0;
    if (!request_string(call, "pipeline", &name) || !request_integer(call, "number", &number))
        return STEP_DONE;
    View key = view_from(name);
    const Resource *pipeline = world_resource(context->world, KIND_PIPELINE, key);
    const Run *run = world_run_newest(context->world, KIND_PIPELINE, key);
    StepsState *steps = call->state;
    while (run && ((number > 0 && run->number != number) ||
                   (steps && steps->run_id && strcmp(run->id, steps->run_id) != 0)))
        run = world_run_before(run); /* the one whose jobs were read, whatever was started since */
    if (!pipeline && !run)
        return call_fail(call, FAULT_NOT_FOUND, "there is no Pipeline \"%s\"", name ? name : "");
    if (number > 0 && !run)
        return call_fail(call, FAULT_NOT_FOUND, "Pipeline/%s has no run %" G_GINT64_FORMAT, name, number);
    if (!steps) {
        call->state = steps = g_new0(StepsState, 1);
        call->state_free = steps_state_free;
        steps->run_id = run ? g_strdup(run->id) : NULL;
        steps->views = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, view_destroy);
        return STEP_GATHER;
    }
    if (call->gather_error)
        return call_fail(call, FAULT_INTERNAL, "%s", call->gather_error);
    return steps_done(context, call, pipeline, steps->run_id ? run : NULL);
}
