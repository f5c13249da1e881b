/* rename.c: what a manifest describes goes on under another name: with its jobs, runs, usage, positions,
 * overrides and history. In memory all of that hangs on pointers; what is stored by the name is written anew
 * in the same batch, or by its RenameRecord where there may be much of it. */
#include "reconciler/world/drift.h"
#include "reconciler/world/job.h"
#include "reconciler/world/outside.h"
#include "reconciler/world/override.h"
#include "reconciler/world/run.h"

#define RENAMED_SETTING "renamed "

static bool refuse(GError **error, int code, const ResourceRename *rename, const char *why)
{
    g_set_error(error, WORLD_ERROR, code, "%s/" VIEW_FMT " cannot become " VIEW_FMT ": %s",
                kind_name(rename->kind), VIEW_ARG(rename->from), VIEW_ARG(rename->to), why);
    return false;
}

/* ---- settings ---- */

static void setting_move(World *world, const char *from, const char *to)
{
    g_autofree char *value = g_strdup(world_setting(world, from));
    if (!value)
        return;
    world_set_setting(world, from, NULL);
    world_set_setting(world, to, value);
}

/* "WHAT NAME" */
static void note_move(World *world, const char *what, const ResourceRename *rename)
{
    g_autofree char *from = g_strdup_printf("%s" VIEW_FMT, what, VIEW_ARG(rename->from)),
                    *to = g_strdup_printf("%s" VIEW_FMT, what, VIEW_ARG(rename->to));
    setting_move(world, from, to);
}

/* ---- what still has the former name: runs that wait, with their spec, and queues whose manifest comes with
 * the same apply ---- */

static char *renamed_setting(Kind kind, View name)
{
    return g_strdup_printf(RENAMED_SETTING "%s/" VIEW_FMT, kind_name(kind), VIEW_ARG(name));
}

Resource *world_resource_renamed(const World *world, Kind kind, View name)
{
    Resource *resource = world_resource(world, kind, name);
    g_autofree char *setting = resource ? NULL : renamed_setting(kind, name);
    const char *now = setting ? world_setting(world, setting) : NULL;
    return now ? world_resource(world, kind, view_from(now)) : resource;
}

/* Names that led to `from` lead to `to`; NULL: nowhere. */
static void lead_on(World *world, Kind kind, View from, const char *to)
{
    g_autofree char *prefix = g_strdup_printf(RENAMED_SETTING "%s/", kind_name(kind));
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    GHashTableIter iter;
    gpointer name, value;
    g_hash_table_iter_init(&iter, world->settings);
    while (g_hash_table_iter_next(&iter, &name, &value))
        if (g_str_has_prefix(name, prefix) && view_is(from, value))
            g_ptr_array_add(names, g_strdup(name));
    for (guint i = 0; i < names->len; i++)
        world_set_setting(world, names->pdata[i], to);
}

/* Jobs that name it by a name that is another's from now on. */
static void recount(World *world, Kind kind, const char *name)
{
    Resource *resource =
        kind == KIND_CONSUMABLE_RESOURCE && name ? world_resource(world, kind, view_from(name)) : NULL;
    if (resource)
        consumable_recount(world, resource->consumable);
}

static void remember(World *world, const ResourceRename *rename)
{
    g_autofree char *from = renamed_setting(rename->kind, rename->from),
                    *back = renamed_setting(rename->kind, rename->to), *to = view_dup(rename->to),
                    *other = g_strdup(world_setting(world, back));
    lead_on(world, rename->kind, rename->from, to);
    world_set_setting(world, from, to);
    if (world_setting(world, back))
        world_set_setting(world, back, NULL);
    recount(world, rename->kind, to);
    recount(world, rename->kind, other);
}

void renames_drop(World *world, const Resource *resource)
{
    lead_on(world, resource->kind, view_from(resource->name), NULL);
}

void renames_overtaken(World *world, const Resource *resource)
{
    g_autofree char *setting = renamed_setting(resource->kind, view_from(resource->name)),
                    *to = g_strdup(world_setting(world, setting));
    if (!to)
        return;
    world_set_setting(world, setting, NULL);
    recount(world, resource->kind, to);
}

/* ---- the resource ---- */

static void take_name(World *world, Resource *resource, const ResourceRename *rename)
{
    ResourceEntry *entry = resource_entry(resource);
    drift_drop(world, resource); /* what a provider holds has the former name */
    tree_remove(&world->resources, &entry->by_key);
    if (!world_is_quiet(world))
        batch_put_resource(world_batch(world), &(ResourceRecord){.kind = rename->kind,
                                                                 .name = rename->from,
                                                                 .spec = VIEW(""),
                                                                 .metadata = VIEW("{}"),
                                                                 .removed = true});
    g_free(resource->name);
    resource->name = view_dup(rename->to);
    tree_insert(&world->resources, &entry->by_key);
    resource_entry_unbury(world, resource);
    resource_touch(world, resource);
}

