#include "reconciler/api/job_query.h"
#include "reconciler/api/peer.h"
#include "reconciler/api/page.h"
#include "spec/reference.h"

#define SCAN_PAGE 10000

static void free_view(void *view)
{
    job_view_free(view);
}

static void query_free(void *data)
{
    JobQuery *jobs = data;
    g_free(jobs->name);
    g_free(jobs->queue);
    g_free(jobs->run);
    g_free(jobs->definition);
    g_free(jobs->share);
    g_array_unref(jobs->refs);
    g_ptr_array_unref(jobs->views);
    g_free(jobs);
}

JobQuery *job_query_new(Call *call)
{
    JobQuery *jobs = g_new0(JobQuery, 1);
    jobs->refs = g_array_new(FALSE, FALSE, sizeof(JobRef));
    jobs->views = g_ptr_array_new_with_free_func(free_view);
    jobs->limit = 100;
    jobs->node = -1;
    call->state = jobs;
    call->state_free = query_free;
    return jobs;
}

/* ---- gathering
 * ------------------------------------------------------------------------------------------------------ */

static bool add_row(const StoredJob *stored, void *data)
{
    JobQuery *jobs = data;
    jobs->lowest = stored->job.sequence;
    if (jobs->views->len == jobs->limit) {
        jobs->more = true;
        return false;
    }
    g_ptr_array_add(jobs->views, job_view_from(stored, NOT_A_CHILD, VIEW_BRIEF));
    return true;
}

/* batch: of a job that has ended the list says with which exit code. One that succeeded ended with 0: of
 * these, which are most, nothing has to be read. */
static bool gather_exits(StoreReader *reader, JobQuery *jobs, GError **error)
{
    for (guint i = 0; jobs->with_exit && i < jobs->views->len; i++) {
        JobView *view = jobs->views->pdata[i];
        bool is_parent = view->array_size && view->index == NOT_A_CHILD;
        view->is_read_to_end = true;
        if (is_parent || !view->attempts)
            continue;
        if (view->nodes && view->node < 0)
            view->node = view->main_node;
        if (view->state == JOB_SUCCEEDED)
            view->exit_code = 0;
        else if (view->state == JOB_FAILED && !job_view_exit(reader, view, error))
            return false;
    }
    return true;
}

static bool gather_list(StoreReader *reader, JobQuery *jobs, GError **error)
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
    return gather_exits(reader, jobs, error);
}

/* One pass over the array's rows and ranges for the whole page. */
static bool page_child(const ChildRecord *child, void *data)
{
    JobQuery *jobs = data;
    int64_t at = (int64_t)child->index - jobs->from_child;
    if (at >= 0 && at < (int64_t)jobs->views->len)
        job_view_take_child(jobs->views->pdata[at], child);
    return true;
}

static bool page_range(const RangeRecord *range, void *data)
{
    JobQuery *jobs = data;
    for (guint i = 0; i < jobs->views->len; i++)
        job_view_take_range(jobs->views->pdata[i], range);
    return true;
}

static bool gather_children(StoreReader *reader, JobQuery *jobs, GError **error)
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
    return store_reader_children(reader, sequence, page_child, page_range, jobs, error) &&
           gather_exits(reader, jobs, error);
}

static bool gather_nodes(StoreReader *reader, JobQuery *jobs, GError **error)
{
    StoredJob stored;
    if (!store_reader_job(reader, &jobs->array_id, &jobs->found, &stored, error))
        return false;
    int32_t nodes = 0;
    for (int32_t node = 0; jobs->found && (node == 0 || node < nodes); node++) {
        g_autoptr(JobView) view = job_view_from(&stored, NOT_A_CHILD, VIEW_BRIEF);
        nodes = view->nodes;
        if (node >= nodes)
            return true; /* it is no multinode job */
        if (node < jobs->from_child)
            continue;
        if (jobs->views->len == jobs->limit) {
            jobs->more = true;
            return true;
        }
        view->node = node;
        g_ptr_array_add(jobs->views, g_steal_pointer(&view));
    }
    for (guint i = 0; i < jobs->views->len; i++)
        if (!job_view_attempts(reader, jobs->views->pdata[i], error))
            return false;
    return true;
}

