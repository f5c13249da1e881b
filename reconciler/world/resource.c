/* Resources: created, updated, looked up. How they end or are replaced is in settle.c. */
#include "reconciler/world/drift.h"
#include "reconciler/world/job.h"
#include "reconciler/world/override.h"
#include "reconciler/world/pins.h"
#include "spec/compare.h"
#include <stdlib.h>

static int resource_key_compare(const TreeNode *node, const void *key)
{
    const Resource *resource = &TREE_ENTRY(node, ResourceEntry, by_key)->resource;
    const ResourceKey *wanted = key;
    if (resource->kind != wanted->kind)
        return resource->kind < wanted->kind ? -1 : 1;
    return view_compare(view_from(resource->name), wanted->name);
}

static int resource_compare(const TreeNode *a, const TreeNode *b)
{
    const Resource *right = &TREE_ENTRY(b, ResourceEntry, by_key)->resource;
    return resource_key_compare(a, &(ResourceKey){right->kind, view_from(right->name)});
}

/* What others refer to goes last: queues before environments. */
static int transit_compare(const TreeNode *a, const TreeNode *b)
{
    const Resource *left = &TREE_ENTRY(a, ResourceEntry, in_transit)->resource;
    const Resource *right = &TREE_ENTRY(b, ResourceEntry, in_transit)->resource;
    if (left->kind != right->kind)
        return left->kind > right->kind ? -1 : 1;
    return strcmp(left->name, right->name);
}

void resources_init(World *world)
{
    tree_init(&world->resources, resource_compare);
    tree_init(&world->graves, resource_compare);
    tree_init(&world->transit, transit_compare);
    world->slots = g_ptr_array_new();
    world->queues_stale = true;
    queue_order_init(world);
}

/* The lowest that is free: they stay dense. */
static void slot_take(World *world, Environment *environment)
{
    guint slot = 0;
    while (slot < world->slots->len && g_ptr_array_index(world->slots, slot))
        slot++;
    if (slot == world->slots->len)
        g_ptr_array_add(world->slots, NULL);
    g_ptr_array_index(world->slots, slot) = environment;
    environment->slot = slot;
}

unsigned world_environment_slots(const World *world)
{
    return world->slots->len;
}

static void derived_clear(Environment *environment)
{
    if (environment->derived)
        environment->derived_free(environment->derived);
    environment->derived = NULL;
}

static void environment_free(World *world, Environment *environment)
{
    if (!environment)
        return;
    g_ptr_array_index(world->slots, environment->slot) = NULL;
    derived_clear(environment);
    environment_instances_clear(environment);
    compute_environment_spec_free(environment->spec);
    g_free(environment->unmade);
    g_free(environment->outside);
    g_ref_string_release(environment_entry(environment)->name);
    g_free(environment);
}

static void queue_free(World *world, Queue *queue)
{
    if (!queue)
        return;
    queue_shares_clear(world, queue, false);
    queue_order_forget(world, queue);
    g_free(queue_entry(queue)->environments);
    job_queue_spec_free(queue->spec);
    g_free(queue);
}

void resource_entry_free(World *world, ResourceEntry *entry)
{
    Resource *resource = &entry->resource;
    environment_free(world, resource->environment);
    queue_free(world, resource->queue);
    scheduling_policy_spec_free(resource->policy);
    consumable_free(resource->consumable);
    timetable_free(entry);
    g_free(resource->name);
    g_free(resource->owner);
    g_free(resource->file);
    g_free(resource->status_reason);
    if (resource->spec)
        g_ref_string_release(resource->spec);
    g_free(resource->metadata);
    g_free(resource->next_spec);
    g_free(entry);
}

void resources_clear(World *world)
{
    Tree *trees[] = {&world->resources, &world->graves};
    for (size_t i = 0; i < G_N_ELEMENTS(trees); i++)
        for (TreeNode *node = tree_first(trees[i]); node; node = tree_first(trees[i])) {
            tree_remove(trees[i], node);
            resource_entry_free(world, TREE_ENTRY(node, ResourceEntry, by_key));
        }
    g_free(world->queues);
    g_free(world->limited);
    queue_order_clear(world);
    g_ptr_array_unref(world->slots);
}

