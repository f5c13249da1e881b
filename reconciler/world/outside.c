/* outside.c: see outside.h. */
#include "reconciler/world/outside.h"
#include "reconciler/world/state.h"

static char *setting_name(const char *name)
{
    return g_strconcat("outside ", name, NULL);
}

const char *environment_outside(const Environment *environment)
{
    return environment->outside ? environment->outside : environment->resource->name;
}

Environment *world_environment_outside(const World *world, View name)
{
    Environment *environment = world_environment(world, name);
    if (environment && !environment->outside)
        return environment;
    for (environment = NULL; (environment = world_environment_next(world, environment));)
        if (environment->outside && view_is(name, environment->outside))
            return environment;
    return NULL;
}

void environment_outside_digest(const Environment *environment, Digest *ret_digest)
{
    const Resource *resource = environment->resource;
    if (environment->outside)
        canonical_digest(resource->kind, view_from(environment->outside), view_from(resource->spec),
                         ret_digest);
    else
        *ret_digest = resource->digest;
}

/* ---- for world/ ---- */

void outside_load(const World *world, Environment *environment)
{
    g_autofree char *setting = setting_name(environment->resource->name);
    g_free(environment->outside);
    environment->outside = g_strdup(world_setting(world, setting));
}

/* name: taken; NULL: it is called outside as it is here. */
static void set(World *world, Environment *environment, char *name)
{
    g_autofree char *setting = setting_name(environment->resource->name);
    g_free(environment->outside);
    environment->outside = name;
    world_set_setting(world, setting, name);
}

static bool is_free(const World *world, const char *name)
{
    return !world_environment(world, view_from(name)) && !world_environment_outside(world, view_from(name));
}

void outside_choose(World *world, Environment *environment)
{
    const char *wanted = environment->resource->name;
    if (!world_environment_outside(world, view_from(wanted)))
        return;
    for (unsigned number = 2;; number++) {
        char *name = g_strdup_printf("%s-%u", wanted, number);
        if (is_free(world, name)) {
            set(world, environment, name);
            return;
        }
        g_free(name);
    }
}

void outside_move(World *world, Environment *environment, View from)
{
    g_autofree char *before = view_dup(from), *setting = setting_name(before);
    char *outside = g_strdup(environment->outside ? environment->outside : before);
    world_set_setting(world, setting, NULL);
    if (strcmp(outside, environment->resource->name) == 0)
        g_clear_pointer(&outside, g_free);
    set(world, environment, outside);
}

void outside_drop(World *world, const Resource *resource)
{
    g_autofree char *setting = setting_name(resource->name);
    if (resource->environment && resource->environment->outside)
        world_set_setting(world, setting, NULL);
}
