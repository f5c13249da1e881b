#include "spec/decode.h"

static void test_environment(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(ComputeEnvironmentSpec) spec = compute_environment_spec_decode(
        VIEW("{\"provider\":{\"type\":\"aws\",\"region\":\"eu-west-1\"},\"state\":\"DISABLED\","
             "\"computeResources\":"
             "{\"type\":\"SPOT\",\"minvCpus\":2,\"maxvCpus\":64,\"instanceTypes\":[\"c5\",\"m5.large\"]}}"),
        &error);
    g_assert_no_error(error);
    g_assert_cmpint(spec->provider, ==, PROVIDER_AWS);
    g_assert_cmpstr(spec->region, ==, "eu-west-1");
    g_assert_false(spec->enabled);
    g_assert_cmpint(spec->type, ==, CE_TYPE_SPOT);
    g_assert_cmpint(spec->min_vcpus, ==, 2);
    g_assert_cmpint(spec->max_vcpus, ==, 64);
    g_assert_cmpstr(spec->instance_types[1], ==, "m5.large");
    g_assert_null(spec->instance_types[2]);
}

static void test_environment_defaults(void)
{
    g_autoptr(ComputeEnvironmentSpec) empty = compute_environment_spec_decode(VIEW("{}"), NULL);
    g_assert_cmpint(empty->provider, ==, PROVIDER_UNSET);
    g_assert_true(empty->enabled);
    g_assert_false(empty->type_given);
    g_assert_cmpint(empty->max_vcpus, ==, 0);
    g_autoptr(ComputeEnvironmentSpec) local =
        compute_environment_spec_decode(VIEW("{\"provider\":\"local\"}"), NULL);
    g_assert_cmpint(local->provider, ==, PROVIDER_LOCAL);
    g_autoptr(ComputeEnvironmentSpec) own =
        compute_environment_spec_decode(VIEW("{\"type\":\"UNMANAGED\"}"), NULL);
    g_assert_cmpint(own->type, ==, CE_TYPE_UNMANAGED);
    g_assert_cmpint(empty->bid_percentage, ==, 100);
    g_assert_cmpint(empty->unmanaged_vcpus, ==, -1);
    g_assert_cmpint(empty->allocation, ==, ALLOCATION_BEST_FIT);
    g_assert_cmpint(empty->update_timeout_ms, ==, 0);
    g_assert_cmpint(empty->budget_day_micro, ==, 0);
    g_assert_cmpint(empty->refresh, ==, REFRESH_ON_COMMIT);
    g_assert_false(empty->strict_max || empty->terminate_jobs_on_update);
    g_autoptr(ComputeEnvironmentSpec) manual =
        compute_environment_spec_decode(VIEW("{\"refresh\":\"manual\"}"), NULL);
    g_assert_cmpint(manual->refresh, ==, REFRESH_MANUAL);
    g_assert_null(compute_environment_spec_decode(VIEW("{\"refresh\":\"daily\"}"), NULL));
}

static void test_environment_scaling(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(ComputeEnvironmentSpec) spec = compute_environment_spec_decode(
        VIEW("{\"updatePolicy\":{\"terminateJobsOnUpdate\":true,\"jobExecutionTimeoutMinutes\":45},"
             "\"budget\":{\"perDay\":125000,\"perMonth\":1},\"computeResources\":{\"type\":\"SPOT\","
             "\"allocationStrategy\":\"SPOT_PRICE_CAPACITY_OPTIMIZED\",\"bidPercentage\":60,"
             "\"strictMaxvCpus\":true,\"scalingPolicy\":{\"minScaleDownDelayMinutes\":20}}}"),
        &error);
    g_assert_no_error(error);
    g_assert_true(spec->terminate_jobs_on_update && spec->strict_max);
    g_assert_cmpint(spec->update_timeout_ms, ==, 45 * 60000);
    g_assert_cmpint(spec->budget_day_micro, ==, 12500000);
    g_assert_cmpint(spec->budget_month_micro, ==, 100);
    g_assert_cmpint(spec->allocation, ==, ALLOCATION_SPOT_PRICE_CAPACITY_OPTIMIZED);
    g_assert_cmpint(spec->bid_percentage, ==, 60);
    g_assert_cmpint(spec->min_scale_down_delay_ms, ==, 20 * 60000);
    /* The canonical form leaves out a default: 30 minutes, once there is a policy. */
    g_autoptr(ComputeEnvironmentSpec) normal =
        compute_environment_spec_decode(VIEW("{\"updatePolicy\":{}}"), NULL);
    g_assert_cmpint(normal->update_timeout_ms, ==, 30 * 60000);
}

