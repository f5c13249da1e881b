#include "reconciler/provider/simulated/simulated_cloud.h"
#include "reconciler/provider/simulated/event_queue.h"
#include "spec/base/fixed_point.h"
#include "spec/base/rng.h"
#include <glib.h>

#define NONE        UINT32_MAX
#define MS_PER_HOUR (60 * 60 * 1000)
#define NUMBER_BITS 29

/* What is queued: one of these, with the number of a task or machine. */
enum { STEP_TASK_START, STEP_TASK_END, STEP_MADE, STEP_REGISTERED, STEP_REFUSED, STEP_GONE };

typedef struct {
    uint64_t user;
    int64_t started_ms, end_ms;                  /* started_ms 0: not yet */
    uint32_t generation, machine, before, after; /* of the same machine */
    int16_t exit_code;
    uint8_t end; /* CloudTaskEnd */
    bool used;
} Task;

typedef struct {
    uint64_t user;
    int64_t made_ms; /* 0: not yet */
    int64_t price, register_at_ms, vcpus_e4, memory_mib, memory_less_mib;
    uint32_t generation, first_task;
    int gpus;
    CloudRefusal refusal;
    CloudGone gone;
    bool used, spot, registers;
} Machine;

struct SimulatedCloud {
    CloudModel model;
    EventQueue queue;
    Task *tasks;
    Machine *machines;
    uint32_t *free_tasks, *free_machines; /* numbers to use again */
    uint32_t tasks_len, tasks_max, free_tasks_len, machines_len, machines_max, free_machines_len;
    uint64_t asked; /* machines so far: the number of the next one's fate */
    uint32_t going; /* a machine whose tasks are being told; NONE */
    int64_t going_ms;
    int64_t cost;      /* of machines that are gone */
    uint64_t unpriced; /* machines whose price is unknown */
};

SimulatedCloud *simulated_cloud_new(const CloudModel *model, int64_t now_ms)
{
    SimulatedCloud *cloud = g_new0(SimulatedCloud, 1);
    cloud->model = *model;
    cloud->going = NONE;
    event_queue_init(&cloud->queue, now_ms);
    return cloud;
}

void simulated_cloud_set_model(SimulatedCloud *cloud, const CloudModel *model)
{
    cloud->model = *model;
}

void simulated_cloud_free(SimulatedCloud *cloud)
{
    if (!cloud)
        return;
    event_queue_clear(&cloud->queue);
    g_free(cloud->tasks);
    g_free(cloud->machines);
    g_free(cloud->free_tasks);
    g_free(cloud->free_machines);
    g_free(cloud);
}

static void plan(SimulatedCloud *cloud, unsigned step, uint32_t number, uint32_t generation, int64_t at_ms)
{
    event_queue_put(&cloud->queue, (QueuedEvent){at_ms, (uint32_t)step << NUMBER_BITS | number, generation});
}

/* ---- numbers ---- */

static uint32_t task_take(SimulatedCloud *cloud)
{
    if (cloud->free_tasks_len)
        return cloud->free_tasks[--cloud->free_tasks_len];
    if (cloud->tasks_len == cloud->tasks_max) {
        cloud->tasks_max = MAX(64, cloud->tasks_max * 2);
        cloud->tasks = g_renew(Task, cloud->tasks, cloud->tasks_max);
        cloud->free_tasks = g_renew(uint32_t, cloud->free_tasks, cloud->tasks_max);
    }
    g_assert(cloud->tasks_len < UINT32_C(1) << NUMBER_BITS);
    cloud->tasks[cloud->tasks_len].generation = 0;
    return cloud->tasks_len++;
}

static uint32_t machine_take(SimulatedCloud *cloud)
{
    if (cloud->free_machines_len)
        return cloud->free_machines[--cloud->free_machines_len];
    if (cloud->machines_len == cloud->machines_max) {
        cloud->machines_max = MAX(64, cloud->machines_max * 2);
        cloud->machines = g_renew(Machine, cloud->machines, cloud->machines_max);
        cloud->free_machines = g_renew(uint32_t, cloud->free_machines, cloud->machines_max);
    }
    g_assert(cloud->machines_len < UINT32_C(1) << NUMBER_BITS);
    cloud->machines[cloud->machines_len].generation = 0;
    return cloud->machines_len++;
}

