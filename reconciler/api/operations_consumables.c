/* operations_consumables.c: Batch's CreateConsumableResource, UpdateConsumableResource,
 * DeleteConsumableResource, DescribeConsumableResource, ListConsumableResources. */
#include "reconciler/api/batch_form.h"
#include "reconciler/api/declare.h"
#include "reconciler/api/filter.h"
#include "reconciler/api/resource_list.h"

#define TOKEN_MS  (8 * 60 * 60 * 1000LL) /* batch: a clientToken is known for so long */
#define TOKEN_MAX 64                     /* its characters */
#define TOKENS    100                    /* that are remembered of a resource; the oldest goes */

static const char *type_of(const Consumable *consumable)
{
    return consumable->spec->replenishable ? "REPLENISHABLE" : "NON_REPLENISHABLE";
}

static json_t *named_json(const char *name)
{
    g_autofree char *arn = resource_arn(KIND_CONSUMABLE_RESOURCE, name);
    return json_pack("{s:s,s:s}", "consumableResourceName", name, "consumableResourceArn", arn);
}

OperationStep createconsumableresource_step(OperationContext *context, Call *call)
{
    const char *name;
    if (!request_required(call, "consumableResourceName", &name))
        return STEP_DONE;
    if (world_resource(context->world, KIND_CONSUMABLE_RESOURCE, view_from(name)))
        return declare_exists(call);
    json_t *spec = json_deep_copy(call->request);
    json_object_del(spec, "consumableResourceName");
    json_object_del(spec, "peer");
    Declaration declaration = {.kind = KIND_CONSUMABLE_RESOURCE, .name = name, .spec = spec};
    if (!declare_put(context, call, &declaration))
        return STEP_DONE;
    return call_done(call, named_json(name));
}

/* NULL: the call has failed. */
static const Resource *resource_asked(OperationContext *context, Call *call)
{
    g_autofree char *name = NULL;
    if (!request_name(call, "consumableResource", KIND_CONSUMABLE_RESOURCE, &name))
        return NULL;
    const Resource *resource = world_resource(context->world, KIND_CONSUMABLE_RESOURCE, view_from(name));
    if (!resource)
        call_fail(call, FAULT_NOT_FOUND, "Consumable resource %s does not exist", name);
    return resource;
}

/* ---- update ---- */

static char *token_setting(const char *name)
{
    return g_strdup_printf("tokens ConsumableResource/%s", name);
}

/* [{"token", "at"}], oldest first, without those whose time is over. New reference. */
static json_t *tokens_known(const OperationContext *context, const char *setting)
{
    const char *text = world_setting(context->world, setting);
    json_t *tokens = text ? json_loads(text, 0, NULL) : NULL;
    if (!tokens)
        return json_array();
    while (json_array_size(tokens) > 0 &&
           json_integer_value(json_object_get(json_array_get(tokens, 0), "at")) + TOKEN_MS <= context->now_ms)
        json_array_remove(tokens, 0);
    return tokens;
}

/* Whether the request was carried out before; else it is remembered. */
static bool token_is_known(OperationContext *context, const char *name, const char *token)
{
    g_autofree char *setting = token_setting(name);
    json_t *tokens = tokens_known(context, setting), *item;
    bool is_known = false;
    size_t i;
    json_array_foreach(tokens, i, item) is_known =
        is_known || strcmp(json_string_value(json_object_get(item, "token")), token) == 0;
    if (!is_known) {
        if (json_array_size(tokens) == TOKENS)
            json_array_remove(tokens, 0);
        json_array_append_new(tokens,
                              json_pack("{s:s,s:I}", "token", token, "at", (json_int_t)context->now_ms));
        char *text = json_dumps(tokens, JSON_COMPACT | JSON_SORT_KEYS);
        world_set_setting(context->world, setting, text);
        free(text);
    }
    json_decref(tokens);
    return is_known;
}

