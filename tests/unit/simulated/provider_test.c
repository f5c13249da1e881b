/* provider_test.c: the contract of provider.h, instances included, under every fault: what is asked for has
 * an outcome, events of one token keep their order, an observation is complete, older terms are refused,
 * nothing is left behind. */
#include "reconciler/provider/simulated/simulated.h"
#include "spec/base/rng.h"

#define SEEDS  60
#define STEPS  150
#define THINGS 200

typedef enum { THING_TASK, THING_INSTANCE } ThingKind;

/* What one process knows of one token. */
typedef struct {
    ThingKind kind;
    LaunchToken token;
    int on; /* the instance, or -1 */
    bool asked, started, registered, over, settled;
    bool reported;     /* to this process */
    bool begun, lives; /* at the far end */
} Thing;

typedef struct {
    Rng rng;
    Simulated *simulated;
    Provider *provider;
    Thing things[THINGS];
    int len;
    int64_t now_ms;
    uint64_t term;
    bool observed, has_instances;
} Fixture;

static Thing *thing_of(Fixture *fixture, const LaunchToken *token)
{
    for (int i = 0; i < fixture->len; i++)
        if (memcmp(&fixture->things[i].token, token, sizeof *token) == 0)
            return &fixture->things[i];
    g_assert_not_reached();
}

static CloudFate fate(const LaunchRequest *request, void *data)
{
    (void)data;
    return (CloudFate){.start_ms = request->memory_mib % 3 ? 0 : 500, .run_ms = 100 * request->memory_mib};
}

static void watch(SimulatedTruth truth, const LaunchToken *token, int64_t vcpus_e4, int64_t memory_mib,
                  void *data)
{
    Thing *thing = thing_of(data, token);
    (void)vcpus_e4, (void)memory_mib;
    if (truth == SIMULATED_INSTANCE_MADE) {
        g_assert_true(thing->lives);
        return;
    }
    bool begins = truth == SIMULATED_TASK_BEGAN || truth == SIMULATED_INSTANCE_BEGAN;
    g_assert_true(begins != thing->lives);
    g_assert_false(begins && (thing->begun || thing->settled));
    thing->lives = begins;
    thing->begun = true;
}

/* ---- what the reconciler would do ---- */

static void settle(Fixture *fixture, Thing *thing)
{
    thing->settled = true;
    fixture->provider->settled(fixture->provider, &thing->token, 1);
}

static void take_over(Fixture *fixture, Thing *thing)
{
    g_assert_false(thing->lives);
    thing->over = true;
    settle(fixture, thing);
}

static void take_observed(Fixture *fixture)
{
    fixture->observed = true;
    for (int i = 0; i < fixture->len; i++) {
        Thing *thing = &fixture->things[i];
        if (!thing->asked || thing->over || thing->reported)
            continue;
        g_assert_false(thing->begun); /* it is proven never to have begun */
        thing->over = thing->settled = true;
    }
}

static void on_event(const ProviderEvent *event, void *data)
{
    Fixture *fixture = data;
    if (event->type == PROVIDER_EVENT_CAPACITY)
        return;
    if (event->type == PROVIDER_EVENT_OBSERVED) {
        take_observed(fixture);
        return;
    }
    Thing *thing = thing_of(fixture, &event->token);
    thing->reported = true;
    switch (event->type) {
    case PROVIDER_EVENT_ACCEPTED: break;
    case PROVIDER_EVENT_STARTED: thing->started = true; break;
    case PROVIDER_EVENT_INSTANCE_STARTED:
        g_assert_true(!thing->over && g_str_has_prefix(event->provider_id, "i-"));
        thing->started = true;
        break;
    case PROVIDER_EVENT_INSTANCE_REGISTERED:
        g_assert_true(!thing->over && event->memory_mib > 0 && event->memory_mib <= 4096);
        thing->registered = true;
        break;
    case PROVIDER_EVENT_REFUSED:
    case PROVIDER_EVENT_INSTANCE_REFUSED:
    case PROVIDER_EVENT_ENDED:
    case PROVIDER_EVENT_LOST:
    case PROVIDER_EVENT_INSTANCE_GONE: take_over(fixture, thing); break;
    case PROVIDER_EVENT_OBSERVED:
    case PROVIDER_EVENT_CAPACITY:
    case PROVIDER_EVENT_INSTANCE_FOUND:
    case PROVIDER_EVENT_FOUND:
    case PROVIDER_EVENT_RESOURCE_OBSERVED:
    case PROVIDER_EVENT_RESOURCE_APPLIED:
    case PROVIDER_EVENT_RESOURCE_REFUSED:
    case PROVIDER_EVENT_INSTANCE_WARNED:
    case PROVIDER_EVENT_COLLECTED: g_assert_not_reached();
    }
}

static void connect_process(Fixture *fixture)
{
    g_autoptr(GArray) expected = g_array_new(FALSE, TRUE, sizeof(ProviderExpected));
    for (int i = 0; i < fixture->len; i++) {
        ProviderExpected one = {.token = fixture->things[i].token};
        fixture->things[i].reported = false;
        if (!fixture->things[i].over)
            g_array_append_val(expected, one);
    }
    fixture->observed = false;
    fixture->provider = simulated_connect(fixture->simulated, on_event, fixture);
    const ProviderStart start = {.term = ++fixture->term,
                                 .expected = (const ProviderExpected *)(void *)expected->data,
                                 .expected_len = expected->len};
    g_assert_true(fixture->provider->start(fixture->provider, &start, NULL));
}