static void task_unlink(SimulatedCloud *cloud, const Task *task)
{
    if (task->machine == NONE)
        return;
    if (task->after != NONE)
        cloud->tasks[task->after].before = task->before;
    if (task->before != NONE)
        cloud->tasks[task->before].after = task->after;
    else
        cloud->machines[task->machine].first_task = task->after;
}

/* Events that are still queued for it no longer count. */
static void task_drop(SimulatedCloud *cloud, uint32_t number)
{
    Task *task = &cloud->tasks[number];
    task_unlink(cloud, task);
    task->generation++;
    task->used = false;
    cloud->free_tasks[cloud->free_tasks_len++] = number;
}

/* ---- tasks ---- */

static void task_link(SimulatedCloud *cloud, uint32_t number, uint32_t machine)
{
    Task *task = &cloud->tasks[number];
    task->machine = machine;
    task->before = task->after = NONE;
    if (machine == NONE)
        return;
    task->after = cloud->machines[machine].first_task;
    cloud->machines[machine].first_task = number;
    if (task->after != NONE)
        cloud->tasks[task->after].before = number;
}

uint32_t simulated_cloud_run(SimulatedCloud *cloud, uint32_t machine, uint64_t user, const CloudFate *fate,
                             int64_t timeout_ms, int64_t now_ms)
{
    uint32_t number = task_take(cloud);
    Task *task = &cloud->tasks[number];
    bool too_long = timeout_ms > 0 && fate->run_ms > timeout_ms;
    *task = (Task){.user = user,
                   .generation = task->generation,
                   .started_ms = fate->start_ms > 0 ? 0 : now_ms,
                   .exit_code = (int16_t)(too_long ? 137 : fate->exit_code),
                   .end = too_long ? CLOUD_TASK_TIMED_OUT : CLOUD_TASK_EXITED,
                   .used = true};
    task_link(cloud, number, machine);
    int64_t start_ms = now_ms + fate->start_ms;
    task->end_ms = start_ms + (too_long ? timeout_ms : fate->run_ms);
    if (fate->start_ms > 0)
        plan(cloud, STEP_TASK_START, number, task->generation, start_ms);
    plan(cloud, STEP_TASK_END, number, task->generation, task->end_ms);
    return number;
}

void simulated_cloud_stop(SimulatedCloud *cloud, uint32_t number, int64_t grace_ms, int64_t now_ms)
{
    Task *task = &cloud->tasks[number];
    if (!task->used || task->end_ms <= now_ms + grace_ms)
        return;
    task->generation++;
    task->end = CLOUD_TASK_STOPPED;
    task->exit_code = 143;
    task->end_ms = now_ms + grace_ms;
    plan(cloud, STEP_TASK_END, number, task->generation, task->end_ms);
}

void simulated_cloud_kill(SimulatedCloud *cloud, uint32_t number)
{
    if (cloud->tasks[number].used)
        task_drop(cloud, number);
}

/* ---- machines ---- */

static int64_t span(Rng *rng, CloudSpan span)
{
    return rng_between(rng, span.from_ms, MAX(span.from_ms, span.to_ms));
}

static bool strikes(Rng *rng, unsigned permille)
{
    return rng_below(rng, 1000) < permille;
}

/* However long it has been there already, it is there for as long again on average; 0 for never. */
static int64_t lifetime(Rng *rng, int64_t mean_ms)
{
    __int128 ms = (__int128)mean_ms * fixed_exponential(rng) / Q32_ONE;
    return mean_ms > 0 ? (int64_t)ms + 1 : 0;
}

/* Every fate draws the same numbers in the same order, whatever the model, so that it changes only where the
 * model does. */
