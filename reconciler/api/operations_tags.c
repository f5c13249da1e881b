/* operations_tags.c: Batch's TagResource, UntagResource, ListTagsForResource. Tags stand in the spec of what
 * has them; those of a job are what it was submitted with. A transport puts the ARN, which stands in the
 * path of the request, into the member resourceArn, and the query's tagKeys into a list. */
#include "reconciler/api/batch_form.h"
#include "reconciler/api/declare.h"
#include "reconciler/api/job_view.h"
#include "spec/base/units.h"
#include "spec/reference.h"

#define KEYS_MAX 50

/* What an ARN names: one of these, or a job. */
typedef struct {
    const Resource *resource;
    const RevisionRecord *revision;
    bool is_job;
    JobRef job;
} Tagged;

static bool find_revision(const World *world, const char *arn, Tagged *ret_tagged)
{
    View number, name = reference_name(KIND_JOB_DEFINITION, view_from(arn), &number);
    int64_t revision;
    if (name.len == strlen(arn) || !number.len || !integer_parse(number, &revision))
        return false;
    ret_tagged->revision = world_revision_find(world, name, revision);
    ret_tagged->resource = world_resource(world, KIND_JOB_DEFINITION, name);
    return ret_tagged->revision != NULL;
}

static bool find_resource(const World *world, const char *arn, Tagged *ret_tagged)
{
    static const Kind kinds[] = {KIND_COMPUTE_ENVIRONMENT, KIND_JOB_QUEUE, KIND_SCHEDULING_POLICY,
                                 KIND_CONSUMABLE_RESOURCE};
    for (size_t i = 0; i < G_N_ELEMENTS(kinds) && !ret_tagged->resource; i++) {
        g_autofree char *name = name_of(kinds[i], arn);
        if (name)
            ret_tagged->resource = world_resource(world, kinds[i], view_from(name));
    }
    return ret_tagged->resource != NULL;
}

static bool find_job(const char *arn, Tagged *ret_tagged)
{
    const char *id = strstr(arn, ":job/");
    ret_tagged->is_job = id && job_ref_parse(id + strlen(":job/"), &ret_tagged->job);
    return ret_tagged->is_job;
}

/* False: the call has failed. */
static bool tagged(OperationContext *context, Call *call, Tagged *ret_tagged)
{
    const char *arn;
    *ret_tagged = (Tagged){.is_job = false};
    if (!request_required(call, "resourceArn", &arn))
        return false;
    if (!g_str_has_prefix(arn, "arn:")) {
        call_fail(call, FAULT_INVALID, "resourceArn: \"%s\" is not an ARN", arn);
        return false;
    }
    if (find_resource(context->world, arn, ret_tagged) || find_revision(context->world, arn, ret_tagged) ||
        find_job(arn, ret_tagged))
        return true;
    call_fail(call, FAULT_NOT_FOUND, "resourceArn: there is no resource \"%s\"", arn);
    return false;
}

/* ---- tag, untag ---- */

static View spec_of(const Tagged *of)
{
    return of->revision ? of->revision->spec : view_from(of->resource->spec);
}

static Kind kind_of(const Tagged *of)
{
    return of->revision ? KIND_JOB_DEFINITION : of->resource->kind;
}

static bool may_tag(OperationContext *context, Call *call, const Tagged *of)
{
    if (!of->is_job)
        return !of->resource || declare_may_change(context, call, of->resource);
    call_fail(call, FAULT_INVALID, "the tags of a job are those of its submission and cannot be changed");
    return false;
}

/* It says where an environment was made to run (operations_environments.c), and that is so for ever. */
static bool keeps_place(Call *call, const Tagged *of, const json_t *before, const json_t *after)
{
    const char *was = json_string_value(json_object_get(before, PROVIDER_TAG)),
               *is = json_string_value(json_object_get(after, PROVIDER_TAG));
    if (of->revision || of->resource->kind != KIND_COMPUTE_ENVIRONMENT || g_strcmp0(was, is) == 0)
        return true;
    call_fail(call, FAULT_INVALID, PROVIDER_TAG ": where an environment runs is said when it is made");
    return false;
}

