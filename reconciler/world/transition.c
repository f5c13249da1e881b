/* transition.c: the one table of job states, and the bookkeeping of every move (batch: "Transitions"). */
#include "reconciler/world/job.h"

#define BIT(state) (1u << (state))

/* Row: from; bits: to. A job never leaves a final state. */
static const unsigned job_table[JOB_STATE_COUNT] = {
    [JOB_SUBMITTED] = BIT(JOB_PENDING) | BIT(JOB_RUNNABLE) | BIT(JOB_FAILED),
    [JOB_PENDING] = BIT(JOB_RUNNABLE) | BIT(JOB_SUCCEEDED) | BIT(JOB_FAILED), /* a step of no children */
    [JOB_RUNNABLE] = BIT(JOB_STARTING) | BIT(JOB_FAILED),
    [JOB_STARTING] = BIT(JOB_RUNNING) | BIT(JOB_RUNNABLE) | BIT(JOB_FAILED),
    [JOB_RUNNING] = BIT(JOB_SUCCEEDED) | BIT(JOB_RUNNABLE) | BIT(JOB_FAILED),
};
/* An array's parent waits for its children in PENDING and ends with the last of them. */
static const unsigned parent_table[JOB_STATE_COUNT] = {
    [JOB_SUBMITTED] = BIT(JOB_PENDING),
    [JOB_PENDING] = BIT(JOB_SUCCEEDED) | BIT(JOB_FAILED),
};

bool transition_allowed(TransitionSubject subject, JobState from, JobState to)
{
    const unsigned *table = subject == SUBJECT_PARENT ? parent_table : job_table;
    return (table[from] & BIT(to)) != 0;
}

/* Waiting in a queue and being born are no news; beginnings, ends and retries are. */
static bool move_is_news(JobState from, JobState to)
{
    return !(from == JOB_SUBMITTED && !job_state_final(to));
}

void job_move(World *world, Job *job, JobState to, int64_t now_ms)
{
    JobState from = job->state;
    g_assert(transition_allowed(job->array ? SUBJECT_PARENT : SUBJECT_JOB, from, to));
    job->state = to;
    if (!job->array) {
        job->queue->counts[from]--;
        job->queue->counts[to]++;
        if (job_state_final(to))
            pace_add(&job->queue->pace, 1, now_ms);
        if (to == JOB_RUNNABLE && job->runnable_ms == 0)
            job->runnable_ms = now_ms;
        if (to == JOB_RUNNABLE)
            runnable_add(world, &job->private->runnable);
        else
            runnable_remove(world, &job->private->runnable);
    }
    job_touch(world, job);
    if (move_is_news(from, to))
        event_job(world, job, NOT_A_CHILD, from, to, now_ms);
    if (job_state_final(to))
        job_finished(world, job, from, now_ms);
}

void child_move(World *world, ChildState *child, JobState to, int64_t now_ms)
{
    Job *job = child->job;
    JobState from = child->state;
    g_assert(transition_allowed(SUBJECT_CHILD, from, to));
    child->state = to;
    job->array->counts[from]--;
    job->array->counts[to]++;
    job->queue->counts[from]--;
    job->queue->counts[to]++;
    if (job_state_final(to))
        pace_add(&job->queue->pace, 1, now_ms);
    if (to == JOB_RUNNABLE)
        runnable_add(world, &child->runnable);
    else
        runnable_remove(world, &child->runnable);
    child_touch(world, child);
    if (to == JOB_RUNNING || to == JOB_RUNNABLE || job_state_final(to))
        event_job(world, job, child->index, from, to, now_ms);
    if (job_state_final(to))
        child_ended(world, child, from, now_ms);
    if (job_state_final(to) && world->silent)
        child_collapse(world, child); /* no batch will do it */
}
