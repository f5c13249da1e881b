/* The sorted list behind fleets, against an array: growing, shrinking, searching. */
#include "reconciler/world/shelf.h"
#include "spec/base/rng.h"

static int entry_order(gconstpointer a, gconstpointer b)
{
    const ShelfEntry *left = a, *right = b;
    if (left->high != right->high)
        return left->high < right->high ? -1 : 1;
    return (left->low > right->low) - (left->low < right->low);
}

static void check_chunks(const Shelf *shelf, size_t len)
{
    size_t entries = 0;
    for (unsigned i = 0; i < shelf->len; i++) {
        const ShelfChunk *chunk = shelf->slots[i].chunk;
        uint32_t most = 0;
        g_assert_cmpuint(chunk->len, >, 0);
        g_assert_cmpuint(chunk->len, <=, SHELF_CHUNK);
        g_assert_true(shelf->slots[i].high == chunk->entries[0].high &&
                      shelf->slots[i].low == chunk->entries[0].low);
        for (unsigned at = 0; at < chunk->len; at++)
            most = MAX(most, shelf_fraction(&chunk->entries[at]));
        g_assert_cmpuint(chunk->fraction_max, ==, most);
        entries += chunk->len;
    }
    g_assert_cmpuint(entries, ==, len);
    g_assert_cmpuint(shelf->entries, ==, len);
    g_assert_cmpuint(shelf->len, <=, len / (SHELF_CHUNK / 8) + 1); /* sparse neighbours are joined */
}

static const ShelfEntry *scan(const GArray *model, uint64_t high, uint64_t low, uint32_t fraction)
{
    for (guint i = 0; i < model->len; i++) {
        const ShelfEntry *entry = &g_array_index(model, ShelfEntry, i);
        if (entry_order(entry, &(ShelfEntry){.high = high, .low = low}) >= 0 &&
            shelf_fraction(entry) >= fraction)
            return entry;
    }
    return NULL;
}

static void check_searches(const Shelf *shelf, const GArray *model, Rng *rng)
{
    for (int i = 0; i < 3; i++) {
        uint64_t high = rng_below(rng, 40), low = rng_below(rng, 3) ? 0 : rng_below(rng, 100);
        uint32_t fraction = (uint32_t)rng_below(rng, 6);
        ShelfPlace place = shelf_lower_bound(shelf, high, low);
        const ShelfEntry *found = shelf_at(shelf, place), *wanted = scan(model, high, low, 0);
        g_assert_true(wanted ? found && entry_order(found, wanted) == 0 : !found);
        found = shelf_find_fraction(shelf, place, fraction);
        wanted = scan(model, high, low, fraction);
        g_assert_true(wanted ? found && entry_order(found, wanted) == 0 : !found);
    }
    uint64_t last = model->len > 0 ? g_array_index(model, ShelfEntry, model->len - 1).high : 0;
    g_assert_cmpuint(shelf->high_max, ==, last);
}

static void test_life(void)
{
    for (uint64_t seed = 1; seed <= 10; seed++) {
        Rng rng = rng_from_seed(seed);
        Shelf shelf = {0};
        ShelfPool pool = {0};
        g_autoptr(GArray) model = g_array_new(FALSE, FALSE, sizeof(ShelfEntry));
        for (uint64_t i = 1; i <= 1200; i++) {
            if (rng_below(&rng, 100) < (i < 600 ? 70u : 25u) || model->len == 0) {
                ShelfEntry entry = {.high = rng_below(&rng, 40),
                                    .low = rng_below(&rng, 5) << SHELF_NUMBER_BITS | i};
                shelf_insert(&shelf, &pool, &entry);
                g_array_append_val(model, entry);
                g_array_sort(model, entry_order);
            } else {
                guint at = (guint)rng_below(&rng, model->len);
                ShelfEntry entry = g_array_index(model, ShelfEntry, at);
                shelf_remove(&shelf, &pool, entry.high, entry.low);
                g_array_remove_index(model, at);
            }
            check_chunks(&shelf, model->len);
            check_searches(&shelf, model, &rng);
        }
        shelf_clear(&shelf);
        shelf_pool_clear(&pool);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/shelf/life", test_life);
    return g_test_run();
}