static void test_environment_hosts(void)
{
    g_autoptr(ComputeEnvironmentSpec) spec = compute_environment_spec_decode(
        VIEW("{\"type\":\"UNMANAGED\",\"unmanagedvCpus\":0,\"simulatedHosts\":[{\"vcpus\":8,\"memoryMiB\":"
             "30000},{\"count\":3,\"vcpus\":4,\"memoryMiB\":1000,\"gpus\":2}]}"),
        NULL);
    g_assert_cmpint(spec->unmanaged_vcpus, ==, 0);
    g_assert_cmpuint(spec->simulated_hosts_len, ==, 2);
    g_assert_cmpint(spec->simulated_hosts[0].count, ==, 1);
    g_assert_cmpint(spec->simulated_hosts[0].vcpus, ==, 8);
    g_assert_cmpint(spec->simulated_hosts[0].memory_mib, ==, 30000);
    g_assert_cmpint(spec->simulated_hosts[0].gpus, ==, 0);
    g_assert_cmpint(spec->simulated_hosts[1].count, ==, 3);
    g_assert_cmpint(spec->simulated_hosts[1].gpus, ==, 2);
    static const char *const broken[] = {
        "{\"type\":\"UNMANAGED\",\"simulatedHosts\":[{\"vcpus\":8}]}",
        "{\"type\":\"UNMANAGED\",\"simulatedHosts\":[7]}",
        "{\"type\":\"UNMANAGED\",\"simulatedHosts\":[{\"count\":0,\"vcpus\":8,\"memoryMiB\":1}]}",
        "{\"computeResources\":{\"allocationStrategy\":\"WORST_FIT\"}}", "{\"budget\":{\"perDay\":1.5}}"};
    for (size_t i = 0; i < G_N_ELEMENTS(broken); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_null(compute_environment_spec_decode(view_from(broken[i]), &error));
        g_assert_error(error, DECODE_ERROR, DECODE_ERROR_MEMBER);
    }
}

static void test_queue(void)
{
    g_autoptr(JobQueueSpec) spec = job_queue_spec_decode(
        VIEW(
            "{\"priority\":7,\"schedulingPolicyArn\":\"arn:aws:batch:us-east-1:000000000000:scheduling-"
            "policy/fair\","
            "\"computeEnvironmentOrder\":[{\"computeEnvironment\":\"b\",\"order\":9},{\"computeEnvironment\":"
            "\"arn:aws:batch:us-east-1:000000000000:compute-environment/a\",\"order\":2}]}"),
        NULL);
    g_assert_cmpint(spec->priority, ==, 7);
    g_assert_true(spec->enabled);
    g_assert_cmpstr(spec->compute_environments[0], ==, "a");
    g_assert_cmpstr(spec->compute_environments[1], ==, "b");
    g_assert_null(spec->compute_environments[2]);
    g_assert_cmpstr(spec->scheduling_policy, ==, "fair");
    g_assert_false(spec->strict_order);
    g_assert_cmpuint(spec->time_limits_len, ==, 0);
    g_assert_cmpint(spec->assertion.p95_wait_ms, ==, -1);
    g_assert_cmpint(spec->assertion.drain_ms, ==, -1);
    g_assert_cmpint(spec->assertion.cost_day_micro, ==, -1);
}

