/* reconcile_apply.c: applies, one after the other: planned off the loop against committed state, staged in
 * slices, then left to converge. A crash in the middle leaves an Apply that says STAGING; what is already
 * staged is true, the rest is found by the next plan (level-triggered). */
#include <malloc.h>
#include "reconciler/api/apply_plan.h"
#include "reconciler/api/upload.h"
#include "reconciler/plan/change.h"
#include "reconciler/recording.h"
#include "reconciler/reconcile_internal.h"
#include "reconciler/plan/stage.h"

#define PLAN_TRIES 5
#define LARGE_SET  10000 /* manifests */

typedef enum { TASK_QUEUED, TASK_PLANNING, TASK_STAGING } TaskPhase;

struct ApplyTask {
    Reconciler *reconciler;
    TaskPhase phase;
    Call *call;    /* NULL: a followed source */
    bool approves; /* the call approves a followed source's plan */
    bool is_rollback;
    ApplyPlan *plan;
    char *path, *revision; /* followed: of the loaded set */
    int64_t changed_us;    /* followed: of the change's first event; 0: none */
    bool full_pass;        /* followed: compare everything */
    uint64_t epoch;        /* when planning began */
    int tries;
    uint64_t told; /* approves: the source's count when planning began */
    guint next;    /* change to stage */
    int64_t apply_id, started_ms;
    int64_t taken_us; /* for the meters, with what came of it */
    ReconcileOutcome outcome;
    bool abandoned; /* its answer was given while the worker had it */
};

void apply_task_free(void *data)
{
    ApplyTask *task = data;
    if (!task)
        return;
    if (task->phase == TASK_PLANNING) { /* the worker has it: apply_planned() frees it */
        task->abandoned = true;
        return;
    }
    apply_plan_free(task->plan);
    g_free(task->path);
    g_free(task->revision);
    g_free(task);
}

void reconciler_epoch_advance(Reconciler *reconciler)
{
    reconciler->epoch++;
    reconciler->epoch_batch = world_batches(reconciler->world) + 1;
}

static ApplyTask *task_head(const Reconciler *reconciler)
{
    return g_queue_peek_head((GQueue *)(uintptr_t)&reconciler->applies);
}

/* A followed set is compared by digests from now on: its texts need not stay in memory, nor what planning all
 * of it left behind. */
static void plan_free_work(void *data)
{
    const ApplyPlan *plan = data;
    bool is_large = plan->is_whole && plan->set && manifest_set_len(plan->set) >= LARGE_SET;
    if (is_large)
        manifest_set_rest(plan->set);
    apply_plan_free(data);
    if (is_large)
        malloc_trim(0);
}

/* A plan of 100,000 changes takes longer to free than the loop may be busy. */
static void task_done(Reconciler *reconciler)
{
    ApplyTask *task = g_queue_pop_head(&reconciler->applies);
    meter_reconciled(reconciler, task->outcome, task->taken_us);
    static const PortLoad freeing = {.run = plan_free_work};
    const WorkPort *work = &reconciler->ports.work;
    work->load(work->self, &freeing, g_steal_pointer(&task->plan));
    apply_task_free(task);
    reconciler_wake(reconciler);
}

/* ---- taking in
 * -----------------------------------------------------------------------------------------------------------
 */

static char *text_member(const json_t *request, const char *name)
{
    return g_strdup(json_string_value(json_object_get(request, name)));
}

static void take_first_run(ApplyPlan *plan, const json_t *request)
{
    const char *said = json_string_value(json_object_get(request, "firstRun"));
    plan->first_run_given = said != NULL;
    plan->first_run = said && strcmp(said, "record") == 0 ? FIRST_RUN_RECORD : FIRST_RUN_START;
}

/* Whose key it was that signed the request: that counts, and not what its body says of who asks. */
static char *actor_of(const json_t *request)
{
    const json_t *peer = json_object_get(request, "peer");
    const char *key = json_string_value(json_object_get(peer, "key"));
    return key ? g_strconcat("key/", json_string_value(json_object_get(peer, "user")), NULL)
               : text_member(request, "actor");
}

