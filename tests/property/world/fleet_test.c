/* Random fleets answer what a scan over all of their instances answers, whatever was taken, given, resized,
 * inserted or removed before. */
#include <inttypes.h>
#include "tests/support/fleet_random.h"

typedef struct {
    Instance *instance;
    Capacity need;
} Held;

typedef struct {
    Fleet *fleet;
    GPtrArray *instances;
    GArray *held;
    Rng rng;
    uint64_t number;
    bool dense; /* all instances of one size, so that they stand side by side */
} Life;

static void check_answers(Life *life)
{
    static const char *const types[] = {NULL, "", "a", "b"};
    for (int i = 0; i < 4; i++) {
        Capacity need = fleet_random_need(&life->rng);
        FleetHosts hosts = (FleetHosts)rng_below(&life->rng, 3);
        const char *type = types[rng_below(&life->rng, G_N_ELEMENTS(types))];
        g_assert_true(fleet_find(life->fleet, need, hosts) == scan_find(life->instances, need, hosts));
        Instance *after = NULL;
        for (int n = 0; n < 3; n++) {
            Instance *found = fleet_find_empty(life->fleet, need, type, after);
            g_assert_true(found == scan_find_empty(life->instances, need, type, after));
            if (!found)
                break;
            after = found;
        }
    }
    Capacity most = fleet_most_free(life->fleet), scanned = scan_most(life->instances);
    g_assert_cmpint(most.vcpus_e4, ==, scanned.vcpus_e4);
    g_assert_cmpint(most.memory_mib, ==, scanned.memory_mib);
    g_assert_cmpint(most.gpus, ==, scanned.gpus);
    g_assert_cmpuint(fleet_len(life->fleet), ==, life->instances->len);
}

static void add(Life *life)
{
    Instance *instance = fleet_random_instance(&life->rng, ++life->number);
    if (life->dense)
        instance->total = instance->free = (Capacity){20000, 3000, 0};
    g_ptr_array_add(life->instances, instance);
    fleet_insert(life->fleet, instance);
}

static void take(Life *life)
{
    Held held = {.need = fleet_random_need(&life->rng)};
    held.instance = fleet_find(life->fleet, held.need, (FleetHosts)rng_below(&life->rng, 3));
    if (!held.instance)
        return;
    instance_take(held.instance, held.need);
    g_array_append_val(life->held, held);
}

static void give(Life *life)
{
    if (life->held->len == 0)
        return;
    guint at = (guint)rng_below(&life->rng, life->held->len);
    Held held = g_array_index(life->held, Held, at);
    g_array_remove_index_fast(life->held, at);
    instance_give(held.instance, held.need);
}

static void resize(Life *life)
{
    if (life->instances->len == 0)
        return;
    Instance *instance = g_ptr_array_index(life->instances, rng_below(&life->rng, life->instances->len));
    if (life->dense)
        return;
    Instance *like = fleet_random_instance(&life->rng, 0);
    instance_resize(instance, like->total);
    g_free(like);
}

static void drop(Life *life)
{
    if (life->instances->len == 0)
        return;
    guint at = (guint)rng_below(&life->rng, life->instances->len);
    Instance *instance = g_ptr_array_index(life->instances, at);
    if (instance->holds > 0)
        return;
    fleet_remove(life->fleet, instance);
    g_free(g_ptr_array_remove_index_fast(life->instances, at));
}

/* Grows for two thirds of its life, then shrinks. */
static void step(Life *life, bool grows)
{
    uint64_t choice = rng_below(&life->rng, 100);
    if (choice < (grows ? 30 : 2))
        add(life);
    else if (choice < 60)
        take(life);
    else if (choice < 85)
        give(life);
    else if (choice < 90)
        resize(life);
    else
        drop(life);
}

static void test_answers(void)
{
    const char *wanted = g_getenv("MUSTER_SEEDS");
    uint64_t seeds = wanted ? g_ascii_strtoull(wanted, NULL, 10) : 25;
    for (uint64_t seed = 1; seed <= seeds; seed++) {
        g_test_message("seed %" PRIu64, seed);
        Life life = {.fleet = fleet_new(), .instances = g_ptr_array_new(), .rng = rng_from_seed(seed)};
        life.dense = seed % 2;
        life.held = g_array_new(FALSE, FALSE, sizeof(Held));
        for (int i = 0; i < 600; i++) {
            step(&life, i < 400);
            check_answers(&life);
        }
        fleet_free(life.fleet);
        g_ptr_array_set_free_func(life.instances, g_free);
        g_ptr_array_unref(life.instances);
        g_array_unref(life.held);
    }
}

/* The same instances give the same answers, in whatever order they came. */
static void test_order_of_insertion(void)
{
    Rng rng = rng_from_seed(7);
    Fleet *fleet = fleet_new(), *other = fleet_new();
    g_autoptr(GPtrArray) instances = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GPtrArray) answers = g_ptr_array_new();
    g_autoptr(GArray) needs = g_array_new(FALSE, FALSE, sizeof(Capacity));
    for (uint64_t number = 1; number <= 500; number++) {
        g_ptr_array_add(instances, fleet_random_instance(&rng, number));
        fleet_insert(fleet, g_ptr_array_index(instances, number - 1));
    }
    for (int i = 0; i < 200; i++) {
        Capacity need = fleet_random_need(&rng);
        g_array_append_val(needs, need);
        g_ptr_array_add(answers, fleet_find(fleet, need, FLEET_ANY));
    }
    for (guint i = instances->len; i > 0; i--) {
        fleet_remove(fleet, g_ptr_array_index(instances, i - 1));
        fleet_insert(other, g_ptr_array_index(instances, i - 1));
    }
    for (guint i = 0; i < needs->len; i++)
        g_assert_true(fleet_find(other, g_array_index(needs, Capacity, i), FLEET_ANY) ==
                      g_ptr_array_index(answers, i));
    uint64_t number = 0;
    for (const Instance *at = NULL; (at = fleet_next(other, at));)
        g_assert_cmpuint(at->number, ==, ++number);
    fleet_free(fleet);
    fleet_free(other);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/fleet/answers", test_answers);
    g_test_add_func("/fleet/order-of-insertion", test_order_of_insertion);
    return g_test_run();
}