static void test_queue_rules(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(JobQueueSpec) spec = job_queue_spec_decode(
        VIEW("{\"backfill\":false,\"assert\":{\"p95WaitSeconds\":0,\"costPerDay\":15000},"
             "\"jobStateTimeLimitActions\":[{\"reason\":\"MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT\","
             "\"state\":\"RUNNABLE\",\"maxTimeSeconds\":600,\"action\":\"CANCEL\"}]}"),
        &error);
    g_assert_no_error(error);
    g_assert_true(spec->strict_order);
    g_assert_cmpint(spec->assertion.p95_wait_ms, ==, 0);
    g_assert_cmpint(spec->assertion.drain_ms, ==, -1);
    g_assert_cmpint(spec->assertion.cost_day_micro, ==, 1500000);
    g_assert_cmpuint(spec->time_limits_len, ==, 1);
    g_assert_cmpint(spec->time_limits[0].reason, ==, BLOCKED_RESOURCE_REQUIREMENT);
    g_assert_cmpint(spec->time_limits[0].max_ms, ==, 600000);
    g_assert_cmpstr(blocked_reason_code(BLOCKED_UNDETERMINED), ==, "UNDETERMINED");
    g_assert_cmpstr(blocked_reason_code(BLOCKED_NONE), ==, "");
}

static void test_policy(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(SchedulingPolicySpec) spec = scheduling_policy_spec_decode(
        VIEW("{\"fairsharePolicy\":{\"shareDecaySeconds\":3600,\"computeReservation\":25,"
             "\"shareDistribution\":[{\"shareIdentifier\":\"b\",\"weightFactor\":1250},"
             "{\"shareIdentifier\":\"User*\"},{\"shareIdentifier\":\"UserA*\",\"weightFactor\":20000},"
             "{\"shareIdentifier\":\"User\",\"weightFactor\":5000}]},"
             "\"shareLimits\":[{\"shareIdentifier\":\"b\",\"maxvCpus\":64}]}"),
        &error);
    g_assert_no_error(error);
    g_assert_true(spec->fair_share);
    g_assert_cmpint(spec->share_decay_ms, ==, 3600000);
    g_assert_cmpint(spec->compute_reservation, ==, 25);
    g_assert_cmpuint(spec->weights_len, ==, 4);
    g_assert_cmpstr(spec->weights[0].identifier, ==, "User");
    g_assert_false(spec->weights[0].prefix);
    g_assert_true(spec->weights[1].prefix);
    g_assert_cmpint(spec->weights[1].weight_e4, ==, 10000);
    static const struct {
        const char *identifier;
        int64_t weight_e4; /* -1: no rule */
    } found[] = {{"User", 5000}, {"User1", 10000}, {"UserA", 20000}, {"UserAb", 20000},
                 {"Use", -1},    {"b", 1250},      {"bb", -1},       {"", -1}};
    for (size_t i = 0; i < G_N_ELEMENTS(found); i++) {
        const ShareRule *rule =
            share_rule_find(spec->weights, spec->weights_len, view_from(found[i].identifier));
        g_assert_cmpint(rule ? rule->weight_e4 : -1, ==, found[i].weight_e4);
    }
    g_assert_cmpint(share_rule_find(spec->limits, spec->limits_len, VIEW("b"))->max_vcpus, ==, 64);
    g_autoptr(SchedulingPolicySpec) limits = scheduling_policy_spec_decode(VIEW("{}"), NULL);
    g_assert_false(limits->fair_share);
    g_assert_null(share_rule_find(limits->weights, limits->weights_len, VIEW("b")));
    g_assert_null(scheduling_policy_spec_decode(VIEW("{\"shareLimits\":[{\"maxvCpus\":1}]}"), NULL));
    g_assert_null(
        scheduling_policy_spec_decode(VIEW("{\"shareLimits\":[{\"shareIdentifier\":\"a\"}]}"), NULL));
}

static void test_consumable(void)
{
    g_autoptr(ConsumableResourceSpec) empty = consumable_resource_spec_decode(VIEW("{}"), NULL);
    g_assert_cmpint(empty->total_quantity, ==, 0);
    g_assert_true(empty->replenishable);
    g_autoptr(ConsumableResourceSpec) used = consumable_resource_spec_decode(
        VIEW("{\"totalQuantity\":7,\"resourceType\":\"NON_REPLENISHABLE\"}"), NULL);
    g_assert_cmpint(used->total_quantity, ==, 7);
    g_assert_false(used->replenishable);
    g_assert_null(consumable_resource_spec_decode(VIEW("{\"totalQuantity\":-1}"), NULL));
}

