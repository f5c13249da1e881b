/* reconcile.c: one turn of the loop, and what happens when its batch is durable or is not. */
#include "reconciler/world/drift.h"
#include "reconciler/world/override.h"
#include "reconciler/world/suspension.h"
#include "reconciler/growth_explain.h"
#include "reconciler/growth_standing.h"
#include "reconciler/reconcile_internal.h"
#include <unistd.h>

/* ---- what waits for a commit
 * ------------------------------------------------------------------------------------------ */

Outgoing *outgoing_new(void)
{
    Outgoing *outgoing = g_new0(Outgoing, 1);
    outgoing->launches = g_array_new(FALSE, FALSE, sizeof(LaunchToken));
    outgoing->stops = g_array_new(FALSE, FALSE, sizeof(LaunchToken));
    outgoing->settled = g_array_new(FALSE, FALSE, sizeof(LaunchToken));
    outgoing->named = g_array_new(FALSE, FALSE, sizeof(LaunchToken));
    outgoing->instances = g_array_new(FALSE, FALSE, sizeof(InstanceIntent));
    outgoing->instance_stops = g_array_new(FALSE, FALSE, sizeof(LaunchToken));
    outgoing->resources = g_ptr_array_new_with_free_func(resource_intent_free);
    outgoing->answers = g_ptr_array_new();
    outgoing->events = g_array_new(FALSE, FALSE, sizeof(KeptEvent));
    g_array_set_clear_func(outgoing->events, kept_event_clear);
    return outgoing;
}

void outgoing_free(Outgoing *outgoing)
{
    if (!outgoing)
        return;
    g_assert(outgoing->answers->len == 0);
    g_array_unref(outgoing->launches);
    g_array_unref(outgoing->stops);
    g_array_unref(outgoing->settled);
    g_array_unref(outgoing->named);
    g_array_unref(outgoing->instances);
    g_array_unref(outgoing->instance_stops);
    g_ptr_array_unref(outgoing->resources);
    g_ptr_array_unref(outgoing->answers);
    g_array_unref(outgoing->events);
    g_free(outgoing);
}

static bool outgoing_is_empty(const Outgoing *outgoing)
{
    return outgoing->launches->len == 0 && outgoing->stops->len == 0 && outgoing->settled->len == 0 &&
           outgoing->named->len == 0 && outgoing->instances->len == 0 && outgoing->instance_stops->len == 0 &&
           outgoing->resources->len == 0 && outgoing->answers->len == 0 && outgoing->events->len == 0;
}

static void outgoing_let_go(Reconciler *reconciler, Outgoing *outgoing)
{
    launch_effects(reconciler, outgoing);
    for (guint i = 0; i < outgoing->answers->len; i++)
        calls_let_go(reconciler, outgoing->answers->pdata[i]);
    g_ptr_array_set_size(outgoing->answers, 0);
}

bool reconciler_busy_committing(const Reconciler *reconciler)
{
    return g_queue_get_length((GQueue *)(uintptr_t)&reconciler->in_flight) > 0;
}

/* ---- life
 * --------------------------------------------------------------------------------------------------------------
 */

void reconciler_wake(Reconciler *reconciler)
{
    reconciler->again = true;
    meter_asked(reconciler);
    if (!reconciler->ticking)
        reconciler->ports.clock.wake_at(reconciler->ports.clock.self, 0);
}

void reconciler_log(Reconciler *reconciler, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    log_tell(&reconciler->ports.log, &(LogEntry){.message = text});
}

void reconciler_tell(Reconciler *reconciler, LogEntry like, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    like.message = text;
    log_tell(&reconciler->ports.log, &like);
}

/* What the engine takes from the world that was loaded. */
static void take_counters(Reconciler *reconciler)
{
    const World *world = reconciler->world;
    int64_t committed_ms = world_committed_ms(world);
    reconciler->now_ms = MAX(reconciler->now_ms, committed_ms);
    reconciler->facts.committed_ms = committed_ms;
    reconciler->facts.durable_events = world_event_sequence(world);
    if (world_event_sequence(world) > 0 && reconciler->expire_at_ms == 0)
        reconciler->expire_at_ms = 1; /* there may be something to expire: looked at once */
}

