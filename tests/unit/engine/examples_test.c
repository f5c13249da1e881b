/* The worked examples of docs/scheduling.md for which scheduling and buying work together:
 * /examples/HEADING/…, below the example as it stands there (docs.t compares them). The others:
 * tests/unit/schedule/examples_test.c and tests/unit/scale/examples_test.c. */
#include "reconciler/growth.h"
#include "tests/support/schedule_fixture.h"

#define MINUTE              INT64_C(60000)
#define MIDNIGHT            INT64_C(1767571200000) /* Monday 2026-01-05 00:00 UTC */
#define CLOCK(hour, minute) (MIDNIGHT + ((hour)*60 + (minute)) * MINUTE)

typedef struct {
    World *world;
    Growth *growth;
    uint64_t tokens;
} Example;

static void token_next(LaunchToken *token, void *data)
{
    *token = fixture_token(++((Example *)data)->tokens);
}

/* One step of both: "ENVIRONMENT/TYPE " for each instance that is asked for. */
static void expect_bought(Example *example, int64_t now_ms, const char *expected)
{
    g_autoptr(Arena) arena = arena_new();
    GrowthView view = {example->growth, example->world, now_ms};
    ScheduleOptions options = {.now_ms = now_ms,
                               .placements_max = 100,
                               .providers = ~0u,
                               .growth = growth_room,
                               .trouble = growth_trouble,
                               .data = &view};
    Decisions decisions = fixture_pass_with(example->world, &options, arena);
    g_autoptr(GArray) launches = g_array_new(FALSE, FALSE, sizeof(GrowthLaunch));
    g_autoptr(GPtrArray) instance_stops = g_ptr_array_new(), stops = g_ptr_array_new();
    GrowthOutcome outcome = {.launches = launches, .instance_stops = instance_stops, .stops = stops};
    growth_run(example->growth, example->world, &decisions, token_next, example, now_ms, arena, &outcome);
    g_assert_cmpuint(instance_stops->len, ==, 0);
    g_autoptr(GString) text = g_string_new(NULL);
    for (guint i = 0; i < launches->len; i++) {
        const Instance *instance = g_array_index(launches, GrowthLaunch, i).instance;
        g_string_append_printf(text, "%s/%s ", instance->environment->resource->name, instance->type);
    }
    g_assert_cmpstr(text->str, ==, expected);
}

static void no_capacity(Example *example, const char *type, int64_t now_ms)
{
    GrowthRefusal refusal = {.environment = VIEW("spot"),
                             .type = view_from(type),
                             .zone = VIEW(""),
                             .spot = true,
                             .refusal = INSTANCE_REFUSED_CAPACITY,
                             .asked_ms = now_ms};
    growth_refused(example->growth, example->world, &refusal, now_ms);
}

static size_t instances_of(const Example *example, const char *environment)
{
    size_t len = 0;
    for (Instance *at = NULL; (at = world_instance_next(example->world, at));)
        len += strcmp(at->environment->resource->name, environment) == 0;
    return len;
}

/* > `spot` (first) has no capacity for any of its types until 14:12. Jobs that wait become demand of
 * `on-demand`; from > 14:12 on new ones go to `spot` again. What was asked for meanwhile is not cancelled. */
static void test_fallback(void)
{
    Example example = {.world = world_new(1, PROVIDER_SIMULATED),
                       .growth = growth_new(&(GrowthOptions){.region = "us-east-1", .providers = ~0u})};
    fixture_cloud(example.world, "spot", "SPOT", 256, ",\"instanceTypes\":[\"c5.large\",\"m5.large\"]");
    fixture_cloud(example.world, "on-demand", "EC2", 256, ",\"instanceTypes\":[\"c5.large\"]");
    fixture_queue(example.world, "main", 1, "spot,on-demand");
    fixture_definition(example.world, "two", 2, 1000, "");
    no_capacity(&example, "c5.large", CLOCK(14, 9)); /* for 3 minutes */
    no_capacity(&example, "m5.large", CLOCK(14, 9));
    fixture_job(example.world, 1, "two", "");
    expect_bought(&example, CLOCK(14, 10), "on-demand/c5.large ");
    fixture_job(example.world, 2, "two", "");
    expect_bought(&example, CLOCK(14, 12) - 1, "on-demand/c5.large ");
    fixture_job(example.world, 3, "two", "");
    expect_bought(&example, CLOCK(14, 12), "spot/c5.large ");
    g_assert_cmpuint(instances_of(&example, "on-demand"), ==, 2);
    growth_free(example.growth);
    world_free(example.world);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/examples/what-is-asked-for/fallback", test_fallback);
    return g_test_run();
}
