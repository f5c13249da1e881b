/* meter_bench: what counting costs a turn of the loop, and what a scrape costs it. Two engines in one
 * process, one with meters and one without, take turns, so that the machine is the same for both. Prints
 * "name<TAB>value<TAB>unit"; run by `make bench`, never a test. */
#include "reconciler/api/metrics.h"
#include "reconciler/clock.h"
#define clock_us processor_us /* figures.h has another one */
#include "tests/bench/figures.h"
#undef clock_us
#include "tests/support/engine_fixture.h"

#define BLOCKS       101
#define BLOCK_TICKS  2000
#define BENCH_QUEUES 150 /* more than have series of their own */

static int64_t block_ns(Engine *engine)
{
    int64_t begin_us = processor_us();
    for (int i = 0; i < BLOCK_TICKS; i++) {
        engine_call(engine, "ready", "{}");
        engine_run(engine);
        g_ptr_array_set_size(engine->answers, 0);
        g_string_truncate(engine->log, 0);
    }
    return (processor_us() - begin_us) * 1000 / BLOCK_TICKS;
}

static void bench_ticks(Engine *plain, Engine *metered)
{
    int64_t without[BLOCKS], with[BLOCKS];
    for (int i = 0; i < BLOCKS; i++) {
        without[i] = block_ns(plain);
        with[i] = block_ns(metered);
    }
    qsort(without, BLOCKS, sizeof *without, compare_i64);
    qsort(with, BLOCKS, sizeof *with, compare_i64);
    report("a turn with one small request, without meters", (double)without[BLOCKS / 2], "ns");
    report("a turn with one small request, with meters", (double)with[BLOCKS / 2], "ns");
}

static void bench_scrape(Engine *engine)
{
    int64_t times[BLOCKS];
    size_t len = 0, lines = 0;
    for (int i = 0; i < BENCH_QUEUES; i++) {
        g_autofree char *name = g_strdup_printf("queue-of-the-bench-%03d", i);
        World *world = (World *)(uintptr_t)reconciler_world(engine->reconciler);
        fixture_queue(world, name, 1, "here");
    }
    engine_call(engine, "ready", "{}"); /* what was put into the world becomes durable */
    engine_settle(engine);
    g_ptr_array_set_size(engine->answers, 0);
    for (int i = 0; i < BLOCKS; i++) {
        int64_t begin_us = processor_us();
        engine_call(engine, "metrics", "{}");
        engine_run(engine);
        times[i] = processor_us() - begin_us;
        const GString *text = ((const Call *)engine->answers->pdata[0])->result.text;
        len = text->len;
        lines = 0;
        for (const char *at = text->str; (at = strchr(at, '\n')); at++)
            lines++;
        g_ptr_array_set_size(engine->answers, 0);
    }
    report_times("a scrape with 150 queues", times, BLOCKS);
    report("its text", (double)len / 1000, "kB");
    report("its lines", (double)lines, "");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL); /* the fixture's random numbers */
    Engine plain = {0}, metered = {0};
    Meters meters;
    meters_init(&meters, clock_us);
    metered.meters = &meters;
    engine_setup(&plain, NULL);
    engine_setup(&metered, NULL);
    engine_settle(&plain);
    engine_settle(&metered);
    bench_ticks(&plain, &metered);
    bench_scrape(&metered);
    engine_teardown(&plain, NULL);
    engine_teardown(&metered, NULL);
    meters_clear(&meters);
    return 0;
}