#define DEFINITION                                                                                           \
    "{\"containerProperties\":{\"command\":[\"sh\",\"-c\",\"echo Ref::who/Ref::none $X\",\"Ref::who\"],"     \
    "\"environment\":[{\"name\":\"B\",\"value\":\"2\"},{\"name\":\"A\",\"value\":\"1\"}],"                   \
    "\"resourceRequirements\":[{\"type\":\"MEMORY\",\"value\":\"512\"},{\"type\":\"VCPU\",\"value\":\"0."    \
    "25\"}],"                                                                                                \
    "\"secrets\":[{\"name\":\"S\",\"valueFrom\":\"x\"}],\"volumes\":[],\"user\":\"nobody\"},"                \
    "\"parameters\":{\"who\":\"world\"},\"platformCapabilities\":[\"FARGATE\"],"                             \
    "\"retryStrategy\":{\"attempts\":3,\"evaluateOnExit\":[{\"onExitCode\":7,\"action\":\"exit\"}]},"        \
    "\"timeout\":{\"attemptDurationSeconds\":90},\"schedulingPriority\":4}"

static void test_definition(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(JobDefinitionSpec) spec = job_definition_spec_decode(VIEW(DEFINITION), &error);
    g_assert_no_error(error);
    g_assert_cmpint(spec->platform, ==, PLATFORM_FARGATE);
    g_assert_cmpint(spec->need.vcpus_e4, ==, 2500);
    g_assert_cmpint(spec->need.memory_mib, ==, 512);
    g_assert_cmpint(spec->nodes, ==, 1);
    g_assert_cmpint(spec->timeout_ms, ==, 90000);
    g_assert_cmpint(spec->retry.attempts, ==, 3);
    g_assert_cmpstr(spec->retry.rules[0].on_exit_code, ==, "7");
    g_assert_cmpint(spec->retry.rules[0].action, ==, RETRY_EXIT);
    g_assert_cmpstr(spec->environment[0].name, ==, "A");
    g_assert_cmpstr(spec->environment[1].value, ==, "2");
    g_assert_cmpstr(spec->beyond_process[0], ==, "secrets");
    g_assert_null(spec->beyond_process[1]);
    g_assert_cmpstr(spec->user, ==, "nobody");
}

static void test_definition_defaults(void)
{
    g_autoptr(JobDefinitionSpec) spec =
        job_definition_spec_decode(VIEW("{\"containerProperties\":{\"vcpus\":2,\"memory\":100}}"), NULL);
    g_assert_cmpint(spec->retry.attempts, ==, 1);
    g_assert_cmpint(spec->platform, ==, PLATFORM_EC2);
    g_assert_cmpint(spec->timeout_ms, ==, 0);
    g_assert_cmpint(spec->need.vcpus_e4, ==, 20000);
    g_assert_true(spec->vcpus_alias && spec->memory_alias);
    g_assert_null(spec->beyond_process[0]);
}

/* A multinode job's need is the largest of the ranges that count for a node; a task's is the sum of its
 * containers. */
static void test_definition_shapes(void)
{
    g_autoptr(JobDefinitionSpec) nodes =
        job_definition_spec_decode(VIEW("{\"type\":\"multinode\",\"nodeProperties\":{\"numNodes\":4,"
                                        "\"mainNode\":1,\"nodeRangeProperties\":["
                                        "{\"targetNodes\":\"0:\",\"container\":{\"resourceRequirements\":[{"
                                        "\"type\":\"VCPU\",\"value\":\"8\"}]}},"
                                        "{\"targetNodes\":\"1:2\",\"container\":{\"resourceRequirements\":[{"
                                        "\"type\":\"VCPU\",\"value\":\"3\"}]}}]}}"),
                                   NULL);
    g_assert_cmpint(nodes->nodes, ==, 4);
    g_assert_cmpint(nodes->main_node, ==, 1);
    g_assert_cmpint(nodes->need.vcpus_e4, ==, 80000);
    g_assert_null(nodes->beyond_process[0]);
    g_autoptr(JobDefinitionSpec) task = job_definition_spec_decode(
        VIEW("{\"ecsProperties\":{\"taskProperties\":[{\"containers\":["
             "{\"name\":\"a\",\"resourceRequirements\":[{\"type\":\"MEMORY\",\"value\":\"100\"}]},"
             "{\"name\":\"b\",\"resourceRequirements\":[{\"type\":\"MEMORY\",\"value\":\"28\"}]}]}]}}"),
        NULL);
    g_assert_cmpint(task->need.memory_mib, ==, 128);
    g_assert_cmpstr(task->beyond_process[0], ==, "ecsProperties");
}