static bool load_world(Reconciler *reconciler, GError **error)
{
    uint64_t seed;
    reconciler->ports.entropy.fill(reconciler->ports.entropy.self, &seed, sizeof seed);
    world_free(reconciler->world);
    reconciler->world = world_new(seed, PROVIDER_LOCAL);
    if (!reconciler->ports.store.load(reconciler->ports.store.self, &world_sink, reconciler->world, error) ||
        !world_loaded(reconciler->world, error)) {
        g_prefix_error(error, "the state cannot be loaded: ");
        return false;
    }
    take_counters(reconciler);
    if (reconciler->machine_told)
        instance_local(reconciler->world, reconciler->facts.machine);
    world_set_durable(reconciler->world, world_batches(reconciler->world));
    growth_load(reconciler->growth, reconciler->world, reconciler->now_ms);
    resources_reload(reconciler);
    found_reset(reconciler);
    reconciler->changed = true;
    return true;
}

void reconciler_backup(Reconciler *reconciler, const BackupFacts *facts)
{
    reconciler->facts.backup = *facts;
}

static void facts_init(Reconciler *reconciler, const ReconcilerOptions *options)
{
    EngineFacts *facts = &reconciler->facts;
    facts->state_dir = reconciler->state_dir;
    facts->mode = reconciler->mode;
    facts->host = reconciler->host;
    facts->pid = getpid();
    facts->machine = options->machine;
    facts->machine_notice = reconciler->notice = g_strdup(options->notice);
    facts->started_ms = reconciler->ports.clock.now_ms(reconciler->ports.clock.self);
}

Reconciler *reconciler_new(const Ports *ports, const ReconcilerOptions *options, GError **error)
{
    Reconciler *reconciler = g_new0(Reconciler, 1);
    uint64_t seed;
    reconciler->ports = *ports;
    ports->entropy.fill(ports->entropy.self, &seed, sizeof seed);
    reconciler->rng = rng_from_seed(seed);
    reconciler->state_dir = g_strdup(options->state_dir);
    reconciler->mode = g_strdup(options->mode);
    reconciler->host = g_strdup(g_get_host_name());
    reconciler->launch = options->launch && ports->provider;
    reconciler->schedules = options->schedules;
    reconciler->interval_ms = options->interval_ms;
    reconciler->loop = options->loop;
    reconciler->meters = options->meters;
    reconciler->checker = request_checker_new();
    reconciler->tracks = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, progress_track_free);
    reconciler->arena = arena_new();
    reconciler->providers = options->providers ? options->providers : 1u << PROVIDER_LOCAL;
    reconciler->growth = growth_new(&(GrowthOptions){.providers = reconciler->providers});
    reconciler->decide_at_ms = INT64_MAX;
    decided_init(&reconciler->decided);
    held_init(reconciler);
    reconciler->waiters = g_ptr_array_new();
    reconciler->stops = g_ptr_array_new();
    reconciler->events = g_array_new(FALSE, FALSE, sizeof(KeptEvent));
    g_array_set_clear_func(reconciler->events, kept_event_clear);
    reconciler->unseen = launch_token_set_new();
    found_init(reconciler);
    reconciler->policy = policy_ref(options->policy);
    reconciler->followed = g_ptr_array_new_with_free_func(followed_free);
    reconciler->outgoing = outgoing_new();
    facts_init(reconciler, options);
    if (!load_world(reconciler, error) || (reconciler->launch && !launch_provider_start(reconciler, error))) {
        reconciler_free(reconciler);
        return NULL;
    }
    applies_resume(reconciler);
    reconciler_wake(reconciler);
    return reconciler;
}

