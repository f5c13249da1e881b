/* Batch's retry strategy, rule by rule. */
#include "reconciler/world/retry.h"

static void test_patterns(void)
{
    g_assert_true(retry_pattern_matches("Host EC2*", "Host EC2 (instance i-1) terminated."));
    g_assert_false(retry_pattern_matches("Host EC2", "Host EC2 (instance i-1) terminated."));
    g_assert_false(retry_pattern_matches("host ec2*", "Host EC2 (instance i-1) terminated."));
    g_assert_true(retry_pattern_matches("*", NULL));
    g_assert_false(retry_pattern_matches("1*", NULL));
    g_assert_true(retry_pattern_matches("13*", "137"));
    g_assert_false(retry_pattern_matches("37", "137"));
}

static RetryAction decide(const RetryStrategy *strategy, int attempt, int exit_code, const char *reason)
{
    return retry_decide(strategy, &(AttemptOutcome){.attempt = attempt,
                                                    .exit_code = exit_code,
                                                    .reason = reason,
                                                    .status_reason = "Essential container in task exited"});
}

static void test_rules(void)
{
    EvaluateOnExit rules[] = {
        {.on_exit_code = (char *)"42", .action = RETRY_EXIT},
        {.on_exit_code = (char *)"1*", .on_reason = (char *)"OutOf*", .action = RETRY_RETRY},
        {.on_exit_code = (char *)"1", .action = RETRY_EXIT}};
    RetryStrategy strategy = {.attempts = 3, .rules = rules, .rules_len = G_N_ELEMENTS(rules)};
    g_assert_cmpint(decide(&strategy, 1, 42, NULL), ==, RETRY_EXIT);
    g_assert_cmpint(decide(&strategy, 1, 7, NULL), ==, RETRY_RETRY); /* no rule matches: retried */
    g_assert_cmpint(decide(&strategy, 1, 1, NULL), ==, RETRY_EXIT);
    g_assert_cmpint(decide(&strategy, 1, 1, "OutOfMemoryError: x"), ==, RETRY_RETRY); /* first match wins */
    g_assert_cmpint(decide(&strategy, 3, 7, NULL), ==, RETRY_EXIT);
    strategy.rules_len = 0;
    g_assert_cmpint(decide(&strategy, 2, 1, NULL), ==, RETRY_RETRY);
    strategy.attempts = 0; /* not stated: one attempt */
    g_assert_cmpint(decide(&strategy, 1, 1, NULL), ==, RETRY_EXIT);
}

static void test_never(void)
{
    RetryStrategy strategy = {.attempts = 10};
    g_assert_cmpint(retry_decide(&strategy, &(AttemptOutcome){.attempt = 1, .timed_out = true}), ==,
                    RETRY_EXIT);
    g_assert_cmpint(retry_decide(&strategy, &(AttemptOutcome){.attempt = 1, .ended_by_request = true}), ==,
                    RETRY_EXIT);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/retry/patterns", test_patterns);
    g_test_add_func("/retry/rules", test_rules);
    g_test_add_func("/retry/never", test_never);
    return g_test_run();
}
