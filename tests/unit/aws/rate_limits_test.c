#include "reconciler/provider/aws/rate_limits.h"

/* How many calls are let through from a full bucket in so many seconds, each made when it may be. */
static int calls_in(RateLimits *limits, const char *action, bool is_plain, int seconds)
{
    int64_t start_ms = 5000000, now_ms = start_ms;
    int calls = 0;
    for (;;) {
        now_ms += rate_limits_take(limits, action, is_plain, 0, now_ms);
        if (now_ms > start_ms + seconds * 1000)
            return calls;
        calls++;
    }
}

static void test_grants(void)
{
    const struct {
        AwsService service;
        const char *action;
        bool is_plain;
        int expected; /* of 60 s */
    } cases[] = {
        {AWS_EC2, "RunInstances", false, 5 + 120},
        {AWS_EC2, "TerminateInstances", false, 100 + 300},
        {AWS_EC2, "DescribeInstances", false, 100 + 1200},
        {AWS_EC2, "DescribeInstances", true, 50 + 600},
        {AWS_EC2, "CreateFleet", false, 50 + 300},
        {AWS_EC2, "CreateTags", false, 100 + 600},
        {AWS_ECS, "RunTask", false, 100 + 2400},
        {AWS_ECS, "StopTask", false, 100 + 2400},
        {AWS_ECS, "RegisterTaskDefinition", false, 20 + 60},
        {AWS_ECS, "DescribeTasks", false, 100 + 1200},
        {AWS_ECS, "CreateCluster", false, 20 + 60},
        {AWS_ECS, "DescribeClusters", false, 50 + 1200},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(RateLimits) limits = rate_limits_new(cases[i].service, 1000);
        g_test_message("%s", cases[i].action);
        g_assert_cmpint(calls_in(limits, cases[i].action, cases[i].is_plain, 60), ==, cases[i].expected);
    }
}

/* A part of it, exactly. */
static void test_share(void)
{
    g_autoptr(RateLimits) limits = rate_limits_new(AWS_EC2, 950);
    g_assert_cmpint(calls_in(limits, "RunInstances", false, 1000), ==, 4 + 1900);
}

/* Of one group all actions share. */
static void test_groups(void)
{
    g_autoptr(RateLimits) limits = rate_limits_new(AWS_ECS, 1000);
    for (int i = 0; i < 50; i++) {
        g_assert_cmpint(rate_limits_take(limits, "DescribeTasks", false, 0, 1000), ==, 0);
        g_assert_cmpint(rate_limits_take(limits, "ListTasks", false, 0, 1000), ==, 0);
    }
    g_assert_cmpint(rate_limits_take(limits, "DescribeContainerInstances", false, 0, 1000), ==, 50);
    g_assert_cmpint(rate_limits_take(limits, "DescribeTasks", false, 0, 1000), ==, 100); /* behind it */
    g_assert_cmpint(rate_limits_take(limits, "RunTask", false, 0, 1000), ==, 0);
}

/* Instances are counted too, whichever call starts them. */
static void test_resources(void)
{
    g_autoptr(RateLimits) limits = rate_limits_new(AWS_EC2, 1000);
    g_assert_cmpint(rate_limits_take(limits, "CreateFleet", false, 1000, 1000), ==, 0);
    g_assert_cmpint(rate_limits_take(limits, "RunInstances", false, 4, 1000), ==, 2000);
    g_assert_cmpint(rate_limits_take(limits, "TerminateInstances", false, 1000, 1000), ==, 0);
    g_assert_cmpint(rate_limits_take(limits, "TerminateInstances", false, 100, 1000), ==, 5000);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/rate-limits/grants", test_grants);
    g_test_add_func("/rate-limits/share", test_share);
    g_test_add_func("/rate-limits/groups", test_groups);
    g_test_add_func("/rate-limits/resources", test_resources);
    return g_test_run();
}
