/* operations_jobs.c: reading jobs: `jobs`, `job`, DescribeJobs, ListJobs. Rows come from the store off the
 * loop, the world is laid over them. */
#include "reconciler/api/job_view.h"
#include "spec/base/units.h"
#include "spec/reference.h"

#define LIST_MAX     1000
#define SCAN_PAGE    10000
#define DESCRIBE_MAX 100

typedef struct {
    JobFilter filter;
    char *name, *queue, *run, *definition, *share; /* filter borrows from these */
    bool array, more, found;
    JobId array_id;
    const char *prefix; /* `job` by prefix; borrowed from the request */
    int32_t node;       /* `job`: of a multinode one; -1: not said */
    ViewDetail detail;
    GArray *refs;     /* of JobRef: asked for by id */
    GPtrArray *views; /* of JobView* */
    uint64_t lowest;  /* sequence of the last row: the next token */
    int32_t from_child;
    size_t limit;
} JobsState;

typedef struct {
    JobId id;
    int32_t index;
} JobRef;

static void free_view(void *view)
{
    job_view_free(view);
}

static void jobs_state_free(void *data)
{
    JobsState *jobs = data;
    g_free(jobs->name);
    g_free(jobs->queue);
    g_free(jobs->run);
    g_free(jobs->definition);
    g_free(jobs->share);
    g_array_unref(jobs->refs);
    g_ptr_array_unref(jobs->views);
    g_free(jobs);
}

static JobsState *jobs_state_new(Call *call)
{
    JobsState *jobs = g_new0(JobsState, 1);
    jobs->refs = g_array_new(FALSE, FALSE, sizeof(JobRef));
    jobs->views = g_ptr_array_new_with_free_func(free_view);
    jobs->limit = 100;
    jobs->node = -1;
    call->state = jobs;
    call->state_free = jobs_state_free;
    return jobs;
}

/* ---- gathering
 * ------------------------------------------------------------------------------------------------------ */

static bool add_row(const StoredJob *stored, void *data)
{
    JobsState *jobs = data;
    jobs->lowest = stored->job.sequence;
    if (jobs->views->len == jobs->limit) {
        jobs->more = true;
        return false;
    }
    g_ptr_array_add(jobs->views, job_view_from(stored, NOT_A_CHILD, VIEW_BRIEF));
    return true;
}

static bool gather_list(StoreReader *reader, JobsState *jobs, GError **error)
{
    jobs->filter.queue = view_from(jobs->queue);
    jobs->filter.name = view_from(jobs->name);
    jobs->filter.run = view_from(jobs->run);
    jobs->filter.definition = view_from(jobs->definition);
    jobs->filter.share = view_from(jobs->share);
    jobs->filter.limit = jobs->limit + 1; /* one more tells whether there is a next page */
    if (!store_reader_jobs(reader, &jobs->filter, add_row, jobs, error))
        return false;
    for (guint i = 0; i < jobs->views->len; i++) {
        JobView *view = jobs->views->pdata[i];
        if (view->array_size && !job_view_count(reader, view, error))
            return false;
    }
    return true;
}

/* One pass over the array's rows and ranges for the whole page. */
static bool page_child(const ChildRecord *child, void *data)
{
    JobsState *jobs = data;
    int64_t at = (int64_t)child->index - jobs->from_child;
    if (at >= 0 && at < (int64_t)jobs->views->len)
        job_view_take_child(jobs->views->pdata[at], child);
    return true;
}

static bool page_range(const RangeRecord *range, void *data)
{
    JobsState *jobs = data;
    for (guint i = 0; i < jobs->views->len; i++)
        job_view_take_range(jobs->views->pdata[i], range);
    return true;
}

static bool gather_children(StoreReader *reader, JobsState *jobs, GError **error)
{
    StoredJob stored;
    if (!store_reader_job(reader, &jobs->array_id, &jobs->found, &stored, error))
        return false;
    if (!jobs->found)
        return true;
    int32_t size = stored.job.array_size;
    int32_t last = (int32_t)MIN((int64_t)size, (int64_t)jobs->from_child + (int64_t)jobs->limit);
    uint64_t sequence = stored.job.sequence;
    for (int32_t index = jobs->from_child; index < last; index++)
        g_ptr_array_add(jobs->views, job_view_from(&stored, index, VIEW_BRIEF));
    jobs->more = last < size;
    return store_reader_children(reader, sequence, page_child, page_range, jobs, error);
}

