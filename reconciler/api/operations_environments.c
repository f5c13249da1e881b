/* operations_environments.c: Batch's CreateComputeEnvironment, UpdateComputeEnvironment,
 * DeleteComputeEnvironment, DescribeComputeEnvironments. */
#include "reconciler/api/batch_form.h"
#include "reconciler/api/declare.h"
#include "reconciler/api/page.h"
#include "reconciler/api/resource_list.h"
#include "reconciler/world/override.h"

static json_t *changed_json(const char *name)
{
    g_autofree char *arn = resource_arn(KIND_COMPUTE_ENVIRONMENT, name);
    return json_pack("{s:s,s:s}", "computeEnvironmentName", name, "computeEnvironmentArn", arn);
}

/* ---- create ---- */

static bool place_by_tag(Call *call, json_t *spec)
{
    const char *told = json_string_value(json_object_get(json_object_get(spec, "tags"), PROVIDER_TAG));
    ProviderType type;
    if (!told)
        return true;
    if (!provider_type_from(view_from(told), &type)) {
        call_fail(call, FAULT_INVALID,
                  "tags: " PROVIDER_TAG ": \"%s\" is not one of local, docker, aws, simulated", told);
        return false;
    }
    json_object_set_new(spec, "provider", json_pack("{s:s}", "type", told));
    return true;
}

/* batch: desiredvCpus is the scheduler's; what a request says of it is judged and not kept. */
static bool take_desired(Call *call, json_t *resources, int64_t now)
{
    const json_t *desired = json_object_get(resources, "desiredvCpus");
    int64_t value = json_integer_value(desired),
            least = json_integer_value(json_object_get(resources, "minvCpus")),
            most = json_integer_value(json_object_get(resources, "maxvCpus"));
    if (!desired)
        return true;
    if (!json_is_integer(desired) || value < least || value > most) {
        call_fail(call, FAULT_INVALID, "desiredvCpus should be between minvCpus and maxvCpus");
        return false;
    }
    if (value < now) {
        call_fail(call, FAULT_INVALID,
                  "Manually scaling down compute environment is not supported. Disconnecting job queues from "
                  "compute environment will cause it to scale-down to minvCpus.");
        return false;
    }
    json_object_del(resources, "desiredvCpus");
    return true;
}

OperationStep createcomputeenvironment_step(OperationContext *context, Call *call)
{
    const char *name, *type;
    if (!request_required(call, "computeEnvironmentName", &name) || !request_required(call, "type", &type) ||
        !request_is_batch(call, KIND_COMPUTE_ENVIRONMENT))
        return STEP_DONE;
    if (world_resource(context->world, KIND_COMPUTE_ENVIRONMENT, view_from(name)))
        return declare_exists(call);
    if (strcmp(type, "MANAGED") == 0 && !json_object_get(call->request, "computeResources"))
        return call_fail(call, FAULT_INVALID,
                         "computeResources must be provided for a MANAGED compute environment");
    json_t *spec = json_deep_copy(call->request);
    json_object_del(spec, "computeEnvironmentName");
    json_object_del(spec, "peer");
    if (!place_by_tag(call, spec) || !take_desired(call, json_object_get(spec, "computeResources"), 0)) {
        json_decref(spec);
        return STEP_DONE;
    }
    Declaration declaration = {.kind = KIND_COMPUTE_ENVIRONMENT, .name = name, .spec = spec};
    if (!declare_put(context, call, &declaration))
        return STEP_DONE;
    return call_done(call, changed_json(name));
}

/* ---- update ---- */

/* batch: "" takes a text away; an empty list takes one away on EC2, and leaves it as it is on Fargate. */
static bool is_cleared(const char *member, const json_t *value)
{
    if (strcmp(member, "launchTemplate") == 0 && json_is_object(value)) {
        const char *id = json_string_value(json_object_get(value, "launchTemplateId")),
                   *name = json_string_value(json_object_get(value, "launchTemplateName"));
        return (id && !*id) || (name && !*name);
    }
    return (json_is_string(value) && json_string_length(value) == 0) ||
           (json_is_array(value) && json_array_size(value) == 0) ||
           (json_is_object(value) && json_object_size(value) == 0);
}