static bool total_asked(Call *call, const Consumable *consumable, int64_t *ret_total)
{
    const char *operation = "SET";
    int64_t quantity = -1, total = consumable->spec->total_quantity;
    if (!request_string(call, "operation", &operation) || !request_integer(call, "quantity", &quantity))
        return false;
    if (quantity < 0) {
        call_fail(call, FAULT_INVALID, "quantity: a whole number of at least 0 is expected");
        return false;
    }
    if (strcmp(operation, "SET") == 0)
        *ret_total = quantity;
    else if (strcmp(operation, "ADD") == 0 && quantity <= INT64_MAX - total)
        *ret_total = total + quantity;
    else if (strcmp(operation, "REMOVE") == 0)
        *ret_total = MAX(total - quantity, 0);
    else {
        call_fail(call, FAULT_INVALID, "operation: \"%s\" is not one of SET | ADD | REMOVE", operation);
        return false;
    }
    return true;
}

static OperationStep update_done(Call *call, const Resource *resource)
{
    json_t *body = named_json(resource->name);
    json_set_number(body, "totalQuantity", resource->consumable->spec->total_quantity);
    return call_done(call, body);
}

OperationStep updateconsumableresource_step(OperationContext *context, Call *call)
{
    const Resource *resource = resource_asked(context, call);
    const char *token = NULL;
    int64_t total;
    if (!resource || !declare_is_settled(context, call, resource, "update") ||
        !request_string(call, "clientToken", &token) || !total_asked(call, resource->consumable, &total))
        return STEP_DONE;
    if (token && (!*token || strlen(token) > TOKEN_MAX))
        return call_fail(call, FAULT_INVALID, "clientToken: 1 to %d characters are possible", TOKEN_MAX);
    if (token && token_is_known(context, resource->name, token))
        return update_done(call, resource);
    json_t *spec = spec_plain(KIND_CONSUMABLE_RESOURCE, view_from(resource->spec));
    json_set_number(spec, "totalQuantity", total);
    Declaration declaration = {.kind = KIND_CONSUMABLE_RESOURCE, .name = resource->name, .spec = spec};
    if (!declare_put(context, call, &declaration))
        return STEP_DONE;
    return update_done(call, resource);
}

OperationStep deleteconsumableresource_step(OperationContext *context, Call *call)
{
    const Resource *resource = resource_asked(context, call);
    if (!resource || !declare_is_settled(context, call, resource, "delete"))
        return STEP_DONE;
    g_autofree char *setting = token_setting(resource->name);
    if (!declare_delete(context, call, resource))
        return STEP_DONE;
    if (world_setting(context->world, setting))
        world_set_setting(context->world, setting, NULL);
    return call_done(call, json_object());
}

/* ---- describe, list ---- */

static int64_t in_use(const Consumable *consumable)
{
    return consumable->spec->replenishable ? consumable->in_use : consumable->used_up;
}

OperationStep describeconsumableresource_step(OperationContext *context, Call *call)
{
    const Resource *resource = resource_asked(context, call);
    if (!resource)
        return STEP_DONE;
    const Consumable *consumable = resource->consumable;
    json_t *spec = spec_batch(KIND_CONSUMABLE_RESOURCE, view_from(resource->spec));
    json_t *body = named_json(resource->name), *tags = json_object_get(spec, "tags");
    json_set_number(body, "totalQuantity", consumable->spec->total_quantity);
    json_set_number(body, "inUseQuantity", in_use(consumable));
    json_set_number(body, "availableQuantity", consumable_available(consumable));
    json_set_text(body, "resourceType", type_of(consumable));
    json_set_number(body, "createdAt", resource->created_ms);
    json_object_set_new(body, "tags", tags ? json_incref(tags) : json_object());
    json_decref(spec);
    return call_done(call, body);
}

static void list_one(OperationContext *context, const Resource *resource, Page *page)
{
    (void)context;
    json_t *item = named_json(resource->name);
    if (page->data && !name_matches(page->data, resource->name)) {
        json_decref(item);
        return;
    }
    json_set_number(item, "totalQuantity", resource->consumable->spec->total_quantity);
    json_set_number(item, "inUseQuantity", in_use(resource->consumable));
    json_set_text(item, "resourceType", type_of(resource->consumable));
    page_add(page, item);
}

OperationStep listconsumableresources_step(OperationContext *context, Call *call)
{
    static const char *const names[] = {"CONSUMABLE_RESOURCE_NAME", NULL};
    ResourceListing listing = {
        .kind = KIND_CONSUMABLE_RESOURCE, .answered = "consumableResources", .add = list_one};
    BatchFilter filter;
    if (!request_filter(call, names, &filter))
        return STEP_DONE;
    listing.data = filter.value;
    return resource_list(context, call, &listing);
}
