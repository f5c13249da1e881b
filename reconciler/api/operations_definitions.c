/* operations_definitions.c: Batch's RegisterJobDefinition, DeregisterJobDefinition, DescribeJobDefinitions.
 */
#include "reconciler/api/batch_form.h"
#include "reconciler/api/declare.h"
#include "reconciler/api/page.h"
#include "spec/base/units.h"
#include "spec/reference.h"

/* ---- register ---- */

/* The members of the request that a manifest's spec has too. New reference. */
static json_t *spec_of_request(const Call *call)
{
    json_t *spec = json_copy(call->request);
    json_object_del(spec, "jobDefinitionName");
    json_object_del(spec, "peer");
    return spec;
}

static json_t *registered_json(const World *world, const char *name)
{
    const RevisionRecord *newest = world_revision(world, view_from(name), NULL);
    g_assert(newest);
    g_autofree char *full = g_strdup_printf("%s:%" G_GINT64_FORMAT, name, newest->revision);
    g_autofree char *arn = resource_arn(KIND_JOB_DEFINITION, full);
    return json_pack("{s:s,s:s,s:I}", "jobDefinitionName", name, "jobDefinitionArn", arn, "revision",
                     (json_int_t)newest->revision);
}

OperationStep registerjobdefinition_step(OperationContext *context, Call *call)
{
    const char *name, *type;
    if (!request_required(call, "jobDefinitionName", &name) || !request_required(call, "type", &type) ||
        !request_is_batch(call, KIND_JOB_DEFINITION))
        return STEP_DONE;
    const Resource *resource = world_resource(context->world, KIND_JOB_DEFINITION, view_from(name));
    if (resource && !declare_may_change(context, call, resource))
        return STEP_DONE;
    Declaration declaration = {
        .kind = KIND_JOB_DEFINITION, .name = name, .spec = spec_of_request(call), .is_new_revision = true};
    if (!declare_put(context, call, &declaration))
        return STEP_DONE;
    return call_done(call, registered_json(context->world, name));
}

/* ---- deregister ---- */

static const RevisionRecord *revision_named(const World *world, const char *text)
{
    View number, name = reference_name(KIND_JOB_DEFINITION, view_from(text), &number);
    int64_t revision;
    return number.len && integer_parse(number, &revision) ? world_revision_find(world, name, revision) : NULL;
}

static OperationStep deregister(OperationContext *context, Call *call, Resource *resource,
                                const RevisionRecord *revision)
{
    g_autofree char *name = g_strdup(resource->name);
    g_autofree char *reason =
        g_strdup_printf("revision %" G_GINT64_FORMAT " deregistered", revision->revision);
    declare_note(context, call, resource, reason);
    bool is_left =
        definition_deregister(context->world, view_from(name), revision->revision, context->now_ms);
    if (!is_left && !declare_delete(context, call, resource))
        return STEP_DONE;
    return call_done(call, json_object());
}

OperationStep deregisterjobdefinition_step(OperationContext *context, Call *call)
{
    const char *text;
    if (!request_required(call, "jobDefinition", &text))
        return STEP_DONE;
    const RevisionRecord *revision = revision_named(context->world, text);
    if (!revision)
        return call_fail(call, FAULT_NOT_FOUND,
                         "JobDefinition %s does not exist: NAME:REVISION or an ARN with the revision is "
                         "expected",
                         text);
    Resource *resource = world_resource(context->world, KIND_JOB_DEFINITION, revision->name);
    if (resource && !declare_may_change(context, call, resource))
        return STEP_DONE;
    if (!revision->active || !resource) /* batch: an INACTIVE one succeeds */
        return call_done(call, json_object());
    return deregister(context, call, resource, revision);
}

/* ---- describe ---- */

