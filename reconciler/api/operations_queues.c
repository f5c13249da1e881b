/* operations_queues.c: Batch's CreateJobQueue, UpdateJobQueue, DeleteJobQueue, DescribeJobQueues. */
#include "reconciler/api/batch_form.h"
#include "reconciler/api/declare.h"
#include "reconciler/api/resource_list.h"
#include "reconciler/world/override.h"
#include "spec/reference.h"

static json_t *changed_json(const char *name)
{
    g_autofree char *arn = resource_arn(KIND_JOB_QUEUE, name);
    return json_pack("{s:s,s:s}", "jobQueueName", name, "jobQueueArn", arn);
}

/* ---- what a queue refers to ---- */

static bool is_fargate(const Environment *environment)
{
    return environment->spec->type == CE_TYPE_FARGATE || environment->spec->type == CE_TYPE_FARGATE_SPOT;
}

static bool is_ec2(const Environment *environment)
{
    return environment->spec->type_given && environment->spec->type != CE_TYPE_UNMANAGED &&
           !is_fargate(environment);
}

static bool is_valid(const OperationContext *context, const Environment *environment)
{
    g_auto(EnvironmentStanding) standing = {0};
    bool has_standing = context->standing && context->standing(environment, &standing, context->growth_data);
    return strcmp(environment_view_status(environment, has_standing ? &standing : NULL), "VALID") == 0;
}

/* batch: environments must be VALID when they are attached, and of one family. Those that the queue has
 * already are not asked again. */
static bool check_environment(OperationContext *context, Call *call, const char *name, const Queue *queue)
{
    const Environment *environment = world_environment(context->world, view_from(name));
    if (!environment || environment->resource->phase == RESOURCE_DELETING)
        call_fail(call, FAULT_INVALID, "computeEnvironmentOrder: compute environment %s does not exist",
                  name);
    else if (!(queue && g_strv_contains((const gchar *const *)queue->spec->compute_environments, name)) &&
             !is_valid(context, environment))
        call_fail(call, FAULT_INVALID, "computeEnvironmentOrder: compute environment %s is not VALID", name);
    else
        return true;
    return false;
}

static bool check_families(OperationContext *context, Call *call, const json_t *order)
{
    const char *of_ec2 = NULL, *of_fargate = NULL;
    const json_t *item;
    size_t i;
    json_array_foreach(order, i, item)
    {
        const char *name = json_string_value(json_object_get(item, "computeEnvironment"));
        const Environment *environment = world_environment(context->world, view_from(name));
        of_ec2 = is_ec2(environment) ? name : of_ec2;
        of_fargate = is_fargate(environment) ? name : of_fargate;
    }
    if (!of_ec2 || !of_fargate)
        return true;
    call_fail(call, FAULT_INVALID,
              "computeEnvironmentOrder: a queue cannot mix EC2 and Fargate: %s runs on EC2, %s on Fargate",
              of_ec2, of_fargate);
    return false;
}

/* ARNs become names, as manifests have them. */
static bool take_environments(OperationContext *context, Call *call, json_t *spec, const Queue *queue)
{
    json_t *order = json_object_get(spec, "computeEnvironmentOrder"), *item;
    size_t i;
    json_array_foreach(order, i, item)
    {
        const char *text = json_string_value(json_object_get(item, "computeEnvironment"));
        g_autofree char *name = text ? name_of(KIND_COMPUTE_ENVIRONMENT, text) : NULL;
        if (!name || !json_is_integer(json_object_get(item, "order"))) {
            call_fail(call, FAULT_INVALID,
                      "computeEnvironmentOrder: each has an order and a computeEnvironment, by name or ARN");
            return false;
        }
        json_object_set_new(item, "computeEnvironment", json_string(name));
        if (!check_environment(context, call, name, queue))
            return false;
    }
    return check_families(context, call, order);
}

