#include "tests/bench/generate_load.h"
#include "spec/base/units.h"

#define QUEUES       50
#define FAIR_QUEUES  10
#define ENVIRONMENTS 10
#define SHARES       8

Capacity load_type_capacity(uint64_t type)
{
    static const int64_t vcpus[] = {2, 4, 8, 16, 32, 48, 64, 96, 128, 192};
    int64_t whole = vcpus[type % 10], gpus = type % 10 == 4 ? whole / 8 : 0;
    return (Capacity){whole * DECIMAL_SCALE, whole * 1024 * (int64_t)(2 + type / 10 * 2) - 512, gpus};
}

void load_token(LaunchToken *token, void *data)
{
    uint64_t *number = data;
    *token = fixture_token(++*number);
}

static void add_instances(World *world, size_t len, uint64_t *tokens, Rng *rng)
{
    for (size_t i = 0; i < len; i++) {
        char name[16], type[16];
        uint64_t sort = rng_below(rng, LOAD_TYPES);
        g_snprintf(name, sizeof name, "cloud%d", (int)(i % ENVIRONMENTS));
        g_snprintf(type, sizeof type, "t%d.x", (int)sort);
        Capacity capacity = load_type_capacity(sort);
        LaunchToken token;
        load_token(&token, tokens);
        InstanceDraft draft = {.type = type, .planned = capacity, .price_micro_per_h = -1};
        Instance *instance =
            instance_intend(world, world_environment(world, view_from(name)), &draft, &token, LOAD_MS);
        instance_started(world, instance, "i", LOAD_MS);
        instance_registered(world, instance, capacity, LOAD_MS);
    }
}

static void add_queues(World *world)
{
    for (int i = 0; i < FAIR_QUEUES; i++) {
        g_autofree char *name = g_strdup_printf("policy%d", i);
        fixture_put(world, KIND_SCHEDULING_POLICY, name,
                    "{\"fairsharePolicy\":{\"computeReservation\":10,\"shareDecaySeconds\":3600,"
                    "\"shareDistribution\":[{\"shareIdentifier\":\"a*\",\"weightFactor\":5000}]}}",
                    1);
    }
    for (int i = 0; i < QUEUES; i++) {
        g_autofree char *name = g_strdup_printf("queue%d", i);
        g_autofree char *policy =
            i < FAIR_QUEUES ? g_strdup_printf(",\"schedulingPolicy\":\"policy%d\"", i) : g_strdup("");
        g_autofree char *spec =
            g_strdup_printf("{\"computeEnvironmentOrder\":[{\"computeEnvironment\":\"cloud%d\",\"order\":1},"
                            "{\"computeEnvironment\":\"cloud%d\",\"order\":2}],\"priority\":%d%s}",
                            i % ENVIRONMENTS, (i + 3) % ENVIRONMENTS, i % 5, policy);
        fixture_put(world, KIND_JOB_QUEUE, name, spec, 1);
    }
}

/* "known" has a history of run times, "job" only timeouts; "licensed" needs a consumable resource; a "gang"
 * has two nodes. */
static void add_definitions(World *world)
{
    fixture_definition(world, "job", 1, 256, "");
    fixture_definition(world, "known", 1, 256, "");
    for (int run = 0; run < 20; run++)
        world_history_add(world, VIEW("known"), 300000 + run * 30000, LOAD_MS);
    fixture_put(world, KIND_CONSUMABLE_RESOURCE, "license",
                "{\"resourceType\":\"REPLENISHABLE\",\"totalQuantity\":3000}", 1);
    fixture_definition(world, "licensed", 1, 256,
                       ",\"consumableResourceProperties\":{\"consumableResourceList\":["
                       "{\"consumableResource\":\"license\",\"quantity\":1}]}");
    fixture_put(
        world, KIND_JOB_DEFINITION, "gang",
        "{\"nodeProperties\":{\"mainNode\":0,\"nodeRangeProperties\":[{\"container\":{\"command\":["
        "\"/bin/true\"],\"resourceRequirements\":[{\"type\":\"MEMORY\",\"value\":\"256\"},{\"type\":"
        "\"VCPU\",\"value\":\"1\"}]},\"targetNodes\":\"0:\"}],\"numNodes\":2},\"type\":\"multinode\"}",
        1);
}

