#include "reconciler/api/declare.h"
#include "reconciler/api/batch_form.h"
#include "reconciler/plan/change.h"
#include "reconciler/plan/stage.h"
#include "spec/reference.h"

#define HTTP_CONFLICT 409

static const char *const arn_types[KIND_COUNT] = {
    [KIND_SCHEDULING_POLICY] = "scheduling-policy",     [KIND_CONSUMABLE_RESOURCE] = "consumable-resource",
    [KIND_COMPUTE_ENVIRONMENT] = "compute-environment", [KIND_JOB_QUEUE] = "job-queue",
    [KIND_JOB_DEFINITION] = "job-definition",
};

/* ---- members of a request ---- */

bool request_required(Call *call, const char *member, const char **ret_text)
{
    const char *text = NULL;
    if (!request_string(call, member, &text))
        return false;
    if (!text || !*text) {
        call_fail(call, FAULT_INVALID, "'%s' is a required field (cannot be an empty string)", member);
        return false;
    }
    *ret_text = text;
    return true;
}

bool request_is_batch(Call *call, Kind kind)
{
    const char *foreign = batch_foreign(kind, call->request);
    if (foreign)
        call_fail(call, FAULT_INVALID, "%s: AWS Batch has no such member; a manifest can say it", foreign);
    return !foreign;
}

char *name_of(Kind kind, const char *text)
{
    View qualifier, name = reference_name(kind, view_from(text), &qualifier);
    bool is_of_other_kind = name.len == strlen(text) && g_str_has_prefix(text, "arn:");
    return is_of_other_kind || name.len == 0 ? NULL : g_strndup(name.data, name.len);
}

bool request_name(Call *call, const char *member, Kind kind, char **ret_name)
{
    const char *text;
    if (!request_required(call, member, &text))
        return false;
    char *name = name_of(kind, text);
    if (!name)
        call_fail(call, FAULT_INVALID, "%s: \"%s\" is not the name or the ARN of a %s", member, text,
                  kind_name(kind));
    *ret_name = name;
    return name != NULL;
}

char *resource_arn(Kind kind, const char *name)
{
    return arn_of(arn_types[kind], name);
}

/* Who asked, as the transport knows it; "": it does not. */
static const char *actor_of(const Call *call)
{
    const char *user = json_string_value(json_object_get(json_object_get(call->request, "peer"), "user"));
    return user ? user : "";
}

/* ---- what a request may not touch ---- */

OperationStep declare_exists(Call *call)
{
    call_fail(call, FAULT_INVALID, "Object already exists");
    call->result.http_status = HTTP_CONFLICT; /* batch: "Errors", as the service answers it */
    return STEP_DONE;
}

bool declare_may_change(OperationContext *context, Call *call, const Resource *resource)
{
    if (!*resource->owner)
        return true;
    const ApplyRecord *apply = world_apply_newest(context->world, resource->owner);
    View revision = apply ? apply->revision : VIEW("");
    revision.len = MIN(revision.len, 12);
    call_fail(call, FAULT_REFUSED,
              "%s %s belongs to source %s (%s:%d%s" VIEW_FMT
              "): change it there, or let it go first (muster forget)",
              kind_name(resource->kind), resource->name, resource->owner, resource->file, resource->line,
              revision.len ? ", revision " : "", VIEW_ARG(revision));
    return false;
}

bool declare_is_settled(OperationContext *context, Call *call, const Resource *resource, const char *doing)
{
    if (!declare_may_change(context, call, resource))
        return false;
    if (resource->phase == RESOURCE_ACTIVE)
        return true;
    call_fail(call, FAULT_REFUSED, "Cannot %s, resource is being modified.", doing);
    return false;
}

/* ---- a request becomes a manifest ---- */

/* Requests have no `spec`: paths begin below it. */
static char *request_words(const char *text)
{
    g_autoptr(GString) words = g_string_new(text);
    g_string_replace(words, "spec.", "", 0);
    return g_string_free(g_steal_pointer(&words), FALSE);
}

static void fail_found(Call *call, DiagnosticList *found)
{
    g_autoptr(GString) text = g_string_new(NULL);
    for (size_t i = 0, told = 0; i < diagnostic_list_len(found) && told < 5; i++) {
        const Diagnostic *one = diagnostic_list_get(found, i);
        if (one->severity != SEVERITY_ERROR)
            continue;
        g_autofree char *path = request_words(one->path ? one->path : ""),
                        *message = request_words(one->message);
        bool says_where = !*path || g_str_has_prefix(message, path);
        g_string_append_printf(text, "%s%s%s%s", told++ ? "; " : "", says_where ? "" : path,
                               says_where ? "" : ": ", message);
    }
    call_fail(call, FAULT_INVALID, "%s", text->str);
}

