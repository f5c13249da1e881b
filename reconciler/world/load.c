/* load.c: rows become a world again. Rows are checked, since a damaged store must give an error and no crash.
 */
#include "reconciler/world/attempt.h"
#include "reconciler/world/run.h"

static bool load_resource(const ResourceRecord *record, void *data, GError **error)
{
    World *world = data;
    world->loading = true;
    return resource_restore(world, record, error);
}

static bool load_drift(const DriftRecord *record, void *data, GError **error)
{
    World *world = data;
    world->loading = true;
    return drift_restore(world, record, error);
}

static bool load_usage(const UsageRecord *record, void *data, GError **error)
{
    World *world = data;
    world->loading = true;
    return share_restore(world, record, error);
}

static bool load_revision(const RevisionRecord *record, void *data, GError **error)
{
    World *world = data;
    (void)error;
    world->loading = true;
    revision_put(world, record);
    return true;
}

static bool load_template(const TemplateRecord *record, void *data, GError **error)
{
    World *world = data;
    world->loading = true;
    return template_restore(world, record, error);
}

static bool load_duration(const DurationRecord *record, void *data, GError **error)
{
    World *world = data;
    world->loading = true;
    return history_restore(world, record, error);
}

static bool load_run(const RunRecord *record, void *data, GError **error)
{
    World *world = data;
    world->loading = true;
    return run_restore(world, record, error);
}

static bool load_apply(const ApplyRecord *record, void *data, GError **error)
{
    World *world = data;
    (void)error;
    world->loading = true;
    return apply_restore(world, record);
}

static bool load_job(const JobRecord *record, void *data, GError **error)
{
    World *world = data;
    world->loading = true;
    return job_restore(world, record, error);
}

/* NULL with error: no such array. Children of finished arrays are of no more interest. */
static Job *array_of(World *world, uint64_t sequence, int32_t first, int32_t last, GError **error)
{
    Job *job = world_job_by_sequence(world, sequence);
    if (job && job->array && first >= 0 && first <= last && last < job->array_size) {
        bool free = true;
        for (int32_t index = first; index <= last && free; index++)
            free = !job->array->vector || job->array->vector[index] == 0;
        if (free)
            return job;
    }
    g_set_error(error, WORLD_ERROR, WORLD_ERROR_INVALID,
                "children %" G_GINT32_FORMAT " to %" G_GINT32_FORMAT " of job %" G_GUINT64_FORMAT
                " have no place",
                first, last, sequence);
    return NULL;
}

static bool load_child(const ChildRecord *record, void *data, GError **error)
{
    Job *job = array_of(data, record->sequence, record->index, record->index, error);
    if (job && !job->array->settled)
        array_restore_child(data, job, record);
    return job != NULL;
}

static bool load_range(const RangeRecord *record, void *data, GError **error)
{
    Job *job = array_of(data, record->sequence, record->first, record->last, error);
    if (job && !job->array->settled)
        array_restore_range(data, job, record);
    return job != NULL;
}

static bool load_instance(const InstanceRecord *record, void *data, GError **error)
{
    World *world = data;
    world->loading = true;
    return instance_restore(world, record, error);
}

/* A launch's job must be in its place before; arrays get their live children from their rows. */
static bool load_attempt(const AttemptRecord *record, void *data, GError **error)
{
    return launch_restore(data, record, error);
}

static bool load_setting(const SettingRecord *record, void *data, GError **error)
{
    World *world = data;
    (void)error;
    world->loading = true;
    g_autofree char *name = view_dup(record->name);
    g_autofree char *value = view_dup(record->value);
    world_set_setting(world, name, value);
    return true;
}

static bool load_counters(const Counters *counters, void *data, GError **error)
{
    World *world = data;
    (void)error;
    world->job_sequence = MAX(world->job_sequence, counters->job_sequence);
    world->event_sequence = MAX(world->event_sequence, counters->event_sequence);
    world->instance_number = MAX(world->instance_number, counters->instance_number);
    world->template_id = MAX(world->template_id, counters->template_id);
    world->apply_id = MAX(world->apply_id, counters->apply_id);
    world->loaded_ms = counters->now_ms;
    return true;
}

const RecordSink world_sink = {.resource = load_resource,
                               .drift = load_drift,
                               .usage = load_usage,
                               .revision = load_revision,
                               .template = load_template,
                               .duration = load_duration,
                               .run = load_run,
                               .apply = load_apply,
                               .job = load_job,
                               .child = load_child,
                               .range = load_range,
                               .instance = load_instance,
                               .attempt = load_attempt,
                               .setting = load_setting,
                               .counters = load_counters};

int64_t world_committed_ms(const World *world)
{
    return world->loaded_ms;
}

static bool count_job(World *world, Job *job, GError **error)
{
    Queue *queue = job->queue;
    if (!job_state_final(job->state)) {
        queue->unfinished++;
        job->template->users++;
        share_job_begun(world, job->private->share);
        if (job->run && !run_load_job(world, job->run, error))
            return false;
    }
    if (job->array)
        for (int state = 0; state < JOB_STATE_COUNT; state++)
            queue->counts[state] += job->array->counts[state];
    else
        queue->counts[job->state]++;
    return true;
}

/* Every job in STARTING or RUNNING has a launch under way: else it could never end. */
static bool launches_complete(World *world, Job *job, GError **error)
{
    bool complete = true;
    if (job->private->nodes) {
        complete = nodes_loaded(world, job);
    } else if (!job->array) {
        complete = (job->state == JOB_STARTING || job->state == JOB_RUNNING) == (job->launch != NULL);
    } else {
        for (const ChildState *child = array_live_next(job->array, 0); child && complete;
             child = live_after(job->array, child)) {
            complete =
                (child->state == JOB_STARTING || child->state == JOB_RUNNING) == (child->launch != NULL);
        }
    }
    if (!complete)
        g_set_error(error, WORLD_ERROR, WORLD_ERROR_INVALID,
                    "job %" G_GUINT64_FORMAT ": its launch is missing", job->sequence);
    return complete;
}

static void children_runnable(World *world, Job *job)
{
    for (ChildState *child = array_live_next(job->array, 0); child; child = live_after(job->array, child)) {
        if (child->state == JOB_RUNNABLE)
            runnable_add(world, &child->runnable);
    }
}

static void job_loaded(World *world, Job *job)
{
    if (job_state_final(job->state)) {
        finished_push(world, job);
        return;
    }
    if (job->array)
        children_runnable(world, job);
    else
        job->private->unsized = job_is_unsized(job);
    if (job->state == JOB_RUNNABLE)
        runnable_add(world, &job->private->runnable);
    else if (job->state == JOB_PENDING || job->state == JOB_SUBMITTED)
        dependencies_begin(world, job, world->loaded_ms);
}

bool world_loaded(World *world, GError **error)
{
    world->loading = true;
    for (Job *job = world_job_next(world, 0); job; job = world_job_next(world, job->sequence)) {
        if (!launches_complete(world, job, error) || !count_job(world, job, error))
            return false;
    }
    for (Job *job = world_job_next(world, 0); job; job = world_job_next(world, job->sequence))
        job_loaded(world, job);
    runs_loaded(world);
    shares_loaded(world);
    overrides_loaded(world);
    suspensions_loaded(world);
    guests_loaded(world);
    world->loading = false;
    return true;
}