typedef struct {
    const char *prefix;
    size_t prefix_len;
    GArray *refs;
    uint64_t lowest;
    size_t rows;
} PrefixScan;

static bool scan_row(const StoredJob *stored, void *data)
{
    PrefixScan *scan = data;
    char text[37];
    job_id_to_text(&stored->job.id, text);
    scan->lowest = stored->job.sequence;
    scan->rows++;
    if (strncmp(text, scan->prefix, scan->prefix_len) == 0) {
        JobRef ref = {.id = stored->job.id, .index = NOT_A_CHILD};
        g_array_append_val(scan->refs, ref);
    }
    return scan->refs->len < 2;
}

/* Walks all rows newest first; ends early when the prefix turns out not to be unique. */
static bool gather_prefix(StoreReader *reader, JobsState *jobs, GError **error)
{
    const char *colon = strchr(jobs->prefix, ':');
    PrefixScan scan = {.prefix = jobs->prefix, .refs = jobs->refs};
    scan.prefix_len = colon ? (size_t)(colon - jobs->prefix) : strlen(jobs->prefix);
    JobFilter filter = {.limit = SCAN_PAGE};
    do {
        scan.rows = 0;
        filter.before = scan.lowest;
        if (!store_reader_jobs(reader, &filter, scan_row, &scan, error))
            return false;
    } while (scan.rows == SCAN_PAGE && scan.refs->len < 2);
    if (colon)
        for (guint i = 0; i < jobs->refs->len; i++)
            g_array_index(jobs->refs, JobRef, i).index = (int32_t)g_ascii_strtoll(colon + 1, NULL, 10);
    return true;
}

static bool gather_refs(StoreReader *reader, JobsState *jobs, GError **error)
{
    if (jobs->prefix && !gather_prefix(reader, jobs, error))
        return false;
    for (guint i = 0; i < jobs->refs->len; i++) {
        const JobRef *ref = &g_array_index(jobs->refs, JobRef, i);
        JobView *view = NULL;
        if (!job_view_load(reader, &ref->id, ref->index, jobs->node, jobs->detail, &view, error))
            return false;
        if (view)
            g_ptr_array_add(jobs->views, view);
    }
    return true;
}

static void gather_all(StoreReader *reader, Call *call)
{
    JobsState *jobs = call->state;
    g_autoptr(GError) error = NULL;
    bool listing = jobs->refs->len == 0 && !jobs->prefix;
    bool read = !listing      ? gather_refs(reader, jobs, &error)
                : jobs->array ? gather_children(reader, jobs, &error)
                              : gather_list(reader, jobs, &error);
    if (!read)
        call->gather_error = g_strdup(error ? error->message : "the store could not be read");
}

void jobs_gather(StoreReader *reader, Call *call)
{
    gather_all(reader, call);
}

void job_gather(StoreReader *reader, Call *call)
{
    gather_all(reader, call);
}

void describejobs_gather(StoreReader *reader, Call *call)
{
    gather_all(reader, call);
}

void listjobs_gather(StoreReader *reader, Call *call)
{
    gather_all(reader, call);
}

static void overlay_all(const World *world, JobsState *jobs)
{
    for (guint i = 0; i < jobs->views->len; i++)
        job_view_overlay(world, jobs->views->pdata[i]);
}

/* Children are filtered after the overlay, and so are rows whose state moved on since. */
static bool shown(const JobsState *jobs, const JobView *view)
{
    return !jobs->filter.states || (jobs->filter.states & (1u << view->state));
}

/* ---- jobs
 * -----------------------------------------------------------------------------------------------------------
 */

static bool request_states(Call *call, unsigned *ret_states)
{
    const json_t *list = json_object_get(call->request, "status"), *item;
    size_t i;
    if (list && !json_is_array(list)) {
        call_fail(call, FAULT_INVALID, "status: a list of states is expected");
        return false;
    }
    json_array_foreach(list, i, item)
    {
        JobState state;
        const char *name = json_string_value(item);
        if (!name || !job_state_from_name(view_from(name), &state)) {
            call_fail(call, FAULT_INVALID, "status: there is no state \"%s\"", name ? name : "");
            return false;
        }
        *ret_states |= 1u << state;
    }
    return true;
}