static void test_job(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(JobSpec) job = job_spec_decode(
        VIEW("{\"jobName\":\"n\",\"jobQueue\":\"q\",\"jobDefinition\":\"d:3\",\"arrayProperties\":{\"size\":"
             "12},"
             "\"dependsOn\":[{\"jobId\":\"a\",\"type\":\"N_TO_N\"},{\"type\":\"SEQUENTIAL\"},"
             "{\"job\":\"b\",\"type\":\"SEQUENTIAL\",\"condition\":\"completion\"}],"
             "\"containerOverrides\":{\"resourceRequirements\":[{\"type\":\"VCPU\",\"value\":1.5}]},"
             "\"rerunOn\":[\"definition\"]}"),
        &error);
    g_assert_no_error(error);
    g_assert_cmpstr(job->definition, ==, "d:3");
    g_assert_cmpint(job->array_size, ==, 12);
    g_assert_cmpint(job->scheduling_priority, ==, -1);
    g_assert_cmpint(job->need.vcpus_e4, ==, 15000);
    g_assert_cmpint(job->retry.attempts, ==, 0);
    g_assert_cmpint(job->depends_on[0].type, ==, DEPENDENCY_N_TO_N);
    g_assert_cmpint(job->depends_on[1].type, ==, DEPENDENCY_SEQUENTIAL);
    g_assert_cmpint(job->depends_on[2].type, ==, DEPENDENCY_PLAIN); /* with a job it is a plain one */
    g_assert_cmpint(job->depends_on[2].condition, ==, CONDITION_COMPLETION);
    g_assert_true(job->rerun_on_definition);
    g_assert_cmpint(job_on_delete(VIEW("{\"onDelete\":\"terminate\"}")), ==, ON_DELETE_TERMINATE);
    g_assert_cmpint(job_on_delete(VIEW("{}")), ==, ON_DELETE_KEEP);
}

static void test_pipeline(void)
{
    g_autoptr(PipelineSpec) spec = pipeline_spec_decode(
        VIEW("{\"jobQueue\":\"q\",\"parameters\":{\"a\":\"1\",\"b\":\"2\"},\"concurrencyPolicy\":\"skip\","
             "\"triggers\":[\"manual\",{\"schedule\":\"@daily\"}],\"workspace\":true,\"jobs\":["
             "{\"name\":\"one\",\"jobDefinition\":\"d\",\"parameters\":{\"b\":\"3\"}},"
             "{\"name\":\"two\",\"jobDefinition\":\"d\",\"jobQueue\":\"other\",\"array\":{\"fromParameter\":"
             "\"n\"}}]}"),
        NULL);
    g_assert_cmpuint(spec->steps_len, ==, 2);
    g_assert_cmpstr(spec->steps[0]->queue, ==, "q");
    g_assert_cmpstr(spec->steps[1]->queue, ==, "other");
    g_assert_cmpuint(spec->steps[0]->parameters_len, ==, 2);
    g_assert_cmpstr(spec->steps[0]->parameters[1].value, ==, "3");
    g_assert_true(spec->steps[1]->array_dynamic);
    g_assert_cmpstr(spec->steps[1]->array_parameter, ==, "n");
    g_assert_false(spec->on_change);
    g_assert_true(spec->scheduled && spec->workspace);
    g_assert_cmpint(spec->concurrency, ==, CONCURRENCY_SKIP);
    g_autoptr(PipelineSpec) plain = pipeline_spec_decode(VIEW("{\"jobs\":[]}"), NULL);
    g_assert_true(plain->on_change);
}