/* ---- looking ---- */

Resource *world_resource(const World *world, Kind kind, View name)
{
    TreeNode *node = tree_find(&world->resources, &(ResourceKey){kind, name}, resource_key_compare);
    return node ? &TREE_ENTRY(node, ResourceEntry, by_key)->resource : NULL;
}

const Resource *world_resource_next(const World *world, const Resource *after)
{
    TreeNode *node = after ? tree_next(&resource_entry(after)->by_key) : tree_first(&world->resources);
    return node ? &TREE_ENTRY(node, ResourceEntry, by_key)->resource : NULL;
}

const Resource *world_resource_from(const World *world, Kind kind, View name)
{
    TreeNode *node = tree_lower_bound(&world->resources, &(ResourceKey){kind, name}, resource_key_compare);
    const Resource *found = node ? &TREE_ENTRY(node, ResourceEntry, by_key)->resource : NULL;
    return found && found->kind == kind ? found : NULL;
}

ProviderType world_default_provider(const World *world)
{
    return world->default_provider;
}

size_t world_resources_len(const World *world)
{
    return tree_len(&world->resources);
}

Environment *world_environment(const World *world, View name)
{
    Resource *resource = world_resource(world, KIND_COMPUTE_ENVIRONMENT, name);
    return resource ? resource->environment : NULL;
}

Environment *world_environment_next(const World *world, const Environment *after)
{
    TreeNode *node =
        after ? tree_next(&resource_entry(after->resource)->by_key)
              : tree_lower_bound(&world->resources, &(ResourceKey){KIND_COMPUTE_ENVIRONMENT, VIEW("")},
                                 resource_key_compare);
    return node ? TREE_ENTRY(node, ResourceEntry, by_key)->resource.environment : NULL;
}

/* By what a queue calls it, whose own change may be yet to come. */
static Environment *environment_named(const World *world, const char *name)
{
    Resource *resource = world_resource_renamed(world, KIND_COMPUTE_ENVIRONMENT, view_from(name));
    return resource ? resource->environment : NULL;
}

bool queue_names_environment(const World *world, const Queue *queue, const Environment *environment)
{
    size_t len;
    Environment *const *environments = queue_environments(world, queue, &len);
    for (size_t i = 0; i < len; i++)
        if (environments[i] == environment)
            return true;
    return false;
}

Environment *const *queue_environments(const World *world, const Queue *queue, size_t *ret_len)
{
    QueueEntry *entry = queue_entry(queue);
    char **names = queue->spec->compute_environments;
    if (entry->environments_at != world->feasibility || !entry->environments) {
        entry->environments_len = names ? g_strv_length(names) : 0;
        entry->environments = g_renew(Environment *, entry->environments, entry->environments_len + 1);
        for (size_t i = 0; i < entry->environments_len; i++)
            entry->environments[i] = environment_named(world, names[i]);
        entry->environments_at = world->feasibility;
    }
    *ret_len = entry->environments_len;
    return entry->environments;
}

ResourceRecord resource_record(const Resource *resource)
{
    return (ResourceRecord){.kind = resource->kind,
                            .name = view_from(resource->name),
                            .owner = view_from(resource->owner),
                            .spec = view_from(resource->spec),
                            .metadata = view_from(resource->metadata),
                            .digest = resource->digest,
                            .next_spec = view_from(resource->next_spec),
                            .next_digest = resource->next_digest,
                            .file = view_from(resource->file),
                            .line = resource->line,
                            .phase = resource->phase,
                            .deletion = resource->deletion,
                            .prune = resource->prune,
                            .kept = resource->kept,
                            .status_reason = view_from(resource->status_reason),
                            .revision = resource->revision,
                            .created_ms = resource->created_ms,
                            .updated_ms = resource->updated_ms,
                            .used_up = resource->consumable ? resource->consumable->used_up : 0};
}

