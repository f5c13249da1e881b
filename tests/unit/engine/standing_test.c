/* What `get` and describecomputeenvironments show of an environment that buys instances, hosted and not: its
 * instances, what is free, money, cool-downs, and why nothing is bought. */
#include "reconciler/growth_standing.h"
#include "reconciler/api/operation.h"
#include "tests/support/schedule_fixture.h"

#define NOON INT64_C(1767614400000) /* Monday 2026-01-05 12:00 UTC */
#define HOUR INT64_C(3600000)

typedef struct {
    World *world;
    Growth *growth;
    GrowthView view;
    int64_t now_ms;
    uint64_t tokens;
} Fixture;

static void fixture_begin(Fixture *fixture, const char *type, const char *more)
{
    *fixture = (Fixture){.world = world_new(1, PROVIDER_SIMULATED),
                         .growth = growth_new(&(GrowthOptions){.region = "us-east-1", .providers = ~0u}),
                         .now_ms = NOON};
    g_autofree char *spec = g_strdup_printf(
        "{%s\"computeResources\":{\"allocationStrategy\":\"%s\",\"instanceTypes\":[\"c5.large\"],"
        "\"maxvCpus\":8,\"minvCpus\":0,\"type\":\"%s\"},\"provider\":{\"region\":\"us-east-1\",\"type\":"
        "\"simulated\"},"
        "\"type\":\"MANAGED\"}",
        more, "BEST_FIT_PROGRESSIVE", type);
    fixture_put(fixture->world, KIND_COMPUTE_ENVIRONMENT, "cloud", spec, 1);
    fixture_queue(fixture->world, "main", 1, "cloud");
    fixture_definition(fixture->world, "one", 1, 100, "");
    fixture_job(fixture->world, 1, "one", "");
}

static void fixture_end(Fixture *fixture)
{
    growth_free(fixture->growth);
    world_free(fixture->world);
}

static const Environment *cloud(const Fixture *fixture)
{
    return world_environment(fixture->world, VIEW("cloud"));
}

static void token_next(LaunchToken *token, void *data)
{
    *token = fixture_token(++((Fixture *)data)->tokens);
}

static void run(Fixture *fixture)
{
    g_autoptr(Arena) arena = arena_new();
    fixture->view = (GrowthView){fixture->growth, fixture->world, fixture->now_ms};
    ScheduleOptions options = {.now_ms = fixture->now_ms,
                               .placements_max = 100,
                               .providers = ~0u,
                               .growth = growth_room,
                               .data = &fixture->view};
    growth_accrue(fixture->growth, fixture->world, fixture->now_ms);
    Decisions decisions = fixture_pass_with(fixture->world, &options, arena);
    fixture_carry_out(fixture->world, &decisions, fixture->now_ms, &fixture->tokens);
    g_autoptr(GArray) launches = g_array_new(FALSE, FALSE, sizeof(GrowthLaunch));
    g_autoptr(GPtrArray) instance_stops = g_ptr_array_new(), stops = g_ptr_array_new();
    GrowthOutcome outcome = {.launches = launches, .instance_stops = instance_stops, .stops = stops};
    growth_run(fixture->growth, fixture->world, &decisions, token_next, fixture, fixture->now_ms, arena,
               &outcome);
    growth_settle(fixture->view.growth, fixture->world, fixture->now_ms);
}

/* path: "money.day.spent", "instances.0.type". Borrowed. */
static const json_t *at(const json_t *value, const char *path)
{
    g_auto(GStrv) parts = g_strsplit(path, ".", -1);
    for (int i = 0; parts[i]; i++)
        value = json_is_array(value) ? json_array_get(value, (size_t)g_ascii_strtoull(parts[i], NULL, 10))
                                     : json_object_get(value, parts[i]);
    return value;
}

#define assert_text(value, path, expected) g_assert_cmpstr(json_string_value(at(value, path)), ==, expected)
#define assert_integer(value, path, expected)                                                                \
    g_assert_cmpint(json_integer_value(at(value, path)), ==, expected)
#define assert_real(value, path, expected)                                                                   \
    g_assert_cmpfloat_with_epsilon(json_number_value(at(value, path)), expected, 1e-9)

static json_t *hosted(Fixture *fixture)
{
    EnvironmentStanding standing;
    g_assert_true(growth_standing(cloud(fixture), &standing, &fixture->view));
    return environment_view(fixture->world, cloud(fixture), &standing, fixture->now_ms);
}

static Instance *newest(const Fixture *fixture)
{
    Instance *last = NULL;
    for (Instance *next = NULL; (next = world_instance_next(fixture->world, next));)
        last = next;
    return last;
}