static void test_effective(void)
{
    g_autoptr(JobDefinitionSpec) definition = job_definition_spec_decode(VIEW(DEFINITION), NULL);
    g_autoptr(JobSpec) job =
        job_spec_decode(VIEW("{\"parameters\":{\"who\":\"you\"},\"containerOverrides\":{\"environment\":[{"
                             "\"name\":\"B\",\"value\":\"9\"},"
                             "{\"name\":\"C\",\"value\":\"3\"}],\"memory\":4,\"resourceRequirements\":[{"
                             "\"type\":\"GPU\",\"value\":\"2\"}]},"
                             "\"retryStrategy\":{\"attempts\":2}}"),
                        NULL);
    g_autoptr(JobDefinitionSpec) out = job_effective(definition, job);
    g_assert_cmpstr(out->command[2], ==, "echo you/Ref::none $X");
    g_assert_cmpstr(out->command[3], ==, "you");
    g_assert_cmpuint(out->environment_len, ==, 3);
    g_assert_cmpstr(out->environment[1].value, ==, "9");
    g_assert_cmpint(out->need.gpus, ==, 2);
    g_assert_cmpint(out->need.memory_mib, ==,
                    512); /* the deprecated member does not override a requirement */
    g_assert_cmpint(out->retry.attempts, ==, 2);
    g_assert_cmpuint(out->retry.rules_len, ==, 0); /* replaced whole */
    g_assert_cmpint(out->timeout_ms, ==, 90000);
    g_assert_cmpint(out->scheduling_priority, ==, 4);
}

static void test_effective_alias(void)
{
    g_autoptr(JobDefinitionSpec) definition =
        job_definition_spec_decode(VIEW("{\"containerProperties\":{\"vcpus\":2,\"memory\":100}}"), NULL);
    g_autoptr(JobSpec) job =
        job_spec_decode(VIEW("{\"containerOverrides\":{\"memory\":400,\"command\":[\"x\"]}}"), NULL);
    g_autoptr(JobDefinitionSpec) out = job_effective(definition, job);
    g_assert_cmpint(out->need.memory_mib, ==, 400);
    g_assert_cmpint(out->need.vcpus_e4, ==, 20000);
    g_assert_cmpstr(out->command[0], ==, "x");
    g_assert_null(out->command[1]);
}

/* Consumables of a definition, of a job that replaces them, and of one that wants none. */
static void test_effective_consumables(void)
{
    g_autoptr(JobDefinitionSpec) definition = job_definition_spec_decode(
        VIEW("{\"containerProperties\":{},\"consumableResourceProperties\":{\"consumableResourceList\":["
             "{\"consumableResource\":\"z\",\"quantity\":2},{\"consumableResource\":"
             "\"arn:aws:batch:us-east-1:000000000000:consumable-resource/a\",\"quantity\":1},"
             "{\"consumableResource\":\"a\",\"quantity\":4}]}}"),
        NULL);
    g_assert_cmpuint(definition->consumables_len, ==, 2);
    g_assert_cmpstr(definition->consumables[0].name, ==, "a");
    g_assert_cmpint(definition->consumables[0].quantity, ==, 5);
    g_autoptr(JobSpec) plain = job_spec_decode(VIEW("{}"), NULL);
    g_assert_false(plain->consumables_given);
    g_autoptr(JobDefinitionSpec) same = job_effective(definition, plain);
    g_assert_cmpuint(same->consumables_len, ==, 2);
    g_assert_cmpint(same->consumables[1].quantity, ==, 2);
    g_autoptr(JobSpec) none = job_spec_decode(VIEW("{\"consumableResourcePropertiesOverride\":{}}"), NULL);
    g_assert_true(none->consumables_given);
    g_autoptr(JobDefinitionSpec) without = job_effective(definition, none);
    g_assert_cmpuint(without->consumables_len, ==, 0);
    g_autoptr(JobSpec) other =
        job_spec_decode(VIEW("{\"consumableResourcePropertiesOverride\":{\"consumableResourceList\":["
                             "{\"consumableResource\":\"b\",\"quantity\":9}]}}"),
                        NULL);
    g_autoptr(JobDefinitionSpec) replaced = job_effective(definition, other);
    g_assert_cmpuint(replaced->consumables_len, ==, 1);
    g_assert_cmpstr(replaced->consumables[0].name, ==, "b");
    g_assert_null(job_spec_decode(VIEW("{\"consumableResourcePropertiesOverride\":{"
                                       "\"consumableResourceList\":[{\"quantity\":1}]}}"),
                                  NULL));
}