ResourceRecord *world_resource_records(const World *world, size_t *ret_len)
{
    ResourceRecord *records = g_new(ResourceRecord, tree_len(&world->resources) + 1);
    size_t len = 0;
    for (const Resource *resource = world_resource_next(world, NULL); resource;
         resource = world_resource_next(world, resource))
        records[len++] = resource_record(resource);
    *ret_len = len;
    return records;
}

static int queue_compare(const void *a, const void *b)
{
    const Queue *left = *(Queue *const *)a, *right = *(Queue *const *)b;
    if (left->spec->priority != right->spec->priority)
        return left->spec->priority > right->spec->priority ? -1 : 1;
    return strcmp(left->resource->name, right->resource->name);
}

void queues_sort(World *world)
{
    if (!world->queues_stale)
        return;
    g_clear_pointer(&world->queues, g_free);
    world->queues_len = 0;
    g_clear_pointer(&world->limited, g_free);
    world->limited_len = 0;
    world->queues = g_new(Queue *, tree_len(&world->resources) + 1);
    TreeNode *node =
        tree_lower_bound(&world->resources, &(ResourceKey){KIND_JOB_QUEUE, VIEW("")}, resource_key_compare);
    for (; node; node = tree_next(node)) {
        const Resource *resource = &TREE_ENTRY(node, ResourceEntry, by_key)->resource;
        if (resource->kind != KIND_JOB_QUEUE)
            break;
        world->queues[world->queues_len++] = resource->queue;
    }
    qsort(world->queues, world->queues_len, sizeof *world->queues, queue_compare);
    world->limited = g_new(Queue *, world->queues_len + 1);
    for (size_t i = 0; i < world->queues_len; i++)
        if (world->queues[i]->spec->time_limits_len > 0)
            world->limited[world->limited_len++] = world->queues[i];
    world->queues_stale = false;
}

Queue *const *world_queues(const World *world, size_t *ret_len)
{
    queues_sort((World *)(uintptr_t)world); /* a cache: what it says does not change */
    *ret_len = world->queues_len;
    return world->queues;
}

Queue *const *world_limited_queues(const World *world, size_t *ret_len)
{
    queues_sort((World *)(uintptr_t)world);
    *ret_len = world->limited_len;
    return world->limited;
}

/* ---- changing ---- */

void resource_touch(World *world, Resource *resource)
{
    if (resource->dirty || world_is_quiet(world))
        return;
    resource->dirty = true;
    g_queue_push_tail_link(&world->dirty_resources, &resource_entry(resource)->dirty);
}

/* "provider SOURCE" is the setting that holds a source's --provider. */
static char *provider_setting(const char *owner)
{
    return g_strconcat("provider ", owner, NULL);
}

/* Holds where its environments run that say nothing, where that is not the world's default. */
static char *otherwise_setting(const char *owner)
{
    return g_strconcat("provider otherwise ", owner, NULL);
}

/* Where an environment runs that no source owns: where the one that let it go was told to run. */
static char *own_provider_setting(const Resource *resource)
{
    return g_strdup_printf("provider %s/%s", kind_name(resource->kind), resource->name);
}

/* Where it runs: where its source was told to run (--provider), else where it says, else where its source
 * does, else on the default. It changes only when no launch and no instance of the old provider is left
 * (resource_settle). */
static void environment_place(World *world, Resource *resource)
{
    Environment *environment = resource->environment;
    if (!environment || environment->launches > 0 || environment->instances > 0)
        return;
    bool is_owned = resource->owner && *resource->owner;
    g_autofree char *name = is_owned ? provider_setting(resource->owner) : own_provider_setting(resource);
    g_autofree char *otherwise = is_owned ? otherwise_setting(resource->owner) : NULL;
    const char *told = world_setting(world, name);
    ProviderType provider = environment->spec->provider;
    if (!told && otherwise && provider == PROVIDER_UNSET)
        told = world_setting(world, otherwise);
    if (told)
        provider_type_from(view_from(told), &provider);
    environment->provider = provider == PROVIDER_UNSET ? world->default_provider : provider;
    world->declarations++;
    world_unpark(world);
}

