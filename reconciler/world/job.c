/* Jobs: made, moved, ended, forgotten. */
#include "reconciler/world/attempt.h"

#define DEPENDENCIES_MAX 20
#define ARRAY_SIZE_MAX   10000

/* ---- drafts: what a request names, looked up ---- */

static bool invalid(GError **error, WorldErrorCode code, const char *format, ...) G_GNUC_PRINTF(3, 4);
static bool invalid(GError **error, WorldErrorCode code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    g_set_error_literal(error, WORLD_ERROR, (int)code, text);
    return false;
}

static View member_text(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return json_is_string(value) ? (View){json_string_value(value), json_string_length(value)}
                                 : (View){"", 0};
}

/* NAME or ARN. */
static View queue_name(View reference)
{
    for (size_t i = reference.len; i > 0; i--)
        if (reference.data[i - 1] == '/')
            return (View){reference.data + i, reference.len - i};
    return reference;
}

static bool draft_queue(World *world, View reference, QueueNames names, JobDraft *draft, GError **error)
{
    View name = queue_name(reference);
    if (name.len == 0)
        return invalid(error, WORLD_ERROR_INVALID, "jobQueue is required");
    Resource *resource = names == NAMES_FORMER_TOO ? world_resource_renamed(world, KIND_JOB_QUEUE, name)
                                                   : world_resource(world, KIND_JOB_QUEUE, name);
    if (!resource || !resource->queue)
        return invalid(error, WORLD_ERROR_NOT_FOUND, "Job queue " VIEW_FMT " does not exist", VIEW_ARG(name));
    if (resource->phase == RESOURCE_DELETING)
        return invalid(error, WORLD_ERROR_CONFLICT, "Job queue " VIEW_FMT " is being deleted",
                       VIEW_ARG(name));
    if (resource->phase == RESOURCE_REPLACING)
        return invalid(error, WORLD_ERROR_CONFLICT, "Job queue " VIEW_FMT " is being replaced",
                       VIEW_ARG(name));
    if (!resource->queue->spec->enabled)
        return invalid(error, WORLD_ERROR_CONFLICT, "Job queue " VIEW_FMT " is DISABLED", VIEW_ARG(name));
    draft->queue = resource->queue;
    return true;
}

static bool draft_size(const json_t *request, JobDraft *draft, GError **error)
{
    const json_t *properties = json_object_get(request, "arrayProperties");
    const json_t *size = properties ? json_object_get(properties, "size") : NULL;
    if (!size)
        return true;
    json_int_t value = json_is_integer(size) ? json_integer_value(size) : -1;
    if (value < 2 || value > ARRAY_SIZE_MAX)
        return invalid(error, WORLD_ERROR_INVALID, "Array size must be between 2 and %d", ARRAY_SIZE_MAX);
    draft->array_size = (int32_t)value;
    return true;
}

static bool draft_share(World *world, const json_t *request, int64_t now_ms, JobDraft *draft, GError **error)
{
    View share = member_text(request, "shareIdentifier");
    bool fair = draft->queue->spec->scheduling_policy != NULL;
    if (fair != (share.len > 0))
        return invalid(error, WORLD_ERROR_INVALID,
                       fair ? "shareIdentifier is required: job queue %s has a scheduling policy"
                            : "shareIdentifier is not allowed: job queue %s has no scheduling policy",
                       draft->queue->resource->name);
    draft->share_identifier = share.len > 0 ? share.data : NULL;
    return !fair || share_admits(world, draft->queue, draft->share_identifier, now_ms, error);
}

/* Whether every environment of the queue that is there runs plain processes. */
static bool queue_is_local(const World *world, const Queue *queue)
{
    bool any = false;
    size_t len;
    Environment *const *environments = queue_environments(world, queue, &len);
    for (size_t i = 0; i < len; i++) {
        if (environments[i] && environments[i]->provider != PROVIDER_LOCAL)
            return false;
        any = any || environments[i];
    }
    return any;
}