void reconciler_free(Reconciler *reconciler)
{
    if (!reconciler)
        return;
    calls_fail_all(reconciler, FAULT_STOPPING, "the reconciler stops");
    g_queue_clear_full(&reconciler->applies, apply_task_free);
    for (Outgoing *outgoing; (outgoing = g_queue_pop_head(&reconciler->in_flight));)
        outgoing_free(outgoing);
    outgoing_free(reconciler->outgoing);
    world_free(reconciler->world);
    request_checker_free(reconciler->checker);
    g_hash_table_unref(reconciler->tracks);
    g_hash_table_unref(reconciler->unseen);
    found_clear(reconciler);
    g_array_unref(reconciler->events);
    g_ptr_array_unref(reconciler->waiters);
    g_ptr_array_unref(reconciler->stops);
    g_ptr_array_unref(reconciler->followed);
    policy_unref(reconciler->policy);
    arena_free(reconciler->arena);
    growth_free(reconciler->growth);
    held_clear(reconciler);
    decided_clear(&reconciler->decided);
    g_clear_error(&reconciler->fault);
    g_free(reconciler->refusal);
    g_free(reconciler->notice);
    g_free(reconciler->state_dir);
    g_free(reconciler->mode);
    g_free(reconciler->host);
    g_free(reconciler);
}

const GError *reconciler_fault(const Reconciler *reconciler)
{
    return reconciler->fault;
}

Growth *reconciler_growth(Reconciler *reconciler)
{
    return reconciler->growth;
}

const World *reconciler_world(const Reconciler *reconciler)
{
    return reconciler->world;
}

OperationContext reconciler_context(Reconciler *reconciler)
{
    if (reconciler->loop) {
        reconciler->facts.loop_longest_us = reconciler->loop->longest_us;
        reconciler->facts.loop_over = reconciler->loop->over;
    }
    reconciler->growth_view = (GrowthView){reconciler->growth, reconciler->world, reconciler->now_ms};
    return (OperationContext){.world = reconciler->world,
                              .facts = &reconciler->facts,
                              .rng = &reconciler->rng,
                              .entropy = &reconciler->ports.entropy,
                              .checker = reconciler->checker,
                              .now_ms = reconciler->now_ms,
                              .stops = reconciler->stops,
                              .tracks = reconciler->tracks,
                              .refusal = reconciler->refusal,
                              .budget = &reconciler->budget,
                              .providers = reconciler->providers,
                              .meters = reconciler->meters,
                              .pending = source_pending,
                              .pending_data = reconciler,
                              .growth = growth_explain,
                              .standing = growth_standing,
                              .growth_data = &reconciler->growth_view};
}

bool reconciler_drain(Reconciler *reconciler)
{
    reconciler->draining = true;
    return !reconciler_busy_committing(reconciler) && reconciler->gathering == 0 &&
           g_queue_is_empty(&reconciler->calls) && (reconciler->reload || !world_is_dirty(reconciler->world));
}

/* ---- failed commits
 * ------------------------------------------------------------------------------------------------------ */

static void fail_for_good(Reconciler *reconciler, const GError *error)
{
    if (!reconciler->fault)
        reconciler->fault = g_error_copy(error);
    calls_fail_all(reconciler, FAULT_BUSY, error->message);
}

static bool may_be_retried(const GError *error)
{
    return g_error_matches(error, STORE_ERROR, STORE_ERROR_FULL) ||
           g_error_matches(error, STORE_ERROR, STORE_ERROR_READ_ONLY) ||
           g_error_matches(error, STORE_ERROR, STORE_ERROR_BUSY);
}

/* Nothing of the batch leaves: its answers become errors, what the provider told is kept for the world to
 * come. */
static void take_back(Reconciler *reconciler, Outgoing *outgoing, const char *message)
{
    for (guint i = 0; i < outgoing->answers->len; i++)
        calls_refuse(reconciler, outgoing->answers->pdata[i], FAULT_BUSY, message);
    g_ptr_array_set_size(outgoing->answers, 0);
    for (guint i = outgoing->events->len; i > 0; i--) {
        KeptEvent kept = g_array_index(outgoing->events, KeptEvent, i - 1);
        g_array_prepend_val(reconciler->events, kept);
        reconciler->urgent = true;
    }
    g_array_set_clear_func(outgoing->events, NULL); /* moved */
    resources_taken_back(reconciler, outgoing);
    outgoing_free(outgoing);
}