static bool setting_changes(World *world, const char *name, const char *value)
{
    if (g_strcmp0(world_setting(world, name), value) == 0)
        return false;
    world_set_setting(world, name, value);
    return true;
}

void resource_set_provider(World *world, const char *owner, const char *provider, const char *otherwise)
{
    g_autofree char *name = provider_setting(owner), *otherwise_name = otherwise_setting(owner);
    bool is_default = !otherwise || strcmp(otherwise, provider_type_name(world->default_provider)) == 0;
    bool changes = setting_changes(world, name, provider);
    changes = setting_changes(world, otherwise_name, is_default ? NULL : otherwise) || changes;
    if (!changes)
        return;
    for (const Resource *at = NULL;
         (at = world_resource_next(world, at)) && at->kind <= KIND_COMPUTE_ENVIRONMENT;)
        if (at->environment && strcmp(at->owner, owner) == 0)
            environment_place(world, (Resource *)(uintptr_t)at);
}

/* What instances are made from: the members whose update is rolling, so that a change which is taken back
 * leaves the instances what they were. */
static uint64_t generation_of(View spec)
{
    g_autoptr(GPtrArray) fields = compare_specs(KIND_COMPUTE_ENVIRONMENT, VIEW(""), spec);
    DigestSum *sum = digest_begin();
    Digest digest;
    uint64_t generation;
    for (guint i = 0; i < fields->len; i++) {
        const FieldChange *field = g_ptr_array_index(fields, i);
        if (field->effect != UPDATE_ROLLING)
            continue;
        digest_add(sum, view_from(field->path));
        digest_add(sum, VIEW("="));
        digest_add(sum, view_from(field->after));
        digest_add(sum, VIEW("\n"));
    }
    digest_end(sum, &digest);
    memcpy(&generation, digest.bytes, sizeof generation);
    return GUINT64_FROM_LE(generation) >> 1; /* stored as a signed number */
}

/* So that what is pinned anew is another generation, and what was pinned first is none. */
static uint64_t generation_pinned(View spec, int64_t rolls)
{
    uint64_t generation = generation_of(spec);
    return rolls ? (generation ^ (uint64_t)rolls * 0x9E3779B97F4A7C15u) << 1 >> 1 : generation;
}

void environment_rolled(World *world, Environment *environment)
{
    environment->generation =
        generation_pinned(view_from(environment->resource->spec), environment->pins.rolls);
    environment->changes++;
    world_unpark(world);
}

static bool environment_in_force(World *world, Resource *resource, View spec, GError **error)
{
    ComputeEnvironmentSpec *decoded = compute_environment_spec_decode(spec, error);
    if (!decoded)
        return false;
    Environment *environment = resource->environment;
    if (!environment) {
        EnvironmentEntry *entry = g_new0(EnvironmentEntry, 1);
        entry->name = g_ref_string_new(resource->name);
        environment_instances_init(&entry->environment);
        environment = resource->environment = &entry->environment;
        environment->resource = resource;
        tree_init(&entry->ends, launch_end_compare);
        slot_take(world, environment);
        outside_load(world, environment);
    }
    override_environment(world, resource->name, decoded);
    derived_clear(environment);
    compute_environment_spec_free(environment->spec);
    environment->spec = decoded;
    pins_load(world, environment);
    environment->generation = generation_pinned(spec, environment->pins.rolls);
    world_unpark(world);
    environment_place(world, resource);
    return true;
}