/* One instance takes the job, one drains, one is on its way. A c5.large costs 0.085 an hour. */
static void test_instances(void)
{
    Fixture fixture;
    fixture_begin(&fixture, "EC2", "\"budget\":{\"perDay\":20000},");
    run(&fixture);
    instance_started(fixture.world, newest(&fixture), "i-1", fixture.now_ms);
    instance_registered(fixture.world, newest(&fixture), capacity_of(2, 3500, 0), fixture.now_ms);
    run(&fixture);
    fixture_instance(fixture.world, "cloud", "c5.large", capacity_of(2, 3500, 0));
    instance_drain(fixture.world, newest(&fixture), fixture.now_ms);
    fixture_instance_coming(fixture.world, "cloud", "c5.large", capacity_of(2, 3500, 0));
    json_t *live = hosted(&fixture);
    assert_real(live, "usedVcpus", 1);
    assert_real(live, "freeVcpus", 1);
    assert_integer(live, "desiredvCpus", 6);
    assert_integer(live, "instanceCount", 3);
    assert_integer(live, "launches", 1);
    g_assert_cmpuint(json_array_size(at(live, "instances")), ==, 3);
    static const char *const states[] = {"INTENDED", "REGISTERED", "DRAINING"};
    for (size_t i = 0; i < G_N_ELEMENTS(states); i++) {
        const json_t *item = json_array_get(at(live, "instances"), i);
        assert_text(item, "type", "c5.large");
        assert_text(item, "state", states[i]);
        assert_integer(item, "count", 1);
        assert_real(item, "vcpus", 2);
        assert_real(item, "usedVcpus", i == 1 ? 1 : 0);
    }
    g_assert_cmpuint(json_array_size(at(live, "unmet")), ==, 0);
    json_decref(live);
    fixture_end(&fixture);
}

/* An hour of 0.085 of a budget of 0.1 is spent: the next instance has to wait for the next day. */
static void test_budget(void)
{
    Fixture fixture;
    fixture_begin(&fixture, "EC2", "\"budget\":{\"perDay\":1000,\"perMonth\":90000},");
    run(&fixture);
    instance_started(fixture.world, newest(&fixture), "i-1", fixture.now_ms);
    instance_registered(fixture.world, newest(&fixture), capacity_of(2, 3500, 0), fixture.now_ms);
    run(&fixture);
    fixture.now_ms += HOUR;
    fixture_job(fixture.world, 2, "one", ",'arrayProperties':{'size':4}");
    fixture_definition(fixture.world, "two", 2, 100, ""); /* another shape, for the same reason */
    fixture_job(fixture.world, 3, "two", ",'arrayProperties':{'size':2}");
    run(&fixture);
    json_t *live = hosted(&fixture);
    assert_text(live, "status", "VALID");
    assert_text(live, "money.currency", "USD");
    assert_real(live, "money.day.spent", 0.085);
    assert_real(live, "money.day.budget", 0.1);
    assert_integer(live, "money.day.endsAt", NOON + 12 * HOUR);
    g_assert_true(json_is_false(at(live, "money.day.incomplete")));
    assert_real(live, "money.month.budget", 9);
    assert_real(live, "money.perHour", 0.085);
    assert_text(live, "unmet.0.reason", "BUDGET_DAY");
    assert_text(live, "unmet.0.text", "budget of the day: 0.08 USD of 0.10 USD spent");
    assert_integer(live, "unmet.0.jobs", 3 + 2);
    g_assert_cmpuint(json_array_size(at(live, "unmet")), ==, 1);
    g_assert_cmpint(json_integer_value(at(live, "unmet.0.until")), >, fixture.now_ms);
    json_decref(live);
    fixture.now_ms = NOON + 12 * HOUR; /* another day */
    EnvironmentStanding standing;
    g_assert_true(growth_standing(cloud(&fixture), &standing, &fixture.view));
    live = environment_view(fixture.world, cloud(&fixture), &standing, fixture.now_ms);
    assert_real(live, "money.day.spent", 0);
    assert_real(live, "money.month.spent", 0.085);
    json_decref(live);
    fixture_end(&fixture);
}

/* What ran without a known price makes the figure a lower bound. */
static void test_incomplete(void)
{
    Fixture fixture;
    fixture_begin(&fixture, "EC2", "");
    run(&fixture);
    fixture_instance(fixture.world, "cloud", "unheard.of", capacity_of(2, 3500, 0));
    run(&fixture);
    fixture.now_ms += HOUR;
    run(&fixture);
    json_t *live = hosted(&fixture);
    g_assert_true(json_is_true(at(live, "money.day.incomplete")));
    g_assert_null(at(live, "money.day.budget"));
    assert_integer(live, "money.unpricedInstances", 1);
    json_decref(live);
    fixture_end(&fixture);
}

static void refuse(Fixture *fixture, InstanceRefusal refusal)
{
    GrowthRefusal one = {.environment = VIEW("cloud"),
                         .type = VIEW("c5.large"),
                         .zone = VIEW(""),
                         .refusal = refusal,
                         .asked_ms = fixture->now_ms};
    growth_refused(fixture->growth, fixture->world, &one, fixture->now_ms);
}

