/* Whole systems in virtual time, a seed each: simulation SEED… runs these and prints their digests; without
 * arguments it is a test of MUSTER_SEEDS seeds. */
#include "tests/simulation/system.h"
#include <inttypes.h>
#include <signal.h>

#define SEEDS        300
#define SEEDS_SLOWER 40 /* with sanitizers */

static void on_abort(int number)
{
    system_obituary();
    signal(number, SIG_DFL);
    raise(number);
}

static char *run(uint64_t seed, bool with_faults, bool verbose)
{
    System *system = system_new(seed, with_faults);
    system->verbose = verbose;
    system_run(system);
    char *digest = system_digest(system);
    system_free(system);
    return digest;
}

static uint64_t number_from(const char *text, uint64_t otherwise)
{
    return text ? g_ascii_strtoull(text, NULL, 10) : otherwise;
}

static void test_seeds(void)
{
    uint64_t seeds = number_from(g_getenv("MUSTER_SEEDS"),
                                 g_getenv("MUSTER_TEST_VARIANT") ? SEEDS_SLOWER : SEEDS),
             first = number_from(g_getenv("MUSTER_FIRST_SEED"), 1);
    for (uint64_t seed = first; seed < first + seeds; seed++)
        g_free(run(seed, true, false));
}

/* Equal seeds, equal logs, byte for byte. */
static void test_repeatable(void)
{
    for (uint64_t seed = 1; seed <= 10; seed++) {
        g_autofree char *first = run(seed, true, false), *second = run(seed, true, false);
        g_assert_cmpstr(first, ==, second);
    }
}

/* The same scripts, and nothing goes wrong. */
static void test_without_faults(void)
{
    for (uint64_t seed = 1; seed <= 20; seed++)
        g_free(run(seed, false, false));
}

int main(int argc, char **argv)
{
    if (g_file_test("/dev/shm", G_FILE_TEST_IS_DIR)) /* memory: the disk's faults are the simulation's own */
        g_setenv("TMPDIR", "/dev/shm", FALSE);
    setvbuf(stdout, NULL, _IOLBF, 0);
    kinds_init();
    signal(SIGABRT, on_abort);
    signal(SIGTRAP, on_abort); /* what GLib takes for a fault */
    g_log_set_always_fatal(G_LOG_LEVEL_CRITICAL | G_LOG_LEVEL_WARNING | G_LOG_FATAL_MASK);
    if (argc > 1 && g_ascii_isdigit(argv[1][0])) {
        for (int i = 1; i < argc; i++) {
            g_autofree char *digest = run(number_from(argv[i], 1), true, g_getenv("SIMULATION_LOG") != NULL);
            g_print("%s %s\n", argv[i], digest);
        }
        return 0;
    }
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/simulation/without-faults", test_without_faults);
    g_test_add_func("/simulation/repeatable", test_repeatable);
    g_test_add_func("/simulation/seeds", test_seeds);
    return g_test_run();
}