static bool queue_in_force(World *world, Resource *resource, View spec, GError **error)
{
    JobQueueSpec *decoded = job_queue_spec_decode(spec, error);
    if (!decoded)
        return false;
    if (!resource->queue) {
        QueueEntry *entry = g_new0(QueueEntry, 1);
        resource->queue = &entry->queue;
        resource->queue->resource = resource;
    }
    override_queue(world, resource->name, decoded);
    job_queue_spec_free(resource->queue->spec);
    resource->queue->spec = decoded;
    queue_policy_apply(world, resource->queue);
    world_unpark(world);
    world->queues_stale = true;
    queue_changed(world, resource->queue);
    return true;
}

static bool policy_in_force(World *world, Resource *resource, View spec, GError **error)
{
    SchedulingPolicySpec *decoded = scheduling_policy_spec_decode(spec, error);
    if (!decoded)
        return false;
    SchedulingPolicySpec *before = resource->policy;
    resource->policy = decoded;
    policy_changed(world, resource);
    scheduling_policy_spec_free(before);
    return true;
}

bool resource_in_force(World *world, Resource *resource, View spec, GError **error)
{
    bool done = true;
    if (resource->kind == KIND_COMPUTE_ENVIRONMENT)
        done = environment_in_force(world, resource, spec, error);
    else if (resource->kind == KIND_JOB_QUEUE)
        done = queue_in_force(world, resource, spec, error);
    else if (resource->kind == KIND_SCHEDULING_POLICY)
        done = policy_in_force(world, resource, spec, error);
    else if (resource->kind == KIND_CONSUMABLE_RESOURCE)
        done = consumable_in_force(world, resource, spec, error);
    else if (resource->kind == KIND_PIPELINE)
        done = schedules_in_force(world, resource, spec, error);
    if (!done)
        return false;
    char *before = resource->spec;
    resource->spec = g_ref_string_new_len(spec.data, (gssize)spec.len);
    if (before)
        g_ref_string_release(before);
    return true;
}

static ResourceEntry *entry_new(Kind kind, View name)
{
    ResourceEntry *entry = g_new0(ResourceEntry, 1);
    entry->resource.kind = kind;
    entry->resource.name = view_dup(name);
    entry->dirty.data = entry;
    return entry;
}

/* A row is written once in a batch: what comes back before its removal was written is an update. */
static void grave_open(World *world, const Resource *resource)
{
    ResourceKey key = {resource->kind, view_from(resource->name)};
    TreeNode *node = tree_find(&world->graves, &key, resource_key_compare);
    if (!node)
        return;
    tree_remove(&world->graves, node);
    resource_entry_free(world, TREE_ENTRY(node, ResourceEntry, by_key));
}

static bool text_set(char **text, View value)
{
    if (view_equal(view_from(*text), value))
        return false;
    char *copy = view_dup(value);
    g_free(*text);
    *text = copy;
    return true;
}

static void own_provider_clear(World *world, const Resource *resource)
{
    g_autofree char *name = own_provider_setting(resource);
    if (resource->kind == KIND_COMPUTE_ENVIRONMENT && world_setting(world, name))
        world_set_setting(world, name, NULL);
}

/* Everything beside the spec; true when something that people see has changed. */
static bool resource_describe(World *world, Resource *resource, const ResourceChange *change)
{
    const Manifest *manifest = change->manifest;
    bool seen = text_set(&resource->metadata, manifest->metadata);
    seen = text_set(&resource->owner, view_from(change->owner)) || seen;
    seen = seen || resource->prune != manifest->prune || resource->deletion != manifest->deletion ||
           resource->kept;
    if (*resource->owner)
        own_provider_clear(world, resource);
    text_set(&resource->file, view_from(manifest->file));
    resource->line = manifest->line;
    resource->prune = manifest->prune;
    resource->deletion = manifest->deletion;
    resource->kept = false;
    return seen;
}

/* keepRevisions: how many revisions of a definition stay ACTIVE; without it all do. */
static int64_t keep_revisions(View spec)
{
    json_t *root = json_loadb(spec.data, spec.len, 0, NULL);
    const json_t *keep = root ? json_object_get(root, "keepRevisions") : NULL;
    int64_t value =
        json_is_integer(keep) && json_integer_value(keep) > 0 ? json_integer_value(keep) : INT64_MAX;
    json_decref(root);
    return value;
}

