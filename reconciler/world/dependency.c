/* Dependencies: edges from what is waited for to those that wait, and the work list that carries endings
 * along them. */
#include "reconciler/world/job.h"

typedef enum { EDGE_WAITS, EDGE_HOLDS, EDGE_FAILED } EdgeStatus;

static EdgeStatus status_of(JobState state, DependencyCondition condition)
{
    if (!job_state_final(state))
        return EDGE_WAITS;
    return state == JOB_SUCCEEDED || condition == CONDITION_COMPLETION ? EDGE_HOLDS : EDGE_FAILED;
}

static bool is_own(const DependencyRecord *record)
{
    return record->type == DEPENDENCY_SEQUENTIAL;
}

/* ---- checks at submission ---- */

static bool dependency_error(GError **error, WorldErrorCode code, const DependencyRecord *record,
                             const char *problem)
{
    char id[37];
    job_id_to_text(&record->on, id);
    if (record->on_index == NOT_A_CHILD)
        g_set_error(error, WORLD_ERROR, (int)code, "Dependent job %s %s", id, problem);
    else
        g_set_error(error, WORLD_ERROR, (int)code, "Dependent job %s:%" G_GINT32_FORMAT " %s", id,
                    record->on_index, problem);
    return false;
}

/* State and size of what is waited for, in memory or in the store. */
static bool dependency_look_up(World *world, const DependencyRecord *record, JobState *ret_state,
                               int32_t *ret_size)
{
    const Job *on = world_job(world, &record->on);
    if (!on) {
        *ret_size = 0;
        return world->final_lookup && world->final_lookup(&record->on, record->on_index, ret_state, ret_size,
                                                          world->final_lookup_data);
    }
    *ret_size = on->array_size;
    *ret_state = on->state;
    if (record->on_index == NOT_A_CHILD)
        return true;
    if (!on->array || record->on_index < 0 || record->on_index >= on->array_size)
        return false;
    ChildView child;
    job_child(on, record->on_index, &child);
    *ret_state = child.state;
    return true;
}

static bool dependency_check(World *world, const DependencyRecord *record, int32_t array_size,
                             bool *ret_failed, GError **error)
{
    JobState state = JOB_SUBMITTED;
    int32_t size = 0;
    if (is_own(record)) {
        if (array_size == 0)
            g_set_error_literal(error, WORLD_ERROR, WORLD_ERROR_INVALID,
                                "SEQUENTIAL dependency: the job is not an array");
        return array_size > 0;
    }
    if (!dependency_look_up(world, record, &state, &size))
        return dependency_error(error, WORLD_ERROR_NOT_FOUND, record, "does not exist");
    if (record->type == DEPENDENCY_N_TO_N) {
        if (array_size == 0)
            return dependency_error(error, WORLD_ERROR_INVALID, record,
                                    "is N_TO_N, but the job is not an array");
        if (record->on_index != NOT_A_CHILD || size != array_size)
            return dependency_error(error, WORLD_ERROR_INVALID, record,
                                    "is N_TO_N, but not an array of the same size");
    } else if (status_of(state, record->condition) == EDGE_FAILED) {
        *ret_failed = true;
    }
    return true;
}

bool dependencies_check(World *world, const DependencyRecord *records, size_t len, int32_t array_size,
                        bool *ret_failed, GError **error)
{
    for (size_t i = 0; i < len; i++)
        if (!dependency_check(world, &records[i], array_size, ret_failed, error))
            return false;
    return true;
}

/* ---- edges ---- */

static void edge_attach(Edge *edge, Job *on)
{
    edge->on = on;
    edge->next = on->private->dependents;
    if (edge->next)
        edge->next->link = &edge->next;
    edge->link = &on->private->dependents;
    on->private->dependents = edge;
}

static void edge_detach(World *world, Edge *edge)
{
    Job *on = edge->on;
    if (!on)
        return;
    *edge->link = edge->next;
    if (edge->next)
        edge->next->link = edge->link;
    edge->on = NULL;
    edge->next = NULL;
    edge->link = NULL;
    finished_push(world, on);
}

void dependencies_link(World *world, Job *job, const DependencyRecord *records, size_t len)
{
    if (len == 0)
        return;
    struct JobPrivate *private = job->private;
    private->edges = g_new0(Edge, len);
    private->edges_len = (uint8_t)len;
    for (size_t i = 0; i < len; i++) {
        Edge *edge = &private->edges[i];
        edge->record = records[i];
        edge->dependent = job;
        if (job->array) {
            job->array->sequential = job->array->sequential || is_own(&records[i]);
            job->array->n_to_n = job->array->n_to_n || records[i].type == DEPENDENCY_N_TO_N;
        }
    }
    (void)world;
}

void dependencies_unlink(World *world, Job *job)
{
    for (uint8_t i = 0; i < job->private->edges_len; i++)
        edge_detach(world, &job->private->edges[i]);
}

