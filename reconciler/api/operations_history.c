/* operations_history.c: what was reconciled; who set each field of a resource, and what was done to it. */
#include "reconciler/api/operation.h"
#include "reconciler/plan/change.h"
#include "reconciler/plan/recorded.h"

#define LIMIT_DEFAULT 50
#define LIMIT_MAX     10000
#define BLAME_CHANGES 500 /* newest changes of a resource that are looked through and listed */

typedef struct {
    char *source, *name; /* name NULL: reconciles */
    Kind kind;
    int64_t limit;
    bool is_known; /* something is there or was */
    json_t *body;
    json_t *changes; /* of the resource, newest first: BLAME_CHANGES at most */
} PastQuery;

static void history_free(void *data)
{
    PastQuery *history = data;
    g_free(history->source);
    g_free(history->name);
    json_decref(history->body);
    json_decref(history->changes);
    g_free(history);
}

/* ---- reconciles ---- */

static bool add_reconcile(const ApplyRecord *record, void *data)
{
    json_array_append_new(data, json_apply(record));
    return true;
}

static bool gather_reconciles(StoreReader *reader, PastQuery *history, GError **error)
{
    json_t *reconciles = json_array();
    json_object_set_new(history->body, "reconciles", reconciles);
    history->is_known = true;
    return store_reader_applies(reader, history->source, 0, (size_t)history->limit, add_reconcile, reconciles,
                                error);
}

/* ---- changes of a resource ---- */

static bool add_change(const ChangeRecord *record, void *data)
{
    PastQuery *history = data;
    json_t *change = json_object();
    json_set_text(change, "action", change_action_name(record->action));
    json_set_time(change, "at", record->at_ms);
    json_set_view(change, "owner", record->owner);
    json_set_view(change, "reason", record->reason);
    json_set_view(change, "actor", record->actor);
    if (record->apply_id)
        json_set_number(change, "reconcile", record->apply_id);
    json_t *fields = record->fields.len ? json_loadb(record->fields.data, record->fields.len, 0, NULL) : NULL;
    json_object_set_new(change, "fields", fields ? fields : json_array());
    json_array_append_new(history->changes, change);
    return true;
}

/* Those that expired are left out: the change still names the reconcile's number and time. */
static bool add_reconcile_of(StoreReader *reader, json_t *change, GError **error)
{
    int64_t id = json_integer_value(json_object_get(change, "reconcile"));
    ApplyRecord record;
    bool found = false;
    if (!id)
        return true;
    if (!store_reader_apply(reader, id, &found, &record, error))
        return false;
    if (!found)
        return true;
    json_set_view(change, "revision", record.revision);
    json_set_view(change, "author", record.author);
    json_set_view(change, "signature", record.signature);
    json_set_view(change, "actor", record.actor);
    json_set_text(change, "how", apply_trigger_name(record.trigger));
    return true;
}

/* ---- blame ---- */

static bool is_at_or_below(const char *path, const char *above)
{
    size_t len = strlen(above);
    return strncmp(path, above, len) == 0 && (path[len] == '\0' || path[len] == '.' || path[len] == '[');
}

/* A change of what a field stands in set it too, and so did one of what stands in it. */
static bool touches(const json_t *change, const char *path)
{
    const json_t *field;
    size_t index;
    json_array_foreach(json_object_get(change, "fields"), index, field)
    {
        const char *other = json_string_value(json_object_get(field, "path"));
        if (other && (is_at_or_below(path, other) || is_at_or_below(other, path)))
            return true;
    }
    return false;
}

/* NULL: it was set before what is kept. */
static json_t *setter_of(const json_t *changes, const char *path)
{
    json_t *change;
    size_t index;
    json_array_foreach(changes, index, change)
    {
        const char *action = json_string_value(json_object_get(change, "action"));
        if (touches(change, path) || strcmp(action, change_action_name(CHANGE_CREATE)) == 0)
            return change;
    }
    return NULL;
}

static json_t *fields_of(const ResourceRecord *resource)
{
    g_autoptr(GString) text = g_string_new(NULL);
    size_t unchanged = 0;
    g_autoptr(GPtrArray) fields = fields_new();
    metadata_compare(VIEW("{}"), resource->metadata, fields, &unchanged);
    g_autoptr(GPtrArray) specs = compare_specs(resource->kind, VIEW(""), resource->spec);
    for (guint i = 0; i < specs->len; i++)
        g_ptr_array_add(fields, g_ptr_array_index(specs, i));
    g_ptr_array_set_free_func(specs, NULL);
    recorded_fields(fields, resource->metadata, text);
    json_t *list = json_loadb(text->str, text->len, 0, NULL);
    return list ? list : json_array();
}