static void retry_later(Reconciler *reconciler)
{
    reconciler->retry_ms = CLAMP(reconciler->retry_ms * 2, RETRY_MS, RETRY_MAX_MS);
    reconciler->retry_at_ms = reconciler->now_ms + reconciler->retry_ms;
}

static void retry_or_fail(Reconciler *reconciler, const GError *error)
{
    if (may_be_retried(error))
        retry_later(reconciler);
    else
        fail_for_good(reconciler, error);
}

/* Back to what is committed (invariant 1: also reads that are answered while nothing can be written). */
static bool fall_back(Reconciler *reconciler)
{
    g_autoptr(GError) error = NULL;
    g_ptr_array_set_size(reconciler->stops, 0);
    g_hash_table_remove_all(reconciler->tracks);
    reconciler->epoch++;
    reconciler->resources_due = true;
    reconciler->ahead = !load_world(reconciler, &error);
    if (reconciler->ahead)
        retry_or_fail(reconciler, error);
    return !reconciler->ahead;
}

static void commit_failed(Reconciler *reconciler, const GError *error)
{
    g_autofree char *message = g_strdup_printf("the state cannot be written: %s", error->message);
    meter_commit_failed(reconciler);
    reconciler_tell(reconciler, (LogEntry){.level = LOG_LEVEL_ERROR}, "%s", message);
    /* Newest first, so that kept events end up in the order in which they came. */
    take_back(reconciler, reconciler->outgoing, message);
    reconciler->outgoing = outgoing_new();
    for (Outgoing *outgoing; (outgoing = g_queue_pop_tail(&reconciler->in_flight));)
        take_back(reconciler, outgoing, message);
    applies_reset(reconciler, message);
    if (!may_be_retried(error)) {
        fail_for_good(reconciler, error);
        return;
    }
    g_free(reconciler->refusal);
    reconciler->refusal = g_steal_pointer(&message);
    reconciler->reload = true;
    retry_later(reconciler);
    fall_back(reconciler);
}

/* Until the store can be opened for writing every change is refused; running jobs go on. What the provider
 * told meanwhile changes the world only then. A store that opens and cannot be written after all refuses the
 * next change by its own failure. */
static bool reopen(Reconciler *reconciler)
{
    g_autoptr(GError) error = NULL;
    if (reconciler->now_ms < reconciler->retry_at_ms)
        return false;
    if (!reconciler->ports.store.reopen(reconciler->ports.store.self, &error)) {
        retry_or_fail(reconciler, error);
        return false;
    }
    if (!fall_back(reconciler))
        return false;
    instances_resume(reconciler);
    g_clear_pointer(&reconciler->refusal, g_free);
    reconciler->reload = false;
    applies_resume(reconciler);
    return true;
}

void reconciler_committed(uint64_t sequence, const GError *error, void *data)
{
    Reconciler *reconciler = data;
    Outgoing *outgoing = g_queue_peek_head(&reconciler->in_flight);
    if (!outgoing || outgoing->sequence != sequence || reconciler->fault)
        return; /* of a store that was closed since */
    if (error) {
        commit_failed(reconciler, error);
        reconciler_wake(reconciler);
        return;
    }
    g_queue_pop_head(&reconciler->in_flight);
    meter_committed(reconciler, outgoing);
    reconciler->facts.commits++;
    reconciler->facts.committed_ms = outgoing->now_ms;
    reconciler->facts.durable_events = outgoing->event_sequence;
    if (reconciler->retry_ms) {
        reconciler_log(reconciler, "the state can be written again");
        reconciler->retry_ms = 0;
    }
    world_set_durable(reconciler->world,
                      world_batches(reconciler->world) - g_queue_get_length(&reconciler->in_flight));
    if (reconciler->ports.outbox.durable)
        reconciler->ports.outbox.durable(reconciler->ports.outbox.self, outgoing->event_sequence);
    outgoing_let_go(reconciler, outgoing);
    outgoing_free(outgoing);
    reconciler->waiters_due = true;
    reconciler_wake(reconciler);
}

/* ---- the tick
 * --------------------------------------------------------------------------------------------------------------
 */

static int64_t sooner(int64_t a, int64_t b)
{
    return a == 0 ? b : b == 0 ? a : MIN(a, b);
}

