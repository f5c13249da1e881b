#include "reconciler/api/resource_list.h"
#include "reconciler/api/declare.h"
#include "reconciler/api/peer.h"

static bool is_seen(const Call *call, const Resource *resource)
{
    return resource->kind != KIND_JOB_QUEUE || call_sees_queue(call, resource->name);
}

static OperationStep list_named(OperationContext *context, Call *call, const ResourceListing *listing,
                                const json_t *names)
{
    Page page = {.array = json_array()};
    const json_t *item;
    size_t i;
    json_array_foreach(names, i, item)
    {
        g_autofree char *name = json_is_string(item) ? name_of(listing->kind, json_string_value(item)) : NULL;
        const Resource *resource =
            name ? world_resource(context->world, listing->kind, view_from(name)) : NULL;
        if (resource && is_seen(call, resource))
            listing->add(context, resource, &page);
    }
    return page_done(call, &page, listing->answered);
}

OperationStep resource_list(OperationContext *context, Call *call, const ResourceListing *listing)
{
    const json_t *names = listing->asked ? json_object_get(call->request, listing->asked) : NULL;
    Page page;
    if (names && (!json_is_array(names) || json_array_size(names) > PAGE_MAX))
        return call_fail(call, FAULT_INVALID, "%s: a list of at most %d names or ARNs is expected",
                         listing->asked, PAGE_MAX);
    if (json_array_size(names))
        return list_named(context, call, listing, names);
    if (!page_begin(call, PAGE_MAX, &page))
        return STEP_DONE;
    page.data = listing->data;
    const Resource *at = world_resource_from(context->world, listing->kind, view_from(page.after));
    if (at && page.after && strcmp(at->name, page.after) == 0)
        at = world_resource_next(context->world, at);
    for (; at && at->kind == listing->kind && page_takes(&page, at->name);
         at = world_resource_next(context->world, at))
        if (is_seen(call, at))
            listing->add(context, at, &page);
    return page_done(call, &page, listing->answered);
}