/* What the scheduler keeps from pass to pass lies in settings "WHAT NAME". */
static void scheduling_notes_clear(World *world, const Resource *resource)
{
    static const char *const whats[] = {"blocked", "turn", "gang"};
    for (size_t i = 0; i < G_N_ELEMENTS(whats); i++) {
        g_autofree char *name = g_strdup_printf("%s %s", whats[i], resource->name);
        if ((i == 2) == (resource->kind == KIND_COMPUTE_ENVIRONMENT))
            world_set_setting(world, name, NULL);
    }
}

static void resource_event(World *world, const Resource *resource, const char *type, const char *message,
                           int64_t now_ms)
{
    g_autofree char *subject = g_strdup_printf("%s/%s", kind_name(resource->kind), resource->name);
    world_event_of(world, &(EventOrigin){.source = resource->owner}, type, subject, message, now_ms);
}

static void transit_leave(World *world, ResourceEntry *entry)
{
    if (!tree_contains(&entry->in_transit))
        return;
    if (world->settle_next == entry)
        world->settle_next = NULL;
    tree_remove(&world->transit, &entry->in_transit);
}

/* Back to normal: a deletion or a replacement that was under way is off. */
static void resource_activate(World *world, Resource *resource)
{
    transit_leave(world, resource_entry(resource));
    resource->phase = RESOURCE_ACTIVE;
    g_clear_pointer(&resource->next_spec, g_free);
    g_clear_pointer(&resource->status_reason, g_free);
    memset(&resource->next_digest, 0, sizeof resource->next_digest);
}

static void definition_put(World *world, Resource *resource, const Manifest *manifest, bool changed,
                           int64_t now_ms)
{
    RevisionEntry *newest = revision_newest(world, manifest->name);
    if (changed || !newest || !newest->record.active)
        resource->revision =
            revision_register(world, manifest->name, manifest->spec, &manifest->digest, now_ms);
    revisions_keep(world, manifest->name, keep_revisions(manifest->spec));
}

static bool definition_decodes(const Manifest *manifest, GError **error)
{
    g_autoptr(JobDefinitionSpec) decoded = job_definition_spec_decode(manifest->spec, error);
    return decoded != NULL;
}

void resource_entry_unbury(World *world, const Resource *resource)
{
    grave_open(world, resource);
}

static bool resource_create(World *world, const ResourceChange *change, int64_t now_ms, GError **error)
{
    const Manifest *manifest = change->manifest;
    ResourceEntry *entry = entry_new(manifest->kind, manifest->name);
    entry->resource.owner = g_strdup(""); /* until it is described: nobody's */
    Resource *resource = &entry->resource;
    if (!resource_in_force(world, resource, manifest->spec, error)) {
        resource_entry_free(world, entry);
        return false;
    }
    resource_describe(world, resource, change);
    if (resource->environment)
        outside_choose(world, resource->environment);
    environment_place(world, resource);
    schedules_begin(world, resource, now_ms);
    resource->digest = manifest->digest;
    resource->revision = 1;
    resource->created_ms = resource->updated_ms = now_ms;
    tree_insert(&world->resources, &entry->by_key);
    grave_open(world, resource);
    renames_overtaken(world, resource);
    if (manifest->kind == KIND_JOB_DEFINITION)
        definition_put(world, resource, manifest, true, now_ms);
    resource_touch(world, resource);
    resource_event(world, resource, "resource.created", "", now_ms);
    return true;
}

