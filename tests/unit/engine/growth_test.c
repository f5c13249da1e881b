/* What environments may buy and what they do buy, beside what growth_explain_test.c looks at: refusals send
 * work to the next type and the next environment, configuration faults end it until an update, and what was
 * spent outlives a restart. */
#include "reconciler/growth.h"
#include "reconciler/scale/cooldown.h"
#include "reconciler/world/adopt.h"
#include "tests/support/schedule_fixture.h"

#define NOW_MS INT64_C(1767571200000) /* Monday 2026-01-05 00:00 UTC */

typedef struct {
    World *world;
    Growth *growth;
    int64_t now_ms;
    uint64_t tokens;
} Fixture;

static void environment_put(Fixture *fixture, const char *name, const char *types, int max_vcpus,
                            const char *more)
{
    g_autofree char *spec =
        g_strdup_printf("{%s\"computeResources\":{\"allocationStrategy\":\"BEST_FIT_PROGRESSIVE\","
                        "\"instanceTypes\":[%s],\"maxvCpus\":%d,\"type\":\"EC2\"},\"provider\":\"simulated\","
                        "\"type\":\"MANAGED\"}",
                        more, types, max_vcpus);
    fixture_put(fixture->world, KIND_COMPUTE_ENVIRONMENT, name, spec, 1);
}

static Growth *growth_make(void)
{
    return growth_new(&(GrowthOptions){.region = "us-east-1", .providers = ~0u});
}

static void fixture_begin(Fixture *fixture)
{
    *fixture =
        (Fixture){.world = world_new(1, PROVIDER_SIMULATED), .growth = growth_make(), .now_ms = NOW_MS};
    environment_put(fixture, "first", "\"c5.large\",\"m5.large\"", 8, "");
    environment_put(fixture, "second", "\"r5.large\"", 8, "");
    fixture_queue(fixture->world, "main", 1, "first,second");
    fixture_definition(fixture->world, "two", 2, 1000, "");
}

static void fixture_end(Fixture *fixture)
{
    growth_free(fixture->growth);
    world_free(fixture->world);
}

static void token_next(LaunchToken *token, void *data)
{
    Fixture *fixture = data;
    *token = fixture_token(++fixture->tokens);
}

/* One step; "ENVIRONMENT/TYPE " for each instance that is asked for. New string. */
static char *run(Fixture *fixture)
{
    g_autoptr(Arena) arena = arena_new();
    GrowthView view = {fixture->growth, fixture->world, fixture->now_ms};
    ScheduleOptions options = {.now_ms = fixture->now_ms,
                               .placements_max = 100,
                               .providers = ~0u,
                               .growth = growth_room,
                               .trouble = growth_trouble,
                               .data = &view};
    Decisions decisions = fixture_pass_with(fixture->world, &options, arena);
    g_autoptr(GArray) launches = g_array_new(FALSE, FALSE, sizeof(GrowthLaunch));
    g_autoptr(GPtrArray) instance_stops = g_ptr_array_new(), stops = g_ptr_array_new();
    GrowthOutcome outcome = {.launches = launches, .instance_stops = instance_stops, .stops = stops};
    fixture_carry_out(fixture->world, &decisions, fixture->now_ms, &fixture->tokens);
    growth_accrue(fixture->growth, fixture->world, fixture->now_ms);
    growth_run(fixture->growth, fixture->world, &decisions, token_next, fixture, fixture->now_ms, arena,
               &outcome);
    growth_settle(fixture->growth, fixture->world, fixture->now_ms);
    GString *text = g_string_new(NULL);
    for (guint i = 0; i < launches->len; i++) {
        const Instance *instance = g_array_index(launches, GrowthLaunch, i).instance;
        g_string_append_printf(text, "%s/%s ", instance->environment->resource->name, instance->type);
    }
    return g_string_free(text, FALSE);
}

#define assert_run(fixture, wanted)                                                                          \
    do {                                                                                                     \
        g_autofree char *bought = run(fixture);                                                              \
        g_assert_cmpstr(bought, ==, wanted);                                                                 \
    } while (0)

/* The newest instance is not to be had. */
static void refuse(Fixture *fixture, InstanceRefusal why)
{
    Instance *instance = NULL;
    for (Instance *next = NULL; (next = world_instance_next(fixture->world, next));)
        instance = next;
    g_autofree char *type = g_strdup(instance->type);
    GrowthRefusal refusal = {.environment = view_from(instance->environment->resource->name),
                             .type = view_from(type),
                             .zone = VIEW(""),
                             .refusal = why,
                             .asked_ms = instance->intended_ms};
    growth_refused(fixture->growth, fixture->world, &refusal, fixture->now_ms);
    instance_refused(fixture->world, instance, "refused", fixture->now_ms);
}

