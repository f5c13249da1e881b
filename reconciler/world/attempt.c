/* What one job and one child have in common, in one place; and the end of an attempt. */
#include "reconciler/world/attempt.h"

const char attempt_exited[] = "Essential container in task exited";
const char attempt_not_started[] = "Task failed to start";
const char attempt_timed_out[] = "Job attempt duration exceeded timeout";

Target target_of(const Launch *launch)
{
    Target target = {launch->job, NULL};
    if (launch->job->array) {
        target.child = launch_entry(launch)->child;
        g_assert(target.child && target.child->index == launch->index);
    }
    return target;
}

JobState target_state(Target target)
{
    return target.child ? target.child->state : target.job->state;
}

void target_move(World *world, Target target, JobState to, int64_t now_ms)
{
    if (target.child)
        child_move(world, target.child, to, now_ms);
    else
        job_move(world, target.job, to, now_ms);
}

bool target_ended_by_request(Target target)
{
    return target.child ? target.child->is_terminated || target.child->is_cancelled
                        : target.job->is_terminated || target.job->is_cancelled;
}

const char *target_reason(Target target)
{
    return target.child ? target.child->status_reason : target.job->status_reason;
}

void target_set_reason(World *world, Target target, const char *reason)
{
    if (!target.child) {
        job_set_reason(world, target.job, reason);
        return;
    }
    char *copy = g_strdup(reason);
    g_free(target.child->status_reason);
    target.child->status_reason = copy;
    child_touch(world, target.child);
}

void target_set_launch(Target target, Launch *launch)
{
    if (target.child) {
        target.child->launch = launch;
        if (launch)
            launch_entry(launch)->child = target.child;
    } else {
        target.job->launch = launch;
    }
}

static int32_t target_attempts(Target target)
{
    return target.child ? target.child->attempts : target.job->attempts;
}

void target_set_attempts(World *world, Target target, int32_t attempts)
{
    if (target.child) {
        target.child->attempts = attempts;
        child_touch(world, target.child);
    } else {
        target.job->attempts = attempts;
        job_touch(world, target.job);
    }
}

void target_set_started(World *world, Target target, int64_t started_ms)
{
    if (target.child) {
        target.child->started_ms = started_ms;
        child_touch(world, target.child);
    } else {
        target.job->started_ms = started_ms;
        job_touch(world, target.job);
    }
}

/* Retried jobs go to the front of their queue. Must be called before the move to RUNNABLE. */
static void target_to_front(World *world, Target target)
{
    uint64_t front = ++world->front;
    if (target.child)
        target.child->front = target.child->runnable.front = front;
    else
        target.job->front = target.job->private->runnable.front = front;
}

/* ---- the end of an attempt ---- */

static void attempt_retried(World *world, Target target, const AttemptOutcome *outcome, int64_t now_ms)
{
    target_set_reason(world, target, outcome->status_reason);
    target_to_front(world, target);
    target_move(world, target, JOB_RUNNABLE, now_ms);
}

/* Again, or for good. */
static void attempt_failed(World *world, Target target, const AttemptOutcome *outcome, int64_t now_ms)
{
    const RetryStrategy *strategy = &target.job->template->effective->retry;
    if (retry_decide(strategy, outcome) == RETRY_RETRY) {
        attempt_retried(world, target, outcome, now_ms);
    } else {
        if (!outcome->ended_by_request || !target_reason(target))
            target_set_reason(world, target, outcome->status_reason);
        target_move(world, target, JOB_FAILED, now_ms);
    }
}

static void attempt_succeeded(World *world, Target target, const Verdict *verdict, int64_t now_ms)
{
    history_add(world, template_entry(target.job->template)->history, verdict->ran_ms, now_ms);
    target_set_reason(world, target, verdict->outcome.status_reason);
    target_move(world, target, JOB_SUCCEEDED, now_ms);
}

/* It counts as not begun. */
static void attempt_undone(World *world, Target target, const AttemptOutcome *outcome, int64_t now_ms)
{
    target_set_attempts(world, target, target_attempts(target) - 1);
    if (outcome->ended_by_request) {
        attempt_failed(world, target, outcome, now_ms);
        return;
    }
    target_to_front(world, target);
    target_move(world, target, JOB_RUNNABLE, now_ms);
}

void attempt_over(World *world, Target target, const Verdict *verdict, int64_t now_ms)
{
    consumables_give(world, target.job->template, verdict->kind == VERDICT_AGAIN);
    switch (verdict->kind) {
    case VERDICT_SUCCEEDED: attempt_succeeded(world, target, verdict, now_ms); break;
    case VERDICT_FAILED: attempt_failed(world, target, &verdict->outcome, now_ms); break;
    case VERDICT_RETRIED: attempt_retried(world, target, &verdict->outcome, now_ms); break;
    case VERDICT_AGAIN: attempt_undone(world, target, &verdict->outcome, now_ms); break;
    case VERDICT_NONE: g_assert_not_reached();
    }
    work_run(world, now_ms);
}
