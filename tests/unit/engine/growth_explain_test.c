/* Why an environment buys nothing: as growth itself decides. */
#include "reconciler/growth_explain.h"
#include "tests/support/schedule_fixture.h"

#define NOW_MS 1000000

typedef struct {
    World *world;
    Growth *growth;
    GrowthView view;
    Job *job;
} Fixture;

static void fixture_begin_type(Fixture *fixture, const char *type, const char *more)
{
    fixture->world = world_new(1, PROVIDER_SIMULATED);
    fixture->growth = growth_new(&(GrowthOptions){.region = "us-east-1", .providers = ~0u});
    fixture->view = (GrowthView){fixture->growth, fixture->world, NOW_MS};
    g_autofree char *spec = g_strdup_printf("{%s\"computeResources\":{\"instanceTypes\":[\"c5.large\"],"
                                            "\"maxvCpus\":10,\"type\":\"%s\"},\"provider\":\"simulated\","
                                            "\"type\":\"MANAGED\"}",
                                            more, type);
    fixture_put(fixture->world, KIND_COMPUTE_ENVIRONMENT, "cloud", spec, 1);
    fixture_queue(fixture->world, "main", 1, "cloud");
    fixture_definition(fixture->world, "one", 1, 100, "");
    fixture_definition(fixture->world, "large", 3, 100, "");
    fixture->job = fixture_job(fixture->world, 1, "one", "");
}

static void fixture_begin(Fixture *fixture, const char *more)
{
    fixture_begin_type(fixture, "EC2", more);
}

static void fixture_end(Fixture *fixture)
{
    growth_free(fixture->growth);
    world_free(fixture->world);
}

/* As the header says: refused where nothing can be asked for, and only there. */
static ExplainGrowth ask(Fixture *fixture, Job *job)
{
    const Environment *environment = world_environment(fixture->world, VIEW("cloud"));
    ExplainGrowth growth;
    g_assert_true(growth_explain(environment, job_group(job), &growth, &fixture->view));
    g_assert_true(growth.refused == (growth_room(environment, job_group(job), &fixture->view) == 0));
    g_assert_cmpint(growth.trouble, ==, growth_trouble(environment, &fixture->view));
    return growth;
}

static void refuse(Fixture *fixture, InstanceRefusal refusal)
{
    GrowthRefusal one = {.environment = VIEW("cloud"),
                         .type = VIEW("c5.large"),
                         .zone = VIEW(""),
                         .refusal = refusal,
                         .asked_ms = NOW_MS};
    growth_refused(fixture->growth, fixture->world, &one, NOW_MS);
}

static void test_nothing_wrong(void)
{
    Fixture fixture;
    fixture_begin(&fixture, "");
    g_assert_false(ask(&fixture, fixture.job).refused);
    fixture_environment(fixture.world, "here", 4);
    ExplainGrowth growth;
    g_assert_false(growth_explain(world_environment(fixture.world, VIEW("here")), job_group(fixture.job),
                                  &growth, &fixture.view));
    fixture_end(&fixture);
}

static void test_no_type(void)
{
    Fixture fixture;
    fixture_begin(&fixture, "");
    ExplainGrowth growth = ask(&fixture, fixture_job(fixture.world, 2, "large", ""));
    g_assert_true(growth.refused);
    g_assert_cmpint(growth.unmet.reason, ==, UNMET_NO_TYPE);
    fixture_end(&fixture);
}

static void test_cooling(void)
{
    Fixture fixture;
    fixture_begin(&fixture, "");
    g_assert_false(ask(&fixture, fixture.job).refused);
    refuse(&fixture, INSTANCE_REFUSED_CAPACITY);
    ExplainGrowth growth = ask(&fixture, fixture.job);
    g_assert_true(growth.refused);
    g_assert_cmpint(growth.unmet.reason, ==, UNMET_COOLING_DOWN);
    g_assert_cmpstr(growth.type, ==, "c5.large");
    g_assert_cmpint(growth.unmet.until_ms, >, NOW_MS);
    g_assert_cmpint(growth.trouble, ==, BLOCKED_INSUFFICIENT_CAPACITY);
    fixture.view.now_ms = growth.unmet.until_ms;
    g_assert_false(ask(&fixture, fixture.job).refused);
    fixture_end(&fixture);
}

