/* schedule_bench: a million queued jobs over 50 queues (10 with fair-share policies), 10,000 instances of 50
 * types (generate_load.h); in processor time. Only jobs that were placed count. Prints
 * "name<TAB>value<TAB>unit"; run by `make bench`, never a test. Arguments: jobs and instances (default
 * 1000000 10000); a third one, whatever it is: the tick alone. */
#include "tests/bench/figures.h"
#include "reconciler/decide.h"
#include "reconciler/schedule/schedule.h"
#include "spec/base/units.h"
#include "tests/bench/generate_load.h"

/* ---- starts until nothing fits any more ---- */

typedef struct {
    size_t starts;
    int64_t decided_us, intended_us;
} Filled;

static Filled fill(World *world, uint64_t *tokens)
{
    Filled filled = {0};
    g_autoptr(Arena) arena = arena_new();
    bool more = true;
    while (more) {
        Decisions decisions;
        ScheduleOptions options = {.now_ms = LOAD_MS + 1, .placements_max = 1000000};
        arena_reset(arena);
        int64_t start = clock_us();
        schedule_run(world, &options, arena, &decisions);
        int64_t decided = clock_us();
        fixture_carry_out(world, &decisions, LOAD_MS + 1, tokens);
        filled.decided_us += decided - start;
        filled.intended_us += clock_us() - decided;
        filled.starts += decisions.starts;
        more = decisions.starts > 0;
    }
    return filled;
}

static void bench_fill(const char *what, uint64_t jobs, int array_size, size_t instances)
{
    Rng rng = rng_from_seed(7);
    uint64_t tokens = 0;
    char name[96];
    g_autoptr(World) world = load_world(instances, false, &tokens, &rng);
    uint64_t submissions = array_size > 0 ? jobs / (uint64_t)array_size : jobs;
    for (uint64_t i = 0; i < submissions; i++)
        load_submit(world, i + 1, array_size, &rng);
    Filled filled = fill(world, &tokens);
    g_snprintf(name, sizeof name, "%s: starts", what);
    report(name, (double)filled.starts, "jobs");
    g_snprintf(name, sizeof name, "%s: decisions", what);
    report(name, (double)filled.starts / (double)filled.decided_us, "M starts/s");
    g_snprintf(name, sizeof name, "%s: decisions and intents", what);
    report(name, (double)filled.starts / (double)(filled.decided_us + filled.intended_us), "M starts/s");
}

/* ---- a tick in which 1,000 tasks end and 1,000 start ---- */

static void bench_tick(const char *what, uint64_t jobs, int array_size, size_t instances)
{
    enum { TICKS = 200 };
    Rng rng = rng_from_seed(7);
    uint64_t tokens = 0;
    int64_t took[TICKS], thought[TICKS];
    size_t starts = 0;
    g_autoptr(World) world = load_world(instances, false, &tokens, &rng);
    for (uint64_t i = 0; i < jobs / (uint64_t)MAX(array_size, 1); i++)
        load_submit(world, i + 1, array_size, &rng);
    fill(world, &tokens);
    g_autoptr(GPtrArray) running = g_ptr_array_new();
    for (Launch *launch = NULL; (launch = world_launch_next(world, launch));)
        g_ptr_array_add(running, launch);
    Decided decided;
    g_autoptr(Arena) arena = arena_new();
    decided_init(&decided);
    for (int i = 0; i < TICKS; i++) {
        load_end_some(world, &rng, running, 1000, LOAD_MS + 2);
        world_forget_finished(world, SIZE_MAX);
        DecideOptions options = {.world = world,
                                 .providers = ~0u,
                                 .placements_max = 1000,
                                 .token = load_token,
                                 .token_data = &tokens,
                                 .now_ms = LOAD_MS + 10 + i};
        arena_reset(arena);
        decided_reset(&decided);
        /* What schedule_run() alone takes: the same pass, given back. */
        Decisions decisions;
        ScheduleOptions alone = {.now_ms = options.now_ms, .placements_max = 1000};
        int64_t start = clock_us();
        schedule_run(world, &alone, arena, &decisions);
        thought[i] = clock_us() - start;
        fixture_undo(&decisions);
        arena_reset(arena);
        start = clock_us();
        decide(&options, arena, &decided);
        took[i] = clock_us() - start;
        starts += decided.starts;
        for (guint at = 0; at < decided.launches->len; at++)
            g_ptr_array_add(running, decided.launches->pdata[at]);
    }
    char name[64];
    g_snprintf(name, sizeof name, "tick of 1,000 ends, %s: decisions", what);
    report_times(name, thought, TICKS);
    g_snprintf(name, sizeof name, "tick of 1,000 ends, %s: starts", what);
    report(name, (double)starts / TICKS, "jobs");
    g_snprintf(name, sizeof name, "tick of 1,000 ends, %s: decisions and intents", what);
    report_times(name, took, TICKS);
    decided_clear(&decided);
}