/* A gang is one job: it cannot be an array, and its main node is one of its nodes. */
static bool draft_nodes(const JobDraft *draft, GError **error)
{
    const JobDefinitionSpec *spec = draft->template->template.effective;
    if (spec->nodes <= 1)
        return true;
    if (draft->array_size > 0)
        return invalid(error, WORLD_ERROR_INVALID, "An array job cannot be a multinode job");
    if (spec->main_node < 0 || spec->main_node >= spec->nodes)
        return invalid(error, WORLD_ERROR_INVALID,
                       "mainNode must be less than numNodes: %" G_GINT64_FORMAT " of %" G_GINT64_FORMAT,
                       spec->main_node, spec->nodes);
    return true;
}

static bool draft_runs_here(const World *world, const JobDraft *draft, GError **error)
{
    const RunKind *kind = &draft->template->shape->kind->kind;
    if ((kind->has_command && !*kind->beyond) || !queue_is_local(world, draft->queue))
        return true;
    if (!kind->has_command)
        return invalid(error, WORLD_ERROR_INVALID,
                       "job definition %s has no command: the local provider does not run its image",
                       draft->template->template.definition);
    return invalid(error, WORLD_ERROR_INVALID,
                   "job definition %s uses %s, which the local provider does not support",
                   draft->template->template.definition, kind->beyond);
}

bool job_draft(World *world, const json_t *request, const char *default_queue, QueueNames names,
               int64_t now_ms, JobDraft *ret_draft, GError **error)
{
    JobDraft draft = {.name = member_text(request, "jobName")};
    View queue = member_text(request, "jobQueue");
    View definition = member_text(request, "jobDefinition");
    if (!draft_queue(world, queue.len > 0 ? queue : view_from(default_queue), names, &draft, error))
        return false;
    if (definition.len == 0)
        return invalid(error, WORLD_ERROR_INVALID, "jobDefinition is required");
    RevisionEntry *revision = names == NAMES_FORMER_TOO ? revision_resolve_former(world, definition) : NULL;
    revision = revision ? revision : revision_resolve(world, definition, error);
    if (!revision || !draft_size(request, &draft, error) ||
        !draft_share(world, request, now_ms, &draft, error))
        return false;
    draft.template = template_intern(world, revision, request, error);
    if (!draft.template || !draft_nodes(&draft, error) || !draft_runs_here(world, &draft, error))
        return false;
    *ret_draft = draft;
    return true;
}

/* ---- submission ---- */

static bool request_dependency(const json_t *item, DependencyRecord *ret_record, GError **error)
{
    View id = member_text(item, "jobId"), type = member_text(item, "type"), job = member_text(item, "job");
    DependencyRecord record = {.on_index = NOT_A_CHILD, .condition = CONDITION_SUCCESS};
    if (job.len > 0)
        return invalid(error, WORLD_ERROR_INVALID, "dependsOn: job names are for manifests; use jobId");
    if (id.len > 0 && !job_ref_from_text(id, &record.on, &record.on_index))
        return invalid(error, WORLD_ERROR_NOT_FOUND, "Dependent job " VIEW_FMT " does not exist",
                       VIEW_ARG(id));
    if (view_is(type, "N_TO_N"))
        record.type = DEPENDENCY_N_TO_N;
    else if (view_is(type, "SEQUENTIAL") && id.len == 0)
        record.type = DEPENDENCY_SEQUENTIAL;
    else if (type.len > 0 && !view_is(type, "SEQUENTIAL"))
        return invalid(error, WORLD_ERROR_INVALID, "dependsOn: type " VIEW_FMT " is not N_TO_N or SEQUENTIAL",
                       VIEW_ARG(type));
    if (id.len == 0 && record.type != DEPENDENCY_SEQUENTIAL)
        return invalid(error, WORLD_ERROR_INVALID, "dependsOn: jobId is required");
    *ret_record = record;
    return true;
}