static void merge_resources(json_t *resources, json_t *update, bool is_fargate)
{
    const char *member;
    json_t *value;
    json_object_foreach(update, member, value)
    {
        if (!is_cleared(member, value))
            json_object_set(resources, member, value);
        else if (!is_fargate)
            json_object_del(resources, member);
    }
}

static bool merge_update(Call *call, const Environment *environment, json_t *spec)
{
    static const char *const members[] = {"state",   "unmanagedvCpus", "serviceRole",
                                          "context", "updatePolicy",   NULL};
    json_t *update = json_object_get(call->request, "computeResources");
    for (const char *const *member = members; *member; member++)
        if (json_object_get(call->request, *member))
            json_object_set(spec, *member, json_object_get(call->request, *member));
    if (!update)
        return true;
    json_t *resources = json_object_get(spec, "computeResources");
    if (!resources || !json_is_object(update)) {
        call_fail(call, FAULT_INVALID, "computeResources: %s",
                  resources ? "an object is expected" : "an UNMANAGED environment has none");
        return false;
    }
    ComputeType type = environment->spec->type;
    merge_resources(resources, update, type == CE_TYPE_FARGATE || type == CE_TYPE_FARGATE_SPOT);
    return take_desired(call, resources,
                        environment_has_instances(environment) ? environment->instance_vcpus : 0);
}

OperationStep updatecomputeenvironment_step(OperationContext *context, Call *call)
{
    g_autofree char *name = NULL;
    if (!request_name(call, "computeEnvironment", KIND_COMPUTE_ENVIRONMENT, &name) ||
        !request_is_batch(call, KIND_COMPUTE_ENVIRONMENT))
        return STEP_DONE;
    const Resource *resource = world_resource(context->world, KIND_COMPUTE_ENVIRONMENT, view_from(name));
    if (!resource)
        return call_fail(call, FAULT_NOT_FOUND, "Compute environment %s does not exist", name);
    if (!declare_is_settled(context, call, resource, "update"))
        return STEP_DONE;
    json_t *spec = spec_plain(KIND_COMPUTE_ENVIRONMENT, view_from(resource->spec));
    if (!merge_update(call, resource->environment, spec)) {
        json_decref(spec);
        return STEP_DONE;
    }
    Declaration declaration = {.kind = KIND_COMPUTE_ENVIRONMENT, .name = name, .spec = spec};
    if (!declare_put(context, call, &declaration))
        return STEP_DONE;
    return call_done(call, changed_json(name));
}

/* ---- delete ---- */

static bool has_queue(const World *world, const Environment *environment)
{
    size_t len;
    Queue *const *queues = world_queues(world, &len);
    for (size_t i = 0; i < len; i++)
        if (queues[i]->resource->phase != RESOURCE_DELETING &&
            queue_names_environment(world, queues[i], environment))
            return true;
    return false;
}

OperationStep deletecomputeenvironment_step(OperationContext *context, Call *call)
{
    g_autofree char *name = NULL;
    if (!request_name(call, "computeEnvironment", KIND_COMPUTE_ENVIRONMENT, &name))
        return STEP_DONE;
    const Resource *resource = world_resource(context->world, KIND_COMPUTE_ENVIRONMENT, view_from(name));
    if (!resource) /* batch: one that is not there is deleted */
        return call_done(call, json_object());
    if (!declare_is_settled(context, call, resource, "delete"))
        return STEP_DONE;
    if (resource->environment->spec->enabled)
        return call_fail(call, FAULT_REFUSED, "Cannot delete, state must be DISABLED");
    if (has_queue(context->world, resource->environment))
        return call_fail(call, FAULT_REFUSED, "Cannot delete, found existing JobQueue relationship");
    if (!declare_delete(context, call, resource))
        return STEP_DONE;
    return call_done(call, json_object());
}

/* ---- describe ---- */

static void set_default(json_t *object, const char *member, json_t *value /* taken */)
{
    if (json_object_get(object, member))
        json_decref(value);
    else
        json_object_set_new(object, member, value);
}

