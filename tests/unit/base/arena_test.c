#include "spec/base/arena.h"
#include <stdint.h>
#include <string.h>
#include "spec/base/rng.h"

static void test_blocks(void)
{
    g_autoptr(Arena) arena = arena_new();
    for (int pass = 0; pass < 3; pass++) {
        char *kept[500];
        for (size_t i = 0; i < G_N_ELEMENTS(kept); i++) {
            size_t size = i * 37 % 3000;
            kept[i] = arena_alloc(arena, size);
            g_assert_cmpuint((uintptr_t)kept[i] % _Alignof(max_align_t), ==, 0);
            for (size_t at = 0; at < size; at++)
                g_assert_cmpint(kept[i][at], ==, 0);
            memset(kept[i], (int)i, size);
        }
        for (size_t i = 0; i < G_N_ELEMENTS(kept); i++)
            for (size_t at = 0; at < i * 37 % 3000; at++)
                g_assert_cmpint(kept[i][at], ==, (char)i);
        g_assert_cmpuint(arena_size(arena), >, 0);
        arena_reset(arena);
    }
    g_assert_cmpstr(arena_strndup(arena, "abcdef", 3), ==, "abc");
    memset(arena_alloc(arena, 5000000), 1, 5000000);
}

static void test_tight(void)
{
    g_autoptr(Arena) arena = arena_new_tight();
    size_t used = 0;
    for (int i = 0; i < 20000; i++, used += 160)
        memset(arena_alloc_raw(arena, 160), i, 160);
    g_assert_cmpuint(arena_size(arena), >=, used);
    g_assert_cmpuint(arena_size(arena), <, used + used / 3);
}

static void test_rng(void)
{
    /* The first outputs of xoshiro256** seeded by splitmix64 of 0, from its authors' reference code. */
    Rng rng = rng_from_seed(0);
    g_assert_cmphex(rng_next_u64(&rng), ==, UINT64_C(0x99ec5f36cb75f2b4));
    g_assert_cmphex(rng_next_u64(&rng), ==, UINT64_C(0xbf6e1f784956452a));
    uint64_t counts[6] = {0};
    for (int i = 0; i < 60000; i++)
        counts[rng_below(&rng, 6)]++;
    for (size_t i = 0; i < 6; i++)
        g_assert_cmpuint(counts[i], >, 9500);
    for (int i = 0; i < 1000; i++) {
        int64_t value = rng_between(&rng, -3, 3);
        g_assert_true(value >= -3 && value <= 3);
    }
    (void)rng_between(&rng, INT64_MIN, INT64_MAX);
    g_assert_cmpuint(rng_below(&rng, 0), ==, 0);
    g_assert_cmpuint(rng_below(&rng, 1), ==, 0);
    uint8_t bytes[11] = {0};
    rng_fill(&rng, bytes, 10);
    g_assert_cmpint(bytes[10], ==, 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/arena/blocks", test_blocks);
    g_test_add_func("/arena/tight", test_tight);
    g_test_add_func("/rng/sequence", test_rng);
    return g_test_run();
}