/* spec: taken, with its new tags. */
static OperationStep put_tags(OperationContext *context, Call *call, const Tagged *of, json_t *spec)
{
    bool is_done = false;
    json_t *before = spec_plain(kind_of(of), spec_of(of));
    bool keeps = keeps_place(call, of, json_object_get(before, "tags"), json_object_get(spec, "tags"));
    json_decref(before);
    if (!keeps)
        json_decref(spec);
    else if (of->revision)
        is_done = declare_revision(context, call, of->revision, spec);
    else {
        g_autofree char *name = g_strdup(of->resource->name);
        is_done = declare_put(context, call,
                              &(Declaration){.kind = of->resource->kind, .name = name, .spec = spec});
    }
    return is_done ? call_done(call, json_object()) : STEP_DONE;
}

OperationStep tagresource_step(OperationContext *context, Call *call)
{
    Tagged of;
    json_t *tags = json_object_get(call->request, "tags"), *value;
    const char *key;
    if (!tagged(context, call, &of) || !may_tag(context, call, &of))
        return STEP_DONE;
    if (!json_is_object(tags) || json_object_size(tags) == 0 || json_object_size(tags) > KEYS_MAX)
        return call_fail(call, FAULT_INVALID, "tags: 1 to %d tags are expected", KEYS_MAX);
    json_t *spec = spec_plain(kind_of(&of), spec_of(&of));
    if (!json_object_get(spec, "tags"))
        json_object_set_new(spec, "tags", json_object());
    json_object_foreach(tags, key, value) json_object_set(json_object_get(spec, "tags"), key, value);
    return put_tags(context, call, &of, spec);
}

OperationStep untagresource_step(OperationContext *context, Call *call)
{
    Tagged of;
    const json_t *keys = json_object_get(call->request, "tagKeys"), *key;
    size_t i;
    if (!tagged(context, call, &of) || !may_tag(context, call, &of))
        return STEP_DONE;
    if (!json_is_array(keys) || json_array_size(keys) == 0 || json_array_size(keys) > KEYS_MAX)
        return call_fail(call, FAULT_INVALID, "tagKeys: 1 to %d keys are expected", KEYS_MAX);
    json_t *spec = spec_plain(kind_of(&of), spec_of(&of));
    json_array_foreach(keys, i, key)
    {
        if (json_is_string(key))
            json_object_del(json_object_get(spec, "tags"), json_string_value(key));
    }
    if (json_object_size(json_object_get(spec, "tags")) == 0)
        json_object_del(spec, "tags");
    return put_tags(context, call, &of, spec);
}

/* ---- list ---- */

typedef struct {
    JobRef job;
    JobView *view;
} TagsQuery;

static void query_free(void *data)
{
    TagsQuery *query = data;
    job_view_free(query->view);
    g_free(query);
}

void listtagsforresource_gather(StoreReader *reader, Call *call)
{
    TagsQuery *query = call->state;
    g_autoptr(GError) error = NULL;
    if (!job_view_load(reader, &query->job.id, query->job.index, query->job.node, VIEW_BATCH, &query->view,
                       &error))
        call->gather_error = g_strdup(error->message);
}

static OperationStep list_done(Call *call, const json_t *holder)
{
    json_t *tags = json_object_get(holder, "tags");
    return call_done(call, json_pack("{s:o}", "tags", tags ? json_incref(tags) : json_object()));
}

static OperationStep list_job(Call *call)
{
    const TagsQuery *query = call->state;
    if (call->gather_error)
        return call_fail(call, FAULT_INTERNAL, "%s", call->gather_error);
    if (!query->view)
        return call_fail(call, FAULT_NOT_FOUND, "resourceArn: there is no such job");
    json_t *detail = job_view_detail(query->view, 0);
    OperationStep step = list_done(call, detail);
    json_decref(detail);
    return step;
}

OperationStep listtagsforresource_step(OperationContext *context, Call *call)
{
    Tagged of;
    if (call->state)
        return list_job(call);
    if (!tagged(context, call, &of))
        return STEP_DONE;
    if (of.is_job) {
        TagsQuery *query = g_new0(TagsQuery, 1);
        query->job = of.job;
        call->state = query;
        call->state_free = query_free;
        return STEP_GATHER;
    }
    json_t *spec = spec_plain(kind_of(&of), spec_of(&of));
    OperationStep step = list_done(call, spec);
    json_decref(spec);
    return step;
}
