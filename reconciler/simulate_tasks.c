/* simulate_tasks.c: launches become tasks of the simulated cloud, and what becomes of these is told to the
 * world. */
#include "reconciler/simulate_internal.h"

#define KILL_GRACE_MS 30000 /* batch: SIGTERM to SIGKILL; simulated tasks obey at once */

/* From the decision to the task's first instruction: a process is there at once, a container needs its image.
 */
typedef struct {
    int64_t from_ms, to_ms;
} StartDelay;
static const StartDelay start_local = {2, 4}, start_instance = {2000, 10000}, start_fargate = {20000, 60000};

/* Tokens are slots, so that no look-up is needed to come from a launch to its task. */
static uint32_t slot_take(GArray *slots, GArray *free_slots)
{
    if (free_slots->len > 0) {
        uint32_t slot = g_array_index(free_slots, uint32_t, free_slots->len - 1);
        g_array_set_size(free_slots, free_slots->len - 1);
        return slot;
    }
    g_array_set_size(slots, slots->len + 1);
    return slots->len - 1;
}

void simulated_token(LaunchToken *token, void *data)
{
    Simulation *simulation = data;
    uint64_t number = ++simulation->tokens;
    *token = (LaunchToken){0};
    for (int i = 0; i < 8; i++)
        token->bytes[i] = (uint8_t)(number >> (56 - 8 * i));
    token->bytes[8] = 1; /* never all zero, and none of the store's */
}

static SimulatedTask *task_at(Simulation *simulation, uint64_t slot)
{
    return &g_array_index(simulation->tasks, SimulatedTask, slot);
}

static StartDelay delay_of(const Launch *launch)
{
    if (launch->instance)
        return launch->instance->environment ? start_instance : start_local;
    return start_fargate;
}

static int64_t delay_draw(Simulation *simulation, const Launch *launch)
{
    StartDelay delay = delay_of(launch);
    return rng_between(&simulation->ids, delay.from_ms, delay.to_ms);
}

static uint32_t task_run(Simulation *simulation, Launch *launch, const CloudFate *fate)
{
    uint32_t slot = slot_take(simulation->tasks, simulation->free_tasks);
    SimulatedTask *task = task_at(simulation, slot);
    uint32_t machine = launch->instance ? machine_number(simulation, launch->instance) : CLOUD_NO_MACHINE;
    *task = (SimulatedTask){.launch = launch};
    launch->slot = slot;
    task->number = simulated_cloud_run(simulation->cloud, machine, slot, fate,
                                       launch->job->template->effective->timeout_ms, simulation->now_ms);
    return slot;
}

static void task_start(Simulation *simulation, Launch *launch)
{
    Fate fate = model_fate(simulation, launch);
    CloudFate cloud = {
        .start_ms = delay_draw(simulation, launch), .run_ms = fate.run_ms, .exit_code = fate.exit_code};
    task_run(simulation, launch, &cloud);
    watch_started(simulation, launch);
}

void tasks_start(Simulation *simulation)
{
    const GPtrArray *launches = simulation->decided.launches;
    for (guint i = 0; i < launches->len; i++)
        task_start(simulation, launches->pdata[i]);
}

/* What has run for longer than it was expected to goes on for as long as half of what it has run. */
static int64_t remaining_ms(const Simulation *simulation, const Launch *launch, int64_t run_ms)
{
    int64_t ran_ms = launch->started_ms ? simulation->now_ms - launch->started_ms : 0;
    return run_ms > ran_ms ? run_ms - ran_ms : ran_ms / 2 + 1;
}

/* What the store knew as running runs on; what it knew as asked for starts. */
void tasks_adopt(Simulation *simulation)
{
    g_autoptr(GPtrArray) launches = g_ptr_array_new();
    for (const Launch *launch = NULL; (launch = world_launch_next(simulation->world, launch));)
        g_ptr_array_add(launches, (void *)(uintptr_t)launch);
    for (guint i = 0; i < launches->len; i++) {
        Launch *launch = launches->pdata[i];
        Fate fate = model_fate(simulation, launch);
        CloudFate cloud = {.run_ms = remaining_ms(simulation, launch, fate.run_ms),
                           .exit_code = fate.exit_code};
        int64_t started_ms = launch->started_ms ? launch->started_ms : simulation->now_ms;
        launch_started(simulation->world, launch, started_ms, simulation->now_ms);
        task_run(simulation, launch, &cloud);
        watch_started(simulation, launch);
    }
}

void tasks_stop(Simulation *simulation, const GPtrArray *launches)
{
    for (guint i = 0; i < launches->len; i++) {
        Launch *launch = launches->pdata[i]; /* the world may have marked it; a second stop changes nothing */
        launch_stopping(simulation->world, launch);
        simulated_cloud_stop(simulation->cloud, task_at(simulation, launch->slot)->number, 0,
                             simulation->now_ms);
    }
}

static void task_ended(Simulation *simulation, Launch *launch, const CloudEvent *event)
{
    WatchedEnd watched = {.job = launch->job,
                          .index = launch->index,
                          .started_ms = launch->started_ms ? launch->started_ms : event->started_ms,
                          .share = job_share(launch->job),
                          .environment = launch->environment,
                          .need = {launch->vcpus_e4, launch->memory_mib, launch->gpus}};
    if (event->type == CLOUD_TASK_LOST) {
        watched.outcome = ATTEMPT_LOST;
        launch_lost(simulation->world, launch, simulation->now_ms);
    } else {
        LaunchEnd end = {.cause = event->end == CLOUD_TASK_EXITED      ? END_EXITED
                                  : event->end == CLOUD_TASK_TIMED_OUT ? END_TIMEOUT
                                                                       : END_STOPPED,
                         .exit_code = event->exit_code,
                         .started_ms = event->started_ms,
                         .stopped_ms = event->at_ms};
        bool succeeded = event->end == CLOUD_TASK_EXITED && event->exit_code == 0;
        watched.outcome = succeeded ? ATTEMPT_SUCCEEDED : ATTEMPT_FAILED;
        launch_ended(simulation->world, launch, &end, simulation->now_ms);
    }
    watch_ended(simulation, &watched);
}

void task_happened(Simulation *simulation, const CloudEvent *event)
{
    uint32_t slot = (uint32_t)event->user;
    SimulatedTask *task = task_at(simulation, slot);
    Launch *launch = task->launch;
    if (event->type == CLOUD_TASK_STARTED) {
        launch_started(simulation->world, launch, event->at_ms, simulation->now_ms);
        return;
    }
    task->launch = NULL;
    g_array_append_val(simulation->free_tasks, slot);
    simulation->changed = true;
    task_ended(simulation, launch, event);
}