/* Manifests that were sent have no place here but who sent them. */
static void take_upload(ApplyPlan *plan, json_t *request)
{
    plan->upload = json_incref(json_object_get(request, "upload"));
    if (!plan->upload)
        return;
    g_free(plan->source);
    plan->source = g_strconcat(UPLOAD_PLACE_PREFIX, plan->actor ? plan->actor : "nobody", NULL);
}

void apply_take(Reconciler *reconciler, Call *call)
{
    if (call->operation->step == approve_step) {
        approval_take(reconciler, call);
        return;
    }
    const json_t *request = call->request, *saved = json_object_get(request, "saved"),
                 *allow = json_object_get(request, "allowDeletes");
    ApplyTask *task = g_new0(ApplyTask, 1);
    task->reconciler = reconciler;
    task->call = call;
    task->plan = apply_plan_new(reconciler->state_dir);
    task->plan->providers = reconciler->providers;
    task->plan->source = text_member(request, "source");
    task->plan->source_name = text_member(request, "sourceName");
    task->plan->commit = text_member(request, "commit");
    task->plan->provider = text_member(request, "provider");
    task->plan->values = text_member(request, "values");
    task->plan->only = text_member(request, "only");
    task->plan->plan_id = text_member(request, "planId");
    task->plan->actor = actor_of(request);
    take_upload(task->plan, call->request);
    task->started_ms = reconciler->now_ms;
    task->plan->destroy = json_is_true(json_object_get(request, "destroy"));
    task->taken_us = meter_now_us(reconciler);
    task->is_rollback = json_is_true(json_object_get(request, "rollback"));
    if (allow)
        task->plan->allow_deletes = json_integer_value(allow);
    if (saved) {
        char *text = json_dumps(saved, JSON_COMPACT);
        task->plan->saved_text = g_strdup(text);
        free(text);
    }
    take_first_run(task->plan, request);
    g_queue_push_tail(&reconciler->applies, task);
}

void applies_drop_waiting(Reconciler *reconciler, const char *name)
{
    for (GList *at = reconciler->applies.head, *next; at; at = next) {
        ApplyTask *task = at->data;
        next = at->next;
        if (task->call || strcmp(task->plan->source_name, name) != 0 || task->phase != TASK_QUEUED)
            continue;
        g_queue_delete_link(&reconciler->applies, at);
        apply_task_free(task);
    }
}

/* A newer revision takes the place of an older one that waits or is being staged. */
static void drop_older(Reconciler *reconciler, const char *name)
{
    for (GList *at = reconciler->applies.head, *next; at; at = next) {
        ApplyTask *task = at->data;
        next = at->next;
        if (task->call || strcmp(task->plan->source_name, name) != 0 || task->phase == TASK_PLANNING)
            continue;
        g_queue_delete_link(&reconciler->applies, at);
        apply_task_free(task);
    }
}

void apply_take_approved(Reconciler *reconciler, Call *call, const FollowedSource *followed,
                         const char *plan_id)
{
    ApplyTask *task = g_new0(ApplyTask, 1);
    const json_t *allow = json_object_get(call->request, "allowDeletes");
    task->reconciler = reconciler;
    task->call = call;
    task->approves = true;
    task->taken_us = meter_now_us(reconciler);
    task->plan = apply_plan_new(reconciler->state_dir);
    task->plan->providers = reconciler->providers;
    task->plan->source = g_strdup(followed->path);
    task->plan->source_name = g_strdup(followed->name);
    task->plan->provider = g_strdup(followed->provider);
    task->plan->values = g_strdup(followed->values);
    task->plan->plan_id = g_strdup(plan_id);
    task->plan->saved_text = g_strdup(followed->held);
    task->plan->approves = true;
    take_first_run(task->plan, call->request);
    if (allow)
        task->plan->allow_deletes = json_integer_value(allow);
    task->path = g_strdup(followed->path);
    g_queue_push_tail(&reconciler->applies, task);
    reconciler_wake(reconciler);
}

