/* Whole systems in virtual time, a seed each: simulation SEED… runs these and prints their digests; without
 * arguments it is a test of MUSTER_SEEDS seeds. */
#include "reconciler/replay.h"
#include "reconciler/replay_entry.h"
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

/* What each process of a run took in leads to the same again, whatever went wrong in it. */
static void test_replay(void)
{
    uint64_t seeds = number_from(g_getenv("MUSTER_SEEDS"), g_getenv("MUSTER_TEST_VARIANT") ? 5 : 30),
             first = number_from(g_getenv("MUSTER_FIRST_SEED"), 1);
    for (uint64_t seed = first; seed < first + seeds; seed++) {
        System *system = system_new(seed, true);
        system->is_recorded = true;
        system_run(system);
        system_crash(system);
        g_assert_cmpuint(system->replayed_ticks, ==, system->ticks);
        system_free(system);
    }
}

/* Where the first entry of this type ends; its last byte belongs to what it says of rows, or of an effect. */
static uint8_t *end_of_first(GByteArray *entries, EntryType type, EffectType effect)
{
    Saved from = {.rest = {(const char *)entries->data, entries->len}};
    Entry entry = {0};
    while (entry_next(&from, &entry))
        if (entry.type == type && (type != ENTRY_EFFECT || entry.value == (int64_t)effect))
            break;
    g_assert_cmpint(entry.type, ==, type);
    const char *end = type == ENTRY_BATCH ? entry.text.data + entry.text.len : from.rest.data;
    entry_clear(&entry);
    return entries->data + (end - (const char *)entries->data);
}

static void assert_noticed(const char *directory, EntryType type, const char *pattern)
{
    g_autofree char *path = g_build_filename(directory, RECORDING_INPUTS, NULL);
    RecordingEnd end;
    uint64_t damaged_at;
    g_autoptr(GByteArray) entries = recording_read(path, &end, &damaged_at, NULL), file = g_byte_array_new();
    uint8_t *byte = end_of_first(entries, type, EFFECT_LAUNCH) - 1;
    for (int i = 0; i < 2; i++) { /* and back */
        *byte ^= 1;
        BlockHead head = block_head(entries->data, entries->len);
        g_byte_array_set_size(file, 0);
        g_byte_array_append(file, (const guint8 *)&head, sizeof head);
        g_byte_array_append(file, entries->data, entries->len);
        g_assert_true(g_file_set_contents(path, (const char *)file->data, (gssize)file->len, NULL));
        ReplayedRun *replayed = replay_generation(directory, NULL);
        g_assert_nonnull(replayed);
        if (i == 0)
            g_assert_true(g_pattern_match_simple(pattern, replayed->difference));
        else
            g_assert_cmpstr(replayed->difference, ==, NULL);
        replayed_run_free(replayed);
    }
}

/* A single row, a single effect that is another. */
static void test_notices(void)
{
    System *system = system_new(3, false);
    system->is_recorded = true;
    system_run(system);
    system_crash(system);
    g_autofree char *directory = g_strdup_printf("%s/" RECORDING_DIR "/%020d", system->dir, 1);
    assert_noticed(directory, ENTRY_BATCH, "* rows are committed, by the run *; row * is not the run's: *");
    assert_noticed(directory, ENTRY_EFFECT,
                   "the provider is given * launches, and they are not those of the run");
    system_free(system);
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
    g_test_add_func("/simulation/replay", test_replay);
    g_test_add_func("/simulation/replay-notices", test_notices);
    g_test_add_func("/simulation/seeds", test_seeds);
    return g_test_run();
}
