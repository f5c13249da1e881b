/* Who is next in a queue: the order in which a pass with room for everything dispatches. */
#include "reconciler/schedule/front.h"
#include "tests/support/schedule_fixture.h"

#define FRONT_MAX 100

static void add(GString *out, const Job *job, int32_t index)
{
    g_string_append_printf(out, "%" PRIu64 ":%d ", job->sequence, index);
}

static char *front_text(World *world, const char *queue, int64_t now_ms, size_t max)
{
    FrontJob jobs[FRONT_MAX];
    GString *text = g_string_new(NULL);
    size_t len =
        queue_front(world, world_resource(world, KIND_JOB_QUEUE, view_from(queue))->queue, now_ms, max, jobs);
    for (size_t i = 0; i < len; i++)
        add(text, jobs[i].job, jobs[i].index);
    return g_string_free(text, FALSE);
}

static char *dispatch_text(World *world, int64_t now_ms, size_t max)
{
    g_autoptr(Arena) arena = arena_new();
    Decisions decisions = fixture_pass(world, now_ms, arena);
    GString *text = g_string_new(NULL);
    size_t len = 0;
    for (size_t i = 0; i < decisions.placements_len; i++) {
        const Placement *placement = &decisions.placements[i];
        int32_t index = placement->index;
        for (int32_t n = 0; n < placement->count && len < max; n++, len++) {
            add(text, placement->job, index);
            index = index == NOT_A_CHILD ? index : job_next_runnable(placement->job, index + 1);
        }
    }
    fixture_undo(&decisions);
    return g_string_free(text, FALSE);
}

static World *world_of(bool is_fair)
{
    World *world = fixture_world();
    if (!is_fair)
        return world;
    fixture_put(
        world, KIND_SCHEDULING_POLICY, "policy",
        "{\"fairsharePolicy\":{\"shareDistribution\":[{\"shareIdentifier\":\"A\",\"weightFactor\":5000},"
        "{\"shareIdentifier\":\"B\",\"weightFactor\":20000}]}}",
        1);
    fixture_environment(world, "large", 100000);
    fixture_put(world, KIND_JOB_QUEUE, "fair",
                "{\"computeEnvironmentOrder\":[{\"computeEnvironment\":\"large\",\"order\":1}],"
                "\"priority\":9,\"schedulingPolicy\":\"policy\"}",
                1);
    return world;
}

/* Jobs of several sizes, arrays, priorities; some have been tried and are tried again. */
static void submit_some(World *world, Rng *rng, bool is_fair)
{
    static const char *const shares[] = {"A", "B", "C"};
    for (uint64_t i = 1; i <= 40; i++) {
        g_autoptr(GString) request = g_string_new(NULL);
        g_string_printf(request, "{'jobName':'j','jobQueue':'%s','jobDefinition':'thrice'",
                        is_fair ? "fair" : "large");
        if (is_fair)
            g_string_append_printf(request, ",'shareIdentifier':'%s','schedulingPriorityOverride':%d",
                                   shares[rng_below(rng, 3)], (int)rng_below(rng, 3));
        if (rng_below(rng, 4) == 0)
            g_string_append_printf(request, ",'arrayProperties':{'size':%d}", 2 + (int)rng_below(rng, 6));
        if (rng_below(rng, 2) == 0)
            g_string_append_printf(
                request, ",'containerOverrides':{'resourceRequirements':[{'type':'VCPU','value':'%d'}]}",
                1 + (int)rng_below(rng, 4));
        g_string_append_c(request, '}');
        fixture_try(world, i, request->str, NULL);
    }
}

static void check_order(bool is_fair, uint64_t seed)
{
    Rng rng = rng_from_seed(seed);
    g_autoptr(World) world = world_of(is_fair);
    if (!is_fair) {
        fixture_environment(world, "wide", 100000);
        fixture_queue(world, "large", 9, "wide");
    }
    submit_some(world, &rng, is_fair);
    size_t max = 1 + rng_below(&rng, FRONT_MAX);
    g_autofree char *told = front_text(world, is_fair ? "fair" : "large", 5000, max);
    g_autofree char *done = dispatch_text(world, 5000, max);
    g_test_message("seed %" PRIu64, seed);
    g_assert_cmpstr(told, ==, done);
    g_assert_cmpuint(strlen(told), >, 0);
}

static void test_order(gconstpointer fair)
{
    for (uint64_t seed = 1; seed <= 50; seed++)
        check_order(GPOINTER_TO_INT(fair), seed);
}

static void test_empty(void)
{
    g_autoptr(World) world = fixture_world();
    g_autofree char *none = front_text(world, "main", 5000, FRONT_MAX);
    g_assert_cmpstr(none, ==, "");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    kinds_init();
    g_test_add_func("/front/empty", test_empty);
    g_test_add_data_func("/front/fifo", GINT_TO_POINTER(false), test_order);
    g_test_add_data_func("/front/fair", GINT_TO_POINTER(true), test_order);
    return g_test_run();
}