static bool resource_update(World *world, Resource *resource, const ResourceChange *change, int64_t now_ms,
                            GError **error)
{
    const Manifest *manifest = change->manifest;
    bool changed = !digest_equal(&resource->digest, &manifest->digest);
    bool text_changed = !view_equal(view_from(resource->spec), manifest->spec);
    bool revived = resource->phase != RESOURCE_ACTIVE;
    if ((changed || text_changed) && !resource_in_force(world, resource, manifest->spec, error))
        return false;
    bool seen = resource_describe(world, resource, change) || changed || revived;
    environment_place(world, resource);
    schedules_begin(world, resource, now_ms);
    resource->digest = manifest->digest;
    if (revived)
        resource_activate(world, resource);
    if (manifest->kind == KIND_JOB_DEFINITION)
        definition_put(world, resource, manifest, changed || change->is_new_revision, now_ms);
    else if (seen)
        resource->revision++;
    if (seen) {
        resource->updated_ms = now_ms;
        resource_event(world, resource, "resource.updated", changed ? "spec" : "metadata", now_ms);
    }
    drift_declared(world, resource, now_ms);
    resource_touch(world, resource);
    return true;
}

bool resource_put(World *world, const ResourceChange *change, int64_t now_ms, GError **error)
{
    const Manifest *manifest = change->manifest;
    if (manifest->kind == KIND_JOB_DEFINITION && !definition_decodes(manifest, error))
        return false;
    Resource *resource = world_resource(world, manifest->kind, manifest->name);
    return resource ? resource_update(world, resource, change, now_ms, error)
                    : resource_create(world, change, now_ms, error);
}

static void transit_enter(World *world, Resource *resource, ResourcePhase phase)
{
    ResourceEntry *entry = resource_entry(resource);
    resource->phase = phase;
    if (!tree_contains(&entry->in_transit))
        tree_insert(&world->transit, &entry->in_transit);
    resource_touch(world, resource);
}

void resource_replace(World *world, const ResourceChange *change, int64_t now_ms)
{
    const Manifest *manifest = change->manifest;
    Resource *resource = world_resource(world, manifest->kind, manifest->name);
    g_return_if_fail(resource);
    resource_describe(world, resource, change);
    text_set(&resource->next_spec, manifest->spec);
    resource->next_digest = manifest->digest;
    resource->updated_ms = now_ms;
    transit_enter(world, resource, RESOURCE_REPLACING);
    drift_declared(world, resource, now_ms);
    resource_event(world, resource, "resource.replacing", "", now_ms);
}

void resource_delete(World *world, Kind kind, View name, int64_t now_ms)
{
    Resource *resource = world_resource(world, kind, name);
    if (!resource || resource->phase == RESOURCE_DELETING)
        return;
    resource->updated_ms = now_ms;
    transit_enter(world, resource, RESOURCE_DELETING);
    resource_event(world, resource, "resource.deleting", "", now_ms);
}

void resource_set_kept(World *world, Kind kind, View name, int64_t now_ms)
{
    Resource *resource = world_resource(world, kind, name);
    if (!resource || resource->kept)
        return;
    resource->kept = true;
    resource->updated_ms = now_ms;
    resource_touch(world, resource);
}

/* It goes on running where it does, also over a restart. */
static void own_provider_keep(World *world, const Resource *resource)
{
    g_autofree char *name = provider_setting(resource->owner), *own = own_provider_setting(resource),
                    *otherwise = otherwise_setting(resource->owner);
    const char *told = world_setting(world, name);
    if (!told && resource->environment && resource->environment->spec->provider == PROVIDER_UNSET)
        told = world_setting(world, otherwise);
    if (resource->kind == KIND_COMPUTE_ENVIRONMENT && told) {
        g_autofree char *copy = g_strdup(told);
        world_set_setting(world, own, copy);
    }
}

bool resource_forget(World *world, Kind kind, View name, int64_t now_ms, GError **error)
{
    Resource *resource = world_resource(world, kind, name);
    if (!resource) {
        g_set_error(error, WORLD_ERROR, WORLD_ERROR_NOT_FOUND, "there is no %s \"" VIEW_FMT "\"",
                    kind_name(kind), VIEW_ARG(name));
        return false;
    }
    if (resource->phase != RESOURCE_ACTIVE) {
        g_set_error(error, WORLD_ERROR, WORLD_ERROR_CONFLICT,
                    "%s/%s is being %s; put its manifest back and apply the source to call that off, then "
                    "forget it",
                    kind_name(kind), resource->name,
                    resource->phase == RESOURCE_DELETING ? "deleted" : "replaced");
        return false;
    }
    if (!*resource->owner)
        return true;
    own_provider_keep(world, resource);
    g_autofree char *message = g_strdup_printf("let go by source %s", resource->owner);
    text_set(&resource->owner, VIEW(""));
    resource->kept = true;
    resource->updated_ms = now_ms;
    resource_touch(world, resource);
    resource_event(world, resource, "resource.forgotten", message, now_ms);
    return true;
}