/* What is approved is the source as it is now, if it makes that plan. False: it is broken. */
static bool take_newest(ApplyTask *task)
{
    const FollowedSource *followed = followed_find(task->reconciler, task->plan->source_name);
    if (!followed || !followed->newest)
        return false;
    manifest_set_ref(followed->newest);
    manifest_set_unref(task->plan->set);
    task->plan->set = followed->newest;
    task->told = followed->told;
    g_free(task->revision);
    task->revision = g_strdup(followed->revision);
    return true;
}

static bool is_overtaken(const ApplyTask *task)
{
    const FollowedSource *followed =
        task->approves ? followed_find(task->reconciler, task->plan->source_name) : NULL;
    return task->approves && (!followed || followed->told != task->told);
}

static bool is_of_followed(const ApplyTask *task)
{
    return !task->call || task->approves;
}

void apply_followed(Reconciler *reconciler, const SourceState *state)
{
    drop_older(reconciler, state->name);
    ApplyTask *task = g_new0(ApplyTask, 1);
    task->reconciler = reconciler;
    task->plan = apply_plan_new(reconciler->state_dir);
    task->plan->providers = reconciler->providers;
    task->plan->source = g_strdup(state->path);
    task->plan->source_name = g_strdup(state->name);
    task->plan->provider = g_strdup(state->provider);
    task->plan->values = g_strdup(state->values);
    task->plan->set = manifest_set_ref(state->set);
    task->plan->author = g_strdup(state->author);
    task->plan->signature = g_strdup(state->signature);
    task->started_ms = reconciler->now_ms;
    task->plan->may_wait = true;
    task->plan->policy_requires_approval = state->approval_required;
    task->path = g_strdup(state->path);
    task->revision = g_strdup(state->revision);
    task->changed_us = state->changed_us;
    task->full_pass = state->full_pass;
    task->taken_us = meter_now_us(reconciler);
    g_queue_push_tail(&reconciler->applies, task);
    reconciler_wake(reconciler);
}

/* ---- recording
 * -------------------------------------------------------------------------------------------------------------
 */

static char *summary_of(const ApplyPlan *plan)
{
    char *text = json_dumps(json_object_get(plan->plan_json, "summary"), JSON_COMPACT);
    char *copy = g_strdup(text ? text : "{}");
    free(text);
    return copy;
}

static const char *revision_of(const ApplyTask *task)
{
    const ApplyPlan *plan = task->plan;
    return plan->plan ? plan->plan->revision : plan->set ? manifest_set_revision(plan->set) : task->revision;
}

/* Borrows from task and summary. */
static ApplyRecord record_of(const ApplyTask *task, const char *summary)
{
    const ApplyPlan *plan = task->plan;
    return (ApplyRecord){.owner = view_from(plan->identity ? plan->identity : plan->source_name),
                         .source_path = view_from(plan->source),
                         .revision = view_from(revision_of(task)),
                         .plan_id = view_from(plan->plan ? plan->plan->id : NULL),
                         .message = VIEW(""),
                         .summary = view_from(summary),
                         .trigger = !task->call         ? TRIGGER_FOLLOW
                                    : plan->destroy     ? TRIGGER_DESTROY
                                    : task->is_rollback ? TRIGGER_ROLLBACK
                                                        : TRIGGER_APPLY,
                         .actor = view_from(plan->actor),
                         .author = view_from(plan->author),
                         .signature = view_from(plan->signature),
                         .started_ms = task->started_ms};
}

/* Nothing of it is carried out. A source that nobody can name has no history. */
static void record_fault(const ApplyTask *task, ApplyState state, const char *message)
{
    g_autofree char *summary = summary_of(task->plan);
    ApplyRecord record = record_of(task, summary);
    record.state = state;
    record.message = view_from(message);
    if (record.owner.len)
        apply_note(task->reconciler->world, &record, task->reconciler->now_ms);
}

/* ---- ends
 * -------------------------------------------------------------------------------------------------------------------
 */

