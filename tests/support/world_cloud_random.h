/* world_cloud_random.h: random lives of instances, multinode jobs and consumable resources. */
#pragma once
#include "tests/support/world_cloud.h"
#include "tests/support/world_random.h"

static inline void cloud_random_add_resources(RandomWorld *random)
{
    World *world = random->world;
    cloud_environment(world, "cloud", "");
    fixture_queue(world, "main", 1, "cloud");
    cloud_gang(world, "gang", 3, 1, ",\"retryStrategy\":{\"attempts\":2}");
    fixture_put(world, KIND_CONSUMABLE_RESOURCE, "license", "{\"totalQuantity\":4}", 1);
    fixture_put(world, KIND_CONSUMABLE_RESOURCE, "fuel",
                "{\"resourceType\":\"NON_REPLENISHABLE\",\"totalQuantity\":40}", 1);
    fixture_definition(
        world, "licensed", 1, 16,
        ",\"consumableResourceProperties\":{\"consumableResourceList\":[{\"consumableResource\":"
        "\"fuel\",\"quantity\":1},{\"consumableResource\":\"license\",\"quantity\":2}]}");
}

static inline void cloud_random_submit(RandomWorld *random)
{
    static const char *const definitions[] = {"gang", "gang", "licensed", "thrice"};
    g_autofree char *request = g_strdup_printf("{'jobName':'j','jobQueue':'main','jobDefinition':'%s'}",
                                               definitions[random_below(random, 4)]);
    fixture_try(random->world, ++random->ids, request, NULL);
}

static inline Instance *cloud_random_some_instance(RandomWorld *random)
{
    size_t len = world_instances_len(random->world);
    Instance *instance = len > 0 ? world_instance_next(random->world, NULL) : NULL;
    for (uint64_t skip = len > 0 ? random_below(random, len) : 0; skip > 0; skip--)
        instance = world_instance_next(random->world, instance);
    return instance;
}

static inline void cloud_random_buy(RandomWorld *random)
{
    static const Capacity sizes[] = {{20000, 4000, 0}, {40000, 8000, 0}, {80000, 16000, 1}};
    LaunchToken token;
    InstanceDraft draft = {.type = "c5.large", .spot = random_below(random, 2), .price_micro_per_h = -1};
    draft.planned = sizes[random_below(random, G_N_ELEMENTS(sizes))];
    rng_fill(&random->rng, token.bytes, sizeof token.bytes);
    instance_intend(random->world, cloud_of(random->world), &draft, &token, random->now_ms);
}

static inline void cloud_random_change_instance(RandomWorld *random)
{
    Instance *instance = cloud_random_some_instance(random);
    World *world = random->world;
    if (!instance)
        return;
    Capacity capacity = instance->total;
    switch (random_below(random, 12)) {
    case 0: instance_drain(world, instance, random->now_ms); return;
    case 1: instance_stop(world, instance, random->now_ms); return;
    case 2: instance_gone(world, instance, "reclaimed", random->now_ms); return;
    case 3:
        if (instance->launches == 0)
            instance_refused(world, instance, "no capacity", random->now_ms);
        return;
    case 4: capacity.memory_mib -= (int64_t)random_below(random, 300); break;
    case 5:
    case 6: instance_started(world, instance, "i-1", random->now_ms); return;
    default: break;
    }
    instance_registered(world, instance, capacity, random->now_ms);
}

/* All of its nodes on empty instances, or nothing. */
static inline void cloud_random_launch_gang(RandomWorld *random, Job *job)
{
    Instance *instances[3], *after = NULL;
    LaunchToken tokens[3];
    for (int node = 0; node < 3; node++) {
        after = instances[node] =
            fleet_find_empty(cloud_of(random->world)->fleet, job->template->effective->need, NULL, after);
        if (!after)
            return;
        rng_fill(&random->rng, tokens[node].bytes, sizeof tokens[node].bytes);
    }
    random_check_start(random, job, NOT_A_CHILD);
    launch_place_nodes(random->world, job, cloud_of(random->world), instances, tokens, random->now_ms);
}

static inline void cloud_random_launch_item(RandomWorld *random, const RunnableItem *item)
{
    const JobDefinitionSpec *spec = item->job->template->effective;
    const ConsumableNeed *missing;
    Environment *cloud = cloud_of(random->world);
    LaunchToken token;
    if (!consumables_available(random->world, spec->consumables, spec->consumables_len, &missing))
        return;
    if (spec->nodes > 1) {
        cloud_random_launch_gang(random, item->job);
        return;
    }
    Instance *instance = fleet_find(cloud->fleet, spec->need, FLEET_ANY);
    if (!instance)
        return;
    rng_fill(&random->rng, token.bytes, sizeof token.bytes);
    random_check_start(random, item->job, item->index);
    launch_place(random->world, item->job, item->index, cloud, instance, &token, random->now_ms);
}

static inline void cloud_random_launch_some(RandomWorld *random)
{
    RunnableIter iter;
    RunnableItem item, chosen = {0};
    Queue *queue = world_resource(random->world, KIND_JOB_QUEUE, VIEW("main"))->queue;
    runnable_iter_init(&iter, random->world, queue);
    for (uint64_t skip = random_below(random, 4); runnable_iter_next(&iter, &item); skip--) {
        chosen = item;
        if (skip == 0)
            break;
    }
    if (chosen.job)
        cloud_random_launch_item(random, &chosen);
}

static inline void cloud_random_check_capacity(const RandomWorld *random)
{
    const Consumable *license = world_consumable(random->world, VIEW("license"));
    const Consumable *fuel = world_consumable(random->world, VIEW("fuel"));
    g_assert_cmpint(license->in_use, <=, 4);
    g_assert_cmpint(license->in_use, >=, 0);
    g_assert_cmpint(fuel->used_up, <=, 40);
}

/* Anything but a commit or a restart. choice: below 90. */
static inline void cloud_random_step(RandomWorld *random, uint64_t choice)
{
    if (choice < 10)
        cloud_random_submit(random);
    else if (choice < 16)
        cloud_random_buy(random);
    else if (choice < 30)
        cloud_random_change_instance(random);
    else if (choice < 55)
        cloud_random_launch_some(random);
    else if (choice < 85)
        random_outcome(random);
    else
        random_end(random);
}
