#include "reconciler/world/override.h"
#include "reconciler/simulate_internal.h"

#define PLACEMENTS_MAX 100000
#define GIVE_UP_STEPS  1024 /* give_up() is asked once in so many steps */
/* When the last job has ended, machines are followed for so long at most: longer than any of them may stand
 * idle before it is let go (minScaleDownDelayMinutes is a week at most). */
#define SCALE_IN_MAX_MS (INT64_C(8) * 24 * 3600 * 1000)
/* From a decision until an instance is there, and until it takes tasks: what Amazon Linux with the ECS agent
 * takes. */
#define MS_PER_HOUR  INT64_C(3600000)
#define MAKE_FROM_MS 2000
#define MAKE_TO_MS   6000
#define BOOT_FROM_MS 60000
#define BOOT_TO_MS   120000

/* ---- life ---- */

static void simulation_init(Simulation *simulation, World *world, const SimulationOptions *options)
{
    const SpotRisk *risk = &options->spot_risk;
    CloudModel model = {.seed = options->seed,
                        .make = {MAKE_FROM_MS, MAKE_TO_MS},
                        .boot = {BOOT_FROM_MS, BOOT_TO_MS},
                        .spot_refuse_e4 = (unsigned)risk->refused_e4,
                        .reclaim_mean_ms = risk->reclaims_per_h_e4
                                               ? MS_PER_HOUR * DECIMAL_SCALE / risk->reclaims_per_h_e4
                                               : 0};
    CollectorOptions collector = {.source = options->source,
                                  .provider = options->provider,
                                  .seed = options->seed,
                                  .spot_risk = *risk,
                                  .start_ms = options->start_ms};
    GrowthOptions growth = {.region = options->region, .providers = ~0u};
    *simulation =
        (Simulation){.options = options,
                     .world = world,
                     .growth = growth_new(&growth),
                     .cloud = simulated_cloud_new(&model, options->start_ms),
                     .collector = collector_new(&collector),
                     .arena = arena_new(),
                     .ids = rng_from_seed(options->seed),
                     .now_ms = options->start_ms,
                     .changed = true,
                     .wake_ms = INT64_MAX,
                     .tasks = g_array_new(FALSE, TRUE, sizeof(SimulatedTask)),
                     .free_tasks = g_array_new(FALSE, FALSE, sizeof(uint32_t)),
                     .machines = g_array_new(FALSE, TRUE, sizeof(SimulatedMachine)),
                     .free_machines = g_array_new(FALSE, FALSE, sizeof(uint32_t)),
                     .models = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, run_model_free),
                     .environments = g_hash_table_new_full(NULL, NULL, NULL, g_free),
                     .queues = g_array_new(FALSE, TRUE, sizeof(SimulatedQueue)),
                     .rows = g_array_new(FALSE, TRUE, sizeof(uint32_t)),
                     .stops = g_ptr_array_new(),
                     .retried = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, g_free),
                     .sizes = g_array_new(FALSE, FALSE, sizeof(JobId))};
    decided_init(&simulation->decided);
}

static void simulation_clear(Simulation *simulation)
{
    growth_free(simulation->growth);
    simulated_cloud_free(simulation->cloud);
    collector_free(simulation->collector);
    arena_free(simulation->arena);
    g_array_unref(simulation->tasks);
    g_array_unref(simulation->free_tasks);
    g_array_unref(simulation->machines);
    g_array_unref(simulation->free_machines);
    g_hash_table_unref(simulation->models);
    g_hash_table_unref(simulation->environments);
    g_array_unref(simulation->queues);
    g_array_unref(simulation->rows);
    g_ptr_array_unref(simulation->stops);
    g_hash_table_unref(simulation->retried);
    g_array_unref(simulation->sizes);
    json_decref(simulation->request);
    decided_clear(&simulation->decided);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Simulation, simulation_clear)

/* ---- the workload's submissions ---- */

static json_t *requirement(const char *type, int64_t value_e4, int64_t value)
{
    g_autofree char *text = value_e4 ? decimal_print(value_e4) : g_strdup_printf("%" G_GINT64_FORMAT, value);
    return json_pack("{s:s,s:s}", "type", type, "value", text);
}

static void request_need(json_t *request, ResourceNeed need)
{
    json_t *list = json_array();
    if (need.vcpus_e4)
        json_array_append_new(list, requirement("VCPU", need.vcpus_e4, 0));
    if (need.memory_mib)
        json_array_append_new(list, requirement("MEMORY", 0, need.memory_mib));
    if (need.gpus)
        json_array_append_new(list, requirement("GPU", 0, need.gpus));
    json_object_set_new(request, "containerOverrides", json_pack("{s:o}", "resourceRequirements", list));
}

static json_t *row_request(const Workload *workload, const WorkloadRow *row)
{
    json_t *request = json_pack("{s:s,s:s}", "jobQueue", workload_text(workload, row->queue), "jobDefinition",
                                workload_text(workload, row->definition));
    if (row->share)
        json_object_set_new(request, "shareIdentifier", json_string(workload_text(workload, row->share)));
    if (row->scheduling_priority >= 0)
        json_object_set_new(request, "schedulingPriorityOverride", json_integer(row->scheduling_priority));
    if (row->array_size > 0)
        json_object_set_new(request, "arrayProperties",
                            json_pack("{s:I}", "size", (json_int_t)row->array_size));
    if (row->need)
        request_need(request, workload_need(workload, row->need));
    return request;
}

