/* packing_bench: how many jobs the scheduler places in full instances, beside naive best-fit and
 * first-fit-decreasing loops on the same jobs and hosts. Prints "name<TAB>value<TAB>unit"; run by `make
 * bench`, never a test. Argument: seeds (default 1000). */
#include "tests/bench/figures.h"
#include "spec/base/units.h"
#include "tests/support/schedule_fixture.h"

#define JOBS_PER_HOST 16

typedef struct {
    int vcpus, memory;
} Size;

typedef struct {
    size_t placed;
    int64_t us;
} Packed;

static Size host_size(Rng *rng)
{
    int vcpus = 4 << rng_below(rng, 4);
    return (Size){vcpus, vcpus * 1024 * (2 << rng_below(rng, 3)) - 512};
}

static Size job_size(Rng *rng)
{
    int vcpus = 1 + (int)rng_below(rng, rng_below(rng, 8) == 0 ? 16 : 3);
    return (Size){vcpus, vcpus * (512 + (int)rng_below(rng, 6000))};
}

static Packed pack_schedule(const Size *hosts, size_t hosts_len, const Size *jobs, size_t jobs_len)
{
    g_autoptr(World) world = world_new(1, PROVIDER_LOCAL);
    g_autoptr(Arena) arena = arena_new();
    world_set_recording(world, false);
    fixture_cloud(world, "own", "UNMANAGED", 0, "");
    fixture_queue(world, "pack", 1, "own");
    fixture_definition(world, "job", 1, 16, "");
    for (size_t i = 0; i < hosts_len; i++)
        fixture_instance(world, "own", "own", capacity_of(hosts[i].vcpus, hosts[i].memory, 0));
    for (size_t i = 0; i < jobs_len; i++) {
        g_autofree char *text = g_strdup_printf(
            "{'jobName':'j','jobQueue':'pack','jobDefinition':'job','containerOverrides':{"
            "'resourceRequirements':[{'type':'VCPU','value':'%d'},{'type':'MEMORY','value':'%d'}]}}",
            jobs[i].vcpus, jobs[i].memory);
        if (!fixture_try(world, i + 1, text, NULL))
            g_error("%s", text);
    }
    Packed packed = {0};
    uint64_t tokens = 0;
    for (bool more = true; more;) {
        Decisions decisions;
        ScheduleOptions options = {.now_ms = 5000, .placements_max = 1000000};
        arena_reset(arena);
        int64_t start = clock_us();
        schedule_run(world, &options, arena, &decisions);
        packed.us += clock_us() - start;
        packed.placed += decisions.starts;
        more = decisions.starts > 0;
        fixture_carry_out(world, &decisions, 5000, &tokens);
    }
    return packed;
}

/* The host with the fewest free vCPUs where it fits, or the first one. */
static Packed pack_scan(const Size *hosts, size_t hosts_len, const Size *jobs, size_t jobs_len, bool is_best)
{
    g_autofree Size *left = g_memdup2(hosts, hosts_len * sizeof *hosts);
    Packed packed = {0};
    int64_t start = clock_us();
    for (size_t i = 0; i < jobs_len; i++) {
        Size *best = NULL;
        for (size_t at = 0; at < hosts_len && (is_best || !best); at++)
            if (left[at].vcpus >= jobs[i].vcpus && left[at].memory >= jobs[i].memory &&
                (!best || left[at].vcpus < best->vcpus))
                best = &left[at];
        if (!best)
            continue;
        best->vcpus -= jobs[i].vcpus;
        best->memory -= jobs[i].memory;
        packed.placed++;
    }
    packed.us = clock_us() - start;
    return packed;
}

static int larger_first(const void *a, const void *b)
{
    const Size *left = a, *right = b;
    return left->vcpus != right->vcpus ? right->vcpus - left->vcpus : right->memory - left->memory;
}

static void pack(uint64_t seed, size_t hosts_len, Packed sums[3])
{
    size_t jobs_len = hosts_len * JOBS_PER_HOST;
    Rng rng = rng_from_seed(seed);
    g_autofree Size *hosts = g_new(Size, hosts_len), *jobs = g_new(Size, jobs_len);
    for (size_t i = 0; i < hosts_len; i++)
        hosts[i] = host_size(&rng);
    for (size_t i = 0; i < jobs_len; i++)
        jobs[i] = job_size(&rng);
    Packed packed[3];
    packed[0] = pack_schedule(hosts, hosts_len, jobs, jobs_len);
    packed[1] = pack_scan(hosts, hosts_len, jobs, jobs_len, true);
    qsort(jobs, jobs_len, sizeof *jobs, larger_first);
    packed[2] = pack_scan(hosts, hosts_len, jobs, jobs_len, false);
    for (int i = 0; i < 3; i++) {
        sums[i].placed += packed[i].placed;
        sums[i].us += packed[i].us;
    }
}

static void report_packed(const char *what, const Packed sums[3])
{
    printf("packing, %s: of best-fit's jobs\t%.2f\t%%\n", what,
           100.0 * (double)sums[0].placed / (double)sums[1].placed);
    printf("packing, %s: of first-fit-decreasing's jobs\t%.2f\t%%\n", what,
           100.0 * (double)sums[0].placed / (double)sums[2].placed);
    printf("packing, %s: best-fit's time\t%.1f\ttimes\n", what, (double)sums[1].us / (double)sums[0].us);
    printf("packing, %s: first-fit-decreasing's time\t%.1f\ttimes\n", what,
           (double)sums[2].us / (double)sums[0].us);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    uint64_t seeds = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000;
    Packed small[3] = {0}, large[3] = {0};
    for (uint64_t seed = 1; seed <= seeds; seed++)
        pack(seed, 40, small);
    report_packed("40 instances", small);
    pack(1, 10000, large);
    report_packed("10,000 instances", large);
    return 0;
}