static bool more_to_do(const Reconciler *reconciler)
{
    return !g_queue_is_empty((GQueue *)(uintptr_t)&reconciler->calls) || reconciler->urgent ||
           reconciler->changed || reconciler->waiters_due || reconciler->again;
}

static bool starts_by_clock(const Reconciler *reconciler)
{
    return reconciler->schedules && !reconciler->draining;
}

void reconciler_plan_next(Reconciler *reconciler)
{
    ClockPort *clock = &reconciler->ports.clock;
    if (reconciler->reload) {
        bool asked = !g_queue_is_empty(&reconciler->calls) || reconciler->again;
        int64_t due_ms = sooner(calls_deadline_ms(reconciler), reconciler->retry_at_ms);
        clock->wake_at(clock->self, asked ? 0 : due_ms);
        return;
    }
    if (g_queue_get_length(&reconciler->in_flight) >= IN_FLIGHT_MAX)
        return; /* a commit will wake us */
    if (more_to_do(reconciler)) {
        clock->wake_at(clock->self, 0);
        return;
    }
    int64_t next_ms =
        sooner(calls_deadline_ms(reconciler), reconciler->expiring ? 0 : reconciler->expire_at_ms);
    next_ms = sooner(next_ms, reconciler->started_at_ms);
    if (reconciler->decide_at_ms != INT64_MAX)
        next_ms = sooner(next_ms, reconciler->decide_at_ms);
    next_ms = sooner(next_ms, world_override_due_ms(reconciler->world));
    next_ms = sooner(next_ms, world_suspension_due_ms(reconciler->world));
    next_ms = sooner(next_ms, world_drift_due_ms(reconciler->world));
    if (reconciler->resources_at_ms != INT64_MAX)
        next_ms = sooner(next_ms, reconciler->resources_at_ms);
    if (starts_by_clock(reconciler))
        next_ms = sooner(next_ms, world_schedule_due_ms(reconciler->world));
    clock->wake_at(clock->self, next_ms ? next_ms : -1);
}

static void take_stops(Reconciler *reconciler)
{
    instances_take_stops(reconciler);
    world_take_stops(reconciler->world, reconciler->stops);
    for (guint i = 0; i < reconciler->stops->len; i++) {
        Launch *launch = reconciler->stops->pdata[i];
        launch_stopping(reconciler->world, launch);
        g_array_append_val(reconciler->outgoing->stops, launch->token);
    }
    g_ptr_array_set_size(reconciler->stops, 0);
}

static void commit(Reconciler *reconciler)
{
    Outgoing *outgoing = reconciler->outgoing;
    Batch *batch = world_take_batch(reconciler->world);
    if (!batch) {
        if (outgoing_is_empty(outgoing))
            return;
        Outgoing *newest = g_queue_peek_tail(&reconciler->in_flight);
        if (!newest) { /* everything that was read is durable already */
            reconciler->outgoing = outgoing_new();
            outgoing_let_go(reconciler, outgoing);
            outgoing_free(outgoing);
            return;
        }
        /* Reads wait for what they may have seen (invariant 1). */
        g_array_append_vals(newest->launches, outgoing->launches->data, outgoing->launches->len);
        g_array_append_vals(newest->stops, outgoing->stops->data, outgoing->stops->len);
        g_array_append_vals(newest->settled, outgoing->settled->data, outgoing->settled->len);
        g_array_append_vals(newest->named, outgoing->named->data, outgoing->named->len);
        g_array_append_vals(newest->instances, outgoing->instances->data, outgoing->instances->len);
        g_array_append_vals(newest->instance_stops, outgoing->instance_stops->data,
                            outgoing->instance_stops->len);
        g_ptr_array_extend_and_steal(newest->resources, g_steal_pointer(&outgoing->resources));
        outgoing->resources = g_ptr_array_new();
        g_array_append_vals(newest->events, outgoing->events->data, outgoing->events->len);
        g_ptr_array_extend_and_steal(newest->answers, g_steal_pointer(&outgoing->answers));
        outgoing->answers = g_ptr_array_new();
        g_array_set_clear_func(outgoing->events, NULL);
        outgoing_free(outgoing);
        reconciler->outgoing = outgoing_new();
        return;
    }
    outgoing->now_ms = reconciler->now_ms;
    outgoing->event_sequence = world_event_sequence(reconciler->world);
    meter_handed_over(reconciler, outgoing);
    outgoing->sequence =
        reconciler->ports.store.commit(reconciler->ports.store.self, batch, reconciler->now_ms);
    g_queue_push_tail(&reconciler->in_flight, outgoing);
    reconciler->outgoing = outgoing_new();
}