static EdgeStatus edge_status(const Edge *edge, const Job *on)
{
    const DependencyRecord *record = &edge->record;
    /* gone from memory, or read back as finished: whoever had to fail for it has failed in the same commit */
    if (!on || (on->array && on->array->settled))
        return EDGE_HOLDS;
    if (record->on_index == NOT_A_CHILD)
        return status_of(on->state, record->condition);
    return status_of(array_state(on->array, record->on_index), record->condition);
}

bool dependencies_hold(const Job *job, int32_t index)
{
    for (uint8_t i = 0; i < job->private->edges_len; i++) {
        const Edge *edge = &job->private->edges[i];
        if (edge->record.type != DEPENDENCY_N_TO_N || !edge->on || edge->on->array->settled)
            continue;
        if (status_of(array_state(edge->on->array, index), edge->record.condition) != EDGE_HOLDS)
            return false;
    }
    return true;
}

/* ---- the start ---- */

/* Children whose counterpart has failed already fail at once. */
static void fail_counterparts(World *world, Job *job, const Edge *edge, int64_t now_ms)
{
    const Job *on = edge->on;
    if (edge->record.condition == CONDITION_COMPLETION || (on && !on->array) || !job->array)
        return;
    if (on && (on->array->settled || on->array->counts[JOB_FAILED] == 0))
        return;
    JobState state = JOB_SUCCEEDED;
    int32_t size;
    if (!on &&
        (world->loading || !world->final_lookup ||
         !world->final_lookup(&edge->record.on, NOT_A_CHILD, &state, &size, world->final_lookup_data) ||
         state != JOB_FAILED))
        return;
    for (int32_t index = 0; index < job->array_size && !job_state_final(job->state); index++) {
        if (on)
            state = array_state(on->array, index);
        else if (!world->final_lookup(&edge->record.on, index, &state, &size, world->final_lookup_data))
            state = JOB_FAILED;
        if (state == JOB_FAILED)
            array_fail_range(world, job, index, index, false, "Dependent Job failed", now_ms);
    }
}

static void job_open(World *world, Job *job, int64_t now_ms)
{
    if (job->array)
        array_open(world, job, now_ms);
    else if (job->private->unsized)
        job_size_want(world, job, now_ms);
    else if (job->state == JOB_SUBMITTED || job->state == JOB_PENDING)
        job_move(world, job, JOB_RUNNABLE, now_ms);
}

/* True when it has failed without ever having had children. One whose children are not known yet is waited
 * for. */
static bool pair_attach(Edge *edge, Job *on)
{
    if (!on)
        return false;
    if (!on->array && job_state_final(on->state))
        return on->state == JOB_FAILED;
    edge_attach(edge, on);
    if (!on->array)
        edge->dependent->private->waiting++;
    return false;
}

/* True when one of them has failed. Attaches the edges that are still needed. */
static bool edges_attach(World *world, Job *job)
{
    bool failed = false;
    job->private->waiting = 0;
    for (uint8_t i = 0; i < job->private->edges_len; i++) {
        Edge *edge = &job->private->edges[i];
        Job *on = is_own(&edge->record) ? NULL : world_job(world, &edge->record.on);
        if (edge->record.type == DEPENDENCY_N_TO_N) {
            failed = pair_attach(edge, on) || failed;
            continue;
        }
        EdgeStatus status = is_own(&edge->record) ? EDGE_HOLDS : edge_status(edge, on);
        failed = failed || status == EDGE_FAILED;
        if (status == EDGE_WAITS) {
            edge_attach(edge, on);
            job->private->waiting++;
        }
    }
    return failed;
}

void dependencies_begin(World *world, Job *job, int64_t now_ms)
{
    if (edges_attach(world, job) && !world->loading) {
        job_fail(world, job, "Dependent Job failed", now_ms);
        return;
    }
    if (!world->loading)
        for (uint8_t i = 0; i < job->private->edges_len && !job_state_final(job->state); i++)
            if (job->private->edges[i].record.type == DEPENDENCY_N_TO_N)
                fail_counterparts(world, job, &job->private->edges[i], now_ms);
    if (job_state_final(job->state))
        return;
    if (job->private->waiting == 0)
        job_open(world, job, now_ms);
    else if (job->state == JOB_SUBMITTED)
        job_move(world, job, JOB_PENDING, now_ms);
}

/* ---- the work list ---- */

void work_push(World *world, Job *job, int32_t first, int32_t last, JobState state)
{
    if (world->loading)
        return;
    bool heard = job->private->dependents || first == NOT_A_CHILD || job->array->sequential;
    WorkItem item = {job, first, last, state};
    if (heard)
        g_array_append_val(world->work, item);
}

static void edge_settle(World *world, Edge *edge, JobState state, int64_t now_ms)
{
    Job *job = edge->dependent;
    bool holds = status_of(state, edge->record.condition) == EDGE_HOLDS;
    edge_detach(world, edge);
    job->private->waiting--;
    if (job_state_final(job->state))
        return;
    if (!holds)
        job_fail(world, job, "Dependent Job failed", now_ms);
    else if (job->private->waiting == 0)
        job_open(world, job, now_ms);
}

