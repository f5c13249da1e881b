#include "reconciler/world/job.h"

G_DEFINE_QUARK(world - error - quark, world_error)

World *world_new(uint64_t seed, ProviderType default_provider)
{
    World *world = g_new0(World, 1);
    world->default_provider = default_provider == PROVIDER_UNSET ? PROVIDER_AWS : default_provider;
    world->rng = rng_from_seed(seed);
    world->durable = UINT64_MAX;
    world->stops = g_array_new(FALSE, FALSE, sizeof(LaunchToken));
    world->sizes = g_array_new(FALSE, FALSE, sizeof(JobId));
    world->work = g_array_new(FALSE, FALSE, sizeof(WorkItem));
    world->settings = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    world->dirty_settings = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    schedules_init(world);
    resources_init(world);
    drifts_init(world);
    revisions_init(world);
    shapes_init(world);
    histories_init(world);
    templates_init(world);
    index_init(world);
    launches_init(world);
    instances_init(world);
    guests_init(world);
    runs_init(world);
    applies_init(world);
    return world;
}

/* Users before what they use: jobs hold templates, launches and queues; resources go last. */
void world_free(World *world)
{
    if (!world)
        return;
    index_clear(world);
    launches_clear(world);
    guests_clear(world);
    instances_clear(world);
    runs_clear(world);
    applies_clear(world);
    templates_clear(world);
    shapes_clear(world);
    histories_clear(world);
    revisions_clear(world);
    drifts_clear(world);
    resources_clear(world);
    g_hash_table_unref(world->settings);
    g_hash_table_unref(world->dirty_settings);
    g_array_unref(world->work);
    g_array_unref(world->stops);
    g_array_unref(world->sizes);
    batch_free(world->batch);
    g_free(world);
}

Batch *world_batch(World *world)
{
    if (!world->batch)
        world->batch = batch_new();
    return world->batch;
}

void world_set_recording(World *world, bool recording)
{
    g_assert(!world_is_dirty(world));
    world->silent = !recording;
}

void world_set_final_lookup(World *world, FinalStateFunc func, void *data)
{
    world->final_lookup = func;
    world->final_lookup_data = data;
}

uint64_t world_batches(const World *world)
{
    return world->batches;
}

void world_set_durable(World *world, uint64_t batches)
{
    world->durable = batches;
}

const char *world_setting(const World *world, const char *name)
{
    return g_hash_table_lookup(world->settings, name);
}

void world_settings_each(const World *world, void (*each)(const char *name, const char *value, void *data),
                         void *data)
{
    GHashTableIter iter;
    gpointer name, value;
    g_hash_table_iter_init(&iter, world->settings);
    while (g_hash_table_iter_next(&iter, &name, &value))
        each(name, value, data);
}

void world_set_setting(World *world, const char *name, const char *value)
{
    const char *before = world_setting(world, name);
    const char *after = value ? value : "";
    if (strcmp(before ? before : "", after) == 0)
        return;
    if (*after)
        g_hash_table_replace(world->settings, g_strdup(name), g_strdup(after));
    else
        g_hash_table_remove(world->settings, name);
    if (!world_is_quiet(world))
        g_hash_table_add(world->dirty_settings, g_strdup(name));
}
