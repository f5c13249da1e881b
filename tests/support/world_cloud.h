/* world_cloud.h: an environment that buys instances, a multinode definition and a consumable resource, for
 * the world's tests. */
#pragma once
#include "tests/support/world_fixture.h"
#include "tests/support/world_records.h"

static inline void cloud_environment(World *world, const char *name, const char *more)
{
    g_autofree char *spec =
        g_strdup_printf("{\"computeResources\":{\"instanceTypes\":[\"c5\"],\"maxvCpus\":256,"
                        "\"type\":\"EC2\"%s},\"provider\":\"simulated\",\"type\":\"MANAGED\"}",
                        more);
    fixture_put(world, KIND_COMPUTE_ENVIRONMENT, name, spec, 1);
}

static inline void cloud_gang(World *world, const char *name, int nodes, int main_node, const char *more)
{
    g_autofree char *spec = g_strdup_printf(
        "{\"nodeProperties\":{\"mainNode\":%d,\"nodeRangeProperties\":[{\"container\":{\"command\":[\"x\"],"
        "\"resourceRequirements\":[{\"type\":\"MEMORY\",\"value\":\"64\"},{\"type\":\"VCPU\",\"value\":\"2\"}"
        "]},"
        "\"targetNodes\":\"0:\"}],\"numNodes\":%d},\"type\":\"multinode\"%s}",
        main_node, nodes, more);
    fixture_put(world, KIND_JOB_DEFINITION, name, spec, 1);
}

static inline World *cloud_world(void)
{
    World *world = fixture_world();
    cloud_environment(world, "cloud", "");
    fixture_queue(world, "main", 1, "cloud");
    return world;
}

static inline Environment *cloud_of(const World *world)
{
    return world_environment(world, VIEW("cloud"));
}

static inline LaunchToken cloud_token(uint64_t number)
{
    return fixture_token(number | UINT64_C(1) << 40);
}

static inline Instance *cloud_intend(World *world, uint64_t number)
{
    LaunchToken token = cloud_token(number);
    InstanceDraft draft = {.type = "c5.large", .planned = {4 * 10000, 8000, 0}, .price_micro_per_h = 85000};
    return instance_intend(world, cloud_of(world), &draft, &token, 1000);
}

static inline Instance *cloud_instance(World *world, uint64_t number)
{
    Instance *instance = cloud_intend(world, number);
    g_autofree char *id = g_strdup_printf("i-%d", (int)number);
    instance_started(world, instance, id, 1100);
    instance_registered(world, instance, (Capacity){4 * 10000, 7600, 0}, 1200);
    return instance;
}

static inline Launch *cloud_launch(World *world, Job *job, Instance *instance, uint64_t number)
{
    LaunchToken token = fixture_token(number);
    return launch_place(world, job, NOT_A_CHILD, cloud_of(world), instance, &token, 2000);
}

/* Commits, ends the process and starts anew: what decides must be the same. The old world is freed. */
static inline World *cloud_restart(World *world, Records *records)
{
    records_take(records, world_take_batch(world));
    World *fresh = records_world(records);
    world_check(fresh);
    g_autofree char *before = world_dump(world), *after = world_dump(fresh);
    if (strcmp(before, after) != 0)
        g_error("a restart changes\n%sinto\n%s", before, after);
    g_assert_false(world_is_dirty(fresh));
    world_free(world);
    return fresh;
}
