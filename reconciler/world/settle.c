/* settle.c: resources on their way out, or on their way to become something else. */
#include "reconciler/world/drift.h"
#include "reconciler/world/job.h"

/* Queues that still list the environment: also those being deleted, since their jobs may need it to drain. */
static size_t environment_referrers(World *world, const Resource *resource)
{
    size_t count = 0;
    queues_sort(world);
    for (size_t i = 0; i < world->queues_len; i++)
        count += queue_names_environment(world, world->queues[i], resource->environment);
    return count;
}

static bool is_referred(World *world, const Resource *resource)
{
    return resource->phase == RESOURCE_DELETING && environment_referrers(world, resource) > 0;
}

/* One that is being deleted goes on serving the queues that list it; then its instances drain and are
 * stopped, and what its provider holds of it is removed.
 */
static bool environment_is_free(World *world, const Resource *resource, int64_t now_ms)
{
    if (is_referred(world, resource))
        return false;
    return environment_drain_step(world, resource->environment, now_ms) &&
           resource->environment->launches == 0 && !resource->environment->is_held;
}

bool environment_is_drained(World *world, const Resource *resource)
{
    return resource->phase != RESOURCE_ACTIVE && resource->environment->launches == 0 &&
           resource->environment->instances == 0 && !is_referred(world, resource);
}

/* Finished jobs in memory still point at their queue. */
static bool queue_is_referred(const World *world, const Queue *queue)
{
    for (const Job *job = world_job_next(world, 0); job; job = world_job_next(world, job->sequence))
        if (job->queue == queue)
            return true;
    return false;
}

static bool queue_is_free(World *world, const Resource *resource)
{
    if (resource->queue->unfinished > 0)
        return false;
    if (resource->phase == RESOURCE_REPLACING)
        return true;
    int64_t in_memory = 0;
    for (int state = 0; state < JOB_STATE_COUNT; state++)
        in_memory += resource->queue->counts[state];
    return in_memory == 0 || !queue_is_referred(world, resource->queue);
}

static void queue_terminate(World *world, const Resource *resource, int64_t now_ms)
{
    g_autoptr(GPtrArray) stops = g_ptr_array_new();
    g_autofree char *reason = g_strdup_printf("Job queue %s was deleted", resource->name);
    for (Job *job = world_job_next(world, 0); job; job = world_job_next(world, job->sequence))
        if (job->queue == resource->queue && !job->is_terminated)
            job_end(world, job, NOT_A_CHILD, END_TERMINATE, reason, now_ms, stops);
    world_stop_later(world, stops);
}

static bool resource_is_free(World *world, Resource *resource, int64_t now_ms)
{
    if (resource->kind == KIND_COMPUTE_ENVIRONMENT)
        return environment_is_free(world, resource, now_ms);
    if (resource->kind == KIND_CONSUMABLE_RESOURCE)
        return resource->consumable->in_use == 0;
    if (resource->kind != KIND_JOB_QUEUE)
        return true;
    if (resource->queue->unfinished > 0 && resource->deletion == DELETION_TERMINATE)
        queue_terminate(world, resource, now_ms);
    return queue_is_free(world, resource);
}

/* A spec that passed validation decodes; should it not, the old one stays and says why. */
static void resource_become_next(World *world, Resource *resource, int64_t now_ms)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *next = g_steal_pointer(&resource->next_spec);
    Digest digest = resource->next_digest;
    memset(&resource->next_digest, 0, sizeof resource->next_digest);
    g_clear_pointer(&resource->status_reason, g_free);
    if (resource_in_force(world, resource, view_from(next), &error)) {
        resource->digest = digest;
        resource->revision++;
    } else {
        resource->status_reason = g_strdup(error->message);
    }
    resource->phase = RESOURCE_ACTIVE;
    resource->updated_ms = now_ms;
    tree_remove(&world->transit, &resource_entry(resource)->in_transit);
    drift_declared(world, resource, now_ms);
    resource_touch(world, resource);
    g_autofree char *subject = g_strdup_printf("%s/%s", kind_name(resource->kind), resource->name);
    world_event_of(world, &(EventOrigin){.source = resource->owner}, "resource.replaced", subject,
                   resource->status_reason ? resource->status_reason : "", now_ms);
}