static void queue_rename(World *world, Resource *resource, const ResourceRename *rename)
{
    queue_order_forget(world, resource->queue);
    queue_entry(resource->queue)->is_changed = false;
    take_name(world, resource, rename);
    queue_changed(world, resource->queue);
    world->queues_stale = true;
    queue_shares_touch(world, resource->queue);
    note_move(world, "blocked ", rename);
    note_move(world, "turn ", rename);
}

static void pipeline_rename(World *world, Resource *resource, const ResourceRename *rename)
{
    schedules_leave(world, resource);
    take_name(world, resource, rename);
    schedules_enter(world, resource);
    note_move(world, "schedules ", rename);
    note_move(world, "suspended Pipeline/", rename);
}

/* Names are in digests: it is the same content. */
static void digest_anew(Resource *resource)
{
    canonical_digest(resource->kind, view_from(resource->name), view_from(resource->spec), &resource->digest);
}

static void launches_rename(World *world, Environment *environment)
{
    EnvironmentEntry *entry = environment_entry(environment);
    g_ref_string_release(entry->name);
    entry->name = g_ref_string_new(environment->resource->name);
    for (Launch *launch = NULL; (launch = (Launch *)(uintptr_t)world_launch_next(world, launch));) {
        if (launch->environment != environment)
            continue;
        g_ref_string_release(launch_entry(launch)->environment_name);
        launch_entry(launch)->environment_name = g_ref_string_acquire(entry->name);
    }
}

static void environment_rename(World *world, Resource *resource, const ResourceRename *rename)
{
    take_name(world, resource, rename);
    note_move(world, "pins ", rename);
    note_move(world, "gang ", rename);
    note_move(world, "provider ComputeEnvironment/", rename);
    outside_move(world, resource->environment, rename->from);
    launches_rename(world, resource->environment);
    digest_anew(resource);
    resource->environment->changes++;
    world_unpark(world);
}

static void definition_rename(World *world, Resource *resource, const ResourceRename *rename)
{
    take_name(world, resource, rename);
    resource->revision = revisions_copy(world, rename->from, rename->to);
    revisions_keep(world, rename->from, 0);
    history_rename(world, rename->from, rename->to);
    digest_anew(resource);
}

static void consumable_rename(World *world, Resource *resource, const ResourceRename *rename)
{
    take_name(world, resource, rename);
    digest_anew(resource);
    world_unpark(world);
}

static bool check_resource(const World *world, const Resource *resource, const ResourceRename *rename,
                           GError **error)
{
    if (!resource)
        return refuse(error, WORLD_ERROR_NOT_FOUND, rename, "it is not there");
    if (world_resource(world, rename->kind, rename->to))
        return refuse(error, WORLD_ERROR_CONFLICT, rename, "that is there already");
    if (resource->phase != RESOURCE_ACTIVE)
        return refuse(error, WORLD_ERROR_CONFLICT, rename, "it is being deleted or replaced");
    return true;
}

static void rename_resource(World *world, Resource *resource, const ResourceRename *rename, int64_t now_ms)
{
    overrides_move(world, rename);
    switch (rename->kind) {
    case KIND_COMPUTE_ENVIRONMENT: environment_rename(world, resource, rename); break;
    case KIND_JOB_QUEUE: queue_rename(world, resource, rename); break;
    case KIND_JOB_DEFINITION: definition_rename(world, resource, rename); break;
    case KIND_CONSUMABLE_RESOURCE: consumable_rename(world, resource, rename); break;
    case KIND_PIPELINE: pipeline_rename(world, resource, rename); break;
    /* Queues that name a policy by its former name do so until their own change comes. */
    case KIND_SCHEDULING_POLICY: take_name(world, resource, rename); break;
    case KIND_JOB:
    case KIND_COUNT: g_assert_not_reached();
    }
    if (rename->kind != KIND_PIPELINE)
        remember(world, rename);
    resource->updated_ms = now_ms;
}

/* ---- all of it ---- */

bool resource_rename(World *world, const ResourceRename *rename, int64_t now_ms, GError **error)
{
    Resource *resource = rename->kind == KIND_JOB ? NULL : world_resource(world, rename->kind, rename->from);
    bool has_runs = rename->kind == KIND_JOB || rename->kind == KIND_PIPELINE;
    /* A pipeline that is gone has left its runs. */
    bool is_gone =
        rename->kind == KIND_PIPELINE && !resource && world_run_newest(world, rename->kind, rename->from);
    if (rename->kind != KIND_JOB && !is_gone && !check_resource(world, resource, rename, error))
        return false;
    if (has_runs && world_run_newest(world, rename->kind, rename->to))
        return refuse(error, WORLD_ERROR_CONFLICT, rename, "there are runs of that name");
    if (!world_is_quiet(world))
        batch_put_rename(world_batch(world), &(RenameRecord){rename->kind, rename->from, rename->to});
    if (resource)
        rename_resource(world, resource, rename, now_ms);
    if (has_runs)
        runs_rename(world, rename);
    g_autofree char *subject = g_strdup_printf("%s/" VIEW_FMT, kind_name(rename->kind), VIEW_ARG(rename->to)),
                    *message = g_strdup_printf("formerly " VIEW_FMT, VIEW_ARG(rename->from));
    world_event(world, "resource.renamed", subject, message, now_ms);
    return true;
}
