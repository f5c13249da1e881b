/* job_view.c: jobs from the store, with the world laid over them. */
#include "reconciler/api/job_view.h"
#include "reconciler/schedule/reason.h"
#include "spec/base/units.h"

static char *text_of(View view)
{
    return view.len ? g_strndup(view.data, view.len) : NULL;
}

static void attempt_clear(void *data)
{
    AttemptRecord *attempt = data;
    g_free((char *)(uintptr_t)attempt->environment.data);
    g_free((char *)(uintptr_t)attempt->host.data);
    g_free((char *)(uintptr_t)attempt->task.data);
    g_free((char *)(uintptr_t)attempt->reason.data);
    g_free((char *)(uintptr_t)attempt->status_reason.data);
}

static View view_copy(View view)
{
    return (View){g_strndup(view.data ? view.data : "", view.len), view.len};
}

/* What the job runs with: definition and overrides merged. NULL when the stored text does not decode. */
static JobDefinitionSpec *effective_of(const TemplateRecord *template)
{
    g_autoptr(JobDefinitionSpec) definition = job_definition_spec_decode(template->definition_spec, NULL);
    g_autoptr(JobSpec) request = job_spec_decode(template->request, NULL);
    return definition && request ? job_effective(definition, request) : NULL;
}

static void read_nodes(const StoredJob *stored, JobView *view)
{
    g_autoptr(JobDefinitionSpec) effective = effective_of(&stored->template);
    view->nodes = effective ? (int32_t)effective->nodes : 0;
    view->main_node = effective ? (int32_t)effective->main_node : 0;
}

JobView *job_view_from(const StoredJob *stored, int32_t index, ViewDetail detail)
{
    const JobRecord *job = &stored->job;
    JobView *view = g_new0(JobView, 1);
    view->id = job->id;
    view->index = index;
    view->sequence = job->sequence;
    view->name = text_of(job->name);
    view->queue = text_of(job->queue);
    view->definition = text_of(stored->template.definition);
    view->run = text_of(job->run);
    view->step = text_of(job->step);
    view->share_identifier = text_of(job->share_identifier);
    view->status_reason = text_of(job->status_reason);
    view->state = job->state;
    view->is_cancelled = index == NOT_A_CHILD && job->is_cancelled;
    view->is_terminated = index == NOT_A_CHILD && job->is_terminated;
    view->attempts = index == NOT_A_CHILD ? job->attempts : 0;
    view->created_ms = job->created_ms;
    view->started_ms = index == NOT_A_CHILD ? job->started_ms : 0;
    view->stopped_ms = index == NOT_A_CHILD ? job->stopped_ms : 0;
    view->array_size = job->array_size;
    view->node = -1;
    if (job->is_multinode)
        read_nodes(stored, view);
    view->depends_on = g_array_new(FALSE, FALSE, sizeof(DependencyRecord));
    view->attempt_records = g_array_new(FALSE, FALSE, sizeof(AttemptRecord));
    g_array_set_clear_func(view->attempt_records, attempt_clear);
    view->exit_code = -1;
    if (detail == VIEW_WHOLE || detail == VIEW_BATCH) {
        g_array_append_vals(view->depends_on, job->depends_on, (guint)job->depends_on_len);
        view->effective = detail == VIEW_WHOLE ? effective_of(&stored->template) : NULL;
        view->definition_spec = text_of(stored->template.definition_spec);
        view->request = text_of(stored->template.request);
    }
    return view;
}

void job_view_free(JobView *view)
{
    if (!view)
        return;
    g_free(view->name);
    g_free(view->queue);
    g_free(view->definition);
    g_free(view->run);
    g_free(view->step);
    g_free(view->share_identifier);
    g_free(view->status_reason);
    g_free(view->waiting);
    g_array_unref(view->depends_on);
    g_array_unref(view->attempt_records);
    job_definition_spec_free(view->effective);
    g_free(view->definition_spec);
    g_free(view->request);
    json_decref(view->configuration);
    g_free(view->exit_reason);
    g_free(view);
}

/* ---- from the store
 * ------------------------------------------------------------------------------------------------ */

static void set_reason(JobView *view, View reason)
{
    g_free(view->status_reason);
    view->status_reason = text_of(reason);
}

