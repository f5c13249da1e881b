/* adopt.c: see adopt.h. */
#include "reconciler/world/adopt.h"
#include "reconciler/world/attempt.h"

/* ---- launches ---- */

static const char not_seen_end[] =
    "The end of this attempt is not known: the state was restored, and a later one was found";

/* What the target is; its child need not live. */
static ChildView target_view(const Adoption *found)
{
    const Job *job = found->job;
    ChildView view = {.state = job->state,
                      .is_terminated = job->is_terminated,
                      .attempts = job->attempts,
                      .launch = job->launch};
    if (job->array)
        job_child(job, found->index, &view);
    return view;
}

static bool is_of_job(const Adoption *found)
{
    const Job *job = found->job;
    if (job_is_multinode(job) || found->attempt < 1)
        return false;
    return job->array ? found->index >= 0 && found->index < job->array_size : found->index == NOT_A_CHILD;
}

/* Attempts of a job follow each other: one above another proves that to be over. The same number proves that
 * a launch which is not known to have begun was refused, and asked for once more. */
static bool is_over_then(const Launch *launch, int32_t attempt)
{
    bool is_seen = launch->state != LAUNCH_UNKNOWN || launch->is_node;
    return !is_seen && (attempt > launch->attempt || (attempt == launch->attempt && !launch->started_ms));
}

static void end_unseen(World *world, Launch *launch, int32_t attempt, int64_t now_ms)
{
    Verdict verdict = {
        .kind = VERDICT_RETRIED,
        .outcome = {.attempt = launch->attempt, .exit_code = -1, .status_reason = not_seen_end}};
    Closing closing = {
        .state = LAUNCH_ENDED, .status_reason = not_seen_end, .exit_code = -1, .stopped_ms = now_ms};
    if (attempt == launch->attempt)
        launch_refused(world, launch, NULL, now_ms);
    else
        launch_over(world, launch, &closing, &verdict, now_ms);
}

static Launch *begin(World *world, const Adoption *found, int64_t now_ms)
{
    Target target = target_for_launch(world, found->job, found->index);
    bool is_shared = environment_is_shared(found->environment);
    Instance *instance = is_shared ? world_local_instance(world) : found->instance;
    if (instance)
        instance_hold(instance, job_holds(found->job->template, instance));
    Launch *launch =
        launch_begin(world, found->job, found->index, found->environment, instance, &found->token, now_ms);
    launch_begun(world, target, launch, found->attempt, now_ms);
    launch_named(world, launch, found->task);
    return launch;
}

AdoptResult launch_adopt(World *world, const Adoption *found, int64_t now_ms, Adopted *ret_adopted)
{
    if (!is_of_job(found))
        return ADOPT_NEVER;
    ChildView target = target_view(found);
    if (job_state_final(target.state) || target.is_terminated)
        return ADOPT_NEVER;
    if (target.launch ? !is_over_then(target.launch, found->attempt) : found->attempt <= target.attempts)
        return ADOPT_NEVER;
    if (!target.launch && target.state != JOB_RUNNABLE)
        return ADOPT_LATER;
    *ret_adopted = (Adopted){.has_ended = target.launch != NULL};
    if (target.launch) {
        ret_adopted->over = target.launch->token;
        end_unseen(world, target.launch, found->attempt, now_ms);
    }
    ret_adopted->launch = begin(world, found, now_ms);
    return ADOPTED;
}

/* ---- instances ---- */

Instance *instance_adopt(World *world, Environment *environment, const InstanceDraft *draft,
                         const LaunchToken *token, bool is_former, int64_t made_ms)
{
    Instance *instance = instance_intend(world, environment, draft, token, made_ms);
    if (is_former)
        instance->generation = environment->generation ^ 1; /* generations are names: any other one */
    return instance;
}
