#include "spec/base/map.h"
#include <string.h>
#include "spec/base/rng.h"

static MapKey key_of(uint64_t number)
{
    MapKey key = {{0}};
    memcpy(key.bytes, &number, sizeof number);
    return key;
}

static void *value_of(uint64_t number)
{
    return (void *)(uintptr_t)(number + 1);
}

static bool sum_values(const MapKey *key, void *value, void *data)
{
    (void)key;
    *(uint64_t *)data += (uintptr_t)value;
    return true;
}

static void test_many(void)
{
    g_autoptr(Map) map = map_new();
    const uint64_t count = 200000;
    uint64_t sum = 0, seen = 0;
    for (uint64_t i = 0; i < count; i++) {
        MapKey key = key_of(i);
        g_assert_null(map_put(map, &key, value_of(i)));
        sum += i + 1;
        MapKey early = key_of(i / 2); /* also while the map is growing */
        g_assert_true(map_get(map, &early) == value_of(i / 2));
    }
    g_assert_cmpuint(map_len(map), ==, count);
    map_foreach(map, sum_values, &seen);
    g_assert_cmpuint(seen, ==, sum);
    for (uint64_t i = 0; i < count; i++) {
        MapKey key = key_of(i);
        g_assert_true(map_remove(map, &key) == value_of(i));
        g_assert_null(map_remove(map, &key));
    }
    g_assert_cmpuint(map_len(map), ==, 0);
}

/* Random calls beside a GHashTable that does the same. */
static void test_against_model(void)
{
    Rng rng = rng_from_seed(7);
    g_autoptr(Map) map = map_new();
    g_autoptr(GHashTable) model = g_hash_table_new(NULL, NULL);
    uint64_t range = 64;
    for (int i = 0; i < 300000; i++) {
        if (i % 50000 == 0)
            range = range < 20000 ? range * 8 : 100;
        uint64_t number = rng_below(&rng, range);
        MapKey key = key_of(number);
        gpointer name = GSIZE_TO_POINTER(number + 1);
        void *known = g_hash_table_lookup(model, name);
        switch (rng_below(&rng, 3)) {
        case 0:
            g_assert_true(map_put(map, &key, value_of((uint64_t)i)) == known);
            g_hash_table_insert(model, name, value_of((uint64_t)i));
            break;
        case 1:
            g_assert_true(map_remove(map, &key) == known);
            g_hash_table_remove(model, name);
            break;
        default: g_assert_true(map_get(map, &key) == known); break;
        }
        g_assert_cmpuint(map_len(map), ==, g_hash_table_size(model));
    }
}

/* The same few keys put and removed for ever must not fill the table with tombstones. */
static void test_churn(void)
{
    g_autoptr(Map) map = map_new();
    for (uint64_t i = 0; i < 1000000; i++) {
        MapKey key = key_of(i);
        map_put(map, &key, value_of(i));
        if (i >= 4) {
            MapKey old = key_of(i - 4);
            g_assert_nonnull(map_remove(map, &old));
        }
    }
    g_assert_cmpuint(map_len(map), ==, 4);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/map/many", test_many);
    g_test_add_func("/map/against-model", test_against_model);
    g_test_add_func("/map/churn", test_churn);
    return g_test_run();
}
