/* Fleets: best fit, hosts with GPUs kept apart, what is empty, limits. */
#include "reconciler/world/instance.h"

static Instance instance_of(uint64_t number, int64_t vcpus, int64_t memory_mib, int64_t gpus)
{
    Capacity total = {vcpus * 10000, memory_mib, gpus};
    return (Instance){.number = number, .type = (char *)(uintptr_t) "t", .total = total, .free = total};
}

static Capacity need_of(int64_t vcpus_e4, int64_t memory_mib, int64_t gpus)
{
    return (Capacity){vcpus_e4, memory_mib, gpus};
}

static void expect(const Fleet *fleet, Capacity need, FleetHosts hosts, const Instance *wanted)
{
    const Instance *found = fleet_find(fleet, need, hosts);
    g_assert_cmpuint(found ? found->number : 0, ==, wanted ? wanted->number : 0);
}

static void test_best_fit(void)
{
    Fleet *fleet = fleet_new();
    Instance large = instance_of(1, 16, 64000, 0), small = instance_of(2, 4, 16000, 0),
             fat = instance_of(3, 4, 32000, 0), twin = instance_of(4, 4, 16000, 0);
    fleet_insert(fleet, &twin);
    fleet_insert(fleet, &large);
    fleet_insert(fleet, &fat);
    fleet_insert(fleet, &small);
    expect(fleet, need_of(10000, 100, 0), FLEET_ANY, &small);   /* least memory, then the lower number */
    expect(fleet, need_of(10000, 20000, 0), FLEET_ANY, &fat);   /* memory decides */
    expect(fleet, need_of(10000, 8000, 0), FLEET_ANY, &fat);    /* four of the kind need 32,000 MiB */
    expect(fleet, need_of(10000, 9000, 0), FLEET_ANY, &fat);    /* nobody has 36,000: who has the most */
    expect(fleet, need_of(50000, 100, 0), FLEET_ANY, &large);   /* vCPUs decide */
    expect(fleet, need_of(40000, 32001, 0), FLEET_ANY, &large); /* the shelf has none with the memory */
    expect(fleet, need_of(170000, 1, 0), FLEET_ANY, NULL);
    expect(fleet, need_of(1, 64001, 0), FLEET_ANY, NULL);
    expect(fleet, need_of(1, 1, 1), FLEET_ANY, NULL);
    instance_take(&large, need_of(140000, 60000, 0));
    expect(fleet, need_of(10000, 100, 0), FLEET_ANY, &large); /* the fullest that has room */
    instance_give(&large, need_of(140000, 60000, 0));
    expect(fleet, need_of(10000, 100, 0), FLEET_ANY, &small);
    fleet_free(fleet);
    g_assert_null(large.in_fleet.fleet);
}

/* What is beyond the whole vCPUs counts only where it must. */
static void test_fractions(void)
{
    Fleet *fleet = fleet_new();
    Instance a = instance_of(1, 4, 1000, 0), b = instance_of(2, 4, 2000, 0);
    fleet_insert(fleet, &a);
    fleet_insert(fleet, &b);
    instance_take(&a, need_of(27500, 100, 0)); /* 1.25 left */
    instance_take(&b, need_of(22500, 100, 0)); /* 1.75 left */
    expect(fleet, need_of(12500, 100, 0), FLEET_ANY, &a);
    expect(fleet, need_of(15000, 100, 0), FLEET_ANY, &b);
    expect(fleet, need_of(17501, 100, 0), FLEET_ANY, NULL);
    expect(fleet, need_of(2500, 100, 0), FLEET_ANY, &a);
    g_assert_cmpint(fleet_most_free(fleet).vcpus_e4, ==, 17500);
    fleet_free(fleet);
}