static bool is_like(const WorkloadRow *row, const WorkloadRow *other)
{
    return row->queue == other->queue && row->definition == other->definition && row->share == other->share &&
           row->need == other->need && row->array_size == other->array_size &&
           row->scheduling_priority == other->scheduling_priority;
}

/* Borrowed until the next. Rows that follow each other are mostly alike: making the request anew was an
 * eighth of a simulation of single jobs. */
static const json_t *row_request_again(Simulation *simulation, const WorkloadRow *row)
{
    const Workload *workload = simulation->options->workload;
    const WorkloadRow *last = simulation->requested;
    if (!last || !is_like(row, last)) {
        json_decref(simulation->request);
        simulation->request = row_request(workload, row);
    }
    if (!last || !is_like(row, last) || row->name != last->name) {
        const char *name = workload_text(workload, row->name);
        json_object_set_new(simulation->request, "jobName", json_string(name ? name : "job"));
    }
    simulation->requested = row;
    return simulation->request;
}

static void rows_remember(Simulation *simulation, const Job *job, uint32_t row)
{
    if (simulation->rows->len == 0)
        simulation->first_sequence = job->sequence;
    g_array_set_size(simulation->rows, (guint)(job->sequence - simulation->first_sequence) + 1);
    g_array_index(simulation->rows, uint32_t, job->sequence - simulation->first_sequence) = row + 1;
}

static bool row_submit(Simulation *simulation, uint32_t index, GError **error)
{
    const WorkloadRow *row = workload_get(simulation->options->workload, index);
    Submission submission = {.request = row_request_again(simulation, row)};
    rng_fill(&simulation->ids, submission.id.bytes, sizeof submission.id.bytes);
    const Job *job = job_submit(simulation->world, &submission, simulation->now_ms, error);
    if (!job) {
        g_prefix_error(error, "job %u of the workload: ", index + 1);
        return false;
    }
    rows_remember(simulation, job, index);
    simulation->changed = true;
    return true;
}

static int64_t row_ms(const Simulation *simulation, size_t index)
{
    return simulation->options->start_ms + workload_get(simulation->options->workload, index)->submit_ms;
}

static size_t rows_len(const Simulation *simulation)
{
    return simulation->options->workload ? workload_len(simulation->options->workload) : 0;
}

static bool submit_due(Simulation *simulation, GError **error)
{
    while (simulation->next_row < rows_len(simulation) &&
           row_ms(simulation, simulation->next_row) <= simulation->now_ms)
        if (!row_submit(simulation, (uint32_t)simulation->next_row++, error))
            return false;
    return true;
}

/* ---- a step: everything that happens at one moment ---- */

static void cloud_events(Simulation *simulation)
{
    CloudEvent event;
    while (simulated_cloud_next(simulation->cloud, simulation->now_ms, &event)) {
        if (event.type <= CLOUD_TASK_LOST)
            task_happened(simulation, &event);
        else
            machine_happened(simulation, &event);
    }
}

/* What is in the file nobody knows before the step that writes it has run: one line is the least that can be
 * assumed, and where counterparts are asked for, as many as there are. */
static int64_t assumed_size(const Simulation *simulation, const Job *job)
{
    const DependencyRecord *records;
    size_t len = job_dependencies(job, &records);
    for (size_t i = 0; i < len; i++) {
        const Job *on =
            records[i].type == DEPENDENCY_N_TO_N ? world_job(simulation->world, &records[i].on) : NULL;
        if (on && on->array_size > 0)
            return on->array_size;
    }
    return 1;
}

static void sizes_answer(Simulation *simulation)
{
    g_array_set_size(simulation->sizes, 0);
    world_take_sizes(simulation->world, simulation->sizes);
    for (guint i = 0; i < simulation->sizes->len; i++) {
        Job *job = world_job(simulation->world, &g_array_index(simulation->sizes, JobId, i));
        if (!job)
            continue;
        int64_t size = assumed_size(simulation, job);
        job_size_found(simulation->world, job, size, NULL, simulation->now_ms);
        watch_sized(simulation, job);
        simulation->assumed_sizes++;
        simulation->changed = true;
    }
}

static void settle(Simulation *simulation)
{
    World *world = simulation->world;
    sizes_answer(simulation);
    while (run_settle(world, 1000, &simulation->ids, simulation->now_ms) > 0)
        simulation->changed = true;
    resource_settle(world, 1000, simulation->now_ms);
    g_ptr_array_set_size(simulation->stops, 0);
    world_take_stops(world, simulation->stops);
    tasks_stop(simulation, simulation->stops);
    g_ptr_array_set_size(simulation->stops, 0);
    world_take_instance_stops(world, simulation->stops);
    machines_stop(simulation, simulation->stops);
}