static void answer_fault(ApplyTask *task, Fault fault, const char *message)
{
    Call *call = g_steal_pointer(&task->call);
    ApplyPlan *plan = task->plan;
    call_fail(call, fault, "%s", message);
    json_t *error = json_object_get(call->result.body, "error");
    if (plan->diagnostics && diagnostic_list_len(plan->diagnostics))
        json_object_set_new(error, "diagnostics", apply_plan_diagnostics(plan));
    if (plan->plan_json)
        json_object_set(error, "plan", plan->plan_json);
    calls_answer(task->reconciler, call);
}

static SourceState state_of(const ApplyTask *task)
{
    return (SourceState){.path = task->path,
                         .name = task->plan->source_name,
                         .provider = task->plan->provider,
                         .revision = task->revision,
                         .set = task->plan->set};
}

static void note_followed(ApplyTask *task, SourceStanding standing, const char *message)
{
    SourceState state = state_of(task);
    state.broken = message;
    source_note(task->reconciler, &state, standing, message);
}

static void task_fail(ApplyTask *task, Fault fault, const char *message)
{
    Reconciler *reconciler = task->reconciler;
    task->outcome = fault == FAULT_REFUSED ? RECONCILE_REFUSED : RECONCILE_BROKEN;
    if (task->approves)
        source_look_again(reconciler, task->plan->source_name); /* what waits now may be another plan */
    if (task->call)
        answer_fault(task, fault, message);
    else
        note_followed(task, fault == FAULT_REFUSED ? SOURCE_REFUSED : SOURCE_BROKEN, message);
    task_done(reconciler);
}

/* Suspended since it was taken up: nothing of it is carried out. */
static void task_rest(ApplyTask *task)
{
    Reconciler *reconciler = task->reconciler;
    g_autofree char *name = g_strdup(task->plan->source_name);
    task->outcome = RECONCILE_RESTED;
    if (task->call)
        answer_fault(task, FAULT_REFUSED,
                     "the source was suspended meanwhile (muster status, muster resume)");
    task_done(reconciler);
    source_look_again(reconciler, name);
}

/* Nothing of it is carried out. */
static void task_refuse(ApplyTask *task, Fault fault, const char *message)
{
    ApplyState state = fault == FAULT_REFUSED ? APPLY_STATE_REFUSED : APPLY_STATE_BROKEN;
    if (task->call || source_fault_is_new(task->reconciler, task->plan->source_name, task->revision, message))
        record_fault(task, state, message);
    bool is_followed = !task->call;
    uint64_t epoch = task->epoch;
    g_autofree char *name = g_strdup(task->plan->source_name);
    Reconciler *reconciler = task->reconciler;
    task_fail(task, fault, message);
    if (is_followed)
        source_wait_for_change(reconciler, name, epoch);
}

/* Waits for an approval. */
static void task_hold(ApplyTask *task)
{
    Reconciler *reconciler = task->reconciler;
    const ApplyPlan *plan = task->plan;
    SourceState state = state_of(task);
    SourceHold hold = {.plan_id = plan->plan->id,
                       .reason = plan->message,
                       .saved = plan->saved,
                       .summary = json_object_get(plan->plan_json, "summary"),
                       .plan = plan->plan_json,
                       .needed_deletes = plan->needed_deletes,
                       .needs_first_run = plan->needs_first_run};
    source_hold(reconciler, &state, &hold);
    task->outcome = RECONCILE_HELD;
    task_done(reconciler);
}

static char *first_errors(ApplyPlan *plan)
{
    GString *text = g_string_new(plan->message);
    for (size_t i = 0; i < MIN(diagnostic_list_len(plan->diagnostics), 3); i++) {
        const Diagnostic *one = diagnostic_list_get(plan->diagnostics, i);
        if (one->severity == SEVERITY_ERROR)
            g_string_append_printf(text, "; %s:%d:%d: %s", one->file ? one->file : "", one->line, one->column,
                                   one->message);
    }
    return g_string_free(text, FALSE);
}

/* ---- planning
 * ------------------------------------------------------------------------------------------------------------------
 */

