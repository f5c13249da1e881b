/* Multinode jobs: an attempt has a launch for each node, all intended together (batch: "Multi-node parallel
 * jobs"). The main node's life is the job's; what other nodes do changes nothing, but for one that is proven
 * never to have started: its attempt cannot be whole. */
#include "reconciler/world/attempt.h"

bool job_is_multinode(const Job *job)
{
    return job->template->effective->nodes > 1;
}

static bool is_main(const Launch *launch)
{
    return launch->index == launch->job->template->effective->main_node;
}

/* ---- the set ---- */

static void verdict_clear(Verdict *verdict)
{
    g_free((char *)(uintptr_t)verdict->outcome.reason);
    g_free((char *)(uintptr_t)verdict->outcome.status_reason);
    *verdict = (Verdict){0};
}

void nodes_free(NodeSet *nodes)
{
    if (!nodes)
        return;
    verdict_clear(&nodes->verdict);
    g_clear_pointer(&nodes->closed, g_array_unref);
    g_free(nodes);
}

static NodeSet *nodes_get(Job *job)
{
    if (!job->private->nodes)
        job->private->nodes = g_new0(NodeSet, 1);
    return job->private->nodes;
}

void node_add(World *world, Launch *launch)
{
    (void)world;
    NodeSet *nodes = nodes_get(launch->job);
    LaunchEntry *entry = launch_entry(launch);
    LaunchEntry *behind = nodes->last;
    while (behind && behind->launch.index > launch->index)
        behind = behind->node_prev;
    entry->node_prev = behind;
    entry->node_next = behind ? behind->node_next : nodes->first;
    *(behind ? &behind->node_next : &nodes->first) = entry;
    *(entry->node_next ? &entry->node_next->node_prev : &nodes->last) = entry;
    nodes->open++;
    nodes->any_started = nodes->any_started || launch->started_ms > 0;
    if (is_main(launch))
        launch->job->launch = launch;
}

void node_remove(Launch *launch)
{
    NodeSet *nodes = launch->job->private->nodes;
    LaunchEntry *entry = launch_entry(launch);
    if (entry->node_prev)
        entry->node_prev->node_next = entry->node_next;
    else
        nodes->first = entry->node_next;
    if (entry->node_next)
        entry->node_next->node_prev = entry->node_prev;
    else
        nodes->last = entry->node_prev;
    nodes->open--;
    if (is_main(launch))
        launch->job->launch = NULL;
}

Launch *job_node_next(const Job *job, const Launch *after)
{
    const NodeSet *nodes = job->private->nodes;
    LaunchEntry *entry = after ? launch_entry(after)->node_next : nodes ? nodes->first : NULL;
    return entry ? &entry->launch : NULL;
}

Capacity job_holds(const JobTemplate *template, const Instance *instance)
{
    bool whole = template->effective->nodes > 1 && instance && instance->environment;
    return whole ? instance->total : template->effective->need;
}

/* ---- the attempt ---- */

Launch *launch_intend_nodes(World *world, Job *job, Environment *environment, Instance *const *instances,
                            const LaunchToken *tokens, int64_t now_ms)
{
    Target target = {job, NULL};
    int64_t len = job->template->effective->nodes;
    g_assert(job_is_multinode(job) && !job->array && !job->private->nodes);
    target_set_attempts(world, target, job->attempts + 1);
    target_set_reason(world, target, NULL);
    for (int32_t node = 0; node < len; node++)
        launch_begin(world, job, node, environment, instances ? instances[node] : NULL, &tokens[node],
                     now_ms);
    g_assert(job->launch);
    consumables_take(world, job->template);
    job_move(world, job, JOB_STARTING, now_ms);
    return job->launch;
}

Launch *launch_place_nodes(World *world, Job *job, Environment *environment, Instance *const *instances,
                           const LaunchToken *tokens, int64_t now_ms)
{
    for (int64_t node = 0; instances && node < job->template->effective->nodes; node++)
        if (instances[node])
            instance_take(instances[node], job_holds(job->template, instances[node]));
    return launch_intend_nodes(world, job, environment, instances, tokens, now_ms);
}

void node_started(World *world, Launch *launch, int64_t started_ms, int64_t now_ms)
{
    Job *job = launch->job;
    job->private->nodes->any_started = true;
    if (!is_main(launch) || job->state != JOB_STARTING)
        return;
    target_set_started(world, (Target){job, NULL}, started_ms);
    job_move(world, job, JOB_RUNNING, now_ms);
}

static void nodes_decide(NodeSet *nodes, const Verdict *verdict)
{
    nodes->verdict = *verdict;
    nodes->verdict.outcome.reason = g_strdup(verdict->outcome.reason);
    nodes->verdict.outcome.status_reason = g_strdup(verdict->outcome.status_reason);
}

static void nodes_stop_rest(World *world, NodeSet *nodes)
{
    for (LaunchEntry *entry = nodes->first; entry; entry = entry->node_next) {
        if (entry->launch.stopping)
            continue;
        entry->launch.stopping = true;
        g_array_append_val(world->stops, entry->launch.token);
    }
}

/* What was decided, once nothing of the attempt is left. An attempt of which some node ran was one. */
static void nodes_over(World *world, Job *job, int64_t now_ms)
{
    NodeSet *nodes = job->private->nodes;
    job->private->nodes = NULL;
    if (nodes->verdict.kind == VERDICT_AGAIN && nodes->any_started)
        nodes->verdict.kind = VERDICT_FAILED;
    attempt_over(world, (Target){job, NULL}, &nodes->verdict, now_ms);
    nodes_free(nodes);
}