static void test_gpu_hosts(void)
{
    Fleet *fleet = fleet_new();
    Instance plain = instance_of(1, 32, 64000, 0), four = instance_of(2, 8, 16000, 4),
             eight = instance_of(3, 4, 16000, 8);
    fleet_insert(fleet, &eight);
    fleet_insert(fleet, &four);
    fleet_insert(fleet, &plain);
    expect(fleet, need_of(10000, 100, 0), FLEET_ANY, &plain); /* though the others fit better */
    expect(fleet, need_of(10000, 100, 0), FLEET_GPU_HOSTS, &four);
    expect(fleet, need_of(10000, 100, 0), FLEET_NO_GPU_HOSTS, &plain);
    expect(fleet, need_of(10000, 100, 5), FLEET_ANY, &eight);
    expect(fleet, need_of(10000, 100, 1), FLEET_NO_GPU_HOSTS, NULL);
    instance_take(&eight, need_of(10000, 100, 6));
    expect(fleet, need_of(10000, 100, 1), FLEET_ANY, &eight); /* two GPUs are left: fewer than four */
    instance_take(&plain, need_of(320000, 100, 0));
    expect(fleet, need_of(10000, 100, 0), FLEET_ANY, &eight);
    g_assert_cmpint(fleet_most_free(fleet).gpus, ==, 4);
    fleet_free(fleet);
}

static void test_empty(void)
{
    Fleet *fleet = fleet_new();
    Instance large = instance_of(1, 16, 64000, 0), a = instance_of(2, 4, 16000, 0),
             b = instance_of(3, 4, 16000, 0);
    b.type = (char *)(uintptr_t) "other";
    fleet_insert(fleet, &large);
    fleet_insert(fleet, &b);
    fleet_insert(fleet, &a);
    Capacity need = need_of(10000, 100, 0);
    g_assert_true(fleet_find_empty(fleet, need, NULL, NULL) == &a);
    g_assert_true(fleet_find_empty(fleet, need, NULL, &a) == &b);
    g_assert_true(fleet_find_empty(fleet, need, NULL, &b) == &large);
    g_assert_null(fleet_find_empty(fleet, need, NULL, &large));
    g_assert_true(fleet_find_empty(fleet, need, "other", NULL) == &b);
    g_assert_null(fleet_find_empty(fleet, need, "none", NULL));
    instance_take(&a, need_of(0, 0, 0)); /* what needs nothing runs there all the same */
    g_assert_true(fleet_find_empty(fleet, need, NULL, NULL) == &b);
    instance_give(&a, need_of(0, 0, 0));
    g_assert_true(fleet_find_empty(fleet, need, NULL, NULL) == &a);
    fleet_free(fleet);
}

/* After a restart an instance may hold more than it turns out to have: nothing is free, nothing is lost. */
static void test_overfull(void)
{
    Fleet *fleet = fleet_new();
    Instance instance = instance_of(1, 0, 0, 0);
    instance_hold(&instance, need_of(40000, 1000, 0));
    instance_resize(&instance, need_of(20000, 4000, 0));
    fleet_insert(fleet, &instance);
    g_assert_cmpint(instance.free.vcpus_e4, ==, 0);
    g_assert_cmpint(instance.free.memory_mib, ==, 3000);
    instance_give(&instance, need_of(40000, 1000, 0));
    g_assert_cmpint(instance.free.vcpus_e4, ==, 20000);
    expect(fleet, need_of(20000, 4000, 0), FLEET_ANY, &instance);
    fleet_free(fleet);
}

static void test_take_too_much(void)
{
    if (g_test_subprocess()) {
        Instance instance = instance_of(1, 1, 100, 0);
        instance_take(&instance, need_of(10001, 1, 0));
        return;
    }
    g_test_trap_subprocess(NULL, 0, 0);
    g_test_trap_assert_failed();
}

static void test_fits(void)
{
    Capacity free = need_of(80000, 1000, 3);
    g_assert_cmpint(capacity_fits(free, need_of(10000, 100, 0)), ==, 8);
    g_assert_cmpint(capacity_fits(free, need_of(10000, 300, 0)), ==, 3);
    g_assert_cmpint(capacity_fits(free, need_of(10000, 1, 2)), ==, 1);
    g_assert_cmpint(capacity_fits(free, need_of(10000, 1001, 0)), ==, 0);
    g_assert_cmpint(capacity_fits(free, need_of(0, 0, 0)), ==, INT64_MAX);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/fleet/best-fit", test_best_fit);
    g_test_add_func("/fleet/fractions", test_fractions);
    g_test_add_func("/fleet/gpu-hosts", test_gpu_hosts);
    g_test_add_func("/fleet/empty", test_empty);
    g_test_add_func("/fleet/overfull", test_overfull);
    g_test_add_func("/fleet/take-too-much", test_take_too_much);
    g_test_add_func("/fleet/fits", test_fits);
    return g_test_run();
}