static bool begin_staging(ApplyTask *task);

/* How long it took from the first event of a change to the finished plan. */
static void tell_planned(ApplyTask *task)
{
    Reconciler *reconciler = task->reconciler;
    const ClockPort *clock = &reconciler->ports.clock;
    if (!task->changed_us || !clock->monotonic_us)
        return;
    int64_t took_us = clock->monotonic_us(clock->self) - task->changed_us;
    g_autofree char *subject = g_strdup_printf("source %s", task->plan->identity);
    g_autofree char *message =
        g_strdup_printf("revision %.12s: %u changes planned in %" G_GINT64_FORMAT ".%" G_GINT64_FORMAT " ms",
                        task->revision, task->plan->plan->changes->len, took_us / 1000, took_us / 100 % 10);
    g_autofree char *summary = summary_of(task->plan),
                    *details = event_plan_details(task->plan->plan->id, summary);
    EventOrigin origin = {task->plan->identity, task->revision, details};
    world_event_of(reconciler->world, &origin, "source.planned", subject, message, reconciler->now_ms);
    task->changed_us = 0;
}

static void carried_out(ApplyTask *task)
{
    /* Of an older policy it is no measure for what comes. */
    if (is_of_followed(task) && task->plan->policy == task->reconciler->policy)
        source_carried_out(task->reconciler, task->plan->source_name, task->plan->set);
}

static void plan_finished(ApplyTask *task)
{
    Reconciler *reconciler = task->reconciler;
    ApplyPlan *plan = task->plan;
    bool is_late = is_overtaken(task);
    if ((is_late || task->epoch != reconciler->epoch) && ++task->tries < PLAN_TRIES)
        return; /* what was compared has changed meanwhile: again */
    if (is_of_followed(task) && source_is_suspended(reconciler, plan->source_name)) {
        task_rest(task);
        return;
    }
    if (is_late) {
        task_fail(task, FAULT_REFUSED,
                  "the source changes all the time; approve what muster status shows then");
        return;
    }
    bool has_places = plan->outcome == APPLY_BROKEN || plan->outcome == APPLY_INFEASIBLE ||
                      plan->outcome == APPLY_FORBIDDEN;
    g_autofree char *message = has_places ? first_errors(plan) : NULL;
    switch (plan->outcome) {
    case APPLY_BROKEN: task_refuse(task, FAULT_INVALID, task->call ? plan->message : message); return;
    case APPLY_INFEASIBLE: task_refuse(task, FAULT_INFEASIBLE, task->call ? plan->message : message); return;
    case APPLY_FORBIDDEN: task_refuse(task, FAULT_REFUSED, task->call ? plan->message : message); return;
    case APPLY_REFUSED: task_refuse(task, FAULT_REFUSED, plan->message); return;
    case APPLY_HELD:
        tell_planned(task);
        task_hold(task);
        return;
    case APPLY_READY: tell_planned(task); break;
    }
    if (!is_of_followed(task) && source_is_followed(reconciler, plan->identity) &&
        !source_is_suspended(reconciler, plan->identity)) {
        g_autofree char *text =
            g_strdup_printf("source %s is followed by the running daemon; change its files, stop following "
                            "it, or suspend it: muster suspend source/%s --reason …",
                            plan->identity, plan->identity);
        task_refuse(task, FAULT_REFUSED, text);
        return;
    }
    if (begin_staging(task)) {
        task->phase = TASK_STAGING;
    } else {
        carried_out(task);
        task_done(reconciler);
    }
}

static void apply_planned(void *data)
{
    ApplyTask *task = data;
    Reconciler *reconciler = task->reconciler;
    task->phase = TASK_QUEUED;
    if (task->abandoned) {
        apply_task_free(task);
        return;
    }
    plan_finished(task);
    reconciler_wake(reconciler);
}

/* On the worker: touches the plan only. */
static void plan_work(void *data)
{
    apply_plan_run(((ApplyTask *)data)->plan);
}

/* What was found is the source's manifests, if they can be carried out, else why not: replayed, the plan is
 * made again from them. */