static ResourceEntry *transit_first(const World *world)
{
    TreeNode *node = tree_first(&world->transit);
    return node ? TREE_ENTRY(node, ResourceEntry, in_transit) : NULL;
}

size_t resource_settle(World *world, size_t max, int64_t now_ms)
{
    size_t len = tree_len(&world->transit);
    ResourceEntry *entry = world->settle_next ? world->settle_next : transit_first(world);
    for (size_t i = 0; i < MIN(max, len) && entry; i++) {
        TreeNode *node = tree_next(&entry->in_transit);
        ResourceEntry *next = node ? TREE_ENTRY(node, ResourceEntry, in_transit) : NULL;
        Resource *resource = &entry->resource;
        if (resource_is_free(world, resource, now_ms)) {
            world->settle_next = NULL;
            if (resource->phase == RESOURCE_DELETING)
                resource_remove(world, resource, now_ms);
            else
                resource_become_next(world, resource, now_ms);
        }
        entry = next ? next : i + 1 < len ? transit_first(world) : NULL;
    }
    world->settle_next = entry;
    return tree_len(&world->transit);
}

void environment_set_unmade(World *world, Environment *environment, const char *why)
{
    if (g_strcmp0(environment->unmade, why) == 0)
        return;
    world->unmade += (size_t)(why != NULL) - (size_t)(environment->unmade != NULL);
    char *copy = g_strdup(why);
    g_free(environment->unmade);
    environment->unmade = copy;
}

size_t world_unmade(const World *world)
{
    return world->unmade;
}

static bool owner_has_unmade(const World *world, View owner)
{
    if (world->unmade == 0)
        return false;
    for (const Environment *at = NULL; (at = world_environment_next(world, at));)
        if (at->unmade && view_is(owner, at->resource->owner))
            return true;
    return false;
}

bool world_owner_in_transit(const World *world, View owner)
{
    if (owner_has_unmade(world, owner))
        return true;
    for (TreeNode *node = tree_first(&world->transit); node; node = tree_next(node))
        if (view_is(owner, TREE_ENTRY(node, ResourceEntry, in_transit)->resource.owner))
            return true;
    return false;
}

static void reason_part(GString *text, int64_t count, const char *one, const char *many)
{
    if (count > 0)
        g_string_append_printf(text, "%s%" G_GINT64_FORMAT " %s", text->len > 0 ? ", " : "", count,
                               count == 1 ? one : many);
}

char *resource_pending_reason(const World *world, const Resource *resource)
{
    g_autoptr(GString) text = g_string_new(NULL);
    if (resource->phase == RESOURCE_ACTIVE)
        return resource->environment ? g_strdup(resource->environment->unmade) : NULL;
    if (resource->environment) {
        if (resource->phase == RESOURCE_DELETING)
            reason_part(text, (int64_t)environment_referrers((World *)(uintptr_t)world, resource),
                        "queue refers to it", "queues refer to it");
        reason_part(text, (int64_t)resource->environment->launches, "job runs on it", "jobs run on it");
        reason_part(text, (int64_t)resource->environment->instances, "instance is not gone",
                    "instances are not gone");
        if (text->len == 0 && resource->environment->is_held)
            g_string_append(text, "what its provider holds of it is not removed");
    } else if (resource->consumable) {
        reason_part(text, resource->consumable->in_use, "unit of it is in use", "units of it are in use");
    } else if (resource->queue) {
        reason_part(text, (int64_t)resource->queue->unfinished, "job is not finished",
                    "jobs are not finished");
    }
    if (text->len == 0)
        g_string_append(text, "goes with the next commit");
    return g_string_free(g_steal_pointer(&text), FALSE);
}