/* The change without its fields: who and when. */
static json_t *change_brief(const json_t *change)
{
    json_t *brief = json_copy((json_t *)(uintptr_t)change);
    json_object_del(brief, "fields");
    return brief;
}

static void blame(PastQuery *history, const ResourceRecord *resource)
{
    json_t *fields = fields_of(resource), *field;
    json_t *blamed = json_array();
    size_t index;
    json_array_foreach(fields, index, field)
    {
        const char *path = json_string_value(json_object_get(field, "path"));
        json_t *one = json_object(), *setter = setter_of(history->changes, path);
        json_object_set(one, "path", json_object_get(field, "path"));
        if (json_object_get(field, "after"))
            json_object_set(one, "value", json_object_get(field, "after"));
        if (json_object_get(field, "omitted"))
            json_object_set(one, "omitted", json_object_get(field, "omitted"));
        else if (setter)
            json_object_set_new(one, "change", change_brief(setter));
        json_array_append_new(blamed, one);
    }
    json_decref(fields);
    json_object_set_new(history->body, "fields", blamed);
}

static bool gather_resource(StoreReader *reader, PastQuery *history, GError **error)
{
    View name = view_from(history->name);
    json_t *change;
    size_t index;
    bool found = false;
    ResourceRecord resource;
    if (!store_reader_changes(reader, history->kind, name, BLAME_CHANGES, add_change, history, error))
        return false;
    json_array_foreach(history->changes, index, change)
    {
        if (!add_reconcile_of(reader, change, error))
            return false;
    }
    if (!store_reader_resource(reader, history->kind, name, &found, &resource, error))
        return false;
    json_set_text(history->body, "kind", kind_name(history->kind));
    json_set_text(history->body, "name", history->name);
    json_object_set_new(history->body, "present", json_boolean(found));
    if (found) {
        json_set_view(history->body, "owner", resource.owner);
        blame(history, &resource);
    }
    history->is_known = found || json_array_size(history->changes) > 0;
    while ((int64_t)json_array_size(history->changes) > history->limit)
        json_array_remove(history->changes, json_array_size(history->changes) - 1);
    json_object_set(history->body, "changes", history->changes);
    return true;
}

/* ---- the operation ---- */

void history_gather(StoreReader *reader, Call *call)
{
    PastQuery *history = call->state;
    g_autoptr(GError) error = NULL;
    bool read =
        history->name ? gather_resource(reader, history, &error) : gather_reconciles(reader, history, &error);
    if (!read)
        call->gather_error = g_strdup(error->message);
}

static OperationStep ask(Call *call)
{
    const char *source = NULL, *kind_text = NULL, *name = NULL;
    int64_t limit = LIMIT_DEFAULT;
    Kind kind = KIND_COUNT;
    if (!request_string(call, "source", &source) || !request_string(call, "kind", &kind_text) ||
        !request_string(call, "name", &name) || !request_integer(call, "limit", &limit))
        return STEP_DONE;
    if (!kind_text != !name || (name && source))
        return call_fail(call, FAULT_INVALID, "kind and name are expected together, and without source");
    if (limit < 1 || limit > LIMIT_MAX)
        return call_fail(call, FAULT_INVALID, "limit: 1 to %d are possible", LIMIT_MAX);
    if (kind_text && !kind_from_name(view_from(kind_text), &kind))
        return call_fail(call, FAULT_INVALID, "there is no kind \"%s\"", kind_text);
    if (kind == KIND_JOB)
        return call_fail(call, FAULT_INVALID, "a Job is its runs: muster get runs %s", name);
    PastQuery *history = g_new0(PastQuery, 1);
    history->source = g_strdup(source);
    history->name = g_strdup(name);
    history->kind = kind;
    history->limit = limit;
    history->body = json_object();
    history->changes = json_array();
    call->state = history;
    call->state_free = history_free;
    call->phase = 1;
    return STEP_GATHER;
}

OperationStep history_step(OperationContext *context, Call *call)
{
    (void)context;
    if (call->phase == 0)
        return ask(call);
    if (call->gather_error)
        return call_fail(call, FAULT_INTERNAL, "%s", call->gather_error);
    const PastQuery *history = call->state;
    if (!history->is_known)
        return call_fail(call, FAULT_NOT_FOUND, "there is no %s \"%s\", and nothing is recorded of one",
                         kind_name(history->kind), history->name);
    return call_done(call, json_incref(history->body));
}