static bool take_policy(OperationContext *context, Call *call, json_t *spec)
{
    const char *arn = NULL;
    if (!request_string(call, "schedulingPolicyArn", &arn))
        return false;
    if (!arn)
        return true;
    g_autofree char *name = g_str_has_prefix(arn, "arn:") ? name_of(KIND_SCHEDULING_POLICY, arn) : NULL;
    const Resource *policy =
        name ? world_resource(context->world, KIND_SCHEDULING_POLICY, view_from(name)) : NULL;
    if (!policy) {
        call_fail(call, FAULT_INVALID, "schedulingPolicyArn: \"%s\" is not the ARN of a scheduling policy",
                  arn);
        return false;
    }
    json_object_del(spec, "schedulingPolicyArn");
    json_object_set_new(spec, "schedulingPolicy", json_string(name));
    return true;
}

/* What there is not here, and what Batch does not know. */
static bool refuse_foreign(Call *call)
{
    static const char *const kinds[] = {"EKS", "SAGEMAKER_TRAINING"};
    const char *type = NULL;
    if (!request_is_batch(call, KIND_JOB_QUEUE) || !request_string(call, "jobQueueType", &type))
        return false;
    for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++)
        if (g_strcmp0(type, kinds[i]) == 0) {
            call_fail(call, FAULT_INVALID, "jobQueueType: %s is not supported", type);
            return false;
        }
    if (json_object_get(call->request, "serviceEnvironmentOrder")) {
        call_fail(call, FAULT_INVALID, "serviceEnvironmentOrder: service environments are not supported");
        return false;
    }
    return true;
}

/* ---- create, update ---- */

OperationStep createjobqueue_step(OperationContext *context, Call *call)
{
    const char *name;
    if (!request_required(call, "jobQueueName", &name) || !refuse_foreign(call))
        return STEP_DONE;
    if (world_resource(context->world, KIND_JOB_QUEUE, view_from(name)))
        return declare_exists(call);
    if (!json_array_size(json_object_get(call->request, "computeEnvironmentOrder")))
        return call_fail(call, FAULT_INVALID,
                         "computeEnvironmentOrder: 1 to 3 compute environments are expected");
    json_t *spec = json_deep_copy(call->request);
    json_object_del(spec, "jobQueueName");
    json_object_del(spec, "peer");
    if (!take_environments(context, call, spec, NULL) || !take_policy(context, call, spec)) {
        json_decref(spec);
        return STEP_DONE;
    }
    /* batch: what is in a queue that is deleted is terminated */
    Declaration declaration = {.kind = KIND_JOB_QUEUE, .name = name, .spec = spec, .terminates = true};
    if (!declare_put(context, call, &declaration))
        return STEP_DONE;
    return call_done(call, changed_json(name));
}

/* batch: a list that is there replaces the old one. */
static bool merge_update(OperationContext *context, Call *call, const Queue *queue, json_t *spec)
{
    static const char *const members[] = {"state", "priority", "computeEnvironmentOrder",
                                          "jobStateTimeLimitActions", NULL};
    const char *arn = NULL;
    for (const char *const *member = members; *member; member++)
        if (json_object_get(call->request, *member))
            json_object_set_new(spec, *member, json_deep_copy(json_object_get(call->request, *member)));
    if (!request_string(call, "schedulingPolicyArn", &arn))
        return false;
    if (arn && !queue->spec->scheduling_policy) {
        call_fail(
            call, FAULT_INVALID,
            "schedulingPolicyArn: a queue that was made without a scheduling policy cannot be given one");
        return false;
    }
    return take_environments(context, call, spec, queue) && take_policy(context, call, spec);
}

OperationStep updatejobqueue_step(OperationContext *context, Call *call)
{
    g_autofree char *name = NULL;
    if (!request_name(call, "jobQueue", KIND_JOB_QUEUE, &name) || !refuse_foreign(call))
        return STEP_DONE;
    const Resource *resource = world_resource(context->world, KIND_JOB_QUEUE, view_from(name));
    if (!resource)
        return call_fail(call, FAULT_NOT_FOUND, "Job queue %s does not exist", name);
    if (!declare_is_settled(context, call, resource, "update"))
        return STEP_DONE;
    json_t *spec = spec_plain(KIND_JOB_QUEUE, view_from(resource->spec));
    if (!merge_update(context, call, resource->queue, spec)) {
        json_decref(spec);
        return STEP_DONE;
    }
    Declaration declaration = {.kind = KIND_JOB_QUEUE, .name = name, .spec = spec};
    if (!declare_put(context, call, &declaration))
        return STEP_DONE;
    return call_done(call, changed_json(name));
}