void job_view_take_child(JobView *view, const ChildRecord *child)
{
    view->state = child->state;
    view->is_cancelled = child->is_cancelled;
    view->is_terminated = child->is_terminated;
    view->attempts = child->attempts;
    view->started_ms = child->started_ms;
    view->stopped_ms = child->stopped_ms;
    set_reason(view, child->status_reason);
}

void job_view_take_range(JobView *view, const RangeRecord *range)
{
    if (view->index < range->first || view->index > range->last)
        return;
    view->state = range->state;
    view->is_cancelled = range->is_cancelled;
    view->stopped_ms = range->stopped_ms;
    set_reason(view, range->status_reason);
}

static bool take_child(const ChildRecord *child, void *data)
{
    JobView *view = data;
    if (child->index == view->index)
        job_view_take_child(view, child);
    return child->index < view->index;
}

static bool take_range(const RangeRecord *range, void *data)
{
    job_view_take_range(data, range);
    return true;
}

static bool take_attempt(const AttemptRecord *attempt, void *data)
{
    JobView *view = data;
    if (attempt->state == LAUNCH_REFUSED)
        return true; /* never started: the same attempt was launched again */
    AttemptRecord copy = *attempt;
    copy.environment = view_copy(attempt->environment);
    copy.host = view_copy(attempt->host);
    copy.task = view_copy(attempt->task);
    copy.reason = view_copy(attempt->reason);
    copy.status_reason = view_copy(attempt->status_reason);
    g_array_append_val(view->attempt_records, copy);
    return true;
}

static bool take_exit(const AttemptRecord *attempt, void *data)
{
    JobView *view = data;
    if (!attempt->stopped_ms || attempt->state == LAUNCH_REFUSED)
        return true;
    g_free(view->exit_reason);
    view->exit_reason = text_of(attempt->reason);
    view->exit_code = attempt->exit_code;
    return true;
}

static bool load_child(StoreReader *reader, JobView *view, GError **error)
{
    set_reason(view, VIEW(""));
    return store_reader_children(reader, view->sequence, take_child, take_range, view, error);
}

/* Whose attempts are the job's: a multinode job mirrors its main node (batch: "Run time"). False: it has no
 * such node. */
static bool find_node(int32_t asked, JobView *view)
{
    if (asked >= view->nodes)
        return asked < 0;
    view->node = view->nodes == 0 ? -1 : asked >= 0 ? asked : view->main_node;
    return true;
}

bool job_view_attempts(StoreReader *reader, JobView *view, GError **error)
{
    view->is_read_to_end = true;
    return store_reader_attempts(reader, view->sequence, view->node >= 0 ? view->node : view->index,
                                 take_attempt, view, error);
}

bool job_view_exit(StoreReader *reader, JobView *view, GError **error)
{
    return store_reader_attempts(reader, view->sequence, view->node >= 0 ? view->node : view->index,
                                 take_exit, view, error);
}

bool job_view_load(StoreReader *reader, const JobId *id, int32_t index, int32_t node, ViewDetail detail,
                   JobView **ret_view, GError **error)
{
    StoredJob stored;
    bool found = false;
    *ret_view = NULL;
    if (!store_reader_job(reader, id, &found, &stored, error))
        return false;
    if (!found || (index != NOT_A_CHILD && index >= stored.job.array_size))
        return true;
    g_autoptr(JobView) view = job_view_from(&stored, index, detail);
    if (detail != VIEW_BRIEF && !find_node(node, view))
        return true;
    if (index != NOT_A_CHILD && !load_child(reader, view, error))
        return false;
    if (detail != VIEW_BRIEF && !job_view_attempts(reader, view, error))
        return false;
    if (detail != VIEW_ATTEMPTS && index == NOT_A_CHILD && view->array_size &&
        !job_view_count(reader, view, error))
        return false;
    *ret_view = g_steal_pointer(&view);
    return true;
}

static bool count_child(const ChildRecord *child, void *data)
{
    JobView *view = data;
    view->counts[child->state]++;
    return true;
}

static bool count_range(const RangeRecord *range, void *data)
{
    JobView *view = data;
    view->counts[range->state] += range->last - range->first + 1;
    return true;
}