/* batch: desiredvCpus is status; the spec never changes it. */
static void describe_resources(const Environment *environment, json_t *resources)
{
    static const char *const lists[] = {"subnets", "securityGroupIds", NULL};
    ComputeType type = environment->spec->type;
    bool is_fargate = type == CE_TYPE_FARGATE || type == CE_TYPE_FARGATE_SPOT;
    if (!resources)
        return;
    set_default(resources, "type", json_string("EC2"));
    set_default(resources, "maxvCpus", json_integer(environment->spec->max_vcpus));
    batch_fill_lists(resources, lists);
    if (is_fargate)
        return;
    set_default(resources, "minvCpus", json_integer(0));
    set_default(resources, "allocationStrategy", json_string("BEST_FIT"));
    batch_fill_lists(resources, (const char *const[]){"instanceTypes", "ec2Configuration", NULL});
    if (!json_object_get(resources, "tags"))
        json_object_set_new(resources, "tags", json_object());
    json_object_del(resources, "desiredvCpus");
    if (environment_has_instances(environment))
        json_set_number(resources, "desiredvCpus", environment->instance_vcpus);
}

static void describe_status(OperationContext *context, const Environment *environment, json_t *object)
{
    g_auto(EnvironmentStanding) standing = {0};
    bool has_standing = context->standing && context->standing(environment, &standing, context->growth_data);
    const char *status = environment_view_status(environment, has_standing ? &standing : NULL);
    const Resource *resource = environment->resource;
    g_autofree char *pending = resource_pending_reason(context->world, resource);
    const char *reason = has_standing && standing.invalid ? standing.invalid
                         : pending && *pending            ? pending
                         : resource->status_reason        ? resource->status_reason
                                                          : "ComputeEnvironment Healthy";
    json_set_text(object, "status", status);
    json_set_text(object, "statusReason", reason);
}

/* A UUID that is the environment's as long as it lives: of its name and of when it was made. */
static void set_uuid(const Resource *resource, json_t *object)
{
    g_autofree char *text = g_strdup_printf("%s %" G_GINT64_FORMAT, resource->name, resource->created_ms);
    Digest digest;
    JobId id;
    char uuid[37];
    digest_of(view_from(text), &digest);
    memcpy(id.bytes, digest.bytes, sizeof id.bytes);
    id.bytes[6] = (uint8_t)((id.bytes[6] & 0x0f) | 0x40);
    id.bytes[8] = (uint8_t)((id.bytes[8] & 0x3f) | 0x80);
    job_id_to_text(&id, uuid);
    json_set_text(object, "uuid", uuid);
}

static json_t *environment_detail(OperationContext *context, const Resource *resource)
{
    const Environment *environment = resource->environment;
    g_autofree char *spec = override_spec(context->world, resource);
    g_autofree char *arn = resource_arn(KIND_COMPUTE_ENVIRONMENT, resource->name);
    json_t *object = spec_batch(KIND_COMPUTE_ENVIRONMENT, view_from(spec ? spec : resource->spec));
    json_set_text(object, "computeEnvironmentName", resource->name);
    json_set_text(object, "computeEnvironmentArn", arn);
    json_set_text(object, "state", environment->spec->enabled ? "ENABLED" : "DISABLED");
    json_set_text(object, "type", environment->spec->type == CE_TYPE_UNMANAGED ? "UNMANAGED" : "MANAGED");
    json_set_text(object, "containerOrchestrationType", "ECS");
    if (!json_object_get(object, "tags"))
        json_object_set_new(object, "tags", json_object());
    set_uuid(resource, object);
    describe_resources(environment, json_object_get(object, "computeResources"));
    describe_status(context, environment, object);
    return object;
}

static void describe_one(OperationContext *context, const Resource *resource, Page *page)
{
    page_add(page, environment_detail(context, resource));
}

OperationStep describecomputeenvironments_step(OperationContext *context, Call *call)
{
    static const ResourceListing listing = {.kind = KIND_COMPUTE_ENVIRONMENT,
                                            .asked = "computeEnvironments",
                                            .answered = "computeEnvironments",
                                            .add = describe_one};
    return resource_list(context, call, &listing);
}
