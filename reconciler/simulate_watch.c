/* simulate_watch.c: what the collector is told. */
#include "reconciler/simulate_internal.h"

/* ---- handles ---- */

uint32_t watch_share(Simulation *simulation, Share *share)
{
    if (share->slot == 0) {
        uint32_t queue = collector_queue(simulation->collector, share->queue->resource->name);
        share->slot = collector_share(simulation->collector, queue, share->identifier) + 1;
    }
    return share->slot - 1;
}

static const char *type_name(const Environment *environment)
{
    static const char *const names[] = {[CE_TYPE_EC2] = "EC2",
                                        [CE_TYPE_SPOT] = "SPOT",
                                        [CE_TYPE_FARGATE] = "FARGATE",
                                        [CE_TYPE_FARGATE_SPOT] = "FARGATE_SPOT",
                                        [CE_TYPE_UNMANAGED] = "UNMANAGED"};
    return environment->provider == PROVIDER_LOCAL || environment->provider == PROVIDER_DOCKER
               ? provider_type_name(environment->provider)
               : names[environment->spec->type];
}

static bool is_fargate(const Environment *environment)
{
    return environment->spec->type == CE_TYPE_FARGATE || environment->spec->type == CE_TYPE_FARGATE_SPOT;
}

/* In what it is paid for, known prices or not; NULL: machines that are there cost nothing. */
static const char *currency_of(const Simulation *simulation, const Environment *environment)
{
    const ScaleCandidates *candidates = growth_candidates(simulation->growth, environment);
    bool is_here = environment->provider == PROVIDER_LOCAL || environment->provider == PROVIDER_DOCKER;
    if (candidates && candidates->currency)
        return candidates->currency;
    return candidates || (!is_here && is_fargate(environment)) ? "USD" : NULL;
}

SimulatedEnvironment *watch_environment(Simulation *simulation, Environment *environment)
{
    SimulatedEnvironment *watched = g_hash_table_lookup(simulation->environments, environment);
    if (watched)
        return watched;
    CollectedEnvironment collected = {.name = environment->resource->name,
                                      .type = type_name(environment),
                                      .currency = currency_of(simulation, environment),
                                      .limit_vcpus_e4 = environment->spec->max_vcpus * DECIMAL_SCALE};
    watched = g_new0(SimulatedEnvironment, 1);
    watched->handle = collector_environment(simulation->collector, &collected);
    if (environment->provider == PROVIDER_LOCAL || environment->provider == PROVIDER_DOCKER)
        watched->allocated = simulation->options->machine;
    g_hash_table_insert(simulation->environments, environment, watched);
    return watched;
}

/* ---- jobs ---- */

/* A job's slot is 0 until the collector knows of it, then 1 and how many of it have ended. */
static int64_t job_size(const Job *job)
{
    return MAX(job->array_size, 1);
}

static int64_t job_open(const Job *job)
{
    int64_t counts[JOB_STATE_COUNT];
    if (!job->array)
        return job_state_final(job->state) ? 0 : 1;
    job_counts(job, counts);
    return job->array_size - counts[JOB_SUCCEEDED] - counts[JOB_FAILED];
}

/* ended: children that had ended before the simulation began, of whom it tells nothing. */
static void watch_submitted(Simulation *simulation, Job *job, int64_t ended)
{
    int64_t open = job_size(job) - ended;
    job->slot = (uint32_t)(1 + ended);
    if (open > 0)
        collector_jobs_submitted(simulation->collector, watch_share(simulation, job_share(job)), open);
}

/* Whoever submitted them: the workload, a run, a schedule. */
void watch_new(Simulation *simulation)
{
    for (Job *job = NULL; (job = world_job_next(simulation->world, simulation->watched_sequence));) {
        simulation->watched_sequence = job->sequence;
        watch_submitted(simulation, job, 0);
    }
}

/* It was counted as one job; those that are found before the collector knows of them are counted then. */
void watch_sized(Simulation *simulation, const Job *job)
{
    if (job->slot > 0 && job->array_size > 1)
        collector_jobs_submitted(simulation->collector, watch_share(simulation, job_share(job)),
                                 job->array_size - 1);
}

static int64_t retried_key(const Job *job, int32_t index)
{
    uint64_t child = job->array ? (uint64_t)index + 1 : 0; /* at most 10,000 */
    return (int64_t)(job->sequence << 16 | child);
}