static bool request_dependencies(const json_t *request, DependencyRecord *records, size_t *ret_len,
                                 GError **error)
{
    const json_t *list = json_object_get(request, "dependsOn");
    size_t len = json_array_size(list);
    if (len > DEPENDENCIES_MAX)
        return invalid(error, WORLD_ERROR_INVALID, "Job cannot have more than %d dependencies",
                       DEPENDENCIES_MAX);
    for (size_t i = 0; i < len; i++)
        if (!request_dependency(json_array_get(list, i), &records[i], error))
            return false;
    *ret_len = len;
    return true;
}

/* records: room for DEPENDENCIES_MAX; the draft borrows them. */
static bool submission_draft(World *world, const Submission *submission, int64_t now_ms,
                             DependencyRecord *records, JobDraft *ret_draft, GError **error)
{
    JobDraft draft;
    if (!job_draft(world, submission->request, NULL, NAMES_PRESENT, now_ms, &draft, error) ||
        !request_dependencies(submission->request, records, &draft.depends_on_len, error) ||
        !dependencies_check(world, records, draft.depends_on_len, draft.array_size, &draft.dependency_failed,
                            error))
        return false;
    if (world_job(world, &submission->id))
        return invalid(error, WORLD_ERROR_CONFLICT, "Object already exists");
    draft.id = submission->id;
    draft.depends_on = records;
    draft.run = submission->run;
    draft.step = submission->step;
    *ret_draft = draft;
    return true;
}

bool job_submit_check(World *world, const Submission *submission, GError **error)
{
    DependencyRecord records[DEPENDENCIES_MAX];
    JobDraft draft;
    return submission_draft(world, submission, INT64_MIN, records, &draft, error);
}

Job *job_submit(World *world, const Submission *submission, int64_t now_ms, GError **error)
{
    DependencyRecord records[DEPENDENCIES_MAX];
    JobDraft draft;
    return submission_draft(world, submission, now_ms, records, &draft, error)
               ? job_create(world, &draft, now_ms)
               : NULL;
}

/* One block, the name in it: a million small blocks of their own would lie between what requests took for a
 * moment, and keep its pages. */
typedef struct {
    struct JobPrivate private;
    Job job;
} JobEntry;

static Job *job_new(World *world, const JobDraft *draft, uint64_t sequence, int64_t now_ms)
{
    JobEntry *entry = g_malloc0(sizeof(JobEntry) + draft->name.len + 1);
    Job *job = &entry->job;
    job->private = &entry->private;
    job->id = draft->id;
    job->sequence = sequence;
    if (draft->name.len > 0)
        memcpy(job->name, draft->name.data, draft->name.len);
    job->template = &draft->template->template;
    job->queue = draft->queue;
    job->state = JOB_SUBMITTED;
    job->created_ms = now_ms;
    job->array_size = draft->array_size;
    job->step = g_strdup(draft->step);
    job->private->share = share_of(world, draft->queue, draft->share_identifier);
    share_ref(job->private->share);
    job->private->runnable.job = job;
    job->private->runnable.index = NOT_A_CHILD;
    if (job->array_size > 0)
        job->array = array_new(job->array_size);
    template_use(world, draft->template);
    index_add(world, job);
    if (draft->run)
        run_add_job(world, draft->run, job);
    return job;
}

static void queue_add_job(World *world, Job *job)
{
    job->queue->unfinished++;
    job->template->users++;
    share_job_begun(world, job->private->share);
    if (job->array)
        for (int state = 0; state < JOB_STATE_COUNT; state++)
            job->queue->counts[state] += job->array->counts[state];
    else
        job->queue->counts[job->state]++;
}

Job *job_create(World *world, const JobDraft *draft, int64_t now_ms)
{
    Job *job = job_new(world, draft, ++world->job_sequence, now_ms);
    queue_add_job(world, job);
    job->private->is_new = true;
    job->private->unsized = draft->unsized;
    job_touch(world, job);
    if (draft->run)
        draft->run->jobs_unfinished++;
    dependencies_link(world, job, draft->depends_on, draft->depends_on_len);
    if (job->array)
        job_move(world, job, JOB_PENDING, now_ms);
    if (draft->dependency_failed)
        job_fail(world, job, "Dependent Job failed", now_ms);
    else
        dependencies_begin(world, job, now_ms);
    work_run(world, now_ms);
    return job;
}

