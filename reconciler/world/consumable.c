/* Consumable resources: taken with RUNNABLE → STARTING, given back at the end of the attempt. */
#include "reconciler/world/consumable.h"
#include "reconciler/world/job.h"

/* Jobs name it as it was called when they were submitted. */
Consumable *world_consumable(const World *world, View name)
{
    Resource *resource = world_resource_renamed(world, KIND_CONSUMABLE_RESOURCE, name);
    return resource ? resource->consumable : NULL;
}

int64_t consumable_available(const Consumable *consumable)
{
    return MAX(consumable->spec->total_quantity - consumable->in_use - consumable->used_up, 0);
}

bool consumables_available(const World *world, const ConsumableNeed *needs, size_t len,
                           const ConsumableNeed **ret_missing)
{
    for (size_t i = 0; i < len; i++) {
        const Consumable *consumable = world_consumable(world, view_from(needs[i].name));
        if (consumable && consumable_available(consumable) >= needs[i].quantity)
            continue;
        *ret_missing = &needs[i];
        return false;
    }
    return true;
}

static void consumable_take(World *world, Consumable *consumable, int64_t quantity)
{
    if (consumable->spec->replenishable) {
        consumable->in_use += quantity;
    } else {
        consumable->used_up += quantity;
        resource_touch(world, consumable->resource);
    }
}

void consumables_take(World *world, const JobTemplate *template)
{
    const JobDefinitionSpec *spec = template->effective;
    for (size_t i = 0; i < spec->consumables_len; i++) {
        Consumable *consumable = world_consumable(world, view_from(spec->consumables[i].name));
        if (consumable)
            consumable_take(world, consumable, spec->consumables[i].quantity);
    }
}

void consumables_give(World *world, const JobTemplate *template, bool never_started)
{
    const JobDefinitionSpec *spec = template->effective;
    for (size_t i = 0; i < spec->consumables_len; i++) {
        Consumable *consumable = world_consumable(world, view_from(spec->consumables[i].name));
        if (!consumable)
            continue;
        if (consumable->spec->replenishable) {
            consumable->in_use -= spec->consumables[i].quantity;
            g_assert(consumable->in_use >= 0);
        } else if (never_started) {
            consumable->used_up = MAX(consumable->used_up - spec->consumables[i].quantity, 0);
            resource_touch(world, consumable->resource);
        }
    }
}

/* What attempts under way take of it: what was used up says its row. */
void consumables_restore(World *world, const JobTemplate *template)
{
    const JobDefinitionSpec *spec = template->effective;
    for (size_t i = 0; i < spec->consumables_len; i++) {
        Consumable *consumable = world_consumable(world, view_from(spec->consumables[i].name));
        if (consumable && consumable->spec->replenishable)
            consumable->in_use += spec->consumables[i].quantity;
    }
}

/* A new one cannot be found by its name yet. */
static bool is_named(const World *world, const Consumable *consumable, const char *name)
{
    return strcmp(name, consumable->resource->name) == 0 ||
           world_consumable(world, view_from(name)) == consumable;
}

static int64_t quantity_of(const World *world, const JobTemplate *template, const Consumable *consumable)
{
    const JobDefinitionSpec *spec = template->effective;
    int64_t quantity = 0;
    for (size_t i = 0; i < spec->consumables_len; i++)
        if (is_named(world, consumable, spec->consumables[i].name))
            quantity += spec->consumables[i].quantity;
    return quantity;
}

int64_t consumable_count(const World *world, const Consumable *consumable)
{
    int64_t in_use = 0;
    for (const Launch *launch = world_launch_next(world, NULL); launch && consumable->spec->replenishable;
         launch = world_launch_next(world, launch))
        if (launch_takes_consumables(launch))
            in_use += quantity_of(world, launch->job->template, consumable);
    return in_use;
}

void consumable_recount(World *world, Consumable *consumable)
{
    consumable->in_use = consumable_count(world, consumable);
}

/* A new one, or a new specification of it: attempts under way may have named it before it was there. */
bool consumable_in_force(World *world, Resource *resource, View spec, GError **error)
{
    ConsumableResourceSpec *decoded = consumable_resource_spec_decode(spec, error);
    if (!decoded)
        return false;
    if (!resource->consumable) {
        resource->consumable = g_new0(Consumable, 1);
        resource->consumable->resource = resource;
    }
    Consumable *consumable = resource->consumable;
    consumable_resource_spec_free(consumable->spec);
    consumable->spec = decoded;
    consumable_recount(world, consumable);
    if (decoded->replenishable)
        consumable->used_up = 0;
    return true;
}

void consumable_free(Consumable *consumable)
{
    if (!consumable)
        return;
    consumable_resource_spec_free(consumable->spec);
    g_free(consumable);
}
