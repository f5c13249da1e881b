/* operations_policies.c: Batch's CreateSchedulingPolicy, UpdateSchedulingPolicy, DeleteSchedulingPolicy,
 * DescribeSchedulingPolicies, ListSchedulingPolicies. */
#include "reconciler/api/batch_form.h"
#include "reconciler/api/declare.h"
#include "reconciler/api/resource_list.h"

/* What there is not here, and what Batch does not know. */
static bool refuse_foreign(Call *call)
{
    if (!request_is_batch(call, KIND_SCHEDULING_POLICY))
        return false;
    if (!json_object_get(call->request, "quotaSharePolicy"))
        return true;
    call_fail(call, FAULT_INVALID, "quotaSharePolicy: quota shares are not supported");
    return false;
}

OperationStep createschedulingpolicy_step(OperationContext *context, Call *call)
{
    const char *name;
    if (!request_required(call, "name", &name) || !refuse_foreign(call))
        return STEP_DONE;
    if (world_resource(context->world, KIND_SCHEDULING_POLICY, view_from(name)))
        return declare_exists(call);
    json_t *spec = json_deep_copy(call->request);
    json_object_del(spec, "name");
    json_object_del(spec, "peer");
    Declaration declaration = {.kind = KIND_SCHEDULING_POLICY, .name = name, .spec = spec};
    if (!declare_put(context, call, &declaration))
        return STEP_DONE;
    g_autofree char *arn = resource_arn(KIND_SCHEDULING_POLICY, name);
    return call_done(call, json_pack("{s:s,s:s}", "name", name, "arn", arn));
}

/* batch: a policy is named by its ARN only. NULL: the call has failed. */
static const Resource *policy_named(OperationContext *context, Call *call, const char *doing)
{
    const char *arn;
    if (!request_required(call, "arn", &arn))
        return NULL;
    g_autofree char *name = g_str_has_prefix(arn, "arn:") ? name_of(KIND_SCHEDULING_POLICY, arn) : NULL;
    const Resource *policy =
        name ? world_resource(context->world, KIND_SCHEDULING_POLICY, view_from(name)) : NULL;
    if (!policy)
        call_fail(call, FAULT_NOT_FOUND, "arn: \"%s\" is not the ARN of a scheduling policy", arn);
    return policy && declare_is_settled(context, call, policy, doing) ? policy : NULL;
}

OperationStep updateschedulingpolicy_step(OperationContext *context, Call *call)
{
    const Resource *policy = refuse_foreign(call) ? policy_named(context, call, "update") : NULL;
    json_t *fair = json_object_get(call->request, "fairsharePolicy");
    if (!policy)
        return STEP_DONE;
    json_t *spec = spec_plain(KIND_SCHEDULING_POLICY, view_from(policy->spec));
    if (fair)
        json_object_set(spec, "fairsharePolicy", fair);
    Declaration declaration = {.kind = KIND_SCHEDULING_POLICY, .name = policy->name, .spec = spec};
    if (!declare_put(context, call, &declaration))
        return STEP_DONE;
    return call_done(call, json_object());
}

static bool is_used(const World *world, const char *name)
{
    size_t len;
    Queue *const *queues = world_queues(world, &len);
    for (size_t i = 0; i < len; i++)
        if (g_strcmp0(queues[i]->spec->scheduling_policy, name) == 0 &&
            queues[i]->resource->phase != RESOURCE_DELETING)
            return true;
    return false;
}

OperationStep deleteschedulingpolicy_step(OperationContext *context, Call *call)
{
    const Resource *policy = policy_named(context, call, "delete");
    if (!policy)
        return STEP_DONE;
    if (is_used(context->world, policy->name))
        return call_fail(call, FAULT_REFUSED, "Cannot delete, found existing JobQueue relationship");
    if (!declare_delete(context, call, policy))
        return STEP_DONE;
    return call_done(call, json_object());
}

/* ---- describe, list ---- */

static json_t *policy_detail(const Resource *policy)
{
    g_autofree char *arn = resource_arn(KIND_SCHEDULING_POLICY, policy->name);
    json_t *object = spec_batch(KIND_SCHEDULING_POLICY, view_from(policy->spec));
    json_t *fair = json_object_get(object, "fairsharePolicy"), *share;
    size_t i;
    json_set_text(object, "name", policy->name);
    json_set_text(object, "arn", arn);
    if (!json_object_get(object, "tags"))
        json_object_set_new(object, "tags", json_object());
    if (!fair)
        return object;
    batch_fill_lists(fair, (const char *const[]){"shareDistribution", NULL});
    json_set_number(fair, "shareDecaySeconds",
                    json_integer_value(json_object_get(fair, "shareDecaySeconds")));
    json_set_number(fair, "computeReservation",
                    json_integer_value(json_object_get(fair, "computeReservation")));
    json_array_foreach(json_object_get(fair, "shareDistribution"), i, share)
    {
        if (!json_object_get(share, "weightFactor"))
            json_object_set_new(share, "weightFactor", json_real(1));
    }
    return object;
}

OperationStep describeschedulingpolicies_step(OperationContext *context, Call *call)
{
    const json_t *arns = json_object_get(call->request, "arns"), *item;
    json_t *array = json_array();
    size_t i;
    if (!json_is_array(arns) || json_array_size(arns) > PAGE_MAX) {
        json_decref(array);
        return call_fail(call, FAULT_INVALID, "arns: a list of at most %d ARNs is expected", PAGE_MAX);
    }
    json_array_foreach(arns, i, item)
    {
        const char *arn = json_string_value(item);
        g_autofree char *name =
            arn && g_str_has_prefix(arn, "arn:") ? name_of(KIND_SCHEDULING_POLICY, arn) : NULL;
        const Resource *policy =
            name ? world_resource(context->world, KIND_SCHEDULING_POLICY, view_from(name)) : NULL;
        if (policy)
            json_array_append_new(array, policy_detail(policy));
    }
    return call_done(call, json_pack("{s:o}", "schedulingPolicies", array));
}

static void list_one(OperationContext *context, const Resource *policy, Page *page)
{
    (void)context;
    g_autofree char *arn = resource_arn(KIND_SCHEDULING_POLICY, policy->name);
    page_add(page, json_pack("{s:s}", "arn", arn));
}

OperationStep listschedulingpolicies_step(OperationContext *context, Call *call)
{
    static const ResourceListing listing = {
        .kind = KIND_SCHEDULING_POLICY, .answered = "schedulingPolicies", .add = list_one};
    return resource_list(context, call, &listing);
}