#define NODE(target, vcpus, memory, rest)                                                                    \
    "{\"targetNodes\":\"" target "\"," rest "\"container\":{\"command\":[\"" target                          \
    "\"],\"resourceRequirements\":[{\"type\":\"VCPU\",\"value\":\"" #vcpus                                   \
    "\"},{\"type\":\"MEMORY\",\"value\":\"" #memory "\"}]}}"
#define TAKES(name, quantity)                                                                                \
    "\"consumableResourceProperties\":{\"consumableResourceList\":[{\"consumableResource\":\"" name          \
    "\",\"quantity\":" #quantity "}]},"
/* The range ":" counts for no node: the others are narrower. */
#define NODES                                                                                                \
    "{\"type\":\"multinode\"," TAKES(                                                                        \
        "l", 1) "\"nodeProperties\":{\"numNodes\":5,\"mainNode\":2,"                                         \
                "\"nodeRangeProperties\":[" NODE("0:4", 64, 64, TAKES("l", 50)) "," NODE(                    \
                    ":1", 2, 700, "") "," NODE("2:", 3, 500,                                                 \
                                               TAKES("l", 10) "\"instanceTypes\":[\"c5.4xlarge\"],") "]}}"

static void test_nodes(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(JobDefinitionSpec) spec = job_definition_spec_decode(VIEW(NODES), &error);
    g_assert_no_error(error);
    g_assert_cmpint(spec->nodes, ==, 5);
    g_assert_cmpint(spec->main_node, ==, 2);
    g_assert_cmpint(spec->need.vcpus_e4, ==, 30000);
    g_assert_cmpint(spec->need.memory_mib, ==, 700);
    g_assert_cmpstr(spec->command[0], ==, "2:");
    g_assert_cmpstr(spec->node_instance_type, ==, "c5.4xlarge");
    g_assert_cmpuint(spec->consumables_len, ==, 1);
    g_assert_cmpint(spec->consumables[0].quantity, ==, 1 + 3 * 10);
}

static void test_nodes_effective(void)
{
    g_autoptr(JobDefinitionSpec) definition = job_definition_spec_decode(VIEW(NODES), NULL);
    g_autoptr(JobSpec) more = job_spec_decode(VIEW("{\"nodeOverrides\":{\"numNodes\":9}}"), NULL);
    g_assert_cmpint(more->nodes, ==, 9);
    g_autoptr(JobDefinitionSpec) grown = job_effective(definition, more);
    g_assert_cmpint(grown->nodes, ==, 9);
    g_assert_cmpint(grown->main_node, ==, 2);
    /* Nodes 2 to 4 are in "0:4", which is now narrower than "2:". */
    g_assert_cmpint(grown->need.vcpus_e4, ==, 640000);
    g_assert_cmpint(grown->consumables[0].quantity, ==, 1 + 3 * 50 + 4 * 10);
    g_autoptr(JobSpec) job = job_spec_decode(
        VIEW("{\"nodeOverrides\":{\"nodePropertyOverrides\":[{\"targetNodes\":\"2:\",\"instanceTypes\":["
             "\"m5.large\"],\"consumableResourcePropertiesOverride\":{},\"containerOverrides\":{\"command\":["
             "\"other\"],\"environment\":[{\"name\":\"A\",\"value\":\"1\"}],\"resourceRequirements\":[{"
             "\"type\":\"GPU\",\"value\":\"4\"}]}},{\"targetNodes\":\"0:4\",\"containerOverrides\":{"
             "\"resourceRequirements\":[{\"type\":\"GPU\",\"value\":\"8\"}]}}]}}"),
        NULL);
    g_autoptr(JobDefinitionSpec) changed = job_effective(definition, job);
    g_assert_cmpint(changed->need.gpus, ==, 4);
    g_assert_cmpint(changed->need.vcpus_e4, ==, 30000);
    g_assert_cmpstr(changed->command[0], ==, "other");
    g_assert_cmpstr(changed->environment[0].name, ==, "A");
    g_assert_cmpstr(changed->node_instance_type, ==, "m5.large");
    g_assert_cmpint(changed->consumables[0].quantity, ==, 1);
    g_assert_cmpint(definition->need.gpus, ==, 0);
    /* An effective definition is a definition: asked again it stays the same. */
    g_autoptr(JobSpec) plain = job_spec_decode(VIEW("{}"), NULL);
    g_autoptr(JobDefinitionSpec) again = job_effective(grown, plain);
    g_assert_cmpint(again->need.vcpus_e4, ==, 640000);
    g_assert_cmpint(again->consumables[0].quantity, ==, grown->consumables[0].quantity);
}