typedef struct {
    const char *prefix;
    size_t prefix_len;
    GArray *refs;
    int32_t node;
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
        JobRef ref = {.id = stored->job.id, .index = NOT_A_CHILD, .node = scan->node};
        g_array_append_val(scan->refs, ref);
    }
    return scan->refs->len < 2;
}

/* Walks all rows newest first; ends early when the prefix turns out not to be unique. */
static bool gather_prefix(StoreReader *reader, JobQuery *jobs, GError **error)
{
    const char *colon = strchr(jobs->prefix, ':');
    PrefixScan scan = {.prefix = jobs->prefix, .refs = jobs->refs, .node = jobs->node};
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

static bool gather_refs(StoreReader *reader, JobQuery *jobs, GError **error)
{
    if (jobs->prefix && !gather_prefix(reader, jobs, error))
        return false;
    for (guint i = 0; i < jobs->refs->len; i++) {
        const JobRef *ref = &g_array_index(jobs->refs, JobRef, i);
        JobView *view = NULL;
        if (!job_view_load(reader, &ref->id, ref->index, ref->node, jobs->detail, &view, error))
            return false;
        if (view)
            g_ptr_array_add(jobs->views, view);
        if (view && ref->node >= 0)
            view->is_node = jobs->batch;
        if (view && jobs->detail == VIEW_BATCH)
            job_view_configure(view);
    }
    return true;
}

void job_query_gather(StoreReader *reader, Call *call)
{
    JobQuery *jobs = call->state;
    g_autoptr(GError) error = NULL;
    bool listing = jobs->refs->len == 0 && !jobs->prefix;
    bool read = !listing      ? gather_refs(reader, jobs, &error)
                : jobs->nodes ? gather_nodes(reader, jobs, &error)
                : jobs->array ? gather_children(reader, jobs, &error)
                              : gather_list(reader, jobs, &error);
    if (!read)
        call->gather_error = g_strdup(error ? error->message : "the store could not be read");
}

void job_query_overlay(const World *world, const Call *call, JobQuery *jobs)
{
    for (guint i = jobs->views->len; i-- > 0;)
        if (!call_sees_queue(call, ((JobView *)jobs->views->pdata[i])->queue))
            g_ptr_array_remove_index(jobs->views, i);
    for (guint i = 0; i < jobs->views->len; i++) {
        JobView *view = jobs->views->pdata[i];
        job_view_overlay(world, view);
        if (view->is_node || jobs->nodes)
            job_view_be_node(view);
    }
}

bool job_query_shows(const JobQuery *jobs, const JobView *view)
{
    return !jobs->filter.states || (jobs->filter.states & (1u << view->state));
}

/* ---- members of a request
 * ---- */

bool job_query_page(Call *call, JobQuery *jobs, const char *token_name, const char *limit_name)
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
    g_autofree char *key = jobs->batch ? page_token_key(call, token) : g_strdup(token);
    uint64_t at = key ? g_ascii_strtoull(key, &end, 10) : 0;
    if (!key || end == key || *end || at > INT64_MAX) {
        call_fail(call, FAULT_INVALID, "%s: not a token of ours", token_name);
        return false;
    }
    jobs->filter.before = at;
    jobs->from_child = (int32_t)MIN(at, (uint64_t)INT32_MAX);
    return true;
}

bool job_query_array(Call *call, JobQuery *jobs, const char *name)
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

char *job_query_definition(const char *text)
{
    View revision, name = reference_name(KIND_JOB_DEFINITION, view_from(text), &revision);
    return revision.data ? g_strdup_printf(VIEW_FMT ":" VIEW_FMT, VIEW_ARG(name), VIEW_ARG(revision))
                         : g_strndup(name.data, name.len);
}

void job_query_next(const Call *call, const JobQuery *jobs, json_t *body, const char *name)
{
    if (!jobs->more || jobs->views->len == 0)
        return;
    const JobView *last = jobs->views->pdata[jobs->views->len - 1];
    g_autofree char *key = jobs->nodes   ? g_strdup_printf("%d", last->node + 1)
                           : jobs->array ? g_strdup_printf("%d", last->index + 1)
                                         : g_strdup_printf("%" G_GUINT64_FORMAT, last->sequence);
    g_autofree char *token = jobs->batch ? page_token(call, key) : NULL;
    json_set_text(body, name, token ? token : key);
}
