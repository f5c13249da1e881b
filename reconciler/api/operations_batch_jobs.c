/* operations_batch_jobs.c: Batch's DescribeJobs and ListJobs. */
#include "reconciler/api/filter.h"
#include "reconciler/api/job_query.h"
#include "spec/base/units.h"
#include "spec/reference.h"

#define DESCRIBE_MAX 100

void describejobs_gather(StoreReader *reader, Call *call)
{
    job_query_gather(reader, call);
}

void listjobs_gather(StoreReader *reader, Call *call)
{
    job_query_gather(reader, call);
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
    JobQuery *jobs = job_query_new(call);
    jobs->detail = VIEW_BATCH;
    jobs->batch = true;
    json_array_foreach(list, i, item)
    {
        JobRef ref;
        const char *text = json_string_value(item);
        if (text && job_ref_parse(text, &ref)) /* unknown ids are skipped */
            g_array_append_val(jobs->refs, ref);
    }
    return jobs->refs->len ? STEP_GATHER : call_done(call, json_pack("{s:[]}", "jobs"));
}

OperationStep describejobs_step(OperationContext *context, Call *call)
{
    if (!call->state)
        return describejobs_begin(call);
    JobQuery *jobs = call->state;
    if (call->gather_error)
        return call_fail(call, FAULT_INTERNAL, "%s", call->gather_error);
    job_query_overlay(context->world, call, jobs);
    json_t *array = json_array();
    for (guint i = 0; i < jobs->views->len; i++)
        json_array_append_new(array, job_view_detail(jobs->views->pdata[i], context->now_ms));
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

static bool filter_set(Call *call, JobQuery *jobs, const BatchFilter *filter)
{
    const char *name = filter->name, *value = filter->value;
    if (strcmp(name, "JOB_NAME") == 0)
        jobs->name = g_strdup(value);
    else if (strcmp(name, "JOB_DEFINITION") == 0)
        jobs->definition = job_query_definition(value);
    else if (strcmp(name, "SHARE_IDENTIFIER") == 0)
        jobs->share = g_strdup(value);
    else if (strcmp(name, "BEFORE_CREATED_AT") == 0)
        return filter_time(call, name, value, &jobs->filter.created_before_ms);
    else
        return filter_time(call, name, value, &jobs->filter.created_after_ms);
    return true;
}

/* batch: one filter at a time; jobStatus is ignored then, but for SHARE_IDENTIFIER, which it may go with. */
static bool listjobs_filters(Call *call, JobQuery *jobs, bool has_status)
{
    static const char *const names[] = {"JOB_NAME",         "JOB_DEFINITION",   "BEFORE_CREATED_AT",
                                        "AFTER_CREATED_AT", "SHARE_IDENTIFIER", NULL};
    BatchFilter filter;
    if (!request_filter(call, names, &filter))
        return false;
    if (!filter.name)
        return true;
    if (jobs->array || jobs->nodes) {
        call_fail(call, FAULT_INVALID,
                  "filters: the children of an array and the nodes of a job cannot be filtered");
        return false;
    }
    if (strcmp(filter.name, "SHARE_IDENTIFIER") != 0 || !has_status)
        jobs->filter.states = 0;
    jobs->limit = MIN(jobs->limit, FILTERED_MAX);
    return filter_set(call, jobs, &filter);
}

/* batch: jobs of one queue, of one array, or of one multinode job. */
static bool listjobs_scope(Call *call, JobQuery *jobs)
{
    const char *queue = NULL, *node_job = NULL;
    JobRef ref = {.node = -1};
    if (!request_string(call, "jobQueue", &queue) || !request_string(call, "multiNodeJobId", &node_job) ||
        !job_query_array(call, jobs, "arrayJobId"))
        return false;
    if ((queue != NULL) + (node_job != NULL) + jobs->array != 1) {
        call_fail(call, FAULT_INVALID,
                  "exactly one of jobQueue, arrayJobId and multiNodeJobId must be given");
        return false;
    }
    if (node_job && (!job_ref_parse(node_job, &ref) || ref.index != NOT_A_CHILD || ref.node >= 0)) {
        call_fail(call, FAULT_INVALID, "multiNodeJobId: \"%s\" is not a job id", node_job);
        return false;
    }
    jobs->nodes = node_job != NULL;
    if (node_job)
        jobs->array_id = ref.id;
    View qualifier, name = reference_name(KIND_JOB_QUEUE, view_from(queue), &qualifier);
    jobs->queue = queue ? g_strndup(name.data, name.len) : NULL;
    return true;
}

static bool listjobs_status(Call *call, JobQuery *jobs, bool *ret_given)
{
    const char *status = NULL;
    JobState state = JOB_RUNNING;
    if (!request_string(call, "jobStatus", &status))
        return false;
    if (status && !job_state_from_name(view_from(status), &state)) {
        call_fail(call, FAULT_INVALID,
                  "Job status is not one of SUBMITTED | PENDING | RUNNABLE | STARTING | RUNNING | "
                  "SUCCEEDED | FAILED");
        return false;
    }
    jobs->filter.states = 1u << state;
    *ret_given = status != NULL;
    return true;
}

static OperationStep listjobs_begin(Call *call)
{
    JobQuery *jobs = job_query_new(call);
    bool has_status;
    jobs->limit = LIST_MAX;
    jobs->batch = jobs->with_exit = true;
    if (!listjobs_scope(call, jobs) || !listjobs_status(call, jobs, &has_status) ||
        !job_query_page(call, jobs, "nextToken", "maxResults"))
        return STEP_DONE;
    return listjobs_filters(call, jobs, has_status) ? STEP_GATHER : STEP_DONE;
}

OperationStep listjobs_step(OperationContext *context, Call *call)
{
    if (!call->state)
        return listjobs_begin(call);
    JobQuery *jobs = call->state;
    if (call->gather_error)
        return call_fail(call, FAULT_INTERNAL, "%s", call->gather_error);
    job_query_overlay(context->world, call, jobs);
    json_t *body = json_object(), *array = json_array();
    for (guint i = 0; i < jobs->views->len; i++)
        if (job_query_shows(jobs, jobs->views->pdata[i]))
            json_array_append_new(array, job_view_summary(jobs->views->pdata[i], context->now_ms));
    json_object_set_new(body, "jobSummaryList", array);
    job_query_next(call, jobs, body, "nextToken");
    return call_done(call, body);
}