void node_over(World *world, Launch *launch, const Closing *closing, const Verdict *verdict, int64_t now_ms)
{
    Job *job = launch->job;
    NodeSet *nodes = job->private->nodes;
    bool decides = is_main(launch) || verdict->kind == VERDICT_AGAIN;
    if (decides && nodes->verdict.kind == VERDICT_NONE)
        nodes_decide(nodes, verdict);
    launch_close(world, launch, closing, now_ms);
    if (nodes->verdict.kind == VERDICT_NONE)
        return;
    nodes_stop_rest(world, nodes);
    if (nodes->open == 0)
        nodes_over(world, job, now_ms);
}

/* ---- coming back ---- */

static void closed_clear(gpointer data)
{
    AttemptRecord *record = data;
    g_free((char *)(uintptr_t)record->reason.data);
    g_free((char *)(uintptr_t)record->status_reason.data);
}

bool node_is_open(const Job *job, int32_t index)
{
    const NodeSet *nodes = job->private->nodes;
    for (const LaunchEntry *entry = nodes ? nodes->first : NULL; entry; entry = entry->node_next)
        if (entry->launch.index == index)
            return true;
    return false;
}

bool node_restore_closed(Job *job, const AttemptRecord *record)
{
    NodeSet *nodes = job->private->nodes;
    if (!nodes || !nodes->first)
        return false;
    if (record->intended_ms != nodes->first->launch.intended_ms || node_is_open(job, record->index))
        return true; /* of the same attempt, refused before and launched again since */
    if (!nodes->closed) {
        nodes->closed = g_array_new(FALSE, FALSE, sizeof(AttemptRecord));
        g_array_set_clear_func(nodes->closed, closed_clear);
    }
    AttemptRecord copy = *record;
    copy.reason = (View){view_dup(record->reason), record->reason.len};
    copy.status_reason = (View){view_dup(record->status_reason), record->status_reason.len};
    g_array_append_val(nodes->closed, copy);
    return true;
}

/* Whether another row says what became of this node: the same attempt may have been refused before, even in
 * the same millisecond. */
static bool closed_is_outdone(const GArray *closed, const AttemptRecord *record)
{
    for (guint i = 0; i < closed->len; i++) {
        const AttemptRecord *other = &g_array_index(closed, AttemptRecord, i);
        if (other->index == record->index && record->state == LAUNCH_REFUSED &&
            (other->state != LAUNCH_REFUSED || other->stopped_ms > record->stopped_ms))
            return true;
    }
    return false;
}

/* What decided is what closed first of what decides, the main node before others. */
static const AttemptRecord *closed_decider(const Job *job)
{
    const GArray *closed = job->private->nodes->closed;
    const AttemptRecord *first = NULL;
    for (guint i = 0; i < closed->len; i++) {
        const AttemptRecord *record = &g_array_index(closed, AttemptRecord, i);
        bool main_node = record->index == job->template->effective->main_node;
        if ((main_node || record->state == LAUNCH_REFUSED) && !closed_is_outdone(closed, record) &&
            (!first || record->stopped_ms < first->stopped_ms ||
             (main_node && record->stopped_ms == first->stopped_ms)))
            first = record;
    }
    return first;
}

/* NULL for the empty text. */
static const char *text_of(View view)
{
    return view.len > 0 ? view.data : NULL;
}

static Verdict verdict_of(Job *job, const AttemptRecord *record)
{
    const char *status_reason = text_of(record->status_reason);
    Verdict verdict = {.kind = VERDICT_FAILED,
                       .outcome = {.attempt = record->attempt,
                                   .ended_by_request = target_ended_by_request((Target){job, NULL}),
                                   .timed_out = g_strcmp0(status_reason, attempt_timed_out) == 0,
                                   .exit_code = record->exit_code,
                                   .reason = text_of(record->reason),
                                   .status_reason = status_reason},
                       .ran_ms = record->stopped_ms - record->started_ms};
    if (record->state == LAUNCH_REFUSED) {
        verdict.kind = VERDICT_AGAIN;
        verdict.outcome.status_reason = attempt_not_started;
    } else if (record->exit_code == 0 && g_strcmp0(status_reason, attempt_exited) == 0 &&
               !verdict.outcome.ended_by_request) {
        verdict.kind = VERDICT_SUCCEEDED;
    }
    return verdict;
}

static void nodes_judge(Job *job)
{
    NodeSet *nodes = job->private->nodes;
    const AttemptRecord *decider = closed_decider(job);
    for (guint i = 0; i < nodes->closed->len; i++)
        nodes->any_started =
            nodes->any_started || g_array_index(nodes->closed, AttemptRecord, i).started_ms > 0;
    if (decider) {
        Verdict verdict = verdict_of(job, decider);
        nodes_decide(nodes, &verdict);
    }
    g_clear_pointer(&nodes->closed, g_array_unref);
}

bool nodes_loaded(World *world, Job *job)
{
    NodeSet *nodes = job->private->nodes;
    if (nodes->closed)
        nodes_judge(job);
    if (nodes->open == 0 || (!job->launch && nodes->verdict.kind == VERDICT_NONE))
        return false;
    if (nodes->verdict.kind != VERDICT_NONE)
        nodes_stop_rest(world, nodes);
    return true;
}
