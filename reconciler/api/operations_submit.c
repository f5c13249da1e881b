/* operations_submit.c: SubmitJob and `submit`; CancelJob, TerminateJob, `cancel` and `terminate`. */
#include "reconciler/api/job_lookup.h"
#include "reconciler/api/peer.h"
#include "reconciler/world/guest.h"

/* ---- submit
 * ---------------------------------------------------------------------------------------------------------
 */

static void lookup_free(void *data)
{
    job_lookup_free(data);
}

/* Dependencies that have left memory are asked of the store; they are final. Some may leave it while the
 * store is asked for others: true until all are in memory or known. */
static bool submit_look_up(const OperationContext *context, Call *call)
{
    const json_t *dependency;
    bool found_more = false;
    size_t i;
    if (!call->state) {
        JobLookup *fresh = job_lookup_new();
        fresh->with_children = true;
        call->state = fresh;
        call->state_free = lookup_free;
    }
    JobLookup *lookup = call->state;
    json_array_foreach(json_object_get(call->request, "dependsOn"), i, dependency)
    {
        JobId id;
        int32_t index;
        const char *text = json_string_value(json_object_get(dependency, "jobId"));
        if (text && job_ref_from_text(view_from(text), &id, &index) && !world_job(context->world, &id) &&
            !job_lookup_has(lookup, &id, index))
            found_more = job_lookup_add(lookup, text) || found_more;
    }
    return found_more;
}

void submit_gather(StoreReader *reader, Call *call)
{
    job_lookup_gather(call->state, reader, &call->gather_error);
}

static json_t *submitted_json(const Job *job)
{
    char id[37];
    job_id_to_text(&job->id, id);
    g_autofree char *arn = arn_of("job", id);
    return json_pack("{s:s,s:s,s:s}", "jobArn", arn, "jobName", job->name, "jobId", id);
}

static OperationStep submit_insert(OperationContext *context, Call *call)
{
    g_autoptr(GError) error = NULL;
    Submission submission = {.id = job_id_random(context), .request = call->request};
    world_set_final_lookup(context->world, job_lookup_final_state, call->state);
    Job *job = job_submit(context->world, &submission, context->now_ms, &error);
    world_set_final_lookup(context->world, NULL, NULL);
    if (!job)
        return call_fail_error(call, error);
    return call_done(call, submitted_json(job));
}

OperationStep submit_step(OperationContext *context, Call *call)
{
    g_autofree char *message = NULL;
    if (call->gather_error)
        return call_fail(call, FAULT_INTERNAL, "%s", call->gather_error);
    if (call->state)
        return submit_look_up(context, call) ? STEP_GATHER : submit_insert(context, call);
    if (call->operation->batch && !json_object_get(call->request, "jobName"))
        return call_fail(call, FAULT_INVALID,
                         "Error executing request, Exception : Job name should match valid pattern");
    if (!request_check_submit(context->checker, call->request, &message))
        return call_fail(call, FAULT_INVALID, "%s", message);
    if (submit_look_up(context, call))
        return STEP_GATHER;
    return submit_insert(context, call);
}

/* ---- cancel, terminate
 * ------------------------------------------------------------------------------------------------ */

