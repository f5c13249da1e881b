/* retry.c: Batch's retry strategy (batch: "Retry strategy"). */
#include "reconciler/world/retry.h"

bool retry_pattern_matches(const char *pattern, const char *text)
{
    size_t len = strlen(pattern);
    if (len > 0 && pattern[len - 1] == '*')
        return len == 1 || (text && strncmp(pattern, text, len - 1) == 0);
    return text && strcmp(pattern, text) == 0;
}

static bool rule_matches(const EvaluateOnExit *rule, const AttemptOutcome *outcome)
{
    char digits[16];
    g_snprintf(digits, sizeof digits, "%d", outcome->exit_code);
    const char *exit_code = outcome->exit_code >= 0 ? digits : NULL;
    return (!rule->on_status_reason ||
            retry_pattern_matches(rule->on_status_reason, outcome->status_reason)) &&
           (!rule->on_reason || retry_pattern_matches(rule->on_reason, outcome->reason)) &&
           (!rule->on_exit_code || retry_pattern_matches(rule->on_exit_code, exit_code));
}

RetryAction retry_decide(const RetryStrategy *strategy, const AttemptOutcome *outcome)
{
    if (outcome->ended_by_request || outcome->timed_out || outcome->attempt >= MAX(strategy->attempts, 1))
        return RETRY_EXIT;
    for (size_t i = 0; i < strategy->rules_len; i++)
        if (rule_matches(&strategy->rules[i], outcome))
            return strategy->rules[i].action;
    return RETRY_RETRY;
}