/* Labels and annotations stay as they are: no request names them. */
static json_t *metadata_of(const Declaration *declaration, const Resource *resource)
{
    json_t *metadata = resource ? json_loads(resource->metadata, 0, NULL) : NULL;
    if (!metadata)
        metadata = json_object();
    json_set_text(metadata, "name", declaration->name);
    if (!resource && declaration->terminates)
        json_object_set_new(metadata, "annotations", json_pack("{s:s}", "muster/deletion", "terminate"));
    return metadata;
}

static const char *provider_of(const OperationContext *context, Kind kind, const Resource *resource)
{
    if (kind != KIND_COMPUTE_ENVIRONMENT)
        return NULL;
    return provider_type_name(resource ? resource->environment->provider
                                       : world_default_provider(context->world));
}

static ReferenceStanding is_known(Kind kind, View name, void *data)
{
    const OperationContext *context = data;
    const Resource *resource = world_resource(context->world, kind, name);
    return resource && resource->phase != RESOURCE_DELETING ? REFERENCE_KNOWN : REFERENCE_MISSING;
}

/* NULL with diagnostics. */
static ManifestSet *manifest_of(OperationContext *context, const Declaration *declaration,
                                const Resource *resource, DiagnosticList *found)
{
    g_autoptr(Arena) arena = arena_new();
    json_t *manifest =
        json_pack("{s:s,s:s,s:o,s:O}", "apiVersion", "muster/v1", "kind", kind_name(declaration->kind),
                  "metadata", metadata_of(declaration, resource), "spec", declaration->spec);
    bool says_provider = json_object_get(declaration->spec, "provider") != NULL;
    Document document = {.root = request_node(manifest, arena), .line = 1};
    ManifestContext rules = {.file = "",
                             .text = VIEW(""),
                             .first_line = 1,
                             .provider_override =
                                 says_provider ? NULL : provider_of(context, declaration->kind, resource)};
    ManifestBatch *batch = manifest_batch_new();
    ManifestSet *set = NULL;
    if (manifest_from_document(&document, &rules, batch, found) == MANIFEST_OK) {
        set = manifest_set_build(&batch, 1, NULL, found);
        reference_check(set, is_known, NULL, context, found);
    } else
        manifest_batch_free(batch);
    json_decref(manifest);
    if (set && diagnostic_list_count(found, SEVERITY_ERROR) > 0)
        g_clear_pointer(&set, manifest_set_unref);
    return set;
}

/* ---- a manifest becomes a change ---- */

static Plan *plan_of(ManifestSet *set, const Resource *resource)
{
    ResourceRecord record;
    PlanActual actual = {.source_known = true};
    PlanOptions options = {.source_name = "", .destroy = !set};
    if (resource) {
        record = (ResourceRecord){.kind = resource->kind,
                                  .name = view_from(resource->name),
                                  .spec = view_from(resource->spec),
                                  .metadata = view_from(resource->metadata),
                                  .digest = resource->digest,
                                  .next_digest = resource->next_digest,
                                  .file = view_from(resource->file),
                                  .line = resource->line,
                                  .phase = resource->phase,
                                  .deletion = resource->deletion,
                                  .prune = resource->prune,
                                  .revision = resource->revision};
        actual.resources = &record; /* not as let go: the request is about it */
        actual.resources_len = 1;
    }
    return plan_build(set, &actual, &options);
}

/* Nothing differs: a definition is registered all the same. */
static void add_revision(Plan *plan, const Resource *resource)
{
    const Manifest *manifest = manifest_set_get(plan->desired, 0);
    Change *change = change_new(plan, ACTION_UPDATE, manifest->kind, manifest->name);
    change_set_manifest(change, manifest);
    change_take_reason(
        plan, change,
        g_strdup_printf("new revision %" G_GINT64_FORMAT ", registered again", resource->revision + 1));
    g_ptr_array_add(plan->changes, change);
}

