/* operations_describe.c: Batch's DescribeJobQueues, DescribeComputeEnvironments, DescribeJobDefinitions. */
#include "reconciler/api/operation.h"
#include "spec/reference.h"

#define DESCRIBE_MAX 100

/* Whether name is asked for by the list member of the request (names or ARNs); an absent or empty list asks
 * for all. */
static bool wanted(const json_t *list, Kind kind, const char *name)
{
    const json_t *item;
    size_t i;
    if (json_array_size(list) == 0)
        return true;
    json_array_foreach(list, i, item)
    {
        View qualifier;
        if (json_is_string(item) &&
            view_is(reference_name(kind, view_from(json_string_value(item)), &qualifier), name))
            return true;
    }
    return false;
}

static bool request_names(Call *call, const char *member, const json_t **ret_list)
{
    *ret_list = json_object_get(call->request, member);
    if (!*ret_list || (json_is_array(*ret_list) && json_array_size(*ret_list) <= DESCRIBE_MAX))
        return true;
    call_fail(call, FAULT_INVALID, "%s: a list of at most %d names or ARNs is expected", member,
              DESCRIBE_MAX);
    return false;
}

/* Page by name: resources are ordered by it. */
typedef struct {
    const char *after;
    int64_t limit;
    json_t *array;
    bool more;
} Page;

static bool page_begin(Call *call, Page *ret_page)
{
    *ret_page = (Page){.limit = DESCRIBE_MAX};
    if (!request_string(call, "nextToken", &ret_page->after) ||
        !request_integer(call, "maxResults", &ret_page->limit))
        return false;
    if (ret_page->limit < 1 || ret_page->limit > DESCRIBE_MAX) {
        call_fail(call, FAULT_INVALID, "maxResults: 1 to %d are possible", DESCRIBE_MAX);
        return false;
    }
    ret_page->array = json_array();
    return true;
}

static bool page_takes(Page *page, const char *name)
{
    if (page->after && strcmp(name, page->after) <= 0)
        return false;
    if ((int64_t)json_array_size(page->array) < page->limit)
        return true;
    page->more = true;
    return false;
}

static OperationStep page_done(Call *call, Page *page, const char *member, const char *name_member)
{
    json_t *body = json_object();
    if (page->more)
        json_object_set(
            body, "nextToken",
            json_object_get(json_array_get(page->array, json_array_size(page->array) - 1), name_member));
    json_object_set_new(body, member, page->array);
    return call_done(call, body);
}

static const char *status_of(const Resource *resource)
{
    return resource->phase == RESOURCE_ACTIVE     ? "VALID"
           : resource->phase == RESOURCE_DELETING ? "DELETING"
                                                  : "UPDATING";
}

static json_t *detail_begin(const Resource *resource, const char *type, const char *name_member,
                            const char *arn_member)
{
    json_t *object = json_from_view(view_from(resource->spec));
    g_autofree char *arn = arn_of(type, resource->name);
    json_set_text(object, name_member, resource->name);
    json_set_text(object, arn_member, arn);
    json_set_text(object, "status", status_of(resource));
    json_set_text(object, "statusReason", resource->status_reason);
    return object;
}

/* spec.computeEnvironmentOrder may be a list of names; Batch's form is {order, computeEnvironment}. */
static json_t *environment_order(const Queue *queue)
{
    json_t *array = json_array();
    for (char **name = queue->spec->compute_environments; name && *name; name++) {
        g_autofree char *arn = arn_of("compute-environment", *name);
        json_array_append_new(array, json_pack("{s:I,s:s}", "order", (json_int_t)json_array_size(array) + 1,
                                               "computeEnvironment", arn));
    }
    return array;
}

OperationStep describejobqueues_step(OperationContext *context, Call *call)
{
    const json_t *names;
    Page page;
    if (!request_names(call, "jobQueues", &names) || !page_begin(call, &page))
        return STEP_DONE;
    for (const Resource *at = NULL; (at = world_resource_next(context->world, at));) {
        if (!at->queue || !wanted(names, KIND_JOB_QUEUE, at->name) || !page_takes(&page, at->name))
            continue;
        json_t *object = detail_begin(at, "job-queue", "jobQueueName", "jobQueueArn");
        json_set_text(object, "state", at->queue->spec->enabled ? "ENABLED" : "DISABLED");
        json_set_number(object, "priority", at->queue->spec->priority);
        json_object_set_new(object, "computeEnvironmentOrder", environment_order(at->queue));
        json_array_append_new(page.array, object);
    }
    return page_done(call, &page, "jobQueues", "jobQueueName");
}

/* batch: desiredvCpus is status; the spec never changes it. */
static void describe_standing(OperationContext *context, const Environment *environment, json_t *object)
{
    g_auto(EnvironmentStanding) standing = {0};
    if (context->standing && context->standing(environment, &standing, context->growth_data) &&
        standing.invalid) {
        json_set_text(object, "status", environment_view_status(environment, &standing));
        json_set_text(object, "statusReason", standing.invalid);
    }
    json_t *resources = json_object_get(object, "computeResources");
    if (resources && environment_has_instances(environment))
        json_set_number(resources, "desiredvCpus", environment->instance_vcpus);
}

OperationStep describecomputeenvironments_step(OperationContext *context, Call *call)
{
    const json_t *names;
    Page page;
    if (!request_names(call, "computeEnvironments", &names) || !page_begin(call, &page))
        return STEP_DONE;
    for (const Resource *at = NULL; (at = world_resource_next(context->world, at));) {
        if (!at->environment || !wanted(names, KIND_COMPUTE_ENVIRONMENT, at->name) ||
            !page_takes(&page, at->name))
            continue;
        json_t *object =
            detail_begin(at, "compute-environment", "computeEnvironmentName", "computeEnvironmentArn");
        json_set_text(object, "state", at->environment->spec->enabled ? "ENABLED" : "DISABLED");
        json_set_text(object, "type",
                      at->environment->spec->type == CE_TYPE_UNMANAGED ? "UNMANAGED" : "MANAGED");
        describe_standing(context, at->environment, object);
        json_array_append_new(page.array, object);
    }
    return page_done(call, &page, "computeEnvironments", "computeEnvironmentName");
}
