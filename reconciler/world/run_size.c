/* run_size.c: steps whose array is as large as a file of their run's workspace has lines.
 *
 * Such a step is a single job that waits for its dependencies as any other. When they hold it asks for its
 * size (world_take_sizes), and job_size_found() makes it an array, in place; without a line it succeeds. That
 * a job is to become one is not stored: it follows from its run's spec and from its having no array yet. */
#include "reconciler/world/run.h"
#include "spec/array_lines.h"

static const JobSpec *step_of(const Job *job)
{
    const PipelineSpec *pipeline = job->run ? job->run->pipeline : NULL;
    for (size_t i = 0; pipeline && job->step && i < pipeline->steps_len; i++)
        if (g_strcmp0(pipeline->steps[i]->name, job->step) == 0)
            return pipeline->steps[i];
    return NULL;
}

bool job_is_unsized(const Job *job)
{
    const JobSpec *step = job->array_size > 0 || job_state_final(job->state) ? NULL : step_of(job);
    return step && step->array_file && !step->array_counted;
}

const char *job_array_file(const Job *job)
{
    const JobSpec *step = job->private->unsized ? step_of(job) : NULL;
    return step ? step->array_file : NULL;
}

void job_size_want(World *world, Job *job, int64_t now_ms)
{
    if (job->state == JOB_SUBMITTED)
        job_move(world, job, JOB_PENDING, now_ms);
    g_array_append_val(world->sizes, job->id);
}

void world_take_sizes(World *world, GArray *ret_ids)
{
    g_array_append_vals(ret_ids, world->sizes->data, world->sizes->len);
    g_array_set_size(world->sizes, 0);
}

static void succeed_empty(World *world, Job *job, int64_t now_ms)
{
    job->private->unsized = false;
    job_set_reason(world, job, "The file has no lines: skipped");
    job_move(world, job, JOB_SUCCEEDED, now_ms);
}

static void become_array(World *world, Job *job, int32_t size, int64_t now_ms)
{
    job->private->unsized = false;
    job->array_size = size;
    job->array = array_new(size);
    job->queue->counts[JOB_PENDING] += size - 1; /* the children instead of the job */
    job_touch(world, job);
    dependencies_sized(world, job, now_ms);
}

void job_size_found(World *world, Job *job, int64_t size, const char *fault, int64_t now_ms)
{
    if (job_state_final(job->state) || !job->private->unsized || job->private->waiting > 0)
        return; /* ended meanwhile, or asked for twice */
    const char *file = job_array_file(job);
    g_autofree char *reason = NULL;
    if (fault)
        reason = g_strdup_printf("array.fromFile: %s: %s", file, fault);
    else if (size > ARRAY_LINES_MAX)
        reason = g_strdup_printf("array.fromFile: %s has %" G_GINT64_FORMAT
                                 " lines, and an array at most %d children",
                                 file, size, ARRAY_LINES_MAX);
    else
        reason = dependencies_misfit(world, job, size);
    if (reason)
        job_fail(world, job, reason, now_ms);
    else if (size == 0)
        succeed_empty(world, job, now_ms);
    else
        become_array(world, job, (int32_t)size, now_ms);
    work_run(world, now_ms);
}