static PortFound found_save(const void *data, GByteArray *bytes)
{
    const ApplyTask *task = data;
    ApplyPlan *plan = task->plan;
    bool is_whole = plan->outcome == APPLY_READY || plan->outcome == APPLY_HELD ||
                    (plan->outcome == APPLY_REFUSED && plan->set);
    g_autofree char *message = is_whole ? NULL : task->call ? g_strdup(plan->message) : first_errors(plan);
    saved_put_number(bytes, is_whole ? APPLY_READY : plan->outcome);
    saved_put_text(bytes, view_from(message));
    saved_put_text(bytes, view_from(is_whole ? NULL : plan->identity));
    saved_put_text(bytes, view_from(is_whole ? NULL : revision_of(task)));
    saved_put_text(bytes, view_from(plan->author));
    saved_put_text(bytes, view_from(plan->signature));
    return (PortFound){is_whole && !is_of_followed(task) ? plan->set : NULL, plan->has_position,
                       plan->position};
}

/* What a plan that failed had found out beside its message: whose it was, and of what. */
static void failed_restore(ApplyTask *task, View identity, View revision)
{
    g_free(task->plan->identity);
    task->plan->identity = identity.len ? g_strndup(identity.data, identity.len) : NULL;
    if (!task->revision && revision.len)
        task->revision = g_strndup(revision.data, revision.len);
}

static void take_text(char **text, View saved)
{
    g_free(*text);
    *text = saved.len ? g_strndup(saved.data, saved.len) : NULL;
}

static bool found_restore(void *data, View saved, ManifestSet *set, const char *state_dir)
{
    ApplyPlan *plan = ((ApplyTask *)data)->plan;
    Saved from = {.rest = saved};
    int64_t outcome = saved_number(&from);
    View message = saved_text(&from), identity = saved_text(&from), revision = saved_text(&from);
    take_text(&plan->author, saved_text(&from));
    take_text(&plan->signature, saved_text(&from));
    g_free(plan->state_dir);
    plan->state_dir = g_strdup(state_dir);
    if (set) {
        manifest_set_unref(plan->set);
        plan->set = manifest_set_ref(set);
    }
    bool is_good = !from.is_bad && outcome >= APPLY_READY && outcome <= APPLY_REFUSED &&
                   (outcome != APPLY_READY || plan->set);
    if (!is_good)
        apply_plan_fail(plan, APPLY_BROKEN, VIEW("the recording is damaged"));
    else if (outcome == APPLY_READY)
        apply_plan_run(plan);
    else
        apply_plan_fail(plan, (ApplyOutcome)outcome, message);
    if (is_good && outcome != APPLY_READY)
        failed_restore(data, identity, revision);
    return is_good;
}

/* Planned against committed state: it must hold all that memory knows of resources and runs, hence the last
 * change of those must be durable; jobs that come and go meanwhile do not matter. */
static void start_planning(Reconciler *reconciler, ApplyTask *task)
{
    uint64_t durable = world_batches(reconciler->world) - g_queue_get_length(&reconciler->in_flight);
    bool under_way = reconciler_busy_committing(reconciler) || world_is_dirty(reconciler->world);
    if (reconciler->epoch_batch > durable && under_way)
        return; /* that commit wakes us */
    if (task->approves && !take_newest(task)) {
        task_fail(task, FAULT_REFUSED,
                  "the source is broken (muster status); its plan is made again when it is mended");
        return;
    }
    task->phase = TASK_PLANNING;
    task->plan->approval_stands = source_approval_stands(reconciler, task->plan->source_name);
    task->epoch = reconciler->epoch;
    task->plan->machine = reconciler->facts.machine;
    g_clear_pointer(&task->plan->before, manifest_set_unref);
    policy_unref(task->plan->policy);
    task->plan->policy = policy_ref(reconciler->policy);
    ManifestSet *carried =
        task->call || task->full_pass ? NULL : source_carried(reconciler, task->plan->source_name);
    if (carried)
        task->plan->before = manifest_set_ref(carried);
    static const PortLoad load = {plan_work, apply_planned, found_save, found_restore};
    reconciler->ports.work.load(reconciler->ports.work.self, &load, task);
}