static void budget_begin(Reconciler *reconciler)
{
    const ClockPort *clock = &reconciler->ports.clock;
    reconciler->budget = (TickBudget){.monotonic_us = clock->monotonic_us, .self = clock->self};
    if (clock->monotonic_us)
        reconciler->budget.until_us = clock->monotonic_us(clock->self) + BUDGET_US;
}

/* Pipelines whose time has come, one by one: each may submit many jobs. */
static void settle_schedules(Reconciler *reconciler)
{
    int looked = 0;
    while (starts_by_clock(reconciler) &&
           schedule_settle(reconciler->world, 1, &reconciler->rng, reconciler->now_ms) > 0)
        if (++looked == SETTLE_MAX || !budget_left(&reconciler->budget)) {
            reconciler->again = true;
            return;
        }
}

/* Runs whose turn has come, one by one: each may submit many jobs. */
static void settle_runs(Reconciler *reconciler)
{
    int begun = 0;
    while (run_settle(reconciler->world, 1, &reconciler->rng, reconciler->now_ms) > 0)
        if (++begun == SETTLE_MAX || !budget_left(&reconciler->budget)) {
            reconciler->again = true;
            return;
        }
}

/* Nothing can be written: changes are refused, reads are answered from what is committed, if memory holds it.
 */
static void read_only_turn(Reconciler *reconciler)
{
    if (reconciler->fault)
        return;
    if (reconciler->ahead) {
        calls_fail_all(reconciler, FAULT_BUSY, reconciler->refusal);
    } else {
        calls_run(reconciler);
        commit(reconciler); /* there is no batch: answers leave */
    }
    reconciler_plan_next(reconciler);
}

static void tick(Reconciler *reconciler)
{
    reconciler->now_ms =
        MAX(reconciler->now_ms, reconciler->ports.clock.now_ms(reconciler->ports.clock.self));
    if (reconciler->reload && !reopen(reconciler)) {
        read_only_turn(reconciler);
        return;
    }
    if (g_queue_get_length(&reconciler->in_flight) >= IN_FLIGHT_MAX)
        return;
    budget_begin(reconciler);
    meter_tick_begin(reconciler);
    growth_accrue(reconciler->growth, reconciler->world, reconciler->now_ms);
    launch_events_apply(reconciler);
    meter_phase(reconciler, TICK_EVENTS);
    calls_run(reconciler);
    meter_phase(reconciler, TICK_CALLS);
    suspensions_run(reconciler);
    applies_run(reconciler);
    meter_phase(reconciler, TICK_APPLY);
    override_settle(reconciler->world, reconciler->now_ms);
    drift_settle(reconciler->world, reconciler->now_ms);
    settle_schedules(reconciler);
    settle_runs(reconciler);
    resources_run(reconciler);
    applies_settle(reconciler);
    sizes_run(reconciler);
    meter_phase(reconciler, TICK_SETTLE);
    launch_decide(reconciler);
    meter_phase(reconciler, TICK_DECIDE);
    take_stops(reconciler);
    found_run(reconciler);
    world_forget_finished(reconciler->world, FORGET_MAX);
    expire_run(reconciler);
    growth_settle(reconciler->growth, reconciler->world, reconciler->now_ms);
    commit(reconciler);
    reconciler_plan_next(reconciler);
    meter_phase(reconciler, TICK_STORE);
    meter_tick_end(reconciler);
}

void reconciler_tick(Reconciler *reconciler)
{
    if (reconciler->fault)
        return;
    reconciler->ticking = true;
    reconciler->again = false;
    tick(reconciler);
    reconciler->ticking = false;
}