static void bench_ticks(uint64_t jobs, size_t instances)
{
    bench_tick("own shapes", jobs, 0, instances);
    bench_tick("arrays of 100", jobs, 100, instances);
}

/* ---- floors: a bare loop that places best-fit, by scanning and by buckets ---- */

typedef struct {
    int32_t vcpus, memory, gpus, next, previous;
} Host;

static Host *floor_hosts(size_t len, Rng *rng)
{
    Host *hosts = g_new0(Host, len);
    for (size_t i = 0; i < len; i++) {
        Capacity capacity = load_type_capacity(rng_below(rng, LOAD_TYPES));
        hosts[i] = (Host){(int32_t)(capacity.vcpus_e4 / DECIMAL_SCALE), (int32_t)capacity.memory_mib,
                          (int32_t)capacity.gpus, -1, -1};
    }
    return hosts;
}

static void floor_scan(size_t len)
{
    Rng rng = rng_from_seed(7);
    g_autofree Host *hosts = floor_hosts(len, &rng);
    size_t placed = 0;
    int64_t start = clock_us();
    for (int i = 0; i < 20000; i++) {
        int vcpus, memory;
        Host *best = NULL;
        load_job_size(&rng, &vcpus, &memory);
        for (size_t at = 0; at < len; at++)
            if (hosts[at].vcpus >= vcpus && hosts[at].memory >= memory && hosts[at].gpus == 0 &&
                (!best || hosts[at].vcpus < best->vcpus))
                best = &hosts[at];
        if (!best)
            continue;
        best->vcpus -= vcpus;
        best->memory -= memory;
        placed++;
    }
    report("floor: scanning", (double)placed / (double)(clock_us() - start), "M starts/s");
}

#define BUCKETS 193
static void bucket_put(Host *hosts, int32_t heads[BUCKETS], int32_t at)
{
    int32_t *head = &heads[hosts[at].vcpus];
    hosts[at].next = *head;
    hosts[at].previous = -1;
    if (*head >= 0)
        hosts[*head].previous = at;
    *head = at;
}

static void bucket_drop(Host *hosts, int32_t heads[BUCKETS], int32_t at)
{
    if (hosts[at].previous >= 0)
        hosts[hosts[at].previous].next = hosts[at].next;
    else
        heads[hosts[at].vcpus] = hosts[at].next;
    if (hosts[at].next >= 0)
        hosts[hosts[at].next].previous = hosts[at].previous;
}

static void floor_buckets(size_t len)
{
    Rng rng = rng_from_seed(7);
    g_autofree Host *hosts = floor_hosts(len, &rng);
    int32_t heads[BUCKETS];
    size_t placed = 0, tries = len * 30;
    memset(heads, 0xff, sizeof heads);
    for (size_t i = 0; i < len; i++)
        if (hosts[i].gpus == 0)
            bucket_put(hosts, heads, (int32_t)i);
    int64_t start = clock_us();
    for (size_t i = 0; i < tries; i++) {
        int vcpus, memory;
        int32_t best = -1;
        load_job_size(&rng, &vcpus, &memory);
        for (int bucket = vcpus; bucket < BUCKETS && best < 0; bucket++)
            for (int32_t at = heads[bucket]; at >= 0 && best < 0; at = hosts[at].next)
                if (hosts[at].memory >= memory)
                    best = at;
        if (best < 0)
            continue;
        bucket_drop(hosts, heads, best);
        hosts[best].vcpus -= vcpus;
        hosts[best].memory -= memory;
        bucket_put(hosts, heads, best);
        placed++;
    }
    report("floor: buckets by free vCPUs", (double)placed / (double)(clock_us() - start), "M starts/s");
}

/* ---- growth ---- */

static void bench_growth(void)
{
    static const size_t instances[] = {1000, 10000, 100000};
    static const uint64_t jobs[] = {10000, 100000, 1000000};
    char name[64];
    for (size_t i = 0; i < G_N_ELEMENTS(instances); i++) {
        g_snprintf(name, sizeof name, "100 shapes, %zu instances", instances[i]);
        bench_fill(name, 1000000, 10000, instances[i]);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(jobs); i++) {
        g_snprintf(name, sizeof name, "own shapes, %" G_GUINT64_FORMAT " jobs", jobs[i]);
        bench_fill(name, jobs[i], 0, 10000);
    }
}

int main(int argc, char **argv)
{
    uint64_t jobs = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000000;
    size_t instances = argc > 2 ? (size_t)strtoull(argv[2], NULL, 10) : 10000;
    if (argc > 3) {
        bench_ticks(jobs, instances);
        return 0;
    }
    floor_scan(instances);
    floor_buckets(instances);
    bench_fill("own shapes", jobs, 0, instances);
    bench_fill("arrays of 10,000", jobs, 10000, instances);
    bench_fill("arrays of 100", jobs, 100, instances);
    bench_ticks(jobs, instances);
    if (argc <= 1)
        bench_growth();
    return 0;
}