/* What a broken store or a client might hand in: an error, never a crash. */
static void test_broken(void)
{
    static const char *const texts[] = {"",
                                        "[]",
                                        "{",
                                        "{\"priority\":\"x\"}",
                                        "{\"computeEnvironmentOrder\":[5]}",
                                        "{\"computeEnvironmentOrder\":{}}",
                                        "{\"computeEnvironmentOrder\":[{\"order\":1}]}",
                                        "{\"priority\":-1}",
                                        "{\"state\":7}"};
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_null(job_queue_spec_decode(view_from(texts[i]), &error));
        g_assert_nonnull(error);
        g_assert_true(error->domain == DECODE_ERROR);
    }
    static const char *const jobs[] = {
        "{\"dependsOn\":[1]}",
        "{\"dependsOn\":[{\"type\":\"OTHER\"}]}",
        "{\"parameters\":{\"a\":1}}",
        "{\"containerOverrides\":{\"resourceRequirements\":[{\"type\":\"VCPU\",\"value\":\"x\"}]}}",
        "{\"containerOverrides\":{\"environment\":[{\"value\":\"x\"}]}}",
        "{\"containerOverrides\":[]}",
        "{\"retryStrategy\":{\"attempts\":11}}",
        "{\"retryStrategy\":{\"attempts\":1,\"evaluateOnExit\":[{}]}}",
        "{\"timeout\":{\"attemptDurationSeconds\":9999999999999999}}",
        "{\"arrayProperties\":{\"size\":10001}}"};
    for (size_t i = 0; i < G_N_ELEMENTS(jobs); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_null(job_spec_decode(view_from(jobs[i]), &error));
        g_assert_nonnull(error);
    }
    g_assert_null(job_definition_spec_decode(VIEW("{\"containerProperties\":5}"), NULL));
    g_assert_null(pipeline_spec_decode(VIEW("{\"jobs\":[5]}"), NULL));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/spec/decode/environment", test_environment);
    g_test_add_func("/spec/decode/environment-defaults", test_environment_defaults);
    g_test_add_func("/spec/decode/environment-scaling", test_environment_scaling);
    g_test_add_func("/spec/decode/environment-hosts", test_environment_hosts);
    g_test_add_func("/spec/decode/queue", test_queue);
    g_test_add_func("/spec/decode/queue-rules", test_queue_rules);
    g_test_add_func("/spec/decode/policy", test_policy);
    g_test_add_func("/spec/decode/consumable", test_consumable);
    g_test_add_func("/spec/decode/definition", test_definition);
    g_test_add_func("/spec/decode/definition-defaults", test_definition_defaults);
    g_test_add_func("/spec/decode/definition-shapes", test_definition_shapes);
    g_test_add_func("/spec/decode/job", test_job);
    g_test_add_func("/spec/decode/pipeline", test_pipeline);
    g_test_add_func("/spec/decode/effective", test_effective);
    g_test_add_func("/spec/decode/effective-alias", test_effective_alias);
    g_test_add_func("/spec/decode/effective-consumables", test_effective_consumables);
    g_test_add_func("/spec/decode/nodes", test_nodes);
    g_test_add_func("/spec/decode/nodes-effective", test_nodes_effective);
    g_test_add_func("/spec/decode/broken", test_broken);
    return g_test_run();
}