/* The row goes with the next batch; until then the entry lies in a grave. */
void resource_remove(World *world, Resource *resource, int64_t now_ms)
{
    ResourceEntry *entry = resource_entry(resource);
    if (resource->kind == KIND_JOB_DEFINITION) {
        revisions_keep(world, view_from(resource->name), 0);
        history_forget(world, view_from(resource->name));
    }
    if (resource->kind == KIND_JOB_QUEUE) {
        world->queues_stale = true;
        queue_shares_clear(world, resource->queue, true);
    }
    if (resource->kind == KIND_JOB_QUEUE || resource->kind == KIND_COMPUTE_ENVIRONMENT)
        scheduling_notes_clear(world, resource);
    own_provider_clear(world, resource);
    overrides_drop(world, resource);
    drift_drop(world, resource);
    pins_drop(world, resource);
    outside_drop(world, resource);
    schedules_drop(world, resource);
    renames_drop(world, resource);
    transit_leave(world, entry);
    if (resource->dirty)
        g_queue_unlink(&world->dirty_resources, &entry->dirty);
    resource->dirty = false;
    tree_remove(&world->resources, &entry->by_key);
    if (resource->kind == KIND_SCHEDULING_POLICY)
        policy_changed(world, resource);
    if (resource->kind == KIND_COMPUTE_ENVIRONMENT)
        world_unpark(world);
    resource_event(world, resource, "resource.deleted", "", now_ms);
    world->declarations++; /* what a provider holds of it is to go */
    if (resource->environment)
        environment_set_unmade(world, resource->environment, NULL);
    if (!world->silent && tree_insert(&world->graves, &entry->by_key))
        return;
    resource_entry_free(world,
                        entry); /* its removal is already waiting to be written, or nobody records it */
}

bool resource_restore(World *world, const ResourceRecord *record, GError **error)
{
    ResourceEntry *entry = entry_new(record->kind, record->name);
    Resource *resource = &entry->resource;
    if (!resource_in_force(world, resource, record->spec, error)) {
        g_prefix_error(error, "%s/" VIEW_FMT ": ", kind_name(record->kind), VIEW_ARG(record->name));
        resource_entry_free(world, entry);
        return false;
    }
    resource->owner = view_dup(record->owner);
    resource->metadata = view_dup(record->metadata);
    resource->file = view_dup(record->file);
    resource->next_spec = view_dup_or_null(record->next_spec);
    resource->status_reason = view_dup_or_null(record->status_reason);
    resource->digest = record->digest;
    resource->next_digest = record->next_digest;
    resource->line = record->line;
    resource->phase = record->phase;
    resource->deletion = record->deletion;
    resource->prune = record->prune;
    resource->kept = record->kept;
    resource->revision = record->revision;
    resource->created_ms = record->created_ms;
    resource->updated_ms = record->updated_ms;
    if (resource->consumable)
        resource->consumable->used_up = record->used_up;
    environment_place(world, resource);
    if (!tree_insert(&world->resources, &entry->by_key)) {
        g_set_error(error, WORLD_ERROR, WORLD_ERROR_INVALID, "%s/" VIEW_FMT " is there twice",
                    kind_name(record->kind), VIEW_ARG(record->name));
        resource_entry_free(world, entry);
        return false;
    }
    if (resource->phase != RESOURCE_ACTIVE)
        tree_insert(&world->transit, &entry->in_transit);
    return true;
}