static void counterparts_settle(World *world, const Edge *edge, const WorkItem *item, int64_t now_ms)
{
    Job *job = edge->dependent;
    if (status_of(item->state, edge->record.condition) == EDGE_FAILED)
        array_fail_range(world, job, item->first, item->last, false, "Dependent Job failed", now_ms);
    else
        for (int32_t index = item->first; index <= item->last; index++)
            array_gate(world, job, index, now_ms);
}

#define MISFIT "N_TO_N joins arrays of the same size"

/* What is waited for is an array now, or has ended as none. */
static void pair_settle(World *world, Edge *edge, const Job *on, int64_t now_ms)
{
    Job *job = edge->dependent;
    job->private->waiting--;
    if (job_state_final(job->state))
        return;
    if (!on->array && on->state == JOB_FAILED)
        job_fail(world, job, "Dependent Job failed", now_ms);
    else if (job->array && job->array_size != on->array_size)
        job_fail(world, job, MISFIT, now_ms);
    else if (job->private->waiting == 0)
        job_open(world, job, now_ms);
}

static void work_edge(World *world, Edge *edge, const WorkItem *item, int64_t now_ms)
{
    const DependencyRecord *record = &edge->record;
    bool children = item->first != NOT_A_CHILD;
    if (record->type == DEPENDENCY_N_TO_N) {
        if (!children && !item->job->array) {
            edge_detach(world, edge);
            pair_settle(world, edge, item->job, now_ms);
        } else if (children && edge->dependent->array && !job_state_final(edge->dependent->state)) {
            counterparts_settle(world, edge, item, now_ms);
        }
    } else if (children ? record->on_index >= item->first && record->on_index <= item->last
                        : record->on_index == NOT_A_CHILD) {
        edge_settle(world, edge, item->state, now_ms);
    }
}

static void work_sequential(World *world, const WorkItem *item, int64_t now_ms)
{
    if (job_state_final(item->job->state))
        return;
    if (item->state == JOB_SUCCEEDED)
        array_gate(world, item->job, item->last + 1, now_ms);
    else
        array_fail_range(world, item->job, item->first + 1, item->job->array_size - 1, false,
                         "Dependent Job failed", now_ms);
}

/* Settling an edge detaches others of the same list, so the list is copied; edges live as long as their job.
 */
static GPtrArray *edges_of(const Job *job)
{
    GPtrArray *edges = g_ptr_array_new();
    for (Edge *edge = job->private->dependents; edge; edge = edge->next)
        g_ptr_array_add(edges, edge);
    return edges;
}

static void work_one(World *world, const WorkItem *item, int64_t now_ms)
{
    g_autoptr(GPtrArray) edges = edges_of(item->job);
    for (guint i = edges->len; i > 0; i--) { /* newest first in the list: tell the oldest first */
        Edge *edge = g_ptr_array_index(edges, i - 1);
        if (edge->on == item->job)
            work_edge(world, edge, item, now_ms);
    }
    if (item->first != NOT_A_CHILD && item->job->array->sequential)
        work_sequential(world, item, now_ms);
    if (item->first == NOT_A_CHILD && item->state == JOB_FAILED)
        run_stop_rest(world, item->job, now_ms);
}

void work_run(World *world, int64_t now_ms)
{
    if (world->working)
        return;
    world->working = true;
    while (world->work_next < world->work->len) {
        WorkItem item = g_array_index(world->work, WorkItem, world->work_next++);
        work_one(world, &item, now_ms);
    }
    g_array_set_size(world->work, 0);
    world->work_next = 0;
    world->working = false;
}

/* ---- arrays whose size is found late ---- */

char *dependencies_misfit(World *world, const Job *job, int64_t size)
{
    for (uint8_t i = 0; i < job->private->edges_len; i++) {
        const DependencyRecord *record = &job->private->edges[i].record;
        JobState state;
        int32_t other;
        if (record->type == DEPENDENCY_N_TO_N && dependency_look_up(world, record, &state, &other) &&
            other != size)
            return g_strdup_printf(MISFIT ": this would have %" G_GINT64_FORMAT
                                          " children, what it depends on has %" G_GINT32_FORMAT,
                                   size, other);
    }
    return NULL;
}

void dependencies_sized(World *world, Job *job, int64_t now_ms)
{
    struct JobPrivate *private = job->private;
    for (uint8_t i = 0; i < private->edges_len; i++) {
        const DependencyRecord *record = &private->edges[i].record;
        job->array->sequential = job->array->sequential || is_own(record);
        job->array->n_to_n = job->array->n_to_n || record->type == DEPENDENCY_N_TO_N;
    }
    for (uint8_t i = 0; i < private->edges_len && !job_state_final(job->state); i++)
        if (private->edges[i].record.type == DEPENDENCY_N_TO_N)
            fail_counterparts(world, job, &private->edges[i], now_ms);
    if (!job_state_final(job->state))
        job_open(world, job, now_ms);
    g_autoptr(GPtrArray) edges = edges_of(job);
    for (guint i = edges->len; i > 0; i--) {
        Edge *edge = g_ptr_array_index(edges, i - 1);
        if (edge->on == job && edge->record.type == DEPENDENCY_N_TO_N)
            pair_settle(world, edge, job, now_ms);
    }
}