/* ---- changes ---- */

void job_touch(World *world, Job *job)
{
    struct JobPrivate *private = job->private;
    if (private->is_dirty || world_is_quiet(world))
        return;
    private->is_dirty = true;
    private->dirty_next = NULL;
    if (world->dirty_jobs_tail)
        world->dirty_jobs_tail->private->dirty_next = job;
    else
        world->dirty_jobs = job;
    world->dirty_jobs_tail = job;
}

void job_set_reason(World *world, Job *job, const char *reason)
{
    if (g_strcmp0(job->status_reason, reason) == 0)
        return;
    g_free(job->status_reason);
    job->status_reason = reason && *reason ? g_strdup(reason) : NULL;
    job_touch(world, job);
}

/* Ends what was never launched: a single job, or all children of an array that can still be ended so. */
void job_fail(World *world, Job *job, const char *reason, int64_t now_ms)
{
    if (job_state_final(job->state))
        return;
    job_set_reason(world, job, reason);
    if (job->array)
        array_fail_range(world, job, 0, job->array_size - 1, false, reason, now_ms);
    else
        job_move(world, job, JOB_FAILED, now_ms);
}

void finished_push(World *world, Job *job)
{
    struct JobPrivate *private = job->private;
    if (private->in_finished || !job_state_final(job->state) || private->dependents)
        return;
    private->in_finished = true;
    private->finished_next = NULL;
    if (world->finished_tail)
        world->finished_tail->private->finished_next = job;
    else
        world->finished = job;
    world->finished_tail = job;
}

void job_finished(World *world, Job *job, JobState from, int64_t now_ms)
{
    (void)from;
    job->stopped_ms = now_ms;
    job->queue->unfinished--;
    job->template->users--;
    share_job_ended(world, job->private->share, now_ms);
    dependencies_unlink(world, job);
    work_push(world, job, NOT_A_CHILD, NOT_A_CHILD, job->state);
    if (job->run)
        run_job_ended(world, job, now_ms);
    finished_push(world, job);
}

/* ---- cancel and terminate (batch: "Cancel versus terminate") ---- */

static bool never_launched_or_waiting(JobState state)
{
    return state == JOB_SUBMITTED || state == JOB_PENDING || state == JOB_RUNNABLE;
}

static void stop_launch(Launch *launch, GPtrArray *ret_stops)
{
    launch->stopping = true;
    g_ptr_array_add(ret_stops, launch);
}

/* Of the attempt under way; of a multinode job all nodes. */
static void stop_attempt(Job *job, GPtrArray *ret_stops)
{
    if (!job->private->nodes) {
        stop_launch(job->launch, ret_stops);
        return;
    }
    for (Launch *launch = NULL; (launch = job_node_next(job, launch));)
        stop_launch(launch, ret_stops);
    job->private->nodes->verdict.outcome.ended_by_request = true; /* one that failed is not tried again */
}

/* The main node of a multinode job SUCCEEDED, and its other nodes are being stopped: the job has as well. */
static bool has_succeeded(const Job *job)
{
    return job->private->nodes && job->private->nodes->verdict.kind == VERDICT_SUCCEEDED;
}

static void end_single(World *world, Job *job, EndKind kind, const char *reason, int64_t now_ms,
                       GPtrArray *ret_stops)
{
    if (never_launched_or_waiting(job->state)) {
        job->is_cancelled = true;
        job_fail(world, job, reason, now_ms);
    } else if (kind == END_TERMINATE && !has_succeeded(job)) {
        if (!job->is_terminated) {
            job->is_terminated = true;
            job_set_reason(world, job, reason);
            job_touch(world, job);
        }
        stop_attempt(job, ret_stops);
    }
}