static void decide_fate(SimulatedCloud *cloud, uint32_t number, const CloudMachine *request, int64_t now_ms)
{
    const CloudModel *model = &cloud->model;
    Machine *machine = &cloud->machines[number];
    Rng rng = rng_from_seed(model->seed + UINT64_C(0x9e3779b97f4a7c15) * ++cloud->asked);
    int64_t made_ms = now_ms + span(&rng, model->make), boots_ms = made_ms + span(&rng, model->boot);
    bool refused = strikes(&rng, model->refuse_permille);
    CloudRefusal refusal = (CloudRefusal)rng_below(&rng, 3);
    bool no_capacity = rng_below(&rng, 10000) < model->spot_refuse_e4 && request->spot;
    bool registers = !strikes(&rng, model->never_registers_permille);
    bool less = strikes(&rng, model->less_memory_permille);
    int64_t less_mib = rng_between(&rng, 1, MAX(request->memory_mib / 8, 1));
    int64_t reclaimed = lifetime(&rng, model->reclaim_mean_ms), dies = lifetime(&rng, model->die_mean_ms);
    bool reclaims = request->spot && reclaimed && (!dies || reclaimed < dies);
    if (no_capacity) {
        refused = true;
        refusal = CLOUD_REFUSES_CAPACITY;
    }
    machine->price = model->price ? model->price(request->type, request->spot, now_ms, model->data) : -1;
    if (request->max_price_microusd_per_h > 0 && machine->price > request->max_price_microusd_per_h) {
        refused = true;
        refusal = CLOUD_REFUSES_PRICE;
    }
    machine->refusal = refusal;
    machine->memory_less_mib = less ? less_mib : 0;
    if (refused) {
        plan(cloud, STEP_REFUSED, number, machine->generation, made_ms);
        return;
    }
    plan(cloud, STEP_MADE, number, machine->generation, made_ms);
    if (registers)
        plan(cloud, STEP_REGISTERED, number, machine->generation, boots_ms);
    machine->gone = reclaims ? CLOUD_GONE_RECLAIMED : CLOUD_GONE_DIED;
    if (reclaims || dies)
        plan(cloud, STEP_GONE, number, machine->generation, boots_ms + (reclaims ? reclaimed : dies));
}

uint32_t simulated_cloud_make(SimulatedCloud *cloud, const CloudMachine *request, uint64_t user,
                              int64_t now_ms)
{
    uint32_t number = machine_take(cloud);
    Machine *machine = &cloud->machines[number];
    *machine = (Machine){.user = user,
                         .generation = machine->generation,
                         .vcpus_e4 = request->vcpus_e4,
                         .memory_mib = request->memory_mib,
                         .gpus = request->gpus,
                         .spot = request->spot,
                         .first_task = NONE,
                         .used = true};
    decide_fate(cloud, number, request, now_ms);
    return number;
}

void simulated_cloud_end(SimulatedCloud *cloud, uint32_t number, int64_t after_ms, int64_t now_ms)
{
    Machine *machine = &cloud->machines[number];
    if (!machine->used || number == cloud->going)
        return;
    machine->generation++;
    machine->gone = CLOUD_GONE_STOPPED;
    plan(cloud, STEP_GONE, number, machine->generation, now_ms + after_ms);
}

static int64_t machine_cost(const Machine *machine, int64_t until_ms)
{
    if (machine->price < 0 || machine->made_ms == 0)
        return 0;
    return (int64_t)((__int128)machine->price * (until_ms - machine->made_ms) / MS_PER_HOUR);
}

static void machine_drop(SimulatedCloud *cloud, uint32_t number, int64_t at_ms)
{
    Machine *machine = &cloud->machines[number];
    cloud->cost += machine_cost(machine, at_ms);
    machine->generation++;
    machine->used = false;
    cloud->free_machines[cloud->free_machines_len++] = number;
}

/* ---- what happens ---- */

static void task_event(SimulatedCloud *cloud, CloudEventType type, uint32_t number, int64_t at_ms,
                       CloudEvent *ret_event)
{
    const Task *task = &cloud->tasks[number];
    *ret_event = (CloudEvent){.type = type,
                              .number = number,
                              .user = task->user,
                              .at_ms = at_ms,
                              .started_ms = task->started_ms,
                              .end = (CloudTaskEnd)task->end,
                              .exit_code = task->exit_code};
    if (type != CLOUD_TASK_STARTED)
        task_drop(cloud, number);
}

static void machine_event(SimulatedCloud *cloud, CloudEventType type, uint32_t number, int64_t at_ms,
                          CloudEvent *ret_event)
{
    const Machine *machine = &cloud->machines[number];
    *ret_event = (CloudEvent){.type = type,
                              .number = number,
                              .user = machine->user,
                              .at_ms = at_ms,
                              .refusal = machine->refusal,
                              .gone = machine->gone,
                              .vcpus_e4 = machine->vcpus_e4,
                              .memory_mib = machine->memory_mib - machine->memory_less_mib,
                              .gpus = machine->gpus};
}