static bool refuse_replace(Call *call, const Change *change)
{
    g_autoptr(GString) fields = g_string_new(NULL);
    for (guint i = 0; i < change->fields->len; i++) {
        const FieldChange *field = change->fields->pdata[i];
        const char *path =
            g_str_has_prefix(field->path, "spec.") ? field->path + strlen("spec.") : field->path;
        if (field->effect == UPDATE_REPLACE)
            g_string_append_printf(fields, "%s%s", fields->len ? ", " : "", path);
    }
    call_fail(call, FAULT_INVALID, "%s cannot be changed by an update: make another %s in its place",
              fields->str, kind_name(change->kind));
    return false;
}

static bool stage_all(OperationContext *context, Call *call, const Plan *plan)
{
    Stage stage = {.world = context->world,
                   .owner = "",
                   .rng = context->rng,
                   .now_ms = context->now_ms,
                   .stops = context->stops,
                   .actor = actor_of(call)};
    for (guint i = 0; i < plan->changes->len; i++) {
        g_autoptr(GError) error = NULL;
        Change *change = plan->changes->pdata[i];
        if (change->action == ACTION_REPLACE)
            return refuse_replace(call, change);
        change->is_new_revision = change->kind == KIND_JOB_DEFINITION && change->manifest;
        if (change->action == ACTION_DELETE)
            change->reason = "deleted through the API";
        if (!stage_change(&stage, change, &error)) {
            call_fail_error(call, error);
            return false;
        }
        context->resources_changed = true;
    }
    return true;
}

bool declare_put(OperationContext *context, Call *call, const Declaration *declaration)
{
    g_autoptr(DiagnosticList) found = diagnostic_list_new();
    const Resource *resource =
        world_resource(context->world, declaration->kind, view_from(declaration->name));
    bool is_let_go = resource && resource->kept;
    g_autoptr(ManifestSet) set = manifest_of(context, declaration, resource, found);
    json_decref(declaration->spec);
    if (!set) {
        fail_found(call, found);
        return false;
    }
    g_autoptr(Plan) plan = plan_of(set, resource);
    if (plan->unmanaged->len && !digest_equal(&manifest_set_get(set, 0)->digest, &resource->digest)) {
        const PlanNote *note = plan->unmanaged->pdata[0]; /* muster/adopt of the manifest that it once had */
        call_fail(call, FAULT_REFUSED, "%s %s cannot be changed: %s", kind_name(resource->kind),
                  resource->name, note->message);
        return false;
    }
    if (plan_is_empty(plan) && declaration->is_new_revision)
        add_revision(plan, resource);
    if (!stage_all(context, call, plan))
        return false;
    if (is_let_go) /* and stays so: what its source says of it does not come back by this */
        resource_set_kept(context->world, declaration->kind, view_from(declaration->name), context->now_ms);
    return true;
}

bool declare_delete(OperationContext *context, Call *call, const Resource *resource)
{
    if (resource->deletion == DELETION_REFUSE) {
        call_fail(call, FAULT_REFUSED, "%s %s is marked muster/deletion: refuse", kind_name(resource->kind),
                  resource->name);
        return false;
    }
    g_autoptr(Plan) plan = plan_of(NULL, resource);
    return stage_all(context, call, plan);
}

void declare_note(OperationContext *context, const Call *call, const Resource *resource, const char *reason)
{
    context->resources_changed = true;
    world_change(context->world, &(ChangeRecord){.kind = resource->kind,
                                                 .name = view_from(resource->name),
                                                 .at_ms = context->now_ms,
                                                 .actor = view_from(actor_of(call)),
                                                 .action = CHANGE_UPDATE,
                                                 .reason = view_from(reason)});
}

bool declare_revision(OperationContext *context, Call *call, const RevisionRecord *revision, json_t *spec)
{
    g_autoptr(DiagnosticList) found = diagnostic_list_new();
    g_autofree char *name = g_strndup(revision->name.data, revision->name.len);
    const Declaration declaration = {.kind = KIND_JOB_DEFINITION, .name = name, .spec = spec};
    const Resource *resource = world_resource(context->world, KIND_JOB_DEFINITION, view_from(name));
    g_autoptr(ManifestSet) set = manifest_of(context, &declaration, resource, found);
    json_decref(spec);
    if (!set) {
        fail_found(call, found);
        return false;
    }
    const Manifest *manifest = manifest_set_get(set, 0);
    if (digest_equal(&manifest->digest, &revision->digest))
        return true;
    g_autofree char *reason = g_strdup_printf("tags of revision %" G_GINT64_FORMAT, revision->revision);
    if (resource)
        declare_note(context, call, resource, reason);
    definition_respecify(context->world, view_from(name), revision->revision, manifest->spec,
                         &manifest->digest, context->now_ms);
    return true;
}