static void end_live_child(World *world, ChildState *child, EndKind kind, const char *reason, int64_t now_ms,
                           GPtrArray *ret_stops)
{
    if (child->state == JOB_RUNNABLE) {
        child->is_cancelled = true;
        g_free(child->status_reason);
        child->status_reason = g_strdup(reason);
        child_move(world, child, JOB_FAILED, now_ms);
    } else if (kind == END_TERMINATE && child->launch) {
        if (!child->is_terminated) {
            child->is_terminated = true;
            g_free(child->status_reason);
            child->status_reason = g_strdup(reason);
            child_touch(world, child);
        }
        stop_launch(child->launch, ret_stops);
    }
}

static void end_child(World *world, Job *job, int32_t index, EndKind kind, const char *reason, int64_t now_ms,
                      GPtrArray *ret_stops)
{
    ChildState *child = array_live(job->array, index);
    if (child && !job_state_final(child->state))
        end_live_child(world, child, kind, reason, now_ms, ret_stops);
    else if (!child)
        array_fail_range(world, job, index, index, true, reason, now_ms);
}

/* Whether the call ends or stops anything: else it leaves no mark. */
static bool array_has_targets(const ArrayState *array, EndKind kind)
{
    const int64_t *counts = array->counts;
    return counts[JOB_PENDING] + counts[JOB_RUNNABLE] > 0 ||
           (kind == END_TERMINATE && counts[JOB_STARTING] + counts[JOB_RUNNING] > 0);
}

static void end_array(World *world, Job *job, EndKind kind, const char *reason, int64_t now_ms,
                      GPtrArray *ret_stops)
{
    ArrayState *array = job->array;
    if (!array_has_targets(array, kind))
        return;
    if (kind == END_TERMINATE)
        job->is_terminated = true;
    else
        job->is_cancelled = true;
    job_set_reason(world, job, reason);
    job_touch(world, job);
    int32_t from = 0;
    for (ChildState *child; from < job->array_size && (child = array_live_next(array, from));) {
        from = child->index + 1;
        if (!job_state_final(child->state))
            end_live_child(world, child, kind, reason, now_ms, ret_stops);
    }
    array_fail_range(world, job, 0, job->array_size - 1, true, reason, now_ms);
}

void job_end(World *world, Job *job, int32_t index, EndKind kind, const char *reason, int64_t now_ms,
             GPtrArray *ret_stops)
{
    if (job_state_final(job->state))
        return;
    if (!job->array)
        end_single(world, job, kind, reason, now_ms, ret_stops);
    else if (index == NOT_A_CHILD)
        end_array(world, job, kind, reason, now_ms, ret_stops);
    else if (index >= 0 && index < job->array_size)
        end_child(world, job, index, kind, reason, now_ms, ret_stops);
    work_run(world, now_ms);
}

/* ---- leaving memory ---- */

void job_free(World *world, Job *job)
{
    struct JobPrivate *private = job->private;
    if (job_state_final(job->state)) {
        if (job->array)
            for (int state = 0; state < JOB_STATE_COUNT; state++)
                job->queue->counts[state] -= job->array->counts[state];
        else
            job->queue->counts[job->state]--;
    }
    dependencies_unlink(world, job);
    for (Edge *edge = private->dependents; edge; edge = edge->next)
        edge->on = NULL;
    index_remove(world, job);
    runnable_remove(world, &private->runnable);
    if (job->run)
        run_forget_job(job->run, job);
    array_free(world, job->array);
    template_unuse(world, template_entry(job->template));
    g_free(private->edges);
    g_free(private->records);
    nodes_free(private->nodes);
    share_unref(world, private->share);
    g_free(job->status_reason);
    g_free(job->step);
    g_free(private); /* the whole block */
}

/* Jobs finish in about the order in which they are written, so the list is looked at from its head only. */
void world_forget_finished(World *world, size_t max)
{
    for (size_t i = 0; i < max && world->finished; i++) {
        Job *job = world->finished;
        struct JobPrivate *private = job->private;
        if (private->is_dirty || private->batch > world->durable)
            return;
        world->finished = private->finished_next;
        if (!world->finished)
            world->finished_tail = NULL;
        private->in_finished = false;
        if (!private->dependents)
            job_free(world, job);
    }
}