/* ---- staging
 * ----------------------------------------------------------------------------------------------------------------------
 */

static bool nothing_new(const Reconciler *reconciler, const ApplyTask *task)
{
    const ApplyRecord *newest = world_apply_newest(reconciler->world, task->plan->identity);
    return !task->call && plan_is_empty(task->plan->plan) && newest &&
           view_is(newest->revision, task->plan->plan->revision) &&
           (newest->state == APPLY_CONVERGED || newest->state == APPLY_ACTIVE);
}

static void keep_retention(Reconciler *reconciler, const ManifestSet *set)
{
    const SourceConfig *config = set ? manifest_set_config(set) : NULL;
    if (!config || !config->retention_ms)
        return;
    g_autofree char *text = g_strdup_printf("%" G_GINT64_FORMAT, config->retention_ms);
    world_set_setting(reconciler->world, "retention", text);
}

/* For the plans and applies that come without values: they would take back what these made. */
static void keep_values(Reconciler *reconciler, const ApplyPlan *plan)
{
    g_autofree char *name = g_strconcat(STORE_VALUES_SETTING, plan->identity, NULL);
    world_set_setting(reconciler->world, name, plan->destroy ? NULL : plan->values);
}

static void tell_rollback(const ApplyTask *task)
{
    Reconciler *reconciler = task->reconciler;
    const ApplyPlan *plan = task->plan;
    bool is_told = plan->actor && *plan->actor;
    g_autofree char *subject = g_strdup_printf("source %s", plan->identity);
    g_autofree char *text = g_strdup_printf("to revision %.12s%s%s", plan->plan->revision,
                                            is_told ? " by " : "", is_told ? plan->actor : "");
    EventOrigin origin = {.source = plan->identity, .revision = plan->plan->revision};
    world_event_of(reconciler->world, &origin, "source.rolledback", subject, text, reconciler->now_ms);
}

/* False: there is nothing to do for it. */
static bool begin_staging(ApplyTask *task)
{
    Reconciler *reconciler = task->reconciler;
    const Plan *plan = task->plan->plan;
    if (task->approves) {
        approval_event(reconciler, task->call, plan);
        source_approved(reconciler, task->plan->source_name);
    }
    if (is_of_followed(task))
        note_followed(task, SOURCE_OK, NULL);
    else
        source_in_force(reconciler, task->plan);
    keep_values(reconciler, task->plan);
    if (nothing_new(reconciler, task))
        return false;
    g_autofree char *summary = summary_of(task->plan);
    ApplyRecord record = record_of(task, summary);
    record.state = APPLY_STAGING;
    if (!task->plan->may_wait || !apply_plan_needs_approval(task->plan))
        keep_retention(reconciler, task->plan->set);
    if (!task->plan->destroy)
        resource_set_provider(reconciler->world, task->plan->identity, task->plan->provider,
                              apply_plan_otherwise(task->plan));
    task->apply_id = apply_begin(reconciler->world, &record, reconciler->now_ms);
    if (task->is_rollback)
        tell_rollback(task);
    task->next = 0;
    reconciler_tell(reconciler, (LogEntry){.source = plan->source_name, .revision = plan->revision},
                    "source %s: applying revision %.12s: %u changes", plan->source_name, plan->revision,
                    plan->changes->len);
    return true;
}

static Stage stage_of(Reconciler *reconciler, const ApplyTask *task)
{
    return (Stage){.world = reconciler->world,
                   .owner = task->plan->identity,
                   .rng = &reconciler->rng,
                   .now_ms = reconciler->now_ms,
                   .stops = reconciler->stops,
                   .apply_id = task->apply_id};
}

