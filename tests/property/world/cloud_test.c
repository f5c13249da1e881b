/* Random lives of instances, multinode jobs and consumable resources: every index equals a recount after each
 * step, a restart at any moment gives the same world, and once faults stop everything ends and nothing is
 * leaked. MUSTER_SEEDS sets how many. */
#include "tests/support/world_cloud.h"
#include "tests/support/world_random.h"

#define STEPS 300

static void add_resources(RandomWorld *random)
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

static void submit(RandomWorld *random)
{
    static const char *const definitions[] = {"gang", "gang", "licensed", "thrice"};
    g_autofree char *request = g_strdup_printf("{'jobName':'j','jobQueue':'main','jobDefinition':'%s'}",
                                               definitions[random_below(random, 4)]);
    fixture_try(random->world, ++random->ids, request, NULL);
}

static Instance *some_instance(RandomWorld *random)
{
    size_t len = world_instances_len(random->world);
    Instance *instance = len > 0 ? world_instance_next(random->world, NULL) : NULL;
    for (uint64_t skip = len > 0 ? random_below(random, len) : 0; skip > 0; skip--)
        instance = world_instance_next(random->world, instance);
    return instance;
}

static void buy(RandomWorld *random)
{
    static const Capacity sizes[] = {{20000, 4000, 0}, {40000, 8000, 0}, {80000, 16000, 1}};
    LaunchToken token;
    InstanceDraft draft = {.type = "c5.large", .spot = random_below(random, 2), .price_micro_per_h = -1};
    draft.planned = sizes[random_below(random, G_N_ELEMENTS(sizes))];
    rng_fill(&random->rng, token.bytes, sizeof token.bytes);
    instance_intend(random->world, cloud_of(random->world), &draft, &token, random->now_ms);
}

static void change_instance(RandomWorld *random)
{
    Instance *instance = some_instance(random);
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
static void launch_gang(RandomWorld *random, Job *job)
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

static void launch_item(RandomWorld *random, const RunnableItem *item)
{
    const JobDefinitionSpec *spec = item->job->template->effective;
    const ConsumableNeed *missing;
    Environment *cloud = cloud_of(random->world);
    LaunchToken token;
    if (!consumables_available(random->world, spec->consumables, spec->consumables_len, &missing))
        return;
    if (spec->nodes > 1) {
        launch_gang(random, item->job);
        return;
    }
    Instance *instance = fleet_find(cloud->fleet, spec->need, FLEET_ANY);
    if (!instance)
        return;
    rng_fill(&random->rng, token.bytes, sizeof token.bytes);
    random_check_start(random, item->job, item->index);
    launch_place(random->world, item->job, item->index, cloud, instance, &token, random->now_ms);
}

static void launch_some(RandomWorld *random)
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
        launch_item(random, &chosen);
}

static void check_capacity(const RandomWorld *random)
{
    const Consumable *license = world_consumable(random->world, VIEW("license"));
    const Consumable *fuel = world_consumable(random->world, VIEW("fuel"));
    g_assert_cmpint(license->in_use, <=, 4);
    g_assert_cmpint(license->in_use, >=, 0);
    g_assert_cmpint(fuel->used_up, <=, 40);
}

static void step(RandomWorld *random)
{
    random->now_ms += (int64_t)random_below(random, 3); /* also twice in one millisecond */
    uint64_t choice = random_below(random, 100);
    if (choice < 10)
        submit(random);
    else if (choice < 16)
        buy(random);
    else if (choice < 30)
        change_instance(random);
    else if (choice < 55)
        launch_some(random);
    else if (choice < 85)
        random_outcome(random);
    else if (choice < 88)
        random_end(random);
    else if (choice < 92)
        random_commit(random);
    else if (choice < 96)
        world_forget_finished(random->world, 10);
    else
        random_restart(random);
    world_check(random->world);
    check_capacity(random);
    random_observe(random);
}

/* The environment goes: its jobs end, its instances are drained, stopped and reported gone. */
static void end_all(RandomWorld *random)
{
    World *world = random->world;
    g_autoptr(GPtrArray) stops = g_ptr_array_new();
    fixture_queue(world, "main", 1, "here");
    resource_delete(world, KIND_COMPUTE_ENVIRONMENT, VIEW("cloud"), random->now_ms);
    for (Job *job = NULL; (job = world_job_next(world, job ? job->sequence : 0));)
        job_end(world, job, NOT_A_CHILD, END_TERMINATE, "the end", random->now_ms, stops);
    for (int guard = 0; guard < 100 && cloud_of(world); guard++) {
        random->now_ms++;
        while (world_launches_len(world) > 0) {
            Launch *launch = random_launch(random);
            launch_ended(world, launch, &(LaunchEnd){.cause = END_STOPPED, .exit_code = 143, .stopped_ms = 1},
                         random->now_ms);
        }
        for (Instance *instance = NULL; (instance = world_instance_next(world, instance));)
            instance_started(world, instance, "i-1", random->now_ms); /* observed */
        resource_settle(world, 10, random->now_ms);
        g_ptr_array_set_size(stops, 0);
        world_take_instance_stops(world, stops);
        for (guint i = 0; i < stops->len; i++) {
            LaunchToken token = ((const Instance *)g_ptr_array_index(stops, i))->token;
            Instance *instance = world_instance(world, &token);
            if (instance)
                instance_gone(world, instance, "stopped", random->now_ms);
        }
        /* those whose stop the caller had decided */
        for (Instance *instance = world_instance_next(world, NULL), *next; instance; instance = next) {
            next = world_instance_next(world, instance);
            if (instance->state == INSTANCE_STOPPING)
                instance_gone(world, instance, "stopped", random->now_ms);
        }
        world_check(world);
    }
    g_assert_null(cloud_of(world));
    g_assert_cmpuint(world_instances_len(world), ==, 0);
    g_assert_cmpint(world_consumable(world, VIEW("license"))->in_use, ==, 0);
    for (const Job *job = NULL; (job = world_job_next(world, job ? job->sequence : 0));)
        g_assert_true(job_state_final(job->state));
    random_restart(random);
}

static void test_lives(void)
{
    const char *wanted = g_getenv("MUSTER_SEEDS");
    uint64_t seeds = wanted ? g_ascii_strtoull(wanted, NULL, 10) : 25;
    for (uint64_t seed = 1; seed <= seeds; seed++) {
        g_test_message("seed %" PRIu64, seed);
        RandomWorld *random = random_world_new(seed);
        add_resources(random);
        for (int i = 0; i < STEPS; i++)
            step(random);
        end_all(random);
        random_world_free(random);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/world/cloud-lives", test_lives);
    return g_test_run();
}