bool job_view_count(StoreReader *reader, JobView *view, GError **error)
{
    memset(view->counts, 0, sizeof view->counts);
    if (!store_reader_children(reader, view->sequence, count_child, count_range, view, error))
        return false;
    int64_t known = 0;
    for (int state = 0; state < JOB_STATE_COUNT; state++)
        known += view->counts[state];
    /* Children without a row follow the parent; the world says more while the array is unfinished. */
    if (known < view->array_size)
        view->counts[view->state] += view->array_size - known;
    view->counted = true;
    return true;
}

/* ---- a node
 * ---------------------------------------------------------------------------------------------------------
 */

static JobState node_state(const JobView *view, const AttemptRecord *newest)
{
    bool is_over = job_state_final(view->state);
    switch (newest->state) {
    case LAUNCH_INTENDED:
    case LAUNCH_UNKNOWN: return newest->started_ms ? JOB_RUNNING : JOB_STARTING;
    case LAUNCH_EFFECTIVE: return JOB_RUNNING;
    case LAUNCH_REFUSED: return view->state;
    case LAUNCH_ENDED: break;
    }
    if (newest->exit_code == 0)
        return JOB_SUCCEEDED;
    return is_over || view->state == JOB_RUNNING ? JOB_FAILED : view->state;
}

void job_view_be_node(JobView *view)
{
    const GArray *attempts = view->attempt_records;
    const AttemptRecord *newest =
        attempts->len ? &g_array_index(attempts, AttemptRecord, attempts->len - 1) : NULL;
    view->is_node = true;
    if (!newest)
        return;
    view->state = node_state(view, newest);
    view->started_ms = newest->started_ms;
    view->stopped_ms = newest->stopped_ms;
    if (newest->status_reason.len)
        set_reason(view, newest->status_reason);
}

/* ---- references
 * ----------------------------------------------------------------------------------------------------------
 */

bool job_ref_parse(const char *text, JobRef *ret_ref)
{
    const char *mark = strchr(text, '#');
    int64_t node = -1;
    View job = {text, mark ? (size_t)(mark - text) : strlen(text)};
    if (mark && (!integer_parse(view_from(mark + 1), &node) || node < 0 || node > INT32_MAX))
        return false;
    ret_ref->node = (int32_t)node;
    return job_ref_from_text(job, &ret_ref->id, &ret_ref->index) && (!mark || ret_ref->index == NOT_A_CHILD);
}

/* ---- from the world
 * ------------------------------------------------------------------------------------------------ */

static void overlay_child(const Job *job, JobView *view)
{
    ChildView child;
    job_child(job, view->index, &child);
    view->state = child.state;
    view->is_cancelled = child.is_cancelled;
    view->is_terminated = child.is_terminated;
    view->attempts = child.attempts;
    view->started_ms = child.started_ms;
    view->stopped_ms = child.stopped_ms;
    set_reason(view, view_from(child.status_reason));
}

static void overlay_job(const Job *job, JobView *view)
{
    view->state = job->state;
    view->is_cancelled = job->is_cancelled;
    view->is_terminated = job->is_terminated;
    view->attempts = job->attempts;
    view->started_ms = job->started_ms;
    view->stopped_ms = job->stopped_ms;
    set_reason(view, view_from(job->status_reason));
    if (job->array) {
        job_counts(job, view->counts);
        view->counted = true;
    }
}

/* Memory is ahead of the store: its end would be told without how it ended, which is not read yet. */
static bool has_just_ended(const Job *job, const JobView *view)
{
    ChildView child;
    if (!view->is_read_to_end || job_state_final(view->state))
        return false;
    if (view->index == NOT_A_CHILD)
        return job_state_final(job->state);
    job_child(job, view->index, &child);
    return job_state_final(child.state);
}

void job_view_overlay(const World *world, JobView *view)
{
    const Job *job = world_job(world, &view->id);
    if (!job || has_just_ended(job, view))
        return;
    if (view->index == NOT_A_CHILD)
        overlay_job(job, view);
    else
        overlay_child(job, view);
    if (view->state == JOB_RUNNABLE ||
        (job->array && view->index == NOT_A_CHILD && view->state == JOB_PENDING)) {
        g_free(view->waiting);
        RunnableGroup *group = job_group(job);
        view->waiting = group ? waiting_reason((World *)(uintptr_t)world, PROVIDERS_AT_HAND, group) : NULL;
    }
}