static int64_t room(Fixture *fixture, const char *environment, const Job *job)
{
    GrowthView view = {fixture->growth, fixture->world, fixture->now_ms};
    return growth_room(world_environment(fixture->world, view_from(environment)), job_group(job), &view);
}

/* The cheapest type, when that is refused the next one, then the next environment; when the first pool has
 * cooled down, it is asked again. */
static void test_refused(void)
{
    Fixture fixture;
    fixture_begin(&fixture);
    Job *job = fixture_job(fixture.world, 1, "two", "");
    assert_run(&fixture, "first/c5.large ");
    refuse(&fixture, INSTANCE_REFUSED_CAPACITY);
    fixture.now_ms += 1000;
    assert_run(&fixture, "first/m5.large ");
    refuse(&fixture, INSTANCE_REFUSED_CAPACITY);
    g_assert_cmpint(room(&fixture, "first", job), ==, 0);
    fixture.now_ms += 1000;
    assert_run(&fixture, "second/r5.large ");
    refuse(&fixture, INSTANCE_REFUSED_LIMIT);
    assert_run(&fixture, "");
    fixture.now_ms = NOW_MS + COOLDOWN_FIRST_MS - 1;
    assert_run(&fixture, "");
    fixture.now_ms = NOW_MS + COOLDOWN_FIRST_MS;
    assert_run(&fixture, "first/c5.large ");
    fixture_end(&fixture);
}

/* A success forgets how often the pool was refused: without one, cool-downs double. */
static void test_success_forgets(void)
{
    Fixture fixture;
    fixture_begin(&fixture);
    environment_put(&fixture, "first", "\"c5.large\"", 8, "");
    fixture_queue(fixture.world, "main", 1, "first");
    fixture_job(fixture.world, 1, "two", "");
    for (int failures = 0; failures < 2; failures++) {
        assert_run(&fixture, "first/c5.large ");
        refuse(&fixture, INSTANCE_REFUSED_CAPACITY);
        fixture.now_ms += COOLDOWN_FIRST_MS << failures;
    }
    assert_run(&fixture, "first/c5.large ");
    Instance *instance = world_instance_next(fixture.world, NULL);
    instance_started(fixture.world, instance, "i-1", fixture.now_ms);
    growth_registered(fixture.growth, fixture.world, instance, fixture.now_ms);
    instance_gone(fixture.world, instance, "reclaimed", fixture.now_ms);
    assert_run(&fixture, "first/c5.large ");
    refuse(&fixture, INSTANCE_REFUSED_CAPACITY);
    fixture.now_ms += COOLDOWN_FIRST_MS;
    assert_run(&fixture, "first/c5.large ");
    fixture_end(&fixture);
}

/* While it is looked up what machines are made from none is bought, there or elsewhere; as soon as that is
 * known what is wanted is, whether jobs wait for it or not. */
static void test_pinning(void)
{
    Fixture fixture;
    fixture_begin(&fixture);
    Environment *first = world_environment(fixture.world, VIEW("first"));
    fixture_job(fixture.world, 1, "two", "");
    first->is_pinning = true;
    assert_run(&fixture, "");
    first->is_pinning = false;
    assert_run(&fixture, "first/c5.large ");
    fixture_put(fixture.world, KIND_COMPUTE_ENVIRONMENT, "kept",
                "{\"computeResources\":{\"instanceTypes\":[\"c5.large\"],\"maxvCpus\":8,\"minvCpus\":2,"
                "\"type\":\"EC2\"},\"provider\":\"simulated\",\"type\":\"MANAGED\"}",
                1);
    Environment *kept = world_environment(fixture.world, VIEW("kept"));
    kept->is_pinning = true;
    assert_run(&fixture, "");
    assert_run(&fixture, "");
    kept->is_pinning = false;
    assert_run(&fixture, "kept/c5.large ");
    fixture_end(&fixture);
}

static void test_invalid(void)
{
    Fixture fixture;
    fixture_begin(&fixture);
    Job *job = fixture_job(fixture.world, 1, "two", "");
    for (int i = 0; i < LAUNCH_FAILURES_MAX; i++) {
        assert_run(&fixture, "first/c5.large ");
        g_assert_cmpint(room(&fixture, "first", job), >, 0);
        refuse(&fixture, INSTANCE_REFUSED_CONFIGURATION);
    }
    g_assert_cmpint(room(&fixture, "first", job), ==, 0);
    GrowthView view = {fixture.growth, fixture.world, fixture.now_ms};
    const Environment *first = world_environment(fixture.world, VIEW("first"));
    g_assert_cmpint(growth_trouble(first, &view), ==, BLOCKED_INSTANCE_CONFIGURATION);
    assert_run(&fixture, "second/r5.large ");
    environment_put(&fixture, "first", "\"m5.large\"", 8, "");
    g_assert_cmpint(room(&fixture, "first", job), ==, 80000);
    g_assert_cmpint(growth_trouble(first, &view), ==, BLOCKED_NONE);
    fixture_end(&fixture);
}

