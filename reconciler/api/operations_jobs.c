/* operations_jobs.c: reading jobs in our form: `jobs`, `job`. */
#include "reconciler/api/job_query.h"

void jobs_gather(StoreReader *reader, Call *call)
{
    job_query_gather(reader, call);
}

void job_gather(StoreReader *reader, Call *call)
{
    job_query_gather(reader, call);
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

static OperationStep jobs_begin(Call *call)
{
    JobQuery *jobs = job_query_new(call);
    const char *queue = NULL, *name = NULL, *run = NULL, *definition = NULL, *share = NULL;
    if (!request_string(call, "queue", &queue) || !request_string(call, "name", &name) ||
        !request_string(call, "run", &run) || !request_string(call, "definition", &definition) ||
        !request_string(call, "shareIdentifier", &share) || !job_query_array(call, jobs, "array") ||
        !request_integer(call, "createdBefore", &jobs->filter.created_before_ms) ||
        !request_integer(call, "createdAfter", &jobs->filter.created_after_ms) ||
        !request_states(call, &jobs->filter.states) || !job_query_page(call, jobs, "before", "limit"))
        return STEP_DONE;
    jobs->definition = definition ? job_query_definition(definition) : NULL;
    jobs->share = g_strdup(share);
    jobs->queue = g_strdup(queue);
    jobs->name = g_strdup(name);
    jobs->run = g_strdup(run);
    return STEP_GATHER;
}

OperationStep jobs_step(OperationContext *context, Call *call)
{
    if (!call->state)
        return jobs_begin(call);
    JobQuery *jobs = call->state;
    if (call->gather_error)
        return call_fail(call, FAULT_INTERNAL, "%s", call->gather_error);
    if (jobs->array && !jobs->found)
        return call_fail(call, FAULT_NOT_FOUND, "there is no such job");
    job_query_overlay(context->world, call, jobs);
    json_t *body = json_object(), *array = json_array();
    for (guint i = 0; i < jobs->views->len; i++)
        if (job_query_shows(jobs, jobs->views->pdata[i]))
            json_array_append_new(
                array, job_view_json(jobs->views->pdata[i], context->facts->state_dir, VIEW_BRIEF));
    json_object_set_new(body, "jobs", array);
    job_query_next(call, jobs, body, "next");
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
    JobQuery *jobs = job_query_new(call);
    jobs->detail = VIEW_WHOLE;
    jobs->node = (int32_t)CLAMP(node, -1, INT32_MAX);
    JobRef ref = {.node = jobs->node};
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
    JobQuery *jobs = call->state;
    const char *text = json_string_value(json_object_get(call->request, "job"));
    if (call->gather_error)
        return call_fail(call, FAULT_INTERNAL, "%s", call->gather_error);
    if (jobs->views->len == 0 && jobs->node >= 0)
        return call_fail(call, FAULT_NOT_FOUND, "there is no job \"%s\" with a node %d", text, jobs->node);
    if (jobs->views->len == 0)
        return call_fail(call, FAULT_NOT_FOUND, "there is no job \"%s\"", text);
    if (jobs->views->len > 1)
        return call_fail(call, FAULT_NOT_FOUND, "more than one job's id begins with \"%s\"", text);
    job_query_overlay(context->world, call, jobs);
    return call_done(call,
                     json_pack("{s:o}", "job",
                               job_view_json(jobs->views->pdata[0], context->facts->state_dir, VIEW_WHOLE)));
}
