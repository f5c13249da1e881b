#include "spec/decode_value.h"

static const char *const state_names[] = {"DISABLED", "ENABLED", NULL};
static const char *const blocked_codes[] = {
    [BLOCKED_NONE] = "",
    [BLOCKED_INSUFFICIENT_CAPACITY] = "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY",
    [BLOCKED_MAX_RESOURCE] = "MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE",
    [BLOCKED_RESOURCE_REQUIREMENT] = "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT",
    [BLOCKED_INSTANCE_CONFIGURATION] = "MISCONFIGURATION:EC2_INSTANCE_CONFIGURATION_UNSUPPORTED",
    [BLOCKED_SERVICE_ROLE_PERMISSIONS] = "MISCONFIGURATION:SERVICE_ROLE_PERMISSIONS",
    [BLOCKED_ACTION_REQUIRED] = "ACTION_REQUIRED",
    [BLOCKED_UNDETERMINED] = "UNDETERMINED",
    NULL};

const char *blocked_reason_code(BlockedReason reason)
{
    return blocked_codes[reason];
}

typedef struct {
    int64_t order;
    char *name;
} OrderEntry;

static int order_compare(const void *a, const void *b)
{
    const OrderEntry *left = a, *right = b;
    if (left->order != right->order)
        return left->order < right->order ? -1 : 1;
    return strcmp(left->name, right->name);
}

/* A plain name stands at its place in the list. */
static bool decode_entry(const json_t *item, size_t index, OrderEntry *entry, GError **error)
{
    g_autofree char *reference = NULL;
    entry->order = (int64_t)index + 1;
    if (json_is_string(item))
        reference = g_strdup(json_string_value(item));
    else if (!decode_integer(item, "order", 0, INT64_MAX, &entry->order, error) ||
             !decode_string(item, "computeEnvironment", &reference, error))
        return false;
    if (!reference) {
        g_set_error_literal(error, DECODE_ERROR, DECODE_ERROR_MEMBER,
                            "computeEnvironmentOrder is not a list of environments");
        return false;
    }
    entry->name = decode_name(KIND_COMPUTE_ENVIRONMENT, reference);
    return true;
}

static bool decode_order(const json_t *root, JobQueueSpec *spec, GError **error)
{
    const json_t *list;
    if (!decode_array(root, "computeEnvironmentOrder", &list, error))
        return false;
    size_t len = list ? json_array_size(list) : 0, filled = 0;
    bool good = true;
    g_autofree OrderEntry *entries = g_new0(OrderEntry, len + 1);
    for (; good && filled < len; filled++)
        good = decode_entry(json_array_get(list, filled), filled, &entries[filled], error);
    if (good)
        qsort(entries, len, sizeof *entries, order_compare);
    spec->compute_environments = g_new0(char *, len + 1);
    for (size_t i = 0; i < filled; i++) {
        if (good)
            spec->compute_environments[i] = entries[i].name;
        else
            g_free(entries[i].name);
    }
    return good;
}

static bool decode_time_limit(const json_t *item, StateTimeLimit *limit, GError **error)
{
    int reason = BLOCKED_NONE;
    int64_t seconds = 0;
    if (!decode_choice(item, "reason", blocked_codes, &reason, error) ||
        !decode_integer(item, "maxTimeSeconds", 1, 86400, &seconds, error))
        return false;
    if (reason == BLOCKED_NONE || !seconds) {
        g_set_error_literal(error, DECODE_ERROR, DECODE_ERROR_MEMBER,
                            "jobStateTimeLimitActions is not a list of {reason, maxTimeSeconds, …}");
        return false;
    }
    *limit = (StateTimeLimit){(BlockedReason)reason, seconds * 1000};
    return true;
}

static bool decode_time_limits(const json_t *root, JobQueueSpec *spec, GError **error)
{
    const json_t *list;
    if (!decode_array(root, "jobStateTimeLimitActions", &list, error))
        return false;
    spec->time_limits_len = list ? json_array_size(list) : 0;
    spec->time_limits = g_new0(StateTimeLimit, spec->time_limits_len);
    for (size_t i = 0; i < spec->time_limits_len; i++)
        if (!decode_time_limit(json_array_get(list, i), &spec->time_limits[i], error))
            return false;
    return true;
}

static bool decode_seconds(const json_t *object, const char *key, int64_t *ret_ms, GError **error)
{
    int64_t seconds = -1;
    if (!decode_integer(object, key, 0, INT64_MAX / 1000, &seconds, error))
        return false;
    if (seconds >= 0)
        *ret_ms = seconds * 1000;
    return true;
}

static bool decode_assertion(const json_t *root, QueueAssertion *assertion, GError **error)
{
    const json_t *given;
    *assertion = (QueueAssertion){-1, -1, -1};
    return decode_object(root, "assert", &given, error) &&
           decode_seconds(given, "p95WaitSeconds", &assertion->p95_wait_ms, error) &&
           decode_seconds(given, "drainSeconds", &assertion->drain_ms, error) &&
           decode_money(given, "costPerDay", &assertion->cost_day_micro, error);
}

static bool decode_into(const json_t *root, JobQueueSpec *spec, GError **error)
{
    int enabled = 1;
    bool backfill = true;
    g_autofree char *policy = NULL;
    if (!decode_choice(root, "state", state_names, &enabled, error) ||
        !decode_integer(root, "priority", 0, INT32_MAX, &spec->priority, error) ||
        !decode_bool(root, "backfill", &backfill, error) || !decode_time_limits(root, spec, error) ||
        !decode_assertion(root, &spec->assertion, error) ||
        !decode_string(root, "schedulingPolicyArn", &policy, error) ||
        !decode_string(root, "schedulingPolicy", &policy, error))
        return false;
    spec->enabled = enabled;
    spec->strict_order = !backfill;
    if (policy)
        spec->scheduling_policy = decode_name(KIND_SCHEDULING_POLICY, policy);
    return decode_order(root, spec, error);
}

JobQueueSpec *job_queue_spec_decode(View json, GError **error)
{
    json_t *root = decode_parse(json, error);
    if (!root)
        return NULL;
    g_autoptr(JobQueueSpec) spec = g_new0(JobQueueSpec, 1);
    bool good = decode_into(root, spec, error);
    json_decref(root);
    return good ? g_steal_pointer(&spec) : NULL;
}

void job_queue_spec_free(JobQueueSpec *spec)
{
    if (!spec)
        return;
    g_strfreev(spec->compute_environments);
    g_free(spec->scheduling_policy);
    g_free(spec->time_limits);
    g_free(spec);
}
