/* operations_consumers.c: Batch's ListJobsByConsumableResource. Jobs in memory: those that have not ended,
 * and those that have just ended. Looked through in slices. */
#include "reconciler/api/declare.h"
#include "reconciler/api/filter.h"
#include "reconciler/api/page.h"

#define SLICE 10000 /* jobs that are looked at in a tick at most */

typedef struct {
    Page page;
    bool is_paged; /* page is this one's to give back */
    char *name;
    BatchFilter filter;
    uint64_t after; /* sequence of the last job that was looked at */
} Consumers;

static void consumers_free(void *data)
{
    Consumers *consumers = data;
    if (consumers->is_paged) {
        json_decref(consumers->page.array);
        g_free(consumers->page.after);
        g_free(consumers->page.last);
    }
    g_free(consumers->name);
    g_free(consumers);
}

static int64_t quantity_of(const Job *job, const char *name)
{
    const JobDefinitionSpec *spec = job->template->effective;
    for (size_t i = 0; i < spec->consumables_len; i++)
        if (strcmp(spec->consumables[i].name, name) == 0)
            return spec->consumables[i].quantity;
    return 0;
}

static bool is_wanted(const Job *job, const BatchFilter *filter)
{
    if (!filter->name)
        return true;
    return strcmp(filter->name, "JOB_STATUS") == 0 ? strcmp(job_state_name(job->state), filter->value) == 0
                                                   : name_matches(filter->value, job->name);
}

static void set_arn(json_t *object, const char *member, const char *type, const char *name)
{
    g_autofree char *arn = arn_of(type, name);
    json_set_text(object, member, arn);
}

static json_t *needs_json(const Job *job)
{
    const JobDefinitionSpec *spec = job->template->effective;
    json_t *list = json_array();
    for (size_t i = 0; i < spec->consumables_len; i++)
        json_array_append_new(list, json_pack("{s:s,s:I}", "consumableResource", spec->consumables[i].name,
                                              "quantity", (json_int_t)spec->consumables[i].quantity));
    return json_pack("{s:o}", "consumableResourceList", list);
}

static json_t *consumer_json(const Job *job, int64_t quantity)
{
    char id[37];
    json_t *object = json_object();
    const Share *share = job_share(job);
    job_id_to_text(&job->id, id);
    set_arn(object, "jobArn", "job", id);
    set_arn(object, "jobQueueArn", "job-queue", job->queue->resource->name);
    set_arn(object, "jobDefinitionArn", "job-definition", job->template->definition);
    json_set_text(object, "jobName", job->name);
    json_set_text(object, "shareIdentifier", share ? share->identifier : NULL);
    json_set_text(object, "jobStatus", job_state_name(job->state));
    json_set_number(object, "quantity", quantity);
    json_set_text(object, "statusReason", job->status_reason);
    json_set_time(object, "startedAt", job->started_ms);
    json_set_number(object, "createdAt", job->created_ms);
    json_object_set_new(object, "consumableResourceProperties", needs_json(job));
    return object;
}

/* The token is the sequence of the last job that was told. */
static OperationStep begin(OperationContext *context, Call *call)
{
    static const char *const names[] = {"JOB_STATUS", "JOB_NAME", NULL};
    Consumers *consumers = g_new0(Consumers, 1);
    call->state = consumers;
    call->state_free = consumers_free;
    if (!request_name(call, "consumableResource", KIND_CONSUMABLE_RESOURCE, &consumers->name) ||
        !request_filter(call, names, &consumers->filter))
        return STEP_DONE;
    JobState state;
    if (g_strcmp0(consumers->filter.name, "JOB_STATUS") == 0 &&
        !job_state_from_name(view_from(consumers->filter.value), &state))
        return call_fail(call, FAULT_INVALID, "filters: there is no state \"%s\"", consumers->filter.value);
    if (!world_resource(context->world, KIND_CONSUMABLE_RESOURCE, view_from(consumers->name)))
        return call_fail(call, FAULT_NOT_FOUND, "Consumable resource %s does not exist", consumers->name);
    if (!page_begin(call, PAGE_MAX, &consumers->page))
        return STEP_DONE;
    consumers->is_paged = true;
    consumers->after = consumers->page.after ? g_ascii_strtoull(consumers->page.after, NULL, 10) : 0;
    return STEP_AGAIN;
}

/* False: the page ends before this job. */
static bool look_at(Consumers *consumers, const Job *job)
{
    int64_t quantity = quantity_of(job, consumers->name);
    if (quantity == 0 || !is_wanted(job, &consumers->filter))
        return true;
    g_autofree char *key = g_strdup_printf("%" G_GUINT64_FORMAT, job->sequence);
    consumers->page.looked = 0; /* slices bound what is looked at */
    if (!page_takes(&consumers->page, key))
        return false;
    page_add(&consumers->page, consumer_json(job, quantity));
    return true;
}

OperationStep listjobsbyconsumableresource_step(OperationContext *context, Call *call)
{
    if (!call->state) {
        OperationStep step = begin(context, call);
        if (step == STEP_DONE)
            return step;
    }
    Consumers *consumers = call->state;
    for (int looked = 0; looked < SLICE && budget_left(context->budget); looked++) {
        const Job *job = world_job_next(context->world, consumers->after);
        if (!job || !look_at(consumers, job)) {
            consumers->is_paged = false;
            return page_done(call, &consumers->page, "jobs");
        }
        consumers->after = job->sequence;
    }
    return STEP_AGAIN;
}