static void test_cool_down(void)
{
    Fixture fixture;
    fixture_begin(&fixture, "EC2", "");
    refuse(&fixture, INSTANCE_REFUSED_CAPACITY);
    run(&fixture);
    json_t *live = hosted(&fixture);
    g_assert_cmpuint(json_array_size(at(live, "coolDowns")), ==, 1);
    assert_text(live, "coolDowns.0.type", "c5.large");
    assert_integer(live, "coolDowns.0.until", NOON + COOLDOWN_FIRST_MS);
    assert_integer(live, "coolDowns.0.failures", 1);
    json_decref(live);
    fixture.now_ms = NOON + COOLDOWN_FIRST_MS;
    live = hosted(&fixture);
    g_assert_cmpuint(json_array_size(at(live, "coolDowns")), ==, 0); /* it is remembered, and over */
    json_decref(live);
    fixture_end(&fixture);
}

static void test_invalid(void)
{
    Fixture fixture;
    fixture_begin(&fixture, "EC2", "");
    run(&fixture);
    for (int i = 0; i < LAUNCH_FAILURES_MAX; i++)
        refuse(&fixture, INSTANCE_REFUSED_CONFIGURATION);
    OperationContext context = {.world = fixture.world,
                                .now_ms = fixture.now_ms,
                                .standing = growth_standing,
                                .growth_data = &fixture.view};
    g_autoptr(Call) call = call_new(operation_find_name("describecomputeenvironments"), NULL);
    g_assert_cmpint(call->operation->step(&context, call), ==, STEP_DONE);
    assert_text(call->result.body, "computeEnvironments.0.status", "INVALID");
    assert_text(call->result.body, "computeEnvironments.0.statusReason",
                "its instances cannot be launched as it is configured");
    assert_integer(call->result.body, "computeEnvironments.0.computeResources.desiredvCpus", 2);
    json_t *live = hosted(&fixture);
    assert_text(live, "status", "INVALID");
    assert_text(live, "statusReason", "its instances cannot be launched as it is configured");
    json_decref(live);
    fixture_end(&fixture);
}

/* Where nobody hosts it the memory says what was spent and what cools down; nobody knows what was not bought.
 */
static void test_read(void)
{
    Fixture fixture;
    fixture_begin(&fixture, "EC2", "\"budget\":{\"perDay\":20000},");
    run(&fixture);
    instance_started(fixture.world, newest(&fixture), "i-1", fixture.now_ms);
    run(&fixture);
    fixture.now_ms += HOUR;
    refuse(&fixture, INSTANCE_REFUSED_CAPACITY);
    run(&fixture);
    g_auto(EnvironmentStanding) standing = {0};
    g_assert_true(environment_standing_read(fixture.world, cloud(&fixture), &standing));
    json_t *live = environment_view(fixture.world, cloud(&fixture), &standing, fixture.now_ms);
    assert_real(live, "money.day.spent", 0.085);
    assert_real(live, "money.day.budget", 2);
    assert_text(live, "money.currency", "USD");
    assert_integer(live, "money.countedAt", NOON + HOUR);
    assert_integer(live, "coolDowns.0.until", NOON + HOUR + COOLDOWN_FIRST_MS);
    g_assert_null(at(live, "unmet"));
    g_assert_null(at(live, "money.perHour"));
    json_decref(live);
    fixture_end(&fixture);
}

/* Machines of others are shown, and cost nothing here; a Fargate task is its own capacity. */
static void test_others(void)
{
    Fixture fixture;
    EnvironmentStanding standing;
    fixture_begin(&fixture, "EC2", "");
    run(&fixture);
    fixture_cloud(fixture.world, "theirs", "UNMANAGED", 0, "");
    fixture_cloud(fixture.world, "tasks", "FARGATE", 4, "");
    fixture_instance(fixture.world, "theirs", "", capacity_of(3, 3500, 0));
    const Environment *theirs = world_environment(fixture.world, VIEW("theirs"));
    const Environment *tasks = world_environment(fixture.world, VIEW("tasks"));
    g_assert_false(growth_standing(theirs, &standing, &fixture.view));
    g_assert_false(environment_standing_read(fixture.world, tasks, &standing));
    json_t *live = environment_view(fixture.world, theirs, NULL, NOON);
    assert_real(live, "freeVcpus", 3);
    assert_integer(live, "instances.0.count", 1);
    g_assert_null(at(live, "money"));
    json_decref(live);
    live = environment_view(fixture.world, tasks, NULL, NOON);
    assert_real(live, "freeVcpus", 4);
    g_assert_null(at(live, "instances"));
    json_decref(live);
    fixture_end(&fixture);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/standing/instances", test_instances);
    g_test_add_func("/standing/budget", test_budget);
    g_test_add_func("/standing/incomplete", test_incomplete);
    g_test_add_func("/standing/cool-down", test_cool_down);
    g_test_add_func("/standing/invalid", test_invalid);
    g_test_add_func("/standing/read", test_read);
    g_test_add_func("/standing/others", test_others);
    return g_test_run();
}
