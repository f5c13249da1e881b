/* reconcile_meter.c: what the engine counts and times of itself. Nothing of it is read by what decides; where
 * there are no meters (a simulation, a replay) no clock is asked. */
#include "reconciler/api/meters.h"
#include "reconciler/reconcile_internal.h"

#define US_PER_MS 1000

static int64_t now_us(const Reconciler *reconciler)
{
    return reconciler->meters ? reconciler->meters->now_us() : 0;
}

/* ---- turns ---- */

void meter_asked(Reconciler *reconciler)
{
    if (reconciler->meters && reconciler->asked_us == 0)
        reconciler->asked_us = now_us(reconciler);
}

void meter_tick_begin(Reconciler *reconciler)
{
    reconciler->tick_us = reconciler->phase_us = now_us(reconciler);
}

void meter_phase(Reconciler *reconciler, TickPhase phase)
{
    Meters *meters = reconciler->meters;
    if (!meters)
        return;
    int64_t at_us = now_us(reconciler);
    histogram_observe(&meters->phases[phase], SCALE_FAST, at_us - reconciler->phase_us);
    reconciler->phase_us = at_us;
}

/* What came while the store had too much to do waits for a later turn, and its time goes on. */
void meter_tick_end(Reconciler *reconciler)
{
    Meters *meters = reconciler->meters;
    if (!meters)
        return;
    histogram_observe(&meters->tick, SCALE_FAST, reconciler->phase_us - reconciler->tick_us);
    reconciler->asked_us = 0;
}

/* ---- attempts ---- */

void meter_decided(Reconciler *reconciler)
{
    Meters *meters = reconciler->meters;
    const Decided *decided = &reconciler->decided;
    if (!meters)
        return;
    if (reconciler->asked_us)
        histogram_observe(&meters->decided_after, SCALE_FAST, now_us(reconciler) - reconciler->asked_us);
    for (guint i = 0; i < decided->launches->len; i++) {
        const Launch *launch = decided->launches->pdata[i];
        meters_queue(meters, launch->job->queue->resource->name)->placements++;
    }
    meters->instances_asked += decided->instances->len;
}

/* Of a multinode job the main node stands for all. */
static bool stands_for_job(const Launch *launch)
{
    return !launch->is_node || launch->index == launch->job->template->effective->main_node;
}

/* An attempt is told to have started once, or not before it has ended. */
static void attempt_started(Meters *meters, const Launch *launch, int64_t started_ms)
{
    const Job *job = launch->job;
    if (launch->started_ms || !started_ms)
        return;
    if (launch->environment)
        histogram_observe(&meters->begin[launch->environment->provider], SCALE_SLOW,
                          (started_ms - launch->intended_ms) * US_PER_MS);
    int64_t since_ms = job_runnable_ms(job, launch->is_node ? NOT_A_CHILD : launch->index);
    if (launch->attempt == 1 && since_ms)
        histogram_observe(&meters_queue(meters, job->queue->resource->name)->wait, SCALE_SLOW,
                          (started_ms - since_ms) * US_PER_MS);
}

static AttemptOutcome outcome_of(const ProviderEvent *event)
{
    switch (event->cause) {
    case END_EXITED: return event->exit_code == 0 ? ATTEMPT_SUCCEEDED : ATTEMPT_FAILED;
    case END_SIGNALLED: return ATTEMPT_FAILED;
    case END_TIMEOUT: return ATTEMPT_TIMED_OUT;
    case END_STOPPED: return ATTEMPT_STOPPED;
    case END_OOM: return ATTEMPT_OUT_OF_MEMORY;
    }
    g_assert_not_reached();
}

static void attempt_ended(Meters *meters, const Launch *launch, const ProviderEvent *event)
{
    QueueMeter *queue = meters_queue(meters, launch->job->queue->resource->name);
    int64_t started_ms = launch->started_ms ? launch->started_ms : event->started_ms;
    queue->attempts[outcome_of(event)]++;
    if (started_ms)
        histogram_observe(&queue->run, SCALE_SLOW, (event->at_ms - started_ms) * US_PER_MS);
}

/* Before the world takes it in. */
void meter_event(Reconciler *reconciler, const Launch *launch, const ProviderEvent *event)
{
    Meters *meters = reconciler->meters;
    if (!meters || !stands_for_job(launch))
        return;
    const char *queue = launch->job->queue->resource->name;
    if (event->type == PROVIDER_EVENT_STARTED) {
        attempt_started(meters, launch, event->at_ms);
    } else if (event->type == PROVIDER_EVENT_ENDED) {
        attempt_started(meters, launch, event->started_ms);
        attempt_ended(meters, launch, event);
    } else if (event->type == PROVIDER_EVENT_REFUSED && event->reason) { /* else it is placed anew */
        meters_queue(meters, queue)->attempts[ATTEMPT_REFUSED]++;
    } else if (event->type == PROVIDER_EVENT_LOST) {
        meters_queue(meters, queue)->attempts[ATTEMPT_LOST]++;
    }
}

void meter_instance_refused(Reconciler *reconciler)
{
    if (reconciler->meters)
        reconciler->meters->instances_refused++;
}

/* ---- commits, answers, reconciles ---- */

void meter_handed_over(Reconciler *reconciler, Outgoing *outgoing)
{
    outgoing->handed_us = now_us(reconciler);
}

void meter_committed(Reconciler *reconciler, const Outgoing *outgoing)
{
    if (reconciler->meters)
        histogram_observe(&reconciler->meters->commit, SCALE_FAST, now_us(reconciler) - outgoing->handed_us);
}

void meter_commit_failed(Reconciler *reconciler)
{
    if (reconciler->meters)
        reconciler->meters->commit_failures++;
}

void meter_call_taken(Reconciler *reconciler, Call *call)
{
    if (call->taken_us == 0)
        call->taken_us = now_us(reconciler);
}

/* How long one takes that waits for a deadline, or for a plan, is its caller's choice. */
void meter_answered(Reconciler *reconciler, const Call *call)
{
    const Operation *operation = call->operation;
    Meters *meters = reconciler->meters;
    bool waits = call->deadline_ms || operation->step == apply_step || operation->step == approve_step;
    if (!meters)
        return;
    meters_request(meters, operation, call->result.http_status);
    if (call->taken_us && !waits)
        histogram_observe(&meters->answer, SCALE_FAST, now_us(reconciler) - call->taken_us);
}

int64_t meter_now_us(const Reconciler *reconciler)
{
    return now_us(reconciler);
}

void meter_reconciled(Reconciler *reconciler, ReconcileOutcome outcome, int64_t taken_us)
{
    if (reconciler->meters)
        histogram_observe(&reconciler->meters->reconcile[outcome], SCALE_SLOW, now_us(reconciler) - taken_us);
}