static OperationStep end_begin(OperationContext *context, Call *call)
{
    JobLookup *lookup = job_lookup_new();
    call->state = lookup;
    call->state_free = lookup_free;
    const json_t *list = json_object_get(call->request, "jobs"), *item;
    size_t i;
    if (call->operation->batch) {
        const char *text = json_string_value(json_object_get(call->request, "jobId"));
        if (!text || !*text)
            return call_fail(call, FAULT_INVALID, "'jobId' is a required field (cannot be an empty string)");
        if (!job_lookup_add(lookup, text))
            return call_done(call, json_object()); /* batch: an unknown id succeeds */
    } else if (!json_is_array(list) || json_array_size(list) > WAIT_JOBS_MAX) {
        return call_fail(call, FAULT_INVALID, "jobs: a list of at most %d job ids is expected",
                         WAIT_JOBS_MAX);
    }
    json_array_foreach(list, i, item)
    {
        if (!call->operation->batch && !job_lookup_add(lookup, json_string_value(item)))
            return call_fail(call, FAULT_NOT_FOUND, "there is no job \"%s\"",
                             json_is_string(item) ? json_string_value(item) : "");
    }
    const char *reason = NULL;
    if (!request_string(call, "reason", &reason))
        return STEP_DONE;
    if (call->operation->batch && (!reason || !*reason))
        return call_fail(call, FAULT_INVALID, "'reason' is a required field (cannot be an empty string)");
    if (reason && strlen(reason) > 1024)
        return call_fail(call, FAULT_INVALID, "reason: at most 1,024 characters are possible");
    job_lookup_update(lookup, context->world);
    return lookup->missing ? STEP_GATHER : STEP_AGAIN;
}

void end_gather(StoreReader *reader, Call *call)
{
    job_lookup_gather(call->state, reader, &call->gather_error);
}

static void end_jobs(OperationContext *context, const JobLookup *lookup, EndKind kind, const char *reason)
{
    for (guint i = 0; i < lookup->jobs->len; i++) {
        const NamedJob *named = &g_array_index(lookup->jobs, NamedJob, i);
        Job *job = named->final ? NULL : world_job(context->world, &named->id);
        if (job)
            job_end(context->world, job, named->index, kind, reason, context->now_ms, context->stops);
    }
}

/* Of a job that was lost with the state that knew it there may be a task, which ends. */
static void end_guests(OperationContext *context, JobLookup *lookup)
{
    for (guint i = 0; i < lookup->jobs->len; i++) {
        NamedJob *named = &g_array_index(lookup->jobs, NamedJob, i);
        char text[JOB_NAME_TEXT];
        job_ref_text(&named->id, named->index, text);
        if (named->known || guests_stop_job(context->world, text) == 0)
            continue;
        named->known = named->final = true;
        named->state = JOB_RUNNING; /* until it has ended */
    }
}

static json_t *ended_json(const JobLookup *lookup)
{
    json_t *array = json_array();
    for (guint i = 0; i < lookup->jobs->len; i++) {
        const NamedJob *named = &g_array_index(lookup->jobs, NamedJob, i);
        char text[JOB_NAME_TEXT];
        job_ref_text(&named->id, named->index, text);
        json_array_append_new(array,
                              json_pack("{s:s,s:s}", "jobId", text, "status", job_state_name(named->state)));
    }
    return json_pack("{s:o}", "jobs", array);
}

OperationStep end_step(OperationContext *context, Call *call)
{
    if (!call->state) {
        OperationStep step = end_begin(context, call);
        if (step != STEP_AGAIN)
            return step;
    }
    JobLookup *lookup = call->state;
    char text[JOB_NAME_TEXT];
    if (call->gather_error)
        return call_fail(call, FAULT_INTERNAL, "%s", call->gather_error);
    EndKind kind = g_str_has_prefix(call->operation->name, "cancel") ? END_CANCEL : END_TERMINATE;
    if (kind == END_TERMINATE && call_sees_queue(call, NULL)) /* of which queue it was nobody knows */
        end_guests(context, lookup);
    const char *unknown = job_lookup_unknown(lookup, text);
    if (unknown && !call->operation->batch)
        return call_fail(call, FAULT_NOT_FOUND, "there is no job \"%s\"", unknown);
    const char *hidden = call_hidden_job(call, context->world, lookup, text);
    if (hidden)
        return call_fail(call, FAULT_REFUSED, "job %s is of a queue that the key does not allow", hidden);
    const char *reason = NULL;
    request_string(call, "reason", &reason);
    if (!reason || !*reason)
        reason = kind == END_CANCEL ? "Cancelled by user" : "Terminated by user";
    end_jobs(context, lookup, kind, reason);
    if (call->operation->batch)
        return call_done(call, json_object());
    job_lookup_update(lookup, context->world);
    return call_done(call, ended_json(lookup));
}