/* When its first attempt began to run; remembered only of what runs again. */
static int64_t first_started_ms(Simulation *simulation, const WatchedEnd *end, bool is_final)
{
    int64_t key = retried_key(end->job, end->index);
    const int64_t *known =
        g_hash_table_size(simulation->retried) > 0 ? g_hash_table_lookup(simulation->retried, &key) : NULL;
    int64_t started_ms = known ? *known : end->started_ms;
    if (known && is_final)
        g_hash_table_remove(simulation->retried, &key);
    if (known || is_final || end->started_ms == 0)
        return started_ms;
    int64_t *kept = g_new(int64_t, 2);
    kept[0] = started_ms;
    kept[1] = key;
    g_hash_table_insert(simulation->retried, &kept[1], kept);
    return started_ms;
}

static void use_environment(Simulation *simulation, Environment *environment, Capacity need,
                            int64_t direction)
{
    if (!environment)
        return;
    SimulatedEnvironment *watched = watch_environment(simulation, environment);
    watched->used.vcpus_e4 += direction * need.vcpus_e4;
    watched->used.memory_mib += direction * need.memory_mib;
    watched->used.gpus += direction * need.gpus;
    watched->is_dirty = true;
}

/* Fargate is paid for by the task; its prices are in no table that the program has. */
static void use_instance(Simulation *simulation, const Launch *launch)
{
    const Instance *instance = launch->instance;
    if (instance && instance->environment)
        collector_instance_used(simulation->collector, instance->number, simulation->now_ms,
                                instance->used.vcpus_e4);
    if (!instance && launch->environment)
        collector_task_started(simulation->collector,
                               watch_environment(simulation, launch->environment)->handle, simulation->now_ms,
                               SCALE_UNKNOWN);
}

void watch_started(Simulation *simulation, const Launch *launch)
{
    Capacity need = {launch->vcpus_e4, launch->memory_mib, launch->gpus};
    use_environment(simulation, launch->environment, need, 1);
    use_instance(simulation, launch);
    if (launch->attempt != 1 || (launch->is_node && launch != launch->job->launch))
        return;
    CollectedWait wait = {.share = watch_share(simulation, job_share(launch->job)),
                          .environment = launch->environment
                                             ? watch_environment(simulation, launch->environment)->handle
                                             : COLLECTOR_NONE,
                          .name = launch->job->name,
                          .index = launch->is_node ? NOT_A_CHILD : launch->index,
                          .count = 1,
                          .runnable_ms = job_runnable_ms(launch->job, launch->index),
                          .now_ms = launch->intended_ms,
                          .need = need};
    collector_job_started(simulation->collector, &wait);
}

static JobState state_of(const Job *job, int32_t index)
{
    ChildView child;
    if (!job->array)
        return job->state;
    job_child(job, index, &child);
    return child.state;
}

static void attempt_ended(Simulation *simulation, const WatchedEnd *end)
{
    if (!end->environment)
        return; /* it is gone, and its book with it */
    CollectedAttempt attempt = {.share = watch_share(simulation, end->share),
                                .environment = watch_environment(simulation, end->environment)->handle,
                                .started_ms = end->started_ms ? end->started_ms : simulation->now_ms,
                                .ended_ms = simulation->now_ms,
                                .need = end->need,
                                .outcome = end->outcome};
    collector_attempt_ended(simulation->collector, &attempt);
}

/* A multinode job has one attempt of many launches, and has ended with the last of them. */
void watch_ended(Simulation *simulation, const WatchedEnd *end)
{
    use_environment(simulation, end->environment, end->need, -1);
    attempt_ended(simulation, end);
    JobState state = state_of(end->job, end->index);
    bool is_final = job_state_final(state);
    int64_t started_ms = first_started_ms(simulation, end, is_final);
    if (!is_final)
        return;
    CollectedJob job = {.share = watch_share(simulation, end->share),
                        .runnable_ms = job_runnable_ms(end->job, end->index),
                        .started_ms = started_ms,
                        .ended_ms = simulation->now_ms,
                        .succeeded = state == JOB_SUCCEEDED};
    collector_job_ended(simulation->collector, &job);
    end->job->slot++;
}

/* Those of it that ended without ever having been started: cancelled, or what they waited for failed. */
static void watch_never_started(Simulation *simulation, Job *job)
{
    if (job->slot == 0)
        return;
    int64_t ended_ms = job->stopped_ms ? job->stopped_ms : simulation->now_ms;
    CollectedJob ended = {.share = watch_share(simulation, job_share(job)),
                          .runnable_ms = job->runnable_ms,
                          .ended_ms = ended_ms,
                          .succeeded = job->state == JOB_SUCCEEDED};
    for (int64_t known = job->slot - 1, all = job_size(job) - job_open(job); known < all;
         known++, job->slot++)
        collector_job_ended(simulation->collector, &ended);
}