static json_t *definition_detail(const RevisionRecord *revision)
{
    g_autofree char *name = g_strndup(revision->name.data, revision->name.len);
    g_autofree char *full = g_strdup_printf("%s:%" G_GINT64_FORMAT, name, revision->revision);
    g_autofree char *arn = resource_arn(KIND_JOB_DEFINITION, full);
    json_t *object = spec_batch(KIND_JOB_DEFINITION, revision->spec);
    batch_fill_definition(object);
    json_set_text(object, "jobDefinitionName", name);
    json_set_text(object, "jobDefinitionArn", arn);
    json_set_number(object, "revision", revision->revision);
    json_set_text(object, "status", revision->active ? "ACTIVE" : "INACTIVE");
    json_set_text(object, "containerOrchestrationType", "ECS");
    if (!json_object_get(object, "type"))
        json_set_text(object, "type", "container");
    if (!json_object_get(object, "platformCapabilities"))
        json_object_set_new(object, "platformCapabilities", json_pack("[s]", "EC2"));
    static const char *const maps[] = {"parameters", "tags"};
    for (size_t i = 0; i < G_N_ELEMENTS(maps); i++)
        if (!json_object_get(object, maps[i]))
            json_object_set_new(object, maps[i], json_object());
    return object;
}

typedef struct {
    const char *name; /* NULL: all */
    bool has_status, is_active;
} Wanted;

/* batch: a list of revisions stands alone; a name without a revision is its newest ACTIVE one. */
static OperationStep describe_listed(const World *world, Call *call, const json_t *list)
{
    json_t *array = json_array();
    const json_t *item;
    size_t i;
    json_array_foreach(list, i, item)
    {
        const char *text = json_string_value(item);
        const RevisionRecord *revision = text ? revision_named(world, text) : NULL;
        if (text && !revision)
            revision = world_revision(world, view_from(text), NULL);
        if (revision)
            json_array_append_new(array, definition_detail(revision));
    }
    return call_done(call, json_pack("{s:o}", "jobDefinitions", array));
}

/* "NAME:REVISION" of a token; below is that revision. */
static bool read_key(const char *key, View *ret_name, int64_t *ret_below)
{
    const char *colon = key ? strrchr(key, ':') : NULL;
    if (!colon)
        return key == NULL;
    *ret_name = (View){key, (size_t)(colon - key)};
    return integer_parse(view_from(colon + 1), ret_below) && *ret_below > 0;
}

static OperationStep describe_pages(const World *world, Call *call, const Wanted *wanted)
{
    Page page;
    View name = view_from(wanted->name);
    int64_t below = 0;
    if (!page_begin(call, PAGE_MAX, &page))
        return STEP_DONE;
    if (!read_key(page.after, &name, &below))
        below = 0;
    for (const RevisionRecord *at = world_revision_from(world, name, below); at;
         at = world_revision_next(world, at)) {
        g_autofree char *key =
            g_strdup_printf(VIEW_FMT ":%" G_GINT64_FORMAT, VIEW_ARG(at->name), at->revision);
        if ((wanted->name && !view_is(at->name, wanted->name)) || !page_takes(&page, key))
            break;
        if (!wanted->has_status || wanted->is_active == at->active)
            page_add(&page, definition_detail(at));
    }
    return page_done(call, &page, "jobDefinitions");
}

OperationStep describejobdefinitions_step(OperationContext *context, Call *call)
{
    const json_t *list = json_object_get(call->request, "jobDefinitions");
    const char *name = NULL, *status = NULL;
    g_autofree char *plain = NULL;
    if (!request_string(call, "jobDefinitionName", &name) || !request_string(call, "status", &status))
        return STEP_DONE;
    if (list && (!json_is_array(list) || json_array_size(list) > PAGE_MAX))
        return call_fail(call, FAULT_INVALID,
                         "jobDefinitions: a list of at most %d names or ARNs is expected", PAGE_MAX);
    if (status && strcmp(status, "ACTIVE") != 0 && strcmp(status, "INACTIVE") != 0)
        return call_fail(call, FAULT_INVALID, "status: \"%s\" is not one of ACTIVE | INACTIVE", status);
    if (json_array_size(list))
        return describe_listed(context->world, call, list);
    if (name && !(plain = name_of(KIND_JOB_DEFINITION, name)))
        return call_fail(call, FAULT_INVALID, "jobDefinitionName: \"%s\" is no name", name);
    Wanted wanted = {
        .name = plain, .has_status = status != NULL, .is_active = g_strcmp0(status, "ACTIVE") == 0};
    return describe_pages(context->world, call, &wanted);
}