static Thing *thing_new(Fixture *fixture, ThingKind kind)
{
    Thing *thing = &fixture->things[fixture->len++];
    *thing = (Thing){.kind = kind, .on = -1, .asked = true, .reported = true};
    rng_fill(&fixture->rng, &thing->token, sizeof thing->token);
    return thing;
}

static void start_instance(Fixture *fixture)
{
    InstanceRequest request = {.token = thing_new(fixture, THING_INSTANCE)->token,
                               .term = fixture->term,
                               .environment = "e",
                               .type = "c5.large",
                               .spot = rng_below(&fixture->rng, 2),
                               .vcpus_e4 = 20000,
                               .memory_mib = 4096};
    fixture->provider->instances_start(fixture->provider, &request, 1);
}

static int registered_instance(Fixture *fixture)
{
    for (int i = fixture->len - 1; i >= 0; i--)
        if (fixture->things[i].registered && !fixture->things[i].over && rng_below(&fixture->rng, 2))
            return i;
    return -1;
}

static void launch(Fixture *fixture)
{
    static const char *const argv[] = {"sim", NULL};
    int on = fixture->has_instances ? registered_instance(fixture) : -1;
    if (fixture->has_instances && on < 0)
        return;
    Thing *thing = thing_new(fixture, THING_TASK);
    thing->on = on;
    LaunchRequest request = {.token = thing->token,
                             .term = fixture->term,
                             .argv = argv,
                             .job_id = "j",
                             .vcpus_e4 = 10000,
                             .memory_mib = rng_between(&fixture->rng, 1, 99),
                             .kill_grace_ms = 3000,
                             .instance = on >= 0 ? &fixture->things[on].token : NULL};
    fixture->provider->launch(fixture->provider, &request, 1);
}

static void stop(Fixture *fixture)
{
    if (fixture->len == 0)
        return;
    Thing *thing = &fixture->things[rng_below(&fixture->rng, (uint64_t)fixture->len)];
    if (thing->over)
        return;
    if (thing->kind == THING_TASK)
        fixture->provider->stop(fixture->provider, &thing->token, "enough");
    else
        fixture->provider->instances_stop(fixture->provider, &thing->token, 1);
}

static void advance(Fixture *fixture, int64_t by_ms)
{
    fixture->now_ms += by_ms;
    simulated_advance(fixture->simulated, fixture->now_ms);
}

static void step(Fixture *fixture)
{
    uint64_t drawn = rng_below(&fixture->rng, 100);
    bool room = fixture->len < THINGS && fixture->observed;
    if (drawn < 15 && room && fixture->has_instances)
        start_instance(fixture);
    else if (drawn < 45 && room)
        launch(fixture);
    else if (drawn < 52)
        stop(fixture);
    else if (drawn < 55)
        simulated_reset(fixture->simulated);
    else if (drawn < 57)
        simulated_lose_tasks(fixture->simulated);
    else if (drawn < 60) {
        simulated_disconnect(fixture->simulated);
        connect_process(fixture);
    } else
        advance(fixture, rng_between(&fixture->rng, 0, 3000));
}

/* Everything that was asked for has an outcome within an hour of calm; nothing is remembered of what is
 * settled. */
static void finish(Fixture *fixture)
{
    SimulatedFaults calm = {.retry_ms = 1000};
    size_t records, tasks, instances;
    simulated_set_faults(fixture->simulated, &calm);
    advance(fixture, 600000);
    for (int i = 0; i < fixture->len; i++)
        if (fixture->things[i].kind == THING_INSTANCE && !fixture->things[i].over)
            fixture->provider->instances_stop(fixture->provider, &fixture->things[i].token, 1);
    advance(fixture, 3000000);
    for (int i = 0; i < fixture->len; i++)
        g_assert_true(fixture->things[i].over && !fixture->things[i].lives);
    simulated_counts(fixture->simulated, &records, &tasks, &instances);
    g_assert_cmpuint(records + tasks + instances, ==, 0);
}

static void run(uint64_t seed, bool has_instances)
{
    Fixture *fixture = g_new0(Fixture, 1);
    fixture->rng = rng_from_seed(seed);
    fixture->has_instances = has_instances;
    SimulatedOptions options = {.seed = seed,
                                .cloud = {.seed = seed,
                                          .make = {500, 4000},
                                          .boot = {1000, 30000},
                                          .refuse_permille = 200,
                                          .never_registers_permille = 100,
                                          .less_memory_permille = 300,
                                          .reclaim_mean_ms = 60000,
                                          .die_mean_ms = 200000},
                                .has_instances = has_instances,
                                .vcpus_e4 = 10000000,
                                .memory_mib = 1000000,
                                .faults = {.delay = {0, 300},
                                           .slow = {1000, 9000},
                                           .slow_permille = 200,
                                           .lost_permille = 200,
                                           .twice_permille = 200,
                                           .refuse_permille = 50,
                                           .retry_ms = 2000},
                                .fate = fate,
                                .watch = watch,
                                .data = fixture};
    fixture->simulated = simulated_new(&options, 0);
    connect_process(fixture);
    for (int i = 0; i < STEPS; i++)
        step(fixture);
    finish(fixture);
    simulated_disconnect(fixture->simulated);
    simulated_free(fixture->simulated);
    g_free(fixture);
}

static void test_tasks(void)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        g_test_message("seed %" G_GUINT64_FORMAT, seed);
        run(seed, false);
    }
}

static void test_instances(void)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        g_test_message("seed %" G_GUINT64_FORMAT, seed);
        run(seed, true);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/simulated/contract-of-tasks", test_tasks);
    g_test_add_func("/simulated/contract-of-instances", test_instances);
    return g_test_run();
}
