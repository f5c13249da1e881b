/* explain_text.c: numbers and Batch's words in the Arena of an explanation. */
#include "reconciler/schedule/explain_internal.h"
#include "spec/base/units.h"

const char *explain_verdict_name(ExplainVerdict verdict)
{
    static const char *const names[] = {
        [EXPLAIN_FREE] = "FREE",       [EXPLAIN_COMING] = "COMING", [EXPLAIN_BUYS] = "BUYS",
        [EXPLAIN_FULL] = "FULL",       [EXPLAIN_MAX] = "MAX",       [EXPLAIN_NO_GROWTH] = "NO_GROWTH",
        [EXPLAIN_UNKNOWN] = "UNKNOWN", [EXPLAIN_CLOSED] = "CLOSED", [EXPLAIN_NEVER] = "NEVER",
    };
    return names[verdict];
}

const char *explain_print(Explain *explain, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    return arena_strndup(explain->arena, text, strlen(text));
}

const char *explain_vcpus(Explain *explain, int64_t vcpus_e4)
{
    g_autofree char *text = decimal_print(vcpus_e4);
    return arena_strndup(explain->arena, text, strlen(text));
}

const char *explain_number(Explain *explain, int64_t value)
{
    g_autofree char *text = integer_human(value);
    return arena_strndup(explain->arena, text, strlen(text));
}

const char *explain_need(Explain *explain, Capacity need)
{
    const char *vcpus = explain_vcpus(explain, need.vcpus_e4),
               *memory = explain_number(explain, need.memory_mib);
    if (need.gpus == 0)
        return explain_print(explain, "%s vCPU, %s MiB", vcpus, memory);
    return explain_print(explain, "%s vCPU, %s MiB, %s GPU", vcpus, memory,
                         explain_number(explain, need.gpus));
}

/* batch: "Blocked queues" */
const char *explain_blocked_text(BlockedReason blocked)
{
    switch (blocked) {
    case BLOCKED_NONE: break;
    case BLOCKED_INSUFFICIENT_CAPACITY:
        return "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY - Service cannot fulfill the capacity requested for "
               "the instance types";
    case BLOCKED_MAX_RESOURCE:
        return "MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE - CE(s) associated with the job queue "
               "cannot "
               "meet the CPU requirement of the job.";
    case BLOCKED_RESOURCE_REQUIREMENT:
        return "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT - The job resource requirement (vCPU/memory/GPU) "
               "is "
               "higher than that can be met by the CE(s) attached to the job queue.";
    case BLOCKED_INSTANCE_CONFIGURATION:
        return "MISCONFIGURATION:EC2_INSTANCE_CONFIGURATION_UNSUPPORTED - the instances cannot be launched "
               "as "
               "the compute environments are configured";
    case BLOCKED_SERVICE_ROLE_PERMISSIONS:
        return "MISCONFIGURATION:SERVICE_ROLE_PERMISSIONS - Batch service role has a permission issue.";
    case BLOCKED_ACTION_REQUIRED: return "ACTION_REQUIRED - CE(s) associated with the job queue are invalid.";
    case BLOCKED_UNDETERMINED: return "UNDETERMINED - Batch job is blocked, root cause is undetermined.";
    }
    return NULL;
}