void watch_finished(Simulation *simulation)
{
    for (Job *job = NULL; (job = world_finished_next(simulation->world, job));)
        watch_never_started(simulation, job);
}

/* ---- queues and environments, when something changed ---- */

static void queues_find(Simulation *simulation)
{
    size_t len;
    Queue *const *queues = world_queues(simulation->world, &len);
    g_array_set_size(simulation->queues, 0);
    for (size_t i = 0; i < len; i++) {
        SimulatedQueue watched = {
            .queue = queues[i], .handle = collector_queue(simulation->collector, queues[i]->resource->name)};
        g_array_append_val(simulation->queues, watched);
    }
}

void watch_step(Simulation *simulation)
{
    for (guint i = 0; i < simulation->queues->len; i++) {
        SimulatedQueue *watched = &g_array_index(simulation->queues, SimulatedQueue, i);
        const int64_t *counts = watched->queue->counts;
        int64_t running = counts[JOB_STARTING] + counts[JOB_RUNNING];
        if (watched->runnable == counts[JOB_RUNNABLE] && watched->running == running)
            continue;
        watched->runnable = counts[JOB_RUNNABLE];
        watched->running = running;
        collector_queue_depth(simulation->collector, watched->handle, simulation->now_ms, watched->runnable,
                              running);
    }
    for (Environment *environment = world_environment_next(simulation->world, NULL); environment;
         environment = world_environment_next(simulation->world, environment)) {
        SimulatedEnvironment *watched = watch_environment(simulation, environment);
        if (!watched->is_dirty)
            continue;
        watched->is_dirty = false;
        collector_capacity(simulation->collector, watched->handle, simulation->now_ms, watched->used,
                           watched->allocated);
    }
}

void watch_begin(Simulation *simulation)
{
    queues_find(simulation);
    for (Environment *environment = world_environment_next(simulation->world, NULL); environment;
         environment = world_environment_next(simulation->world, environment))
        watch_environment(simulation, environment)->is_dirty = true;
    for (Job *job = NULL; (job = world_job_next(simulation->world, simulation->watched_sequence));) {
        simulation->watched_sequence = job->sequence;
        if (!job_state_final(job->state))
            watch_submitted(simulation, job, job_size(job) - job_open(job));
    }
}

/* ---- what is left at the end ---- */

static const Job *group_first(const RunnableGroup *group)
{
    RunnableItem item;
    const void *at = NULL;
    uint64_t front;
    return runnable_group_item(group, &at, &item, &front) ? item.job : NULL;
}

static void group_left(Simulation *simulation, Share *share, const RunnableGroup *group)
{
    const Job *first = group_first(group);
    if (group->parked) {
        CollectedInfeasible infeasible = {.share = watch_share(simulation, share),
                                          .definition = first->template->definition,
                                          .job = first->name,
                                          .reason = group->reason,
                                          .need = group->need,
                                          .count = group->jobs};
        collector_jobs_infeasible(simulation->collector, &infeasible);
        return;
    }
    CollectedWait wait = {.share = watch_share(simulation, share),
                          .environment = COLLECTOR_NONE,
                          .name = first->name,
                          .reason = group->reason,
                          .index = -1,
                          .count = group->jobs,
                          .runnable_ms = first->runnable_ms,
                          .now_ms = simulation->now_ms,
                          .need = group->need};
    collector_job_waiting(simulation->collector, &wait);
}

static void queue_left(Simulation *simulation, const Queue *queue)
{
    for (Share *share = share_next(queue, NULL); share; share = share_next(queue, share))
        for (const RunnableGroup *group = share_group_any(share, NULL); group;
             group = share_group_any(share, group))
            group_left(simulation, share, group);
}

void watch_end(Simulation *simulation)
{
    size_t len;
    for (Job *job = NULL; (job = world_job_next(simulation->world, job ? job->sequence : 0));)
        watch_never_started(simulation, job);
    Queue *const *queues = world_queues(simulation->world, &len);
    for (size_t i = 0; i < len; i++)
        queue_left(simulation, queues[i]);
    for (const Run *run = world_run_next(simulation->world, NULL); run;
         run = world_run_next(simulation->world, run)) {
        if (run->stopped_ms != 0 && run->stopped_ms <= simulation->options->start_ms)
            continue;
        CollectedRun collected = {.kind = kind_name(run->kind),
                                  .name = run->name,
                                  .number = run->number,
                                  .started_ms = run->created_ms,
                                  .ended_ms = run->stopped_ms ? run->stopped_ms : -1,
                                  .succeeded = run->state == RUN_SUCCEEDED};
        collector_run(simulation->collector, &collected);
    }
}