static void test_invalid(void)
{
    Fixture fixture;
    fixture_begin(&fixture, "");
    g_assert_false(ask(&fixture, fixture.job).refused);
    for (int i = 0; i < 3; i++)
        refuse(&fixture, INSTANCE_REFUSED_CONFIGURATION);
    ExplainGrowth growth = ask(&fixture, fixture.job);
    g_assert_cmpint(growth.unmet.reason, ==, UNMET_INVALID);
    g_assert_cmpint(growth.trouble, ==, BLOCKED_INSTANCE_CONFIGURATION);
    fixture_end(&fixture);
}

static void token_next(LaunchToken *token, void *data)
{
    *token = fixture_token(++*(uint64_t *)data);
}

static void run(Fixture *fixture)
{
    g_autoptr(Arena) arena = arena_new();
    static uint64_t tokens;
    ScheduleOptions options = {
        .now_ms = fixture->view.now_ms, .placements_max = 100, .growth = growth_room, .data = &fixture->view};
    Decisions decisions = fixture_pass_with(fixture->world, &options, arena);
    GrowthOutcome outcome = {.launches = g_array_new(FALSE, FALSE, sizeof(GrowthLaunch)),
                             .instance_stops = g_ptr_array_new(),
                             .stops = g_ptr_array_new()};
    growth_run(fixture->growth, fixture->world, &decisions, token_next, &tokens, fixture->view.now_ms, arena,
               &outcome);
    g_array_unref(outcome.launches);
    g_ptr_array_unref(outcome.instance_stops);
    g_ptr_array_unref(outcome.stops);
}

/* A first instance is bought and paid for until the budget of the day is spent. */
static void test_budget(void)
{
    Fixture fixture;
    fixture_begin(&fixture, "\"budget\":{\"perDay\":10000},");
    run(&fixture);
    Instance *instance = world_instance_next(fixture.world, NULL);
    g_assert_nonnull(instance);
    instance_started(fixture.world, instance, "i-1", NOW_MS);
    growth_accrue(fixture.growth, fixture.world, NOW_MS);
    fixture.view.now_ms = NOW_MS + 20 * 3600 * 1000;
    growth_accrue(fixture.growth, fixture.world, fixture.view.now_ms);
    Job *more = fixture_job(fixture.world, 2, "one", ",'arrayProperties':{'size':4}");
    run(&fixture);
    ExplainGrowth growth = ask(&fixture, more);
    g_assert_true(growth.refused);
    g_assert_cmpint(growth.unmet.reason, ==, UNMET_BUDGET_DAY);
    g_assert_cmpint(growth.unmet.limit, ==, 1000000);
    g_assert_cmpint(growth.unmet.have, >=, 1000000);
    g_assert_cmpint(growth.unmet.until_ms, >, fixture.view.now_ms);
    fixture_end(&fixture);
}

/* What a Spot instance costs is not known: it counts as the On-Demand price, and others are bought beside it.
 */
static void test_budget_of_spot(void)
{
    Fixture fixture;
    fixture_begin_type(&fixture, "SPOT", "\"budget\":{\"perDay\":1000000},");
    run(&fixture);
    Instance *instance = world_instance_next(fixture.world, NULL);
    g_assert_nonnull(instance);
    g_assert_cmpint(instance->price_micro_per_h, ==, -1);
    instance_started(fixture.world, instance, "i-1", NOW_MS);
    growth_accrue(fixture.growth, fixture.world, NOW_MS);
    fixture.view.now_ms = NOW_MS + 3600 * 1000;
    growth_accrue(fixture.growth, fixture.world, fixture.view.now_ms);
    Job *more = fixture_job(fixture.world, 2, "one", ",'arrayProperties':{'size':4}");
    g_assert_false(ask(&fixture, more).refused);
    run(&fixture);
    g_assert_nonnull(world_instance_next(fixture.world, instance));
    fixture_end(&fixture);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/growth-explain/nothing-wrong", test_nothing_wrong);
    g_test_add_func("/growth-explain/no-type", test_no_type);
    g_test_add_func("/growth-explain/cooling", test_cooling);
    g_test_add_func("/growth-explain/invalid", test_invalid);
    g_test_add_func("/growth-explain/budget", test_budget);
    g_test_add_func("/growth-explain/budget-of-spot", test_budget_of_spot);
    return g_test_run();
}