World *load_world(size_t instances, bool is_recorded, uint64_t *tokens, Rng *rng)
{
    World *world = world_new(1, PROVIDER_LOCAL);
    world_set_recording(world, is_recorded);
    for (int i = 0; i < ENVIRONMENTS; i++) {
        g_autofree char *name = g_strdup_printf("cloud%d", i);
        fixture_cloud(world, name, "EC2", 10000000, ",\"instanceTypes\":[\"c5\",\"p3\"]");
    }
    add_queues(world);
    add_definitions(world);
    add_instances(world, instances, tokens, rng);
    return world;
}

/* vCPUs and memory of a job: mostly small. */
void load_job_size(Rng *rng, int *ret_vcpus, int *ret_memory)
{
    *ret_vcpus = 1 + (int)rng_below(rng, rng_below(rng, 8) == 0 ? 16 : 3);
    *ret_memory = *ret_vcpus * (256 + (int)rng_below(rng, 2000));
}

static const char *definition_of(uint64_t number, int array_size)
{
    if (number % 1000 == 0 && array_size == 0)
        return "gang";
    return number % 100 == 1 ? "licensed" : number % 4 == 2 ? "known" : "job";
}

/* Each single job has a timeout of its own: no two are alike to the scheduler. */
static char *timeout_of(uint64_t number, int array_size)
{
    int seconds = 600 + (int)(number / QUEUES);
    return g_strdup_printf(",\"timeout\":{\"attemptDurationSeconds\":%d}", array_size > 0 ? 3600 : seconds);
}

static char *needs_of(uint64_t number, Rng *rng)
{
    int vcpus, memory;
    load_job_size(rng, &vcpus, &memory);
    const char *gpu = number % 50 == 3 ? ",{\"type\":\"GPU\",\"value\":\"1\"}" : "";
    return g_strdup_printf(",\"containerOverrides\":{\"resourceRequirements\":[{\"type\":\"VCPU\",\"value\":"
                           "\"%d\"},{\"type\":\"MEMORY\",\"value\":\"%d\"}%s]}",
                           vcpus, memory, gpu);
}

void load_submit(World *world, uint64_t number, int array_size, Rng *rng)
{
    int queue = (int)(number / 7 % QUEUES);
    const char *definition = definition_of(number, array_size);
    bool is_gang = strcmp(definition, "gang") == 0;
    g_autofree char *needs = is_gang ? g_strdup("") : needs_of(number, rng);
    g_autofree char *timeout = timeout_of(number, array_size);
    g_autofree char *share =
        queue < FAIR_QUEUES
            ? g_strdup_printf(",\"shareIdentifier\":\"%c%d\",\"schedulingPriorityOverride\":%d",
                              "ab"[number % 2], (int)(number / 350 % SHARES), (int)(number / 31 % 3))
            : g_strdup("");
    g_autofree char *array =
        array_size > 0 ? g_strdup_printf(",\"arrayProperties\":{\"size\":%d}", array_size) : g_strdup("");
    g_autofree char *text =
        g_strdup_printf("{\"jobName\":\"j\",\"jobQueue\":\"queue%d\",\"jobDefinition\":\"%s\"%s%s%s%s}",
                        queue, definition, share, array, timeout, needs);
    json_t *request = json_loads(text, 0, NULL);
    g_autoptr(GError) error = NULL;
    if (!job_submit(world, &(Submission){.id = fixture_id(number), .request = request}, LOAD_MS, &error))
        g_error("%s", error->message);
    json_decref(request);
}

void load_end_some(World *world, Rng *rng, GPtrArray *running, size_t len, int64_t now_ms)
{
    for (size_t i = 0; i < len && running->len > 0; i++) {
        guint at = (guint)rng_below(rng, running->len);
        Launch *launch = running->pdata[at];
        g_ptr_array_remove_index_fast(running, at);
        LaunchEnd end = {.cause = END_EXITED, .started_ms = LOAD_MS, .stopped_ms = now_ms};
        launch_ended(world, launch, &end, now_ms);
    }
}