/* One task of the machine that goes; when there is none left, the machine. */
static void going_next(SimulatedCloud *cloud, CloudEvent *ret_event)
{
    uint32_t number = cloud->going, task = cloud->machines[number].first_task;
    if (task != NONE) {
        task_event(cloud, CLOUD_TASK_LOST, task, cloud->going_ms, ret_event);
        return;
    }
    cloud->going = NONE;
    machine_event(cloud, CLOUD_MACHINE_GONE, number, cloud->going_ms, ret_event);
    machine_drop(cloud, number, cloud->going_ms);
}

/* False: what was queued no longer counts. */
static bool step_task(SimulatedCloud *cloud, unsigned step, uint32_t number, const QueuedEvent *queued,
                      CloudEvent *ret_event)
{
    Task *task = &cloud->tasks[number];
    if (task->generation != queued->generation)
        return false;
    if (step == STEP_TASK_START)
        task->started_ms = queued->at_ms;
    task_event(cloud, step == STEP_TASK_START ? CLOUD_TASK_STARTED : CLOUD_TASK_ENDED, number, queued->at_ms,
               ret_event);
    return true;
}

static void machine_made(SimulatedCloud *cloud, Machine *machine, int64_t at_ms)
{
    machine->made_ms = at_ms;
    if (machine->price < 0)
        cloud->unpriced++;
}

static bool step_machine(SimulatedCloud *cloud, unsigned step, uint32_t number, const QueuedEvent *queued,
                         CloudEvent *ret_event)
{
    static const CloudEventType types[] = {[STEP_MADE - STEP_MADE] = CLOUD_MACHINE_MADE,
                                           [STEP_REGISTERED - STEP_MADE] = CLOUD_MACHINE_REGISTERED,
                                           [STEP_REFUSED - STEP_MADE] = CLOUD_MACHINE_REFUSED};
    Machine *machine = &cloud->machines[number];
    if (machine->generation != queued->generation)
        return false;
    if (step == STEP_GONE) {
        cloud->going = number;
        cloud->going_ms = queued->at_ms;
        going_next(cloud, ret_event);
        return true;
    }
    if (step == STEP_MADE)
        machine_made(cloud, machine, queued->at_ms);
    machine_event(cloud, types[step - STEP_MADE], number, queued->at_ms, ret_event);
    if (step == STEP_REFUSED)
        machine_drop(cloud, number, queued->at_ms);
    return true;
}

int64_t simulated_cloud_next_ms(const SimulatedCloud *cloud)
{
    if (cloud->tasks_len == cloud->free_tasks_len && cloud->machines_len == cloud->free_machines_len)
        return -1; /* all that is queued was called off */
    return cloud->going != NONE ? cloud->going_ms : event_queue_next_ms(&cloud->queue);
}

bool simulated_cloud_next(SimulatedCloud *cloud, int64_t until_ms, CloudEvent *ret_event)
{
    QueuedEvent queued;
    if (cloud->going != NONE) {
        going_next(cloud, ret_event);
        return true;
    }
    while (event_queue_take(&cloud->queue, until_ms, &queued)) {
        unsigned step = queued.what >> NUMBER_BITS;
        uint32_t number = queued.what & ((UINT32_C(1) << NUMBER_BITS) - 1);
        if (step <= STEP_TASK_END ? step_task(cloud, step, number, &queued, ret_event)
                                  : step_machine(cloud, step, number, &queued, ret_event))
            return true;
    }
    return false;
}

int64_t simulated_cloud_cost_microusd(const SimulatedCloud *cloud, int64_t now_ms, uint64_t *ret_unpriced)
{
    int64_t cost = cloud->cost;
    for (uint32_t i = 0; i < cloud->machines_len; i++)
        if (cloud->machines[i].used)
            cost += machine_cost(&cloud->machines[i], now_ms);
    *ret_unpriced = cloud->unpriced;
    return cost;
}

void simulated_cloud_counts(const SimulatedCloud *cloud, size_t *ret_tasks, size_t *ret_machines)
{
    *ret_tasks = cloud->tasks_len - cloud->free_tasks_len;
    *ret_machines = cloud->machines_len - cloud->free_machines_len;
}
