/* tick_bench: ticks in which 1,000 tasks end and 1,000 start, with a real store: what the loop computes, and
 * how long until all of it is durable. Prints "name<TAB>value<TAB>unit"; run by `make bench`, never a test.
 * Arguments: jobs, instances, ticks (default 400000 10000 200) and the directory for the state (default: the
 * temporary one). */
#include "tests/bench/figures.h"
#include "reconciler/decide.h"
#include "tests/bench/generate_load.h"
#include "tests/support/store_fixture.h"

#define ENDS 1000 /* of each tick */

/* batch: taken. */
static void make_durable(Store *store, World *world, Batch *batch, int64_t now_ms)
{
    g_autoptr(GError) error = NULL;
    uint64_t sequence = store_commit(store, batch, now_ms);
    if (!store_wait(store, sequence, &error))
        g_error("%s", error->message);
    world_set_durable(world, world_batches(world));
}

typedef struct {
    World *world;
    Store *store;
    uint64_t tokens;
    Rng rng;
    GPtrArray *running; /* of Launch*, without multinode jobs' */
    Decided decided;
    Arena *arena;
} Bench;

static void decide_now(Bench *bench, size_t placements_max, int64_t now_ms)
{
    DecideOptions options = {.world = bench->world,
                             .providers = ~0u,
                             .placements_max = placements_max,
                             .token = load_token,
                             .token_data = &bench->tokens,
                             .now_ms = now_ms};
    arena_reset(bench->arena);
    decided_reset(&bench->decided);
    decide(&options, bench->arena, &bench->decided);
}

static void note_running(Bench *bench)
{
    for (guint i = 0; i < bench->decided.launches->len; i++) {
        Launch *launch = bench->decided.launches->pdata[i];
        if (!launch->is_node)
            g_ptr_array_add(bench->running, launch);
    }
}

static void fill(Bench *bench)
{
    do {
        decide_now(bench, 100000, LOAD_MS + 1);
        note_running(bench);
    } while (bench->decided.starts > 0);
    make_durable(bench->store, bench->world, world_take_batch(bench->world), LOAD_MS + 1);
}

static void run_ticks(Bench *bench, size_t ticks)
{
    g_autofree int64_t *computed = g_new0(int64_t, ticks), *durable = g_new0(int64_t, ticks);
    size_t starts = 0;
    for (size_t i = 0; i < ticks; i++) {
        int64_t now_ms = LOAD_MS + 10 + (int64_t)i, begin = g_get_monotonic_time();
        load_end_some(bench->world, &bench->rng, bench->running, ENDS, now_ms);
        decide_now(bench, ENDS, now_ms);
        Batch *batch = world_take_batch(bench->world);
        computed[i] = g_get_monotonic_time() - begin;
        note_running(bench);
        starts += bench->decided.starts;
        begin = g_get_monotonic_time();
        make_durable(bench->store, bench->world, batch, now_ms);
        durable[i] = g_get_monotonic_time() - begin;
        world_forget_finished(bench->world, SIZE_MAX);
    }
    report("tick with a store: starts", (double)starts / (double)ticks, "jobs");
    report_times("tick with a store: ends, decisions, intents and rows", computed, ticks);
    report_times("tick with a store: from the batch to durable", durable, ticks);
}

int main(int argc, char **argv)
{
    uint64_t jobs = argc > 1 ? strtoull(argv[1], NULL, 10) : 400000;
    size_t instances = argc > 2 ? (size_t)strtoull(argv[2], NULL, 10) : 10000;
    size_t ticks = argc > 3 ? (size_t)strtoull(argv[3], NULL, 10) : 200;
    g_autoptr(GError) error = NULL;
    g_autofree char *dir = g_build_filename(argc > 4 ? argv[4] : g_get_tmp_dir(), "tick-bench-XXXXXX", NULL);
    Bench bench = {.rng = rng_from_seed(7), .running = g_ptr_array_new(), .arena = arena_new()};
    if (!g_mkdtemp(dir) || !(bench.store = store_open(dir, NULL, &error)))
        g_error("%s", error ? error->message : dir);
    bench.world = load_world(instances, true, &bench.tokens, &bench.rng);
    decided_init(&bench.decided);
    for (uint64_t i = 0; i < jobs; i++) {
        load_submit(bench.world, i + 1, 0, &bench.rng);
        if (i % 10000 == 9999)
            make_durable(bench.store, bench.world, world_take_batch(bench.world), LOAD_MS);
    }
    fill(&bench);
    run_ticks(&bench, ticks);
    store_free(bench.store);
    decided_clear(&bench.decided);
    arena_free(bench.arena);
    g_ptr_array_unref(bench.running);
    world_free(bench.world);
    remove_directory(dir);
    return 0;
}
