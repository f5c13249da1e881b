#include "reconciler/scale/fargate.h"

static void test_price(void)
{
    FargatePrices prices = {40480, 4445};
    /* 0.25 vCPU, 512 MiB: 10120 + 2222.5 */
    g_assert_cmpint(fargate_task_price(&prices, (Capacity){2500, 512, 0}), ==, 12343);
    g_assert_cmpint(fargate_task_price(&prices, (Capacity){160000, 122880, 0}), ==, 16 * 40480 + 120 * 4445);
    prices.gib_micro_per_h = SCALE_UNKNOWN;
    g_assert_cmpint(fargate_task_price(&prices, (Capacity){2500, 512, 0}), ==, SCALE_UNKNOWN);
}

static void test_room(void)
{
    ComputeEnvironmentSpec spec = {.type = CE_TYPE_FARGATE, .max_vcpus = 4};
    g_assert_cmpint(fargate_tasks_possible(&spec, 0, (Capacity){2500, 512, 0}), ==, 16);
    g_assert_cmpint(fargate_tasks_possible(&spec, 35000, (Capacity){10000, 2048, 0}), ==, 0); /* strict */
    g_assert_cmpint(fargate_tasks_possible(&spec, 35000, (Capacity){2500, 512, 0}), ==, 2);
    spec.max_vcpus = 0;
    g_assert_cmpint(fargate_tasks_possible(&spec, 35000, (Capacity){2500, 512, 0}), ==, INT64_MAX);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/scale/fargate/price", test_price);
    g_test_add_func("/scale/fargate/room", test_room);
    return g_test_run();
}