/* Configuration faults that are not in a row make nothing invalid. */
static void test_not_in_a_row(void)
{
    Fixture fixture;
    fixture_begin(&fixture);
    const Job *job = fixture_job(fixture.world, 1, "two", ",'arrayProperties':{'size':4}");
    for (int i = 0; i < 2 * LAUNCH_FAILURES_MAX; i++) {
        g_autofree char *bought = run(&fixture);
        g_assert_true(g_str_has_prefix(bought, "first/c5.large "));
        Instance *instance = world_instance_next(fixture.world, NULL);
        if (i % 2) {
            instance_started(fixture.world, instance, "i-1", fixture.now_ms);
            growth_registered(fixture.growth, fixture.world, instance, fixture.now_ms);
            instance_gone(fixture.world, instance, "died", fixture.now_ms);
        } else {
            refuse(&fixture, INSTANCE_REFUSED_CONFIGURATION);
        }
    }
    g_assert_cmpint(room(&fixture, "first", job), >, 0);
    fixture_end(&fixture);
}

/* vCPUs that are left under maxvCpus, whatever an instance would overshoot; nothing for what no type holds.
 */
static void test_room(void)
{
    Fixture fixture;
    fixture_begin(&fixture);
    fixture_definition(fixture.world, "large", 3, 1000, "");
    const Job *job = fixture_job(fixture.world, 1, "two", ""),
              *large = fixture_job(fixture.world, 2, "large", "");
    g_assert_cmpint(room(&fixture, "first", job), ==, 80000);
    g_assert_cmpint(room(&fixture, "first", large), ==, 0);
    fixture_instance(fixture.world, "first", "c5.large", capacity_of(2, 3500, 0));
    g_assert_cmpint(room(&fixture, "first", job), ==, 60000);
    for (int i = 0; i < 3; i++)
        fixture_instance_coming(fixture.world, "first", "c5.large", capacity_of(2, 3500, 0));
    g_assert_cmpint(room(&fixture, "first", job), ==, 0);
    environment_put(&fixture, "second", "\"r5.large\"", 8, "\"state\":\"DISABLED\",");
    g_assert_cmpint(room(&fixture, "second", job), ==, 0);
    fixture_end(&fixture);
}

/* After a restart: what was spent, and what cools down. Half an hour of a c5.large costs 0.0425 USD. */
static void test_persisted(void)
{
    Fixture fixture;
    Account before, after;
    fixture_begin(&fixture);
    fixture_job(fixture.world, 1, "two", "");
    assert_run(&fixture, "first/c5.large ");
    Instance *instance = world_instance_next(fixture.world, NULL);
    instance_started(fixture.world, instance, "i-1", fixture.now_ms);
    instance_registered(fixture.world, instance, capacity_of(2, 3500, 0), fixture.now_ms);
    assert_run(&fixture, "");
    fixture.now_ms += 1800000;
    Job *more = fixture_job(fixture.world, 2, "two", "");
    assert_run(&fixture, "first/c5.large ");
    refuse(&fixture, INSTANCE_REFUSED_CAPACITY);
    assert_run(&fixture, "first/m5.large ");
    const Environment *first = world_environment(fixture.world, VIEW("first"));
    g_assert_true(growth_account(fixture.growth, first, &before));
    g_assert_cmpint(before.of_day.micro, ==, 42500);

    growth_free(fixture.growth);
    fixture.growth = growth_make();
    g_assert_false(growth_account(fixture.growth, first, &after));
    growth_load(fixture.growth, fixture.world, fixture.now_ms);
    g_assert_true(growth_account(fixture.growth, first, &after));
    g_assert_true(memcmp(&before, &after, sizeof before) == 0);
    environment_put(&fixture, "first", "\"c5.large\"", 8, "");
    g_assert_cmpint(room(&fixture, "first", more), ==, 0);
    fixture.now_ms += COOLDOWN_FIRST_MS;
    g_assert_cmpint(room(&fixture, "first", more), >, 0);
    /* Nothing of the time while nobody ran is lost: the instance was paid for. */
    growth_accrue(fixture.growth, fixture.world, fixture.now_ms);
    growth_account(fixture.growth, first, &after);
    g_assert_cmpint(after.of_day.micro, >, before.of_day.micro);
    fixture_end(&fixture);
}

