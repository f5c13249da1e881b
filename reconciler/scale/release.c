#include "reconciler/scale/scale_run.h"

/* What may be stopped now, or to make room. */
typedef struct {
    const ScaleInstance *instance;
    bool is_due, is_old;
} Idle;

typedef struct {
    Idle *list;
    size_t len;
    int64_t ready_vcpus; /* REGISTERED of this generation, and old ones that are idle and still kept */
    int64_t kept_vcpus;  /* that, and what comes */
    int64_t released_vcpus;
} IdleSet;

static void release(ScaleRun *run, const ScaleInstance *instance, ReleaseKind kind, ReleaseReason reason)
{
    run->out->releases[run->out->releases_len++] = (ScaleRelease){instance->number, kind, reason};
}

/* ---- one by one */

static bool is_old(const ScaleRun *run, const ScaleInstance *instance)
{
    return instance->generation < run->input->generation;
}

static void release_pending(ScaleRun *run, const ScaleInstance *instance)
{
    int64_t deadline_ms = instance->intended_ms + SCALE_REGISTER_MS;
    if (is_old(run, instance))
        release(run, instance, RELEASE_STOP, RELEASE_REPLACED);
    else if (run->input->now_ms < deadline_ms)
        run_wake_at(run, deadline_ms);
    else {
        release(run, instance, RELEASE_STOP, RELEASE_NOT_REGISTERED);
        run->coming_vcpus -= instance->vcpus;
    }
}

/* So long jobs may go on, on an instance of an old generation that drains since then; INT64_MAX: to their
 * end. */
static int64_t update_deadline_ms(const ScaleRun *run, int64_t since_ms)
{
    const ComputeEnvironmentSpec *spec = run->input->spec;
    if (spec->terminate_jobs_on_update)
        return since_ms;
    return spec->update_timeout_ms > 0 ? since_ms + spec->update_timeout_ms : INT64_MAX;
}

static void release_draining(ScaleRun *run, const ScaleInstance *instance)
{
    int64_t deadline_ms = update_deadline_ms(run, instance->draining_since_ms);
    if (instance->launches == 0)
        release(run, instance, RELEASE_STOP, RELEASE_DRAINED);
    else if (!is_old(run, instance) || deadline_ms == INT64_MAX)
        return;
    else if (run->input->now_ms >= deadline_ms)
        release(run, instance, RELEASE_END_JOBS, RELEASE_REPLACED);
    else
        run_wake_at(run, deadline_ms);
}

/* When an idle instance of this generation has been idle for long enough. */
static int64_t idle_deadline_ms(const ScaleRun *run, const ScaleInstance *instance)
{
    int64_t delay_ms = instance->ran ? run->input->spec->min_scale_down_delay_ms : 0;
    return instance->idle_since_ms + MAX(delay_ms, SCALE_IDLE_MS);
}

static void idle_add(ScaleRun *run, IdleSet *idle, const ScaleInstance *instance)
{
    if (is_old(run, instance)) {
        idle->list[idle->len++] = (Idle){instance, .is_due = true, .is_old = true};
        idle->ready_vcpus += instance->vcpus;
        return;
    }
    if (instance->held || !instance->idle_since_ms)
        return;
    bool is_due = run->input->now_ms >= idle_deadline_ms(run, instance);
    idle->list[idle->len++] = (Idle){instance, .is_due = is_due};
}

static void release_registered(ScaleRun *run, IdleSet *idle, const ScaleInstance *instance)
{
    if (instance->launches == 0)
        idle_add(run, idle, instance);
    else if (is_old(run, instance)) {
        release(run, instance, RELEASE_DRAIN, RELEASE_REPLACED);
        run_wake_at(run, update_deadline_ms(run, run->input->now_ms));
    }
}

/* ---- what is idle: old generations first, then what was used longest ago */

static int idle_compare(const void *a, const void *b)
{
    const Idle *left = a, *right = b;
    if (left->is_old != right->is_old)
        return left->is_old ? -1 : 1;
    if (left->instance->idle_since_ms != right->instance->idle_since_ms)
        return left->instance->idle_since_ms < right->instance->idle_since_ms ? -1 : 1;
    return left->instance->number < right->instance->number ? -1 : 1;
}

/* An old one goes when what is ready without it is enough for minvCpus; or at once where its successor has no
 * room below maxvCpus. */