static bool request_page(Call *call, JobsState *jobs, const char *token_name, const char *limit_name)
{
    const char *token = NULL;
    int64_t limit = (int64_t)jobs->limit;
    if (!request_string(call, token_name, &token) || !request_integer(call, limit_name, &limit))
        return false;
    if (limit < 1 || limit > LIST_MAX) {
        call_fail(call, FAULT_INVALID, "%s: 1 to %d are possible", limit_name, LIST_MAX);
        return false;
    }
    jobs->limit = (size_t)limit;
    if (!token)
        return true;
    char *end = NULL;
    uint64_t at = g_ascii_strtoull(token, &end, 10);
    if (end == token || *end || at > INT64_MAX) {
        call_fail(call, FAULT_INVALID, "%s: not a token of ours", token_name);
        return false;
    }
    jobs->filter.before = at;
    jobs->from_child = (int32_t)MIN(at, (uint64_t)INT32_MAX);
    return true;
}

static bool request_array(Call *call, JobsState *jobs, const char *name)
{
    const char *array = NULL;
    int32_t index;
    if (!request_string(call, name, &array))
        return false;
    jobs->array = array != NULL;
    if (array && (!job_ref_from_text(view_from(array), &jobs->array_id, &index) || index != NOT_A_CHILD)) {
        call_fail(call, FAULT_INVALID, "%s: \"%s\" is not a job id", name, array);
        return false;
    }
    return true;
}

/* NAME, NAME*, NAME:REVISION or the ARN of a definition, as the filter takes it. New string. */
static char *definition_pattern(const char *text)
{
    View revision, name = reference_name(KIND_JOB_DEFINITION, view_from(text), &revision);
    return revision.data ? g_strdup_printf(VIEW_FMT ":" VIEW_FMT, VIEW_ARG(name), VIEW_ARG(revision))
                         : g_strndup(name.data, name.len);
}

static OperationStep jobs_begin(Call *call)
{
    JobsState *jobs = jobs_state_new(call);
    const char *queue = NULL, *name = NULL, *run = NULL, *definition = NULL, *share = NULL;
    if (!request_string(call, "queue", &queue) || !request_string(call, "name", &name) ||
        !request_string(call, "run", &run) || !request_string(call, "definition", &definition) ||
        !request_string(call, "shareIdentifier", &share) || !request_array(call, jobs, "array") ||
        !request_integer(call, "createdBefore", &jobs->filter.created_before_ms) ||
        !request_integer(call, "createdAfter", &jobs->filter.created_after_ms) ||
        !request_states(call, &jobs->filter.states) || !request_page(call, jobs, "before", "limit"))
        return STEP_DONE;
    jobs->definition = definition ? definition_pattern(definition) : NULL;
    jobs->share = g_strdup(share);
    jobs->queue = g_strdup(queue);
    jobs->name = g_strdup(name);
    jobs->run = g_strdup(run);
    return STEP_GATHER;
}

static void set_next(const JobsState *jobs, json_t *body, const char *name)
{
    if (!jobs->more || jobs->views->len == 0)
        return;
    const JobView *last = jobs->views->pdata[jobs->views->len - 1];
    g_autofree char *token = jobs->array ? g_strdup_printf("%d", last->index + 1)
                                         : g_strdup_printf("%" G_GUINT64_FORMAT, last->sequence);
    json_set_text(body, name, token);
}

OperationStep jobs_step(OperationContext *context, Call *call)
{
    if (!call->state)
        return jobs_begin(call);
    JobsState *jobs = call->state;
    if (call->gather_error)
        return call_fail(call, FAULT_INTERNAL, "%s", call->gather_error);
    if (jobs->array && !jobs->found)
        return call_fail(call, FAULT_NOT_FOUND, "there is no such job");
    overlay_all(context->world, jobs);
    json_t *body = json_object(), *array = json_array();
    for (guint i = 0; i < jobs->views->len; i++)
        if (shown(jobs, jobs->views->pdata[i]))
            json_array_append_new(
                array, job_view_json(jobs->views->pdata[i], context->facts->state_dir, VIEW_BRIEF));
    json_object_set_new(body, "jobs", array);
    set_next(jobs, body, "next");
    return call_done(call, body);
}