/* What was made and heard of late is paid for since then; what is heard of only when it is gone, since it was
 * asked for. An account outlives its environment. */
static void test_late(void)
{
    Fixture fixture;
    Account account;
    fixture_begin(&fixture);
    fixture_job(fixture.world, 1, "two", "");
    assert_run(&fixture, "first/c5.large ");
    Instance *instance = world_instance_next(fixture.world, NULL);
    fixture.now_ms += 3600000;
    growth_accrue(fixture.growth, fixture.world, fixture.now_ms);
    const Environment *first = world_environment(fixture.world, VIEW("first"));
    growth_account(fixture.growth, first, &account);
    g_assert_cmpint(account.total.micro, ==, 0); /* it may never have been made */
    growth_made(fixture.growth, instance, fixture.now_ms - 1800000, fixture.now_ms);
    instance_started(fixture.world, instance, "i-1", fixture.now_ms);
    growth_account(fixture.growth, first, &account);
    g_assert_cmpint(account.total.micro, ==, 42500);
    fixture.now_ms += 3600000;
    growth_accrue(fixture.growth, fixture.world, fixture.now_ms);
    growth_account(fixture.growth, first, &account);
    g_assert_cmpint(account.total.micro, ==, 127500);
    growth_made(fixture.growth, instance, 0, fixture.now_ms); /* it was told before: nothing more */
    instance_gone(fixture.world, instance, "died", fixture.now_ms);
    assert_run(&fixture, "first/c5.large ");
    instance = world_instance_next(fixture.world, NULL);
    fixture.now_ms += 7200000;
    growth_accrue(fixture.growth, fixture.world, fixture.now_ms);
    growth_made(fixture.growth, instance, 0, fixture.now_ms);
    instance_gone(fixture.world, instance, "died", fixture.now_ms);
    growth_settle(fixture.growth, fixture.world, fixture.now_ms);
    growth_free(fixture.growth);
    fixture.growth = growth_make();
    growth_load(fixture.growth, fixture.world, fixture.now_ms);
    growth_account(fixture.growth, first, &account);
    g_assert_cmpint(account.total.micro, ==, 297500);
    fixture_end(&fixture);
}

/* One that is found again: as the environment would buy it, as the table knows it, or unpriced; paid for
 * since it was made. */
static void test_found(void)
{
    Fixture fixture;
    Account account;
    InstanceDraft draft;
    fixture_begin(&fixture);
    fixture_put(fixture.world, KIND_COMPUTE_ENVIRONMENT, "own",
                "{\"computeResources\":{},\"provider\":\"simulated\",\"type\":\"UNMANAGED\"}", 1);
    Environment *first = world_environment(fixture.world, VIEW("first"));
    g_assert_false(growth_draft(fixture.growth, world_environment(fixture.world, VIEW("own")), "c5.large",
                                false, &draft));
    g_assert_true(growth_draft(fixture.growth, first, "no.such", false, &draft));
    g_assert_cmpint(draft.price_micro_per_h, ==, -1);
    g_assert_true(growth_draft(fixture.growth, first, "r5.large", false, &draft)); /* second's */
    g_assert_cmpint(draft.price_micro_per_h, ==, 126000);
    g_assert_cmpint(draft.planned.vcpus_e4, ==, 20000);
    g_assert_true(growth_draft(fixture.growth, first, "c5.large", true, &draft));
    g_assert_true(draft.spot && draft.price_micro_per_h == -1); /* nobody knows what it was bought at */
    g_assert_true(growth_draft(fixture.growth, first, "c5.large", false, &draft));
    g_assert_cmpint(draft.price_micro_per_h, ==, 85000);
    LaunchToken token = fixture_token(77);
    Instance *instance =
        instance_adopt(fixture.world, first, &draft, &token, false, fixture.now_ms - 3600000);
    growth_made(fixture.growth, instance, fixture.now_ms - 3600000, fixture.now_ms);
    growth_account(fixture.growth, first, &account);
    g_assert_cmpint(account.total.micro, ==, 85000);
    fixture_end(&fixture);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/growth/refused", test_refused);
    g_test_add_func("/growth/success-forgets", test_success_forgets);
    g_test_add_func("/growth/pinning", test_pinning);
    g_test_add_func("/growth/invalid", test_invalid);
    g_test_add_func("/growth/not-in-a-row", test_not_in_a_row);
    g_test_add_func("/growth/room", test_room);
    g_test_add_func("/growth/persisted", test_persisted);
    g_test_add_func("/growth/late", test_late);
    g_test_add_func("/growth/found", test_found);
    return g_test_run();
}