/* ---- delete ---- */

OperationStep deletejobqueue_step(OperationContext *context, Call *call)
{
    g_autofree char *name = NULL;
    if (!request_name(call, "jobQueue", KIND_JOB_QUEUE, &name))
        return STEP_DONE;
    const Resource *resource = world_resource(context->world, KIND_JOB_QUEUE, view_from(name));
    if (!resource) /* batch: one that is not there is deleted */
        return call_done(call, json_object());
    if (!declare_is_settled(context, call, resource, "delete"))
        return STEP_DONE;
    if (resource->queue->spec->enabled)
        return call_fail(call, FAULT_REFUSED, "Cannot delete, state must be DISABLED");
    if (!declare_delete(context, call, resource))
        return STEP_DONE;
    return call_done(call, json_object());
}

/* ---- describe ---- */

static const char *status_of(const Resource *resource)
{
    return resource->phase == RESOURCE_ACTIVE     ? "VALID"
           : resource->phase == RESOURCE_DELETING ? "DELETING"
                                                  : "UPDATING";
}

static void describe_environments(json_t *object)
{
    json_t *order = json_object_get(object, "computeEnvironmentOrder"), *item;
    size_t i;
    json_array_foreach(order, i, item)
    {
        const char *text = json_string_value(json_object_get(item, "computeEnvironment"));
        g_autofree char *name = text ? name_of(KIND_COMPUTE_ENVIRONMENT, text) : NULL;
        g_autofree char *arn = resource_arn(KIND_COMPUTE_ENVIRONMENT, name ? name : "");
        json_object_set_new(item, "computeEnvironment", json_string(arn));
    }
}

/* batch: inferred from its environments. */
static const char *queue_type(const World *world, const Queue *queue)
{
    size_t len;
    Environment *const *environments = queue_environments(world, queue, &len);
    for (size_t i = 0; i < len; i++)
        if (environments[i] && is_fargate(environments[i]))
            return "ECS_FARGATE";
    return "ECS";
}

static json_t *queue_detail(OperationContext *context, const Resource *resource)
{
    static const char *const lists[] = {"computeEnvironmentOrder", "jobStateTimeLimitActions", NULL};
    const Queue *queue = resource->queue;
    g_autofree char *spec = override_spec(context->world, resource);
    g_autofree char *arn = resource_arn(KIND_JOB_QUEUE, resource->name);
    g_autofree char *pending = resource_pending_reason(context->world, resource);
    json_t *object = spec_batch(KIND_JOB_QUEUE, view_from(spec ? spec : resource->spec));
    json_set_text(object, "jobQueueName", resource->name);
    json_set_text(object, "jobQueueArn", arn);
    json_set_text(object, "state", queue->spec->enabled ? "ENABLED" : "DISABLED");
    json_set_text(object, "status", status_of(resource));
    json_set_text(object, "statusReason", pending && *pending ? pending : "JobQueue Healthy");
    json_set_number(object, "priority", queue->spec->priority);
    if (!json_object_get(object, "jobQueueType"))
        json_set_text(object, "jobQueueType", queue_type(context->world, queue));
    if (queue->spec->scheduling_policy) {
        g_autofree char *policy = resource_arn(KIND_SCHEDULING_POLICY, queue->spec->scheduling_policy);
        json_set_text(object, "schedulingPolicyArn", policy);
    }
    batch_fill_lists(object, lists);
    if (!json_object_get(object, "tags"))
        json_object_set_new(object, "tags", json_object());
    describe_environments(object);
    return object;
}

static void describe_one(OperationContext *context, const Resource *resource, Page *page)
{
    page_add(page, queue_detail(context, resource));
}

OperationStep describejobqueues_step(OperationContext *context, Call *call)
{
    static const ResourceListing listing = {
        .kind = KIND_JOB_QUEUE, .asked = "jobQueues", .answered = "jobQueues", .add = describe_one};
    return resource_list(context, call, &listing);
}