/* ---- job
 * ------------------------------------------------------------------------------------------------------------
 */

static OperationStep job_begin(Call *call)
{
    const char *text = NULL;
    int64_t node = -1;
    if (!request_string(call, "job", &text) || !request_integer(call, "node", &node))
        return STEP_DONE;
    JobsState *jobs = jobs_state_new(call);
    jobs->detail = VIEW_WHOLE;
    jobs->node = (int32_t)CLAMP(node, -1, INT32_MAX);
    JobRef ref;
    if (text && job_ref_from_text(view_from(text), &ref.id, &ref.index)) {
        g_array_append_val(jobs->refs, ref);
        return STEP_GATHER;
    }
    size_t hex = text ? strspn(text, "0123456789abcdef-") : 0;
    if (hex < 4 || hex > 36 || (text[hex] && text[hex] != ':'))
        return call_fail(call, FAULT_INVALID,
                         "\"%s\" is neither a job id nor at least 4 hexadecimal digits of one",
                         text ? text : "");
    jobs->prefix = text;
    return STEP_GATHER;
}

OperationStep job_step(OperationContext *context, Call *call)
{
    if (!call->state)
        return job_begin(call);
    JobsState *jobs = call->state;
    const char *text = json_string_value(json_object_get(call->request, "job"));
    if (call->gather_error)
        return call_fail(call, FAULT_INTERNAL, "%s", call->gather_error);
    if (jobs->views->len == 0 && jobs->node >= 0)
        return call_fail(call, FAULT_NOT_FOUND, "there is no job \"%s\" with a node %d", text, jobs->node);
    if (jobs->views->len == 0)
        return call_fail(call, FAULT_NOT_FOUND, "there is no job \"%s\"", text);
    if (jobs->views->len > 1)
        return call_fail(call, FAULT_NOT_FOUND, "more than one job's id begins with \"%s\"", text);
    overlay_all(context->world, jobs);
    return call_done(call,
                     json_pack("{s:o}", "job",
                               job_view_json(jobs->views->pdata[0], context->facts->state_dir, VIEW_WHOLE)));
}

/* ---- DescribeJobs
 * ---------------------------------------------------------------------------------------------------- */

static OperationStep describejobs_begin(Call *call)
{
    const json_t *list = json_object_get(call->request, "jobs"), *item;
    size_t i;
    if (!json_is_array(list))
        return call_fail(call, FAULT_INVALID, "jobs: a list of job ids is expected");
    if (json_array_size(list) > DESCRIBE_MAX)
        return call_fail(call, FAULT_INVALID, "Maximum number of jobs supported is 100");
    JobsState *jobs = jobs_state_new(call);
    jobs->detail = VIEW_WHOLE;
    json_array_foreach(list, i, item)
    {
        JobRef ref;
        const char *text = json_string_value(item);
        if (text && job_ref_from_text(view_from(text), &ref.id, &ref.index)) /* unknown ids are skipped */
            g_array_append_val(jobs->refs, ref);
    }
    return jobs->refs->len ? STEP_GATHER : call_done(call, json_pack("{s:[]}", "jobs"));
}

OperationStep describejobs_step(OperationContext *context, Call *call)
{
    if (!call->state)
        return describejobs_begin(call);
    JobsState *jobs = call->state;
    if (call->gather_error)
        return call_fail(call, FAULT_INTERNAL, "%s", call->gather_error);
    overlay_all(context->world, jobs);
    json_t *array = json_array();
    for (guint i = 0; i < jobs->views->len; i++)
        json_array_append_new(array, job_view_detail(jobs->views->pdata[i]));
    return call_done(call, json_pack("{s:o}", "jobs", array));
}

/* ---- ListJobs
 * -------------------------------------------------------------------------------------------------------- */

#define FILTERED_MAX 100 /* batch: a page of filtered jobs */

static bool filter_time(Call *call, const char *name, const char *value, int64_t *ret_ms)
{
    if (integer_parse(view_from(value), ret_ms) && *ret_ms > 0)
        return true;
    call_fail(call, FAULT_INVALID, "filters: %s: \"%s\" is not a time in milliseconds since 1970", name,
              value);
    return false;
}