static bool may_replace(const ScaleRun *run, const IdleSet *idle, const ScaleInstance *instance)
{
    return run->floor_waits || idle->ready_vcpus - instance->vcpus >= scale_least_vcpus(run->input);
}

static bool may_stop(const ScaleRun *run, const IdleSet *idle, const ScaleInstance *instance)
{
    return idle->kept_vcpus - instance->vcpus >= scale_least_vcpus(run->input);
}

static void idle_release(ScaleRun *run, IdleSet *idle, const Idle *at, ReleaseReason reason)
{
    idle->ready_vcpus -= at->instance->vcpus;
    idle->kept_vcpus -= at->instance->vcpus;
    idle->released_vcpus += at->instance->vcpus;
    release(run, at->instance, RELEASE_STOP, reason);
}

static void release_due(ScaleRun *run, IdleSet *idle)
{
    size_t kept = 0;
    for (size_t i = 0; i < idle->len; i++) {
        const Idle *at = &idle->list[i];
        if (at->is_old && may_replace(run, idle, at->instance)) {
            idle_release(run, idle, at, RELEASE_REPLACED);
        } else if (at->is_due && !at->is_old && may_stop(run, idle, at->instance)) {
            idle_release(run, idle, at, RELEASE_IDLE);
        } else {
            if (!at->is_due)
                run_wake_at(run, idle_deadline_ms(run, at->instance));
            idle->list[kept++] = *at;
        }
    }
    idle->len = kept;
}

/* vCPUs that have to go, beside what is going already, before the demand that waits at maxvCpus has its room.
 */
static int64_t room_missing(const ScaleRun *run, const IdleSet *idle)
{
    const ComputeEnvironmentSpec *spec = run->input->spec;
    int64_t staying = run->current_vcpus - run->leaving_vcpus - idle->released_vcpus;
    if (!run->room_needed)
        return 0;
    if (!run->room_is_strict) /* anything below the limit will do */
        return staying - spec->max_vcpus + 1;
    return staying + run->room_needed - spec->max_vcpus;
}

/* Idle instances that cannot hold what waits at maxvCpus go before their time, if that gives it its room. */
static void release_for_room(ScaleRun *run, IdleSet *idle)
{
    int64_t missing = room_missing(run, idle), possible = 0, kept = idle->kept_vcpus;
    for (size_t i = 0; i < idle->len; i++)
        if (kept - idle->list[i].instance->vcpus >= scale_least_vcpus(run->input)) {
            possible += idle->list[i].instance->vcpus;
            kept -= idle->list[i].instance->vcpus;
        }
    if (possible < missing)
        return;
    for (size_t i = 0; i < idle->len && missing > 0; i++) {
        if (!may_stop(run, idle, idle->list[i].instance))
            continue;
        missing -= idle->list[i].instance->vcpus;
        idle_release(run, idle, &idle->list[i], RELEASE_MAKE_ROOM);
    }
}

static int release_compare(const void *a, const void *b)
{
    const ScaleRelease *left = a, *right = b;
    return left->number < right->number ? -1 : left->number > right->number;
}

void release_run(ScaleRun *run)
{
    const ScaleInput *input = run->input;
    IdleSet idle = {.list = arena_new0_n(run->arena, Idle, input->instances_len + 1),
                    .ready_vcpus = run->ready_vcpus};
    run->out->releases = arena_new0_n(run->arena, ScaleRelease, input->instances_len + 1);
    for (size_t i = 0; i < input->instances_len; i++) {
        const ScaleInstance *instance = &input->instances[i];
        switch (instance->state) {
        case SCALE_INTENDED:
        case SCALE_STOPPING: break;
        case SCALE_PENDING: release_pending(run, instance); break;
        case SCALE_REGISTERED: release_registered(run, &idle, instance); break;
        case SCALE_DRAINING: release_draining(run, instance); break;
        }
    }
    idle.kept_vcpus = idle.ready_vcpus + run->coming_vcpus;
    if (idle.len)
        qsort(idle.list, idle.len, sizeof *idle.list, idle_compare);
    release_due(run, &idle);
    release_for_room(run, &idle);
    if (run->out->releases_len)
        qsort(run->out->releases, run->out->releases_len, sizeof *run->out->releases, release_compare);
}