static void think(Simulation *simulation)
{
    if (!simulation->changed && simulation->now_ms < simulation->wake_ms)
        return;
    simulation->changed = false;
    arena_reset(simulation->arena);
    decided_reset(&simulation->decided);
    DecideOptions options = {.world = simulation->world,
                             .growth = simulation->growth,
                             .providers = ~0u,
                             .placements_max = PLACEMENTS_MAX,
                             .token = simulated_token,
                             .token_data = simulation,
                             .now_ms = simulation->now_ms};
    decide(&options, simulation->arena, &simulation->decided);
    machines_start(simulation);
    tasks_start(simulation);
    tasks_stop(simulation, simulation->decided.stops);
    machines_stop(simulation, simulation->decided.instance_stops);
    simulation->wake_ms = simulation->decided.wake_ms;
    simulation->changed = simulation->changed || simulation->decided.more;
}

static bool step(Simulation *simulation, GError **error)
{
    growth_accrue(simulation->growth, simulation->world, simulation->now_ms);
    cloud_events(simulation);
    if (!submit_due(simulation, error))
        return false;
    if (override_settle(simulation->world, simulation->now_ms) > 0)
        simulation->changed = true;
    if (schedule_settle(simulation->world, 1000, &simulation->ids, simulation->now_ms) > 0)
        simulation->changed = true;
    settle(simulation);
    watch_new(simulation);
    think(simulation);
    watch_step(simulation);
    watch_finished(simulation);
    world_forget_finished(simulation->world, SIZE_MAX);
    simulation->steps++;
    return true;
}

/* ---- time ---- */

static int64_t sooner(int64_t a, int64_t b)
{
    return b < a ? b : a;
}

/* Whether something is left that will come to an end: schedules come again for ever, and what waits for
 * nothing that happens waits for ever. */
static bool work_is_left(const Simulation *simulation)
{
    return simulation->next_row < rows_len(simulation) || world_launches_len(simulation->world) > 0 ||
           world_runnable_len(simulation->world) > 0;
}

/* Machines that are still paid for, and will be let go. */
static bool machines_are_left(const Simulation *simulation)
{
    for (const Environment *environment = world_environment_next(simulation->world, NULL); environment;
         environment = world_environment_next(simulation->world, environment))
        if (environment->spec->type != CE_TYPE_UNMANAGED && environment->instances > 0)
            return true;
    return false;
}

/* INT64_MAX: nothing happens any more. */
static int64_t next_ms(const Simulation *simulation)
{
    if (simulation->changed)
        return simulation->now_ms;
    int64_t next = simulated_cloud_next_ms(simulation->cloud);
    next = next < 0 ? INT64_MAX : next;
    if (simulation->next_row < rows_len(simulation))
        next = sooner(next, row_ms(simulation, simulation->next_row));
    if (simulation->wake_ms > simulation->now_ms)
        next = sooner(next, simulation->wake_ms);
    int64_t due = world_override_due_ms(simulation->world);
    if (due > 0 && work_is_left(simulation))
        next = sooner(next, MAX(due, simulation->now_ms));
    due = world_schedule_due_ms(simulation->world);
    if (due > 0 && simulation->options->until_ms > 0)
        next = sooner(next, due);
    return next;
}

static bool is_over(const Simulation *simulation, int64_t next)
{
    const SimulationOptions *options = simulation->options;
    int64_t end_ms = options->until_ms > 0 ? options->until_ms : options->horizon_ms;
    if (next == INT64_MAX || (end_ms > 0 && next > end_ms))
        return true;
    return options->until_ms == 0 && !work_is_left(simulation) &&
           (next > simulation->idle_from_ms + SCALE_IN_MAX_MS || !machines_are_left(simulation));
}

static bool gives_up(const Simulation *simulation)
{
    const SimulationOptions *options = simulation->options;
    return options->give_up && simulation->steps % GIVE_UP_STEPS == 0 &&
           options->give_up(options->give_up_data);
}

static bool run(Simulation *simulation, SimulationEnd *ret_end, GError **error)
{
    for (;;) {
        if (!step(simulation, error))
            return false;
        int64_t next = next_ms(simulation);
        if (work_is_left(simulation))
            simulation->idle_from_ms = simulation->now_ms;
        bool over = is_over(simulation, next);
        if (over || gives_up(simulation)) {
            *ret_end =
                work_is_left(simulation) && (!over || next != INT64_MAX) ? SIMULATION_CUT : SIMULATION_WHOLE;
            return true;
        }
        simulation->now_ms = MAX(next, simulation->now_ms);
    }
}

SimulationResult *simulate_run(World *world, const SimulationOptions *options, GError **error)
{
    g_auto(Simulation) simulation;
    SimulationEnd end;
    simulation_init(&simulation, world, options);
    world_set_recording(world, false);
    growth_load(simulation.growth, world, options->start_ms);
    watch_begin(&simulation);
    machines_begin(&simulation);
    tasks_adopt(&simulation);
    if (options->stops)
        tasks_stop(&simulation, options->stops);
    if (!run(&simulation, &end, error))
        return NULL;
    watch_end(&simulation);
    model_notes(&simulation);
    return collector_finish(g_steal_pointer(&simulation.collector), simulation.now_ms, end);
}