static bool filter_set(Call *call, JobsState *jobs, const char *name, const char *value)
{
    if (strcmp(name, "JOB_NAME") == 0)
        jobs->name = g_strdup(value);
    else if (strcmp(name, "JOB_DEFINITION") == 0)
        jobs->definition = definition_pattern(value);
    else if (strcmp(name, "SHARE_IDENTIFIER") == 0)
        jobs->share = g_strdup(value);
    else if (strcmp(name, "BEFORE_CREATED_AT") == 0)
        return filter_time(call, name, value, &jobs->filter.created_before_ms);
    else if (strcmp(name, "AFTER_CREATED_AT") == 0)
        return filter_time(call, name, value, &jobs->filter.created_after_ms);
    else {
        call_fail(call, FAULT_INVALID,
                  "filters: \"%s\" is not one of JOB_NAME | JOB_DEFINITION | BEFORE_CREATED_AT | "
                  "AFTER_CREATED_AT | SHARE_IDENTIFIER",
                  name);
        return false;
    }
    return true;
}

/* batch: one filter at a time; jobStatus is ignored then, but for SHARE_IDENTIFIER, which it may go with. */
static bool listjobs_filters(Call *call, JobsState *jobs, bool has_status)
{
    const json_t *list = json_object_get(call->request, "filters"), *filter = json_array_get(list, 0);
    const json_t *values = json_object_get(filter, "values");
    const char *name = json_string_value(json_object_get(filter, "name"));
    const char *value = json_string_value(json_array_get(values, 0));
    if (!list || json_is_null(list) || (json_is_array(list) && !filter))
        return true;
    if (json_array_size(list) != 1 || json_array_size(values) != 1 || !name || !value || !*value) {
        call_fail(call, FAULT_INVALID, "filters: one filter with a name and one value is expected");
        return false;
    }
    if (jobs->array) {
        call_fail(call, FAULT_INVALID, "filters: the children of an array cannot be filtered");
        return false;
    }
    if (strcmp(name, "SHARE_IDENTIFIER") != 0 || !has_status)
        jobs->filter.states = 0;
    jobs->limit = MIN(jobs->limit, FILTERED_MAX);
    return filter_set(call, jobs, name, value);
}

static OperationStep listjobs_begin(Call *call)
{
    JobsState *jobs = jobs_state_new(call);
    const char *queue = NULL, *status = NULL;
    JobState state = JOB_RUNNING;
    jobs->limit = LIST_MAX;
    if (!request_string(call, "jobQueue", &queue) || !request_string(call, "jobStatus", &status) ||
        !request_array(call, jobs, "arrayJobId") || !request_page(call, jobs, "nextToken", "maxResults"))
        return STEP_DONE;
    if ((queue != NULL) == jobs->array)
        return call_fail(call, FAULT_INVALID, "exactly one of jobQueue and arrayJobId must be given");
    if (status && !job_state_from_name(view_from(status), &state))
        return call_fail(call, FAULT_INVALID,
                         "Job status is not one of SUBMITTED | PENDING | RUNNABLE | STARTING | RUNNING | "
                         "SUCCEEDED | FAILED");
    jobs->filter.states = 1u << state;
    if (queue) {
        View qualifier, name = reference_name(KIND_JOB_QUEUE, view_from(queue), &qualifier);
        jobs->queue = g_strndup(name.data, name.len);
    }
    return listjobs_filters(call, jobs, status != NULL) ? STEP_GATHER : STEP_DONE;
}

OperationStep listjobs_step(OperationContext *context, Call *call)
{
    if (!call->state)
        return listjobs_begin(call);
    JobsState *jobs = call->state;
    if (call->gather_error)
        return call_fail(call, FAULT_INTERNAL, "%s", call->gather_error);
    overlay_all(context->world, jobs);
    json_t *body = json_object(), *array = json_array();
    for (guint i = 0; i < jobs->views->len; i++)
        if (shown(jobs, jobs->views->pdata[i]))
            json_array_append_new(array, job_view_summary(jobs->views->pdata[i]));
    json_object_set_new(body, "jobSummaryList", array);
    set_next(jobs, body, "nextToken");
    return call_done(call, body);
}