Job *world_finished_next(const World *world, const Job *after)
{
    return after ? after->private->finished_next : world->finished;
}

void world_expire(World *world, const uint64_t *sequences, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        Job *job = world_job_by_sequence(world, sequences[i]);
        if (job || world->silent)
            continue; /* still in memory: something may look at it; the next round takes it */
        batch_put_job(world_batch(world), &(JobRecord){.sequence = sequences[i],
                                                       .name = VIEW(""),
                                                       .queue = VIEW(""),
                                                       .run = VIEW(""),
                                                       .step = VIEW(""),
                                                       .share_identifier = VIEW(""),
                                                       .status_reason = VIEW(""),
                                                       .removed = true});
    }
}

size_t job_dependencies(const Job *job, const DependencyRecord **ret_records)
{
    struct JobPrivate *private = job->private;
    if (!private->records && private->edges_len > 0) {
        private->records = g_new(DependencyRecord, private->edges_len);
        for (uint8_t i = 0; i < private->edges_len; i++)
        private->records[i] = private->edges[i].record;
    }
    *ret_records = private->records;
    return private->edges_len;
}

/* ---- coming back ---- */

bool job_restore(World *world, const JobRecord *record, GError **error)
{
    TemplateEntry *template = template_by_id(world, record->template_id);
    Resource *queue = world_resource(world, KIND_JOB_QUEUE, record->queue);
    /* A finished job whose queue is gone: whoever waits for it has been told in the commit that ended it. */
    if (job_state_final(record->state) && (!template || !queue || !queue->queue))
        return true;
    if (!template)
        return invalid(error, WORLD_ERROR_INVALID,
                       "job %" G_GUINT64_FORMAT ": template %" G_GINT64_FORMAT " is missing",
                       record->sequence, record->template_id);
    if (!queue || !queue->queue)
        return invalid(error, WORLD_ERROR_INVALID, "job %" G_GUINT64_FORMAT ": queue " VIEW_FMT " is missing",
                       record->sequence, VIEW_ARG(record->queue));
    if (record->depends_on_len > UINT8_MAX || record->array_size < 0 || record->array_size > ARRAY_SIZE_MAX ||
        world_job(world, &record->id) || world_job_by_sequence(world, record->sequence))
        return invalid(error, WORLD_ERROR_INVALID, "job %" G_GUINT64_FORMAT " is damaged", record->sequence);
    if (!template_decode(world, template, error))
        return false;
    g_autofree char *share = view_dup_or_null(record->share_identifier);
    g_autofree char *step = view_dup_or_null(record->step);
    JobDraft draft = {.id = record->id,
                      .name = record->name,
                      .queue = queue->queue,
                      .template = template,
                      .array_size = record->array_size,
                      .share_identifier = share,
                      .run = record->run.len > 0 ? world_run(world, record->run) : NULL,
                      .step = step};
    Job *job = job_new(world, &draft, record->sequence, record->created_ms);
    job->state = record->state;
    /* A single job that waits for others has not been RUNNABLE; of an array only its children's rows could
     * tell.
     */
    bool was_runnable = job->array || (job->state != JOB_SUBMITTED && job->state != JOB_PENDING);
    job->runnable_ms = was_runnable ? record->created_ms : 0;
    job->is_cancelled = record->is_cancelled;
    job->is_terminated = record->is_terminated;
    job->status_reason = view_dup_or_null(record->status_reason);
    job->attempts = record->attempts;
    job->front = record->front;
    job->private->runnable.front = record->front;
    job->started_ms = record->started_ms;
    job->stopped_ms = record->stopped_ms;
    dependencies_link(world, job, record->depends_on, record->depends_on_len);
    world->front = MAX(world->front, record->front);
    world->job_sequence = MAX(world->job_sequence, record->sequence);
    if (job->array && job_state_final(job->state)) {
        job->array->settled = true;
        job->array->counts[JOB_PENDING] = 0;
        job->array->counts[job->state] = job->array_size;
    }
    return true;
}