static void stage_end(Reconciler *reconciler, ApplyTask *task)
{
    Stage stage = stage_of(reconciler, task);
    stage_kept(&stage, task->plan->plan);
    apply_set(reconciler->world, task->apply_id, APPLY_ACTIVE, "", reconciler->now_ms);
    reconciler->staged = true;
    task->outcome = RECONCILE_APPLIED;
    carried_out(task);
    if (task->call) {
        Call *call = g_steal_pointer(&task->call);
        call_done(call, json_pack("{s:I,s:O}", "applyId", (json_int_t)task->apply_id, "plan",
                                  task->plan->plan_json));
        calls_answer(reconciler, call);
    }
    task_done(reconciler);
}

static bool stage_next(Reconciler *reconciler, ApplyTask *task)
{
    const Change *change = task->plan->plan->changes->pdata[task->next++];
    g_autoptr(GError) error = NULL;
    Stage stage = stage_of(reconciler, task);
    if (stage_change(&stage, change, &error))
        return true;
    g_autofree char *message =
        g_strdup_printf("%s %s/%s: %s", action_name(change->action), kind_name(change->kind), change->name,
                        error ? error->message : "refused");
    apply_set(reconciler->world, task->apply_id, APPLY_FAILED, message, reconciler->now_ms);
    task_fail(task, FAULT_INVALID, message);
    return false;
}

static void stage_slice(Reconciler *reconciler, ApplyTask *task)
{
    guint len = task->plan->plan->changes->len, end = MIN(task->next + STAGE_MAX, len);
    if (task->next < end)
        reconciler_epoch_advance(reconciler);
    do {
        if (task->next < end && !stage_next(reconciler, task))
            return;
    } while (task->next < end && budget_left(&reconciler->budget));
    if (task->next == len)
        stage_end(reconciler, task);
    else
        reconciler_wake(reconciler);
}

void applies_run(Reconciler *reconciler)
{
    ApplyTask *task = task_head(reconciler);
    if (!task || reconciler->refusal)
        return;
    switch (task->phase) {
    case TASK_QUEUED: start_planning(reconciler, task); break;
    case TASK_PLANNING: break;
    case TASK_STAGING: stage_slice(reconciler, task); break;
    }
}

/* ---- converging
 * -------------------------------------------------------------------------------------------------------------------
 */

void applies_settle(Reconciler *reconciler)
{
    size_t leaving = resource_settle(reconciler->world, SETTLE_MAX, reconciler->now_ms);
    size_t moving = leaving + world_unmade(reconciler->world);
    reconciler->is_leaving = leaving > 0;
    const ApplyRecord *apply = NULL;
    if (moving != reconciler->moving)
        reconciler_epoch_advance(reconciler);
    bool look = moving != reconciler->moving || reconciler->changed || reconciler->staged;
    reconciler->moving = moving;
    reconciler->staged = false;
    for (int64_t id = 0; (apply = world_apply_next(reconciler->world, id)); id = apply->id)
        if (apply->state == APPLY_ACTIVE &&
            (moving == 0 || (look && !world_owner_in_transit(reconciler->world, apply->owner))))
            apply_set(reconciler->world, apply->id, APPLY_CONVERGED, "", reconciler->now_ms);
    if (g_queue_is_empty(&reconciler->applies))
        sources_look_again(reconciler);
}

/* ---- after a failed commit, and after loading
 * ---------------------------------------------------------------------------------------- */

void applies_reset(Reconciler *reconciler, const char *message)
{
    for (ApplyTask *task; (task = g_queue_pop_head(&reconciler->applies));) {
        if (task->call)
            calls_refuse(reconciler, g_steal_pointer(&task->call), FAULT_BUSY, message);
        apply_task_free(task);
    }
}

void applies_resume(Reconciler *reconciler)
{
    const ApplyRecord *apply = NULL;
    for (int64_t id = 0; (apply = world_apply_next(reconciler->world, id)); id = apply->id)
        if (apply->state == APPLY_STAGING)
            apply_set(reconciler->world, apply->id, APPLY_FAILED,
                      apply->trigger == TRIGGER_ROLLBACK
                          ? "interrupted while it was staged; muster rollback to this revision again does "
                            "the rest"
                          : "interrupted while it was staged; apply the source again",
                      reconciler->now_ms);
}
