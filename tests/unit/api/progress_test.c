/* What an apply waits for: its own runs, and what it found under way. */
#include "reconciler/api/progress.h"
#include "tests/support/world_fixture.h"

#define PIPELINE "{\"jobQueue\":\"main\",\"jobs\":[{\"name\":\"a\",\"jobDefinition\":\"one\"}]%s}"

static Rng rng;

static Run *start(World *world, const char *name, const char *more, int64_t now_ms)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *spec = g_strdup_printf(PIPELINE, more);
    RunStart begin = {
        .owner = "team", .kind = KIND_PIPELINE, .name = view_from(name), .spec = view_from(spec)};
    Run *run = run_start(world, &begin, &rng, now_ms, &error);
    g_assert_no_error(error);
    return run;
}

/* Of an apply that began at 100: what it waits for at 200. */
static size_t unfinished(const World *world, const Run *expected)
{
    ApplyRecord apply = {.id = 1, .owner = VIEW("team"), .created_ms = 100};
    ProgressTrack *track = progress_track_new(&apply);
    if (expected)
        progress_track_expect(track, world, view_from(expected->id));
    progress_query_free(progress_track_update(track, world, 200));
    size_t left = progress_track_unfinished(track);
    progress_track_free(track);
    return left;
}

#define RUN_AND_JOB 2

static void test_runs(void)
{
    g_autoptr(World) world = fixture_world();
    g_assert_cmpuint(unfinished(world, NULL), ==, 0);
    start(world, "older", "", 50);
    g_assert_cmpuint(unfinished(world, NULL), ==, RUN_AND_JOB);
    start(world, "own", "", 150);
    g_assert_cmpuint(unfinished(world, NULL), ==, 2 * RUN_AND_JOB);
}

/* A schedule of each minute would keep it waiting for ever. */
static void test_clock(void)
{
    g_autoptr(World) world = fixture_world();
    start(world, "older", ",\"scheduledAt\":40", 50);
    g_assert_cmpuint(unfinished(world, NULL), ==, RUN_AND_JOB);
    Run *later = start(world, "later", ",\"scheduledAt\":140", 150);
    g_assert_cmpuint(unfinished(world, NULL), ==, RUN_AND_JOB);
    g_assert_cmpuint(unfinished(world, later), ==, 2 * RUN_AND_JOB);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    rng = rng_from_seed(1);
    g_test_add_func("/progress/runs", test_runs);
    g_test_add_func("/progress/clock", test_clock);
    return g_test_run();
}
