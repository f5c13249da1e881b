/* operations_front.c: Batch's GetJobQueueSnapshot: who is next in a queue, and who uses what. */
#include "reconciler/api/declare.h"
#include "reconciler/schedule/front.h"
#include "spec/base/units.h"

#define FRONT_MAX  100 /* batch: jobs that are told */
#define SHARES_MAX 20  /* batch: shares that are told */

static json_t *front_json(OperationContext *context, Queue *queue)
{
    FrontJob jobs[FRONT_MAX];
    size_t len = queue_front(context->world, queue, context->now_ms, FRONT_MAX, jobs);
    json_t *array = json_array();
    for (size_t i = 0; i < len; i++) {
        char id[JOB_NAME_TEXT];
        job_ref_text(&jobs[i].job->id, jobs[i].index, id);
        g_autofree char *arn = arn_of("job", id);
        json_t *item = json_pack("{s:s}", "jobArn", arn);
        json_set_time(item, "earliestTimeAtPosition", job_runnable_ms(jobs[i].job, jobs[i].index));
        json_array_append_new(array, item);
    }
    json_t *front = json_pack("{s:o}", "jobs", array);
    json_set_time(front, "lastUpdatedAt", context->now_ms);
    return front;
}

static json_t *usage_json(int64_t vcpus_e4)
{
    return json_pack("[{s:s,s:f}]", "capacityUnit", "VCPU", "quantity", (double)vcpus_e4 / DECIMAL_SCALE);
}

static int by_use(const void *a, const void *b)
{
    const Share *left = *(Share *const *)a, *right = *(Share *const *)b;
    if (left->held_vcpus_e4 != right->held_vcpus_e4)
        return left->held_vcpus_e4 > right->held_vcpus_e4 ? -1 : 1;
    return strcmp(left->identifier, right->identifier);
}

static json_t *shares_json(Queue *queue)
{
    g_autoptr(GPtrArray) shares = g_ptr_array_new();
    json_t *array = json_array();
    for (Share *share = share_next(queue, NULL); share; share = share_next(queue, share))
        if (share->held_vcpus_e4 > 0)
            g_ptr_array_add(shares, share);
    g_ptr_array_sort(shares, by_use);
    for (guint i = 0; i < MIN(shares->len, SHARES_MAX); i++) {
        const Share *share = shares->pdata[i];
        json_array_append_new(array, json_pack("{s:s,s:o}", "shareIdentifier", share->identifier,
                                               "capacityUsage", usage_json(share->held_vcpus_e4)));
    }
    return json_pack("{s:I,s:o}", "activeShareCount", (json_int_t)queue->active_shares,
                     "topCapacityUtilization", array);
}

OperationStep getjobqueuesnapshot_step(OperationContext *context, Call *call)
{
    g_autofree char *name = NULL;
    if (!request_name(call, "jobQueue", KIND_JOB_QUEUE, &name))
        return STEP_DONE;
    const Resource *resource = world_resource(context->world, KIND_JOB_QUEUE, view_from(name));
    if (!resource)
        return call_fail(call, FAULT_NOT_FOUND, "Job queue %s does not exist", name);
    Queue *queue = resource->queue;
    json_t *body = json_object(), *use = json_object();
    json_object_set_new(body, "frontOfQueue", front_json(context, queue));
    json_object_set_new(use, "totalCapacityUsage", usage_json(queue->held_vcpus_e4));
    if (queue->fair)
        json_object_set_new(use, "fairshareUtilization", shares_json(queue));
    json_set_time(use, "lastUpdatedAt", context->now_ms);
    json_object_set_new(body, "queueUtilization", use);
    return call_done(call, body);
}
